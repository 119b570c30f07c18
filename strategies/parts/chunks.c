/* chunks.c: see chunks.h. First fit over chunks with free units; runs that were given back stay resident up to a budget. */
#include "strategies/parts/chunks.h"

#include "strategies/parts/system.h"
#include <stdlib.h>

/* Units of an empty chunk: all but the head. */
static uint64_t all_free(const Chunks *C) { return ~(uint64_t)0 << C->head; }

void chunks_init(Chunks *C, bool huge_pages) {
  memset(C, 0, sizeof *C);
  pthread_mutex_init(&C->mutex, NULL);
  C->huge_pages = huge_pages;
  C->head = 1;
  C->ceiling = SIZE_MAX;
}

void chunks_two_bitmaps(Chunks *C) { C->head = 2; }
void chunks_reserve_tail(Chunks *C, unsigned bytes) { C->tail = (bytes + PAGE - 1) & ~(unsigned)(PAGE - 1); }

static void account(Chunks *C, size_t add, size_t sub) {
  size_t now = C->committed + add - sub;
  store_relaxed(&C->committed, now);
  if (now > C->peak) C->peak = now;
}

/* `bytes` of memory aligned to a chunk; the head is zero. */
static Chunk *chunk_map(Chunks *C, size_t bytes) {
  Chunk *c;
#if MM_MALLOC
  void *p;
  if (posix_memalign(&p, CHUNK_BYTES, bytes)) return NULL;
  memset(p, 0, C->head == 1 ? sizeof(Chunk) : UNIT_BYTES + sizeof((Chunk *)p)->marks);
  c = p;
#else
  c = system_new_aligned(bytes, CHUNK_BYTES);
  if (!c) return NULL;
#endif
  if (C->huge_pages) madvise(c, bytes, MADV_HUGEPAGE);
  c->mapped = bytes;
  return c;
}

static void chunk_unmap(Chunk *c) {
#if MM_MALLOC
  free(c);
#else
  munmap(c, c->mapped);
#endif
}

void chunks_destroy(Chunks *C) {
  for (Chunk *c = C->all, *next; c; c = next) next = c->next, chunk_unmap(c);
  for (Chunk *c = C->idle, *next; c; c = next) next = c->next, chunk_unmap(c);
  pthread_mutex_destroy(&C->mutex);
  memset(C, 0, sizeof *C);
}

/* What the head of a chunk costs: the pages of it that get touched. A unit's share of marks is one part in 128. */
static size_t head_bytes(const Chunks *C) {
  size_t second = C->head == 1 ? 0 : sizeof((Chunk *)NULL)->marks;
  return ((sizeof(Chunk) + PAGE - 1) & ~(size_t)(PAGE - 1)) + C->tail + second;
}

static void open_chunk(Chunks *C, Chunk *c) {
  if (c->open) return;
  c->open = true;
  c->next_open = C->open;
  C->open = c;
}

static Chunk *new_chunk(Chunks *C, size_t bytes) {
  Chunk *c = chunk_map(C, bytes);
  if (!c) return NULL;
  c->next = C->all;
  C->all = c;
  account(C, head_bytes(C), 0);
  return c;
}

/* The first n free units in a row, or 0. Bit tricks: after k steps bit i says that units i .. i+k are free. */
static unsigned find_run(uint64_t free, unsigned n) {
  uint64_t runs = free;
  for (unsigned have = 1; have < n && runs;) {
    unsigned step = have < n - have ? have : n - have;
    runs &= runs >> step;
    have += step;
  }
  return runs ? (unsigned)__builtin_ctzll(runs) : 0;
}

static uint64_t run_mask(unsigned at, unsigned n) { return (n >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1) << at; }

void unit_clear_marks(Unit *u) {
  uint64_t *w = mark_word(unit_base(u));
  memset(w, 0, (UNIT_BYTES >> GRANULE_SHIFT) / 8);
}

