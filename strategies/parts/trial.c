/* trial.c: see trial.h. */
#include MM_STRATEGY_HEADER

#ifdef TRIAL_OF
#include "strategies/parts/trial.h"
#include "strategies/parts/counting.h"

/* Everything but a leaf that a touched object holds is touched. */
#define SUBJECT_IS(o)      (trial_tag(o) != TRIAL_NEVER)
#define SUBJECT_IS_LOST(o) (trial_tag(o) & TRIAL_LOST)
#define SUBJECT_LOSE(o)    trial_set_tag(o, TRIAL_TOUCHED | TRIAL_LOST)
#define SUBJECT_FIND(o)    trial_set_tag(o, TRIAL_TOUCHED)
#include "strategies/parts/subjects.h"

/* --- The buffer ------------------------------------------------------------------------------------------------------------------ */

/* References that are looked through before an object is recorded. */
enum { FEW = 4 };

static bool all_never(Obj *const *v, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (v[i] && trial_tag(v[i]) != TRIAL_NEVER) return false;
  return true;
}

/* Whether o is certain to be on no cycle now: it holds no container. */
static bool holds_leaves_only(const Obj *o) {
  switch (o->kind) {
  case KIND_NODE: return o->n <= FEW && all_never(((const Node *)o)->e, o->n);
  case KIND_GEN: return o->n <= FEW && all_never(((const Gen *)o)->refs, o->n);
  case KIND_DICT: return trial_tag(&((const Dict *)o)->table->h) == TRIAL_NEVER;
  case KIND_LIST: return ((const List *)o)->arr->len == 0;
  case KIND_TUPLE:
  case KIND_ARRAY: return ((const Array *)o)->len <= FEW && all_never(((const Array *)o)->v, ((const Array *)o)->len);
  default: return false;
  }
}

static uint32_t place_tag(size_t i) { return 1 + (uint32_t)(i / TRIAL_LINE % TRIAL_LINES); }

void trial_record(Thr *T, Obj *o) {
  Trial *R = TRIAL_OF(T);
  if (holds_leaves_only(o)) {
    R->stats.passed++;
    if (o->kind == KIND_TUPLE) trial_set_tag(o, TRIAL_NEVER); /* it never holds anything else */
    return;
  }
  R->stats.recorded++;
  trial_set_tag(o, place_tag(R->roots.n));
  stack_push(&R->roots, o);
  if (UNLIKELY(R->roots.n >= R->threshold)) atomic_fetch_or_explicit(&T->poll, TRIAL_POLL, memory_order_relaxed);
}

void trial_forget(Thr *T, Obj *o) {
  Trial *R = TRIAL_OF(T);
  Obj **v = R->roots.v;
  size_t i = (size_t)(trial_tag(o) - 1) * TRIAL_LINE;
  while (v[i] != o) i += i % TRIAL_LINE == TRIAL_LINE - 1 ? TRIAL_SPAN - TRIAL_LINE + 1 : 1;
  R->stats.forgotten++;
  Obj *last = v[--R->roots.n];
  v[i] = last;
  trial_set_tag(last, place_tag(i));
  trial_set_tag(o, 0);
}

bool trial_is_binary(Thr *T, Obj *o) {
  if ((o->word & ~(uint64_t)TRIAL_MASK) != HDR_WORD(KIND_NODE, 2)) return false;
  trial_dying(T, o);
  return true;
}

/* --- Collecting -------------------------------------------------------------------------------------------------------------------- */

/* Counting off. `counts` sums the counts of all that are touched, as they were. */
typedef struct Touching {
  Stack *touched, *pending;
  uint64_t references, counts;
} Touching;

INLINE void touch(Touching *t, Obj *o) {
  trial_set_tag(o, TRIAL_TOUCHED);
  stack_push(t->touched, o);
}
static inline void visit_touch(void *touching, Obj **field) {
  Touching *t = touching;
  Obj *o = *field;
  if (!o) return;
  uint32_t tag = trial_tag(o);
  if (tag == TRIAL_NEVER) return;
  t->references++;
  if (!tag) {
    t->counts += o->count;
    touch(t, o);
    stack_push(t->pending, o);
  }
  o->count--;
}

