/* history.c: from folders to series, from series to changes, and the subcommand. See history.h. */
#include "harness/compare/history.h"
#include "harness/compare/compare.h"
#include "harness/compare/facets.h"
#include "harness/report/terminal.h"
#include "harness/sweep/flags.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_CAMPAIGNS = 10000, NARROWEST = 80, WIDEST = 10000 };

/* --- Campaigns, in their order -------------------------------------------------------------------------------------------------------- */

static const char *text_at(json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? s : "";
}

/* A folder that `merge` made began when the first of its parts did. */
const char *history_started(const struct campaign *c) {
  const char *first = "";
  size_t i;
  json_t *part;
  json_array_foreach(json_object_get(c->json, "parts"), i, part) {
    const char *s = text_at(part, "started_at");
    if (!*first || (*s && strcmp(s, first) < 0)) first = s;
  }
  return *first ? first : text_at(c->json, "started_at");
}

const char *history_commit(const struct campaign *c) { return text_at(c->json, "commit"); }

static bool never_quoted(const struct campaign *c) {
  for (int i = 0; i < c->ncells; i++)
    if (!strcmp(c->cell[i]->counting, "1") || !strcmp(c->cell[i]->checked, "1")) return true;
  return false;
}

/* Whether it is of the machine that was asked for; refused are those of several. */
static int check_machine(struct history *h, const struct campaign *c, const char *dir, const char *wanted, bool *take) {
  bool one;
  const char *machine = compare_machine(c, &one);
  *take = one && (!wanted || strstr(machine, wanted));
  if (!one && !wanted) return sweep_refuse("%s: it is of several machines, and a history is of one", dir);
  if (*take && h->machine && strcmp(h->machine, machine)) {
    if (wanted)
      return sweep_refuse("--machine '%s' is more than one: '%.100s' and '%.100s' (%s)", wanted, h->machine, machine, dir);
    return sweep_refuse("%s is not of the machine of %s: machine is '%.100s' and not '%.100s' (--machine picks one)", dir,
                        h->dir[0], machine, h->machine);
  }
  if (*take && !h->machine) h->machine = machine;
  return 0;
}

static int check_new(const struct history *h, const struct campaign *c, const char *dir) {
  for (int i = 0; i < h->n; i++)
    if (*c->name && !strcmp(h->campaign[i].name, c->name))
      return sweep_refuse("%s and %s are the same campaign, %s", h->dir[i], dir, c->name);
  if (*history_started(c)) return 0;
  return sweep_refuse("%s: it does not say when it began (started_at)", c->json_path);
}

