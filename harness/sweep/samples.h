/* samples.h: from the journal to samples.csv: the judgements over a whole campaign, and the file itself.

   - wrong-checksum: within equal workload, parameters, sharing, threads, seed and iteration every invocation must have the same
     checksum. Where they differ, the one that most cells have (then most invocations) is held to be right, and the others are
     marked; where that does not decide, all are.
   - steady: how the iterations of a cell run (steady.h).
   - control_ok: an invocation's control is poor when its speed is under 90 % of its machine's median or its speed-up under
     0.9 x threads. The median is over the planned blocks, so that running a block once more does not move the bar. */
#ifndef RECLAIM_SWEEP_SAMPLES_H
#define RECLAIM_SWEEP_SAMPLES_H

#include "harness/stats/series.h"
#include "harness/sweep/journal.h"
#include "harness/sweep/rows.h"

/* What the rows come to, for the summary and the exit code. */
struct samples_summary {
  int64_t rows, invocations; /* complete ones */
  int failed_cells, not_applicable;
  int64_t wrong_checksums, poor_controls; /* invocations */
  int64_t short_windows;                  /* measured iterations under 1 ms */
  int steadiness[UNSTEADY + 1];           /* cells by their class */
  int spread_cells;                       /* cells whose invocations differ by 10 % or more (standard deviation over mean) */
  int64_t statuses[16]; /* invocations by status, as sweep_samples_statuses orders them; cells for not-applicable */
};
extern const char *const sweep_samples_statuses[];

/* Writes DIR/samples.csv anew (a temporary file, renamed over it). 0, or 2 after one line on stderr. */
int sweep_samples_write(const char *dir, const struct row_campaign *campaign, const struct sweep_plan *plan,
                        const struct journal *j, struct samples_summary *out);

/* The planned blocks in which the control was poor, ascending, into blocks[0 .. plan->blocks - 1]; returns how many. Each must be
   complete: decided after all blocks, and blind to the results. */
int sweep_samples_poor_blocks(const struct sweep_plan *plan, const struct journal *j, int *blocks);

#endif
