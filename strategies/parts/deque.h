/* deque.h: a bounded work-stealing deque (Chase, Lev 2005; memory orders after Lê, Pop, Cohen, Zappa Nardelli 2013, with the fence of
   their take folded into its two accesses, since ThreadSanitizer does not know fences). Stands on nothing but the compiler's atomics.

       top                bottom
        v                   v
        | a | b | c | d | e |            steal takes a, by whoever wins top; the owner pushes after e, and takes e

   The owner pushes and takes at the bottom, anybody steals at the top. Indexes only grow, so an index names an element once and for all.
   An element is never 0. */
#ifndef RECLAIM_PARTS_DEQUE_H
#define RECLAIM_PARTS_DEQUE_H

#include <stdbool.h>
#include <stdint.h>

enum { DEQUE_SIZE = 256 }; /* a power of two */

typedef struct Deque {
  _Alignas(64) uint64_t top;    /* atomic, written by all */
  _Alignas(64) uint64_t bottom; /* atomic, written by the owner */
  uint64_t v[DEQUE_SIZE];       /* atomic */
} Deque;

/* By anybody: how many there were at some moment of the call. */
static inline uint64_t deque_count(const Deque *d) {
  uint64_t bottom = __atomic_load_n(&d->bottom, __ATOMIC_RELAXED), top = __atomic_load_n(&d->top, __ATOMIC_RELAXED);
  return bottom > top ? bottom - top : 0;
}

/* By the owner. False: it is full. */
static inline bool deque_push(Deque *d, uint64_t x) {
  uint64_t bottom = __atomic_load_n(&d->bottom, __ATOMIC_RELAXED), top = __atomic_load_n(&d->top, __ATOMIC_ACQUIRE);
  if (bottom - top >= DEQUE_SIZE) return false;
  __atomic_store_n(&d->v[bottom % DEQUE_SIZE], x, __ATOMIC_RELAXED);
  __atomic_store_n(&d->bottom, bottom + 1, __ATOMIC_RELEASE);
  return true;
}

/* By the owner: the one pushed last, or 0. */
static inline uint64_t deque_take(Deque *d) {
  uint64_t bottom = __atomic_load_n(&d->bottom, __ATOMIC_RELAXED) - 1;
  __atomic_store_n(&d->bottom, bottom, __ATOMIC_SEQ_CST); /* before top is read: thieves from here on leave this one to us */
  uint64_t top = __atomic_load_n(&d->top, __ATOMIC_SEQ_CST), x = 0;
  if ((int64_t)(bottom - top) >= 0) {
    x = __atomic_load_n(&d->v[bottom % DEQUE_SIZE], __ATOMIC_RELAXED);
    if (bottom != top) return x;
    /* The last one: a thief may be at it, too. */
    if (!__atomic_compare_exchange_n(&d->top, &top, top + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) x = 0;
  }
  __atomic_store_n(&d->bottom, bottom + 1, __ATOMIC_RELEASE);
  return x;
}

/* By anybody: the oldest one, or 0 when there was none or another thief was faster. */
static inline uint64_t deque_steal(Deque *d) {
  uint64_t top = __atomic_load_n(&d->top, __ATOMIC_SEQ_CST), bottom = __atomic_load_n(&d->bottom, __ATOMIC_SEQ_CST);
  if ((int64_t)(bottom - top) <= 0) return 0;
  uint64_t x = __atomic_load_n(&d->v[top % DEQUE_SIZE], __ATOMIC_RELAXED);
  return __atomic_compare_exchange_n(&d->top, &top, top + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) ? x : 0;
}

#endif
