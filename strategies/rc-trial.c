/* rc-trial.c: see rc-trial.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/counted-heap.h"

const char mm_summary[] =
    "plain counts and trial deletion: private heaps, cycles found from where counts dropped (Nim's ORC, PHP)";
const reclaim_param mm_tunables[] = {
    COUNTED_TUNABLES_TABLE,
    {"root-threshold", "recorded roots that ask for a collection, at the start; 0: never but when told to", "", 512, 0, 1 << 30,
     NULL},
    {"root-threshold-min", "what it may shrink to", "", 512, 1, 1 << 30, NULL},
    {"root-threshold-adapts",
     "shrinks it by a third after a collection that freed half of what it touched, else grows it by half", "", 1, 0, 1, NULL},
#if MM_CHECK
    {"collect-every", "collect at the poll after every n-th container that a thread makes; 0: never (checked builds only)", "", 0,
     0, 1 << 20, NULL},
#endif
};
const int mm_ntunables = TRIAL_TUNABLES;

Heap *mm_open(const reclaim_config *config) { return counted_open(config, config->tunables[COUNTED_HUGE_PAGES]); }
void mm_close(Heap *H) {
  for (int i = 0; i < H->nthreads; i++) trial_free(&H->threads[i]->trial);
  counted_close(H);
}

Thr *mm_attach(Heap *H, int index) {
  const int64_t *t = H->config->tunables;
  bool fresh;
  Thr *T = counted_attach(H, index, &fresh);
  if (!T || !fresh) return T;
  counted_private(T);
  Trial *R = &T->trial;
  R->threshold = t[TRIAL_THRESHOLD] ? (size_t)t[TRIAL_THRESHOLD] : SIZE_MAX;
  R->least = (size_t)t[TRIAL_LEAST];
  R->adapts = t[TRIAL_ADAPTS];
#if MM_CHECK
  R->collect_every = R->until_collect = (uint32_t)t[TRIAL_COLLECT_EVERY];
#endif
  return T;
}
void mm_detach(Thr *T) {
  counted_leave(T);
  counted_detach(T);
}

void mm_poll_slow(Thr *T) {
  trial_poll(T);
  count_poll(T);
}
void mm_share_slow(Thr *T, Obj **slot) {
  (void)slot;
  T->heap->config->fail(RECLAIM_FAIL_CHECK, "rc-trial shares nothing between threads");
}

/* For all threads: they are blocked, and what one that has exited left is nobody's. */
void mm_collect(Thr *T) {
  Heap *H = T->heap;
  count_carry_out_all(H);
  for (int i = 0; i < H->nthreads; i++) trial_collect(H->threads[i]);
  counted_books(H);
}

void mm_stats(Heap *H, reclaim_stats *out) {
  counted_stats(H, out);
  out->collector_wall_ns = out->collector_cpu_ns = 0;
  TrialStats sum = {0};
  uint64_t threshold = 0;
  for (int i = 0; i < H->nthreads; i++) {
    const Trial *R = &H->threads[i]->trial;
    trial_report(R, &sum, out);
    if (R->threshold != SIZE_MAX && R->threshold > threshold) threshold = R->threshold;
  }
  reclaim_counter counters[] = {
      {"roots-recorded", sum.recorded}, {"roots-forgotten", sum.forgotten},       {"roots-passed", sum.passed},
      {"most-roots", sum.most_roots},   {"highest-threshold", threshold},         {"examined-objects", sum.examined},
      {"cyclic-trash", sum.freed},      {"all-trash-collections", sum.all_trash},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
}

void mm_reset_stats(Heap *H) {
  counted_reset(H);
  for (int i = 0; i < H->nthreads; i++) trial_reset(&H->threads[i]->trial);
}
