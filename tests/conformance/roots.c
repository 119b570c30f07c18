/* Objects whose count goes up and down, and which then die in any order: for every strategy, nothing is left of them. And of trial deletion
   (trial.h): what is a root and what never is, that a root which dies is forgotten at once, when a collection comes, and how the
   threshold follows its fruit. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200 };
static const size_t MANY = RECLAIM_SANITIZED || MM_CHECK ? 150000 : 400000; /* more than one span of the buffer */

/* A count goes up and down again. */
static void touch(Thr *T, Slot *x) {
  LET(T, again, slot_dup(T, x));
  slot_clear(T, again);
}
static OWNED Own node_with_child(Thr *T) {
  LET(T, x, node_leaf(T, 1));
  node_set(T, x, 0, node_leaf(T, 2));
  return slot_take(T, x);
}

/* Roots that the strategy has recorded, if it records any. */
static size_t recorded(Thr *T) {
#ifdef TRIAL_OF
  return TRIAL_OF(T)->roots.n;
#else
  (void)T;
  return 0;
#endif
}
enum {
#ifdef TRIAL_OF
  RECORDS = 1
#else
  RECORDS = 0
#endif
};
static void never_by_itself(TestHeap *h) { CHECK_EQ(heap_tune(h, "root-threshold", 0), RECORDS); }

/* --- For every strategy -------------------------------------------------------------------------------------------------------------------- */

static void die_in_any_order(Thr *T) {
  Rng r = rng_make(3);
  LET(T, all, array_new(T, MANY));
  for (size_t i = 0; i < MANY; i++) {
    mm_poll(T);
    LET(T, x, node_with_child(T));
    touch(T, x);
    touch(T, x);
    array_set(T, all, i, slot_take(T, x));
  }
  size_t left = MANY;
  CHECK_EQ(recorded(T), RECORDS * left);
  for (size_t i = 0; i < MANY; i++) {
    size_t k = rng_below(&r, MANY);
    LET(T, x, array_get(T, all, k));
    if (slot_is_null(x)) continue;
    array_set(T, all, k, own_mk(T, NULL));
    slot_clear(T, x);
    left--;
    if (i % 1000 == 0) CHECK_EQ(recorded(T), RECORDS * left);
  }
  CHECK_EQ(recorded(T), RECORDS * left);
  CHECK_LIVE(live_objects(T), MM_RECLAIMS ? 1 + 2 * left : 1 + 2 * MANY);
}
Test(counts, go_up_and_down, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  never_by_itself(&h);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  if (!MM_UNIQUE_OWNERS && !MM_CONSERVATIVE) die_in_any_order(T);
  heap_leave(&h, T);
  heap_close(&h);
}

/* --- Trial deletion --------------------------------------------------------------------------------------------------------------------------- */

#ifdef TRIAL_OF
static const TrialStats *stats_of(Thr *T) { return &TRIAL_OF(T)->stats; }

static Own never(Thr *T, Slot *self) { return gen_end(T, self); }

