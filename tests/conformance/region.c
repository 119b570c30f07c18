/* The mark-region space: allocation goes through holes and leaves none behind for an object that is too long for it; lines are exactly those
   that objects lie in; young collections leave alone what is old; and blocks are emptied where that is the only way to go on, into what is kept
   free for that, with nothing moved that must stay. Blocks, lines and marks are looked at where they are. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

#ifdef RECLAIM_PARTS_REGION_H
#include "tests/conformance/thieves.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200, HEAP = 8 << 20, NODE = SIZE_NODE(2) };

static Region *region(Thr *T) { return &T->heap->mature; }
static const Unit *block_of(const Slot *x) { return unit_of(x->p_); }
static void garbage(Thr *T, size_t n) {
  for (size_t i = 0; i < n; i++) own_drop(T, node_leaf(T, 0));
}

/* Of every `stride` nodes that are made, the first `kept`, in an array; the value of each is its place there. */
static OWNED Own sieve(Thr *T, size_t bytes, size_t stride, size_t kept) {
  size_t n = bytes / NODE, at = 0;
  LET(T, all, array_new(T, n / stride * kept));
  for (size_t i = 0; i < n / stride * stride; i++) {
    mm_poll(T);
    LET(T, x, node_leaf(T, (int64_t)at));
    if (i % stride < kept) array_set(T, all, at++, slot_take(T, x));
  }
  return slot_take(T, all);
}
static void expect_all(Thr *T, Slot *all) {
  for (size_t i = 0; i < array_len(T, all); i++) {
    mm_poll(T);
    LET(T, x, array_get(T, all, i));
    CHECK_EQ(node_value(T, x), (int64_t)i);
  }
}

/* Settings of a heap, and its body. */
typedef struct Case {
  size_t limit;
  int64_t young, evacuate, headroom, remembered; /* the last: 0: as usual */
  int collectors;
  void (*body)(Thr *T, TestHeap *h);
} Case;
static void run(void *arg) {
  const Case *c = arg;
  TestHeap h;
  heap_init(&h, 1);
  h.config.heap_limit_bytes = c->limit;
  h.config.collector_threads = c->collectors ? c->collectors : 1;
  CHECK(heap_tune(&h, "young", c->young));
  if (c->evacuate >= 0) CHECK(heap_tune(&h, "evacuate", c->evacuate));
  if (c->remembered) CHECK(heap_tune(&h, "remembered-set", c->remembered));
  if (c->headroom >= 0) CHECK(heap_tune(&h, "headroom", c->headroom));
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  c->body(T, &h);
  heap_leave(&h, T);
  heap_close(&h);
}
enum { AS_USUAL = -1 };

/* --- Lines ---------------------------------------------------------------------------------------------------------------------------- */

/* A block with some small and some medium objects alive: lines are in use that a small one starts in, those after them, and those that
   medium ones lie in, to the last and the first byte; no others. */
static void look_at_lines(Thr *T, TestHeap *h) {
  (void)h;
  enum { OBJECTS = 8 };
  static const size_t gaps[OBJECTS] = {0, 40, 3, 60, 0, 25, 100, 33}, sizes[OBJECTS] = {16, 600, 24, 300, 520, 16, 5000, 200};
  LET(T, all, array_new(T, OBJECTS));
  LET(T, first, raw_new(T, 16));
  Unit *u = unit_of(first->p_);
  for (size_t i = 0; i < OBJECTS; i++) {
    garbage(T, gaps[i]);
    array_set(T, all, i, raw_new(T, sizes[i]));
  }
  while (line_of(T->space.small.cur) % 64 != 63) garbage(T, 1);
  LET(T, last_of_word, raw_new(T, 16)); /* of the map */
  (void)live_objects(T);
  bool used[LINES] = {false};
  const Slot *others[] = {all, first, last_of_word};
  for (size_t i = 0; i < OBJECTS + 3; i++) {
    const Obj *o = i < OBJECTS ? ((Array *)all->p_)->v[i] : others[i - OBJECTS]->p_;
    CHECK(unit_of(o) == u);
    unsigned last = obj_size(o) > LINE_BYTES ? line_of((const char *)o + obj_size(o) - 1) : line_of(o) + 1;
    for (unsigned line = line_of(o); line <= last; line++) used[line] = true;
  }
  unsigned n = 0;
  for (unsigned line = 0; line < LINES; line++) {
    CHECK_EQ(block_lines(u)->used[line / 64] >> line % 64 & 1, used[line]);
    n += used[line];
  }
  CHECK(n > 30 && n < LINES / 2);
  CHECK_EQ(u->cls, LINES - n);
}
MechanismTest(lines, are_in_use_where_objects_lie) {
  run(&(Case){.young = 0, .evacuate = 0, .headroom = 0, .body = look_at_lines});
}

