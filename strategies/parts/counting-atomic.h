/* counting-atomic.h: atomic counts, for counting.h.

   Immortals have the sign bit set and are never written (one line for all threads would be the bottleneck). An object without OBJ_SHARED
   is reachable from one thread only; when that thread drops a count of 1 (acquire load), nobody else can revive it and no locked
   instruction is needed. A shared object may be try-incremented by a lock-free reader at any time until its count is 0, so its last drop
   is a locked decrement, its header keeps count 0, and its memory goes through limbo (limbo.h) so that the reader finds a header there
   and not somebody's string. */
#ifndef RECLAIM_PARTS_COUNTING_ATOMIC_H
#define RECLAIM_PARTS_COUNTING_ATOMIC_H

#include "strategies/parts/stack.h"

#define COUNT_OF(T, o) load_relaxed(&(o)->count)

INLINE void mm_retain(Thr *T, Obj *o) {
  (void)T;
  TALLY(T, increments);
  uint32_t c = load_relaxed(&o->count);
  if (UNLIKELY((int32_t)c < 0)) return;
  if (UNLIKELY(T->compare_and_swap)) {
    while (!__atomic_compare_exchange_n(&o->count, &c, c + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return;
  }
  __atomic_fetch_add(&o->count, 1, __ATOMIC_RELAXED);
}

/* Whether the caller holds the only count of an object that nobody else can reach. Looked at as it was written, by 32 bits: a load of the
   whole header would wait for the locked instruction before it to reach the cache (about a quarter of the time of an uncontended pair). */
INLINE bool count_is_last(const Obj *o, uint32_t count) { return LIKELY(count == 1) && LIKELY(!(o->bits & OBJ_SHARED)); }
INLINE bool count_is_sole(const Obj *o) { return count_is_last(o, load_acquire(&o->count)); }

/* A drop of o, of which others hold counts or may, goes into the buffer of later.h. */
NOINLINE void count_defer(Thr *T, Obj *o);

/* Drops one count of an object of which the caller is not sole owner, and whose count was `c`; true when it was the last, which only
   shared objects come to. Release, so that what this thread did to the object comes before its death; acquire, so that the one who frees
   it sees what all others did. */
INLINE bool count_drop_locked(Thr *T, Obj *o, uint32_t c) {
  if (UNLIKELY((int32_t)c < 0)) return false;
  if (UNLIKELY(T->drops_oddly)) {
    if (T->later.drops && !T->later.carrying_out) {
      count_defer(T, o);
      return false;
    }
    TALLY(T, locked_decrements);
    if (!T->compare_and_swap) return __atomic_fetch_sub(&o->count, 1, __ATOMIC_ACQ_REL) == 1;
    while (!__atomic_compare_exchange_n(&o->count, &c, c - 1, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
    return c == 1;
  }
  TALLY(T, locked_decrements);
  return __atomic_fetch_sub(&o->count, 1, __ATOMIC_ACQ_REL) == 1;
}

/* For a reader that holds no count: true and one count more, unless the object is dead. */
INLINE bool count_try_retain(Thr *T, Obj *o) {
  (void)T;
  TALLY(T, increments);
  uint32_t c = load_relaxed(&o->count);
  do {
    if (UNLIKELY((int32_t)c < 0)) return true;
    if (c == 0) return false;
  } while (!__atomic_compare_exchange_n(&o->count, &c, c + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
  return true;
}

INLINE void mm_release(Thr *T, Obj *o) {
  TALLY(T, decrements);
  uint32_t c = load_acquire(&o->count);
  if (LIKELY(count_is_last(o, c)))
    count_die(T, o);
  else if (UNLIKELY(count_drop_locked(T, o, c)))
    count_die_shared(T, o);
}

INLINE bool count_drop_child(Thr *T, Obj *c) {
  TALLY(T, decrements);
  uint32_t n = load_acquire(&c->count);
  if (LIKELY(count_is_last(c, n))) return true;
  if (count_drop_locked(T, c, n)) stack_push(&T->dead, c);
  return false;
}
INLINE void count_cascade_ends(Thr *T) { (void)T; }

#endif
