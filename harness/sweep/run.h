/* run.h: `reclaim run`, from the flags to the table. */
#ifndef RECLAIM_SWEEP_RUN_H
#define RECLAIM_SWEEP_RUN_H

#include "harness/sweep/plan.h"

/* Gives the heaps of a new plan the bytes that their factors mean, by --heap-base, searching where that is asked for. 0, or an exit code after
   one line on stderr. */
int sweep_run_settle_heaps(struct sweep_plan *plan, const struct sweep_options *o);

/* Runs the subcommand; argv[0] is its name. Returns the exit code: 0 fine, 1 failed cells, 2 bad input or a place that cannot be
   written, 130 interrupted. `started` is sweep_now() as the program began. */
int sweep_run_main(int argc, char **argv, double started);

#endif
