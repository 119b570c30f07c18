/* unpaired.c: see unpaired.h. */
#define _GNU_SOURCE 1 /* realpath */
#include "unpaired.h"

#include "harness/gate/place.h"
#include "harness/gate/sides.h"
#include "harness/report/pairs.h"
#include "harness/stats/decide.h"
#include "harness/stats/two-sample.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/program.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEVEL 0.95

static const char *text_at(const json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? s : "";
}

static const json_t *notes_of(const struct gate_result *g) { return json_object_get(g->json, "gate"); }

bool gate_is_unpaired(const struct gate_result *g) { return !strcmp(text_at(notes_of(g), "kind"), "campaign"); }

/* --- What can be compared ---------------------------------------------------------------------------------------------------------- */

static bool has_values(const struct cell *c) {
  for (int i = 0; c && i < c->ninvocations; i++)
    if (invocation_is(&c->invocation[i], "ok")) return true;
  return false;
}

/* What the campaign has instead of a cell: one that differs in its parameters alone. */
static const struct cell *nearly(const struct campaign *base, const struct sweep_cell *c) {
  for (int i = 0; i < base->ncells; i++) {
    const struct cell *b = base->cell[i];
    if (!strcmp(b->axis[AXIS_WORKLOAD], c->workload) && !strcmp(b->axis[AXIS_STRATEGY], c->strategy) &&
        strcmp(b->axis[AXIS_PARAMETERS], c->parameters))
      return b;
  }
  return NULL;
}

/* Leaves what both have; why the first of the others was left out goes into *why, the caller's. */
static void keep_common(struct sweep_plan *p, struct campaign *base, json_t *left_out) {
  int kept = 0;
  for (int i = 0; i < p->nruns; i++) {
    struct sweep_cell *c = &p->cells[p->runs[i]];
    const struct cell *b = gate_campaign_cell(base, c), *other = b ? NULL : nearly(base, c);
    if (has_values(b)) {
      p->runs[kept++] = p->runs[i];
      continue;
    }
    char *title = sweep_cell_title(c);
    const char *why = b ? "it has no value there" : other ? "its parameters differ" : "it is not in that campaign";
    json_t *said = other ? json_sprintf("%s: its parameters differ: %.200s there, %.200s here", title,
                                        other->axis[AXIS_PARAMETERS], c->parameters)
                         : json_sprintf("%s: %s", title, why);
    sweep_plan_warn(p, "left out: %s", json_string_value(said));
    json_array_append_new(left_out, said);
    c->reason = sweep_strdup(why);
    free(title);
  }
  p->nruns = kept;
}

static int check_machine(const json_t *json, const char *dir) {
  char *here = sweep_environment_machine();
  const char *there = text_at(json, "machine");
  int rc = strcmp(here, there) ? sweep_refuse("--base-campaign: %s was measured on %s, and this is %s", dir,
                                              *there ? there : "several machines", here)
                               : 0;
  free(here);
  return rc;
}

/* Both have to draw the same: the campaign's seed, unless another was asked for. */
static void use_seed(struct sweep_options *o, const json_t *json) {
  const json_t *seed = json_object_get(json, "seed");
  if (o->value[OPT_SEED].text || !json_is_integer(seed)) return;
  o->value[OPT_SEED].text = sweep_format("%" JSON_INTEGER_FORMAT, json_integer_value(seed));
  o->value[OPT_SEED].origin = sweep_strdup("--base-campaign");
}

int gate_unpaired_make(const char *dir, struct sweep_options *o, struct sweep_plan *p, json_t **notes) {
  struct campaign base;
  json_t *left_out = json_array();
  *p = (struct sweep_plan){0};
  *notes = NULL;
  int rc = campaign_open(&base, dir) ? 0 : sweep_refuse("--base-campaign: %s", base.error);
  if (!rc) rc = check_machine(base.json, dir);
  if (!rc) {
    use_seed(o, base.json);
    rc = gate_plan_make(o, p);
  }
  if (!rc) keep_common(p, &base, left_out);
  if (!rc && !p->nruns) rc = sweep_refuse("gate: there are no common cells: %s", json_string_value(json_array_get(left_out, 0)));
  char *path = rc ? NULL : realpath(dir, NULL);
  if (!rc)
    *notes = json_pack("{s:s, s:o, s:s, s:s, s:O}", "kind", "campaign", "base",
                       json_sprintf("the campaign %s (%s)", base.name, text_at(base.json, "commit")), "base_dir",
                       path ? path : dir, "head", "this build", "left_out", left_out);
  if (!rc)
    sweep_plan_warn(
        p, "a stored campaign is a weaker witness than pairs: what happened to the machine in between is in every difference");
  if (!rc && strcmp(sweep_program_commit(), text_at(base.json, "commit")) == 0)
    sweep_plan_warn(p, "both sides are of commit %s", sweep_program_commit());
  free(path);
  json_decref(left_out);
  campaign_close(&base);
  return rc;
}

/* --- Files -------------------------------------------------------------------------------------------------------------------------- */

static const char *const kept_files[] = {"campaign.json", "samples.csv"};

int gate_unpaired_keep(const struct gate_result *g) {
  char *to = sweep_format("%s/base", g->dir);
  int rc = mkdir(to, 0777) && errno != EEXIST ? sweep_refuse("gate: %s: %s", to, strerror(errno)) : 0;
  for (int i = 0; i < 2 && !rc; i++) {
    char *source = sweep_format("%s/%s", text_at(notes_of(g), "base_dir"), kept_files[i]),
         *target = sweep_format("%s/%s", to, kept_files[i]);
    rc = gate_place_copy(source, target);
    free(source);
    free(target);
  }
  free(to);
  return rc;
}

