/* Cycles. For every strategy: of every shape and through every kind of object they are reclaimed exactly (or leaked exactly, where counting is
   alone), one reference from outside keeps all of a cycle, and trash does not pile up while a program polls. For collectors that
   work on counts: counts are after a collection what they were. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200, SMALL_STACK = 256 << 10 };
/* Items of an array, entries of a dict, that lie apart from small objects where those are in size classes. */
#ifdef RECLAIM_PARTS_CLASSES_H
enum { SMALL_MOST = CELL_MAX };
#else
enum { SMALL_MOST = 16 << 10 };
#endif
enum { LARGE = SMALL_MOST / sizeof(Obj *) + 1, LARGE_DICT = SMALL_MOST / sizeof(Entry) };

/* --- Shapes ---------------------------------------------------------------------------------------------------------------------------- */

/* What a ring can lead through. All but the tuple can be its first object, which is closed last. */
enum link { NODE, WIDE, LIST, DICT, ARRAY, GEN, LARGE_ARRAY, LARGE_LIST, LARGE_TABLE, TUPLE, LINKS };
static const unsigned objects_of[LINKS] = {
    [NODE] = 1, [WIDE] = 1,        [LIST] = 2,       [DICT] = 2,        [ARRAY] = 1,
    [GEN] = 1,  [LARGE_ARRAY] = 1, [LARGE_LIST] = 2, [LARGE_TABLE] = 2, [TUPLE] = 1,
};
static Own never(Thr *T, Slot *self) { return gen_end(T, self); }

static OWNED Own link_new(Thr *T, enum link kind) {
  switch (kind) {
  case NODE: return node_leaf(T, BOXED);
  case WIDE: return node_make(T, BOXED, 7);
  case LIST: return list_new(T, 0);
  case DICT: return dict_new(T, 0);
  case ARRAY: return array_new(T, 3);
  case GEN: return gen_new(T, never, 2, 1);
  case LARGE_ARRAY: return array_new(T, LARGE);
  case LARGE_LIST: return list_new(T, LARGE);
  default: return dict_new(T, LARGE_DICT);
  }
}
static void link_to(Thr *T, Slot *x, enum link kind, Own next) {
  LET(T, n, next);
  LET(T, k, int_new(T, 7));
  switch (kind) {
  case NODE: node_set(T, x, 1, slot_take(T, n)); break;
  case WIDE: node_set(T, x, 4, slot_take(T, n)); break;
  case LIST:
  case LARGE_LIST: list_append(T, x, slot_take(T, n)); break;
  case ARRAY: array_set(T, x, 1, slot_take(T, n)); break;
  case LARGE_ARRAY: array_set(T, x, LARGE - 1, slot_take(T, n)); break;
  case GEN: gen_set_ref(T, x, 1, slot_take(T, n)); break;
  default: dict_put(T, x, k, slot_take(T, n));
  }
}
static OWNED Own link_get(Thr *T, Slot *x, enum link kind) {
  LET(T, k, int_new(T, 7));
  switch (kind) {
  case NODE: return node_get(T, x, 1);
  case WIDE: return node_get(T, x, 4);
  case LIST:
  case LARGE_LIST: return list_get(T, x, 0);
  case ARRAY: return array_get(T, x, 1);
  case LARGE_ARRAY: return array_get(T, x, LARGE - 1);
  case GEN: return gen_ref(T, x, 1);
  case TUPLE: return array_get(T, x, 0);
  default: return dict_get(T, x, k);
  }
}
/* The kind of a ring's i-th object; only the first is never a tuple. */
static enum link link_kind(enum link first, unsigned i) {
  return i == 0 ? first : (enum link)((first + i * 3 + (i > LINKS)) % LINKS);
}
static unsigned ring_objects(enum link first, unsigned n) {
  unsigned sum = 0;
  for (unsigned i = 0; i < n; i++) sum += objects_of[link_kind(first, i)];
  return sum;
}
/* Its first object, which holds the second, and so on; the last holds the first. */
static OWNED Own ring_new(Thr *T, enum link first, unsigned n) {
  LET(T, head, link_new(T, first));
  LET(T, next, slot_dup(T, head));
  for (unsigned i = n - 1; i > 0; i--) {
    mm_poll(T);
    enum link kind = link_kind(first, i);
    if (kind == TUPLE) {
      slot_set(T, next, tuple_new2(T, next, none_new(T)));
      continue;
    }
    LET(T, x, link_new(T, kind));
    link_to(T, x, kind, slot_take(T, next));
    slot_set(T, next, slot_take(T, x));
  }
  link_to(T, head, first, slot_take(T, next));
  return slot_take(T, head);
}
/* Comes back to where it began after n steps, and not before. */
static void expect_ring(Thr *T, Slot *x, enum link first, unsigned from, unsigned n) {
  LET(T, at, slot_dup(T, x));
  for (unsigned i = 0; i < n; i++) {
    mm_poll(T);
    CHECK(i == 0 || !slot_same(at, x));
    slot_set(T, at, link_get(T, at, link_kind(first, (from + i) % n)));
  }
  CHECK(slot_same(at, x));
}

