/* Cyclic trash of biased counts (strategies/parts/stopped.h): when it is looked for; what is trash and what is not, whoever owns it, whoever
   holds it, and however it is counted; that all of it goes, with the leaves on it and nothing else. */
#include <criterion/criterion.h>
#include <sched.h>

#include "tests/conformance/heap.h"

#ifdef STOPPED_OF
enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 120, RING = 10 };

/* A ring of n nodes, each with a boxed int; its first. */
static OWNED Own ring(Thr *T, int64_t n) {
  LET(T, first, node_leaf(T, 0));
  LET(T, last, slot_dup(T, first));
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    node_set(T, last, 1, int_new(T, BOXED + i));
    if (i + 1 == n) break;
    LET(T, next, node_leaf(T, i + 1));
    node_set(T, last, 0, slot_dup(T, next));
    slot_set(T, last, slot_take(T, next));
  }
  node_set(T, last, 0, slot_dup(T, first));
  return slot_take(T, first);
}
static void expect_ring(Thr *T, Slot *first, int64_t n) {
  LET(T, x, slot_dup(T, first));
  for (int64_t i = 0; i < n; i++) {
    CHECK_EQ(node_value(T, x), i);
    LET(T, v, node_get(T, x, 1));
    CHECK_EQ(int_value(T, v), BOXED + i);
    slot_set(T, x, node_get(T, x, 0));
  }
  CHECK(slot_same(x, first));
}

static void tuned(int64_t threshold, int64_t share, int threads, HeapBody *body, void *arg) {
  TestHeap h;
  heap_init(&h, threads);
  CHECK(heap_tune(&h, "threshold", threshold) && heap_tune(&h, "live-share", share));
  heap_open(&h);
  heap_threads(&h, threads, 0, body, arg);
  Thr *T = heap_enter(&h, 0);
  CHECK_EQ(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

/* --- When ------------------------------------------------------------------------------------------------------------------------------- */

/* More than the threshold, and no sooner; what was freed by counting does not count. */
static void make_until(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  Stopped *S = STOPPED_OF(T);
  for (int i = 0; i < 50000; i++) {
    mm_poll(T);
    own_drop(T, node_leaf(T, i));
  }
  CHECK_EQ(S->collections, 0);
  LET(T, kept, list_new(T, 8000));
  for (int i = 0; i < 3000 - 2 * STOPPED_NET_BATCH; i++) {
    mm_poll(T);
    list_append(T, kept, node_leaf(T, i));
  }
  CHECK_EQ(S->collections, 0);
  for (int i = 0; i < 4 * STOPPED_NET_BATCH; i++) {
    mm_poll(T);
    list_append(T, kept, node_leaf(T, i));
  }
  CHECK_EQ(S->collections, 1);
  for (int i = 0; i < 100000; i++) { /* leaves are not looked at */
    mm_poll(T);
    own_drop(T, int_new(T, BOXED + i));
    own_drop(T, str_new_int(T, "leaf", i));
  }
  CHECK_EQ(S->collections, 1);
}
MechanismTest(stopped, comes_after_the_threshold) { tuned(3000, 0, 1, make_until, NULL); }

/* A heap that grows is not walked each time: 25 % more each time is a geometric series. */
static void grow(Thr *T, int index, void *arg) {
  (void)index;
  uint64_t *collections = arg;
  LET(T, kept, list_new(T, 0));
  for (int i = 0; i < 200000; i++) {
    mm_poll(T);
    list_append(T, kept, node_leaf(T, i));
  }
  *collections = STOPPED_OF(T)->collections;
}
MechanismTest(stopped, waits_for_a_share_of_what_lives) {
  uint64_t scaled = 0, always = 0;
  tuned(1000, 25, 1, grow, &scaled);
  tuned(1000, 0, 1, grow, &always);
  CHECK(scaled >= 10 && scaled <= 30); /* log(200) / log(1.25) is 24 */
  CHECK(always >= 150 && always <= 200);
}

static void leave_alone(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  for (int i = 0; i < 3000; i++) own_drop(T, ring(T, RING));
  CHECK_EQ(STOPPED_OF(T)->collections, 0);
  CHECK_EQ(live_objects(T), 0);
  CHECK_EQ(STOPPED_OF(T)->collections, 1);
  CHECK_EQ(STOPPED_OF(T)->condemned, 3000 * RING);
}
MechanismTest(stopped, can_be_off) { tuned(0, 25, 1, leave_alone, NULL); }

/* Trash does not pile up. */
static void pile_up(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  size_t early = 0;
  for (int i = 0; i < 100000; i++) {
    own_drop(T, ring(T, RING));
    if (i == 2000) early = T->heap->chunks.peak;
  }
  CHECK(T->heap->chunks.peak <= 2 * early);
  CHECK(STOPPED_OF(T)->collections > 100);
}
MechanismTest(stopped, trash_does_not_pile_up, .timeout = LIMIT_S) { tuned(2000, 25, 1, pile_up, NULL); }

/* --- What ----------------------------------------------------------------------------------------------------------------------------------- */

/* Held by a local, by an object that is held, by a global, by a static object: no trash, and counted as before. */
static void hold(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, local, ring(T, RING));
  LET(T, list, list_new(T, 0));
  list_append(T, list, ring(T, RING));
  {
    LET(T, g, ring(T, RING));
    publish(T, 0, g);
    LET(T, s, node_leaf(T, 1));
    node_set(T, s, 0, ring(T, RING));
    om_share_static(T, s);
    publish(T, 1, s);
  }
  own_drop(T, ring(T, RING));
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(live_objects(T), 4 * 2 * RING + 2 + 1);
    CHECK_EQ(COUNT_OF(T, local->p_), 2);
    CHECK_EQ(COUNT_OF(T, T->heap->globals[0]), 2);
  }
  CHECK_EQ(STOPPED_OF(T)->condemned, RING);
  expect_ring(T, local, RING);
  LET(T, inner, list_get(T, list, 0));
  expect_ring(T, inner, RING);
  own_drop(T, retract(T, 0));
  LET(T, s, retract(T, 1));
  om_end_static(T, s);
}
MechanismTest(stopped, what_is_held_stays) { tuned(0, 25, 1, hold, NULL); }

