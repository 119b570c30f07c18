/* counted-heap.h: the bodies that go with counted.h, included once by each counting strategy's .c file, after its header. */
#include <stdlib.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/immortals.h"

/* --- Tunables --------------------------------------------------------------------------------------------------------------------- */

#if CELLS_FOREIGN
#define COUNTED_FREELIST_CAP_TABLE {"freelist-cap", "cells kept per size class in front of the malloc", "", 0, 0, 1 << 20, NULL},
#define COUNTED_CAP(config)        ((uint32_t)(config)->tunables[COUNTED_FREELIST_CAP])
#else
#define COUNTED_FREELIST_CAP_TABLE
#define COUNTED_CAP(config) 0
#endif
#if MM_CHECK && !CELLS_FOREIGN
#define COUNTED_SHUFFLE_TABLE                                                                                                    \
  , { "shuffle", "hand fresh cells out in no order of addresses (checked builds only)", "", 0, 0, 1, NULL }
#else
#define COUNTED_SHUFFLE_TABLE
#endif
#if COUNT_PUTS_OFF
#define COUNTED_LATER_TABLE                                                                                                      \
  , {"decrement-buffer", "drops that are gathered and carried out together; 0: each at once", "", 0, 0, 1 << 20, NULL}, {        \
    "cascade-budget", "objects that a cascade frees before the rest waits for the next poll or allocation; 0: no bound", "", 0,  \
        0, 1 << 30, NULL                                                                                                         \
  }
#else
#define COUNTED_LATER_TABLE
#endif
#define COUNTED_TUNABLES_TABLE                                                                                                   \
  {"huge-pages", "ask the system for huge pages for pools", "", 0, 0, 1, NULL},                                                  \
      COUNTED_FREELIST_CAP_TABLE{                                                                                                \
          "reuse", "make a changed copy in place of what is dropped for it where its count is 1", "", 0, 0, 1,                   \
          NULL} COUNTED_SHUFFLE_TABLE COUNTED_LATER_TABLE

/* --- The heap --------------------------------------------------------------------------------------------------------------------- */

static void counted_exhausted(void *heap) {
  ((Heap *)heap)->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory");
  abort(); /* fail does not return */
}

static Int *counted_immortals(void) {
  Int *small = immortals_new(COUNT_IMMORTAL, COUNT_PUBLISHES || COUNT_UNIQUE ? OBJ_SHARED : 0);
  for (int i = 0; small && i < IMMORTALS; i++) small[i].h.word |= COUNT_MARK(small[i].h.kind);
  return small;
}

static bool later_init(Later *L, const reclaim_config *config) {
#if COUNT_PUTS_OFF
  L->budget = (uint64_t)config->tunables[COUNTED_CASCADE_BUDGET];
  L->buffer = (uint64_t)config->tunables[COUNTED_DECREMENT_BUFFER];
#else
  (void)config;
#endif
  L->first = L->buffer ? 1 : later_countdown(L);
  L->long_items = L->budget ? LATER_ITEMS : BULK;
  if (!COUNT_ATOMIC || !L->buffer) return true;
  for (L->slots = 1; L->slots < L->buffer;) L->slots *= 2;
  L->drops = system_new(L->slots * sizeof *L->drops);
  return L->drops;
}
static void later_free(Later *L) {
  stack_free(&L->chains);
  system_free(L->drops, L->slots * sizeof *L->drops);
}

static Heap *counted_open(const reclaim_config *config, bool huge_pages) {
  Heap *H = system_new(sizeof *H);
  if (!H) return NULL;
  H->config = config;
  chunks_init(&H->chunks, huge_pages);
  pthread_mutex_init(&H->mutex, NULL);
  return H;
}

static void counted_close(Heap *H) {
  for (int i = 0; i < H->nthreads; i++) {
    Thr *T = H->threads[i];
    later_free(&T->later);
    if (T->small != H->small) immortals_free(T->small);
    system_free(T, sizeof *T);
  }
  immortals_free(H->small);
  chunks_destroy(&H->chunks);
  pthread_mutex_destroy(&H->mutex);
  system_free(H, sizeof *H);
}

