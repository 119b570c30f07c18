/* Objects that are published as static (strategies/parts/statics.h): all threads refer to them, nothing is written to them meanwhile, and at
   the end they are reclaimed like any others, to the object. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, THREADS = 3, ROUNDS = 2000, LIMIT_S = 120 };

/* A chain of types, each with a list that has the first one many times: more often than a header can count. */
enum { TYPES = 5, ITEMS = 9000, OBJECTS = 3 * TYPES };
static OWNED Own make_types(Thr *T) {
  LET(T, base, own_mk(T, NULL));
  LET(T, first, own_mk(T, NULL));
  for (int64_t k = 0; k < TYPES; k++) {
    LET(T, items, list_new(T, ITEMS));
    LET(T, type, node_leaf(T, BOXED + k));
    if (k == 0) slot_set(T, first, slot_dup(T, type));
    for (int i = 0; i < ITEMS; i++) {
      mm_poll(T);
      list_append(T, items, k ? slot_dup(T, first) : none_new(T));
    }
    node_set(T, type, 0, slot_take(T, items));
    node_set(T, type, 1, slot_take(T, base));
    slot_set(T, base, slot_take(T, type));
  }
  return slot_take(T, base);
}

/* All the way down, and back by the list. */
static void look(Thr *T, Slot *types) {
  LET(T, type, slot_dup(T, types));
  for (int64_t k = TYPES - 1; k > 0; k--) {
    CHECK_EQ(node_value(T, type), BOXED + k);
    LET(T, items, node_get(T, type, 0));
    LET(T, first, list_get(T, items, (size_t)(k * 1000)));
    CHECK(!slot_is_null(first));
    CHECK_EQ(node_value(T, first), BOXED);
    slot_set(T, type, node_get(T, type, 1));
    CHECK(!slot_is_null(type));
  }
}

typedef struct Meeting {
  pthread_barrier_t barrier;
  uint64_t dead;
} Meeting;

static void read_together(Thr *T, int index, void *arg) {
  Meeting *m = arg;
  for (int round = 0; round < 3; round++) {
    if (index == round) {
      LET(T, types, make_types(T));
      CHECK_LIVE(live_objects(T), OBJECTS);
      if (MM_SHARES_HEAP) {
        om_share_static(T, types);
        om_share_static(T, types); /* once more is nothing new */
        publish(T, 0, types);
      } else
        look(T, types);
    }
    heap_meet(T, &m->barrier);
    if (MM_SHARES_HEAP) {
      LET(T, types, global(T, 0));
      for (int i = 0; i < ROUNDS; i++) {
        mm_poll(T);
        look(T, types);
      }
    }
    heap_meet(T, &m->barrier);
    if (MM_SHARES_HEAP && index == (round + 1) % THREADS) {
      LET(T, types, retract(T, 0));
      look(T, types);
      om_end_static(T, types);
      om_end_static(T, types);
      look(T, types);
    }
    heap_meet_to_count(T, &m->barrier, index, &m->dead);
    CHECK_LIVE(m->dead, 0);
  }
}

static void together(int64_t how) {
  TestHeap h;
  Meeting m;
  pthread_barrier_init(&m.barrier, NULL, THREADS);
  heap_init(&h, THREADS);
  if (!heap_tune(&h, "static-objects", how) && how) return;
  heap_open(&h);
  heap_threads(&h, THREADS, 0, read_together, &m);
  heap_close(&h);
  pthread_barrier_destroy(&m.barrier);
}

Test(statics, are_read_by_all_and_end, .timeout = LIMIT_S) { together(0); }

#if !MM_SHARES_HEAP
/* Nothing can be published: the contract's answer is a message. */
static void share_here(void *unused) {
  (void)unused;
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  LET(T, x, node_leaf(T, 1));
  om_share_static(T, x);
}
MechanismTest(statics, cannot_be_where_nothing_is_shared) { CHECK(in_child(share_here, NULL) != 0); }
#endif

#ifdef STATICS_OF
MechanismTest(statics, that_are_immortal, .timeout = LIMIT_S) { together(STATICS_IMMORTAL); }

/* While they are static nobody writes to them: header and all. */
static void with_static(int64_t how, HeapBody *body) {
  TestHeap h;
  heap_init(&h, 1);
  CHECK(heap_tune(&h, "static-objects", how));
  heap_open(&h);
  heap_threads(&h, 1, 0, body, NULL);
  heap_close(&h);
}
static void leave_alone(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, types, make_types(T));
  om_share_static(T, types);
  CHECK(OBJ_FLAGS(types->p_) & OBJ_IMMORTAL);
  uint64_t before = types->p_->word;
  {
    LET(T, many, list_new(T, 0));
    for (int i = 0; i < 100; i++) list_append(T, many, slot_dup(T, types));
    look(T, types);
    CHECK_EQ(types->p_->word, before);
  }
  CHECK_EQ(types->p_->word, before);
  om_end_static(T, types);
  CHECK(!(OBJ_FLAGS(types->p_) & OBJ_IMMORTAL));
  CHECK_EQ(COUNT_OF(T, types->p_), 1);
  LET(T, base, node_get(T, types, 1));
  CHECK_EQ(COUNT_OF(T, base->p_), 2);
  while (node_value(T, base) != BOXED) slot_set(T, base, node_get(T, base, 1));
  CHECK_EQ(COUNT_OF(T, base->p_), 2 + (TYPES - 1) * ITEMS);
  LET(T, none, none_new(T)); /* immortal by nature: it is what it was */
  CHECK(OBJ_FLAGS(none->p_) & OBJ_IMMORTAL);
}
MechanismTest(statics, immortal_ones_are_not_written_to) { with_static(STATICS_IMMORTAL, leave_alone); }