/* --- Holes ---------------------------------------------------------------------------------------------------------------------------- */

/* Each object comes right after the one before, or at the start of a free line; no block is taken while there are such lines. */
static void go_through_holes(Thr *T, TestHeap *h) {
  LET(T, all, sieve(T, 2 << 20, 128, 32));
  CHECK_EQ(live_objects(T), array_len(T, all) + 1);
  h->strategy->reset_stats(h->heap);
  size_t free =
      (heap_counter(h, "free-lines") - LINES) * LINE_BYTES / NODE; /* of a block that has just been begun there may be more */
  const Obj *before = NULL;
  for (size_t i = 0, jumps = 0; i < free; i++) {
    LET(T, x, node_leaf(T, 0));
    const char *p = (const char *)x->p_;
    CHECK(!(block_lines(block_of(x))->used[line_of(p) / 64] >> line_of(p) % 64 & 1));
    if (p != (const char *)before + NODE) {
      jumps++;
      CHECK_EQ((uintptr_t)p % LINE_BYTES, 0);
    }
    CHECK(jumps <= heap_counter(h, "holes"));
    before = x->p_;
  }
  CHECK_EQ(heap_counter(h, "fresh-blocks"), 0);
  CHECK(heap_counter(h, "recycled-blocks") > 2);
  expect_all(T, all);
}
MechanismTest(holes, are_allocated_in, .timeout = LIMIT_S) {
  run(&(Case){.young = 0, .evacuate = 0, .headroom = 0, .body = go_through_holes});
}

/* Blocks that are mostly full come last, but they come before a collection. */
static void use_the_last_hole(Thr *T, TestHeap *h) {
  LET(T, all, sieve(T, 4 << 20, 128, 96));
  (void)live_objects(T);
  CHECK(region(T)->holey && !region(T)->roomy);
  h->strategy->reset_stats(h->heap);
  size_t holes = load_relaxed(&region(T)->hole_bytes);
  for (size_t i = 0; load_relaxed(&region(T)->hole_bytes); i++) {
    CHECK(i < HEAP / NODE);
    garbage(T, 1);
  }
  CHECK(heap_counter(h, "recycled-blocks") * UNIT_BYTES > holes);
  CHECK(chunks_committed(&region(T)->chunks) + UNIT_BYTES > load_relaxed(&region(T)->limit)); /* what was free came first */
  reclaim_stats s = {0};
  h->strategy->stats(h->heap, &s);
  CHECK_EQ(s.collections, 0);
  expect_all(T, all);
}
MechanismTest(holes, are_used_up_before_a_collection, .timeout = LIMIT_S) {
  run(&(Case){.limit = HEAP, .young = 0, .evacuate = 0, .headroom = 0, .body = use_the_last_hole});
}

