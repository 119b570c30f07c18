/* probe.c: a few seconds of the control that runs beside every workload, on all cores, and what happens meanwhile. */
#define _GNU_SOURCE 1 /* clock_gettime */
#include "harness/doctor/facts.h"

#include "harness/cell/control.h"
#include "harness/cell/pin.h"
#include "harness/cell/team.h"
#include "harness/stats/stats.h"
#include "harness/sweep/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- The clock ---------------------------------------------------------------------------------------------------------------- */

enum { BATCHES = 50, READINGS = 400 };

static void probe_clock(struct doctor_facts *f) {
  uint64_t cost = UINT64_MAX, step = UINT64_MAX;
  for (int b = 0; b < BATCHES; b++) {
    uint64_t start = cell_now_ns(), last = start;
    for (int i = 0; i < READINGS; i++) {
      uint64_t now = cell_now_ns();
      if (now > last && now - last < step) step = now - last;
      last = now;
    }
    if (last - start < cost) cost = last - start;
  }
  f->clock_cost_ns = (double)cost / READINGS;
  f->clock_step_ns = step == UINT64_MAX ? (double)cost : (double)step;
}

/* --- The control -------------------------------------------------------------------------------------------------------------- */

struct seats {
  int threads, *cpus;
  struct cell_control **control;
  char (*error)[160];
};

static void job_sit(int i, void *context) {
  struct seats *s = context;
  cell_bind(&s->cpus[i], 1, s->error[i], sizeof s->error[i]);
  s->control[i] = cell_control_make();
}

static void job_rise(int i, void *context) { cell_control_free(((struct seats *)context)->control[i]); }

/* As before every invocation: its pages have not been touched. */
static void job_renew(int i, void *context) {
  job_rise(i, context);
  ((struct seats *)context)->control[i] = cell_control_make();
}

static bool is_seated(const struct seats *s) {
  for (int i = 0; i < s->threads; i++)
    if (!s->control[i]) return false;
  return true;
}

struct readings {
  double *speed, *speedup;
  int n;
};

/* False: there is no memory left for it. */
static bool read_for(double seconds, struct cell_team *team, struct seats *s, struct readings *r) {
  int n = 0;
  for (double until = sweep_now() + seconds; is_seated(s) && sweep_now() < until; cell_team_do(team, job_renew, s)) {
    struct cell_control_reading one = cell_control_read(team, s->control, s->threads);
    *sweep_push(r->speed, r->n) = log(one.speed);
    *sweep_push(r->speedup, n) = one.speedup;
  }
  return is_seated(s);
}

static void judge_readings(struct doctor_facts *f, struct readings *r, int threads) {
  f->control_threads = threads;
  if (r->n) {
    f->control_spread = stats_spread(r->speed, r->n);
    stats_sort(r->speedup, r->n);
    f->control_speedup = stats_median(r->speedup, r->n);
    f->control_low = stats_quantile(r->speedup, r->n, 0.05);
  }
  free(r->speed);
  free(r->speedup);
}

static int run_control(struct doctor_facts *f, double seconds, struct seats *s, char *err, size_t nerr) {
  struct cell_team *team = cell_team_start(s->threads, false, err, nerr);
  if (!team) return -1;
  cell_team_do(team, job_sit, s);
  for (int i = 0; i < s->threads; i++)
    if (*s->error[i]) snprintf(f->unpinned, sizeof f->unpinned, "%s", s->error[i]);
  struct readings r = {0};
  int rc = read_for(seconds, team, s, &r) ? 0 : -1;
  if (rc) snprintf(err, nerr, "no memory for the control");
  judge_readings(f, &r, s->threads);
  cell_team_do(team, job_rise, s);
  cell_team_end(team);
  return rc;
}

/* One thread for each core, on the CPUs that a sweep would take. */
static int probe_control(struct doctor_facts *f, double seconds, char *err, size_t nerr) {
  hwloc_topology_t topology;
  if (cell_topology_load(&topology, err, nerr)) return -1;
  struct seats s = {.threads = cell_cores(topology)};
  s.cpus = sweep_alloc((size_t)s.threads, sizeof *s.cpus);
  s.control = sweep_alloc((size_t)s.threads, sizeof *s.control);
  s.error = sweep_alloc((size_t)s.threads, sizeof *s.error);
  int rc = cell_plan_cpus(topology, PIN_COMPACT, s.threads, s.cpus, err, nerr) < 0 ? -1 : 0;
  hwloc_topology_destroy(topology);
  if (!rc) rc = run_control(f, seconds, &s, err, nerr);
  free(s.cpus);
  free(s.control);
  free(s.error);
  return rc;
}

int doctor_facts_probe(struct doctor_facts *f, double seconds, char *err, size_t nerr) {
  struct doctor_facts before = doctor_facts_none(), after = before;
  doctor_facts_files(&before);
  probe_clock(f);
  if (probe_control(f, seconds, err, nerr)) return -1;
  doctor_facts_files(&after);
  f->stolen_ticks = after.stolen_ticks - before.stolen_ticks;
  f->ticks = after.ticks - before.ticks;
  if (before.swap_moves >= 0) f->swap_moved = after.swap_moves - before.swap_moves;
  f->probed = true;
  return 0;
}
