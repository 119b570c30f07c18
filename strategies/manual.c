/* manual.c: see manual.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/counted-heap.h"
#include "strategies/parts/share.h"

const char mm_summary[] = "explicit free by the only owner, no counts: C by hand, where a workload's lifetimes are known";
const reclaim_param mm_tunables[] = {COUNTED_TUNABLES_TABLE};
const int mm_ntunables = COUNTED_TUNABLES;

Heap *mm_open(const reclaim_config *config) { return counted_open_shared(config); } /* immortals are never written: one for all */

void mm_close(Heap *H) {
  for (int i = 0; i < H->nthreads; i++) stack_free(&H->threads[i]->dead);
  counted_close(H);
}

Thr *mm_attach(Heap *H, int index) {
  bool fresh;
  Thr *T = counted_attach(H, index, &fresh);
  if (!T) return NULL;
  if (fresh) counted_cells(H, &T->cells);
  T->small = H->small;
  T->locks_reads = H->config->sharing & (RECLAIM_SHARED_WRITE | RECLAIM_HAND_OFF);
  return T;
}
void mm_detach(Thr *T) {
  counted_leave(T);
  counted_detach(T);
}

void mm_poll_slow(Thr *T) { (void)T; }
void mm_share_slow(Thr *T, Obj **slot) { share_deep(T, &T->dead, *slot); }
void mm_collect(Thr *T) { counted_books(T->heap); }

void mm_stats(Heap *H, reclaim_stats *out) {
  counted_stats(H, out);
  uint64_t parks = 0;
  for (int i = 0; i < H->nthreads; i++) parks += H->threads[i]->parks;
  out->counters[out->ncounters++] = (reclaim_counter){"lock-parks", parks};
}
void mm_reset_stats(Heap *H) {
  counted_reset(H);
  for (int i = 0; i < H->nthreads; i++) H->threads[i]->parks = 0;
}
