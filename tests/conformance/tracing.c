/* Collecting with several threads: whatever their number and however small their stacks, exactly what lives is found; helpers come and steal;
   large arrays are cut; a helper's work is counted; and books are the same as one thread's. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

#if MM_PARALLEL
enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 250 };

/* --- Shapes ---------------------------------------------------------------------------------------------------------------------- */

static OWNED Own tree(Thr *T, int depth) {
  mm_poll(T);
  if (depth == 0) return node_leaf(T, 1);
  LET(T, l, tree(T, depth - 1));
  return node_new(T, depth, l, tree(T, depth - 1));
}
static uint64_t tree_nodes(int depth) { return ((uint64_t)2 << depth) - 1; }

static OWNED Own chain(Thr *T, int64_t n) {
  LET(T, none, own_mk(T, NULL));
  LET(T, head, node_leaf(T, 0));
  for (int64_t i = 1; i < n; i++) {
    mm_poll(T);
    slot_set(T, head, node_new(T, i, none, slot_take(T, head)));
  }
  return slot_take(T, head);
}

/* An array of n nodes, all different; with `shared`, of one node n times. */
static OWNED Own wide(Thr *T, size_t n, bool shared) {
  LET(T, a, array_new(T, n));
  LET(T, one, node_leaf(T, 0));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, a, i, shared ? slot_dup(T, one) : node_leaf(T, (int64_t)i));
  }
  return slot_take(T, a);
}

static OWNED Own table(Thr *T, int64_t n) {
  LET(T, d, dict_new(T, 0));
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, k, int_new(T, BOXED + i));
    dict_put(T, d, k, node_leaf(T, i));
  }
  return slot_take(T, d);
}

/* n nodes of 4 edges at random, all in an array: whoever follows one edge is where somebody else is, too. */
static OWNED Own tangle(Thr *T, size_t n) {
  Rng r = rng_make(n);
  LET(T, all, array_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, all, i, node_make(T, (int64_t)i, 4));
  }
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, x, array_get(T, all, i));
    for (unsigned e = 0; e < 4; e++) node_set(T, x, e, array_get(T, all, rng_below(&r, n)));
  }
  return slot_take(T, all);
}

/* --- What lives is found, whoever looks ------------------------------------------------------------------------------------------ */

typedef struct Setting {
  int collectors;
  int64_t stack, prefetch;
} Setting;

/* `small`: where a stack of 64 makes everything be looked for again and again. */
static void find_all(Thr *T, int index, void *arg) {
  (void)index;
  bool small = ((Setting *)arg)->stack < 1000;
  int depth = small ? 12 : 16, rounds = small ? 2 : 4;
  size_t n = small ? 3000 : 60000;
  LET(T, a, tree(T, depth));
  CHECK_EQ(live_objects(T), tree_nodes(depth));
  LET(T, b, chain(T, (int64_t)n));
  LET(T, c, wide(T, n, false));
  LET(T, d, table(T, (int64_t)n));
  LET(T, e, tangle(T, n));
  LET(T, f, wide(T, n, true));
  if (MM_SHARES_HEAP) publish(T, 3, f); /* a global is a root, too */
  uint64_t all = tree_nodes(depth) + n + (1 + n) + (2 + 2 * n) + (1 + n) + 2;
  for (int i = 0; i < rounds; i++) CHECK_EQ(live_objects(T), all);
  slot_clear(T, e);
  CHECK_EQ(live_objects(T), all - 1 - n);
  slot_clear(T, d);
  slot_clear(T, a);
  CHECK_EQ(live_objects(T), n + (1 + n) + 2);
  slot_clear(T, b);
  slot_clear(T, c);
  if (MM_SHARES_HEAP) slot_set(T, f, retract(T, 3));
  CHECK_EQ(live_objects(T), 2);
  slot_clear(T, f);
  CHECK_EQ(live_objects(T), 0);
}
static int64_t marks; /* where they are, to those who can choose */
static void find_with(int collectors, int64_t stack, int64_t prefetch) {
  Setting s = {collectors, stack, prefetch};
  TestHeap h;
  heap_init(&h, 1);
  h.config.collector_threads = collectors;
  heap_tune(&h, "mark-stack", stack);
  heap_tune(&h, "prefetch", prefetch);
  heap_tune(&h, "marks", marks);
  heap_open(&h);
  heap_threads(&h, 1, 0, find_all, &s);
  heap_close(&h);
}
MechanismTest(tracing, by_one, .timeout = LIMIT_S) { find_with(1, 1 << 22, 64); }
MechanismTest(tracing, by_two, .timeout = LIMIT_S) { find_with(2, 1 << 22, 64); }
MechanismTest(tracing, by_four, .timeout = LIMIT_S) { find_with(4, 1 << 22, 64); }
MechanismTest(tracing, by_more_than_there_are_cpus, .timeout = LIMIT_S) { find_with(16, 1 << 22, 16); }
MechanismTest(tracing, by_four_without_prefetch, .timeout = LIMIT_S) { find_with(4, 1 << 22, 0); }
MechanismTest(tracing, by_one_with_a_stack_far_too_small, .timeout = LIMIT_S) { find_with(1, 64, 16); }
MechanismTest(tracing, by_four_with_stacks_far_too_small, .timeout = LIMIT_S) {
  find_with(4, 64, 0);
  find_with(4, 64, 256);
}

