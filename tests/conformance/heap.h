/* heap.h: what every test of the runtime stands on: a heap whose settings are given by name, threads in it, exact counts of what
   lives, and children in which a program is meant to fail. No test framework: the plain mains under tests/tsan include it too, and a
   CHECK may stand in any thread.

   A test file is compiled once per strategy and flavour. It asks for capabilities (MM_*) or for a part (`#ifdef GIL_OF`), never for a
   strategy's name. Tests of a part are made with MechanismTest, since they exist for some strategies only. */
#ifndef RECLAIM_TESTS_HEAP_H
#define RECLAIM_TESTS_HEAP_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/work.h"

#define MechanismTest Test

/* --- Checks -------------------------------------------------------------------------------------------------------------------- */

#define CHECK(condition)     ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
#define CHECK_EQ(have, want) check_equal(__FILE__, __LINE__, #have, (int64_t)(have), (int64_t)(want))

/* Of counts of live objects, where `want` are in use: no others live, but where dead ones may be kept or are never reclaimed. */
#define CHECK_LIVE(have, want)                                                                                                   \
  (MM_RECLAIMS && !MM_CONSERVATIVE ? CHECK_EQ(have, want)                                                                        \
                                   : check_at_least(__FILE__, __LINE__, #have, (int64_t)(have), (int64_t)(want)))

/* Programs in which an object has several references in fields and locals, any of which may be the last. */
#define MANY_OWNERS (!MM_UNIQUE_OWNERS)

__attribute__((noreturn, cold, unused)) static void check_failed(const char *file, int line, const char *what) {
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
  abort();
}
static inline void check_equal(const char *file, int line, const char *what, int64_t have, int64_t want) {
  if (have == want) return;
  fprintf(stderr, "%s:%d: %s is %lld, should be %lld\n", file, line, what, (long long)have, (long long)want);
  abort();
}

static inline void check_at_least(const char *file, int line, const char *what, int64_t have, int64_t want) {
  if (have >= want) return;
  fprintf(stderr, "%s:%d: %s is %lld, should be %lld at least\n", file, line, what, (long long)have, (long long)want);
  abort();
}

/* How many random cases to try: `usual`, or what RECLAIM_SEEDS says. */
static inline uint64_t seeds(uint64_t usual) {
  const char *given = getenv("RECLAIM_SEEDS");
  return given ? strtoull(given, NULL, 10) : usual;
}

/* Ends a child. What it executed is counted, where that is done, although nothing of the parent's is to be written twice. */
#ifdef RECLAIM_COVERAGE
void __gcov_dump(void);
#endif
__attribute__((noreturn)) static inline void leave_child(int status) {
#ifdef RECLAIM_COVERAGE
  __gcov_dump();
#endif
  _exit(status);
}

/* --- A heap ---------------------------------------------------------------------------------------------------------------------- */

const reclaim_strategy *reclaim_strategy_descriptor(void);

enum { HEAP_TUNABLES = 32, CHILD_FAILED = 100 /* + enum reclaim_failure: exit code of a child */ };

typedef struct TestHeap {
  const reclaim_strategy *strategy;
  reclaim_config config;
  int64_t tunables[HEAP_TUNABLES];
  reclaim_heap *heap;
} TestHeap;

__attribute__((noreturn)) static inline void heap_failed(enum reclaim_failure why, const char *reason) {
  fprintf(stderr, "the strategy gave up: %s\n", reason);
  leave_child(CHILD_FAILED + (int)why);
}

/* Defaults, for `threads` mutators; heap_tune and config.heap_limit_bytes change them until heap_open. */
static inline void heap_init(TestHeap *h, int threads) {
  memset(h, 0, sizeof *h);
  h->strategy = reclaim_strategy_descriptor();
  CHECK(h->strategy->ntunables <= HEAP_TUNABLES);
  for (int i = 0; i < h->strategy->ntunables; i++) h->tunables[i] = h->strategy->tunables[i].def;
  h->config = (reclaim_config){
      .tunables = h->tunables,
      .sharing = threads > 1 ? RECLAIM_SHARED_WRITE : RECLAIM_PRIVATE,
      .threads = threads,
      .collector_threads = 1,
      .seed = 1,
      .fail = heap_failed,
  };
}

/* False: the strategy has no such tunable. A value out of its range is a mistake of the test. */
static inline bool heap_tune(TestHeap *h, const char *name, int64_t value) {
  for (int i = 0; i < h->strategy->ntunables; i++) {
    const reclaim_param *p = &h->strategy->tunables[i];
    if (strcmp(p->name, name)) continue;
    CHECK(value >= p->min && value <= p->max);
    h->tunables[i] = value;
    return true;
  }
  return false;
}

static inline void heap_open(TestHeap *h) {
  h->heap = h->strategy->open(&h->config);
  CHECK(h->heap);
}
static inline void heap_close(TestHeap *h) { h->strategy->close(h->heap); }

/* Makes the calling thread a running mutator; heap_leave ends that. */
static inline Thr *heap_enter(TestHeap *h, int index) {
  Thr *T = (Thr *)h->strategy->attach(h->heap, index);
  CHECK(T);
  mm_blocking_end(T);
  return T;
}
static inline void heap_leave(TestHeap *h, Thr *T) {
  mm_blocking_begin(T);
  h->strategy->detach((reclaim_thread *)T);
}

/* Collects, and counts what lives, immortal objects left out. Called by a running thread while all others are blocked. */
static inline uint64_t live_objects(Thr *T) {
  mm_epoch(T);
  mm_collect(T);
  return T->heap->live_objects;
}

/* A heap of one thread and body in it; `prepare`, which may be NULL, tunes it. `clean`: nothing is left. */
static inline void heap_do(void (*prepare)(TestHeap *), void (*body)(Thr *T), bool clean) {
  TestHeap h;
  heap_init(&h, 1);
  if (prepare) prepare(&h);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  body(T);
  if (clean) CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}
static inline void heap_run(void (*prepare)(TestHeap *), void (*body)(Thr *T)) { heap_do(prepare, body, false); }
static inline void heap_run_clean(void (*prepare)(TestHeap *), void (*body)(Thr *T)) { heap_do(prepare, body, true); }

static inline uint64_t heap_committed(TestHeap *h) {
  reclaim_stats s;
  h->strategy->stats(h->heap, &s);
  return s.committed_bytes;
}
/* A counter of the strategy's own, by its name; the test that asks for one that is not there is wrong. */
static inline uint64_t heap_counter(TestHeap *h, const char *name) {
  reclaim_stats s;
  h->strategy->stats(h->heap, &s);
  for (int i = 0; i < s.ncounters; i++)
    if (!strcmp(s.counters[i].name, name)) return s.counters[i].value;
  fprintf(stderr, "%s has no counter %s\n", h->strategy->name, name);
  abort();
}

/* --- Threads ----------------------------------------------------------------------------------------------------------------------- */

typedef void HeapBody(Thr *T, int index, void *arg);

typedef struct HeapThread {
  TestHeap *heap;
  HeapBody *body;
  void *arg;
  int index;
  pthread_t id;
} HeapThread;

static inline void *heap_thread(void *arg) {
  HeapThread *t = arg;
  Thr *T = heap_enter(t->heap, t->index);
  t->body(T, t->index, t->arg);
  heap_leave(t->heap, T);
  return NULL;
}

/* Runs body on n threads of `stack` bytes each (0: as usual), mutators 0 .. n - 1, and waits for them. */
static inline void heap_threads(TestHeap *h, int n, size_t stack, HeapBody *body, void *arg) {
  HeapThread t[64];
  pthread_attr_t attr;
  CHECK(n <= 64);
  pthread_attr_init(&attr);
  if (stack) CHECK_EQ(pthread_attr_setstacksize(&attr, stack), 0);
  for (int i = 0; i < n; i++) {
    t[i] = (HeapThread){.heap = h, .body = body, .arg = arg, .index = i};
    CHECK_EQ(pthread_create(&t[i].id, &attr, heap_thread, &t[i]), 0);
  }
  for (int i = 0; i < n; i++) pthread_join(t[i].id, NULL);
  pthread_attr_destroy(&attr);
}

/* Waits for its companions, blocked. */
static inline void heap_meet(Thr *T, pthread_barrier_t *b) {
  mm_epoch(T);
  mm_blocking_begin(T);
  pthread_barrier_wait(b);
  mm_blocking_end(T);
}

/* All threads meet; thread 0 counts what lives while the others are blocked, and they wait for that. */
static inline void heap_meet_to_count(Thr *T, pthread_barrier_t *b, int index, uint64_t *live) {
  mm_epoch(T);
  mm_blocking_begin(T);
  pthread_barrier_wait(b);
  if (index == 0) {
    mm_blocking_end(T);
    *live = live_objects(T);
    mm_blocking_begin(T);
  }
  pthread_barrier_wait(b);
  mm_blocking_end(T);
}

/* Globals without a workload. */
static inline void publish(Thr *T, int place, Slot *x) { work_publish(T, NULL, place, x); }
static inline OWNED Own global(Thr *T, int place) { return work_global(T, NULL, place); }
static inline OWNED Own retract(Thr *T, int place) { return work_retract(T, NULL, place); }

/* --- Programs that are meant to fail -------------------------------------------------------------------------------------------------- */

/* What the last child wrote to stderr. */
static char child_said[4096] __attribute__((unused));

/* Runs f(arg) in a child; its exit code (0: it came to its end), or minus the signal that ended it. */
static inline int in_child(void (*f)(void *), void *arg) {
  int ends[2];
  fflush(NULL);
  CHECK_EQ(pipe(ends), 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    f(arg);
    leave_child(0);
  }
  close(ends[1]);
  size_t have = 0;
  for (ssize_t n; (n = read(ends[0], child_said + have, sizeof child_said - 1 - have)) > 0;) have += (size_t)n;
  child_said[have] = 0;
  close(ends[0]); /* one that has more to say is ended by SIGPIPE */
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The same of what must come to its end; if it does not, what it said is shown. */
static inline void survives(void (*f)(void *), void *arg) {
  int status = in_child(f, arg);
  if (status) fprintf(stderr, "%s", child_said);
  CHECK_EQ(status, 0);
}

/* Whether the child was stopped by `why`, with these words. */
static inline bool gave_up(int status, enum reclaim_failure why, const char *words) {
  return status == CHILD_FAILED + (int)why && strstr(child_said, words);
}

#endif
