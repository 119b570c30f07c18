/* samples.c: two passes over the rows: one to learn what is normal, one to write. */
#include "samples.h"

#include "harness/sweep/steady.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const sweep_samples_statuses[] = {
    "ok", "uncollected", "crashed", "timeout", "out-of-memory", "heap-too-small", "not-applicable", "wrong-checksum", NULL};

/* A row, cut into fields that live in `copy`. */
struct cut {
  char *copy, *field[SWEEP_ROW_FIELDS];
  int n;
};

static struct cut cut_row(const char *row) {
  struct cut c = {.copy = sweep_strdup(row)};
  c.n = sweep_csv_split(c.copy, c.field, SWEEP_ROW_FIELDS);
  static char none[] = "";
  for (int i = c.n; i < SWEEP_ROW_FIELDS; i++) c.field[i] = none;
  return c;
}

/* --- Checksums -------------------------------------------------------------------------------------------------------------- */

/* One vote: this cell computed this checksum for this work in this iteration. */
struct vote {
  char *work, *checksum, *cell; /* work: what must agree */
};

struct votes {
  struct vote *v;
  int n;
  char **wrong; /* sorted "work checksum" keys that are held to be wrong */
  int nwrong;
};

static char *work_key(const struct cut *c) {
  char *const *f = c->field;
  return sweep_format("%s|%s|%s|%s|%s|%s", f[ROW_WORKLOAD], f[ROW_PARAMETERS], f[ROW_SHARING], f[ROW_THREADS], f[ROW_SEED],
                      f[ROW_ITERATION]);
}

static char *cell_key(const struct cut *c) {
  char *const *f = c->field;
  return sweep_format("%s|%s|%s|%s|%s|%s|%s|%s", f[ROW_STRATEGY], f[ROW_TUNABLES], f[ROW_ALLOCATOR], f[ROW_HEAP_POLICY],
                      f[ROW_HEAP_LIMIT], f[ROW_PINNING], f[ROW_COLLECTOR_THREADS], f[sweep_rows_column("side")]);
}

