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
  size_t half_chunks = age > 1 ? chunks_for(n->max / 2, head) : 0;
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
  nursery_resize(n, size);
  lane_start(&n->from, n->half_chunk[0], n->half, head);
  n->first = n->size;
  n->survival = 1 / 8.0;
  return true;
}

void nursery_destroy(Nursery *n) {
  if (n->base) system_free((void *)n->base, n->reserved);
  stack_free(&n->logged);
  stack_free(&n->large);
  stack_free(&n->slots);
  for (int i = 0; i < 3; i++) stack_free(&n->spare[i]);
}

static void reset_eden(Nursery *n) { lane_start(&n->eden, n->first_chunk, n->size, n->head); }

void nursery_emptied(Nursery *n, bool survivors) {
  reset_eden(n);
  if (n->age == 1) return;
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

/* Gives back bytes [from, to) of a lane. */
static void give_back(const Nursery *n, char *chunk, size_t from, size_t to) {
  size_t room = chunk_room(n->head);
  while (from < to) {
    size_t rest = room - from % room, bytes = to - from < rest ? to - from : rest;
    madvise(chunk + from / room * CHUNK_BYTES + n->head * UNIT_BYTES + from % room, bytes, MADV_DONTNEED);
    from += bytes;
  }
}

void nursery_resize(Nursery *n, size_t size) {
  size = pages(size);
  if (size > n->max) size = n->max;
  size_t half = n->age > 1 ? pages(size / 2) : 0;
  give_back(n, n->first_chunk, size, n->size);
  give_back(n, n->half_chunk[1], half, n->half);
  n->size = size;
  n->half = half;
  reset_eden(n);
  lane_start(&n->to, n->half_chunk[1], n->half, n->head);
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
  if (n->age > 1) each_chunk(n, n->half_chunk[0], &n->from, f, ctx);
}

/* --- The remembered set ------------------------------------------------------------------------------------------------------------ */

void nursery_enter(Nursery *n, Obj *holder) {
  if (holder->bits & OBJ_LOGGED) return;
  holder->bits |= OBJ_LOGGED;
  stack_push(unit_of(holder)->cell ? &n->logged : &n->large, holder);
}

void nursery_remember(Nursery *n, Obj *holder, void *from, void *to) {
  Unit *u = unit_of(holder);
  nursery_enter(n, holder);
  if (u->cell) return;
  n->hot = holder;
  n->hot_cards = (uintptr_t)u->cards - ((uintptr_t)holder >> n->card_shift);
  size_t card = (uintptr_t)from >> n->card_shift, last = ((uintptr_t)to - 1) >> n->card_shift;
  memset((uint8_t *)(n->hot_cards + card), 1, last - card + 1);
}

static void forget(Stack *s) {
  for (size_t i = 0; i < s->n; i++) s->v[i]->bits &= (uint8_t)~OBJ_LOGGED;
}

void nursery_take_remembered(Nursery *n, Stack *logged, Stack *large, Stack *slots) {
  *logged = n->logged, *large = n->large, *slots = n->slots;
  n->logged = n->spare[0], n->large = n->spare[1], n->slots = n->spare[2];
  memset(n->spare, 0, sizeof n->spare);
  forget(logged);
  forget(large);
  n->hot = NULL;
}

void nursery_return_memory(Nursery *n, Stack *logged, Stack *large, Stack *slots) {
  logged->n = large->n = slots->n = 0;
  n->spare[0] = *logged, n->spare[1] = *large, n->spare[2] = *slots;
}
