/* rc-trial: plain counts and trial deletion: what Nim's ORC is, and PHP's collector. Each thread has a heap to itself, as in `rc`, and
   collects its own cyclic trash from the objects whose count was dropped and stayed above 0; nothing is shared, nobody waits.

   What it costs where nothing is cyclic: a drop that is not the last looks whether the object is a leaf, or recorded already; a poll
   looks whether a collection is due.

   Composition: counting.h (plain) over cells.h (a pool per thread), trial.h. */
#ifndef RECLAIM_STRATEGY_RC_TRIAL_H
#define RECLAIM_STRATEGY_RC_TRIAL_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   1
#define MM_COUNTS_HEAP     1
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     0
#define MM_RECLAIMS_CYCLES 1
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
#define TRIAL_OF(T)    (&(T)->trial)

#include "strategies/parts/counted.h"
#include "strategies/parts/trial.h"

struct Thr {
  Cells cells; /* first: the list heads are at small offsets */
  MM_THR_COMMON
  Trial trial;
  COUNTED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  COUNTED_HEAP
};

enum {
  TRIAL_THRESHOLD = COUNTED_TUNABLES,
  TRIAL_LEAST,
  TRIAL_ADAPTS,
#if MM_CHECK
  TRIAL_COLLECT_EVERY,
#endif
  TRIAL_TUNABLES
};

/* A table holds leaves only until it is told of something else. */
#define COUNT_MARK(kind)       (kind_is_leaf(kind) || (kind) == KIND_TABLE ? TRIAL_MASK : 0)
#define COUNT_SURVIVED(T, o)   trial_survived(T, o)
#define COUNT_DYING(T, o)      trial_dying(T, o)
#define COUNT_IS_BINARY(T, o)  trial_is_binary(T, o)
#define COUNT_SKIPS(o)         (trial_tag(o) != TRIAL_NEVER) /* held by trash: touched, so its reference is counted off already */
#define MM_TABLE_GETS(T, t, v) trial_table_gets(t, v)
#if MM_CHECK
#define COUNT_BORN(T, cells, o, size, kind) trial_born(T)
INLINE void trial_born(Thr *T);
#endif

#include "strategies/parts/counting.h"

#if MM_CHECK
INLINE void trial_born(Thr *T) {
  if (T->trial.until_collect && --T->trial.until_collect == 0)
    atomic_fetch_or_explicit(&T->poll, TRIAL_POLL, memory_order_relaxed);
}
#endif

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) { (void)T; }
INLINE void mm_blocking_end(Thr *T) { (void)T; }

#endif
