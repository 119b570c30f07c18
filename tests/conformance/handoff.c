/* Threads that wait for each other: a blocked thread holds nobody up, a running one is stopped or hands over at its next poll, threads
   come and go; and the protocol of the global lock, from its own counters. Nothing here looks at a clock: a hand-over that does not
   happen is a test that does not end, and is ended by its time limit. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 120 };

/* Garbage, and something that lives: enough to collect a few times in a heap of a few MiB. */
static void churn(Thr *T, int64_t n) {
  LET(T, kept, list_new(T, 0));
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, x, node_leaf(T, i));
    if (i % 64 == 0) list_append(T, kept, slot_take(T, x));
    if (i % 65536 == 0) slot_set(T, kept, list_new(T, 0));
  }
}

static void limit_heap(TestHeap *h, uint64_t bytes) {
  if (MM_HEAP_LIMITED) h->config.heap_limit_bytes = bytes;
}

/* --- Blocked threads ------------------------------------------------------------------------------------------------------------------ */

/* Thread 0 stays in one blocking region until thread 1 has done work that needs the lock, or the world stopped. */
static void block_or_work(Thr *T, int index, void *arg) {
  pthread_barrier_t *both = arg;
  LET(T, x, int_new(T, BOXED + index));
  heap_meet(T, both);
  if (index) churn(T, 300000);
  if (index && MM_RECLAIMS_CYCLES) CHECK_LIVE(live_objects(T), 2); /* the blocked thread's local is a root */
  heap_meet(T, both);
  CHECK_EQ(int_value(T, x), BOXED + index);
}
Test(blocking, holds_nobody_up, .timeout = LIMIT_S) {
  TestHeap h;
  pthread_barrier_t both;
  pthread_barrier_init(&both, NULL, 2);
  heap_init(&h, 2);
  limit_heap(&h, 6 << 20);
  heap_open(&h);
  heap_threads(&h, 2, 0, block_or_work, &both);
  heap_close(&h);
  pthread_barrier_destroy(&both);
}

/* Many threads, each stopping the world or waiting for those who do, some of them blocked half of the time. */
enum { CROWD = 12 };
static void crowd(Thr *T, int index, void *arg) {
  (void)arg;
  for (int round = 0; round < 30; round++) {
    LET(T, x, int_new(T, BOXED + round));
    churn(T, index % 3 ? 2000 : 500);
    if (index % 3 == 0) {
      mm_epoch(T);
      mm_blocking_begin(T);
      usleep(100);
      mm_blocking_end(T);
    }
    CHECK_EQ(int_value(T, x), BOXED + round);
  }
}
Test(blocking, a_crowd_comes_to_its_end, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, CROWD);
  limit_heap(&h, 12 << 20);
  heap_tune(&h, "nursery", 64 << 10);
  heap_tune(&h, "switch-interval", 100);
  heap_open(&h);
  heap_threads(&h, CROWD, 0, crowd, NULL);
#ifdef RECLAIM_PARTS_WORLD_H
  reclaim_stats s;
  h.strategy->stats(h.heap, &s);
  /* Every stop was timed: for a full collection, or at the end of an epoch, which may be one. */
  CHECK_EQ(s.safepoints.total_count, MM_DEFERS_COUNTS ? s.minor_collections : s.collections);
  /* And each is among the pauses, for longer than its way to the safepoint. */
  CHECK(s.pauses.total_count >= s.safepoints.total_count && s.pauses.total_ns >= s.safepoints.total_ns);
#endif
  heap_close(&h);
}

/* One thread after the other, more than a table of handles would hold; what the first published is the last one's to drop. */
enum { GENERATIONS_OF_THREADS = 1500 };
static void come_and_go(void *arg) {
  TestHeap *h = arg;
  for (int i = 0; i < GENERATIONS_OF_THREADS; i++) {
    Thr *T = heap_enter(h, 0);
    if (MM_SHARES_HEAP && i == 0) {
      LET(T, x, list_new(T, 0));
      list_append(T, x, int_new(T, BOXED));
      publish(T, 0, x);
    }
    churn(T, 500);
    if (MM_SHARES_HEAP && i == GENERATIONS_OF_THREADS - 1) {
      LET(T, x, retract(T, 0));
      CHECK_EQ(own_int(T, list_get(T, x, 0)), BOXED);
    }
    if (i == GENERATIONS_OF_THREADS - 1) CHECK_LIVE(live_objects(T), 0);
    heap_leave(h, T);
  }
}
Test(threads, come_and_go_without_end, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  limit_heap(&h, 24 << 20);
  heap_open(&h);
  survives(come_and_go, &h);
  heap_close(&h);
}

