/* rc-gil: plain counts, one heap, one global lock: CPython's default builds. Threads share everything and run one at a time; no object
   has a lock of its own and no operation polls in its middle, so each is atomic.

   Composition: counting.h (plain) over one Cells for all, gil.h. */
#ifndef RECLAIM_STRATEGY_RC_GIL_H
#define RECLAIM_STRATEGY_RC_GIL_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   1
#define MM_COUNTS_HEAP     1
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 0
#define MM_LOCKS_OBJECTS   0
#define MM_HEAP_LIMITED    0
#define MM_PARALLEL        0
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      COUNTED_TALLIES(X)

#define COUNT_ATOMIC   0
#define COUNT_OWNERS   0
#define COUNT_CELLS(T) ((T)->cells)
#define GIL_OF(T)      (&(T)->heap->gil)
#define GIL_CELLS(H)   (&(H)->cells)

#include "strategies/parts/counted.h"
#include "strategies/parts/gil.h"

struct Thr {
  MM_THR_COMMON
  Cells *cells; /* the heap's */
  GIL_THREAD
  COUNTED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  COUNTED_HEAP
  Cells cells;
  Gil gil;
};

enum { GIL_TUNABLES(COUNTED_TUNABLES) };

#include "strategies/parts/counting.h"

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) { gil_drop(GIL_OF(T), T, false); }
INLINE void mm_blocking_end(Thr *T) { gil_take(GIL_OF(T), T); }

#endif
