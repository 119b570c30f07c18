/* live.c: see live.h. */
#include "harness/selftest/live.h"

#include "harness/gate/sides.h"
#include "harness/stats/stats.h"
#include "harness/sweep/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- The plan ----------------------------------------------------------------------------------------------------------------- */

static void add(struct sweep_plan *p, const struct sweep_cell *like, const char *side, const char *plant) {
  struct sweep_cell c = sweep_cell_copy(like);
  sweep_cell_set(&c.side, side);
  sweep_cell_set(&c.plant, plant);
  *sweep_push(p->runs, p->nruns) = p->ncells;
  *sweep_push(p->cells, p->ncells) = c;
}

/* Each cell, and beside it each of what is held against it. */
static void add_sides(struct sweep_plan *p) {
  struct sweep_plan all = {0};
  for (int i = 0; i < p->nruns; i++) {
    const struct sweep_cell *c = &p->cells[p->runs[i]];
    add(&all, c, "base", "");
    for (int k = 0; k < SELFTEST_PLANTS; k++) add(&all, c, selftest_plants[k].side, selftest_plants[k].text);
  }
  for (int i = 0; i < p->ncells; i++) sweep_cell_free(&p->cells[i]);
  free(p->cells);
  free(p->runs);
  p->cells = all.cells, p->ncells = all.ncells, p->runs = all.runs, p->nruns = all.nruns;
  p->sides = 1 + SELFTEST_PLANTS;
}

int selftest_plan(const struct selftest_request *r, int campaign, struct sweep_plan *p) {
  char seed[24], *argv[8];
  int argc = 0;
  struct sweep_options o = {0};
  const char *flags[][2] = {
      {"--strategy", r->strategy}, {"--workload", r->workload}, {"--threads", r->threads}, {"--seed", seed}};
  snprintf(seed, sizeof seed, "%" PRId64, r->seed + campaign);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    if (flags[i][1]) argv[argc++] = (char *)flags[i][0], argv[argc++] = (char *)flags[i][1];
  int rc = sweep_options_read(&o, argc, argv);
  if (!rc) rc = gate_plan_make(&o, p);
  if (!rc && !p->nruns) rc = sweep_refuse("selftest: no cell can be run");
  if (!rc) add_sides(p);
  sweep_options_free(&o);
  return rc;
}

enum { GATE_SIDES = 4 }; /* base, newer, and two controls: what the time of a gate is for */

/* --- One campaign ------------------------------------------------------------------------------------------------------------- */

enum state { ABSENT, BEGUN, FINISHED };

static enum state state_of(const char *dir) {
  char *path = sweep_format("%s/campaign.json", dir);
  json_t *o = json_load_file(path, 0, NULL);
  const char *stage = json_string_value(json_object_get(json_object_get(o, "gate"), "stage"));
  enum state is = !o ? ABSENT : stage && !strcmp(stage, "done") ? FINISHED : BEGUN;
  json_decref(o);
  free(path);
  return is;
}

