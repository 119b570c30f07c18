/* Young and old: what survives keeps its value through any number of collections, wherever references to it are stored. And of a copying
   nursery: what must be remembered is bounded, what need not be scanned is not, objects become mature at the age that was set, large
   ones are born so, and its size follows survival. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200 };
static const int64_t STORES = RECLAIM_SANITIZED || MM_CHECK ? 4000000 : 64000000;

static void garbage(Thr *T, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    own_drop(T, node_leaf(T, i));
  }
}
static void with_heap(void (*prepare)(TestHeap *), void (*body)(Thr *T)) {
  TestHeap h;
  heap_init(&h, 1);
  if (prepare) prepare(&h);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  body(T);
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

/* --- For every strategy --------------------------------------------------------------------------------------------------------------- */

/* One object stored over and over into a large old array. */
static void store_often(Thr *T) {
  enum { ITEMS = 1 << 17 };
  LET(T, a, array_new(T, ITEMS));
  garbage(T, 100000);
  LET(T, x, int_new(T, BOXED));
  for (int64_t i = 0; i < STORES; i++) {
    if (i % 1024 == 0) mm_poll(T);
    array_set(T, a, (size_t)(i * 8191 % ITEMS), slot_dup(T, x));
  }
  slot_clear(T, x);
  garbage(T, 100000);
  for (size_t i = 0; i < ITEMS; i += 1009) CHECK_EQ(own_int(T, array_get(T, a, i)), BOXED);
  CHECK_LIVE(live_objects(T), 2);
}
Test(old_to_young, one_object_stored_millions_of_times, .timeout = LIMIT_S) {
  if (MANY_OWNERS) with_heap(NULL, store_often);
}

/* References from old objects of every kind and size to new ones, checked after each of many collections. */
enum { HOLDERS = 200, LARGE = 5000 };
static void refresh(Thr *T, Slot *nodes, Slot *array, Slot *dict, int64_t round) {
  for (int64_t i = 0; i < HOLDERS; i++) {
    mm_poll(T);
    LET(T, n, list_get(T, nodes, (size_t)i));
    node_set(T, n, (unsigned)(i & 1), int_new(T, BOXED + round * i));
    array_set(T, array, (size_t)(i * 24), int_new(T, BOXED + round * i));
    LET(T, k, int_new(T, BOXED + i));
    dict_put(T, dict, k, int_new(T, BOXED + round * i));
  }
}
static void expect(Thr *T, Slot *nodes, Slot *array, Slot *dict, int64_t round) {
  for (int64_t i = 0; i < HOLDERS; i++) {
    mm_poll(T);
    LET(T, n, list_get(T, nodes, (size_t)i));
    CHECK_EQ(own_int(T, node_get(T, n, (unsigned)(i & 1))), BOXED + round * i);
    CHECK_EQ(own_int(T, array_get(T, array, (size_t)(i * 24))), BOXED + round * i);
    LET(T, k, int_new(T, BOXED + i));
    CHECK_EQ(own_int(T, dict_get(T, dict, k)), BOXED + round * i);
  }
}
static void old_holders(Thr *T) {
  LET(T, nodes, list_new(T, 0));
  for (int64_t i = 0; i < HOLDERS; i++) list_append(T, nodes, node_leaf(T, i));
  LET(T, array, array_new(T, LARGE));
  LET(T, dict, dict_new(T, 0));
  for (int64_t round = 0; round < 60; round++) {
    refresh(T, nodes, array, dict, round);
    garbage(T, 5000);
    expect(T, nodes, array, dict, round);
    if (round % 20 == 19) (void)live_objects(T);
    expect(T, nodes, array, dict, round);
  }
}
static int64_t age = 1;
static void small_nursery(TestHeap *h) {
  heap_tune(h, "nursery", 64 << 10);
  heap_tune(h, "nursery-max", 64 << 10);
  heap_tune(h, "promotion-age", age);
}
Test(old_to_young, at_every_promotion_age, .timeout = LIMIT_S) {
  for (age = 1; age <= 4; age++) with_heap(small_nursery, old_holders);
}