/* Trash that holds what lives: one reference less, the living as it was; and leaves, which go with it unless they are held, too. */
static void hold_the_living(Thr *T, int index, void *arg) {
  (void)index;
  bool published = arg;
  LET(T, live, ring(T, RING));
  LET(T, leaf, str_new_int(T, "leaf", 1));
  if (published) om_share(T, live), om_share(T, leaf);
  for (int i = 0; i < 5; i++) {
    LET(T, x, node_make(T, 0, 4));
    node_set(T, x, 0, slot_dup(T, x));
    node_set(T, x, 1, slot_dup(T, live));
    node_set(T, x, 2, slot_dup(T, leaf));
    node_set(T, x, 3, str_new_int(T, "another", i));
    if (published && i % 2) om_share(T, x);
  }
  CHECK_EQ(COUNT_OF(T, live->p_), 2 + 5);
  CHECK_EQ(live_objects(T), 2 * RING + 1);
  CHECK_EQ(COUNT_OF(T, live->p_), 2);
  CHECK_EQ(COUNT_OF(T, leaf->p_), 1);
  expect_ring(T, live, RING);
}
MechanismTest(stopped, trash_that_holds_what_lives) {
  tuned(0, 25, 1, hold_the_living, NULL);
  tuned(0, 25, 1, hold_the_living, "published");
}

