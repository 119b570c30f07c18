/* anchors.h: the parts of build/rivals/anchors, the program behind experiments/anchors.

     anchors-table.c   reads experiments/anchors.table: programs, contenders, targets, checks
     anchors-run.c     makes the rows: one process each, in random order within a block
     anchors-judge.c   makes the table and the verdicts from the rows
     anchors-main.c    the command line

   Everything is in memory that lives as long as the process; a line of input that is wrong ends it with one line, exit code 2. */
#ifndef RECLAIM_ANCHORS_H
#define RECLAIM_ANCHORS_H

#include "harness/sweep/text.h"

#include <jansson.h>
#include <stdio.h>

struct program {
  const char *name;
  int warmup, iterations;
  bool cyclic; /* counting alone leaks all of it */
  bool still;  /* its iterations make no garbage, so that nothing need be collected */
  bool extra;  /* only for checks; maybe not there */
};

struct kind {
  const char *name, *title;
};

enum leaks { LEAKS_NOTHING, LEAKS_CYCLES, LEAKS_EVERYTHING };

struct contender {
  const char *name;    /* "rc", "hand@mimalloc", "mark-sweep,gc-threads=1", "cpp-plain" */
  const char *kind;    /* of the row */
  const char *against; /* the kind of rivals that a strategy is held against; NULL: none */
  const char *title;
  const char *strategy, *allocator; /* NULL: a rival */
  char **sets;                      /* "name=value" */
  int nsets;
  int warmup_factor;
  enum leaks leaks;
  bool limited;        /* obeys the heap's limit, as far as is known beforehand */
  bool for_check;      /* no row of the table */
  const char *missing; /* why it cannot run here; NULL: it can */
};

struct target {
  const char *strategy, *program;
  double value;
};

enum measure { MEASURE_CPU, MEASURE_WALL, MEASURE_COLLECTOR };
extern const char *const measure_names[3];

struct check {
  const char *name;
  enum measure measure;
  bool least; /* the ratio is to be at least the bound, not at most */
  double bound;
  const char *spec[2];
  int threads[2];
  char **programs;
  int nprograms;
};

struct table {
  struct program *programs;
  struct kind *kinds;
  struct contender *contenders;
  struct target *targets;
  struct check *checks;
  int nprograms, nkinds, ncontenders, ntargets, nchecks;
  const char *baseline, *reference;
  double margin;
};

/* Reads the table, asks `reclaim` (its path) for the strategies there are, and `rival` (the script) for the rivals that can run, or for
   those named in `only`, where there are any. Without a script, nothing is said to be missing: whoever has rows was there. */
extern const char table_not_asked[]; /* `missing` of the rivals that are not in `only` */
struct table *table_read(const char *path, const char *reclaim, const char *rival, char **only, int nonly);
const struct program *table_program(const struct table *, const char *name);
/* -1 where there is none. */
int table_contender(const struct table *, const char *name);

/* --- Rows --- */

struct row {
  int block, contender, program, threads;
  char *status;
  double operations, wall_ns, cpu_ns, collector_wall_ns, rss_peak_bytes, control_speedup; /* NAN: not known */
};

struct options {
  const char *reclaim, *rival, *out;
  char *heap;
  char **only, **programs;
  int nonly, nprograms;
  int threads[8], nthreads;
  int blocks, iterations_of; /* iterations: those of the table divided by this */
  uint64_t seed;
  uint64_t least_heap; /* bytes per thread */
  double timeout_s;
};

struct rows {
  struct row *row;
  int n;
  bool interrupted;
};

/* Runs what is not yet in OUT/anchors.csv and adds it there. `rows` gets all of them. False: nothing could be run. */
bool run_all(const struct table *, const struct options *, struct rows *);
/* What an earlier run left. False: none, or not readable (said on stderr). */
bool rows_read(const struct table *, const char *path, struct rows *);

/* --- Judging --- */

void print_table(const struct table *, const struct rows *, FILE *out);
void print_verdicts(const struct table *, const struct rows *, FILE *out);
/* OUT/summary.csv: one line per contender, program and number of threads. */
bool write_summary(const struct table *, const struct rows *, const char *path);

#endif
