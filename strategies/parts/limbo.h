/* limbo.h: delayed reuse of published objects, so that fields of shared objects can be read without a lock.

   A reader loads a field, increments what it found unless its count is 0, and looks at the field again. Between load and increment
   the object may have died. That is harmless as long as its header still is a header with count 0: so the memory of a shared object
   is reused only after every thread has passed a point where it holds no such pointer.

   Such points are polls and blocking regions (no unlocked read and no BORROW spans one): quiescent-state-based reclamation, as
   free-threaded CPython does it for pages and McKenney's RCU for kernels; here per object, so that it works over any malloc.

     epoch            counts up each time a batch of dead objects is full (in number or in bytes)
     batch.epoch      set then: every thread that announces an epoch >= it has since been quiescent
     thread.seen      the last epoch announced; LIMBO_BLOCKED inside blocking regions
     Invariant: a batch is freed when batch.epoch <= min over threads of seen.

   Polls cost nothing extra: a full batch sets every thread's poll flag, and announcing happens in the poll's slow path. */
#ifndef RECLAIM_PARTS_LIMBO_H
#define RECLAIM_PARTS_LIMBO_H

#include <pthread.h>

#include "runtime/base.h"

enum {
  LIMBO_BATCH = 254,
  LIMBO_BATCH_BYTES = 1 << 20,
  LIMBO_SPARE = 32,     /* empty batches that a thread keeps, each about two pages: mapping one costs as much as filling it */
  LIMBO_THREADS = 1024, /* as COUNTED_THREADS */
};
#define LIMBO_BLOCKED UINT64_MAX

typedef struct Batch {
  struct Batch *next;
  uint64_t epoch;
  uint32_t n;
  size_t bytes;
  Obj *o[LIMBO_BATCH];
} Batch;

typedef struct Limbo {
  _Atomic uint64_t epoch;
  pthread_mutex_t mutex; /* threads, and the way into and out of blocking regions */
  Thr *threads[LIMBO_THREADS];
  int nthreads;
} Limbo;

typedef struct LimboThread {
  _Atomic uint64_t seen;
  Batch *filling, *oldest, *newest;
  Batch *spare; /* a list of nspare */
  uint32_t nspare;
  uint64_t waiting, most_waiting; /* objects not yet freed, and the most there were */
} LimboThread;

void limbo_init(Limbo *);
void limbo_destroy(Limbo *);
/* T starts blocked. */
void limbo_attach(Limbo *, Thr *T);
/* Takes a shared object whose count is 0; frees it when no reader can have a pointer to it. */
void limbo_put(Thr *T, Obj *o);
/* In the slow path of a poll: T holds no unowned pointer now. */
void limbo_announce(Thr *T);
/* Into and out of a blocking region. */
void limbo_block(Thr *T);
void limbo_unblock(Thr *T);
/* Frees everything at once: all other threads are blocked. */
void limbo_drain(Thr *threads[], int n);
/* Gives back what T keeps. */
void limbo_end(Thr *T);

#endif
