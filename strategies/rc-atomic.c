/* rc-atomic.c: see rc-atomic.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/published-heap.h"

const char mm_summary[] = "atomic reference counting: shared heap, lock-free reads, object locks for writes, cycles leak";
static const char *const increments[] = {"fetch-add", "compare-and-swap"};
const reclaim_param mm_tunables[] = {
    PUBLISHED_TUNABLES_TABLE,
    {"count-by", "the instruction that counts are changed with", "", 0, 0, 1, increments},
    {"padded", "every object on cache lines of its own", "", 0, 0, 1, NULL},
};
const int mm_ntunables = ATOMIC_TUNABLES;

Heap *mm_open(const reclaim_config *config) { return published_open(config); }
void mm_close(Heap *H) { published_close(H); }

Thr *mm_attach(Heap *H, int index) {
  Thr *T = published_attach(H, index);
  if (!T) return NULL;
  const int64_t *t = H->config->tunables;
#if MM_MALLOC
  T->cells.lines = t[ATOMIC_PADDED];
#endif
  T->compare_and_swap = t[ATOMIC_CAS];
  T->drops_oddly = T->compare_and_swap || T->later.drops;
  T->padded = t[ATOMIC_PADDED];
  return T;
}
void mm_detach(Thr *T) { published_detach(T); }

void mm_poll_slow(Thr *T) {
  atomic_exchange(&T->poll, 0); /* before the epoch is read: a request made after that must raise the flag again */
  count_poll(T);
  limbo_announce(T);
}

void mm_collect(Thr *T) {
  count_carry_out_all(T->heap);
  limbo_drain(T->heap->threads, T->heap->nthreads);
  counted_books(T->heap);
}

void mm_stats(Heap *H, reclaim_stats *out) { published_stats(H, out); }
void mm_reset_stats(Heap *H) { published_reset(H); }
