/* One structure, several threads: readers that take no lock beside writers who replace, append, pop, grow and remove; what one thread
   published is another's to drop; every value read must be one that was written to that very place. Afterwards nothing lives, and what
   waited for reuse was never more than a small part of what died. Where nothing can be shared, or objects have one owner and nobody may
   look at what another thread replaces, the same work is done by each thread on its own. */
#include <criterion/criterion.h>
#include <sched.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, PLACES = 64, THREADS = 4, LIMIT_S = 200 };
static const int64_t OPERATIONS = RECLAIM_SANITIZED || MM_CHECK ? 10000 : 100000;

enum { LIST, STACK, NODES, ARRAY, DICT, STRINGS, CONTAINERS };
enum { TOGETHER = MM_SHARES_HEAP && MANY_OWNERS };

/* A value that tells where it belongs. */
static int64_t value_for(uint64_t place, Rng *r) { return BOXED + (int64_t)(place + PLACES * (rng_next(r) >> 40)); }
static void expect_place(Thr *T, const Slot *x, uint64_t place) { CHECK_EQ((int_value(T, x) - BOXED) % PLACES, place); }

/* Half of the values are boxed in a tuple, so that a cascade crosses what was published. */
static OWNED Own fresh(Thr *T, uint64_t place, Rng *r) {
  int64_t v = value_for(place, r);
  if (v & PLACES) return int_new(T, v);
  LET(T, first, int_new(T, v));
  return tuple_new2(T, first, node_leaf(T, v));
}
static void expect_fresh(Thr *T, Slot *x, uint64_t place) {
  if (x->p_->kind != KIND_TUPLE) {
    expect_place(T, x, place);
    return;
  }
  LET(T, v, array_get(T, x, 0));
  LET(T, node, array_get(T, x, 1));
  expect_place(T, v, place);
  CHECK_EQ(node_value(T, node), int_value(T, v));
}

static OWNED Own key_for(Thr *T, bool text, uint64_t place) {
  return text ? str_new_int(T, "place", (int64_t)place) : int_new(T, BOXED + (int64_t)place);
}

/* --- Making it --------------------------------------------------------------------------------------------------------------------- */

static OWNED Own make_list(Thr *T, Rng *r) {
  LET(T, l, list_new(T, 0));
  for (uint64_t i = 0; i < PLACES; i++) list_append(T, l, fresh(T, i, r));
  return slot_take(T, l);
}
static OWNED Own make_nodes(Thr *T, Rng *r) {
  LET(T, n, node_make(T, 0, PLACES));
  for (unsigned i = 0; i < PLACES; i++) node_set(T, n, i, fresh(T, i, r));
  return slot_take(T, n);
}
static OWNED Own make_array(Thr *T, Rng *r) {
  LET(T, a, array_new(T, PLACES));
  for (size_t i = 0; i < PLACES; i++) array_set(T, a, i, fresh(T, i, r));
  return slot_take(T, a);
}
static OWNED Own make_dict(Thr *T, bool text, Rng *r) {
  LET(T, d, dict_new(T, 0));
  for (uint64_t i = 0; i < PLACES; i++) {
    LET(T, k, key_for(T, text, i));
    dict_put(T, d, k, fresh(T, i, r));
  }
  return slot_take(T, d);
}
static OWNED Own make(Thr *T, int what, Rng *r) {
  switch (what) {
  case LIST: return make_list(T, r);
  case STACK: return list_new(T, 0);
  case NODES: return make_nodes(T, r);
  case ARRAY: return make_array(T, r);
  default: return make_dict(T, what == STRINGS, r);
  }
}

/* --- Reading and writing ---------------------------------------------------------------------------------------------------------------- */

