/* cycles: structures that refer back to themselves, each built, read once, kept for a while in a window of `live` structures, and
   dropped when a new one takes its place. A part of them, exactly `cyclic-fraction` percent, is closed by links that point back; the
   others are the same shape without those. Counting alone leaks the closed ones.

   How much it leaks is known beforehand, from books that are not the heap's: a structure is built after a plan, a plain table of edges,
   and an object can be reclaimed by counting exactly if no cycle leads to it. For rings, lists and trees that is plain arithmetic;
   random graphs are searched for strongly connected components (Tarjan 1972, without recursion). A few plans serve all graphs of an
   iteration, so that planning costs next to nothing.

   Shared-write: one window for all threads, where each replaces what others put there. */
#include "runtime/work.h"

#include <stdlib.h>

enum { P_SHAPE, P_SIZE, P_FRACTION, P_EXTRA, P_LIVE, P_NODES };
enum { SHAPE_RING, SHAPE_LIST, SHAPE_TREE, SHAPE_GRAPH };
static const char *const shapes[] = {"ring", "list", "tree", "graph"};

static const reclaim_param params[] = {
    {"shape",
     "ring: doubly linked, closed; list: doubly linked; tree: with links to the parent; graph: four random edges per node", "",
     SHAPE_RING, 0, SHAPE_GRAPH, shapes},
    {"cycle-size", "nodes of a structure", "", 100, 1, 1 << 24, NULL},
    {"cyclic-fraction", "structures that are closed; the others lack the links back", "%", 100, 0, 100, NULL},
    {"extra-bytes", "raw bytes that hang on each node by an edge of their own; 0: no such edge", "bytes", 0, 0, 1 << 20, NULL},
    {"live", "structures kept, one of which each new one replaces; 0: each is dropped at once", "", 64, 0, 1 << 24, NULL},
    {"nodes", "nodes to make, at least", "", 1000000, 1, INT64_C(1) << 40, NULL},
};

static const reclaim_setting settings[] = {
    {"ring", "the reference program ring: doubly linked rings, each built, read once as owned copies, dropped",
     "shape=ring;cycle-size=100;cyclic-fraction=100;extra-bytes=0;live=0;nodes=2000000", RECLAIM_PRIVATE},
    {"graph", "the reference program graph: random graphs with four edges per node, each built, read once as borrowed, dropped",
     "shape=graph;cycle-size=100;cyclic-fraction=100;extra-bytes=0;live=0;nodes=1000000", RECLAIM_PRIVATE},
};

enum { SHARED_WINDOW }; /* place in the globals of a shared iteration */

enum { NEXT, PREVIOUS };      /* edges of rings and lists */
enum { LEFT, RIGHT, PARENT }; /* of trees */
enum { FANOUT = 4 };          /* of graphs */
enum {
  PLANS = 8,
  PLANNED = 4096
}; /* graphs drawn per iteration, at most so many nodes of all together (but one graph in any case) */

/* --- Facts ------------------------------------------------------------------------------------------------------------------------- */

static const unsigned shape_edges[] = {[SHAPE_RING] = 2, [SHAPE_LIST] = 2, [SHAPE_TREE] = 3, [SHAPE_GRAPH] = FANOUT};

/* Edges of a node; the last is the extra one, where there is one. */
static unsigned node_degree(const int64_t *p) { return shape_edges[p[P_SHAPE]] + (p[P_EXTRA] > 0); }

static bool makes_cycles(const int64_t *p) {
  return p[P_FRACTION] > 0 && (p[P_SIZE] > 1 || p[P_SHAPE] == SHAPE_RING || p[P_SHAPE] == SHAPE_GRAPH);
}

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  uint64_t n = (uint64_t)p[P_SIZE], live = (uint64_t)p[P_LIVE], windows = sharing == RECLAIM_PRIVATE ? (uint64_t)threads : 1;
  uint64_t one = n * WORK_BYTES(SIZE_NODE(node_degree(p)));
  if (p[P_EXTRA]) one += n * WORK_BYTES(SIZE_RAW(p[P_EXTRA]));
  if (p[P_SHAPE] == SHAPE_GRAPH) one += WORK_BYTES(SIZE_ARRAY(n));
  return windows * (WORK_BYTES(SIZE_ARRAY(live)) + live * one) + (uint64_t)threads * one;
}

