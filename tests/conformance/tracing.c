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
  CHECK_LIVE(live_objects(T), tree_nodes(depth));
  LET(T, b, chain(T, (int64_t)n));
  LET(T, c, wide(T, n, false));
  LET(T, d, table(T, (int64_t)n));
  LET(T, e, tangle(T, n));
  LET(T, f, wide(T, n, true));
  if (MM_SHARES_HEAP) publish(T, 3, f); /* a global is a root, too */
  uint64_t all = tree_nodes(depth) + n + (1 + n) + (2 + 2 * n) + (1 + n) + 2;
  for (int i = 0; i < rounds; i++) CHECK_LIVE(live_objects(T), all);
  slot_clear(T, e);
  CHECK_LIVE(live_objects(T), all - 1 - n);
  slot_clear(T, d);
  slot_clear(T, a);
  CHECK_LIVE(live_objects(T), n + (1 + n) + 2);
  slot_clear(T, b);
  slot_clear(T, c);
  if (MM_SHARES_HEAP) slot_set(T, f, retract(T, 3));
  CHECK_LIVE(live_objects(T), 2);
  slot_clear(T, f);
  CHECK_LIVE(live_objects(T), 0);
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
    CHECK_LIVE(live_objects(T), tree_nodes(i % 8));
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
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

#ifdef RECLAIM_PARTS_SPACE_H
#include "tests/conformance/thieves.h"

/* --- Sharing really happens -------------------------------------------------------------------------------------------------------- */

static void share(Thr *T, int index, void *arg) {
  (void)index;
  TestHeap *h = arg;
  reclaim_stats before, after;
  thieves_must_come(&T->heap->mature.tracer);
  {
    LET(T, a, tree(T, 17));
    h->strategy->reset_stats(h->heap); /* making it may have collected */
    h->strategy->stats(h->heap, &before);
    CHECK_LIVE(live_objects(T), tree_nodes(17));
    CHECK(heap_counter(h, "mark-steals") > 0);
    CHECK(heap_counter(h, "mark-stolen") >= heap_counter(h, "mark-steals"));
    CHECK(heap_counter(h, "helpers-joined") > 0);
    h->strategy->stats(h->heap, &after);
    CHECK(after.collector_cpu_ns > before.collector_cpu_ns);
    CHECK(load_relaxed(&T->heap->crew.cpu_ns) > 0); /* which is part of it */
  }
  h->strategy->reset_stats(h->heap);
  CHECK_EQ(heap_counter(h, "mark-steals"), 0);
  {
    LET(T, a, array_new(T, 300000));
    for (size_t i = 0; i < 300000; i++) {
      mm_poll(T);
      array_set(T, a, i, int_new(T, BOXED + (int64_t)i));
    }
    CHECK_LIVE(live_objects(T), 1 + 300000);
    CHECK(heap_counter(h, "mark-steals") > 0); /* of parts: there is no other object that has anything to scan */
    CHECK(heap_counter(h, "mark-parts") >= 300000 / TRACE_PIECE);
  }
  CHECK_LIVE(live_objects(T), 0);
}
#ifdef RECLAIM_PARTS_WORLD_H
/* --- Nobody is at work when marking begins --------------------------------------------------------------------------------------- */

/* One asks for a collection. The other, who runs, sees that and does not poll for a while: only then may anything be marked. */
static bool runs, polls, marking; /* atomic */
static void drain_if_stopped(TraceWorker *w) {
  store_release(&marking, true);
  CHECK(load_acquire(&polls));
  drain_as_usual(w);
}
static void stop_late(Thr *T, int index, void *arg) {
  enum { A_WHILE = 20000 };
  Tracer *t = &T->heap->mature.tracer;
  (void)arg;
  if (index == 0) {
    while (!load_acquire(&runs)) sched_yield();
    drain_as_usual = t->drain;
    t->drain = drain_if_stopped;
    mm_collect(T);
    CHECK(load_acquire(&marking));
  } else {
    store_release(&runs, true);
    while (!atomic_load_explicit(&T->poll, memory_order_relaxed)) sched_yield();
    for (int i = 0; i < A_WHILE && !load_acquire(&marking); i++) sched_yield();
    store_release(&polls, true);
    mm_poll(T);
  }
}
MechanismTest(tracing, waits_for_who_has_not_polled, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 2);
  heap_open(&h);
  heap_threads(&h, 2, 0, stop_late, NULL);
  reclaim_stats s;
  h.strategy->stats(h.heap, &s);
  CHECK_EQ(s.safepoints.total_count, 1);
  CHECK(s.safepoints.total_ns > 0 && s.safepoints.total_ns <= s.pauses.total_ns);
  heap_close(&h);
}
#endif

