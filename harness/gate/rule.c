/* rule.c: see rule.h. */
#include "rule.h"

#include "harness/stats/decide.h"
#include "harness/stats/stats.h"

#include <math.h>
#include <stddef.h>

const char *const gate_metric_names[GATE_METRICS] = {"cpu", "rss-peak", "rss-mean", "wall"};
const char *const gate_verdict_names[4] = {"fine", "regression", "improved", "could not judge"};

/* The budgets are twice what the judge aims at: on a machine where 5 % cannot be seen any more, the silence is still that of 10 %, and is printed as
   such. */
const struct gate_rule gate_rule_default = {
    .threshold = {0.03, 0.03, 0.03, 0.03},
    .budget = {0.10, 0.10, 0.10, INFINITY},
    .effect = 0.05,
    .power = 0.98,
    .screen_alpha = 0.2,
    .alpha = 0.01,
    .noisy = 0.075,
    .screen_pairs = 30,
    .noisy_pairs = 60,
    .most_pairs = 200,
};

#define LEVEL 0.95
enum { LEAST = STATS_INTERVAL_FROM };

/* Both stages must find an effect; each with a share of the power that is lost evenly, but for what an effect far above the screen's threshold cannot lose. */
static double stage_power(const struct gate_rule *r) { return 1 - (1 - r->power) / 2; }

double gate_spread(double *d, int n) {
  if (n < LEAST) return NAN;
  struct stats_interval i = stats_hodges_lehmann(d, n, LEVEL);
  if (i.kind != STATS_INTERVAL) return NAN;
  /* the interval's coverage is above LEVEL for small n, and its width as much larger */
  double z = stats_normal_quantile((1 + i.coverage) / 2), efficiency = 3 / 3.14159265358979323846;
  return (i.hi - i.lo) / (2 * z) * sqrt(n * efficiency);
}

int gate_screen_pairs(const struct gate_rule *r, double spread) { return spread > r->noisy ? r->noisy_pairs : r->screen_pairs; }

/* The first step of Holm's procedure; later ones ask for less. */
static double corrected(const struct gate_rule *r, int family) { return r->alpha / (family > 1 ? family : 1); }

/* With fewer pairs no signed-rank test can reach alpha, however large the effect. */
static int least_pairs(double alpha) {
  int n = (int)ceil(-log2(alpha));
  return n > LEAST ? n : LEAST;
}

/* The judge takes no fewer, though a small spread asks for it: the machine may be worse while it judges than while it screened. Where the pairs spread
   twice as much then, 20 pairs would leave a fifth of all gates without a verdict, and these one in a hundred (tests/gate-rule.c). */
enum { LEAST_JUDGE = 40 };

int gate_judge_pairs(const struct gate_rule *r, enum gate_metric m, double spread, int of, int family) {
  double alpha = corrected(r, family), effect = log1p(r->effect), threshold = log1p(r->threshold[m]);
  int least = least_pairs(alpha) < LEAST_JUDGE ? LEAST_JUDGE : least_pairs(alpha);
  if (!(spread < INFINITY)) return r->most_pairs;
  /* where more is tolerated than is looked for, what is a little above the tolerated is looked for */
  if (effect < 1.5 * threshold) effect = 1.5 * threshold;
  int n = stats_pairs_needed(spread, of, effect, threshold, alpha, stage_power(r));
  return n < least ? least : n < r->most_pairs ? n : r->most_pairs;
}

double gate_detectable(const struct gate_rule *r, enum gate_metric m, double spread, int of, int screen, int judge, int family) {
  double alpha = corrected(r, family), power = stage_power(r);
  if (!isfinite(spread) || screen < LEAST || judge < least_pairs(alpha)) return INFINITY;
  double seen = stats_detectable(spread, of, screen, 0, r->screen_alpha, power),
         judged = stats_detectable(spread, of, judge, log1p(r->threshold[m]), alpha, power);
  return expm1(fmax(seen, judged));
}

int gate_screen(const struct gate_rule *r, struct gate_test *t, int n) {
  int suspected = 0;
  for (int i = 0; i < n; i++) {
    t[i].spread = gate_spread(t[i].screen, t[i].nscreen);
    t[i].p_screen = stats_signed_rank_above(t[i].screen, t[i].nscreen, 0);
    suspected += t[i].suspected = t[i].nscreen >= LEAST && t[i].p_screen <= r->screen_alpha;
  }
  for (int i = 0; i < n; i++)
    t[i].wanted = t[i].suspected ? gate_judge_pairs(r, t[i].metric, t[i].spread, t[i].nscreen, suspected) : 0;
  return suspected;
}

/* --- Stage two ------------------------------------------------------------------------------------------------------------------ */

static void estimate(struct gate_test *t) {
  double *d = t->suspected ? t->judge : t->screen;
  t->pairs = t->suspected ? t->njudge : t->nscreen;
  struct stats_interval i = stats_hodges_lehmann_log(d, t->pairs, LEVEL);
  t->estimate = i.mid, t->lo = i.lo, t->hi = i.hi;
}