/* Every kind of container on a cycle. */
static Own never(Thr *T, Slot *self) { return gen_end(T, self); }
static void all_kinds(Thr *T, int index, void *arg) {
  (void)index;
  bool published = arg;
  {
    LET(T, none, own_mk(T, NULL));
    LET(T, node, node_make(T, 1, 200));
    LET(T, list, list_new(T, 0));
    LET(T, dict, dict_new(T, 0));
    LET(T, array, array_new(T, 5000));
    LET(T, gen, gen_new(T, never, 3, 2));
    LET(T, name, str_new_int(T, "name", 1));
    for (int i = 0; i < 20; i++) list_append(T, list, slot_dup(T, dict)); /* the list's array grows */
    array_set(T, array, 4999, slot_dup(T, list));
    gen_set_ref(T, gen, 2, slot_dup(T, array));
    node_set(T, node, 199, slot_dup(T, gen));
    dict_put(T, dict, name, tuple_new2(T, none, slot_dup(T, node)));
    if (published) om_share(T, node);
    CHECK_EQ(live_objects(T), 1 + 2 + 2 + 1 + 1 + 1 + 1);
  }
  CHECK_EQ(live_objects(T), 0);
  CHECK_EQ(STOPPED_OF(T)->condemned, 8);
}
MechanismTest(stopped, every_kind_of_container) {
  tuned(0, 25, 1, all_kinds, NULL);
  tuned(0, 25, 1, all_kinds, "published");
}

/* References by the thousand, from inside and from outside, of either count. */
static void many_references(Thr *T, int index, void *arg) {
  enum { MANY = 3 * BIASED_SPILL };
  (void)index;
  bool published = arg;
  LET(T, held, own_mk(T, NULL));
  for (int round = 0; round < 3; round++) {
    LET(T, x, node_leaf(T, 1));
    LET(T, inside, array_new(T, MANY));
    if (published) om_share(T, x), om_share(T, inside);
    for (size_t i = 0; i < MANY; i++) {
      mm_poll(T);
      array_set(T, inside, i, slot_dup(T, x));
    }
    node_set(T, x, 0, slot_take(T, inside));
    CHECK_EQ(live_objects(T), 2);
    CHECK_EQ(COUNT_OF(T, x->p_), MANY + 1);
    if (round == 0) slot_set(T, held, slot_dup(T, x));
    slot_clear(T, x);
    CHECK_EQ(live_objects(T), round == 0 ? 2 : 0);
    if (round == 0) CHECK_EQ(COUNT_OF(T, held->p_), MANY + 1);
    slot_clear(T, held);
    CHECK_EQ(live_objects(T), 0);
  }
}
MechanismTest(stopped, counts_that_do_not_fit) {
  tuned(0, 25, 1, many_references, NULL);
  tuned(0, 25, 1, many_references, "published");
}

/* --- Whose ---------------------------------------------------------------------------------------------------------------------------------- */

/* Each thread owns a part of one ring of rings; it is dropped by one, and collected by another while the owners run, sleep, or have
   exited. Private trash of all of them goes at the same time. */
enum { OWNERS = 4 };
typedef struct Owners {
  pthread_barrier_t barrier;
  _Atomic int turn;
  _Atomic bool over;
} Owners;
static void own_a_part(Thr *T, int index, void *arg) {
  Owners *o = arg;
  if (index == 0) {
    LET(T, parts, array_new(T, OWNERS));
    publish(T, 0, parts);
  }
  heap_meet(T, &o->barrier);
  {
    LET(T, parts, global(T, 0));
    array_set(T, parts, (size_t)index, ring(T, RING));
    own_drop(T, ring(T, RING)); /* private */
    heap_meet(T, &o->barrier);
    LET(T, mine, array_get(T, parts, (size_t)index));
    node_set(T, mine, 1, array_get(T, parts, (size_t)(index + 1) % OWNERS)); /* one ring knows the next */
  }
  heap_meet(T, &o->barrier);
  if (index == 1) {
    own_drop(T, retract(T, 0));
    CHECK_EQ(STOPPED_OF(T)->collections, 0);
  }
  heap_meet(T, &o->barrier);
  if (index == 3) return; /* exits */
  if (index == 2) {       /* sleeps until it is over */
    mm_epoch(T);
    mm_blocking_begin(T);
    while (!atomic_load(&o->over)) sched_yield();
    mm_blocking_end(T);
    return;
  }
  if (index == 1) { /* runs, and waits at polls for whoever stops the world */
    while (!atomic_load(&o->over)) {
      mm_poll(T);
      own_drop(T, node_leaf(T, 1));
    }
    return;
  }
  while (!stopped_collect(T)) mm_poll(T);
  CHECK_EQ(STOPPED_OF(T)->condemned, 2 * OWNERS * RING);
  atomic_store(&o->over, true);
}
MechanismTest(stopped, whoever_owns_it, .timeout = LIMIT_S) {
  Owners o = {.turn = 0};
  pthread_barrier_init(&o.barrier, NULL, OWNERS);
  tuned(0, 25, OWNERS, own_a_part, &o);
  pthread_barrier_destroy(&o.barrier);
}

