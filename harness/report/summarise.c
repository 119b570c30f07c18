/* summarise.c: from the invocations of cells to the numbers of the table. docs/method.md explains every one of them.

   Order first (groups as planned, rows by strategy, threads, allocator, heap), then each cell by itself, then each cell against
   the baseline of its group, pair by pair. */
#include "harness/catalog/catalog.h"
#include "harness/report/campaign.h"
#include "harness/report/pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Order ------------------------------------------------------------------------------------------------------------ */

static int compare_values(const void *a, const void *b) {
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  double p = strtod(x, NULL), q = strtod(y, NULL);
  return p != q ? (p > q) - (p < q) : strcmp(x, y);
}

static int find_value(const char *const *values, int n, const char *value) {
  for (int i = 0; i < n; i++)
    if (!strcmp(values[i], value)) return i;
  return n;
}

/* A value's rank is its place among the values of its axis: planned ones as the plan has them, then the others ascending, since
   the order of the rows is random by design. */
static void rank_axis(struct campaign *c, int axis) {
  const char **values = report_grow(NULL, (size_t)c->ncells, sizeof *values);
  int n = 0, planned;
  for (int pass = 0; pass < 2; pass++) {
    planned = n;
    for (int i = 0; i < c->ncells; i++) {
      const char *value = c->cell[i]->axis[axis];
      if ((pass == 1 || c->cell[i]->planned) && find_value(values, n, value) == n) values[n++] = value;
    }
  }
  qsort(values + planned, (size_t)(n - planned), sizeof *values, compare_values);
  for (int i = 0; i < c->ncells; i++) c->cell[i]->rank[axis] = find_value(values, n, c->cell[i]->axis[axis]);
  free(values);
}

static int compare_cells(const void *a, const void *b) {
  static const enum axis order[AXES] = {AXIS_WORKLOAD,  AXIS_PARAMETERS, AXIS_SHARING, AXIS_STRATEGY,
                                        AXIS_TUNABLES,  AXIS_PINNING,    AXIS_THREADS, AXIS_COLLECTOR_THREADS,
                                        AXIS_ALLOCATOR, AXIS_HEAP,       AXIS_SIDE};
  const struct cell *x = *(struct cell *const *)a, *y = *(struct cell *const *)b;
  for (int i = 0; i < AXES; i++)
    if (x->rank[order[i]] != y->rank[order[i]]) return x->rank[order[i]] < y->rank[order[i]] ? -1 : 1;
  return 0;
}

static bool same(const struct cell *x, const struct cell *y, enum axis a) { return x->rank[a] == y->rank[a]; }

static bool same_group(const struct cell *x, const struct cell *y) {
  return same(x, y, AXIS_WORKLOAD) && same(x, y, AXIS_PARAMETERS) && same(x, y, AXIS_SHARING);
}

static void make_groups(struct campaign *c) {
  for (int a = 0; a < AXES; a++) rank_axis(c, a);
  qsort(c->cell, (size_t)c->ncells, sizeof *c->cell, compare_cells);
  for (int i = 0, n; i < c->ncells; i += n) {
    for (n = 1; i + n < c->ncells && same_group(c->cell[i], c->cell[i + n]); n++) {}
    c->group = report_grow(c->group, (size_t)c->ngroups + 1, sizeof *c->group);
    struct group *g = &c->group[c->ngroups++];
    *g = (struct group){.cell = report_grow(NULL, (size_t)n, sizeof *g->cell), .ncells = n};
    memcpy(g->cell, c->cell + i, (size_t)n * sizeof *g->cell);
  }
}

/* --- One cell ---------------------------------------------------------------------------------------------------------- */

typedef double value_of(const struct invocation *);

