/* Counts that are made up later: what is never counted (locals, what died new, what a field held in between), what is logged, once, and how
   much of it; the zero-count table; counts that are stuck; the backup trace; lists that grow; how long an epoch is; threads that exit or
   wait. Epochs end where the test makes garbage until one does, never by the clock; counts and lengths are exact. */
#include <criterion/criterion.h>
#include <sched.h>
#include <sys/resource.h>

#include "tests/conformance/heap.h"

#ifdef RECLAIM_PARTS_DEFERRAL_H
enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200 };

static const EpochCounts *sums(Thr *T) { return &T->heap->epoch.n; }

static void garbage(Thr *T) {
  mm_poll(T);
  own_drop(T, node_leaf(T, 1));
}
/* Ends an epoch by its volume alone; no trace is due. */
static void next_epoch(Thr *T) {
  uint64_t before = sums(T)->epochs, traces = T->heap->backup.traces;
  while (sums(T)->epochs == before) garbage(T);
  CHECK_EQ(T->heap->backup.traces, traces);
}

static void count_one(void *n, Obj *o) {
  (void)o;
  ++*(uint64_t *)n;
}
/* Objects that have lived through the end of an epoch, and did not die at a later one. All other threads are blocked. */
static uint64_t kept(Thr *T) {
  uint64_t n = 0;
  births_each(&T->heap->births, count_one, &n);
  return n;
}
static uint32_t count_of(const Slot *x) { return x->p_->count >> COUNT_SHIFT; }

static int64_t volume; /* of an epoch, whatever survives */
static void fixed_volume(TestHeap *h) { CHECK(heap_tune(h, "epoch-bytes", volume) && heap_tune(h, "epoch-max", volume)); }
static void in_epochs_of(int64_t bytes, void (*body)(Thr *T)) {
  volume = bytes;
  heap_run_clean(fixed_volume, body);
}

/* --- What is never counted -------------------------------------------------------------------------------------------------------------- */

/* Objects that die new: no count, no bit, and their cells are the next ones. */
static void die_new(Thr *T) {
  enum { MANY = 500000 };
  for (int64_t i = 0; i < MANY; i++) {
    mm_poll(T);
    LET(T, value, int_new(T, BOXED + i));
    own_drop(T, tuple_new2(T, value, node_leaf(T, i)));
    slot_clear(T, value);
    if (i % 1024 == 0) CHECK(kept(T) <= 4); /* what was a local as the last epoch ended */
  }
  next_epoch(T);
  next_epoch(T);
  CHECK_EQ(kept(T), 0);
  CHECK(sums(T)->epochs > 100 && sums(T)->born > 3 * MANY);
  CHECK(sums(T)->aged <= 4 * sums(T)->epochs && sums(T)->increments + sums(T)->decrements <= 4 * sums(T)->epochs);
#if !MM_MALLOC
  CHECK(T->heap->births.chunks.peak <= 1 << 20);
#endif
}
MechanismTest(deferred, what_dies_new_is_not_counted) { in_epochs_of(64 << 10, die_new); }

/* Names for one object: a thousand locals make no count. */
static void name(Thr *T, Slot *x, int more) {
  mm_poll(T);
  LET(T, y, slot_dup(T, x));
  if (more) {
    name(T, y, more - 1);
    return;
  }
  next_epoch(T);
  next_epoch(T);
  CHECK_EQ(count_of(y), 0);
  CHECK_EQ(sums(T)->increments, 0);
}
static void name_often(Thr *T) {
  LET(T, x, int_new(T, BOXED));
  next_epoch(T);
  name(T, x, 1000);
  next_epoch(T);
  CHECK_EQ(int_value(T, x), BOXED);
  CHECK_EQ(sums(T)->increments + sums(T)->decrements, 0);
}
MechanismTest(deferred, locals_are_not_counted) { in_epochs_of(16 << 10, name_often); }