/* Everything that certainly is on no cycle, and the same with a container in it. */
static void what_is_a_root(Thr *T) {
  LET(T, number, int_new(T, BOXED));
  LET(T, real, float_new(T, 1));
  LET(T, text, str_new(T, "text", 4));
  LET(T, raw, raw_new(T, 100));
  LET(T, none, none_new(T));
  LET(T, small, int_new(T, 1));
  LET(T, leaf, node_leaf(T, 1));
  LET(T, pair, tuple_new2(T, none, int_new(T, BOXED)));
  LET(T, pairs, own_mk(T, NULL));
  {
    LET(T, inner, slot_dup(T, pair));
    slot_set(T, pairs, tuple_new2(T, inner, none_new(T)));
  }
  LET(T, list, list_new(T, 0));
  LET(T, dict, dict_new(T, 0));
  LET(T, key, str_new(T, "key", 3));
  dict_put(T, dict, key, int_new(T, BOXED));
  LET(T, gen, gen_new(T, never, 1, 0));
  gen_set_ref(T, gen, 0, float_new(T, 2));
  LET(T, array, array_new(T, 4));
  array_set(T, array, 2, str_new(T, "item", 4));
  Slot *const no_roots[] = {number, real, text, raw, none, small, leaf, pair, pairs, list, dict, gen, array};
  for (size_t i = 0; i < sizeof no_roots / sizeof *no_roots; i++) {
    touch(T, no_roots[i]);
    CHECK_EQ(recorded(T), 0);
  }
  CHECK(stats_of(T)->passed > 0);
  /* pairs: the first has been found out, so the second is, too; neither is asked again. */
  uint64_t passed = stats_of(T)->passed;
  touch(T, pair);
  touch(T, pairs);
  CHECK_EQ(stats_of(T)->passed, passed);

  size_t roots = 0;
  node_set(T, leaf, 1, node_leaf(T, 2));
  touch(T, leaf), CHECK_EQ(recorded(T), ++roots);
  list_append(T, list, node_leaf(T, 1));
  touch(T, list), CHECK_EQ(recorded(T), ++roots);
  LET(T, key2, int_new(T, 2));
  dict_put(T, dict, key2, slot_dup(T, dict));
  touch(T, dict), CHECK_EQ(recorded(T), ++roots);
  gen_set_ref(T, gen, 0, list_new(T, 0));
  touch(T, gen), CHECK_EQ(recorded(T), ++roots);
  array_set(T, array, 3, node_leaf(T, 1));
  touch(T, array), CHECK_EQ(recorded(T), ++roots);
  LET(T, mixed, tuple_new2(T, key, node_leaf(T, 3)));
  touch(T, mixed), CHECK_EQ(recorded(T), ++roots);
  for (size_t i = 0; i < sizeof no_roots / sizeof *no_roots; i++) touch(T, no_roots[i]);
  CHECK_EQ(recorded(T), roots); /* each once */
}
MechanismTest(roots, are_what_may_be_on_a_cycle) { heap_run_clean(never_by_itself, what_is_a_root); }

/* Who dies is forgotten, however it dies: at once, in a cascade, as a binary node or another, in a list's array or a tuple. */
static void forgotten(Thr *T) {
  {
    LET(T, list, list_new(T, 0));
    for (int i = 0; i < 1000; i++) {
      LET(T, x, i % 2 ? node_make(T, i, 3) : node_leaf(T, i));
      node_set(T, x, 1, node_leaf(T, i));
      touch(T, x);
      LET(T, first, slot_take(T, x));
      slot_set(T, x, tuple_new2(T, first, node_with_child(T)));
      touch(T, x);
      list_append(T, list, slot_take(T, x));
    }
    touch(T, list);
    CHECK_EQ(recorded(T), 2001);
    slot_clear(T, list);
    CHECK_EQ(recorded(T), 0);
    CHECK_EQ(stats_of(T)->forgotten, 2001);
  }
  LET(T, chain, own_mk(T, NULL)); /* binary nodes, every third of them recorded, on left and on right edges */
  for (int i = 0; i < 3000; i++) {
    LET(T, x, node_with_child(T));
    node_set(T, x, (unsigned)(i / 7) & 1, slot_take(T, chain));
    if (i % 3 == 0) touch(T, x);
    slot_set(T, chain, slot_take(T, x));
  }
  CHECK(recorded(T) >= 999);
  slot_clear(T, chain);
  CHECK_EQ(recorded(T), 0);
}
MechanismTest(roots, are_forgotten_when_they_die) { heap_run_clean(never_by_itself, forgotten); }

