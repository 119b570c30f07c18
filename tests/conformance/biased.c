/* Biased counts (strategies/parts/biased.h): each state and each way from one to the next, by the bits of the header; who merges when the
   owner runs, sleeps, or is gone; counts that do not fit; readers that come between unlinking and freeing; threads without a number.
   Two threads take turns by a counter, so that an owner can be running without polling; nothing here waits for a clock. */
#include <criterion/criterion.h>
#include <sched.h>

#include "tests/conformance/handed.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 120 };

/* Whatever strategy: what others made is dropped while they run, sleep, or are gone. */
Test(handed, by_threads_that_block_and_exit, .timeout = LIMIT_S) {
  Handed h = {.operations = RECLAIM_SANITIZED || MM_CHECK ? 2000 : 10000, .lives = 20};
  heap_init(&h.heap, HANDED_THREADS);
  if (MM_HEAP_LIMITED) h.heap.config.heap_limit_bytes = 8 << 20;
  heap_tune(&h.heap, "nursery", 64 << 10);
  heap_tune(&h.heap, "switch-interval", 100);
  heap_tune(&h.heap, "threshold", 100);
  handed_run(&h);
}

#ifdef BOXES_OF

/* --- What the header says ------------------------------------------------------------------------------------------------------------ */

static uint32_t word_of(const Obj *o) { return load_acquire(&o->count); }
static uint32_t local_of(const Obj *o) { return biased_local(load_relaxed(&o->bits)); }

#define EXPECT(o, the_owner, the_local, the_shared, marks)                                                                       \
  do {                                                                                                                           \
    CHECK_EQ(biased_owner(word_of(o)), (the_owner));                                                                             \
    if (biased_owner(word_of(o))) CHECK_EQ(local_of(o), (the_local));                                                            \
    CHECK_EQ(biased_shared(word_of(o)), (the_shared));                                                                           \
    CHECK_EQ(word_of(o) & (BIASED_QUEUED | BIASED_SPILLED), (marks));                                                            \
  } while (0)

/* --- Two threads in turn ------------------------------------------------------------------------------------------------------------- */

typedef struct Turns {
  TestHeap heap;
  _Atomic int turn;
  Obj *o;    /* what both look at */
  Obj *held; /* a reference that one leaves to the other: counted, by whom does not matter */
  uint32_t id[2];
} Turns;

/* Waits without a poll and without blocking: the thread counts as running, and sees no request. */
static void await_turn(Turns *t, int turn) {
  while (atomic_load(&t->turn) < turn) sched_yield();
}
static void pass_turn(Turns *t) { atomic_fetch_add(&t->turn, 1); }
/* Waits blocked. */
static void await_blocked(Thr *T, Turns *t, int turn) {
  mm_epoch(T);
  mm_blocking_begin(T);
  await_turn(t, turn);
  mm_blocking_end(T);
}

/* What the script ends with: nothing lives. */
static void in_turns(HeapBody *script, Turns *t) {
  heap_init(&t->heap, 2);
  heap_open(&t->heap);
  heap_threads(&t->heap, 2, 0, script, t);
  Thr *T = heap_enter(&t->heap, 0);
  CHECK_EQ(live_objects(T), 0);
  heap_leave(&t->heap, T);
  heap_close(&t->heap);
}
#define SCRIPT(name, body)                                                                                                       \
  MechanismTest(biased, name, .timeout = LIMIT_S) {                                                                              \
    Turns t = {.turn = 0};                                                                                                       \
    in_turns(body, &t);                                                                                                          \
  }

/* An object that thread 0 has published, with one reference, which is t->held. */
static void publish_held(Thr *T, Turns *t) {
  LET(T, x, node_leaf(T, BOXED));
  CHECK_EQ(x->p_->count, 1); /* unpublished: a plain count and no owner */
  CHECK_EQ(x->p_->bits, 0);
  om_share(T, x);
  t->o = t->held = x->p_;
  t->id[0] = T->biased.id;
  EXPECT(t->o, T->biased.id, 1, 0, 0);
  x->p_ = NULL; /* moves to t->held */
}

/* --- Unpublished, biased, merged, dead ------------------------------------------------------------------------------------------------- */

