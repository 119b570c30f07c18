/* soak: whether a strategy can go on for ever. Each object that is named runs in one process of its own: one heap, in which all workloads that
   it can run take turns, at small sizes, in all modes and with each of their choices, by threads that come and go.

     soak [--minutes M | --turns N] [--size N] OBJECT.so...

   After each mode of a turn the heap is collected and must hold nothing. A cell's checksum must be the same in every turn, and that of
   every other object. After each turn the process's resident memory is looked at: it must not grow for ever.

   Left out of what a strategy runs is what it leaks by its nature (cycles, where nothing finds them), or cannot run. One that
   reclaims nothing at all takes TURNS_NONE turns, for the checksums.

   ## Whether memory grows

   Resident memory is not a constant: allocators keep what was freed, heaps adapt. So no size is a fault, but a trend is. The first half of the
   turns is warm-up. Of the others, two things are asked, both free of assumptions about noise:

     - is there a trend at all? Mann (1945), Kendall (1975): of all pairs of samples, those that rise less those that fall; under "no trend" a sum of
       known variance. Beyond TREND_Z standard deviations, one in a thousand, there is one;
     - is it worth anything? Theil (1950), Sen (1968): the median of the slopes of all pairs, times the length of the series, against the allowance.

   The allowance is a hundredth of the median, ALLOWANCE, and THREAD_BYTES for each thread that has ended since warm-up: strategies whose threads have a
   number for ever (parts/boxes.h) keep 64 bytes for each. A leak of the heap itself needs no trend: the exact count finds it in one turn.

   Exit status: 0; 1 a checksum, a leak, a trend or a crash; 2 usage. */
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/conformance/sizes.h"

enum {
  THREADS = 3,
  MODES = 4,
  CELLS_MAX = 512,
  TURNS_MIN = 40,    /* of a run that is told how long it goes on */
  TURNS_NONE = 4,    /* of who reclaims nothing */
  SAMPLES_MAX = 512, /* beyond that every second one is dropped, and every second turn from there on */
  TUNABLES_MAX = 32,
  THREAD_BYTES = 96,
  ALLOWANCE = 48 << 10,
};
static const double TREND_Z = 3.1;

static __attribute__((noreturn)) void fail(const char *name, const char *what) {
  fprintf(stderr, "soak: %s: %s\n", name, what);
  _exit(1);
}

/* --- Trends ------------------------------------------------------------------------------------------------------------------- */

typedef struct Series {
  size_t n;
  double v[SAMPLES_MAX];
} Series;

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}
static double median_of(double *v, size_t n) {
  qsort(v, n, sizeof *v, by_value);
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* The growth over v[0 .. n), in its own unit, if there is a trend upwards; else 0. */
static double growth(const double *v, size_t n) {
  static double slope[SAMPLES_MAX * SAMPLES_MAX / 2];
  size_t pairs = 0;
  long rising = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = i + 1; k < n; k++) {
      rising += (v[k] > v[i]) - (v[k] < v[i]);
      slope[pairs++] = (v[k] - v[i]) / (double)(k - i);
    }
  double sd = sqrt((double)n * (double)(n - 1) * (double)(2 * n + 5) / 18);
  if (!pairs || (double)(rising - 1) / sd < TREND_Z) return 0;
  return median_of(slope, pairs) * (double)(n - 1);
}

/* That growth() tells a leak from noise, before it judges anybody. */
static void check_growth(void) {
  static double noise[60], leak[60], step[60];
  uint64_t x = 1;
  for (int i = 0; i < 60; i++) {
    x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
    double up_and_down = (double)(x >> 40) / (1 << 24) * 100;
    noise[i] = up_and_down;
    leak[i] = up_and_down + 5 * i;
    step[i] = i < 3 ? 0 : 1000; /* once and for all */
  }
  if (growth(noise, 60) || growth(step, 60) || growth(leak, 60) < 200 || growth(leak, 60) > 400)
    fail("growth", "does not tell a leak from noise");
}

