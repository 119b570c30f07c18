/* stats-signed-rank.c: the distribution of the signed-rank statistic against published tables and against plain enumeration, and
   the interval against a textbook's example and against its own definition. */
#include "harness/stats/stats.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>
#include <float.h>

/* Two-sided critical values at 5 % and 1 % (reject where the smaller rank sum is <= the value), as tabulated by McCornack, "Extended
   tables of the Wilcoxon matched pair signed rank statistic" (1965). -1: there is none. */
static const struct {
  int n, at5, at1;
} published[] = {{5, -1, -1},  {6, 0, -1},   {7, 2, -1},   {8, 3, 0},      {9, 5, 1},      {10, 8, 3},
                 {11, 10, 5},  {12, 13, 7},  {13, 17, 9},  {14, 21, 12},   {15, 25, 15},   {16, 29, 19},
                 {17, 34, 23}, {18, 40, 27}, {19, 46, 32}, {20, 52, 37},   {21, 58, 42},   {22, 65, 48},
                 {23, 73, 54}, {24, 81, 61}, {25, 89, 68}, {30, 137, 109}, {40, 264, 220}, {50, 434, 373}};

Test(signed_rank, orders_match_published_critical_values) {
  for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
    int n = published[i].n;
    cr_expect_eq(stats_signed_rank_order(n, 0.95, NULL), published[i].at5 + 1, "n = %d, 95 %%", n);
    cr_expect_eq(stats_signed_rank_order(n, 0.99, NULL), published[i].at1 + 1, "n = %d, 99 %%", n);
  }
}

Test(signed_rank, distribution_matches_enumeration) {
  for (int n = 1; n <= 14; n++) {
    double at_most[14 * 15 / 2 + 1] = {0};
    for (unsigned set = 0; set < 1u << n; set++) {
      int sum = 0;
      for (int r = 0; r < n; r++) sum += set >> r & 1 ? r + 1 : 0;
      at_most[sum]++;
    }
    double running = 0;
    for (int w = 0; w <= n * (n + 1) / 2; w++) {
      running += at_most[w];
      cr_expect_float_eq(stats_signed_rank_cdf(n, w), running / (1u << n), 1e-14, "n = %d, w = %d", n, w);
    }
  }
}

/* Where the exact distribution hands over to the normal one, the two must tell the same story: within 0.001 anywhere, and within
   0.0003 in the tail that the ends of a 95 % interval are read from. */
Test(signed_rank, normal_approximation_continues_the_exact_one) {
  int n = STATS_EXACT;
  double top = n * (n + 1) / 2.0, sd = sqrt(top * (2.0 * n + 1) / 12), anywhere = 0, tail = 0;
  for (int64_t w = 0; w <= (int64_t)top; w++) {
    double exact = stats_signed_rank_cdf(n, w), normal = 0.5 * erfc(-((double)w + 0.5 - top / 2) / sd / sqrt(2));
    anywhere = fmax(anywhere, fabs(exact - normal));
    if (exact > 0.02 && exact < 0.03) tail = fmax(tail, fabs(exact - normal));
  }
  cr_expect_lt(anywhere, 1e-3, "%g", anywhere);
  cr_expect_lt(tail, 3e-4, "%g", tail);
  int64_t before = stats_signed_rank_order(n, 0.95, NULL), after = stats_signed_rank_order(n + 1, 0.95, NULL);
  cr_expect(after > before && after - before < n / 2 + 1, "%ld then %ld", (long)before, (long)after);
}

Test(signed_rank, coverage_is_the_narrowest_that_suffices) {
  for (int n = STATS_INTERVAL_FROM; n <= STATS_EXACT + 20; n++) {
    double coverage;
    int64_t k = stats_signed_rank_order(n, 0.95, &coverage);
    cr_expect(coverage >= 0.95 && coverage < 0.99, "n = %d: %g", n, coverage);
    cr_expect_lt(1 - 2 * stats_signed_rank_cdf(n, k), 0.95, "n = %d: a narrower one would do", n);
  }
  double coverage = 0;
  cr_expect_eq(stats_signed_rank_order(STATS_INTERVAL_FROM - 1, 0.95, &coverage), 0);
  cr_expect(isnan(coverage));
}

/* Every Walsh average by brute force, sorted. */
static int all_walsh(const double *x, int n, double *out) {
  int m = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) out[m++] = 0.5 * x[i] + 0.5 * x[j];
  stats_sort(out, m);
  return m;
}

Test(walsh, selection_by_counting_finds_every_one) {
  uint64_t seed = 3;
  for (int round = 0; round < 200; round++) {
    double x[20], all[210];
    int n = 1 + (int)(draw(&seed) % 20), grid = round % 4 == 0; /* some with many ties, zeros and both signs */
    for (int i = 0; i < n; i++) x[i] = grid ? (double)(draw(&seed) % 5) - 2 : draw_normal(&seed) * exp(5 * draw_normal(&seed));
    stats_sort(x, n);
    int m = all_walsh(x, n, all);
    for (int k = 1; k <= m; k++) cr_assert_eq(stats_walsh(x, n, k), all[k - 1], "round %d, n = %d, k = %d", round, n, k);
  }
}

Test(walsh, extreme_values_neither_overflow_nor_get_lost) {
  double x[] = {-DBL_MAX, -1, -0.0, DBL_MIN, 1, DBL_MAX};
  double all[21];
  int m = all_walsh(x, 6, all);
  for (int k = 1; k <= m; k++) cr_expect_eq(stats_walsh(x, 6, k), all[k - 1], "k = %d", k);
}

