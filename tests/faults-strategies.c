/* faults-strategies.c: a strategy that is refused memory gives up with a status, or goes on and is right.

   Small cells of every strategy that is built, in both flavours, run as the cell runner runs them, each time in a new process in which
   another allocation fails: of cells, pools, blocks, work lists, logs, threads. What may happen: `fail` is called with out-of-memory or
   heap-too-small and a reason, `open` or `attach` return NULL, or the cell ends with the checksum and the live objects that it always has. A crash, a hang,
   a wrong number may not.

   Usually every second place that allocates fails (with sanitizers every eighth), the first time, in turn alone and with all that follow. RECLAIM_EVERY=places tries both
   for each place, RECLAIM_EVERY=all for each number. */
#define _GNU_SOURCE 1 /* memfd_create */
#include "harness/catalog/catalog.h"
#include "tests/doubles/scarce.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  MOST_THREADS = 2,
  VALUES = 64,
  GAVE_UP = 40 /* + enum reclaim_failure */,
  WRONG = 90,
  REFUSED = 91,
  PATIENCE_S = 120,
  STEP = RECLAIM_SANITIZED ? 8 : 2
};

/* Objects of a malloc are allocations one by one, those of a pool a few blocks: `malloced` is the smaller cell. */
static const struct small_cell {
  const char *workload, *pooled, *malloced;
  uint32_t mode;
  int threads;
  uint64_t limit; /* of the heap; 0: grow */
} cells[] = {
    {"trees", "nodes=40000;kept-depth=11;depth=7;chain=9", "nodes=100;kept-depth=3;depth=2;depth-spread=1;chain=5",
     RECLAIM_PRIVATE, 1, 8 << 20},
    {"lists", "live=20000;operations=9000;rows=50", "live=12;operations=40;rows=3;row-length=2;row-every=2;slice-every=5",
     RECLAIM_PRIVATE, 2, 0},
    {"dicts", "live=3000;operations=9000;records=30;keys=str", "live=12;operations=30;records=3;keys=str;counters=2",
     RECLAIM_SHARED_WRITE, 2, 0},
    {"cycles", "nodes=30000;cycle-size=50;shape=graph", "nodes=60;cycle-size=5;live=3;shape=graph;cyclic-fraction=50",
     RECLAIM_PRIVATE, 1, 0},
    {"hand-off", "batches=60;object=tree;kept=100", "batches=4;object=mix;batch=4;depth=2;kept=5;size=64;life=2",
     RECLAIM_HAND_OFF, 2, 0},
    {"hot-shared", "operations=4000", "operations=20;types=2;attributes=3;live=3;private-work=1;renew-every=3",
     RECLAIM_SHARED_READ, 2, 0},
};

/* --- One cell, in a process of its own ------------------------------------------------------------------------------------------ */

/* What a cell comes to; shared with the parent. */
struct ending {
  uint64_t checksum, objects, bytes;
  bool failed;
  long seen;
};

static struct run {
  const reclaim_strategy *strategy;
  reclaim_config config;
  int64_t params[VALUES], tunables[VALUES];
  reclaim_heap *heap;
  pthread_barrier_t barrier;
  reclaim_result result[MOST_THREADS];
  struct ending *ending;
} run;

static void on_failure(enum reclaim_failure why, const char *reason) { _exit(reason && *reason ? GAVE_UP + (int)why : WRONG); }

static void meet(void) { pthread_barrier_wait(&run.barrier); }

static void iterate(reclaim_thread *t, int i, uint32_t iteration, bool audit) {
  run.strategy->run(t, iteration, audit, &run.result[i]);
  meet();
  for (int k = 0; i == 0 && k < run.config.threads; k++) run.ending->checksum += run.result[k].checksum;
  meet();
}

static void *mutator(void *number) {
  int i = (int)(intptr_t)number;
  meet();
  reclaim_thread *t = run.strategy->attach(run.heap, i);
  if (!t) _exit(REFUSED);
  meet();
  iterate(t, i, 0, true);
  iterate(t, i, 1, false);
  if (i == 0) {
    static reclaim_stats stats;
    run.strategy->collect(t);
    run.strategy->stats(run.heap, &stats);
    run.ending->objects = stats.live_objects;
    run.ending->bytes = stats.live_bytes;
  }
  meet();
  run.strategy->detach(t);
  meet();
  return NULL;
}

/* The threads exist before the first allocation is counted. Never returns. */
static void live_through(long at, long how_many, int places) {
  pthread_t id[MOST_THREADS];
  alarm(PATIENCE_S);
  pthread_barrier_init(&run.barrier, NULL, (unsigned)run.config.threads);
  for (int i = 1; i < run.config.threads; i++)
    if (pthread_create(&id[i], NULL, mutator, (void *)(intptr_t)i)) _exit(WRONG);
  if (places >= 0)
    scarce_note_places(places);
  else
    scarce_arm(at, how_many);
  run.heap = run.strategy->open(&run.config);
  if (!run.heap) _exit(REFUSED);
  mutator(NULL);
  for (int i = 1; i < run.config.threads; i++) pthread_join(id[i], NULL);
  run.strategy->close(run.heap);
  run.ending->failed = scarce_failed();
  run.ending->seen = scarce_seen();
  _exit(0);
}

