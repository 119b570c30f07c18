/* stats-series.c: change points and steadiness by simulation: what is there is found where it is, and noise that remembers itself raises
   no more alarms than was asked for. */
#include "harness/stats/decide.h"
#include "harness/stats/series.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>

enum { LONGEST = 60, DRAWS = 199 };

static void autoregression(double *x, int n, double r, uint64_t *seed) {
  double v = draw_normal(seed);
  for (int i = 0; i < n; i++) {
    x[i] = v;
    v = r * v + sqrt(1 - r * r) * draw_normal(seed);
  }
}

Test(memory, is_measured) {
  uint64_t seed = 21;
  static double x[20000];
  for (int i = 0; i < 3; i++) {
    double r = 0.3 * i;
    autoregression(x, 20000, r, &seed);
    cr_expect_float_eq(stats_autocorrelation(x, 20000), r, 0.03);
  }
  double short_of = 0;
  for (int t = 0; t < 4000; t++) {
    autoregression(x, 20, 0.6, &seed);
    short_of += stats_autocorrelation(x, 20) / 4000;
  }
  cr_expect_float_eq(short_of, 0.6, 0.12, "%g", short_of);
  const double flat[5] = {1, 1, 1, 1, 1};
  cr_expect_float_eq(stats_autocorrelation(flat, 5), 0, 0);
}

/* The rate of series without a change in which one is found. */
static double alarms(double r, int n, int trials) {
  uint64_t seed = 22;
  int found = 0;
  for (int t = 0; t < trials; t++) {
    double x[LONGEST], work[3 * LONGEST];
    struct stats_change c[STATS_CHANGES];
    autoregression(x, n, r, &seed);
    found += stats_changes(x, n, 3, 0.05, DRAWS, (uint64_t)t, c, work) > 0;
  }
  return (double)found / trials;
}

/* Tests for independent noise raise an alarm in most series of correlation 0.6. */
Test(changes, noise_that_remembers_is_no_change, .timeout = 300) {
  static const double most[3] = {0.03, 0.08, 0.13};
  for (int i = 0; i < 3; i++) {
    double rate = alarms(0.3 * i, 40, 600);
    cr_expect(rate <= most[i], "correlation %g: %g", 0.3 * i, rate);
  }
}

Test(changes, are_found_where_they_are, .timeout = 300) {
  uint64_t seed = 23;
  int found = 0, near = 0, trials = 200;
  for (int t = 0; t < trials; t++) {
    double x[40], work[3 * 40];
    struct stats_change c[STATS_CHANGES];
    autoregression(x, 40, 0.3, &seed);
    for (int i = 25; i < 40; i++) x[i] += 4;
    int n = stats_changes(x, 40, 3, 0.05, DRAWS, (uint64_t)t, c, work);
    found += n >= 1;
    for (int i = 0; i < n; i++) near += abs(c[i].at - 25) <= 1 && c[i].after - c[i].before > 2;
  }
  cr_expect(found >= trials * 95 / 100, "%d of %d", found, trials);
  cr_expect(near >= trials * 90 / 100, "%d of %d", near, trials);
}

Test(changes, two_of_them_in_order) {
  uint64_t seed = 24;
  double x[60], work[180];
  struct stats_change c[STATS_CHANGES];
  for (int i = 0; i < 60; i++) x[i] = 0.1 * draw_normal(&seed) + (i >= 20) + 2 * (i >= 45);
  int n = stats_changes(x, 60, 3, 0.01, 999, 1, c, work);
  cr_assert_eq(n, 2);
  cr_expect_eq(c[0].at, 20);
  cr_expect_eq(c[1].at, 45);
  cr_expect_float_eq(c[0].after - c[0].before, 1, 0.2);
  cr_expect_float_eq(c[1].after - c[1].before, 2, 0.2);
}

Test(changes, flat_and_short_series) {
  double x[10] = {0}, work[30];
  struct stats_change c[STATS_CHANGES];
  cr_expect_eq(stats_changes(x, 10, 3, 0.05, 99, 1, c, work), 0);
  cr_expect_eq(stats_changes(x, 5, 3, 0.05, 99, 1, c, work), 0);
  cr_expect_eq(stats_changes(x, 0, 3, 0.05, 99, 1, c, work), 0);
  x[9] = 1; /* one odd value at the end is no level */
  cr_expect_eq(stats_changes(x, 10, 3, 0.05, 99, 1, c, work), 0);
}

Test(bootstrap, is_wider_where_values_remember, .timeout = 300) {
  uint64_t seed = 25;
  int plain = 0, blocks = 0, trials = 100;
  for (int t = 0; t < trials; t++) {
    double x[40], y[40], work[2 * 40 + 150];
    autoregression(x, 40, 0.6, &seed);
    memcpy(y, x, sizeof x);
    struct stats_interval a = stats_hodges_lehmann(y, 40, 0.95),
                          b = stats_block_bootstrap(x, 40, 0.95, 0, 150, (uint64_t)t, work);
    plain += a.lo <= 0 && 0 <= a.hi;
    blocks += b.lo <= 0 && 0 <= b.hi;
  }
  cr_expect(blocks >= plain + trials / 20, "%d against %d of %d", blocks, plain, trials);
}