MechanismTest(tracing, with_marks_in_headers, .timeout = LIMIT_S) {
  marks = 1;
  find_with(1, 1 << 22, 64);
  find_with(4, 1 << 22, 0);
  find_with(4, 1 << 22, 64);
  find_with(1, 64, 64);
  find_with(4, 64, 64);
}

/* --- The end is found: many short jobs, hardly anything to share ------------------------------------------------------------------- */

static void collect_often(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  for (int i = 0; i < 2000; i++) {
    LET(T, a, tree(T, i % 8));
    CHECK_EQ(live_objects(T), tree_nodes(i % 8));
  }
}
MechanismTest(tracing, short_jobs_end, .timeout = LIMIT_S) {
  for (int collectors = 2; collectors <= 8; collectors *= 2) {
    TestHeap h;
    heap_init(&h, 1);
    h.config.collector_threads = collectors;
    heap_open(&h);
    heap_threads(&h, 1, 0, collect_often, NULL);
    heap_close(&h);
  }
}

/* Several mutators want the world stopped, and each collects with all helpers. */
static void collect_in_turn(Thr *T, int index, void *arg) {
  (void)arg;
  for (int i = 0; i < 20; i++) {
    LET(T, a, tree(T, 10));
    mm_epoch(T);
    if (i % 4 == index % 4) mm_collect(T);
    BORROW (T, r, a) { CHECK_EQ(ref_value(ref_edge(r, 0)), 9); }
  }
}
MechanismTest(tracing, whoever_leads, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 4);
  h.config.collector_threads = 3;
  heap_open(&h);
  heap_threads(&h, 4, 0, collect_in_turn, NULL);
  Thr *T = heap_enter(&h, 0);
  CHECK_EQ(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

#ifdef RECLAIM_PARTS_SPACE_H
/* --- Sharing really happens -------------------------------------------------------------------------------------------------------- */

/* Collects until counter `name` moves; a helper comes when the machine lets it. */
static void collect_until(Thr *T, TestHeap *h, const char *name, uint64_t live) {
  for (int i = 0; i < 3000 && heap_counter(h, name) == 0; i++) CHECK_EQ(live_objects(T), live);
  CHECK(heap_counter(h, name) > 0);
}
static void share(Thr *T, int index, void *arg) {
  (void)index;
  TestHeap *h = arg;
  reclaim_stats before, after;
  {
    LET(T, a, tree(T, 17));
    h->strategy->stats(h->heap, &before);
    collect_until(T, h, "mark-steals", tree_nodes(17));
    CHECK(heap_counter(h, "mark-stolen") >= heap_counter(h, "mark-steals"));
    h->strategy->stats(h->heap, &after);
    CHECK(after.collector_cpu_ns > before.collector_cpu_ns);
    CHECK(load_relaxed(&T->heap->crew.cpu_ns) > 0); /* which is part of it */
  }
  h->strategy->reset_stats(h->heap);
  CHECK_EQ(heap_counter(h, "mark-steals"), 0);
  {
    LET(T, a, wide(T, 300000, false));
    uint64_t live = 1 + 300000;
    collect_until(T, h, "mark-steals", live); /* of parts: there is no other object that has anything to scan */
    CHECK(heap_counter(h, "mark-parts") >= 300000 / TRACE_PIECE);
  }
  CHECK_EQ(live_objects(T), 0);
}
MechanismTest(tracing, helpers_come_and_steal, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  h.config.collector_threads = 4;
  heap_open(&h);
  heap_threads(&h, 1, 0, share, &h);
  heap_close(&h);
}

/* A crew of one cuts arrays, too: the stack must not be flooded. */
static void cut(Thr *T, int index, void *arg) {
  (void)index;
  enum { NODES = 100000 };
  LET(T, a, wide(T, NODES, false));
  CHECK_EQ(live_objects(T), 1 + NODES);
  CHECK(heap_counter(arg, "mark-stack-deepest") <= 2 * TRACE_PIECE);
  CHECK(heap_counter(arg, "mark-parts") >= NODES / TRACE_PIECE);
  CHECK(heap_counter(arg, "mark-parts") <= 8 * (NODES / TRACE_PIECE));
}
MechanismTest(tracing, arrays_are_cut, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, 0, cut, &h);
  heap_close(&h);
}

