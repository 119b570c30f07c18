/* fake.h: the body of the fake strategies, written once. A double includes it after saying what it can do (DOUBLE_CAPABILITIES). The
   build gives DOUBLE_NAME and DOUBLE_FLAVOUR.

   The workload `work` computes a checksum from its size, the iteration and the number of threads, and spins for a while; `misbehave`
   makes it crash, hang, eat memory, compute something else, or fail as a strategy fails. A fault can be kept to one iteration, and to one
   process in so many (`every`), so that a sweep has good and bad invocations of one cell. */
#include "runtime/descriptor.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING, CRASH, ABORT, HANG, SPIN, EAT, LIE, HEAP, EXIT, FLOOD, ORPHAN, ENVIRONMENT };
static const char *const ways[] = {"nothing", "crash", "abort", "hang",  "spin",   "eat",
                                   "lie",     "heap",  "exit",  "flood", "orphan", "environment"};
enum { P_SIZE, P_US, P_MISBEHAVE, P_AT, P_BYTES, P_CYCLES, P_MODE, NPARAMS };

static const char *const modes[] = {"plain", "fancy"};
static const reclaim_param params[NPARAMS] = {
    {"size", "operations per thread and iteration", "", 1000, 1, 1000000000, NULL},
    {"us", "time that an iteration takes", "us", 200, 0, 10000000, NULL},
    {"misbehave", "what goes wrong", "", NOTHING, 0, ENVIRONMENT, ways},
    {"at", "the iteration in which it goes wrong", "", 1, 0, 1000, NULL},
    {"block-bytes", "memory per bite when it eats", "bytes", 8 << 20, 4096, 1 << 30, NULL},
    {"cyclic", "whether it makes cycles", "", 0, 0, 1, NULL},
    {"mode", "a choice that changes nothing", "", 0, 0, 1, modes},
};
static const reclaim_param tunables[] = {{"spice", "a tunable that changes nothing", "", 3, 0, 9, NULL},
                                         {"lie", "compute another checksum", "", 0, 0, 1, NULL},
                                         {"size", "hidden by the workload's parameter of this name", "", 1, 0, 9, NULL}};

struct reclaim_heap {
  const reclaim_config *config;
};
struct reclaim_thread {
  reclaim_heap *heap;
  int index;
};

static bool makes_cycles(const int64_t *p) { return p[P_CYCLES]; }
static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  return (uint64_t)p[P_SIZE] * 16 * (sharing == RECLAIM_PRIVATE ? (uint64_t)threads : 1) + 4096;
}
static const char *refuse(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  return p[P_SIZE] == 13 ? "size must not be 13" : p[P_SIZE] == 17 && threads > 1 ? "size 17 is for one thread" : NULL;
}

static const reclaim_setting settings[] = {{"work-small", "the same with a tenth of the size", "size=100", RECLAIM_PRIVATE}};
static const reclaim_workload work = {.name = "work",
                                      .summary = "spins for a moment",
                                      .probes = "nothing",
                                      .operation = "step",
                                      .params = params,
                                      .nparams = NPARAMS,
                                      .sharing = RECLAIM_PRIVATE | RECLAIM_SHARED_WRITE,
                                      .known_lifetimes = RECLAIM_PRIVATE,
                                      .settings = settings,
                                      .nsettings = 1,
                                      .makes_cycles = makes_cycles,
                                      .live_bytes = live_bytes,
                                      .refuse = refuse};
static const reclaim_workload quiet = {.name = "quiet",
                                       .summary = "the same without a setting",
                                       .probes = "nothing",
                                       .operation = "step",
                                       .params = params,
                                       .nparams = NPARAMS,
                                       .sharing = RECLAIM_PRIVATE,
                                       .makes_cycles = makes_cycles,
                                       .live_bytes = live_bytes};
static const reclaim_workload *const workloads[] = {&work, &quiet};

static void eat(uint64_t bite) {
  for (;;) {
    char *p = malloc(bite);
    if (!p) abort();
    memset(p, 1, bite);
  }
}

