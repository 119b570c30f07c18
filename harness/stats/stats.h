/* stats.h: robust estimates of small samples, and intervals that promise no more than ranks can promise.

   The one idea is the set of Walsh averages (x_i + x_j) / 2, i <= j, of a sample. Their median is the Hodges-Lehmann estimate;
   their k-th smallest and k-th largest are the ends of the interval that inverts Wilcoxon's signed-rank test, where k is read off
   the distribution of the signed-rank statistic. The averages are never stored: the k-th one is found by counting.

   All functions are pure: they read and write their arguments only, never allocate, and give equal results for equal input on
   every run. They may be called from any thread. Samples hold finite numbers; STATS_MAX bounds their length. See docs/method.md. */
#ifndef RECLAIM_STATS_H
#define RECLAIM_STATS_H

#include <stdint.h>

enum {
  STATS_EXACT = 100,       /* up to this n the signed-rank distribution is exact; above, normal with continuity correction */
  STATS_INTERVAL_FROM = 6, /* below this n no 95 % interval exists (2 / 2^5 > 0.05), and the range is given */
  STATS_MAX = 1000 * 1000, /* keeps n (n + 1) / 2 far inside an int64_t */
};

enum stats_kind {
  STATS_NONE,     /* one value: its estimate stands alone; or no value, or one that is not finite: all fields are NAN */
  STATS_RANGE,    /* lo and hi are the smallest and the largest value; no probability is attached */
  STATS_INTERVAL, /* lo and hi are the ends of a confidence interval; `coverage` is at least the level asked for */
};

struct stats_interval {
  double mid, lo, hi; /* in the unit of the sample */
  double coverage;    /* what the interval guarantees for independent symmetric noise; NAN where kind is no interval */
  int n;
  enum stats_kind kind;
};

/* P(W <= w) for the signed-rank statistic W of n observations without ties: the sum of a random subset of 1 .. n. */
double stats_signed_rank_cdf(int n, int64_t w);

/* The k for which [k-th smallest, k-th largest Walsh average] is the narrowest interval with coverage >= level (0 < level < 1);
   0 where not even k = 1 has it. *coverage, where not NULL, is set to the coverage of that k (NAN with 0). */
int64_t stats_signed_rank_order(int n, double level, double *coverage);

/* The k-th smallest, k = 1 .. n (n + 1) / 2, of the Walsh averages of a sample in ascending order. O(n), at most 64 passes. */
double stats_walsh(const double *sorted, int n, int64_t k);

/* Sorts ascending, in place. */
void stats_sort(double *x, int n);

/* Hodges-Lehmann estimate with its interval at `level`, or with the range below STATS_INTERVAL_FROM values (and wherever no
   interval of that level exists). Sorts x in place. */
struct stats_interval stats_hodges_lehmann(double *x, int n, double level);

/* The same of positive values on the log scale: the estimate and both ends are carried back by exp. x holds the values' natural
   logarithms (of ratios: the differences of two logarithms), and is sorted in place. */
struct stats_interval stats_hodges_lehmann_log(double *x, int n, double level);

/* Of a sample in ascending order; NAN for an empty one. Quantile p in [0, 1] interpolates linearly between order statistics
   (position p (n - 1)); the median is quantile 1/2. */
double stats_quantile(const double *sorted, int n, double p);
double stats_median(const double *sorted, int n);

/* Robust spread: 1.4826 times the median distance from the median, which estimates the standard deviation of normal data and
   ignores up to half of the values. Overwrites x (in any order) with the distances. NAN for an empty sample. */
double stats_spread(double *x, int n);

#endif