/* A field that is written a thousand times: one record, and the ends of the row are all that is counted. */
static void write_often(Thr *T) {
  LET(T, x, node_leaf(T, 0));
  node_set(T, x, 0, int_new(T, BOXED));
  next_epoch(T);
  CHECK_EQ(kept(T), 2);
  EpochCounts was = *sums(T);
  for (int64_t i = 0; i < 1000; i++) node_set(T, x, (unsigned)i & 1, int_new(T, BOXED + i));
  CHECK_EQ(T->log.objects, 1);
  CHECK_EQ(sums(T)->epochs, was.epochs);
  next_epoch(T);
  CHECK_EQ(sums(T)->aged - was.aged, 2);
  CHECK_EQ(sums(T)->increments - was.increments, 0);
  CHECK_EQ(sums(T)->decrements - was.decrements, 1);
  CHECK_EQ(kept(T), 3);
  CHECK_EQ(own_int(T, node_get(T, x, 1)), BOXED + 999);
}
MechanismTest(coalescing, one_record_for_a_thousand_writes) { in_epochs_of(256 << 10, write_often); }

/* What is where it was has no count changed, wherever it went in between. */
static void swap(Thr *T, Slot *x) {
  LET(T, l, node_get(T, x, 0));
  node_set(T, x, 0, node_get(T, x, 1));
  node_set(T, x, 1, slot_take(T, l));
}
static void swap_often(Thr *T) {
  LET(T, x, node_leaf(T, 0));
  node_set(T, x, 0, int_new(T, BOXED));
  node_set(T, x, 1, int_new(T, BOXED + 1));
  next_epoch(T);
  EpochCounts was = *sums(T);
  for (int i = 0; i < 1000; i++) swap(T, x);
  next_epoch(T);
  CHECK_EQ(sums(T)->unchanged - was.unchanged, 2);
  CHECK_EQ(sums(T)->increments + sums(T)->decrements, was.increments + was.decrements);
  swap(T, x);
  next_epoch(T);
  CHECK_EQ(sums(T)->increments - was.increments, 2);
  CHECK_EQ(sums(T)->decrements - was.decrements, 2);
  CHECK_EQ(own_int(T, node_get(T, x, 0)), BOXED + 1);
}
MechanismTest(coalescing, what_comes_back_is_not_counted) { in_epochs_of(64 << 10, swap_often); }

/* --- The log: bounded by what there is to log, and for items and entries one by one --------------------------------------------------------- */

enum { ITEM_WORDS = 3, ENTRY_WORDS = 4, GROWN_WORDS = 2, ITEMS = 1 << 14 };

static void write_items(Thr *T) {
  LET(T, a, array_new(T, ITEMS));
  for (int64_t i = 0; i < ITEMS; i++) array_set(T, a, (size_t)i, int_new(T, BOXED + i));
  LET(T, x, int_new(T, BOXED));
  next_epoch(T);
  CHECK_EQ(kept(T), ITEMS + 2);
  for (int64_t i = 0; i < 1000000; i++) array_set(T, a, 77, slot_dup(T, x));
  CHECK_EQ(T->log.words.n, ITEM_WORDS);
  for (size_t i = 0; i < 3 * ITEMS; i++) array_set(T, a, i % ITEMS, slot_dup(T, x));
  CHECK_EQ(T->log.words.n, ITEM_WORDS * ITEMS);
  CHECK_EQ(T->log.units, ITEMS);
  next_epoch(T);
  CHECK_EQ(kept(T), 2);
  CHECK_EQ(count_of(x), ITEMS);
  array_set(T, a, 5, none_new(T)); /* logged anew */
  CHECK_EQ(T->log.words.n, ITEM_WORDS);
  next_epoch(T);
  CHECK_EQ(count_of(x), ITEMS - 1);
}
MechanismTest(logging, an_array_item_by_item) { in_epochs_of(1 << 20, write_items); }

