/* work.c: see work.h; and the descriptor, the one symbol that the shared object exports. */
#include "runtime/work.h"

#include <pthread.h>
#include <stdlib.h>

/* What the threads of one heap meet at. */
typedef struct WorkShared {
  pthread_barrier_t barrier;
  bool audited; /* the last run was an audit: what it counted at the fullest point is what `stats` says lives */
  uint64_t live_objects, live_bytes;
} WorkShared;

void *work_memory(Thr *T, size_t bytes) {
  void *p = calloc(1, bytes);
  if (!p) T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "no memory for the workload's own books");
  return p;
}

void work_barrier(Thr *T, Work *w) {
  mm_epoch(T);
  if (w->threads == 1) return;
  mm_blocking_begin(T);
  pthread_barrier_wait(&T->heap->work->barrier);
  mm_blocking_end(T);
}

void work_hold(Thr *T, Work *w) {
  if (LIKELY(!w->audit)) return;
  mm_epoch(T);
  WorkShared *s = T->heap->work;
  /* One blocking region for both barriers: whoever collects finds all others blocked. */
  mm_blocking_begin(T);
  pthread_barrier_wait(&s->barrier);
  if (w->index == 0) {
    mm_blocking_end(T);
    mm_collect(T);
    mm_epoch(T);
    s->audited = true;
    s->live_objects = T->heap->live_objects;
    s->live_bytes = T->heap->live_bytes;
    mm_blocking_begin(T);
  }
  pthread_barrier_wait(&s->barrier);
  mm_blocking_end(T);
}

struct WorkThread {
  pthread_t id;
  Heap *heap;
  Work work;
  WorkBody *body;
  void *arg;
};

static void *work_thread(void *arg) {
  WorkThread *t = arg;
  Thr *T = mm_attach(t->heap, t->work.index);
  if (!T) t->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "no memory for a thread of the workload");
  mm_blocking_end(T);
  t->body(T, &t->work, t->arg);
  mm_blocking_begin(T);
  mm_detach(T);
  return NULL;
}

WorkThread *work_start(Thr *T, Work *w, int draws, WorkBody *body, void *arg) {
  mm_epoch(T);
  WorkThread *t = work_memory(T, sizeof *t);
  *t = (WorkThread){.heap = T->heap, .work = *w, .body = body, .arg = arg};
  t->work.rng = rng_of_thread(w->seed, draws);
  t->work.operations = t->work.checksum = t->work.cyclic_nodes = 0;
  if (pthread_create(&t->id, NULL, work_thread, t))
    T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused a thread of the workload");
  return t;
}

void work_end(Thr *T, Work *w, WorkThread *t) {
  mm_epoch(T);
  mm_blocking_begin(T);
  pthread_join(t->id, NULL);
  mm_blocking_end(T);
  w->operations += t->work.operations;
  w->checksum += t->work.checksum;
  w->cyclic_nodes += t->work.cyclic_nodes;
  free(t);
}

void work_publish(Thr *T, Work *w, int i, Slot *x) {
  (void)w;
  om_share(T, x);
  T->heap->globals[i] = field_in_slot(T, OWNING_FIELDS, x);
}

Own work_global(Thr *T, Work *w, int i) {
  (void)w;
  mm_retain0(T, T->heap->globals[i]);
  return own_copied(T, T->heap->globals[i]);
}

Own work_retract(Thr *T, Work *w, int i) {
  (void)w;
  Obj *o = T->heap->globals[i];
  T->heap->globals[i] = NULL;
  return own_mk(T, o);
}

/* --- The descriptor ----------------------------------------------------------------------------------------------------------- */

#ifndef MM_PACK
#define MM_PACK ""
#endif
#ifndef MM_SOURCE
#define MM_SOURCE ""
#endif

extern const Workload *const __start_reclaim_workloads[], *const __stop_reclaim_workloads[];
enum { WORKLOADS_MAX = 256 };
static const reclaim_workload *workloads[WORKLOADS_MAX];

static reclaim_heap *entry_open(const reclaim_config *config) {
  stack_exhausted = config->fail;
  Heap *H = mm_open(config);
  if (!H) return NULL;
  H->work = calloc(1, sizeof *H->work);
  if (!H->work || pthread_barrier_init(&H->work->barrier, NULL, (unsigned)config->threads)) {
    free(H->work);
    mm_close(H);
    return NULL;
  }
  return (reclaim_heap *)H;
}

