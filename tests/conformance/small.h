/* small.h: every workload of the strategy's table at a small size, in all its modes and with each of its choices: what collections at
   every allocation, a small heap, or a race detector can be let loose on. */
#ifndef RECLAIM_TESTS_SMALL_H
#define RECLAIM_TESTS_SMALL_H

#include "tests/conformance/heap.h"
#include "tests/conformance/sizes.h"

enum { SMALL_THREADS_MAX = 8 };

typedef struct Small {
  TestHeap heap;
  int64_t params[SMALL_PARAMS];
  pthread_barrier_t barrier;
  int iterations;
  uint64_t checksum, operations; /* sums over threads, of each iteration alike */
  uint64_t leaked, cyclic;       /* live at the end; made that counting alone cannot reclaim */
  reclaim_result result[SMALL_THREADS_MAX];
} Small;

static inline void small_mutator(Thr *T, int index, void *arg) {
  Small *s = arg;
  const reclaim_strategy *strategy = s->heap.strategy;
  mm_blocking_begin(T); /* as the harness finds it */
  for (int i = 0; i < s->iterations; i++) {
    pthread_barrier_wait(&s->barrier);
    strategy->run((reclaim_thread *)T, (uint32_t)i, i == 0, &s->result[index]);
    if (pthread_barrier_wait(&s->barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
      uint64_t checksum = 0;
      for (int t = 0; t < s->heap.config.threads; t++) {
        checksum += s->result[t].checksum;
        s->operations += s->result[t].operations;
        s->cyclic += s->result[t].cyclic_nodes;
      }
      if (i) CHECK_EQ(checksum, s->checksum);
      s->checksum = checksum;
    }
  }
  pthread_barrier_wait(&s->barrier);
  if (index == 0) {
    reclaim_stats stats;
    strategy->collect((reclaim_thread *)T);
    strategy->stats(s->heap.heap, &stats);
    s->leaked = stats.live_objects;
  }
  pthread_barrier_wait(&s->barrier);
  mm_blocking_end(T);
}

/* Runs what s->heap and s->params say. */
static inline void small_run(Small *s) {
  int threads = s->heap.config.threads;
  s->checksum = s->operations = s->cyclic = 0;
  pthread_barrier_init(&s->barrier, NULL, (unsigned)threads);
  s->heap.config.params = s->params;
  heap_open(&s->heap);
  heap_threads(&s->heap, threads, 0, small_mutator, s);
  heap_close(&s->heap);
  pthread_barrier_destroy(&s->barrier);
  CHECK(s->operations > 0);
  CHECK_LIVE(s->leaked, MM_RECLAIMS_CYCLES ? 0 : s->cyclic);
}

typedef void SmallBody(const reclaim_workload *w, const int64_t *params, uint32_t sharing, int threads);

/* Calls body for each workload, choice and mode that this strategy can run. */
static inline int each_small(int64_t size, int threads, uint32_t modes, SmallBody *body) {
  const reclaim_strategy *s = reclaim_strategy_descriptor();
  int64_t params[SMALL_PARAMS];
  int n = 0;
  for (int i = 0; i < s->nworkloads; i++) CHECK(s->workloads[i]->nparams <= SMALL_PARAMS);
  for (int i = 0; i < s->nworkloads; i++)
    for (int k = 0; small_params(s->workloads[i], size, k, params); k++)
      for (uint32_t mode = RECLAIM_PRIVATE; mode <= RECLAIM_HAND_OFF; mode <<= 1) {
        const reclaim_workload *w = s->workloads[i];
        if (!(w->sharing & modes & mode) || (mode != RECLAIM_PRIVATE && !MM_SHARES_HEAP)) continue;
        if (MM_UNIQUE_OWNERS && !(w->known_lifetimes & mode)) continue;
        if (w->refuse && w->refuse(params, threads, mode)) continue;
        body(w, params, mode, threads);
        n++;
      }
  return n;
}

#endif
