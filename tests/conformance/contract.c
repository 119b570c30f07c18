/* What a program must not do, and that a checked build stops it, under every strategy: each fault is planted in a child. And what is
   just allowed must pass in every build. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, MANY = BORROW_LOADS + 10 };

/* A thread with a few things to do wrong with. */
typedef struct Things {
  Thr *T;
  Slot *list; /* MANY boxed ints */
  Slot *node, *dict, *gen, *key;
} Things;
typedef void Fault(Things *t);

static Own endless(Thr *T, Slot *self) {
  (void)self;
  return int_new(T, BOXED);
}

static void with_things(Fault *f) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  {
    LET(T, list, list_new(T, 0));
    for (int64_t i = 0; i < MANY; i++) list_append(T, list, int_new(T, BOXED + i));
    LET(T, node, node_leaf(T, 1));
    node_set(T, node, 0, node_leaf(T, 2));
    LET(T, dict, dict_new(T, 0));
    LET(T, gen, gen_new(T, endless, 1, 1));
    LET(T, key, int_new(T, BOXED));
    f(&(Things){T, list, node, dict, gen, key});
  }
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

/* --- What is allowed ---------------------------------------------------------------------------------------------------------------- */

static void allowed(Things *t) {
  Thr *T = t->T;
  int64_t sum = 0;
  BORROW (T, r, t->list) {
    Ref items = ref_items(r);
    for (size_t i = 0; i < BORROW_LOADS - 1; i++) sum += ref_int(ref_item(items, i));
  }
  CHECK_EQ(sum, (int64_t)(BORROW_LOADS - 1) * BOXED + (int64_t)(BORROW_LOADS - 1) * (BORROW_LOADS - 2) / 2);
  BORROW (T, outer, t->node) {
    BORROW (T, inner, t->list) sum = ref_value(ref_edge(outer, 0)) + ref_int(ref_item(ref_items(inner), 0));
  }
  CHECK_EQ(sum, 2 + BOXED);
  list_append(T, t->list, int_new(T, BOXED)); /* used at once */
  list_append(T, t->list, MANY_OWNERS ? slot_dup(T, t->node) : node_leaf(T, 3));
  mm_poll(T);
  own_drop(T, list_pop(T, t->list));
}
Test(contract, what_is_allowed_passes) { with_things(allowed); }

/* Pure counting shares nothing, in any build; who shares its heap does not refuse. */
static void publishes(Things *t) { om_share(t->T, t->list); }
static void publish_list(void *unused) {
  (void)unused;
  with_things(publishes);
}
Test(contract, publishing_where_nothing_is_shared_is_refused) {
  int status = in_child(publish_list, NULL);
  if (MM_SHARES_HEAP)
    CHECK_EQ(status, 0);
  else
    CHECK(gave_up(status, RECLAIM_FAIL_CHECK, "shares nothing"));
}

#if MM_CHECK
static void fault_child(void *fault) {
  Fault *f;
  memcpy(&f, fault, sizeof f);
  with_things(f);
}
static void expect_caught(Fault *f, const char *words) {
  int status = in_child(fault_child, &f);
  if (!gave_up(status, RECLAIM_FAIL_CHECK, words)) {
    fprintf(stderr, "status %d instead of '%s': %s\n", status, words, child_said);
    abort();
  }
}

/* --- Stale owned values ----------------------------------------------------------------------------------------------------------------- */

