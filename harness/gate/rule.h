/* rule.h: when a difference between two builds is a regression. Pure functions over pairs' log ratios: no files, no clock.

   A *test* is one quantity of one cell: its log ratios ln(newer) - ln(base), one per pair of neighbouring invocations. All quantities are costs, so
   above 0 is worse. The tests of one comparison are a *family*, and are decided in two stages:

     Screen   every test, on 30 pairs, or 60 where they spread: suspected where a one-sided signed-rank test at 20 % says "above 0".
     Judge    the suspected ones alone, on pairs measured for it, so that what raised the suspicion is no part of the evidence. As
              many pairs as the screen's spread asks for, at most 200. A regression is what Holm's procedure holds to be above 0, at a family-wise
              1 %, and whose estimate is above the threshold as well.

   So silence is worth something, too, the rule tells for each test the smallest effect that it would have found, and a test whose smallest
   effect is above its budget was not judged. Two controls pass through the same rule as families of their own: where nothing differs, it must
   find nothing.

   The stages ask for pairs and somebody delivers them: a live campaign, one resampled from stored rows, or a generator. The order of calls:

     for each test: pairs 0 .. gate_screen_pairs; where that has become more with their spread, up to that
     gate_screen; for each test: `wanted` further pairs; gate_judge; of all families: gate_conclude

   Conventions of harness/stats: no allocation beyond the caller's arrays, equal results for equal input, any thread. The arrays of pairs
   are sorted in place. Sources: Wilcoxon 1945, Hodges and Lehmann 1963, Holm 1979. See docs/gate.md. */
#ifndef RECLAIM_GATE_RULE_H
#define RECLAIM_GATE_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum gate_metric { GATE_CPU, GATE_RSS_PEAK, GATE_RSS_MEAN, GATE_JUDGED, GATE_WALL = GATE_JUDGED, GATE_METRICS };
extern const char *const gate_metric_names[GATE_METRICS]; /* "cpu", "rss-peak", "rss-mean", "wall" */

enum { GATE_TESTS = 4096 }; /* at most so many in a family */

struct gate_rule {
  double threshold[GATE_METRICS]; /* a difference that is tolerated: 0.03 is 3 % */
  double budget[GATE_METRICS];    /* the largest smallest-effect with which silence still counts */
  double effect;                  /* what the judge's pairs are to find ... */
  double power;                   /* ... with this probability; the smallest effects are meant so, too */
  double screen_alpha, alpha;     /* one-sided, of one test; family-wise */
  double noisy;                   /* from this spread on a screen takes more pairs */
  int screen_pairs, noisy_pairs, most_pairs;
};
extern const struct gate_rule gate_rule_default;

enum gate_verdict { GATE_FINE, GATE_REGRESSION, GATE_IMPROVED, GATE_UNJUDGED };
extern const char *const gate_verdict_names[4]; /* "fine", "regression", "improved", "could not judge" */

struct gate_test {
  enum gate_metric metric;
  double *screen, *judge; /* pairs; the caller's */
  int nscreen, njudge;

  /* Made by gate_screen. */
  double spread;   /* of the screen's pairs (gate_spread); NAN for too few */
  double p_screen; /* one-sided: the chance of pairs as bad as these if nothing differs */
  double p_below;  /* the same of the other direction; of unpaired tests alone */
  bool suspected;  /* it is to be judged */
  int wanted;      /* by so many pairs; 0 where it is not suspected */
  /* Made by gate_judge. Estimate and interval (95 %) are of the judge's pairs, or of the screen's where it was not suspected; ratios. */
  double estimate, lo, hi;
  int pairs;            /* behind them */
  double p, p_adjusted; /* of the judge's pairs, before and after Holm; NAN where it was not suspected */
  double detectable;    /* the smallest effect that would have been found; INFINITY where none would */
  enum gate_verdict verdict;
  const char *why; /* of a verdict that needs one, as a clause; "" otherwise */
};

/* The standard deviation of normal noise under which the estimate of n such pairs would be as uncertain as it is; outliers weigh in it as little as
   they weigh in the estimate. Sorts d. NAN below 6. */
double gate_spread(double *d, int n);

/* How many pairs the screen of a test with this spread takes; `spread` NAN (nothing is known yet): the least. */
int gate_screen_pairs(const struct gate_rule *, double spread);

/* How many pairs judge a test of that spread among `family` suspected ones: enough to find `effect` with `power` of the rule. */
int gate_judge_pairs(const struct gate_rule *, enum gate_metric, double spread, int of, int family);

/* The smallest effect that the whole rule finds with its power, where the screen had so many pairs and the judge would have or had so
   many, `family` of them suspected: 0.05 is 5 %. */
double gate_detectable(const struct gate_rule *, enum gate_metric, double spread, int of, int screen, int judge, int family);

/* Stage one of a family of n tests: spread, p_screen, suspected, wanted. Returns how many are suspected. */
int gate_screen(const struct gate_rule *, struct gate_test *, int n);

/* Stage two: everything else. Judges with the pairs that there are: fewer than wanted make the smallest effect larger. Returns how many are regressions. */
int gate_judge(const struct gate_rule *, struct gate_test *, int n);

/* What one family comes to: GATE_REGRESSION where any test is one, else GATE_UNJUDGED where any is that, else GATE_IMPROVED or GATE_FINE. */
enum gate_verdict gate_family(const struct gate_test *, int n);

/* What the gate comes to: a control that is worse than the base says that differences here are not to be believed: GATE_UNJUDGED. So does one that
   is better, but for a regression: a base that has bad luck hides regressions, and makes none. Otherwise what the comparison's family says: what
   its silence is worth is in its own smallest effects, and a control that found too little takes nothing away. */
enum gate_verdict gate_conclude(enum gate_verdict comparison, const enum gate_verdict *controls, int n);

/* The whole rule on pairs that `deliver` makes: the log ratio of pair `pair` (0, 1, ... within its stage) of test i. Pairs of equal number and stage are of
   the same block. Sets everything in the tests, whose metric and arrays (room for noisy_pairs and most_pairs) are the caller's; returns gate_family. */
typedef double gate_deliver(void *from, int test, bool judge, int pair);
enum gate_verdict gate_play(const struct gate_rule *, struct gate_test *, int n, gate_deliver *, void *from);

#endif