/* What is left of `made` objects, all of them on cycles or held by them, once nobody holds any. */
static uint64_t left_of(uint64_t made) { return MM_RECLAIMS_CYCLES ? 0 : made; }

/* In a child, which ends without a leak check: where counting is alone, what it leaks is what is counted. */
typedef struct Body {
  void (*prepare)(TestHeap *);
  void (*body)(Thr *T);
} Body;
static void run_body(void *arg) {
  Body *b = arg;
  heap_run(b->prepare, b->body);
}
static void in_heap(void (*prepare)(TestHeap *), void (*body)(Thr *T)) {
  Body b = {prepare, body};
  survives(run_body, &b);
}

/* Owners that cannot share have no cycles; what may keep the dead is not counted exactly. */
enum { EXACT = MM_RECLAIMS && !MM_UNIQUE_OWNERS && !MM_CONSERVATIVE };

static void rings(Thr *T) {
  uint64_t left = 0;
  for (enum link first = 0; first < TUPLE; first++)
    for (unsigned n = 1; n <= 12; n++) {
      unsigned objects = ring_objects(first, n);
      {
        LET(T, ring, ring_new(T, first, n));
        CHECK_LIVE(live_objects(T), left + objects);
        expect_ring(T, ring, first, 0, n);
      }
      left += left_of(objects);
      CHECK_LIVE(live_objects(T), left);
    }
}
Test(cycles, through_every_kind, .timeout = LIMIT_S) {
  if (EXACT) in_heap(NULL, rings);
}

/* A ring, held by one reference into its middle; then by none. What hangs on it and what leads to it goes with it. */
static void one_reference(Thr *T) {
  enum { N = 11 };
  uint64_t left = 0;
  for (enum link first = 0; first < TUPLE; first++)
    for (unsigned steps = 0; steps < N; steps++) {
      unsigned objects = ring_objects(first, N) + 2;
      {
        LET(T, in, ring_new(T, first, N));
        LET(T, tail, node_leaf(T, 1)); /* leads to the ring: dies by itself */
        node_set(T, tail, 0, slot_dup(T, in));
        for (unsigned i = 0; i < steps; i++) slot_set(T, in, link_get(T, in, link_kind(first, i)));
        if (link_kind(first, steps) == NODE) {
          node_set(T, in, 0, str_new(T, "hangs on it", 11));
          objects++;
        }
        CHECK_LIVE(live_objects(T), left + objects - 1);
        slot_clear(T, tail);
        for (int i = 0; i < 3; i++) CHECK_LIVE(live_objects(T), left + objects - 2);
        expect_ring(T, in, first, steps, N);
      }
      left += left_of(objects - 2);
      CHECK_LIVE(live_objects(T), left);
    }
}
Test(cycles, live_by_one_reference, .timeout = LIMIT_S) {
  if (EXACT) in_heap(NULL, one_reference);
}

/* Everybody holds everybody, itself included; held by one, by none. */
static void cliques(Thr *T) {
  enum { N = 60 };
  uint64_t left = 0;
  for (unsigned n = 1; n <= N; n += 7) {
    {
      LET(T, all, array_new(T, n));
      for (unsigned i = 0; i < n; i++) array_set(T, all, i, node_make(T, i, n));
      for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < n; k++) {
          mm_poll(T);
          LET(T, x, array_get(T, all, i));
          node_set(T, x, k, array_get(T, all, k));
        }
      CHECK_LIVE(live_objects(T), left + n + 1);
      slot_set(T, all, array_get(T, all, n / 2));
      CHECK_LIVE(live_objects(T), left + n);
      LET(T, other, node_get(T, all, 0));
      CHECK(!slot_is_null(other) && node_value(T, other) == 0);
    }
    left += left_of(n);
    CHECK_LIVE(live_objects(T), left);
  }
}
Test(cycles, of_all_with_all, .timeout = LIMIT_S) {
  if (EXACT) in_heap(NULL, cliques);
}