static Own stale_by_allocation(Things *t) {
  Own v = int_new(t->T, BOXED);
  own_drop(t->T, float_new(t->T, 1));
  return v;
}
static Own stale_by_poll(Things *t) {
  Own v = list_get(t->T, t->list, 0);
  mm_poll(t->T);
  return v;
}
static Own stale_by_small_int(Things *t) { /* which allocates nothing, but another value might */
  Own v = slot_dup(t->T, t->node);
  own_drop(t->T, int_new(t->T, 0));
  return v;
}
static Own stale_by_generator(Things *t) {
  Own v = node_get(t->T, t->node, 0);
  own_drop(t->T, gen_next(t->T, t->gen));
  return v;
}
static void append_stale(Things *t) { list_append(t->T, t->list, stale_by_allocation(t)); }
static void set_stale(Things *t) { slot_set(t->T, t->node, stale_by_poll(t)); }
static void drop_stale(Things *t) { own_drop(t->T, stale_by_small_int(t)); }
static void store_stale(Things *t) { node_set(t->T, t->node, 0, stale_by_generator(t)); }
static void read_stale(Things *t) { (void)own_int(t->T, stale_by_allocation(t)); }
static void put_stale(Things *t) { dict_put(t->T, t->dict, t->key, stale_by_poll(t)); }
static void build_on_stale(Things *t) { slot_set(t->T, t->gen, node_new(t->T, 1, t->node, stale_by_poll(t))); }
static void root_stale(Things *t) {
  Thr *T = t->T;
  LET(T, x, stale_by_poll(t));
  own_drop(T, slot_take(T, x));
}
MechanismTest(contract, stale_owned_values_are_caught) {
  Fault *const faults[] = {append_stale, set_stale, drop_stale, store_stale, read_stale, put_stale, build_on_stale, root_stale};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expect_caught(faults[i], "after an allocation or a poll");
}

#if (MM_COUNTS_LOCALS || MM_UNIQUE_OWNERS) && !MM_MALLOC
static void drop_twice(Things *t) {
  Own v = slot_take(t->T, t->node);
  own_drop(t->T, v);
  own_drop(t->T, v);
}
static void use_dropped(Things *t) {
  Own v = slot_take(t->T, t->node);
  own_drop(t->T, v);
  list_append(t->T, t->list, v);
}
MechanismTest(contract, freed_objects_are_caught) {
  expect_caught(drop_twice, "after its object was freed");
  expect_caught(use_dropped, "after its object was freed");
}
#endif

/* --- Poison --------------------------------------------------------------------------------------------------------------------------------- */

/* What is dead is overwritten, whether it was old or young, so that whoever still reads it is found. Every second one lives, so that no block
   is given back. A collector that moves may have put something else there instead. */
#if MM_RECLAIMS && !MM_CONSERVATIVE && !MM_MALLOC
enum { PAIRS = 50, EDGES = 20, FIRST = 123456789 };
static OWNED Own nodes(Thr *T) {
  LET(T, all, list_new(T, 2 * PAIRS));
  for (int64_t i = 0; i < 2 * PAIRS; i++) list_append(T, all, node_make(T, FIRST + i, EDGES));
  return slot_take(T, all);
}
static void expect_poison(Thr *T, Slot *all) {
  const Node *dead[PAIRS];
  for (size_t i = 0; i < PAIRS; i++) {
    LET(T, x, list_get(T, all, 2 * i));
    dead[i] = (const Node *)x->p_;
    slot_clear(T, x);
    list_set(T, all, 2 * i, none_new(T));
  }
  (void)live_objects(T);
  for (size_t i = 0; i < PAIRS; i++) {
    uint64_t v = (uint64_t)dead[i]->v;
    if (MM_MOVES)
      CHECK(v != FIRST + 2 * i);
    else
      CHECK_EQ(v, UINT64_C(0xDBDBDBDBDBDBDBDB));
  }
}
static void look_at_dead(Thr *T) {
  LET(T, old, nodes(T));
  (void)live_objects(T);
  expect_poison(T, old);
  LET(T, young, nodes(T));
  expect_poison(T, young);
}
MechanismTest(contract, what_is_dead_is_poisoned) { heap_run_clean(NULL, look_at_dead); }
#endif

/* --- Inside BORROW -------------------------------------------------------------------------------------------------------------------------- */

#define IN_BORROW(name, ...)                                                                                                     \
  static void name(Things *t) {                                                                                                  \
    Thr *T = t->T;                                                                                                               \
    BORROW (T, r, t->node) { __VA_ARGS__; }                                                                                      \
  }
