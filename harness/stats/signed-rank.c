/* signed-rank.c: the Hodges-Lehmann estimate and its interval, by counting Walsh averages. See stats.h.

   Ties and zeros need no rule of their own. The textbook test drops zero differences and shares ranks; the interval needs neither,
   for it is made of order statistics of the Walsh averages, and equal values simply give equal averages. A pair without a
   difference is an observation and stays one. With ties the closed interval covers at least as often as without. */
#include "harness/stats/bisect.h"
#include "harness/stats/stats.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int64_t pairs(int n) { return (int64_t)n * (n + 1) / 2; }

/* Exact: adding rank r, which the sign of its observation takes or leaves with probability 1/2, folds the distribution of the sum
   over itself at distance r. Only sums up to w are kept, and w is at most half of the largest sum. */
static double exact_cdf(int n, int64_t w) {
  double p[STATS_EXACT * (STATS_EXACT + 1) / 4 + 1] = {1};
  for (int r = 1; r <= n; r++)
    for (int64_t s = w; s >= 0; s--) p[s] = 0.5 * (p[s] + (s >= r ? p[s - r] : 0));
  double sum = 0;
  for (int64_t s = 0; s <= w; s++) sum += p[s];
  return sum;
}

static double normal_cdf(double z) { return 0.5 * erfc(-z / sqrt(2)); }

double stats_signed_rank_cdf(int n, int64_t w) {
  int64_t top = pairs(n);
  if (w < 0) return 0;
  if (w >= top) return 1;
  if (n > STATS_EXACT) {
    double mean = (double)top / 2, sd = sqrt((double)top * (2.0 * n + 1) / 12);
    return normal_cdf(((double)w + 0.5 - mean) / sd);
  }
  /* Symmetric about top / 2: the upper half is read off the lower. */
  return w <= top / 2 ? exact_cdf(n, w) : 1 - exact_cdf(n, top - w - 1);
}

int64_t stats_signed_rank_order(int n, double level, double *coverage) {
  double tail = (1 - level) / 2;
  int64_t in = 0, out = pairs(n) / 2 + 1; /* coverage holds with k = in (0: vacuously), and not with k = out */
  while (out - in > 1) {
    int64_t k = in + (out - in) / 2;
    if (stats_signed_rank_cdf(n, k - 1) <= tail)
      in = k;
    else
      out = k;
  }
  if (coverage) *coverage = in > 0 ? 1 - 2 * stats_signed_rank_cdf(n, in - 1) : NAN;
  return in;
}

/* How many Walsh averages are <= t. As i falls from the top, the partners j that still qualify only grow in number. Rounding is
   monotone, so the count is exact for the averages as computed. */
static int64_t count_walsh(const double *x, int n, double t) {
  int64_t count = 0;
  int below = 0; /* the values x[0 .. below - 1] qualify as partners of x[i] */
  for (int i = n - 1; i >= 0; i--) {
    while (below < n && 0.5 * x[i] + 0.5 * x[below] <= t) below++;
    count += below < i + 1 ? below : i + 1; /* each pair once: j <= i */
  }
  return count;
}

double stats_walsh(const double *sorted, int n, int64_t k) {
  int64_t lo = stats_order_of(sorted[0]), hi = stats_order_of(sorted[n - 1]); /* the answer is in [lo, hi] */
  while (lo < hi) {
    int64_t mid = stats_between(lo, hi);
    if (count_walsh(sorted, n, stats_double_at(mid)) >= k)
      hi = mid;
    else
      lo = mid + 1;
  }
  return stats_double_at(lo);
}

struct stats_interval stats_hodges_lehmann(double *x, int n, double level) {
  struct stats_interval r = {.mid = NAN, .lo = NAN, .hi = NAN, .coverage = NAN, .n = n, .kind = STATS_NONE};
  if (n < 1 || n > STATS_MAX) return r;
  for (int i = 0; i < n; i++)
    if (!isfinite(x[i])) return r;
  stats_sort(x, n);
  int64_t m = pairs(n);
  double lower = stats_walsh(x, n, (m + 1) / 2);
  r.mid = m % 2 ? lower : 0.5 * lower + 0.5 * stats_walsh(x, n, m / 2 + 1);
  if (n == 1) return r;
  int64_t k = n < STATS_INTERVAL_FROM ? 0 : stats_signed_rank_order(n, level, &r.coverage);
  r.kind = k > 0 ? STATS_INTERVAL : STATS_RANGE;
  r.lo = k > 0 ? stats_walsh(x, n, k) : x[0];
  r.hi = k > 0 ? stats_walsh(x, n, m + 1 - k) : x[n - 1];
  return r;
}

struct stats_interval stats_hodges_lehmann_log(double *x, int n, double level) {
  struct stats_interval r = stats_hodges_lehmann(x, n, level);
  r.mid = exp(r.mid);
  r.lo = exp(r.lo);
  r.hi = exp(r.hi);
  return r;
}