/* What does not fit into what is left of a hole goes elsewhere, and the hole is gone on with. */
static void step_aside(Thr *T, TestHeap *h) {
  LET(T, all, sieve(T, 1 << 20, 128, 32));
  (void)live_objects(T);
  h->strategy->reset_stats(h->heap);
  const Hole *hole = &T->space.small;
  do garbage(T, 1);
  while (hole->end - hole->cur > 3000 || hole->end - hole->cur < 4 * NODE);
  LET(T, small, node_leaf(T, 1));
  LET(T, medium, raw_new(T, 4000));
  LET(T, next, node_leaf(T, 2));
  LET(T, another, raw_new(T, 4000));
  LET(T, third, node_leaf(T, 3));
  CHECK_EQ((const char *)next->p_ - (const char *)small->p_, NODE);
  CHECK_EQ((const char *)third->p_ - (const char *)next->p_, NODE);
  CHECK(block_of(medium) != block_of(small));
  CHECK_EQ((const char *)another->p_ - (const char *)medium->p_, ((ptrdiff_t)obj_size(medium->p_) + 15) & -16);
  CHECK_EQ(heap_counter(h, "overflow-blocks"), 1);
}
MechanismTest(holes, are_not_left_for_a_long_object, .timeout = LIMIT_S) {
  run(&(Case){.young = 0, .evacuate = 0, .headroom = 0, .body = step_aside});
}

/* --- Young and old ---------------------------------------------------------------------------------------------------------------------- */

/* Until the next young collection. */
static void age_once(Thr *T) {
  uint64_t before = region(T)->youngs;
  for (size_t i = 0; region(T)->youngs == before; i++) {
    CHECK(i < 10000000);
    garbage(T, 1);
  }
}

enum { OLD = 100000, YOUNG = 256 << 10 };

/* Marks stay where they are, and nobody looks at what has them; what of it is dead is kept, until all is collected. */
static void leave_the_old_alone(Thr *T, TestHeap *h) {
  LET(T, all, sieve(T, OLD * NODE, 1, 1));
  LET(T, dead, node_leaf(T, 0));
  CHECK_EQ(live_objects(T), OLD + 2);
  Obj *of = dead->p_;
  slot_clear(T, dead);
  h->strategy->reset_stats(h->heap);
  LET(T, x, node_leaf(T, 1));
  node_set(T, x, 0, int_new(T, BOXED));
  CHECK(!is_marked(x->p_));
  uint64_t taken = 0;
  for (int i = 1; i <= 5; i++) {
    taken += region(T)->budget / UNIT_BYTES + 4; /* some were begun before */
    age_once(T);
    CHECK(is_marked(x->p_) && is_marked(of));
    CHECK_EQ(own_int(T, node_get(T, x, 0)), BOXED);
    CHECK_EQ(heap_counter(h, "marked-objects"), 2); /* once */
  }
  CHECK(heap_counter(h, "swept-blocks") <= taken);
  CHECK_EQ(live_objects(T), OLD + 3);
  CHECK(!is_marked(of));
}
MechanismTest(sticky, young_collections_visit_what_is_young, .timeout = LIMIT_S) {
  run(&(Case){.young = YOUNG, .evacuate = 0, .headroom = 0, .body = leave_the_old_alone});
}

/* A holder is entered once, whatever is stored into it how often, and again after the next collection. */
static void remember_once(Thr *T, TestHeap *h) {
  enum { ITEMS = 1 << 14, FAR = 9000 };
  LET(T, all, sieve(T, OLD * NODE, 1, 1));
  LET(T, array, array_new(T, ITEMS));
  LET(T, other, array_new(T, ITEMS));
  (void)live_objects(T);
  h->strategy->reset_stats(h->heap);
  for (uint64_t round = 1; round <= 3; round++) {
    LET(T, x, array_get(T, all, 7));
    LET(T, young, node_leaf(T, 0));
    CHECK_EQ(region_remembered(&T->space), 0);
    node_set(T, young, 0, int_new(T, BOXED)); /* young itself: of no interest */
    CHECK_EQ(region_remembered(&T->space), 0);
    for (int64_t i = 0; i < 10000; i++) {
      node_set(T, x, (unsigned)i & 1, int_new(T, BOXED + i));
      array_set(T, array, (size_t)i % ITEMS, int_new(T, BOXED + i));
      array_set(T, other, (size_t)i % ITEMS, int_new(T, BOXED + i));
      CHECK_EQ(region_remembered(&T->space), 3);
    }
    age_once(T);
    CHECK_EQ(heap_counter(h, "remembered-entries"), 3 * round);
    CHECK_EQ(own_int(T, node_get(T, x, 1)), BOXED + 9999);
    for (size_t i = 0; i < 10000; i += 100) CHECK_EQ(own_int(T, array_get(T, array, i)), BOXED + (int64_t)i);
  }
}
MechanismTest(sticky, each_holder_is_remembered_once, .timeout = LIMIT_S) {
  run(&(Case){.young = 4 << 20, .evacuate = 0, .headroom = 0, .body = remember_once});
}