/* What is queued when the world stops is merged there: it holds nothing any more. */
static void queue_it(Thr *T, int index, void *arg) {
  Owners *o = arg;
  if (index == 0) {
    LET(T, x, ring(T, RING));
    publish(T, 0, x);
    atomic_store(&o->turn, 1);
    while (atomic_load(&o->turn) < 2) sched_yield(); /* running, without a poll */
    while (!atomic_load(&o->over)) mm_poll(T);
    return;
  }
  if (index > 1) return;
  while (atomic_load(&o->turn) < 1) sched_yield();
  own_drop(T, retract(T, 0));
  CHECK_EQ(T->biased.requests, 1);
  CHECK_EQ(T->biased.nopen, 1);
  atomic_store(&o->turn, 2);
  while (!stopped_collect(T)) mm_poll(T);
  CHECK_EQ(STOPPED_OF(T)->condemned, RING);
  atomic_store(&o->over, true);
}
MechanismTest(stopped, what_is_queued_is_merged_first, .timeout = LIMIT_S) {
  Owners o = {.turn = 0};
  tuned(0, 25, 2, queue_it, &o);
}

/* Rings made, linked, dropped and read by all, with collections as they come: what is read is whole, and in the end nothing is left. */
enum { PLACES = 16 };
static void together(Thr *T, int index, void *arg) {
  Owners *o = arg;
  Rng r = rng_make((uint64_t)index + 1);
  if (index == 0) {
    LET(T, places, array_new(T, PLACES));
    publish(T, 0, places);
  }
  heap_meet(T, &o->barrier);
  {
    LET(T, places, global(T, 0));
    LET(T, mine, ring(T, RING));
    for (int i = 0; i < (RECLAIM_SANITIZED || MM_CHECK ? 1000 : 10000); i++) {
      mm_poll(T);
      size_t place = rng_below(&r, PLACES);
      LET(T, other, array_get(T, places, place));
      if (!slot_is_null(other)) expect_ring(T, other, RING);
      array_set(T, places, place, ring(T, RING));
      own_drop(T, ring(T, 3));
      if (i % 16 == 0) expect_ring(T, mine, RING);
      if (i % 64 == 0) {
        mm_epoch(T);
        mm_blocking_begin(T);
        sched_yield();
        mm_blocking_end(T);
      }
    }
  }
  heap_meet(T, &o->barrier);
  if (index == 0) own_drop(T, retract(T, 0));
}
MechanismTest(stopped, while_all_work, .timeout = LIMIT_S) {
  Owners o = {.turn = 0};
  pthread_barrier_init(&o.barrier, NULL, OWNERS);
  tuned(500, 25, OWNERS, together, &o);
  pthread_barrier_destroy(&o.barrier);
}

/* Every stop is timed, and is a pause. */
static void some_trash(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  for (int i = 0; i < 2000; i++) own_drop(T, ring(T, RING));
}
MechanismTest(stopped, is_reported_and_reset) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, 0, some_trash, NULL);
  reclaim_stats s;
  h.strategy->stats(h.heap, &s);
  CHECK(s.collections >= 5 && s.collections == s.safepoints.total_count);
  CHECK(s.pauses.total_count >= s.collections);
  CHECK(s.collector_wall_ns > 0 && s.collector_cpu_ns > 0 && s.collector_wall_ns != RECLAIM_NONE);
  CHECK(heap_counter(&h, "cyclic-trash") >= 10000);
  CHECK(heap_counter(&h, "examined-containers") >= heap_counter(&h, "cyclic-trash"));
  h.strategy->reset_stats(h.heap);
  h.strategy->stats(h.heap, &s);
  CHECK_EQ(s.collections + s.safepoints.total_count + s.collector_wall_ns + heap_counter(&h, "cyclic-trash"), 0);
  heap_close(&h);
}
#endif
