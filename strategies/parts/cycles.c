/* cycles.c: see cycles.h. */
#include MM_STRATEGY_HEADER

#ifdef CYCLES_OF
#include "strategies/parts/cycles.h"
#include "strategies/parts/counting.h"
#include "strategies/parts/system.h"

#define SUBJECT_IS(o)      ((o)->lock & CYCLES_MEMBER)
#define SUBJECT_IS_LOST(o) ((o)->lock & CYCLES_LOST)
#define SUBJECT_LOSE(o)    ((void)((o)->lock |= CYCLES_LOST))
#define SUBJECT_FIND(o)    ((void)((o)->lock &= (uint8_t)~CYCLES_LOST))
#include "strategies/parts/subjects.h"

/* --- Logs ---------------------------------------------------------------------------------------------------------------------------- */

Obj cycles_nobody = {.word = KIND_FREE};

/* A container; a cell that was one's may be a leaf's now. */
INLINE bool is_container(const Obj *o) { return !cycles_is_dead(o) && !kind_is_leaf(o->kind); }
_Static_assert(KIND_COUNT <= 16, "no kind looks like the low byte of a link, a multiple of 16");

/* o, which is live, has its entry at `at` now; NULL: it has none. */
INLINE void entry_moved(Cycles *Y, Obj *o, Obj **at) {
#if MM_MALLOC
  *cycles_entry(o) = at ? at : &Y->nowhere;
#else
  (void)Y;
  if (UNLIKELY(!((uintptr_t)o & (UNIT_BYTES - 1))) && unit_of(o)->cell == 0) *cycles_entry(o) = at;
#endif
}

/* Leaves in v[0 .. n) each live container of generation `age` once, in order; returns how many. */
static size_t compact(Cycles *Y, Obj **v, size_t n, uint8_t age) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    Obj *o = v[i];
    if (!is_container(o) || o->lock != age) continue;
    o->lock |= CYCLES_MEMBER; /* seen */
    v[kept++] = o;
  }
  for (size_t i = 0; i < kept; i++) {
    v[i]->lock = age;
    entry_moved(Y, v[i], &v[i]);
  }
  return kept;
}

static void entries_moved(Cycles *Y, Obj **v, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (is_container(v[i])) entry_moved(Y, v[i], &v[i]);
}

static void older_push(Cycles *Y, Stack *log, Obj *o, uint8_t age) {
  if (UNLIKELY(log->n == log->cap)) {
    log->n = compact(Y, log->v, log->n, age);
    if (log->n >= log->cap / 2) {
      stack_grow(log);
      entries_moved(Y, log->v, log->n);
    }
  }
  entry_moved(Y, o, &log->v[log->n]);
  log->v[log->n++] = o;
}

static size_t young_entries(const Cycles *Y) { return (size_t)(Y->cur - Y->young); }
static size_t young_capacity(const Cycles *Y) { return (size_t)(Y->end - Y->young); }

static bool young_resize(Cycles *Y, size_t cap) {
  size_t n = young_entries(Y);
  Obj **v = system_new(cap * sizeof *v);
  if (!v) return false;
  if (n) memcpy(v, Y->young, n * sizeof *v);
  entries_moved(Y, v, n);
  system_free(Y->young, young_capacity(Y) * sizeof *v);
  Y->young = v;
  Y->end = v + cap;
  Y->cur = Y->counted = v + n;
  return true;
}

static void count_entries(Cycles *Y) {
  uint64_t n = young_entries(Y) + Y->older[0].n + Y->older[1].n;
  if (n > Y->stats.most_entries) Y->stats.most_entries = n;
}

/* --- When ---------------------------------------------------------------------------------------------------------------------------- */

static void make_due(Thr *T, Cycles *Y) {
  Y->due = true;
  cycles_enter(Y, &T->poll);
}

/* The log is full: of the dead first, then it gets more room. Where collections come only when they are asked for, and walk the pool,
   nobody reads it. */