/* The owner counts in `local`, the other in `shared`; when the owner's count is 0 it leaves, and the last drop of the other is the end. */
static void count_apart(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    for (uint32_t n = 2; n <= BIASED_LOCAL_MAX; n++) {
      mm_retain(T, t->o);
      EXPECT(t->o, t->id[0], n, 0, 0);
    }
    for (uint32_t n = BIASED_LOCAL_MAX; n-- > 1;) {
      mm_release(T, t->o);
      EXPECT(t->o, t->id[0], n, 0, 0);
    }
    pass_turn(t);
    await_turn(t, 2);
    uint64_t left = T->biased.leaves;
    EXPECT(t->o, t->id[0], 1, 2, 0);
    mm_release(T, t->held);
    EXPECT(t->o, 0, 0, 2, 0);
    CHECK_EQ(T->biased.leaves, left + 1);
    mm_retain(T, t->o); /* it was the owner, and is like any other now */
    EXPECT(t->o, 0, 0, 3, 0);
    mm_release(T, t->o);
    pass_turn(t);
    await_turn(t, 4);
    return;
  }
  await_turn(t, 1);
  mm_retain(T, t->o);
  mm_retain(T, t->o);
  EXPECT(t->o, t->id[0], 1, 2, 0);
  pass_turn(t);
  await_turn(t, 3);
  mm_release(T, t->o);
  EXPECT(t->o, 0, 0, 1, 0);
  CHECK_EQ(COUNT_OF(T, t->o), 1);
  mm_release(T, t->o);
  CHECK_EQ(word_of(t->o), 0); /* dead: the header is there until this thread polls */
  CHECK_EQ(t->o->kind, KIND_NODE);
  CHECK_EQ(T->biased.requests, 0);
  pass_turn(t);
}
SCRIPT(owner_leaves_others_end_it, count_apart)

/* The owner drops what nobody else has: dead at once, by its own step. */
static void end_it_alone(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index) return;
  publish_held(T, t);
  mm_release(T, t->held);
  CHECK_EQ(word_of(t->o), 0);
  CHECK_EQ(T->biased.leaves, 1);
}
SCRIPT(owner_ends_it, end_it_alone)

/* --- Queued: the owner runs -------------------------------------------------------------------------------------------------------------- */

/* A drop below zero queues the object; it lives until the owner polls, and not one poll of another thread longer. */
static void merge_at_poll(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    pass_turn(t);
    await_turn(t, 2); /* running, not polling: the other has asked */
    EXPECT(t->o, t->id[0], 1, 0, BIASED_QUEUED);
    CHECK(atomic_load(&T->poll));
    CHECK_EQ(T->biased.own_merges, 0);
    mm_poll(T);
    CHECK_EQ(T->biased.own_merges, 1);
    CHECK_EQ(T->biased.longest, 1);
    CHECK_EQ(word_of(t->o), 0);
    pass_turn(t);
    return;
  }
  await_turn(t, 1);
  mm_release(T, t->held);
  EXPECT(t->o, t->id[0], 1, 0, BIASED_QUEUED); /* the reference is the queue's now */
  CHECK_EQ(T->biased.requests, 1);
  CHECK_EQ(T->biased.nopen, 1);
  count_settle(T); /* what a slow poll does: the parcel is delivered, and that is all */
  CHECK_EQ(T->biased.nopen, 0);
  EXPECT(t->o, t->id[0], 1, 0, BIASED_QUEUED);
  pass_turn(t);
  await_turn(t, 3);
  CHECK_EQ(T->biased.blocked_merges + T->biased.exited_merges, 0);
}
SCRIPT(running_owner_merges_at_its_poll, merge_at_poll)

/* Queued, and the owner leaves first: merged while the queue still has its reference. */
static void leave_while_queued(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    mm_retain(T, t->o); /* local 2: one to keep, one to give away */
    pass_turn(t);
    await_turn(t, 2);
    EXPECT(t->o, t->id[0], 2, 1, BIASED_QUEUED);
    mm_release(T, t->o);
    EXPECT(t->o, t->id[0], 1, 1, BIASED_QUEUED);
    mm_release(T, t->o); /* that of thread 1 was counted here: more was dropped here than counted here */
    EXPECT(t->o, 0, 0, 1, BIASED_QUEUED);
    mm_poll(T); /* the queue's own reference is the last */
    CHECK_EQ(word_of(t->o), 0);
    CHECK_EQ(T->biased.own_merges, 1);
    return;
  }
  await_turn(t, 1);
  mm_release(T, t->o); /* 0: to the queue */
  mm_retain(T, t->o);  /* of what lives still */
  EXPECT(t->o, t->id[0], 2, 1, BIASED_QUEUED);
  count_settle(T);
  pass_turn(t);
}
SCRIPT(owner_leaves_while_it_is_queued, leave_while_queued)