static double cpu_ns_per_op(const struct invocation *v) { return v->cpu_ns / v->operations; }
/* Of one iteration: cells that leak by nature have one measured, their neighbours several. */
static double cpu_s(const struct invocation *v) { return v->cpu_ns / 1e9 / v->measured; }
static double rss_mean(const struct invocation *v) { return v->rss_ns_bytes / v->wall_ns; }
static double rss_peak(const struct invocation *v) { return v->rss_peak_bytes; }
static double rss_grown(const struct invocation *v) { return v->rss_peak_bytes - v->rss_open_bytes; }
static double live(const struct invocation *v) { return v->live_bytes; }
static double collector_cpu(const struct invocation *v) { return v->cpu_ns > 0 ? v->collector_cpu_ns / v->cpu_ns : NAN; }
static double collector_wall(const struct invocation *v) { return v->collector_wall_ns / v->wall_ns; }
static double collections(const struct invocation *v) { return v->collections; }
static double pause_max(const struct invocation *v) { return v->pause_max_ns; }
static double pause_p99(const struct invocation *v) { return v->pause_p99_ns; }
static double leaked_objects(const struct invocation *v) { return v->leaked_objects; }
static double window(const struct invocation *v) { return v->window_ns; }
static double log_throughput(const struct invocation *v) { return log(invocation_throughput(v)); }
static double leaked_bytes(const struct invocation *v) { return v->leaked_bytes; }

/* The known values of a cell's invocations with this status, in x (room for all of them); returns how many. */
static int gather(const struct cell *cell, const char *status, value_of *of, double *x) {
  int n = 0;
  for (int i = 0; i < cell->ninvocations; i++) {
    const struct invocation *v = &cell->invocation[i];
    if (!invocation_is(v, status) || isnan(invocation_throughput(v))) continue;
    x[n] = of(v);
    n += !isnan(x[n]);
  }
  return n;
}

static struct stats_interval estimate(double *x, int n) {
  for (int i = 0; i < n; i++) x[i] = log(x[i]);
  return stats_hodges_lehmann_log(x, n, REPORT_LEVEL);
}

static double median(double *x, int n) {
  stats_sort(x, n);
  return stats_median(x, n);
}

static double largest(double *x, int n) {
  stats_sort(x, n);
  return n > 0 ? x[n - 1] : NAN;
}

static double smallest(double *x, int n) {
  stats_sort(x, n);
  return n > 0 ? x[0] : NAN;
}

/* Estimates come from ok invocations; where a cell has none, from its uncollected ones, and its status says so. */
static void estimate_cell(struct cell *cell) {
  double *x = report_grow(NULL, (size_t)cell->ninvocations + 1, sizeof *x);
  const char *from = "ok";
  cell->used = gather(cell, from, invocation_throughput, x);
  cell->collected = cell->used > 0;
  if (!cell->collected) cell->used = gather(cell, from = "uncollected", invocation_throughput, x);
  cell->throughput = estimate(x, cell->used);
  cell->spread = cell->used < 3 ? NAN : stats_spread(x, gather(cell, from, log_throughput, x));
  cell->window_ns = smallest(x, gather(cell, from, window, x));
  cell->cpu_ns_per_op = estimate(x, gather(cell, from, cpu_ns_per_op, x));
  cell->cpu_s = median(x, gather(cell, from, cpu_s, x));
  cell->rss_mean_bytes = median(x, gather(cell, from, rss_mean, x));
  cell->rss_peak_bytes = median(x, gather(cell, from, rss_peak, x));
  cell->live_bytes = median(x, gather(cell, from, live, x));
  cell->peak_factor =
      median(x, gather(cell, from, rss_grown, x)) / (*cell->heap_base_bytes ? strtod(cell->heap_base_bytes, NULL) : NAN);
  cell->collector_cpu_share = median(x, gather(cell, from, collector_cpu, x));
  cell->collector_wall_share = median(x, gather(cell, from, collector_wall, x));
  cell->collections = median(x, gather(cell, from, collections, x));
  cell->pause_max_ns = largest(x, gather(cell, from, pause_max, x));
  cell->pause_p99_ns = median(x, gather(cell, from, pause_p99, x));
  cell->leaked_objects = largest(x, gather(cell, from, leaked_objects, x));
  cell->leaked_bytes = largest(x, gather(cell, from, leaked_bytes, x));
  free(x);
}

static void count_invocations(struct cell *cell) {
  for (int i = 0; i < cell->ninvocations; i++) {
    const struct invocation *v = &cell->invocation[i];
    cell->uncollected += invocation_is(v, "uncollected");
    cell->failed += !invocation_is(v, "ok") && !invocation_is(v, "uncollected") && !invocation_is(v, "not-applicable");
    cell->control_poor += v->control_poor;
    cell->oversubscribed |= v->oversubscribed;
    bool ran = !invocation_is(v, "not-applicable");
    cell->invocations += ran;
    cell->blocks += ran && v->opens_block;
  }
}

