/* gate-rule.c: the gate's rule on noise that is known: how often it raises an alarm for nothing, and what it finds.

   Each campaign is twelve tests, as four cells have with CPU time and two kinds of memory, on seeded noise. The bounds are those that the
   figures promised in docs/gate.md allow, with the chance of the simulation itself on top (Clopper-Pearson). */
#include "harness/gate/measure.h"
#include "harness/gate/rule.h"
#include "harness/stats/decide.h"
#include "harness/stats/stats.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { CELLS = 4, TESTS = CELLS * GATE_JUDGED, ROOM = 256 };

/* A machine: the spread of the pairs' log ratios of each quantity, and by how much each cell differs. */
struct machine {
  double spread[GATE_JUDGED];
  double difference[CELLS][GATE_JUDGED]; /* 0.05: 5 % more */
  double outliers;                       /* the share of pairs in which one side was put off, by 30 % */
  double later;                          /* so many times as much spread while it judges as while it screens; 0: as much */
  uint64_t seed;
};

static double deliver(void *from, int test, bool judge, int pair) {
  struct machine *m = from;
  (void)pair;
  int cell = test / GATE_JUDGED, metric = test % GATE_JUDGED;
  double weather = judge && m->later > 0 ? m->later : 1;
  double d = log1p(m->difference[cell][metric]) + weather * m->spread[metric] * draw_normal(&m->seed);
  if (m->outliers > 0 && draw_unit(&m->seed) < m->outliers) d += draw_unit(&m->seed) < 0.5 ? -0.3 : 0.3;
  return d;
}

static struct gate_test *make_tests(void) {
  struct gate_test *t = calloc(TESTS, sizeof *t);
  for (int i = 0; i < TESTS; i++)
    t[i] = (struct gate_test){.metric = (enum gate_metric)(i % GATE_JUDGED),
                              .screen = malloc(ROOM * sizeof *t->screen),
                              .judge = malloc(ROOM * sizeof *t->judge)};
  return t;
}

static void free_tests(struct gate_test *t) {
  for (int i = 0; i < TESTS; i++) free(t[i].screen), free(t[i].judge);
  free(t);
}

/* How many of n campaigns end in that verdict. */
static int count(struct machine *m, int n, enum gate_verdict verdict) {
  struct gate_test *t = make_tests();
  int found = 0;
  for (int i = 0; i < n; i++) found += gate_play(&gate_rule_default, t, TESTS, deliver, m) == verdict;
  free_tests(t);
  return found;
}

/* Whether so many of n are compatible with a share of at most, or at least, `share`. */
static bool at_most(int k, int n, double share) {
  double lo, hi;
  stats_clopper_pearson(k, n, 0.998, &lo, &hi);
  return lo <= share;
}
static bool at_least(int k, int n, double share) { return at_most(n - k, n, 1 - share); }

static const struct machine quiet = {.spread = {0.05, 0.01, 0.01}, .seed = 1};
static const struct machine usual = {.spread = {0.075, 0.015, 0.015}, .seed = 2};
static const struct machine noisy = {.spread = {0.14, 0.03, 0.03}, .seed = 3};

