/* The workloads, run as the harness runs them, with every strategy. Three promises of their tables: the checksum is the one that every
   other strategy has, and the same in each iteration; what is left after everything was dropped is what the books say (nothing, or
   exactly the objects that counting alone cannot reclaim); and what is live at the fullest is what live_bytes says. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/descriptor.h"

const reclaim_strategy *reclaim_strategy_descriptor(void);

enum { THREADS = 2, ITERATIONS = 2, PARAMS = 32, TUNABLES = 64 };

typedef struct Cell {
  const char *workload, *values;
  uint32_t sharing;
  uint64_t checksum; /* of two threads, seed 42 */
} Cell;

/* Small, so that a checked or sanitized build gets through them; every parameter that switches something on is on somewhere. */
static const Cell cells[] = {
#include "workloads-cells.h"
};
enum { CELLS = sizeof cells / sizeof *cells };

static void failed(enum reclaim_failure why, const char *reason) {
  fprintf(stderr, "the cell failed (%d): %s\n", (int)why, reason);
  abort();
}

/* What counting leaks by nature is checked to the object below; the leak checker is told of it, thread by thread. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
static void leaks_are_meant(bool on) { on ? __lsan_disable() : __lsan_enable(); }
#else
static void leaks_are_meant(bool on) { (void)on; }
#endif

/* --- One run --------------------------------------------------------------------------------------------------------------------- */

typedef struct Run {
  const reclaim_strategy *strategy;
  reclaim_config config;
  int64_t params[PARAMS], tunables[TUNABLES];
  reclaim_heap *heap;
  pthread_barrier_t barrier;
  reclaim_result result[ITERATIONS][THREADS];
  reclaim_stats audited, final; /* at the fullest of iteration 0; after all was dropped and collected */
} Run;

typedef struct Mutator {
  Run *run;
  int index;
} Mutator;

static void *mutate(void *arg) {
  Mutator *m = arg;
  Run *r = m->run;
  bool (*makes_cycles)(const int64_t *) = r->config.workload->makes_cycles;
  bool leaks = makes_cycles && makes_cycles(r->params) && !(r->strategy->capabilities & RECLAIM_RECLAIMS_CYCLES);
  if (leaks) leaks_are_meant(true);
  reclaim_thread *t = r->strategy->attach(r->heap, m->index);
  cr_assert_not_null(t);
  for (int i = 0; i < ITERATIONS; i++) {
    pthread_barrier_wait(&r->barrier);
    r->strategy->run(t, (uint32_t)i, i == 0, &r->result[i][m->index]);
    pthread_barrier_wait(&r->barrier);
    if (m->index == 0 && i == 0) r->strategy->stats(r->heap, &r->audited);
  }
  pthread_barrier_wait(&r->barrier);
  if (m->index == 0) {
    r->strategy->collect(t);
    r->strategy->stats(r->heap, &r->final);
  }
  pthread_barrier_wait(&r->barrier);
  r->strategy->detach(t);
  if (leaks) leaks_are_meant(false);
  return NULL;
}

static int64_t parse_value(const reclaim_param *p, const char *text) {
  for (int64_t k = 0; p->choices && k <= p->max; k++)
    if (strcmp(p->choices[k], text) == 0) return k;
  char *end;
  int64_t v = strtoll(text, &end, 10);
  cr_assert(!p->choices && !*end && v >= p->min && v <= p->max, "%s=%s", p->name, text);
  return v;
}

static void set_params(Run *r, const char *values) {
  const reclaim_workload *w = r->config.workload;
  char text[512], *next = text;
  cr_assert(w->nparams <= PARAMS && strlen(values) < sizeof text);
  for (int i = 0; i < w->nparams; i++) r->params[i] = w->params[i].def;
  strcpy(text, values);
  for (char *word; (word = strsep(&next, ";")) && *word;) {
    char *value = strchr(word, '=');
    *value++ = '\0';
    int i = 0;
    while (i < w->nparams && strcmp(w->params[i].name, word)) i++;
    cr_assert_lt(i, w->nparams, "%s has no parameter %s", w->name, word);
    r->params[i] = parse_value(&w->params[i], value);
  }
}