static const struct invocation *first_with_trouble(const struct cell *cell, bool failures_only) {
  for (int i = 0; i < cell->ninvocations; i++) {
    const struct invocation *v = &cell->invocation[i];
    if (!invocation_is(v, "ok") && !(failures_only && invocation_is(v, "uncollected"))) return v;
  }
  return NULL;
}

/* One bad invocation among good ones is the cell's status: failures before what was not collected, before ok. */
static void judge_status(struct cell *cell) {
  const struct invocation *bad = first_with_trouble(cell, true);
  if (!bad) bad = first_with_trouble(cell, false);
  int times = cell->failed ? cell->failed : cell->uncollected;
  if (cell->ninvocations == 0) {
    cell->status = "not-run";
    cell->reason = report_format("the campaign ended before it");
  } else if (!bad) {
    cell->status = cell->used > 0 ? "ok" : "no-value";
    cell->reason =
        report_format("%s", cell->used > 0 ? cell->invocation[0].reason : "no measured iteration with operations and a time");
  } else {
    cell->status = bad->status;
    if (times > 0 && times < cell->invocations)
      cell->reason = report_format("%d of %d invocations%s%s", times, cell->invocations, *bad->reason ? ": " : "", bad->reason);
    else
      cell->reason = report_format("%s", bad->reason);
  }
  for (char *p = cell->reason; *p; p++)
    if (*p == '\n' || *p == '\r' || *p == '\t') *p = ' '; /* a table has one line for it */
}

/* --- Against the baseline ------------------------------------------------------------------------------------------------ */

static bool applicable(const struct cell *cell) { return strcmp(cell->status, "not-applicable") && cell->ninvocations > 0; }

static bool has_strategy(const struct group *g, const char *strategy) {
  for (int i = 0; i < g->ncells; i++)
    if (applicable(g->cell[i]) && !strcmp(g->cell[i]->axis[AXIS_STRATEGY], strategy)) return true;
  return false;
}

/* Plain counts in a heap of each thread's own are what others are held against; plain counts under one lock where the heap is shared. */
static const char *const default_baseline = "rc", *const shared_baseline = "rc-gil";

/* The wanted strategy; where it is not applicable, the one for shared heaps; where there is none of it either, the first that ran. */
static void choose_baseline(struct group *g, const char *wanted) {
  g->baseline = has_strategy(g, wanted) ? wanted : has_strategy(g, shared_baseline) ? shared_baseline : NULL;
  for (int i = 0; i < g->ncells && !g->baseline; i++)
    if (applicable(g->cell[i])) g->baseline = g->cell[i]->axis[AXIS_STRATEGY];
  g->baseline_not = g->baseline && strcmp(g->baseline, wanted) ? wanted : NULL;
}

static bool obeys_no_limit(const struct cell *cell) { return !*cell->heap_limit && strcmp(cell->axis[AXIS_HEAP], "grow"); }

/* Whether both have a tunable with different values: they are then not the same experiment. */
static bool tunables_contradict(const struct cell *a, const struct cell *b) {
  for (const char *p = a->axis[AXIS_TUNABLES]; *p;) {
    size_t whole = strcspn(p, ";"), name = strcspn(p, "=");
    for (const char *q = b->axis[AXIS_TUNABLES]; *q && name < whole;) {
      size_t other = strcspn(q, ";");
      if (!strncmp(p, q, name + 1) && (whole != other || strncmp(p, q, whole))) return true;
      q += other + (q[other] == ';');
    }
    p += whole + (p[whole] == ';');
  }
  return false;
}

/* Equal threads and allocator, equal heap where both obey a limit, and no tunable that contradicts. Among several, an equal heap, pinning and
   number of collector threads decide, and then the order of the plan. */
