/* samples.c: rows of samples.csv, folded into the invocations of cells. See campaign.h. */
#include "harness/report/campaign.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every column that the report reads. Those marked must be there: without them a row cannot be placed. */
enum column {
  C_WORKLOAD,
  C_PARAMETERS,
  C_SHARING,
  C_STRATEGY,
  C_TUNABLES,
  C_THREADS,
  C_COLLECTOR_THREADS,
  C_PINNING,
  C_ALLOCATOR,
  C_HEAP_POLICY,
  C_SIDE,
  C_HEAP_LIMIT,
  C_HEAP_BASE,
  C_HEAP_BASE_BYTES,
  C_ALLOCATOR_VERSION,
  C_MACHINE,
  C_BLOCK,
  C_INVOCATION,
  C_REPEAT,
  C_ITERATION,
  C_PHASE,
  C_STATUS,
  C_REASON,
  C_OPERATIONS,
  C_WALL,
  C_CPU_USER,
  C_CPU_SYSTEM,
  C_COLLECTOR_WALL,
  C_COLLECTOR_CPU,
  C_COLLECTIONS,
  C_PAUSE_MAX,
  C_PAUSE_P99,
  C_RSS_BEFORE,
  C_RSS_MEAN,
  C_RSS_PEAK,
  C_LIVE,
  C_LEAKED_OBJECTS,
  C_LEAKED_BYTES,
  C_CONTROL_OK,
  C_OVERSUBSCRIBED,
  C_STEADY,
  C_PLANT,
  C_CHECKED,
  C_COUNTING,
  COLUMNS
};

static const struct {
  const char *name;
  bool required;
} columns[COLUMNS] = {
    [C_WORKLOAD] = {"workload", true},
    [C_PARAMETERS] = {"parameters", true},
    [C_SHARING] = {"sharing", true},
    [C_STRATEGY] = {"strategy", true},
    [C_TUNABLES] = {"tunables", false},
    [C_THREADS] = {"threads", true},
    [C_COLLECTOR_THREADS] = {"collector_threads", false},
    [C_PINNING] = {"pinning", false},
    [C_ALLOCATOR] = {"allocator", true},
    [C_HEAP_POLICY] = {"heap_policy", true},
    [C_SIDE] = {"side", false},
    [C_HEAP_LIMIT] = {"heap_limit_bytes", false},
    [C_HEAP_BASE] = {"heap_base", false},
    [C_HEAP_BASE_BYTES] = {"heap_base_bytes", false},
    [C_ALLOCATOR_VERSION] = {"allocator_version", false},
    [C_MACHINE] = {"machine", false},
    [C_BLOCK] = {"block", true},
    [C_INVOCATION] = {"invocation", true},
    [C_REPEAT] = {"repeat", false},
    [C_ITERATION] = {"iteration", true},
    [C_PHASE] = {"phase", true},
    [C_STATUS] = {"status", true},
    [C_REASON] = {"reason", false},
    [C_OPERATIONS] = {"operations", true},
    [C_WALL] = {"wall_ns", true},
    [C_CPU_USER] = {"cpu_user_ns", false},
    [C_CPU_SYSTEM] = {"cpu_system_ns", false},
    [C_COLLECTOR_WALL] = {"collector_wall_ns", false},
    [C_COLLECTOR_CPU] = {"collector_cpu_ns", false},
    [C_COLLECTIONS] = {"collections", false},
    [C_PAUSE_MAX] = {"pause_max_ns", false},
    [C_PAUSE_P99] = {"pause_p99_ns", false},
    [C_RSS_BEFORE] = {"rss_before_bytes", false},
    [C_RSS_MEAN] = {"rss_mean_bytes", false},
    [C_RSS_PEAK] = {"rss_peak_bytes", false},
    [C_LIVE] = {"live_bytes", false},
    [C_LEAKED_OBJECTS] = {"leaked_objects", false},
    [C_LEAKED_BYTES] = {"leaked_bytes", false},
    [C_CONTROL_OK] = {"control_ok", false},
    [C_OVERSUBSCRIBED] = {"oversubscribed", false},
    [C_STEADY] = {"steady", false},
    [C_PLANT] = {"plant", false},
    [C_CHECKED] = {"checked", false},
    [C_COUNTING] = {"counting", false},
};

