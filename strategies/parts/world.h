/* world.h: stopping the world: the safepoint handshake of strategies that trace.

     running  --poll sees the flag-->  stopped  --resume-->  running
        |  ^                              ^
        |  +-- blocking_end (waits while a stop is on)
        +--> blocked --------------- counts as stopped

   One mutex guards the count of running mutators. The collector (a mutator that ran out of memory) raises every poll flag, leaves the
   count itself, and waits until it is 0: all others are at a poll or in a blocking region, with every root in a linked slot. A thread
   that wants to stop the world while another does becomes a stopped thread, and finds afterwards that its reason may be gone. */
#ifndef RECLAIM_PARTS_WORLD_H
#define RECLAIM_PARTS_WORLD_H

#include <pthread.h>

#include "runtime/base.h"

enum { WORLD_THREADS = 1024 };

typedef struct World {
  pthread_mutex_t mutex;
  pthread_cond_t stopped, resumed;
  int running;
  bool stopping;
  Thr *threads[WORLD_THREADS]; /* all that ever attached; exited ones have no roots */
  int nthreads;
  uint64_t request_ns;                  /* of the stop under way */
  reclaim_histogram pauses, safepoints; /* stop request to resume; stop request to all stopped */
} World;

void world_init(World *);
void world_destroy(World *);
/* T begins blocked. While a stop is on it waits: who stopped the world reads the list of threads without the mutex, and more than once. False:
   too many threads. */
bool world_attach(World *, Thr *T);
/* True: the world is stopped and T is the one to collect; world_resume must follow. False: another thread did so meanwhile. */
bool world_stop(World *, Thr *T);
void world_resume(World *, Thr *T);
/* Mutators that are neither stopped nor blocked at this moment. */
int world_running(World *);
/* In a poll's slow path. */
void world_wait(World *, Thr *T);
/* Lowers T's poll flag, which T itself raised, unless a stop is on. */
void world_lower(World *, Thr *T);
void world_block(World *, Thr *T);
void world_unblock(World *, Thr *T);

#endif