static void look(Thr *T, Slot *x, int what, Rng *r) {
  uint64_t place = rng_below(r, PLACES);
  LET(T, v, own_mk(T, NULL));
  switch (what) {
  case LIST: slot_set(T, v, list_get(T, x, place)); break;
  case NODES: slot_set(T, v, node_get(T, x, (unsigned)place)); break;
  case ARRAY: slot_set(T, v, array_get(T, x, place)); break;
  case STACK: slot_set(T, v, list_get(T, x, place)); break;
  default: {
    LET(T, k, key_for(T, what == STRINGS, place));
    slot_set(T, v, dict_get(T, x, k));
  }
  }
  if (what == STACK ? !slot_is_null(v) : what < DICT) {
    CHECK(!slot_is_null(v));
    if (what != STACK) expect_fresh(T, v, place);
  } else if (!slot_is_null(v) && what != STACK)
    expect_fresh(T, v, place); /* a key may be out for a moment */
}

static void change_dict(Thr *T, Slot *d, bool text, uint64_t place, Rng *r) {
  LET(T, k, key_for(T, text, place));
  if (rng_below(r, 3)) {
    dict_put(T, d, k, fresh(T, place, r));
    return;
  }
  LET(T, was, dict_remove(T, d, k));
  if (!slot_is_null(was)) expect_fresh(T, was, place);
  dict_put(T, d, k, fresh(T, place, r));
}
static void change_stack(Thr *T, Slot *l, Rng *r) {
  for (uint64_t n = rng_below(r, 40); n-- > 0;) {
    mm_poll(T);
    list_append(T, l, fresh(T, 7, r));
  }
  for (uint64_t n = rng_below(r, 40); n-- > 0;) {
    mm_poll(T);
    LET(T, x, list_pop(T, l));
    if (!slot_is_null(x)) expect_fresh(T, x, 7);
  }
  LET(T, cut, list_slice(T, l, 1, 9));
  for (size_t i = 0, n = list_len(T, cut); i < n; i++) {
    LET(T, x, list_get(T, cut, i));
    expect_fresh(T, x, 7);
  }
}
static void change(Thr *T, Slot *x, int what, Rng *r) {
  uint64_t place = rng_below(r, PLACES);
  switch (what) {
  case LIST: list_set(T, x, place, fresh(T, place, r)); break;
  case STACK: change_stack(T, x, r); break;
  case NODES: node_set(T, x, (unsigned)place, fresh(T, place, r)); break;
  case ARRAY: array_set(T, x, place, fresh(T, place, r)); break;
  default: change_dict(T, x, what == STRINGS, place, r);
  }
}

/* --- Threads ------------------------------------------------------------------------------------------------------------------------------- */

typedef struct Meeting {
  pthread_barrier_t barrier;
  uint64_t dead; /* what should be: live objects after the work */
} Meeting;

static OWNED Own container(Thr *T, int what, Rng *r) { return TOGETHER ? global(T, what) : make(T, what, r); }

/* The first two threads write, the others read; a list that grows and shrinks is written less often, since each change is many. */
static void read_and_write(Thr *T, int index, void *arg) {
  Meeting *m = arg;
  Rng r = rng_make((uint64_t)index + 1);
  for (int what = 0; TOGETHER && index == 0 && what < CONTAINERS; what++) {
    LET(T, x, make(T, what, &r));
    publish(T, what, x);
  }
  heap_meet(T, &m->barrier);
  for (int what = 0; what < CONTAINERS; what++) {
    LET(T, x, container(T, what, &r));
    for (int64_t i = 0; i < OPERATIONS; i++) {
      mm_poll(T);
      if (index >= 2)
        look(T, x, what, &r);
      else if (what != STACK || i % 32 == 0)
        change(T, x, what, &r);
    }
  }
  heap_meet(T, &m->barrier);
  for (int what = 0; TOGETHER && index == THREADS - 1 && what < CONTAINERS; what++) own_drop(T, retract(T, what));
  heap_meet_to_count(T, &m->barrier, index, &m->dead);
}

static void together(TestHeap *h) {
  Meeting m;
  pthread_barrier_init(&m.barrier, NULL, THREADS);
  heap_open(h);
  heap_threads(h, THREADS, 0, read_and_write, &m);
  CHECK_LIVE(m.dead, 0);
  pthread_barrier_destroy(&m.barrier);
}

