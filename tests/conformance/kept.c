/* What is kept of what has died: nothing, exactly; where memory is scanned for whatever looks like an address, a bounded rest; where
   nothing is ever reclaimed, all of it, to the object and to the byte. And what must not be lost: locals, globals, and cells that
   wait on a thread's own lists. */
#include <criterion/criterion.h>
#include <sys/resource.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, ITEMS = 1000, STRUCTURES = 40, LIMIT_S = 120 };
#define STRUCTURE_BYTES (SIZE_LIST + SIZE_ARRAY(ITEMS) + ITEMS * SIZE_NODE(2))

static OWNED Own structure(Thr *T, int64_t v) {
  LET(T, l, list_new(T, ITEMS));
  for (int64_t i = 0; i < ITEMS; i++) {
    mm_poll(T);
    list_append(T, l, node_leaf(T, v + i));
  }
  return slot_take(T, l);
}
static void expect_structure(Thr *T, Slot *l, int64_t v) {
  for (int64_t i = 0; i < ITEMS; i++) {
    LET(T, x, list_get(T, l, (size_t)i));
    CHECK(!slot_is_null(x));
    CHECK_EQ(node_value(T, x), v + i);
  }
}

/* One after the other, each in the same local. */
static void make_and_drop(Thr *T) {
  for (int64_t i = 0; i < STRUCTURES; i++) {
    mm_poll(T);
    LET(T, x, structure(T, i));
    expect_structure(T, x, i);
  }
}
static void die(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  uint64_t before = live_objects(T), bytes = T->heap->live_bytes;
  make_and_drop(T);
  uint64_t kept = live_objects(T) - before;
  bytes = T->heap->live_bytes - bytes;
  if (!MM_RECLAIMS) {
    CHECK_EQ(kept, STRUCTURES * (2 + ITEMS));
    CHECK_EQ(bytes, STRUCTURES * STRUCTURE_BYTES);
  } else if (MM_CONSERVATIVE) {
    CHECK(kept <= 2 * (2 + ITEMS)); /* what a word that was not cleared may lead to */
  } else {
    CHECK_EQ(kept, 0);
  }
}
Test(kept, of_what_died, .timeout = LIMIT_S) {
  for (int threads = 1; threads <= 2; threads++) {
    TestHeap h;
    heap_init(&h, 1);
    heap_open(&h);
    for (int i = 0; i < threads; i++) heap_threads(&h, 1, 0, die, NULL); /* the second takes over what the first left */
    heap_close(&h);
  }
}

/* What only a local or a global leads to is there, however much is made and dropped beside it. */
static void live_on(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, x, structure(T, BOXED));
  if (MM_SHARES_HEAP) {
    LET(T, y, structure(T, 2 * BOXED));
    publish(T, 3, y);
  }
  for (int i = 0; i < 3; i++) {
    make_and_drop(T);
    CHECK_LIVE(live_objects(T), (1 + MM_SHARES_HEAP) * (2 + ITEMS));
  }
  expect_structure(T, x, BOXED);
  if (!MM_SHARES_HEAP) return;
  LET(T, y, retract(T, 3));
  expect_structure(T, y, 2 * BOXED);
}
Test(kept, is_what_locals_and_globals_lead_to, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, 0, live_on, NULL);
  heap_close(&h);
}

#if !MM_RECLAIMS
/* --- Everything ----------------------------------------------------------------------------------------------------------------------- */

typedef struct Made {
  pthread_barrier_t barrier;
  _Atomic uint64_t objects, bytes;
  uint64_t live, live_bytes;
} Made;
static void made(Made *m, size_t bytes) {
  atomic_fetch_add(&m->objects, 1);
  atomic_fetch_add(&m->bytes, (bytes + 15) & ~(size_t)15);
}

