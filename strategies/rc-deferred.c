/* rc-deferred.c: see rc-deferred.h. The heap, and when an epoch ends. */
#include MM_STRATEGY_HEADER

#include <stdlib.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/share.h"
#include "strategies/parts/system.h"

const char mm_summary[] =
    "deferred, coalescing counts: locals are roots, first writes are logged, objects are born dead, a backup trace";
const reclaim_param mm_tunables[] = {
#if MM_MALLOC
    {"freelist-cap", "cells kept per size class in front of the malloc", "", 0, 0, 1 << 20, NULL},
#else
    {"huge-pages", "ask the system for huge pages for blocks", "", 0, 0, 1, NULL},
#endif
    {"epoch-bytes", "bytes that each thread allocates in an epoch", "bytes", 768 << 10, 16 << 10, 256 << 20, NULL},
    {"epoch-max", "bytes that an epoch may grow to while much survives", "bytes", 8 << 20, 16 << 10, 256 << 20, NULL},
    {"log-entries", "words of a thread's log after which the epoch ends", "", 1 << 20, 16, 1 << 28, NULL},
    {"trace-factor", "the backup trace comes when the heap holds so much of what it held after the last", "%", 200, 101, 10000,
     NULL},
    {"count-bits", "bits of a count; one that is full is stuck until the backup trace", "", COUNT_BITS_MAX, 2, COUNT_BITS_MAX,
     NULL},
#if MM_CHECK
    {"collect-every", "an epoch ends at every n-th allocation of a thread; 0: never (checked builds only)", "", 0, 0, 1 << 20,
     NULL},
#endif
};
const int mm_ntunables = DEFERRED_TUNABLES;

static void exhausted(void *heap) {
  ((Heap *)heap)->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory");
  abort(); /* fail does not return */
}

/* --- The end of an epoch ------------------------------------------------------------------------------------------------------------ */

static int all_births(Heap *H, BirthsThread *births[]) {
  for (int i = 0; i < H->world.nthreads; i++) births[i] = &H->world.threads[i]->births;
  return H->world.nthreads;
}
static size_t held(Heap *H) {
  BirthsThread *births[WORLD_THREADS];
  return births_held(&H->births, births, all_births(H, births));
}

/* Grows by half while more than a quarter comes of age, up to half of what is held, and goes back when less than a sixteenth does, as a
   nursery does; and looking at a root is to be paid for by so many bytes. */
enum { BYTES_PER_ROOT = 64 };
static void adapt(Heap *H, uint64_t born, uint64_t aged, size_t roots) {
  size_t least = (size_t)H->config->tunables[DEFERRED_EPOCH_BYTES], most = (size_t)H->config->tunables[DEFERRED_EPOCH_MAX];
  if (aged * 4 > born)
    H->volume += H->volume / 2;
  else if (aged * 16 < born)
    H->volume /= 2;
  if (H->volume > held(H) / 2) H->volume = held(H) / 2;
  if (H->volume > most) H->volume = most;
  if (H->volume < least) H->volume = least;
  if (H->volume < roots * BYTES_PER_ROOT) H->volume = roots * BYTES_PER_ROOT;
}

/* False: another thread did so meanwhile. */
static bool end_epoch(Thr *T, bool trace) {
  Heap *H = T->heap;
  World *W = &H->world;
  if (!world_stop(W, T)) return false;
  uint64_t wall = wall_ns(), cpu = thread_cpu_ns(), born = H->epoch.n.born, aged = H->epoch.n.aged;
#if MM_MALLOC
  H->births.cells = &T->births.cells;
#endif
  births_begin(&H->births);
  epoch_count(H);
  bool traces = trace || backup_is_due(&H->backup, held(H));
  if (traces) backup_trace(H);
  size_t roots = H->epoch.rooted.n;
  epoch_unroot(&H->epoch);
  for (int i = 0; i < W->nthreads; i++) births_turn(&H->births, &W->threads[i]->births, W->threads[i]->left);
  births_trim(&H->births);
  /* What is held is known now. */
  if (traces) backup_next(&H->backup, held(H));
  adapt(H, H->epoch.n.born - born, H->epoch.n.aged - aged, roots);
  for (int i = 0; i < W->nthreads; i++) W->threads[i]->births.budget = H->volume;
#if MM_CHECK
  epoch_verify(H);
#endif
  H->cpu_ns += thread_cpu_ns() - cpu;
  H->wall_ns += wall_ns() - wall;
  world_resume(W, T);
  return true;
}

