/* traced-heap.h: the bodies that go with traced.h, included once by each tracing strategy's .c file, after its header. */
#include <stdlib.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/share.h"
#include "strategies/parts/system.h"
#include "strategies/parts/traced.h"

/* A heap that grows: the next full collection comes when it holds twice what survived the last, or half of that more than it holds now
   (holes of other size classes do not help the class that is short), and not below GROW_MIN. */
enum { GROW_MIN = 16 << 20 };
static uint64_t grown_limit(Heap *H) {
  uint64_t live = H->live_bytes, more = live / 2 > GROW_MIN / 2 ? live / 2 : GROW_MIN / 2;
  uint64_t limit = chunks_committed(&H->mature.chunks) + more;
  if (limit < 2 * live) limit = 2 * live;
  return limit > GROW_MIN ? limit : GROW_MIN;
}

#if MM_CHECK
#define TRACED_STRESS_TUNABLE                                                                                                    \
  , { "collect-every", "collect at every n-th allocation of a thread; 0: never (checked builds only)", "", 0, 0, 1 << 20, NULL }
#else
#define TRACED_STRESS_TUNABLE
#endif
#ifdef RECLAIM_PARTS_REGION_H /* lines are swept before the world goes on */
#define TRACED_SWEEP_TUNABLE
#define TRACED_SWEEP(t) 0
#else
#define TRACED_SWEEP_TUNABLE                                                                                                     \
  , { "sweep-blocks", "blocks that a thread takes at a time to be swept as it allocates", "", 1, 1, 64, NULL }
#define TRACED_SWEEP(t) ((unsigned)(t)[TRACED_SWEEP_BLOCKS])
#endif
#define TRACED_TUNABLES                                                                                                          \
  {"huge-pages", "ask the system for huge pages for blocks", "", 0, 0, 1, NULL},                                                 \
      {"prefetch", "objects between a prefetch and the look at its target while marking; 0: none", "", 64, 0, TRACE_RING_MAX,    \
       NULL},                                                                                                                    \
      {"mark-stack", "objects that the mark stack holds; what finds no room is found again by scanning its block",               \
       "",           1 << 22,                                                                                                    \
       64,           1 << 28,                                                                                                    \
       NULL} TRACED_SWEEP_TUNABLE TRACED_STRESS_TUNABLE

static Heap *traced_open(const reclaim_config *config, enum space_marks marks) {
  Heap *H = system_new(sizeof *H);
  if (!H) return NULL;
  H->config = config;
  H->hard_limit = config->heap_limit_bytes;
  world_init(&H->world);
  const int64_t *t = config->tunables;
  if (!crew_open(&H->crew, config->collector_threads)) {
    world_destroy(&H->world);
    system_free(H, sizeof *H);
    return NULL;
  }
  SpaceConfig space = {
      .crew = &H->crew,
      .limit = H->hard_limit ? H->hard_limit : GROW_MIN,
      .stack = (size_t)t[TRACED_MARK_STACK],
      .prefetch = (unsigned)t[TRACED_PREFETCH],
      .sweep_blocks = TRACED_SWEEP(t),
      .marks = marks,
      .huge_pages = t[TRACED_HUGE_PAGES],
  };
  if (!TRACED_SPACE(init)(&H->mature, &space)) {
    TRACED_SPACE(destroy)(&H->mature);
    crew_close(&H->crew);
    world_destroy(&H->world);
    system_free(H, sizeof *H);
    return NULL;
  }
  H->small = H->mature.immortals;
  return H;
}

static void traced_close(Heap *H) {
  for (int i = 0; i < H->world.nthreads; i++) {
    stack_free(&H->world.threads[i]->work);
    system_free(H->world.threads[i], sizeof(Thr));
  }
  TRACED_SPACE(destroy)(&H->mature);
  crew_close(&H->crew);
  world_destroy(&H->world);
  system_free(H, sizeof *H);
}

/* A handle: an orphan's, for which *adopted is set, or a new one, of which `prepare` sets what the strategy needs before a collection
   can see it (false: no memory). */
static Thr *traced_attach(Heap *H, int index, bool (*prepare)(Heap *, Thr *), bool *adopted) {
  pthread_mutex_lock(&H->world.mutex);
  Thr *T = H->orphans;
  if (T) H->orphans = T->next_orphan;
  pthread_mutex_unlock(&H->world.mutex);
  *adopted = T != NULL;
  if (!T) {
    T = system_new(sizeof *T);
    if (!T) return NULL;
    T->heap = H;
    T->small = H->small;
#if MM_CHECK
    T->collect_every = T->until_collect = (uint32_t)H->config->tunables[TRACED_COLLECT_EVERY];
#endif
    if ((prepare && !prepare(H, T)) || !world_attach(&H->world, T)) {
      system_free(T, sizeof *T);
      return NULL;
    }
  }
  T->index = index;
  return T;
}