/* Young references come into large arrays and tables many at a time, too: as lists grow, are cut and joined, as tables grow. */
static void expect_items(Thr *T, Slot *list, size_t from, size_t to, int64_t first) {
  for (size_t i = from; i < to; i++) {
    mm_poll(T);
    CHECK_EQ(own_int(T, list_get(T, list, i)), first + (int64_t)(i - from));
  }
}
static void in_bulk(Thr *T) {
  enum { ITEMS = 12000, CUT = 100 };
  LET(T, list, list_new(T, 0));
  LET(T, dict, dict_new(T, 0));
  for (int64_t i = 0; i < ITEMS; i++) {
    mm_poll(T);
    list_append(T, list, int_new(T, BOXED + i));
    LET(T, k, int_new(T, BOXED + i));
    dict_put(T, dict, k, int_new(T, BOXED - i));
  }
  LET(T, cut, list_slice(T, list, CUT, ITEMS));
  LET(T, both, list_concat(T, cut, list));
  if (MANY_OWNERS) slot_clear(T, list);
  garbage(T, 200000);
  expect_items(T, cut, 0, ITEMS - CUT, BOXED + CUT);
  expect_items(T, both, 0, ITEMS - CUT, BOXED + CUT);
  expect_items(T, both, ITEMS - CUT, 2 * ITEMS - CUT, BOXED);
  for (int64_t i = 0; i < ITEMS; i++) {
    mm_poll(T);
    LET(T, k, int_new(T, BOXED + i));
    CHECK_EQ(own_int(T, dict_get(T, dict, k)), BOXED - i);
  }
}
Test(old_to_young, many_at_a_time, .timeout = LIMIT_S) { with_heap(NULL, in_bulk); }

/* --- A copying nursery --------------------------------------------------------------------------------------------------------------------- */

#ifdef RECLAIM_PARTS_NURSERY_H
#include "tests/conformance/thieves.h"

static bool is_young(Thr *T, const Slot *x) { return nursery_has(&T->nursery, x->p_); }
/* Dirty cards of a large object; small ones and fields that are remembered. */
static size_t entries(Thr *T) {
  Nursery *n = &T->nursery;
  size_t cards = 0;
  for (size_t i = 0; i < n->large.n; i++)
    for (size_t c = 0; c <= obj_size(n->large.v[i]) >> n->card_shift; c++) cards += unit_of(n->large.v[i])->cards[c];
  return n->logged.n + n->slots.n + cards;
}

/* Until the next minor collection. */
static void age_once(Thr *T) {
  for (uint64_t before = T->nursery.minors; T->nursery.minors == before;) garbage(T, 1);
}

static void entries_stay_few(Thr *T) {
  enum { ITEMS = 1 << 16, CARDS = ITEMS * 8 / 512 + 1 };
  LET(T, a, array_new(T, ITEMS));
  CHECK(!is_young(T, a));
  LET(T, x, int_new(T, BOXED));
  for (int64_t i = 0; i < 1000000; i++) {
    array_set(T, a, (size_t)(i % ITEMS), slot_dup(T, x));
    CHECK(entries(T) <= CARDS);
  }
  CHECK(entries(T) >= CARDS - 1);
  LET(T, n, node_leaf(T, 1));
  age_once(T);
  CHECK(!is_young(T, n) && entries(T) == 0);
  for (int64_t i = 0; i < 100000; i++) {
    LET(T, v, node_leaf(T, i)); /* no poll: nothing is collected but when eden is full */
    node_set(T, n, 0, slot_take(T, v));
    CHECK(entries(T) <= 1);
  }
}
MechanismTest(remembered, each_card_and_each_small_object_once) { with_heap(NULL, entries_stay_few); }

