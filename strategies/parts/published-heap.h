/* published-heap.h: the bodies that go with published.h, included once by each such strategy's .c file, after its header. */
#include "strategies/parts/counted-heap.h"
#include "strategies/parts/share.h"

static Heap *published_open(const reclaim_config *config) {
  Heap *H = counted_open_shared(config);
  if (!H) return NULL;
  limbo_init(&H->limbo);
  if (statics_init(&H->statics, (int)config->tunables[PUBLISHED_STATICS])) return H;
  statics_destroy(&H->statics);
  limbo_destroy(&H->limbo);
  counted_close(H);
  return NULL;
}

static void published_close(Heap *H) {
  limbo_drain(H->threads, H->nthreads); /* nobody is left to see what waits there */
  for (int i = 0; i < H->nthreads; i++) {
    cells_flush(&H->threads[i]->cells);
    stack_free(&H->threads[i]->dead);
    limbo_end(H->threads[i]);
    statics_counts_free(H->threads[i]->apart);
  }
  statics_destroy(&H->statics);
  limbo_destroy(&H->limbo);
  counted_close(H);
}

/* T begins blocked. NULL: no memory. */
static Thr *published_attach(Heap *H, int index) {
  bool fresh;
  Thr *T = counted_attach(H, index, &fresh);
  if (!T) return NULL;
  const int64_t *t = H->config->tunables;
  if (fresh) {
    counted_cells(H, &T->cells);
    if (!statics_counts(&H->statics, &T->apart)) counted_exhausted(H);
  }
  T->small = H->small;
  T->lock_reads = t[PUBLISHED_LOCK_READS];
  limbo_attach(&H->limbo, T);
  return T;
}
static void published_detach(Thr *T) {
  counted_leave(T);
  counted_detach(T);
}

void mm_share_slow(Thr *T, Obj **slot) { share_deep(T, &T->dead, *slot); }

static void published_stats(Heap *H, reclaim_stats *out) {
  counted_stats(H, out);
  uint64_t parks = 0, most = 0;
  for (int i = 0; i < H->nthreads; i++) {
    parks += H->threads[i]->parks;
    if (H->threads[i]->limbo.most_waiting > most) most = H->threads[i]->limbo.most_waiting;
  }
  out->counters[out->ncounters++] = (reclaim_counter){"lock-parks", parks};
  out->counters[out->ncounters++] = (reclaim_counter){"most-awaiting-reuse", most};
  out->counters[out->ncounters++] = (reclaim_counter){"static-objects-made", H->statics.made};
}

static void published_reset(Heap *H) {
  counted_reset(H);
  H->statics.made = 0;
  for (int i = 0; i < H->nthreads; i++) H->threads[i]->parks = H->threads[i]->limbo.most_waiting = 0;
}
