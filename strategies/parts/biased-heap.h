/* biased-heap.h: the bodies that go with biased-thread.h, included once by each such strategy's .c file, after its header. */
#include "strategies/parts/published-heap.h"

static Heap *biased_open(const reclaim_config *config) {
  Heap *H = published_open(config);
  if (!H) return NULL;
  spill_init(&H->spill);
  if (boxes_init(&H->boxes)) return H;
  boxes_destroy(&H->boxes);
  spill_destroy(&H->spill);
  published_close(H);
  return NULL;
}

static void biased_close(Heap *H) {
  boxes_destroy(&H->boxes);
  spill_destroy(&H->spill);
  published_close(H);
}

static Thr *biased_attach(Heap *H, int index) {
  Thr *T = published_attach(H, index);
  if (!T) return NULL;
  pthread_mutex_lock(&H->mutex); /* who has stopped the world looks at the boxes of all handles, adopted ones among them */
  boxes_attach(&H->boxes, T);
  pthread_mutex_unlock(&H->mutex);
  return T;
}

/* T, running again, since it has things to drop: what others have queued for it. It is blocked afterwards as far as limbo is concerned. */
static void biased_exit(Thr *T) {
  count_exit(T);
  limbo_block(T);
}

static void biased_poll(Thr *T) {
  atomic_exchange(&T->poll,
                  0); /* before the box and the epoch are looked at: a request made after that must raise the flag again */
  count_settle(T);
  limbo_announce(T);
}

static void biased_stats(Heap *H, reclaim_stats *out) {
  published_stats(H, out);
  BiasedThread sum = {0};
  for (int i = 0; i < H->nthreads; i++) {
    const BiasedThread *b = &H->threads[i]->biased;
    sum.requests += b->requests;
    sum.own_merges += b->own_merges;
    sum.blocked_merges += b->blocked_merges;
    sum.exited_merges += b->exited_merges;
    sum.leaves += b->leaves;
    sum.waits += b->waits;
    if (b->longest > sum.longest) sum.longest = b->longest;
  }
  const reclaim_counter counters[] = {
      {"merge-requests", sum.requests},
      {"merges-by-owner", sum.own_merges},
      {"merges-for-blocked", sum.blocked_merges},
      {"merges-for-exited", sum.exited_merges},
      {"merges-at-zero", sum.leaves},
      {"longest-merge-queue", sum.longest},
      {"waits-for-stand-in", sum.waits},
      {"spilled-counts", spill_moves(&H->spill)},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
}

static void biased_reset(Heap *H) {
  published_reset(H);
  for (int i = 0; i < H->nthreads; i++) {
    BiasedThread *b = &H->threads[i]->biased;
    b->requests = b->own_merges = b->blocked_merges = b->exited_merges = b->leaves = b->waits = b->longest = 0;
  }
  spill_reset(&H->spill);
}
