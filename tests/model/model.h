/* model.h: a model checker for the protocols by which threads of a strategy deal with each other. A protocol is not rewritten for it: the
   test includes the shipped source (after model/shipped.h, which puts the model's mutexes, condition variables, futexes and threads in the
   place of the system's), and is compiled with -fsanitize=thread but not linked with that sanitizer: so every access to memory, atomic or
   plain, with its size and its memory order, is a call to us (model/hooks.c). Threads are coroutines, and one runs at a time.

   ## What is searched

   Every order in which the threads' visible steps (atomic accesses, locks, waits, wake-ups) can follow each other, and for every atomic load
   everything that it may return (model/memory.c): it need not be what was written last, nor does a store have to come last. Two orders that differ in neighbouring steps that
   do not touch the same thing are one, and are visited once: dynamic partial-order reduction (Flanagan, Godefroid, POPL 2005) with sleep
   sets (Godefroid 1996); see model/explore.c. Threads, steps, and loads that look back are bounded by the scenario and by nothing else, so
   what is said of a scenario holds for all its executions.

   ## What is found

     races      two accesses to the same bytes, at least one of them plain and one a write, neither before the other
     deadlocks  nobody can go on; a wake-up that was lost ends so
     livelocks  an execution has more steps than MODEL_STEPS
     failures   of MODEL_CHECK, in a thread or at the end of an execution

   ## That it would be found

   A scenario is worth what it finds, so faults are planted: at a step of the shipped code that is named by its function (ModelEffect), or in a
   function that the test replaces where model_planted says so. The test fails unless each is found. */
#ifndef RECLAIM_TESTS_MODEL_H
#define RECLAIM_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 5, MODEL_STEPS = 4000 };

typedef struct ModelScenario {
  const char *name;
  int threads;           /* that call `thread`; pthread_create in `setup` makes more */
  void (*setup)(void);   /* before each execution; the model looks away */
  void (*thread)(int i); /* what thread i does */
  void (*finish)(void);  /* after each execution that came to its end; may be NULL */
  unsigned stale;        /* loads and stores of an execution that may pass by the newest message (memory.c) */
  unsigned timeouts;     /* timed waits that may come to their end while others could go on */
  unsigned spurious;     /* waits that may end for no reason */
  bool idle_timeouts;    /* a timed wait ends where nobody can go on; otherwise that is a deadlock */
  size_t random;         /* so many executions at random; 0: all there are */
  bool is_long;          /* only with --long */
} ModelScenario;

typedef enum ModelEffect {
  MODEL_NOTHING, /* what model_planted says */
  MODEL_RELAXED, /* the step has no memory order */
  MODEL_SPLIT,   /* a load and a store instead of one atomic step */
  MODEL_SKIPPED, /* it is not done: a store, a wake-up, a lock */
  MODEL_AGAIN,   /* a load returns what the thread's last load of the same place did */
  MODEL_BLINDLY, /* a futex wait sleeps without a look at the word */
  MODEL_ONE,     /* a wake-up of all wakes one */
} ModelEffect;

typedef struct ModelFault {
  const char *name;
  ModelEffect effect;
  const char *in;       /* the function whose step it is */
  const char *op;       /* load, store, exchange, cas, add, sub, and, or; lock, wait, signal, broadcast; futex-wait, futex-wake */
  const char *text;     /* to be found in its operands; NULL: any */
  const char *scenario; /* which is to find it; NULL: any */
} ModelFault;

/* Explores all scenarios, then plants each fault and expects it to be found. The exit status: 0 where all is as it should be.

   Options: --long (all scenarios, also those that take minutes), --scenario NAME, --fault NAME (only that, and the steps that led to it), --orders
   (without reduction), --weaken (instead of planting faults, takes the memory order of each step away in turn). */
int model_main(int argc, char **argv, const ModelScenario *scenarios, int nscenarios, const ModelFault *faults, int nfaults);

/* The same for one scenario and one fault (or NULL), without a word: whether nothing was found. */
bool model_explore(const ModelScenario *, const ModelFault *);

/* From here on without reduction, or with it: every order of steps, each of them many times over. */
void model_all_orders(bool);

/* Whether this fault is planted in the execution under way. */
bool model_planted(const char *name);
/* Ends the execution: something is wrong. */
__attribute__((noreturn, format(printf, 1, 2))) void model_fail(const char *format, ...);
#define MODEL_CHECK(condition, ...) ((condition) ? (void)0 : model_fail(__VA_ARGS__))
/* Who runs: 0 .. threads - 1, or -1 in setup and finish. */
int model_self(void);
/* In a loop that waits for others: goes on when one of them has written something, or nobody can go on. (Shipped loops that spin for a
   bounded time need none: they spin once here.) */
void model_pause(void);
/* Any of 0 .. n - 1: all are tried. */
unsigned model_choose(unsigned n);
/* Counts something that should have happened in some execution at least; see model_main's output. */
void model_saw(const char *what);

#endif
