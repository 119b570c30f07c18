/* What lives and what is left, exactly: the tutorial's list and its owners, a chain that is longer than any stack, and what counting
   leaks of random graphs, against a pass of the test's own that finds the cycles (Tarjan 1972). */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

/* --- a = [1, 2, 3]; b = a; c = a; d = b -------------------------------------------------------------------------------------------- */

enum { LIST_OBJECTS = 2 /* a list and its array */ };

/* What the counts say, which include slots only where locals are counted. */
static void expect_owners(Thr *T, const Slot *x, unsigned n) {
  (void)T, (void)x, (void)n;
#ifdef COUNT_OF
  CHECK_EQ(COUNT_OF(T, x->p_), n);
#endif
}

static void any_of_them_may_be_the_last(Thr *T, Slot *a, Slot *b, Slot *c, Slot *d) {
  expect_owners(T, d, 4);
  slot_clear(T, a);
  slot_clear(T, b);
  expect_owners(T, d, 2);
  slot_clear(T, c);
  expect_owners(T, d, 1);
}

static void tutorial(Thr *T, bool published) {
  LET(T, a, list_new(T, 0));
  for (int64_t i = 1; i <= 3; i++) list_append(T, a, int_new(T, i));
  if (published) om_share(T, a);
  expect_owners(T, a, 1);
  LET(T, b, slot_dup(T, a));
  LET(T, c, slot_dup(T, a));
  LET(T, d, slot_dup(T, b));
  if (MANY_OWNERS) any_of_them_may_be_the_last(T, a, b, c, d);
  CHECK_LIVE(live_objects(T), LIST_OBJECTS);
  for (size_t i = 0; i < 3; i++) CHECK_EQ(own_int(T, list_get(T, d, i)), (int64_t)i + 1);
  slot_clear(T, d); /* the last, or one of three borrowers */
  slot_clear(T, a);
  CHECK_LIVE(live_objects(T), 0);
}

Test(counts, four_names_for_one_list) {
  for (int published = 0; published <= MM_SHARES_HEAP; published++) {
    TestHeap h;
    heap_init(&h, 1);
    heap_open(&h);
    Thr *T = heap_enter(&h, 0);
    tutorial(T, published);
    heap_leave(&h, T);
    heap_close(&h);
  }
}

/* --- A chain -------------------------------------------------------------------------------------------------------------------------- */

/* On a stack of 256 KiB not even 10^5 calls would fit; the instrumented builds, slower, prove the same with fewer nodes. */
enum { CHAIN = RECLAIM_SANITIZED || MM_CHECK ? 1000000 : 10000000, SMALL_STACK = 256 << 10 };

static OWNED Own node_chain(Thr *T, int64_t n) {
  LET(T, none, own_mk(T, NULL));
  LET(T, head, node_leaf(T, 0));
  for (int64_t i = 1; i < n; i++) {
    mm_poll(T);
    slot_set(T, head, node_new(T, i, none, slot_take(T, head)));
  }
  return slot_take(T, head);
}
/* Through lists, dicts, tuples, generators and wide nodes in turn. */
static Own never(Thr *T, Slot *self) { return gen_end(T, self); }
static OWNED Own link_of(Thr *T, int64_t i, Slot *next) {
  LET(T, none, own_mk(T, NULL));
  switch (i % 5) {
  case 0: {
    LET(T, l, list_new(T, 0));
    list_append(T, l, slot_take(T, next));
    return slot_take(T, l);
  }
  case 1: {
    LET(T, d, dict_new(T, 0));
    LET(T, k, int_new(T, 0));
    dict_put(T, d, k, slot_take(T, next));
    return slot_take(T, d);
  }
  case 2: return tuple_new2(T, none, slot_take(T, next));
  case 3: {
    LET(T, g, gen_new(T, never, 1, 0));
    gen_set_ref(T, g, 0, slot_take(T, next));
    return slot_take(T, g);
  }
  default: {
    LET(T, x, node_make(T, i, 5));
    node_set(T, x, 3, slot_take(T, next));
    return slot_take(T, x);
  }
  }
}
static OWNED Own mixed_chain(Thr *T, int64_t n) {
  LET(T, head, node_leaf(T, 0));
  for (int64_t i = 1; i < n; i++) {
    mm_poll(T);
    slot_set(T, head, link_of(T, i, head));
  }
  return slot_take(T, head);
}

static void drop_chains(Thr *T, int index, void *arg) {
  (void)index;
  bool published = arg;
  {
    LET(T, chain, node_chain(T, CHAIN));
    if (published) om_share(T, chain);
    CHECK_LIVE(live_objects(T), CHAIN); /* marked, where there is marking */
    slot_clear(T, chain);
    CHECK_LIVE(live_objects(T), 0);
  }
  LET(T, chain, mixed_chain(T, CHAIN / 20));
  if (published) om_share(T, chain);
  CHECK(live_objects(T) > CHAIN / 20);
  slot_clear(T, chain);
  CHECK_LIVE(live_objects(T), 0);
}

static void on_a_small_stack(bool published) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, SMALL_STACK, drop_chains, published ? "published" : NULL);
  heap_close(&h);
}
Test(chains, dropped_on_a_small_stack) { on_a_small_stack(false); }
Test(chains, published_and_dropped_on_a_small_stack) {
  if (MM_SHARES_HEAP)
    on_a_small_stack(true);
  else
    on_a_small_stack(false);
}

/* --- Random graphs ------------------------------------------------------------------------------------------------------------------------ */

enum { GRAPH_MAX = 400, FAN = 4, NOWHERE = -1 };

