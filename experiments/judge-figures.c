/* judge-figures.c: reads the campaign that experiments/figures.ini made, and says of each figure to reach whether it was.

   A figure compares two cells of one campaign, block by block: the ratio of their cost (CPU time per operation, all threads) or of
   their speed (operations per second of wall time), as the Hodges-Lehmann median of the pairs with its interval. It is reached when
   the whole interval lies on the good side of the target and missed when none of it does; otherwise, or with fewer pairs than an
   interval needs, it is not judged. Figures are advice: the exit code is 0 whatever they say, and 2 where there is no campaign to
   read. */
#include "harness/report/campaign.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum measure {
  COST,  /* CPU time per operation of `strategy` over that of `against`: below 1 is cheaper */
  SPEED, /* operations per second over those of `against`: above 1 is faster; only blocks in which the control saw all cores */
};

static const struct figure {
  const char *strategy, *against, *workload;
  int threads, against_threads;
  enum measure measure;
  double target; /* the greatest cost, the least speed; 0: no target, printed for comparison */
} figures[] = {
    {"rc", "hand", "treesS", 1, 1, COST, 1.15},
    {"rc", "hand", "treesV", 1, 1, COST, 1.15},
    {"rc", "hand", "list", 1, 1, COST, 1.6},
    {"rc", "hand", "dict", 1, 1, COST, 1.3},
    {"rc", "hand", "gen", 1, 1, COST, 0},
    {"rc", "hand", "genl", 1, 1, COST, 0},
    {"rc-atomic", "rc", "treesS", 1, 1, COST, 1.25},
    {"rc-atomic", "rc", "treesV", 1, 1, COST, 1.25},
    {"rc-atomic", "rc", "list", 1, 1, COST, 1.25},
    {"rc-atomic", "rc", "dict", 1, 1, COST, 1.25},
    {"rc-atomic", "rc", "gen", 1, 1, COST, 1.25},
    {"rc-atomic", "rc", "genl", 1, 1, COST, 1.25},
    {"generational", "rc", "treesS", 1, 1, COST, .85},
    {"mark-sweep", "rc", "treesS", 1, 1, COST, 2},
    {"mark-sweep", "rc", "treesV", 1, 1, COST, 2},
    {"mark-sweep", "rc", "list", 1, 1, COST, 2},
    {"mark-sweep", "rc", "dict", 1, 1, COST, 2},
    {"mark-sweep", "rc", "genl", 1, 1, COST, 2},
    {"rc", "rc", "treesS", 2, 1, SPEED, 1.8},
    {"rc", "rc", "list", 2, 1, SPEED, 1.8},
    {"rc", "rc", "dict", 2, 1, SPEED, 1.8},
    {"rc-atomic", "rc-atomic", "treesS", 2, 1, SPEED, 1.8},
    {"rc-atomic", "rc-atomic", "list", 2, 1, SPEED, 1.8},
    {"rc-atomic", "rc-atomic", "dict", 2, 1, SPEED, 1.8},
    {"rc-gil", "rc-gil", "treesS", 2, 1, SPEED, 0},
    {"rc-gil", "rc-gil", "list", 2, 1, SPEED, 0},
    {"rc-gil", "rc-gil", "dict", 2, 1, SPEED, 0},
};
enum { FIGURES = sizeof figures / sizeof *figures };
static const double overhead_target = 0.05;

/* --- Pairs ----------------------------------------------------------------------------------------------------------------- */

static const struct cell *find_cell(const struct campaign *c, const char *strategy, const char *workload, int threads) {
  for (int i = 0; i < c->ncells; i++) {
    char *const *axis = (char *const *)c->cell[i]->axis;
    if (!strcmp(axis[AXIS_STRATEGY], strategy) && !strcmp(axis[AXIS_WORKLOAD], workload) &&
        !strcmp(axis[AXIS_SHARING], "private") && atoi(axis[AXIS_THREADS]) == threads)
      return c->cell[i];
  }
  return NULL;
}

/* The invocation of `cell` beside v: same machine, same block, same pass over the block. */
static const struct invocation *partner(const struct cell *cell, const struct invocation *v) {
  for (int i = 0; i < cell->ninvocations; i++) {
    const struct invocation *b = &cell->invocation[i];
    if (b->pass == v->pass && !strcmp(b->block, v->block) && !strcmp(b->machine, v->machine) && invocation_is(b, "ok")) return b;
  }
  return NULL;
}

static double cpu_per_op(const struct invocation *v) { return v->cpu_ns / v->operations; }
static double wall_per_op(const struct invocation *v) { return v->wall_ns / v->operations; }

/* log of `of` in cell a over that in cell b for each pair, in x; `poor`, where not NULL, counts the pairs that are left out because
   the control of one of them was poor. */
static int pair(const struct cell *a, const struct cell *b, double (*of)(const struct invocation *), double *x, int *poor) {
  int n = 0;
  for (int i = 0; i < a->ninvocations; i++) {
    const struct invocation *v = &a->invocation[i], *w = partner(b, v);
    if (!w || !invocation_is(v, "ok")) continue;
    if (poor && (v->control_poor || w->control_poor)) {
      ++*poor;
      continue;
    }
    x[n] = log(of(v)) - log(of(w));
    n += isfinite(x[n]);
  }
  return n;
}