static void young_make_room(Thr *T, Cycles *Y) {
  bool unread = !MM_MALLOC && !Y->threshold[0];
  count_entries(Y);
  Y->cur = Y->counted = Y->young + (unread ? 0 : compact(Y, Y->young, young_entries(Y), 0));
  if (young_entries(Y) <= young_capacity(Y) / 2) return;
  if (!young_resize(Y, 2 * young_capacity(Y)))
    T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "no memory for the log of young containers");
}

void cycles_full(Thr *T) {
  Cycles *Y = CYCLES_OF(T);
  cycles_take_count(Y);
  if (Y->threshold[0] && Y->count[0] > Y->threshold[0]) make_due(T, Y);
  if (Y->cur == Y->end) young_make_room(T, Y);
  cycles_set_limit(Y);
}

void cycles_track(Thr *T, Obj *t) {
  Cycles *Y = CYCLES_OF(T);
  t->lock = 0;
  Y->stats.tracked++;
  Y->apart++; /* its dict counted when it was made */
  entry_moved(Y, t, Y->cur);
  *Y->cur++ = t;
  if (UNLIKELY(Y->cur >= Y->limit)) cycles_full(T);
}

static uint64_t bytes_held(const Cycles *Y) {
#if MM_MALLOC
  return (uint64_t)Y->cells->bytes;
#else
  return chunks_committed(Y->chunks);
#endif
}

static void set_bytes_limit(Cycles *Y) {
  if (!Y->threshold_bytes) return;
  uint64_t held = bytes_held(Y);
  Y->bytes_limit = held + (held / 4 > Y->threshold_bytes ? held / 4 : Y->threshold_bytes);
}

void cycles_grew(Thr *T) {
  Cycles *Y = CYCLES_OF(T);
  if (bytes_held(Y) <= Y->bytes_limit || Y->collecting) return;
  Y->due_full = true;
  make_due(T, Y);
}

/* The oldest generation whose turn it is; -1: none's. */
static int whose_turn(Cycles *Y) {
  for (int g = CYCLES_OLDEST; g >= 0; g--) {
    if (Y->count[g] <= Y->threshold[g]) continue;
    if (g < CYCLES_OLDEST || Y->pending >= Y->total / 4) return g;
    Y->stats.put_off++;
  }
  return -1;
}

void cycles_poll(Thr *T) {
  Cycles *Y = CYCLES_OF(T);
  atomic_fetch_and_explicit(&T->poll, ~CYCLES_POLL, memory_order_relaxed);
  if (MM_CHECK && Y->collect_every && !Y->until_collect) {
    Y->until_collect = Y->collect_every;
    Y->due = Y->due_full = true;
  }
  if (!Y->due) return;
  cycles_take_count(Y);
  int g = Y->due_full ? CYCLES_OLDEST : whose_turn(Y);
  Y->due = Y->due_full = false;
  if (g >= 0)
    cycles_collect(T, g);
  else
    cycles_set_limit(Y); /* enough were freed meanwhile */
}

/* --- Members --------------------------------------------------------------------------------------------------------------------------- */

INLINE void join(Cycles *Y, Obj *o) {
  o->lock |= CYCLES_MEMBER;
  stack_push(&Y->members, o);
}
static void join_log(Cycles *Y, Obj *const *v, size_t n, uint8_t age) {
  for (size_t i = 0; i < n; i++)
    if (is_container(v[i]) && v[i]->lock == age) join(Y, v[i]); /* one that is in the log twice is a member already */
}

#if MM_MALLOC
static void join_all(Cycles *Y) {
  join_log(Y, Y->young, young_entries(Y), 0);
  join_log(Y, Y->older[0].v, Y->older[0].n, 1);
  join_log(Y, Y->older[1].v, Y->older[1].n, 2);
}
#else
static void join_unit(void *cycles, Unit *u) {
  if (!u->owner) return;
  size_t step = u->cell ? u->cell : u->bytes;
  char *end = u->cell ? u->carve : unit_base(u) + 1;
  for (char *p = unit_base(u); p < end; p += step) {
    Obj *o = (Obj *)p;
    if (is_container(o) && o->lock != CYCLES_UNTRACKED) join(cycles, o);
  }
}
static void join_all(Cycles *Y) { chunks_each(Y->chunks, join_unit, Y); }
#endif

