/* stats-decide.c: decisions, held against the GNU Scientific Library, against enumeration, and against their own intervals. */
#include "harness/stats/decide.h"
#include "harness/stats/stats.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>

static double larger(double a, double b) { return a > b ? a : b; }

Test(normal, quantiles_agree_with_gsl) {
  for (int i = 1; i < 2000; i++) {
    double p = i / 2000.0, z = gsl_cdf_ugaussian_Pinv(p);
    cr_assert_float_eq(stats_normal_quantile(p), z, 1e-13 * larger(1, fabs(z)), "%g", p);
  }
  for (double p = 1e-300; p < 1e-3; p *= 17) {
    double z = gsl_cdf_ugaussian_Pinv(p);
    cr_assert_float_eq(stats_normal_quantile(p), z, 1e-12 * fabs(z), "%g", p);
  }
  cr_assert(isinf(stats_normal_quantile(0)) && isinf(stats_normal_quantile(1)));
  cr_assert(isnan(stats_normal_quantile(-0.1)) && isnan(stats_normal_quantile(1.1)) && isnan(stats_normal_quantile(NAN)));
}

Test(binomial, tails_agree_with_gsl) {
  static const int sizes[] = {1, 2, 7, 30, 300, 5000};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int i = 0; i <= 20; i++)
      for (int j = 1; j < 20; j++) {
        int n = sizes[s], k = (int)((int64_t)n * i / 20);
        double p = j / 20.0, want = gsl_cdf_binomial_P((unsigned)k, p, (unsigned)n);
        cr_assert_float_eq(stats_binomial_cdf(k, n, p), want, 1e-11, "%d of %d at %g: %g, %g", k, n, p,
                           stats_binomial_cdf(k, n, p), want);
      }
}

/* The ends are quantiles of beta distributions. */
Test(binomial, clopper_pearson_agrees_with_gsl) {
  static const int sizes[] = {1, 5, 30, 300};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int k = 0; k <= sizes[s]; k += 1 + sizes[s] / 17) {
      int n = sizes[s];
      double lo, hi, want_lo = k ? gsl_cdf_beta_Pinv(0.025, k, n - k + 1) : 0,
                     want_hi = k < n ? gsl_cdf_beta_Pinv(0.975, k + 1, n - k) : 1;
      stats_clopper_pearson(k, n, 0.95, &lo, &hi);
      cr_assert_float_eq(lo, want_lo, 1e-9, "%d of %d", k, n);
      cr_assert_float_eq(hi, want_hi, 1e-9, "%d of %d", k, n);
    }
}

/* What the figures of a self-test rest on: no alarm in 30 campaigns says that fewer than 12 % of all raise one. */
Test(binomial, none_of_thirty) {
  double lo, hi;
  stats_clopper_pearson(0, 30, 0.95, &lo, &hi);
  cr_expect_float_eq(hi, 1 - pow(0.025, 1.0 / 30), 1e-9);
  cr_expect_float_eq(lo, 0, 0);
}

/* Every assignment of signs to the ranks, one by one. */
Test(student, quantiles_against_gsl) {
  for (int df = 1; df < 200; df += 1 + df / 5)
    for (double p = 0.001; p < 1; p += 0.0107) {
      double want = gsl_cdf_tdist_Pinv(p, df);
      cr_expect_float_eq(stats_student_quantile(p, df), want, 2e-3 * (1 + fabs(want)), "%d, %g: %g, %g", df, p,
                         stats_student_quantile(p, df), want);
    }
  cr_expect(isnan(stats_student_quantile(0, 3)) && isnan(stats_student_quantile(0.5, 0)));
}

Test(signed_rank, p_values_agree_with_enumeration) {
  uint64_t seed = 11;
  for (int n = 1; n <= 12; n++) {
    double x[12], magnitude[12];
    for (int i = 0; i < n; i++) x[i] = draw_normal(&seed);
    for (int i = 0; i < n; i++) magnitude[i] = fabs(x[i]);
    stats_sort(magnitude, n);
    int observed = 0, as_large = 0;
    for (int i = 0; i < n; i++)
      for (int r = 0; r < n; r++)
        if (x[i] > 0 && magnitude[r] == x[i]) observed += r + 1;
    for (int signs = 0; signs < 1 << n; signs++) {
      int w = 0;
      for (int r = 0; r < n; r++) w += signs >> r & 1 ? r + 1 : 0;
      as_large += w >= observed;
    }
    cr_assert_float_eq(stats_signed_rank_above(x, n, 0), (double)as_large / (1 << n), 1e-12, "n %d", n);
  }
}

/* A test and its interval are one thing said twice. */
Test(signed_rank, tests_and_intervals_agree) {
  uint64_t seed = 12;
  for (int n = 8; n <= 60; n += 13)
    for (int i = 0; i < 200; i++) {
      double x[60], y[60];
      for (int k = 0; k < n; k++) x[k] = y[k] = draw_normal(&seed) + 0.3;
      struct stats_interval r = stats_hodges_lehmann(x, n, 0.95);
      double just_below = nextafter(r.lo, -INFINITY);
      cr_assert(stats_signed_rank_above(y, n, just_below) <= 0.025);
      cr_assert(stats_signed_rank_above(y, n, r.lo) >= 0.0 && stats_signed_rank_above(y, n, r.mid) > 0.025);
    }
}

