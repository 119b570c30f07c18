/* hand-generators.c: generators by hand: a frame is a struct that begins with the function which resumes it and the one which ends it;
   a stage owns the stage before it. */
#include "experiments/rivals/hand.h"

#include "workloads/generators.c"

/* --- Frames -------------------------------------------------------------------------------------------------------------------------- */

typedef struct Frame Frame;
struct Frame {
  Box *(*next)(Thr *, Frame *); /* NULL: there is no more, now and ever */
  void (*end)(Thr *, Frame *);  /* frees the frame and what it owns */
};

typedef struct Range {
  Frame f;
  int64_t at, stop;
} Range;
static Box *range_step(Thr *T, Frame *f) {
  Range *r = (Range *)f;
  if (r->at == r->stop) return NULL;
  return box_new(T, r->at++);
}
static void range_end(Thr *T, Frame *f) { hand_free(T, f, sizeof(Range)); }

typedef struct Mapped {
  Frame f;
  Frame *inner;
} Mapped;
static Box *mapped_step(Thr *T, Frame *f) {
  Frame *inner = ((Mapped *)f)->inner;
  Box *b = inner->next(T, inner);
  return b ? box_new(T, mapped(box_take(T, b))) : NULL;
}
static void mapped_end(Thr *T, Frame *f) {
  Frame *inner = ((Mapped *)f)->inner;
  hand_free(T, f, sizeof(Mapped));
  inner->end(T, inner);
}

typedef struct Filtered {
  Frame f;
  Frame *inner;
  int64_t left;
} Filtered;
static Box *filtered_step(Thr *T, Frame *f) {
  Filtered *g = (Filtered *)f;
  for (Box *b; (b = g->inner->next(T, g->inner)); box_free(T, b)) {
    if (g->left--) return b;
    g->left = FILTER_OUT - 1;
  }
  return NULL;
}
static void filtered_end(Thr *T, Frame *f) {
  Frame *inner = ((Filtered *)f)->inner;
  hand_free(T, f, sizeof(Filtered));
  inner->end(T, inner);
}

typedef struct Chain {
  Frame f;
  size_t at, n;
  Frame *inner[];
} Chain;
static Box *chain_step(Thr *T, Frame *f) {
  Chain *c = (Chain *)f;
  for (; c->at < c->n; c->at++) {
    Frame *inner = c->inner[c->at];
    Box *b = inner->next(T, inner);
    if (b) return b;
    inner->end(T, inner);
  }
  return NULL;
}
static void chain_end(Thr *T, Frame *f) {
  Chain *c = (Chain *)f;
  for (size_t i = c->at; i < c->n; i++) c->inner[i]->end(T, c->inner[i]);
  hand_free(T, c, sizeof *c + c->n * sizeof *c->inner);
}

static Frame *branch_make(Thr *T, Work *w, int64_t first) {
  Range *r = hand_new(T, sizeof *r);
  *r = (Range){{range_step, range_end}, first, first + w->p[P_ITEMS]};
  Frame *f = &r->f;
  for (int64_t i = 0; i < w->p[P_STAGES]; i++) {
    Mapped *m = hand_new(T, sizeof *m);
    *m = (Mapped){{mapped_step, mapped_end}, f};
    Filtered *g = hand_new(T, sizeof *g);
    *g = (Filtered){{filtered_step, filtered_end}, &m->f, FILTER_OUT - 1};
    f = &g->f;
  }
  return f;
}

static Frame *pipeline_make(Thr *T, Work *w, int64_t first) {
  size_t n = (size_t)w->p[P_CHAIN];
  if (n == 1) return branch_make(T, w, first);
  Chain *c = hand_new(T, sizeof *c + n * sizeof *c->inner);
  *c = (Chain){{chain_step, chain_end}, 0, n};
  for (size_t i = 0; i < n; i++) c->inner[i] = branch_make(T, w, first + (int64_t)i * w->p[P_ITEMS]);
  return &c->f;
}

static int64_t pull_by_hand(Thr *T, Frame *f, int64_t quantum, int64_t *sum) {
  int64_t n = 0;
  for (Box *b; n < quantum && (b = f->next(T, f)); n++) *sum += box_take(T, b);
  return n;
}

/* --- The twin ------------------------------------------------------------------------------------------------------------------------ */