Test(sharing, readers_and_writers, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, THREADS);
  together(&h);
  heap_close(&h);
}

Test(sharing, readers_and_writers_while_collecting, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, THREADS);
  if (MM_HEAP_LIMITED) h.config.heap_limit_bytes = 4 << 20;
  heap_tune(&h, "nursery", 64 << 10);
  heap_tune(&h, "switch-interval", 100);
  heap_tune(&h, "threshold", 100);
  heap_tune(&h, "lock-reads", 1);
  heap_tune(&h, "freelist-cap", 100);
  together(&h);
  heap_close(&h);
}

/* --- Objects that are made here and dropped there ------------------------------------------------------------------------------------------- */

/* A generator that one thread after the other resumes: what its frame holds must be published with it. */
static Own keeps_last(Thr *T, Slot *self) {
  int64_t at = gen_word(T, self, 0);
  LET(T, last, gen_ref(T, self, 0));
  if (!slot_is_null(last)) CHECK_EQ(node_value(T, last), BOXED + at - 1);
  gen_set_word(T, self, 0, at + 1);
  gen_set_ref(T, self, 0, node_leaf(T, BOXED + at));
  return int_new(T, BOXED + at);
}
static void in_turn(Thr *T, int index, void *arg) {
  Meeting *m = arg;
  if (index == 0 && MM_SHARES_HEAP) {
    LET(T, g, gen_new(T, keeps_last, 1, 1));
    publish(T, 0, g);
  }
  heap_meet(T, &m->barrier);
  LET(T, g, MM_SHARES_HEAP ? global(T, 0) : gen_new(T, keeps_last, 1, 1));
  for (int64_t turn = 0; turn < 200; turn++) {
    if (!MM_SHARES_HEAP || turn % 2 == index) CHECK_EQ(own_int(T, gen_next(T, g)), BOXED + turn);
    for (int i = 0; i < 3000; i++) { /* the nursery of the one who did not */
      mm_poll(T);
      own_drop(T, node_leaf(T, i));
    }
    heap_meet(T, &m->barrier);
  }
  slot_clear(T, g);
  if (index == 0 && MM_SHARES_HEAP) own_drop(T, retract(T, 0));
  heap_meet_to_count(T, &m->barrier, index, &m->dead);
}
Test(sharing, generator_resumed_in_turn, .timeout = LIMIT_S) {
  Meeting m;
  TestHeap h;
  pthread_barrier_init(&m.barrier, NULL, 2);
  heap_init(&h, 2);
  heap_tune(&h, "nursery", 64 << 10);
  heap_tune(&h, "nursery-max", 64 << 10);
  heap_open(&h);
  heap_threads(&h, 2, 0, in_turn, &m);
  CHECK_LIVE(m.dead, 0);
  heap_close(&h);
  pthread_barrier_destroy(&m.barrier);
}

/* dict_add by all threads on few keys: no step is lost. */
static void count_together(Thr *T, int index, void *arg) {
  Meeting *m = arg;
  if (index == 0 && TOGETHER) {
    LET(T, d, dict_new(T, 0));
    publish(T, 0, d);
  }
  heap_meet(T, &m->barrier);
  LET(T, d, TOGETHER ? global(T, 0) : dict_new(T, 0));
  for (int64_t i = 0; i < OPERATIONS; i++) {
    mm_poll(T);
    LET(T, k, int_new(T, i % 3));
    dict_add(T, d, k, 1 + i % 2);
  }
  heap_meet(T, &m->barrier);
  int64_t sum = 0;
  for (int64_t i = 0; i < 3; i++) {
    LET(T, k, int_new(T, i));
    sum += own_int(T, dict_get(T, d, k));
  }
  CHECK_EQ(sum, (TOGETHER ? THREADS : 1) * (OPERATIONS + OPERATIONS / 2));
  heap_meet(T, &m->barrier);
  if (index == 0 && TOGETHER) own_drop(T, retract(T, 0));
}
Test(sharing, no_addition_is_lost, .timeout = LIMIT_S) {
  Meeting m;
  TestHeap h;
  pthread_barrier_init(&m.barrier, NULL, THREADS);
  heap_init(&h, THREADS);
  heap_open(&h);
  heap_threads(&h, THREADS, 0, count_together, &m);
  Thr *T = heap_enter(&h, 0);
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
  pthread_barrier_destroy(&m.barrier);
}

