/* hand-cycles.c: cycles by hand: whoever made a structure knows its shape, and frees all of its nodes with a walk. Nothing leaks. */
#include "experiments/rivals/hand.h"

#include "workloads/cycles.c"

/* --- Nodes ------------------------------------------------------------------------------------------------------------------------- */

typedef struct Vertex {
  int64_t v;
  void *extra; /* NULL, or raw bytes of its own */
  struct Vertex *e[];
} Vertex;
/* Without extra bytes nothing is kept for them. */
typedef struct Plain {
  int64_t v;
  struct Plain *e[];
} Plain;

typedef struct Shape {
  size_t node, extra; /* bytes */
  size_t at;          /* where a node's edges begin */
} Shape;

/* Nodes without extra bytes: constants, from which the compiler makes the code that one would write for this very struct. */
#define BARE(edges) ((Shape){sizeof(Plain) + (edges) * sizeof(void *), 0, offsetof(Plain, e)})

static Shape shape_of(const int64_t *p) {
  unsigned edges = shape_edges[p[P_SHAPE]];
  if (!p[P_EXTRA]) return BARE(edges);
  return (Shape){sizeof(Vertex) + edges * sizeof(void *), (size_t)p[P_EXTRA], offsetof(Vertex, e)};
}
INLINE void **edges_of(Shape s, void *node) { return (void **)((char *)node + s.at); }
INLINE int64_t value_of(const void *node) { return *(const int64_t *)node; }

INLINE void *vertex_new(Thr *T, Shape s, int64_t v) {
  Vertex *x = hand_new(T, s.node);
  x->v = v;
  for (void **e = edges_of(s, x), **end = (void **)((char *)x + s.node); e < end; e++) *e = NULL;
  if (s.extra) {
    x->extra = hand_new(T, s.extra);
    memset(x->extra, 0, s.extra);
  }
  return x;
}
INLINE void vertex_free(Thr *T, Shape s, void *x) {
  if (s.extra) hand_free(T, ((Vertex *)x)->extra, s.extra);
  hand_free(T, x, s.node);
}

/* --- Building ---------------------------------------------------------------------------------------------------------------------- */

INLINE void *chain_by_hand(Thr *T, Shape s, const int64_t *p, bool ring, bool closed) {
  void *first = vertex_new(T, s, 1), *last = first;
  for (int64_t v = 2; v <= p[P_SIZE]; v++) {
    void *x = vertex_new(T, s, v);
    if (closed) edges_of(s, x)[PREVIOUS] = last;
    edges_of(s, last)[NEXT] = x;
    last = x;
  }
  if (ring && closed) {
    edges_of(s, first)[PREVIOUS] = last;
    edges_of(s, last)[NEXT] = first;
  }
  return first;
}

static void *tree_by_hand(Thr *T, Shape s, int64_t first, int64_t n, void *parent, bool closed) {
  void *x = vertex_new(T, s, first);
  if (closed) edges_of(s, x)[PARENT] = parent;
  int64_t left = (n - 1) / 2, right = n - 1 - left;
  if (left) edges_of(s, x)[LEFT] = tree_by_hand(T, s, first + 1, left, x, closed);
  if (right) edges_of(s, x)[RIGHT] = tree_by_hand(T, s, first + 1 + left, right, x, closed);
  return x;
}

INLINE Vec *graph_by_hand(Thr *T, Shape s, const int64_t *p, const Plan *plan, bool closed) {
  uint32_t n = (uint32_t)p[P_SIZE];
  Vec *nodes = vec_new(T, n);
  for (uint32_t i = 0; i < n; i++) vec_push(T, nodes, vertex_new(T, s, i + 1));
  for (uint32_t i = 0; i < n; i++)
    for (unsigned e = 0; e < FANOUT; e++)
      if (closed || plan->to[i][e] < i) edges_of(s, nodes->v[i])[e] = nodes->v[plan->to[i][e]];
  return nodes;
}

static void *structure_make(Thr *T, Shape s, const int64_t *p, const Plan *plan, bool closed) {
  bool ring = p[P_SHAPE] == SHAPE_RING;
  switch (p[P_SHAPE]) {
  case SHAPE_TREE: return tree_by_hand(T, s, 1, p[P_SIZE], NULL, closed);
  case SHAPE_GRAPH: return s.extra ? graph_by_hand(T, s, p, plan, closed) : graph_by_hand(T, BARE(FANOUT), p, plan, closed);
  default: return s.extra ? chain_by_hand(T, s, p, ring, closed) : chain_by_hand(T, BARE(2), p, ring, closed);
  }
}

/* --- Reading and freeing ------------------------------------------------------------------------------------------------------------- */

