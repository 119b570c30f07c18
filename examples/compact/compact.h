/* compact: a private heap per thread that is marked and then slid together (Handbook, chapter 3; the LISP 2 collector). Allocation is
   a bump, every collection leaves one free stretch at the end, and the order of objects is the order of their birth. Nothing is
   shared between threads, as in `rc`, so that no thread ever waits for another.

   A heap is one arena, [base, limit). Objects lie in it back to back from base to cur, dead ones too, so that it can be walked. */
#ifndef COMPACT_H
#define COMPACT_H

#define MM_MOVES           1 /* objects change address: a raw pointer is stale after every poll and allocation */
#define MM_COUNTS_LOCALS   0
#define MM_COUNTS_HEAP     0
#define MM_CHAINS_SLOTS    1 /* T->top is a chain of all rooted locals */
#define MM_SHARES_HEAP     0 /* only private workloads are applicable */
#define MM_RECLAIMS_CYCLES 1
#define MM_LOCKS_OBJECTS   0
#define MM_HEAP_LIMITED    1
#define MM_PARALLEL        0
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      X(stores, "stores")

#include <pthread.h>

#include "strategies/parts/stack.h"
#include "strategies/parts/tally.h"

struct Thr {
  char *cur, *limit; /* first: at small offsets from T */
  MM_THR_COMMON
  char *base;
  Thr *next; /* of the heap's threads */
  Stack work;
  uint64_t live_objects, live_bytes; /* as the last collection found them */
  uint64_t collections, wall_ns, cpu_ns, moved_bytes;
  reclaim_histogram pauses;
  uint32_t until_collect; /* MM_CHECK: allocations until the next forced collection */
};

struct Heap {
  MM_HEAP_COMMON
  pthread_mutex_t mutex; /* of the list of threads and of what those that have left have done */
  Thr *threads;
  Thr gone; /* sums over threads that have left */
};

/* The arena is full. *keep is a root (may be NULL). Ends the cell when there is no room. */
COLD void *compact_alloc_slow(Thr *T, size_t size, Obj **keep);

#if MM_CHECK
#define COMPACT_STRESSED(T) UNLIKELY((T)->until_collect && --(T)->until_collect == 0)
#else
#define COMPACT_STRESSED(T) false
#endif

INLINE void *compact_cell(Thr *T, size_t size, Obj **keep) {
  size_t bytes = (size + 15) & ~(size_t)15;
  char *p = T->cur;
  if (UNLIKELY((size_t)(T->limit - p) < bytes) || COMPACT_STRESSED(T)) return compact_alloc_slow(T, bytes, keep);
  T->cur = p + bytes;
  return p;
}

INLINE Obj *mm_alloc(Thr *T, size_t size, unsigned kind, unsigned n) {
  TALLY(T, allocations);
  TALLY_N(T, allocated_bytes, size);
  Obj *o = compact_cell(T, size, NULL);
  o->word = HDR_WORD(kind, n);
  return o;
}
INLINE Two mm_alloc1(Thr *T, size_t size, unsigned kind, unsigned n, Obj *keep) {
  TALLY(T, allocations);
  TALLY_N(T, allocated_bytes, size);
  Obj *o = compact_cell(T, size, &keep);
  o->word = HDR_WORD(kind, n);
  return (Two){o, keep};
}

/* --- Locals are rooted and never counted ---------------------------------------------------------------------------------- */

INLINE void mm_retain(Thr *T, Obj *o) { (void)T, (void)o; }
INLINE void mm_release(Thr *T, Obj *o) { (void)T, (void)o; }
INLINE bool mm_is_unique(Thr *T, Obj *o) {
  (void)T, (void)o;
  return false;
}

/* --- Fields are plain words: nobody else can see them --------------------------------------------------------------------- */

INLINE Obj *mm_load_own(Thr *T, Obj *holder, Obj **f) {
  (void)T, (void)holder;
  return *f;
}
INLINE bool mm_load_try(Thr *T, Obj *holder, Obj **f, Obj **value) {
  *value = mm_load_own(T, holder, f);
  return true;
}
INLINE Obj *mm_load_locked(Thr *T, Obj *holder, Obj **f) { return mm_load_own(T, holder, f); }
INLINE bool mm_locks_reads(Thr *T) {
  (void)T;
  return false;
}
INLINE Obj *mm_exchange(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  TALLY(T, stores);
  Obj *old = *f;
  *f = v;
  return old;
}
INLINE void mm_init_move(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  *f = v;
}
INLINE void mm_store_new(Thr *T, Obj *holder, Obj **f, Obj *v) { (void)mm_exchange(T, holder, f, v); }
INLINE void mm_copy_range(Thr *T, Obj *holder, Obj **dst, Obj *const *src, size_t n) {
  (void)T, (void)holder;
  memcpy(dst, src, n * sizeof *dst);
}
INLINE void mm_move_range(Thr *T, Obj *holder, void *dst, const void *src, size_t bytes) {
  (void)T, (void)holder;
  memmove(dst, src, bytes);
}

/* --- Safepoints: there is nobody to wait for ------------------------------------------------------------------------------ */

INLINE void mm_safepoint(Thr *T) { (void)T; }
INLINE void mm_blocking_begin(Thr *T) { (void)T; }
INLINE void mm_blocking_end(Thr *T) { (void)T; }

#endif
