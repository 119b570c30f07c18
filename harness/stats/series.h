/* series.h: values in the order of time: whether they remember each other, and where they change.

   A change point splits a series where its level changes. It is looked for by binary segmentation: the split with the largest
   standardised difference of means is tested, and, if it stands, both sides are searched in turn. What "stands" means is not read off
   a table for independent normal noise, which raises false alarms on series whose noise remembers itself: the largest difference is held
   against what the series' own noise makes of no change at all (below, for each of the two kinds of series).

   Conventions of stats.h, but for memory: the caller lends it, as `work`. Draws come from a seed. Sources: Vostrikova 1981 (binary
   segmentation), Buehlmann 1997 (sieve bootstrap), Kuensch 1989 (blocks), Barrett et al. 2017 (classes of warm-up). See docs/method.md. */
#ifndef RECLAIM_STATS_SERIES_H
#define RECLAIM_STATS_SERIES_H

#include <stdint.h>

#include "harness/stats/stats.h"

/* Correlation of neighbours (lag 1), less the bias that small samples have; in [-0.99, 0.99], 0 below 4 values or without spread. */
double stats_autocorrelation(const double *x, int n);

/* Hodges-Lehmann estimate of x, and its interval by the moving-block bootstrap, for values that remember each other: `draws` series
   are put together from random runs of x, each `block` long, and the estimate's deviations in them give the interval (basic
   bootstrap). block 0: chosen from the autocorrelation. work: at least 2 n + draws doubles. Kind STATS_RANGE below 2 * block values. */
struct stats_interval stats_block_bootstrap(const double *x, int n, double level, int block, int draws, uint64_t seed,
                                            double *work);

/* A change: the first value of the new level, the levels on both sides, and the chance that noise alone makes as large a one. */
struct stats_change {
  int at;
  double before, after, p;
};
enum { STATS_CHANGES = 64 };

/* Changes of one series of n values, at most STATS_CHANGES, in order of time. The null distribution is the series' own: autoregressions of
   order 1 with the correlation found in its noise, by differences, which changes of level do not hide. `alpha` is per split tested. Segments have at least `shortest` values (at least 2). work: 2 n doubles. */
int stats_changes(const double *x, int n, int shortest, double alpha, int draws, uint64_t seed, struct stats_change *out,
                  double *work);

/* The levels before and after each of these changes, from those that stand beside it: after some were taken out. */
void stats_change_levels(const double *x, int n, struct stats_change *c, int changes);

/* How a cell runs over its iterations. */
enum stats_steadiness {
  STEADY_UNKNOWN, /* too few iterations or invocations to say */
  STEADY,         /* no change among the measured iterations */
  WARMING,        /* they become faster, and stay so */
  SLOWING,        /* they become slower, and stay so */
  UNSTEADY        /* they change and change back, or were still changing at the end */
};
extern const char *const stats_steadiness_names[5];

/* Classifies `rows` invocations of `m` iterations each, of which the first `warmup` are not measured. t[row * m + i] is the logarithm of the time of
   iteration i. Under no change the iterations of an invocation could have come in any order: that is the null distribution, by
   permutation within each invocation. Both what splits and what differs in any other way are looked for, each at alpha / 2. Changes below `least` (a difference of logarithms, as 0.01) are none. Needs 4 measured iterations and 3
   invocations. work: (rows + 3) m doubles. *level (may be NULL): the change of time from the first measured level to the last, as a
   difference of logarithms. */
enum stats_steadiness stats_steadiness(const double *t, int rows, int m, int warmup, double alpha, double least, int draws,
                                       uint64_t seed, double *work, double *level);

#endif