/* The last cells of the epoch's volume are used up, or the system has no more. */
static COLD void *alloc_in_next_epoch(Thr *T, size_t size, Obj *keep) {
  Heap *H = T->heap;
  Link root = {T->top, {keep}};
  T->top = &root;
  bool stressed = MM_CHECK && T->collect_every && T->until_collect == 0;
  if (stressed) T->until_collect = T->collect_every;
  if (stressed || births_done(&T->births)) end_epoch(T, false);
  void *p = births_get(&H->births, &T->births, size);
  for (int trace = 0; !p && trace < 2; trace++) {
    while (!end_epoch(T, trace)) {}
    p = births_get(&H->births, &T->births, size);
  }
  if (UNLIKELY(!p)) exhausted(H);
  T->top = root.prev;
  return p;
}

void *deferred_alloc_slow(Thr *T, size_t size, Obj *keep) {
  bool stressed = MM_CHECK && T->collect_every && T->until_collect == 0;
  void *p = stressed ? NULL : births_get_next(&T->births, size);
  return LIKELY(p) ? p : alloc_in_next_epoch(T, size, keep);
}

void mm_poll_slow(Thr *T) {
  world_wait(&T->heap->world, T);
  while (T->log.room > T->log.most) end_epoch(T, false);
}

void mm_share_slow(Thr *T, Obj **slot) { share_deep(T, &T->work, *slot); }

void mm_collect(Thr *T) {
  Heap *H = T->heap;
  while (!end_epoch(T, true)) {}
  BirthsThread *births[WORLD_THREADS];
  BirthsUse use = births_use(&H->births, births, all_births(H, births));
  H->live_objects = use.objects;
  H->live_bytes = use.bytes;
}

/* --- The heap ------------------------------------------------------------------------------------------------------------------------ */

static Int *immortals(void) {
  Int *small = system_new(IMMORTALS * sizeof *small);
  for (int i = 0; small && i < IMMORTALS; i++) {
    small[i].h.word = HDR_WORD(i == IMMORTAL_NONE ? KIND_NONE : i < IMMORTAL_INTS ? KIND_BOOL : KIND_INT, 0);
    small[i].h.count = COUNT_IMMORTAL;
    small[i].h.bits = OBJ_IMMORTAL | OBJ_SHARED;
    small[i].v = i < IMMORTAL_INTS ? i == IMMORTAL_TRUE : SMALL_INT_MIN + (i - IMMORTAL_INTS);
  }
  return small;
}

Heap *mm_open(const reclaim_config *config) {
  Heap *H = system_new(sizeof *H);
  if (!H) return NULL;
  const int64_t *t = config->tunables;
  H->config = config;
  H->small = immortals();
  if (!H->small) {
    system_free(H, sizeof *H);
    return NULL;
  }
  H->volume = (size_t)t[DEFERRED_EPOCH_BYTES];
  world_init(&H->world);
  births_init(&H->births, !MM_MALLOC && t[DEFERRED_CELLS]);
  epoch_init(&H->epoch, (unsigned)t[DEFERRED_COUNT_BITS]);
  backup_init(&H->backup, (unsigned)t[DEFERRED_TRACE_FACTOR]);
  return H;
}

void mm_close(Heap *H) {
  BirthsThread *births[WORLD_THREADS];
  births_destroy(&H->births, births, all_births(H, births));
  for (int i = 0; i < H->world.nthreads; i++) {
    Thr *T = H->world.threads[i];
    stack_free(&T->work);
    log_destroy(&T->log);
    system_free(T, sizeof *T);
  }
  epoch_destroy(&H->epoch);
  backup_destroy(&H->backup);
  world_destroy(&H->world);
  system_free(H->small, IMMORTALS * sizeof *H->small);
  system_free(H, sizeof *H);
}