static int run_once(long at, long how_many, int places) {
  int status;
  *run.ending = (struct ending){0};
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) live_through(at, how_many, places);
  cr_assert_eq(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- All of them ------------------------------------------------------------------------------------------------------------------ */

static struct tally { long tried, gave_up, went_on, cells; } tally;

/* Whether it ended as it may. libgc (8.2) itself dies now and then in a collection for which it is given no memory at all. */
static bool is_clean(int code, bool all_refused, const struct ending *usual) {
  if (all_refused && code == -SIGSEGV && run.strategy->capabilities & RECLAIM_CONSERVATIVE) return true;
  bool gave_up = code == REFUSED || code == GAVE_UP + RECLAIM_FAIL_OUT_OF_MEMORY || code == GAVE_UP + RECLAIM_FAIL_HEAP_TOO_SMALL;
  /* what nothing reclaims, and what a conservative collector keeps, depends on who came first */
  bool exact = (run.strategy->capabilities & (RECLAIM_RECLAIMS | RECLAIM_CONSERVATIVE)) == RECLAIM_RECLAIMS;
  bool right = code == 0 && run.ending->checksum == usual->checksum && (!exact || run.ending->objects == usual->objects);
  tally.tried++;
  tally.gave_up += gave_up;
  tally.went_on += right;
  return gave_up || right;
}

static void try_cell(const struct small_cell *c) {
  const char *every = getenv("RECLAIM_EVERY");
  int places = memfd_create("places", 0);
  int code = run_once(0, 0, places);
  const struct ending usual = *run.ending;
  cr_assert_eq(code, 0, "%s.%s, %s: it ends with %d though nothing fails", run.strategy->name, run.strategy->flavour, c->workload,
               code);
  lseek(places, 0, SEEK_SET);
  FILE *list = fdopen(places, "r");
  tally.cells++;
  /* what several threads allocate comes in another order each time, and in other numbers: a few beyond the last are tried, too */
  bool all = every && !strcmp(every, "all");
  int i = 0;
  for (long at = 0; all ? ++at <= usual.seen + 5 : fscanf(list, "%ld", &at) == 1; i++)
    for (long how_many = 1; how_many >= 0; how_many--) {
      if (!every && (i % STEP || how_many != i / STEP % 2)) continue;
      code = run_once(at, how_many, -1);
      cr_expect(is_clean(code, !how_many, &usual),
                "%s.%s, %s: with allocation %ld%s refused it ends with %d (negative: a signal), checksum %llx not %llx, %llu "
                "objects not %llu",
                run.strategy->name, run.strategy->flavour, c->workload, at, how_many ? "" : " and all after it", code,
                (unsigned long long)run.ending->checksum, (unsigned long long)usual.checksum,
                (unsigned long long)run.ending->objects, (unsigned long long)usual.objects);
    }
  fclose(list);
}

/* False: the strategy cannot run it, or has no such workload. */
static bool set_up(const struct small_cell *c) {
  const reclaim_strategy *s = run.strategy;
  catalog_choice choice;
  char err[512];
  cr_assert(catalog_find_in_object(s, c->workload, &choice, err, sizeof err), "%s", err);
  const reclaim_workload *w = choice.workload;
  if (!(w->sharing & c->mode) || !catalog_is_applicable(s, w, c->mode, err, sizeof err)) return false;
  cr_assert(w->nparams <= VALUES && s->ntunables <= VALUES);
  catalog_defaults(w->params, w->nparams, run.params);
  catalog_defaults(s->tunables, s->ntunables, run.tunables);
  const char *values = strcmp(s->flavour, "malloc") ? c->pooled : c->malloced;
  cr_assert(catalog_apply(w->params, w->nparams, values, run.params, err, sizeof err), "%s", err);
  run.config = (reclaim_config){.workload = w,
                                .params = run.params,
                                .tunables = run.tunables,
                                .sharing = c->mode,
                                .threads = c->threads,
                                .collector_threads = c->threads,
                                .seed = 7,
                                .heap_limit_bytes = s->capabilities & RECLAIM_HEAP_LIMIT ? c->limit : 0,
                                .fail = on_failure};
  return true;
}

static void try_object(const char *path) {
  void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  cr_assert(object != NULL, "%s", dlerror());
  reclaim_descriptor_fn *descriptor = (reclaim_descriptor_fn *)dlsym(object, RECLAIM_DESCRIPTOR_SYMBOL);
  cr_assert(descriptor != NULL, "%s", path);
  run.strategy = descriptor();
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
    if (set_up(&cells[i])) try_cell(&cells[i]);
}

Test(strategies, refused_memory_anywhere, .timeout = 3600) {
  glob_t found;
  cr_assert_eq(glob(RECLAIM_BUILD_DIR "/strategies/*.so", 0, NULL, &found), 0);
  run.ending = mmap(NULL, sizeof *run.ending, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  cr_assert(run.ending != MAP_FAILED);
  const char *only = getenv("RECLAIM_ONLY"); /* of the names, one that holds this */
  for (size_t i = 0; i < found.gl_pathc; i++)
    if (!only || strstr(found.gl_pathv[i], only)) try_object(found.gl_pathv[i]);
  globfree(&found);
  fprintf(stderr, "%ld cells: %ld allocations refused, %ld gave up, %ld went on\n", tally.cells, tally.tried, tally.gave_up,
          tally.went_on);
  cr_assert_gt(tally.gave_up, 0); /* and not only what can do without */
}