/* --- One line per figure ------------------------------------------------------------------------------------------------------ */

static const char *verdict(const struct figure *f, const struct stats_interval *v) {
  if (f->target == 0) return "no target";
  if (v->kind != STATS_INTERVAL) return "could not judge"; /* a range has no probability */
  double good = f->measure == COST ? -1 : 1, lo = good * v->lo, hi = good * v->hi, target = good * f->target;
  if (fmin(lo, hi) >= target) return "reached";
  if (fmax(lo, hi) < target) return "missed";
  return "could not judge";
}

static void name_figure(const struct figure *f, char *name, size_t room) {
  if (f->measure == COST)
    snprintf(name, room, "%s / %s, %s", f->strategy, strcmp(f->against, "hand") ? f->against : "hand C", f->workload);
  else
    snprintf(name, room, "%s, %s: %d threads / %d", f->strategy, f->workload, f->threads, f->against_threads);
}

static void print_line(const char *name, const char *sign, double target, const struct stats_interval *v, double other,
                       int blocks, const char *says) {
  char bound[16] = "", beside[16] = "", interval[32] = "";
  if (v->kind != STATS_NONE) snprintf(interval, sizeof interval, "[%5.2f, %5.2f]", v->lo, v->hi);
  if (target > 0) snprintf(bound, sizeof bound, "%s %.2f", sign, target);
  if (isfinite(other)) snprintf(beside, sizeof beside, "%.2f", other);
  printf("%-36s %7s  %5.2f %14s %6s %6d  %s\n", name, bound, v->mid, interval, beside, blocks, says);
}

static void print_unknown(const char *name, const char *sign, double target, const char *why) {
  char bound[16] = "";
  if (target > 0) snprintf(bound, sizeof bound, "%s %.2f", sign, target);
  printf("%-36s %7s  %-38s could not judge\n", name, bound, why);
}

static void judge(const struct campaign *c, const struct figure *f) {
  char name[64], why[64] = "";
  const char *sign = f->measure == COST ? "<=" : ">=";
  name_figure(f, name, sizeof name);
  const struct cell *a = find_cell(c, f->strategy, f->workload, f->threads);
  const struct cell *b = find_cell(c, f->against, f->workload, f->against_threads);
  if (!a || !b) {
    print_unknown(name, sign, f->target, "not in this campaign");
    return;
  }
  double *x = report_grow(NULL, (size_t)a->ninvocations + 1, sizeof *x);
  int poor = 0, n = pair(a, b, f->measure == COST ? cpu_per_op : wall_per_op, x, f->measure == SPEED ? &poor : NULL);
  struct stats_interval v = stats_hodges_lehmann_log(x, n, REPORT_LEVEL), wall = {.mid = NAN};
  if (n && f->measure == COST) wall = stats_hodges_lehmann_log(x, pair(a, b, wall_per_op, x, NULL), REPORT_LEVEL);
  if (f->measure == SPEED) v = (struct stats_interval){1 / v.mid, 1 / v.hi, 1 / v.lo, v.coverage, v.n, v.kind};
  free(x);
  if (n == 0 && poor)
    snprintf(why, sizeof why, "the control saw too few cores");
  else if (n == 0)
    snprintf(why, sizeof why, "%s: %s", strcmp(a->status, "ok") ? f->strategy : f->against,
             strcmp(a->status, "ok") ? a->status : b->status);
  if (*why)
    print_unknown(name, sign, f->target, why);
  else
    print_line(name, sign, f->target, &v, wall.mid, n, verdict(f, &v));
}

/* What the sweep itself took: planning, spawning, journal, summary. */
static void judge_overhead(const struct campaign *c) {
  static const char name[] = "outside the measured children";
  json_t *overhead = json_object_get(c->json, "overhead");
  if (!json_is_number(overhead)) {
    print_unknown(name, "<", overhead_target, "the campaign did not end");
    return;
  }
  double share = json_number_value(overhead);
  printf("%-36s %7s  %5.1f %% of the sweep's wall time %11s  %s\n", name, "< 5 %", 100 * share, "",
         share < overhead_target ? "reached" : "missed");
}

int main(int argc, char **argv) {
  if (argc != 2 || argv[1][0] == '-') {
    fprintf(stderr, "usage: judge-figures DIR, a campaign of experiments/figures.ini\n");
    return 2;
  }
  struct campaign c;
  if (!campaign_open(&c, argv[1]) || !campaign_summarise(&c, NULL)) {
    fprintf(stderr, "reclaim: %s\n", c.error);
    campaign_close(&c);
    return 2;
  }
  printf("%-36s %7s  %-21s %6s\n", "", "", "ratio, 95 % interval", "wall");
  printf("%-36s %7s  %-21s %6s %6s  %s\n", "figure", "target", "CPU per op; speed", "per op", "blocks", "verdict");
  for (int i = 0; i < FIGURES; i++) judge(&c, &figures[i]);
  judge_overhead(&c);
  campaign_close(&c);
  return 0;
}
