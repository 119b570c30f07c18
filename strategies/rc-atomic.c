/* rc-atomic.c: see rc-atomic.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/counted-heap.h"
#include "strategies/parts/share.h"

const char mm_summary[] = "atomic reference counting: shared heap, lock-free reads, object locks for writes, cycles leak";
static const char *const increments[] = {"fetch-add", "compare-and-swap"};
const reclaim_param mm_tunables[] = {
    COUNTED_TUNABLES_TABLE,
    {"count-by", "the instruction that counts are changed with", "", 0, 0, 1, increments},
    {"padded", "every object on cache lines of its own", "", 0, 0, 1, NULL},
    {"lock-reads",
     "read fields of shared objects under the object's lock instead of by try-increment (their memory waits all the same, for "
     "BORROW)",
     "", 0, 0, 1, NULL},
};
const int mm_ntunables = ATOMIC_TUNABLES;

Heap *mm_open(const reclaim_config *config) {
  Heap *H = counted_open(config, config->tunables[COUNTED_HUGE_PAGES]);
  if (!H) return NULL;
  H->small = counted_immortals();
  if (!H->small) {
    counted_close(H);
    return NULL;
  }
  limbo_init(&H->limbo);
  return H;
}

void mm_close(Heap *H) {
  for (int i = 0; i < H->nthreads; i++) stack_free(&H->threads[i]->dead);
  limbo_destroy(&H->limbo);
  counted_close(H);
}

Thr *mm_attach(Heap *H, int index) {
  bool fresh;
  Thr *T = counted_attach(H, index, &fresh);
  if (!T) return NULL;
  const int64_t *t = H->config->tunables;
  if (fresh) cells_init(&T->cells, &H->chunks, (uint32_t)t[COUNTED_FREELIST_CAP], counted_exhausted, H);
#if MM_MALLOC
  T->cells.lines = t[ATOMIC_PADDED];
#endif
  T->small = H->small;
  T->compare_and_swap = t[ATOMIC_CAS];
  T->padded = t[ATOMIC_PADDED];
  T->lock_reads = t[ATOMIC_LOCK_READS];
  limbo_attach(&H->limbo, T);
  return T;
}
void mm_detach(Thr *T) {
  cells_flush(&T->cells);
  counted_detach(T);
}

void mm_poll_slow(Thr *T) {
  atomic_exchange(&T->poll, 0); /* before the epoch is read: a request made after that must raise the flag again */
  limbo_announce(T);
}

void mm_share_slow(Thr *T, Obj **slot) { share_deep(&T->dead, *slot); }

void mm_collect(Thr *T) {
  limbo_drain(T->heap->threads, T->heap->nthreads);
  counted_books(T->heap);
}

void mm_stats(Heap *H, reclaim_stats *out) {
  counted_stats(H, out);
  uint64_t parks = 0, most = 0;
  for (int i = 0; i < H->nthreads; i++) {
    parks += H->threads[i]->parks;
    if (H->threads[i]->limbo.most_waiting > most) most = H->threads[i]->limbo.most_waiting;
  }
  out->counters[out->ncounters++] = (reclaim_counter){"lock-parks", parks};
  out->counters[out->ncounters++] = (reclaim_counter){"most-awaiting-reuse", most};
}

void mm_reset_stats(Heap *H) {
  counted_reset(H);
  for (int i = 0; i < H->nthreads; i++) H->threads[i]->parks = H->threads[i]->limbo.most_waiting = 0;
}
