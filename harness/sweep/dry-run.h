/* dry-run.h: what a sweep would do, printed instead of done. */
#ifndef RECLAIM_SWEEP_DRY_RUN_H
#define RECLAIM_SWEEP_DRY_RUN_H

#include "harness/sweep/plan.h"

/* The cells, the CPUs of each, and an estimate of the time: from the newest campaign in results/latest for cells that it has
   measured, a guess for others. 0, or 2 after one line on stderr. */
int sweep_dry_run(const struct sweep_plan *p, bool json, FILE *out);

#endif
