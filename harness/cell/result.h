/* result.h: what one invocation found out, and its one JSON object. Keys of an iteration are columns of samples.csv. */
#ifndef RECLAIM_CELL_RESULT_H
#define RECLAIM_CELL_RESULT_H

#include "harness/cell/options.h"
#include "harness/cell/sampler.h"

#include <stdatomic.h>

/* RECLAIM_NONE: not known. */
struct cell_row {
  bool measured;
  uint64_t start_ns; /* CLOCK_MONOTONIC */
  uint64_t operations, checksum, cyclic_nodes;
  uint64_t wall_ns, cpu_user_ns, cpu_system_ns;
  uint64_t mutator_wall_ns, mutator_cpu_ns, collector_wall_ns, collector_cpu_ns;
  uint64_t collections, minor_collections, pause_max_ns, pause_p99_ns;
  uint64_t rss_before_bytes, rss_mean_bytes, rss_peak_bytes, rss_after_bytes, committed_bytes, allocated_bytes;
  bool leaks_known;
  int64_t leaked_objects, leaked_bytes; /* negative where trash of an earlier iteration was reclaimed in this one */
  uint64_t minor_faults, major_faults, context_switches, migrations;
};

struct cell_result {
  const struct cell_options *options;
  const char *status;
  char reason[256];
  char allocator_version[128];
  double control_speed, control_speedup; /* NaN: not known */
  uint64_t live_objects, live_bytes, rss_final_bytes;
  uint64_t code_pages_moved;              /* RECLAIM_NONE: could not be (code.h) */
  uint64_t planted_cpu_ns, planted_bytes; /* burnt in all iterations, and grown by, on purpose */
  struct cell_row *rows;
  _Atomic int nrows; /* complete ones; raised with release order, so that any thread may write the result */
  /* Measured iterations together. */
  reclaim_histogram pauses, safepoints, lock_waits;
  reclaim_counter counters[RECLAIM_COUNTERS];
  int ncounters;
  uint64_t all_collections; /* full and minor; RECLAIM_NONE when the strategy does not say */
};

/* Adds the statistics of one measured iteration to the histograms and counters. Counters are summed; of those whose name has
   the word longest, largest, deepest, highest, most, peak or max, the greatest is kept. */
void cell_result_pool(struct cell_result *, const reclaim_stats *);

/* Whether a counter of this name is a greatest value rather than a sum. */
bool cell_counter_is_greatest(const char *name);

/* The smallest number of ns that at least `part` of the entries do not exceed, as exactly as buckets allow (upwards, at most
   the maximum); RECLAIM_NONE when there are none. */
uint64_t cell_percentile(const reclaim_histogram *, double part);

/* Writes the object to options->fd; `sampler` may be NULL. Allocates nothing. 0, or the errno of the write that failed. */
int cell_result_write(const struct cell_result *, struct cell_sampler *sampler);

#endif
