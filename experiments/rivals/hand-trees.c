/* hand-trees.c: trees by hand. A tree is freed parent first, right before left: exactly against the order in which it was built, so
   that on a last-in, first-out pool the next tree finds its cells where the last one had them. (Freed in post-order treesV takes 1.3
   times as long, left before right 1.9 times.) */
#include "experiments/rivals/hand.h"

#include "workloads/trees.c"

typedef struct Tree {
  struct Tree *l, *r;
  int64_t v;
} Tree;

static Tree *tree_new(Thr *T, int64_t v, Tree *l, Tree *r) {
  Tree *t = hand_new(T, sizeof *t);
  t->l = l;
  t->r = r;
  t->v = v;
  return t;
}

static void tree_free(Thr *T, Tree *t) {
  while (t) {
    Tree *l = t->l, *r = t->r;
    hand_free(T, t, sizeof *t);
    tree_free(T, r);
    t = l;
  }
}

static Tree *tree_make(Thr *T, int64_t depth) {
  if (depth == 0) return tree_new(T, 1, NULL, NULL);
  Tree *l = tree_make(T, depth - 1);
  return tree_new(T, depth + 1, l, tree_make(T, depth - 1));
}

static Tree *chain_make(Thr *T, int64_t n) {
  Tree *head = NULL;
  for (int64_t i = 1; i <= n; i++) head = tree_new(T, i, head, NULL);
  return head;
}

static int64_t tree_sum(const Tree *t) { return t ? t->v + tree_sum(t->l) + tree_sum(t->r) : 0; }

static int64_t tree_walk(const Work *w, const Tree *t, int64_t depth) { return w->p[P_WALK] == WALK_NONE ? depth : tree_sum(t); }

static int64_t one_tree_by_hand(Thr *T, Work *w, int64_t depth) {
  int64_t odd = w->p[P_CHAIN] ? 1 + (int64_t)rng_below(&w->rng, (uint64_t)w->p[P_CHAIN]) : 0;
  Tree *chain = chain_make(T, odd), *tree = tree_make(T, depth);
  w->operations += tree_nodes(depth) + (uint64_t)odd;
  int64_t sum = tree_walk(w, tree, depth) + odd;
  tree_free(T, tree);
  tree_free(T, chain);
  return sum;
}

/* The fullest point, for an audit. */
static void hold_by_hand(Thr *T, Work *w) {
  Tree *chain = chain_make(T, w->p[P_CHAIN]), *largest = tree_make(T, w->p[P_DEPTH] + w->p[P_SPREAD]);
  work_hold(T, w);
  tree_free(T, largest);
  tree_free(T, chain);
}

static void run_by_hand(Thr *T, Work *w) {
  const int64_t *p = w->p;
  int64_t made = 0, sum = 0;
  Tree *kept = p[P_KEPT] < 0 ? NULL : tree_make(T, p[P_KEPT]);
  if (kept) w->operations += tree_nodes(p[P_KEPT]);
  while (made < p[P_NODES]) {
    int64_t depth = p[P_DEPTH] + (int64_t)rng_below(&w->rng, (uint64_t)p[P_SPREAD] + 1);
    if (made == 0 && w->audit) hold_by_hand(T, w);
    sum += one_tree_by_hand(T, w, depth);
    made += (int64_t)tree_nodes(depth);
  }
  if (kept) sum += tree_walk(w, kept, p[P_KEPT]);
  tree_free(T, kept);
  work_check(w, (uint64_t)sum);
}

HAND_REGISTER(trees, run_by_hand);