static void keep_value(struct selftest_live *l, int i, double v) {
  l->each[i] = sweep_realloc(l->each[i], (size_t)l->campaigns + 1, sizeof **l->each);
  l->each[i][l->campaigns] = v;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* INFINITY is a value here: where nothing could be found. */
static double median(const double *v, int n) {
  double *copy = sweep_alloc((size_t)n, sizeof *copy), m;
  memcpy(copy, v, (size_t)n * sizeof *v);
  qsort(copy, (size_t)n, sizeof *copy, by_value);
  m = n % 2 || isinf(copy[n / 2]) ? copy[n / 2] : (copy[n / 2 - 1] + copy[n / 2]) / 2;
  free(copy);
  return m;
}

static void begin_cells(struct selftest_live *l, const struct gate_result *g) {
  l->ncells = g->ncells;
  l->cell = sweep_alloc((size_t)l->ncells, sizeof *l->cell);
  l->each = sweep_alloc((size_t)l->ncells, sizeof *l->each * (GATE_JUDGED + 1));
  l->rule = g->rule;
  for (int i = 0; i < l->ncells; i++) {
    const struct sweep_cell *c = gate_cell(g, i, 0);
    l->cell[i].title = sweep_format("%s %s %s x%d", c->workload, c->sharing, c->strategy, c->threads);
  }
  const char *machine = json_string_value(json_object_get(g->json, "machine"));
  l->machine = sweep_strdup(machine ? machine : "");
}

static int take_in(struct selftest_live *l, const struct gate_result *g) {
  if (g->nsides != SELFTEST_PLANTS) return sweep_refuse("%s: its sides are not those of a selftest", g->dir);
  if (!l->cell) begin_cells(l, g);
  int rc = bank_add(&l->bank, g);
  if (rc) return rc;
  for (int k = 0; k < SELFTEST_PLANTS; k++) selftest_count(&l->tally[k], &selftest_plants[k], g->side[k].test, g->ncells, -1);
  double *spread = sweep_alloc((size_t)l->ncells, sizeof *spread);
  for (int i = 0; i < l->ncells; i++) {
    const struct gate_test *t = &g->side[0].test[i * GATE_JUDGED];
    spread[i] = t[GATE_CPU].spread;
    keep_value(l, i * (GATE_JUDGED + 1), spread[i]);
    for (int m = 0; m < GATE_JUDGED; m++) keep_value(l, i * (GATE_JUDGED + 1) + 1 + m, t[m].detectable);
  }
  l->spreads = sweep_realloc(l->spreads, (size_t)l->campaigns + 1, sizeof *l->spreads);
  l->spreads[l->campaigns++] = median(spread, l->ncells);
  free(spread);
  return 0;
}

/* The gate's own rule, with as many times as many pairs as were asked for. */
static struct gate_rule rule_of(const struct selftest_request *r) {
  struct gate_rule rule = gate_rule_default;
  int64_t usual = rule.screen_pairs;
  rule.screen_pairs = (int)r->pairs;
  rule.noisy_pairs = (int)(rule.noisy_pairs * r->pairs / usual);
  rule.most_pairs = (int)(rule.most_pairs * r->pairs / usual);
  return rule;
}

static int measure_one(const struct selftest_request *r, int k, const char *dir, bool begun, int argc, char **argv,
                       struct gate_result *g) {
  struct sweep_plan plan = {0};
  const struct gate_rule rule = rule_of(r);
  double within_s = (double)r->within * 60 * (1 + SELFTEST_PLANTS) / GATE_SIDES;
  int rc = begun ? 0 : selftest_plan(r, k, &plan);
  if (!rc && !r->quiet) sweep_say("selftest: live campaign %d of %" PRId64 ": %s", k + 1, r->campaigns, dir);
  if (!rc)
    rc = gate_measure(&plan, begun ? NULL : dir, begun ? dir : NULL, &rule, r->quiet, within_s, sweep_now(),
                      json_pack("{s:s, s:s, s:s}", "kind", "selftest", "base", "itself", "head", "itself, and slower on purpose"),
                      argc, argv, g);
  sweep_plan_free(&plan);
  return rc;
}

/* --- All of them -------------------------------------------------------------------------------------------------------------- */

static void settle(struct selftest_live *l) {
  for (int i = 0; i < l->ncells; i++) {
    double **v = &l->each[i * (GATE_JUDGED + 1)];
    l->cell[i].spread = median(v[0], l->campaigns);
    for (int m = 0; m < GATE_JUDGED; m++) l->cell[i].detectable[m] = median(v[m + 1], l->campaigns);
  }
}

int selftest_live(const struct selftest_request *r, const char *dir, bool measure, int argc, char **argv,
                  struct selftest_live *l) {
  int rc = 0;
  *l = (struct selftest_live){.rule = gate_rule_default};
  for (int k = 0; k < r->campaigns && !rc; k++) {
    struct gate_result g = {0};
    char *one = sweep_format("%s/live-%03d", dir, k + 1);
    enum state is = state_of(one);
    bool any = is == FINISHED || measure;
    if (is == FINISHED)
      rc = gate_read(one, &g);
    else if (measure)
      rc = measure_one(r, k, one, is == BEGUN, argc, argv, &g);
    if (any && !rc) rc = take_in(l, &g);
    gate_result_free(&g);
    free(one);
  }
  settle(l);
  return rc;
}

void selftest_live_free(struct selftest_live *l) {
  for (int i = 0; i < l->ncells; i++) free(l->cell[i].title);
  for (int i = 0; l->each && i < l->ncells * (GATE_JUDGED + 1); i++) free(l->each[i]);
  free(l->cell);
  free(l->each);
  free(l->spreads);
  free(l->machine);
  bank_free(&l->bank);
  *l = (struct selftest_live){0};
}