static Vec *vec_of_source(Thr *T, Work *w, int64_t first) {
  Vec *l = vec_new(T, 0);
  for (int64_t i = 0; i < w->p[P_ITEMS]; i++) vec_push(T, l, box_new(T, first + i));
  return l;
}

static Vec *vec_mapped(Thr *T, const Vec *of) {
  Vec *l = vec_new(T, 0);
  for (size_t i = 0; i < of->len; i++) vec_push(T, l, box_new(T, mapped(((const Box *)of->v[i])->v)));
  return l;
}

/* Passes what it lets through on to the new vector, and ends the rest with the old one. */
static Vec *vec_filtered(Thr *T, Vec *of_taken) {
  Vec *l = vec_new(T, 0);
  for (size_t i = 0; i < of_taken->len; i++) {
    if ((i + 1) % FILTER_OUT)
      vec_push(T, l, of_taken->v[i]);
    else
      box_free(T, of_taken->v[i]);
  }
  vec_free(T, of_taken);
  return l;
}

static Vec *vec_of_branch(Thr *T, Work *w, int64_t first) {
  Vec *l = vec_of_source(T, w, first);
  for (int64_t i = 0; i < w->p[P_STAGES]; i++) {
    Vec *m = vec_mapped(T, l);
    vec_free_boxes_in_order(T, l);
    l = vec_filtered(T, m);
  }
  return l;
}

static Vec *vec_of_pipeline(Thr *T, Work *w, int64_t first) {
  Vec *l = vec_of_branch(T, w, first);
  for (int64_t i = 1; i < w->p[P_CHAIN]; i++) {
    Vec *next = vec_of_branch(T, w, first + i * w->p[P_ITEMS]), *joined = vec_concat(T, l, next);
    vec_free(T, next);
    vec_free(T, l);
    l = joined;
  }
  return l;
}

static int64_t read_by_hand(const Vec *l, int64_t from, int64_t quantum, int64_t *sum) {
  int64_t n = 0, left = (int64_t)l->len - from;
  for (; n < quantum && n < left; n++) *sum += ((const Box *)l->v[from + n])->v;
  return n;
}

/* --- An iteration -------------------------------------------------------------------------------------------------------------------- */

static Vec *all_make(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_PIPELINES];
  int64_t first = VALUE_BASE + (int64_t)rng_below(&w->rng, 1 << 20), each = w->p[P_ITEMS] * w->p[P_CHAIN];
  Vec *all = vec_new(T, n);
  for (size_t i = 0; i < n; i++, first += each)
    vec_push(T, all, w->p[P_MATERIALISE] == LIST ? (void *)vec_of_pipeline(T, w, first) : (void *)pipeline_make(T, w, first));
  return all;
}

static int64_t consume_by_hand(Thr *T, Work *w, const Vec *all) {
  int64_t sum = 0, quantum = w->p[P_QUANTUM], found = 1;
  bool lists = w->p[P_MATERIALISE] == LIST;
  for (int64_t from = 0; found; from += quantum) {
    found = 0;
    for (size_t i = 0; i < all->len; i++)
      found += lists ? read_by_hand(all->v[i], from, quantum, &sum) : pull_by_hand(T, all->v[i], quantum, &sum);
  }
  return sum;
}

static void all_free(Thr *T, Work *w, Vec *all) {
  for (size_t i = 0; i < all->len; i++) {
    if (w->p[P_MATERIALISE] == LIST) {
      vec_free_boxes_in_order(T, all->v[i]);
    } else {
      Frame *f = all->v[i];
      f->end(T, f);
    }
  }
  vec_free(T, all);
}

static void run_by_hand(Thr *T, Work *w) {
  int64_t sum = 0;
  for (int64_t i = 0; i < w->p[P_PASSES]; i++) {
    Vec *all = all_make(T, w);
    if (i == 0) work_hold(T, w);
    sum += consume_by_hand(T, w, all);
    all_free(T, w, all);
  }
  w->operations += (uint64_t)(w->p[P_PASSES] * w->p[P_PIPELINES] * w->p[P_CHAIN] * w->p[P_ITEMS]);
  work_check(w, (uint64_t)sum);
}

HAND_REGISTER(generators, run_by_hand);
