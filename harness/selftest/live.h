/* live.h: the live part of a selftest: gates that are really run, one after another, each in a folder of its own.

   In each, every cell stands beside itself: once more unchanged, and once with each of selftest_plants. All of them are held against the same base, each as
   the family that it would be in a gate of its own; so one campaign gives one answer for each of them. Answers of one campaign share its base and its
   weather, those of different campaigns do not. */
#ifndef RECLAIM_SELFTEST_LIVE_H
#define RECLAIM_SELFTEST_LIVE_H

#include "harness/gate/measure.h"
#include "harness/selftest/bank.h"

#include <jansson.h>

struct selftest_request {
  const char *strategy, *workload, *threads; /* NULL: the gate's default */
  int64_t seed, campaigns, resamples;
  int64_t pairs;  /* of a screen; all other numbers of pairs change with it */
  int64_t within; /* minutes that a gate of the usual four sides would have; 0: as long as it takes */
  bool quiet;
};

/* What the unchanged side of one cell tells about the machine, over all campaigns. */
struct selftest_cell {
  char *title;
  double spread;                  /* of the pairs of CPU time: the median over campaigns */
  double detectable[GATE_JUDGED]; /* the smallest effect that would have been found: the median */
};

struct selftest_live {
  struct selftest_tally tally[SELFTEST_PLANTS];
  struct bank bank;
  struct selftest_cell *cell;
  double **each; /* [cell * (GATE_JUDGED + 1)]: what the medians are of */
  int ncells, campaigns;
  double *spreads; /* of CPU pairs, [campaign]: the median over cells */
  struct gate_rule rule;
  char *machine;
};

/* Runs the live campaigns in DIR/live-001, ... that are not there yet, goes on with one that was interrupted, and reads them all. Measures nothing where `measure` is false: then what is finished is read.
   `out` is set as far as it went. 0; SWEEP_INTERRUPTED or SWEEP_BAD_INPUT after one line on stderr. */
int selftest_live(const struct selftest_request *, const char *dir, bool measure, int argc, char **argv,
                  struct selftest_live *out);
void selftest_live_free(struct selftest_live *);

/* The plan of a campaign, with all sides in it; to be freed in either case. 0, or 2 after one line on stderr. */
int selftest_plan(const struct selftest_request *, int campaign, struct sweep_plan *);

#endif
