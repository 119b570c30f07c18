/* biased.c: biased counts (strategies/parts/biased.h) with all that shipped code makes of them: counting-biased.c (retain, release, who may drop
   for whom), boxes.c (queues of owners that run, sleep, come back, or have exited).

   Asked of each execution: an object dies once, by one thread; not while anybody holds it (what holders do with it and what is done to it as it
   dies is plain memory: anything else is a race); and it is dead when all references are dropped and all threads are blocked or gone.

   Counts that do not fit their fields (spill.c) are met at random only: it takes too many steps to get there. */
#include "tests/model/shipped.h"

#define MM_STRATEGY_HEADER "strategies/rc-biased.h"
#include MM_STRATEGY_HEADER
#define Slab  BoxesSlab /* spill.c has its own */
#define SLAB  BOXES_SLAB
#define leave boxes_leave_box
#include "strategies/parts/boxes.c"
#undef Slab
#undef SLAB
#undef leave
#define settle settle_and_push
#include "strategies/parts/counting-biased.c"
#undef settle
#include "strategies/parts/spill.c"

enum { THREADS = 3, OBJECTS = 2 };

static Heap heap;
static Thr threads[THREADS];
static Box boxes[THREADS + 1];
static Obj *dead_stack[THREADS][8];
static Int object[OBJECTS];
static int deaths[OBJECTS];

/* --- In the place of what this protocol stands on ------------------------------------------------------------------------------------- */

static void dies(Obj *o) {
  Int *i = (Int *)o;
  MODEL_CHECK(i->v == 7, "an object died twice");
  i->v = -1;
  deaths[i - object]++;
}
void count_die_shared(Thr *T, Obj *o) {
  (void)T;
  dies(o);
}
void count_die_pushed(Thr *T, size_t base) {
  while (T->dead.n > base) dies(T->dead.v[--T->dead.n]);
}
void count_die(Thr *T, Obj *o) {
  (void)T, (void)o;
  model_fail("an object died that was not published");
}
void stack_grow(Stack *s) {
  (void)s;
  model_fail("too many died");
}
int64_t statics_sum(Thr *T, uint32_t number) { return (void)T, (void)number, 0; }
void limbo_block(Thr *T) { (void)T; }
void limbo_unblock(Thr *T) { (void)T; }

/* biased-heap.h's, but for limbo. */
void mm_poll_slow(Thr *T) {
  if (model_planted("flag-lowered-after-the-look")) count_settle(T);
  atomic_exchange(&T->poll, 0);
  if (!model_planted("flag-lowered-after-the-look")) count_settle(T);
}

/* --- What threads do -------------------------------------------------------------------------------------------------------------------- */

/* Object 0 is published by thread 0 with so many references, which are then given to others. */
static void setup_with(uint32_t references) {
  memset(&heap.boxes, 0, sizeof heap.boxes);
  memset(&heap.spill, 0, sizeof heap.spill);
  memset(boxes, 0, sizeof boxes);
  memset(threads, 0, sizeof threads);
  heap.boxes.box = boxes;
  for (int i = 0; i < THREADS; i++) {
    threads[i].heap = &heap;
    threads[i].dead = (Stack){dead_stack[i], 0, 8};
    boxes_attach(&heap.boxes, &threads[i]);
  }
  object[0].h.word = HDR_WORD(KIND_INT, 0);
  object[0].h.count = references;
  object[0].v = 7;
  deaths[0] = 0;
  count_publish(&threads[0], &object[0].h);
}
static void setup_two(void) { setup_with(2); }
static void setup_three(void) { setup_with(3); }
static void setup_five(void) { setup_with(5); }
/* The owner has one less than fit. */
static void setup_full(void) { setup_with(BIASED_LOCAL_MAX); }

