/* match.c: which cell is held against which. See compare.h.

   Two cells are a match when they differ in the axis that is looked at, and in what must differ with it: another strategy has other
   tunables, another number of threads other threads of the collector. What both have must be equal. Where several cells fit, each is a
   match of its own: nothing is chosen behind the reader's back. */
#include "harness/compare/compare.h"
#include "harness/compare/facets.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <stdlib.h>
#include <string.h>

static void add_match(struct comparison *c, const struct cell *base, const struct cell *other, int value) {
  struct match *m = sweep_push(c->match, c->nmatches);
  *m = (struct match){.base = base, .other = other, .value = value};
}

/* --- Values of an axis -------------------------------------------------------------------------------------------------------------- */

static int find_same(char **words, int n, const char *word) {
  for (int i = 0; i < n; i++)
    if (facet_same(words[i], word)) return i;
  return -1;
}

/* The values that the axis has in the cells looked at, in the order of the table. */
static int list_values(const struct campaign *c, const bool *kept, const char *name, char ***out) {
  int n = 0;
  *out = NULL;
  for (int i = 0; i < c->ncells; i++) {
    const char *v = kept[i] ? facet_value(c->cell[i], name) : NULL;
    if (v && find_same(*out, n, v) < 0) *sweep_push(*out, n) = sweep_strdup(v);
  }
  return n;
}

static char *join(char **words, int n) {
  struct text t = {0};
  for (int i = 0; i < n; i++) sweep_text_addf(&t, "%s%.60s", i ? ", " : "", words[i]);
  return t.s ? t.s : sweep_strdup("none");
}

static int refuse_axis(const struct comparison *c, const char *name) {
  const struct campaign *all[] = {&c->campaign[0]};
  char **names, hint[96];
  int n = facets_list(all, 1, &names);
  int rc = sweep_refuse("--by: '%.60s' is no axis, parameter or tunable of %s%s", name, c->dir[0],
                        catalog_suggest(name, (const char *const *)names, n, hint, sizeof hint));
  facets_free(names, n);
  return rc;
}

/* Every word that was asked for is a value of some cell, and none is there twice. */
static int check_values(const struct comparison *c, const char *name, char **there, int nthere) {
  for (int i = 0; i < c->nvalues; i++) {
    char hint[96], *all;
    if (find_same(c->value, i, c->value[i]) >= 0) return sweep_refuse("--by %s: '%s' is given twice", name, c->value[i]);
    if (find_same(there, nthere, c->value[i]) >= 0) continue;
    all = join(there, nthere);
    int rc = sweep_refuse("--by %s: no cell has '%.60s'%s (there is: %s)", name, c->value[i],
                          catalog_suggest(c->value[i], (const char *const *)there, nthere, hint, sizeof hint), all);
    free(all);
    return rc;
  }
  if (c->nvalues >= 2) return 0;
  char *all = join(there, nthere);
  int rc = sweep_refuse("--by %s: two values or more are due, the base first (there is: %s)", name, all);
  free(all);
  return rc;
}

static int read_values(struct comparison *c, const char *by, const bool *kept) {
  const char *equals = strchr(by, '=');
  char *name = equals ? sweep_strndup(by, (size_t)(equals - by)) : sweep_strdup(by), **there;
  c->by = name;
  if (facet_axis(name) == AXIS_WORKLOAD)
    return sweep_refuse("--by workload: operations of two workloads are not the same thing, so no ratio is one of anything");
  int nthere = list_values(&c->campaign[0], kept, name, &there), rc;
  if (!nthere) return refuse_axis(c, name);
  if (equals)
    c->value = sweep_split(equals + 1, &c->nvalues);
  else
    c->nvalues = list_values(&c->campaign[0], kept, name, &c->value);
  rc = check_values(c, name, there, nthere);
  facets_free(there, nthere);
  return rc;
}

/* --- Cells ---------------------------------------------------------------------------------------------------------------------------- */

static bool equal(const struct cell *x, const struct cell *y, enum axis a) { return !strcmp(x->axis[a], y->axis[a]); }

/* A cell that never ran tells of no limit, whether it has one or not. */
static bool obeys_no_limit(const struct cell *c) {
  if (!strcmp(c->axis[AXIS_HEAP], "n/a")) return true;
  return c->invocations > 0 && !*c->heap_limit && strcmp(c->axis[AXIS_HEAP], "grow");
}