static void write_entries(Thr *T) {
  enum { KEYS = 1000 };
  LET(T, d, dict_new(T, 0));
  for (int64_t i = 0; i < KEYS; i++) {
    LET(T, k, int_new(T, BOXED + i));
    dict_put(T, d, k, int_new(T, BOXED + i));
  }
  next_epoch(T);
  CHECK_EQ(kept(T), 2 + 2 * KEYS);
  for (int64_t i = 0; i < 1000; i++) {
    LET(T, k, int_new(T, BOXED + 7));
    dict_put(T, d, k, int_new(T, BOXED + i));
  }
  CHECK(T->log.words.n && T->log.words.n <= 2 * ENTRY_WORDS);
  next_epoch(T);
  for (int64_t i = 0; i < KEYS; i += 2) {
    LET(T, k, int_new(T, BOXED + i));
    own_drop(T, dict_remove(T, d, k));
  }
  next_epoch(T);
  next_epoch(T);
  CHECK_EQ(kept(T), 2 + KEYS);
  for (int64_t i = 1; i < KEYS; i += 2) {
    LET(T, k, int_new(T, BOXED + i));
    CHECK_EQ(own_int(T, dict_get(T, d, k)), i == 7 ? BOXED + 999 : BOXED + i);
  }
}
MechanismTest(logging, a_table_entry_by_entry) { in_epochs_of(256 << 10, write_entries); }

static void append(Thr *T) {
  enum { BEFORE = 1000, LATER = 1000 };
  LET(T, l, list_new(T, BEFORE + LATER));
  for (int64_t i = 0; i < BEFORE; i++) list_append(T, l, int_new(T, BOXED + i));
  next_epoch(T);
  for (int64_t i = 0; i < LATER; i++) list_append(T, l, int_new(T, BOXED + i));
  CHECK_EQ(T->log.words.n, GROWN_WORDS);
  next_epoch(T);
  CHECK_EQ(kept(T), 2 + BEFORE + LATER);
  for (int64_t i = 0; i < LATER + BEFORE / 2; i++) own_drop(T, list_pop(T, l));
  CHECK_EQ(T->log.words.n, ITEM_WORDS * (LATER + BEFORE / 2));
  for (int64_t i = 0; i < 10; i++) list_append(T, l, int_new(T, BOXED + i)); /* where items are logged */
  CHECK_EQ(T->log.words.n, ITEM_WORDS * (LATER + BEFORE / 2));
  next_epoch(T);
  CHECK_EQ(kept(T), 2 + BEFORE / 2 + 10);
}
MechanismTest(logging, what_is_appended_all_at_once) { in_epochs_of(256 << 10, append); }

/* A log that is full ends the epoch, though nothing is allocated. */
enum { FEW_WORDS = 1000 };
static void few_words(TestHeap *h) { CHECK(heap_tune(h, "log-entries", FEW_WORDS)); }
static void fill_the_log(Thr *T) {
  enum { NODES = 5000, NODE_WORDS = 4 };
  LET(T, all, list_new(T, NODES));
  for (int64_t i = 0; i < NODES; i++) list_append(T, all, node_leaf(T, i));
  next_epoch(T);
  uint64_t before = sums(T)->epochs, born = sums(T)->born;
  for (size_t i = 0; i < NODES; i++) {
    mm_poll(T);
    CHECK(T->log.words.n <= FEW_WORDS + NODE_WORDS);
    LET(T, x, list_get(T, all, i));
    node_set(T, x, 0, none_new(T));
  }
  CHECK(sums(T)->epochs - before >= NODES * NODE_WORDS / (FEW_WORDS + NODE_WORDS) - 1);
  CHECK(sums(T)->born - born <= 1); /* the one whose making ended the epoch before */
}
MechanismTest(logging, a_full_log_ends_the_epoch) { heap_run_clean(few_words, fill_the_log); }

/* --- The zero-count table ------------------------------------------------------------------------------------------------------------------ */

static void only_a_local(Thr *T) {
  LET(T, x, node_leaf(T, 1));
  for (int i = 0; i < 5; i++) {
    next_epoch(T);
    CHECK_EQ(T->heap->epoch.table.n, 1);
    CHECK_EQ(count_of(x), 0);
    CHECK_EQ(kept(T), 1);
  }
  slot_clear(T, x);
  next_epoch(T); /* by no trace */
  CHECK_EQ(T->heap->epoch.table.n, 0);
  CHECK_EQ(kept(T), 0);
}
MechanismTest(zero_counts, live_as_long_as_a_root) { in_epochs_of(16 << 10, only_a_local); }