static void gather(Cycles *Y, int generation) {
  Y->members.n = 0;
  if (generation == CYCLES_OLDEST) {
    join_all(Y);
    return;
  }
  join_log(Y, Y->young, young_entries(Y), 0);
  if (generation) join_log(Y, Y->older[0].v, Y->older[0].n, 1);
}

/* What the collection leaves of the logs; survivors enter them anew. */
static void empty_logs(Cycles *Y, int generation) {
  count_entries(Y);
  Y->cur = Y->counted = Y->young;
  if (generation > 0) Y->older[0].n = 0;
  if (generation > 1) Y->older[1].n = 0;
}

/* --- Collecting ------------------------------------------------------------------------------------------------------------------------ */

static inline void visit_count_off(void *unused, Obj **field) {
  (void)unused;
  Obj *o = *field;
  if (o && SUBJECT_IS(o)) o->count--;
}
/* What trash holds of members that live is counted on again: it is dropped with the trash. */
static inline void visit_count_on(void *unused, Obj **field) {
  (void)unused;
  Obj *o = *field;
  if (o && (o->lock & (CYCLES_MEMBER | CYCLES_LOST)) == CYCLES_MEMBER) o->count++;
}

static inline void visit_tracked(void *any, Obj **field) {
  const Obj *o = *field;
  /* A dict, whose table may be untracked, is tracked always: what is untracked here is a tuple, and stays so. */
  if (o && cycles_is_tracked(o)) *(bool *)any = true;
}
/* Whether o cannot be on a cycle from now on, or until it is told: see cycles.h. */
static bool is_to_be_untracked(Obj *o, int generation) {
  if (o->kind != KIND_TUPLE && (o->kind != KIND_TABLE || generation < CYCLES_OLDEST)) return false;
  bool any = false;
  obj_visit(o, visit_tracked, &any);
  return !any;
}

/* Survivors grow older, or are left alone from now on; returns how many stay tracked. */
static size_t settle(Cycles *Y, Obj **v, size_t n, int generation) {
  uint8_t age = generation < CYCLES_OLDEST ? (uint8_t)(generation + 1) : CYCLES_OLDEST;
  Stack *log = age < CYCLES_OLDEST ? &Y->older[0] : MM_MALLOC ? &Y->older[1] : NULL;
  size_t tracked = 0;
  for (size_t i = 0; i < n; i++) {
    Obj *o = v[i];
    if (is_to_be_untracked(o, generation)) {
      o->lock = CYCLES_UNTRACKED;
      entry_moved(Y, o, NULL);
      continue;
    }
    tracked++;
    o->lock = age;
    if (log)
      older_push(Y, log, o, age);
    else
      entry_moved(Y, o, NULL);
  }
  Y->stats.untracked += n - tracked;
  return tracked;
}

static void count_collection(Cycles *Y, int generation, size_t survivors) {
  Y->stats.collections[generation]++;
  if (generation < CYCLES_OLDEST) Y->count[generation + 1]++;
  for (int g = 0; g <= generation; g++) Y->count[g] = 0;
  if (generation == CYCLES_OLDEST - 1) Y->pending += survivors;
  if (generation == CYCLES_OLDEST) {
    Y->total = survivors;
    Y->pending = 0;
  }
}

