/* gil.h: one lock for all mutators, with the hand-off protocol of CPython (ceval_gil.c, "new GIL", Pitrou 2009).

     take:  while it is held: wait on the condition for at most switch_interval; when that time passed and nobody has switched in
            between, set the holder's poll flag (a drop request).
     poll:  the holder, seeing its flag, drops the lock and takes it again.
     drop:  free the lock, signal. If it was dropped on request and hand-off is forced, wait until another thread has taken it;
            without that, the releaser, still running, would win it back before the sleeper is awake, again and again.

   Blocking regions drop the lock without a request. `switches` counts changes of holder: the waiter compares it, so that each
   waiter asks a new holder only after that one has had its own interval.

   Drop requests are made to the thread that holds the lock, by its poll flag: the check costs nothing but the usual poll. */
#ifndef RECLAIM_PARTS_GIL_H
#define RECLAIM_PARTS_GIL_H

#include <pthread.h>

#include "runtime/base.h"

typedef struct Gil {
  pthread_mutex_t mutex;
  pthread_cond_t freed, switched;
  Thr *holder, *last; /* holder: NULL when free */
  uint64_t switches;
  uint64_t interval_ns;
  bool forced;
} Gil;

/* In T->poll: a drop request. */
enum { GIL_POLL = 1 };

/* In a strategy's struct Thr. */
#define GIL_THREAD                                                                                                               \
  uint32_t polls_left, poll_spacing;                                                                                             \
  struct {                                                                                                                       \
    uint64_t switches, requests, since;                                                                                          \
    reclaim_histogram waits, holds;                                                                                              \
  } gil;

/* Its tunables, from `first` on in the strategy's table. */
#define GIL_TUNABLES(first) GIL_SWITCH_INTERVAL = (first), GIL_POLL_SPACING, GIL_FORCED, GIL_END

void gil_init(Gil *, uint64_t interval_ns, bool forced);
void gil_destroy(Gil *);
/* Waits until T holds the lock. */
void gil_take(Gil *, Thr *T);
/* `requested`: in answer to a drop request. */
void gil_drop(Gil *, Thr *T, bool requested);
/* In the slow path of T's poll: honours a request, if there was one. */
void gil_yield(Gil *, Thr *T);

#endif
