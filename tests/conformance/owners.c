/* Owners: values that move from field to field and from list to list, under every strategy; and, where an object has one owner, that
   its end is the object's, that containers may refer to what others own and free none of it, and that a checked build stops the
   program that has two owners of one object, or none. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 120 };

static void in_heap(void (*body)(Thr *T)) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  body(T);
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}
static OWNED Own ints(Thr *T, int64_t from, int64_t to) {
  LET(T, l, list_new(T, 0));
  for (int64_t i = from; i < to; i++) list_append(T, l, int_new(T, BOXED + i));
  return slot_take(T, l);
}
static void expect_ints(Thr *T, Slot *l, const int64_t *want, size_t n) {
  CHECK_EQ(list_len(T, l), n);
  for (size_t i = 0; i < n; i++) CHECK_EQ(own_int(T, list_get(T, l, i)), BOXED + want[i]);
}

/* --- Under every strategy ----------------------------------------------------------------------------------------------------------- */

/* A row is cut in two, joined the other way round, and replaced by that: the items are the new row's, and there is one of each. */
static void pass_on(Thr *T) {
  static const int64_t want[] = {3, 4, 5, 6, 0, 1, 2};
  LET(T, rows, list_new(T, 0));
  list_append(T, rows, ints(T, 0, 7));
  {
    LET(T, row, list_get(T, rows, 0));
    LET(T, head, list_slice(T, row, 0, 3));
    LET(T, rest, list_slice(T, row, 3, 7));
    LET(T, joined, list_concat(T, rest, head));
    list_pass(T, row, joined);
    list_set(T, rows, 0, slot_take(T, joined));
  }
  LET(T, row, list_get(T, rows, 0));
  expect_ints(T, row, want, 7);
  CHECK_LIVE(live_objects(T), 2 + 2 + 7);
  list_append(T, row, int_new(T, BOXED)); /* it owns them, and more */
  list_set(T, row, 0, int_new(T, BOXED));
  CHECK_LIVE(live_objects(T), 2 + 2 + 8);
}
Test(owners, of_what_was_cut_and_joined) { in_heap(pass_on); }

static void take_items(Thr *T) {
  static const int64_t odd[] = {1, 3, 5};
  LET(T, from, ints(T, 0, 6));
  LET(T, to, list_new(T, 0));
  for (size_t i = 1; i < 6; i += 2) list_append(T, to, list_take(T, from, i));
  CHECK(own_is_null(list_take(T, from, 6)));
  for (size_t i = 0; i < 6; i++) {
    LET(T, x, list_get(T, from, i));
    CHECK_EQ(slot_is_null(x), i % 2);
  }
  slot_clear(T, from);
  expect_ints(T, to, odd, 3);
  CHECK_LIVE(live_objects(T), 2 + 3);
}
Test(owners, of_items_that_were_taken) { in_heap(take_items); }

/* Nodes taken apart and made anew, as a functional program does; with and without reuse in place. */
static void rebuild(Thr *T) {
  LET(T, l, node_leaf(T, 1));
  LET(T, x, node_new(T, 2, l, node_leaf(T, 3)));
  for (int64_t i = 0; i < 100; i++) {
    mm_poll(T);
    LET(T, left, node_open(T, x, 0));
    LET(T, right, node_open(T, x, 1));
    slot_set(T, right, node_renew(T, right, i, left, own_mk(T, NULL)));
    LET(T, none, own_mk(T, NULL));
    slot_set(T, x, node_renew(T, x, i, none, slot_take(T, right)));
    LET(T, again, node_open(T, x, 1));
    LET(T, inner, node_open(T, again, 0));
    CHECK_EQ(node_value(T, inner), 1);
    LET(T, rest, node_leaf(T, 3));
    slot_set(T, again, node_renew(T, again, 3, none, own_mk(T, NULL)));
    slot_set(T, x, node_renew(T, x, 2, inner, slot_take(T, rest)));
  }
  CHECK_LIVE(live_objects(T), 3);
  LET(T, n, int_new(T, BOXED));
  slot_set(T, n, int_renew(T, n, BOXED + 1));
  CHECK_EQ(int_value(T, n), BOXED + 1);
  slot_set(T, n, int_renew(T, n, 1));
  slot_set(T, n, int_renew(T, n, BOXED + 2)); /* not in the place of an immortal one */
  CHECK_EQ(int_value(T, n), BOXED + 2);
  LET(T, one, int_new(T, 1));
  CHECK_EQ(int_value(T, one), 1);
}
Test(owners, of_nodes_made_anew) {
  for (int64_t reuse = 0; reuse < 2; reuse++) {
    TestHeap h;
    heap_init(&h, 1);
    if (reuse && !heap_tune(&h, "reuse", 1)) return;
    heap_open(&h);
    Thr *T = heap_enter(&h, 0);
    rebuild(T);
    CHECK_LIVE(live_objects(T), 0);
    heap_leave(&h, T);
    heap_close(&h);
  }
}

