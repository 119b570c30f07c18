/* rows.c: the table of columns, and the verdict over an outcome. */
#define _GNU_SOURCE 1 /* sigabbrev_np */
#include "rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The order is part of the format; new columns go to the end. */
static const char *const columns[] = {
    "campaign", "machine", "started_at", "seed", "block", "invocation", "iteration", "phase", "workload", "parameters", "sharing",
    "strategy", "tunables", "threads", "collector_threads", "pinning", "cpus", "allocator", "allocator_version", "heap_policy",
    "heap_limit_bytes", "status", "reason", "operations", "wall_ns", "cpu_user_ns", "cpu_system_ns", "mutator_wall_ns",
    "mutator_cpu_ns", "collector_wall_ns", "collector_cpu_ns", "collections", "pause_max_ns", "pause_p99_ns", "rss_before_bytes",
    "rss_mean_bytes", "rss_peak_bytes", "rss_after_bytes", "live_bytes", "leaked_objects", "leaked_bytes", "minor_faults",
    "major_faults", "context_switches", "migrations", "checksum", "control_speed", "control_speedup", "control_ok",
    "oversubscribed", "commit",
    /* more than others rely on */
    "repeat", "minor_collections", "live_objects", "committed_bytes", "allocated_bytes", "rss_final_bytes", "cyclic_nodes",
    "start_ns", "build", "checked", "heap_base", "heap_base_bytes", "counting", "pack", "object", "object_sha256", "steady",
    "side", "plant"};
enum { NCOLUMNS = sizeof columns / sizeof *columns };
_Static_assert((int)NCOLUMNS <= (int)SWEEP_ROW_FIELDS, "a row has room for all columns");

int sweep_rows_columns(const char *const **names) { return *names = columns, NCOLUMNS; }

int sweep_rows_column(const char *name) {
  int i = 0;
  while (strcmp(columns[i], name)) i++;
  return i;
}

bool sweep_rows_failed(const char *status) {
  return strcmp(status, "ok") && strcmp(status, "uncollected") && strcmp(status, "not-applicable");
}

/* --- Fields ----------------------------------------------------------------------------------------------------------------- */

/* A row while it is filled: owned texts, NULL for what is not known. */
struct fields {
  char *value[NCOLUMNS];
};

static void set(struct fields *f, int column, char *owned) {
  free(f->value[column]);
  f->value[column] = owned;
}

static void set_text(struct fields *f, int column, const char *text) { set(f, column, text ? sweep_strdup(text) : NULL); }
static void set_number(struct fields *f, int column, int64_t n) { set(f, column, sweep_format("%" PRId64, n)); }

/* The shortest text that reads back as the same number. */
static char *real_text(double v) {
  for (int digits = 15; digits < 17; digits++) {
    char *text = sweep_format("%.*g", digits, v);
    if (strtod(text, NULL) == v) return text;
    free(text);
  }
  return sweep_format("%.17g", v);
}

/* "0 1 2": lists of CPUs, for cells whose CPUs are known. */
static char *cpus_text(const struct sweep_cell *c) {
  struct text t = {0};
  sweep_text_add(&t, "", 0);
  for (int i = 0; i < c->ncpus; i++) sweep_text_addf(&t, "%s%d", i ? " " : "", c->cpus[i]);
  return t.s;
}

/* A JSON scalar as a field; NULL for null, for what is absent, and for what no field can hold. */
static char *json_text(const json_t *v) {
  if (json_is_string(v)) return sweep_strdup(json_string_value(v));
  if (json_is_integer(v)) return sweep_format("%" JSON_INTEGER_FORMAT, json_integer_value(v));
  if (json_is_real(v)) return real_text(json_real_value(v));
  return json_is_boolean(v) ? sweep_strdup(json_is_true(v) ? "1" : "0") : NULL;
}

static char *finish_row(struct fields *f) {
  struct text t = {0};
  for (int i = 0; i < NCOLUMNS; i++) {
    sweep_csv_add(&t, f->value[i] ? f->value[i] : "", i == 0);
    free(f->value[i]);
    f->value[i] = NULL;
  }
  return t.s;
}

/* What the plan knows. The axes come from here even when the child says them, too, so that a cell has one spelling however it
   ends. */
