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
#define LIMBO_OF(T)        (&(T)->heap->limbo)

#include "strategies/parts/counted.h"
#include "strategies/parts/limbo.h"
#include "strategies/parts/park.h"
#include "strategies/parts/stack.h"

struct Thr {
  Cells cells; /* first: the list heads are at small offsets */
  MM_THR_COMMON
  bool compare_and_swap, padded, lock_reads; /* the tunables */
  Stack dead;                                /* shared objects that have died in the cascade under way */
  LimboThread limbo;
  uint64_t parks;
  COUNTED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  COUNTED_HEAP
  Limbo limbo;
};

enum { ATOMIC_CAS = COUNTED_TUNABLES, ATOMIC_PADDED, ATOMIC_LOCK_READS, ATOMIC_TUNABLES };

#include "strategies/parts/counting.h"

/* Under the object's lock, or where there is one thread only. */
INLINE Obj *mm_load_locked(Thr *T, Obj *holder, Obj **f) {
  (void)holder;
  Obj *o = load_relaxed(f);
  if (o) mm_retain(T, o);
  return o;
}

/* Without a lock: what the field held may die between the load and the increment, or be replaced after it. */
INLINE bool mm_load_try(Thr *T, Obj *holder, Obj **f, Obj **value) {
  (void)holder;
  Obj *o = *value = load_acquire(f);
  if (!o) return true;
  if (UNLIKELY(!count_try_add(o))) return false;
  if (LIKELY(load_acquire(f) == o)) return true;
  mm_release(T, o);
  return false;
}
/* Of a field that its holder keeps up to date (not an array that a list has left behind): what died has been replaced. */
INLINE Obj *mm_load_own(Thr *T, Obj *holder, Obj **f) {
  if (LIKELY(!(holder->bits & OBJ_SHARED))) return mm_load_locked(T, holder, f);
  Obj *o;
  while (UNLIKELY(!mm_load_try(T, holder, f, &o))) cpu_relax();
  return o;
}
INLINE bool mm_locks_reads(Thr *T) { return T->lock_reads; }

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) { limbo_block(T); }
INLINE void mm_blocking_end(Thr *T) { limbo_unblock(T); }

#endif
