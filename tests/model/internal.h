/* internal.h: what the parts of the model checker know of each other. explore.c decides who runs and what is tried next; memory.c what a load
   may return, and whether two accesses race; hooks.c is what the tested code calls. */
#ifndef RECLAIM_TESTS_MODEL_INTERNAL_H
#define RECLAIM_TESTS_MODEL_INTERNAL_H

#include "tests/model/model.h"

enum { LOCATIONS = 96 };

/* What a thread knows: per location the oldest message that it may still read, per thread the time up to which everything that one did came
   before. */
typedef struct View {
  uint16_t from[LOCATIONS];
  uint16_t clock[MODEL_THREADS];
} View;
void view_join(View *into, const View *);

/* --- Steps ------------------------------------------------------------------------------------------------------------------------ */

typedef enum StepKind {
  STEP_NONE, /* nothing that another could notice */
  STEP_LOAD,
  STEP_STORE,
  STEP_UPDATE, /* a load and a store that are one */
  STEP_LOCK,
  STEP_COND_WAIT, /* begins to wait, and gives the mutex `also` back */
  STEP_COND_WAKE,
  STEP_FUTEX_WAIT,
  STEP_FUTEX_WAKE,
  STEP_EARLY, /* whoever waits at `at` goes on without having been woken */
  STEP_PAUSE,
  STEP_JOIN,
} StepKind;

typedef struct Step {
  StepKind kind;
  uint8_t size;
  uintptr_t at, also;
  const char *in, *op, *text; /* where it stands in the source; NULL: in the test */
} Step;

/* The model itself cannot go on: nothing is said of the protocol. */
__attribute__((noreturn)) void model_give_up(const char *why);

/* --- explore.c ------------------------------------------------------------------------------------------------------------------- */

/* Whether an execution is under way, and a thread of it is running. */
bool exploring(void);
/* Whether setup or finish is running. */
bool preparing(void);
int running(void);
/* What the site said of the next step, and what is planted there. */
ModelEffect take_site(Step *);
/* A step that has a memory order. */
void note_ordered(const Step *);
/* Whether a lock is planted not to be taken, so that it may be given back by who has not got it. */
bool lock_is_skipped(void);
/* The running thread is about to make this step: returns when it is its turn. */
void turn(const Step *);
/* One of n. */
unsigned choose(unsigned n);
/* The same for what a load returns; 0 is the newest. */
unsigned choose_stale(unsigned n);
/* Shows beside the step in a list of steps. */
void note_value(uint64_t);
/* Something was written: who pauses may look again. */
void note_write(void);
/* A thread that is woken: what it does next is `step`. */
void wake(int thread, const Step *step);
/* The running thread sleeps at `at` until it is woken; true: it came back early (`early`: it may). */
bool sleep_at(uintptr_t at, bool timed);
/* Threads that sleep there, a bit each. */
unsigned sleepers(uintptr_t at);
int start_thread(void *(*)(void *), void *arg);
bool is_finished(int thread);
/* What was done up to now by the running thread comes before what `into` says; and the other way. For reduction only. */
void order_release(uint16_t into[MODEL_THREADS]);
void order_acquire(const uint16_t from[MODEL_THREADS]);
void order_acquire_thread(int thread);

/* --- memory.c --------------------------------------------------------------------------------------------------------------------- */

void memory_begin(void);
View *view_of(int thread);

enum { PLAIN_READ, PLAIN_WRITE, ATOMIC_READ, ATOMIC_WRITE, ACCESSES };
void memory_plain(uintptr_t at, size_t size, bool write);
uint64_t memory_load(uintptr_t at, unsigned size, int order, bool again);
void memory_store(uintptr_t at, unsigned size, uint64_t value, int order);
/* The value that an update reads, and the store that follows it at once: memory_update_end. */
uint64_t memory_update(uintptr_t at, unsigned size, int order);
void memory_update_end(uintptr_t at, unsigned size, uint64_t value, int order);
/* Whether a compare-and-swap that expects this is made (memory_update_end is to follow); else *expected is what it found instead. */
bool memory_compare(uintptr_t at, unsigned size, uint64_t *expected, int order, int fails);
/* As the kernel sees it. */
uint32_t memory_newest(uintptr_t at);

#endif