/* Everything that the roots reach, each once, counts reduced. In depth, which is the order in which most structures lie in memory. */
static bool touch_all(Trial *R) {
  Touching t = {.touched = &R->touched, .pending = &R->found};
  size_t n = R->roots.n, followed = 0;
  R->touched.n = R->roots.n = 0;
  for (size_t i = 0; i < n; i++) {
    t.counts += R->roots.v[i]->count;
    touch(&t, R->roots.v[i]);
  }
  for (size_t i = 0; i < n; i++) {
    stack_push(t.pending, R->roots.v[i]);
    while (t.pending->n) {
      subject_visit(t.pending->v[--t.pending->n], visit_touch, &t);
      if (UNLIKELY(++followed == STOPWATCH_LONG)) stopwatch_long(&R->watch);
    }
  }
  return t.references == t.counts; /* nothing is held from outside: all is trash (Nim's ORC has this short cut) */
}

void trial_collect(Thr *T) {
  Trial *R = TRIAL_OF(T);
  if (!R->roots.n) return;
  TrialStats *S = &R->stats;
  stopwatch_start(&R->watch);
  if (R->roots.n > S->most_roots) S->most_roots = R->roots.n;
  bool all_trash = touch_all(R);
  Obj **v = R->touched.v;
  size_t n = R->touched.n, trash = all_trash ? n : subjects_sift(v, n, false, &R->found);
  for (size_t i = trash; i < n; i++) trial_set_tag(v[i], 0);
  subjects_verify(T, v + trash, n - trash);
  count_free_trash(T, v, trash);
  S->collections++;
  S->all_trash += all_trash;
  S->examined += n;
  S->freed += trash;
  histogram_add(&R->pauses, stopwatch_stop(&R->watch));
}

/* A collection that came by itself: was it worth it? */
static void adapt(Trial *R, uint64_t examined, uint64_t freed) {
  if (freed * 2 < examined)
    R->threshold += R->threshold / 2 + 1;
  else if (freed < examined)
    R->threshold = R->threshold / 3 * 2 > R->least ? R->threshold / 3 * 2 : R->least;
}

void trial_poll(Thr *T) {
  Trial *R = TRIAL_OF(T);
  atomic_fetch_and_explicit(&T->poll, ~TRIAL_POLL, memory_order_relaxed);
  if (MM_CHECK && R->collect_every && !R->until_collect) {
    R->until_collect = R->collect_every;
    trial_collect(T);
  }
  if (R->roots.n < R->threshold) return; /* not any more: the dead have been forgotten */
  uint64_t examined = R->stats.examined, freed = R->stats.freed;
  trial_collect(T);
  if (R->adapts) adapt(R, R->stats.examined - examined, R->stats.freed - freed);
}

void trial_free(Trial *R) {
  stack_free(&R->roots);
  stack_free(&R->touched);
  stack_free(&R->found);
}

void trial_report(const Trial *R, TrialStats *sum, reclaim_stats *out) {
  const TrialStats *s = &R->stats;
  sum->collections += s->collections;
  sum->all_trash += s->all_trash;
  sum->recorded += s->recorded;
  sum->forgotten += s->forgotten;
  sum->passed += s->passed;
  sum->examined += s->examined;
  sum->freed += s->freed;
  if (s->most_roots > sum->most_roots) sum->most_roots = s->most_roots;
  out->collections += s->collections;
  out->collector_wall_ns += R->watch.wall_ns;
  out->collector_cpu_ns += R->watch.cpu_ns;
  histogram_merge(&out->pauses, &R->pauses);
}

void trial_reset(Trial *R) {
  memset(&R->stats, 0, sizeof R->stats);
  memset(&R->pauses, 0, sizeof R->pauses);
  stopwatch_reset(&R->watch);
}
#endif
