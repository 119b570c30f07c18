/* invoke.h: one cell in one child process: from a cell of the plan to the command line of `reclaim cell`, and to its outcome. */
#ifndef RECLAIM_SWEEP_INVOKE_H
#define RECLAIM_SWEEP_INVOKE_H

#include "harness/sweep/child.h"
#include "harness/sweep/plan.h"

/* Runs the cell to its end; sweep_child_prepare comes first. The caller frees out->result. */
void sweep_invoke(const struct sweep_plan *p, const struct sweep_cell *c, struct child_outcome *out);

/* Its command line, "reclaim" first, NULL last; *n words, that NULL counted. Free with sweep_free_words. */
char **sweep_invoke_arguments(const struct sweep_plan *p, const struct sweep_cell *c, int *n);

#endif