/* Two rings that hold each other by one reference in one direction: the inner outlives the outer, and not the other way. */
static void nested(Thr *T) {
  enum { N = 5 };
  unsigned one = ring_objects(NODE, N);
  uint64_t left;
  {
    LET(T, outer, ring_new(T, NODE, N));
    LET(T, inner, ring_new(T, NODE, N));
    node_set(T, outer, 0, slot_dup(T, inner));
    slot_clear(T, outer);
    left = left_of(one);
    CHECK_LIVE(live_objects(T), left + one);
    expect_ring(T, inner, NODE, 0, N);
    slot_set(T, outer, ring_new(T, NODE, N));
    node_set(T, outer, 0, slot_take(T, inner));
    CHECK_LIVE(live_objects(T), left + 2 * one);
    LET(T, reached, node_get(T, outer, 0));
    expect_ring(T, reached, NODE, 0, N);
  }
  CHECK_LIVE(live_objects(T), left + left_of(2 * one));
}
Test(cycles, that_hold_others) {
  if (EXACT) in_heap(NULL, nested);
}

/* --- A ring longer than any stack ----------------------------------------------------------------------------------------------------------- */

enum { LONG_RING = RECLAIM_SANITIZED || MM_CHECK ? 1000000 : 10000000 };
static void close_chain(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, none, own_mk(T, NULL));
  LET(T, last, node_leaf(T, 0));
  LET(T, head, slot_dup(T, last));
  for (int64_t i = 1; i < LONG_RING; i++) {
    mm_poll(T);
    slot_set(T, head, node_new(T, i, none, slot_take(T, head)));
  }
  node_set(T, last, 0, slot_dup(T, head));
  slot_clear(T, head);
  for (int i = 0; i < 2; i++) CHECK_LIVE(live_objects(T), LONG_RING); /* held by its last node */
  slot_clear(T, last);
  CHECK_LIVE(live_objects(T), 0);
}
Test(cycles, a_long_ring_on_a_small_stack, .timeout = LIMIT_S) {
  if (!MM_RECLAIMS_CYCLES || !EXACT) return;
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, SMALL_STACK, close_chain, NULL);
  heap_close(&h);
}

/* --- Without being asked ----------------------------------------------------------------------------------------------------------------------- */

/* Objects in use, trash that was not found yet included; where that is not known, 0. */
static uint64_t in_use(Thr *T) {
#ifdef RECLAIM_PARTS_COUNTED_H
  Cells *cells = COUNT_CELLS(T);
  uint64_t objects, bytes;
  cells_books(&cells, 1, &T->heap->chunks, &objects, &bytes);
  return objects;
#else
  (void)T;
  return 0;
#endif
}

/* Pairs that hold each other, dropped at once, far more than may be there at any time. */
static void drop_pairs(Thr *T, int n) {
  for (int i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, a, node_leaf(T, i));
    LET(T, b, node_leaf(T, i));
    node_set(T, a, 0, slot_dup(T, b));
    node_set(T, b, 0, slot_dup(T, a));
  }
}
static void pile_up(Thr *T) {
  enum { PAIRS = 50000, MOST = 20000 };
  drop_pairs(T, PAIRS);
  if (MM_RECLAIMS_CYCLES) CHECK(in_use(T) <= MOST);
  CHECK_LIVE(live_objects(T), left_of(2 * PAIRS));
}
Test(cycles, do_not_pile_up_while_a_program_polls) {
  if (EXACT) in_heap(NULL, pile_up);
}

#if defined(RECLAIM_PARTS_COUNTED_H) && MM_RECLAIMS_CYCLES
static void off(TestHeap *h) {
  CHECK(heap_tune(h, "threshold0", 0) || heap_tune(h, "root-threshold", 0) || heap_tune(h, "threshold", 0));
}
static void switched_off(Thr *T) {
  enum { PAIRS = 10000 };
  drop_pairs(T, PAIRS);
  CHECK_EQ(in_use(T), 2 * PAIRS);
  CHECK_LIVE(live_objects(T), 0);
}
MechanismTest(cycles, off_is_off_but_when_asked_for) { heap_run(off, switched_off); }

