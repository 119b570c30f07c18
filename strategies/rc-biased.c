/* rc-biased.c: see rc-biased.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/biased-heap.h"

const char mm_summary[] =
    "biased reference counting: plain counts by the maker, atomic ones by others, merged on demand; cycles leak";
const reclaim_param mm_tunables[] = {PUBLISHED_TUNABLES_TABLE};
const int mm_ntunables = BIASED_TUNABLES;

Heap *mm_open(const reclaim_config *config) { return biased_open(config); }
void mm_close(Heap *H) { biased_close(H); }
Thr *mm_attach(Heap *H, int index) { return biased_attach(H, index); }
void mm_detach(Thr *T) {
  mm_blocking_end(T);
  biased_exit(T);
  published_detach(T);
}

void mm_poll_slow(Thr *T) { biased_poll(T); }

/* All others are blocked: their boxes are empty, their parcels delivered. */
void mm_collect(Thr *T) {
  count_settle(T);
  limbo_drain(T->heap->threads, T->heap->nthreads);
  counted_books(T->heap);
}

void mm_stats(Heap *H, reclaim_stats *out) { biased_stats(H, out); }
void mm_reset_stats(Heap *H) { biased_reset(H); }