/* Of every kind and size: within an area, filling one to the last byte, larger than one. */
static void make_all_sizes(Thr *T, int index, void *arg) {
  Made *m = arg;
  Rng r = rng_make((uint64_t)index + 1);
  for (int i = 0; i < 3000; i++) {
    mm_poll(T);
    size_t n = rng_below(&r, i % 50 ? 300 : 40000);
    own_drop(T, raw_new(T, n)), made(m, SIZE_RAW(n));
    own_drop(T, array_new(T, n)), made(m, SIZE_ARRAY(n));
    own_drop(T, node_make(T, i, (unsigned)n % 256)), made(m, SIZE_NODE(n % 256));
    own_drop(T, int_new(T, BOXED + i)), made(m, SIZE_LEAF);
    own_drop(T, int_new(T, 1)); /* was made long ago */
    LET(T, a, float_new(T, i));
    own_drop(T, tuple_new2(T, a, node_leaf(T, i)));
    made(m, SIZE_LEAF), made(m, SIZE_NODE(2)), made(m, SIZE_ARRAY(2));
  }
  heap_meet_to_count(T, &m->barrier, index, &m->live);
  if (index == 0) m->live_bytes = T->heap->live_bytes;
}
MechanismTest(kept, is_everything_to_the_byte, .timeout = LIMIT_S) {
  static const int64_t areas[] = {1 << 16, 3 << 16, 1 << 20, 1 << 23};
  for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
    Made m = {.objects = 0};
    TestHeap h;
    pthread_barrier_init(&m.barrier, NULL, 3);
    heap_init(&h, 3);
    CHECK(heap_tune(&h, "area", areas[i]));
    heap_open(&h);
    heap_threads(&h, 3, 0, make_all_sizes, &m);
    CHECK_EQ(m.live, atomic_load(&m.objects));
    CHECK_EQ(m.live_bytes, atomic_load(&m.bytes));
    Thr *T = heap_enter(&h, 0); /* counted once, and no more */
    CHECK_EQ(live_objects(T), atomic_load(&m.objects));
    heap_leave(&h, T);
    heap_close(&h);
    pthread_barrier_destroy(&m.barrier);
  }
}

/* Where the system has no more, the cell ends with a status. */
static void until_refused(void *unused) {
  (void)unused;
  struct rlimit limit = {1 << 30, 1 << 30};
  CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  for (;;) own_drop(T, raw_new(T, 1 << 20));
}
MechanismTest(kept, ends_cleanly_where_memory_ends, .timeout = LIMIT_S) {
  if (RECLAIM_SANITIZED) return; /* whose shadow is larger than any limit */
  CHECK(gave_up(in_child(until_refused, NULL), RECLAIM_FAIL_OUT_OF_MEMORY, "refused memory"));
}
#endif

#if MM_CONSERVATIVE
/* --- A bounded rest ---------------------------------------------------------------------------------------------------------------------- */

/* Cells on a thread's lists are in nobody's sight, and yet not free: were one reclaimed, it would be handed out twice. */
static void keep_cells(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, all, list_new(T, 0));
  for (int64_t round = 0; round < 20; round++) {
    for (int64_t i = 0; i < 5; i++) { /* of a handful of sizes, a few cells of each list are taken */
      list_append(T, all, node_leaf(T, round));
      list_append(T, all, int_new(T, BOXED + round));
      list_append(T, all, node_make(T, round, (unsigned)i + 3));
      list_append(T, all, str_new_int(T, "a cell that waits", i));
      list_append(T, all, list_new(T, 0));
    }
    (void)live_objects(T);              /* collects */
    LET(T, other, structure(T, round)); /* whoever gets cells now must not get those */
  }
  Obj **seen = calloc(list_len(T, all), sizeof *seen);
  size_t n = 0;
  for (size_t i = 0; i < list_len(T, all); i++) {
    LET(T, x, list_get(T, all, i));
    for (size_t k = 0; k < n; k++) CHECK(seen[k] != x->p_);
    seen[n++] = x->p_;
    int64_t round = (int64_t)i / 25;
    if (x->p_->kind == KIND_NODE) CHECK_EQ(node_value(T, x), round);
    if (x->p_->kind == KIND_INT) CHECK_EQ(int_value(T, x), BOXED + round);
  }
  free(seen);
}
/* With one thread's lists full while another collects and allocates. */
static void keep_cells_of_others(Thr *T, int index, void *arg) {
  pthread_barrier_t *b = arg;
  own_drop(T, node_leaf(T, 0)); /* a list for each */
  heap_meet(T, b);
  if (index == 0) keep_cells(T, 0, NULL);
  heap_meet(T, b);
  if (index == 1) {
    LET(T, x, structure(T, 7));
    heap_meet(T, b);
    expect_structure(T, x, 7);
  } else {
    LET(T, x, structure(T, 8));
    heap_meet(T, b);
    expect_structure(T, x, 8);
  }
}
MechanismTest(conservative, cells_that_wait_are_not_free, .timeout = LIMIT_S) {
  pthread_barrier_t b;
  pthread_barrier_init(&b, NULL, 2);
  TestHeap h;
  heap_init(&h, 2);
  heap_open(&h);
  heap_threads(&h, 2, 0, keep_cells_of_others, &b);
  heap_close(&h);
  pthread_barrier_destroy(&b);
}

