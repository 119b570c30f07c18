/* metrics.h: what is compared: costs, each of one invocation, so that a ratio below 1 is always less of it. */
#ifndef RECLAIM_COMPARE_METRICS_H
#define RECLAIM_COMPARE_METRICS_H

#include "harness/report/campaign.h"
#include "harness/report/units.h"

enum { METRICS = 6 };

struct metric {
  const char *name, *title;
  const char *less, *more;                    /* the verdicts */
  double (*value)(const struct invocation *); /* NAN where it is not known; 0 is a value */
  enum units_family unit;
  bool by_default;
};
extern const struct metric metrics[METRICS];

/* Which metrics a list of names ("time,cpu", "all"; NULL: those by default) chooses. 0, or 2 after one line on stderr. */
int metrics_choose(const char *list, bool chosen[METRICS]);

#endif