/* Once it is queued, drops count below zero and nobody asks again. */
static void drop_many(Thr *T, int index, void *arg) {
  enum { GIVEN = 40 };
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    for (int i = 0; i < GIVEN; i++) mm_retain(T, t->o);
    pass_turn(t);
    await_turn(t, 2);
    EXPECT(t->o, t->id[0], 1 + GIVEN, 1 - GIVEN, BIASED_QUEUED);
    mm_poll(T);
    EXPECT(t->o, 0, 0, 1, 0);
    mm_release(T, t->held);
    return;
  }
  await_turn(t, 1);
  for (int i = 0; i < GIVEN; i++) mm_release(T, t->o);
  CHECK_EQ(T->biased.requests, 1);
  count_settle(T);
  pass_turn(t);
}
SCRIPT(is_queued_once, drop_many)

/* More of them than a parcel holds, and more owners than parcels: nothing is forgotten. */
enum { MANY = 5 * PARCEL_OBJECTS + 7 };
static void many(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    LET(T, all, list_new(T, MANY));
    for (int64_t i = 0; i < MANY; i++) list_append(T, all, node_leaf(T, i));
    publish(T, 0, all);
    pass_turn(t);
    await_turn(t, 2);
    while (T->biased.own_merges < MANY / PARCEL_OBJECTS * PARCEL_OBJECTS) mm_poll(T);
    await_turn(t, 3);
    mm_poll(T);
    CHECK_EQ(T->biased.own_merges, MANY + 1);
    CHECK(T->biased.longest >= PARCEL_OBJECTS || T->biased.own_merges);
    return;
  }
  await_turn(t, 1);
  LET(T, all, retract(T, 0));
  for (size_t i = 0; i < MANY; i++) own_drop(T, list_pop(T, all));
  CHECK_EQ(T->biased.requests, MANY);
  pass_turn(t);
  slot_clear(T, all); /* the list's array goes with it, by its owner */
  count_settle(T);
  pass_turn(t);
}
SCRIPT(parcels_are_full_or_delivered, many)

/* --- The owner sleeps, or is gone ---------------------------------------------------------------------------------------------------------- */

/* Who drops stands in for it: merged and dead before the owner wakes. */
static void merge_for_blocked(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    mm_epoch(T);
    mm_blocking_begin(T);
    CHECK_EQ(box_state(load_acquire(&T->biased.box->head)), BOX_BLOCKED);
    pass_turn(t);
    await_turn(t, 2);
    mm_blocking_end(T);
    CHECK_EQ(box_state(load_acquire(&T->biased.box->head)), BOX_RUNNING);
    CHECK_EQ(T->biased.own_merges, 0);
    return;
  }
  await_turn(t, 1);
  mm_release(T, t->held);
  CHECK_EQ(word_of(t->o), 0);
  CHECK_EQ(T->biased.blocked_merges, 1);
  CHECK_EQ(T->biased.requests, 0);
  CHECK_EQ(T->biased.acting, BIASED_NOBODY); /* it is over */
  pass_turn(t);
}
SCRIPT(blocked_owner_has_a_stand_in, merge_for_blocked)

