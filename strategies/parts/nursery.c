/* nursery.c: see nursery.h. */
#include "strategies/parts/nursery.h"

#include <sys/mman.h>

#include "strategies/parts/system.h"

/* --- Lanes ----------------------------------------------------------------------------------------------------------------------- */

static size_t chunk_room(unsigned head) { return CHUNK_BYTES - head * UNIT_BYTES; }
static size_t chunks_for(size_t bytes, unsigned head) { return (bytes + chunk_room(head) - 1) / chunk_room(head); }

static void enter(Lane *l, char *chunk, unsigned head) {
  size_t n = l->left < chunk_room(head) ? l->left : chunk_room(head);
  l->cur = chunk + head * UNIT_BYTES;
  l->end = l->cur + n;
  l->left -= n;
}
void lane_start(Lane *l, char *chunk, size_t size, unsigned head) {
  l->left = size;
  enter(l, chunk, head);
}
bool lane_next(Lane *l, unsigned head) {
  if (!l->left) return false;
  enter(l, (char *)chunk_of(l->end - 1) + CHUNK_BYTES, head);
  return true;
}

/* --- The range ------------------------------------------------------------------------------------------------------------------- */

static size_t pages(size_t n) { return (n + PAGE - 1) & ~(size_t)(PAGE - 1); }

bool nursery_init(Nursery *n, size_t size, size_t max, unsigned age, size_t cutoff, unsigned card_shift, size_t remembered_max,
                  unsigned head) {
  memset(n, 0, sizeof *n);
  n->max = pages(max);
  n->half = age > 1 ? pages(max / 2) : 0;
  size_t half_chunks = chunks_for(n->half, head);
  n->reserved = (2 * half_chunks + chunks_for(n->max, head)) * CHUNK_BYTES;
  char *p = system_new_aligned(n->reserved, CHUNK_BYTES);
  if (!p) return false;
  n->base = (uintptr_t)p;
  n->half_span = half_chunks * CHUNK_BYTES;
  n->half_chunk[0] = p;
  n->half_chunk[1] = p + half_chunks * CHUNK_BYTES;
  n->first_chunk = p + 2 * half_chunks * CHUNK_BYTES;
  n->age = age;
  n->cutoff = cutoff;
  n->card_shift = card_shift;
  n->remembered_max = remembered_max;
  n->head = head;
  if (n->half) lane_start(&n->from, n->half_chunk[0], n->half, head), lane_start(&n->to, n->half_chunk[1], n->half, head);
  nursery_resize(n, size);
  n->first = n->size;
  n->survival = 1 / 8.0;
  return true;
}

void nursery_destroy(Nursery *n) {
  if (n->base) system_free((void *)n->base, n->reserved);
  stack_free(&n->logged);
  stack_free(&n->large);
  stack_free(&n->slots);
  stack_free(&n->slots_before);
}

static void reset_eden(Nursery *n) { lane_start(&n->eden, n->first_chunk, n->size, n->head); }

void nursery_emptied(Nursery *n, bool survivors) {
  reset_eden(n);
  if (!n->half) return;
  char *was = n->half_chunk[0];
  n->from = n->to;
  if (survivors) {
    n->half_chunk[0] = n->half_chunk[1];
    n->half_chunk[1] = was;
  } else {
    lane_start(&n->from, was, n->half, n->head);
  }
  lane_start(&n->to, n->half_chunk[1], n->half, n->head);
}

size_t nursery_used(const Nursery *n) { return n->size - n->eden.left - (size_t)(n->eden.end - n->eden.cur); }

/* Where byte `at` of eden lies. */
static char *eden_at(const Nursery *n, size_t at) {
  size_t room = chunk_room(n->head);
  return n->first_chunk + at / room * CHUNK_BYTES + n->head * UNIT_BYTES + at % room;
}

/* Gives back what was beyond the new size. */
static void give_back(const Nursery *n, size_t size) {
  for (size_t at = size; at < n->size;) {
    size_t rest = chunk_room(n->head) - at % chunk_room(n->head), bytes = n->size - at < rest ? n->size - at : rest;
    madvise(eden_at(n, at), bytes, MADV_DONTNEED);
    at += bytes;
  }
}

void nursery_resize(Nursery *n, size_t size) {
  size = pages(size);
  if (size > n->max) size = n->max;
  give_back(n, size);
  n->size = size;
  reset_eden(n);
  n->span = (uintptr_t)n->first_chunk - n->base + chunks_for(size, n->head) * CHUNK_BYTES;
}

/* Mark bits of `bytes`, in one bitmap or two, and a page of descriptors for each chunk. */
static size_t metadata(size_t bytes, unsigned head) {
  return head * pages(bytes >> (GRANULE_SHIFT + 3)) + chunks_for(bytes, head) * PAGE;
}
size_t nursery_bytes(const Nursery *n) {
  return n->size + metadata(n->size, n->head) + 2 * (n->half + metadata(n->half, n->head));
}

static void each_chunk(const Nursery *n, char *chunk, const Lane *l, void (*f)(void *ctx, Chunk *, char *, char *), void *ctx) {
  char *last = (char *)chunk_of(l->end - 1);
  for (; chunk < last; chunk += CHUNK_BYTES) f(ctx, (Chunk *)chunk, chunk + n->head * UNIT_BYTES, chunk + CHUNK_BYTES);
  f(ctx, (Chunk *)last, last + n->head * UNIT_BYTES, l->cur);
}
void nursery_each_chunk(Nursery *n, void (*f)(void *ctx, Chunk *, char *from, char *to), void *ctx) {
  if (n->size) each_chunk(n, n->first_chunk, &n->eden, f, ctx);
  if (n->half) each_chunk(n, n->half_chunk[0], &n->from, f, ctx);
}

/* --- The remembered set ------------------------------------------------------------------------------------------------------------ */

void nursery_remember(Nursery *n, Obj *holder, void *from, void *to) {
  Unit *u = unit_of(holder);
  if (!(holder->bits & OBJ_LOGGED)) {
    holder->bits |= OBJ_LOGGED;
    stack_push(u->cell ? &n->logged : &n->large, holder);
  }
  if (u->cell) return;
  n->hot = holder;
  n->hot_cards = (uintptr_t)u->cards - ((uintptr_t)holder >> n->card_shift);
  size_t card = (uintptr_t)from >> n->card_shift, last = ((uintptr_t)to - 1) >> n->card_shift;
  memset((uint8_t *)(n->hot_cards + card), 1, last - card + 1);
}
