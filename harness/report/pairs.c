/* pairs.c: see pairs.h. */
#include "harness/report/pairs.h"

#include <math.h>
#include <string.h>

static double positive(double v) { return v > 0 ? v : NAN; }

double pairs_throughput(const struct invocation *v) { return invocation_throughput(v); }
double pairs_wall_per_op(const struct invocation *v) { return 1e9 / invocation_throughput(v); }
double pairs_cpu_per_op(const struct invocation *v) { return positive(v->cpu_ns / v->operations); }
double pairs_rss_peak(const struct invocation *v) { return positive(v->rss_peak_bytes); }
double pairs_rss_mean(const struct invocation *v) { return positive(v->rss_ns_bytes / v->wall_ns); }
double pairs_pause_max(const struct invocation *v) { return positive(v->pause_max_ns); }
double pairs_pause_p99(const struct invocation *v) { return positive(v->pause_p99_ns); }

static const struct invocation *partner(const struct cell *of, const struct invocation *v) {
  for (int i = 0; i < of->ninvocations; i++) {
    const struct invocation *b = &of->invocation[i];
    if (b->pass == v->pass && !strcmp(b->block, v->block) && !strcmp(b->machine, v->machine) && invocation_is(b, "ok")) return b;
  }
  return NULL;
}

int pairs_form(const struct cell *a, const struct cell *b, pairs_value *of, struct pair *out) {
  int n = 0;
  for (int i = 0; i < a->ninvocations; i++) {
    const struct invocation *v = &a->invocation[i], *w = partner(b, v);
    if (!w || !invocation_is(v, "ok")) continue;
    out[n] = (struct pair){v, w, log(of(v)) - log(of(w))};
    n += isfinite(out[n].difference);
  }
  return n;
}
