/* open.c: which campaigns can be compared at all. See compare.h.

   A file that was cut off at the end of a line looks whole; what betrays it is an invocation with fewer iterations than its cell's others,
   or a block that a finished campaign lacks. Two campaigns must agree in all that makes a value what it is: machine, parameters, tunables,
   iterations, kind of build. In what surrounds it they may differ, and that is said. */
#include "harness/compare/compare.h"
#include "harness/compare/facets.h"

#include "harness/sweep/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- One ------------------------------------------------------------------------------------------------------------------------------ */

static json_t *plan_of(const struct campaign *c) { return json_object_get(c->json, "plan"); }

static int most_measured(const struct cell *cell) {
  int most = 0;
  for (int i = 0; i < cell->ninvocations; i++)
    if (cell->invocation[i].measured > most) most = cell->invocation[i].measured;
  return most;
}

static int refuse_cut(const struct campaign *c, const char *what) {
  return sweep_refuse("%s:%ld: the file ends here, and %s; it was cut off", c->samples_path, c->csv.line, what);
}

/* The blocks that every cell of a finished campaign has run in; 0: not known. */
static int planned_blocks(const struct campaign *c) {
  json_t *blocks = json_object_get(plan_of(c), "blocks");
  bool part = json_integer_value(json_object_get(plan_of(c), "shards")) > 1;
  bool finished = json_is_true(json_object_get(c->json, "finished"));
  return finished && !part && json_is_integer(blocks) ? (int)json_integer_value(blocks) : 0;
}

static int check_whole(const struct campaign *c) {
  int blocks = planned_blocks(c), rows = 0, missing = 0;
  for (int i = 0; i < c->ncells; i++) {
    const struct cell *cell = c->cell[i];
    int most = most_measured(cell);
    rows += cell->ninvocations;
    for (int k = 0; k < cell->ninvocations; k++)
      if (invocation_is(&cell->invocation[k], "ok") && cell->invocation[k].measured < most)
        return refuse_cut(c, "an invocation has fewer iterations than the others of its cell");
    if (strcmp(cell->status, "not-applicable") && cell->planned && cell->blocks < blocks) missing += blocks - cell->blocks;
  }
  if (!rows) return sweep_refuse("%s:1: there is no row after the header", c->samples_path);
  if (!missing) return 0;
  char *what = sweep_format("%d invocation%s of a finished campaign are missing", missing, missing == 1 ? "" : "s");
  int rc = refuse_cut(c, what);
  free(what);
  return rc;
}

int compare_open(struct campaign *c, const char *dir) {
  struct stat st;
  if (stat(dir, &st) != 0) return *c = (struct campaign){0}, sweep_refuse("no such folder: %s", dir);
  if (!campaign_open(c, dir) || !campaign_summarise(c, NULL)) return sweep_refuse("%s", c->error);
  return check_whole(c);
}

int compare_filter(struct comparison *c, int which, const char *where, bool *out) {
  const struct campaign *from = &c->campaign[which], *all[2] = {&c->campaign[0], &c->campaign[1]};
  for (int i = 0; i < from->ncells; i++) out[i] = true;
  if (!where) return 0;
  char **names, err[400];
  int n = facets_list(all, c->ncampaigns, &names), left = 0;
  struct sweep_where *w = sweep_where_parse(where, (const char *const *)names, n, err, sizeof err);
  for (int i = 0; i < from->ncells && w; i++) left += out[i] = sweep_where_holds(w, facet_lookup, from->cell[i]);
  int rc = !w ? sweep_refuse("--where: %s", err) : left ? 0 : sweep_refuse("--where: no cell of %s is left", c->dir[which]);
  sweep_where_free(w);
  facets_free(names, n);
  return rc;
}

/* --- Two ------------------------------------------------------------------------------------------------------------------------------ */

void compare_say(struct comparison *c, char *line) { *sweep_push(c->said, c->nsaid) = line; }

/* The first machine of a campaign's rows, and whether all are of it. */
static const char *machine_of_rows(const struct campaign *c, bool *one) {
  const char *first = NULL;
  *one = true;
  for (int i = 0; i < c->ncells; i++)
    for (int k = 0; k < c->cell[i]->ninvocations; k++) {
      const struct invocation *v = &c->cell[i]->invocation[k];
      if (invocation_is(v, "not-applicable")) continue;
      if (!first) first = v->machine;
      *one = *one && !strcmp(first, v->machine);
    }
  return first ? first : "";
}