/* The place in the buffer is known, not searched for: `places` counts what a removal looks at. */
static void in_constant_time(Thr *T) {
  enum { N = 100000 };
  LET(T, all, array_new(T, N));
  for (size_t i = 0; i < N; i++) {
    LET(T, x, node_with_child(T));
    touch(T, x);
    array_set(T, all, i, slot_take(T, x));
  }
  const Stack *roots = &TRIAL_OF(T)->roots;
  for (size_t i = 0; i < roots->n; i++) {
    size_t line = (trial_tag(roots->v[i]) - 1) * (size_t)TRIAL_LINE;
    CHECK(i >= line && i < line + TRIAL_LINE);
  }
  Rng r = rng_make(1); /* and it stays so, whichever have gone */
  for (size_t i = 0; i < N / 2; i++) array_set(T, all, rng_below(&r, N), own_mk(T, NULL));
  for (size_t i = 0; i < roots->n; i++) {
    size_t line = (trial_tag(roots->v[i]) - 1) * (size_t)TRIAL_LINE;
    CHECK(i >= line && i < line + TRIAL_LINE);
  }
}
MechanismTest(roots, are_found_in_one_line_of_the_buffer) { heap_run_clean(never_by_itself, in_constant_time); }

/* --- When --- */

enum { THRESHOLD = 100, LEAST = 30 };
static void adapting(TestHeap *h) {
  CHECK(heap_tune(h, "root-threshold", THRESHOLD) && heap_tune(h, "root-threshold-min", LEAST));
}
static void fixed(TestHeap *h) {
  adapting(h);
  CHECK(heap_tune(h, "root-threshold-adapts", 0));
}
static void ring_of_two(Thr *T) {
  LET(T, a, node_leaf(T, 1));
  LET(T, b, node_leaf(T, 2));
  node_set(T, a, 0, slot_dup(T, b));
  node_set(T, b, 0, slot_dup(T, a));
}
/* Trash until one more collection has come by itself. */
static void until_collected(Thr *T, bool fruitful) {
  LET(T, kept, list_new(T, 0));
  for (uint64_t before = stats_of(T)->collections; stats_of(T)->collections == before;) {
    size_t had = recorded(T), asked = TRIAL_OF(T)->threshold;
    mm_poll(T);
    CHECK_EQ(stats_of(T)->collections > before, had >= asked);
    if (fruitful) {
      ring_of_two(T);
    } else {
      LET(T, x, node_with_child(T));
      touch(T, x);
      list_append(T, kept, slot_take(T, x));
    }
  }
}
static void follows_fruit(Thr *T) {
  const Trial *R = TRIAL_OF(T);
  size_t was = R->threshold;
  CHECK_EQ(was, THRESHOLD);
  for (int i = 0; i < 5; i++, was = R->threshold) {
    until_collected(T, false);
    CHECK_EQ(R->threshold, was + was / 2 + 1);
  }
  LET(T, live, node_with_child(T)); /* so that not all is trash */
  for (int i = 0; i < 20; i++, was = R->threshold) {
    touch(T, live);
    until_collected(T, true);
    CHECK(R->threshold <= was && R->threshold >= LEAST);
  }
  CHECK_EQ(R->threshold, LEAST);
}
static void stays(Thr *T) {
  for (int i = 0; i < 5; i++) until_collected(T, i % 2);
  CHECK_EQ(TRIAL_OF(T)->threshold, THRESHOLD);
}
MechanismTest(roots, threshold_follows_the_fruit) {
  heap_run_clean(adapting, follows_fruit);
  heap_run_clean(fixed, stays);
}

/* Where nothing that was touched is held from outside, nothing is sifted. */
static void all_trash(Thr *T) {
  for (int i = 0; i < 10; i++) ring_of_two(T);
  (void)live_objects(T);
  CHECK_EQ(stats_of(T)->all_trash, 1);
  CHECK_EQ(stats_of(T)->freed, 20);
  LET(T, live, node_with_child(T));
  touch(T, live);
  for (int i = 0; i < 10; i++) ring_of_two(T);
  CHECK_LIVE(live_objects(T), 2);
  CHECK_EQ(stats_of(T)->all_trash, 1);
  CHECK_EQ(stats_of(T)->collections, 2);
  CHECK_EQ(stats_of(T)->examined, 20 + 22);
}
MechanismTest(roots, all_trash_is_told_by_its_counts) { heap_run_clean(never_by_itself, all_trash); }
#endif
