/* team.c: three words, one for each thing that is waited for: a turn handed out, all awake, all finished. Each holds the number
   of the last turn for which that came true, so that a late waker never takes an old event for a new one.

   A job begins when the caller raises `turn`. Members wake one after another, and the last to arrive stamps the start and
   raises `go`; the others have been spinning for a moment and leave at once. The last to finish stamps the end and raises
   `finished`. */
#define _GNU_SOURCE
#include "harness/cell/team.h"
#include "harness/cell/control.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rounds of spinning at the start, some tens of microseconds: about what waking a thread takes. */
enum { SPINS = 2000 };

struct member {
  struct cell_team *team;
  int index;
  pthread_t thread;
};

struct cell_team {
  _Atomic uint32_t turn, go, finished;
  _Atomic int ready, done;
  int threads, spins;
  cell_job *job; /* NULL: go home */
  void *context;
  struct cell_sampler *sampler;
  struct cell_window window;
  struct member members[];
};

/* Waits until the word has come to `turn`. Acquires what was written before it was raised. */
static void await_acquire(_Atomic uint32_t *word, uint32_t turn, int spins) {
  uint32_t seen;
  while ((seen = atomic_load_explicit(word, memory_order_acquire)) != turn) {
    if (spins-- > 0) {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#endif
    } else {
      syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
  }
}

static void raise_release(_Atomic uint32_t *word, uint32_t turn) {
  atomic_store_explicit(word, turn, memory_order_release);
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* The clock is read next to the work: last at the start, first at the end. */
static void stamp_start(struct cell_team *t) {
  if (t->sampler) t->window.start.sampler = cell_sampler_used(t->sampler);
  getrusage(RUSAGE_SELF, &t->window.start.use);
  t->window.start.at_ns = cell_now_ns();
}

static void stamp_end(struct cell_team *t) {
  t->window.end.at_ns = cell_now_ns();
  getrusage(RUSAGE_SELF, &t->window.end.use);
  if (t->sampler) t->window.end.sampler = cell_sampler_used(t->sampler);
}

static void *member(void *argument) {
  struct member *m = argument;
  struct cell_team *t = m->team;
  for (uint32_t turn = 1;; turn++) {
    await_acquire(&t->turn, turn, 0);
    if (!t->job) return NULL;
    if (atomic_fetch_add_explicit(&t->ready, 1, memory_order_acq_rel) + 1 == t->threads) {
      stamp_start(t);
      raise_release(&t->go, turn);
    } else {
      await_acquire(&t->go, turn, t->spins);
    }
    t->job(m->index, t->context);
    if (atomic_fetch_add_explicit(&t->done, 1, memory_order_acq_rel) + 1 == t->threads) {
      stamp_end(t);
      raise_release(&t->finished, turn);
    }
  }
}

static void hand_out(struct cell_team *t, cell_job *job, void *context) {
  t->job = job;
  t->context = context;
  atomic_store_explicit(&t->ready, 0, memory_order_relaxed);
  atomic_store_explicit(&t->done, 0, memory_order_relaxed);
  raise_release(&t->turn, atomic_load_explicit(&t->turn, memory_order_relaxed) + 1);
}

struct cell_window cell_team_do(struct cell_team *t, cell_job *job, void *context) {
  hand_out(t, job, context);
  await_acquire(&t->finished, atomic_load_explicit(&t->turn, memory_order_relaxed), 0);
  return t->window;
}

void cell_team_watch(struct cell_team *t, struct cell_sampler *sampler) { t->sampler = sampler; }

void cell_team_end(struct cell_team *t) {
  hand_out(t, NULL, NULL);
  for (int i = 0; i < t->threads; i++) pthread_join(t->members[i].thread, NULL);
  free(t);
}

struct cell_team *cell_team_start(int threads, bool oversubscribed, char *err, size_t nerr) {
  struct cell_team *t = calloc(1, sizeof *t + (size_t)threads * sizeof *t->members);
  int failure = t ? 0 : ENOMEM;
  if (t) t->spins = oversubscribed ? 0 : SPINS;
  for (int i = 0; t && i < threads && !failure; i++) {
    t->members[i] = (struct member){.team = t, .index = i};
    failure = pthread_create(&t->members[i].thread, NULL, member, &t->members[i]);
    if (!failure) t->threads++;
  }
  if (!failure) return t;
  snprintf(err, nerr, "cannot start %d threads: %s", threads, strerror(failure));
  if (t) cell_team_end(t); /* those that were started */
  return NULL;
}
