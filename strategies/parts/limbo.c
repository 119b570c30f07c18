/* limbo.c: see limbo.h. */
#include MM_STRATEGY_HEADER

#ifdef LIMBO_OF
#include <stdlib.h>
#include <sys/mman.h>

#include "strategies/parts/counting.h"
#include "strategies/parts/limbo.h"

void limbo_init(Limbo *l) {
  memset(l, 0, sizeof *l);
  pthread_mutex_init(&l->mutex, NULL);
  atomic_init(&l->epoch, 1);
}
void limbo_destroy(Limbo *l) { pthread_mutex_destroy(&l->mutex); }

void limbo_attach(Limbo *l, Thr *T) {
  pthread_mutex_lock(&l->mutex);
  atomic_store(&T->limbo.seen, LIMBO_BLOCKED);
  int i = 0;
  while (i < l->nthreads && l->threads[i] != T) i++;
  if (i == l->nthreads) l->threads[l->nthreads++] = T; /* never more than COUNTED_THREADS */
  pthread_mutex_unlock(&l->mutex);
}

static Batch *batch_new(Thr *T) {
  Batch *b = T->limbo.spare;
  if (b) {
    T->limbo.spare = b->next;
    T->limbo.nspare--;
    return b;
  }
  b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (b == MAP_FAILED) T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "no memory for objects that wait to be freed");
  return b;
}

static void batch_end(Thr *T, Batch *b) {
  if (T->limbo.nspare == LIMBO_SPARE) {
    munmap(b, sizeof *b);
    return;
  }
  b->next = T->limbo.spare;
  T->limbo.spare = b;
  T->limbo.nspare++;
}

/* The epoch that every running thread has announced at least. Locked, so that a thread which leaves a blocking region now either is
   seen or sees everything that was unlinked before. */
static uint64_t everyone_has_seen(Limbo *l) {
  uint64_t min = LIMBO_BLOCKED;
  pthread_mutex_lock(&l->mutex);
  for (int i = 0; i < l->nthreads; i++) {
    uint64_t s = atomic_load(&l->threads[i]->limbo.seen);
    if (s < min) min = s;
  }
  pthread_mutex_unlock(&l->mutex);
  return min;
}

static void free_batch(Thr *T, Batch *b) {
  for (uint32_t i = 0; i < b->n; i++) count_free_published(T, b->o[i]);
  T->limbo.waiting -= b->n;
  b->n = 0;
  b->bytes = 0;
}

/* Frees what nobody can see any more. Only at a poll or in a blocking region of T itself. */
static void free_oldest(Thr *T) {
  LimboThread *t = &T->limbo;
  if (!t->oldest) return;
  uint64_t seen = everyone_has_seen(LIMBO_OF(T));
  while (t->oldest && t->oldest->epoch <= seen) {
    Batch *b = t->oldest;
    t->oldest = b->next;
    if (!t->oldest) t->newest = NULL;
    free_batch(T, b);
    batch_end(T, b);
  }
}

/* The batch is full: a new epoch, which all threads are asked to announce at their next poll. */
static void close_batch(Thr *T) {
  Limbo *l = LIMBO_OF(T);
  LimboThread *t = &T->limbo;
  Batch *b = t->filling;
  t->filling = NULL;
  b->next = NULL;
  b->epoch = atomic_fetch_add(&l->epoch, 1) + 1;
  if (t->newest)
    t->newest->next = b;
  else
    t->oldest = b;
  t->newest = b;
  pthread_mutex_lock(&l->mutex);
  for (int i = 0; i < l->nthreads; i++) atomic_store_explicit(&l->threads[i]->poll, 1, memory_order_release);
  pthread_mutex_unlock(&l->mutex);
}

void limbo_put(Thr *T, Obj *o) {
  LimboThread *t = &T->limbo;
  if (!t->filling) t->filling = batch_new(T);
  t->filling->o[t->filling->n++] = o;
  if (++t->waiting > t->most_waiting) t->most_waiting = t->waiting;
  t->filling->bytes += obj_size(o);
  if (t->filling->n == LIMBO_BATCH || t->filling->bytes >= LIMBO_BATCH_BYTES) close_batch(T);
}

void limbo_announce(Thr *T) {
  atomic_store(&T->limbo.seen, atomic_load(&LIMBO_OF(T)->epoch));
  free_oldest(T); /* what others have not seen yet is freed after a later batch */
}

void limbo_block(Thr *T) {
  atomic_store(&T->limbo.seen, LIMBO_BLOCKED);
  free_oldest(T); /* who waits long should not hold memory */
}

void limbo_unblock(Thr *T) {
  Limbo *l = LIMBO_OF(T);
  pthread_mutex_lock(&l->mutex);
  atomic_store(&T->limbo.seen, atomic_load(&l->epoch));
  pthread_mutex_unlock(&l->mutex);
}

void limbo_drain(Thr *threads[], int n) {
  for (int i = 0; i < n; i++) {
    LimboThread *t = &threads[i]->limbo;
    if (t->filling) free_batch(threads[i], t->filling);
    while (t->oldest) {
      Batch *b = t->oldest;
      t->oldest = b->next;
      free_batch(threads[i], b);
      batch_end(threads[i], b);
    }
    t->newest = NULL;
  }
}

void limbo_end(Thr *T) {
  LimboThread *t = &T->limbo;
  for (Batch *b = t->spare, *next; b; b = next) next = b->next, munmap(b, sizeof *b);
  if (t->filling) munmap(t->filling, sizeof *t->filling);
  t->spare = t->filling = NULL;
  t->nspare = 0;
}
#endif