/* --- Plans of graphs -------------------------------------------------------------------------------------------------------------- */

/* Node i's edges lead to to[i][0 .. FANOUT). */
typedef struct Plan {
  uint32_t (*to)[FANOUT];
  uint64_t cyclic; /* nodes on a cycle, or reached from one */
} Plan;

typedef struct Plans {
  uint32_t (*edges)[FANOUT]; /* of all plans */
  Plan plan[PLANS];
  unsigned n;
} Plans;

/* Tarjan's search. index: order of discovery, from 1, 0 unseen; low: lowest index that is reached; edge: where the walk goes on. */
typedef struct Search {
  uint32_t *index, *low, *edge, *path, *stack;
  uint32_t npath, nstack, found;
  uint8_t *flags;
} Search;
enum { ON_STACK = 1, CYCLIC = 2 };

static void search_enter(Search *s, uint32_t v) {
  s->index[v] = s->low[v] = ++s->found;
  s->edge[v] = 0;
  s->path[s->npath++] = s->stack[s->nstack++] = v;
  s->flags[v] |= ON_STACK;
}

/* All edges of v, which ends the path, are done. */
static void search_leave(Search *s, const Plan *plan, uint32_t v) {
  s->npath--;
  if (s->npath) {
    uint32_t parent = s->path[s->npath - 1];
    if (s->low[v] < s->low[parent]) s->low[parent] = s->low[v];
  }
  if (s->low[v] != s->index[v]) return;
  bool cycle = s->stack[s->nstack - 1] != v; /* a component of more than one node */
  for (unsigned e = 0; e < FANOUT; e++) cycle |= plan->to[v][e] == v;
  for (uint32_t u = v + 1; u != v;) {
    u = s->stack[--s->nstack];
    s->flags[u] = cycle ? CYCLIC : 0;
  }
}

static void search_components(Search *s, const Plan *plan, uint32_t root) {
  search_enter(s, root);
  while (s->npath) {
    uint32_t v = s->path[s->npath - 1];
    if (s->edge[v] == FANOUT) {
      search_leave(s, plan, v);
      continue;
    }
    uint32_t u = plan->to[v][s->edge[v]++];
    if (!s->index[u])
      search_enter(s, u);
    else if ((s->flags[u] & ON_STACK) && s->index[u] < s->low[v])
      s->low[v] = s->index[u];
  }
}

/* Spreads CYCLIC along the edges; how many nodes have it then. */
static uint64_t search_reached(Search *s, const Plan *plan, uint32_t n) {
  uint64_t reached = 0;
  s->nstack = 0;
  for (uint32_t v = 0; v < n; v++)
    if (s->flags[v] & CYCLIC) s->stack[s->nstack++] = v;
  while (s->nstack) {
    uint32_t v = s->stack[--s->nstack];
    reached++;
    for (unsigned e = 0; e < FANOUT; e++) {
      uint32_t u = plan->to[v][e];
      if (s->flags[u] & CYCLIC) continue;
      s->flags[u] |= CYCLIC;
      s->stack[s->nstack++] = u;
    }
  }
  return reached;
}

static uint64_t plan_count_cyclic(Thr *T, const Plan *plan, uint32_t n) {
  uint32_t *words = work_memory(T, n * (5 * sizeof *words + 1));
  Search s = {words,
              words + n,
              words + 2 * (size_t)n,
              words + 3 * (size_t)n,
              words + 4 * (size_t)n,
              0,
              0,
              0,
              (uint8_t *)(words + 5 * (size_t)n)};
  for (uint32_t v = 0; v < n; v++)
    if (!s.index[v]) search_components(&s, plan, v);
  uint64_t cyclic = search_reached(&s, plan, n);
  free(words);
  return cyclic;
}

