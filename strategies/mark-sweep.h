/* mark-sweep: stop-the-world tracing, non-moving: Boehm-Demers-Weiser, Go's allocator and sweeper, MMTk's MarkSweep.

   Allocation bumps through runs of free cells in size-class blocks that a thread has to itself; nothing is done on a store. When the
   heap limit is reached the world stops, config->collector_threads threads mark and count, and each thread sweeps blocks as it allocates.

   Composition: space.h (blocks, marking, lazy sweep) over trace.h and crew.h (parallel tracing), world.h (handshake), park.h (locks for
   the consistency of shared containers). */
#ifndef RECLAIM_STRATEGY_MARK_SWEEP_H
#define RECLAIM_STRATEGY_MARK_SWEEP_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   0
#define MM_COUNTS_HEAP     0
#define MM_CHAINS_SLOTS    1
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 1
#define MM_LOCKS_OBJECTS   1
#define MM_HEAP_LIMITED    1
#define MM_PARALLEL        1
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      TRACED_TALLIES(X)

#include "strategies/parts/park.h"
#include "strategies/parts/space.h"
#include "strategies/parts/traced.h"

struct Thr {
  SpaceThread space; /* first: the runs are at small offsets */
  MM_THR_COMMON
  TRACED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  TRACED_HEAP
};

enum { MS_MARKS = TRACED_TUNABLES_COUNT, MS_TUNABLES };

/* Bytes before `cur` at which a line is asked for: fresh cells are cold, and the next miss is known long before it is met (trees in a
   3x heap: 0.74 of the time without). */
enum { MS_AHEAD = 2048 };

/* Out of free cells in reach: sweeps on, or collects. *keep is a root (may be NULL). */
COLD void *ms_alloc_slow(Thr *T, size_t size, Obj **keep);

INLINE void *ms_cell(Thr *T, size_t size, Obj **keep) {
  if (UNLIKELY(size > CELL_MAX) || TRACED_STRESSED(T)) return ms_alloc_slow(T, size, keep);
  unsigned cls = class_of(size);
  Run *r = &T->space.run[cls];
  char *p = r->cur;
  if (UNLIKELY(p == r->end)) return ms_alloc_slow(T, size, keep);
  r->cur = p + class_bytes(cls);
  __builtin_prefetch(p + MS_AHEAD, 1);
  return p;
}

MM_TRACED_ALLOC(ms_cell, HDR_WORD)

MM_TRACED_SAFEPOINTS

#include "strategies/parts/plain-fields.h"

#endif
