/* rc-gil.c: see rc-gil.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/counted-heap.h"

const char mm_summary[] = "reference counting under one global lock: plain counts, one heap, CPython's hand-off protocol";
const reclaim_param mm_tunables[] = {
    COUNTED_TUNABLES_TABLE,
    {"switch-interval", "how long a waiter waits before it asks the holder to let go", "us", 5000, 100, 50000, NULL},
    {"poll-spacing", "honour a request at every n-th poll after it was made", "", 1, 1, 1000000, NULL},
    {"forced-hand-off", "after a request, wait until another thread has taken the lock", "", 1, 0, 1, NULL},
};
const int mm_ntunables = GIL_TUNABLES;

Heap *mm_open(const reclaim_config *config) {
  Heap *H = counted_open(config, config->tunables[COUNTED_HUGE_PAGES]);
  if (!H) return NULL;
  H->small = counted_immortals();
  if (!H->small) {
    counted_close(H);
    return NULL;
  }
  cells_init(&H->cells, &H->chunks, (uint32_t)config->tunables[COUNTED_FREELIST_CAP], counted_exhausted, H);
  gil_init(&H->gil, (uint64_t)config->tunables[GIL_SWITCH_INTERVAL] * 1000, config->tunables[GIL_FORCED]);
  return H;
}

void mm_close(Heap *H) {
  gil_destroy(&H->gil);
  counted_close(H);
}

Thr *mm_attach(Heap *H, int index) {
  bool fresh;
  Thr *T = counted_attach(H, index, &fresh);
  if (!T) return NULL;
  T->cells = &H->cells;
  T->small = H->small;
  T->poll_spacing = (uint32_t)H->config->tunables[GIL_POLL_SPACING];
  T->polls_left = T->poll_spacing;
  return T;
}
void mm_detach(Thr *T) {
  mm_blocking_end(T);
  cells_flush(T->cells);
  mm_blocking_begin(T);
  counted_detach(T);
}

void mm_poll_slow(Thr *T) {
  if (--T->polls_left) return;
  T->polls_left = T->poll_spacing;
  gil_drop(GIL_OF(T), T, true);
  gil_take(GIL_OF(T), T);
}

void mm_share_slow(Thr *T, Obj **slot) { (void)T, (void)slot; /* the lock stands before everything */ }

void mm_collect(Thr *T) { counted_books(T->heap); }

void mm_stats(Heap *H, reclaim_stats *out) {
  counted_stats(H, out);
  uint64_t switches = 0, requests = 0;
  reclaim_histogram holds = {0};
  for (int i = 0; i < H->nthreads; i++) {
    Thr *T = H->threads[i];
    switches += T->gil.switches;
    requests += T->gil.requests;
    histogram_merge(&out->lock_waits, &T->gil.waits);
    histogram_merge(&holds, &T->gil.holds);
  }
  histogram_merge(&out->pauses, &out->lock_waits); /* a thread stands still, whoever makes it */
  out->counters[out->ncounters++] = (reclaim_counter){"gil-switches", switches};
  out->counters[out->ncounters++] = (reclaim_counter){"gil-drop-requests", requests};
  out->counters[out->ncounters++] = (reclaim_counter){"gil-longest-hold-ns", holds.max_ns};
  out->counters[out->ncounters++] = (reclaim_counter){"gil-longest-wait-ns", out->lock_waits.max_ns};
}

void mm_reset_stats(Heap *H) {
  counted_reset(H);
  for (int i = 0; i < H->nthreads; i++) {
    Thr *T = H->threads[i];
    T->gil.switches = T->gil.requests = 0;
    memset(&T->gil.waits, 0, sizeof T->gil.waits);
    memset(&T->gil.holds, 0, sizeof T->gil.holds);
  }
}