/* In a blocking region: it touches no object, and a collector need not wait for it. */
static Plans plans_make(Thr *T, Work *w) {
  Plans ps = {0};
  if (w->p[P_SHAPE] != SHAPE_GRAPH) return ps;
  mm_blocking_begin(T);
  uint32_t size = (uint32_t)w->p[P_SIZE], fit = PLANNED / size;
  ps.n = fit < 1 ? 1 : fit > PLANS ? PLANS : fit;
  ps.edges = work_memory(T, (size_t)ps.n * size * sizeof *ps.edges);
  for (unsigned k = 0; k < ps.n; k++) {
    Plan *plan = &ps.plan[k];
    plan->to = ps.edges + (size_t)k * size;
    for (uint32_t v = 0; v < size; v++)
      for (unsigned e = 0; e < FANOUT; e++) plan->to[v][e] = (uint32_t)rng_below(&w->rng, size);
    plan->cyclic = plan_count_cyclic(T, plan, size);
  }
  mm_blocking_end(T);
  return ps;
}

/* Nodes of a closed structure that counting alone cannot reclaim. */
static uint64_t cyclic_nodes(const int64_t *p, const Plan *plan) {
  switch (p[P_SHAPE]) {
  case SHAPE_RING: return (uint64_t)p[P_SIZE]; /* one node is its own neighbour */
  case SHAPE_GRAPH: return plan->cyclic;
  default: return p[P_SIZE] > 1 ? (uint64_t)p[P_SIZE] : 0;
  }
}

/* --- Building ---------------------------------------------------------------------------------------------------------------------- */

/* The last of its edges leads to the extra bytes. */
static NOINLINE OWNED Own make_laden_node(Thr *T, const int64_t *p, int64_t v) {
  unsigned edges = node_degree(p);
  LET(T, x, node_make(T, v, edges));
  node_set(T, x, edges - 1, raw_new(T, (size_t)p[P_EXTRA]));
  return slot_take(T, x);
}
/* Node `v` with `edges` edges, a constant, and what hangs on it. */
INLINE OWNED Own make_node(Thr *T, const int64_t *p, int64_t v, unsigned edges) {
  if (UNLIKELY(p[P_EXTRA])) return make_laden_node(T, p, v);
  return node_bare(T, v, edges);
}

/* Nodes 1 .. n; the first is handed back. Closed: each knows the one before it; of a ring, the ends know each other. */
static OWNED Own make_chain(Thr *T, const int64_t *p, bool ring, bool closed) {
  enum { EDGES = 2 };
  LET(T, first, make_node(T, p, 1, EDGES));
  LET(T, last, slot_dup(T, first));
  /* Out here, since linking it and unlinking it for each node would be the longest chain of dependences in the loop. */
  LET(T, x, own_mk(T, NULL));
  for (int64_t v = 2, n = p[P_SIZE]; v <= n; v++) {
    mm_poll(T);
    slot_set(T, x, make_node(T, p, v, EDGES));
    if (closed) node_set(T, x, PREVIOUS, slot_dup(T, last));
    node_set(T, last, NEXT, slot_dup(T, x));
    slot_set(T, last, slot_take(T, x));
  }
  if (ring && closed) {
    node_set(T, first, PREVIOUS, slot_dup(T, last));
    node_set(T, last, NEXT, slot_dup(T, first));
  }
  return slot_take(T, first);
}

/* A balanced tree of nodes first .. first + n - 1, n >= 1; closed: children know their parent. */
static OWNED Own make_tree(Thr *T, const int64_t *p, int64_t first, int64_t n, bool closed) {
  mm_poll(T);
  LET(T, x, make_node(T, p, first, 3));
  int64_t size[2] = {(n - 1) / 2, n - 1 - (n - 1) / 2}, at = first + 1;
  for (unsigned side = LEFT; side <= RIGHT; side++) {
    if (!size[side]) continue;
    mm_poll(T);
    LET(T, child, make_tree(T, p, at, size[side], closed));
    if (closed) node_set(T, child, PARENT, slot_dup(T, x));
    node_set(T, x, side, slot_take(T, child));
    at += size[side];
  }
  return slot_take(T, x);
}

