/* rc-cycles.c: see rc-cycles.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/gil-heap.h"

const char mm_summary[] = "plain counts under one global lock and CPython's generational collector of cyclic trash";
const reclaim_param mm_tunables[] = {
    COUNTED_TUNABLES_TABLE,
    GIL_TUNABLES_TABLE,
    {"threshold0", "containers made less freed since the last collection, more than which ask for one; 0: never but when told to",
     "", 700, 0, 1 << 30, NULL},
    {"threshold1",
     "collections of the youngest since the last of the middle generation, more than which let it be collected, too", "", 10, 0,
     1 << 30, NULL},
    {"threshold2", "the same for the oldest, of which must then be more than a quarter new", "", 10, 0, 1 << 30, NULL},
    {"threshold-bytes",
     "bytes by which the heap grows, and by a quarter, since the last full collection, that ask for one; 0: no matter", "bytes",
     0, 0, INT64_C(1) << 40, NULL},
#if MM_CHECK
    {"collect-every", "a full collection at the poll after every n-th object made; 0: never (checked builds only)", "", 0, 0,
     1 << 20, NULL},
#endif
};
const int mm_ntunables = CYCLES_TUNABLES;

#if !MM_MALLOC
/* The pool took pages; the lock's holder is who asked for them. */
static void pool_grew(void *heap) {
  Heap *H = heap;
  if (UNLIKELY(chunks_committed(&H->chunks) > H->tracked.cycles.bytes_limit)) cycles_grew(H->gil.holder);
}
/* And is about to give some back. */
static void pool_trimming(void *heap) { cycles_forget_dead(&((Heap *)heap)->tracked.cycles); }
#endif

Heap *mm_open(const reclaim_config *config) {
  Heap *H = gil_heap_open(config);
  if (!H) return NULL;
  Cycles *Y = &H->tracked.cycles;
  const int64_t *t = config->tunables;
  if (!cycles_init(Y, &H->tracked.cells, &H->chunks, &t[CYCLES_THRESHOLD0], t[CYCLES_THRESHOLD_BYTES])) {
    mm_close(H);
    return NULL;
  }
#if MM_CHECK
  Y->collect_every = Y->until_collect = (uint32_t)t[CYCLES_COLLECT_EVERY];
#endif
#if !MM_MALLOC
  H->tracked.cells.watch = (PoolWatch){.grew = pool_grew, .trimming = pool_trimming};
  H->tracked.cells.watch_arg = H;
#endif
  return H;
}
void mm_close(Heap *H) {
  cycles_destroy(&H->tracked.cycles);
  gil_heap_close(H);
}
Thr *mm_attach(Heap *H, int index) {
  Thr *T = gil_heap_attach(H, index);
  if (T) T->tracked = &H->tracked;
  return T;
}
void mm_detach(Thr *T) { gil_heap_detach(T); }

void mm_poll_slow(Thr *T) {
  cycles_poll(T);
  count_poll(T);
  gil_yield(GIL_OF(T), T);
  cycles_enter(CYCLES_OF(T), &T->poll); /* another thread may have left it something to collect */
}
void mm_share_slow(Thr *T, Obj **slot) { (void)T, (void)slot; /* the lock stands before everything */ }

void mm_collect(Thr *T) {
  count_carry_out_all(T->heap); /* first, since what is dead and put off holds others */
  cycles_collect(T, CYCLES_OLDEST);
  counted_books(T->heap);
}
void mm_stats(Heap *H, reclaim_stats *out) {
  gil_heap_stats(H, out);
  cycles_report(&H->tracked.cycles, out);
}
void mm_reset_stats(Heap *H) {
  gil_heap_reset(H);
  cycles_reset(&H->tracked.cycles);
}
