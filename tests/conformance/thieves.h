/* thieves.h: collector threads on whose coming a test can rely, whatever the scheduler does. A job is over when its leader finds no more work,
   and a helper that was called may not have woken by then; so here the leader waits for those whom it calls. */
#ifndef RECLAIM_TESTS_THIEVES_H
#define RECLAIM_TESTS_THIEVES_H

#include <sched.h>

#include "tests/conformance/heap.h"

static TraceDrain *drain_as_usual;

/* A worker drains; the leader then stays until others have had all that it offered, which the usual one would take back. */
static void drain_and_be_robbed(TraceWorker *w) {
  drain_as_usual(w);
  while (w->number == 0 && deque_count(&w->deque)) {
    crew_call(w->tracer->crew, 1);
    sched_yield();
  }
}

/* From the next job on, until the heap is closed. One tracer of a process at a time. */
static inline void thieves_must_come(Tracer *t) {
  if (t->drain == drain_and_be_robbed) return;
  drain_as_usual = t->drain;
  t->drain = drain_and_be_robbed;
}

/* Until every helper sleeps, so that it can be called; how often any was called so far. */
static inline uint32_t thieves_asleep(Crew *c) {
  while (load_relaxed(&c->asleep) < (uint32_t)c->workers - 1) sched_yield();
  return load_relaxed(&c->bell);
}

#endif
