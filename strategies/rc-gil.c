/* rc-gil.c: see rc-gil.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/gil-heap.h"

const char mm_summary[] = "reference counting under one global lock: plain counts, one heap, CPython's hand-off protocol";
const reclaim_param mm_tunables[] = {COUNTED_TUNABLES_TABLE, GIL_TUNABLES_TABLE};
const int mm_ntunables = GIL_END;

Heap *mm_open(const reclaim_config *config) { return gil_heap_open(config); }
void mm_close(Heap *H) { gil_heap_close(H); }
Thr *mm_attach(Heap *H, int index) {
  Thr *T = gil_heap_attach(H, index);
  if (T) T->cells = GIL_CELLS(H);
  return T;
}
void mm_detach(Thr *T) { gil_heap_detach(T); }

void mm_poll_slow(Thr *T) {
  count_poll(T);
  gil_yield(GIL_OF(T), T);
}
void mm_share_slow(Thr *T, Obj **slot) { (void)T, (void)slot; /* the lock stands before everything */ }
void mm_collect(Thr *T) { counted_books(T->heap); }
void mm_stats(Heap *H, reclaim_stats *out) { gil_heap_stats(H, out); }
void mm_reset_stats(Heap *H) { gil_heap_reset(H); }