IN_BORROW(int_in, own_drop(T, int_new(T, 1)))
IN_BORROW(float_in, own_drop(T, float_new(T, 1)))
IN_BORROW(string_in, own_drop(T, str_new(T, "a", 1)))
IN_BORROW(raw_in, own_drop(T, raw_new(T, 8)))
IN_BORROW(list_in, own_drop(T, list_new(T, 0)))
IN_BORROW(slice_in, own_drop(T, list_slice(T, t->list, 0, 1)))
IN_BORROW(dict_in, own_drop(T, dict_new(T, 0)))
IN_BORROW(array_in, own_drop(T, array_new(T, 0)))
IN_BORROW(leaf_in, own_drop(T, node_leaf(T, 0)))
IN_BORROW(wide_in, own_drop(T, node_make(T, 0, 3)))
IN_BORROW(gen_in, own_drop(T, gen_new(T, endless, 0, 0)))
IN_BORROW(next_in, own_drop(T, gen_next(T, t->gen)))
IN_BORROW(poll_in, mm_poll(T))
MechanismTest(contract, allocations_and_polls_inside_borrow_are_caught) {
  Fault *const faults[] = {int_in,   float_in, string_in, raw_in, list_in, slice_in, dict_in,
                           array_in, leaf_in,  wide_in,   gen_in, next_in, poll_in};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expect_caught(faults[i], "inside BORROW");
}

IN_BORROW(store_in, node_set(T, t->node, 0, slot_dup(T, t->list)))
IN_BORROW(append_in, list_append(T, t->list, slot_dup(T, t->node)))
IN_BORROW(clear_in, slot_clear(T, t->node))
MechanismTest(contract, stores_inside_borrow_are_caught) {
  Fault *const faults[] = {store_in, append_in, clear_in};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expect_caught(faults[i], "inside BORROW");
}

static void too_many_loads(Things *t) {
  Thr *T = t->T;
  int64_t sum = 0;
  BORROW (T, r, t->list) {
    Ref items = ref_items(r);
    for (size_t i = 0; i < BORROW_LOADS; i++) sum += ref_int(ref_item(items, i));
  }
}
static void many_loads_nested(Things *t) {
  Thr *T = t->T;
  int64_t sum = 0;
  BORROW (T, outer, t->list) {
    for (int half = 0; half < 2; half++)
      BORROW (T, r, t->list) {
        Ref items = ref_items(r);
        for (size_t i = 0; i < BORROW_LOADS / 2; i++) sum += ref_int(ref_item(items, i));
      }
  }
}
MechanismTest(contract, long_borrows_are_caught) {
  expect_caught(too_many_loads, "BORROW_LOADS");
  expect_caught(many_loads_nested, "BORROW_LOADS");
}

static void follow_later(Things *t) {
  Thr *T = t->T;
  Ref kept = {0};
  BORROW (T, r, t->node) kept = r;
  (void)ref_edge(kept, 0);
}
MechanismTest(contract, borrowed_references_end_with_their_block) { expect_caught(follow_later, "outside its BORROW"); }

/* --- Kinds ----------------------------------------------------------------------------------------------------------------------------------- */

static void list_as_int(Things *t) { (void)int_value(t->T, t->list); }
static void int_as_float(Things *t) { (void)float_value(t->T, t->key); }
static void int_as_list(Things *t) { (void)list_len(t->T, t->key); }
static void list_as_dict(Things *t) { (void)dict_len(t->T, t->list); }
static void dict_as_node(Things *t) { (void)node_value(t->T, t->dict); }
static void node_as_gen(Things *t) { (void)gen_state(t->T, t->node); }
static void node_as_tuple(Things *t) { (void)array_len(t->T, t->node); }
static void write_to_tuple(Things *t) {
  slot_set(t->T, t->gen, tuple_new2(t->T, t->node, none_new(t->T)));
  array_set(t->T, t->gen, 0, int_new(t->T, BOXED));
}
static void nothing_as_int(Things *t) {
  slot_clear(t->T, t->key);
  (void)int_value(t->T, t->key);
}
MechanismTest(contract, wrong_kinds_are_caught) {
  Fault *const faults[] = {list_as_int, int_as_float,  int_as_list,    list_as_dict,  dict_as_node,
                           node_as_gen, node_as_tuple, write_to_tuple, nothing_as_int};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expect_caught(faults[i], "expected a");
}
#endif
