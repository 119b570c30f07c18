/* objectlock.c: the object lock (strategies/parts/park.c) while a collector moves objects (region-trace.c, of mark-region) in a stopped world
   (world.c): an address is what a waiter has, and what its futex is found by.

   Threads take the lock of one shared list, write to it, and give the lock back; another stops the world and moves the list. (It never finds the
   lock held: its holder does not poll. That an object stays where its lock is not 0 is a second line of defence, checked with two workers.) Asked of each execution: one thread at a time is inside, and what it wrote is there for the next, wherever
   the list is by then; nobody touches the place that it was moved from; nobody sleeps for ever.

   And several workers that move the same object at the same time agree on where it is, and copy it once. */
#include "tests/model/shipped.h"

#include "runtime/base.h"

/* A loop that waits for another worker, and has no bound. */
static bool waits_for_others;
#define cpu_relax() (waits_for_others ? model_pause() : (void)0)

#define MM_STRATEGY_HEADER "strategies/mark-region.h"
#define leave              world_leave
#define enter              world_enter
#include "strategies/parts/world.c"
#undef leave
#undef enter
#include MM_STRATEGY_HEADER
#include "strategies/parts/crew.c"
#include "strategies/parts/marks.c"
#include "strategies/parts/park.c"
#include "strategies/parts/region-trace.c"
#include "strategies/parts/trace.c"

enum { THREADS = 3, OBJECTS = 3, PLACES = 8, BYTES = 64 };

static Heap heap;
static Thr threads[THREADS];
static Link root[THREADS];
static RegionWorker workers[2];
static Region region;
static Obj *stacks[2][16];
static Chunk *chunk;
static List *inside;
static int rounds;

/* --- In the place of what this protocol stands on ------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void not_here(void) { model_fail("the test has no use for that"); }
void chunks_walk_begin(Chunks *C) { (void)C, not_here(); }
void chunks_walk_end(Chunks *C) { (void)C, not_here(); }
bool chunks_walk(Chunks *C, void (*f)(void *, Unit *), void *ctx) { (void)C, (void)f, (void)ctx, not_here(); }
Unit *chunks_get(Chunks *C, size_t bytes, size_t limit, bool *none) { (void)C, (void)bytes, (void)limit, (void)none, not_here(); }
void *region_copy_slow(Region *R, RegionThread *into, size_t size) { (void)R, (void)into, (void)size, not_here(); }

/* mark-region.c's, without a remembered set. */
void mm_poll_slow(Thr *T) {
  world_wait(&T->heap->world, T);
  world_lower(&T->heap->world, T);
}

/* --- The heap: a unit in which the list lies, and one that copies go to -------------------------------------------------------------------- */

static char *place(unsigned unit, size_t n) { return (char *)chunk + unit * UNIT_BYTES + 16 + n * BYTES; }

static List *make_list(char *at) {
  List *l = (List *)at;
  l->h.word = HDR_WORD(KIND_LIST, 0) & UINT32_MAX;
  l->h.bits = OBJ_SHARED;
  l->arr = NULL;
  return l;
}
static void setup(void) {
  if (!chunk && !(chunk = aligned_alloc(CHUNK_BYTES, CHUNK_BYTES))) abort();
  for (unsigned u = 2; u < 4; u++) {
    memset(&chunk->unit[u], 0, sizeof chunk->unit[u]);
    memset(place(u, 0) - 16, 0, PLACES * BYTES + 16);
    *mark_word(place(u, 0)) = 0;
    *second_mark_word(place(u, 0)) = 0;
  }
  chunk->unit[2].flags = BLOCK_CANDIDATE;
  memset(&heap.world, 0, sizeof heap.world);
  memset(threads, 0, sizeof threads);
  memset(workers, 0, sizeof workers);
  memset(&region, 0, sizeof region);
  world_init(&heap.world);
  for (int i = 0; i < THREADS; i++) threads[i].heap = &heap;
  for (int i = 0; i < 2; i++) {
    workers[i].region = &region;
    workers[i].into.small = (Hole){place(3, (size_t)i * 4), place(3, (size_t)i * 4 + 4), &chunk->unit[3]};
    workers[i].w.stack = stacks[i];
    workers[i].w.room = workers[i].w.capacity = 16;
    workers[i].w.number = i;
  }
  inside = NULL;
  rounds = 0;
  waits_for_others = false;
}
static void setup_lock(int n) {
  setup();
  List *l = make_list(place(2, 0));
  for (int i = 0; i < n; i++) {
    world_attach(&heap.world, &threads[i]);
    root[i] = (Link){NULL, {&l->h}};
    threads[i].top = &root[i];
  }
}
static void setup_two(void) { setup_lock(2); }
static void setup_three(void) { setup_lock(3); }

/* --- Lock, write, unlock; and move ----------------------------------------------------------------------------------------------------------- */

static void lock_and_write(int i) {
  Thr *T = &threads[i];
  Slot *x = &root[i].s;
  List *before = (List *)x->p_;
  park_lock(T, x->p_);
  List *l = model_planted("slot-not-read-again") ? before : (List *)x->p_;
  MODEL_CHECK(!inside, "two threads hold the lock");
  MODEL_CHECK(load_relaxed(&x->p_->lock), "the lock was taken where the list was before");
  inside = l;
  l->arr = (Array *)((char *)l->arr + 16);
  rounds++;
  inside = NULL;
  park_unlock(x->p_);
}
static void begin(int i) { mm_blocking_end(&threads[i]); }
static void end(int i) { mm_blocking_begin(&threads[i]); }