enum { FEW = 16 };
static void few_entries(TestHeap *h) { CHECK(heap_tune(h, "remembered-set", FEW)); }
static void overflow(Thr *T) {
  LET(T, nodes, list_new(T, 0));
  for (int64_t i = 0; i < 10 * FEW; i++) list_append(T, nodes, node_leaf(T, i));
  age_once(T);
  uint64_t before = T->nursery.minors;
  for (int64_t i = 0; i < 10 * FEW; i++) {
    mm_poll(T);
    CHECK(entries(T) <= FEW);
    LET(T, n, list_get(T, nodes, (size_t)i));
    node_set(T, n, 0, int_new(T, BOXED + i));
  }
  CHECK(T->nursery.minors >= before + 8); /* eden was nowhere near full */
  for (int64_t i = 0; i < 10 * FEW; i++) {
    LET(T, n, list_get(T, nodes, (size_t)i));
    CHECK_EQ(own_int(T, node_get(T, n, 0)), BOXED + i);
  }
}
MechanismTest(remembered, overflow_asks_for_a_collection) { with_heap(few_entries, overflow); }

/* A field of another card is given a young reference behind the barrier's back: a scan of the whole array would change it. */
static void one_card(Thr *T) {
  enum { ITEMS = 4096, FAR = 3000 };
  LET(T, a, array_new(T, ITEMS));
  LET(T, x, int_new(T, BOXED));
  array_set(T, a, 10, slot_dup(T, x));
  Obj **far = &((Array *)a->p_)->v[FAR], *was = x->p_;
  *far = was;
  age_once(T);
  CHECK(x->p_ != was);
  CHECK(*far == was);
  CHECK(((Array *)a->p_)->v[10] == x->p_);
  *far = NULL;
}
MechanismTest(remembered, cards_are_scanned_not_arrays) { with_heap(NULL, one_card); }

static void cut_off(TestHeap *h) { CHECK(heap_tune(h, "large-object", 4096)); }
static void born(Thr *T) {
  enum { FITS = (4096 - sizeof(Array)) / 8 };
  LET(T, small, array_new(T, FITS));
  LET(T, large, array_new(T, FITS + 1));
  LET(T, huge, raw_new(T, 5 << 20));
  LET(T, text, str_new(T, "", 0));
  CHECK(is_young(T, small) && is_young(T, text));
  CHECK(!is_young(T, large) && !is_young(T, huge));
  array_set(T, large, FITS, int_new(T, BOXED));
  age_once(T);
  CHECK(!is_young(T, small));
  CHECK_EQ(own_int(T, array_get(T, large, FITS)), BOXED);
}
MechanismTest(nursery, large_objects_are_born_mature) { with_heap(cut_off, born); }

static void come_of_age(Thr *T) {
  LET(T, x, node_leaf(T, 7));
  node_set(T, x, 0, int_new(T, BOXED));
  for (int64_t survived = 1; survived <= 6; survived++) {
    age_once(T);
    CHECK_EQ(is_young(T, x), survived < age);
    CHECK_EQ(node_value(T, x), 7);
    CHECK_EQ(own_int(T, node_get(T, x, 0)), BOXED);
  }
}
MechanismTest(nursery, objects_come_of_age) {
  for (age = 1; age <= 4; age++) with_heap(small_nursery, come_of_age);
}

static void growing(TestHeap *h) {
  CHECK(heap_tune(h, "nursery", 64 << 10) && heap_tune(h, "nursery-max", 1 << 20));
  heap_tune(h, "promotion-age", age);
}
static void follow_survival(Thr *T) {
  size_t first = T->nursery.size;
  {
    LET(T, kept, list_new(T, 0));
    for (int64_t i = 0; i < 200000; i++) {
      mm_poll(T);
      list_append(T, kept, int_new(T, BOXED + i));
    }
    CHECK_EQ(T->nursery.size, 1 << 20);
  }
  for (int i = 0; i < 20; i++) age_once(T);
  CHECK_EQ(T->nursery.size, first);
}
MechanismTest(nursery, size_follows_survival) {
  for (age = 1; age <= 4; age += 3) with_heap(growing, follow_survival);
}

