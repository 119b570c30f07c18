/* report-fixture.h: campaigns made up for tests: rows as a sweep writes them, in random order within a block, from a seed. */
#ifndef RECLAIM_REPORT_FIXTURE_H
#define RECLAIM_REPORT_FIXTURE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64, and what is drawn from it. */
static inline uint64_t draw(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
static inline double draw_unit(uint64_t *state) { return ((double)(draw(state) >> 11) + 0.5) * 0x1p-53; }
static inline double draw_normal(uint64_t *state) {
  double r = sqrt(-2 * log(draw_unit(state)));
  return r * cos(2 * acos(-1) * draw_unit(state));
}

struct fixture_cell {
  const char *workload, *parameters, *sharing, *strategy, *tunables;
  int threads;
  const char *allocator, *heap;
  double ops_per_s;                                     /* true throughput */
  double spread;                                        /* of the log of an invocation's throughput */
  double rss_mib, live_mib, gc_share, pause_ns, leaked; /* negative: not known */
  const char *status, *reason;                          /* NULL: ok; "not-run": in the plan, without rows */
  int status_from;                                      /* the first block that ends with this status; rows before it are ok */
  bool control_poor, oversubscribed;
  double window_s;    /* of an iteration; 0: 30 ms */
  const char *steady; /* NULL: steady */
  const char *plant;  /* NULL: nothing */
  int64_t heap_base;  /* bytes of 1x, where the limit is 64 MiB; 0: not known */
};

struct fixture {
  const struct fixture_cell *cell;
  int ncells, blocks, iterations;
  uint64_t seed;
  const char *newline;  /* NULL: "\n" */
  const char *warnings; /* JSON array; NULL: none */
  bool unfinished;
};

static const char fixture_header[] =
    "campaign,machine,started_at,seed,block,invocation,iteration,phase,workload,parameters,sharing,strategy,tunables,threads,"
    "collector_threads,pinning,cpus,allocator,allocator_version,heap_policy,heap_limit_bytes,status,reason,operations,wall_ns,"
    "cpu_user_ns,cpu_system_ns,mutator_wall_ns,mutator_cpu_ns,collector_wall_ns,collector_cpu_ns,collections,pause_max_ns,"
    "pause_p99_ns,rss_before_bytes,rss_mean_bytes,rss_peak_bytes,rss_after_bytes,live_bytes,leaked_objects,leaked_bytes,"
    "minor_faults,major_faults,context_switches,migrations,checksum,control_speed,control_speedup,control_ok,oversubscribed,"
    "commit,steady,plant,heap_base,heap_base_bytes";

static inline void fixture_number(FILE *out, double v) {
  if (v >= 0)
    fprintf(out, ",%.0f", v);
  else
    fputs(",", out);
}

static inline void fixture_row(FILE *out, const struct fixture *f, const struct fixture_cell *c, int block, int invocation,
                               int iteration, const char *status, double operations, double wall) {
  bool traces = c->gc_share >= 0, none = operations < 0;
  fprintf(out, "fixture,host,2026-01-02T03:04:05Z,%llu,%d,%d,", (unsigned long long)f->seed, block, invocation);
  if (none)
    fputs(",,", out);
  else
    fprintf(out, "%d,%s,", iteration, iteration == 0 ? "warmup" : "measured");
  fprintf(out, "%s,%s,%s,%s,%s,%d,%d,compact,\"0,1\",%s,5.3,%s,", c->workload, c->parameters, c->sharing, c->strategy,
          c->tunables, c->threads, c->threads, c->allocator, c->heap);
  if (traces && strcmp(c->heap, "grow")) fputs("67108864", out);
  fprintf(out, ",%s,\"%s\"", status, strcmp(status, "ok") && c->reason ? c->reason : "");
  double cpu = none ? -1 : wall * c->threads, mib = 1048576, unknown = -1;
  double share = traces && !none ? c->gc_share : -1;
  double rss = none ? -1 : c->rss_mib * mib;
  double numbers[] = {operations,
                      none ? -1 : wall,
                      cpu,
                      none ? -1 : cpu / 50,
                      unknown,
                      unknown,
                      share < 0 ? -1 : share * wall,
                      share < 0 ? -1 : share * cpu * 1.02,
                      share < 0 ? -1 : 4 + 20 * share,
                      none ? -1 : c->pause_ns,
                      none ? -1 : c->pause_ns / 3,
                      rss / 2,
                      rss,
                      rss * 1.2,
                      rss,
                      none ? -1 : c->live_mib * mib,
                      none ? -1 : c->leaked,
                      none || c->leaked < 0 ? -1 : c->leaked * 40,
                      10,
                      0,
                      3,
                      unknown};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) fixture_number(out, numbers[i]);
  fprintf(out, ",00000000deadbeef,1.01,1.9,%s,%s,0123456789ab,%s,%s", c->control_poor && block == 1 ? "false" : "true",
          c->oversubscribed ? "true" : "false", c->steady ? c->steady : "steady", c->plant ? c->plant : "");
  if (c->heap_base)
    fprintf(out, ",declared,%lld", (long long)c->heap_base);
  else
    fputs(",,", out);
  fputs(f->newline ? f->newline : "\n", out);
}

static inline void fixture_invocation(FILE *out, const struct fixture *f, const struct fixture_cell *c, int block, int invocation,
                                      double drift, uint64_t *seed) {
  const char *status = c->status && block >= c->status_from ? c->status : "ok";
  bool ran = !strcmp(status, "ok") || !strcmp(status, "uncollected");
  double speed = c->ops_per_s * exp(c->spread * draw_normal(seed) + drift);
  if (!strcmp(status, "not-run")) return;
  if (!ran) fixture_row(out, f, c, block, invocation, 0, status, -1, -1);
  for (int i = 0; ran && i <= f->iterations; i++) {
    double operations = ceil(c->ops_per_s * (c->window_s > 0 ? c->window_s : 0.03));
    fixture_row(out, f, c, block, invocation, i, status, operations,
                ceil(operations / speed * 1e9 * exp(c->spread * draw_normal(seed))));
  }
}

