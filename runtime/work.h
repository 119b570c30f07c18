/* work.h: what a workload file is made of, and what it may ask of its surroundings. A workload includes this header alone.

   A workload is one file: a table of facts (reclaim_workload), one function that a thread runs per iteration, and one line that
   registers it. The function builds its data, calls work_hold once when they are fullest, works, and drops everything: an iteration
   pays for all of its life. It counts operations and folds what it read into a checksum that no strategy, allocator, thread
   interleaving or address may change. */
#ifndef RECLAIM_WORK_H
#define RECLAIM_WORK_H

#include "runtime/objects.h"
#include "runtime/random.h"

/* One thread's view of one iteration. */
typedef struct Work {
  const int64_t *p; /* the parameters, in declared order */
  int threads, index;
  uint32_t sharing; /* one of RECLAIM_PRIVATE .. */
  uint32_t iteration;
  bool audit;
  uint64_t seed; /* of the campaign: the same for all threads and iterations */
  Rng rng;       /* this thread's: depends on seed and index only, so every iteration does the same work */
  uint64_t operations, checksum, cyclic_nodes; /* results, zero at the start */
} Work;

typedef struct Workload {
  reclaim_workload facts; /* first: the descriptor points here */
  void (*run)(Thr *T, Work *w);
} Workload;

/* In the workload's file, after its `static const Workload id = {...};`. */
#define WORKLOAD_REGISTER(id)                                                                                                    \
  static const Workload *const id##_registered __attribute__((section("reclaim_workloads"), used)) = &id

/* Folds a value in, independently of order: interleaving must not change the sum. */
INLINE void work_check(Work *w, uint64_t value) { w->checksum += mix64(value); }

/* What an object of `size` bytes counts in a live-byte formula: rounded up to 16, the granule of every allocator there is. */
#define WORK_BYTES(size) (((uint64_t)(size) + 15) & ~(uint64_t)15)

/* Zeroed memory for a workload's own books, outside the heap under test; ended with free(). Where there is none the cell ends. */
void *work_memory(Thr *T, size_t bytes);

/* All threads of the iteration wait for each other, inside a blocking region. Own values die, slots live. */
void work_barrier(Thr *T, Work *w);

/* Called exactly once per iteration by every thread, when its data are fullest. In an audit iteration all threads meet, the heap is
   collected in full, and the live objects are counted; in a timed one it is one test. */
void work_hold(Thr *T, Work *w);

/* --- Threads that come and go inside an iteration. Each is a mutator of its own and runs body(its T, its w, arg); its w is the starter's
       with draws of its own, made of the campaign's seed and `draws` alone. It inherits the starter's CPUs. What it made and handed on
       outlives it. */

typedef struct WorkThread WorkThread;
typedef void WorkBody(Thr *T, Work *w, void *arg);
/* Where there is no such thread to be had the cell ends. Own values die. */
WorkThread *work_start(Thr *T, Work *w, int draws, WorkBody *body, void *arg);
/* Waits for its end, inside a blocking region, and adds its operations and checksum to the starter's. */
void work_end(Thr *T, Work *w, WorkThread *t);

/* --- Data of all threads: GLOBAL_ROOTS places. One thread publishes, then work_barrier, then all may get; before it is retracted
       (by one thread), another work_barrier. */

/* Shares x, deep, and moves it into place i, which must be empty. */
void work_publish(Thr *T, Work *w, int i, Slot *x_taken);
OWNED Own work_global(Thr *T, Work *w, int i);
/* Takes it out again: the caller's is the last reference from there. */
OWNED Own work_retract(Thr *T, Work *w, int i);

#endif
