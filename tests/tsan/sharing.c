/* Shared data under ThreadSanitizer, while collections are forced: lists, dicts, nodes and arrays that all threads read and write,
   structures that are published by one thread and retracted by another, generators that are resumed in turn. A plain main, since the
   test framework and the sanitizer do not go together; without the sanitizer it still checks values. Where nothing is shared, each
   thread has its own. */
#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, THREADS = 4, PLACES = 16, ROUNDS = 4, OPERATIONS = 800 };
enum { LIST, STACK, NODES, ARRAY, DICT, COUNTS, GENERATOR, CONTAINERS, HANDED = CONTAINERS };
/* Where objects have one owner nobody may read what others replace: each thread has containers of its own then, and hands trees on. */
enum { TOGETHER = MM_SHARES_HEAP && MANY_OWNERS };

static pthread_barrier_t barrier;

static int64_t value_for(uint64_t place, Rng *r) { return BOXED + (int64_t)(place + PLACES * (rng_next(r) >> 40)); }
static void expect_place(Thr *T, Slot *pair, uint64_t place) {
  if (slot_is_null(pair)) return;
  LET(T, v, array_get(T, pair, 0));
  LET(T, node, array_get(T, pair, 1));
  CHECK_EQ((int_value(T, v) - BOXED) % PLACES, place);
  CHECK_EQ(node_value(T, node), int_value(T, v));
}
static OWNED Own fresh(Thr *T, uint64_t place, Rng *r) {
  int64_t v = value_for(place, r);
  LET(T, first, int_new(T, v));
  return tuple_new2(T, first, node_leaf(T, v));
}

static Own keeps_last(Thr *T, Slot *self) {
  int64_t at = gen_word(T, self, 0);
  gen_set_word(T, self, 0, at + 1);
  gen_set_ref(T, self, 0, node_leaf(T, BOXED + at));
  LET(T, last, gen_ref(T, self, 0));
  return int_new(T, node_value(T, last));
}

static OWNED Own make(Thr *T, int what) {
  switch (what) {
  case LIST: {
    LET(T, l, list_new(T, 0));
    for (int i = 0; i < PLACES; i++) list_append(T, l, own_mk(T, NULL));
    return slot_take(T, l);
  }
  case STACK: return list_new(T, 0);
  case NODES: return node_make(T, 0, PLACES);
  case ARRAY: return array_new(T, PLACES);
  case GENERATOR: return gen_new(T, keeps_last, 1, 1);
  default: return dict_new(T, 0);
  }
}

static void dict_step(Thr *T, Slot *d, uint64_t place, Rng *r) {
  LET(T, k, place % 2 ? str_new_int(T, "place", (int64_t)place) : int_new(T, BOXED + (int64_t)place));
  switch (rng_below(r, 4)) {
  case 0: {
    LET(T, was, dict_remove(T, d, k));
    expect_place(T, was, place);
    return;
  }
  case 1: dict_put(T, d, k, fresh(T, place, r)); return;
  default: {
    LET(T, is, dict_get(T, d, k));
    expect_place(T, is, place);
    CHECK(dict_len(T, d) <= PLACES);
  }
  }
}
static void stack_step(Thr *T, Slot *l, Rng *r) {
  for (uint64_t n = rng_below(r, 12); n-- > 0;) list_append(T, l, fresh(T, 5, r));
  for (uint64_t n = rng_below(r, 12); n-- > 0;) {
    LET(T, x, list_pop(T, l));
    expect_place(T, x, 5);
  }
  LET(T, some, list_get(T, l, rng_below(r, 1 + list_len(T, l))));
  expect_place(T, some, 5);
  LET(T, cut, list_slice(T, l, 2, 6));
  LET(T, twice, list_concat(T, cut, l));
  CHECK(list_len(T, twice) >= list_len(T, cut));
}
static void step(Thr *T, Slot *x, int what, Rng *r) {
  uint64_t place = rng_below(r, PLACES);
  bool write = rng_below(r, 3) == 0;
  LET(T, v, own_mk(T, NULL));
  switch (what) {
  case LIST: write ? list_set(T, x, place, fresh(T, place, r)) : slot_set(T, v, list_get(T, x, place)); break;
  case NODES:
    write ? node_set(T, x, (unsigned)place, fresh(T, place, r)) : slot_set(T, v, node_get(T, x, (unsigned)place));
    break;
  case ARRAY: write ? array_set(T, x, place, fresh(T, place, r)) : slot_set(T, v, array_get(T, x, place)); break;
  case STACK: stack_step(T, x, r); break;
  case DICT: dict_step(T, x, place, r); break;
  default: {
    LET(T, k, int_new(T, (int64_t)place));
    dict_add(T, x, k, 1);
  }
  }
  expect_place(T, v, place);
}

static void work_on(Thr *T, int index, int what) {
  Rng r = rng_make((uint64_t)(index + 1) * 100 + (uint64_t)what);
  LET(T, x, TOGETHER ? global(T, what) : make(T, what));
  for (int i = 0; i < OPERATIONS; i++) {
    mm_poll(T);
    step(T, x, what, &r);
  }
}

/* One thread's turn after the other's. */
static void resume_in_turn(Thr *T, int index) {
  LET(T, g, TOGETHER ? global(T, GENERATOR) : make(T, GENERATOR));
  for (int turn = 0; turn < 2 * THREADS; turn++) {
    if (!TOGETHER || turn % THREADS == index) CHECK_EQ(own_int(T, gen_next(T, g)), BOXED + turn);
    heap_meet(T, &barrier);
  }
}