static Unit *set_up(Chunks *C, Chunk *c, unsigned at, size_t units, size_t bytes) {
  Unit *u = &c->unit[at];
  memset(u, 0, sizeof *u);
  u->units = (uint32_t)units;
  u->bytes = (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
  u->carve = unit_base(u);
  u->end = u->carve + bytes;
  unit_clear_marks(u);
  account(C, u->bytes, 0);
  return u;
}

/* A chunk with a run of free units, of resident ones only if `dirty`; *at is its first. Drops full chunks from the open list. */
static Chunk *find_free(Chunks *C, unsigned units, bool dirty, unsigned *at) {
  for (Chunk **link = &C->open, *c; (c = *link);) {
    *at = find_run(dirty ? c->dirty : c->free, units);
    if (*at) return c;
    if (!c->free)
      *link = c->next_open, c->open = false;
    else
      link = &c->next_open;
  }
  return NULL;
}

/* How much must be given back so that `more` bytes can be taken. What may stay resident though it is free: under a ceiling, what fits below
   it; without, a quarter of what is in use and 8 MiB. */
static size_t excess(const Chunks *C, size_t more) {
  size_t ceiling = load_relaxed(&C->ceiling), most = (C->committed >> 2) + ((size_t)8 << 20);
  if (ceiling == SIZE_MAX) return C->dirty > most ? C->dirty - most : 0;
  size_t used = C->committed + C->dirty + more;
  return used > ceiling ? used - ceiling : 0;
}

/* Tells the system that the contents of free units are not needed. Memory of a malloc is not ours to advise on. */
static void give_back_run(Chunks *C, Chunk *c, unsigned at, unsigned units) {
  if (MM_MALLOC) return;
  uint64_t mask = run_mask(at, units);
  madvise((char *)c + ((size_t)at << UNIT_SHIFT), (size_t)units << UNIT_SHIFT, MADV_DONTNEED);
  C->dirty -= (size_t)__builtin_popcountll(c->dirty & mask) << UNIT_SHIFT;
  c->dirty &= ~mask;
}
static void give_back_runs(Chunks *C, size_t more) {
  size_t bytes;
  for (Chunk *c = C->open; c && !MM_MALLOC; c = c->next_open)
    while (c->dirty && (bytes = excess(C, more))) {
      unsigned at = (unsigned)__builtin_ctzll(c->dirty);
      uint64_t rest = ~(c->dirty >> at);
      size_t run = rest ? (unsigned)__builtin_ctzll(rest) : 64 - at, need = (bytes + UNIT_BYTES - 1) >> UNIT_SHIFT;
      give_back_run(C, c, at, (unsigned)(run < need ? run : need));
    }
}

/* Of an idle huge chunk, as they were accounted when it was in use. */
static size_t idle_bytes(const Chunks *C, const Chunk *c) { return c->unit[C->head].bytes + head_bytes(C); }

static void give_back_idle(Chunks *C, size_t more) {
  for (Chunk *c; (c = C->idle) && excess(C, more);) {
    C->idle = c->next;
    C->dirty -= idle_bytes(C, c);
    chunk_unmap(c);
  }
}

/* Gives back free memory that may be resident until `more` bytes would fit. */
static void make_room(Chunks *C, size_t more) {
  give_back_runs(C, more);
  give_back_idle(C, more);
}

/* An idle huge chunk of `mapped` bytes, or of a few more, which are cut off. */
static Chunk *find_idle(Chunks *C, size_t mapped) {
  for (Chunk **link = &C->idle, *c; (c = *link); link = &c->next) {
    if (c->mapped < mapped || c->mapped - mapped > (MM_MALLOC ? 0 : mapped / 8)) continue;
    *link = c->next;
    C->dirty -= idle_bytes(C, c);
    if (c->mapped > mapped) munmap((char *)c + mapped, c->mapped - mapped);
    c->mapped = mapped;
    c->next = C->all;
    C->all = c;
    account(C, head_bytes(C), 0);
    return c;
  }
  return NULL;
}

/* Cuts an idle huge chunk into usual ones, whose memory is there already. False: there is none, or it is a malloc's and not to be cut. */
static bool cut_idle(Chunks *C) {
  Chunk *huge = C->idle;
  if (MM_MALLOC || !huge) return false;
  size_t chunks = huge->mapped / CHUNK_BYTES, rest = huge->mapped % CHUNK_BYTES;
  C->idle = huge->next;
  C->dirty -= idle_bytes(C, huge);
  if (rest) munmap((char *)huge + chunks * CHUNK_BYTES, rest);
  for (size_t i = 0; i < chunks; i++) {
    Chunk *c = (Chunk *)((char *)huge + i * CHUNK_BYTES);
    memset(c, 0, C->head == 1 ? sizeof *c : UNIT_BYTES + sizeof c->marks);
    c->mapped = CHUNK_BYTES;
    c->free = c->dirty = all_free(C);
    C->dirty += (size_t)__builtin_popcountll(c->dirty) << UNIT_SHIFT;
    c->next = C->all;
    C->all = c;
    account(C, head_bytes(C), 0);
    open_chunk(C, c);
  }
  return true;
}

static Unit *get_huge(Chunks *C, size_t bytes) {
  size_t mapped = C->head * UNIT_BYTES + ((bytes + PAGE - 1) & ~(size_t)(PAGE - 1));
  Chunk *c = find_idle(C, mapped);
  if (!c) {
    make_room(C, mapped);
    c = new_chunk(C, mapped);
  }
  if (!c) return NULL;
  c->huge = true;
  return set_up(C, c, C->head, (bytes + UNIT_BYTES - 1) >> UNIT_SHIFT, bytes);
}

Unit *chunks_get(Chunks *C, size_t bytes, size_t limit, bool *out_of_memory) {
  size_t units = (bytes + UNIT_BYTES - 1) >> UNIT_SHIFT;
  *out_of_memory = false;
  pthread_mutex_lock(&C->mutex);
  if (bytes > limit || C->committed > limit - bytes) {
    pthread_mutex_unlock(&C->mutex);
    return NULL;
  }
  Unit *u = NULL;
  if (units > CHUNK_UNITS - C->head) {
    u = get_huge(C, bytes);
  } else {
    unsigned at = 0;
    Chunk *c = NULL;
    if (C->dirty >= units << UNIT_SHIFT) c = find_free(C, (unsigned)units, true, &at);
    if (!c && excess(C, bytes) && cut_idle(C)) c = find_free(C, (unsigned)units, true, &at);
    if (!c) {
      make_room(C, bytes);
      c = find_free(C, (unsigned)units, false, &at);
    }
    if (!c && (c = new_chunk(C, CHUNK_BYTES))) {
      c->free = all_free(C);
      open_chunk(C, c);
      at = C->head;
    }
    if (c) {
      uint64_t mask = run_mask(at, (unsigned)units);
      c->free &= ~mask;
      C->dirty -= (size_t)__builtin_popcountll(c->dirty & mask) << UNIT_SHIFT;
      c->dirty &= ~mask;
      u = set_up(C, c, at, units, bytes);
    }
  }
  *out_of_memory = !u;
  pthread_mutex_unlock(&C->mutex);
  return u;
}

static void unlink_chunk(Chunks *C, Chunk *c) {
  Chunk **link = &C->all;
  while (*link != c) link = &(*link)->next;
  *link = c->next;
  if (!c->open) return;
  link = &C->open;
  while (*link != c) link = &(*link)->next_open;
  *link = c->next_open;
}

/* A chunk without runs. */
static void unmap_chunk(Chunks *C, Chunk *c) {
  C->dirty -= (size_t)__builtin_popcountll(c->dirty) << UNIT_SHIFT;
  unlink_chunk(C, c);
  account(C, 0, head_bytes(C));
  chunk_unmap(c);
}

void chunks_put(Chunks *C, Unit *u) {
  pthread_mutex_lock(&C->mutex);
  Chunk *c = chunk_of(u);
  unsigned at = (unsigned)(u - c->unit), units = u->units;
  account(C, 0, u->bytes);
  u->units = 0;
  if (units > CHUNK_UNITS - C->head) {
    unlink_chunk(C, c);
    account(C, 0, head_bytes(C));
    C->dirty += idle_bytes(C, c);
    c->next = C->idle;
    C->idle = c;
    if (C->ceiling == SIZE_MAX) give_back_idle(C, 0);
    make_room(C, 0);
    pthread_mutex_unlock(&C->mutex);
    return;
  }
  uint64_t mask = run_mask(at, units);
  c->free |= mask;
  c->dirty |= mask;
  C->dirty += (size_t)units << UNIT_SHIFT;
  open_chunk(C, c);
  if (excess(C, 0)) {
    if (c->free == all_free(C) && !C->walking) {
      unmap_chunk(C, c);
    } else {
      give_back_run(C, c, at, units);
    }
  }
  pthread_mutex_unlock(&C->mutex);
}

/* What a walk left empty, as far as it is over the budget. */
static void unmap_empty(Chunks *C) {
  pthread_mutex_lock(&C->mutex);
  for (Chunk *c = C->all, *next; c && excess(C, 0); c = next) {
    next = c->next;
    if (c->free == all_free(C)) unmap_chunk(C, c);
  }
  pthread_mutex_unlock(&C->mutex);
}

void chunks_walk_begin(Chunks *C) {
  C->walking = true;
  C->cursor = C->all;
}

bool chunks_walk(Chunks *C, void (*f)(void *ctx, Unit *), void *ctx) {
  pthread_mutex_lock(&C->mutex);
  Chunk *c = C->cursor;
  if (c) C->cursor = c->next;
  pthread_mutex_unlock(&C->mutex);
  if (!c) return false;
  if (c->huge) {
    if (c->unit[C->head].units) f(ctx, &c->unit[C->head]);
    return true;
  }
  for (unsigned at = C->head; at < CHUNK_UNITS;) {
    Unit *u = &c->unit[at];
    unsigned step = u->units ? u->units : 1;
    if (u->units) f(ctx, u);
    at += step;
  }
  return true;
}

void chunks_walk_end(Chunks *C) {
  C->walking = false;
  unmap_empty(C);
}

void chunks_each(Chunks *C, void (*f)(void *ctx, Unit *), void *ctx) {
  chunks_walk_begin(C);
  while (chunks_walk(C, f, ctx)) {}
  chunks_walk_end(C);
}