static const struct cell *baseline_cell(const struct group *g, const struct cell *cell) {
  const struct cell *best = NULL;
  int best_score = -1;
  for (int i = 0; i < g->ncells; i++) {
    const struct cell *b = g->cell[i];
    if (!applicable(b) || strcmp(b->axis[AXIS_STRATEGY], g->baseline)) continue;
    if (!same(b, cell, AXIS_THREADS) || !same(b, cell, AXIS_ALLOCATOR) || !same(b, cell, AXIS_SIDE)) continue;
    if (!same(b, cell, AXIS_HEAP) && !obeys_no_limit(b) && !obeys_no_limit(cell)) continue;
    /* Of the baseline's own cells the first is what the others are held against. */
    if (strcmp(cell->axis[AXIS_STRATEGY], g->baseline) && tunables_contradict(cell, b)) continue;
    int score = 4 * same(b, cell, AXIS_HEAP) + 2 * same(b, cell, AXIS_PINNING) + same(b, cell, AXIS_COLLECTOR_THREADS);
    if (score <= best_score) continue;
    best = b;
    best_score = score;
  }
  return best;
}

static void form_ratio(struct cell *cell, const struct cell *baseline) {
  struct pair *pair = report_grow(NULL, (size_t)cell->ninvocations + 1, sizeof *pair);
  double *x = report_grow(NULL, (size_t)cell->ninvocations + 1, sizeof *x);
  int n = pairs_form(cell, baseline, pairs_throughput, pair);
  for (int i = 0; i < n; i++) x[i] = pair[i].difference;
  cell->ratio = stats_hodges_lehmann_log(x, n, REPORT_LEVEL);
  free(pair);
  free(x);
}

/* What changes and changes back, or to the end, has no one speed that could be held against another. */
bool cell_steady(const struct cell *cell) { return strcmp(cell->steady, "none") != 0; }

static void compare_cell(const struct group *g, struct cell *cell) {
  cell->ratio = stats_hodges_lehmann(NULL, 0, REPORT_LEVEL);
  if (!cell->collected) {
    cell->no_ratio = report_format("%s", cell->status);
    return;
  }
  const struct cell *b = cell->baseline = baseline_cell(g, cell);
  bool steady = cell_steady(cell) && (!b || cell_steady(b));
  if (b && steady) form_ratio(cell, b);
  if (cell->ratio.n > 0) return;
  if (!b)
    cell->no_ratio = report_format("no %s with these threads, allocator, heap and tunables", g->baseline);
  else if (strcmp(b->status, "ok"))
    cell->no_ratio = report_format("its baseline, %s, is %s", g->baseline, b->status);
  else if (!cell_steady(cell))
    cell->no_ratio = report_format("no steady state");
  else if (!steady)
    cell->no_ratio = report_format("its baseline, %s, has no steady state", g->baseline);
  else
    cell->no_ratio = report_format("no block has both it and %s", g->baseline);
}

/* The strategies of the campaign in the order of its cells, each once; returns how many. The caller frees the array. */
static int list_strategies(const struct campaign *c, const char ***out) {
  const char **names = report_grow(NULL, (size_t)c->ncells, sizeof *names);
  int n = 0;
  for (int i = 0; i < c->ncells; i++) {
    const char *name = c->cell[i]->axis[AXIS_STRATEGY];
    if (find_value(names, n, name) == n) names[n++] = name;
  }
  *out = names;
  return n;
}

/* False with the campaign's error set where it has no such strategy: the nearest is offered, and all are named. */
static bool check_baseline(struct campaign *c, const char *baseline) {
  const char **names;
  char near[100];
  int n = list_strategies(c, &names);
  bool known = find_value(names, n, baseline) < n;
  if (!known) {
    int used = snprintf(c->error, sizeof c->error, "unknown baseline '%.60s'%s (of this campaign:", baseline,
                        catalog_suggest(baseline, names, n, near, sizeof near));
    for (int i = 0; i < n && used < (int)sizeof c->error - 80; i++)
      used += snprintf(c->error + used, sizeof c->error - (size_t)used, "%s %.60s", i ? "," : "", names[i]);
    strcat(c->error, ")");
  }
  free(names);
  return known;
}

bool campaign_summarise(struct campaign *c, const char *baseline) {
  if (baseline && !check_baseline(c, baseline)) return false;
  if (!baseline) baseline = c->baseline ? c->baseline : default_baseline;
  make_groups(c);
  for (int i = 0; i < c->ncells; i++) {
    count_invocations(c->cell[i]);
    estimate_cell(c->cell[i]);
    judge_status(c->cell[i]);
  }
  for (int i = 0; i < c->ngroups; i++) {
    struct group *g = &c->group[i];
    choose_baseline(g, baseline);
    for (int k = 0; k < g->ncells; k++) compare_cell(g, g->cell[k]);
  }
  return true;
}