static void set_axes(struct fields *f, const struct row_campaign *campaign, const struct sweep_cell *c) {
  set_text(f, ROW_CAMPAIGN, campaign->name);
  set_text(f, ROW_MACHINE, campaign->machine);
  set_number(f, ROW_SEED, (int64_t)campaign->seed);
  set_text(f, ROW_WORKLOAD, c->workload);
  set_text(f, ROW_PARAMETERS, c->parameters);
  set_text(f, ROW_SHARING, c->sharing);
  set_text(f, ROW_STRATEGY, c->strategy);
  set_text(f, ROW_TUNABLES, c->tunables);
  set_number(f, ROW_THREADS, c->threads);
  set_number(f, ROW_COLLECTOR_THREADS, c->collector_threads);
  set_text(f, ROW_PINNING, c->pinning);
  set(f, ROW_CPUS, cpus_text(c));
  set_text(f, ROW_ALLOCATOR, c->allocator);
  set_text(f, ROW_HEAP_POLICY, c->heap_policy);
  if (c->heap_limit) set_number(f, ROW_HEAP_LIMIT, (int64_t)c->heap_limit);
  set_text(f, sweep_rows_column("heap_base"), c->heap_base_kind);
  if (c->heap_base) set_number(f, sweep_rows_column("heap_base_bytes"), (int64_t)c->heap_base);
  set_text(f, sweep_rows_column("oversubscribed"), c->oversubscribed ? "1" : "0");
  set_text(f, sweep_rows_column("commit"), campaign->commit);
  set_text(f, sweep_rows_column("pack"), c->pack);
  set_text(f, sweep_rows_column("object"), c->object);
  set_text(f, sweep_rows_column("object_sha256"), c->hash);
  set_text(f, sweep_rows_column("side"), c->side);
  set_text(f, sweep_rows_column("plant"), c->plant);
}

static void set_place(struct fields *f, const struct row_place *place) {
  set_text(f, ROW_STARTED_AT, place->started_at);
  if (place->block >= 0) set_number(f, ROW_BLOCK, place->block);
  if (place->invocation >= 0) set_number(f, ROW_INVOCATION, place->invocation);
  set_text(f, sweep_rows_column("repeat"), place->repeat ? "1" : "0");
}

/* Facts of the child: of the iteration where it has them, else of the whole invocation. */
static void set_facts(struct fields *f, const json_t *result, const json_t *iteration) {
  if (!result) return;
  static const int early[] = {ROW_ITERATION, ROW_PHASE, ROW_ALLOCATOR_VERSION, ROW_OPERATIONS, ROW_WALL};
  int control_ok = sweep_rows_column("control_ok"), over = sweep_rows_column("oversubscribed"),
      commit = sweep_rows_column("commit"), repeat = sweep_rows_column("repeat"), base = sweep_rows_column("heap_base"),
      base_bytes = sweep_rows_column("heap_base_bytes"), objects = sweep_rows_column("pack");
  for (int i = 0; i < NCOLUMNS; i++) {
    bool ours = i < ROW_FACTS || i == control_ok || i == over || i == commit || i == repeat || i == base || i == base_bytes ||
                i >= objects;
    for (size_t k = 0; k < sizeof early / sizeof *early; k++)
      if (early[k] == i) ours = false;
    if (ours) continue;
    const json_t *v = json_object_get(iteration, columns[i]);
    set(f, i, json_text(v ? v : json_object_get(result, columns[i])));
  }
}

/* A row of a pilot is no warm-up and no measured row of the campaign, even where it holds nothing else. */
static void set_pilot(struct fields *f) {
  bool warmup = f->value[ROW_PHASE] && !strcmp(f->value[ROW_PHASE], "warmup");
  set_text(f, ROW_PHASE, warmup ? "pilot-warmup" : "pilot");
}

/* --- The verdict ------------------------------------------------------------------------------------------------------------ */

struct verdict {
  const char *status;
  char *reason; /* owned, may be NULL */
  bool usable;  /* the child's object is to be believed */
};

static struct verdict crashed(char *reason) { return (struct verdict){"crashed", reason, false}; }

