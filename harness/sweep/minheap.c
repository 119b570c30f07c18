/* minheap.c: see minheap.h.

   What completes: close to its limit a collector collects without end, and the time of a run goes to infinity as the heap shrinks. So
   the cell is first run in a heap that grows, and a heap counts as enough when the cell comes to its end there within SLOWER times of
   that (JVMs give up likewise, by their "GC overhead limit").

   A search doubles or halves until the answer is between two heaps, then bisects, one iteration per probe. The heap it ends with must
   then complete the whole cell, warm-up and all iterations; where it does not, it is raised a step at a time until it does. */
#include "minheap.h"

#include "harness/catalog/catalog.h"
#include "harness/catalog/minheap.h"
#include "harness/sweep/child.h"
#include "harness/sweep/invoke.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOWER = 5, RAISES = 64 };
#define STEP    ((uint64_t)64 << 10) /* no heap is told finer: a block */
#define LEAST_S 0.5                  /* no probe is stopped before: a busy machine */
#define PART_OF 32                   /* of the heap: the difference at which bisecting ends */

/* One search under way. */
struct search {
  const struct sweep_plan *plan;
  struct sweep_cell cell; /* of mark-sweep; its heap is that of the probe */
  const reclaim_strategy *strategy;
  char *workload;        /* its own name */
  char why[512];         /* why there is no answer */
  double one_s, whole_s; /* what one iteration, and the whole cell, take in a heap that grows */
};

enum probe { PROBE_FITS, PROBE_TOO_SMALL, PROBE_FAILED, PROBE_INTERRUPTED };

static uint64_t step_of(uint64_t bytes) { return bytes / PART_OF > STEP ? (bytes / PART_OF + STEP - 1) / STEP * STEP : STEP; }
static uint64_t rounded(double bytes) { return bytes < (double)STEP ? STEP : (uint64_t)(bytes / (double)STEP + 0.5) * STEP; }

/* --- Probing -------------------------------------------------------------------------------------------------------------- */

static enum probe judge(struct search *s, const struct child_outcome *o) {
  json_t *result = o->nresult ? json_loadb(o->result, o->nresult, 0, NULL) : NULL;
  const char *status = json_string_value(json_object_get(result, "status"));
  const char *reason = json_string_value(json_object_get(result, "reason"));
  enum probe p = PROBE_FAILED;
  if (o->end == CHILD_INTERRUPTED)
    p = PROBE_INTERRUPTED;
  else if (o->end == CHILD_TIMED_OUT)
    p = PROBE_TOO_SMALL;
  else if (o->end != CHILD_EXITED || o->code || !status)
    snprintf(s->why, sizeof s->why, "it ended with %s %d%s%s", o->end == CHILD_SIGNALLED ? "signal" : "code", o->code,
             *o->complaint ? ": " : "", o->complaint);
  else if (!strcmp(status, "ok") || !strcmp(status, "uncollected"))
    p = PROBE_FITS;
  else if (!strcmp(status, "heap-too-small"))
    p = PROBE_TOO_SMALL;
  else
    snprintf(s->why, sizeof s->why, "%s: %s", status, reason ? reason : "");
  json_decref(result);
  return p;
}

/* One child. `bytes` 0: in a heap that grows; *seconds (may be NULL): what it took. */
static enum probe probe(struct search *s, uint64_t bytes, bool whole, double *seconds) {
  double usual = whole ? s->whole_s : s->one_s, limit = SLOWER * usual > LEAST_S ? SLOWER * usual : LEAST_S;
  struct sweep_plan plan = {.seed = s->plan->seed,
                            .trust_owners = s->plan->trust_owners,
                            .memory_limit = s->plan->memory_limit,
                            .keep_env = s->plan->keep_env,
                            .timeout_s = bytes && limit < s->plan->timeout_s ? limit : s->plan->timeout_s};
  struct sweep_cell c = s->cell;
  struct child_outcome outcome;
  c.heap = bytes ? sweep_format("%" PRIu64, bytes) : sweep_strdup("grow");
  c.warmup = whole ? s->cell.warmup : 0;
  c.iterations = whole ? s->cell.iterations : 1;
  sweep_invoke(&plan, &c, &outcome);
  enum probe p = judge(s, &outcome);
  if (seconds) *seconds = outcome.seconds;
  free(outcome.result);
  free(c.heap);
  return p;
}