static int by_vote(const void *a, const void *b) {
  const struct vote *x = a, *y = b;
  int d = strcmp(x->work, y->work);
  if (!d) d = strcmp(x->checksum, y->checksum);
  return d ? d : strcmp(x->cell, y->cell);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The stretch of equal checksums from `i` on: how long it is, and how many cells are in it. */
static int stretch(const struct votes *vs, int i, int *cells) {
  int k = i;
  *cells = 0;
  for (; k < vs->n && !strcmp(vs->v[k].work, vs->v[i].work) && !strcmp(vs->v[k].checksum, vs->v[i].checksum); k++)
    *cells += k == i || strcmp(vs->v[k].cell, vs->v[k - 1].cell) != 0;
  return k - i;
}

/* The votes [from, to) are of one work: finds the stretch that wins, -1 when none does. */
static int winner(const struct votes *vs, int from, int to) {
  int best = -1, best_cells = 0, best_n = 0;
  bool tie = false;
  for (int i = from, cells, n; i < to; i += n) {
    n = stretch(vs, i, &cells);
    bool more = cells > best_cells || (cells == best_cells && n > best_n);
    if (more)
      best = i, best_cells = cells, best_n = n, tie = false;
    else
      tie |= cells == best_cells && n == best_n;
  }
  return tie ? -1 : best;
}

static void find_wrong(struct votes *vs) {
  if (!vs->n) return;
  qsort(vs->v, (size_t)vs->n, sizeof *vs->v, by_vote);
  for (int i = 0, end; i < vs->n; i = end) {
    for (end = i; end < vs->n && !strcmp(vs->v[end].work, vs->v[i].work);) end++;
    int right = winner(vs, i, end);
    for (int k = i, cells, n; k < end; k += n) {
      n = stretch(vs, k, &cells);
      if (k != right) *sweep_push(vs->wrong, vs->nwrong) = sweep_format("%s %s", vs->v[k].work, vs->v[k].checksum);
    }
  }
  if (vs->nwrong) qsort(vs->wrong, (size_t)vs->nwrong, sizeof *vs->wrong, by_text);
}

static void add_vote(struct votes *vs, const struct cut *c, int checksum) {
  if (!*c->field[checksum] || sweep_rows_failed(c->field[ROW_STATUS])) return;
  *sweep_push(vs->v, vs->n) = (struct vote){work_key(c), sweep_strdup(c->field[checksum]), cell_key(c)};
}

static bool is_wrong(const struct votes *vs, const struct cut *c, int checksum) {
  if (!vs->nwrong || !*c->field[checksum]) return false;
  char *work = work_key(c), *key = sweep_format("%s %s", work, c->field[checksum]);
  bool found = bsearch(&key, vs->wrong, (size_t)vs->nwrong, sizeof *vs->wrong, by_text) != NULL;
  free(work);
  free(key);
  return found;
}

static void free_votes(struct votes *vs) {
  for (int i = 0; i < vs->n; i++) free(vs->v[i].work), free(vs->v[i].checksum), free(vs->v[i].cell);
  free(vs->v);
  sweep_free_words(vs->wrong, vs->nwrong);
}

/* --- Control ---------------------------------------------------------------------------------------------------------------- */

/* Of an invocation, from its first row; NAN where it has none. */
struct control {
  double speed, speedup;
  int threads;
  char machine[64];
};

static double number_of(const char *text) {
  char *end;
  double v = *text ? strtod(text, &end) : NAN;
  return *text && *end ? NAN : v;
}

static struct control control_of(const char *row) {
  struct cut c = cut_row(row);
  struct control k = {number_of(c.field[sweep_rows_column("control_speed")]),
                      number_of(c.field[sweep_rows_column("control_speedup")]), atoi(c.field[ROW_THREADS]), ""};
  snprintf(k.machine, sizeof k.machine, "%s", c.field[ROW_MACHINE]);
  free(c.copy);
  return k;
}

static int by_number(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of each machine, for machines differ: a merged campaign has several. */
struct medians {
  struct median {
    char machine[64];
    double *speeds, is;
    int n;
  } * v;
  int n;
};

static struct median *median_of(struct medians *m, const char *machine) {
  for (int i = 0; i < m->n; i++)
    if (!strcmp(m->v[i].machine, machine)) return &m->v[i];
  struct median *one = sweep_push(m->v, m->n);
  one->is = NAN;
  snprintf(one->machine, sizeof one->machine, "%s", machine);
  return one;
}

/* Over the planned blocks. */
static struct medians find_medians(const struct sweep_plan *plan, const struct journal *j) {
  struct medians m = {0};
  int64_t from = sweep_plan_invocation(plan, sweep_plan_first(plan), 0),
          to = sweep_plan_invocation(plan, sweep_plan_end(plan), 0);
  for (int64_t i = from; i < to; i++) {
    if (!sweep_journal_complete(j, i)) continue;
    struct control k = control_of(j->entries[i].rows[0]);
    struct median *one = median_of(&m, k.machine);
    if (!isnan(k.speed)) *sweep_push(one->speeds, one->n) = k.speed;
  }
  for (int i = 0; i < m.n; i++) {
    struct median *one = &m.v[i];
    if (one->n) qsort(one->speeds, (size_t)one->n, sizeof *one->speeds, by_number);
    one->is = one->n ? (one->speeds[(one->n - 1) / 2] + one->speeds[one->n / 2]) / 2 : NAN;
  }
  return m;
}

static void free_medians(struct medians *m) {
  for (int i = 0; i < m->n; i++) free(m->v[i].speeds);
  free(m->v);
}

/* 1 fine, 0 poor, -1 not known. A cell with one thread, or with more than the machine has, has no speed-up to judge. */
static int control_ok(const struct control *k, struct medians *medians, int pus) {
  double median = median_of(medians, k->machine)->is;
  if (isnan(k->speed) || isnan(median)) return -1;
  if (k->speed < 0.9 * median) return 0;
  return k->threads > 1 && k->threads <= pus && k->speedup < 0.9 * k->threads ? 0 : 1;
}

int sweep_samples_poor_blocks(const struct sweep_plan *plan, const struct journal *j, int *blocks) {
  struct medians medians = find_medians(plan, j);
  int n = 0;
  for (int b = sweep_plan_first(plan); b < sweep_plan_end(plan); b++) {
    bool poor = false;
    for (int at = 0; at < plan->nruns && !poor; at++) {
      int64_t i = sweep_plan_invocation(plan, b, at);
      if (!sweep_journal_complete(j, i)) continue;
      struct control k = control_of(j->entries[i].rows[0]);
      poor = control_ok(&k, &medians, plan->pus) == 0;
    }
    if (poor) blocks[n++] = b;
  }
  free_medians(&medians);
  return n;
}

/* --- Writing ---------------------------------------------------------------------------------------------------------------- */

/* What is gathered over one cell while its rows are written. */
struct gathered {
  bool failed;
  int n;
  double sum, squares; /* of the invocations' throughput */
};

struct writer {
  FILE *f;
  const struct sweep_plan *plan;
  const struct journal *journal;
  struct votes votes;
  struct medians medians;
  int checksum, control, steady;
  enum stats_steadiness *is; /* per cell */
  struct gathered *cells;
  struct samples_summary *out;
};

static void count_status(struct samples_summary *s, const char *status) {
  for (int i = 0; sweep_samples_statuses[i]; i++)
    if (!strcmp(sweep_samples_statuses[i], status)) s->statuses[i]++;
}

static void write_fields(FILE *f, const struct cut *c) {
  struct text t = {0};
  for (int i = 0; i < c->n; i++) sweep_csv_add(&t, c->field[i], i == 0);
  fprintf(f, "%s\r\n", t.s);
  sweep_text_free(&t);
}

/* One row with its judgements; returns the status that it ends with. */
static const char *write_row(struct writer *w, const char *row, int cell, int control, bool wrong) {
  static char yes[] = "1", no[] = "0", status[] = "wrong-checksum", other[] = "differs from what other cells computed";
  static char last[64];
  struct cut c = cut_row(row);
  if (control >= 0) c.field[w->control] = control ? yes : no;
  c.field[w->steady] = (char *)stats_steadiness_names[w->is[cell]];
  if (wrong) {
    c.field[ROW_STATUS] = status;
    c.field[ROW_REASON] = other;
  }
  bool measured = !strcmp(c.field[ROW_PHASE], "measured");
  if (measured && *c.field[ROW_WALL] && number_of(c.field[ROW_WALL]) < 1e6) w->out->short_windows++;
  snprintf(last, sizeof last, "%s", c.field[ROW_STATUS]);
  write_fields(w->f, &c);
  w->out->rows++;
  free(c.copy);
  return last;
}

/* Total operations over total time of the measured iterations, for the spread. */
static double throughput(const struct journal_entry *e) {
  double operations = 0, ns = 0;
  for (int i = 0; i < e->nrows; i++) {
    struct cut c = cut_row(e->rows[i]);
    if (!strcmp(c.field[ROW_PHASE], "measured"))
      operations += number_of(c.field[ROW_OPERATIONS]), ns += number_of(c.field[ROW_WALL]);
    free(c.copy);
  }
  return ns > 0 ? operations / ns : NAN;
}

static void gather(struct gathered *g, const struct journal_entry *e, const char *status) {
  double v = throughput(e);
  g->failed |= sweep_rows_failed(status);
  if (sweep_rows_failed(status) || isnan(v)) return;
  g->n++;
  g->sum += v;
  g->squares += v * v;
}

static void write_invocation(struct writer *w, int64_t i, int cell) {
  const struct journal_entry *e = &w->journal->entries[i];
  struct control k = control_of(e->rows[0]);
  int control = control_ok(&k, &w->medians, w->plan->pus);
  bool wrong = false;
  for (int r = 0; r < e->nrows; r++) {
    struct cut c = cut_row(e->rows[r]);
    wrong |= !sweep_rows_failed(c.field[ROW_STATUS]) && is_wrong(&w->votes, &c, w->checksum);
    free(c.copy);
  }
  const char *status = "ok";
  for (int r = 0; r < e->nrows; r++) status = write_row(w, e->rows[r], cell, control, wrong);
  count_status(w->out, status);
  if (i >= sweep_plan_invocation(w->plan, sweep_plan_first(w->plan), 0)) gather(&w->cells[cell], e, status);
  w->out->invocations++;
  w->out->wrong_checksums += wrong;
  w->out->poor_controls += control == 0;
}

/* How many blocks the journal can hold, those that were run once more included. */
static int all_blocks(const struct sweep_plan *plan, const struct journal *j) {
  int64_t n = (j->nentries + plan->nruns - 1) / plan->nruns;
  int most = sweep_plan_end(plan) + plan->blocks;
  return n < most ? (int)n : most;
}

static void collect_votes(struct writer *w) {
  for (int64_t i = 0; i < w->journal->nentries; i++)
    for (int r = 0; sweep_journal_complete(w->journal, i) && r < w->journal->entries[i].nrows; r++) {
      struct cut c = cut_row(w->journal->entries[i].rows[r]);
      add_vote(&w->votes, &c, w->checksum);
      free(c.copy);
    }
  find_wrong(&w->votes);
}

static void write_header(FILE *f) {
  const char *const *names;
  int n = sweep_rows_columns(&names);
  for (int i = 0; i < n; i++) fprintf(f, "%s%s", i ? "," : "", names[i]);
  fprintf(f, "\r\n");
}

static void write_all(struct writer *w, const struct row_campaign *campaign) {
  const struct sweep_plan *p = w->plan;
  int *order = sweep_alloc((size_t)p->nruns, sizeof *order);
  write_header(w->f);
  for (int i = 0; i < p->ncells; i++) {
    if (!p->cells[i].reason) continue;
    char *row = sweep_rows_not_applicable(campaign, &p->cells[i]);
    count_status(w->out, write_row(w, row, i, -1, false));
    w->out->not_applicable++;
    free(row);
  }
  for (int b = 0, n = all_blocks(p, w->journal); b < n; b++) {
    sweep_plan_order(p, b, order);
    for (int at = 0; at < p->nruns; at++)
      if (sweep_journal_complete(w->journal, sweep_plan_invocation(p, b, at)))
        write_invocation(w, sweep_plan_invocation(p, b, at), order[at]);
  }
  free(order);
}

static void sum_up(struct writer *w) {
  for (int i = 0; i < w->plan->ncells; i++) {
    const struct gathered *g = &w->cells[i];
    double mean = g->n ? g->sum / g->n : 0, variance = g->n > 1 ? (g->squares - g->sum * mean) / (g->n - 1) : 0;
    w->out->failed_cells += g->failed;
    w->out->spread_cells += variance > 0 && sqrt(variance) >= 0.1 * mean;
    w->out->steadiness[w->is[i]]++;
  }
}

int sweep_samples_write(const char *dir, const struct row_campaign *campaign, const struct sweep_plan *plan,
                        const struct journal *j, struct samples_summary *out) {
  char *path = sweep_format("%s/samples.csv", dir), *temporary = sweep_format("%s/samples.csv.new", dir);
  struct writer w = {.f = fopen(temporary, "we"), .plan = plan, .journal = j, .out = out};
  *out = (struct samples_summary){0};
  bool ok = w.f != NULL;
  if (ok) {
    w.checksum = sweep_rows_column("checksum"), w.control = sweep_rows_column("control_ok"),
    w.steady = sweep_rows_column("steady");
    w.is = sweep_alloc((size_t)plan->ncells, sizeof *w.is);
    sweep_steady_classify(plan, j, w.is);
    w.medians = find_medians(plan, j);
    w.cells = sweep_alloc((size_t)plan->ncells, sizeof *w.cells);
    collect_votes(&w);
    write_all(&w, campaign);
    sum_up(&w);
    free_votes(&w.votes);
    free(w.cells);
    free(w.is);
    free_medians(&w.medians);
    ok = !ferror(w.f);
    ok = fclose(w.f) == 0 && ok && rename(temporary, path) == 0;
  }
  int rc = ok ? 0 : sweep_refuse("%s: %s", path, strerror(errno));
  if (!ok) unlink(temporary);
  free(path);
  free(temporary);
  return rc;
}