/* --- A heap of sparse blocks -------------------------------------------------------------------------------------------------------------- */

/* A fifth of the limit lives, in cells of several classes that die at random, so that hardly any block is ever empty. A class whose holes
   end before those of others must not take a new block each time; and an object longer than all holes finds what room is left. */
enum { SPARSE_LIMIT = 5 << 20, SPARSE = 15000, ROUNDS = 400, LONG = 100 << 10 };
static void replace_at_random(Thr *T) {
  enum { CLASSES_USED = 12 }; /* as many bytes of each, so that all run out of holes at about the same time */
  Rng r = rng_make(7);
  LET(T, kept, array_new(T, SPARSE));
  for (int64_t i = 0; i < (int64_t)ROUNDS * SPARSE; i++) {
    mm_poll(T);
    size_t k = 1 + rng_below(&r, CLASSES_USED);
    while (rng_below(&r, k)) k = 1 + rng_below(&r, CLASSES_USED);
    LET(T, x, raw_new(T, 16 * k));
    raw_set(T, x, 0, i);
    array_set(T, kept, rng_below(&r, SPARSE), slot_take(T, x));
    if (i % (100 * SPARSE) == 100 * SPARSE - 1) own_drop(T, raw_new(T, LONG));
  }
}
static void prepare_sparse(TestHeap *h) {
  heap_tune(h, "nursery", 64 << 10);
  heap_tune(h, "nursery-max", 64 << 10);
  h->config.heap_limit_bytes = SPARSE_LIMIT;
}
static void live_sparsely(void *unused) {
  (void)unused;
  with_heap(prepare_sparse, replace_at_random);
}
MechanismTest(nursery, sparse_blocks_are_no_full_heap, .timeout = LIMIT_S) { survives(live_sparsely, NULL); }

/* A third of the limit lives, in cells of one class: what is free lies in holes. Full collections that come before they run out keep blocks from being
   taken one by one in the middle of promotions, until the heap is full of them and the nursery at its least. */
enum { LEAVES = 50000 };
static void replace_leaves(Thr *T) {
  Rng r = rng_make(3);
  LET(T, kept, array_new(T, LEAVES));
  size_t first = T->nursery.size;
  for (int64_t i = 0; i < (int64_t)ROUNDS / 4 * LEAVES; i++) {
    mm_poll(T);
    array_set(T, kept, rng_below(&r, LEAVES), node_leaf(T, i));
  }
  CHECK(T->nursery.size >= first / 2);
}
static void prepare_tight(TestHeap *h) { h->config.heap_limit_bytes = SPARSE_LIMIT; }
static void live_tightly(void *unused) {
  (void)unused;
  with_heap(prepare_tight, replace_leaves);
}
MechanismTest(nursery, holes_are_used_before_blocks_and_the_nursery_stays, .timeout = LIMIT_S) { survives(live_tightly, NULL); }

static void publish_deep(Thr *T) {
  LET(T, d, dict_new(T, 0));
  LET(T, k, str_new_int(T, "k", 1));
  dict_put(T, d, k, node_leaf(T, 1));
  LET(T, l, list_new(T, 0));
  list_append(T, l, slot_dup(T, d));
  CHECK(is_young(T, l) && is_young(T, d));
  om_share(T, l);
  CHECK(!is_young(T, l) && !is_young(T, d));
  LET(T, k2, str_new_int(T, "k", 1));
  LET(T, n, dict_get(T, d, k2));
  CHECK(!is_young(T, n));
  CHECK(obj_is_shared(l->p_) && obj_is_shared(d->p_) && obj_is_shared(n->p_));
  LET(T, late, node_leaf(T, 2)); /* stored into what is shared: shared first */
  CHECK(is_young(T, late));
  node_set(T, n, 0, slot_dup(T, late));
  LET(T, back, node_get(T, n, 0));
  CHECK(!is_young(T, back) && obj_is_shared(back->p_));
  CHECK_EQ(node_value(T, back), 2);
}
MechanismTest(nursery, publishing_promotes) { with_heap(NULL, publish_deep); }