/* Raises *bytes until the whole cell fits. */
static enum probe confirm(struct search *s, uint64_t *bytes) {
  for (int i = 0; i < RAISES; i++) {
    enum probe p = probe(s, *bytes, true, NULL);
    if (p != PROBE_TOO_SMALL) return p;
    *bytes += step_of(*bytes);
  }
  snprintf(s->why, sizeof s->why, "no heap up to %" PRIu64 " bytes completes it", *bytes);
  return PROBE_FAILED;
}

/* The smallest heap, to within a step, beginning at a guess. */
static enum probe search(struct search *s, uint64_t guess, uint64_t *found) {
  uint64_t low = 0, high = 0, at = rounded((double)guess);
  enum probe p = probe(s, 0, false, &s->one_s);
  if (p == PROBE_FITS) p = probe(s, 0, true, &s->whole_s);
  if (p != PROBE_FITS) return p;
  while (!high || high - low > step_of(high)) {
    p = probe(s, at, false, NULL);
    if (p != PROBE_FITS && p != PROBE_TOO_SMALL) return p;
    if (p == PROBE_FITS)
      high = at;
    else
      low = at;
    if (!high && at > s->plan->memory_limit) {
      snprintf(s->why, sizeof s->why, "%" PRIu64 " bytes are not enough, and no more may be used", at);
      return PROBE_FAILED;
    }
    at = !high ? rounded((double)at * 1.5) : !low ? rounded((double)at / 2) : rounded((double)(low + high) / 2);
    if (high && !low && high <= STEP) break;
  }
  *found = high;
  return confirm(s, found);
}

/* --- The keys of a plan ----------------------------------------------------------------------------------------------------- */

/* Cells with equal keys have one 1x. */
static bool same_key(const struct sweep_cell *a, const struct sweep_cell *b) {
  return a->threads == b->threads && !strcmp(a->workload, b->workload) && !strcmp(a->parameters, b->parameters) &&
         !strcmp(a->sharing, b->sharing);
}

static void give(struct sweep_plan *p, const struct sweep_cell *like, uint64_t base) {
  for (int i = 0; i < p->ncells; i++) {
    struct sweep_cell *c = &p->cells[i];
    if (!same_key(c, like)) continue;
    c->heap_base = base;
    free(c->heap_base_kind);
    c->heap_base_kind = sweep_strdup("minheap");
  }
}

/* A cell so small that the least heap is more than its factor is likely to say, whatever 1x is to the byte. */
static bool gets_least_heap(const struct sweep_cell *c) {
  return c->declared && 1.5 * c->heap_factor * (double)c->declared < (double)c->threads * (double)CATALOG_HEAP_FLOOR;
}

/* Whether 1x of cell `at` is to be searched for: some cell of its key can run and is to have a factor of it. */
static bool is_wanted(const struct sweep_plan *p, int at, enum minheap_search how) {
  for (int i = 0; i < p->ncells && how >= MINHEAP_SEARCH; i++) {
    const struct sweep_cell *c = &p->cells[i];
    if (!c->reason && c->heap_factor > 0 && same_key(c, &p->cells[at]) && (how >= MINHEAP_ALL || !gets_least_heap(c)))
      return true;
  }
  return false;
}

static bool is_first_of_key(const struct sweep_plan *p, int at) {
  for (int i = 0; i < at; i++)
    if (same_key(&p->cells[i], &p->cells[at])) return false;
  return true;
}

static struct search search_of(const struct sweep_plan *p, const struct sweep_cell *like, const reclaim_strategy *object) {
  struct search all = {.plan = p, .cell = *like};
  static char object_path[4096];
  snprintf(object_path, sizeof object_path, "%s", catalog_path(object));
  all.cell.object = object_path;
  all.cell.plugin = catalog_is_plugin(object);
  static char name[] = MINHEAP_STRATEGY, none[] = "", pool[] = "pool";
  all.cell.strategy = name;
  all.cell.tunables = none;
  all.cell.allocator = pool;
  all.cell.library = none;
  all.cell.collector_threads = p->gc_threads ? p->gc_threads : like->threads;
  all.cell.warmup = p->warmup;
  all.cell.iterations = p->iterations;
  return all;
}

/* --- Settling --------------------------------------------------------------------------------------------------------------- */