Test(signed_rank, no_difference_is_no_evidence) {
  double x[20] = {0};
  cr_expect_float_eq(stats_signed_rank_above(x, 20, 0), 1, 0);
  cr_expect(isnan(stats_signed_rank_above(x, 0, 0)));
}

Test(holm, the_textbook) {
  const double p[] = {0.01, 0.04, 0.03, 0.005};
  bool rejected[4];
  double adjusted[4];
  cr_assert_eq(stats_holm(p, 4, 0.05, rejected, adjusted), 2);
  cr_expect(rejected[0] && !rejected[1] && !rejected[2] && rejected[3]);
  const double want[] = {0.03, 0.06, 0.06, 0.02};
  for (int i = 0; i < 4; i++) cr_expect_float_eq(adjusted[i], want[i], 1e-15);
}

Test(holm, ties_and_what_is_no_number) {
  const double p[] = {0.01, 0.01, NAN, 0.01};
  bool rejected[4];
  double adjusted[4];
  cr_expect_eq(stats_holm(p, 4, 0.05, rejected, adjusted), 3);
  cr_expect(!rejected[2] && isnan(adjusted[2]));
  cr_expect_eq(stats_holm(p, 0, 0.05, rejected, NULL), 0);
}

/* All hypotheses true and the tests dependent: the chance of any rejection stays below alpha. */
Test(holm, family_wise_error_is_kept) {
  uint64_t seed = 13;
  int alarms = 0, trials = 4000;
  for (int t = 0; t < trials; t++) {
    double p[8], common = draw_normal(&seed);
    bool rejected[8];
    for (int i = 0; i < 8; i++) p[i] = 0.5 * erfc((0.6 * common + 0.8 * draw_normal(&seed)) / sqrt(2));
    alarms += stats_holm(p, 8, 0.05, rejected, NULL) > 0;
  }
  double lo, hi;
  stats_clopper_pearson(alarms, trials, 0.999, &lo, &hi);
  cr_expect(lo <= 0.05, "%d of %d", alarms, trials);
}

/* The sizes hold what they promise, for the noise they are made for. */
Test(sizes, power_is_as_promised) {
  uint64_t seed = 14;
  const double sd = 0.075, effect = 0.05, threshold = 0.03, alpha = 0.01, power = 0.95;
  int n = stats_pairs_needed(sd, 0, effect, threshold, alpha, power), found = 0, trials = 1000;
  cr_assert(n > 6 && n < 200, "%d", n);
  cr_expect_float_eq(stats_detectable(sd, 0, n, threshold, alpha, power), effect, 0.0005);
  for (int t = 0; t < trials; t++) {
    double x[200];
    for (int i = 0; i < n; i++) x[i] = effect + sd * draw_normal(&seed);
    bool significant = stats_signed_rank_above(x, n, 0) <= alpha;
    found += significant && stats_hodges_lehmann(x, n, 0.95).mid > threshold;
  }
  double lo, hi;
  stats_clopper_pearson(found, trials, 0.999, &lo, &hi);
  cr_expect(lo <= power && power <= hi + 0.02, "%d of %d with %d pairs", found, trials, n);
}

/* From the spread of a few pairs, more are asked for than if it were known, and the promise is held on average. */
Test(sizes, from_a_pilot) {
  enum { PILOT = 8, TRIALS = 2000, MOST = 4000 };
  uint64_t seed = 15;
  const double sd = 0.05, effect = 0.05, alpha = 0.025, power = 0.9;
  int found = 0, found_if_known = 0;
  static double x[MOST];
  for (int t = 0; t < TRIALS; t++) {
    double sum = 0, squares = 0;
    for (int i = 0; i < PILOT; i++) x[i] = sd * draw_normal(&seed), sum += x[i], squares += x[i] * x[i];
    double estimate = sqrt((squares - sum * sum / PILOT) / (PILOT - 1));
    for (int known = 0; known < 2; known++) {
      int n = stats_pairs_needed(estimate, known ? 0 : PILOT, effect, 0, alpha, power);
      cr_assert(n <= MOST);
      for (int i = 0; i < n; i++) x[i] = effect + sd * draw_normal(&seed);
      *(known ? &found_if_known : &found) += stats_signed_rank_above(x, n, 0) <= alpha;
    }
  }
  double lo, hi;
  stats_clopper_pearson(found, TRIALS, 0.999, &lo, &hi);
  cr_expect(lo <= power && power <= hi + 0.02, "%d of %d", found, TRIALS);
  cr_expect(found_if_known < found, "%d, %d", found_if_known, found);
}

Test(sizes, never_below_what_an_interval_needs) {
  cr_expect_eq(stats_pairs_needed(1e-6, 0, 0.05, 0.03, 0.01, 0.95), 6);
  cr_expect_eq(stats_pairs_needed(1e9, 0, 0.05, 0.03, 0.01, 0.95), STATS_MAX);
}
