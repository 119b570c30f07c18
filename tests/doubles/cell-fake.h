/* cell-fake.h: a strategy without objects. Its one workload does, counts and breaks what its parameters ask for, and tells back
   through counters what it was given. The two files that include it differ in capabilities. */
#define _GNU_SOURCE
#include "runtime/descriptor.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifndef DOUBLE_NAME
#error "the build says which name and flavour this object has"
#endif

enum { SPIN, BYTES, BYTES_FROM, BYTES_TO, LIVE, LEAK, COLLECTIONS, FAIL, FAIL_AT, THREADS_MOST, NPARAMS };
enum { FAIL_NONE, FAIL_HEAP, FAIL_MEMORY, FAIL_CHECK, FAIL_ALL, FAIL_EAT, FAIL_ATTACH };

static const char *const failures[] = {"none", "heap", "memory", "check", "all", "eat", "attach", NULL};
static const reclaim_param params[NPARAMS] = {
    {"spin", "rounds of arithmetic", "", 1000, 0, 1000000000, NULL},
    {"bytes", "memory touched, per thread", "bytes", 0, 0, INT64_C(1) << 40, NULL},
    {"bytes-from", "first iteration that touches memory", "", 0, 0, 1000, NULL},
    {"bytes-to", "last iteration that does", "", 1000, 0, 1000, NULL},
    {"live", "bytes declared live, per thread", "bytes", 1000, 0, INT64_C(1) << 40, NULL},
    {"leak", "objects never reclaimed, per thread and iteration", "", 0, 0, 1000, NULL},
    {"collections", "collections claimed, per iteration", "", 1, 0, 1000, NULL},
    {"fail", "how to end the cell", "", 0, 0, 6, failures},
    {"fail-at", "in which iteration", "", 0, 0, 1000, NULL},
    {"threads-most", "refuse more threads", "", 1000, 1, 100000, NULL},
};
static const reclaim_param tunables[] = {
    {"spin", "a tunable with the name of a parameter", "", 5, 0, 10, NULL},
    {"knob", "a tunable of its own", "%", 7, 0, 100, NULL},
};
enum { NTUNABLES = 2 };

struct reclaim_heap {
  const reclaim_config *config;
  pthread_barrier_t barrier;
  _Atomic uint64_t objects, runs, audits, collects, misuse, switched;
  _Atomic uint32_t iteration;
  _Atomic uint64_t cpu_of_0;
  uint64_t audited;
  uint64_t collected; /* since the last reset */
};
struct reclaim_thread {
  struct reclaim_heap *heap;
  int index;
  pthread_t self;
};

static bool makes_cycles(const int64_t *p) { return p[LEAK] > 0; }
static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  return (uint64_t)(threads * p[LIVE]);
}
static const char *refuse(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  return threads > p[THREADS_MOST] ? "more threads than threads-most" : NULL;
}

static const reclaim_setting settings[] = {{"fake-leaky", "leaks three", "leak=3", RECLAIM_PRIVATE}};
static const reclaim_workload fake = {.name = "fake",
                                      .summary = "whatever its parameters ask for",
                                      .probes = "the harness",
                                      .operation = "round",
                                      .params = params,
                                      .nparams = NPARAMS,
                                      .sharing = RECLAIM_PRIVATE | RECLAIM_SHARED_READ,
                                      .settings = settings,
                                      .nsettings = 1,
                                      .makes_cycles = makes_cycles,
                                      .live_bytes = live_bytes,
                                      .refuse = refuse};
static const reclaim_workload *const workloads[] = {&fake};

static reclaim_heap *fake_open(const reclaim_config *config) {
  struct reclaim_heap *h = calloc(1, sizeof *h);
  if (!h) return NULL;
  h->config = config;
  pthread_barrier_init(&h->barrier, NULL, (unsigned)config->threads);
  return h;
}

static void fake_close(reclaim_heap *h) {
  pthread_barrier_destroy(&h->barrier);
  free(h);
}

static reclaim_thread *fake_attach(reclaim_heap *h, int index) {
  if (h->config->params[FAIL] == FAIL_ATTACH) return NULL;
  struct reclaim_thread *t = calloc(1, sizeof *t);
  if (t) *t = (struct reclaim_thread){h, index, pthread_self()};
  return t;
}

static void fake_detach(reclaim_thread *t) {
  if (!pthread_equal(t->self, pthread_self())) abort();
  free(t);
}

/* Touches fresh memory until somebody ends the process. */
static void eat(void) {
  for (;;) {
    size_t size = (size_t)4 << 20;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED) memset(p, 1, size);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
}

static void fail_as_asked(reclaim_thread *t, uint32_t iteration) {
  const reclaim_config *c = t->heap->config;
  if ((int64_t)iteration != c->params[FAIL_AT]) return;
  int how = (int)c->params[FAIL];
  if (how == FAIL_ALL) c->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "everybody at once");
  if (t->index != c->threads - 1) return;
  if (how == FAIL_HEAP) c->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "no room for \"one\" more");
  if (how == FAIL_MEMORY) c->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system gave nothing");
  if (how == FAIL_CHECK) c->fail(RECLAIM_FAIL_CHECK, "a sum was wrong");
  if (how == FAIL_EAT) eat();
}