#if MM_UNIQUE_OWNERS
/* --- One owner ------------------------------------------------------------------------------------------------------------------------ */

static void borrowers(Thr *T) {
  LET(T, a, node_leaf(T, 1));
  {
    LET(T, b, slot_dup(T, a));
    LET(T, c, slot_dup(T, b));
    own_drop(T, slot_dup(T, c));
    CHECK(slot_same(a, c));
  }
  CHECK_LIVE(live_objects(T), 1); /* their ends were nothing */
  LET(T, d, slot_take(T, a));
  CHECK_LIVE(live_objects(T), 1);
  slot_set(T, d, node_leaf(T, 2));
  CHECK_LIVE(live_objects(T), 1);
  slot_clear(T, d);
  CHECK_LIVE(live_objects(T), 0);
}
MechanismTest(unique, the_end_of_a_borrower_is_nothing) { in_heap(borrowers); }

/* What has just been freed is handed out first: it was free at once, not when somebody looked. */
static void freed_at_once(Thr *T) {
  if (MM_MALLOC) return;
  LET(T, x, node_leaf(T, 1));
  Obj *was = x->p_;
  slot_set(T, x, node_leaf(T, 2));
  LET(T, y, node_leaf(T, 3));
  CHECK(y->p_ == was);
}
MechanismTest(unique, the_end_of_an_owner_frees_at_once) { in_heap(freed_at_once); }

/* A slice, a slice of it, their concatenation, grown by more of the same: they own nothing, in any order of ending. */
static void slices(Thr *T) {
  LET(T, all, ints(T, 0, 20));
  {
    LET(T, some, list_slice(T, all, 2, 8));
    LET(T, fewer, list_slice(T, some, 1, 3));
    LET(T, both, list_concat(T, fewer, some));
    for (size_t i = 0; i < 20; i++) list_append(T, both, list_get(T, all, i)); /* through several arrays */
    list_set(T, both, 0, list_get(T, all, 19));
    own_drop(T, list_pop(T, both));
    CHECK_LIVE(live_objects(T), 4 * 2 + 20);
    CHECK_EQ(own_int(T, list_get(T, both, 0)), BOXED + 19);
  }
  CHECK_LIVE(live_objects(T), 2 + 20);
  LET(T, empty, list_slice(T, all, 5, 5)); /* nothing was copied: it may own */
  list_append(T, empty, int_new(T, BOXED));
  CHECK_LIVE(live_objects(T), 2 * 2 + 21);
}
MechanismTest(unique, slices_own_nothing) { in_heap(slices); }

/* An array of references, a dict whose keys are another's, one whose values are, a frame over a list. */
static Own first_of(Thr *T, Slot *self) {
  LET(T, list, gen_ref(T, self, 0));
  return list_get(T, list, 0);
}
static void referring(Thr *T) {
  enum { N = 40 }; /* through several tables */
  LET(T, names, array_new(T, N));
  for (int64_t i = 0; i < N; i++) array_set(T, names, (size_t)i, str_new_int(T, "name", i));
  LET(T, list, ints(T, 0, N));
  {
    LET(T, refs, array_new(T, N));
    for (size_t i = 0; i < N; i++) array_set(T, refs, i, list_get(T, list, i));
    array_set(T, refs, 0, array_get(T, refs, 1));
    own_drop(T, array_take(T, refs, 2));
    LET(T, by_name, dict_new(T, 0));
    LET(T, by_number, dict_new(T, 0));
    for (int64_t i = 0; i < N; i++) {
      LET(T, name, array_get(T, names, (size_t)i));
      dict_put(T, by_name, name, int_new(T, BOXED + i));
      LET(T, number, int_new(T, BOXED + i));
      dict_put(T, by_number, number, list_get(T, list, (size_t)i));
    }
    LET(T, three, array_get(T, names, 3));
    CHECK_EQ(own_int(T, dict_get(T, by_name, three)), BOXED + 3);
    CHECK_EQ(own_int(T, dict_remove(T, by_name, three)), BOXED + 3);
    LET(T, number, int_new(T, BOXED + 3));
    CHECK_EQ(own_int(T, dict_remove(T, by_number, number)), BOXED + 3); /* the key ends, the value does not */
    LET(T, g, gen_new(T, first_of, 2, 0));
    gen_set_ref(T, g, 0, slot_dup(T, list));
    gen_set_ref(T, g, 1, none_new(T)); /* nobody's */
    CHECK_EQ(own_int(T, gen_next(T, g)), BOXED);
  }
  CHECK_LIVE(live_objects(T), 1 + N + 2 + N);
  CHECK_EQ(own_int(T, list_get(T, list, 3)), BOXED + 3);
}
MechanismTest(unique, containers_may_refer_to_what_others_own) { in_heap(referring); }

