/* invoke.h: one cell in one child process: from a cell of the plan to the command line of `reclaim cell`, and to its outcome. */
#ifndef RECLAIM_SWEEP_INVOKE_H
#define RECLAIM_SWEEP_INVOKE_H

#include "harness/sweep/child.h"
#include "harness/sweep/plan.h"

/* Runs the cell to its end; sweep_child_prepare comes first. The caller frees out->result. */
void sweep_invoke(const struct sweep_plan *p, const struct sweep_cell *c, struct child_outcome *out);

#endif