/* `latest` and the folder that it leads to are one. */
static bool same_folder(const struct history *h, const char *dir) {
  struct stat a, b;
  for (int i = 0; i < h->n; i++)
    if (stat(dir, &a) == 0 && stat(h->dir[i], &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev) return true;
  return false;
}

/* Behind those that began before it. */
static void insert(struct history *h, const struct campaign *c, const char *dir) {
  int at = h->n++;
  for (; at > 0 && strcmp(history_started(&h->campaign[at - 1]), history_started(c)) > 0; at--) {
    h->campaign[at] = h->campaign[at - 1];
    h->dir[at] = h->dir[at - 1];
  }
  h->campaign[at] = *c;
  h->dir[at] = dir;
}

static int open_all(struct history *h, const char *const *dirs, int n, const char *wanted) {
  h->campaign = sweep_alloc((size_t)n, sizeof *h->campaign);
  h->dir = sweep_alloc((size_t)n, sizeof *h->dir);
  for (int i = 0; i < n; i++) {
    if (same_folder(h, dirs[i])) continue;
    struct campaign c;
    bool take = false;
    int rc = compare_open(&c, dirs[i]);
    if (!rc) rc = check_machine(h, &c, dirs[i], wanted, &take);
    if (!rc && take) rc = check_new(h, &c, dirs[i]);
    bool build = !rc && take && never_quoted(&c);
    h->other_machines += !rc && !take;
    h->builds += build;
    if (!rc && take && !build) {
      insert(h, &c, dirs[i]);
      continue;
    }
    if (build && h->n == 0) h->machine = NULL; /* its text goes with it */
    campaign_close(&c);
    if (rc) return rc;
  }
  if (h->n) return 0;
  return wanted ? sweep_refuse("--machine: no campaign is of a machine with '%s' in its name", wanted)
                : sweep_refuse("history: no campaign is left of a build that may be quoted");
}

/* --- Cells ------------------------------------------------------------------------------------------------------------------------------- */

static int find_cell(const struct history *h, const struct cell *cell) {
  for (int i = 0; i < h->ncells; i++) {
    bool same = true;
    for (int a = 0; a < AXES && same; a++) same = !strcmp(h->cell[i]->axis[a], cell->axis[a]);
    if (same) return i;
  }
  return -1;
}

/* Every cell of any campaign that --where leaves, and where it is in each. */
static int list_cells(struct history *h, const char *where) {
  const struct campaign **all = sweep_alloc((size_t)h->n, sizeof *all);
  char **names, err[400];
  int most = 0;
  for (int i = 0; i < h->n; i++) all[i] = &h->campaign[i], most += h->campaign[i].ncells;
  int nnames = facets_list(all, h->n, &names), rc = 0;
  struct sweep_where *w = where ? sweep_where_parse(where, (const char *const *)names, nnames, err, sizeof err) : NULL;
  if (where && !w) rc = sweep_refuse("--where: %s", err);
  h->cell = sweep_alloc((size_t)most, sizeof *h->cell);
  h->at = sweep_alloc((size_t)most * (size_t)h->n, sizeof *h->at);
  for (int i = 0; i < h->n && !rc; i++)
    for (int k = 0; k < h->campaign[i].ncells; k++) {
      const struct cell *cell = h->campaign[i].cell[k];
      if (w && !sweep_where_holds(w, facet_lookup, cell)) continue;
      int at = find_cell(h, cell);
      if (at < 0) h->cell[at = h->ncells++] = cell;
      h->at[at * h->n + i] = cell;
    }
  if (!rc && !h->ncells) rc = sweep_refuse("--where: no cell of any campaign is left");
  sweep_where_free(w);
  facets_free(names, nnames);
  free(all);
  return rc;
}

char *history_label(const struct history *h, int cell, const char *separator) {
  static const enum axis shown[] = {AXIS_SHARING,   AXIS_STRATEGY, AXIS_THREADS, AXIS_COLLECTOR_THREADS,
                                    AXIS_ALLOCATOR, AXIS_HEAP,     AXIS_PINNING, AXIS_SIDE};
  const struct cell *c = h->cell[cell];
  struct text t = {0}, settings = {0};
  sweep_text_addf(&t, "%s", c->axis[AXIS_WORKLOAD]);
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
    bool varies = shown[i] == AXIS_STRATEGY;
    const char *value = c->axis[shown[i]], *before = shown[i] == AXIS_HEAP ? "heap " : "",
               *behind = shown[i] == AXIS_THREADS             ? " threads"
                         : shown[i] == AXIS_COLLECTOR_THREADS ? " collectors"
                                                              : "";
    for (int k = 0; k < h->ncells; k++) varies |= strcmp(h->cell[k]->axis[shown[i]], value) != 0;
    if (varies && *value && strcmp(value, "n/a")) sweep_text_addf(&t, "%s%s%s%s", separator, before, value, behind);
  }
  facet_settings(h->cell, h->ncells, c, AXIS_WORKLOAD, AXIS_PARAMETERS, NULL, "", &settings);
  facet_settings(h->cell, h->ncells, c, AXIS_STRATEGY, AXIS_TUNABLES, NULL, "", &settings);
  if (settings.n) sweep_text_addf(&t, "%s%s", separator, settings.s);
  sweep_text_free(&settings);
  return t.s;
}

/* --- Series ------------------------------------------------------------------------------------------------------------------------------- */

/* The value of a cell in a campaign; NAN where it has none, or one that must not be summarised. */
static struct stats_interval value_of(const struct cell *cell, const struct metric *k) {
  double *x = sweep_alloc((size_t)cell->ninvocations + 1, sizeof *x);
  int n = 0;
  bool usable = cell->collected && cell_steady(cell) && !*cell->plant;
  for (int i = 0; i < cell->ninvocations && usable; i++) {
    if (!invocation_is(&cell->invocation[i], "ok")) continue;
    double v = k->value(&cell->invocation[i]);
    usable = v != 0; /* it has no logarithm, and the others would not speak for it */
    x[n] = log(v);
    n += v > 0;
  }
  struct stats_interval r = stats_hodges_lehmann_log(x, usable ? n : 0, REPORT_LEVEL);
  free(x);
  return r;
}

/* Takes out the smallest change that is too small, until none is: with each the levels beside it become one. */
static int drop_small(const double *x, int n, struct stats_change *c, int changes) {
  for (;;) {
    int least = -1;
    for (int i = 0; i < changes; i++)
      if (least < 0 || fabs(c[i].after - c[i].before) < fabs(c[least].after - c[least].before)) least = i;
    if (least < 0 || fabs(c[least].after - c[least].before) >= log1p(HISTORY_SMALLEST)) return changes;
    memmove(c + least, c + least + 1, (size_t)(changes - least - 1) * sizeof *c);
    stats_change_levels(x, n, c, --changes);
  }
}

static void find_changes(struct history_series *s, uint64_t seed) {
  double *x = sweep_alloc((size_t)s->n, sizeof *x), *work = sweep_alloc(2 * (size_t)s->n, sizeof *work);
  struct stats_change found[STATS_CHANGES];
  for (int i = 0; i < s->n; i++) x[i] = log(s->point[i].value.mid);
  int n = stats_changes(x, s->n, HISTORY_SHORTEST, HISTORY_ALPHA, HISTORY_DRAWS, seed, found, work);
  s->nchanges = drop_small(x, s->n, found, n);
  s->change = sweep_alloc((size_t)s->nchanges, sizeof *s->change);
  for (int i = 0; i < s->nchanges; i++) {
    s->change[i] = found[i];
    s->change[i].before = exp(found[i].before);
    s->change[i].after = exp(found[i].after);
  }
  free(x);
  free(work);
}