/* --- What is run ---------------------------------------------------------------------------------------------------------------- */

typedef struct Cell {
  const reclaim_workload *workload;
  int choice; /* of small_params */
  uint32_t mode;
  int64_t params[SMALL_PARAMS];
} Cell;

/* Checksums by cell, of all objects: shared with the children. */
typedef struct Known {
  char cell[96], by[64];
  uint64_t checksum;
} Known;
static Known *known;

typedef struct Soak {
  const char *path;
  char name[64]; /* strategy.flavour */
  const reclaim_strategy *s;
  reclaim_config config;
  int64_t tunables[TUNABLES_MAX];
  reclaim_heap *heap;
  Cell cell[CELLS_MAX];
  int ncells;
  pthread_barrier_t barrier;
  const Cell *now;
  reclaim_result result[THREADS];
  uint32_t mode, iteration;
  uint64_t threads, iterations;
} Soak;

static _Thread_local const char *failing = "?";
static __attribute__((noreturn)) void gave_up(enum reclaim_failure why, const char *reason) {
  (void)why;
  fail(failing, reason);
}

static bool is_runnable(const reclaim_strategy *s, const reclaim_workload *w, const int64_t *params, uint32_t mode) {
  uint32_t is = s->capabilities;
  if (!(w->sharing & mode) || (mode != RECLAIM_PRIVATE && !(is & RECLAIM_SHARES_HEAP))) return false;
  if ((is & RECLAIM_UNIQUE_OWNERS) && !(w->known_lifetimes & mode)) return false;
  if ((is & RECLAIM_RECLAIMS) && !(is & RECLAIM_RECLAIMS_CYCLES) && w->makes_cycles && w->makes_cycles(params)) return false;
  return !w->refuse || !w->refuse(params, THREADS, mode);
}

static void choose_cells(Soak *k, int64_t size) {
  Cell c;
  for (int i = 0; i < k->s->nworkloads; i++)
    for (c.choice = 0; small_params(k->s->workloads[i], size, c.choice, c.params); c.choice++)
      for (int m = 0; m < MODES; m++) {
        c.workload = k->s->workloads[i];
        c.mode = 1u << m;
        if (!is_runnable(k->s, c.workload, c.params, c.mode)) continue;
        if (k->ncells == CELLS_MAX) fail(k->name, "more cells than there is room for");
        k->cell[k->ncells++] = c;
      }
  if (!k->ncells) fail(k->name, "has no workload that it can run");
}

static uint64_t heap_limit(const Soak *k) {
  uint64_t most = 0;
  for (int i = 0; i < k->ncells; i++) {
    const Cell *c = &k->cell[i];
    uint64_t bytes = c->workload->live_bytes(c->params, THREADS, c->mode);
    if (bytes > most) most = bytes;
  }
  return k->s->capabilities & RECLAIM_HEAP_LIMIT ? 3 * most + THREADS * ((uint64_t)8 << 20) : 0;
}

/* --- One cell, one mode, one turn ------------------------------------------------------------------------------------------------ */

static void compare(Soak *k) {
  char cell[sizeof known->cell];
  uint64_t checksum = 0;
  for (int i = 0; i < THREADS; i++) checksum += k->result[i].checksum;
  snprintf(cell, sizeof cell, "%s/%d/%u", k->now->workload->name, k->now->choice, k->now->mode);
  Known *n = known;
  while (*n->cell && strcmp(n->cell, cell)) n++;
  if (!*n->cell) {
    memcpy(n->cell, cell, sizeof cell);
    snprintf(n->by, sizeof n->by, "%s", k->name);
    n->checksum = checksum;
  }
  if (n->checksum == checksum) return;
  fprintf(stderr, "soak: %s: %s has checksum %016llx, %s had %016llx\n", k->name, cell, (unsigned long long)checksum, n->by,
          (unsigned long long)n->checksum);
  _exit(1);
}

