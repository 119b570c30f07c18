/* What one thread did to an object comes before its death, wherever the last reference to it is dropped: the one who drops it reads the
   fields that others wrote. So here nothing else orders the two: the writer says by a relaxed store that it has let go, which is no order for
   ThreadSanitizer nor for the processor. A plain main, as tests/tsan/sharing.c; without the sanitizer it still checks that nothing leaks.
   Where an object has one owner, or nothing is shared, there is no such drop. */
#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, THREADS = 2, ROUNDS = 100 };

static pthread_barrier_t barrier;
static _Atomic int let_go; /* the round that the writer has written in, and gone from */

static void await(Thr *T, int round) {
  while (atomic_load_explicit(&let_go, memory_order_relaxed) < round) mm_poll(T);
}
static void say(int round) { atomic_store_explicit(&let_go, round, memory_order_relaxed); }

/* Thread 0 made it and writes; thread 1 drops it last. The writer goes on, or sleeps until it is over. */
static void write_and_go(Thr *T, int round, bool sleeps) {
  LET(T, x, node_leaf(T, round));
  if (round % 3 == 0) node_set(T, x, 0, node_leaf(T, 0)); /* what is replaced */
  {
    LET(T, other, slot_dup(T, x));
    publish(T, 0, other);
  }
  heap_meet(T, &barrier);
  heap_meet(T, &barrier); /* the other has it */
  node_set(T, x, 0, node_leaf(T, 1));
  node_set(T, x, 1, int_new(T, BOXED));
  slot_clear(T, x);
  if (!sleeps) {
    say(round);
    return;
  }
  mm_epoch(T);
  mm_blocking_begin(T);
  say(round);
  pthread_barrier_wait(&barrier);
  mm_blocking_end(T);
}
static void drop_last(Thr *T, int round, bool sleeps) {
  heap_meet(T, &barrier);
  {
    LET(T, x, retract(T, 0));
    heap_meet(T, &barrier);
    await(T, round);
  }
  if (sleeps) heap_meet(T, &barrier);
}

static void everything(Thr *T, int index, void *arg) {
  (void)arg;
  for (int round = 1; round <= ROUNDS; round++) {
    bool sleeps = round % 2;
    if (index == 0)
      write_and_go(T, round, sleeps);
    else
      drop_last(T, round, sleeps);
    uint64_t live = 0;
    heap_meet_to_count(T, &barrier, index, &live);
    CHECK_LIVE(live, 0);
  }
}

int main(void) {
  if (!MM_SHARES_HEAP || !MANY_OWNERS) return 0;
  TestHeap h;
  pthread_barrier_init(&barrier, NULL, THREADS);
  heap_init(&h, THREADS);
  heap_tune(&h, "switch-interval", 100);
  heap_open(&h);
  heap_threads(&h, THREADS, 0, everything, NULL);
  heap_close(&h);
  pthread_barrier_destroy(&barrier);
  return 0;
}
