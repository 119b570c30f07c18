/* metrics.c: see metrics.h. */
#include "harness/compare/metrics.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <math.h>
#include <string.h>

static double time_per_op(const struct invocation *v) { return 1e9 / invocation_throughput(v); }
static double cpu_per_op(const struct invocation *v) { return v->operations > 0 ? v->cpu_ns / v->operations : NAN; }
static double rss_mean(const struct invocation *v) { return v->wall_ns > 0 ? v->rss_ns_bytes / v->wall_ns : NAN; }
static double rss_peak(const struct invocation *v) { return v->rss_peak_bytes; }
static double pause_max(const struct invocation *v) { return v->pause_max_ns; }
static double pause_p99(const struct invocation *v) { return v->pause_p99_ns; }

const struct metric metrics[METRICS] = {
    {"time", "time per operation", "faster", "slower", time_per_op, UNITS_TIME, true},
    {"cpu", "CPU time per operation", "less CPU", "more CPU", cpu_per_op, UNITS_TIME, true},
    {"rss-mean", "mean RSS", "smaller", "larger", rss_mean, UNITS_BYTES, true},
    {"rss-peak", "peak RSS", "smaller", "larger", rss_peak, UNITS_BYTES, true},
    {"pause-max", "longest pause", "shorter", "longer", pause_max, UNITS_TIME, true},
    {"pause-p99", "99th percentile of pauses", "shorter", "longer", pause_p99, UNITS_TIME, false},
};

int metrics_choose(const char *list, bool chosen[METRICS]) {
  const char *names[METRICS + 1];
  char hint[96];
  for (int k = 0; k < METRICS; k++) names[k] = metrics[k].name, chosen[k] = !list && metrics[k].by_default;
  names[METRICS] = "all";
  if (!list) return 0;
  int n, rc = 0;
  char **words = sweep_split(list, &n);
  if (!n) rc = sweep_refuse("--metric: the list is empty");
  for (int i = 0; i < n && !rc; i++) {
    bool all = !strcmp(words[i], "all"), known = all;
    for (int k = 0; k < METRICS; k++)
      if (all || !strcmp(words[i], metrics[k].name)) chosen[k] = known = true;
    if (!known)
      rc = sweep_refuse("--metric: unknown metric '%s'%s (allowed: time, cpu, rss-mean, rss-peak, pause-max, pause-p99, all)",
                        words[i], catalog_suggest(words[i], names, METRICS + 1, hint, sizeof hint));
  }
  sweep_free_words(words, n);
  return rc;
}