const char *compare_machine(const struct campaign *c, bool *one) {
  const char *recorded = json_string_value(json_object_get(c->json, "machine")), *rows = machine_of_rows(c, one);
  return recorded ? recorded : rows;
}

static int check_machines(const struct comparison *c) {
  const char *machine[2];
  for (int i = 0; i < 2; i++) {
    bool one;
    machine[i] = compare_machine(&c->campaign[i], &one);
    if (!one)
      return sweep_refuse("%s: it is of several machines, and values without pairs can be compared within one alone", c->dir[i]);
  }
  if (!strcmp(machine[0], machine[1])) return 0;
  return sweep_refuse("%s and %s are not of one machine: machine is '%.100s' in one and '%.100s' in the other", c->dir[0],
                      c->dir[1], machine[0], machine[1]);
}

static int check_plans(const struct comparison *c) {
  static const char *const keys[] = {"warmup", "iterations"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_t *a = json_object_get(plan_of(&c->campaign[0]), keys[i]), *b = json_object_get(plan_of(&c->campaign[1]), keys[i]);
    if (json_is_integer(a) && json_is_integer(b) && !json_equal(a, b))
      return sweep_refuse("%s and %s are not alike: the plan's %s is %d in one and %d in the other", c->dir[0], c->dir[1],
                          keys[i], (int)json_integer_value(a), (int)json_integer_value(b));
  }
  return 0;
}

/* Whether a list of assignments is one of a campaign's, on cells with the same value of `owner`. */
static bool has_list(const struct campaign *c, const bool *kept, const struct cell *like, enum axis owner, enum axis list) {
  for (int i = 0; i < c->ncells; i++)
    if (kept[i] && !strcmp(c->cell[i]->axis[owner], like->axis[owner]) && !strcmp(c->cell[i]->axis[list], like->axis[list]))
      return true;
  return false;
}

/* A cell of the other campaign with the same owner (workload, strategy) and allocator; NULL: it has none, and nothing is asked of it. */
static const struct cell *of_owner(const struct campaign *c, const bool *kept, const struct cell *like, enum axis owner) {
  for (int i = 0; i < c->ncells; i++)
    if (kept[i] && !strcmp(c->cell[i]->axis[owner], like->axis[owner]) &&
        !strcmp(c->cell[i]->axis[AXIS_ALLOCATOR], like->axis[AXIS_ALLOCATOR]))
      return c->cell[i];
  return NULL;
}

/* The name that one list has and the other has not; false where both have the same. */
static bool lacks(const char *a, const char *b, struct assignment *what) {
  struct assignment other;
  while (facet_next(&a, what))
    if (!facet_find(b, what->name, what->name_length, &other)) return true;
  return false;
}

static int refuse_lists(const struct comparison *c, const struct cell *x, const struct cell *y, enum axis owner, enum axis list) {
  const char *kind = list == AXIS_PARAMETERS ? "parameter" : "tunable", *of = x->axis[owner];
  struct assignment p, q;
  if (facet_contradiction(x->axis[list], y->axis[list], NULL, &p, &q))
    return sweep_refuse("%s and %s have other %ss: of %s, %.*s is %.*s in one and %.*s in the other", c->dir[0], c->dir[1], kind,
                        of, p.name_length, p.name, p.value_length, p.value, q.value_length, q.value);
  bool first = lacks(x->axis[list], y->axis[list], &p);
  if (!first) lacks(y->axis[list], x->axis[list], &p);
  return sweep_refuse("%s and %s have other %ss: of %s, %.*s is in %s alone", c->dir[0], c->dir[1], kind, of, p.name_length,
                      p.name, c->dir[!first]);
}

