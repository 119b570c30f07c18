/* unpaired.h: this build held against a campaign that was measured earlier: a weaker witness.

   No two invocations are neighbours, so whatever happened to the machine between the two campaigns is in the difference. There is one
   stage: the shift between the two samples (harness/stats/two-sample.h), Holm over all tests, the threshold. No control can
   tell what such a difference is worth. The base's rows are kept with the gate's own, in DIR/base. */
#ifndef RECLAIM_GATE_UNPAIRED_H
#define RECLAIM_GATE_UNPAIRED_H

#include "harness/gate/measure.h"
#include "harness/sweep/options.h"

/* Makes a plan of those cells that the options ask for and the campaign has. *notes as in gate_sides_make. 0, 2 after one line on stderr, or
   SWEEP_INTERRUPTED. */
int gate_unpaired_make(const char *base, struct sweep_options *, struct sweep_plan *, json_t **notes);

/* Whether that is what the gate in this result compared. */
bool gate_is_unpaired(const struct gate_result *);

/* Copies what verdicts need of the base into the gate's folder. 0, or 2 after one line on stderr. */
int gate_unpaired_keep(const struct gate_result *);

/* Makes the tests and their verdicts from the files of both. 0, or 2 after one line on stderr. */
int gate_unpaired_judge(struct gate_result *);

#endif
