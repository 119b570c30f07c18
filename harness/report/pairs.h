/* pairs.h: what is compared with what: an invocation with the one that ran beside it.

   Two invocations are a pair when they ran on the same machine, in the same block, in the same pass over that block, and both ended ok.
   Whatever the machine did to both alike is not in the difference of their logarithms. */
#ifndef RECLAIM_PAIRS_H
#define RECLAIM_PAIRS_H

#include "harness/report/campaign.h"

/* A positive quantity of an invocation; NAN where it is not known. */
typedef double pairs_value(const struct invocation *);

struct pair {
  const struct invocation *a, *b;
  double difference; /* ln of a's value - ln of b's */
};

/* Into out (room for a->ninvocations), in the order of a's invocations; returns how many. */
int pairs_form(const struct cell *a, const struct cell *b, pairs_value *of, struct pair *out);

/* The quantities that are compared. All but the first are costs. */
double pairs_throughput(const struct invocation *); /* operations per second */
double pairs_wall_per_op(const struct invocation *);
double pairs_cpu_per_op(const struct invocation *);
double pairs_rss_peak(const struct invocation *);
double pairs_rss_mean(const struct invocation *);
double pairs_pause_max(const struct invocation *);
double pairs_pause_p99(const struct invocation *);

#endif
