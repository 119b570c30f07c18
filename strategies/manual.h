/* manual: explicit free at the points that the program knows, and no counts: C by hand, C++'s unique_ptr, Rust's Box. Nothing is asked of
   a workload but that every object has one owner at any time and nobody looks at it after that one has dropped it
   (reclaim_workload.known_lifetimes): what owners are is settled by moves and copies (runtime/mm.h, runtime/fields.h), and a checked
   build stops the program that has two of them. So it can run some workloads only; there it is the oracle that others are held against.

   An owner's end frees the object and all that it owns, in the order of counting: the same cascade, without the counts. Threads share
   what they publish: fields of shared containers are written under the container's lock, and read without it where the mode says that
   nobody writes. A cell that another thread made goes back to its maker's remote queue.

   Composition: counting.h (unique owners) over cells.h (a pool per thread, remote frees), park.h. */
#ifndef RECLAIM_STRATEGY_MANUAL_H
#define RECLAIM_STRATEGY_MANUAL_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   0
#define MM_COUNTS_HEAP     0
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 0
#define MM_LOCKS_OBJECTS   1
#define MM_HEAP_LIMITED    0
#define MM_PARALLEL        0
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   1
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      X(deaths, "freed-objects")

#define COUNT_ATOMIC   0
#define COUNT_UNIQUE   1
#define COUNT_OWNERS   1
#define COUNT_CELLS(T) (&(T)->cells)

#include "strategies/parts/counted.h"
#include "strategies/parts/park.h"
#include "strategies/parts/stack.h"

struct Thr {
  Cells cells; /* first: the list heads are at small offsets */
  MM_THR_COMMON
  bool locks_reads; /* of shared containers: in the modes in which somebody writes them */
  Stack dead;       /* shared objects that have died in the cascade under way */
  uint64_t parks;
  COUNTED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  COUNTED_HEAP
};

#include "strategies/parts/counting.h"

/* A plain load, which goes where nobody looks at what it found. */
INLINE Obj *mm_load_own(Thr *T, Obj *holder, Obj **f) {
  (void)T, (void)holder;
  return *f;
}
INLINE bool mm_load_try(Thr *T, Obj *holder, Obj **f, Obj **value) {
  *value = mm_load_own(T, holder, f);
  return true;
}
INLINE Obj *mm_load_locked(Thr *T, Obj *holder, Obj **f) { return mm_load_own(T, holder, f); }
INLINE bool mm_locks_reads(Thr *T) { return T->locks_reads; }

INLINE void mm_safepoint(Thr *T) { (void)T; /* nobody to wait for */ }
INLINE void mm_blocking_begin(Thr *T) { (void)T; }
INLINE void mm_blocking_end(Thr *T) { (void)T; }

#endif