/* Equal but for the axis looked at and what goes with it. */
static bool alike(const struct cell *x, const struct cell *y, const char *by) {
  static const enum axis plain[] = {AXIS_WORKLOAD, AXIS_SHARING,   AXIS_STRATEGY, AXIS_THREADS,
                                    AXIS_PINNING,  AXIS_ALLOCATOR, AXIS_SIDE};
  enum axis looked_at = facet_axis(by);
  struct assignment p, q;
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    if (plain[i] != looked_at && !equal(x, y, plain[i])) return false;
  if (facet_contradiction(x->axis[AXIS_PARAMETERS], y->axis[AXIS_PARAMETERS], by, &p, &q)) return false;
  if (facet_contradiction(x->axis[AXIS_TUNABLES], y->axis[AXIS_TUNABLES], by, &p, &q)) return false;
  bool threads_follow = looked_at == AXIS_STRATEGY || looked_at == AXIS_THREADS || looked_at == AXIS_COLLECTOR_THREADS;
  if (!threads_follow && !equal(x, y, AXIS_COLLECTOR_THREADS)) return false;
  return looked_at == AXIS_HEAP || equal(x, y, AXIS_HEAP) || obeys_no_limit(x) || obeys_no_limit(y);
}

static bool has(const struct cell *cell, const char *name, const char *value) {
  const char *v = facet_value(cell, name);
  return v && facet_same(v, value);
}

int compare_match_values(struct comparison *c, const char *by, const bool *kept) {
  const struct campaign *from = &c->campaign[0];
  int rc = read_values(c, by, kept);
  if (rc) return rc;
  for (int i = 0; i < from->ncells; i++)
    for (int v = 1; v < c->nvalues && kept[i]; v++) {
      if (!has(from->cell[i], c->by, c->value[v])) continue;
      for (int k = 0; k < from->ncells; k++)
        if (kept[k] && has(from->cell[k], c->by, c->value[0]) && alike(from->cell[k], from->cell[i], c->by))
          add_match(c, from->cell[k], from->cell[i], v);
    }
  if (c->nmatches) return 0;
  return sweep_refuse("%s: no two cells differ in %s alone; --by %s has nothing to compare", c->dir[0], c->by, by);
}

/* --- Two campaigns ------------------------------------------------------------------------------------------------------------------------ */

static bool every_axis_equal(const struct cell *x, const struct cell *y) {
  for (int a = 0; a < AXES; a++)
    if (!equal(x, y, (enum axis)a)) return false;
  return true;
}

/* Which of the other campaign's cells is this one; NULL: none. */
static const struct cell *same_cell(const struct campaign *in, const bool *kept, const struct cell *cell) {
  for (int i = 0; i < in->ncells; i++)
    if (kept[i] && every_axis_equal(in->cell[i], cell)) return in->cell[i];
  return NULL;
}

static void say_alone(struct comparison *c, int which, int n) {
  if (n) compare_say(c, sweep_format("%d cell%s of %s alone: left out", n, n == 1 ? " is" : "s are", c->dir[which]));
}

int compare_match_campaigns(struct comparison *c, const bool *const kept[2]) {
  int alone[2] = {0};
  for (int i = 0; i < c->campaign[1].ncells; i++) {
    if (!kept[1][i]) continue;
    const struct cell *base = same_cell(&c->campaign[0], kept[0], c->campaign[1].cell[i]);
    if (base)
      add_match(c, base, c->campaign[1].cell[i], 1);
    else
      alone[1]++;
  }
  if (!c->nmatches) return sweep_refuse("%s and %s have no common cell", c->dir[0], c->dir[1]);
  for (int i = 0; i < c->campaign[0].ncells; i++)
    alone[0] += kept[0][i] && !same_cell(&c->campaign[1], kept[1], c->campaign[0].cell[i]);
  say_alone(c, 0, alone[0]);
  say_alone(c, 1, alone[1]);
  c->nvalues = 2;
  c->value = sweep_alloc(2, sizeof *c->value);
  for (int i = 0; i < 2; i++) c->value[i] = sweep_strdup(c->dir[i]);
  return 0;
}