/* --- Publishing ----------------------------------------------------------------------------------------------------------------------------------- */

#if MM_LOCKS_OBJECTS && !MM_UNIQUE_OWNERS
static void expect_shared(void *seen, Obj **field) {
  if (!*field) return;
  CHECK(OBJ_FLAGS(*field) & OBJ_SHARED);
  ++*(int *)seen;
  obj_visit(*field, expect_shared, seen);
}
static OWNED Own pair(Thr *T, int64_t v) {
  LET(T, first, int_new(T, BOXED + v));
  return tuple_new2(T, first, node_leaf(T, v));
}
static Own ends(Thr *T, Slot *self) { return gen_end(T, self); }
static void store_pairs(Thr *T, Slot *all, int64_t round) {
  LET(T, l, node_get(T, all, 0));
  LET(T, d, node_get(T, all, 1));
  LET(T, a, node_get(T, all, 2));
  LET(T, g, node_get(T, all, 3));
  for (int64_t i = 0; i < 10; i++) { /* into a longer array, and a larger table */
    list_append(T, l, pair(T, i));
    LET(T, k, str_new_int(T, "key", 10 * round + i));
    dict_put(T, d, k, pair(T, i));
  }
  LET(T, k, str_new_int(T, "key", 10 * round));
  dict_put(T, d, k, pair(T, 0));
  list_set(T, l, 0, pair(T, 1));
  array_set(T, a, 0, pair(T, 2));
  gen_set_ref(T, g, 0, pair(T, 3));
  node_set(T, all, 4, pair(T, 4));
}
/* What it is made of when it is published; and what is stored later. */
static void reach_all(Thr *T) {
  LET(T, all, node_make(T, 0, 5));
  node_set(T, all, 0, list_new(T, 0));
  node_set(T, all, 1, dict_new(T, 0));
  node_set(T, all, 2, array_new(T, 1));
  node_set(T, all, 3, gen_new(T, ends, 1, 0));
  for (int64_t round = 0; round < 2; round++) {
    store_pairs(T, all, round);
    if (round == 0) om_share(T, all);
    int seen = 0;
    expect_shared(&seen, &all->p_);
    CHECK(seen > 60 * (round + 1));
  }
}
MechanismTest(sharing, is_deep) { heap_run_clean(NULL, reach_all); }
#endif

/* --- Delayed reuse --------------------------------------------------------------------------------------------------------------------------- */

#ifdef LIMBO_OF
/* Of the variants that the strategy has. */
static void check_variant(int64_t cas, int64_t lock_reads, int64_t padded) {
  TestHeap h;
  heap_init(&h, THREADS);
  CHECK(heap_tune(&h, "lock-reads", lock_reads));
  if (!heap_tune(&h, "count-by", cas) && cas) return;
  if (!heap_tune(&h, "padded", padded) && padded) return;
  together(&h);
  CHECK(heap_counter(&h, "most-awaiting-reuse") > 0);
  heap_close(&h);
}
MechanismTest(limbo, every_variant, .timeout = LIMIT_S) {
  for (int64_t variant = 0; variant < 8; variant++) check_variant(variant & 1, variant >> 1 & 1, variant >> 2);
}

/* Thread 0 replaces values in groups; the others read, and are waited for after each group until they have polled: so no more than a
   few groups may wait for reuse, however many values die. A thread that is blocked all the time sees nothing and holds up nothing. */
enum { GROUP = 1000, READERS = 2, BLOCKED = READERS + 1 };
typedef struct Groups {
  pthread_barrier_t barrier;
  _Atomic uint64_t polls[READERS + 1];
  _Atomic bool over;
} Groups;