static void expect_empty(Soak *k, reclaim_thread *t) {
  reclaim_stats stats;
  uint32_t is = k->s->capabilities;
  k->s->collect(t);
  k->s->stats(k->heap, &stats);
  if (!(is & RECLAIM_RECLAIMS) || (is & RECLAIM_CONSERVATIVE) || !stats.live_objects) return;
  fprintf(stderr, "soak: %s: %llu objects are left after %s workloads\n", k->name, (unsigned long long)stats.live_objects,
          k->mode == RECLAIM_PRIVATE    ? "private"
          : k->mode == RECLAIM_HAND_OFF ? "handing"
                                        : "shared");
  _exit(1);
}

typedef struct Mutator {
  Soak *k;
  int index;
} Mutator;

/* All cells of one mode. The heap's config says what the next iteration runs: it is read at its start. */
static void *mutate(void *arg) {
  const Mutator *m = arg;
  Soak *k = m->k;
  failing = k->name;
  reclaim_thread *t = k->s->attach(k->heap, m->index);
  if (!t) fail(k->name, "no memory for a thread");
  for (int i = 0; i < k->ncells; i++) {
    if (k->cell[i].mode != k->mode) continue;
    if (m->index == 0) {
      k->now = &k->cell[i];
      k->config.workload = k->now->workload;
      k->config.params = k->now->params;
    }
    pthread_barrier_wait(&k->barrier);
    k->s->run(t, k->iteration, false, &k->result[m->index]);
    pthread_barrier_wait(&k->barrier);
    if (m->index == 0) compare(k), k->iterations++;
  }
  pthread_barrier_wait(&k->barrier);
  if (m->index == 0) expect_empty(k, t);
  pthread_barrier_wait(&k->barrier);
  k->s->detach(t);
  return NULL;
}

static void turn(Soak *k) {
  pthread_t id[THREADS];
  Mutator m[THREADS];
  for (k->mode = RECLAIM_PRIVATE; k->mode <= RECLAIM_HAND_OFF; k->mode <<= 1) {
    k->config.sharing = k->mode;
    for (int i = 0; i < THREADS; i++) {
      m[i] = (Mutator){k, i};
      if (pthread_create(&id[i], NULL, mutate, &m[i])) fail(k->name, "the system refused a thread");
    }
    for (int i = 0; i < THREADS; i++) pthread_join(id[i], NULL);
    k->threads += THREADS;
  }
  k->iteration++;
}

static double resident_bytes(void) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%*d %ld", &pages) != 1) fail("statm", "cannot be read");
  fclose(f);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* --- One object ------------------------------------------------------------------------------------------------------------------- */

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void judge(const Soak *k, Series *r) {
  size_t warm = r->n / 2;
  double grown = growth(r->v + warm, r->n - warm), first = r->v[warm], last = r->v[r->n - 1];
  double median = median_of(r->v + warm, r->n - warm);
  double allowed = median / 100 + ALLOWANCE + (double)k->threads / 2 * THREAD_BYTES;
  printf("%-26s %6llu iterations %6llu threads, resident %6.1f MiB, from %.1f to %.1f: %s\n", k->name,
         (unsigned long long)k->iterations, (unsigned long long)k->threads, median / (1 << 20), first / (1 << 20),
         last / (1 << 20), grown > allowed ? "it GROWS" : "flat");
  if (grown <= allowed) return;
  fprintf(stderr, "soak: %s: resident memory grows: by %.0f bytes after warm-up, of which %.0f are allowed\n", k->name, grown,
          allowed);
  _exit(1);
}