/* T is blocked. Its blocks keep what it made; their free cells are found by the next collection. */
static void traced_detach(Thr *T) {
  Heap *H = T->heap;
  mm_blocking_end(T); /* as a running thread, since whoever collects looks */
  T->top = NULL;
  mm_blocking_begin(T);
  pthread_mutex_lock(&H->world.mutex);
  T->next_orphan = H->orphans;
  H->orphans = T;
  pthread_mutex_unlock(&H->world.mutex);
}

/* Roots: the slots of each thread, and the globals. */
static void traced_portion(void *ctx, unsigned k, void (*visit)(void *worker, Obj **field), void *worker) {
  Heap *H = ctx;
  if (k < (unsigned)H->world.nthreads)
    for (Link *l = H->world.threads[k]->top; l; l = l->prev) visit(worker, &l->s.p_);
  else
    for (int i = 0; i < GLOBAL_ROOTS; i++) visit(worker, &H->globals[i]);
}

/* Marks from all roots and settles the space. The world is stopped. `more`: what has runs
   besides mutators, at most CREW_MAX. For `guests` and `marked` see space.h; their ctx is the heap. */
static void traced_mark(Heap *H, TracedThread *more[], int nmore,
                        void (*guests)(void *ctx, void (*f)(void *arg, Chunk *, char *from, char *to), void *arg),
                        void (*marked)(void *ctx)) {
  TracedThread *threads[WORLD_THREADS + CREW_MAX];
  World *W = &H->world;
  for (int i = 0; i < W->nthreads; i++) threads[i] = &W->threads[i]->space;
  for (int i = 0; i < nmore; i++) threads[W->nthreads + i] = more[i];
  SpaceRoots roots = {H, traced_portion, (unsigned)W->nthreads + 1, guests, marked};
  TRACED_SPACE(collect)(&H->mature, threads, W->nthreads + nmore, &roots);
  H->live_objects = H->mature.live_objects;
  H->live_bytes = H->mature.live_bytes;
  H->collections++;
}

/* CPU time of collector work, the calling thread's and that of helpers, since some moment. */
static uint64_t collector_clock(Heap *H) { return thread_cpu_ns() + load_relaxed(&H->crew.cpu_ns); }

static void traced_stats(Heap *H, reclaim_stats *out) {
  out->collections = H->collections;
  out->collector_wall_ns = H->collector_wall_ns;
  out->collector_cpu_ns = H->collector_cpu_ns;
  out->pauses = H->world.pauses;
  out->safepoints = H->world.safepoints;
  uint64_t parks = 0;
  for (int i = 0; i < H->world.nthreads; i++) {
    parks += H->world.threads[i]->parks;
    tallies_report(H->world.threads[i], out);
  }
  TraceTotals traced = trace_totals(&H->mature.tracer);
  reclaim_counter counters[] = {
      {"mark-ns", H->mature.mark_ns},
      {"settle-ns", H->mature.sweep_ns},
      {"marked-objects", H->mature.marked},
      {"swept-blocks", load_relaxed(&H->mature.swept)},
      {"mark-stack-deepest", traced.deepest},
      {"mark-stack-overflows", traced.spills},
      {"mark-steals", traced.steals},
      {"mark-stolen", traced.stolen},
      {"mark-parts", traced.pieces},
      {"helpers-joined", load_relaxed(&H->crew.joined) - H->joined_before},
      {"lock-parks", parks},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
  out->live_objects = H->live_objects;
  out->live_bytes = H->live_bytes;
  out->committed_bytes = chunks_committed(&H->mature.chunks);
  out->allocated_bytes = RECLAIM_NONE; /* not counted on the way */
}

static void traced_reset(Heap *H) {
  H->collections = H->collector_wall_ns = H->collector_cpu_ns = 0;
  H->joined_before = load_relaxed(&H->crew.joined);
  TRACED_SPACE(reset_counters)(&H->mature);
  memset(&H->world.pauses, 0, sizeof H->world.pauses);
  memset(&H->world.safepoints, 0, sizeof H->world.safepoints);
  for (int i = 0; i < H->world.nthreads; i++) {
    H->world.threads[i]->parks = 0;
    tallies_reset(H->world.threads[i]);
  }
}