static void work(const reclaim_config *c, int64_t iteration) {
  volatile uint64_t x = 1;
  for (int64_t i = 0; i < c->params[SPIN]; i++) x = x * 3 + 1;
  size_t size = (size_t)c->params[BYTES];
  if (!size || iteration < c->params[BYTES_FROM] || iteration > c->params[BYTES_TO]) return;
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) c->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "mmap");
  memset(p, 1, size);
  munmap(p, size);
}

/* How often this thread has been switched so far. */
static uint64_t switched(void) {
  struct rusage u;
  getrusage(RUSAGE_THREAD, &u);
  return (uint64_t)(u.ru_nvcsw + u.ru_nivcsw);
}

static void fake_run(reclaim_thread *t, uint32_t iteration, bool audit, reclaim_result *out) {
  struct reclaim_heap *h = t->heap;
  const reclaim_config *c = h->config;
  if (!pthread_equal(t->self, pthread_self())) abort();
  atomic_store(&h->iteration, iteration);
  pthread_barrier_wait(&h->barrier); /* hangs unless all threads are here */
  if (atomic_load(&h->iteration) != iteration) atomic_fetch_add(&h->misuse, 1);
  uint64_t leaked = atomic_load(&h->objects); /* by earlier iterations */
  pthread_barrier_wait(&h->barrier);
  fail_as_asked(t, iteration);
  uint64_t before = switched();
  work(c, iteration);
  atomic_fetch_add(&h->switched, switched() - before);
  atomic_fetch_add(&h->objects, (uint64_t)c->params[LEAK]);
  if (t->index == 0) {
    atomic_store(&h->cpu_of_0, (uint64_t)sched_getcpu());
    h->collected += (uint64_t)c->params[COLLECTIONS];
    h->audited = audit ? 1000 * (uint64_t)c->threads + leaked : 0;
    atomic_fetch_add(&h->runs, 1);
    atomic_fetch_add(&h->audits, audit);
  }
  *out = (reclaim_result){.operations = (uint64_t)c->params[SPIN] + (uint64_t)t->index,
                          .checksum = 0x0fedcba987654321u + c->seed,
                          .cyclic_nodes = (uint64_t)c->params[LEAK]};
}

static void fake_collect(reclaim_thread *t) {
  if (t->index != 0 || !pthread_equal(t->self, pthread_self())) abort();
  t->heap->audited = 0;
  atomic_fetch_add(&t->heap->collects, 1);
}

static void count(reclaim_stats *s, const char *name, uint64_t value) {
  s->counters[s->ncounters++] = (reclaim_counter){name, value};
}

static void fake_stats(reclaim_heap *h, reclaim_stats *s) {
  const reclaim_config *c = h->config;
  memset(s, 0, sizeof *s);
  s->collections = h->collected;
  s->minor_collections = s->collector_wall_ns = s->collector_cpu_ns = RECLAIM_NONE;
  for (uint64_t i = 0; i < s->collections; i++) {
    s->pauses.count[reclaim_bucket(1000 * (i + 1))]++;
    s->pauses.total_count++;
    s->pauses.total_ns += 1000 * (i + 1);
    s->pauses.max_ns = 1000 * (i + 1);
  }
  s->live_objects = h->audited ? h->audited : atomic_load(&h->objects);
  s->live_bytes = 16 * s->live_objects;
  s->committed_bytes = RECLAIM_NONE;
  s->allocated_bytes = 4096;
  count(s, "cpu-of-0", atomic_load(&h->cpu_of_0));
  count(s, "heap-limit", c->heap_limit_bytes);
  count(s, "seed", c->seed);
  count(s, "collector-threads", (uint64_t)c->collector_threads);
  count(s, "knob", (uint64_t)c->tunables[1]);
  count(s, "spin-tunable", (uint64_t)c->tunables[0]);
  count(s, "sharing", c->sharing);
  count(s, "misuse", atomic_load(&h->misuse));
  count(s, "audits", atomic_load(&h->audits));
  count(s, "collects", atomic_load(&h->collects));
  count(s, "runs", atomic_load(&h->runs));
  count(s, "switched", atomic_load(&h->switched));
}

static void fake_reset_stats(reclaim_heap *h) { h->collected = 0; }

__attribute__((visibility("default"))) const reclaim_strategy *reclaim_strategy_descriptor(void) {
  static const reclaim_strategy strategy = {.abi = RECLAIM_ABI,
                                            .size = sizeof(reclaim_strategy),
                                            .name = DOUBLE_NAME,
                                            .summary = "no objects at all",
                                            .flavour = DOUBLE_FLAVOUR,
                                            .build = "a double",
                                            .pack = "",
                                            .source = "",
                                            .capabilities = FAKE_CAPABILITIES | RECLAIM_PARALLEL,
                                            .tunables = tunables,
                                            .ntunables = NTUNABLES,
                                            .workloads = workloads,
                                            .nworkloads = 1,
                                            .open = fake_open,
                                            .close = fake_close,
                                            .attach = fake_attach,
                                            .detach = fake_detach,
                                            .run = fake_run,
                                            .collect = fake_collect,
                                            .stats = fake_stats,
                                            .reset_stats = fake_reset_stats};
  return &strategy;
}