static void come_and_go(Thr *T) {
  LET(T, x, node_leaf(T, 1));
  LET(T, holder, node_leaf(T, 2));
  next_epoch(T);
  CHECK_EQ(T->heap->epoch.table.n, 2);
  node_set(T, holder, 0, slot_dup(T, x));
  next_epoch(T);
  CHECK_EQ(T->heap->epoch.table.n, 1); /* the holder */
  CHECK_EQ(count_of(x), 1);
  slot_clear(T, holder);
  next_epoch(T);
  CHECK_EQ(T->heap->epoch.table.n, 1); /* x again */
  CHECK(T->heap->epoch.table.v[0] == x->p_);
  CHECK_EQ(kept(T), 1);
  slot_clear(T, x);
  next_epoch(T);
  CHECK_EQ(kept(T), 0);
}
MechanismTest(zero_counts, enter_and_leave_the_table) { in_epochs_of(16 << 10, come_and_go); }

/* Never longer than there are roots, whatever dies. */
static void hold(Thr *T, Slot *all, int more) {
  mm_poll(T);
  LET(T, x, list_get(T, all, (size_t)more));
  if (more) {
    hold(T, all, more - 1);
    return;
  }
  while (list_len(T, all)) own_drop(T, list_pop(T, all)); /* each has lost its only count now, and most have no root */
  next_epoch(T);
  CHECK_EQ(kept(T), 2 + 101);
  CHECK_EQ(T->heap->epoch.table.n, 1 + 101);
}
static void drop_many(Thr *T) {
  LET(T, all, list_new(T, 0));
  for (int64_t i = 0; i < 5000; i++) list_append(T, all, node_leaf(T, i));
  next_epoch(T);
  hold(T, all, 100);
  next_epoch(T);
  CHECK_EQ(kept(T), 2);
}
MechanismTest(zero_counts, are_no_more_than_roots) { in_epochs_of(256 << 10, drop_many); }

/* --- Stuck counts ---------------------------------------------------------------------------------------------------------------------------- */

enum { MOST = 3 /* of two bits */ };
static void two_bits(TestHeap *h) { CHECK(heap_tune(h, "count-bits", 2)); }
static void get_stuck(Thr *T) {
  LET(T, x, int_new(T, BOXED));
  LET(T, a, array_new(T, 10));
  for (size_t i = 0; i < 10; i++) array_set(T, a, i, slot_dup(T, x));
  next_epoch(T);
  CHECK_EQ(count_of(x), MOST);
  CHECK_EQ(sums(T)->stuck, 1);
  for (size_t i = 1; i < 10; i++) array_set(T, a, i, none_new(T));
  slot_clear(T, x);
  next_epoch(T);
  slot_set(T, x, array_get(T, a, 0));
  CHECK_EQ(count_of(x), MOST); /* nobody can tell */
  mm_epoch(T);
  mm_collect(T);
  CHECK_EQ(T->heap->backup.repaired, 1);
  CHECK_EQ(count_of(x), 1);
  slot_clear(T, x);
  array_set(T, a, 0, none_new(T));
  next_epoch(T); /* its count is a count again */
  CHECK_EQ(kept(T), 1);
}
MechanismTest(stuck_counts, are_repaired_by_the_trace) { heap_run_clean(two_bits, get_stuck); }

static void stuck_for_a_root(Thr *T) {
  LET(T, x, int_new(T, BOXED));
  LET(T, a, array_new(T, 10));
  for (size_t i = 0; i < 10; i++) array_set(T, a, i, slot_dup(T, x));
  next_epoch(T);
  slot_clear(T, a);
  next_epoch(T);
  CHECK_EQ(kept(T), 1);
  mm_epoch(T);
  mm_collect(T);
  CHECK_EQ(count_of(x), 0);
  CHECK_EQ(T->heap->epoch.table.n, 1);
  slot_clear(T, x);
  next_epoch(T);
  CHECK_EQ(kept(T), 0);
}
MechanismTest(stuck_counts, may_come_to_nothing) { heap_run_clean(two_bits, stuck_for_a_root); }

/* --- The backup trace ------------------------------------------------------------------------------------------------------------------------ */