/* 1x of the key of cell `at`, from the file or by searching. 0, or SWEEP_INTERRUPTED. */
static int settle_key(struct sweep_plan *p, int at, const reclaim_strategy *s, enum minheap_search how, bool quiet) {
  const struct sweep_cell *c = &p->cells[at];
  catalog_choice choice;
  char err[300];
  if (!catalog_find_workload(s, c->workload, &choice, err, sizeof err))
    return 0; /* its declared bytes stand in, and are said to */
  const struct minheap_key key = {choice.workload->name, c->parameters, c->sharing, c->threads, choice.object->pack};
  int damaged;
  uint64_t bytes = catalog_minheap_find(&key, &damaged);
  if (damaged) sweep_plan_warn(p, "%s: %d line(s) are not of this format and were passed over", catalog_minheap_path(), damaged);
  if (bytes && how < MINHEAP_AGAIN) return give(p, c, bytes), 0;
  if (!is_wanted(p, at, how)) return 0;
  if (!quiet)
    sweep_say("searching 1x of %s %s, %d thread%s (kept in %s)", c->workload, c->sharing, c->threads, c->threads > 1 ? "s" : "",
              catalog_minheap_path());
  struct search all = search_of(p, c, choice.object);
  enum probe ended = search(&all, c->heap_base ? c->heap_base : 1 << 20, &bytes);
  if (ended == PROBE_INTERRUPTED) return SWEEP_INTERRUPTED;
  if (ended != PROBE_FITS) {
    sweep_plan_warn(p, "1x of %s %s, %d thread(s), could not be searched: %s; its declared live bytes stand in", c->workload,
                    c->sharing, c->threads, all.why);
    return 0;
  }
  give(p, c, bytes);
  if (!catalog_minheap_add(&key, bytes)) sweep_plan_warn(p, "%s: %s; 1x is not kept", catalog_minheap_path(), strerror(errno));
  return 0;
}

/* What 1x is where the cells do not all have it from a search. */
static void warn_of_declared(struct sweep_plan *p) {
  int declared = 0, all = 0;
  for (int i = 0; i < p->ncells; i++) {
    if (p->cells[i].reason || p->cells[i].heap_factor <= 0) continue;
    all++;
    if (gets_least_heap(&p->cells[i])) continue; /* its bytes are not a factor of anything */
    declared += strcmp(p->cells[i].heap_base_kind, "minheap") != 0;
  }
  if (declared)
    sweep_plan_warn(p, "in %d of %d cells with a heap factor, 1x is the declared live bytes, not the smallest heap of %s",
                    declared, all, MINHEAP_STRATEGY);
}

/* The bytes of every factor, and what makes them other than the factor says. */
static void set_limits(struct sweep_plan *p) {
  for (int i = 0; i < p->ncells; i++) {
    struct sweep_cell *c = &p->cells[i];
    if (c->reason || c->heap_factor <= 0 || !c->heap_base) continue;
    const catalog_heap heap = {CATALOG_HEAP_FACTOR, c->heap_factor, 0};
    c->heap_limit = catalog_heap_limit(&heap, c->heap_base, c->threads);
    free(c->heap);
    c->heap = sweep_format("%" PRIu64, c->heap_limit);
    double factor = (double)c->heap_limit / (double)c->heap_base;
    if (factor > c->heap_factor * 1.01)
      sweep_plan_warn(p, "the least heap, %d MiB for each thread, is %.*fx what %s needs (%s), not %s",
                      (int)(CATALOG_HEAP_FLOOR >> 20), factor < 10, factor, c->workload, c->sharing, c->heap_policy);
  }
}

int sweep_minheap_settle(struct sweep_plan *p, enum minheap_search how, bool quiet) {
  char err[512];
  const reclaim_strategy *s = how == MINHEAP_DECLARED ? NULL : catalog_open(MINHEAP_STRATEGY, "pool", err, sizeof err);
  for (int i = 0; s && i < p->ncells; i++) {
    if (!is_first_of_key(p, i)) continue;
    int rc = settle_key(p, i, s, how, quiet);
    if (rc) return rc;
  }
  warn_of_declared(p);
  set_limits(p);
  return 0;
}

/* --- The command -------------------------------------------------------------------------------------------------------------- */

static void print_text(const struct sweep_plan *p) {
  printf("%-16s %-13s %7s %12s %12s  %s\n", "workload", "sharing", "threads", "1x, bytes", "declared", "parameters");
  for (int i = 0; i < p->ncells; i++) {
    const struct sweep_cell *c = &p->cells[i];
    if (!is_first_of_key(p, i)) continue;
    if (c->reason)
      printf("%-16s %-13s %7d  not applicable: %s\n", c->workload, c->sharing, c->threads, c->reason);
    else
      printf("%-16s %-13s %7d %12" PRIu64 " %12" PRIu64 "  %s\n", c->workload, c->sharing, c->threads,
             strcmp(c->heap_base_kind, "minheap") ? 0 : c->heap_base, c->declared, c->parameters);
  }
  for (int i = 0; i < p->nwarnings; i++) sweep_say("warning: %s", p->warnings[i]);
}