/* A stand-in drops as the owner would, a whole structure, and leaves. What the owner has left over is its own again. */
static void drop_for_blocked(Thr *T, int index, void *arg) {
  enum { NODES = 1000 };
  Turns *t = arg;
  if (index == 0) {
    LET(T, none, own_mk(T, NULL));
    LET(T, chain, node_leaf(T, 0));
    for (int64_t i = 1; i < NODES; i++) slot_set(T, chain, node_new(T, i, none, slot_take(T, chain)));
    publish_held(T, t);
    mm_retain(T, t->o); /* local 2 */
    publish(T, 0, chain);
    mm_epoch(T);
    mm_blocking_begin(T);
    pass_turn(t);
    await_turn(t, 2);
    mm_blocking_end(T);
    EXPECT(t->o, t->id[0], 1, 0, 0);
    mm_release(T, t->held);
    return;
  }
  await_turn(t, 1);
  LET(T, chain, retract(T, 0));
  Obj *first = chain->p_;
  slot_clear(T, chain);
  CHECK_EQ(word_of(first), 0);
  CHECK_EQ(T->biased.blocked_merges, NODES);
  mm_release(T, t->o);
  EXPECT(t->o, t->id[0], 1, 0, 0);
  CHECK_EQ(T->biased.blocked_merges, NODES); /* not the last of the owner's */
  CHECK_EQ(T->biased.requests, 0);
  CHECK_EQ(T->biased.acting, BIASED_NOBODY);
  pass_turn(t);
}
SCRIPT(stand_in_has_the_rights_of_the_owner, drop_for_blocked)

/* The owner comes back while it has a stand-in: it waits for that one to leave, and no longer. */
static void come_back(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    mm_epoch(T);
    mm_blocking_begin(T);
    pass_turn(t);
    await_turn(t, 2); /* there is a stand-in */
    mm_blocking_end(T);
    CHECK_EQ(T->biased.waits, 1);
    CHECK_EQ(box_state(load_acquire(&T->biased.box->head)), BOX_RUNNING);
    EXPECT(t->o, t->id[0], 1, 0, BIASED_QUEUED); /* what was left in the box is the owner's own */
    mm_poll(T);
    CHECK_EQ(word_of(t->o), 0);
    CHECK_EQ(T->biased.own_merges, 1);
    return;
  }
  await_turn(t, 1);
  Box *box = &BOXES_OF(T)->box[t->id[0]];
  CHECK(boxes_enter(T, t->id[0]));
  CHECK_EQ(boxes_state(box), BOX_SERVED);
  uint32_t word = word_of(t->o);
  CHECK(biased_queue(&t->o->count, &word)); /* as a third thread would: to one that is served, parcels are sent */
  boxes_send(T, t->o, t->id[0]);
  boxes_deliver(T);
  pass_turn(t);
  while (boxes_state(box) != BOX_AWAITED) sched_yield();
  boxes_leave(T);
}
SCRIPT(owner_waits_for_its_stand_in, come_back)

