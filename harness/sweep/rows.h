/* rows.h: the columns of samples.csv, and how the end of a child becomes rows.

   A row knows two kinds of things: facts, which never change and go into the journal, and judgements over the whole campaign
   (control_ok, wrong-checksum), which are empty or provisional in the journal and are computed again from all rows each time
   samples.csv is written. So a resumed sweep judges anew, and no row is ever rewritten in the journal. */
#ifndef RECLAIM_SWEEP_ROWS_H
#define RECLAIM_SWEEP_ROWS_H

#include "harness/sweep/child.h"
#include "harness/sweep/plan.h"
#include "harness/sweep/text.h"

/* Columns that the sweep itself writes or reads; their index in the row. */
enum row_column {
  ROW_CAMPAIGN,
  ROW_MACHINE,
  ROW_STARTED_AT,
  ROW_SEED,
  ROW_BLOCK,
  ROW_INVOCATION,
  ROW_ITERATION,
  ROW_PHASE,
  ROW_WORKLOAD,
  ROW_PARAMETERS,
  ROW_SHARING,
  ROW_STRATEGY,
  ROW_TUNABLES,
  ROW_THREADS,
  ROW_COLLECTOR_THREADS,
  ROW_PINNING,
  ROW_CPUS,
  ROW_ALLOCATOR,
  ROW_ALLOCATOR_VERSION,
  ROW_HEAP_POLICY,
  ROW_HEAP_LIMIT,
  ROW_STATUS,
  ROW_REASON,
  ROW_OPERATIONS,
  ROW_WALL,
  ROW_FACTS, /* from here on: facts of the child, by the names of its JSON keys */
};

/* Room for the fields of any row. */
enum { SWEEP_ROW_FIELDS = 96 };

/* The names of all columns, in order; returns how many. */
int sweep_rows_columns(const char *const **names);
/* The index of a column that exists. */
int sweep_rows_column(const char *name);

/* What all rows of a campaign have in common. */
struct row_campaign {
  const char *name, *machine, *commit;
  uint64_t seed;
};

/* Where an invocation stands. */
struct row_place {
  const struct sweep_cell *cell;
  int block;          /* -1: none, a cell that is not applicable */
  bool repeat;        /* the block is run once more */
  bool pilot;         /* the rows tell how many blocks are needed, and are judged no further */
  int64_t invocation; /* -1: none */
  const char *started_at;
};

/* The rows of one invocation, at least one. *n: how many. Free with sweep_free_words. `json` (may be NULL) receives the child's
   object when it sent a usable one, with a reference for the caller. `title` of the outcome's status goes into *status. */
char **sweep_rows_of_outcome(const struct row_campaign *campaign, const struct row_place *place,
                             const struct child_outcome *outcome, double timeout_s, int *n, json_t **json);

/* The one row of a cell that is not applicable. The caller frees. */
char *sweep_rows_not_applicable(const struct row_campaign *campaign, const struct sweep_cell *cell);

/* Whether a status is one of those that make `run` exit 1. */
bool sweep_rows_failed(const char *status);

#endif
