/* loop.h: measuring a campaign: blocks, in each every cell once, in each one child; and its files, before and afterwards.

   A campaign that is new and one that is resumed go the same way: what the journal has is not measured again. Where the plan begins with a
   pilot, the number of blocks is settled as soon as that is complete, and recorded before the first row that counts. */
#ifndef RECLAIM_SWEEP_LOOP_H
#define RECLAIM_SWEEP_LOOP_H

#include "harness/sweep/objects.h"
#include "harness/sweep/progress.h"
#include "harness/sweep/store.h"

struct sweep_loop {
  struct store store;
  struct progress progress;
  struct sweep_objects objects;
  bool quiet, interrupted;
  bool told;                  /* why it ends early */
  double stop_s;              /* sweep_now() after which no block is begun; 0: never */
  bool stopped;               /* for that reason */
  double started, children_s; /* sweep_now() as this run began; wall time of its children */
  int64_t measured;           /* invocations of this run */
  int *repeated, nrepeated;   /* planned blocks that were run once more */
  char started_at[40];
};

/* Opens a campaign: a new one for `plan`, which is taken over, in `out` (NULL: the default folder), or where `resume` is not NULL the one
   there. `started`: sweep_now() when all of this began. 0, or an exit code after one line on stderr; sweep_loop_close is due either way. */
int sweep_loop_open(struct sweep_loop *l, struct sweep_plan *plan, const char *out, const char *resume, bool quiet,
                    double started, int argc, char **argv);

/* Measures what is missing. 0; SWEEP_INTERRUPTED; or SWEEP_BAD_INPUT after one line on stderr. It may be called again after the plan's blocks, and
   those of its cells, have become more: a campaign in stages, without blocks that are run once more. */
int sweep_loop_measure(struct sweep_loop *l);

/* Writes samples.csv and campaign.json. `rc`: of sweep_loop_measure. 0, or SWEEP_BAD_INPUT after one line on stderr. */
int sweep_loop_write(struct sweep_loop *l, int rc, struct samples_summary *sum);

/* Enters the time so far into campaign.json, which is not written; returns the share spent outside the children, of all runs. */
double sweep_loop_record_time(struct sweep_loop *l, bool finished);

void sweep_loop_close(struct sweep_loop *l);

#endif