void cycles_collect(Thr *T, int generation) {
  Cycles *Y = CYCLES_OF(T);
  stopwatch_start(&Y->watch);
  Y->collecting = true;
  gather(Y, generation);
  Obj **v = Y->members.v;
  size_t n = Y->members.n;
  if (n > STOPWATCH_LONG) stopwatch_long(&Y->watch);
  for (size_t i = 0; i < n; i++) {
    subjects_ahead(v, i, n, 1);
    subject_visit(v[i], visit_count_off, NULL);
  }
  size_t trash = subjects_sift(v, n, true, &Y->found);
  for (size_t i = 0; i < trash; i++) {
    obj_visit(v[i], visit_count_on, NULL);
    entry_moved(Y, v[i], NULL);
  }
  empty_logs(Y, generation);
  count_collection(Y, generation, settle(Y, v + trash, n - trash, generation));
  Y->due = Y->due_full = false;
  subjects_verify(T, v + trash, n - trash);
  count_free_trash(T, v, trash);
  Y->collecting = false;
  Y->stats.examined += n;
  Y->stats.trash += trash;
  if (generation == CYCLES_OLDEST) set_bytes_limit(Y);
  cycles_set_limit(Y);
  uint64_t took = stopwatch_stop(&Y->watch);
  if (took > Y->stats.longest_ns) Y->stats.longest_ns = took;
  histogram_add(&Y->pauses, took);
}

/* --- The heap's ------------------------------------------------------------------------------------------------------------------------- */

void cycles_forget_dead(Cycles *Y) {
  cycles_take_count(Y);
  Y->cur = Y->counted = Y->young + compact(Y, Y->young, young_entries(Y), 0);
  Y->older[0].n = compact(Y, Y->older[0].v, Y->older[0].n, 1);
  cycles_set_limit(Y);
}

/* Beyond what makes a collection due, a young log has room for the dead and for what is there twice. */
enum { LOG_SPARE = 2048, LOG_MOST = 1 << 20 };

bool cycles_init(Cycles *Y, Cells *cells, Chunks *chunks, const int64_t thresholds[CYCLES_GENERATIONS], int64_t bytes) {
  Y->cells = cells;
  Y->chunks = chunks;
  for (int g = 0; g < CYCLES_GENERATIONS; g++) Y->threshold[g] = (uint64_t)thresholds[g];
  Y->threshold_bytes = (uint64_t)bytes;
  Y->bytes_limit = INT64_MAX;
  set_bytes_limit(Y);
  size_t room = 2 * (size_t)thresholds[0] < LOG_MOST ? 2 * (size_t)thresholds[0] : LOG_MOST;
  if (!young_resize(Y, room + LOG_SPARE)) return false;
  cycles_set_limit(Y);
  return true;
}

void cycles_destroy(Cycles *Y) {
  system_free(Y->young, young_capacity(Y) * sizeof *Y->young);
  stack_free(&Y->older[0]);
  stack_free(&Y->older[1]);
  stack_free(&Y->members);
  stack_free(&Y->found);
}

void cycles_report(const Cycles *Y, reclaim_stats *out) {
  const CyclesStats *s = &Y->stats;
  out->collections = s->collections[CYCLES_OLDEST];
  out->minor_collections = s->collections[0] + s->collections[1];
  out->collector_wall_ns = Y->watch.wall_ns;
  out->collector_cpu_ns = Y->watch.cpu_ns;
  histogram_merge(&out->pauses, &Y->pauses);
  size_t logs = young_capacity(Y) + Y->older[0].cap + Y->older[1].cap + Y->members.cap + Y->found.cap;
  if (out->committed_bytes != RECLAIM_NONE) out->committed_bytes += logs * sizeof(Obj *);
  reclaim_counter counters[] = {
      {"collections-0", s->collections[0]},  {"collections-1", s->collections[1]}, {"collections-2", s->collections[2]},
      {"put-off-collections", s->put_off},   {"examined-objects", s->examined},    {"cyclic-trash", s->trash},
      {"untracked-objects", s->untracked},   {"tracked-again", s->tracked},        {"longest-collection-ns", s->longest_ns},
      {"most-log-entries", s->most_entries},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
}

void cycles_reset(Cycles *Y) {
  memset(&Y->stats, 0, sizeof Y->stats);
  memset(&Y->pauses, 0, sizeof Y->pauses);
  stopwatch_reset(&Y->watch);
}
#endif