/* Out of line: gcc 12 takes what it cannot prove to be an object for a place of no size. */
static NOINLINE uint64_t count_of(Thr *T, Obj *o) {
  (void)T;
  return COUNT_OF(T, o);
}

/* Counted like any other. */
static void count_them(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, types, make_types(T));
  om_share_static(T, types);
  CHECK(!(OBJ_FLAGS(types->p_) & OBJ_IMMORTAL));
  LET(T, again, slot_dup(T, types));
  CHECK_EQ(count_of(T, types->p_), 2);
}
MechanismTest(statics, counted_ones_are_like_any_other) { with_static(STATICS_COUNTED, count_them); }

#if COUNT_BIASED
MechanismTest(statics, that_are_counted_per_thread, .timeout = LIMIT_S) { together(STATICS_PER_THREAD); }
MechanismTest(statics, per_thread_ones_are_not_written_to) { with_static(STATICS_PER_THREAD, leave_alone); }

/* Each thread counts for itself; the sum is right whoever took and dropped, and references that are left when it ends go on counting. */
static void take_and_drop(Thr *T, int index, void *arg) {
  Meeting *m = arg;
  if (index == 0) {
    LET(T, x, list_new(T, 0));
    list_append(T, x, node_leaf(T, BOXED));
    om_share_static(T, x);
    publish(T, 0, x);
    LET(T, crossing, array_new(T, THREADS)); /* what one takes the next will drop */
    publish(T, 1, crossing);
  }
  heap_meet(T, &m->barrier);
  Obj *o = T->heap->globals[0];
  uint64_t word = load_acquire(&o->word);
  {
    LET(T, crossing, global(T, 1));
    array_set(T, crossing, (size_t)index, global(T, 0));
  }
  heap_meet(T, &m->barrier);
  CHECK_EQ(COUNT_OF(T, o), 1 + THREADS);
  heap_meet(T, &m->barrier);
  LET(T, mine, own_mk(T, NULL));
  {
    LET(T, crossing, global(T, 1));
    slot_set(T, mine, array_swap(T, crossing, (size_t)(index + 1) % THREADS, own_mk(T, NULL)));
  }
  if (index == 1) slot_clear(T, mine);
  heap_meet(T, &m->barrier);
  CHECK_EQ(COUNT_OF(T, o), THREADS);
  CHECK_EQ(load_acquire(&o->word), word);
  heap_meet(T, &m->barrier);
  if (index == 0) {
    LET(T, x, retract(T, 0));
    om_end_static(T, x);
    CHECK_EQ(COUNT_OF(T, x->p_), THREADS);
    CHECK(!(OBJ_FLAGS(x->p_) & OBJ_IMMORTAL));
    own_drop(T, retract(T, 1));
  }
  heap_meet(T, &m->barrier);
  if (index == 2) slot_clear(T, mine);
  heap_meet(T, &m->barrier);
  if (index == 0) {
    CHECK_EQ(COUNT_OF(T, o), 1);
    CHECK_EQ(node_value(T, &(Slot){((List *)mine->p_)->arr->v[0]}), BOXED);
    slot_clear(T, mine);
  }
  heap_meet_to_count(T, &m->barrier, index, &m->dead);
  CHECK_EQ(m->dead, 0);
}
MechanismTest(statics, sums_are_exact, .timeout = LIMIT_S) {
  TestHeap h;
  Meeting m;
  pthread_barrier_init(&m.barrier, NULL, THREADS);
  heap_init(&h, THREADS);
  CHECK(heap_tune(&h, "static-objects", STATICS_PER_THREAD));
  heap_open(&h);
  heap_threads(&h, THREADS, 0, take_and_drop, &m);
  CHECK_EQ(heap_counter(&h, "static-objects-made"), 3);
  heap_close(&h);
  pthread_barrier_destroy(&m.barrier);
}

/* Numbers come back, and where none is left objects are counted. */
static void use_up(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  Statics *S = STATICS_OF(T);
  for (int round = 0; round < 3; round++) {
    LET(T, types, make_types(T));
    om_share_static(T, types);
    CHECK_EQ(S->numbers, OBJECTS);
    om_end_static(T, types);
    CHECK_EQ(S->nunused, OBJECTS);
  }
  CHECK_EQ(live_objects(T), 0);
  S->numbers = STATICS_MAX - 2;
  S->nunused = 0;
  LET(T, types, make_types(T));
  om_share_static(T, types);
  CHECK_EQ(S->numbers, STATICS_MAX);
  look(T, types);
  om_end_static(T, types);
  look(T, types);
  slot_clear(T, types);
  CHECK_EQ(live_objects(T), 0);
}
MechanismTest(statics, numbers_come_back_and_run_out) { with_static(STATICS_PER_THREAD, use_up); }
#endif
#endif
