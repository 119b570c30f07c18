/* work.h: what a workload file is made of, and what it may ask of its surroundings. A workload includes this header alone.

   A workload is one file: a table of facts (reclaim_workload), one function that a thread runs per iteration, and one line that
   registers it. The function builds its data, calls work_hold once when they are fullest, works, and drops everything: an iteration
   pays for all of its life. It counts operations and folds what it read into a checksum that no strategy, allocator, thread
   interleaving or address may change. */
#ifndef RECLAIM_WORK_H
#define RECLAIM_WORK_H

#include "runtime/objects.h"

/* xorshift64*: small, fast, and the same everywhere; never seeded with 0. (Vigna 2016.) */
typedef struct Rng {
  uint64_t s;
} Rng;

INLINE uint64_t mix64(uint64_t x) { /* splitmix64's finaliser */
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}
INLINE Rng rng_make(uint64_t seed) {
  uint64_t s = mix64(seed);
  return (Rng){s ? s : 1};
}
INLINE uint64_t rng_next(Rng *r) {
  r->s ^= r->s >> 12;
  r->s ^= r->s << 25;
  r->s ^= r->s >> 27;
  return r->s * UINT64_C(0x2545F4914F6CDD1D);
}
/* Uniform in [0, n), n in 1 .. 2^32 (to within 2^-32). */
INLINE uint64_t rng_below(Rng *r, uint64_t n) { return (rng_next(r) >> 32) * n >> 32; }

/* Something that is due every `period` times; a period of 0: never. No division, since operations take nanoseconds. */
typedef struct Every {
  int64_t left, period;
} Every;
INLINE Every every(int64_t period) { return (Every){period, period}; }
INLINE bool is_due(Every *e) {
  if (LIKELY(--e->left)) return false; /* from 0 it counts down for ever */
  e->left = e->period;
  return true;
}

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

/* --- Data of all threads: GLOBAL_ROOTS places. One thread publishes, then work_barrier, then all may get; before it is retracted
       (by one thread), another work_barrier. */

/* Shares x, deep, and moves it into place i, which must be empty. */
void work_publish(Thr *T, Work *w, int i, Slot *x_taken);
OWNED Own work_global(Thr *T, Work *w, int i);
/* Takes it out again: the caller's is the last reference from there. */
OWNED Own work_retract(Thr *T, Work *w, int i);

#endif