/* Immortal objects go in and out of everything, and are never freed. */
static void nobodys(Thr *T) {
  LET(T, l, list_new(T, 0));
  for (int i = 0; i < 100; i++) {
    list_append(T, l, int_new(T, i % 7));
    list_append(T, l, none_new(T));
    list_append(T, l, int_new(T, BOXED + i));
  }
  LET(T, x, node_make(T, 0, 3));
  node_set(T, x, 0, list_get(T, l, 0)); /* borrowed, but nobody's */
  node_set(T, x, 1, int_new(T, 5));
  node_set(T, x, 1, int_new(T, 6));
  LET(T, some, list_new(T, 0));
  list_append(T, some, list_get(T, l, 1));
  list_append(T, some, int_new(T, BOXED));
  own_drop(T, list_pop(T, l));
  CHECK_LIVE(live_objects(T), 2 + 99 + 1 + 3);
  for (int64_t v = SMALL_INT_MIN; v <= SMALL_INT_MAX; v++) CHECK_EQ(own_int(T, int_new(T, v)), v);
}
MechanismTest(unique, immortals_are_nobodys) { in_heap(nobodys); }

/* Growth by what is nobody's: the new array, or table, still owns nothing of what the old one did not. */
static void borrowers_grow(Thr *T) {
  enum { N = 100 };
  LET(T, names, array_new(T, N));
  LET(T, list, ints(T, 0, N));
  for (int64_t i = 0; i < N; i++) array_set(T, names, (size_t)i, str_new_int(T, "name", i));
  LET(T, none, none_new(T));
  {
    LET(T, some, list_slice(T, list, 0, 3));
    LET(T, by_name, dict_new(T, 0));
    LET(T, by_number, dict_new(T, 0));
    for (size_t i = 0; i < N; i++) {
      LET(T, k, i < 3 ? array_get(T, names, i) : int_new(T, (int64_t)i)); /* borrowed keys first, immortal ones then */
      dict_put(T, by_name, k, node_leaf(T, 1));
      LET(T, n, int_new(T, BOXED + (int64_t)i));
      dict_put(T, by_number, n, i < 3 ? array_get(T, names, i) : slot_dup(T, none));
      list_append(T, some, slot_dup(T, none));
    }
  }
  CHECK_LIVE(live_objects(T), 1 + N + 2 + N);
}
MechanismTest(unique, borrowers_grow_by_what_is_nobodys) { in_heap(borrowers_grow); }

/* --- Between threads -------------------------------------------------------------------------------------------------------------------- */