/* The same, and the stand-in is in the middle of a long cascade: it leaves at its next step, and goes on as any other thread. */
static void cut_short(Thr *T, int index, void *arg) {
  enum { NODES = 2000 };
  Turns *t = arg;
  if (index == 0) {
    LET(T, none, own_mk(T, NULL));
    LET(T, chain, node_leaf(T, 0));
    for (int64_t i = 1; i < NODES; i++) slot_set(T, chain, node_new(T, i, none, slot_take(T, chain)));
    publish(T, 0, chain);
    t->id[0] = T->biased.id;
    mm_epoch(T);
    mm_blocking_begin(T);
    pass_turn(t);
    await_turn(t, 2);
    mm_blocking_end(T); /* finds its box handed back */
    return;
  }
  await_turn(t, 1);
  BiasedHead *head = &BOXES_OF(T)->box[t->id[0]].head;
  LET(T, chain, retract(T, 0));
  CHECK(boxes_enter(T, t->id[0]));
  uintptr_t is = BOX_SERVED; /* as the owner says that it is back */
  CHECK(__atomic_compare_exchange_n(head, &is, BOX_AWAITED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  slot_clear(T, chain);
  CHECK_EQ(T->biased.acting, BIASED_NOBODY);
  CHECK_EQ(T->biased.blocked_merges, 1);
  CHECK_EQ(T->biased.requests, 1); /* the second node is the owner's, who runs */
  CHECK_EQ(box_state(load_acquire(head)), BOX_RUNNING);
  boxes_deliver(T);
  pass_turn(t);
}
SCRIPT(stand_in_leaves_in_the_middle, cut_short)

/* An owner that goes to sleep merges what was asked of it before, and a parcel that comes late is merged for it. */
static void sleep_on_it(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    Obj *first = t->held;
    pass_turn(t);
    await_turn(t, 2); /* first is in the box */
    publish_held(T, t);
    pass_turn(t);
    await_turn(t, 4); /* the second is in an open parcel */
    CHECK_EQ(word_of(first) & BIASED_QUEUED, BIASED_QUEUED);
    mm_epoch(T);
    mm_blocking_begin(T);
    CHECK_EQ(T->biased.own_merges, 1);
    pass_turn(t);
    await_turn(t, 6);
    mm_blocking_end(T);
    CHECK_EQ(T->biased.own_merges, 1);
    return;
  }
  await_turn(t, 1);
  mm_release(T, t->held);
  count_settle(T);
  pass_turn(t);
  await_turn(t, 3);
  mm_release(T, t->held);
  EXPECT(t->o, t->id[0], 1, 0, BIASED_QUEUED);
  pass_turn(t);
  await_turn(t, 5);
  CHECK_EQ(T->biased.blocked_merges, 0);
  count_settle(T);
  CHECK_EQ(T->biased.blocked_merges, 1);
  CHECK_EQ(word_of(t->o), 0);
  pass_turn(t);
}
SCRIPT(what_was_asked_of_a_sleeper, sleep_on_it)

/* A thread that goes to sleep keeps nothing back: its own parcels are delivered. */
static void deliver_before_sleep(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    pass_turn(t);
    await_turn(t, 2);
    mm_poll(T);
    CHECK_EQ(word_of(t->o), 0);
    pass_turn(t);
    return;
  }
  await_turn(t, 1);
  mm_release(T, t->held);
  CHECK_EQ(T->biased.nopen, 1);
  mm_epoch(T);
  mm_blocking_begin(T);
  pass_turn(t);
  await_turn(t, 3);
  mm_blocking_end(T);
}
SCRIPT(sleeper_keeps_nothing_back, deliver_before_sleep)

/* The owner has exited; others follow it, under numbers of their own. */
typedef struct Exit {
  TestHeap heap;
  Obj *o[3];
  uint32_t id;
} Exit;
static void *publish_and_exit(void *arg) {
  Exit *e = arg;
  Thr *T = heap_enter(&e->heap, 0);
  for (int i = 0; i < 3; i++) {
    LET(T, x, tuple_new2(T, &(Slot){NULL}, node_leaf(T, i)));
    om_share(T, x);
    e->o[i] = x->p_;
    x->p_ = NULL;
  }
  e->id = T->biased.id;
  heap_leave(&e->heap, T);
  return NULL;
}
MechanismTest(biased, exited_owner_needs_nobody, .timeout = LIMIT_S) {
  Exit e;
  heap_init(&e.heap, 2);
  heap_open(&e.heap);
  Thr *B = heap_enter(&e.heap, 1); /* there before, so that it does not get the handle of the other */
  pthread_t id;
  CHECK_EQ(pthread_create(&id, NULL, publish_and_exit, &e), 0);
  pthread_join(id, NULL);
  CHECK_EQ(box_state(load_acquire(&BOXES_OF(B)->box[e.id].head)), BOX_EXITED);
  mm_release(B, e.o[0]);
  CHECK_EQ(word_of(e.o[0]), 0);
  CHECK_EQ(B->biased.exited_merges, 2); /* and what hung on it */
  /* The handle is adopted, with the memory of what the first has made; the number is not. */
  Thr *A = heap_enter(&e.heap, 0);
  CHECK(A->biased.id > e.id && A->biased.id != B->biased.id);
  EXPECT(e.o[1], e.id, 1, 0, 0);
  mm_retain(A, e.o[1]);
  EXPECT(e.o[1], e.id, 1, 1, 0);
  mm_release(A, e.o[1]);
  mm_release(A, e.o[1]);
  CHECK_EQ(word_of(e.o[1]), 0);
  CHECK_EQ(A->biased.exited_merges, 2);
  mm_release(B, e.o[2]);
  heap_leave(&e.heap, B);
  CHECK_EQ(live_objects(A), 0);
  heap_leave(&e.heap, A);
  CHECK_EQ(heap_counter(&e.heap, "merges-for-exited"), 6);
  CHECK_EQ(heap_counter(&e.heap, "merge-requests"), 0); /* nobody to ask */
  heap_close(&e.heap);
}

