/* Containers that cannot be on a cycle, until they can: for every strategy, tuples and dicts of leaves that come to be on cycles are
   reclaimed like others. And of the generational collector on counts (cycles.h): when it collects which generation, held against a
   model of CPython's rules; what it does not look at; that its logs follow nothing that was freed. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200 };
enum { EXACT = MM_RECLAIMS_CYCLES && !MM_UNIQUE_OWNERS && !MM_CONSERVATIVE };

static OWNED Own pair_of(Thr *T, Own second) {
  LET(T, s, second);
  LET(T, first, int_new(T, BOXED));
  return tuple_new2(T, first, slot_take(T, s));
}
/* Pairs of pairs of .. of boxed ints, `deep` of them. */
static OWNED Own nest(Thr *T, int deep) {
  LET(T, x, int_new(T, BOXED));
  for (int i = 0; i < deep; i++) {
    mm_poll(T);
    slot_set(T, x, pair_of(T, slot_take(T, x)));
  }
  return slot_take(T, x);
}
static OWNED Own dict_of_ints(Thr *T, int64_t n) {
  LET(T, d, dict_new(T, 0));
  for (int64_t i = 0; i < n; i++) { /* no poll: who counts collections makes one, too */
    LET(T, k, int_new(T, BOXED + i));
    dict_put(T, d, k, int_new(T, BOXED + 2 * i));
  }
  return slot_take(T, d);
}
static void put(Thr *T, Slot *d, int64_t key, Own value) {
  LET(T, v, value);
  LET(T, k, int_new(T, key));
  dict_put(T, d, k, slot_take(T, v));
}

/* --- For every strategy ------------------------------------------------------------------------------------------------------------------ */

static void from_leaves_to_cycles(Thr *T) {
  for (int round = 0; round < 20; round++) {
    LET(T, d, dict_of_ints(T, 10 + round * 30));
    LET(T, t, nest(T, round));
    for (int i = 0; i < round % 4; i++) (void)live_objects(T); /* as old as it gets */
    switch (round % 5) {
    case 0: put(T, d, BOXED, slot_dup(T, d)); break; /* in place of an int */
    case 1: put(T, d, 1, pair_of(T, slot_dup(T, d))); break;
    case 2:
      put(T, d, 1, slot_dup(T, t));
      put(T, d, 2, slot_dup(T, d));
      break;
    case 3: {
      LET(T, l, list_new(T, 0));
      list_append(T, l, slot_dup(T, d));
      for (int64_t i = 0; i < 500; i++) put(T, d, 100000 + i, i == 250 ? slot_dup(T, l) : int_new(T, i)); /* and grows */
      break;
    }
    default: {
      LET(T, k, int_new(T, 3));
      put(T, d, 3, slot_dup(T, d)); /* for a while */
      (void)live_objects(T);
      own_drop(T, dict_remove(T, d, k));
    }
    }
    for (int i = 0; i < round % 3; i++) (void)live_objects(T);
    LET(T, k, int_new(T, BOXED + 5));
    CHECK_EQ(own_int(T, dict_get(T, d, k)), BOXED + 10);
  }
  CHECK_LIVE(live_objects(T), 0);
}
Test(leaves, become_cycles, .timeout = LIMIT_S) {
  if (EXACT) heap_run_clean(NULL, from_leaves_to_cycles);
}

/* --- The collector of CPython ------------------------------------------------------------------------------------------------------------- */

#ifdef CYCLES_OF
static const CyclesStats *stats_of(Thr *T) { return &CYCLES_OF(T)->stats; }

/* A full collection that is not the harness's. */
static void collect(Thr *T) { (void)live_objects(T); }
static uint64_t examined_by_collection(Thr *T) {
  uint64_t before = stats_of(T)->examined;
  collect(T);
  return stats_of(T)->examined - before;
}

/* When: a model of gcmodule.c's counts, thresholds and of its quarter, beside a program that makes, keeps and drops nodes. */
enum { PLACES = 30000, THRESHOLD0 = 40, THRESHOLD1 = 3, THRESHOLD2 = 2 };
typedef struct Model {
  uint64_t count[3], collections[3], pending, total, put_off;
  bool due;
  int age[PLACES]; /* of the node in that place; -1: none */
} Model;
static const uint64_t thresholds[3] = {THRESHOLD0, THRESHOLD1, THRESHOLD2};