/* Threads that a workload starts inside its iteration: their objects outlive them, what they counted is added to the starter's. */
enum { STARTED = 60, AT_ONCE = 3, MADE = 200 };
static void make_and_exit(Thr *T, Work *w, void *arg) {
  int64_t *first = arg;
  LET(T, made, list_new(T, 0));
  for (int64_t i = 0; i < MADE; i++) {
    mm_poll(T);
    list_append(T, made, node_leaf(T, *first + i));
  }
  w->operations += MADE;
  work_check(w, (uint64_t)*first);
  if (!MM_SHARES_HEAP) return;
  LET(T, places, global(T, 0));
  array_set(T, places, (size_t)(*first / MADE % AT_ONCE), slot_take(T, made));
}
static void drop_what_they_made(Thr *T, Slot *places, size_t i, int64_t first) {
  LET(T, made, array_swap(T, places, i, own_mk(T, NULL)));
  CHECK_EQ(list_len(T, made), MADE);
  for (size_t k = 0; k < MADE; k++) {
    mm_poll(T);
    LET(T, x, list_get(T, made, k));
    CHECK(!slot_is_null(x));
    CHECK_EQ(node_value(T, x), first + (int64_t)k);
  }
}
static void start_and_end(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  Work w = {.threads = 1, .seed = 1};
  uint64_t checksum = 0;
  {
    LET(T, places, array_new(T, AT_ONCE));
    if (MM_SHARES_HEAP) publish(T, 0, places);
  }
  for (int64_t round = 0; round < STARTED / AT_ONCE; round++) {
    WorkThread *t[AT_ONCE];
    int64_t first[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
      first[i] = (round * AT_ONCE + i) * MADE;
      checksum += mix64((uint64_t)first[i]);
      t[i] = work_start(T, &w, i, make_and_exit, &first[i]);
    }
    churn(T, 1000);
    for (int i = 0; i < AT_ONCE; i++) work_end(T, &w, t[i]);
    if (!MM_SHARES_HEAP) continue;
    LET(T, places, global(T, 0));
    for (int i = 0; i < AT_ONCE; i++) drop_what_they_made(T, places, (size_t)i, first[i]);
  }
  CHECK_EQ(w.operations, STARTED * MADE);
  CHECK_EQ(w.checksum, checksum);
  if (MM_SHARES_HEAP) own_drop(T, retract(T, 0));
  CHECK_LIVE(live_objects(T), 0);
}
Test(threads, started_by_a_workload, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  limit_heap(&h, 24 << 20);
  heap_tune(&h, "nursery", 64 << 10);
  heap_open(&h);
  heap_threads(&h, 1, 0, start_and_end, NULL);
  heap_close(&h);
}

