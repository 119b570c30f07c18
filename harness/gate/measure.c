/* measure.c: see measure.h. */
#include "measure.h"

#include "harness/gate/instructions.h"
#include "harness/gate/unpaired.h"
#include "harness/sweep/loop.h"
#include "harness/sweep/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In the order of the tests. */
pairs_value *const gate_metric_value[GATE_METRICS] = {pairs_cpu_per_op, pairs_rss_peak, pairs_rss_mean, pairs_wall_per_op};

const struct sweep_cell *gate_cell(const struct gate_result *g, int i, int side) {
  int sides = g->plan.sides;
  return &g->plan.cells[g->plan.runs[i * sides + (side < sides ? side : sides - 1)]];
}

/* --- The rule in campaign.json ------------------------------------------------------------------------------------------------ */

static json_t *known(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *rule_json(const struct gate_rule *r) {
  json_t *o = json_pack("{s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:i}", "effect", r->effect, "power", r->power, "screen_alpha",
                        r->screen_alpha, "alpha", r->alpha, "noisy", r->noisy, "screen_pairs", r->screen_pairs, "noisy_pairs",
                        r->noisy_pairs, "most_pairs", r->most_pairs);
  json_t *metrics = json_object();
  for (int m = 0; m < GATE_METRICS; m++)
    json_object_set_new(metrics, gate_metric_names[m],
                        json_pack("{s:o, s:o}", "threshold", known(r->threshold[m]), "budget", known(r->budget[m])));
  json_object_set_new(o, "metrics", metrics);
  return o;
}

static bool read_real(const json_t *o, const char *key, double *out) {
  const json_t *v = json_object_get(o, key);
  if (json_is_null(v)) return *out = INFINITY, true;
  return json_is_number(v) ? *out = json_number_value(v), true : false;
}

static bool read_count(const json_t *o, const char *key, int *out) {
  const json_t *v = json_object_get(o, key);
  json_int_t n = json_integer_value(v);
  return json_is_integer(v) && n > 0 && n <= 100000 ? *out = (int)n, true : false;
}

static bool read_rule(const json_t *o, struct gate_rule *r) {
  const json_t *metrics = json_object_get(o, "metrics");
  for (int m = 0; m < GATE_METRICS; m++) {
    const json_t *one = json_object_get(metrics, gate_metric_names[m]);
    if (!read_real(one, "threshold", &r->threshold[m]) || !read_real(one, "budget", &r->budget[m])) return false;
  }
  return read_real(o, "effect", &r->effect) && read_real(o, "power", &r->power) &&
         read_real(o, "screen_alpha", &r->screen_alpha) && read_real(o, "alpha", &r->alpha) && read_real(o, "noisy", &r->noisy) &&
         read_count(o, "screen_pairs", &r->screen_pairs) && read_count(o, "noisy_pairs", &r->noisy_pairs) &&
         read_count(o, "most_pairs", &r->most_pairs);
}

/* --- From rows to tests --------------------------------------------------------------------------------------------------------- */

const struct cell *gate_campaign_cell(const struct campaign *c, const struct sweep_cell *p) {
  char threads[16], collectors[16], limit[32];
  snprintf(threads, sizeof threads, "%d", p->threads);
  snprintf(collectors, sizeof collectors, "%d", p->collector_threads);
  snprintf(limit, sizeof limit, "%" PRIu64, p->heap_limit);
  const char *const axis[AXES] = {
      p->workload, p->parameters, p->sharing, p->strategy,  p->tunables,
      threads,     collectors,    p->pinning, p->allocator, strcmp(p->heap_policy, "bytes") ? p->heap_policy : limit,
      p->side};
  for (int i = 0; i < c->ncells; i++) {
    bool same = true;
    for (int a = 0; a < AXES && same; a++) same = !strcmp(c->cell[i]->axis[a], axis[a]);
    if (same) return c->cell[i];
  }
  return NULL;
}

static int block_of(const struct pair *p) { return atoi(p->a->block); }

/* The pairs of one quantity, those of the screen and those behind it. */
static void split_pairs(struct gate_test *t, const struct cell *side, const struct cell *base, enum gate_metric m, int screen) {
  t->metric = m;
  t->nscreen = t->njudge = 0;
  if (!side || !base) return;
  struct pair *pair = report_grow(NULL, (size_t)side->ninvocations + 1, sizeof *pair);
  int n = pairs_form(side, base, gate_metric_value[m], pair);
  t->screen = report_grow(NULL, (size_t)n + 1, sizeof *t->screen);
  t->judge = report_grow(NULL, (size_t)n + 1, sizeof *t->judge);
  for (int i = 0; i < n; i++)
    if (block_of(&pair[i]) < screen)
      t->screen[t->nscreen++] = pair[i].difference;
    else
      t->judge[t->njudge++] = pair[i].difference;
  free(pair);
}

static int count_uncollected(const struct cell *c) {
  int n = 0;
  for (int i = 0; c && i < c->ninvocations; i++) n += invocation_is(&c->invocation[i], "uncollected");
  return n;
}

static int count_failed(const struct cell *c, const char **reason, const char **status) {
  int n = 0;
  for (int i = 0; c && i < c->ninvocations; i++) {
    const struct invocation *v = &c->invocation[i];
    if (invocation_is(v, "ok") || invocation_is(v, "uncollected")) continue;
    if (!n++ && !**status) *status = v->status, *reason = v->reason;
  }
  return n;
}

void gate_count_ends(struct gate_ends *e, const struct cell *side, const struct cell *base) {
  const char *reason = "", *status = "";
  e->invocations = side ? side->ninvocations : 0;
  e->base_invocations = base ? base->ninvocations : 0;
  e->failed = count_failed(side, &reason, &status);
  e->base_failed = count_failed(base, &reason, &status);
  e->uncollected = count_uncollected(side) + count_uncollected(base);
  e->reason = *reason ? sweep_format("%s: %s", status, reason) : sweep_strdup(status);
}

/* Makes the tests from the rows; nothing is decided. */
static void fill_tests(struct gate_result *g, struct campaign *c) {
  for (int i = 0; i < g->ncells; i++) {
    const struct cell *base = gate_campaign_cell(c, gate_cell(g, i, 0));
    for (int s = 0; s < g->nsides; s++) {
      const struct cell *side = gate_campaign_cell(c, gate_cell(g, i, s + 1));
      for (int m = 0; m < GATE_JUDGED; m++)
        split_pairs(&g->side[s].test[i * GATE_JUDGED + m], side, base, (enum gate_metric)m, g->screen[i]);
      split_pairs(&g->side[s].wall[i], side, base, GATE_WALL, INT32_MAX);
      gate_count_ends(&g->side[s].ends[i], side, base);
    }
  }
}

static void free_tests(struct gate_result *g) {
  for (int s = 0; s < g->nsides; s++) {
    struct gate_side *side = &g->side[s];
    for (int k = 0; side->test && k < g->ncells * GATE_JUDGED; k++) free(side->test[k].screen), free(side->test[k].judge);
    for (int i = 0; side->wall && i < g->ncells; i++)
      free(side->wall[i].screen), free(side->wall[i].judge), free(side->ends[i].reason);
    free(side->test);
    free(side->wall);
    free(side->ends);
    free(side->name);
  }
  free(g->side);
  g->side = NULL;
  g->nsides = 0;
}

static void make_tests(struct gate_result *g, int nsides) {
  g->nsides = nsides;
  g->side = sweep_alloc((size_t)g->nsides, sizeof *g->side);
  for (int s = 0; s < g->nsides; s++)
    g->side[s] = (struct gate_side){sweep_strdup(gate_cell(g, 0, s + 1)->side),
                                    s > 0,
                                    sweep_alloc((size_t)g->ncells * GATE_JUDGED, sizeof *g->side->test),
                                    sweep_alloc((size_t)g->ncells, sizeof *g->side->wall),
                                    sweep_alloc((size_t)g->ncells, sizeof *g->side->ends),
                                    GATE_UNJUDGED};
}

/* Of the plan's sides, or, where it has none, of what is held against a stored campaign. */
static int read_tests(struct gate_result *g, const char *dir, int nsides) {
  struct campaign c;
  bool ok = campaign_open(&c, dir);
  if (ok) {
    free_tests(g);
    make_tests(g, nsides);
    if (!gate_is_unpaired(g)) fill_tests(g, &c);
  }
  int rc = ok ? 0 : sweep_refuse("%s", c.error);
  campaign_close(&c);
  return rc;
}

/* --- Stages --------------------------------------------------------------------------------------------------------------------- */

enum stage { SCREEN, SCREEN_NOISY, JUDGE, DONE };
static const char *const stage_names[] = {"screen", "screen-noisy", "judge", "done"};

/* `within` seconds for all of it, which end at `until` of sweep_now(); 0: there is no limit. */
struct time_limit {
  double within_s, until_s;
};

/* The part of the time that is kept for the judge. */
#define JUDGE_SHARE 0.35

static json_t *gate_json(struct gate_result *g) { return json_object_get(g->json, "gate"); }

static void record_stage(struct gate_result *g, enum stage stage) {
  json_t *screen = json_array();
  for (int i = 0; i < g->ncells; i++) json_array_append_new(screen, json_integer(g->screen[i]));
  json_object_set_new(gate_json(g), "screen_blocks", screen);
  json_object_set_new(gate_json(g), "stage", json_string(stage_names[stage]));
  json_object_set_new(gate_json(g), "cut", json_boolean(g->cut));
}

static bool read_stage(struct gate_result *g, enum stage *stage) {
  json_t *o = gate_json(g), *screen = json_object_get(o, "screen_blocks");
  const char *name = json_string_value(json_object_get(o, "stage"));
  g->cut = json_is_true(json_object_get(o, "cut"));
  g->ncells = g->plan.nruns / g->plan.sides;
  g->screen = sweep_alloc((size_t)g->ncells, sizeof *g->screen);
  if (!name || json_array_size(screen) != (size_t)g->ncells || !read_rule(json_object_get(o, "rule"), &g->rule)) return false;
  for (int i = 0; i < g->ncells; i++) g->screen[i] = (int)json_integer_value(json_array_get(screen, (size_t)i));
  for (*stage = SCREEN; *stage <= DONE; ++*stage)
    if (!strcmp(name, stage_names[*stage])) return true;
  return false;
}

/* Sets how many blocks a side of a cell runs in. */
static void set_blocks(struct gate_result *g, int i, int side, int blocks) {
  struct sweep_plan *p = &g->plan;
  p->cells[p->runs[i * p->sides + side]].blocks = blocks;
  if (blocks > p->blocks) p->blocks = blocks;
}

static double seconds_of(const struct sweep_loop *l, const struct gate_result *g, int i, int side) {
  return sweep_progress_expect(&l->progress, &g->plan, g->plan.runs[i * g->plan.sides + side]);
}

/* The blocks that the spread of any of a cell's quantities asks for. */
static int screen_due(const struct gate_result *g, int i) {
  int due = g->screen[i];
  for (int s = 0; s < g->nsides; s++)
    for (int m = 0; m < GATE_JUDGED; m++) {
      struct gate_test *t = &g->side[s].test[i * GATE_JUDGED + m];
      int one = gate_screen_pairs(&g->rule, gate_spread(t->screen, t->nscreen));
      if (one > due) due = one;
    }
  return due;
}

/* The cells that spread are screened on, if that leaves the judge time enough; false: none is. */
static bool screen_on(struct gate_result *g, const struct sweep_loop *l, const struct time_limit *limit) {
  double seconds = 0;
  for (int i = 0; i < g->ncells; i++)
    for (int side = 0; side <= g->nsides; side++) seconds += (screen_due(g, i) - g->screen[i]) * seconds_of(l, g, i, side);
  if (seconds <= 0) return false;
  if (limit->until_s > 0 && limit->until_s - sweep_now() - seconds < JUDGE_SHARE * limit->within_s) return g->cut = true, false;
  for (int i = 0; i < g->ncells; i++) {
    g->screen[i] = screen_due(g, i);
    for (int side = 0; side <= g->nsides; side++) set_blocks(g, i, side, g->screen[i]);
  }
  return true;
}

/* The pairs that judge a side of a cell: what the most demanding of its suspected quantities asks for. */
static int wanted(const struct gate_result *g, int i, int s) {
  int most = 0;
  for (int m = 0; m < GATE_JUDGED; m++) {
    int one = g->side[s].test[i * GATE_JUDGED + m].wanted;
    if (one > most) most = one;
  }
  return most;
}

/* Sets the judge's blocks, in the share `part` of what is wanted (at least what a verdict needs at all); returns the seconds that it takes. */
static double set_judge(struct gate_result *g, const struct sweep_loop *l, double part) {
  double seconds = 0;
  for (int i = 0; i < g->ncells; i++) {
    int most = 0;
    for (int s = 0; s < g->nsides; s++) {
      int full = wanted(g, i, s), n = (int)ceil(full * part), least = 2 * STATS_INTERVAL_FROM;
      if (n < least) n = full < least ? full : least;
      set_blocks(g, i, s + 1, g->screen[i] + n);
      seconds += n * seconds_of(l, g, i, s + 1);
      if (n > most) most = n;
    }
    set_blocks(g, i, 0, g->screen[i] + most);
    seconds += most * seconds_of(l, g, i, 0);
  }
  return seconds;
}

/* Stage two is planned: all that the rule asks for, or an equal share of it for all, where the time is short. False: nothing is suspected. */
static bool plan_judge(struct gate_result *g, const struct sweep_loop *l, const struct time_limit *limit) {
  int suspected = 0;
  for (int s = 0; s < g->nsides; s++) suspected += gate_screen(&g->rule, g->side[s].test, g->ncells * GATE_JUDGED);
  double needed = set_judge(g, l, 1), left = limit->until_s - sweep_now();
  if (limit->until_s > 0 && needed > left) {
    g->cut = true;
    set_judge(g, l, left > 0 ? left / needed : 0);
  }
  return suspected > 0;
}

/* What the finished stage leads to. */
static enum stage next_stage(struct gate_result *g, const struct sweep_loop *l, enum stage stage,
                             const struct time_limit *limit) {
  if (stage == SCREEN && screen_on(g, l, limit)) return SCREEN_NOISY;
  if (stage <= SCREEN_NOISY && plan_judge(g, l, limit)) return JUDGE;
  return DONE;
}

/* The loop owns the plan that is carried out; the result works on the same one between stages. */
static int advance(struct gate_result *g, struct sweep_loop *l, enum stage *stage, const struct time_limit *limit) {
  struct samples_summary ignored;
  int rc = sweep_store_write_samples(&l->store, &ignored);
  if (!rc) rc = read_tests(g, l->store.dir, g->plan.sides - 1);
  if (rc) return rc;
  *stage = next_stage(g, l, *stage, limit);
  l->store.plan = g->plan;
  record_stage(g, *stage);
  json_object_set_new(l->store.json, "plan", sweep_plan_json(&g->plan));
  return sweep_store_save(&l->store);
}

static int run_stages(struct gate_result *g, struct sweep_loop *l, enum stage stage, const struct time_limit *limit) {
  int rc = 0;
  struct samples_summary sum;
  while (!rc && stage != DONE) {
    rc = sweep_loop_measure(l);
    sweep_progress_clear(&l->progress);
    if (!rc) rc = advance(g, l, &stage, limit);
  }
  if (rc == SWEEP_BAD_INPUT) return rc;
  int bad = sweep_loop_write(l, rc, &sum);
  return bad ? bad : rc;
}

/* --- Beginning ------------------------------------------------------------------------------------------------------------------ */

static int begin(struct gate_result *g, struct sweep_loop *l, const struct gate_rule *rule, json_t *notes) {
  g->rule = *rule;
  g->screen = sweep_alloc((size_t)g->ncells, sizeof *g->screen);
  for (int i = 0; i < g->ncells; i++) g->screen[i] = rule->screen_pairs;
  json_t *o = notes ? json_incref(notes) : json_object();
  json_object_set_new(o, "rule", rule_json(rule));
  json_object_set_new(g->json, "gate", o);
  record_stage(g, SCREEN);
  return sweep_store_save(&l->store);
}

static void prepare(struct sweep_plan *p, const struct gate_rule *rule) {
  p->blocks = 0;
  p->pilot = 0, p->repeats = 0;
  for (int i = 0; i < p->nruns; i++) p->cells[p->runs[i]].blocks = rule->screen_pairs;
  p->blocks = rule->screen_pairs;
}

int gate_measure(struct sweep_plan *plan, const char *dir, const char *resume, const struct gate_rule *rule, bool quiet,
                 double within_s, double started, json_t *notes, int argc, char **argv, struct gate_result *out) {
  struct sweep_loop l;
  enum stage stage = SCREEN;
  struct gate_result g = {0};
  if (!resume) prepare(plan, rule);
  int rc = sweep_loop_open(&l, plan, dir, resume, quiet, started, argc, argv);
  if (!rc) {
    g.plan = l.store.plan; /* borrowed */
    g.json = l.store.json;
    g.ncells = g.plan.nruns / g.plan.sides;
    if (!resume)
      rc = begin(&g, &l, rule, notes);
    else if (!read_stage(&g, &stage))
      rc = sweep_refuse("%s: it is no gate", l.store.dir);
    const struct time_limit limit = {within_s, within_s > 0 ? started + within_s : 0};
    if (!rc) rc = run_stages(&g, &l, stage, &limit);
  }
  char *where = rc ? NULL : sweep_strdup(l.store.dir);
  free_tests(&g);
  free(g.screen);
  json_decref(notes);
  sweep_loop_close(&l);
  *out = (struct gate_result){0};
  if (!rc) rc = gate_read(where, out);
  free(where);
  return rc;
}

/* --- Verdicts ------------------------------------------------------------------------------------------------------------------- */

/* A side that fails where the base does not is worse than it in every quantity. Where a tracing collector hardly collected, what is compared is
   how many collections happened to fall into an invocation. */
static void judge_ends(struct gate_result *g, struct gate_side *side) {
  for (int i = 0; i < g->ncells; i++) {
    const struct gate_ends *e = &side->ends[i];
    if (!e->failed && !e->base_failed && !e->uncollected) continue;
    for (int m = 0; m < GATE_JUDGED; m++) {
      struct gate_test *t = &side->test[i * GATE_JUDGED + m];
      if (e->failed && !e->base_failed)
        t->verdict = GATE_REGRESSION, t->why = "it fails, and the base does not";
      else if (t->verdict != GATE_REGRESSION)
        t->verdict = GATE_UNJUDGED, t->why = e->failed        ? "both fail"
                                             : e->base_failed ? "the base fails"
                                                              : "fewer than three collections: more iterations are needed";
    }
  }
}

static void judge_side(struct gate_result *g, struct gate_side *side, int s) {
  int n = g->ncells * GATE_JUDGED;
  gate_screen(&g->rule, side->test, n);
  for (int i = 0; i < g->ncells; i++) { /* as it was planned, not as it would be */
    int planned = gate_cell(g, i, s + 1)->blocks - g->screen[i];
    for (int m = 0; m < GATE_JUDGED; m++)
      if (side->test[i * GATE_JUDGED + m].suspected) side->test[i * GATE_JUDGED + m].wanted = planned;
  }
  gate_judge(&g->rule, side->test, n);
  gate_screen(&g->rule, side->wall, g->ncells);
  for (int i = 0; i < g->ncells; i++) side->wall[i].suspected = false; /* advice is never judged */
  gate_judge(&g->rule, side->wall, g->ncells);
}

int gate_read(const char *dir, struct gate_result *g) {
  enum stage stage;
  enum gate_verdict controls[64];
  int n = 0;
  *g = (struct gate_result){.dir = sweep_strdup(dir)};
  g->json = sweep_store_read_json(dir, &g->plan);
  if (!g->json) return SWEEP_BAD_INPUT;
  if (!gate_json(g) || !read_stage(g, &stage)) return sweep_refuse("%s: it is no gate's campaign", dir);
  if (stage != DONE) return sweep_refuse("%s: the gate was not finished (it ended in its stage '%s')", dir, stage_names[stage]);
  int rc = read_tests(g, dir, gate_is_unpaired(g) ? 1 : g->plan.sides - 1);
  if (rc) return rc;
  if (gate_is_unpaired(g) && (rc = gate_unpaired_judge(g))) return rc;
  for (int s = 0; s < g->nsides; s++) {
    if (!gate_is_unpaired(g)) judge_side(g, &g->side[s], s);
    judge_ends(g, &g->side[s]);
    g->side[s].verdict = gate_family(g->side[s].test, g->ncells * GATE_JUDGED);
    if (g->side[s].control && n < 64) controls[n++] = g->side[s].verdict;
  }
  g->verdict = gate_conclude(g->side[0].verdict, controls, n);
  if (gate_counted_worse(g)) g->verdict = GATE_REGRESSION; /* exact, whatever the controls say of the rest */
  return 0;
}

void gate_result_free(struct gate_result *g) {
  free_tests(g);
  sweep_plan_free(&g->plan);
  json_decref(g->json);
  free(g->screen);
  free(g->dir);
  *g = (struct gate_result){0};
}