#if !MM_CHECK /* the verifier looks at all of it */
/* Of a large object dirty cards are looked at, not all: a field of another is given a young reference behind the barrier's back. */
static void look_at_one_card(Thr *T, TestHeap *h) {
  enum { ITEMS = 1 << 14, NEAR = 10, FAR = 9000 };
  LET(T, all, sieve(T, OLD * NODE, 1, 1));
  LET(T, array, array_new(T, ITEMS));
  (void)live_objects(T);
  h->strategy->reset_stats(h->heap);
  LET(T, hidden, node_leaf(T, 0));
  Obj **far = &((Array *)array->p_)->v[FAR];
  *far = hidden->p_;
  slot_clear(T, hidden);
  array_set(T, array, NEAR, int_new(T, BOXED));
  age_once(T);
  CHECK_EQ(heap_counter(h, "marked-objects"), 1);
  CHECK_EQ(own_int(T, array_get(T, array, NEAR)), BOXED);
  *far = NULL;
}
MechanismTest(sticky, cards_are_looked_at_not_arrays, .timeout = LIMIT_S) {
  run(&(Case){.young = YOUNG, .evacuate = 0, .headroom = 0, .body = look_at_one_card});
}
#endif

enum { FEW = 16 };
static void remember_too_much(Thr *T, TestHeap *h) {
  (void)h;
  LET(T, all, sieve(T, OLD * NODE, 1, 1));
  (void)live_objects(T);
  uint64_t before = region(T)->youngs;
  for (size_t i = 0; i < 10 * FEW; i++) {
    mm_poll(T);
    CHECK(region_remembered(&T->space) <= FEW);
    LET(T, x, array_get(T, all, i));
    node_set(T, x, 0, int_new(T, BOXED + (int64_t)i));
  }
  CHECK(region(T)->youngs >= before + 8); /* hardly anything was allocated */
  for (size_t i = 0; i < 10 * FEW; i++) {
    LET(T, x, array_get(T, all, i));
    CHECK_EQ(own_int(T, node_get(T, x, 0)), BOXED + (int64_t)i);
  }
}
MechanismTest(sticky, too_much_to_remember_asks_for_a_collection, .timeout = LIMIT_S) {
  run(&(Case){.young = 4 << 20, .evacuate = 0, .headroom = 0, .remembered = FEW, .body = remember_too_much});
}

/* Young collections come seldom while all that is new lives on, and often again when hardly anything does. */
static void adapt_to_survival(Thr *T, TestHeap *h) {
  (void)h;
  CHECK_EQ(region(T)->budget, YOUNG);
  LET(T, all, sieve(T, 8 << 20, 1, 1));
  CHECK(region(T)->budget >= 4 * YOUNG);
  for (int i = 0; i < 2000 && region(T)->budget > YOUNG; i++) garbage(T, YOUNG / NODE);
  CHECK_EQ(region(T)->budget, YOUNG);
}
MechanismTest(sticky, young_collections_come_when_they_pay, .timeout = LIMIT_S) {
  run(&(Case){.young = YOUNG, .evacuate = 0, .headroom = 0, .body = adapt_to_survival});
}