/* With the pairs that judged, or with those that would have. */
static void set_detectable(const struct gate_rule *r, struct gate_test *t, int family) {
  double own = t->suspected ? gate_spread(t->judge, t->njudge) : t->spread;
  int of = t->suspected ? t->njudge : t->nscreen, suspects = family + !t->suspected;
  int judge = t->suspected ? t->njudge : gate_judge_pairs(r, t->metric, t->spread, t->nscreen, suspects);
  t->detectable = gate_detectable(r, t->metric, own, of, t->nscreen, judge, suspects);
}

/* Holm over the suspected ones alone: whether a test is suspected comes of other pairs than its p-value does. */
static void correct(const struct gate_rule *r, struct gate_test *t, int n, bool *rejected) {
  double p[GATE_TESTS], adjusted[GATE_TESTS];
  bool found[GATE_TESTS];
  int m = 0;
  for (int i = 0; i < n; i++) {
    t[i].p = t[i].p_adjusted = NAN;
    rejected[i] = false;
    if (!t[i].suspected) continue;
    t[i].p = t[i].njudge ? stats_signed_rank_above(t[i].judge, t[i].njudge, 0) : 1;
    p[m++] = t[i].p;
  }
  if (!m) return;
  stats_holm(p, m, r->alpha, found, adjusted);
  m = 0;
  for (int i = 0; i < n; i++)
    if (t[i].suspected) t[i].p_adjusted = adjusted[m], rejected[i] = found[m++];
}

/* That something became cheaper is good news, and needs no second look: the screen's pairs say so, Bonferroni's way. */
static bool improved(const struct gate_rule *r, struct gate_test *t, int n) {
  if (t->suspected || t->nscreen < LEAST) return false;
  double *d = t->screen, p;
  for (int i = 0; i < t->nscreen; i++) d[i] = -d[i];
  p = stats_signed_rank_above(d, t->nscreen, 0);
  for (int i = 0; i < t->nscreen; i++) d[i] = -d[i];
  return p <= r->alpha / n && log(t->estimate) < -log1p(r->threshold[t->metric]);
}

static void decide(const struct gate_rule *r, struct gate_test *t, int n, bool rejected) {
  t->verdict = GATE_UNJUDGED;
  t->why = "";
  if (t->nscreen < LEAST)
    t->why = "there are too few pairs";
  else if (rejected && t->estimate > 1 + r->threshold[t->metric])
    t->verdict = GATE_REGRESSION;
  else if (improved(r, t, n))
    t->verdict = GATE_IMPROVED;
  else if (t->suspected && t->njudge < t->wanted && !isfinite(t->detectable))
    t->why = "there was no time to judge it";
  else if (!(t->detectable <= r->budget[t->metric]))
    t->why = "finds too little (more --pairs, or a larger --budget)";
  else
    t->verdict = GATE_FINE;
}

int gate_judge(const struct gate_rule *r, struct gate_test *t, int n) {
  bool rejected[GATE_TESTS];
  int suspected = 0, regressions = 0;
  for (int i = 0; i < n; i++) suspected += t[i].suspected;
  correct(r, t, n, rejected);
  for (int i = 0; i < n; i++) {
    estimate(&t[i]);
    set_detectable(r, &t[i], suspected);
    decide(r, &t[i], n, rejected[i]);
    regressions += t[i].verdict == GATE_REGRESSION;
  }
  return regressions;
}

/* --- Verdicts of many --------------------------------------------------------------------------------------------------------------- */

enum gate_verdict gate_family(const struct gate_test *t, int n) {
  int count[4] = {0};
  for (int i = 0; i < n; i++) count[t[i].verdict]++;
  return count[GATE_REGRESSION] ? GATE_REGRESSION
         : count[GATE_UNJUDGED] ? GATE_UNJUDGED
         : count[GATE_IMPROVED] ? GATE_IMPROVED
                                : GATE_FINE;
}

enum gate_verdict gate_conclude(enum gate_verdict comparison, const enum gate_verdict *controls, int n) {
  for (int i = 0; i < n; i++) {
    bool better = controls[i] == GATE_IMPROVED;
    if (controls[i] == GATE_REGRESSION || (better && comparison != GATE_REGRESSION)) return GATE_UNJUDGED;
  }
  return comparison;
}

enum gate_verdict gate_play(const struct gate_rule *r, struct gate_test *t, int n, gate_deliver *deliver, void *from) {
  for (int i = 0; i < n; i++) {
    double spread = NAN;
    int due;
    for (t[i].nscreen = 0; t[i].nscreen < (due = gate_screen_pairs(r, spread)); spread = gate_spread(t[i].screen, t[i].nscreen))
      for (; t[i].nscreen < due; t[i].nscreen++) t[i].screen[t[i].nscreen] = deliver(from, i, false, t[i].nscreen);
  }
  gate_screen(r, t, n);
  for (int i = 0; i < n; i++)
    for (t[i].njudge = 0; t[i].njudge < t[i].wanted; t[i].njudge++) t[i].judge[t[i].njudge] = deliver(from, i, true, t[i].njudge);
  gate_judge(r, t, n);
  return gate_family(t, n);
}