static void model_made(Model *m) {
  if (++m->count[0] > thresholds[0]) m->due = true;
}
static void model_freed(Model *m) {
  if (m->count[0]) m->count[0]--;
}
static void model_poll(Model *m) {
  if (!m->due) return;
  m->due = false;
  int g = 2;
  for (; g >= 0; g--) {
    if (m->count[g] <= thresholds[g]) continue;
    if (g < 2 || m->pending >= m->total / 4) break;
    m->put_off++;
  }
  if (g < 0) return; /* enough were freed meanwhile */
  m->collections[g]++;
  if (g < 2) m->count[g + 1]++;
  for (int i = 0; i <= g; i++) m->count[i] = 0;
  uint64_t survivors = 0;
  for (int i = 0; i < PLACES; i++) {
    if (m->age[i] < 0 || m->age[i] > g) continue;
    m->age[i] = g < 2 ? g + 1 : 2;
    survivors++;
  }
  if (g == 1) m->pending += survivors;
  if (g == 2) m->total = survivors, m->pending = 0;
}
static void expect_model(Thr *T, const Model *m) {
  const Cycles *Y = CYCLES_OF(T);
  for (int g = 0; g < 3; g++) CHECK_EQ(Y->stats.collections[g], m->collections[g]);
  CHECK_EQ(Y->stats.put_off, m->put_off);
  CHECK_EQ(Y->total, m->total);
  CHECK_EQ(Y->pending, m->pending);
}
static void by_the_rules(Thr *T) {
  static Model m;
  memset(&m, 0, sizeof m);
  Rng r = rng_make(5);
  LET(T, all, array_new(T, PLACES)); /* itself a container, in place 0 of the model */
  for (int i = 0; i < PLACES; i++) m.age[i] = -1;
  m.age[0] = 0;
  model_made(&m);
  for (int step = 0; step < 200000; step++) {
    size_t i = 1 + rng_below(&r, PLACES - 1);
    uint64_t what = rng_below(&r, 100), keep = step < 120000 ? 60 : 30; /* it grows, then shrinks */
    if (what < keep) {
      array_set(T, all, i, node_leaf(T, step));
      model_made(&m);
      if (m.age[i] >= 0) model_freed(&m);
      m.age[i] = 0;
    } else if (what < 90) {
      array_set(T, all, i, own_mk(T, NULL));
      if (m.age[i] >= 0) model_freed(&m);
      m.age[i] = -1;
    } else if (what < 95) { /* a list is one container, a dict another; strings and ints are none */
      LET(T, l, list_new(T, 0));
      LET(T, d, dict_of_ints(T, 3));
      list_append(T, l, str_new_int(T, "x", step));
      model_made(&m);
      model_made(&m);
      slot_clear(T, l);
      model_freed(&m);
      slot_clear(T, d);
      model_freed(&m);
    } else {
      mm_poll(T);
      model_poll(&m);
    }
    expect_model(T, &m);
  }
  CHECK(m.put_off > 10 && m.collections[2] > 10 && m.collections[1] > 50);
}
static void model_thresholds(TestHeap *h) {
  CHECK(heap_tune(h, "threshold0", THRESHOLD0) && heap_tune(h, "threshold1", THRESHOLD1) &&
        heap_tune(h, "threshold2", THRESHOLD2));
}
MechanismTest(generations, are_collected_by_cpythons_rules, .timeout = LIMIT_S) {
  heap_run_clean(model_thresholds, by_the_rules);
}

/* A live set that grows is walked by full collections, but each object a few times only: the quarter sees to it. */
static void grow(Thr *T) {
  enum { N = 200000 };
  LET(T, all, list_new(T, N));
  for (int64_t i = 0; i < N; i++) {
    mm_poll(T);
    list_append(T, all, node_leaf(T, i));
  }
  const CyclesStats *s = stats_of(T);
  CHECK(s->collections[2] > 10 && s->collections[2] < 60); /* each when it has grown by a quarter */
  CHECK(s->put_off > 5 * s->collections[2]);
  CHECK(s->examined > 2 * N && s->examined < 12 * N); /* twice while young, and a bounded number of times when old */
}
static void often(TestHeap *h) {
  CHECK(heap_tune(h, "threshold0", 50) && heap_tune(h, "threshold1", 2) && heap_tune(h, "threshold2", 2));
}
MechanismTest(generations, a_growing_heap_is_walked_a_bounded_number_of_times) { heap_run_clean(often, grow); }

/* Never in the middle of an operation: however many are due, none is made before a poll, and then one. */
static void only_at_polls(Thr *T) {
  LET(T, all, list_new(T, 0));
  for (int64_t i = 0; i < 10000; i++) list_append(T, all, node_leaf(T, i));
  CHECK_EQ(stats_of(T)->examined, 0);
  mm_poll(T);
  CHECK(stats_of(T)->examined >= 10000);
  uint64_t before = stats_of(T)->examined;
  mm_poll(T);
  CHECK_EQ(stats_of(T)->examined, before);
}
MechanismTest(generations, are_collected_at_polls_only) { heap_run_clean(NULL, only_at_polls); }