/* An array of all its nodes. Not closed: of the planned edges those that lead to an earlier node. */
static OWNED Own make_graph(Thr *T, const int64_t *p, const Plan *plan, bool closed) {
  uint32_t n = (uint32_t)p[P_SIZE];
  LET(T, nodes, array_new(T, n));
  for (uint32_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, nodes, i, make_node(T, p, i + 1, FANOUT));
  }
  LET(T, x, own_mk(T, NULL));
  for (uint32_t i = 0; i < n; i++) {
    mm_poll(T);
    slot_set(T, x, array_get(T, nodes, i));
    for (unsigned e = 0; e < FANOUT; e++)
      if (closed || plan->to[i][e] < i) node_set(T, x, e, array_get(T, nodes, plan->to[i][e]));
  }
  return slot_take(T, nodes);
}

static OWNED Own make(Thr *T, const int64_t *p, const Plan *plan, bool closed) {
  switch (p[P_SHAPE]) {
  case SHAPE_TREE: return make_tree(T, p, 1, p[P_SIZE], closed);
  case SHAPE_GRAPH: return make_graph(T, p, plan, closed);
  default: return make_chain(T, p, p[P_SHAPE] == SHAPE_RING, closed);
  }
}

/* --- Reading ----------------------------------------------------------------------------------------------------------------------- */

static int64_t sum_chain(Thr *T, Slot *first, int64_t n) {
  int64_t sum = 0;
  LET(T, at, slot_dup(T, first));
  for (int64_t i = 1;; i++) {
    mm_poll(T);
    sum += node_value(T, at);
    if (i == n) return sum;
    slot_set(T, at, node_get(T, at, NEXT));
  }
}

static int64_t sum_tree(Thr *T, Slot *x) {
  mm_poll(T);
  int64_t sum = node_value(T, x);
  for (unsigned side = LEFT; side <= RIGHT; side++) {
    LET(T, child, node_get(T, x, side));
    if (!slot_is_null(child)) sum += sum_tree(T, child);
  }
  return sum;
}

/* Each node, and the node at the end of each of its edges. */
static int64_t sum_graph(Thr *T, Slot *nodes) {
  enum { AT_ONCE = (BORROW_LOADS - 1) / (1 + FANOUT) };
  int64_t sum = 0;
  for (size_t i = 0, n = array_len(T, nodes); i < n;) {
    mm_poll(T);
    size_t end = n - i > AT_ONCE ? i + AT_ONCE : n;
    BORROW (T, items, nodes) {
      for (; i < end; i++) {
        Ref x = ref_item(items, i);
        sum += ref_value(x);
        for (unsigned e = 0; e < FANOUT; e++) {
          Ref y = ref_edge(x, e);
          if (!ref_is_null(y)) sum += ref_value(y);
        }
      }
    }
  }
  return sum;
}

static int64_t sum_of(Thr *T, const int64_t *p, Slot *x) {
  switch (p[P_SHAPE]) {
  case SHAPE_TREE: return sum_tree(T, x);
  case SHAPE_GRAPH: return sum_graph(T, x);
  default: return sum_chain(T, x, p[P_SIZE]);
  }
}

/* --- An iteration ------------------------------------------------------------------------------------------------------------------ */

typedef struct Maker {
  Plans plans;
  int64_t made, percent; /* structures so far; what of cyclic-fraction is not yet spent */
} Maker;

