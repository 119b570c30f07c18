/* rc-biased-cycles.c: see rc-biased-cycles.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/biased-heap.h"

const char mm_summary[] =
    "biased reference counting, and cyclic trash found with the world stopped, as free-threaded CPython does";
const reclaim_param mm_tunables[] = {
    PUBLISHED_TUNABLES_TABLE,
    {"threshold", "containers made less freed since the last collection, more than which ask for one; 0: never but when told to",
     "", 2000, 0, 1 << 30, NULL},
    {"live-share", "and more than so much of what survived the last one; 0: no matter", "%", 25, 0, 1000, NULL},
#if MM_CHECK
    {"collect-every", "collect at the poll after every n-th container made; 0: never (checked builds only)", "", 0, 0, 1 << 20,
     NULL},
#endif
};
const int mm_ntunables = STOPPED_TUNABLES;

Heap *mm_open(const reclaim_config *config) {
  Heap *H = biased_open(config);
  if (H) stopped_init(&H->stopped, config->tunables[STOPPED_THRESHOLD], config->tunables[STOPPED_SHARE]);
  return H;
}
void mm_close(Heap *H) {
  stopped_destroy(&H->stopped);
  biased_close(H);
}

Thr *mm_attach(Heap *H, int index) {
  Thr *T = biased_attach(H, index);
  if (!T) return NULL;
#if MM_CHECK
  T->stopped.collect_every = T->stopped.until_collect = (uint32_t)H->config->tunables[STOPPED_COLLECT_EVERY];
#endif
  if (!T->stopped.attached) T->stopped.attached = world_attach(&H->stopped.world, T);
  return T->stopped.attached ? T : NULL;
}
void mm_detach(Thr *T) {
  mm_blocking_end(T);
  stopped_tell(T);
  biased_exit(T);
  world_block(&T->heap->stopped.world, T);
  published_detach(T);
}

void mm_poll_slow(Thr *T) {
  biased_poll(T);
  stopped_poll(T);
}

/* All others are blocked: their boxes are empty, their parcels delivered. */
void mm_collect(Thr *T) {
  while (!stopped_collect(T)) {}
  count_settle(T);
  limbo_drain(T->heap->threads, T->heap->nthreads);
  counted_books(T->heap);
}

void mm_stats(Heap *H, reclaim_stats *out) {
  biased_stats(H, out);
  stopped_report(H, out);
}
void mm_reset_stats(Heap *H) {
  biased_reset(H);
  stopped_reset(H);
}