/* The table of docs/gate.md: what ends in an alarm, and what in no verdict, in so many campaigns a row (RECLAIM_SEEDS). */
Test(rule, does_what_is_documented) {
  static const struct {
    const char *what;
    struct machine on;
    enum gate_metric metric;               /* in one cell */
    double planted, least, most, unjudged; /* shares: alarms from .. to, no verdict at most */
  } row[] = {
      {"CPU 7.5 %, RSS 1.5 %: nothing", {.spread = {0.075, 0.015, 0.015}}, GATE_CPU, 0, 0, 0.002, 0.01},
      {"CPU 14 %, RSS 3 %: nothing", {.spread = {0.14, 0.03, 0.03}}, GATE_CPU, 0, 0, 0.002, 0.25},
      {"CPU 4 %, 8 % while it judges: nothing", {.spread = {0.04, 0.01, 0.01}, .later = 2}, GATE_CPU, 0, 0, 0.01, 0.05},
      {"CPU 7.5 %: CPU +5 %", {.spread = {0.075, 0.015, 0.015}}, GATE_CPU, 0.05, 0.98, 1, 0.02},
      {"CPU 5 %: CPU +5 %", {.spread = {0.05, 0.01, 0.01}}, GATE_CPU, 0.05, 0.98, 1, 0.02},
      {"CPU 5 %, outliers: CPU +5 %", {.spread = {0.05, 0.01, 0.01}, .outliers = 0.1}, GATE_CPU, 0.05, 0.97, 1, 0.03},
      {"CPU 14 %: CPU +10 %", {.spread = {0.14, 0.03, 0.03}}, GATE_CPU, 0.1, 0.99, 1, 0.01},
      {"RSS 1.5 %: RSS +5 %", {.spread = {0.075, 0.015, 0.015}}, GATE_RSS_PEAK, 0.05, 0.99, 1, 0.01},
  };
  const char *given = getenv("RECLAIM_SEEDS");
  int n = given ? atoi(given) : 30;
  cr_assert(n > 0);
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    struct machine m = row[i].on;
    struct gate_test *t = make_tests();
    int verdicts[4] = {0};
    m.seed = 1000 + i;
    m.difference[1][row[i].metric] = row[i].planted;
    for (int k = 0; k < n; k++) verdicts[gate_play(&gate_rule_default, t, TESTS, deliver, &m)]++;
    free_tests(t);
    fprintf(stderr, "%-40s alarms %5.1f %%, could not judge %5.1f %% of %d\n", row[i].what, 100.0 * verdicts[GATE_REGRESSION] / n,
            100.0 * verdicts[GATE_UNJUDGED] / n, n);
    cr_expect(at_least(verdicts[GATE_REGRESSION], n, row[i].least), "%s", row[i].what);
    cr_expect(at_most(verdicts[GATE_REGRESSION], n, row[i].most), "%s", row[i].what);
    cr_expect(at_most(verdicts[GATE_UNJUDGED], n, row[i].unjudged), "%s", row[i].what);
  }
}

Test(rule, raises_hardly_an_alarm_for_nothing) {
  static const struct machine *const all[] = {&quiet, &usual, &noisy};
  for (int i = 0; i < 3; i++) {
    struct machine m = *all[i];
    int n = 60, alarms = count(&m, n, GATE_REGRESSION);
    cr_expect(at_most(alarms, n, 0.01), "machine %d: %d of %d", i, alarms, n);
  }
}

Test(rule, finds_what_it_promises) {
  static const struct {
    const struct machine *on;
    enum gate_metric metric;
    double difference, share;
  } promised[] = {{&quiet, GATE_CPU, 0.05, 0.95},      {&usual, GATE_CPU, 0.05, 0.95},      {&usual, GATE_CPU, 0.10, 0.99},
                  {&noisy, GATE_CPU, 0.10, 0.99},      {&usual, GATE_RSS_PEAK, 0.05, 0.99}, {&usual, GATE_RSS_MEAN, 0.05, 0.99},
                  {&noisy, GATE_RSS_PEAK, 0.05, 0.95}, {&quiet, GATE_RSS_MEAN, 0.05, 0.99}};
  for (size_t i = 0; i < sizeof promised / sizeof *promised; i++) {
    struct machine m = *promised[i].on;
    m.seed += 100 + i;
    m.difference[1][promised[i].metric] = promised[i].difference;
    int n = 60, found = count(&m, n, GATE_REGRESSION);
    cr_expect(at_least(found, n, promised[i].share), "%zu: %d of %d", i, found, n);
  }
}

/* What lies below the threshold is tolerated, however sure it is; what is cheaper is no regression. */
Test(rule, tolerates_what_is_below_the_threshold) {
  struct machine m = quiet;
  for (int i = 0; i < CELLS; i++) m.difference[i][GATE_RSS_PEAK] = 0.015;
  int n = 50, alarms = count(&m, n, GATE_REGRESSION);
  cr_expect(at_most(alarms, n, 0.01), "%d of %d", alarms, n);
  m = quiet;
  for (int i = 0; i < CELLS; i++) m.difference[i][GATE_CPU] = -0.1;
  int improved = count(&m, n, GATE_IMPROVED);
  cr_expect(at_least(improved, n, 0.95), "%d of %d", improved, n);
}

