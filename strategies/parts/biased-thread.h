/* biased-thread.h: what strategies with biased counts have per thread and per heap. Between it and counting.h stands struct Thr; the bodies
   of the heap are in biased-heap.h. */
#ifndef RECLAIM_PARTS_BIASED_THREAD_H
#define RECLAIM_PARTS_BIASED_THREAD_H

#include "strategies/parts/boxes.h"
#include "strategies/parts/published.h"
#include "strategies/parts/spill.h"

#define BIASED_THREAD                                                                                                            \
  BiasedThread biased;                                                                                                           \
  PUBLISHED_THREAD
#define BIASED_HEAP                                                                                                              \
  PUBLISHED_HEAP                                                                                                                 \
  Boxes boxes;                                                                                                                   \
  Spill spill;
#define BOXES_OF(T) (&(T)->heap->boxes)
#define SPILL_OF(T) (&(T)->heap->spill)

/* The owner of a published object counts in the byte that has the flags. */
#define OBJ_FLAGS(o) load_relaxed(&(o)->bits)

/* Which of the increments and decrements were of published objects, and which of those needed a locked instruction; locked-decrements are
   among those of counted.h. */
#define BIASED_TALLIES(X)                                                                                                        \
  X(published_increments, "published-increments")                                                                                \
  X(published_decrements, "published-decrements")                                                                                \
  X(locked_increments, "locked-increments")                                                                                      \
  X(static_counts, "increments-and-decrements-of-statics")

#endif