/* Made by one, dropped by the other: cells go home, and a chain, a list and a dict of what was published die whole. */
enum { PARCELS = 30, CHAIN = 20000 };
typedef struct Parcels {
  pthread_barrier_t barrier;
  size_t early, late;
  uint64_t live;
} Parcels;
static OWNED Own parcel(Thr *T) {
  LET(T, chain, node_leaf(T, 0));
  LET(T, none, own_mk(T, NULL));
  for (int64_t i = 1; i < CHAIN; i++) {
    mm_poll(T);
    slot_set(T, chain, i % 3 ? node_new(T, i, none, slot_take(T, chain)) : node_new(T, i, chain, own_mk(T, NULL)));
  }
  LET(T, d, dict_new(T, 0));
  LET(T, k, str_new_int(T, "chain", 0));
  dict_put(T, d, k, slot_take(T, chain));
  LET(T, l, ints(T, 0, 6000)); /* a bulk drop */
  list_append(T, l, slot_take(T, d));
  return slot_take(T, l);
}
static void make_or_drop(Thr *T, int index, void *arg) {
  Parcels *p = arg;
  for (int i = 0; i < PARCELS; i++) {
    if (index == 0) {
      LET(T, x, parcel(T));
      publish(T, 0, x);
    }
    heap_meet(T, &p->barrier);
    if (index == 0 && i == 2) p->early = T->heap->chunks.peak;
    if (index == 1) {
      LET(T, x, global(T, 0)); /* looked at as borrowed */
      CHECK_EQ(list_len(T, x), 6001);
      CHECK_EQ(own_int(T, list_get(T, x, 17)), BOXED + 17);
      own_drop(T, retract(T, 0));
    }
    heap_meet(T, &p->barrier);
  }
  heap_meet_to_count(T, &p->barrier, index, &p->live);
  if (index == 0) p->late = T->heap->chunks.peak;
}
MechanismTest(unique, cells_go_back_to_their_maker, .timeout = LIMIT_S) {
  Parcels p = {.live = 1};
  TestHeap h;
  pthread_barrier_init(&p.barrier, NULL, 2);
  heap_init(&h, 2);
  heap_open(&h);
  heap_threads(&h, 2, 256 << 10, make_or_drop, &p);
  CHECK_EQ(p.live, 0);
  if (!MM_MALLOC) CHECK(p.late <= 2 * p.early); /* of PARCELS */
  heap_close(&h);
  pthread_barrier_destroy(&p.barrier);
}

/* A published list as a queue: every operation on it is atomic, and whoever pops an item owns it. */
enum { ITEMS = 20000, MAKERS = 2, TAKERS = 2 };
typedef struct Queue {
  pthread_barrier_t barrier;
  _Atomic int64_t taken, sum;
  uint64_t live;
} Queue;
static void make_or_take(Thr *T, int index, void *arg) {
  Queue *q = arg;
  if (index == 0) {
    LET(T, l, list_new(T, 0));
    publish(T, 0, l);
  }
  heap_meet(T, &q->barrier);
  LET(T, l, global(T, 0));
  for (int64_t i = 0; index < MAKERS && i < ITEMS; i++) {
    mm_poll(T);
    LET(T, pair, int_new(T, BOXED + i));
    list_append(T, l, tuple_new2(T, pair, node_leaf(T, i)));
  }
  while (index >= MAKERS && atomic_load(&q->taken) < MAKERS * ITEMS) {
    mm_poll(T);
    if (list_len(T, l) == 0) continue;
    LET(T, x, list_pop(T, l));
    if (slot_is_null(x)) continue;
    LET(T, v, array_get(T, x, 0));
    LET(T, n, array_get(T, x, 1));
    CHECK(!slot_is_null(v) && !slot_is_null(n));
    CHECK_EQ(int_value(T, v), BOXED + node_value(T, n));
    atomic_fetch_add(&q->sum, node_value(T, n));
    atomic_fetch_add(&q->taken, 1);
  }
  heap_meet(T, &q->barrier);
  if (index == 0) own_drop(T, retract(T, 0));
  heap_meet_to_count(T, &q->barrier, index, &q->live);
}
MechanismTest(unique, a_shared_list_hands_owners_over, .timeout = LIMIT_S) {
  Queue q = {.live = 1};
  TestHeap h;
  pthread_barrier_init(&q.barrier, NULL, MAKERS + TAKERS);
  heap_init(&h, MAKERS + TAKERS);
  h.config.sharing = RECLAIM_HAND_OFF;
  heap_open(&h);
  heap_threads(&h, MAKERS + TAKERS, 0, make_or_take, &q);
  CHECK_EQ(q.live, 0);
  CHECK_EQ(atomic_load(&q.sum), (int64_t)MAKERS * ITEMS * (ITEMS - 1) / 2);
  heap_close(&h);
  pthread_barrier_destroy(&q.barrier);
}

/* --- Two owners, or none: a checked build stops ------------------------------------------------------------------------------------------- */