/* The states of a box, one step after the other: with something in it nobody falls asleep, exits, or leaves it to its owner unseen. */
static void expect_box(BiasedHead head, unsigned state, const BoxLink *list) {
  CHECK_EQ(box_state(head), state);
  CHECK(box_list(head) == list);
}
MechanismTest(biased, a_box_goes_from_state_to_state) {
  _Alignas(8) static BoxLink a, b;
  BiasedHead head = BOX_RUNNING;
  CHECK_EQ(box_push(&head, &a), BOX_RUNNING);
  CHECK_EQ(box_push(&head, &b), BOX_RUNNING);
  CHECK(b.next == &a && !a.next);
  CHECK(!box_block(&head) && !box_close(&head) && !box_enter(&head));
  expect_box(head, BOX_RUNNING, &b);
  CHECK(box_take(&head) == &b && !box_take(&head));
  CHECK(box_block(&head));
  expect_box(head, BOX_BLOCKED, NULL);
  CHECK_EQ(box_push(&head, &a), BOX_BLOCKED); /* the pusher is its stand-in, and has it */
  expect_box(head, BOX_SERVED, NULL);
  CHECK(!box_enter(&head));
  CHECK_EQ(box_push(&head, &b), BOX_SERVED);
  CHECK_EQ(box_leave(&head), BOX_HAS_MAIL);
  CHECK(!box_return(&head)); /* the owner waits */
  expect_box(head, BOX_AWAITED, &b);
  CHECK_EQ(box_leave(&head), BOX_HANDED_BACK);
  expect_box(head, BOX_RUNNING, &b);
  CHECK(box_return(&head) && box_take(&head) == &b);
  CHECK(box_block(&head) && box_enter(&head));
  CHECK_EQ(box_leave(&head), BOX_LEFT);
  CHECK(box_return(&head) && box_close(&head));
  CHECK_EQ(box_push(&head, &a), BOX_EXITED);
  CHECK(!box_enter(&head) && !box_return(&head));
}

/* Mail that comes while the owner is on its way out is not lost: it settles until the box is empty, then closes it. */
static void exit_with_mail(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    pass_turn(t);
    await_turn(t, 2);
    return; /* leaves with something in its box */
  }
  await_turn(t, 1);
  mm_release(T, t->held);
  count_settle(T);
  EXPECT(t->o, t->id[0], 1, 0, BIASED_QUEUED);
  pass_turn(t);
}
MechanismTest(biased, exits_with_an_empty_box, .timeout = LIMIT_S) {
  Turns t = {.turn = 0};
  in_turns(exit_with_mail, &t);
}

/* No number is left: such a thread's objects are published as merged, and it counts like any other. */
MechanismTest(biased, threads_without_a_number) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  atomic_store(&((Heap *)h.heap)->boxes.ids, BIASED_NOBODY - 2);
  for (int i = 0; i < 5; i++) {
    Thr *T = heap_enter(&h, 0);
    CHECK_EQ(T->biased.id, i ? BIASED_NOBODY : BIASED_NOBODY - 1);
    LET(T, x, list_new(T, 0));
    list_append(T, x, int_new(T, BOXED));
    for (int k = 0; k < 2 * BIASED_LOCAL_MAX; k++) list_append(T, x, list_get(T, x, 0)); /* more than a local count holds */
    om_share(T, x);
    Obj *o = x->p_;
    EXPECT(o, i ? 0 : BIASED_NOBODY - 1, 1, i ? 1 : 0, 0);
    mm_blocking_begin(T);
    mm_blocking_end(T);
    slot_clear(T, x);
    CHECK_EQ(word_of(o), 0);
    CHECK_EQ(live_objects(T), 0);
    heap_leave(&h, T);
  }
  heap_close(&h);
}

/* --- Readers without a lock ------------------------------------------------------------------------------------------------------------------ */

/* The reader has loaded a field, and the field is replaced before it can count. What is dead stays dead, and stays readable until the
   reader polls; what is only waiting to be merged is alive again. */
