/* published.h: what counting strategies have in common whose threads share a heap without a global lock: limbo, object locks, and reads of
   published fields without a lock. counted.h comes before it and counting.h after it; the bodies of its heap are in published-heap.h. */
#ifndef RECLAIM_PARTS_PUBLISHED_H
#define RECLAIM_PARTS_PUBLISHED_H

#include "strategies/parts/counted.h"
#include "strategies/parts/limbo.h"
#include "strategies/parts/park.h"
#include "strategies/parts/stack.h"
#include "strategies/parts/statics.h"

#define LIMBO_OF(T)   (&(T)->heap->limbo)
#define STATICS_OF(T) (&(T)->heap->statics)

#define PUBLISHED_THREAD                                                                                                         \
  bool lock_reads; /* the tunable */                                                                                             \
  Stack dead;      /* shared objects that have died in the cascade under way */                                                  \
  LimboThread limbo;                                                                                                             \
  int32_t *apart; /* counts of static objects, by their numbers */                                                               \
  uint64_t parks;                                                                                                                \
  COUNTED_THREAD

#define PUBLISHED_HEAP                                                                                                           \
  COUNTED_HEAP                                                                                                                   \
  Limbo limbo;                                                                                                                   \
  Statics statics;

enum { PUBLISHED_LOCK_READS = COUNTED_TUNABLES, PUBLISHED_STATICS, PUBLISHED_TUNABLES };

static const char *const published_statics[] __attribute__((unused)) = {"counted", "immortal", "per-thread"};

#define PUBLISHED_TUNABLES_TABLE                                                                                                 \
  COUNTED_TUNABLES_TABLE,                                                                                                        \
      {"lock-reads",                                                                                                             \
       "read fields of shared objects under the object's lock instead of by try-increment (their memory waits all the same, "    \
       "for BORROW)",                                                                                                            \
       "",                                                                                                                       \
       0,                                                                                                                        \
       0,                                                                                                                        \
       1,                                                                                                                        \
       NULL},                                                                                                                    \
  {                                                                                                                              \
    "static-objects", "how references to objects that are published as static are counted", "",                                  \
        COUNT_BIASED ? STATICS_PER_THREAD : STATICS_IMMORTAL, 0, COUNT_BIASED ? STATICS_PER_THREAD : STATICS_IMMORTAL,           \
        published_statics                                                                                                        \
  }

#endif
