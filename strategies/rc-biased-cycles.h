/* rc-biased-cycles: biased counts as under rc-biased, and cyclic trash reclaimed with the world stopped: what free-threaded CPython does since
   3.13. A strategy of its own, since rc-biased need not know how many containers there are, nor wait for anybody.

   Composition: counting.h (biased) over cells.h (a pool per thread, which is walked), boxes.h, spill.h, limbo.h, park.h, and stopped.h
   over world.h. */
#ifndef RECLAIM_STRATEGY_RC_BIASED_CYCLES_H
#define RECLAIM_STRATEGY_RC_BIASED_CYCLES_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   1
#define MM_COUNTS_HEAP     1
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 1
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
#define CELLS_WALKED   1
#define STOPPED_OF(T)  (&(T)->heap->stopped)

#include "strategies/parts/biased-thread.h"
#include "strategies/parts/stopped.h"

struct Thr {
  Cells cells; /* first: the list heads are at small offsets */
  MM_THR_COMMON
  StoppedThread stopped;
  BIASED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  BIASED_HEAP
  Stopped stopped;
};

enum {
  STOPPED_THRESHOLD = PUBLISHED_TUNABLES,
  STOPPED_SHARE,
#if MM_CHECK
  STOPPED_COLLECT_EVERY,
#endif
  STOPPED_TUNABLES
};

#include "strategies/parts/counting.h"

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) {
  count_block(T);
  limbo_block(T);
  world_block(&T->heap->stopped.world, T);
}
INLINE void mm_blocking_end(Thr *T) {
  world_unblock(&T->heap->stopped.world, T);
  boxes_return(T);
  limbo_unblock(T);
}

#endif