static void read_late(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    LET(T, l, list_new(T, 0));
    list_append(T, l, node_leaf(T, BOXED));
    publish(T, 0, l);
    pass_turn(t);
    await_turn(t, 2);
    {
      LET(T, mine, global(T, 0));
      list_set(T, mine, 0, node_leaf(T, BOXED + 1)); /* the only reference: dead */
      for (int i = 0; i < 4 * LIMBO_BATCH; i++) {    /* whatever could be reused is */
        mm_poll(T);
        list_set(T, mine, 0, node_leaf(T, BOXED + 2));
      }
    }
    CHECK_EQ(t->o->kind, KIND_NODE);
    CHECK_EQ(((Node *)t->o)->v, BOXED);
    pass_turn(t);
    await_blocked(T, t, 4);
    own_drop(T, retract(T, 0));
    return;
  }
  await_turn(t, 1);
  LET(T, l, global(T, 0));
  t->o = load_acquire(&((List *)l->p_)->arr->v[0]);
  pass_turn(t);
  await_turn(t, 3);
  CHECK_EQ(word_of(t->o), 0);
  CHECK(!count_try_retain(T, t->o));
  CHECK_EQ(word_of(t->o), 0);
  CHECK(own_is_null(list_get(T, l, 1)));
  slot_clear(T, l);
  pass_turn(t);
}
SCRIPT(reader_finds_the_dead_dead, read_late)

static void resurrect(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    pass_turn(t);
    await_turn(t, 2);
    EXPECT(t->o, t->id[0], 1, 1, BIASED_QUEUED);
    mm_poll(T);
    EXPECT(t->o, 0, 0, 1, 0); /* merged, and the reader's is the only one */
    CHECK(count_try_retain(T, t->o));
    mm_release(T, t->o);
    pass_turn(t);
    return;
  }
  await_turn(t, 1);
  mm_release(T, t->held); /* all references together are none, and nobody knows */
  CHECK(count_try_retain(T, t->o));
  EXPECT(t->o, t->id[0], 1, 1, BIASED_QUEUED);
  count_settle(T);
  pass_turn(t);
  await_turn(t, 3);
  CHECK_EQ(((Node *)t->o)->v, BOXED);
  mm_release(T, t->o);
  CHECK_EQ(word_of(t->o), 0);
  CHECK(!count_try_retain(T, t->o));
}
SCRIPT(reader_resurrects_what_waits, resurrect)

/* The owner itself reads: it counts plainly, and what it finds is alive, since nobody but the owner could have ended it. */
static void owner_reads(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    pass_turn(t);
    await_turn(t, 2);
    CHECK(count_try_retain(T, t->o));
    EXPECT(t->o, t->id[0], 2, 0, BIASED_QUEUED);
    mm_poll(T);
    EXPECT(t->o, 0, 0, 1, 0);
    mm_release(T, t->o);
    return;
  }
  await_turn(t, 1);
  mm_release(T, t->held);
  count_settle(T);
  pass_turn(t);
}
SCRIPT(owner_resurrects, owner_reads)

/* --- Counts that do not fit --------------------------------------------------------------------------------------------------------------------- */

/* Far more references than either field holds, by both threads; all of one thread's are dropped by the other. */
enum { LOTS = 3 * BIASED_SPILL + 77 };
static void spill_both(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    for (int i = 0; i < LOTS; i++) mm_retain(T, t->o);
    CHECK_EQ(COUNT_OF(T, t->o), 1 + LOTS);
    CHECK_EQ(word_of(t->o) & BIASED_SPILLED, BIASED_SPILLED);
    CHECK_EQ(biased_shared(word_of(t->o)), 0); /* the owner has not touched it */
    pass_turn(t);
    await_turn(t, 2);
    CHECK_EQ(COUNT_OF(T, t->o), 1 + 2 * LOTS);
    for (int i = 0; i < LOTS; i++) mm_release(T, t->o);
    EXPECT(t->o, t->id[0], 1, biased_shared(word_of(t->o)), BIASED_SPILLED); /* only the other's are spilled now */
    CHECK_EQ(COUNT_OF(T, t->o), 1 + LOTS);
    mm_release(T, t->held);
    CHECK_EQ(biased_owner(word_of(t->o)), 0);
    pass_turn(t);
    await_turn(t, 4);
    return;
  }
  await_turn(t, 1);
  for (int i = 0; i < LOTS; i++) mm_retain(T, t->o);
  pass_turn(t);
  await_turn(t, 3);
  for (int i = 1; i < LOTS; i++) mm_release(T, t->o);
  EXPECT(t->o, 0, 0, 1, 0);
  mm_release(T, t->o);
  CHECK_EQ(word_of(t->o), 0);
  CHECK_EQ(T->biased.requests, 0); /* never below zero */
  pass_turn(t);
}
SCRIPT(spilled_counts_come_back, spill_both)

