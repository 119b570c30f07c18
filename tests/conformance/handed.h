/* handed.h: threads that make objects, hand them on, and drop what others made, while they block, exit and come back: the owner of an
   object may at any time be running, asleep, or gone. For the conformance tests and for ThreadSanitizer. Where nothing is shared, each
   thread has a table of its own. */
#ifndef RECLAIM_TESTS_HANDED_H
#define RECLAIM_TESTS_HANDED_H

#include "tests/conformance/heap.h"

enum {
  HANDED_THREADS = 5,
  HANDED_PLACES = 24,
  HANDED_HELD = 40,
  HANDED_BASE = SMALL_INT_MAX + 1,
  HANDED_TABLE = 0,
  HANDED_STACK = 1
};

typedef struct Handed {
  TestHeap heap;
  pthread_barrier_t barrier;
  int64_t operations;
  int lives; /* of a thread: how often it exits and comes back */
} Handed;

/* A value that belongs at `place`: an int, or a pair of it and a short chain, so that what dies has children. */
static inline OWNED Own handed_make(Thr *T, Rng *r, uint64_t place) {
  int64_t v = HANDED_BASE + (int64_t)(place + HANDED_PLACES * rng_below(r, 1000));
  if (rng_below(r, 2)) return int_new(T, v);
  LET(T, first, int_new(T, v));
  LET(T, none, own_mk(T, NULL));
  LET(T, chain, node_leaf(T, v));
  for (uint64_t i = rng_below(r, 4); i-- > 0;) slot_set(T, chain, node_new(T, v, none, slot_take(T, chain)));
  return tuple_new2(T, first, slot_take(T, chain));
}
static inline void handed_expect(Thr *T, Slot *x, uint64_t place) {
  if (slot_is_null(x)) return;
  LET(T, v, x->p_->kind == KIND_TUPLE ? array_get(T, x, 0) : slot_dup(T, x));
  CHECK_EQ((uint64_t)(int_value(T, v) - HANDED_BASE) % HANDED_PLACES, place);
}

static inline void handed_table(Thr *T) {
  LET(T, table, array_new(T, HANDED_PLACES));
  LET(T, stack, list_new(T, 0));
  publish(T, HANDED_TABLE, table);
  publish(T, HANDED_STACK, stack);
}

/* `held`: what this thread keeps for a while, all of it from place `home`. */
static inline void handed_step(Thr *T, Rng *r, Slot *table, Slot *stack, Slot *held, uint64_t home) {
  uint64_t place = rng_below(r, HANDED_PLACES), what = rng_below(r, 8);
  if (!MANY_OWNERS && what < 6) what = 0; /* nobody may look at what another replaces, nor keep it */
  switch (what) {
  case 0:
  case 1: array_set(T, table, place, handed_make(T, r, place)); break;
  case 2:
  case 3: {
    LET(T, x, array_get(T, table, place));
    handed_expect(T, x, place);
    break;
  }
  case 4: { /* one thing is kept in many places */
    LET(T, x, array_get(T, table, home));
    for (uint64_t n = rng_below(r, 2 * HANDED_HELD); n-- > 0;) array_set(T, held, rng_below(r, HANDED_HELD), slot_dup(T, x));
    break;
  }
  case 5: {
    LET(T, x, array_get(T, held, rng_below(r, HANDED_HELD)));
    handed_expect(T, x, home);
    array_set(T, table, home, slot_take(T, x)); /* back to where it is from */
    break;
  }
  case 6: list_append(T, stack, handed_make(T, r, 0)); break;
  default: {
    LET(T, x, list_pop(T, stack));
    handed_expect(T, x, 0);
  }
  }
}

static inline void handed_life(Thr *T, Handed *h, Rng *r, int index) {
  LET(T, table, MM_SHARES_HEAP ? global(T, HANDED_TABLE) : array_new(T, HANDED_PLACES));
  LET(T, stack, MM_SHARES_HEAP ? global(T, HANDED_STACK) : list_new(T, 0));
  LET(T, held, array_new(T, HANDED_HELD));
  for (int64_t i = 0; i < h->operations; i++) {
    mm_poll(T);
    handed_step(T, r, table, stack, held, (uint64_t)index);
    if (rng_below(r, 64)) continue;
    mm_epoch(T);
    mm_blocking_begin(T);
    if (rng_below(r, 4) == 0) sched_yield();
    mm_blocking_end(T);
  }
}

typedef struct HandedThread {
  Handed *h;
  int index;
} HandedThread;

static inline void *handed_thread(void *arg) {
  HandedThread *t = arg;
  Handed *h = t->h;
  Rng r = rng_make((uint64_t)t->index + 1);
  for (int life = 0; life < h->lives; life++) {
    Thr *T = heap_enter(&h->heap, t->index);
    handed_life(T, h, &r, t->index);
    heap_leave(&h->heap, T);
  }
  return NULL;
}

/* All of them, until nothing is left. */
static inline void handed_run(Handed *h) {
  pthread_t id[HANDED_THREADS];
  HandedThread t[HANDED_THREADS];
  heap_open(&h->heap);
  Thr *T = heap_enter(&h->heap, 0);
  if (MM_SHARES_HEAP) handed_table(T);
  mm_blocking_begin(T);
  for (int i = 0; i < HANDED_THREADS; i++) {
    t[i] = (HandedThread){h, i};
    CHECK_EQ(pthread_create(&id[i], NULL, handed_thread, &t[i]), 0);
  }
  for (int i = 0; i < HANDED_THREADS; i++) pthread_join(id[i], NULL);
  mm_blocking_end(T);
  if (MM_SHARES_HEAP) {
    own_drop(T, retract(T, HANDED_TABLE));
    own_drop(T, retract(T, HANDED_STACK));
  }
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h->heap, T);
  heap_close(&h->heap);
}

#endif