/* n nodes; the second edge of each holds what `held` does. */
static OWNED Own ring(Thr *T, int64_t n, unsigned edges, Slot *held) {
  LET(T, last, node_make(T, 0, edges));
  LET(T, head, slot_dup(T, last));
  for (int64_t i = 0; i < n; i++) {
    LET(T, x, i + 1 < n ? node_make(T, i, edges) : slot_dup(T, last));
    node_set(T, x, 1, slot_dup(T, held));
    node_set(T, head, 0, slot_dup(T, x));
    slot_set(T, head, slot_take(T, x));
  }
  return slot_take(T, head);
}

static void young_rings(Thr *T) {
  LET(T, nothing, own_mk(T, NULL));
  next_epoch(T);
  uint64_t before = sums(T)->epochs;
  for (int i = 0; i < 1000; i++) {
    mm_poll(T);
    own_drop(T, ring(T, 10, 2, nothing));
  }
  CHECK_EQ(sums(T)->epochs, before);
  next_epoch(T);
  CHECK_EQ(kept(T), 0);
  CHECK_EQ(T->heap->backup.traces, 0);
}
MechanismTest(cycles, die_young_without_a_trace) { in_epochs_of(2 << 20, young_rings); }

static void old_rings(Thr *T) {
  enum { N = 10 };
  LET(T, held, node_leaf(T, 1));
  LET(T, holder, node_leaf(T, 2));
  node_set(T, holder, 0, slot_dup(T, held));
  LET(T, x, ring(T, N, 2, held));
  next_epoch(T);
  CHECK_EQ(count_of(held), N + 1);
  slot_clear(T, x);
  for (int i = 0; i < 3; i++) next_epoch(T);
  CHECK_EQ(kept(T), N + 2); /* counts are not enough */
  mm_epoch(T);
  mm_collect(T);
  CHECK_EQ(kept(T), 2);
  CHECK_EQ(T->heap->backup.reclaimed, N);
  CHECK_EQ(count_of(held), 1); /* what trash held is off */
  slot_clear(T, held);
  slot_clear(T, holder);
  next_epoch(T);
  CHECK_EQ(kept(T), 0);
}
MechanismTest(cycles, that_are_old_wait_for_the_trace) { in_epochs_of(16 << 10, old_rings); }

/* Rings that grow old, one after the other: the trace comes of itself, and what is held stays near its distance. */
enum { WIDE = 100 };
static void ageing_rings(Thr *T) {
  enum { RINGS = 2000, NODES = 100 };
  LET(T, nothing, own_mk(T, NULL));
  for (int i = 0; i < RINGS; i++) { /* ten times the distance */
    LET(T, x, ring(T, NODES, WIDE, nothing));
    uint64_t before = sums(T)->epochs;
    while (sums(T)->epochs == before) garbage(T);
    slot_clear(T, x);
    if (i % 16 == 0) CHECK(kept(T) * SIZE_NODE(WIDE) <= 3 * TRACE_MIN);
  }
  CHECK(T->heap->backup.traces >= 3);
  CHECK(T->heap->backup.reclaimed >= RINGS * NODES / 2);
}
MechanismTest(cycles, are_traced_in_time, .timeout = LIMIT_S) { in_epochs_of(32 << 10, ageing_rings); }

/* A heap that grows and has none: the trace stays away for longer each time, until it finds something. */
static void grow_without_rings(Thr *T) {
  LET(T, nothing, own_mk(T, NULL));
  LET(T, all, list_new(T, 0));
  while (list_len(T, all) * SIZE_NODE(WIDE) < 6 * TRACE_MIN) {
    mm_poll(T);
    list_append(T, all, node_make(T, 1, WIDE));
  }
  CHECK_EQ(T->heap->backup.traces, 2); /* at one distance, and two more; not at four */
  CHECK_EQ(T->heap->backup.fruitless, 2);
  LET(T, x, ring(T, (int64_t)list_len(T, all), 2, nothing));
  uint64_t before = sums(T)->epochs;
  while (sums(T)->epochs == before) garbage(T);
  slot_clear(T, x);
  mm_epoch(T);
  mm_collect(T);
  CHECK_EQ(T->heap->backup.fruitless, 0);
}
MechanismTest(cycles, that_are_not_there_are_looked_for_less_often, .timeout = LIMIT_S) {
  in_epochs_of(1 << 20, grow_without_rings);
}