static void begin(int i) { mm_blocking_end(&threads[i]); }
static void end(int i) { mm_blocking_begin(&threads[i]); }
static void look(void) { MODEL_CHECK(object[0].v == 7, "an object died while it was held"); }
static void drops(int i) {
  look();
  mm_release(&threads[i], &object[0].h);
}
static void takes(int i) {
  look();
  mm_retain(&threads[i], &object[0].h);
}

/* One reference each. */
static void drop_one(int i) {
  begin(i);
  drops(i);
  mm_safepoint(&threads[i]);
  end(i);
}
/* The owner's comes first, or it polls while others drop. */
static void owner_works_on(int i) {
  begin(i);
  if (i) {
    drops(i);
  } else {
    mm_safepoint(&threads[0]);
    drops(0);
    mm_safepoint(&threads[0]);
  }
  end(i);
}
/* The owner sleeps and comes back. */
static void owner_sleeps(int i) {
  if (i) {
    drop_one(i);
    return;
  }
  begin(0);
  end(0);
  begin(0);
  drops(0);
  end(0);
}
/* Others count up and down more than they were given. */
static void up_and_down(int i) {
  begin(i);
  takes(i);
  drops(i);
  drops(i);
  end(i);
}
/* The other has two: the first goes below zero, the second comes when the object is queued. */
static void drop_two(int i) {
  begin(i);
  drops(i);
  if (i) drops(i);
  end(i);
}
static void owner_exits(int i) {
  begin(i);
  drops(i);
  if (i) {
    end(i);
  } else {
    count_exit(&threads[0]);
    model_saw("exits");
  }
}
static void owner_exits_first(int i) {
  begin(i);
  if (i) {
    drops(i);
    drops(i);
    end(i);
  } else {
    count_exit(&threads[0]);
  }
}
/* Thread 1 holds nothing, and finds the object in a field that it looked at before (its memory stays). */
static void reader(int i) {
  begin(i);
  if (i != 1) {
    drops(i);
  } else if (count_try_retain(&threads[1], &object[0].h)) {
    model_saw("readers in time");
    drops(1);
  }
  end(i);
}

/* The owner never sleeps: its flag tells it that something is in its box. */
static void owner_never_sleeps(int i) {
  begin(i);
  drops(i);
  while (!i && load_acquire(&object[0].h.count)) {
    mm_safepoint(&threads[0]);
    model_pause();
  }
  end(i);
}
/* The owner has gone, or goes; a reader without a reference comes and goes; thread 2 drops the last one. */
static void exits_and_reader(int i) {
  begin(i);
  if (i == 0) {
    drops(0);
    count_exit(&threads[0]);
    return;
  }
  if (i == 2) {
    drops(2);
  } else if (count_try_retain(&threads[1], &object[0].h)) {
    look();
    drops(1);
  }
  end(i);
}

/* The owner counts up beyond what fits, then all down; others drop meanwhile. */
static void owner_spills(int i) {
  begin(i);
  if (i) {
    takes(i);
    drops(i);
    drops(i);
  } else {
    for (int k = 0; k < 4; k++) takes(0);
    mm_safepoint(&threads[0]);
    for (int k = 0; k < BIASED_LOCAL_MAX - 2 + 4; k++) drops(0);
  }
  end(i);
}

static void finish(void) {
  MODEL_CHECK(deaths[0] == 1, "an object has died %d times", deaths[0]);
  MODEL_CHECK(!object[0].h.count, "a dead object's word is not 0");
  if (spill_moves(&heap.spill)) model_saw("spilled");
  MODEL_CHECK(!spill_of(&heap.spill, &object[0].h), "a dead object has spilled counts");
}