/* Each publishes a tree of its own for the next thread, who writes into it and drops it. */
static void hand_on(Thr *T, int index, Rng *r) {
  LET(T, tree, node_make(T, 0, PLACES));
  for (unsigned i = 0; i < PLACES; i++) node_set(T, tree, i, fresh(T, i, r));
  if (MM_SHARES_HEAP) publish(T, HANDED + index, tree);
  heap_meet(T, &barrier);
  if (MM_SHARES_HEAP) slot_set(T, tree, retract(T, HANDED + (index + 1) % THREADS));
  for (unsigned i = 0; i < PLACES; i++) {
    LET(T, pair, node_get(T, tree, i));
    expect_place(T, pair, i);
    node_set(T, tree, i, fresh(T, i, r));
  }
  heap_meet(T, &barrier);
}

static void everything(Thr *T, int index, void *arg) {
  (void)arg;
  Rng r = rng_make((uint64_t)index);
  for (int round = 0; round < ROUNDS; round++) {
    for (int what = 0; TOGETHER && index == round % THREADS && what < CONTAINERS; what++) {
      LET(T, x, make(T, what));
      publish(T, what, x);
    }
    heap_meet(T, &barrier);
    for (int what = 0; what < GENERATOR; what++) work_on(T, index, what);
    resume_in_turn(T, index);
    hand_on(T, index, &r);
    for (int what = 0; TOGETHER && index == (round + 1) % THREADS && what < CONTAINERS; what++) own_drop(T, retract(T, what));
    uint64_t live = 0;
    heap_meet_to_count(T, &barrier, index, &live);
    CHECK_LIVE(live, 0);
  }
}

/* Every combination that changes who writes what, and how often the world stops. */
static void run_variant(uint64_t heap_limit, int64_t variant) {
  TestHeap h;
  heap_init(&h, THREADS);
  h.config.collector_threads = 1 + (int)variant;
  if (MM_HEAP_LIMITED) h.config.heap_limit_bytes = heap_limit;
  heap_tune(&h, "nursery", 64 << 10);
  heap_tune(&h, "promotion-age", 1 + variant);
  heap_tune(&h, "switch-interval", 100);
  heap_tune(&h, "threshold", 100);
  heap_tune(&h, "count-by", variant & 1);
  heap_tune(&h, "lock-reads", variant >> 1);
  heap_tune(&h, "threshold0", 50 + 500 * variant);
  heap_tune(&h, "decrement-buffer", variant & 1 ? 16 : 0);
  heap_tune(&h, "cascade-budget", variant & 2 ? 10 : 0);
  heap_open(&h);
  heap_threads(&h, THREADS, 0, everything, NULL);
  heap_close(&h);
}

/* One mutator, so that all collector threads but one are idle: those that can take part in its collections of any size do. */
static OWNED Own bush(Thr *T, int depth) {
  mm_poll(T);
  LET(T, x, node_make(T, depth, 3));
  for (unsigned i = 0; depth > 0 && i < 3; i++) node_set(T, x, i, bush(T, depth - 1));
  return slot_take(T, x);
}
static int64_t bush_sum(Thr *T, Slot *x) {
  int64_t sum = node_value(T, x);
  for (unsigned i = 0; sum > 0 && i < 3; i++) {
    LET(T, y, node_get(T, x, i));
    sum += bush_sum(T, y);
  }
  return sum;
}
/* Blocks that have holes are emptied, by all collector threads, where there is such a thing. */
static void move_all(Thr *T) {
#ifdef RECLAIM_PARTS_REGION_H
  T->heap->mature.wants_block = true;
#endif
  mm_epoch(T);
  mm_collect(T);
}
static void grow_alone(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  enum { DEPTH = 7, ITEMS = 1 << 14 };
  LET(T, array, array_new(T, ITEMS));
  LET(T, kept, bush(T, DEPTH));
  int64_t sum = bush_sum(T, kept);
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < ITEMS; i += 5) array_set(T, array, i, int_new(T, BOXED + (int64_t)i));
    LET(T, fresh, bush(T, DEPTH));
    CHECK_EQ(bush_sum(T, fresh), sum);
    if (round % 4 == 0) move_all(T);
    CHECK_EQ(bush_sum(T, kept), sum);
    for (size_t i = 0; i < ITEMS; i += 5) CHECK_EQ(own_int(T, array_get(T, array, i)), BOXED + (int64_t)i);
  }
}
static void run_alone(int64_t variant) {
  TestHeap h;
  heap_init(&h, 1);
  h.config.collector_threads = 4;
  if (MM_HEAP_LIMITED) h.config.heap_limit_bytes = 6 << 20;
  heap_tune(&h, "promotion-age", 1 + variant);
  heap_tune(&h, "marks", variant & 1);
  heap_tune(&h, "young", 64 << 10);
  heap_open(&h);
  heap_threads(&h, 1, 0, grow_alone, NULL);
  heap_close(&h);
}

int main(void) {
  for (int64_t variant = 0; variant < 3; variant++) run_alone(variant);
  pthread_barrier_init(&barrier, NULL, THREADS);
  run_variant(0, 0);
  for (int64_t variant = 0; variant < 4; variant++) run_variant(3 << 20, variant);
  pthread_barrier_destroy(&barrier);
  return 0;
}