static Thr *new_thread(Heap *H) {
  const int64_t *t = H->config->tunables;
  Thr *T = system_new(sizeof *T);
  if (!T) return NULL;
  T->heap = H;
  T->small = H->small;
  T->log.most = (size_t)t[DEFERRED_LOG_ENTRIES];
  births_attach(&T->births, &H->births, MM_MALLOC ? (uint32_t)t[DEFERRED_CELLS] : 0, exhausted, H);
#if MM_CHECK
  T->collect_every = T->until_collect = (uint32_t)t[DEFERRED_COLLECT_EVERY];
#endif
  T->births.budget = load_relaxed(&H->volume);
  if (world_attach(&H->world, T)) return T;
  system_free(T, sizeof *T);
  return NULL;
}

/* As a running thread, since whoever ends an epoch looks. */
static void set_left(Thr *T, bool left) {
  mm_blocking_end(T);
  T->left = left;
  mm_blocking_begin(T);
}

Thr *mm_attach(Heap *H, int index) {
  pthread_mutex_lock(&H->world.mutex);
  Thr *T = H->orphans;
  if (T) H->orphans = T->next_orphan;
  pthread_mutex_unlock(&H->world.mutex);
  if (T)
    set_left(T, false);
  else if (!(T = new_thread(H)))
    return NULL;
  T->index = index;
  return T;
}

/* What it made lives on, or is found dead at the end of the epoch. */
void mm_detach(Thr *T) {
  Heap *H = T->heap;
  set_left(T, true);
  pthread_mutex_lock(&H->world.mutex);
  T->next_orphan = H->orphans;
  H->orphans = T;
  pthread_mutex_unlock(&H->world.mutex);
}

/* --- Statistics ------------------------------------------------------------------------------------------------------------------------ */

void mm_stats(Heap *H, reclaim_stats *out) {
  const EpochCounts *n = &H->epoch.n;
  uint64_t parks = 0, objects = 0, units = 0;
  for (int i = 0; i < H->world.nthreads; i++) {
    Thr *T = H->world.threads[i];
    parks += T->parks;
    objects += T->log.objects;
    units += T->log.units;
    tallies_report(T, out);
  }
  out->collections = H->backup.traces;
  out->minor_collections = n->epochs;
  out->collector_wall_ns = H->wall_ns;
  out->collector_cpu_ns = H->cpu_ns;
  out->pauses = H->world.pauses;
  out->safepoints = H->world.safepoints;
  reclaim_counter counters[] = {
      {"epochs", n->epochs},
      {"born", n->born},
      {"never-counted", n->born - n->aged},
      {"died-counted", n->died},
      {"logged-objects", objects},
      {"logged-fields", units},
      {"unchanged-references", n->unchanged},
      {"increments", n->increments},
      {"decrements", n->decrements},
      {"zero-count-most", n->table_most},
      {"log-words-most", n->log_most},
      {"passed-references", n->passed},
      {"stuck-counts", n->stuck},
      {"trace-marked", H->backup.marked},
      {"trace-reclaimed", H->backup.reclaimed},
      {"trace-repaired", H->backup.repaired},
      {"trace-ns", H->backup.wall_ns},
      {"lock-parks", parks},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
  out->live_objects = H->live_objects;
  out->live_bytes = H->live_bytes;
#if MM_MALLOC
  out->committed_bytes = RECLAIM_NONE;
#else
  out->committed_bytes = chunks_committed(&H->births.chunks);
#endif
  out->allocated_bytes = RECLAIM_NONE; /* not counted on the way */
}

void mm_reset_stats(Heap *H) {
  memset(&H->epoch.n, 0, sizeof H->epoch.n);
  H->backup.traces = H->backup.marked = H->backup.reclaimed = H->backup.repaired = H->backup.wall_ns = 0;
  H->wall_ns = H->cpu_ns = 0;
  memset(&H->world.pauses, 0, sizeof H->world.pauses);
  memset(&H->world.safepoints, 0, sizeof H->world.safepoints);
  for (int i = 0; i < H->world.nthreads; i++) {
    Thr *T = H->world.threads[i];
    T->parks = T->log.objects = T->log.units = 0;
    tallies_reset(T);
  }
}