/* One structure, read once; which ones are closed is spread evenly. */
static OWNED Own make_next(Thr *T, Work *w, Maker *m) {
  const int64_t *p = w->p;
  m->percent += p[P_FRACTION];
  bool closed = m->percent >= 100;
  if (closed) m->percent -= 100;
  const Plan *plan = m->plans.n ? &m->plans.plan[m->made % m->plans.n] : NULL;
  m->made++;
  LET(T, x, make(T, p, plan, closed));
  work_check(w, (uint64_t)sum_of(T, p, x));
  w->operations += (uint64_t)p[P_SIZE];
  if (closed) w->cyclic_nodes += cyclic_nodes(p, plan) * (p[P_EXTRA] ? 2 : 1);
  return slot_take(T, x);
}

/* This thread's part of the window, places first, first + step, .. */
static void fill(Thr *T, Work *w, Maker *m, Slot *window, size_t first, size_t step) {
  for (size_t i = first, n = array_len(T, window); i < n; i += step) {
    mm_poll(T);
    array_set(T, window, i, make_next(T, w, m));
  }
}

/* What the window holds must still be what was put there: its first node is read. Which of equal structures it is depends, in a shared
   window, on who came first, so only what all have in common enters the checksum. */
static void check_kept(Thr *T, Work *w, Slot *window, size_t i) {
  LET(T, kept, array_get(T, window, i));
  if (slot_is_null(kept)) return;
  LET(T, first, w->p[P_SHAPE] == SHAPE_GRAPH ? array_get(T, kept, 0) : slot_dup(T, kept));
  if (!slot_is_null(first)) work_check(w, (uint64_t)node_value(T, first) + node_edges(T, first));
}

static void replace(Thr *T, Work *w, Maker *m, Slot *window) {
  uint64_t live = (uint64_t)w->p[P_LIVE];
  bool held = false;
  do {
    mm_poll(T);
    LET(T, x, make_next(T, w, m));
    if (!held) work_hold(T, w);
    held = true;
    if (live) {
      size_t i = (size_t)rng_below(&w->rng, live);
      check_kept(T, w, window, i);
      array_set(T, window, i, slot_take(T, x));
    }
  } while (m->made * w->p[P_SIZE] < w->p[P_NODES]);
}

/* Every structure that lived to the end, read once more. */
static void sum_window(Thr *T, Work *w, Slot *window) {
  for (size_t i = 0, n = array_len(T, window); i < n; i++) {
    mm_poll(T);
    LET(T, kept, array_get(T, window, i));
    work_check(w, slot_is_null(kept) ? 0 : (uint64_t)sum_of(T, w->p, kept));
  }
}

static void run_private(Thr *T, Work *w, Maker *m) {
  LET(T, window, array_new(T, (size_t)w->p[P_LIVE]));
  fill(T, w, m, window, 0, 1);
  replace(T, w, m, window);
  sum_window(T, w, window);
}

static void run_shared(Thr *T, Work *w, Maker *m) {
  if (w->index == 0) {
    LET(T, window, array_new(T, (size_t)w->p[P_LIVE]));
    work_publish(T, w, SHARED_WINDOW, window);
  }
  work_barrier(T, w);
  LET(T, window, work_global(T, w, SHARED_WINDOW));
  fill(T, w, m, window, (size_t)w->index, (size_t)w->threads);
  work_barrier(T, w);
  replace(T, w, m, window);
  work_barrier(T, w);
  for (size_t i = 0, n = array_len(T, window); w->index == 0 && i < n; i++) {
    mm_poll(T);
    check_kept(T, w, window, i);
  }
  if (w->index == 0) own_drop(T, work_retract(T, w, SHARED_WINDOW));
}

static void run(Thr *T, Work *w) {
  Maker m = {plans_make(T, w), 0, 0};
  if (w->sharing == RECLAIM_PRIVATE)
    run_private(T, w, &m);
  else
    run_shared(T, w, &m);
  free(m.plans.edges);
}

static const Workload cycles = {
    {
        .name = "cycles",
        .summary = "rings, doubly linked lists, trees with parents and random graphs, built, read and dropped",
        .probes = "what counting alone leaks; backlog of trash",
        .operation = "node",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE | RECLAIM_SHARED_WRITE,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .makes_cycles = makes_cycles,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(cycles);