static void make_series(struct history *h, int cell, int metric) {
  struct history_series s = {.cell = cell, .metric = metric, .point = sweep_alloc((size_t)h->n, sizeof *s.point)};
  for (int i = 0; i < h->n; i++) {
    const struct cell *at = h->at[cell * h->n + i];
    if (!at) continue;
    s.point[s.n] = (struct history_point){i, value_of(at, &metrics[metric])};
    s.n += isfinite(s.point[s.n].value.mid);
  }
  if (s.n < HISTORY_LEAST) {
    h->too_short += s.n > 0;
    free(s.point);
    return;
  }
  find_changes(&s, (uint64_t)(cell * METRICS + metric));
  h->nchanges += s.nchanges;
  *sweep_push(h->series, h->nseries) = s;
}

int history_make(struct history *h, const char *const *dirs, int n, const struct history_options *o) {
  bool chosen[METRICS];
  *h = (struct history){0};
  int rc = metrics_choose(o->metric, chosen);
  if (!rc) rc = open_all(h, dirs, n, o->machine);
  if (!rc && h->n < HISTORY_LEAST)
    rc = sweep_refuse("history needs at least %d campaigns of one machine, and there %s %d", HISTORY_LEAST,
                      h->n == 1 ? "is" : "are", h->n);
  if (!rc) rc = list_cells(h, o->where);
  for (int i = 0; i < h->ncells && !rc; i++)
    for (int k = 0; k < METRICS; k++)
      if (chosen[k]) make_series(h, i, k);
  if (!rc && !h->nseries)
    rc = sweep_refuse("history needs at least %d campaigns that have a value of the same cell; there is no cell with so many",
                      HISTORY_LEAST);
  return rc;
}

void history_close(struct history *h) {
  for (int i = 0; i < h->nseries; i++) {
    free(h->series[i].point);
    free(h->series[i].change);
  }
  for (int i = 0; i < h->n; i++) campaign_close(&h->campaign[i]);
  free(h->series);
  free(h->campaign);
  free(h->dir);
  free(h->cell);
  free(h->at);
  *h = (struct history){0};
}

/* --- The subcommand ----------------------------------------------------------------------------------------------------------------------- */

static int print(const struct history *h, bool json, const char *figures, int width) {
  bool drawn = true;
  int rc = figures ? history_figures(h, figures, &drawn) : 0;
  if (rc) return rc;
  if (json)
    history_print_json(h, stdout);
  else
    history_print(h, width < NARROWEST ? NARROWEST : width, terminal_utf8(), stdout);
  if (fflush(stdout) || ferror(stdout)) return sweep_refuse("cannot print the history: %s", strerror(errno));
  if (!drawn) sweep_say("no gnuplot: %s has the data and the scripts, and no figures", figures);
  return 0;
}

int history_main(int argc, char **argv) {
  const char **dirs = sweep_alloc((size_t)argc, sizeof *dirs), *json = NULL, *columns = NULL, *figures = NULL;
  struct history_options o = {0};
  const struct flag table[] = {
      {"machine", "TEXT", "only campaigns whose machine has this in its name", &o.machine},
      {"metric", "NAME,...", "time, cpu, rss-mean, rss-peak, pause-max (these by default), pause-p99, or all", &o.metric},
      {"where", "EXPRESSION", "only cells for which it holds: \"threads == 2 && workload != trees\"", &o.where},
      {"figures", "DIR", "a figure per cell into this folder: data, gnuplot script, SVG, PNG", &figures},
      {"json", NULL, "everything as one JSON object", &json},
      {"columns", "N", "the width of the text, from 80 (default: the terminal's)", &columns}};
  const struct flags flags = {
      "reclaim history DIR... [flags]\n\n"
      "Where the costs of a cell change over the campaigns of one machine, in the order in which they began. For review, not\n"
      "for alarms. At least 10 campaigns are needed.\n",
      table,
      sizeof table / sizeof *table,
      "folder",
      1,
      MOST_CAMPAIGNS};
  struct history h = {0};
  bool done;
  int64_t width = 0;
  int n, rc = flags_read(&flags, argc, argv, dirs, &n, &done);
  if (!rc && !done) rc = flags_int("columns", columns, NARROWEST, WIDEST, &width);
  if (!rc && !done) rc = history_make(&h, dirs, n, &o);
  if (!rc && !done) rc = print(&h, json != NULL, figures, width ? (int)width : terminal_columns(stdout, 100));
  history_close(&h);
  free(dirs);
  return rc;
}