Test(bootstrap, of_independent_values_is_like_the_exact_interval) {
  uint64_t seed = 26;
  double x[40], y[40], work[2 * 40 + 2000];
  for (int i = 0; i < 40; i++) x[i] = y[i] = draw_normal(&seed);
  struct stats_interval a = stats_hodges_lehmann(y, 40, 0.95), b = stats_block_bootstrap(x, 40, 0.95, 1, 2000, 5, work);
  cr_expect_float_eq(a.mid, b.mid, 1e-12);
  cr_expect_float_eq(b.hi - b.lo, a.hi - a.lo, 0.25 * (a.hi - a.lo));
}

/* --- Steadiness -------------------------------------------------------------------------------------------------------------------------- */

enum { ROWS = 20, MOST = 12 };

/* `shape[i]`: the logarithm of the time of iteration i, less that of the steady state. */
static enum stats_steadiness of_shape(const double *shape, int rows, int m, uint64_t seed, double *level) {
  double t[ROWS * MOST], work[(ROWS + 3) * MOST];
  for (int r = 0; r < rows; r++) {
    double process = 0.05 * draw_normal(&seed); /* what all iterations of one process share */
    for (int i = 0; i < m; i++) t[r * m + i] = process + shape[i] + 0.02 * draw_normal(&seed);
  }
  return stats_steadiness(t, rows, m, 1, 0.01, 0.01, 499, seed, work, level);
}

static int count_class(const double *shape, int m, enum stats_steadiness want) {
  int n = 0;
  for (uint64_t s = 1; s <= 40; s++) n += of_shape(shape, ROWS, m, 100 * s, NULL) == want;
  return n;
}

Test(steadiness, classes, .timeout = 300) {
  const double flat[8] = {0}, warmed[8] = {0.4, 0, 0, 0, 0, 0, 0, 0}, warming[8] = {0.4, 0.2, 0.2, 0, 0, 0, 0, 0},
               slowing[8] = {0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1}, there_and_back[8] = {0, 0, 0.2, 0.2, 0.2, 0, 0, 0},
               one_odd[8] = {0, 0, 0, 0, 0.1, 0, 0, 0}, to_the_end[8] = {0, 0, 0, 0, 0, 0, 0, -0.3};
  cr_expect_geq(count_class(flat, 8, STEADY), 38);
  cr_expect_geq(count_class(warmed, 8, STEADY), 38);
  cr_expect_geq(count_class(warming, 8, WARMING), 38);
  cr_expect_geq(count_class(slowing, 8, SLOWING), 38);
  cr_expect_geq(count_class(there_and_back, 8, UNSTEADY), 38);
  cr_expect_geq(count_class(one_odd, 8, UNSTEADY), 38);
  cr_expect_geq(count_class(to_the_end, 8, UNSTEADY), 38);
}

/* Of cells that are steady, no more than alpha are called otherwise. */
Test(steadiness, false_alarms, .timeout = 300) {
  enum { TRIALS = 1500, M = 6, N = 8 };
  uint64_t seed = 35;
  int wrong = 0;
  for (int trial = 0; trial < TRIALS; trial++) {
    double t[N * M], work[(N + 3) * M];
    for (int i = 0; i < N * M; i++) t[i] = 0.3 * (i % M == 0) + 0.05 * draw_normal(&seed);
    wrong += stats_steadiness(t, N, M, 1, 0.1, 0, 199, seed, work, NULL) != STEADY;
  }
  double lo, hi;
  stats_clopper_pearson(wrong, TRIALS, 0.99, &lo, &hi);
  cr_expect(lo <= 0.1, "%d of %d", wrong, TRIALS);
}

Test(steadiness, as_a_cell_usually_is) {
  const double flat[6] = {0.3, 0, 0, 0, 0, 0}, warming[6] = {0.3, 0.1, 0.1, 0, 0, 0};
  double level;
  cr_expect_eq(of_shape(flat, 6, 6, 31, &level), STEADY);
  cr_expect_eq(of_shape(warming, 20, 6, 32, &level), WARMING);
  cr_expect_float_eq(level, -0.1, 0.03);
}

Test(steadiness, too_little_to_say) {
  const double flat[6] = {0};
  cr_expect_eq(of_shape(flat, 2, 6, 33, NULL), STEADY_UNKNOWN);
  cr_expect_eq(of_shape(flat, 6, 4, 34, NULL), STEADY_UNKNOWN);
}

/* A difference that nobody cares for is none, however sure it is. */
Test(steadiness, tiny_changes_are_none) {
  double t[ROWS * 8], work[(ROWS + 3) * 8];
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < 8; i++) t[r * 8 + i] = i >= 4 ? 0.005 : 0;
  cr_expect_eq(stats_steadiness(t, ROWS, 8, 1, 0.01, 0.01, 499, 1, work, NULL), STEADY);
}
