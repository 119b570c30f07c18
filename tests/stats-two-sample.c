/* stats-two-sample.c: the shift between two samples: U's distribution against counting all samples, against tables and against GSL; the
   estimate and its interval against all differences in order. */
#include "harness/stats/two-sample.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>

/* --- U ------------------------------------------------------------------------------------------------------------------------------------ */

/* By looking at every way to choose the places of the n values among n + m. */
static double by_enumeration(int n, int m, int64_t u) {
  int64_t hits = 0, all = 0;
  for (unsigned set = 0; set < 1u << (n + m); set++) {
    if (__builtin_popcount(set) != n) continue;
    int64_t pairs = 0;
    int below = 0; /* of the m, so far */
    for (int i = 0; i < n + m; i++) set >> i & 1 ? pairs += below : below++;
    hits += pairs <= u;
    all++;
  }
  return (double)hits / (double)all;
}

Test(rank_sum, small_samples_by_enumeration) {
  for (int n = 1; n <= 7; n++)
    for (int m = 1; m <= 7; m++)
      for (int u = -1; u <= n * m; u++)
        cr_expect_float_eq(stats_rank_sum_cdf(n, m, u), by_enumeration(n, m, u), 1e-14, "n %d, m %d, u %d", n, m, u);
}

/* P(U <= u) for all u, by the recurrence of Mann and Whitney: the largest value is one of the n, and beats all m, or it is one of the m. The
   caller frees. */
static double *by_recurrence(int n, int m) {
  int top = n * m + 1;
  double *p = calloc((size_t)(n + 1) * (size_t)(m + 1) * (size_t)top, sizeof *p), *sum = calloc((size_t)top, sizeof *sum);
#define P(i, j, s) p[((size_t)(i) * (size_t)(m + 1) + (size_t)(j)) * (size_t)top + (size_t)(s)]
  for (int i = 0; i <= n; i++)
    for (int j = 0; j <= m; j++)
      for (int s = 0; s <= i * j; s++) {
        double of_n = i && s >= j ? P(i - 1, j, s - j) : 0, of_m = j && s <= i * (j - 1) ? P(i, j - 1, s) : 0;
        P(i, j, s) = i + j == 0 ? 1 : (i * of_n + j * of_m) / (i + j);
      }
  for (int s = 0; s < top; s++) sum[s] = (s ? sum[s - 1] : 0) + P(n, m, s);
#undef P
  free(p);
  return sum;
}

/* Up to the largest exact ones: alternating sums must not eat the digits. */
Test(rank_sum, large_samples_by_recurrence) {
  static const int sizes[][2] = {{50, 50}, {20, 30}, {3, 100}, {100, 3}, {1, 200}, {25, 100}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    int n = sizes[i][0], m = sizes[i][1];
    double *due = by_recurrence(n, m);
    for (int u = 0; u < n * m; u += 1 + n * m / 50)
      cr_expect_float_eq(stats_rank_sum_cdf(n, m, u), due[u], 1e-9 * due[u] + 1e-15, "n %d, m %d, u %d: %g", n, m, u, due[u]);
    free(due);
  }
}

Test(rank_sum, very_large_samples_are_normal) {
  int n = 60, m = 45;
  double mean = n * m / 2.0, sd = sqrt(n * m * (n + m + 1) / 12.0), *due = by_recurrence(n, m);
  for (int u = 800; u < 1900; u += 50) {
    double normal = gsl_cdf_ugaussian_P((u + 0.5 - mean) / sd);
    cr_expect_float_eq(stats_rank_sum_cdf(n, m, u), normal, 1e-12);
    cr_expect_float_eq(normal, due[u], 1e-3, "u %d: %g", u, due[u]); /* the approximation itself */
  }
  free(due);
}

/* Critical values, two-sided 5 %, as printed in every textbook: the largest U that rejects is k - 1. */
Test(rank_sum, orders_are_those_of_the_tables) {
  static const int table[][3] = {{4, 4, 0}, {5, 5, 2}, {7, 10, 14}, {8, 8, 13}, {10, 10, 23}, {20, 20, 127}};
  double coverage;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    cr_expect_eq(stats_rank_sum_order(table[i][0], table[i][1], 0.95, &coverage), table[i][2] + 1, "%d, %d", table[i][0],
                 table[i][1]);
    cr_expect(coverage >= 0.95 && coverage < 0.985, "%d, %d: %g", table[i][0], table[i][1], coverage);
  }
  cr_expect_eq(stats_rank_sum_order(3, 3, 0.95, &coverage), 0);
  cr_expect(isnan(coverage));
}