/* What one thread left due, the next that takes the lock collects at its poll, even if that one itself has made nothing. */
typedef struct Relay {
  pthread_barrier_t barrier;
  uint64_t examined[2];
} Relay;
static void relay(Thr *T, int index, void *arg) {
  Relay *r = arg;
  LET(T, all, list_new(T, 0));
  for (int64_t i = 0; index == 0 && i < 2000; i++) list_append(T, all, node_leaf(T, i));
  heap_meet(T, &r->barrier); /* thread 0 blocks without a poll */
  if (index == 1) {
    r->examined[0] = stats_of(T)->examined;
    mm_poll(T);
    r->examined[1] = stats_of(T)->examined;
  }
  heap_meet(T, &r->barrier);
}
MechanismTest(generations, are_collected_by_whoever_holds_the_lock) {
  Relay r;
  TestHeap h;
  pthread_barrier_init(&r.barrier, NULL, 2);
  heap_init(&h, 2);
  heap_open(&h);
  heap_threads(&h, 2, 0, relay, &r);
  CHECK_EQ(r.examined[0], 0);
  CHECK(r.examined[1] >= 2000);
  heap_close(&h);
  pthread_barrier_destroy(&r.barrier);
}

/* --- What is not looked at --- */

static void untracked(Thr *T) {
  enum { N = 1000, DEEP = 50 };
  LET(T, all, list_new(T, 0));
  uint64_t empty = examined_by_collection(T); /* the list and its array */
  for (int i = 0; i < N; i++) list_append(T, all, pair_of(T, int_new(T, BOXED + i)));
  CHECK_EQ(examined_by_collection(T), empty + N);
  CHECK_EQ(stats_of(T)->untracked, N);
  CHECK_EQ(examined_by_collection(T), empty); /* from now on they are not */
  list_append(T, all, nest(T, DEEP));
  collect(T);
  for (int i = 0; i < DEEP; i++) collect(T); /* one more level at least each time */
  CHECK_EQ(examined_by_collection(T), empty);
  list_append(T, all, pair_of(T, node_leaf(T, 1))); /* holds what could change: is looked at for ever */
  collect(T);
  CHECK_EQ(examined_by_collection(T), empty + 2);
  LET(T, d, dict_of_ints(T, 2000)); /* its table is not, its head is */
  CHECK_EQ(examined_by_collection(T), empty + 3);
  put(T, d, 1, nest(T, 1)); /* a new tuple is tracked, so the table is now .. */
  CHECK_EQ(stats_of(T)->tracked, 1);
  CHECK_EQ(examined_by_collection(T), empty + 5);
  CHECK(examined_by_collection(T) <= empty + 4); /* .. the tuple is found out, and then the table */
  CHECK_EQ(examined_by_collection(T), empty + 3);
  put(T, d, 1, slot_dup(T, d));
  CHECK_EQ(stats_of(T)->tracked, 2);
  CHECK_EQ(examined_by_collection(T), empty + 4);
  CHECK_EQ(examined_by_collection(T), empty + 4);
  put(T, d, 1, none_new(T));
  collect(T);
  CHECK_EQ(examined_by_collection(T), empty + 3);
}
MechanismTest(tracked, tuples_and_dicts_of_leaves_are_not) { heap_run_clean(NULL, untracked); }

/* A dict is untracked by full collections only: those of the young would walk it all, again and again. */
static void young_leave_dicts(Thr *T) {
  LET(T, d, dict_of_ints(T, 10));
  put(T, d, 1, slot_dup(T, d));
  put(T, d, 1, none_new(T));
  LET(T, all, list_new(T, 0));
  while (!stats_of(T)->collections[0]) {
    mm_poll(T);
    list_append(T, all, node_leaf(T, 1));
  }
  CHECK_EQ(stats_of(T)->collections[2], 0);
  CHECK_EQ(stats_of(T)->untracked, 0);
  collect(T);
  CHECK_EQ(stats_of(T)->untracked, 1);
}
MechanismTest(tracked, dicts_are_untracked_by_full_collections_only) { heap_run_clean(NULL, young_leave_dicts); }

/* --- Bytes --- */