/* One pair in ten went wrong by 30 %: a rule of means would need nine times the pairs. */
Test(rule, is_not_carried_away_by_outliers) {
  struct machine m = quiet;
  m.outliers = 0.1;
  int n = 60, alarms = count(&m, n, GATE_REGRESSION);
  cr_expect(at_most(alarms, n, 0.01), "%d of %d", alarms, n);
  m.difference[2][GATE_CPU] = 0.05;
  int found = count(&m, n, GATE_REGRESSION);
  cr_expect(at_least(found, n, 0.95), "%d of %d", found, n);
}

/* On a machine that cannot tell 10 % from nothing, silence is no verdict. */
Test(rule, says_what_it_cannot_judge) {
  struct machine m = {.spread = {0.5, 0.01, 0.01}, .seed = 7};
  int n = 20, unjudged = count(&m, n, GATE_UNJUDGED), alarms = count(&m, n, GATE_REGRESSION);
  cr_expect(eq(int, unjudged + alarms, n));
  cr_expect(at_most(alarms, n, 0.01));
}

/* The smallest effect that it tells of is found as often as it says. */
Test(rule, the_smallest_effect_is_what_it_finds) {
  struct machine m = usual;
  m.seed = 11;
  int n = 60, found = 0;
  struct gate_test *t = make_tests();
  gate_play(&gate_rule_default, t, TESTS, deliver, &m);
  m.difference[0][GATE_CPU] = gate_detectable(&gate_rule_default, GATE_CPU, m.spread[GATE_CPU], 0, 30,
                                              gate_judge_pairs(&gate_rule_default, GATE_CPU, m.spread[GATE_CPU], 0, 3), 3);
  cr_assert(m.difference[0][GATE_CPU] > 0.03 && m.difference[0][GATE_CPU] < 0.06, "%g", m.difference[0][GATE_CPU]);
  for (int i = 0; i < n; i++) {
    gate_play(&gate_rule_default, t, TESTS, deliver, &m);
    found += t[0].verdict == GATE_REGRESSION;
  }
  free_tests(t);
  cr_expect(at_least(found, n, 0.95), "%d of %d", found, n);
}

/* No number of pairs below this can be significant; without the floor an exact quantity would never raise an alarm. */
Test(rule, exact_quantities_are_judged_by_enough_pairs) {
  struct machine m = {.seed = 5};
  m.difference[3][GATE_RSS_PEAK] = 0.05;
  struct gate_test *t = make_tests();
  enum gate_verdict verdict = gate_play(&gate_rule_default, t, TESTS, deliver, &m);
  cr_expect(verdict == GATE_REGRESSION);
  for (int i = 0; i < TESTS; i++) {
    bool planted = i == 3 * GATE_JUDGED + GATE_RSS_PEAK;
    cr_expect(t[i].suspected == planted && (t[i].verdict == GATE_REGRESSION) == planted, "%d", i);
    cr_expect_float_eq(t[i].estimate, planted ? 1.05 : 1, 1e-9);
  }
  free_tests(t);
}

Test(rule, too_few_pairs_are_no_verdict) {
  double screen[5] = {0, 0, 0, 0, 0};
  struct gate_test t = {.metric = GATE_CPU, .screen = screen, .nscreen = 5};
  cr_expect(eq(int, gate_screen(&gate_rule_default, &t, 1), 0));
  gate_judge(&gate_rule_default, &t, 1);
  cr_expect(t.verdict == GATE_UNJUDGED);
  cr_expect(eq(str, (char *)t.why, "there are too few pairs"));
}

