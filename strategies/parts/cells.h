/* cells.h: where a counting strategy's objects come from: one source for both flavours.

   pool    pool.h: pools of the strategy's own; nothing is counted on the way
   malloc  the process's malloc, whichever was preloaded, one call per object; optionally a per-class free list in front of it,
           at most `freelist-cap` cells each, as CPython keeps per type. The default cap is 0: the allocator axis shows the
           allocator. Objects and bytes are counted here, since a foreign malloc cannot be walked. A strategy that must walk its heap
           defines CELLS_WALKED: it has pools in both flavours, here of chunks that malloc gave.

   A Cells belongs to one thread (or to whoever holds the GIL). */
#ifndef RECLAIM_PARTS_CELLS_H
#define RECLAIM_PARTS_CELLS_H

#include "strategies/parts/pool.h"

#ifndef CELLS_WALKED
#define CELLS_WALKED 0
#endif

#if MM_MALLOC && !CELLS_WALKED
#define CELLS_FOREIGN 1

#include <stdlib.h>

typedef struct Cells {
  Cell *free[CLASS_FINE + 1];
  uint32_t have[CLASS_FINE + 1];
  uint32_t cap;
  bool oddly;             /* a get has more to do than to call malloc: `cap`, or `wanted` */
  void (*wanted)(void *); /* may free something before memory is asked for; NULL: nothing to free */
  void *wanted_arg;
  bool lines;             /* every object on cache lines of its own */
  int64_t objects, bytes; /* made minus freed here; a thread that frees another's goes below zero, the sum is exact */
  void (*exhausted)(void *);
  void *exhausted_arg;
} Cells;

INLINE void cells_init(Cells *C, Chunks *chunks, uint32_t cap, void (*exhausted)(void *), void *arg) {
  (void)chunks;
  memset(C, 0, sizeof *C);
  C->cap = cap;
  C->oddly = cap > 0;
  C->exhausted = exhausted;
  C->exhausted_arg = arg;
}

/* `prefix` bytes more than the `size` of an object, which alone is in the books. */
INLINE void *cell_get(Cells *C, size_t size, size_t prefix) {
  C->objects++;
  C->bytes += (int64_t)size;
  size += prefix;
  if (UNLIKELY(C->oddly)) {
    if (C->wanted) C->wanted(C->wanted_arg);
    if (C->cap && size <= CLASS_FINE_MAX) {
      unsigned cls = class_of(size);
      Cell *c = C->free[cls];
      if (c) {
        C->free[cls] = c->next;
        C->have[cls]--;
        return c;
      }
      size = class_bytes(cls);
    }
  }
  void *p = UNLIKELY(C->lines) ? aligned_alloc(64, size) : malloc(size);
  if (UNLIKELY(!p)) C->exhausted(C->exhausted_arg);
  return p;
}

INLINE void cell_put(Cells *C, void *p, size_t size, size_t prefix, bool check_owner) {
  (void)check_owner;
  C->objects--;
  C->bytes -= (int64_t)size;
  size += prefix;
  if (UNLIKELY(C->cap) && size <= CLASS_FINE_MAX) {
    unsigned cls = class_of(size);
    if (C->have[cls] < C->cap) {
      Cell *c = p;
      c->next = C->free[cls];
      C->free[cls] = c;
      C->have[cls]++;
      return;
    }
  }
  free(p);
}

INLINE void cells_want(Cells *C, void (*wanted)(void *), void *arg) {
  C->oddly = true;
  C->wanted = wanted;
  C->wanted_arg = arg;
}

/* The same for a small cell that dies with many others. */
INLINE void cell_put_bulk(Cells *C, void *p, size_t size, bool check_owner) { cell_put(C, p, size, 0, check_owner); }

/* Hands the free lists back to malloc. */
INLINE void cells_flush(Cells *C) {
  for (unsigned k = 0; k <= CLASS_FINE; k++)
    while (C->free[k]) {
      Cell *c = C->free[k];
      C->free[k] = c->next;
      free(c);
    }
  memset(C->have, 0, sizeof C->have);
}

#else
#define CELLS_FOREIGN 0

typedef Pool Cells;

INLINE void cells_init(Cells *C, Chunks *chunks, uint32_t cap, void (*exhausted)(void *), void *arg) {
  (void)cap; /* the pool's lists are the free lists; a trim bounds them */
  pool_init(C, chunks, exhausted, arg);
}
INLINE void *cell_get(Cells *C, size_t size, size_t prefix) { return pool_get(C, size + prefix); }
INLINE void cell_put(Cells *C, void *p, size_t size, size_t prefix, bool check_owner) {
  pool_put(C, p, size + prefix, check_owner);
}
INLINE void cell_put_bulk(Cells *C, void *p, size_t size, bool check_owner) {
  (void)size; /* of a small cell */
  pool_put_local(C, p, check_owner);
}
INLINE void cells_flush(Cells *C) { (void)C; }
/* `wanted` is called whenever a class has no free cell. */
INLINE void cells_want(Cells *C, void (*wanted)(void *), void *arg) {
  C->watch.wanted = wanted;
  C->watch_arg = arg;
}

#endif

/* Live objects and bytes over n Cells, exact. Only while no thread uses them. */
INLINE void cells_books(Cells *cells[], int n, Chunks *chunks, uint64_t *objects, uint64_t *bytes) {
#if CELLS_FOREIGN
  (void)chunks;
  int64_t o = 0, b = 0;
  for (int i = 0; i < n; i++) o += cells[i]->objects, b += cells[i]->bytes;
  *objects = (uint64_t)o;
  *bytes = (uint64_t)b;
#else
  PoolUse use = pool_use(cells, n, chunks);
  *objects = use.objects;
  *bytes = use.bytes;
#endif
}

#endif
