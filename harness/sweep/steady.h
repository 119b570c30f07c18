/* steady.h: whether a cell's iterations have come to rest: a judgement over the campaign, made anew whenever samples.csv is.

   The measured value is the time per operation of an iteration. Each invocation that ended well gives one series; what they have in
   common is classified by change points (harness/stats/series.h). The chance that any cell at all of a campaign of steady cells is called
   otherwise is at most SWEEP_STEADY_ALPHA, however many cells there are. */
#ifndef RECLAIM_SWEEP_STEADY_H
#define RECLAIM_SWEEP_STEADY_H

#include "harness/stats/series.h"
#include "harness/sweep/journal.h"
#include "harness/sweep/plan.h"

#define SWEEP_STEADY_ALPHA 0.01
#define SWEEP_STEADY_LEAST 0.03 /* changes of time below that are none: a difference of logarithms */

/* out[cell], for each cell of the plan. */
void sweep_steady_classify(const struct sweep_plan *plan, const struct journal *j, enum stats_steadiness *out);

#endif
