/* Reclaiming that is put off (later.h): with a budget no cascade frees more than that at once, and the rest goes with polls and
   allocations; with a buffer, drops wait and are carried out together. For every strategy the same programs leave nothing behind, and
   what is counted exactly is what lives. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200 };
static const int64_t LONG_CHAIN = RECLAIM_SANITIZED || MM_CHECK ? 100000 : 1000000;

static int64_t budget, buffer;
static void tuned(TestHeap *h) {
  heap_tune(h, "cascade-budget", budget);
  heap_tune(h, "decrement-buffer", buffer);
}

static OWNED Own chain(Thr *T, int64_t n) {
  LET(T, none, own_mk(T, NULL));
  LET(T, head, node_leaf(T, 0));
  for (int64_t i = 1; i < n; i++) {
    mm_poll(T);
    if (i % 2) { /* on left and right edges */
      slot_set(T, head, node_new(T, i, none, slot_take(T, head)));
    } else {
      LET(T, x, slot_take(T, head));
      slot_set(T, head, node_new(T, i, x, own_mk(T, NULL)));
    }
  }
  return slot_take(T, head);
}
static OWNED Own ints(Thr *T, int64_t n) {
  LET(T, l, list_new(T, 0));
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    list_append(T, l, int_new(T, BOXED + i));
  }
  return slot_take(T, l);
}
static OWNED Own dict_of(Thr *T, int64_t n) {
  LET(T, d, dict_new(T, 0));
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, k, i % 2 ? int_new(T, BOXED + i) : str_new_int(T, "key", i));
    dict_put(T, d, k, i % 3 ? int_new(T, BOXED + i) : node_leaf(T, i));
  }
  return slot_take(T, d);
}
static OWNED Own tree(Thr *T, int depth) {
  mm_poll(T);
  if (depth == 0) return node_leaf(T, 0);
  LET(T, l, tree(T, depth - 1));
  return node_new(T, depth, l, tree(T, depth - 1));
}
static OWNED Own mixed(Thr *T, int depth) {
  mm_poll(T);
  if (depth == 0) return dict_of(T, 50);
  LET(T, l, list_new(T, 0));
  for (int i = 0; i < 4; i++) list_append(T, l, i % 2 ? mixed(T, depth - 1) : ints(T, 40));
  LET(T, wide, node_make(T, 1, 9));
  node_set(T, wide, 8, slot_take(T, l));
  LET(T, none, none_new(T));
  return tuple_new2(T, none, slot_take(T, wide));
}
enum { SHAPES = 5 };
static OWNED Own shape(Thr *T, int which) {
  switch (which) {
  case 0: return chain(T, LONG_CHAIN / 10);
  case 1: return ints(T, 50000);
  case 2: return dict_of(T, 20000);
  case 3: return tree(T, 14);
  default: return mixed(T, 6);
  }
}

/* --- For every strategy --- */

static void drop_everything(Thr *T, bool publish) {
  for (int i = 0; i < SHAPES; i++) {
    {
      LET(T, x, shape(T, i));
      if (publish) om_share(T, x);
    }
    LET(T, more, tree(T, 8)); /* what goes on meanwhile */
    CHECK_LIVE(live_objects(T), (2 << 8) - 1);
  }
}
static void drop_private(Thr *T) { drop_everything(T, false); }
static void drop_published(Thr *T) { drop_everything(T, MM_SHARES_HEAP); }
static void for_all_settings(void (*body)(Thr *T)) {
  static const int64_t values[] = {0, 1, 100, 5000};
  TestHeap h;
  heap_init(&h, 1);
  int n = heap_tune(&h, "cascade-budget", 0) ? 4 : 1;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++) {
      budget = values[i], buffer = values[k];
      heap_run_clean(tuned, body);
    }
}
Test(later, nothing_is_left, .timeout = LIMIT_S) {
  if (!MM_CONSERVATIVE) for_all_settings(drop_private);
}
Test(later, nothing_is_left_of_what_was_published, .timeout = LIMIT_S) {
  if (!MM_CONSERVATIVE) for_all_settings(drop_published);
}

/* --- A budget --- */

#ifdef COUNT_PUTS_OFF
#if COUNT_PUTS_OFF
static uint64_t in_use(Thr *T) {
  Cells *cells = COUNT_CELLS(T);
  uint64_t objects, bytes;
  cells_books(&cells, 1, &T->heap->chunks, &objects, &bytes);
  return objects;
}
/* One step of a program: a poll, and so many new objects of a size that nothing dead has, that pages are asked for. */
enum { STEP = 12, STEPS = 3000 };
static void step(Thr *T, Slot *kept, unsigned edges) {
  mm_poll(T);
  for (int i = 0; i < STEP; i++) list_append(T, kept, node_make(T, 1, edges));
}

