/* park.h: the object lock: one byte in the header, for lists and dicts that several threads write.

   Uncontended it is one compare-and-swap and one exchange. A waiter spins for a bounded time, then parks on a futex found by hashing
   the object's address (WebKit's parking lot), inside a blocking region, so that nobody waits for a waiter. The holder never polls
   and never allocates, so a lock is never held across a safepoint. No two object locks are held at once.

   A collector may move a shared object, but not one whose lock is not 0: whoever parks has made it 2 before, and is found by that address.
   The lock may be 0 while somebody is parked, when it was given back and the wake-up is on its way; so a waiter touches the object
   only while it runs, by a slot that a collector keeps, and reads where it is after each wait. */
#ifndef RECLAIM_PARTS_PARK_H
#define RECLAIM_PARTS_PARK_H

#include "runtime/base.h"

/* Waits until the lock is ours. Polls or blocks: every raw pointer but `o`'s is stale afterwards. */
COLD void park_lock_slow(Thr *T, Obj *o);
COLD void park_wake(Obj *o);

INLINE void park_lock(Thr *T, Obj *o) {
  uint8_t is = 0;
  if (UNLIKELY(!__atomic_compare_exchange_n(&o->lock, &is, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) park_lock_slow(T, o);
}
INLINE void park_unlock(Obj *o) {
  if (UNLIKELY(__atomic_exchange_n(&o->lock, 0, __ATOMIC_RELEASE) == 2)) park_wake(o);
}

#endif