static int64_t tree_sum(Shape s, void *x) {
  if (!x) return 0;
  return value_of(x) + tree_sum(s, edges_of(s, x)[LEFT]) + tree_sum(s, edges_of(s, x)[RIGHT]);
}

INLINE int64_t graph_sum(Shape s, const Vec *nodes) {
  int64_t sum = 0;
  for (size_t i = 0; i < nodes->len; i++) {
    void *const *e = edges_of(s, nodes->v[i]);
    sum += value_of(nodes->v[i]);
    for (unsigned k = 0; k < FANOUT; k++)
      if (e[k]) sum += value_of(e[k]);
  }
  return sum;
}

INLINE int64_t chain_sum(Shape s, const int64_t *p, void *x) {
  int64_t sum = value_of(x);
  for (int64_t i = 1; i < p[P_SIZE]; i++) sum += value_of(x = edges_of(s, x)[NEXT]);
  return sum;
}

static int64_t structure_sum(Shape s, const int64_t *p, void *x) {
  switch (p[P_SHAPE]) {
  case SHAPE_TREE: return tree_sum(s, x);
  case SHAPE_GRAPH: return s.extra ? graph_sum(s, x) : graph_sum(BARE(FANOUT), x);
  default: return s.extra ? chain_sum(s, p, x) : chain_sum(BARE(2), p, x);
  }
}

static void tree_free(Thr *T, Shape s, void *x) {
  while (x) {
    void *left = edges_of(s, x)[LEFT], *right = edges_of(s, x)[RIGHT];
    vertex_free(T, s, x);
    tree_free(T, s, right);
    x = left;
  }
}

/* Last made, first freed. */
INLINE void graph_free(Thr *T, Shape s, Vec *nodes) {
  for (size_t i = nodes->len; i-- > 0;) vertex_free(T, s, nodes->v[i]);
  vec_free(T, nodes);
}

INLINE void chain_free(Thr *T, Shape s, const int64_t *p, void *x) {
  for (int64_t i = 0; i < p[P_SIZE]; i++) {
    void *next = edges_of(s, x)[NEXT];
    vertex_free(T, s, x);
    x = next;
  }
}

static void structure_free(Thr *T, Shape s, const int64_t *p, void *x) {
  switch (p[P_SHAPE]) {
  case SHAPE_TREE: tree_free(T, s, x); break;
  case SHAPE_GRAPH: s.extra ? graph_free(T, s, x) : graph_free(T, BARE(FANOUT), x); break;
  default: s.extra ? chain_free(T, s, p, x) : chain_free(T, BARE(2), p, x);
  }
}

/* --- An iteration -------------------------------------------------------------------------------------------------------------------- */

static void *next_by_hand(Thr *T, Work *w, Shape s, Maker *m) {
  const int64_t *p = w->p;
  m->percent += p[P_FRACTION];
  bool closed = m->percent >= 100;
  if (closed) m->percent -= 100;
  const Plan *plan = m->plans.n ? &m->plans.plan[m->made % m->plans.n] : NULL;
  m->made++;
  void *x = structure_make(T, s, p, plan, closed);
  work_check(w, (uint64_t)structure_sum(s, p, x));
  w->operations += (uint64_t)p[P_SIZE];
  return x;
}

/* A structure that still stands, by its first node. */
static void check_by_hand(Work *w, void *x) {
  const void *first = w->p[P_SHAPE] == SHAPE_GRAPH ? ((const Vec *)x)->v[0] : x;
  work_check(w, (uint64_t)value_of(first) + node_degree(w->p));
}

static void replace_by_hand(Thr *T, Work *w, Shape s, Maker *m, Vec *window) {
  const int64_t *p = w->p;
  bool held = false;
  do {
    void *x = next_by_hand(T, w, s, m);
    if (!held) work_hold(T, w);
    held = true;
    if (window->len) {
      size_t at = (size_t)rng_below(&w->rng, window->len);
      void *old = window->v[at];
      check_by_hand(w, old);
      window->v[at] = x;
      x = old;
    }
    structure_free(T, s, p, x);
  } while (m->made * p[P_SIZE] < p[P_NODES]);
}

static void run_by_hand(Thr *T, Work *w) {
  Maker m = {plans_make(T, w), 0, 0};
  Shape s = shape_of(w->p);
  Vec *window = vec_new(T, (size_t)w->p[P_LIVE]);
  for (int64_t i = 0; i < w->p[P_LIVE]; i++) vec_push(T, window, next_by_hand(T, w, s, &m));
  replace_by_hand(T, w, s, &m, window);
  for (size_t i = 0; i < window->len; i++) {
    work_check(w, (uint64_t)structure_sum(s, w->p, window->v[i]));
    structure_free(T, s, w->p, window->v[i]);
  }
  vec_free(T, window);
  free(m.plans.edges);
}

HAND_REGISTER(cycles, run_by_hand);
