/* gil-heap.h: the bodies of a counting heap under a global lock (counted-heap.h and gil.h), included once by such a strategy's .c file. One
   Cells for all threads; immortals are shared, since only the holder of the lock counts. */
#include "strategies/parts/counted-heap.h"

#define GIL_TUNABLES_TABLE                                                                                                       \
  {"switch-interval", "how long a waiter waits before it asks the holder to let go", "us", 5000, 100, 50000, NULL},              \
      {"poll-spacing", "honour a request at every n-th poll after it was made", "", 1, 1, 1000000, NULL}, {                      \
    "forced-hand-off", "after a request, wait until another thread has taken the lock", "", 1, 0, 1, NULL                        \
  }

static Heap *gil_heap_open(const reclaim_config *config) {
  Heap *H = counted_open_shared(config);
  if (!H) return NULL;
  counted_cells(H, GIL_CELLS(H));
  gil_init(&H->gil, (uint64_t)config->tunables[GIL_SWITCH_INTERVAL] * 1000, config->tunables[GIL_FORCED]);
  return H;
}

static void gil_heap_close(Heap *H) {
  gil_destroy(&H->gil);
  counted_close(H);
}

static Thr *gil_heap_attach(Heap *H, int index) {
  bool fresh;
  Thr *T = counted_attach(H, index, &fresh);
  if (!T) return NULL;
  T->small = H->small;
  T->poll_spacing = (uint32_t)H->config->tunables[GIL_POLL_SPACING];
  T->polls_left = T->poll_spacing;
  return T;
}

static void gil_heap_detach(Thr *T) {
  mm_blocking_end(T);
  counted_leave(T);
  mm_blocking_begin(T);
  counted_detach(T);
}

static void gil_heap_stats(Heap *H, reclaim_stats *out) {
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

static void gil_heap_reset(Heap *H) {
  counted_reset(H);
  for (int i = 0; i < H->nthreads; i++) {
    Thr *T = H->threads[i];
    T->gil.switches = T->gil.requests = 0;
    memset(&T->gil.waits, 0, sizeof T->gil.waits);
    memset(&T->gil.holds, 0, sizeof T->gil.holds);
  }
}