/* --- The shift ----------------------------------------------------------------------------------------------------------------------------- */

enum { MOST = 30 };

static int all_differences(const double *x, int n, const double *y, int m, double *out) {
  int k = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) out[k++] = x[i] - y[j];
  stats_sort(out, k);
  return k;
}

/* `step` > 0 rounds to multiples of it, which makes ties. */
static void make(double *x, int n, double centre, double step, uint64_t *seed) {
  for (int i = 0; i < n; i++) {
    x[i] = centre + draw_normal(seed);
    if (step > 0) x[i] = step * round(x[i] / step);
  }
}

Test(shift, is_of_all_differences_in_order) {
  uint64_t seed = 41;
  for (int trial = 0; trial < 300; trial++) {
    double x[MOST], y[MOST], d[MOST * MOST];
    int n = 1 + (int)(draw(&seed) % MOST), m = 1 + (int)(draw(&seed) % MOST);
    double step = trial % 3 ? 0 : 0.5;
    make(x, n, 1, step, &seed);
    make(y, m, 0, step, &seed);
    int all = all_differences(x, n, y, m, d);
    int64_t k = stats_rank_sum_order(n, m, 0.95, NULL);
    struct stats_interval r = stats_shift(x, n, y, m, 0.95);
    cr_expect_float_eq(r.mid, stats_median(d, all), 1e-12);
    cr_expect_eq(r.kind, all == 1 ? STATS_NONE : k ? STATS_INTERVAL : STATS_RANGE);
    if (all > 1) {
      cr_expect_float_eq(r.lo, k ? d[k - 1] : d[0], 0);
      cr_expect_float_eq(r.hi, k ? d[all - k] : d[all - 1], 0);
    }
    cr_expect_eq(r.n, n < m ? n : m);
  }
}

/* With ties, too: a verdict that is read off the interval is the test's. */
Test(shift, interval_and_test_say_the_same) {
  uint64_t seed = 42;
  int beyond = 0;
  for (int trial = 0; trial < 2000; trial++) {
    double x[MOST], y[MOST];
    int n = 4 + (int)(draw(&seed) % 12), m = 4 + (int)(draw(&seed) % 12);
    make(x, n, 0.8, trial % 2 ? 0.5 : 0, &seed);
    make(y, m, 0, trial % 2 ? 0.5 : 0, &seed);
    struct stats_interval r = stats_shift(x, n, y, m, 0.95);
    double above = stats_rank_sum_above(x, n, y, m), below = stats_rank_sum_above(y, m, x, n);
    cr_expect_eq(r.lo > 0, above <= 0.025, "lo %g, p %g", r.lo, above);
    cr_expect_eq(r.hi < 0, below <= 0.025, "hi %g, p %g", r.hi, below);
    beyond += r.lo > 0;
  }
  cr_expect(beyond > 400 && beyond < 1600, "%d", beyond); /* both answers were seen */
}

Test(shift, of_logarithms_is_a_ratio) {
  double x[4] = {log(2), log(4), log(6), log(8)}, y[4] = {log(1), log(2), log(3), log(4)};
  struct stats_interval r = stats_shift_log(x, 4, y, 4, 0.95);
  cr_expect_float_eq(r.mid, 2, 1e-12);
  cr_expect_float_eq(r.lo, 0.5, 1e-12);
  cr_expect_float_eq(r.hi, 8, 1e-12);
}

Test(shift, what_is_no_sample_has_no_shift) {
  double x[3] = {1, 2, 3}, bad[2] = {1, NAN};
  cr_expect(isnan(stats_shift(x, 0, x, 3, 0.95).mid));
  cr_expect(isnan(stats_shift(x, 3, x, 0, 0.95).mid));
  cr_expect(isnan(stats_shift(x, 3, bad, 2, 0.95).mid));
  cr_expect(isnan(stats_rank_sum_above(x, 0, x, 3)));
}