static void entry_close(reclaim_heap *h) {
  Heap *H = (Heap *)h;
  pthread_barrier_destroy(&H->work->barrier);
  free(H->work);
  mm_close(H);
}

static reclaim_thread *entry_attach(reclaim_heap *h, int index) { return (reclaim_thread *)mm_attach((Heap *)h, index); }
static void entry_detach(reclaim_thread *t) { mm_detach((Thr *)t); }

static void entry_run(reclaim_thread *t, uint32_t iteration, bool audit, reclaim_result *out) {
  Thr *T = (Thr *)t;
  const reclaim_config *c = T->heap->config;
  Work w = {
      .p = c->params,
      .threads = c->threads,
      .index = T->index,
      .sharing = c->sharing,
      .iteration = iteration,
      .audit = audit,
      .seed = c->seed,
      .rng = rng_of_thread(c->seed, T->index),
  };
  mm_blocking_end(T);
  ((const Workload *)c->workload)->run(T, &w);
  mm_blocking_begin(T);
  *out = (reclaim_result){w.operations, w.checksum, w.cyclic_nodes};
}

static void entry_collect(reclaim_thread *t) {
  Thr *T = (Thr *)t;
  mm_blocking_end(T);
  mm_collect(T);
  T->heap->work->audited = false;
  mm_blocking_begin(T);
}

static void entry_stats(reclaim_heap *h, reclaim_stats *out) {
  memset(out, 0, sizeof *out);
  Heap *H = (Heap *)h;
  mm_stats(H, out);
  if (!H->work->audited) return;
  out->live_objects = H->work->live_objects;
  out->live_bytes = H->work->live_bytes;
}
static void entry_reset(reclaim_heap *h) { mm_reset_stats((Heap *)h); }

static reclaim_strategy descriptor = {
    .abi = RECLAIM_ABI,
    .size = sizeof(reclaim_strategy),
    .name = MM_STRATEGY_NAME,
    .summary = mm_summary,
    .flavour = MM_MALLOC ? "malloc" : "pool",
    .build = MM_BUILD,
    .pack = MM_PACK,
    .source = MM_SOURCE,
    .capabilities = (MM_MOVES ? RECLAIM_MOVES : 0) | (MM_COUNTS_LOCALS ? RECLAIM_COUNTS_LOCALS : 0) |
                    (MM_COUNTS_HEAP ? RECLAIM_COUNTS_HEAP : 0) | (MM_CHAINS_SLOTS ? RECLAIM_CHAINS_SLOTS : 0) |
                    (MM_SHARES_HEAP ? RECLAIM_SHARES_HEAP : 0) | (MM_RECLAIMS_CYCLES ? RECLAIM_RECLAIMS_CYCLES : 0) |
                    (MM_HEAP_LIMITED ? RECLAIM_HEAP_LIMIT : 0) | (MM_PARALLEL ? RECLAIM_PARALLEL : 0) |
                    (MM_RECLAIMS ? RECLAIM_RECLAIMS : 0) | (MM_UNIQUE_OWNERS ? RECLAIM_UNIQUE_OWNERS : 0) |
                    (MM_CONSERVATIVE ? RECLAIM_CONSERVATIVE : 0),
    .checked = MM_CHECK,
    .counting = MM_COUNTING,
    .tunables = mm_tunables,
    .workloads = workloads,
    .open = entry_open,
    .close = entry_close,
    .attach = entry_attach,
    .detach = entry_detach,
    .run = entry_run,
    .collect = entry_collect,
    .stats = entry_stats,
    .reset_stats = entry_reset,
};

__attribute__((visibility("default"))) const reclaim_strategy *reclaim_strategy_descriptor(void) {
  descriptor.ntunables = mm_ntunables;
  descriptor.nworkloads = 0;
  for (const Workload *const *w = __start_reclaim_workloads;
       w < __stop_reclaim_workloads && descriptor.nworkloads < WORKLOADS_MAX; w++)
    workloads[descriptor.nworkloads++] = &(*w)->facts;
  return &descriptor;
}
