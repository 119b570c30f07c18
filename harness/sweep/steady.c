/* steady.c: see steady.h. */
#include "steady.h"

#include "harness/sweep/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DRAWS = 20000 }; /* of permutations; few are needed where there is no change */

/* The series of one cell, one after the other. */
struct series {
  double *t;
  int rows, room;
};

/* The logarithm of the time per operation of each iteration into t[0 .. m - 1]; false where the invocation has no such series. */
static bool read_series(const struct journal_entry *e, int m, double *t) {
  if (e->nrows != m) return false;
  bool ok = true;
  for (int i = 0; i < m && ok; i++) {
    char *copy = sweep_strdup(e->rows[i]), *field[SWEEP_ROW_FIELDS];
    int n = sweep_csv_split(copy, field, SWEEP_ROW_FIELDS);
    ok = n > ROW_WALL && !sweep_rows_failed(field[ROW_STATUS]);
    double operations = ok ? strtod(field[ROW_OPERATIONS], NULL) : 0, ns = ok ? strtod(field[ROW_WALL], NULL) : 0;
    ok = ok && operations > 0 && ns > 0;
    if (ok) t[i] = log(ns / operations);
    free(copy);
  }
  return ok;
}

static void add_series(struct series *s, const struct sweep_cell *c, const struct journal_entry *e) {
  int m = c->warmup + c->iterations;
  if (s->rows == s->room) s->t = sweep_realloc(s->t, (size_t)(s->room = s->room ? 2 * s->room : 32) * (size_t)m, sizeof *s->t);
  s->rows += read_series(e, m, s->t + s->rows * m);
}

static enum stats_steadiness classify(const struct series *s, const struct sweep_cell *c, double alpha) {
  int m = c->warmup + c->iterations, draws = (int)fmin(20 / alpha, MOST_DRAWS);
  if (!s->rows) return STEADY_UNKNOWN;
  double *work = sweep_alloc((size_t)(s->rows + 3) * (size_t)m, sizeof *work);
  enum stats_steadiness is =
      stats_steadiness(s->t, s->rows, m, c->warmup, alpha, SWEEP_STEADY_LEAST, draws, (uint64_t)s->rows, work, NULL);
  free(work);
  return is;
}

void sweep_steady_classify(const struct sweep_plan *plan, const struct journal *j, enum stats_steadiness *out) {
  struct series *all = sweep_alloc((size_t)plan->ncells, sizeof *all);
  int *order = sweep_alloc((size_t)plan->nruns, sizeof *order);
  for (int64_t i = 0; i < j->nentries; i++) {
    int at = (int)(i % plan->nruns);
    if (at == 0) sweep_plan_order(plan, (int)(i / plan->nruns), order);
    if (i / plan->nruns >= sweep_plan_first(plan) && sweep_journal_complete(j, i))
      add_series(&all[order[at]], &plan->cells[order[at]], &j->entries[i]);
  }
  for (int c = 0; c < plan->ncells; c++) {
    out[c] = classify(&all[c], &plan->cells[c], SWEEP_STEADY_ALPHA / plan->nruns);
    free(all[c].t);
  }
  free(order);
  free(all);
}
