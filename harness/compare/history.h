/* history.h: campaigns of one machine in the order of time, and where the costs of a cell change.

   A campaign gives one value of each cell and metric: the Hodges-Lehmann estimate over its invocations, as a logarithm. Changes of level
   in these series are looked for by stats_changes (harness/stats/series.h), whose threshold comes from the series' own noise, for noise
   from campaign to campaign remembers itself. It is for review and no alarm: what a change came from (the program, a compiler, the kernel,
   a neighbour on the machine) is for a person to find out. docs/method.md has how often noise alone is called a change. */
#ifndef RECLAIM_COMPARE_HISTORY_H
#define RECLAIM_COMPARE_HISTORY_H

#include "harness/compare/metrics.h"
#include "harness/stats/series.h"

enum {
  HISTORY_LEAST = 10,   /* campaigns that have a cell, below which it has no history */
  HISTORY_SHORTEST = 3, /* campaigns that a level lasts: one or two odd ones are none */
  HISTORY_DRAWS = 1999
};
#define HISTORY_ALPHA    0.01
#define HISTORY_SMALLEST 0.01 /* of a level: smaller changes are none, however sure */

/* One campaign that has the cell. */
struct history_point {
  int campaign;
  struct stats_interval value; /* in the metric's unit */
};

/* One metric of one cell. */
struct history_series {
  int cell, metric;
  struct history_point *point; /* owned */
  int n;                       /* of campaigns with a value; too few: no changes were looked for */
  struct stats_change *change; /* owned; `at` is a place in `point`; levels in the metric's unit */
  int nchanges;
};

struct history {
  struct campaign *campaign; /* in the order of started_at */
  const char **dir;          /* borrowed */
  int n;
  const char *machine;
  const struct cell **cell; /* the first of each that was met */
  const struct cell **at;   /* [cell * n + campaign]; NULL where the campaign has none */
  int ncells;
  struct history_series *series;
  int nseries;                           /* those that were looked at */
  int too_short, other_machines, builds; /* series; campaigns that were left out: --machine, counting or checked builds */
  int nchanges;
};

struct history_options {
  const char *machine; /* the campaigns whose machine has this in its name; NULL: all must be of one */
  const char *where, *metric;
};

/* Reads and judges. 0, or 2 after one line on stderr; history_close is due either way. */
int history_make(struct history *, const char *const *dirs, int n, const struct history_options *);
void history_close(struct history *);

/* When a campaign began, and its commit; "" where that is not known. */
const char *history_started(const struct campaign *);
const char *history_commit(const struct campaign *);

/* What tells this cell from the others, as one text; owned by the caller. */
char *history_label(const struct history *, int cell, const char *separator);

void history_print(const struct history *, int width, bool utf8, FILE *out);
void history_print_json(const struct history *, FILE *out);

/* Writes into DIR (made where it is not there) for each cell its data and a gnuplot script, and has gnuplot draw them as SVG and PNG. *drawn is false
   where there is no gnuplot. 0, or 2 after one line on stderr. */
int history_figures(const struct history *, const char *dir, bool *drawn);

/* `reclaim history DIR...`; argv[0] is the subcommand. Returns the exit code. */
int history_main(int argc, char **argv);

#endif
