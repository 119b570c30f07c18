/* two-sample.c: see two-sample.h. */
#include "harness/stats/two-sample.h"
#include "harness/stats/bisect.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* U counts pairs, so its generating function is the Gaussian binomial coefficient (Andrews 1976, chapter 3), the product of
   (1 - q^(m + i)) / (1 - q^i) over i = 1 .. n. A coefficient depends on earlier ones alone, so none beyond u is kept; after each i they
   are counts, those of samples of i and m values. Dividing first would keep every step positive, but not the counts exact while they
   are small. */
static double exact_cdf(int n, int m, int64_t u) {
  long double c[STATS_EXACT_TWO / 2 + 1] = {1}, all = 1, sum = 0;
  for (int i = 1; i <= n; i++) {
    for (int64_t s = u; s >= m + i; s--) c[s] -= c[s - m - i];
    for (int64_t s = i; s <= u; s++) c[s] += c[s - i];
    all *= (long double)(m + i) / i;
  }
  for (int64_t s = 0; s <= u; s++) sum += c[s];
  return (double)(sum / all);
}

double stats_rank_sum_cdf(int n, int m, int64_t u) {
  int64_t top = (int64_t)n * m;
  if (u < 0) return 0;
  if (u >= top) return 1;
  if (top > STATS_EXACT_TWO) {
    double mean = (double)top / 2, sd = sqrt((double)top * ((double)n + m + 1) / 12);
    return 0.5 * erfc(-((double)u + 0.5 - mean) / sd / sqrt(2));
  }
  /* Symmetric about top / 2: the upper half is read off the lower. */
  return u <= top / 2 ? exact_cdf(n, m, u) : 1 - exact_cdf(n, m, top - u - 1);
}

int64_t stats_rank_sum_order(int n, int m, double level, double *coverage) {
  double tail = (1 - level) / 2;
  int64_t in = 0, out = (int64_t)n * m / 2 + 1; /* coverage holds with k = in (0: vacuously), and not with k = out */
  while (out - in > 1) {
    int64_t k = in + (out - in) / 2;
    if (stats_rank_sum_cdf(n, m, k - 1) <= tail)
      in = k;
    else
      out = k;
  }
  if (coverage) *coverage = in > 0 ? 1 - 2 * stats_rank_sum_cdf(n, m, in - 1) : NAN;
  return in;
}

/* How many differences are <= t. As x_i grows, the y_j that are too small only grow in number. */
static int64_t count_differences(const double *x, int n, const double *y, int m, double t) {
  int64_t count = 0;
  int above = 0; /* with y[0 .. above - 1] the difference is above t */
  for (int i = 0; i < n; i++) {
    while (above < m && x[i] - y[above] > t) above++;
    count += m - above;
  }
  return count;
}

/* The k-th smallest difference of two samples in ascending order. */
static double difference(const double *x, int n, const double *y, int m, int64_t k) {
  int64_t lo = stats_order_of(x[0] - y[m - 1]), hi = stats_order_of(x[n - 1] - y[0]);
  while (lo < hi) {
    int64_t mid = stats_between(lo, hi);
    if (count_differences(x, n, y, m, stats_double_at(mid)) >= k)
      hi = mid;
    else
      lo = mid + 1;
  }
  return stats_double_at(lo);
}

static bool usable(const double *x, int n) {
  bool ok = n >= 1 && n <= STATS_MAX;
  for (int i = 0; i < n && ok; i++) ok = isfinite(x[i]);
  return ok;
}

struct stats_interval stats_shift(double *x, int n, double *y, int m, double level) {
  struct stats_interval r = {.mid = NAN, .lo = NAN, .hi = NAN, .coverage = NAN, .n = n < m ? n : m, .kind = STATS_NONE};
  if (!usable(x, n) || !usable(y, m)) return r;
  stats_sort(x, n);
  stats_sort(y, m);
  int64_t all = (int64_t)n * m;
  double lower = difference(x, n, y, m, (all + 1) / 2);
  r.mid = all % 2 ? lower : 0.5 * lower + 0.5 * difference(x, n, y, m, all / 2 + 1);
  if (all == 1) return r;
  int64_t k = stats_rank_sum_order(n, m, level, &r.coverage);
  r.kind = k > 0 ? STATS_INTERVAL : STATS_RANGE;
  r.lo = k > 0 ? difference(x, n, y, m, k) : x[0] - y[m - 1];
  r.hi = k > 0 ? difference(x, n, y, m, all + 1 - k) : x[n - 1] - y[0];
  return r;
}

struct stats_interval stats_shift_log(double *x, int n, double *y, int m, double level) {
  struct stats_interval r = stats_shift(x, n, y, m, level);
  r.mid = exp(r.mid);
  r.lo = exp(r.lo);
  r.hi = exp(r.hi);
  return r;
}

double stats_rank_sum_above(double *x, int n, double *y, int m) {
  if (!usable(x, n) || !usable(y, m)) return NAN;
  stats_sort(x, n);
  stats_sort(y, m);
  return stats_rank_sum_cdf(n, m, count_differences(x, n, y, m, 0)); /* U is symmetric: at most so many are not above 0 */
}