static void move_list(Thr *T) {
  if (!world_stop(&heap.world, T)) return;
  for (int i = 0; i < heap.world.nthreads; i++)
    for (Link *l = heap.world.threads[i]->top; l; l = l->prev) {
      if (l != &root[i]) model_saw("moves under a waiter");
      if (l != &root[i] && model_planted("waiter-not-rooted")) continue;
      Obj *o = l->s.p_;
      MODEL_CHECK(!o->lock, "a lock is held while the world is stopped");
      visit(&workers[0].w, &l->s.p_, true, false, true);
      if (l->s.p_ != o) ((List *)o)->arr = (Array *)-1; /* what is there is nobody's */
    }
  model_saw("moves");
  chunk->unit[2].flags = chunk->unit[3].flags = 0;
  world_resume(&heap.world, T);
}

static void one_round(int i) {
  begin(i);
  lock_and_write(i);
  mm_safepoint(&threads[i]);
  end(i);
}
static void lock_and_move(int i) {
  begin(i);
  if (i == 0) {
    move_list(&threads[0]);
    lock_and_write(0);
  } else {
    lock_and_write(i);
    mm_safepoint(&threads[i]);
    lock_and_write(i);
  }
  end(i);
}
/* Thread 0 only moves. */
static void two_and_mover(int i) {
  if (i) {
    one_round(i);
    return;
  }
  begin(0);
  move_list(&threads[0]);
  end(0);
}

static void finish(void) {
  List *l = (List *)root[0].s.p_;
  MODEL_CHECK(!l->h.lock, "the lock is held at the end");
  MODEL_CHECK((uintptr_t)l->arr == (uintptr_t)rounds * 16, "a write is lost");
  for (int i = 0; i < heap.world.nthreads; i++) MODEL_CHECK(root[i].s.p_ == &l->h, "threads see different lists");
}

/* --- Two workers move the same list -------------------------------------------------------------------------------------------------------------- */

static Obj *field[2];
static void setup_workers(void) {
  setup();
  waits_for_others = true;
  List *l = make_list(place(2, 0));
  l->arr = (Array *)48;
  field[0] = field[1] = &l->h;
}
static void setup_no_room(void) {
  setup_workers();
  for (int i = 0; i < 2; i++) workers[i].into.small.cur = workers[i].into.small.end;
  region.walking = true;
}
static void setup_locked(void) {
  setup_workers();
  field[0]->lock = 2;
}
static void move_fields(int i) {
  visit(&workers[i].w, &field[i], false, false, true);
  MODEL_CHECK(((List *)field[i])->arr == (Array *)48, "a copy is not complete");
}
static void finish_workers(void) {
  MODEL_CHECK(field[0] == field[1], "fields lead to different copies");
  MODEL_CHECK(workers[0].moved + workers[1].moved + workers[0].stayed_now + workers[1].stayed_now + workers[0].pinned +
                      workers[1].pinned ==
                  1,
              "it was decided more than once");
  MODEL_CHECK(workers[0].w.n + workers[1].w.n == 1, "it is to be scanned %zu times", workers[0].w.n + workers[1].w.n);
}

static void finish_in_place(void) {
  finish_workers();
  MODEL_CHECK(field[0] == (Obj *)place(2, 0) && field[0]->kind == KIND_LIST, "an object was moved that had to stay");
}

static const ModelScenario scenarios[] = {
    {"lock-two", 2, setup_two, one_round, finish, .stale = 2, .spurious = 1},
    {"lock-three-at-random", 3, setup_three, one_round, finish, .stale = 2, .random = 2000},
    {"lock-and-move", 2, setup_two, lock_and_move, finish, .stale = 0},
    {"two-and-mover-at-random", 3, setup_three, two_and_mover, finish, .stale = 2, .spurious = 1, .random = 4000},
    {"two-workers-move", 2, setup_workers, move_fields, finish_workers, .stale = 2},
    {"two-workers-no-room", 2, setup_no_room, move_fields, finish_in_place, .stale = 2},
    {"two-workers-locked", 2, setup_locked, move_fields, finish_in_place, .stale = 2},
    {"two-and-mover", 3, setup_three, two_and_mover, finish, .stale = 0, .is_long = true},
};

static const ModelFault faults[] = {
    {"lock-relaxed", MODEL_RELAXED, "park_lock", "cas", NULL, "lock-two"},
    {"lock-in-two-steps", MODEL_SPLIT, "park_lock", "cas", NULL, "lock-two"},
    {"unlock-relaxed", MODEL_RELAXED, "park_unlock", "exchange", NULL, "lock-two"},
    {"unlock-in-two-steps", MODEL_SPLIT, "park_unlock", "exchange", NULL, "lock-two"},
    {"slow-lock-relaxed", MODEL_RELAXED, "park_lock_slow", "exchange", NULL, "lock-two"},
    {"not-woken", MODEL_SKIPPED, "park_wake", "futex-wake", NULL, "lock-two"},
    {"word-not-moved-on", MODEL_SKIPPED, "park_wake", "add", NULL, "lock-two"},
    {"sleeps-blindly", MODEL_BLINDLY, "park_lock_slow", "futex-wait", NULL, "lock-two"},
    {"slot-not-read-again", MODEL_NOTHING, "", "", NULL, "two-and-mover-at-random"},
    {"waiter-not-rooted", MODEL_NOTHING, "", "", NULL, "two-and-mover-at-random"},
    {"claim-in-two-steps", MODEL_SPLIT, "move_together", "cas", NULL, "two-workers-move"},
    {"forwarded-relaxed", MODEL_RELAXED, "move_together", "store", NULL, "two-workers-move"},
    {"looked-at-relaxed", MODEL_RELAXED, "move_together", "load", NULL, "two-workers-move"},
};

int main(int argc, char **argv) {
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
