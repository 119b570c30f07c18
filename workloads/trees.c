/* trees: binary trees built bottom-up, summed and dropped beside one tree that lives: GCBench (Ellis, Kovac, Boehm) without its fixed
   depths. Most nodes die young, and each tree dies at once: a nursery's best case and a cascade of frees for counting. */
#include "runtime/work.h"

enum { P_DEPTH, P_SPREAD, P_KEPT, P_CHAIN, P_NODES, P_WALK };
enum { WALK_BORROW, WALK_OWN, WALK_NONE };
static const char *const walks[] = {"borrow", "own", "none"};

static const reclaim_param params[] = {
    {"depth", "smallest depth of the short-lived trees (a tree of depth d has 2^(d+1) - 1 nodes)", "", 8, 0, 24, NULL},
    {"depth-spread", "depths are drawn uniformly from depth .. depth + spread", "", 2, 0, 12, NULL},
    {"kept-depth", "depth of the tree that lives through the iteration; -1: none", "", 14, -1, 24, NULL},
    {"chain", "longest chain of odd nodes built before each tree and dropped with it (its length is drawn from 1 ..)", "", 0, 0,
     1000, NULL},
    {"nodes", "nodes of short-lived trees to make, at least", "", 2000000, 1, INT64_C(1) << 40, NULL},
    {"walk", "how each tree is read once: borrowed references, owned ones, or not at all", "", WALK_BORROW, 0, WALK_NONE, walks},
};

static const reclaim_setting settings[] = {
    {"treesS", "the reference program treesS: depth 8, beside a tree of depth 18",
     "depth=8;depth-spread=0;kept-depth=18;chain=0;nodes=32000000", 0},
    {"treesL", "the reference program treesL: depth 16, which phase-locks with power-of-two nurseries",
     "depth=16;depth-spread=0;kept-depth=-1;chain=0;nodes=8000000", 0},
    {"treesV", "the reference program treesV: depths 13 to 17, each tree with a chain of 1 to 37 odd nodes",
     "depth=13;depth-spread=4;kept-depth=-1;chain=37;nodes=8000000", 0},
};

static uint64_t tree_nodes(int64_t depth) { return ((uint64_t)2 << depth) - 1; }

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  uint64_t kept = p[P_KEPT] < 0 ? 0 : tree_nodes(p[P_KEPT]);
  return (uint64_t)threads * SIZE_NODE(2) * (kept + tree_nodes(p[P_DEPTH] + p[P_SPREAD]) + (uint64_t)p[P_CHAIN]);
}

static OWNED Own make_tree(Thr *T, int64_t depth) {
  mm_poll(T);
  if (depth == 0) return node_leaf(T, 1);
  LET(T, l, make_tree(T, depth - 1));
  return node_new(T, depth + 1, l, make_tree(T, depth - 1));
}

/* `n` nodes on left edges, values 1 .. n. */
static OWNED Own make_chain(Thr *T, int64_t n) {
  LET(T, head, node_leaf(T, 1));
  for (int64_t i = 2; i <= n; i++) {
    mm_poll(T);
    LET(T, next, node_leaf(T, i));
    node_set(T, next, 0, slot_take(T, head));
    slot_set(T, head, slot_take(T, next));
  }
  return slot_take(T, head);
}

/* Right edges in the loop: one call for two nodes. */
static int64_t sum_borrowed(Ref r) {
  int64_t sum = 0;
  for (; !ref_is_null(r); r = ref_edge(r, 1)) sum += ref_value(r) + sum_borrowed(ref_edge(r, 0));
  return sum;
}

/* The lower part of the tree is read in one BORROW, which may hold up a safepoint for BORROW_LOADS loads at most. */
enum { BORROW_DEPTH = 7 };
static int64_t sum_tree(Thr *T, Slot *t, int64_t depth) {
  mm_poll(T);
  if (depth <= BORROW_DEPTH) {
    int64_t sum = 0;
    BORROW (T, r, t) sum = sum_borrowed(r);
    return sum;
  }
  LET(T, l, node_get(T, t, 0));
  LET(T, r, node_get(T, t, 1));
  return node_value(T, t) + sum_tree(T, l, depth - 1) + sum_tree(T, r, depth - 1);
}

static int64_t sum_owned(Thr *T, Slot *t) {
  mm_poll(T);
  int64_t sum = node_value(T, t);
  for (unsigned i = 0; i < 2; i++) {
    LET(T, child, node_get(T, t, i));
    if (!slot_is_null(child)) sum += sum_owned(T, child);
  }
  return sum;
}

static int64_t walk(Thr *T, Work *w, Slot *t, int64_t depth) {
  switch (w->p[P_WALK]) {
  case WALK_BORROW: return sum_tree(T, t, depth);
  case WALK_OWN: return sum_owned(T, t);
  default: return depth;
  }
}

/* One tree, and the chain that shifts its place in the nursery; returns what it read. */
static int64_t one_tree(Thr *T, Work *w, int64_t depth) {
  int64_t odd = w->p[P_CHAIN] ? 1 + (int64_t)rng_below(&w->rng, (uint64_t)w->p[P_CHAIN]) : 0;
  LET(T, chain, odd ? make_chain(T, odd) : none_new(T));
  LET(T, tree, make_tree(T, depth));
  w->operations += tree_nodes(depth) + (uint64_t)odd;
  return walk(T, w, tree, depth) + odd;
}

static void run(Thr *T, Work *w) {
  const int64_t *p = w->p;
  int64_t made = 0, sum = 0;
  LET(T, kept, p[P_KEPT] < 0 ? none_new(T) : make_tree(T, p[P_KEPT]));
  if (p[P_KEPT] >= 0) w->operations += tree_nodes(p[P_KEPT]);
  while (made < p[P_NODES]) {
    mm_poll(T);
    int64_t depth = p[P_DEPTH] + (int64_t)rng_below(&w->rng, (uint64_t)p[P_SPREAD] + 1);
    if (made == 0 && w->audit) { /* the fullest point: the kept tree and one of the largest */
      LET(T, chain, p[P_CHAIN] ? make_chain(T, p[P_CHAIN]) : none_new(T));
      LET(T, largest, make_tree(T, p[P_DEPTH] + p[P_SPREAD]));
      work_hold(T, w);
    }
    sum += one_tree(T, w, depth);
    made += (int64_t)tree_nodes(depth);
  }
  if (p[P_KEPT] >= 0) sum += walk(T, w, kept, p[P_KEPT]);
  work_check(w, (uint64_t)sum);
}

static const Workload trees = {
    {
        .name = "trees",
        .summary = "binary trees built, walked and dropped beside one long-lived tree",
        .probes = "nursery, free cascades, mark depth",
        .operation = "node",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE,
        .known_lifetimes = RECLAIM_PRIVATE,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(trees);
