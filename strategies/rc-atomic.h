/* rc-atomic: atomic reference counts, a shared heap, no global lock: Swift, Rust's Arc, C++'s shared_ptr.

   Increment relaxed, decrement release and acquire (counting.h); containers that are shared are written under their own lock
   (park.h) and read without it: try-increment, look again, and memory of shared objects that is reused only after all threads have
   passed a poll (limbo.h). An object that was never published is dropped without a locked instruction when its count is 1.

   Composition: counting.h (atomic) over cells.h (a pool per thread, remote frees), limbo.h, park.h. */
#ifndef RECLAIM_STRATEGY_RC_ATOMIC_H
#define RECLAIM_STRATEGY_RC_ATOMIC_H

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
#define MM_TALLIES(X)      COUNTED_TALLIES(X)

#define COUNT_ATOMIC       1
#define COUNT_OWNERS       1
#define COUNT_CELLS(T)     (&(T)->cells)
#define COUNT_IS_PADDED(T) ((T)->padded)

#include "strategies/parts/published.h"

struct Thr {
  Cells cells; /* first: the list heads are at small offsets */
  MM_THR_COMMON
  bool compare_and_swap, padded; /* the tunables */
  bool drops_oddly;              /* by compare-and-swap, or into a buffer */
  PUBLISHED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  PUBLISHED_HEAP
};

enum { ATOMIC_CAS = PUBLISHED_TUNABLES, ATOMIC_PADDED, ATOMIC_TUNABLES };

#include "strategies/parts/counting.h"

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) { limbo_block(T); }
INLINE void mm_blocking_end(Thr *T) { limbo_unblock(T); }

#endif
