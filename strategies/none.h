/* none: bump allocation, and nothing is ever reclaimed: MMTk's NoGC, the JVM's Epsilon. The reference for the question what reclaiming
   costs: no count, no barrier, no poll, no pause. Its own price is fresh memory, a page fault and a cold line where a strategy that
   reclaims hands out a line that is still in the cache: so it is one baseline, never the truth.

   All that was made is leaked, by declaration, and counted exactly: not on the way, but by walking what was allocated, which lies in
   the order of its making without a gap. It obeys no heap limit; where the system or the harness's memory limit ends it, the cell
   is out of memory.

   Composition: chunks.h (a bump area of a thread is one run of units), park.h (locks for the consistency of shared containers). */
#ifndef RECLAIM_STRATEGY_NONE_H
#define RECLAIM_STRATEGY_NONE_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   0
#define MM_COUNTS_HEAP     0
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 0
#define MM_LOCKS_OBJECTS   1
#define MM_HEAP_LIMITED    0
#define MM_PARALLEL        0
#define MM_RECLAIMS        0
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      X(stores, "stores")

#include "strategies/parts/chunks.h"
#include "strategies/parts/handles.h"
#include "strategies/parts/park.h"
#include "strategies/parts/stack.h"
#include "strategies/parts/tally.h"
#include "strategies/parts/uncounted.h"

struct Thr {
  char *cur, *end; /* of the bump area */
  MM_THR_COMMON
  Unit *area;
  Stack work; /* publishing */
  uint64_t parks;
};
struct Heap {
  MM_HEAP_COMMON
  Chunks chunks;
  Handles handles;
};

enum { NONE_HUGE_PAGES, NONE_AREA, NONE_TUNABLES };

/* Objects start at multiples of 16 bytes, as everywhere. */
#define NONE_BYTES(size) (((size) + 15) & ~(size_t)15)

/* A new area, or one of its own for what is larger. */
COLD void *none_alloc_slow(Thr *T, size_t bytes);

INLINE Obj *mm_alloc(Thr *T, size_t size, unsigned kind, unsigned n) {
  TALLY(T, allocations);
  TALLY_N(T, allocated_bytes, size);
  size_t bytes = NONE_BYTES(size);
  char *p = T->cur;
  if (UNLIKELY((size_t)(T->end - p) < bytes))
    p = none_alloc_slow(T, bytes);
  else
    T->cur = p + bytes;
  Obj *o = (Obj *)p;
  o->word = HDR_WORD(kind, n);
  return o;
}
INLINE Two mm_alloc1(Thr *T, size_t size, unsigned kind, unsigned n, Obj *keep) {
  return (Two){mm_alloc(T, size, kind, n), keep};
}

#include "strategies/parts/plain-fields.h"

INLINE void mm_safepoint(Thr *T) { (void)T; /* nobody to wait for */ }
INLINE void mm_blocking_begin(Thr *T) { (void)T; }
INLINE void mm_blocking_end(Thr *T) { (void)T; }

#endif
