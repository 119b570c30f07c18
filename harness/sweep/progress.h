/* progress.h: the one line on a terminal that says where a sweep stands. On anything that is no terminal it says nothing. */
#ifndef RECLAIM_SWEEP_PROGRESS_H
#define RECLAIM_SWEEP_PROGRESS_H

#include "harness/sweep/plan.h"

struct progress {
  bool on;
  int64_t done, total;
  double *seconds; /* per cell, of its finished invocations */
  int *finished;   /* per cell */
  double all_seconds;
  int64_t all_finished;
};

void sweep_progress_begin(struct progress *g, const struct sweep_plan *p, bool quiet);
void sweep_progress_end(struct progress *g);

/* An invocation of the cell took so long; `count`: it is one of this run, not of an earlier one. */
void sweep_progress_learn(struct progress *g, int cell, double seconds);

/* Seconds that the cell's next invocation is expected to take: its own mean, else that of all, else a guess. */
double sweep_progress_expect(const struct progress *g, const struct sweep_plan *p, int cell);

/* Shows the cell that starts now, and the time left. */
void sweep_progress_show(struct progress *g, const struct sweep_plan *p, int cell, double left);
/* Takes the line away, before anything else is printed. */
void sweep_progress_clear(const struct progress *g);

/* "45 s", "3 min 20 s", "2 h 05 min" into buf; returns buf. */
const char *sweep_progress_duration(double seconds, char *buf, size_t nbuf);

#endif