/* --- Lists that grow --------------------------------------------------------------------------------------------------------------------------- */

/* Each item is counted once, however often its list moves to a longer array. */
static void grow(Thr *T) {
  enum { MANY = 100000 };
  LET(T, l, list_new(T, 0));
  for (int64_t i = 0; i < MANY; i++) {
    mm_poll(T);
    list_append(T, l, int_new(T, BOXED + i));
  }
  next_epoch(T);
  CHECK_EQ(kept(T), 2 + MANY);
  CHECK(sums(T)->epochs > 10);
  CHECK(sums(T)->passed >= MANY);
  CHECK(sums(T)->increments <= MANY / 100 && sums(T)->decrements <= MANY / 100);
  slot_clear(T, l);
  next_epoch(T);
  CHECK_EQ(kept(T), 0);
}
MechanismTest(growing, counts_each_item_once) { in_epochs_of(64 << 10, grow); }

/* Several times in one epoch, with items replaced and popped before and after each step; in two threads by turns, so that the steps are in two
   logs. */
enum { FIRST = 500, TURNS = 6 };
static void take_turns(Thr *T, int index, void *arg) {
  pthread_barrier_t *both = arg;
  Rng r = rng_make((uint64_t)index + 1);
  if (index == 0) {
    LET(T, l, list_new(T, 0));
    for (int64_t i = 0; i < FIRST; i++) list_append(T, l, int_new(T, BOXED + i));
    publish(T, 0, l);
  }
  heap_meet(T, both);
  if (index == 0) next_epoch(T);
  uint64_t before = sums(T)->epochs;
  for (int turn = 0; turn < TURNS; turn++) {
    heap_meet(T, both);
    if (turn % 2 != index) continue;
    LET(T, l, global(T, 0));
    for (int64_t i = 0, n = (int64_t)list_len(T, l); i < n; i++) { /* becomes 1.8 times as long, so it moves in each turn */
      list_append(T, l, int_new(T, BOXED + i));
      if (i % 3 == 0) list_set(T, l, rng_below(&r, list_len(T, l)), int_new(T, BOXED + i));
      if (i % 5 == 0) own_drop(T, list_pop(T, l));
    }
  }
  CHECK(T->log.passed.n > 0);
  heap_meet(T, both);
  if (index == 0) {
    CHECK_EQ(sums(T)->epochs, before);
    next_epoch(T);
    LET(T, l, retract(T, 0));
    CHECK_EQ(kept(T), 2 + list_len(T, l));
    for (size_t i = 0; i < list_len(T, l); i++) CHECK(own_int(T, list_get(T, l, i)) >= BOXED);
    slot_clear(T, l);
    next_epoch(T);
    CHECK_EQ(kept(T), 0);
  }
  heap_meet(T, both);
}
MechanismTest(growing, several_times_in_one_epoch) {
  TestHeap h;
  pthread_barrier_t both;
  pthread_barrier_init(&both, NULL, 2);
  heap_init(&h, 2);
  volume = 4 << 20;
  fixed_volume(&h);
  heap_open(&h);
  heap_threads(&h, 2, 0, take_turns, &both);
  heap_close(&h);
  pthread_barrier_destroy(&both);
}

/* --- How long an epoch is ------------------------------------------------------------------------------------------------------------------------ */

enum { SHORT = 16 << 10, LONG = 1 << 20 };
static void short_to_long(TestHeap *h) { CHECK(heap_tune(h, "epoch-bytes", SHORT) && heap_tune(h, "epoch-max", LONG)); }
static void follow_survival(Thr *T) {
  CHECK_EQ(T->births.budget, SHORT);
  {
    LET(T, all, list_new(T, 0));
    for (int64_t i = 0; i < 200000; i++) {
      mm_poll(T);
      list_append(T, all, int_new(T, BOXED + i));
    }
    CHECK_EQ(T->births.budget, LONG);
  }
  for (int i = 0; i < 12; i++) next_epoch(T);
  CHECK_EQ(T->births.budget, SHORT);
}
MechanismTest(volume, follows_survival) { heap_run_clean(short_to_long, follow_survival); }