/* An integer that equals an address keeps what is there, unless the collector is told that it is an integer. */
static NOINLINE int64_t address_of_a_structure(Thr *T) {
  LET(T, x, structure(T, 1));
  return (int64_t)(uintptr_t)x->p_;
}
static void look_like_an_address(Thr *T, int index, void *arg) {
  bool typed = arg;
  (void)index;
  LET(T, liar, node_leaf(T, 0));
  node_set_value(T, liar, address_of_a_structure(T));
  make_and_drop(T); /* over whatever else leads there */
  uint64_t kept = live_objects(T);
  if (typed)
    CHECK(kept < 1 + 2 + ITEMS);
  else
    CHECK(kept >= 1 + 2 + ITEMS);
}
MechanismTest(conservative, unless_layouts_are_known, .timeout = LIMIT_S) {
  for (int64_t typed = 0; typed < 2; typed++) {
    TestHeap h;
    heap_init(&h, 1);
    CHECK(heap_tune(&h, "layouts", typed));
    heap_open(&h);
    heap_threads(&h, 1, 0, look_like_an_address, typed ? "typed" : NULL);
    heap_close(&h);
  }
}

/* The limit is taken at once, or as the heap grows; and as many mark as were asked for. */
static uint64_t committed_of(int64_t percent, int collectors) {
  enum { LIMIT = 32 << 20 };
  TestHeap h;
  heap_init(&h, 1);
  h.config.heap_limit_bytes = LIMIT;
  h.config.collector_threads = collectors;
  CHECK(heap_tune(&h, "initial-heap", percent));
  heap_open(&h);
  uint64_t bytes = heap_committed(&h);
  CHECK(bytes <= LIMIT);
  CHECK_EQ(heap_counter(&h, "markers"), collectors);
  heap_close(&h);
  return bytes;
}
MechanismTest(conservative, a_heap_that_starts_at_its_limit) { CHECK(committed_of(100, 2) > 28 << 20); }
MechanismTest(conservative, a_heap_that_grows) { CHECK(committed_of(0, 1) < 4 << 20); }

/* Nothing is asked of a thread that computes: it is stopped where it is. */
typedef struct Busy {
  pthread_barrier_t barrier;
  _Atomic bool over;
} Busy;
static void compute_or_collect(Thr *T, int index, void *arg) {
  Busy *b = arg;
  LET(T, x, structure(T, index));
  heap_meet(T, &b->barrier);
  if (index) {
    for (int i = 0; i < 10; i++) (void)live_objects(T);
    atomic_store(&b->over, true);
  } else {
    while (!atomic_load(&b->over)) {} /* no poll, no blocking region */
  }
  expect_structure(T, x, index);
}
MechanismTest(conservative, threads_are_stopped_wherever_they_are, .timeout = LIMIT_S) {
  Busy b = {.over = false};
  TestHeap h;
  pthread_barrier_init(&b.barrier, NULL, 2);
  heap_init(&h, 2);
  heap_open(&h);
  heap_threads(&h, 2, 0, compute_or_collect, &b);
  reclaim_stats s;
  h.strategy->stats(h.heap, &s);
  CHECK(s.collections >= 10 && s.pauses.total_count >= s.collections && s.safepoints.total_count >= s.collections);
  CHECK(s.collector_cpu_ns > 0 && s.collector_wall_ns >= s.pauses.total_ns);
  heap_close(&h);
  pthread_barrier_destroy(&b.barrier);
}
#endif
