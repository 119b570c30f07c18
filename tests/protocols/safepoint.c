/* safepoint.c: the safepoint handshake (strategies/parts/world.c), as mark-sweep uses it: threads that poll, block, come back, attach late, and
   several that want to stop the world.

   Asked of each execution: while the world is stopped nobody but who stopped it touches the heap, and what mutators did before comes before what the
   collector does, and that before what they do next (the heap is plain memory: anything else is a race); all that were entered are seen; nobody
   sleeps for ever. */
#include "tests/model/shipped.h"

#define MM_STRATEGY_HEADER "strategies/mark-sweep.h"
#include "strategies/parts/world.c"

/* Of what a strategy needs, this needs how threads come and go. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "strategies/parts/traced-heap.h"

enum { THREADS = 4 };

static Heap heap;
static Thr *threads[THREADS];
static Link roots[THREADS];
static Int object[THREADS], global; /* what they lead to */
static bool collecting;
static int collections, stops[THREADS];
static uint32_t running; /* threads that have come in */

void mm_poll_slow(Thr *T) {
  stops[T->index]++;
  world_wait(&T->heap->world, T);
}

static void attach(int i) {
  bool adopted;
  threads[i] = traced_attach(&heap, i, NULL, &adopted);
  MODEL_CHECK(threads[i], "no handle");
  if (adopted) model_saw("handles adopted");
}
static void setup_with(int n) {
  memset(&heap, 0, sizeof heap);
  world_init(&heap.world);
  heap.globals[0] = &global.h;
  global.v = 0;
  for (int i = 0; i < THREADS; i++) {
    threads[i] = NULL;
    object[i].v = 0;
    roots[i] = (Link){NULL, {&object[i].h}};
    stops[i] = 0;
  }
  for (int i = 0; i < n; i++) attach(i);
  if (model_planted("thread-not-entered")) heap.world.nthreads--;
  collecting = false;
  collections = 0;
  running = 0;
}
static void setup_two(void) { setup_with(2); }
static void setup_three(void) { setup_with(3); }
static void setup_four(void) { setup_with(4); }

/* A local, rooted, that the collector looks at. */
static void mutate(Thr *T) {
  MODEL_CHECK(!collecting, "a mutator runs while the world is stopped");
  T->top = &roots[T->index];
  object[T->index].v++;
}

static void visit(void *unused, Obj **field) {
  (void)unused;
  if (*field) ((Int *)*field)->v += 2;
}
/* The roots as tracing strategies enumerate them: as many portions as there were threads when it began, and one. */
static void collect(Thr *T) {
  if (!world_stop(&heap.world, T)) {
    model_saw("collected by another");
    return;
  }
  MODEL_CHECK(!collecting, "two collect at once");
  collecting = true;
  for (unsigned k = 0, n = (unsigned)heap.world.nthreads + 1; k < n; k++) traced_portion(&heap, k, visit, NULL);
  collecting = false;
  collections++;
  MODEL_CHECK(global.v == 2 * collections, "a collection left out a global");
  world_resume(&heap.world, T);
}

static void begin(int i) { mm_blocking_end(threads[i]); }
static void end(int i) {
  threads[i]->top = NULL;
  mm_blocking_begin(threads[i]);
}

/* Thread 0 collects, the others work, poll, and sleep now and then. */
static void collect_once(int i) {
  begin(i);
  mutate(threads[i]);
  if (i == 0) {
    collect(threads[0]);
  } else {
    mm_safepoint(threads[i]);
    mutate(threads[i]);
    mm_blocking_begin(threads[i]);
    mm_blocking_end(threads[i]);
  }
  mutate(threads[i]);
  end(i);
}
/* Everybody collects. */
static void all_collect(int i) {
  begin(i);
  mutate(threads[i]);
  collect(threads[i]);
  mutate(threads[i]);
  end(i);
}
/* Two collect, one polls. */
static void two_collect(int i) {
  if (i < 2) {
    all_collect(i);
    return;
  }
  begin(i);
  mutate(threads[i]);
  mm_safepoint(threads[i]);
  mutate(threads[i]);
  end(i);
}
/* Thread 1 never sleeps: only its poll flag tells it. */
static void never_sleeps(int i) {
  begin(i);
  if (i == 0) {
    mutate(threads[0]);
    while (!load_acquire(&running)) model_pause();
    collect(threads[0]);
  } else {
    store_release(&running, 1);
    while (!stops[1]) {
      mutate(threads[1]);
      mm_safepoint(threads[1]);
      model_pause();
    }
    model_saw("stopped by its flag");
  }
  end(i);
}
/* The last thread attaches while others run, and collect. */
static void late(int i) {
  if (i == 2) attach(2);
  all_collect(i);
}
/* A thread goes, and another comes and may have its handle, while thread 0 collects. */
static void come_and_go(int i) {
  all_collect(i);
  if (!i) return;
  traced_detach(threads[1]);
  attach(1);
  begin(1);
  mutate(threads[1]);
  end(1);
}

static void finish(void) {
  MODEL_CHECK(heap.world.running == 0 && !heap.world.stopping, "threads are counted wrongly");
  MODEL_CHECK(collections > 0, "nobody collected");
  for (int i = 0; i < heap.world.nthreads; i++)
    MODEL_CHECK(!load_relaxed(&heap.world.threads[i]->poll), "a flag is left when the world goes on");
}

static const ModelScenario scenarios[] = {
    {"two-collect-once", 2, setup_two, collect_once, finish, .stale = 2, .spurious = 1},
    {"two-all-collect", 2, setup_two, all_collect, finish, .stale = 2, .spurious = 1},
    {"three-collect-once", 3, setup_three, collect_once, finish, .stale = 0},
    {"three-two-collect", 3, setup_three, two_collect, finish, .stale = 0},
    {"never-sleeps", 2, setup_two, never_sleeps, finish, .stale = 1},
    {"attaches-late", 3, setup_two, late, finish, .stale = 0},
    {"comes-and-goes", 2, setup_two, come_and_go, finish, .stale = 1},
    {"four-at-random", 4, setup_four, two_collect, finish, .stale = 2, .spurious = 1, .random = 1000},
    {"three-collect-once-stale", 3, setup_three, collect_once, finish, .stale = 1, .is_long = true},
    {"attaches-late-stale", 3, setup_two, late, finish, .stale = 1, .is_long = true},
    {"three-all-collect", 3, setup_three, all_collect, finish, .stale = 1, .is_long = true},
};

static const ModelFault faults[] = {
    {"stopped-not-signalled", MODEL_SKIPPED, "leave", "signal", NULL, "two-collect-once"},
    {"resumed-wakes-one", MODEL_ONE, "world_resume", "broadcast", NULL, "three-collect-once"},
    {"flags-not-raised", MODEL_SKIPPED, "raise_polls", "store", NULL, "never-sleeps"},
    {"thread-not-entered", MODEL_NOTHING, "", "", NULL, "never-sleeps"},
    {"blocks-without-the-mutex", MODEL_SKIPPED, "world_block", "lock", NULL, "two-collect-once"},
    {"returns-without-the-mutex", MODEL_SKIPPED, "world_unblock", "lock", NULL, "two-collect-once"},
    {"resumes-without-the-mutex", MODEL_SKIPPED, "world_resume", "lock", NULL, "two-collect-once"},
    {"attaches-without-the-mutex", MODEL_SKIPPED, "world_attach", "lock", NULL, "attaches-late"},
};

int main(int argc, char **argv) {
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
