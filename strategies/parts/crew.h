/* crew.h: the threads that collect: a leader, which is whoever runs a job (a mutator that stopped the world, mostly), and helpers, threads of
   the heap's own that sleep between jobs.

   A job is one function, called with the number of a worker: 0 for the leader, which starts at once, and one of 1 .. workers - 1 for each
   helper that comes (shift.h says who may, and how the job ends). Helpers are called in as there is something to share, never for the mere
   fact that a job begins: a small job is done before a sleeper has woken, and one that cannot be shared (a linked list) wakes nobody.
   A helper that finds nothing more to do goes back to sleep, and may be called again.

   CPU time of helpers is read from their own clocks and added up as they leave, waking and falling asleep included.

   Binding: helpers have the CPUs of the thread that opened the heap. */
#ifndef RECLAIM_PARTS_CREW_H
#define RECLAIM_PARTS_CREW_H

#include <pthread.h>

#include "runtime/base.h"
#include "strategies/parts/shift.h"

enum { CREW_MAX = 256 };

/* Where races and faults are looked for, helpers are called in for anything at all. */
#if MM_CHECK || defined(__SANITIZE_THREAD__)
#define CREW_EAGER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CREW_EAGER 1
#endif
#endif
#ifndef CREW_EAGER
#define CREW_EAGER 0
#endif

typedef void CrewJob(void *ctx, int worker);

typedef struct CrewHelper CrewHelper;

typedef struct Crew {
  int workers; /* the leader included */
  int started; /* helpers */
  CrewJob *job;
  void *ctx;
  unsigned most; /* helpers that may be called in for it */
  _Alignas(64) Shift shift;
  _Alignas(64) uint32_t bell;   /* helpers sleep until it moves on; atomic */
  uint32_t asleep;              /* helpers that sleep, or are about to; atomic */
  _Alignas(64) uint32_t gate;   /* the leader sleeps until it moves on; atomic */
  uint32_t leader_waits;        /* atomic */
  _Alignas(64) uint64_t cpu_ns; /* of helpers, since the crew was opened; atomic */
  uint64_t joined;              /* jobs that a helper took part in; atomic */
  bool quit;                    /* atomic */
  CrewHelper *helper;           /* workers - 1 of them */
} Crew;

/* Starts the helpers. `workers` beyond CREW_MAX are not had. False: no memory, or no more threads; nothing is left behind. */
bool crew_open(Crew *, int workers);
/* Ends them. No job may be running. A crew that is all zero is left alone. */
void crew_close(Crew *);

/* Does the job, with the calling thread as worker 0; helpers, up to `most`, take part as they are called by crew_call. Returns when it is done
   by all. What all of them wrote is visible then. One job at a time. */
void crew_run(Crew *, CrewJob *, void *ctx, unsigned most);
/* Called within a job by one who has work to share: wakes up to n of those who sleep, the leader before others. */
void crew_call(Crew *, unsigned n);
/* Called by the leader within a job, when it finds nothing to do: sleeps until somebody calls, or the last helper has left. */
void crew_wait(Crew *);

/* Whether anybody could be called. */
INLINE bool crew_has_sleepers(const Crew *c) { return load_relaxed(&c->asleep) || load_relaxed(&c->leader_waits); }

#endif