/* Publishing one value again and again must not fill the mature space with copies of it. */
static void publish_value(Thr *T) {
  enum { TIMES = 100000 };
  LET(T, l, list_new(T, 0));
  list_append(T, l, none_new(T));
  om_share(T, l); /* promotes what there is: the value comes after it */
  LET(T, x, str_new_int(T, "value", 1));
  CHECK(is_young(T, x));
  uint64_t before = T->nursery.promoted_bytes;
  for (int i = 0; i < TIMES; i++) {
    mm_poll(T);
    list_set(T, l, 0, slot_dup(T, x));
  }
  CHECK(T->nursery.promoted_bytes - before < TIMES * 16 / 10);
}
MechanismTest(nursery, a_value_published_often_is_copied_seldom) { with_heap(NULL, publish_value); }

/* With a collector thread to spare, minor collections of a single mutator are shared: a helper copies some of what survives, and nothing
   is lost, doubled or left behind, at any promotion age. */
enum { SHARED_DEPTH = 15 };
static OWNED Own tree(Thr *T, int depth) {
  mm_poll(T);
  if (depth == 0) return node_leaf(T, 1);
  LET(T, l, tree(T, depth - 1));
  return node_new(T, depth, l, tree(T, depth - 1));
}
static int64_t tree_sum(Thr *T, Slot *t) {
  mm_poll(T);
  LET(T, l, node_get(T, t, 0));
  if (slot_is_null(l)) return node_value(T, t);
  LET(T, r, node_get(T, t, 1));
  return node_value(T, t) + tree_sum(T, l) + tree_sum(T, r);
}
static void many_collectors(TestHeap *h) {
  h->config.collector_threads = 4;
  heap_tune(h, "nursery", 4 << 20);
  heap_tune(h, "promotion-age", age);
}
static void share_minors(Thr *T) {
  thieves_must_come(&T->heap->team);
  LET(T, array, array_new(T, 1 << 16)); /* large: its cards are shared, too */
  int64_t sum = 1;
  for (int d = 1; d <= SHARED_DEPTH; d++) sum = d + 2 * sum;
  for (int round = 0; round < 10; round++) {
    for (size_t i = 0; i < 1 << 16; i += 7) array_set(T, array, i, int_new(T, BOXED + (int64_t)i));
    LET(T, t, tree(T, SHARED_DEPTH));
    LET(T, u, tree(T, SHARED_DEPTH));
    CHECK_EQ(tree_sum(T, t), sum);
    CHECK_EQ(tree_sum(T, u), sum);
    for (size_t i = 0; i < 1 << 16; i += 7) CHECK_EQ(own_int(T, array_get(T, array, i)), BOXED + (int64_t)i);
  }
  CHECK(T->nursery.helped_bytes > 0);
  uint64_t live = live_objects(T);
  CHECK_EQ(live, 1 + ((1 << 16) + 6) / 7);
}
MechanismTest(nursery, is_emptied_with_helpers, .timeout = LIMIT_S) {
  for (age = 1; age <= 4; age += 3) with_heap(many_collectors, share_minors);
}

/* Two threads are each in the middle of a minor collection at the same time: neither stops the other, nor waits for it. */
enum { BOTH = 2 };
static unsigned arrived;
static TraceDrain *drain_alone;
static void drain_when_both_have_come(TraceWorker *w) {
  __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
  while (load_relaxed(&arrived) < BOTH) sched_yield();
  drain_alone(w);
}
static void collect_at_once(Thr *T, int index, void *arg) {
  (void)arg;
  LET(T, x, node_leaf(T, index));
  T->evacuator.drain = drain_when_both_have_come;
  age_once(T);
  CHECK(!is_young(T, x));
  CHECK_EQ(node_value(T, x), index);
}
static void look_at_drain(Thr *T, int index, void *arg) {
  (void)index;
  *(TraceDrain **)arg = T->evacuator.drain;
}
MechanismTest(nursery, several_are_emptied_at_once, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, BOTH);
  heap_open(&h);
  heap_threads(&h, 1, 0, look_at_drain, &drain_alone);
  heap_threads(&h, BOTH, 0, collect_at_once, NULL);
  heap_close(&h);
}