struct reader {
  struct campaign *campaign;
  struct csv *csv;
  int at[COLUMNS]; /* -1: the file has no such column */
};

static const char *text(const struct reader *r, enum column c) { return r->at[c] < 0 ? "" : r->csv->field[r->at[c]]; }

/* What is lost can come back in a later iteration; no other column has numbers below zero. */
static bool may_be_negative(enum column c) { return c == C_LEAKED_OBJECTS || c == C_LEAKED_BYTES; }

/* A number that the column can have, NAN where the field is empty. False with the campaign's error set where it is neither. */
static bool number(struct reader *r, enum column c, double *out) {
  const char *s = text(r, c);
  char *end;
  *out = NAN;
  if (!*s) return true;
  errno = 0;
  double v = strtod(s, &end);
  bool low = v < 0 && !may_be_negative(c);
  if (*end || errno == ERANGE || !isfinite(v) || low || s[strspn(s, "0123456789.eE+-")])
    return csv_fail(r->csv, "%s is '%.40s', not a number%s", columns[c].name, s, may_be_negative(c) ? "" : " of 0 or more"),
           false;
  *out = v;
  return true;
}

/* -1 where the field is empty. */
static bool truth(struct reader *r, enum column c, int *out) {
  const char *s = text(r, c);
  *out = -1;
  if (!*s) return true;
  if (!strcmp(s, "1") || !strcmp(s, "true") || !strcmp(s, "yes"))
    *out = 1;
  else if (!strcmp(s, "0") || !strcmp(s, "false") || !strcmp(s, "no"))
    *out = 0;
  else
    return csv_fail(r->csv, "%s is '%.40s'; true or false is due", columns[c].name, s), false;
  return true;
}

static bool find_columns(struct reader *r) {
  for (int c = 0; c < COLUMNS; c++) {
    r->at[c] = csv_column(r->csv, columns[c].name);
    if (r->at[c] < 0 && columns[c].required) return csv_fail(r->csv, "there is no column '%s'", columns[c].name), false;
  }
  return true;
}

static struct cell *cell_of_row(const struct reader *r) {
  const char *axis[AXES];
  for (int a = 0; a < AXES; a++) axis[a] = text(r, (enum column)a); /* the first columns are the axes, in their order */
  if (!strcmp(axis[AXIS_HEAP], "bytes")) axis[AXIS_HEAP] = text(r, C_HEAP_LIMIT);
  struct cell *cell = campaign_cell(r->campaign, axis);
  if (!*cell->allocator_version) cell->allocator_version = text(r, C_ALLOCATOR_VERSION);
  if (!*cell->heap_limit) cell->heap_limit = text(r, C_HEAP_LIMIT);
  if (!*cell->steady) cell->steady = text(r, C_STEADY);
  if (!*cell->plant) cell->plant = text(r, C_PLANT);
  if (!*cell->checked) cell->checked = text(r, C_CHECKED);
  if (!*cell->counting) cell->counting = text(r, C_COUNTING);
  if (!*cell->heap_base) cell->heap_base = text(r, C_HEAP_BASE), cell->heap_base_bytes = text(r, C_HEAP_BASE_BYTES);
  return cell;
}

/* The row's invocation; the newest first, for the rows of one follow each other. */
static struct invocation *invocation_of_row(const struct reader *r, struct cell *cell) {
  const char *machine = text(r, C_MACHINE), *block = text(r, C_BLOCK), *number = text(r, C_INVOCATION);
  int pass = 0;
  for (int i = cell->ninvocations - 1; i >= 0; i--) {
    struct invocation *v = &cell->invocation[i];
    if (strcmp(v->block, block) || strcmp(v->machine, machine)) continue;
    if (!strcmp(v->number, number)) return v;
    pass++;
  }
  if (cell->ninvocations == cell->room)
    cell->invocation =
        report_grow(cell->invocation, (size_t)(cell->room = cell->room ? 2 * cell->room : 8), sizeof *cell->invocation);
  struct invocation *v = &cell->invocation[cell->ninvocations++];
  int repeat = atoi(text(r, C_REPEAT)); /* counts where the planned invocation is missing */
  *v = (struct invocation){.machine = machine,
                           .block = block,
                           .number = number,
                           .status = text(r, C_STATUS),
                           .reason = text(r, C_REASON),
                           .pass = pass > repeat ? pass : repeat,
                           .opens_block = pass == 0};
  v->window_ns = v->rss_open_bytes = v->rss_peak_bytes = v->live_bytes = v->pause_max_ns = v->pause_p99_ns = v->leaked_objects =
      v->leaked_bytes = NAN;
  return v;
}