/* Items wait their turn: the next place of the ring says how many did, modulo its length. Roots are not among them. */
static void wait_in_ring(Thr *T, int index, void *arg) {
  enum { NODES = 1000 };
  (void)index;
  LET(T, a, chain(T, NODES));
  CHECK_LIVE(live_objects(T), NODES);
  TraceWorker *w = tracer_worker(&T->heap->mature.tracer, 0);
  unsigned distance = *(unsigned *)arg;
  CHECK_EQ(w->distance, distance);
  CHECK_EQ(w->at - w->ring, distance ? (NODES - 1) % distance : 0);
}
MechanismTest(prefetch, marking_goes_through_the_ring, .timeout = LIMIT_S) {
  static const unsigned distances[] = {0, 2, 7, 64, 256};
  for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
    unsigned distance = distances[i];
    TestHeap h;
    heap_init(&h, 1);
    CHECK(heap_tune(&h, "prefetch", distance));
    heap_open(&h);
    heap_threads(&h, 1, 0, wait_in_ring, &distance);
    heap_close(&h);
  }
}
static uintptr_t came;
static void in_turn(TraceWorker *w, void *item) {
  (void)w;
  CHECK_EQ((uintptr_t)item, ++came);
}
MechanismTest(prefetch, an_item_waits_for_as_many_others) {
  enum { DISTANCE = 5, ITEMS = 23 };
  static TraceWorker w = {.distance = DISTANCE, .at = w.ring, .end = w.ring + DISTANCE};
  for (uintptr_t i = 1; i <= ITEMS; i++) {
    trace_later(&w, (void *)i, in_turn);
    CHECK_EQ(came, i > DISTANCE ? i - DISTANCE : 0);
  }
  while (w.waiting) trace_first(&w, in_turn);
  CHECK_EQ(came, ITEMS);
}