static void print_json(const struct sweep_plan *p) {
  json_t *a = json_array();
  for (int i = 0; i < p->ncells; i++) {
    const struct sweep_cell *c = &p->cells[i];
    if (!is_first_of_key(p, i)) continue;
    bool known = !strcmp(c->heap_base_kind, "minheap");
    json_array_append_new(a, json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:I, s:s*}", "name", c->workload, "summary", c->parameters,
                                       "parameters", c->parameters, "sharing", c->sharing, "threads", c->threads, "minheap_bytes",
                                       known ? json_integer((json_int_t)c->heap_base) : json_null(), "declared_bytes",
                                       (json_int_t)c->declared, "reason", c->reason));
  }
  json_dumpf(a, stdout, JSON_INDENT(1));
  puts("");
  json_decref(a);
}

static const char help[] =
    "usage: reclaim minheap [FILE] [flags]\n\n"
    "Searches for 1x: the smallest heap in which mark-sweep completes a cell, by bisection, and keeps it in\n"
    "results/minheap.csv (or the file that RECLAIM_MINHEAP_CACHE names), where `run` finds it. What is known already is\n"
    "printed; `run --heap 3x` searches by itself for what is not.\n\n"
    "  --again                    search anew for what is known, too\n"
    "  --json                     an array of objects instead of the table\n\n"
    "FILE, --profile, --workload, --sharing, --threads, --set, --where, --pin, --gc-threads, --seed, --timeout, --memory-limit,\n"
    "--warmup, --iterations and --quiet mean what they mean to `run`.\n";

/* The flags of `run`, with --again taken out, and what this command decides itself put in. */
static char **run_arguments(int argc, char **argv, int *n, bool *again) {
  static const char *const fixed[] = {"--strategy", MINHEAP_STRATEGY, "--allocator",   "pool", "--heap",
                                      "1x",         "--baseline",     MINHEAP_STRATEGY};
  char **all = NULL;
  *n = 0;
  *again = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--again"))
      *again = true;
    else
      *sweep_push(all, *n) = sweep_strdup(argv[i]);
  }
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) *sweep_push(all, *n) = sweep_strdup(fixed[i]);
  *sweep_push(all, *n) = NULL;
  --*n;
  return all;
}

static int check_options(const struct sweep_options *o) {
  static const enum sweep_option ours[] = {OPT_STRATEGY, OPT_ALLOCATOR, OPT_HEAP},
                                 none[] = {OPT_OUT,    OPT_RESUME, OPT_DRY_RUN,     OPT_HEAP_BASE,
                                           OPT_BLOCKS, OPT_EFFECT, OPT_MOST_BLOCKS, OPT_SHARD};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (strchr(o->value[ours[i]].text, ','))
      return sweep_refuse("minheap: %s cannot be given: 1x is what %s needs over the pool", o->value[ours[i]].origin,
                          MINHEAP_STRATEGY);
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    if (o->value[none[i]].text) return sweep_refuse("minheap: %s has no meaning here", o->value[none[i]].origin);
  return 0;
}

int sweep_minheap_main(int argc, char **argv) {
  struct sweep_options o;
  struct sweep_plan plan = {0};
  int n;
  bool again;
  char **arguments = run_arguments(argc, argv, &n, &again);
  int rc = sweep_options_read(&o, n, arguments);
  bool helps = !rc && sweep_option_on(&o, OPT_HELP);
  if (helps) fputs(help, stdout);
  if (!rc && !helps) rc = check_options(&o);
  if (!rc && !helps) rc = sweep_plan_make(&plan, &o);
  if (!rc && !helps && !sweep_child_prepare()) rc = sweep_refuse("signals cannot be set up: %s", strerror(errno));
  if (!rc && !helps) {
    rc = sweep_minheap_settle(&plan, again ? MINHEAP_AGAIN : MINHEAP_ALL, sweep_option_on(&o, OPT_QUIET));
    if (rc == SWEEP_INTERRUPTED) sweep_say("interrupted; what was found is kept");
    if (!rc && sweep_option_on(&o, OPT_JSON))
      print_json(&plan);
    else if (!rc)
      print_text(&plan);
    for (int i = 0; i < plan.ncells && !rc; i++)
      if (!plan.cells[i].reason && strcmp(plan.cells[i].heap_base_kind, "minheap")) rc = SWEEP_FAILED;
  }
  sweep_plan_free(&plan);
  sweep_options_free(&o);
  sweep_free_words(arguments, n);
  return rc;
}
