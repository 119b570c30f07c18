/* campaign.h: a campaign as the report sees it: the cells of its plan, each with its invocations, each with one value.

   samples.csv is the truth and campaign.json the order of things. Reading folds the rows of an invocation into sums, summarising
   folds the invocations of a cell into estimates, and nothing is thrown away in between: a failed invocation stays in its cell.
   A number that is not known is NAN. Every string is borrowed from the two files' buffers, which live as long as the campaign.
   A campaign belongs to one thread. */
#ifndef RECLAIM_CAMPAIGN_H
#define RECLAIM_CAMPAIGN_H

#include "harness/report/csv.h"
#include "harness/stats/stats.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>

#define REPORT_SCHEMA 1    /* of campaign.json, and of the JSON that the report prints */
#define REPORT_LEVEL  0.95 /* of every interval */

/* The axes that tell cells apart, by their column names, in the order of files. */
enum axis {
  AXIS_WORKLOAD,
  AXIS_PARAMETERS,
  AXIS_SHARING,
  AXIS_STRATEGY,
  AXIS_TUNABLES,
  AXIS_THREADS,
  AXIS_COLLECTOR_THREADS,
  AXIS_PINNING,
  AXIS_ALLOCATOR,
  AXIS_HEAP, /* the policy, or the bytes where those were asked for */
  AXIS_SIDE, /* of a comparison of builds; "" for most */
  AXES
};
extern const char *const axis_column[AXES];

/* One process. Sums and maxima are over its measured iterations. */
struct invocation {
  const char *machine, *block, *number; /* as written */
  const char *status, *reason;
  int pass;         /* over its block: 0 the planned one, 1 where the block was run once more, ... */
  bool opens_block; /* the first that was read of its cell in its block */
  int measured;
  double operations, wall_ns, cpu_ns, collector_wall_ns, collector_cpu_ns, collections;
  double window_ns;      /* the shortest measured iteration */
  double rss_ns_bytes;   /* mean RSS times wall time, summed */
  double rss_open_bytes; /* before its first iteration: program, libraries, an empty heap */
  double rss_peak_bytes, live_bytes, pause_max_ns, pause_p99_ns, leaked_objects, leaked_bytes;
  bool control_poor, oversubscribed;
};

/* Operations per second: total operations over total time. NAN unless both are known and positive. */
double invocation_throughput(const struct invocation *);
bool invocation_is(const struct invocation *, const char *status);

struct cell {
  const char *axis[AXES];
  const char *allocator_version, *heap_limit, *heap_base, *heap_base_bytes; /* the first that is known, "" otherwise */
  const char *steady;                                                       /* steady, warming, slowing, none; "": not known */
  const char *plant;                                                        /* what slows or grows it on purpose; "": nothing */
  const char *checked, *counting;                                           /* "1": a build never to be quoted; "": not known */
  int rank[AXES];                                                           /* of each axis value, in the order of the plan */
  struct invocation *invocation;
  int ninvocations, room;
  bool planned;

  /* From here on: made by campaign_summarise. */
  const char *status;      /* ok | uncollected | not-applicable | not-run | the first failure's; see `failed` */
  char *reason;            /* owned, "" where there is nothing to say */
  int invocations;         /* processes that were started: without the one row that says not-applicable */
  int failed, uncollected; /* of them */
  bool collected;          /* the estimates are of ok invocations; otherwise of uncollected ones, or there are none */
  int blocks, used;        /* blocks it ran in, once more or not; invocations behind the estimates */
  int control_poor;        /* invocations whose control was poor */
  bool oversubscribed;
  struct stats_interval throughput, cpu_ns_per_op, ratio;
  double spread;               /* robust, of the logarithm of throughput over invocations; NAN below three */
  double window_ns;            /* the shortest measured iteration of any invocation */
  const struct cell *baseline; /* NULL where there is none */
  char *no_ratio;              /* owned: why there is no ratio; NULL where there is one */
  double cpu_s, rss_mean_bytes, rss_peak_bytes, peak_factor /* of 1x: what the peak adds to an empty heap */, live_bytes,
      collector_cpu_share, collector_wall_share, collections;
  double pause_max_ns, pause_p99_ns, leaked_objects, leaked_bytes;
};

/* False where the cell's iterations have no steady state. */
bool cell_steady(const struct cell *);

/* The cells with equal workload, parameters and sharing, adjacent in the campaign's order. */
struct group {
  struct cell **cell;
  int ncells;
  const char *baseline;     /* the strategy that ratios are formed against; NULL where nothing here ran */
  const char *baseline_not; /* the one that was wanted, where it is not applicable here; NULL otherwise */
};

struct campaign {
  char *samples_path, *json_path;
  struct csv csv;
  json_t *json;
  const char *name, *baseline;
  struct cell **cell; /* in the order of the plan; after campaign_summarise, in that of the table */
  int ncells, room;
  void *index; /* the cells by their axes, for tsearch */
  struct group *group;
  int ngroups;
  bool pilot;      /* it is of the rows of the pilot, and of no others */
  char error[600]; /* one line; empty while all is well */
};

/* Reads DIR/campaign.json and DIR/samples.csv. False: see error. campaign_close is due either way. */
bool campaign_open(struct campaign *, const char *dir);

/* The same of the rows that were measured to find out how many blocks are needed. */
bool campaign_open_pilot(struct campaign *, const char *dir);

/* Groups, orders and estimates. `baseline` NULL: the campaign's own. False with error set: no such strategy. */
bool campaign_summarise(struct campaign *, const char *baseline);

void campaign_close(struct campaign *);

/* The parts of campaign_open. */
bool campaign_read_json(struct campaign *);
bool campaign_read_samples(struct campaign *);

/* The cell with these axes (borrowed strings), made where there is none yet. */
struct cell *campaign_cell(struct campaign *, const char *const axis[AXES]);

/* Memory for the report: never NULL. A report that cannot have its few megabytes ends the process with one line, exit code 2. */
void *report_grow(void *old, size_t count, size_t size);
char *report_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *report_format_list(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
