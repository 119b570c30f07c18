/* measure.h: a gate's campaign: the sides of each cell beside each other in every block, and the stages of the rule (rule.h) between blocks.

   The plan says it all: `sides` cells that follow each other in its runs are the sides of one cell, the base first. Whatever its folders,
   programs, allocators or plants make them differ in is the caller's. The first side after the base is what is judged; further ones are controls,
   which nothing should be found in.

     blocks 0 .. screen                 every side of every cell; `screen` is 30, or 60 for cells that spread
     blocks screen .. screen + judge    of a cell: the base and the suspected sides; `judge` is what the rule asks for, or what the time allows

   Stages end where the plan's blocks end; the next one makes them more, and campaign.json says so before it begins. Verdicts are made from the files
   alone, so they can be made again at any time. */
#ifndef RECLAIM_GATE_MEASURE_H
#define RECLAIM_GATE_MEASURE_H

#include "harness/gate/rule.h"
#include "harness/report/pairs.h"
#include "harness/sweep/plan.h"

/* What one side's tests of one quantity need besides: how its invocations ended. */
struct gate_ends {
  int invocations, failed;           /* of the side */
  int base_invocations, base_failed; /* of the base */
  int uncollected;                   /* of both: too few collections for their costs to be compared, which is no failure */
  char *reason;                      /* of the first failure, the side's before the base's; "" without one */
};

/* One side against the base, over all cells. */
struct gate_side {
  char *name;
  bool control;
  struct gate_test *test; /* [cell * GATE_JUDGED + metric]: the family */
  struct gate_test *wall; /* [cell]: for advice, of all pairs */
  struct gate_ends *ends; /* [cell] */
  enum gate_verdict verdict;
};

struct gate_result {
  struct gate_rule rule;
  struct sweep_plan plan; /* as it was carried out */
  json_t *json;           /* of campaign.json */
  char *dir;
  int ncells;             /* of a side each: plan.nruns / plan.sides */
  int *screen;            /* [cell] blocks */
  struct gate_side *side; /* without the base */
  int nsides;
  bool cut; /* the time did not allow as many pairs as the rule asked for */
  enum gate_verdict verdict;
};

/* The quantities, by their metric. */
extern pairs_value *const gate_metric_value[GATE_METRICS];

/* The plan's cell of a side (0: the base) of the gate's i-th cell; of one without sides, that cell. */
const struct sweep_cell *gate_cell(const struct gate_result *, int i, int side);

/* Runs a gate. The plan is taken over; its blocks are set here, and blocks are not run once more. `dir`: a new or empty folder, NULL: the default one; `resume`
   (or NULL): the folder of one to go on with, whose plan and rule are then meant. `within_s`: seconds from `started` in which the judge's pairs should be
   measured, 0: as long as it takes. `notes` (may be NULL; taken over): an object of what the caller wants kept in campaign.json under "gate". 0; SWEEP_INTERRUPTED or
   SWEEP_BAD_INPUT after one line on stderr. gate_result_free is due either way. */
int gate_measure(struct sweep_plan *, const char *dir, const char *resume, const struct gate_rule *, bool quiet, double within_s,
                 double started, json_t *notes, int argc, char **argv, struct gate_result *);

/* The same verdicts again, from the files of one that is finished. 0, or 2 after one line on stderr. */
int gate_read(const char *dir, struct gate_result *);

/* The cell of a campaign that a planned one's rows went into; NULL: none. */
const struct cell *gate_campaign_cell(const struct campaign *, const struct sweep_cell *);

/* Counts how the invocations of both ended (either may be NULL). */
void gate_count_ends(struct gate_ends *, const struct cell *side, const struct cell *base);

void gate_result_free(struct gate_result *);

#endif
