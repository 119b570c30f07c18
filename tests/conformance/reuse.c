/* Changed copies in place of what is dropped for them: the same results under every strategy; where counts tell and the tunable `reuse` is on, in
   the same place, and only where nobody else can see it. A place is an address: with reuse off, or refused, the copy is made before
   the original is dropped, so that it stands elsewhere. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1 };

static bool can_reuse; /* the strategy has the tunable */
static void on(TestHeap *h) { can_reuse = heap_tune(h, "reuse", 1); }
static void off(TestHeap *h) {
  heap_tune(h, "reuse", 0);
  can_reuse = false;
}
static void both(void (*body)(Thr *T)) {
  heap_run_clean(on, body);
  heap_run_clean(off, body);
}

/* v, and two children with values v + 1 and v + 2. */
static OWNED Own family(Thr *T, int64_t v) {
  LET(T, x, node_leaf(T, v));
  node_set(T, x, 0, node_leaf(T, v + 1));
  node_set(T, x, 1, node_leaf(T, v + 2));
  return slot_take(T, x);
}
static void expect_family(Thr *T, Slot *x, int64_t v, int64_t left, int64_t right) {
  LET(T, l, node_get(T, x, 0));
  LET(T, r, node_get(T, x, 1));
  CHECK_EQ(node_value(T, x), v);
  CHECK(!slot_is_null(l) && node_value(T, l) == left);
  CHECK(!slot_is_null(r) && node_value(T, r) == right);
}

/* --- Nodes --- */

/* As a program rewrites a tree: what is kept is opened, the rest is dropped with the old node. */
static void rewrite(Thr *T) {
  LET(T, x, family(T, 10));
  Obj *was = x->p_;
  LET(T, left, node_open(T, x, 0));
  LET(T, y, node_renew(T, x, 20, left, node_leaf(T, 30)));
  CHECK(slot_is_null(x) && slot_is_null(left));
  CHECK_EQ(y->p_ == was, can_reuse);
  expect_family(T, y, 20, 11, 30);
  CHECK_LIVE(live_objects(T), 3); /* the old right child is dropped */
}
Test(reuse, of_a_node) { both(rewrite); }

/* Somebody else holds it: in a local, in a field. It stays what it was. */
static void held_by_a_local(Thr *T) {
  LET(T, x, family(T, 10));
  LET(T, other, slot_dup(T, x));
  LET(T, left, node_open(T, x, 0));
  slot_set(T, x, node_renew(T, x, 20, left, node_leaf(T, 30)));
  CHECK(!slot_same(x, other));
  expect_family(T, x, 20, 11, 30);
  expect_family(T, other, 10, 11, 12);
  CHECK_LIVE(live_objects(T), 5);
}
static void held_by_a_field(Thr *T) {
  LET(T, x, family(T, 10));
  LET(T, holder, list_new(T, 0));
  list_append(T, holder, slot_dup(T, x));
  LET(T, left, node_open(T, x, 1));
  slot_set(T, x, node_renew(T, x, 20, left, node_leaf(T, 30)));
  LET(T, other, list_get(T, holder, 0));
  CHECK(!slot_same(x, other));
  expect_family(T, x, 20, 12, 30);
  expect_family(T, other, 10, 11, 12);
}
static void held_by_a_cycle(Thr *T) {
  LET(T, x, family(T, 10));
  LET(T, left, node_get(T, x, 0));
  node_set(T, left, 0, slot_dup(T, x));
  slot_clear(T, left);
  LET(T, l, node_open(T, x, 0));
  LET(T, y, node_renew(T, x, 20, l, node_leaf(T, 30)));
  expect_family(T, y, 20, 11, 30);
  LET(T, up, node_get(T, y, 0));
  slot_set(T, up, node_get(T, up, 0)); /* the one that there was */
  CHECK(!slot_same(up, y));
  expect_family(T, up, 10, 11, 12);
  node_set(T, up, 0, own_mk(T, NULL));
}
Test(reuse, not_of_what_others_hold) {
  if (!MANY_OWNERS) return;
  both(held_by_a_local);
  both(held_by_a_field);
  both(held_by_a_cycle);
}

/* A published object may be read by others between any two instructions, however few counts it has. */
static void published(Thr *T) {
  LET(T, x, family(T, 10));
  om_share(T, x);
  Obj *was = x->p_;
  LET(T, left, node_open(T, x, 0));
  LET(T, kept, node_get(T, x, 0));
  CHECK_EQ(slot_is_null(kept), MM_UNIQUE_OWNERS || (can_reuse && !MM_LOCKS_OBJECTS)); /* the only owner moves it out */
  LET(T, y, node_renew(T, x, 20, left, node_leaf(T, 30)));
  CHECK_EQ(y->p_ == was, can_reuse && !MM_LOCKS_OBJECTS);
  expect_family(T, y, 20, 11, 30);
}
Test(reuse, not_of_what_is_published) {
  if (MM_SHARES_HEAP)
    both(published);
  else
    both(rewrite);
}