/* The same with immortals of the heap's, which all threads share. */
static __attribute__((unused)) Heap *counted_open_shared(const reclaim_config *config) {
  Heap *H = counted_open(config, config->tunables[COUNTED_HUGE_PAGES]);
  if (!H) return NULL;
  H->small = counted_immortals();
  if (H->small) return H;
  counted_close(H);
  return NULL;
}

/* A thread handle: an orphan's with its pools, or a new one, for which *fresh is set. NULL: out of memory. */
static Thr *counted_attach(Heap *H, int index, bool *fresh) {
  pthread_mutex_lock(&H->mutex);
  Thr *T = H->orphans;
  *fresh = !T;
  if (T)
    H->orphans = T->next_orphan;
  else if (H->nthreads < COUNTED_THREADS && (T = system_new(sizeof *T)))
    H->threads[H->nthreads++] = T;
  pthread_mutex_unlock(&H->mutex);
  if (!T) return NULL;
  T->heap = H;
  T->index = index;
  T->reuses = H->config->tunables[COUNTED_REUSE];
  if (*fresh && !later_init(&T->later, H->config)) counted_exhausted(H);
  return T;
}

/* What a thread that goes leaves in order. Whoever has a lock to hold for it holds it. */
static void counted_leave(Thr *T) {
  count_carry_out(T, true);
  cells_flush(COUNT_CELLS(T));
}

static void counted_detach(Thr *T) {
  Heap *H = T->heap;
  pthread_mutex_lock(&H->mutex);
  T->next_orphan = H->orphans;
  H->orphans = T;
  pthread_mutex_unlock(&H->mutex);
}

/* Cells as the tunables want them. */
static void counted_cells(Heap *H, Cells *cells) {
  cells_init(cells, &H->chunks, COUNTED_CAP(H->config), counted_exhausted, H);
#if MM_CHECK && !CELLS_FOREIGN
  cells->shuffle = (uint32_t)H->config->tunables[COUNTED_SHUFFLE];
#endif
}

/* A new thread's own Cells and immortals, where nothing is shared: a plain count that two threads write is a race. */
static __attribute__((unused)) void counted_private(Thr *T) {
  Heap *H = T->heap;
  counted_cells(H, COUNT_CELLS(T));
  T->small = counted_immortals();
  if (!T->small) counted_exhausted(H);
}

/* The exact books, from all distinct Cells of the heap, once nothing is put off. All threads are blocked but the caller. */
static void counted_books(Heap *H) {
  count_carry_out_all(H);
  Cells *cells[COUNTED_THREADS];
  int n = 0;
  for (int i = 0; i < H->nthreads; i++)
    if (i == 0 || COUNT_CELLS(H->threads[i]) != cells[0]) cells[n++] = COUNT_CELLS(H->threads[i]);
  cells_books(cells, n, &H->chunks, &H->live_objects, &H->live_bytes);
}

static void counted_stats(Heap *H, reclaim_stats *out) {
  out->collections = out->minor_collections = 0;
  out->collector_wall_ns = out->collector_cpu_ns = RECLAIM_NONE; /* counting happens inside the mutator */
  uint64_t longest = 0, stops = 0, buffered = 0;
  for (int i = 0; i < H->nthreads; i++) {
    stops += H->threads[i]->later.stops;
    buffered += H->threads[i]->later.buffered;
    histogram_merge(&out->pauses, &H->threads[i]->cascades);
    tallies_report(H->threads[i], out);
    if (H->threads[i]->longest_cascade > longest) longest = H->threads[i]->longest_cascade;
  }
  out->counters[out->ncounters++] = (reclaim_counter){"longest-cascade", longest};
  out->counters[out->ncounters++] = (reclaim_counter){"stopped-cascades", stops};
  out->counters[out->ncounters++] = (reclaim_counter){"buffered-decrements", buffered};
  out->live_objects = H->live_objects;
  out->live_bytes = H->live_bytes;
  out->committed_bytes = CELLS_FOREIGN ? RECLAIM_NONE : chunks_committed(&H->chunks);
  out->allocated_bytes = RECLAIM_NONE; /* not counted on the way */
}

static void counted_reset(Heap *H) {
  for (int i = 0; i < H->nthreads; i++) {
    H->threads[i]->longest_cascade = H->threads[i]->later.stops = H->threads[i]->later.buffered = 0;
    tallies_reset(H->threads[i]);
    memset(&H->threads[i]->cascades, 0, sizeof H->threads[i]->cascades);
  }
}
