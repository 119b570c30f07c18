/* rc-biased: biased reference counts: the thread that made an object counts with plain instructions, all others with atomic ones (Choi,
   Shull, Torrellas, PACT 2018; free-threaded CPython since 3.13).

   The protocol, its states and what can go wrong in it: parts/biased.h. An object that was never published needs none of it, and is counted
   as under `rc` but for one test. Everything else is as under rc-atomic: containers that are shared are written under their own lock
   (park.h) and read without it, and the memory of published objects is reused only after all threads have passed a poll (limbo.h).

   Composition: counting.h (biased) over cells.h (a pool per thread, remote frees), boxes.h (queues by owner), spill.h, limbo.h, park.h. */
#ifndef RECLAIM_STRATEGY_RC_BIASED_H
#define RECLAIM_STRATEGY_RC_BIASED_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   1
#define MM_COUNTS_HEAP     1
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 0
#define MM_LOCKS_OBJECTS   1
#define MM_HEAP_LIMITED    0
#define MM_PARALLEL        0
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      COUNTED_TALLIES(X) BIASED_TALLIES(X)

#define COUNT_ATOMIC   0
#define COUNT_BIASED   1
#define COUNT_OWNERS   1
#define COUNT_CELLS(T) (&(T)->cells)

#include "strategies/parts/biased-thread.h"

struct Thr {
  Cells cells; /* first: the list heads are at small offsets */
  MM_THR_COMMON
  BIASED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  BIASED_HEAP
};

enum { BIASED_TUNABLES = PUBLISHED_TUNABLES };

#include "strategies/parts/counting.h"

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) {
  count_block(T);
  limbo_block(T);
}
INLINE void mm_blocking_end(Thr *T) {
  boxes_return(T);
  limbo_unblock(T);
}

#endif