static void stand_on(Thr *T, int more) {
  mm_poll(T);
  LET(T, x, node_leaf(T, more));
  if (more)
    stand_on(T, more - 1);
  else
    next_epoch(T);
  CHECK_EQ(node_value(T, x), more);
}
static void many_roots(Thr *T) {
  enum { ROOTS = 3000 };
  stand_on(T, ROOTS);
  CHECK(T->births.budget >= ROOTS * 64);
  next_epoch(T);
  CHECK_EQ(T->births.budget, SHORT);
}
MechanismTest(volume, is_in_proportion_to_roots) { in_epochs_of(SHORT, many_roots); }

/* --- Threads -------------------------------------------------------------------------------------------------------------------------------------- */

/* What a thread logged before it exited is counted; its blocks are everybody's. */
static void write_and_go(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, x, global(T, 0));
  node_set(T, x, 0, int_new(T, BOXED + 1));
  CHECK(T->log.words.n > 0);
}
MechanismTest(exit, leaves_a_log_that_is_read) {
  TestHeap h;
  heap_init(&h, 2);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  {
    LET(T, x, node_leaf(T, 1));
    node_set(T, x, 0, int_new(T, BOXED));
    publish(T, 0, x);
  }
  next_epoch(T);
  CHECK_EQ(kept(T), 2);
  mm_epoch(T);
  mm_blocking_begin(T);
  heap_threads(&h, 1, 0, write_and_go, NULL);
  mm_blocking_end(T);
  const Thr *gone = T->heap->world.threads[1];
  CHECK(gone->left && gone->log.words.n > 0);
  next_epoch(T);
  CHECK_EQ(gone->log.words.n, 0);
  CHECK_EQ(kept(T), 2); /* the int that was there is dead, the new one is not */
#if !MM_MALLOC
  for (unsigned cls = 1; cls < CLASSES; cls++) CHECK(!gone->births.run[cls].block && !gone->births.hot[cls]);
#endif
  own_drop(T, retract(T, 0));
  next_epoch(T);
  CHECK_EQ(kept(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

/* A thread that is parked before an object's lock holds up no epoch, and its locals are roots. */
static void put(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  LET(T, d, global(T, 0));
  LET(T, k, int_new(T, BOXED));
  LET(T, v, node_leaf(T, 7)); /* of the garbage's size */
  dict_put(T, d, k, slot_take(T, v));
}
static void lock_and_go_on(Thr *T, HeapThread *other) {
  LET(T, d, dict_new(T, 0));
  publish(T, 0, d);
  slot_set(T, d, global(T, 0));
  park_lock(T, d->p_);
  CHECK_EQ(pthread_create(&other->id, NULL, heap_thread, other), 0);
  while (__atomic_load_n(&d->p_->lock, __ATOMIC_RELAXED) != 2) { /* somebody waits */
    next_epoch(T);
    sched_yield();
  }
  for (int i = 0; i < 20; i++) next_epoch(T);
  park_unlock(d->p_);
  mm_epoch(T);
  mm_blocking_begin(T);
  pthread_join(other->id, NULL);
  mm_blocking_end(T);
  next_epoch(T);
  LET(T, k, int_new(T, BOXED));
  LET(T, v, dict_get(T, d, k));
  CHECK_EQ(node_value(T, v), 7);
  own_drop(T, retract(T, 0));
}
MechanismTest(waiting, holds_no_epoch_up, .timeout = LIMIT_S) {
  TestHeap h;
  HeapThread other = {.heap = &h, .body = put, .index = 1};
  heap_init(&h, 2);
  volume = SHORT;
  fixed_volume(&h);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  lock_and_go_on(T, &other);
  CHECK_EQ(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

/* --- The end of memory ---------------------------------------------------------------------------------------------------------------------------------- */

#if !RECLAIM_SANITIZED
/* The address space ends somewhere on the way: in a block, a long array, the log, the zero-count table, a work list, the census. */
static void run_out(void *bytes) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  CHECK(f && fscanf(f, "%ld", &pages) == 1);
  fclose(f);
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  rlim_t most = (rlim_t)pages * 4096 + *(rlim_t *)bytes;
  CHECK_EQ(setrlimit(RLIMIT_AS, &(struct rlimit){most, most}), 0);
  LET(T, all, list_new(T, 0));
  for (int64_t i = 0;; i++) {
    mm_poll(T);
    LET(T, x, node_make(T, i, 1));
    list_append(T, all, slot_dup(T, x));
    LET(T, old, list_get(T, all, (size_t)(i / 2)));
    node_set(T, old, 0, int_new(T, BOXED)); /* one record each */
    if (i % 65536 == 0) mm_collect(T);
  }
}
MechanismTest(memory, its_end_is_a_status, .timeout = LIMIT_S) {
  for (rlim_t bytes = 3 << 20; bytes < 40 << 20; bytes += 2345678) {
    int status = in_child(run_out, &bytes);
    if (!gave_up(status, RECLAIM_FAIL_OUT_OF_MEMORY, "memory"))
      fprintf(stderr, "at %lu: %d: %s\n", (unsigned long)bytes, status, child_said);
    CHECK(gave_up(status, RECLAIM_FAIL_OUT_OF_MEMORY, "memory"));
  }
}
/* A log that cannot grow: nothing else is asked for. */
static void log_all(void *unused) {
  enum { NODES = 100000 };
  (void)unused;
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  LET(T, all, list_new(T, NODES));
  for (int64_t i = 0; i < NODES; i++) list_append(T, all, node_leaf(T, i));
  next_epoch(T);
  CHECK_EQ(setrlimit(RLIMIT_AS, &(struct rlimit){1 << 20, 1 << 20}), 0); /* less than there is already */
  for (size_t i = 0; i < NODES; i++) {
    LET(T, x, list_get(T, all, i));
    node_set(T, x, 0, none_new(T));
  }
}
MechanismTest(memory, its_end_in_the_log_is_a_status) {
  CHECK(gave_up(in_child(log_all, NULL), RECLAIM_FAIL_OUT_OF_MEMORY, "work list"));
}
#endif

/* --- The verifier: it finds what it is there to find ------------------------------------------------------------------------------------------------ */

#if MM_CHECK
enum { ONE_TOO_MANY, ONE_TOO_FEW, UNLOGGED };
static void plant(void *fault) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  LET(T, x, node_leaf(T, 1));
  node_set(T, x, 0, int_new(T, BOXED));
  next_epoch(T);
  Obj **f = &((Node *)x->p_)->e[0];
  switch (*(int *)fault) {
  case ONE_TOO_MANY: (*f)->count += COUNT_ONE; break;
  case ONE_TOO_FEW: ((Node *)x->p_)->e[1] = *f; break; /* written behind the barrier's back */
  default: {
    LET(T, y, int_new(T, BOXED));
    *f = y->p_;
  }
  }
  next_epoch(T);
}
MechanismTest(verifier, finds_planted_faults) {
  static const char *const words[] = {"more was counted", "more references than", "what is not kept"};
  for (int fault = ONE_TOO_MANY; fault <= UNLOGGED; fault++)
    CHECK(gave_up(in_child(plant, &fault), RECLAIM_FAIL_CHECK, words[fault]));
}

#if !MM_MALLOC
static void read_dead(Thr *T) {
  LET(T, x, node_make(T, 1, 20)); /* of a size that nothing else has */
  const Obj *young = x->p_;
  slot_clear(T, x);
  next_epoch(T);
  CHECK_EQ(young->kind, KIND_FREE);
  slot_set(T, x, node_make(T, 1, 20));
  next_epoch(T);
  const Obj *old = x->p_;
  CHECK_EQ(old->kind, KIND_NODE);
  slot_clear(T, x);
  next_epoch(T);
  CHECK_EQ(old->kind, KIND_FREE);
}
MechanismTest(poison, is_on_what_is_dead) { in_epochs_of(16 << 10, read_dead); }
#endif
#endif
#endif