/* --- Moving ----------------------------------------------------------------------------------------------------------------------------- */

/* A live object in every line, and not a hole anywhere: only what is kept free for copies can make room, and only copies can use it. */
static void live_in_every_line(Thr *T, TestHeap *h) {
  LET(T, all, sieve(T, 2 * HEAP, LINE_BYTES / NODE, 1));
  expect_all(T, all);
  CHECK(heap_counter(h, "evacuated-blocks") > HEAP / 2 / UNIT_BYTES);
}
static Case sparse = {.limit = HEAP, .young = 0, .evacuate = AS_USUAL, .headroom = AS_USUAL, .body = live_in_every_line};
MechanismTest(evacuation, makes_room_in_a_heap_without_holes, .timeout = LIMIT_S) { CHECK_EQ(in_child(run, &sparse), 0); }
MechanismTest(evacuation, is_what_makes_it, .timeout = LIMIT_S) {
  Case c = sparse;
  c.evacuate = 0;
  CHECK_EQ(in_child(run, &c), CHILD_FAILED + RECLAIM_FAIL_HEAP_TOO_SMALL);
}
MechanismTest(evacuation, needs_its_headroom, .timeout = LIMIT_S) {
  Case c = sparse;
  c.headroom = 0;
  CHECK_EQ(in_child(run, &c), CHILD_FAILED + RECLAIM_FAIL_HEAP_TOO_SMALL);
}

/* Mutators leave the headroom alone. */
static void fill_up(Thr *T, TestHeap *h) {
  CHECK_EQ(heap_counter(h, "headroom-bytes"), HEAP / 4);
  while (T->heap->collections == 0) {
    garbage(T, 100);
    CHECK(chunks_committed(&region(T)->chunks) <= HEAP - HEAP / 4);
  }
}
MechanismTest(evacuation, has_headroom_of_its_own, .timeout = LIMIT_S) {
  run(&(Case){.limit = HEAP, .young = 0, .evacuate = AS_USUAL, .headroom = 250, .body = fill_up});
}

/* All blocks that have little in them are emptied by the next collection. */
static void move_all(Thr *T) {
  (void)live_objects(T);
  region(T)->wants_block = true;
  (void)live_objects(T);
}

/* Whoever is waited for keeps his address, and all others have new ones. */
static void move_but_one(Thr *T, TestHeap *h) {
  enum { PINNED = 100 };
  LET(T, all, sieve(T, 1 << 20, 16, 1));
  (void)live_objects(T);
  LET(T, pinned, array_get(T, all, PINNED));
  LET(T, other, array_get(T, all, PINNED + 1));
  Obj *was = pinned->p_, *was_other = other->p_;
  was->lock = 1;
  h->strategy->reset_stats(h->heap);
  move_all(T);
  CHECK(pinned->p_ == was && other->p_ != was_other);
  CHECK(((Array *)all->p_)->v[PINNED] == was && ((Array *)all->p_)->v[PINNED + 1] == other->p_);
  CHECK(heap_counter(h, "pinned-objects") > 0); /* each worker that comes by counts it */
  CHECK(heap_counter(h, "evacuated-objects") >= array_len(T, all) / 2);
  was->lock = 0;
  expect_all(T, all);
  CHECK_EQ(live_objects(T), array_len(T, all) + 1);
}
MechanismTest(evacuation, leaves_what_is_locked, .timeout = LIMIT_S) {
  for (int collectors = 1; collectors <= 4; collectors *= 4)
    run(&(Case){.young = 0, .evacuate = AS_USUAL, .headroom = AS_USUAL, .collectors = collectors, .body = move_but_one});
}