/* Hollander and Wolfe, "Nonparametric Statistical Methods", example 3.1: the Hamilton depression scale of nine patients before and
   after a tranquilliser. Published: estimate -0.46, 96 % interval [-0.786, -0.010]. */
Test(hodges_lehmann, textbook_example) {
  const double before[] = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  const double after[] = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  double x[9];
  for (int i = 0; i < 9; i++) x[i] = after[i] - before[i];
  struct stats_interval r = stats_hodges_lehmann(x, 9, 0.95);
  cr_expect_eq(r.kind, STATS_INTERVAL);
  cr_expect_float_eq(r.mid, -0.46, 1e-12);
  cr_expect_float_eq(r.lo, -0.786, 1e-12);
  cr_expect_float_eq(r.hi, -0.010, 1e-12);
  cr_expect_float_eq(r.coverage, 1 - 20 / 512.0, 1e-12, "got %g", r.coverage);
}

Test(hodges_lehmann, few_values_give_a_range_or_less) {
  double x[] = {5, 1, 3, 2, 9};
  struct stats_interval r = stats_hodges_lehmann(x, 5, 0.95);
  cr_expect(r.kind == STATS_RANGE && r.lo == 1 && r.hi == 9 && isnan(r.coverage));
  cr_expect_eq(r.mid, 3.5, "the median of 15 averages is %g", r.mid);
  r = stats_hodges_lehmann((double[]){7}, 1, 0.95);
  cr_expect(r.kind == STATS_NONE && r.mid == 7 && isnan(r.lo) && isnan(r.hi) && r.n == 1);
  r = stats_hodges_lehmann(NULL, 0, 0.95);
  cr_expect(r.kind == STATS_NONE && isnan(r.mid) && r.n == 0);
  r = stats_hodges_lehmann((double[]){1, NAN, 2}, 3, 0.95);
  cr_expect(r.kind == STATS_NONE && isnan(r.mid));
  r = stats_hodges_lehmann((double[]){1, INFINITY, 2}, 3, 0.95);
  cr_expect(r.kind == STATS_NONE && isnan(r.mid));
}

Test(hodges_lehmann, ties_and_zeros_are_kept) {
  double zeros[8] = {0};
  struct stats_interval r = stats_hodges_lehmann(zeros, 8, 0.95);
  cr_expect(r.kind == STATS_INTERVAL && r.mid == 0 && r.lo == 0 && r.hi == 0);
  /* Half of the pairs differ, by the same amount: dropping the zeros would move the estimate to 2. */
  double half[] = {0, 0, 0, 0, 2, 2, 2, 2};
  r = stats_hodges_lehmann(half, 8, 0.95);
  cr_expect(r.mid == 1 && r.lo == 0 && r.hi == 2, "%g [%g, %g]", r.mid, r.lo, r.hi);
}

Test(hodges_lehmann, moves_and_scales_with_the_data) {
  uint64_t seed = 11;
  double x[24], y[24];
  for (int i = 0; i < 24; i++) {
    x[i] = draw_normal(&seed);
    y[i] = -3 * x[i] + 5; /* order reversed: lo and hi change places */
  }
  struct stats_interval a = stats_hodges_lehmann(x, 24, 0.95), b = stats_hodges_lehmann(y, 24, 0.95);
  cr_expect_float_eq(b.mid, -3 * a.mid + 5, 1e-12);
  cr_expect_float_eq(b.lo, -3 * a.hi + 5, 1e-12);
  cr_expect_float_eq(b.hi, -3 * a.lo + 5, 1e-12);
}

Test(hodges_lehmann, logs_come_back_as_ratios) {
  double x[6];
  for (int i = 0; i < 6; i++) x[i] = log(2.0) + 0.01 * (i - 2.5);
  struct stats_interval r = stats_hodges_lehmann_log(x, 6, 0.95);
  cr_expect_float_eq(r.mid, 2, 1e-12);
  cr_expect_float_eq(r.lo, 2 * exp(-0.025), 1e-12);
  cr_expect_float_eq(r.hi, 2 * exp(0.025), 1e-12);
}

Test(order, sort_sorts) {
  uint64_t seed = 5;
  for (int n = 0; n < 300; n++) {
    double x[300], sum = 0, after = 0;
    for (int i = 0; i < n; i++) sum += x[i] = (double)(draw(&seed) % 100) - 50;
    stats_sort(x, n);
    for (int i = 0; i < n; i++) after += x[i];
    cr_assert_eq(sum, after);
    for (int i = 1; i < n; i++) cr_assert(x[i - 1] <= x[i]);
  }
}

Test(order, quantiles_interpolate) {
  double x[] = {10, 20, 30, 40};
  cr_expect_eq(stats_quantile(x, 4, 0), 10);
  cr_expect_eq(stats_quantile(x, 4, 1), 40);
  cr_expect_float_eq(stats_quantile(x, 4, 0.25), 17.5, 1e-12);
  cr_expect_eq(stats_median(x, 4), 25);
  cr_expect_eq(stats_median(x, 3), 20);
  cr_expect(isnan(stats_median(x, 0)));
}

Test(order, spread_estimates_the_standard_deviation_and_ignores_outliers) {
  enum { N = 2001 };
  static double x[N];
  uint64_t seed = 9;
  for (int i = 0; i < N; i++) x[i] = i < N / 10 ? 1e9 : 100 + 3 * draw_normal(&seed);
  double spread = stats_spread(x, N);
  cr_expect(spread > 2.7 && spread < 4.2, "%g", spread);
  cr_expect(isnan(stats_spread(x, 0)));
  cr_expect_eq(stats_spread((double[]){4}, 1), 0);
}
