/* team.h: the measured threads, created once, doing one job at a time together.

   A window starts when the last of them is awake and ready, and ends when the last of them has finished. Both edges are stamped
   by that last thread itself, between its own neighbouring instructions: waking up, and telling the caller, lie outside. */
#ifndef RECLAIM_CELL_TEAM_H
#define RECLAIM_CELL_TEAM_H

#include "harness/cell/sampler.h"

#include <stdbool.h>
#include <sys/resource.h>

struct cell_edge {
  uint64_t at_ns; /* CLOCK_MONOTONIC */
  struct rusage use;
  struct cell_sampler_use sampler;
};
struct cell_window {
  struct cell_edge start, end;
};

/* What every member does, with its index and whatever the caller handed in. */
typedef void cell_job(int index, void *context);

struct cell_team;

/* Starts `threads` threads. `oversubscribed`: there are fewer CPUs, so that nobody may spin while waiting for another.
   NULL with a message in err when they cannot all be started. */
struct cell_team *cell_team_start(int threads, bool oversubscribed, char *err, size_t nerr);

/* Whose use the edges note, too; NULL (as in the beginning): nobody's. */
void cell_team_watch(struct cell_team *, struct cell_sampler *);

/* Runs the job on all members and returns the window it took. One caller at a time. */
struct cell_window cell_team_do(struct cell_team *, cell_job *, void *context);

/* Ends and joins the threads. */
void cell_team_end(struct cell_team *);

#endif