/* Workloads and strategies that both have must have the same sets of parameters and tunables in both. */
static int check_sets(const struct comparison *c, const bool *const kept[2]) {
  static const enum axis owners[] = {AXIS_WORKLOAD, AXIS_STRATEGY}, lists[] = {AXIS_PARAMETERS, AXIS_TUNABLES};
  for (int side = 0; side < 2; side++)
    for (int i = 0; i < c->campaign[side].ncells; i++)
      for (int k = 0; k < 2 && kept[side][i]; k++) {
        const struct campaign *there = &c->campaign[!side];
        const struct cell *cell = c->campaign[side].cell[i], *other = of_owner(there, kept[!side], cell, owners[k]);
        if (!other || has_list(there, kept[!side], cell, owners[k], lists[k])) continue;
        return side ? refuse_lists(c, other, cell, owners[k], lists[k]) : refuse_lists(c, cell, other, owners[k], lists[k]);
      }
  return 0;
}

static bool any_is(const struct campaign *c, bool counting) {
  for (int i = 0; i < c->ncells; i++)
    if (!strcmp(counting ? c->cell[i]->counting : c->cell[i]->checked, "1")) return true;
  return false;
}

static int check_builds(const struct comparison *c) {
  static const char *const what[2] = {"has its checks on", "counts events"};
  for (int counting = 0; counting < 2; counting++) {
    bool a = any_is(&c->campaign[0], counting), b = any_is(&c->campaign[1], counting);
    if (a != b)
      return sweep_refuse("%s and %s are of other builds: %s is 1 in %s alone (a build that %s)", c->dir[0], c->dir[1],
                          counting ? "counting" : "checked", c->dir[!a], what[counting]);
  }
  return 0;
}

/* --- What may differ, and is said ------------------------------------------------------------------------------------------------------- */

enum { MOST_DIFFERENCES = 12 };

/* What changes from run to run, or is told elsewhere. */
static bool passes(const char *key) {
  static const char *const ignored[] = {"load_at_start", "memory_available_bytes", "commit", "dirty", "version", "topology"};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
    if (!strcmp(key, ignored[i])) return true;
  return false;
}

static char *dump(json_t *v) {
  char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  return text ? text : sweep_strdup("not known");
}

static void add_differences(json_t *a, json_t *b, const char *path, char ***out, int *n) {
  const char *key;
  json_t *v;
  if (json_equal(a, b) || *n >= MOST_DIFFERENCES) return;
  if (json_is_object(a) && json_is_object(b)) {
    json_object_foreach(a, key, v) {
      if (passes(key)) continue;
      char *inner = sweep_format("%s%s%s", path, *path ? "." : "", key);
      add_differences(v, json_object_get(b, key), inner, out, n);
      free(inner);
    }
    return;
  }
  char *x = dump(a), *y = dump(b);
  *sweep_push(*out, *n) = sweep_format("%s was %.60s, and then %.60s", path, x, y);
  free(x);
  free(y);
}

int compare_environments(const struct campaign *a, const struct campaign *b, char ***out) {
  json_t *x = json_object_get(a->json, "environment"), *y = json_object_get(b->json, "environment");
  int n = 0;
  *out = NULL;
  if (json_is_object(x) && json_is_object(y)) add_differences(x, y, "", out, &n);
  return n;
}

static void say_environments(struct comparison *c) {
  char **lines;
  int n = compare_environments(&c->campaign[0], &c->campaign[1], &lines);
  for (int i = 0; i < n; i++) compare_say(c, sweep_format("the environment differs: %s", lines[i]));
  sweep_free_words(lines, n);
}

int compare_check_same(struct comparison *c, const bool *const kept[2]) {
  struct stat a, b;
  if (stat(c->dir[0], &a) == 0 && stat(c->dir[1], &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
    return sweep_refuse("%s is given twice", c->dir[1]);
  int rc = check_machines(c);
  if (!rc) rc = check_builds(c);
  if (!rc) rc = check_plans(c);
  if (!rc) rc = check_sets(c, kept);
  if (rc) return rc;
  say_environments(c);
  json_t *seed[2] = {json_object_get(c->campaign[0].json, "seed"), json_object_get(c->campaign[1].json, "seed")};
  if (seed[0] && seed[1] && !json_equal(seed[0], seed[1]))
    compare_say(c, sweep_strdup("the seeds differ, and with them what the workloads draw; `reclaim run --seed` keeps them"));
  return 0;
}
