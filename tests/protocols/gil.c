/* gil.c: the hand-off of the global lock (strategies/parts/gil.c), as rc-gil uses it: polls, requests, forced hand-off, blocking regions.

   Asked of each execution: one thread at a time holds the lock, and what it did to plain memory comes before what the next one does; nobody sleeps
   for ever; who lets go because it was asked to goes on only when another has had the lock. A timed wait that ends is not given as an
   excuse: where nobody could go on but by the clock, a wake-up was lost. */
#include "tests/model/shipped.h"

#define MM_STRATEGY_HEADER "strategies/rc-gil.h"
#include "strategies/parts/gil.c"

enum { THREADS = 3 };

static Heap heap;
static Thr threads[THREADS];
static Thr *inside;
static uint64_t work, yields;
static uint32_t held; /* thread 0 has come in */

void mm_poll_slow(Thr *T) {
  uint64_t before = T->heap->gil.switches;
  bool asked = atomic_load_explicit(&T->poll, memory_order_relaxed) & GIL_POLL;
  inside = NULL;
  gil_yield(GIL_OF(T), T);
  MODEL_CHECK(!inside, "two threads hold the lock");
  inside = T;
  if (!asked) return;
  yields++;
  if (T->heap->gil.forced) MODEL_CHECK(T->heap->gil.switches >= before + 2, "a thread that was asked to let go kept the lock");
  model_saw("hand-offs");
}

static void setup_heap(bool forced) {
  memset(&heap, 0, sizeof heap);
  memset(threads, 0, sizeof threads);
  gil_init(&heap.gil, 5000000, forced);
  for (int i = 0; i < THREADS; i++) threads[i].heap = &heap, threads[i].polls_left = threads[i].poll_spacing = 1;
  inside = NULL;
  work = yields = 0;
  held = 0;
}
static void setup_forced(void) { setup_heap(true); }
static void setup_free(void) { setup_heap(false); }

static void enter(Thr *T) {
  mm_blocking_end(T);
  MODEL_CHECK(!inside, "two threads hold the lock");
  inside = T;
  work++;
}
static void leave(Thr *T) {
  work++;
  inside = NULL;
  mm_blocking_begin(T);
}

static void once(int i) {
  enter(&threads[i]);
  mm_safepoint(&threads[i]);
  leave(&threads[i]);
}
static void twice(int i) {
  once(i);
  once(i);
}
/* One works on and polls; the others want in. */
static void long_holder(int i) {
  enter(&threads[i]);
  for (int n = i ? 1 : 3; n; n--) mm_safepoint(&threads[i]);
  leave(&threads[i]);
}

/* Thread 0 holds the lock, and works on until it is asked for it. */
static void until_asked(int i) {
  if (i) {
    while (!load_acquire(&held)) model_pause();
    once(i);
    return;
  }
  enter(&threads[0]);
  store_release(&held, 1);
  while (!yields) {
    mm_safepoint(&threads[0]);
    model_pause();
  }
  leave(&threads[0]);
}

static void finish(void) {
  MODEL_CHECK(!heap.gil.holder, "the lock is held at the end");
  MODEL_CHECK(!(work % 2), "work was lost");
  for (int i = 0; i < THREADS; i++) MODEL_CHECK(!threads[i].poll, "a request is left to who does not hold the lock");
}

static const ModelScenario scenarios[] = {
    {"two-once", 2, setup_forced, once, finish, .timeouts = 2, .spurious = 1},
    {"two-twice", 2, setup_forced, twice, finish, .timeouts = 2},
    {"two-holder", 2, setup_forced, long_holder, finish, .timeouts = 3},
    {"two-unforced", 2, setup_free, long_holder, finish, .timeouts = 2},
    {"two-until-asked", 2, setup_forced, until_asked, finish, .stale = 1, .timeouts = 1},
    {"three-once", 3, setup_forced, once, finish, .timeouts = 1},
    {"three-requests", 3, setup_forced, once, finish, .timeouts = 3, .is_long = true},
    {"three-twice-at-length", 3, setup_forced, twice, finish, .timeouts = 3, .spurious = 1, .random = 200000, .is_long = true},
};

static const ModelFault faults[] = {
    {"freed-not-signalled", MODEL_SKIPPED, "gil_drop", "signal", NULL, "two-once"},
    {"switched-not-signalled", MODEL_SKIPPED, "gil_take", "signal", NULL, "two-once"},
    {"taken-without-the-mutex", MODEL_SKIPPED, "gil_take", "lock", NULL, "two-once"},
    {"dropped-without-the-mutex", MODEL_SKIPPED, "gil_drop", "lock", NULL, "two-once"},
    {"request-not-made", MODEL_SKIPPED, "gil_take", "or", NULL, "two-until-asked"},
    {"request-not-taken-back", MODEL_SKIPPED, "gil_drop", "and", NULL, "two-once"},
};

int main(int argc, char **argv) {
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