#if MM_CHECK
typedef void Fault(Thr *T, Slot *node, Slot *list);
static void fault_child(void *fault) {
  Fault *f;
  memcpy(&f, fault, sizeof f);
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  LET(T, node, node_leaf(T, 1));
  LET(T, list, ints(T, 0, 3));
  f(T, node, list);
}
static void expect_stopped(Fault *f, const char *words) {
  int status = in_child(fault_child, &f);
  if (gave_up(status, RECLAIM_FAIL_CHECK, words)) return;
  fprintf(stderr, "status %d instead of '%s': %s\n", status, words, child_said);
  abort();
}

static void into_a_node(Thr *T, Slot *node, Slot *list) { node_set(T, node, 0, slot_dup(T, list)); }
static void into_a_new_node(Thr *T, Slot *node, Slot *list) {
  LET(T, none, own_mk(T, NULL));
  slot_set(T, node, node_new(T, 1, none, slot_dup(T, list)));
}
static void from_a_slot(Thr *T, Slot *node, Slot *list) {
  LET(T, b, slot_dup(T, list));
  slot_set(T, node, node_new(T, 1, b, own_mk(T, NULL)));
}
static void into_a_list(Thr *T, Slot *node, Slot *list) { list_append(T, list, slot_dup(T, node)); }
static void over_an_item(Thr *T, Slot *node, Slot *list) { list_set(T, list, 0, slot_dup(T, node)); }
static void the_same_again(Thr *T, Slot *node, Slot *list) {
  (void)node;
  list_append(T, list, list_get(T, list, 0));
}
static void into_a_dict(Thr *T, Slot *node, Slot *list) {
  (void)list;
  LET(T, d, dict_new(T, 0));
  LET(T, a, int_new(T, BOXED));
  dict_put(T, d, a, node_leaf(T, 1));
  LET(T, b, int_new(T, BOXED + 1));
  dict_put(T, d, b, slot_dup(T, node));
}
static void publish_borrowed(Thr *T, Slot *node, Slot *list) {
  (void)list;
  LET(T, b, slot_dup(T, node));
  publish(T, 0, b);
}
MechanismTest(unique, a_second_reference_is_caught) {
  Fault *const faults[] = {into_a_node,  into_a_new_node, from_a_slot, into_a_list,
                           over_an_item, the_same_again,  into_a_dict, publish_borrowed};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expect_stopped(faults[i], "a second reference");
}

static void into_a_slice(Thr *T, Slot *node, Slot *list) {
  (void)node;
  LET(T, s, list_slice(T, list, 0, 2));
  list_append(T, s, int_new(T, BOXED));
}
static void into_references(Thr *T, Slot *node, Slot *list) {
  LET(T, refs, array_new(T, 2));
  array_set(T, refs, 0, slot_dup(T, list));
  array_set(T, refs, 1, slot_take(T, node));
}
static void into_a_passed_list(Thr *T, Slot *node, Slot *list) {
  (void)node;
  LET(T, s, list_slice(T, list, 0, 3));
  list_pass(T, list, s);
  list_append(T, list, int_new(T, BOXED));
}
MechanismTest(unique, an_owner_among_borrowers_is_caught) {
  Fault *const faults[] = {into_a_slice, into_references, into_a_passed_list};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expect_stopped(faults[i], "nothing would free it");
}

static void take_from_a_slice(Thr *T, Slot *node, Slot *list) {
  (void)node;
  LET(T, s, list_slice(T, list, 0, 2));
  own_drop(T, list_take(T, s, 0));
}
MechanismTest(unique, taking_what_is_not_owned_is_caught) { expect_stopped(take_from_a_slice, "does not own"); }

#if !MM_MALLOC
static void outlive(Thr *T, Slot *node, Slot *list) {
  LET(T, b, slot_dup(T, node));
  slot_clear(T, node);
  (void)list;
  (void)node_value(T, b);
}
static void outlive_in_an_array(Thr *T, Slot *node, Slot *list) {
  (void)node;
  LET(T, s, list_slice(T, list, 0, 2));
  slot_clear(T, list);
  own_drop(T, list_get(T, s, 1));
}
MechanismTest(unique, a_borrower_that_outlives_its_owner_is_caught) {
  expect_stopped(outlive, "expected a node");
  expect_stopped(outlive_in_an_array, "after its object was freed");
}
#endif
#endif
#endif
