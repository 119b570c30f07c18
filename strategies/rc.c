/* rc.c: see rc.h. The heap of pure counting: private Cells and private immortals for each thread. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/counted-heap.h"

const char mm_summary[] = "pure reference counting: plain counts, a private heap per thread, nothing shared, cycles leak";
const reclaim_param mm_tunables[] = {COUNTED_TUNABLES_TABLE};
const int mm_ntunables = COUNTED_TUNABLES;

Heap *mm_open(const reclaim_config *config) { return counted_open(config, config->tunables[COUNTED_HUGE_PAGES]); }
void mm_close(Heap *H) { counted_close(H); }

/* It has no polls: what is put off goes on when cells are asked for. */
static void cells_wanted(void *thread) {
  Thr *T = thread;
  if (T->later.chains.n) count_carry_out(T, false);
}

Thr *mm_attach(Heap *H, int index) {
  bool fresh;
  Thr *T = counted_attach(H, index, &fresh);
  if (!T || !fresh) return T;
  counted_private(T);
  if (T->later.budget) cells_want(&T->cells, cells_wanted, T);
  return T;
}
void mm_detach(Thr *T) {
  counted_leave(T);
  counted_detach(T);
}

void mm_poll_slow(Thr *T) { (void)T; }
void mm_share_slow(Thr *T, Obj **slot) {
  (void)slot;
  T->heap->config->fail(RECLAIM_FAIL_CHECK, "rc shares nothing between threads");
}
void mm_collect(Thr *T) { counted_books(T->heap); }
void mm_stats(Heap *H, reclaim_stats *out) { counted_stats(H, out); }
void mm_reset_stats(Heap *H) { counted_reset(H); }
