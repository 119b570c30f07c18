/* decide.h: from estimates to decisions: tests, many tests at once, how many pairs they need, and how often something happened.

   The conventions are those of stats.h: pure functions, no allocation, equal results for equal input, any thread. Probabilities are in
   [0, 1]. Methods: Wilcoxon 1945 (signed ranks), Holm 1979, Clopper and Pearson 1934, Wichura 1988 (AS 241). See docs/method.md. */
#ifndef RECLAIM_STATS_DECIDE_H
#define RECLAIM_STATS_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

/* The z with P(Z <= z) = p for a standard normal Z; +-INFINITY at 1 and 0, NAN outside. */
double stats_normal_quantile(double p);

/* The t with P(T <= t) = p for Student's T with df >= 1 degrees of freedom (Hill 1970). */
double stats_student_quantile(double p, double df);

/* One-sided p-value of the signed-rank test that the centre of x is above `shift`: P(W >= the number of Walsh averages above
   `shift`). It is the test whose inversion gives the interval of stats_hodges_lehmann, so p <= a exactly where the one-sided
   interval of level 1 - a lies above `shift`. Averages equal to `shift` speak against. Sorts x. NAN for an empty sample. */
double stats_signed_rank_above(double *x, int n, double shift);

/* Holm's step-down procedure: rejected[i] for each of n p-values, the chance of any false rejection being at most alpha, however the
   tests depend on each other. Returns how many. adjusted (may be NULL) receives the p-values so corrected. n <= STATS_HOLM_MAX. */
enum { STATS_HOLM_MAX = 100000 };
int stats_holm(const double *p, int n, double alpha, bool *rejected, double *adjusted);

/* Pairs that a one-sided test at `alpha` needs to find a true effect with probability `power`, when the pairs' differences have the
   standard deviation sd, and it is reported only where the estimate is above `threshold`, too (0 <= threshold < effect; all three on the
   same scale). As for means, divided by 3 / pi, the efficiency of signed ranks on normal noise. With z_alpha^2 / 2 more for not knowing the spread while
   testing (Guenther 1981). Where sd is itself the estimate from `of`
   pairs, Student's quantiles make up for that on average (Stein 1945); `of` 0: it is known. At least 6. */
int stats_pairs_needed(double sd, int of, double effect, double threshold, double alpha, double power);

/* The smallest effect that n pairs find with that probability: the inverse of the above. */
double stats_detectable(double sd, int of, int n, double threshold, double alpha, double power);

/* P(X <= k) for a binomial X of n trials with probability p. */
double stats_binomial_cdf(int k, int n, double p);

/* Clopper-Pearson interval of a proportion k / n: covers at least `level`, whatever the truth is. n >= 1, 0 <= k <= n. */
void stats_clopper_pearson(int k, int n, double level, double *lo, double *hi);

#endif