static inline void fixture_campaign(FILE *out, const struct fixture *f) {
  fprintf(
      out,
      "{\"schema\": 1, \"campaign\": \"fixture\", \"seed\": %llu, \"baseline\": \"rc\", \"finished\": %s, \"warnings\": %s,\n",
      (unsigned long long)f->seed, f->unfinished ? "false" : "true", f->warnings ? f->warnings : "[]");
  fprintf(out, "\"plan\": {\"blocks\": %d, \"warmup\": 1, \"iterations\": %d, \"cells\": [", f->blocks, f->iterations);
  for (int i = 0; i < f->ncells; i++) {
    const struct fixture_cell *c = &f->cell[i];
    fprintf(
        out,
        "%s{\"workload\": \"%s\", \"parameters\": \"%s\", \"sharing\": \"%s\", \"strategy\": \"%s\", \"tunables\": \"%s\", "
        "\"threads\": %d, \"collector_threads\": %d, \"pinning\": \"compact\", \"allocator\": \"%s\", \"heap_policy\": \"%s\"}",
        i ? ",\n" : "\n", c->workload, c->parameters, c->sharing, c->strategy, c->tunables, c->threads, c->threads, c->allocator,
        c->heap);
  }
  fputs("]}}\n", out);
}

/* Writes DIR/samples.csv and DIR/campaign.json. */
static inline void fixture_write(const char *dir, const struct fixture *f) {
  char path[400];
  uint64_t seed = f->seed;
  snprintf(path, sizeof path, "%s/campaign.json", dir);
  FILE *out = fopen(path, "w");
  fixture_campaign(out, f);
  fclose(out);
  snprintf(path, sizeof path, "%s/samples.csv", dir);
  out = fopen(path, "w");
  fprintf(out, "%s%s", fixture_header, f->newline ? f->newline : "\n");
  int *order = calloc((size_t)f->ncells, sizeof *order), invocation = 0;
  for (int block = 1; block <= f->blocks; block++) {
    double drift = 0.02 * draw_normal(&seed); /* of the machine, common to the block */
    for (int i = 0; i < f->ncells; i++) {
      int j = (int)(draw(&seed) % (uint64_t)(i + 1));
      order[i] = order[j];
      order[j] = i;
    }
    for (int i = 0; i < f->ncells; i++) {
      const struct fixture_cell *c = &f->cell[order[i]];
      if (block > 1 && c->status && !strcmp(c->status, "not-applicable")) continue;
      fixture_invocation(out, f, c, block, ++invocation, drift, &seed);
    }
  }
  free(order);
  fclose(out);
}

/* The quick profile: five strategies, four workloads private at 1 and 2 threads, dicts shared-write at 2. Returns the count. */
static inline int fixture_quick(struct fixture_cell *cell) {
  static const struct {
    const char *name, *parameters;
    double ops, live;
  } workloads[] = {{"lists", "live=100000;operations=1000000;nested=10;slice=16", 21e6, 4.6},
                   {"dicts", "keys=262144;operations=1000000;record=4;string-keys=50", 14e6, 34},
                   {"generators", "items=1000000;stages=3;materialised=no", 95e6, 0.02},
                   {"trees", "depth=14;depth-spread=4;kept-depth=16;kept-array=100000;seed=7", 88e6, 7.2}};
  static const struct {
    const char *name, *tunables;
    double speed, rss, gc, pause;
  } strategies[] = {{"rc", "free-list=64;cascade-budget=0", 1, 1, -1, 41e3},
                    {"rc-gil", "free-list=64;switch-interval=5000", 0.96, 1.01, -1, 48e3},
                    {"rc-atomic", "free-list=64;rmw=fetch-add", 0.81, 1.02, -1, 52e3},
                    {"mark-sweep", "mark-threads=1;prefetch=8", 0.62, 2.9, 0.34, 12.4e6},
                    {"generational", "nursery=1048576;age=1", 1.31, 2.4, 0.083, 3.1e6}};
  int n = 0;
  for (int w = 0; w < 5; w++)
    for (int s = 0; s < 5; s++)
      for (int threads = w < 4 ? 1 : 2; threads <= 2; threads++) {
        int k = w < 4 ? w : 1;
        bool traces = strategies[s].gc >= 0, gil = s == 1, shared = w == 4;
        double scale = threads == 2 ? (gil ? 1.01 : shared ? 1.1 : 1.93) : 1;
        cell[n++] = (struct fixture_cell){.workload = workloads[k].name,
                                          .parameters = workloads[k].parameters,
                                          .sharing = shared ? "shared-write" : "private",
                                          .strategy = strategies[s].name,
                                          .tunables = strategies[s].tunables,
                                          .threads = threads,
                                          .allocator = "pool",
                                          .heap = "3x",
                                          .ops_per_s = workloads[k].ops * strategies[s].speed * scale,
                                          .spread = 0.006 * threads,
                                          .rss_mib = 3.1 + workloads[k].live * strategies[s].rss * threads,
                                          .live_mib = workloads[k].live * threads,
                                          .gc_share = traces ? strategies[s].gc : -1,
                                          .pause_ns = strategies[s].pause * threads};
        if (shared && s == 0) {
          cell[n - 1].status = "not-applicable";
          cell[n - 1].reason = "rc gives each thread a heap of its own; shared-write needs one heap for all";
        }
      }
  return n;
}

#endif