/* Threads attach and detach while others collect. */
static void short_life(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  churn(T, 20000);
}
static void *short_lives(void *arg) {
  HeapThread *t = arg;
  for (int i = 0; i < 20; i++) {
    Thr *T = heap_enter(t->heap, t->index);
    short_life(T, 0, NULL);
    heap_leave(t->heap, T);
  }
  return NULL;
}
Test(threads, come_and_go_while_others_collect, .timeout = LIMIT_S) {
  enum { N = 4 };
  TestHeap h;
  HeapThread t[N];
  heap_init(&h, N);
  limit_heap(&h, 16 << 20);
  heap_tune(&h, "nursery", 64 << 10);
  heap_open(&h);
  for (int i = 0; i < N; i++) {
    t[i] = (HeapThread){.heap = &h, .index = i};
    CHECK_EQ(pthread_create(&t[i].id, NULL, short_lives, &t[i]), 0);
  }
  for (int i = 0; i < N; i++) pthread_join(t[i].id, NULL);
  Thr *T = heap_enter(&h, 0);
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

/* --- The global lock ------------------------------------------------------------------------------------------------------------------ */

#ifdef GIL_OF
enum { HAND_OVERS = 500, BLOCKS = 50, SLACK = 4 };

static void set_up(TestHeap *h, int threads, int64_t interval, bool forced) {
  heap_init(h, threads);
  CHECK(heap_tune(h, "switch-interval", interval));
  CHECK(heap_tune(h, "forced-hand-off", forced));
  heap_open(h);
}

/* Never blocks; after each request that it sees, another thread must have held the lock before the poll is over: the lock changed
   hands there and back. Only a forced hand-off makes that certain: who lets go is running, and would win the lock back. */
static void never_block(Thr *T, int index, void *arg) {
  (void)index;
  _Atomic int *asked = arg;
  const Gil *g = &T->heap->gil;
  while (atomic_load(asked) < HAND_OVERS) {
    own_drop(T, node_leaf(T, 1));
    uint64_t before = g->switches;
    bool request = atomic_load(&T->poll) & GIL_POLL;
    mm_poll(T);
    if (!request) continue;
    CHECK(g->switches >= before + 2);
    atomic_fetch_add(asked, 1);
  }
}
MechanismTest(gil, every_request_is_a_switch, .timeout = LIMIT_S) {
  _Atomic int asked = 0;
  TestHeap h;
  set_up(&h, 2, 100, true);
  heap_threads(&h, 2, 0, never_block, &asked);
  reclaim_stats s;
  h.strategy->stats(h.heap, &s);
  CHECK(heap_counter(&h, "gil-drop-requests") >= HAND_OVERS);
  CHECK(heap_counter(&h, "gil-switches") >= HAND_OVERS);
  CHECK(s.lock_waits.total_count >= HAND_OVERS);
  CHECK(heap_counter(&h, "gil-longest-wait-ns") == s.lock_waits.max_ns && s.lock_waits.max_ns);
  heap_close(&h);
}

/* Nobody waits: nobody asks, and the lock changes hands once. */
static void alone(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  churn(T, 200000);
  for (int i = 0; i < 100; i++) {
    mm_blocking_begin(T);
    mm_blocking_end(T);
  }
}
MechanismTest(gil, alone_it_is_not_asked_for) {
  TestHeap h;
  set_up(&h, 1, 100, true);
  heap_threads(&h, 1, 0, alone, NULL);
  CHECK_EQ(heap_counter(&h, "gil-drop-requests"), 0);
  CHECK_EQ(heap_counter(&h, "gil-switches"), 1);
  heap_close(&h);
}

/* A thread that blocks often, beside one that never does: each time that one lets go, the other has the lock next. So it lets go no more
   often than the other comes back, however late either is scheduled; requests are repeated until they are seen. */
typedef struct Convoy {
  _Atomic bool over;
  uint64_t let_go;
} Convoy;
static void block_often(Thr *T, int index, void *arg) {
  Convoy *c = arg;
  if (index) {
    while (!atomic_load(&c->over)) {
      mm_poll(T);
      own_drop(T, node_leaf(T, 1));
    }
    c->let_go = T->gil.holds.total_count;
    return;
  }
  for (int i = 0; i < BLOCKS; i++) {
    mm_blocking_begin(T);
    usleep(50);
    mm_blocking_end(T);
  }
  atomic_store(&c->over, true);
}
MechanismTest(gil, one_that_waits_is_served_next, .timeout = LIMIT_S) {
  Convoy c = {.over = false};
  TestHeap h;
  set_up(&h, 2, 5000, true);
  heap_threads(&h, 2, 0, block_often, &c);
  CHECK(c.let_go <= BLOCKS + SLACK); /* it comes, and goes, once more than it blocks */
  heap_close(&h);
}

/* A request is honoured at the n-th poll after it, neither before nor later. */
MechanismTest(gil, requests_wait_for_the_poll_spacing) {
  enum { SPACING = 37 };
  TestHeap h;
  heap_init(&h, 1);
  CHECK(heap_tune(&h, "poll-spacing", SPACING));
  CHECK(heap_tune(&h, "forced-hand-off", false));
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  for (int round = 0; round < 3; round++) {
    atomic_store(&T->poll, 1);
    for (int i = 1; i < SPACING; i++) {
      mm_poll(T);
      CHECK_EQ(atomic_load(&T->poll), 1);
    }
    mm_poll(T);
    CHECK_EQ(atomic_load(&T->poll), 0);
    CHECK(T->heap->gil.holder == T);
  }
  heap_leave(&h, T);
  CHECK(h.heap && !((Heap *)h.heap)->gil.holder);
  heap_close(&h);
}
#endif