/* A row that did not end well speaks for its whole invocation. */
static void fold_status(struct invocation *v, const char *status, const char *reason) {
  bool failed_now = strcmp(status, "ok") && strcmp(status, "uncollected");
  bool failed_before = !invocation_is(v, "ok") && !invocation_is(v, "uncollected");
  if (failed_before || (!failed_now && !invocation_is(v, "ok"))) return;
  v->status = status;
  v->reason = reason;
}

static bool add_measured(struct reader *r, struct invocation *v) {
  double user, system, mean, x;
  struct {
    enum column column;
    double *sum;
  } sums[] = {{C_OPERATIONS, &v->operations},
              {C_COLLECTOR_WALL, &v->collector_wall_ns},
              {C_COLLECTOR_CPU, &v->collector_cpu_ns},
              {C_COLLECTIONS, &v->collections}};
  struct {
    enum column column;
    double *largest;
  } maxima[] = {{C_RSS_PEAK, &v->rss_peak_bytes},       {C_LIVE, &v->live_bytes},
                {C_PAUSE_MAX, &v->pause_max_ns},        {C_PAUSE_P99, &v->pause_p99_ns},
                {C_LEAKED_OBJECTS, &v->leaked_objects}, {C_LEAKED_BYTES, &v->leaked_bytes}};
  for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
    if (!number(r, sums[i].column, &x)) return false;
    *sums[i].sum += x;
  }
  for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
    if (!number(r, maxima[i].column, &x)) return false;
    *maxima[i].largest = fmax(*maxima[i].largest, x); /* fmax passes over what is not known */
  }
  if (!number(r, C_WALL, &x) || !number(r, C_CPU_USER, &user) || !number(r, C_CPU_SYSTEM, &system) ||
      !number(r, C_RSS_MEAN, &mean))
    return false;
  v->wall_ns += x;
  v->window_ns = fmin(v->window_ns, x);
  v->cpu_ns += user + system;
  v->rss_ns_bytes += x * mean;
  v->measured++;
  return true;
}

static bool fold_row(struct reader *r) {
  for (int a = 0; a < AXES; a++)
    if (columns[a].required && a != AXIS_PARAMETERS && !*text(r, (enum column)a))
      return csv_fail(r->csv, "%s is empty", columns[a].name), false;
  if (!*text(r, C_STATUS)) return csv_fail(r->csv, "status is empty"), false;
  double threads, before;
  int control, over;
  const char *phase = text(r, C_PHASE), *measured = r->campaign->pilot ? "pilot" : "measured";
  if ((strstr(phase, "pilot") == phase) != r->campaign->pilot) return true;
  if (!number(r, C_THREADS, &threads) || !number(r, C_RSS_BEFORE, &before) || !truth(r, C_CONTROL_OK, &control) ||
      !truth(r, C_OVERSUBSCRIBED, &over))
    return false;
  struct cell *cell = cell_of_row(r);
  struct invocation *v = invocation_of_row(r, cell);
  fold_status(v, text(r, C_STATUS), text(r, C_REASON));
  if (!strcmp(text(r, C_ITERATION), "0")) v->rss_open_bytes = before;
  v->control_poor |= control == 0;
  v->oversubscribed |= over == 1;
  return strcmp(phase, measured) || !*text(r, C_ITERATION) || add_measured(r, v);
}

bool campaign_read_samples(struct campaign *c) {
  struct reader r = {.campaign = c, .csv = &c->csv};
  int got = csv_open(&c->csv, c->samples_path) && find_columns(&r) ? 1 : -1;
  while (got == 1 && (got = csv_next(&c->csv)) == 1)
    if (!fold_row(&r)) got = -1;
  if (got < 0) snprintf(c->error, sizeof c->error, "%s", c->csv.error);
  return got == 0;
}