static const ModelScenario scenarios[] = {
    {"drop-one", 2, setup_two, drop_one, finish, .stale = 2, .spurious = 1},
    {"owner-works-on", 2, setup_two, owner_works_on, finish, .stale = 2},
    {"owner-never-sleeps", 2, setup_two, owner_never_sleeps, finish, .stale = 1},
    {"owner-sleeps", 2, setup_two, owner_sleeps, finish, .stale = 0},
    {"up-and-down", 2, setup_two, up_and_down, finish, .stale = 0},
    {"drop-two", 2, setup_three, drop_two, finish, .stale = 0},
    {"owner-exits", 2, setup_two, owner_exits, finish, .stale = 2},
    {"owner-exits-first", 2, setup_two, owner_exits_first, finish, .stale = 0},
    {"three-reader", 3, setup_two, reader, finish, .stale = 0},
    {"three-exits-and-reader", 3, setup_two, exits_and_reader, finish, .stale = 0},
    {"three-drop-two", 3, setup_five, drop_two, finish, .stale = 3, .random = 4000},
    {"three-spills", 3, setup_full, owner_spills, finish, .stale = 3, .random = 500},
    {"owner-sleeps-stale", 2, setup_two, owner_sleeps, finish, .stale = 2, .is_long = true},
    {"up-and-down-stale", 2, setup_two, up_and_down, finish, .stale = 2, .is_long = true},
    {"drop-two-stale", 2, setup_three, drop_two, finish, .stale = 2, .is_long = true},
    {"owner-exits-first-stale", 2, setup_two, owner_exits_first, finish, .stale = 2, .is_long = true},
    {"three-drop-one", 3, setup_three, drop_one, finish, .stale = 0, .is_long = true},
    {"three-reader-stale", 3, setup_two, reader, finish, .stale = 1, .is_long = true},
};

static const ModelFault faults[] = {
    {"drop-relaxed", MODEL_RELAXED, "biased_drop", "add", NULL, "three-reader"},
    {"drop-in-two-steps", MODEL_SPLIT, "biased_drop", "add", NULL, "three-reader"},
    {"leave-relaxed", MODEL_RELAXED, "biased_leave", "add", NULL, "three-reader"},
    {"leave-in-two-steps", MODEL_SPLIT, "biased_leave", "add", NULL, "three-reader"},
    {"merge-relaxed", MODEL_RELAXED, "biased_merge", "add", NULL, "three-reader"},
    {"merge-in-two-steps", MODEL_SPLIT, "biased_merge", "add", NULL, "three-reader"},
    {"inherit-relaxed", MODEL_RELAXED, "biased_inherit", "cas", NULL, "three-exits-and-reader"},
    {"block-relaxed", MODEL_RELAXED, "box_block", "cas", NULL, "drop-one"},
    {"close-relaxed", MODEL_RELAXED, "box_close", "cas", NULL, "owner-exits"},
    {"state-relaxed", MODEL_RELAXED, "boxes_state", "load", NULL, "owner-exits"},
    {"enter-relaxed", MODEL_RELAXED, "box_enter", "cas", NULL, "drop-one"},
    {"leave-box-relaxed", MODEL_RELAXED, "box_leave", "cas", NULL, "drop-one"},
    {"return-relaxed", MODEL_RELAXED, "box_return", "cas", NULL, "drop-one"},
    {"push-relaxed", MODEL_RELAXED, "box_push", "cas", NULL, "drop-one"},
    {"take-relaxed", MODEL_RELAXED, "box_take", "cas", NULL, "drop-one"},
    {"owner-not-told", MODEL_SKIPPED, "deliver", "store", NULL, "owner-never-sleeps"},
    {"owner-not-woken", MODEL_SKIPPED, "wake", "futex-wake", NULL, "drop-one"},
    {"owner-sleeps-blindly", MODEL_BLINDLY, "await", "futex-wait", NULL, "drop-one"},
    {"spills-without-the-mutex", MODEL_SKIPPED, "enter", "lock", NULL, "three-spills"},
    {"spills-in-two-steps", MODEL_SPLIT, "add", "add", NULL, "three-spills"},
    {"flag-lowered-after-the-look", MODEL_NOTHING, "", "", NULL, "owner-never-sleeps"},
};

int main(int argc, char **argv) {
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
