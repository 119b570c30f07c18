/* two-sample.h: how far two samples lie apart, where nothing pairs their values.

   The one idea is that of stats.h with differences in place of averages: the n m differences x_i - y_j. Their median is the
   Hodges-Lehmann estimate of the shift; their k-th smallest and k-th largest are the ends of the interval that inverts the test of Mann
   and Whitney (the rank sum of Wilcoxon), where k is read off the distribution of its statistic U, the number of positive differences.

   It promises what it says when both samples are independent draws and differ by a shift alone. What both samples' machine did in
   between is in the shift: compared with pairs it is a weaker witness. The conventions are those of stats.h. Sources: Mann and Whitney
   1947, Hodges and Lehmann 1963, Moses 1965 (the interval). See docs/method.md. */
#ifndef RECLAIM_STATS_TWO_SAMPLE_H
#define RECLAIM_STATS_TWO_SAMPLE_H

#include "harness/stats/stats.h"

enum { STATS_EXACT_TWO = 2500 /* up to this n m U's distribution is exact; above, normal with continuity correction */ };

/* P(U <= u) for samples of n and m values (both >= 1) without ties and without a shift. */
double stats_rank_sum_cdf(int n, int m, int64_t u);

/* The k for which [k-th smallest, k-th largest difference] is the narrowest interval with coverage >= level (0 < level < 1); 0 where
   not even k = 1 has it. *coverage, where not NULL, is set to the coverage of that k (NAN with 0). */
int64_t stats_rank_sum_order(int n, int m, double level, double *coverage);

/* The shift of x above y with its interval at `level`; where there is none of that level (95 % with three values each), with the range of the
   differences. `n` of the result is that of the smaller sample. STATS_NONE with NAN throughout where either is empty or holds what is
   not finite; with one value each the estimate stands alone. Sorts both in place. */
struct stats_interval stats_shift(double *x, int n, double *y, int m, double level);

/* The same of positive values whose logarithms x and y hold: the ratio of x over y. */
struct stats_interval stats_shift_log(double *x, int n, double *y, int m, double level);

/* One-sided p-value that x lies above y: P(U >= the number of differences above 0). Differences of 0 speak against. It is the test
   whose inversion gives the interval. Sorts both. NAN where either is empty. */
double stats_rank_sum_above(double *x, int n, double *y, int m);

#endif