/* Eight pairs that all say the same are 1 in 256: enough for one test, and not for the first of twelve. */
Test(rule, many_tests_are_corrected_for) {
  struct gate_test *t = make_tests();
  for (int i = 0; i < TESTS; i++) {
    t[i].nscreen = 30, t[i].njudge = 8;
    for (int k = 0; k < 30; k++) t[i].screen[k] = 0.05 + 0.001 * k;
    for (int k = 0; k < 8; k++) t[i].judge[k] = 0.05 + 0.001 * k;
  }
  gate_screen(&gate_rule_default, t, TESTS);
  cr_expect(eq(int, gate_judge(&gate_rule_default, t, TESTS), 0));
  gate_screen(&gate_rule_default, t, 1);
  cr_expect(eq(int, gate_judge(&gate_rule_default, t, 1), 1));
  free_tests(t);
}

Test(rule, controls_outrank_the_comparison) {
  const enum gate_verdict well[] = {GATE_FINE, GATE_FINE}, better[] = {GATE_IMPROVED, GATE_FINE},
                          alarm[] = {GATE_FINE, GATE_REGRESSION}, poor[] = {GATE_UNJUDGED, GATE_FINE};
  cr_expect(gate_conclude(GATE_FINE, well, 2) == GATE_FINE);
  cr_expect(gate_conclude(GATE_REGRESSION, well, 2) == GATE_REGRESSION);
  cr_expect(gate_conclude(GATE_REGRESSION, alarm, 2) == GATE_UNJUDGED);
  cr_expect(gate_conclude(GATE_FINE, alarm, 2) == GATE_UNJUDGED);
  cr_expect(gate_conclude(GATE_FINE, poor, 2) == GATE_FINE);
  cr_expect(gate_conclude(GATE_REGRESSION, poor, 2) == GATE_REGRESSION);
  cr_expect(gate_conclude(GATE_UNJUDGED, well, 2) == GATE_UNJUDGED);
  cr_expect(gate_conclude(GATE_FINE, better, 2) == GATE_UNJUDGED, "a base that has bad luck hides a regression");
  cr_expect(gate_conclude(GATE_IMPROVED, better, 2) == GATE_UNJUDGED);
  cr_expect(gate_conclude(GATE_REGRESSION, better, 2) == GATE_REGRESSION);
}

/* The spread is that of normal noise, and of normal noise with outliers hardly more. */
Test(spread, is_what_the_estimate_suffers_from) {
  uint64_t seed = 3;
  double d[400], sum[2] = {0};
  for (int round = 0; round < 40; round++)
    for (int with = 0; with < 2; with++) {
      for (int i = 0; i < 400; i++) d[i] = 0.05 * draw_normal(&seed) + (with && draw_unit(&seed) < 0.05 ? 0.5 : 0);
      sum[with] += gate_spread(d, 400) / 40;
    }
  cr_expect_float_eq(sum[0], 0.05, 0.002, "%g", sum[0]);
  cr_expect(sum[1] > 0.05 && sum[1] < 0.07, "%g", sum[1]);
  cr_expect(isnan(gate_spread(d, 5)));
}

/* --- How invocations ended ---------------------------------------------------------------------------------------------------------- */

/* That a collector had less to do is no failure, on either side. */
Test(ends, count_failures_and_what_is_uncollected_apart) {
  struct invocation v[3] = {
      {.status = "ok"}, {.status = "uncollected", .reason = "2 collections"}, {.status = "crashed", .reason = "signal 11"}};
  struct cell side = {.invocation = v, .ninvocations = 2}, base = {.invocation = v, .ninvocations = 3};
  struct gate_ends e;
  gate_count_ends(&e, &side, &base);
  cr_expect(e.failed == 0 && e.base_failed == 1);
  cr_expect(eq(int, e.uncollected, 2));
  cr_expect(e.invocations == 2 && e.base_invocations == 3);
  cr_expect(eq(str, e.reason, "crashed: signal 11"));
  free(e.reason);
  gate_count_ends(&e, &side, NULL);
  cr_expect(e.failed == 0 && e.uncollected == 1 && !*e.reason);
  free(e.reason);
}