/* Much more lives than was estimated: what finds no room stays. */
static void move_without_room(Thr *T, TestHeap *h) {
  LET(T, all, sieve(T, 5 << 20, 4, 3));
  CHECK_EQ(live_objects(T), array_len(T, all) + 1);
  h->strategy->reset_stats(h->heap);
  region(T)->mean_bytes = 4;
  region(T)->wants_block = true;
  CHECK_EQ(live_objects(T), array_len(T, all) + 1);
  CHECK(heap_counter(h, "stayed-objects") > 1000 && heap_counter(h, "evacuated-objects") > 1000);
  CHECK(chunks_committed(&region(T)->chunks) <= HEAP);
  expect_all(T, all);
  move_all(T);
  expect_all(T, all);
  CHECK_EQ(live_objects(T), array_len(T, all) + 1);
}
MechanismTest(evacuation, is_opportunistic, .timeout = LIMIT_S) {
  for (int collectors = 1; collectors <= 4; collectors *= 4)
    run(&(Case){.limit = HEAP, .evacuate = AS_USUAL, .headroom = 125, .collectors = collectors, .body = move_without_room});
}

/* An object that several workers come to has one new address, and all fields have that. */
static void move_together_(Thr *T, TestHeap *h) {
  enum { N = 20000 };
  LET(T, all, sieve(T, N * 8 * NODE, 8, 1));
  for (size_t i = 0; i < N; i++) {
    LET(T, x, array_get(T, all, i));
    node_set(T, x, 0, array_get(T, all, i * 7919 % N));
    node_set(T, x, 1, array_get(T, all, (i * 104729 + 1) % N));
  }
  thieves_must_come(&region(T)->tracer);
  for (int round = 0; round < 3; round++) {
    CHECK_EQ(live_objects(T), N + 1);
    h->strategy->reset_stats(h->heap);
    Obj *was = ((Array *)all->p_)->v[N / 2];
    region(T)->wants_block = true;
    CHECK_EQ(live_objects(T), N + 1);
    if (round == 0) CHECK(heap_counter(h, "evacuated-objects") >= N / 2 && ((Array *)all->p_)->v[N / 2] != was);
    Obj **v = ((Array *)all->p_)->v;
    for (size_t i = 0; i < N; i++) {
      const Node *n = (const Node *)v[i];
      CHECK_EQ(n->v, i);
      CHECK(n->e[0] == v[i * 7919 % N] && n->e[1] == v[(i * 104729 + 1) % N]);
    }
  }
}
MechanismTest(evacuation, gives_each_object_one_address, .timeout = LIMIT_S) {
  for (int collectors = 1; collectors <= 4; collectors *= 4)
    run(&(Case){.young = 0, .evacuate = AS_USUAL, .headroom = AS_USUAL, .collectors = collectors, .body = move_together_});
}

/* Where survivors of a young collection are few and far between, those of the next are put together. */
static void put_together(Thr *T, TestHeap *h) {
  enum { KEPT = 8, APART = 900 };
  LET(T, all, sieve(T, OLD * NODE, 1, 1));
  LET(T, few, array_new(T, KEPT));
  (void)live_objects(T);
  h->strategy->reset_stats(h->heap);
  for (int round = 0; round < 2; round++) {
    Obj *was[KEPT];
    size_t blocks = 0;
    garbage(T, (5 << 17) / NODE); /* past the holes around the survivors of the last one */
    for (size_t i = 0; i < KEPT; i++) {
      array_set(T, few, i, node_leaf(T, (int64_t)i));
      garbage(T, APART);
      was[i] = ((Array *)few->p_)->v[i];
    }
    age_once(T);
    for (size_t i = 0; i < KEPT; i++) CHECK_EQ(((Array *)few->p_)->v[i] != was[i], round == 1);
    for (size_t i = 1; i < KEPT; i++) blocks += unit_of(((Array *)few->p_)->v[i]) != unit_of(((Array *)few->p_)->v[i - 1]);
    CHECK(round == 1 ? blocks == 0 : blocks >= 3);
    expect_all(T, few);
  }
}
MechanismTest(evacuation, puts_scattered_young_together, .timeout = LIMIT_S) {
  run(&(Case){.young = 1 << 20, .evacuate = AS_USUAL, .headroom = AS_USUAL, .body = put_together});
}
#endif