/* One of another size is no place for a node of two edges. */
static void other_sizes(Thr *T) {
  for (unsigned edges = 0; edges < 6; edges++) {
    LET(T, x, node_make(T, 1, edges));
    for (unsigned i = 0; i < edges; i++) node_set(T, x, i, node_leaf(T, i));
    Obj *was = x->p_;
    LET(T, left, node_leaf(T, 7));
    LET(T, y, node_renew(T, x, 5, left, node_leaf(T, 8)));
    CHECK_EQ(y->p_ == was, can_reuse && edges == 2);
    CHECK_EQ(node_edges(T, y), 2);
    expect_family(T, y, 5, 7, 8);
    CHECK_LIVE(live_objects(T), 3);
  }
}
Test(reuse, of_nodes_of_two_edges_only) { both(other_sizes); }

/* A whole tree, over and over: with reuse its nodes stay where they are, and no object is made. */
static OWNED Own tree(Thr *T, int depth) {
  mm_poll(T);
  if (depth == 0) return node_leaf(T, 0);
  LET(T, l, tree(T, depth - 1));
  return node_new(T, depth, l, tree(T, depth - 1));
}
static OWNED Own counted_up(Thr *T, Own whole) {
  LET(T, x, whole);
  mm_poll(T);
  int64_t v = node_value(T, x) + 1;
  LET(T, l, node_open(T, x, 0));
  LET(T, r, node_open(T, x, 1));
  if (!slot_is_null(l)) slot_set(T, l, counted_up(T, slot_take(T, l)));
  if (!slot_is_null(r)) slot_set(T, r, counted_up(T, slot_take(T, r)));
  return node_renew(T, x, v, l, slot_take(T, r));
}
static int64_t sum(Thr *T, Slot *x) {
  mm_poll(T);
  int64_t s = node_value(T, x);
  for (unsigned i = 0; i < 2; i++) {
    LET(T, child, node_get(T, x, i));
    if (!slot_is_null(child)) s += sum(T, child);
  }
  return s;
}
static void trees(Thr *T) {
  enum { DEPTH = 8, NODES = (2 << DEPTH) - 1, TIMES = 20 };
  LET(T, x, tree(T, DEPTH));
  int64_t before = sum(T, x);
  Obj *was = x->p_;
  for (int i = 0; i < TIMES; i++) {
    slot_set(T, x, counted_up(T, slot_take(T, x)));
    if (can_reuse) CHECK(x->p_ == was);
  }
  CHECK_EQ(sum(T, x), before + TIMES * NODES);
  CHECK_LIVE(live_objects(T), NODES);
  LET(T, old, slot_dup(T, x)); /* from here on the old version is wanted, too: its nodes are copied */
  slot_set(T, x, counted_up(T, slot_take(T, x)));
  CHECK_EQ(sum(T, x), before + (TIMES + 1) * NODES);
  CHECK_EQ(sum(T, old), before + TIMES * NODES);
}
Test(reuse, of_a_tree_that_is_rewritten) {
  if (!MM_UNIQUE_OWNERS) both(trees);
}

/* --- Ints --- */

static void ints(Thr *T) {
  LET(T, x, int_new(T, BOXED));
  Obj *was = x->p_;
  slot_set(T, x, int_renew(T, x, BOXED + 1));
  if (can_reuse) CHECK(x->p_ == was);
  CHECK_EQ(int_value(T, x), BOXED + 1);
  LET(T, other, slot_dup(T, x));
  slot_set(T, x, int_renew(T, x, BOXED + 2));
  CHECK_EQ(int_value(T, other), BOXED + 1);
  CHECK_EQ(int_value(T, x), BOXED + 2);
  slot_set(T, x, int_renew(T, x, 3)); /* one of those that are there for ever */
  LET(T, three, int_new(T, 3));
  CHECK(slot_same(x, three));
  slot_set(T, x, int_renew(T, x, BOXED + 3)); /* which stay what they are */
  CHECK_EQ(int_value(T, x), BOXED + 3);
  CHECK_EQ(int_value(T, three), 3);
  LET(T, again, int_new(T, 3));
  CHECK_EQ(int_value(T, again), 3);
}
Test(reuse, of_an_int) {
  if (!MM_UNIQUE_OWNERS) both(ints);
}
/* What the counting strategies promise. */
Test(reuse, is_a_tunable_where_counts_tell) {
  TestHeap h;
  heap_init(&h, 1);
  CHECK(!MM_COUNTS_LOCALS || heap_tune(&h, "reuse", 1));
  heap_open(&h);
  heap_close(&h);
}