/* A list has nothing to share, and nobody is woken for it. */
static void walk_alone(Thr *T, int index, void *arg) {
  (void)index;
  LET(T, a, chain(T, 200000));
  ((TestHeap *)arg)->strategy->reset_stats(((TestHeap *)arg)->heap);
  for (int i = 0; i < 3; i++) CHECK_EQ(live_objects(T), 200000);
  CHECK_EQ(heap_counter(arg, "mark-steals"), 0);
  if (!CREW_EAGER) CHECK_EQ(heap_counter(arg, "helpers-joined"), 0);
}
MechanismTest(tracing, a_list_wakes_nobody, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  h.config.collector_threads = 4;
  heap_open(&h);
  heap_threads(&h, 1, 0, walk_alone, &h);
  heap_close(&h);
}

/* --- Books ------------------------------------------------------------------------------------------------------------------------- */

/* Objects of all sizes, in a heap so large that its blocks are settled by several; what is found is the same with any number. */
enum { LARGE = 2500, SMALL = 40000, STAGES = 3 };
typedef struct Books {
  uint64_t objects, bytes, holes, unswept;
} Books;
typedef struct Bookkeeping {
  TestHeap heap;
  Books of[STAGES];
  const Books *expected;
} Bookkeeping;
static Books books_of(Thr *T) {
  Books b = {.objects = live_objects(T)};
  b.bytes = T->heap->live_bytes;
  b.holes = T->heap->mature.hole_bytes;
  for (unsigned cls = 0; cls < CLASSES; cls++)
    for (Unit *u = T->heap->mature.unswept[cls]; u; u = u->next) b.unswept++;
  return b;
}
static void expect_books(const Books *b, const Books *expected) {
  CHECK_EQ(b->objects, expected->objects);
  CHECK_EQ(b->bytes, expected->bytes);
  CHECK_EQ(b->holes, expected->holes);
  CHECK_EQ(b->unswept, expected->unswept);
}
static void keep_books(Thr *T, int index, void *arg) {
  (void)index;
  Bookkeeping *k = arg;
  LET(T, large, array_new(T, LARGE));
  for (size_t i = 0; i < LARGE; i++) {
    mm_poll(T);
    array_set(T, large, i, raw_new(T, UNIT_BYTES - 64));
  }
  LET(T, small, array_new(T, SMALL));
  for (size_t i = 0; i < SMALL; i++) {
    mm_poll(T);
    array_set(T, small, i, raw_new(T, 8 + i % 2000));
  }
  for (size_t stage = 0; stage < STAGES; stage++) {
    (void)live_objects(T); /* nothing is young */
    k->of[stage] = books_of(T);
    k->heap.strategy->reset_stats(k->heap.heap);
    for (int i = 0; k->expected && i < 3000 && !heap_counter(&k->heap, "helpers-joined"); i++) {
      k->of[stage] = books_of(T);
      expect_books(&k->of[stage], &k->expected[stage]);
    }
    for (size_t i = stage; i < SMALL; i += 2) array_set(T, small, i, own_mk(T, NULL));
    for (size_t i = stage; i < LARGE; i += 5) array_set(T, large, i, own_mk(T, NULL));
  }
}
static void keep_books_with(int collectors, Bookkeeping *k) {
  heap_init(&k->heap, 1);
  k->heap.config.collector_threads = collectors;
  heap_open(&k->heap);
  heap_threads(&k->heap, 1, 0, keep_books, k);
  if (collectors > 1) CHECK(heap_counter(&k->heap, "helpers-joined") > 0);
  heap_close(&k->heap);
}
MechanismTest(tracing, books_are_those_of_one, .timeout = LIMIT_S) {
  static Bookkeeping one, four;
  keep_books_with(1, &one);
  CHECK(one.of[1].unswept > 100 && one.of[0].objects > one.of[1].objects);
  four.expected = one.of;
  keep_books_with(4, &four);
}