/* Where the base's rows are: kept with the gate, or, before that, where they came from. The caller frees. */
static char *base_folder(const struct gate_result *g) {
  char *kept = sweep_format("%s/base", g->dir), *rows = sweep_format("%s/samples.csv", kept);
  bool there = access(rows, R_OK) == 0;
  free(rows);
  if (there) return kept;
  free(kept);
  return sweep_strdup(text_at(notes_of(g), "base_dir"));
}

/* --- Verdicts ------------------------------------------------------------------------------------------------------------------------ */

/* The logarithms of what is known; *n. The caller frees. */
static double *values_of(const struct cell *c, pairs_value *of, int *n) {
  double *x = report_grow(NULL, (size_t)(c ? c->ninvocations : 0) + 1, sizeof *x);
  *n = 0;
  for (int i = 0; c && i < c->ninvocations; i++) {
    double v = invocation_is(&c->invocation[i], "ok") ? log(of(&c->invocation[i])) : NAN;
    if (isfinite(v)) x[(*n)++] = v;
  }
  return x;
}

static void estimate(struct gate_test *t, const struct gate_rule *r, int family, const struct cell *newer,
                     const struct cell *base) {
  int n, m;
  double *x = values_of(newer, gate_metric_value[t->metric], &n), *y = values_of(base, gate_metric_value[t->metric], &m);
  struct stats_interval i = stats_shift(x, n, y, m, LEVEL);
  t->nscreen = t->pairs = n < m ? n : m;
  t->spread = NAN;
  t->p = t->p_screen = n && m ? stats_rank_sum_above(x, n, y, m) : 1;
  t->p_below = n && m ? stats_rank_sum_above(y, m, x, n) : 1;
  t->estimate = exp(i.mid), t->lo = exp(i.lo), t->hi = exp(i.hi);
  t->detectable = INFINITY;
  if (i.kind == STATS_INTERVAL) { /* the error of the estimate, read off its interval */
    double error = (i.hi - i.lo) / (2 * stats_normal_quantile((1 + i.coverage) / 2));
    double z_alpha = stats_normal_quantile(1 - r->alpha / family), z_power = stats_normal_quantile(r->power);
    t->detectable = expm1(fmax((z_alpha + z_power) * error, log1p(r->threshold[t->metric]) + z_power * error));
  }
  free(x);
  free(y);
}

static void decide(struct gate_test *t, const struct gate_rule *r, int family, bool rejected) {
  double threshold = log1p(r->threshold[t->metric]);
  t->why = "";
  t->verdict = GATE_UNJUDGED;
  if (t->pairs < STATS_INTERVAL_FROM)
    t->why = "there are too few values";
  else if (rejected && log(t->estimate) > threshold)
    t->verdict = GATE_REGRESSION;
  else if (t->p_below <= r->alpha / family && log(t->estimate) < -threshold)
    t->verdict = GATE_IMPROVED;
  else if (!(t->detectable <= r->budget[t->metric]))
    t->why = "finds too little (more blocks, or a larger --budget)";
  else
    t->verdict = GATE_FINE;
}

/* All tests of a family. */
static void judge(const struct gate_rule *r, struct gate_test *t, int n) {
  double *p = sweep_alloc((size_t)n, sizeof *p), *adjusted = sweep_alloc((size_t)n, sizeof *adjusted);
  bool *rejected = sweep_alloc((size_t)n, sizeof *rejected);
  for (int i = 0; i < n; i++) p[i] = t[i].p;
  stats_holm(p, n, r->alpha, rejected, adjusted);
  for (int i = 0; i < n; i++) {
    t[i].p_adjusted = adjusted[i];
    decide(&t[i], r, n, rejected[i]);
  }
  free(p);
  free(adjusted);
  free(rejected);
}

static void judge_all(struct gate_result *g, struct campaign *newer, struct campaign *base) {
  int family = g->ncells * GATE_JUDGED;
  struct gate_side *s = &g->side[0];
  for (int i = 0; i < g->ncells; i++) {
    const struct cell *a = gate_campaign_cell(newer, gate_cell(g, i, 0)), *b = gate_campaign_cell(base, gate_cell(g, i, 0));
    for (int m = 0; m < GATE_METRICS; m++) {
      struct gate_test *t = m < GATE_JUDGED ? &s->test[i * GATE_JUDGED + m] : &s->wall[i];
      t->metric = (enum gate_metric)m;
      estimate(t, &g->rule, family, a, b);
    }
    gate_count_ends(&s->ends[i], a, b);
  }
  judge(&g->rule, s->test, family);
  judge(&g->rule, s->wall, g->ncells);
}

int gate_unpaired_judge(struct gate_result *g) {
  struct campaign newer, base = {0};
  char *from = base_folder(g);
  bool ok = campaign_open(&newer, g->dir);
  int rc = ok ? 0 : sweep_refuse("%s", newer.error);
  if (!rc && !campaign_open(&base, from)) rc = sweep_refuse("%s", base.error);
  if (!rc) judge_all(g, &newer, &base);
  campaign_close(&newer);
  campaign_close(&base);
  free(from);
  return rc;
}