/* --- Counts ---------------------------------------------------------------------------------------------------------------------------------- */

enum { GRAPH = 300, FAN = 4 };
/* A random graph, of which every third node is held from outside, and what each held node reaches lives. */
static void keep_counts(Thr *T) {
  uint32_t before[GRAPH];
  for (uint64_t seed = 0; seed < 50; seed++) {
    Rng r = rng_make(seed);
    LET(T, all, array_new(T, GRAPH));
    for (size_t i = 0; i < GRAPH; i++) array_set(T, all, i, node_make(T, (int64_t)i, FAN));
    for (size_t i = 0; i < GRAPH * FAN; i++) {
      LET(T, x, array_get(T, all, i / FAN));
      if (rng_below(&r, 3)) node_set(T, x, (unsigned)(i % FAN), array_get(T, all, rng_below(&r, GRAPH)));
      if (rng_below(&r, 5) == 0) node_set(T, x, (unsigned)(i % FAN), int_new(T, BOXED));
    }
    Array *a = (Array *)all->p_;
    for (size_t i = 0; i < GRAPH; i++) before[i] = a->v[i]->count;
    for (int times = 0; times < 3; times++) {
      (void)live_objects(T);
      drop_pairs(T, 500); /* and collections of some only */
      for (size_t i = 0; i < GRAPH; i++) CHECK_EQ(a->v[i]->count, before[i]);
    }
  }
  CHECK_LIVE(live_objects(T), 0);
}
static void collect_often(TestHeap *h) {
  if (heap_tune(h, "threshold0", 50)) heap_tune(h, "threshold1", 2), heap_tune(h, "threshold2", 2);
  if (heap_tune(h, "root-threshold", 20)) heap_tune(h, "root-threshold-adapts", 0);
  if (heap_tune(h, "threshold", 50)) heap_tune(h, "live-share", 0);
}
MechanismTest(cycles, counts_are_what_they_were) {
  heap_run(NULL, keep_counts);
  heap_run(collect_often, keep_counts);
}

/* What only trash held dies with it, and what others hold as well loses that count alone. */
static void held_by_trash(Thr *T) {
  LET(T, both, list_new(T, 0));
  LET(T, text, str_new(T, "both hold it", 12));
  for (int i = 0; i < 100; i++) {
    LET(T, a, node_make(T, i, 4));
    node_set(T, a, 0, slot_dup(T, a));
    node_set(T, a, 1, slot_dup(T, both));
    node_set(T, a, 2, slot_dup(T, text));
    LET(T, own, array_new(T, 1));
    array_set(T, own, 0, str_new(T, "its own", 7));
    node_set(T, a, 3, slot_take(T, own));
  }
  CHECK_LIVE(live_objects(T), 3);
  CHECK_EQ(both->p_->count, 1);
  CHECK_EQ(text->p_->count, 1);
}
MechanismTest(cycles, trash_drops_what_it_held) { heap_run(NULL, held_by_trash); }

#ifdef RECLAIM_PARTS_STOPWATCH_H
/* Pauses and times are reported for each collection. */
static void reported(Thr *T) {
  TestHeap h = {.strategy = reclaim_strategy_descriptor(), .heap = (reclaim_heap *)T->heap};
  h.strategy->reset_stats(h.heap);
  for (int i = 0; i < 50; i++) {
    drop_pairs(T, 1000);
    (void)live_objects(T);
  }
  reclaim_stats s;
  h.strategy->stats(h.heap, &s);
  CHECK(s.collections >= 50 && s.collections != RECLAIM_NONE);
  CHECK_EQ(s.pauses.total_count, s.collections + s.minor_collections);
  CHECK(s.collector_wall_ns > 0 && s.collector_wall_ns <= s.pauses.total_ns);
  CHECK(s.collector_cpu_ns > 0 && s.collector_cpu_ns != RECLAIM_NONE);
  CHECK_EQ(heap_counter(&h, "cyclic-trash"), 2 * 50 * 1000);
  CHECK(heap_counter(&h, "examined-objects") >= heap_counter(&h, "cyclic-trash"));
}
MechanismTest(cycles, collections_are_reported) { heap_run(NULL, reported); }
#endif
#endif