/* Leaves that hang on what is counted, and parts of arrays, are beside the budget. */
enum { BUDGET = 200, SLACK = 3 };
static void in_slices(Thr *T) {
  for (int i = 0; i < SHAPES; i++) {
    LET(T, kept, list_new(T, STEP * STEPS));
    LET(T, x, shape(T, i));
    uint64_t made = in_use(T), had = made - 2;
    T->longest_cascade = 0;
    uint64_t stops = T->later.stops;
    slot_clear(T, x);
    CHECK(in_use(T) < made && in_use(T) + SLACK * BUDGET > made); /* hardly anything yet */
    uint64_t last = in_use(T);
    for (int k = 0; k < STEPS && last > 2; k++) {
      step(T, kept, 20 + 2 * (unsigned)i);
      if (k % 100) continue;
      uint64_t now = in_use(T) - list_len(T, kept); /* every step brings it nearer to nothing, by no more than a slice each */
      CHECK(now < last || k == 0);
      CHECK(last - now <= 100 * (1 + STEP) * SLACK * BUDGET);
      last = now;
    }
    CHECK_EQ(last, 2); /* all has gone, without a collection */
    CHECK(T->longest_cascade <= SLACK * BUDGET);
    CHECK(T->later.stops - stops >= had / (SLACK * BUDGET));
  }
}
MechanismTest(later, a_budget_bounds_each_cascade, .timeout = LIMIT_S) {
  budget = BUDGET, buffer = 0;
  heap_run_clean(tuned, in_slices);
}
static void in_one(Thr *T) {
  uint64_t before = in_use(T);
  LET(T, x, tree(T, 12));
  slot_clear(T, x);
  CHECK_EQ(in_use(T), before);
  CHECK_EQ(T->longest_cascade, (2 << 12) - 1);
  CHECK_EQ(T->later.stops, 0);
}
MechanismTest(later, without_a_budget_a_cascade_is_one) {
  budget = buffer = 0;
  heap_run_clean(tuned, in_one);
}

/* A budget beyond the point from which a cascade is timed: both hold. */
static void long_and_timed(Thr *T) {
  enum { MANY = 5000 };
  CHECK_EQ(budget, MANY);
  LET(T, x, chain(T, 20000));
  uint64_t timed = T->cascades.total_count;
  slot_clear(T, x);
  CHECK_EQ(T->longest_cascade, MANY);
  CHECK_EQ(T->cascades.total_count, timed + 1);
}
MechanismTest(later, long_slices_are_timed) {
  budget = 5000, buffer = 0;
  heap_run_clean(tuned, long_and_timed);
}

/* --- A buffer --- */

enum { BUFFER = 64 };
static void gather(Thr *T) {
  for (int round = 0; round < 5; round++) {
    uint64_t before = in_use(T);
    for (int i = 1; i < BUFFER; i++) {
      own_drop(T, node_leaf(T, i));
      CHECK_EQ(in_use(T), before + (uint64_t)i);
    }
    own_drop(T, node_leaf(T, 0));
    CHECK_EQ(in_use(T), before);
  }
  CHECK_EQ(T->later.buffered, 5 * BUFFER);
  own_drop(T, int_new(T, BOXED)); /* a leaf is not worth a place */
  CHECK_EQ(T->later.buffered, 5 * BUFFER);
}
MechanismTest(later, last_drops_are_carried_out_together) {
  budget = 0, buffer = BUFFER;
  heap_run_clean(tuned, gather);
}

#if COUNT_ATOMIC
/* Of an object that others hold: the count is as it was, until it goes down by all of them at once. */
static void coalesce(Thr *T) {
  enum { TIMES = 100 };
  LET(T, x, node_leaf(T, 1));
  LET(T, held, list_new(T, 0));
  list_append(T, held, slot_dup(T, x));
  om_share(T, held);
  for (int i = 1; i <= TIMES; i++) {
    own_drop(T, slot_dup(T, x));
    CHECK_EQ(x->p_->count, 2 + (uint32_t)i);
  }
  mm_poll(T); /* there have been more drops than places */
  CHECK_EQ(x->p_->count, 2);
  CHECK_EQ(T->later.buffered, TIMES);
  /* the last reference waits like any other; then it is the last */
  Obj *o = x->p_;
  slot_clear(T, held);
  slot_clear(T, x);
  CHECK(o->count > 0);
  CHECK_LIVE(live_objects(T), 0);
}
MechanismTest(later, drops_of_one_object_become_one) {
  budget = 0, buffer = BUFFER;
  heap_run_clean(tuned, coalesce);
}
#endif
#endif
#endif