/* What the owner has counted, the other drops: thousands below zero, merged into nothing. */
static void spill_below(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    for (int i = 0; i < LOTS; i++) mm_retain(T, t->o);
    pass_turn(t);
    await_turn(t, 2);
    CHECK_EQ(COUNT_OF(T, t->o), 2); /* mine and the queue's */
    mm_poll(T);
    EXPECT(t->o, 0, 0, 1, 0);
    mm_release(T, t->held);
    CHECK_EQ(word_of(t->o), 0);
    return;
  }
  await_turn(t, 1);
  for (int i = 0; i < LOTS; i++) mm_release(T, t->o);
  CHECK_EQ(T->biased.requests, 1);
  CHECK(biased_shared(word_of(t->o)) > -BIASED_SPILL && biased_shared(word_of(t->o)) < 0);
  count_settle(T);
  pass_turn(t);
}
SCRIPT(spilled_below_zero, spill_below)

/* Up by one, down by the other, at the brink: the last drop ends it in the table. */
static void spill_ends(Thr *T, int index, void *arg) {
  Turns *t = arg;
  if (index == 0) {
    publish_held(T, t);
    for (int i = 0; i < LOTS; i++) mm_retain(T, t->o);
    pass_turn(t);
    await_turn(t, 2);
    mm_poll(T);
    CHECK_EQ(word_of(t->o), 0);
    CHECK_EQ(spill_of(SPILL_OF(T), t->o), 0);
    return;
  }
  await_turn(t, 1);
  for (int i = 0; i <= LOTS; i++) mm_release(T, t->o);
  count_settle(T);
  pass_turn(t);
}
SCRIPT(merged_to_nothing_in_the_table, spill_ends)

/* Published with more references than fit. */
MechanismTest(biased, published_with_many_references) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  for (int64_t refs = 1; refs < 3 * BIASED_SPILL; refs = refs < 100 ? refs + 1 : 3 * refs) {
    LET(T, l, list_new(T, 0));
    LET(T, x, int_new(T, BOXED));
    Obj *o = x->p_;
    for (int64_t i = 1; i < refs; i++) list_append(T, l, slot_dup(T, x));
    CHECK_EQ(o->count, refs);
    om_share(T, x);
    CHECK_EQ(COUNT_OF(T, o), refs);
    CHECK_EQ(biased_shared(word_of(o)), 0);
    CHECK(local_of(o) > 0);
    slot_clear(T, x);
    CHECK_EQ(COUNT_OF(T, o), refs - 1);
    slot_clear(T, l);
    CHECK_EQ(word_of(o), 0);
    CHECK_EQ(live_objects(T), 0);
  }
  heap_leave(&h, T);
  heap_close(&h);
}

/* --- Counters ------------------------------------------------------------------------------------------------------------------------------------- */

MechanismTest(biased, counters_are_reported_and_reset) {
  static const char *const names[] = {"merge-requests", "merges-by-owner",     "merges-for-blocked", "merges-for-exited",
                                      "merges-at-zero", "longest-merge-queue", "waits-for-stand-in", "spilled-counts"};
  Turns t = {.turn = 0};
  heap_init(&t.heap, 2);
  heap_open(&t.heap);
  heap_threads(&t.heap, 2, 0, merge_at_poll, &t);
  CHECK_EQ(heap_counter(&t.heap, "merge-requests"), 1);
  CHECK_EQ(heap_counter(&t.heap, "merges-by-owner"), 1);
  CHECK_EQ(heap_counter(&t.heap, "longest-merge-queue"), 1);
  t.heap.strategy->reset_stats(t.heap.heap);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) CHECK_EQ(heap_counter(&t.heap, names[i]), 0);
  heap_close(&t.heap);
}
#endif