typedef struct Graph {
  int n, edges;
  int to[GRAPH_MAX][FAN];
  /* Tarjan's */
  int order[GRAPH_MAX], low[GRAPH_MAX], next, stack[GRAPH_MAX], depth;
  bool on_stack[GRAPH_MAX], in_cycle[GRAPH_MAX], leaks[GRAPH_MAX];
} Graph;

/* Sparse ones have short cycles and long tails, dense ones are one knot. */
static void make_graph(Graph *g, uint64_t seed) {
  Rng r = rng_make(seed);
  memset(g, 0, sizeof *g);
  g->n = 1 + (int)rng_below(&r, GRAPH_MAX);
  uint64_t percent = 5 + rng_below(&r, 60), window = 1 + rng_below(&r, (uint64_t)g->n);
  bool forward_only = seed % 8 == 0; /* no cycle at all */
  for (int i = 0; i < g->n; i++)
    for (int k = 0; k < FAN; k++) {
      int to = (int)(((uint64_t)i + rng_below(&r, window)) % (uint64_t)g->n);
      bool is = rng_below(&r, 100) < percent && (!forward_only || to > i);
      g->to[i][k] = is ? to : NOWHERE;
    }
}

static void connect(Graph *g, int v) {
  g->order[v] = g->low[v] = ++g->next;
  g->stack[g->depth++] = v;
  g->on_stack[v] = true;
  for (int k = 0; k < FAN; k++) {
    int w = g->to[v][k];
    if (w == NOWHERE) continue;
    if (w == v) g->in_cycle[v] = true;
    if (!g->order[w]) {
      connect(g, w);
      if (g->low[w] < g->low[v]) g->low[v] = g->low[w];
    } else if (g->on_stack[w] && g->order[w] < g->low[v])
      g->low[v] = g->order[w];
  }
  if (g->low[v] != g->order[v]) return;
  bool alone = g->stack[g->depth - 1] == v;
  for (int w = NOWHERE; w != v;) {
    w = g->stack[--g->depth];
    g->on_stack[w] = false;
    if (!alone) g->in_cycle[w] = true;
  }
}
static void leak_from(Graph *g, int v) {
  if (g->leaks[v]) return;
  g->leaks[v] = true;
  for (int k = 0; k < FAN; k++)
    if (g->to[v][k] != NOWHERE) leak_from(g, g->to[v][k]);
}
/* Nodes that counting cannot reclaim: on a cycle, or reachable from one. */
static int count_leaks(Graph *g) {
  int n = 0;
  for (int v = 0; v < g->n; v++)
    if (!g->order[v]) connect(g, v);
  for (int v = 0; v < g->n; v++)
    if (g->in_cycle[v]) leak_from(g, v);
  for (int v = 0; v < g->n; v++) n += g->leaks[v];
  return n;
}

/* Where a leak checker finds what is leaked on purpose. */
static Obj *known[GRAPH_MAX] __attribute__((unused));

static void build_and_drop(Thr *T, const Graph *g, bool published) {
  LET(T, all, list_new(T, (size_t)g->n));
  for (int v = 0; v < g->n; v++) {
    mm_poll(T);
    LET(T, x, node_make(T, v, FAN));
    known[v] = x->p_;
    if (published && v % 3 == 0) om_share(T, x);
    list_append(T, all, slot_take(T, x));
  }
  if (published) om_share(T, all);
  for (int v = 0; v < g->n; v++)
    for (int k = 0; k < FAN; k++) {
      mm_poll(T);
      if (g->to[v][k] == NOWHERE) continue;
      LET(T, x, list_get(T, all, (size_t)v));
      node_set(T, x, (unsigned)k, list_get(T, all, (size_t)g->to[v][k]));
    }
  CHECK_LIVE(live_objects(T), (int64_t)g->n + LIST_OBJECTS);
}

static void leak_graph(uint64_t seed, bool published) {
  Graph g;
  make_graph(&g, seed);
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  build_and_drop(T, &g, published);
  int leaks = count_leaks(&g);
  CHECK_LIVE(live_objects(T), MM_RECLAIMS_CYCLES ? 0 : leaks);
  if (seed % 8 == 0) CHECK_EQ(leaks, 0);
  heap_leave(&h, T);
  heap_close(&h);
}
static void leak_child(void *arg) {
  uint64_t *from = arg; /* two seeds: first, and behind the last */
  for (uint64_t seed = from[0]; seed < from[1]; seed++) {
    leak_graph(seed, false);
    if (MM_SHARES_HEAP) leak_graph(seed, true);
  }
}

/* In a child, which ends without a leak check: the leaks are what is counted. */
Test(leaks, of_random_graphs, .timeout = 3600) {
  if (!MANY_OWNERS) return; /* a graph has no owners */
  uint64_t range[2] = {0, seeds(300)};
  survives(leak_child, range);
}

/* The pass itself, on what can be seen with the eye. */
Test(leaks, cycles_are_found) {
  Graph g = {.n = 6};
  memset(g.to, NOWHERE, sizeof g.to);
  g.to[0][0] = 1, g.to[1][0] = 2, g.to[2][0] = 1, g.to[2][1] = 3; /* 0 -> (1 <-> 2) -> 3, 4 -> 3, 5 -> 5 */
  g.to[4][0] = 3, g.to[5][2] = 5;
  CHECK_EQ(count_leaks(&g), 4);
  CHECK(!g.leaks[0] && g.leaks[1] && g.leaks[2] && g.leaks[3] && !g.leaks[4] && g.leaks[5]);
}