/* A full collection that is due finds what is young where it lies, and leaves it there. */
static void stay_young(Thr *T) {
  LET(T, x, node_leaf(T, 7));
  node_set(T, x, 0, int_new(T, BOXED));
  LET(T, large, array_new(T, LARGE));
  array_set(T, large, LARGE - 1, node_leaf(T, 8));
  Obj *was = x->p_;
  uint64_t minors = T->nursery.minors, full = T->heap->collections;
  while (T->heap->collections == full) own_drop(T, raw_new(T, 1 << 20));
  CHECK(is_young(T, x) && x->p_ == was);
  CHECK_EQ(T->nursery.minors, minors);
  CHECK_EQ(own_int(T, node_get(T, x, 0)), BOXED);
  LET(T, y, array_get(T, large, LARGE - 1));
  CHECK(is_young(T, y));
  CHECK_EQ(node_value(T, y), 8);
}
MechanismTest(nursery, is_left_alone_by_a_full_collection) { with_heap(NULL, stay_young); }

/* What mature objects hang on young ones alone is found by every full collection anew, through young ones that found no room on the stack,
   too. */
enum { BUSH = 60 };
static void short_stack(TestHeap *h) { CHECK(heap_tune(h, "mark-stack", 64)); }
static OWNED Own young_bush(Thr *T, Slot *leaves) {
  LET(T, root, node_make(T, 0, BUSH));
  for (unsigned i = 0; i < BUSH; i++) {
    LET(T, twig, node_make(T, 0, BUSH));
    for (unsigned k = 0; k < BUSH; k++) {
      LET(T, tip, node_leaf(T, 0));
      node_set(T, tip, 0, list_get(T, leaves, i * BUSH + k));
      node_set(T, twig, k, slot_take(T, tip));
    }
    node_set(T, root, i, slot_take(T, twig));
  }
  return slot_take(T, root);
}
static void hang_on_young(Thr *T) {
  LET(T, leaves, list_new(T, 0));
  for (int64_t i = 0; i < BUSH * BUSH; i++) list_append(T, leaves, int_new(T, BOXED + i));
  age_once(T);
  LET(T, root, young_bush(T, leaves));
  slot_clear(T, leaves);
  for (int i = 0; i < 3; i++) {
    uint64_t full = T->heap->collections;
    while (T->heap->collections == full) own_drop(T, raw_new(T, 1 << 20));
    CHECK(is_young(T, root));
    CHECK_EQ(T->heap->live_objects, BUSH * BUSH); /* mature ones */
  }
  CHECK(trace_totals(&T->heap->mature.tracer).spills > 0);
}
MechanismTest(nursery, what_it_alone_holds_is_marked) { with_heap(short_stack, hang_on_young); }

/* One object that is found through one that is remembered. */
static void count_one(Thr *T) {
  LET(T, old, node_leaf(T, 1));
  age_once(T);
  Nursery before = T->nursery;
  uint64_t pauses = T->minor_pauses.total_count;
  node_set(T, old, 0, node_leaf(T, 2));
  age_once(T);
  CHECK_EQ(T->nursery.survived_bytes - before.survived_bytes, class_bytes(class_of(SIZE_NODE(2))));
  CHECK_EQ(T->nursery.promoted_bytes - before.promoted_bytes, class_bytes(class_of(SIZE_NODE(2))));
  CHECK_EQ(T->nursery.remembered - before.remembered, 1);
  CHECK_EQ(T->nursery.remembered_hits - before.remembered_hits, 1);
  CHECK_EQ(T->minor_pauses.total_count - pauses, 1);
}
MechanismTest(nursery, what_survives_is_counted) { with_heap(NULL, count_one); }
#endif