static void replace_groups(Thr *T, Groups *g, Slot *l) {
  for (int64_t i = 0; i < OPERATIONS; i++) {
    mm_poll(T);
    list_set(T, l, 0, int_new(T, BOXED + i));
    if (i % GROUP) continue;
    for (int reader = 1; reader <= READERS; reader++)
      for (uint64_t seen = atomic_load(&g->polls[reader]); atomic_load(&g->polls[reader]) < seen + 2;) {
        mm_poll(T);
        sched_yield();
      }
  }
  atomic_store(&g->over, true);
}
static void replace_or_read(Thr *T, int index, void *arg) {
  Groups *g = arg;
  if (index == 0) {
    LET(T, l, list_new(T, 0));
    list_append(T, l, int_new(T, BOXED));
    publish(T, 0, l);
  }
  heap_meet(T, &g->barrier);
  LET(T, l, global(T, 0));
  if (index == 0) replace_groups(T, g, l);
  while (index != 0 && index != BLOCKED && !atomic_load(&g->over)) {
    mm_poll(T);
    CHECK(own_int(T, list_get(T, l, 0)) >= BOXED);
    atomic_fetch_add(&g->polls[index], 1);
  }
  heap_meet(T, &g->barrier); /* BLOCKED has been waiting here */
  slot_clear(T, l);
  if (index == 0) own_drop(T, retract(T, 0));
}
MechanismTest(limbo, is_bounded, .timeout = LIMIT_S) {
  Groups g = {.over = false};
  TestHeap h;
  pthread_barrier_init(&g.barrier, NULL, BLOCKED + 1);
  heap_init(&h, BLOCKED + 1);
  heap_open(&h);
  heap_threads(&h, BLOCKED + 1, 0, replace_or_read, &g);
  uint64_t most = heap_counter(&h, "most-awaiting-reuse");
  CHECK(most >= LIMBO_BATCH);
  CHECK(most <= 3 * (GROUP + LIMBO_BATCH));
  Thr *T = heap_enter(&h, 0);
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
  pthread_barrier_destroy(&g.barrier);
}

/* What died waits until every running thread has polled, and cannot be revived meanwhile. */
enum { READER_RUNS = 1, ALL_DEAD, READER_HAS_POLLED };
static void let_wait(Thr *T, _Atomic int *turn) {
  LET(T, x, node_leaf(T, BOXED));
  om_share(T, x);
  Obj *dead = x->p_;
  slot_clear(T, x);
  CHECK(!count_try_retain(T, dead));
  for (int i = 0; i < 3 * LIMBO_BATCH; i++) {
    LET(T, other, int_new(T, BOXED + i));
    om_share(T, other);
  }
  mm_poll(T);
  CHECK_EQ(T->limbo.waiting, 1 + 3 * LIMBO_BATCH);
  CHECK_EQ(dead->kind, KIND_NODE);
  atomic_store(turn, ALL_DEAD);
  while (atomic_load(turn) < READER_HAS_POLLED) sched_yield();
  atomic_store(&T->poll, 1);
  mm_poll(T);
  CHECK_EQ(T->limbo.waiting, 1); /* of the batch that is not full */
}
static void wait_and_poll(Thr *T, int index, void *arg) {
  _Atomic int *turn = arg;
  if (index) atomic_store(turn, READER_RUNS);
  while (atomic_load(turn) < READER_RUNS) sched_yield();
  if (index == 0) {
    let_wait(T, turn);
    return;
  }
  while (atomic_load(turn) < ALL_DEAD) sched_yield(); /* running, without a poll */
  mm_poll(T);
  atomic_store(turn, READER_HAS_POLLED);
}
MechanismTest(limbo, waits_for_every_thread, .timeout = LIMIT_S) {
  _Atomic int turn = 0;
  TestHeap h;
  heap_init(&h, 2);
  heap_open(&h);
  heap_threads(&h, 2, 0, wait_and_poll, &turn);
  heap_close(&h);
}
#endif
