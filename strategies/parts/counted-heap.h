/* counted-heap.h: the bodies that go with counted.h, included once by each counting strategy's .c file, after its header. */
#include <stdlib.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/system.h"

static void counted_exhausted(void *heap) {
  ((Heap *)heap)->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory");
  abort(); /* fail does not return */
}

/* None, False, True, then the small ints. */
static Int *counted_immortals(void) {
  Int *small = system_new(IMMORTALS * sizeof *small);
  if (!small) return NULL;
  for (int i = 0; i < IMMORTALS; i++) {
    small[i].h.word = HDR_WORD(i == IMMORTAL_NONE ? KIND_NONE : i < IMMORTAL_INTS ? KIND_BOOL : KIND_INT, 0);
    small[i].h.count = COUNT_IMMORTAL;
    small[i].h.bits = OBJ_IMMORTAL | (COUNT_PUBLISHES ? OBJ_SHARED : 0);
    small[i].v = i < IMMORTAL_INTS ? i == IMMORTAL_TRUE : SMALL_INT_MIN + (i - IMMORTAL_INTS);
  }
  return small;
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
    if (T->small && T->small != H->small) system_free(T->small, IMMORTALS * sizeof *T->small);
    system_free(T, sizeof *T);
  }
  if (H->small) system_free(H->small, IMMORTALS * sizeof *H->small);
  chunks_destroy(&H->chunks);
  pthread_mutex_destroy(&H->mutex);
  system_free(H, sizeof *H);
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
  return T;
}

static void counted_detach(Thr *T) {
  Heap *H = T->heap;
  pthread_mutex_lock(&H->mutex);
  T->next_orphan = H->orphans;
  H->orphans = T;
  pthread_mutex_unlock(&H->mutex);
}

/* The exact books, from all distinct Cells of the heap. All threads are blocked. */
static void counted_books(Heap *H) {
  Cells *cells[COUNTED_THREADS];
  int n = 0;
  for (int i = 0; i < H->nthreads; i++)
    if (i == 0 || COUNT_CELLS(H->threads[i]) != cells[0]) cells[n++] = COUNT_CELLS(H->threads[i]);
  cells_books(cells, n, &H->chunks, &H->live_objects, &H->live_bytes);
}

static void counted_stats(Heap *H, reclaim_stats *out) {
  out->collections = out->minor_collections = 0;
  out->collector_wall_ns = out->collector_cpu_ns = RECLAIM_NONE; /* counting happens inside the mutator */
  uint64_t longest = 0;
  for (int i = 0; i < H->nthreads; i++) {
    histogram_merge(&out->pauses, &H->threads[i]->cascades);
    tallies_report(H->threads[i], out);
    if (H->threads[i]->longest_cascade > longest) longest = H->threads[i]->longest_cascade;
  }
  out->counters[out->ncounters++] = (reclaim_counter){"longest-cascade", longest};
  out->live_objects = H->live_objects;
  out->live_bytes = H->live_bytes;
  out->committed_bytes = CELLS_FOREIGN ? RECLAIM_NONE : chunks_committed(&H->chunks);
  out->allocated_bytes = RECLAIM_NONE; /* not counted on the way */
}

static void counted_reset(Heap *H) {
  for (int i = 0; i < H->nthreads; i++) {
    H->threads[i]->longest_cascade = 0;
    tallies_reset(H->threads[i]);
    memset(&H->threads[i]->cascades, 0, sizeof H->threads[i]->cascades);
  }
}

#define COUNTED_TUNABLES_TABLE                                                                                                     \
  {"huge-pages", "ask the system for huge pages for pools", "", 0, 0, 1, NULL},                                                    \
      {"freelist-cap", "cells kept per size class in front of a malloc (the pool is itself such lists)", "", 0, 0, 1 << 20, NULL}, \
  {                                                                                                                                \
    "reuse", "make a changed copy in place of what is dropped for it where its count is 1", "", 0, 0, 1, NULL                      \
  }