static void in_bytes(TestHeap *h) { CHECK(heap_tune(h, "threshold0", 0) && heap_tune(h, "threshold-bytes", 8 << 20)); }
static void in_objects_only(TestHeap *h) { CHECK(heap_tune(h, "threshold0", 100000)); }
static uint64_t bytes_in_use(Thr *T) {
  Cells *cells = COUNT_CELLS(T);
  uint64_t objects, bytes;
  cells_books(&cells, 1, &T->heap->chunks, &objects, &bytes);
  return bytes;
}
enum { MEGABYTES = 100 };
static uint64_t heavy_cycles(Thr *T) {
  uint64_t most = 0;
  for (int i = 0; i < MEGABYTES; i++) {
    mm_poll(T);
    LET(T, x, node_leaf(T, 1));
    node_set(T, x, 0, slot_dup(T, x));
    node_set(T, x, 1, raw_new(T, 1 << 20));
    uint64_t now = bytes_in_use(T);
    if (now > most) most = now;
  }
  return most;
}
static void bounded_in_bytes(Thr *T) {
  CHECK(heavy_cycles(T) <= (20 << 20));
  uint64_t collections = stats_of(T)->collections[2];
  CHECK(collections >= MEGABYTES / 20 && collections <= MEGABYTES / 8);
}
static void bounded_in_objects(Thr *T) { CHECK(heavy_cycles(T) >= (uint64_t)MEGABYTES << 20); }
MechanismTest(generations, a_threshold_in_bytes) {
  heap_run_clean(in_bytes, bounded_in_bytes);
  heap_run_clean(in_objects_only, bounded_in_objects); /* so it is that threshold */
}

/* --- Logs --- */

/* What dies in the manner of a stack leaves nothing in the young log; what does not is thrown out when the log is full. */
static void short_lived(Thr *T) {
  enum { WINDOW = 300, TIMES = 200000 };
  LET(T, queue, array_new(T, WINDOW));
  for (int64_t i = 0; i < TIMES; i++) {
    mm_poll(T);
    array_set(T, queue, (size_t)(i % WINDOW), node_leaf(T, i)); /* first in, first out */
  }
  CHECK_EQ(stats_of(T)->collections[0], 0); /* as many freed as made */
  CHECK((uint64_t)(CYCLES_OF(T)->end - CYCLES_OF(T)->young) < 10000);
  Obj **at = CYCLES_OF(T)->cur;
  for (int64_t i = 0; i < TIMES; i++) {
    mm_poll(T);
    LET(T, a, node_leaf(T, i));
    LET(T, b, node_leaf(T, i));
    node_set(T, b, 0, slot_take(T, a));
  }
  CHECK(CYCLES_OF(T)->cur <= at);
}
MechanismTest(logs, stay_short) { heap_run_clean(NULL, short_lived); }

/* Entries of the dead, whose pages go: an object with a mapping of its own takes it along when it dies; pages of small ones are given
   back when another size is wanted. Whoever follows such an entry reads what is not there. */
enum { HUGE_ITEMS = 700000, BYTES = 64 << 20 };
static void outlive_huge(Thr *T) {
  LET(T, kept, list_new(T, 0));
  for (int i = 0; i < 200; i++) {
    LET(T, huge, array_new(T, HUGE_ITEMS));
    array_set(T, huge, HUGE_ITEMS - 1, slot_dup(T, huge));
    if (i % 4) array_set(T, huge, HUGE_ITEMS - 1, none_new(T)); /* three in four die at once, one waits for a collection */
    list_append(T, kept, node_leaf(T, i));                      /* so that the dead are not the last in the log */
    if (i % 50 == 7) cycles_collect(T, i % 3);
  }
  cycles_collect(T, 0);
}
static void outlive_pages(Thr *T) {
  for (int generation = 0; generation < 2; generation++) {
    LET(T, kept, list_new(T, 0));
    LET(T, all, list_new(T, BYTES / SIZE_NODE(2)));
    for (size_t i = 0; i < BYTES / SIZE_NODE(2); i++) list_append(T, all, node_leaf(T, (int64_t)i));
    if (generation) cycles_collect(T, 0); /* into the middle log */
    list_append(T, kept, node_leaf(T, 0));
    slot_clear(T, all);
#if !MM_MALLOC
    uint64_t before = T->tracked->cells.given_back;
#endif
    for (size_t i = 0; i < BYTES / SIZE_NODE(30); i++) list_append(T, kept, node_make(T, 1, 30));
#if !MM_MALLOC
    CHECK(T->tracked->cells.given_back > before + BYTES / 2 / UNIT_BYTES);
#endif
    cycles_collect(T, generation);
  }
}
static void seldom(TestHeap *h) { CHECK(heap_tune(h, "threshold0", 1 << 30)); }
MechanismTest(logs, follow_nothing_that_was_given_back, .timeout = LIMIT_S) {
  heap_run_clean(seldom, outlive_huge);
  heap_run_clean(seldom, outlive_pages);
}
#endif
