/* rc: pure reference counting. Plain counts, one private heap per thread, nothing shared: what CPython's counts would cost without
   the lock; Nim's ARC and Rust's Rc are its relatives. Cyclic trash is never reclaimed, by nature; it is counted exactly. Shared
   data is not applicable: a plain count that two threads write is a race.

   Composition: counting.h (plain) over cells.h (a pool per thread). */
#ifndef RECLAIM_STRATEGY_RC_H
#define RECLAIM_STRATEGY_RC_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   1
#define MM_COUNTS_HEAP     1
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     0
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
#define COUNT_CELLS(T) (&(T)->cells)

#include "strategies/parts/counted.h"

struct Thr {
  Cells cells; /* first: the list heads are at small offsets */
  MM_THR_COMMON
  COUNTED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  COUNTED_HEAP
};

#include "strategies/parts/counting.h"

INLINE void mm_safepoint(Thr *T) { (void)T; /* nobody to wait for */ }
INLINE void mm_blocking_begin(Thr *T) { (void)T; }
INLINE void mm_blocking_end(Thr *T) { (void)T; }

#endif