/* --- The deque, alone ---------------------------------------------------------------------------------------------------------------- */

/* The owner pushes and takes while three steal: each element is had exactly once. */
enum { ELEMENTS = 300000, THIEVES = 3 };
static Deque deque;
static uint8_t had[ELEMENTS + 1];
static bool pushed_all;

static void have(uint64_t x) {
  CHECK(x >= 1 && x <= ELEMENTS);
  CHECK_EQ(__atomic_fetch_add(&had[x], 1, __ATOMIC_RELAXED), 0);
}
static void *thief(void *unused) {
  (void)unused;
  uint64_t x;
  while ((x = deque_steal(&deque)) || !load_acquire(&pushed_all) || deque_count(&deque))
    if (x) have(x);
  return NULL;
}
MechanismTest(deque, gives_each_element_once, .timeout = LIMIT_S) {
  pthread_t id[THIEVES];
  Rng r = rng_make(7);
  memset(had, 0, sizeof had);
  store_release(&pushed_all, false);
  for (int i = 0; i < THIEVES; i++) CHECK_EQ(pthread_create(&id[i], NULL, thief, NULL), 0);
  for (uint64_t x = 1; x <= ELEMENTS;) {
    if (rng_below(&r, 3)) {
      x += deque_push(&deque, x);
    } else {
      uint64_t y = deque_take(&deque);
      if (y) have(y);
    }
  }
  store_release(&pushed_all, true);
  for (uint64_t y; (y = deque_take(&deque));) have(y);
  for (int i = 0; i < THIEVES; i++) pthread_join(id[i], NULL);
  for (uint64_t x = 1; x <= ELEMENTS; x++) CHECK_EQ(had[x], 1);
}
MechanismTest(deque, is_bounded_and_keeps_both_orders) {
  static Deque d;
  for (uint64_t x = 1; x <= DEQUE_SIZE; x++) CHECK(deque_push(&d, x));
  CHECK(!deque_push(&d, 1));
  CHECK_EQ(deque_count(&d), DEQUE_SIZE);
  for (uint64_t x = 1; x <= DEQUE_SIZE / 2; x++) CHECK_EQ(deque_steal(&d), x);
  for (uint64_t x = DEQUE_SIZE; x > DEQUE_SIZE / 2; x--) CHECK_EQ(deque_take(&d), x);
  CHECK_EQ(deque_take(&d), 0);
  CHECK_EQ(deque_steal(&d), 0);
  CHECK_EQ(deque_count(&d), 0);
}
#endif
#endif