static char *with_complaint(const struct child_outcome *o, char *reason) {
  if (!*o->complaint) return reason;
  char *both = sweep_format("%s: %s", reason, o->complaint);
  free(reason);
  return both;
}

static struct verdict of_signal(const struct child_outcome *o) {
  const char *name = sigabbrev_np(o->code);
  char *reason = with_complaint(o, sweep_format("SIG%s", name ? name : "?"));
  if (o->code == 9 && o->out_of_memory) { /* SIGKILL */
    free(reason);
    return (struct verdict){"out-of-memory", sweep_strdup("killed by the kernel for memory"), false};
  }
  return crashed(reason);
}

static struct verdict of_result(const struct child_outcome *o, const json_t *result) {
  static const char *const allowed[] = {
      "ok", "uncollected", "crashed", "timeout", "out-of-memory", "heap-too-small", "not-applicable", "wrong-checksum"};
  const char *status = json_string_value(json_object_get(result, "status"));
  const char *reason = json_string_value(json_object_get(result, "reason"));
  const json_t *iterations = json_object_get(result, "iterations");
  if (o->code) return crashed(with_complaint(o, sweep_format("exit code %d", o->code)));
  if (!o->nresult) return crashed(with_complaint(o, sweep_strdup("no result, exit code 0")));
  if (!result || !status) return crashed(with_complaint(o, sweep_strdup("its result is not readable")));
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (!strcmp(status, allowed[i])) {
      if (!sweep_rows_failed(status) && strcmp(status, "not-applicable") && json_array_size(iterations) == 0)
        return crashed(sweep_format("it says %s, but has no iteration", status));
      return (struct verdict){allowed[i], reason && *reason ? sweep_strdup(reason) : NULL, true};
    }
  return crashed(sweep_format("it ends with the unknown status '%.40s'", status));
}

static struct verdict judge(const struct child_outcome *o, double timeout_s, const json_t *result) {
  if (o->end == CHILD_TIMED_OUT) return (struct verdict){"timeout", sweep_format("no end within %g s", timeout_s), false};
  if (o->end == CHILD_FLOODED) return crashed(sweep_strdup("its result is too large"));
  if (o->end == CHILD_NOT_STARTED) return crashed(sweep_format("could not be started: %s", strerror(o->code)));
  return o->end == CHILD_SIGNALLED ? of_signal(o) : of_result(o, result);
}

/* --- Rows ------------------------------------------------------------------------------------------------------------------- */

static char *one_row(const struct row_campaign *campaign, const struct row_place *place, const struct verdict *v,
                     const json_t *result, const json_t *iteration) {
  struct fields f = {0};
  set_axes(&f, campaign, place->cell);
  set_place(&f, place);
  set_facts(&f, result, iteration);
  set_text(&f, ROW_STATUS, v->status);
  set_text(&f, ROW_REASON, v->reason);
  if (place->pilot) set_pilot(&f);
  return finish_row(&f);
}

char **sweep_rows_of_outcome(const struct row_campaign *campaign, const struct row_place *place,
                             const struct child_outcome *outcome, double timeout_s, int *n, json_t **json) {
  json_t *result = outcome->nresult ? json_loadb(outcome->result, outcome->nresult, 0, NULL) : NULL;
  if (result && !json_is_object(result)) json_decref(result), result = NULL;
  struct verdict v = judge(outcome, timeout_s, result);
  const json_t *iterations = v.usable ? json_object_get(result, "iterations") : NULL;
  char **rows = NULL;
  *n = 0;
  for (size_t i = 0; i < json_array_size(iterations); i++)
    *sweep_push(rows, *n) = one_row(campaign, place, &v, result, json_array_get(iterations, i));
  if (!*n) *sweep_push(rows, *n) = one_row(campaign, place, &v, v.usable ? result : NULL, NULL);
  free(v.reason);
  if (!v.usable) json_decref(result), result = NULL;
  *json = result;
  return rows;
}

char *sweep_rows_not_applicable(const struct row_campaign *campaign, const struct sweep_cell *cell) {
  const struct verdict v = {"not-applicable", cell->reason, false};
  const struct row_place place = {.cell = cell, .block = -1, .invocation = -1};
  return one_row(campaign, &place, &v, NULL, NULL);
}