static const reclaim_workload *find_workload(const reclaim_strategy *s, const char *name) {
  for (int i = 0; i < s->nworkloads; i++)
    if (strcmp(s->workloads[i]->name, name) == 0) return s->workloads[i];
  return NULL;
}

static bool is_applicable(const Cell *c) {
  const reclaim_strategy *s = reclaim_strategy_descriptor();
  const reclaim_workload *w = find_workload(s, c->workload);
  cr_assert_not_null(w, "no workload %s", c->workload);
  if ((s->capabilities & RECLAIM_UNIQUE_OWNERS) && !(w->known_lifetimes & c->sharing)) return false;
  return c->sharing == RECLAIM_PRIVATE || (s->capabilities & RECLAIM_SHARES_HEAP);
}

static int64_t collect_every; /* the tunable, in checked builds */

static void run(Run *r, const Cell *c) {
  memset(r, 0, sizeof *r);
  const reclaim_strategy *s = r->strategy = reclaim_strategy_descriptor();
  cr_assert_leq(s->ntunables, TUNABLES);
  for (int i = 0; i < s->ntunables; i++)
    r->tunables[i] = strcmp(s->tunables[i].name, "collect-every") ? s->tunables[i].def : collect_every;
  r->config = (reclaim_config){
      .workload = find_workload(s, c->workload),
      .params = r->params,
      .tunables = r->tunables,
      .sharing = c->sharing,
      .threads = THREADS,
      .collector_threads = 1,
      .seed = 42,
      .fail = failed,
  };
  cr_assert_not_null(r->config.workload, "no workload %s", c->workload);
  set_params(r, c->values);
  cr_assert(r->config.workload->sharing & c->sharing, "%s lacks the sharing mode", c->workload);
  if (r->config.workload->refuse) cr_assert_null(r->config.workload->refuse(r->params, THREADS, c->sharing));
  r->heap = s->open(&r->config);
  cr_assert_not_null(r->heap);
  pthread_barrier_init(&r->barrier, NULL, THREADS);
  pthread_t thread[THREADS];
  Mutator m[THREADS];
  for (int i = 0; i < THREADS; i++) {
    m[i] = (Mutator){r, i};
    cr_assert_eq(pthread_create(&thread[i], NULL, mutate, &m[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  pthread_barrier_destroy(&r->barrier);
  s->close(r->heap);
}

static reclaim_result total(const Run *r, int iteration) {
  reclaim_result sum = {0, 0, 0};
  for (int i = 0; i < THREADS; i++) {
    sum.operations += r->result[iteration][i].operations;
    sum.checksum += r->result[iteration][i].checksum;
    sum.cyclic_nodes += r->result[iteration][i].cyclic_nodes;
  }
  return sum;
}

/* --- The promises ------------------------------------------------------------------------------------------------------------------ */

static void check_results(const Cell *c, const Run *r) {
  reclaim_result first = total(r, 0);
  cr_expect_gt(first.operations, 0);
  cr_expect_eq(first.checksum, c->checksum, "%s %s sharing %u: checksum %016llx, others have %016llx", c->workload, c->values,
               c->sharing, (unsigned long long)first.checksum, (unsigned long long)c->checksum);
  for (int i = 1; i < ITERATIONS; i++) {
    reclaim_result again = total(r, i);
    cr_expect(again.checksum == first.checksum && again.operations == first.operations &&
                  again.cyclic_nodes == first.cyclic_nodes,
              "%s %s sharing %u: iteration %d differs from the first", c->workload, c->values, c->sharing, i);
  }
}

static void check_leak(const Cell *c, const Run *r) {
  uint64_t cyclic = 0;
  for (int i = 0; i < ITERATIONS; i++) cyclic += total(r, i).cyclic_nodes;
  bool (*makes_cycles)(const int64_t *) = r->config.workload->makes_cycles;
  cr_expect(!cyclic || (makes_cycles && makes_cycles(r->params)), "%s %s makes cycles that it does not declare", c->workload,
            c->values);
  uint32_t is = r->strategy->capabilities;
  if (is & RECLAIM_RECLAIMS_CYCLES) cyclic = 0;
  if (!(is & RECLAIM_RECLAIMS) || (is & RECLAIM_CONSERVATIVE)) { /* all that was made is there, or may be */
    cr_expect_geq(r->final.live_objects, cyclic);
    return;
  }
  cr_expect_eq(r->final.live_objects, cyclic, "%s %s sharing %u: %llu objects left, expected %llu", c->workload, c->values,
               c->sharing, (unsigned long long)r->final.live_objects, (unsigned long long)cyclic);
  cr_expect_eq(r->final.live_bytes == 0, cyclic == 0);
}

/* Within a tenth. The formula rounds objects up to 16 bytes, as cells are; the books of a foreign malloc hold what was asked for. */
static void check_live(const Cell *c, const Run *r) {
  double formula = (double)r->config.workload->live_bytes(r->params, THREADS, c->sharing), live = (double)r->audited.live_bytes;
  bool unrounded =
      strcmp(r->strategy->flavour, "malloc") == 0 && (r->strategy->capabilities & (RECLAIM_COUNTS_HEAP | RECLAIM_UNIQUE_OWNERS));
  double slack = unrounded ? 8. * (double)r->audited.live_objects : 0;
  bool dead_counted = !(r->strategy->capabilities & RECLAIM_RECLAIMS) || (r->strategy->capabilities & RECLAIM_CONSERVATIVE);
  cr_expect(live > .9 * formula - slack && (live < 1.1 * formula || dead_counted),
            "%s %s sharing %u: %.0f bytes live, the formula says %.0f", c->workload, c->values, c->sharing, live, formula);
}

Test(workloads, keep_their_promises, .timeout = 600) {
  int ran = 0;
  for (int i = 0; i < CELLS; i++) {
    if (!is_applicable(&cells[i])) continue;
    Run r;
    run(&r, &cells[i]);
    check_results(&cells[i], &r);
    check_leak(&cells[i], &r);
    check_live(&cells[i], &r);
    ran++;
  }
  cr_expect_geq(ran, 20);
}

/* What an audit says lives is what lived at the fullest point, whatever was collected after that. */
Test(workloads, audits_are_of_the_fullest_point, .timeout = 600) {
  collect_every = 97;
  for (int i = 0, ran = 0; i < CELLS && ran < 3; i++) {
    if (!is_applicable(&cells[i])) continue;
    Run r;
    run(&r, &cells[i]);
    check_live(&cells[i], &r);
    ran++;
  }
}

/* Every setting names parameters that exist, with values in range, and is one that the workload itself does not refuse. */
Test(workloads, settings_are_valid) {
  const reclaim_strategy *s = reclaim_strategy_descriptor();
  int seen = 0;
  for (int i = 0; i < s->nworkloads; i++) {
    const reclaim_workload *w = s->workloads[i];
    for (int k = 0; k < w->nsettings; k++, seen++) {
      const reclaim_setting *setting = &w->settings[k];
      Run r = {.config.workload = w};
      set_params(&r, setting->values);
      cr_expect_eq(setting->sharing & ~w->sharing, 0, "%s has a mode that %s lacks", setting->name, w->name);
      cr_expect(w->live_bytes(r.params, 1, RECLAIM_PRIVATE) > 0);
      if (w->refuse) cr_expect_null(w->refuse(r.params, 1, setting->sharing ? setting->sharing : w->sharing));
    }
  }
  cr_expect_geq(seen, 11); /* the reference programs */
}