/* Tells through its reason how many settings of a malloc it sees. */
static void show_environment(const reclaim_config *c) {
  static const char *const names[] = {"MALLOC_ARENA_MAX", "MIMALLOC_VERBOSE", "GLIBC_TUNABLES"};
  char reason[64];
  int n = 0;
  for (int i = 0; i < 3; i++) n += getenv(names[i]) != NULL;
  snprintf(reason, sizeof reason, "malloc settings: %d", n);
  c->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, reason);
}

static void leave_orphan(void) {
  if (fork() == 0)
    for (;;) pause(); /* holds every pipe open */
}

static void misbehave(const reclaim_config *c) {
  switch (c->params[P_MISBEHAVE]) {
  case CRASH:
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would make something else of it */
    raise(SIGSEGV);
    break;
  case ABORT: abort();
  case HANG:
    for (;;) pause();
  case SPIN:
    for (volatile int i = 0;; i++) {}
  case EAT: eat((uint64_t)c->params[P_BYTES]); break;
  case HEAP: c->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "the heap is too small for the double"); break;
  case EXIT: _exit(3);
  case FLOOD:
    for (int i = 0; i < 100000; i++) fprintf(stderr, "line %d of many\n", i);
    break;
  case ENVIRONMENT: show_environment(c); break;
  case ORPHAN: leave_orphan(); break;
  default: break;
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static reclaim_heap *heap_open(const reclaim_config *config) {
  reclaim_heap *h = calloc(1, sizeof *h);
  if (h) h->config = config;
  return h;
}
static void heap_close(reclaim_heap *h) { free(h); }
static reclaim_thread *attach(reclaim_heap *h, int index) {
  reclaim_thread *t = calloc(1, sizeof *t);
  if (t) *t = (reclaim_thread){h, index};
  return t;
}
static void detach(reclaim_thread *t) { free(t); }

static void run(reclaim_thread *t, uint32_t iteration, bool audit, reclaim_result *out) {
  (void)audit;
  const reclaim_config *c = t->heap->config;
  double end = now() + (double)c->params[P_US];
  if (iteration == (uint32_t)c->params[P_AT] && t->index == 0) misbehave(c);
  while (now() < end) {}
  uint64_t sum = (uint64_t)c->params[P_SIZE] * 0x9E3779B97F4A7C15u + iteration * 977u + (uint64_t)c->threads * 31 + c->seed;
  if (c->tunables[1]) sum ^= 2;
  if (c->params[P_MISBEHAVE] == LIE && iteration == (uint32_t)c->params[P_AT]) sum ^= 1;
  *out = (reclaim_result){.operations = (uint64_t)c->params[P_SIZE], .checksum = sum, .cyclic_nodes = 0};
}

static void collect(reclaim_thread *t) { (void)t; }
static void stats(reclaim_heap *h, reclaim_stats *out) {
  (void)h;
  memset(out, 0, sizeof *out);
  out->collections = 5;
  out->counters[0] = (reclaim_counter){"steps", 7};
  out->ncounters = 1;
}
static void reset_stats(reclaim_heap *h) { (void)h; }

static const reclaim_strategy strategy = {
    .abi = RECLAIM_ABI,
    .size = sizeof strategy,
    .name = DOUBLE_NAME,
    .summary = "a double for tests",
    .flavour = DOUBLE_FLAVOUR,
    .build = "test",
    .pack = "",
    .source = "",
    .capabilities = DOUBLE_CAPABILITIES,
    .tunables = tunables,
    .ntunables = 3,
    .workloads = workloads,
    .nworkloads = 2,
    .open = heap_open,
    .close = heap_close,
    .attach = attach,
    .detach = detach,
    .run = run,
    .collect = collect,
    .stats = stats,
    .reset_stats = reset_stats,
};

__attribute__((visibility("default"))) const reclaim_strategy *reclaim_strategy_descriptor(void) { return &strategy; }