/* Until `seconds` have passed, or `turns` if there are none. */
static void soak(Soak *k, double seconds, uint64_t turns) {
  static Series resident;
  double end = seconds_now() + seconds;
  uint64_t every = 1, n = 0;
  bool reclaims = k->s->capabilities & RECLAIM_RECLAIMS;
  if (!reclaims) seconds = 0, turns = TURNS_NONE;
  while (seconds > 0 ? seconds_now() < end || n < TURNS_MIN : n < turns) {
    turn(k);
    if (n++ % every) continue;
    if (resident.n == SAMPLES_MAX) {
      for (size_t i = 0; i < SAMPLES_MAX / 2; i++) resident.v[i] = resident.v[2 * i];
      resident.n /= 2;
      every *= 2;
    }
    resident.v[resident.n++] = resident_bytes();
  }
  if (reclaims)
    judge(k, &resident);
  else
    printf("%-26s %6llu iterations: nothing is ever reclaimed, by declaration\n", k->name, (unsigned long long)k->iterations);
}

static void run_object(const char *path, int64_t size, double seconds, uint64_t turns) {
  static Soak k;
  k.path = path;
  void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  reclaim_descriptor_fn *descriptor = NULL;
  if (object) *(void **)&descriptor = dlsym(object, RECLAIM_DESCRIPTOR_SYMBOL);
  if (!descriptor) fail(path, dlerror());
  k.s = descriptor();
  if (k.s->abi != RECLAIM_ABI || k.s->size != sizeof *k.s) fail(path, "is of another version");
  snprintf(k.name, sizeof k.name, "%s.%s", k.s->name, k.s->flavour);
  if (k.s->ntunables > TUNABLES_MAX) fail(k.name, "has more tunables than there is room for");
  for (int i = 0; i < k.s->ntunables; i++) k.tunables[i] = k.s->tunables[i].def;
  choose_cells(&k, size);
  k.config = (reclaim_config){
      .workload = k.cell[0].workload,
      .params = k.cell[0].params,
      .tunables = k.tunables,
      .sharing = RECLAIM_PRIVATE,
      .threads = THREADS,
      .collector_threads = 2,
      .seed = 1,
      .heap_limit_bytes = heap_limit(&k),
      .fail = gave_up,
  };
  pthread_barrier_init(&k.barrier, NULL, THREADS);
  failing = k.name;
  if (!(k.heap = k.s->open(&k.config))) fail(k.name, "no memory for a heap");
  soak(&k, seconds, turns);
  k.s->close(k.heap);
  fflush(stdout);
}

/* --- All of them ------------------------------------------------------------------------------------------------------------------ */

static __attribute__((noreturn)) void usage(void) {
  fputs("usage: soak [--minutes M | --turns N] [--size N] OBJECT.so...\n", stderr);
  exit(2);
}
static double number(const char *text) {
  char *end;
  double v = text ? strtod(text, &end) : -1;
  if (!text || *end || !(v > 0)) usage();
  return v;
}

int main(int argc, char **argv) {
  double minutes = 60, turns = 0, size = 30;
  int at = 1, failed = 0;
  for (; at < argc && argv[at][0] == '-'; at += 2) {
    if (!strcmp(argv[at], "--minutes"))
      minutes = number(argv[at + 1]), turns = 0;
    else if (!strcmp(argv[at], "--turns"))
      turns = number(argv[at + 1]), minutes = 0;
    else if (!strcmp(argv[at], "--size"))
      size = number(argv[at + 1]);
    else
      usage();
  }
  if (at >= argc) usage();
  check_growth();
  known = mmap(NULL, (CELLS_MAX + 1) * sizeof *known, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (known == MAP_FAILED) fail("checksums", strerror(errno));
  for (int i = at; i < argc; i++) {
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) fail("fork", strerror(errno));
    if (child == 0) {
      run_object(argv[i], (int64_t)size, minutes * 60 / (argc - at), (uint64_t)turns);
      _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child) fail("waitpid", strerror(errno));
    if (WIFSIGNALED(status)) fprintf(stderr, "soak: %s: died of signal %d\n", argv[i], WTERMSIG(status));
    failed += status != 0;
  }
  if (failed) fprintf(stderr, "soak: %d of %d failed\n", failed, argc - at);
  return failed > 0;
}