/* A crew of one cuts arrays, too: the stack must not be flooded. */
static void cut(Thr *T, int index, void *arg) {
  (void)index;
  enum { NODES = 100000 };
  LET(T, a, wide(T, NODES, false));
  CHECK_LIVE(live_objects(T), 1 + NODES);
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

/* Who has something to share calls those who sleep, whether or not they come in time. */
static void call(Thr *T, int index, void *arg) {
  (void)index;
  Crew *crew = &T->heap->crew;
  LET(T, a, tree(T, 17));
  CHECK_LIVE(live_objects(T), tree_nodes(17)); /* nothing is young */
  ((TestHeap *)arg)->strategy->reset_stats(((TestHeap *)arg)->heap);
  uint32_t calls = thieves_asleep(crew);
  CHECK_LIVE(live_objects(T), tree_nodes(17));
  CHECK(load_relaxed(&crew->bell) != calls);
  CHECK_EQ(heap_counter(arg, "marked-objects"), tree_nodes(17));
  CHECK(heap_counter(arg, "mark-ns") > 0 && heap_counter(arg, "settle-ns") > 0);
}
/* So does a pass over the blocks of a large heap; marking so few objects calls nobody. */
static void call_for_blocks(Thr *T, int index, void *arg) {
  enum { BLOCKS = 3000 };
  (void)index, (void)arg;
  Crew *crew = &T->heap->crew;
  LET(T, a, array_new(T, BLOCKS));
  for (size_t i = 0; i < BLOCKS; i++) array_set(T, a, i, raw_new(T, UNIT_BYTES - 64));
  CHECK_LIVE(live_objects(T), 1 + BLOCKS);
  uint32_t calls = thieves_asleep(crew);
  CHECK_LIVE(live_objects(T), 1 + BLOCKS);
  CHECK(load_relaxed(&crew->bell) != calls);
}
/* A list has nothing to share, and nobody is called for it: neither as it is made nor as it is marked. Who was not called does not come. */
static void walk_alone(Thr *T, int index, void *arg) {
  (void)index;
  LET(T, a, chain(T, 200000));
  for (int i = 0; i < 3; i++) CHECK_LIVE(live_objects(T), 200000);
  CHECK_EQ(heap_counter(arg, "mark-steals"), 0);
  if (CREW_EAGER) return;
  CHECK_EQ(load_relaxed(&T->heap->crew.bell), 0);
  CHECK_EQ(heap_counter(arg, "helpers-joined"), 0);
}
static void with_four(HeapBody *body) {
  TestHeap h;
  heap_init(&h, 1);
  h.config.collector_threads = 4;
  heap_open(&h);
  heap_threads(&h, 1, 0, body, &h);
  heap_close(&h);
}
MechanismTest(tracing, helpers_come_and_steal, .timeout = LIMIT_S) { with_four(share); }
MechanismTest(tracing, who_has_work_to_share_calls, .timeout = LIMIT_S) { with_four(call); }
MechanismTest(tracing, a_pass_over_many_blocks_calls, .timeout = LIMIT_S) { with_four(call_for_blocks); }
MechanismTest(tracing, a_list_wakes_nobody, .timeout = LIMIT_S) { with_four(walk_alone); }

/* --- Books ------------------------------------------------------------------------------------------------------------------------- */

/* Objects of all sizes, in a heap so large that several are called to settle its blocks; what is found is the same however many come.
   Collections are repeated until one did, or often enough. */
enum { LARGE = 2500, SMALL = 40000, STAGES = 3, LEAST = 4, MOST = 300 };
typedef struct Books {
  uint64_t objects, bytes, holes, unswept;
} Books;
typedef struct Bookkeeping {
  TestHeap heap;
  Books of[STAGES];
  const Books *expected;
} Bookkeeping;
/* Blocks that have holes, in so many lists. */
#ifdef RECLAIM_PARTS_REGION_H
enum { LISTS = 2 };
static const Unit *with_holes(Thr *T, unsigned k) { return k ? T->heap->mature.holey : T->heap->mature.roomy; }
#else
enum { LISTS = CLASSES };
static const Unit *with_holes(Thr *T, unsigned k) { return T->heap->mature.unswept[k]; }
#endif
static Books books_of(Thr *T) {
  Books b = {.objects = live_objects(T)};
  b.bytes = T->heap->live_bytes;
  b.holes = T->heap->mature.hole_bytes;
  for (unsigned k = 0; k < LISTS; k++)
    for (const Unit *u = with_holes(T, k); u; u = u->next) b.unswept++;
  return b;
}
static void expect_books(const Books *b, const Books *expected) {
  CHECK_EQ(b->objects, expected->objects);
  CHECK_EQ(b->bytes, expected->bytes);
#ifdef RECLAIM_PARTS_REGION_H /* which block is allocated in next is up to who settled it, and lines are not cells */
  CHECK(b->holes <= expected->holes + expected->holes / 4 && expected->holes <= b->holes + b->holes / 4);
#else
  CHECK_EQ(b->holes, expected->holes);
  CHECK_EQ(b->unswept, expected->unswept);
#endif
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
    for (int i = 0; k->expected && i < MOST && (i < LEAST || !heap_counter(&k->heap, "helpers-joined")); i++) {
      k->of[stage] = books_of(T);
      expect_books(&k->of[stage], &k->expected[stage]);
    }
    for (size_t i = stage; i < SMALL; i += 2) array_set(T, small, i, own_mk(T, NULL));
    for (size_t i = stage; i < LARGE; i += 5) array_set(T, large, i, own_mk(T, NULL));
  }
}
static void keep_books_with(int collectors, Bookkeeping *k) {
  heap_init(&k->heap, 1);
  heap_tune(&k->heap, "evacuate", 0); /* where something is moved to is up to who moves it */
  k->heap.config.collector_threads = collectors;
  heap_open(&k->heap);
  heap_threads(&k->heap, 1, 0, keep_books, k);
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
