/* plan.c: the product of the axes, cell by cell.

   Everything that could make a cell impossible is found here: what is a mistake of the user ends the program, what lies in the
   nature of the pair (plain counts x shared data) becomes a cell that is not applicable, with the reason, and stays in the
   plan. */
#define _GNU_SOURCE 1 /* tdestroy, vasprintf */
#include "plan.h"

#include "harness/catalog/catalog.h"
#include "harness/catalog/folders.h"
#include "harness/cell/pin.h"
#include "harness/sweep/axes.h"
#include "harness/sweep/journal.h"
#include "harness/sweep/memory.h"
#include "harness/sweep/objects.h"
#include "harness/sweep/program.h"
#include "harness/sweep/random.h"
#include "harness/sweep/sizing.h"
#include "harness/sweep/text.h"
#include "harness/sweep/where.h"

#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CELLS = 1000000, MOST_SETS = 64 };

/* One --set, cut into words. */
struct setting {
  const char *name, *origin;
  char **words;
  int n;
  bool used;
};

struct maker {
  struct sweep_plan *plan;
  struct axes axes;
  struct setting *sets;
  int nsets;
  struct sweep_where *where;
  hwloc_topology_t topology;
  const reclaim_strategy *(*objects)[2]; /* per strategy: flavour pool, malloc; NULL: not asked for, or not built */
  void *seen;                            /* search tree of the cells' keys */
  int warmup, iterations;
  int matched; /* cells before --where */
};

/* One point of the axes, before parameters and tunables are multiplied in. */
struct point {
  const reclaim_strategy *strategy;
  bool lacks_flavour; /* the allocator's: `strategy` is then of the other */
  const char *workload;
  catalog_choice choice;
  uint32_t mode;
  int threads;
  const catalog_allocator *allocator;
  const catalog_heap *heap;
  const char *heap_word, *pin;
  bool missing; /* the workload is of a pack that has no object for this strategy */
};

void sweep_plan_warn(struct sweep_plan *p, const char *format, ...) {
  va_list args;
  char line[512];
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  for (int i = 0; i < p->nwarnings; i++)
    if (!strcmp(p->warnings[i], line)) return;
  *sweep_push(p->warnings, p->nwarnings) = sweep_strdup(line);
}

/* --- Cells ------------------------------------------------------------------------------------------------------------------ */

void sweep_cell_free(struct sweep_cell *c) {
  char *texts[] = {c->strategy, c->workload, c->parameters,  c->tunables, c->sharing,        c->pinning, c->allocator,
                   c->library,  c->heap,     c->heap_policy, c->reason,   c->heap_base_kind, c->pack,    c->object,
                   c->hash,     c->side,     c->folder,      c->program,  c->plant};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
  free(c->cpus);
}

void sweep_plan_free(struct sweep_plan *p) {
  for (int i = 0; i < p->ncells; i++) sweep_cell_free(&p->cells[i]);
  for (int i = 0; i < p->nwarnings; i++) free(p->warnings[i]);
  free(p->cells);
  free(p->runs);
  free(p->warnings);
  free(p->baseline);
  free(p->profile);
  *p = (struct sweep_plan){0};
}

void sweep_plan_order(const struct sweep_plan *p, int block, int *order) {
  memcpy(order, p->runs, sizeof *order * (size_t)p->nruns);
  sweep_shuffle(p->seed, block, order, p->nruns, p->sides > 1 ? p->sides : 1);
}

bool sweep_plan_has_block(const struct sweep_plan *p, int block) {
  if (p->shards < 2 || block < sweep_plan_first(p)) return true;
  return (sweep_plan_block(p, block) - sweep_plan_first(p)) % p->shards == p->shard;
}

bool sweep_plan_has(const struct sweep_plan *p, int block, int cell) {
  int limit = p->cells[cell].blocks;
  return sweep_plan_has_block(p, block) && (!limit || sweep_plan_block(p, block) - sweep_plan_first(p) < limit);
}

int sweep_plan_block_size(const struct sweep_plan *p, int block) {
  int n = 0;
  for (int i = 0; i < p->nruns; i++) n += sweep_plan_has(p, block, p->runs[i]);
  return n;
}

const char *sweep_assigned(const char *assignments, const char *name) {
  static char value[256];
  size_t len = strlen(name);
  for (const char *p = assignments; *p;) {
    size_t span = strcspn(p, ";");
    if (span > len && !strncmp(p, name, len) && p[len] == '=') {
      snprintf(value, sizeof value, "%.*s", (int)(span - len - 1), p + len + 1);
      return value;
    }
    p += span + (p[span] == ';');
  }
  return NULL;
}

static const char *const axis_names[] = {"strategy", "workload", "sharing", "threads", "allocator", "heap", "pin"};
enum { NAXES = sizeof axis_names / sizeof *axis_names };

const char *sweep_cell_value(const struct sweep_cell *c, const char *name) {
  static char threads[16];
  snprintf(threads, sizeof threads, "%d", c->threads);
  const char *const values[NAXES] = {c->strategy, c->workload, c->sharing, threads, c->allocator, c->heap, c->pinning};
  for (int i = 0; i < NAXES; i++)
    if (!strcmp(name, axis_names[i])) return values[i];
  const char *value = sweep_assigned(c->parameters, name);
  return value ? value : sweep_assigned(c->tunables, name);
}

static const char *look_up(const void *cell, const char *name) { return sweep_cell_value(cell, name); }

char *sweep_cell_title(const struct sweep_cell *c) {
  return sweep_format("%s %s %s, %d thread%s, %s", c->workload, c->sharing, c->strategy, c->threads, c->threads > 1 ? "s" : "",
                      c->allocator);
}

/* --- What a cell can be ----------------------------------------------------------------------------------------------------- */

/* NULL, or why this point cannot be run; by its nature, not by a mistake. The caller frees. */
static char *why_not(const struct point *pt, const int64_t *params) {
  const reclaim_strategy *s = pt->strategy;
  if (pt->missing) return sweep_format("pack %s has no object for %s (%s)", pt->choice.object->pack, s->name, s->flavour);
  const reclaim_workload *w = pt->choice.workload;
  char why[256];
  if (!(pt->choice.sharing & pt->mode)) return sweep_format("%s has no mode %s", pt->workload, catalog_sharing_name(pt->mode));
  if (pt->lacks_flavour)
    return sweep_format("%s %s: the allocator %s changes nothing about it", s->name,
                        strcmp(s->flavour, "pool") ? "has no pool" : "has its own heap and asks no malloc for cells",
                        pt->allocator->name);
  if (!catalog_is_applicable(s, w, pt->mode, why, sizeof why)) return sweep_strdup(why);
  bool factor = pt->heap->kind == CATALOG_HEAP_FACTOR && s->capabilities & RECLAIM_HEAP_LIMIT;
  if (factor && (!w->live_bytes || !w->live_bytes(params, pt->threads, pt->mode)))
    return sweep_format("%s declares no live bytes that %s could be a factor of", pt->workload, pt->heap_word);
  const char *refusal = w->refuse ? w->refuse(params, pt->threads, pt->mode) : NULL;
  return refusal ? sweep_strdup(refusal) : NULL;
}

/* The limit of the heap; strategies that obey none have no heap column. What 1x is, and so the bytes of a factor, is settled when
   the plan is whole (minheap.c); until then it is the declared live bytes. */
static void set_heap(struct sweep_cell *c, const struct point *pt, const int64_t *params) {
  const reclaim_workload *w = pt->choice.workload;
  c->heap_base = c->declared = w->live_bytes ? w->live_bytes(params, pt->threads, pt->mode) : 0;
  c->heap_base_kind = sweep_strdup(c->heap_base ? "declared" : "");
  if (!(pt->strategy->capabilities & RECLAIM_HEAP_LIMIT)) {
    c->heap = sweep_strdup("grow");
    c->heap_policy = sweep_strdup("n/a");
    return;
  }
  c->heap = sweep_strdup(pt->heap_word);
  c->heap_policy = sweep_strdup(pt->heap->kind == CATALOG_HEAP_BYTES ? "bytes" : pt->heap_word);
  c->heap_factor = pt->heap->kind == CATALOG_HEAP_FACTOR ? pt->heap->factor : 0;
  c->heap_limit = catalog_heap_limit(pt->heap, c->heap_base, c->threads);
}

static bool set_cpus(struct maker *m, struct sweep_cell *c) {
  char err[256];
  int policy = 0;
  while (strcmp(cell_pin_names[policy], c->pinning)) policy++;
  c->cpus = sweep_alloc((size_t)c->threads, sizeof *c->cpus);
  if (cell_plan_cpus(m->topology, (enum pin_policy)policy, c->threads, c->cpus, err, sizeof err) < 0)
    return sweep_refuse("--pin %s: %s", c->pinning, err), false;
  c->ncpus = c->cpus[0] < 0 ? 0 : c->threads;
  c->oversubscribed = c->threads > m->plan->pus;
  return true;
}

/* A cell that leaks by nature runs one measured iteration per process: the next would start among the leaks of the last. Counts that leak cycles are warmed up
   before that, once, like all that they are held against; where nothing is ever reclaimed, memory would not last. */
static void set_iterations(const struct maker *m, struct sweep_cell *c, const struct point *pt, const int64_t *params) {
  bool leaks = catalog_leaks(pt->strategy, pt->choice.workload, params);
  int most = pt->strategy->capabilities & RECLAIM_RECLAIMS ? 1 : 0;
  c->warmup = leaks && m->warmup > most ? most : m->warmup;
  c->iterations = leaks ? 1 : m->iterations;
}

/* The object that the cell loads. */
static void set_object(struct sweep_cell *c, const struct point *pt) {
  bool none = pt->missing;
  c->pack = sweep_strdup(pt->choice.object->pack);
  c->object = sweep_strdup(none ? "" : catalog_path(pt->strategy));
  c->hash = sweep_strdup("");
  c->plugin = !none && catalog_is_plugin(pt->strategy);
  c->side = sweep_strdup("");
  c->folder = sweep_strdup("");
  c->program = sweep_strdup("");
  c->plant = sweep_strdup("");
}

static int compare_keys(const void *a, const void *b) { return strcmp(a, b); }

/* Whether the cell is new; `3x` and `grow` are one cell for a strategy that obeys no limit. */
static bool is_new(struct maker *m, const struct sweep_cell *c) {
  char *key = sweep_format("%s|%s|%s|%s|%s|%d|%s|%s|%s", c->strategy, c->workload, c->parameters, c->tunables, c->sharing,
                           c->threads, c->allocator, c->heap, c->pinning);
  char **found = tsearch(key, &m->seen, compare_keys);
  if (found && *found == key) return true;
  free(key);
  return false;
}

static int add_cell(struct maker *m, const struct point *pt, const int64_t *params, const int64_t *tunables) {
  struct sweep_plan *p = m->plan;
  const reclaim_workload *w = pt->choice.workload;
  const reclaim_strategy *s = pt->strategy;
  struct sweep_cell c = {.strategy = sweep_strdup(s->name), .workload = sweep_strdup(pt->workload), .threads = pt->threads};
  c.parameters = catalog_format_params(w->params, w->nparams, params);
  c.tunables = catalog_format_params(s->tunables, s->ntunables, tunables);
  c.sharing = sweep_strdup(catalog_sharing_name(pt->mode));
  c.allocator = sweep_strdup(pt->allocator->name);
  c.library = sweep_strdup(pt->allocator->library);
  c.pinning = sweep_strdup(pt->pin);
  if (!(s->capabilities & RECLAIM_PARALLEL))
    c.collector_threads = 1;
  else
    c.collector_threads = p->gc_threads ? p->gc_threads : pt->threads;
  c.reason = why_not(pt, params);
  set_heap(&c, pt, params);
  set_iterations(m, &c, pt, params);
  set_object(&c, pt);
  m->matched++;
  bool wanted = c.parameters && c.tunables && (!m->where || sweep_where_holds(m->where, look_up, &c)) && is_new(m, &c);
  if (!wanted) return sweep_cell_free(&c), 0;
  if (!set_cpus(m, &c)) return sweep_cell_free(&c), SWEEP_BAD_INPUT;
  if (s->checked || s->counting)
    sweep_plan_warn(p, "%s %s: no figure of it is to be quoted", s->name, s->checked ? "has its checks on" : "counts events");
  if (pt->missing) sweep_plan_warn(p, "%s: %s", pt->workload, c.reason);
  if (p->ncells == MOST_CELLS) return sweep_cell_free(&c), sweep_refuse("the sweep has more than %d cells", MOST_CELLS);
  *sweep_push(p->cells, p->ncells) = c;
  return 0;
}

/* --- Parameters and tunables ------------------------------------------------------------------------------------------------ */

/* Where a --set goes in this point: into which value of which table; NULL: nowhere. A parameter wins over a tunable. */
static int64_t *target(const struct setting *set, const struct point *pt, int64_t *params, int64_t *tunables,
                       const reclaim_param **param) {
  const reclaim_workload *w = pt->choice.workload;
  int i = catalog_find_param(w->params, w->nparams, set->name);
  if (i >= 0) return *param = &w->params[i], &params[i];
  i = catalog_find_param(pt->strategy->tunables, pt->strategy->ntunables, set->name);
  return i < 0 ? NULL : (*param = &pt->strategy->tunables[i], &tunables[i]);
}

/* The product over the sets from the `at`-th on. */
static int multiply_sets(struct maker *m, const struct point *pt, int at, int64_t *params, int64_t *tunables) {
  if (at == m->nsets) return add_cell(m, pt, params, tunables);
  struct setting *set = &m->sets[at];
  const reclaim_param *param;
  int64_t *value = target(set, pt, params, tunables, &param);
  if (!value) return multiply_sets(m, pt, at + 1, params, tunables);
  set->used = true;
  int64_t before = *value;
  for (int i = 0; i < set->n; i++) {
    char err[512];
    if (!catalog_parse_value(param, set->words[i], value, err, sizeof err)) return sweep_refuse("%s: %s", set->origin, err);
    int rc = multiply_sets(m, pt, at + 1, params, tunables);
    if (rc) return rc;
  }
  *value = before;
  return 0;
}

static int add_point(struct maker *m, const struct point *pt) {
  const reclaim_workload *w = pt->choice.workload;
  int64_t *params = sweep_alloc((size_t)w->nparams, sizeof *params);
  int64_t *tunables = sweep_alloc((size_t)pt->strategy->ntunables, sizeof *tunables);
  char err[512];
  catalog_defaults(pt->strategy->tunables, pt->strategy->ntunables, tunables);
  int rc = catalog_choice_params(&pt->choice, params, err, sizeof err)
               ? multiply_sets(m, pt, 0, params, tunables)
               : sweep_refuse("the setting '%s' of %s is wrong: %s", pt->workload, w->name, err);
  free(params);
  free(tunables);
  return rc;
}

/* --- The product of the axes ------------------------------------------------------------------------------------------------ */

enum { D_WORKLOAD, D_MODE, D_STRATEGY, D_THREADS, D_ALLOCATOR, D_HEAP, D_PIN, DIMENSIONS };

/* Moves to the next point, last dimension fastest; false after the last. */
static bool next_point(int *at, const int *size) {
  for (int d = DIMENSIONS - 1; d >= 0; d--) {
    if (++at[d] < size[d]) return true;
    at[d] = 0;
  }
  return false;
}

static bool is_malloc(const char *flavour) { return !strcmp(flavour, "malloc"); }

/* In whichever flavour there is. */
static const reclaim_strategy *object(const struct maker *m, int i) {
  return m->objects[i][0] ? m->objects[i][0] : m->objects[i][1];
}

static int visit_point(struct maker *m, const int *at) {
  const struct axes *a = &m->axes;
  struct point pt = {.workload = a->workload.words[at[D_WORKLOAD]],
                     .mode = a->modes[at[D_MODE]],
                     .threads = a->thread_counts[at[D_THREADS]],
                     .allocator = &a->allocators[at[D_ALLOCATOR]],
                     .heap = &a->heaps[at[D_HEAP]],
                     .heap_word = a->heap.words[at[D_HEAP]],
                     .pin = a->pin.words[at[D_PIN]]};
  char err[512];
  pt.strategy = m->objects[at[D_STRATEGY]][is_malloc(pt.allocator->flavour)];
  pt.lacks_flavour = !pt.strategy;
  if (!pt.strategy) pt.strategy = object(m, at[D_STRATEGY]);
  if (catalog_find_workload(pt.strategy, pt.workload, &pt.choice, err, sizeof err))
    pt.strategy = pt.choice.object;
  else if (!(pt.missing = catalog_find_elsewhere(pt.strategy, pt.workload, &pt.choice)))
    return sweep_refuse("%s: strategy '%s': %s", a->workload.origin, pt.strategy->name, err);
  if (a->own_modes && !(pt.choice.sharing & pt.mode)) return 0;
  return add_point(m, &pt);
}

static int multiply(struct maker *m) {
  const struct axes *a = &m->axes;
  const int size[DIMENSIONS] = {a->workload.n,  a->sharing.n, a->strategy.n, a->nthread_counts,
                                a->allocator.n, a->heap.n,    a->pin.n};
  int at[DIMENSIONS] = {0}, rc;
  do rc = visit_point(m, at);
  while (!rc && next_point(at, size));
  return rc;
}

/* --- Opening what the axes name --------------------------------------------------------------------------------------------- */

static void drop_word(struct axis *a, int i) {
  free(a->words[i]);
  memmove(&a->words[i], &a->words[i + 1], sizeof *a->words * (size_t)(a->n - i - 1));
  a->n--;
}

/* A profile names what a complete build has; what this one lacks is warned of. What the user names must be there. */
static int drop_missing(struct maker *m) {
  struct axis *a = &m->axes.strategy;
  if (a->given) return 0;
  char **names;
  int n = catalog_names(&names);
  if (n < 0) sweep_out_of_memory();
  for (int i = 0; i < a->n;) {
    bool found = false;
    for (int k = 0; k < n; k++) found |= !strcmp(names[k], a->words[i]);
    if (found) {
      i++;
    } else {
      sweep_plan_warn(m->plan, "the profile's strategy %s is not built", a->words[i]);
      drop_word(a, i);
    }
  }
  catalog_free_names(names, n);
  return a->n ? 0
              : sweep_refuse(
                    "none of the profile's strategies is built; name others with --strategy (see reclaim list strategies)");
}

/* Opens the i-th strategy in every flavour that the allocators ask for. One that lacks a flavour is opened in the other: its cells are in
   the plan, with the reason why they cannot be run. */
static bool open_strategy(struct maker *m, int i, char *err, size_t nerr) {
  const struct axes *a = &m->axes;
  for (int k = 0; k < a->allocator.n; k++) {
    const char *name = a->strategy.words[i], *flavour = a->allocators[k].flavour, *other = is_malloc(flavour) ? "pool" : "malloc";
    if (!catalog_find_file(name, flavour, "") && catalog_find_file(name, other, "")) flavour = other;
    const reclaim_strategy **slot = &m->objects[i][is_malloc(flavour)];
    if (!*slot && !(*slot = catalog_open(name, flavour, err, nerr))) return false;
  }
  return true;
}

static int open_objects(struct maker *m) {
  struct axis *a = &m->axes.strategy;
  char err[1024];
  free(m->objects);
  m->objects = sweep_alloc((size_t)a->n, sizeof *m->objects);
  for (int i = 0; i < a->n;) {
    if (open_strategy(m, i, err, sizeof err)) {
      i++;
    } else if (!a->all) {
      return sweep_refuse("%s: %s", a->origin, err);
    } else {
      sweep_plan_warn(m->plan, "left out: %s", err);
      memset(m->objects[i], 0, sizeof *m->objects);
      drop_word(a, i);
    }
  }
  return a->n ? 0 : sweep_refuse("%s: no strategy can be used", a->origin);
}

/* Every workload of the strategies and of the packs, by its own name. */
static void add_all_workloads(struct maker *m) {
  struct axis *a = &m->axes.workload;
  char **packs;
  const reclaim_strategy *s = object(m, 0);
  int n = catalog_packs(&packs);
  if (n < 0) sweep_out_of_memory();
  for (int p = -1; p < n; p++) {
    if (p >= 0) s = catalog_open_any(packs[p]);
    for (int i = 0; s && i < s->nworkloads; i++) *sweep_push(a->words, a->n) = sweep_strdup(s->workloads[i]->name);
  }
  catalog_free_names(packs, n);
}

/* "all" is every workload there is; words of a profile that no strategy has are warned of. */
static int settle_workloads(struct maker *m) {
  struct axis *a = &m->axes.workload;
  if (a->n == 1 && !strcmp(a->words[0], "all")) {
    drop_word(a, 0);
    add_all_workloads(m);
  }
  for (int i = 0; i < a->n && !a->given;) {
    catalog_choice choice;
    char err[512];
    if (catalog_find_workload(object(m, 0), a->words[i], &choice, err, sizeof err)) {
      i++;
    } else {
      sweep_plan_warn(m->plan, "the profile's workload %s is not built", a->words[i]);
      drop_word(a, i);
    }
  }
  return 0;
}

/* --- --set and --where ------------------------------------------------------------------------------------------------------ */

static void add_name(const char ***names, int *n, const char *name) {
  for (int i = 0; i < *n; i++)
    if (!strcmp((*names)[i], name)) return;
  *sweep_push(*names, *n) = name;
}

/* Every parameter and tunable that a cell of these axes can have. */
static const char **param_names(const struct maker *m, int *n) {
  const char **names = NULL;
  *n = 0;
  for (int i = 0; i < m->axes.strategy.n; i++) {
    const reclaim_strategy *s = object(m, i);
    for (int flavour = 0; flavour < 2; flavour++) { /* each has tunables that the other has not */
      const reclaim_strategy *f = m->objects[i][flavour];
      for (int k = 0; f && k < f->ntunables; k++) add_name(&names, n, f->tunables[k].name);
    }
    for (int k = 0; k < m->axes.workload.n; k++) {
      catalog_choice c;
      char err[512];
      if (!catalog_find_workload(s, m->axes.workload.words[k], &c, err, sizeof err) &&
          !catalog_find_elsewhere(s, m->axes.workload.words[k], &c))
        continue;
      for (int j = 0; j < c.workload->nparams; j++) add_name(&names, n, c.workload->params[j].name);
    }
  }
  return names;
}

static int check_sets(const struct maker *m, const char *const *names, int n) {
  for (int i = 0; i < m->nsets; i++) {
    bool known = false;
    char hint[96];
    for (int k = 0; k < n; k++) known |= !strcmp(names[k], m->sets[i].name);
    if (!known)
      return sweep_refuse(
          "%s: '%s' is no parameter of these workloads and no tunable of these strategies%s (see reclaim list parameters)",
          m->sets[i].origin, m->sets[i].name, catalog_suggest(m->sets[i].name, names, n, hint, sizeof hint));
  }
  return 0;
}

static int read_where(struct maker *m, const struct sweep_options *o, const char **names, int n) {
  const struct sweep_value *v = &o->value[OPT_WHERE];
  char err[512];
  if (!v->text || m->where) return 0;
  const char **all = sweep_alloc((size_t)n + NAXES, sizeof *all);
  memcpy(all, axis_names, sizeof axis_names);
  if (n) memcpy(all + NAXES, names, sizeof *names * (size_t)n);
  m->where = sweep_where_parse(v->text, all, n + NAXES, err, sizeof err);
  free(all);
  return m->where ? 0 : sweep_refuse("%s: %s", v->origin, err);
}

static int read_sets(struct maker *m, const struct sweep_options *o) {
  if (o->nsets > MOST_SETS) return sweep_refuse("%s: more than %d parameters are set", o->sets[MOST_SETS].origin, MOST_SETS);
  for (int i = 0; i < o->nsets; i++) {
    struct setting s = {.name = o->sets[i].name, .origin = o->sets[i].origin};
    s.words = sweep_split(o->sets[i].values, &s.n);
    *sweep_push(m->sets, m->nsets) = s;
    if (!s.n) return sweep_refuse("%s: '%s' has no value", s.origin, s.name);
  }
  return 0;
}

/* --- One product of the profile --------------------------------------------------------------------------------------------- */

/* That objects were made alike is what makes them comparable. */
static void warn_of_objects(struct maker *m) {
  const reclaim_strategy *first = object(m, 0);
  for (int i = 0; i < 2 * m->axes.strategy.n; i++) {
    const reclaim_strategy *s = m->objects[i / 2][i % 2];
    if (!s) continue;
    if (strcmp(s->build, first->build))
      sweep_plan_warn(m->plan, "%s was built by %s, %s by %s", s->name, s->build, first->name, first->build);
    if (*s->source && strcmp(s->source, sweep_program_commit()))
      sweep_plan_warn(m->plan, "%s was compiled with the runtime of commit %s, and this is %s: build it anew", s->name, s->source,
                      sweep_program_commit());
  }
}

static int add_part(struct maker *m, const struct sweep_options *o, const struct sweep_profile *profile, bool extra) {
  const struct sweep_machine machine = {cell_pus(m->topology), cell_cores(m->topology)};
  sweep_axes_free(&m->axes);
  int rc = sweep_axes_read(&m->axes, o, profile, extra, &machine), n = 0;
  if (!rc) rc = drop_missing(m);
  if (!rc) rc = open_objects(m);
  if (!rc) rc = settle_workloads(m);
  if (rc || !m->axes.workload.n) return rc;
  warn_of_objects(m);
  const char **names = param_names(m, &n);
  rc = extra ? 0 : check_sets(m, names, n);
  if (!rc) rc = read_where(m, o, names, n);
  free(names);
  return rc ? rc : multiply(m);
}

static int check_found(const struct maker *m, const struct sweep_options *o) {
  const struct sweep_plan *p = m->plan;
  if (!p->ncells && m->matched && m->where)
    return sweep_refuse("%s: none of the %d cells is left", o->value[OPT_WHERE].origin, m->matched);
  if (!p->ncells) return sweep_refuse("the sweep has no cell: none of the profile's workloads is built");
  if (!p->nruns) return sweep_refuse("none of the %d cells can be run: %s", p->ncells, p->cells[0].reason);
  return 0;
}

/* --- The numbers ------------------------------------------------------------------------------------------------------------ */

static uint64_t seed_from_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  uint64_t state = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + ((uint64_t)getpid() << 40);
  return sweep_random(&state) >> 12; /* 52 bits: exact in every reader of JSON and CSV */
}

/* "5", "5%" or "2.5%" of (0, 1000] as a part. */
static int read_effect(const struct sweep_value *v, double *out) {
  char *end;
  double percent = strtod(v->text, &end);
  if (*end == '%') end++;
  if (!*end && end != v->text && percent > 0 && percent <= 1000) return *out = percent / 100, 0;
  return sweep_refuse("%s: '%s' is no difference in per cent (allowed: above 0, up to 1000)", v->origin, v->text);
}

/* --blocks, --effect, --most-blocks. */
static int read_blocks(struct sweep_plan *p, const struct sweep_options *o, const struct sweep_profile *profile) {
  const struct sweep_value *blocks = &o->value[OPT_BLOCKS], *effect = &o->value[OPT_EFFECT], *most = &o->value[OPT_MOST_BLOCKS];
  bool automatic = blocks->text && !strcmp(blocks->text, "auto");
  int64_t n, limit;
  p->effect = SIZING_EFFECT;
  if (!automatic && (effect->text || most->text))
    return sweep_refuse("%s has a meaning with --blocks auto alone", effect->text ? effect->origin : most->origin);
  if (automatic) {
    p->pilot = SIZING_PILOT;
    if (!sweep_option_number(o, OPT_MOST_BLOCKS, STATS_INTERVAL_FROM, 100000, SIZING_MOST, &limit)) return SWEEP_BAD_INPUT;
    p->most_blocks = (int)limit;
    return effect->text ? read_effect(effect, &p->effect) : 0;
  }
  if (!sweep_option_number(o, OPT_BLOCKS, 1, 100000, profile->blocks, &n)) return SWEEP_BAD_INPUT;
  p->blocks = (int)n;
  return 0;
}

/* "2/3": the second of three. Parts that are to be put together must have one seed. */
static int read_shard(struct sweep_plan *p, const struct sweep_options *o) {
  const struct sweep_value *v = &o->value[OPT_SHARD];
  int i, n, used = 0;
  p->shards = 1;
  if (!v->text) return 0;
  if (sscanf(v->text, "%9d/%9d%n", &i, &n, &used) != 2 || v->text[used] || i < 1 || i > n)
    return sweep_refuse("%s: '%s' is not of the form I/N (as 2/3: the second of three)", v->origin, v->text);
  if (!o->value[OPT_SEED].text)
    return sweep_refuse("%s: give --seed, too, and the same one to all of the %d: it orders the blocks", v->origin, n);
  if (p->pilot) return sweep_refuse("%s: --blocks auto would size each part for itself; size once, and give --blocks", v->origin);
  if (n > p->blocks) return sweep_refuse("%s: there are %d blocks, and a part has at least one", v->origin, p->blocks);
  p->shard = i - 1, p->shards = n;
  return 0;
}

static int read_numbers(struct maker *m, const struct sweep_options *o, const struct sweep_profile *profile) {
  struct sweep_plan *p = m->plan;
  int64_t warmup, iterations, gc, seed, timeout, limit, repeats;
  uint64_t room = sweep_memory_default_limit();
  int64_t most = INT64_MAX / 2, def_limit = room < (uint64_t)most ? (int64_t)room : most;
  int rc = read_blocks(p, o, profile);
  if (!rc) rc = read_shard(p, o);
  if (rc) return rc;
  if (!sweep_option_number(o, OPT_WARMUP, 0, 100000, profile->warmup, &warmup) ||
      !sweep_option_number(o, OPT_ITERATIONS, 1, 100000, profile->iterations, &iterations) ||
      !sweep_option_number(o, OPT_GC_THREADS, 1, 4096, 0, &gc) || !sweep_option_number(o, OPT_SEED, 0, INT64_MAX, -1, &seed) ||
      !sweep_option_number(o, OPT_TIMEOUT, 1, 1000000, profile->timeout_s, &timeout) ||
      !sweep_option_number(o, OPT_MEMORY_LIMIT, 1 << 20, most, def_limit, &limit) ||
      !sweep_option_number(o, OPT_REPEATS, 0, 100000, profile->repeats, &repeats))
    return SWEEP_BAD_INPUT;
  p->sides = 1, p->gc_threads = (int)gc, p->repeats = (int)repeats;
  p->warmup = m->warmup = (int)warmup, p->iterations = m->iterations = (int)iterations;
  p->seed = seed < 0 ? seed_from_clock() : (uint64_t)seed;
  p->timeout_s = (double)timeout, p->memory_limit = (uint64_t)limit;
  p->keep_env = sweep_option_on(o, OPT_KEEP_ENV), p->oversubscribe = sweep_option_on(o, OPT_OVERSUBSCRIBE);
  p->profile = sweep_strdup(profile->name);
  return 0;
}

static int settle_baseline(struct sweep_plan *p, const struct sweep_options *o) {
  const struct sweep_value *v = &o->value[OPT_BASELINE];
  const char *wanted = v->text ? v->text : "rc", **names = NULL;
  int n = 0, rc = 0;
  bool found = false;
  char hint[96];
  for (int i = 0; i < p->ncells; i++) add_name(&names, &n, p->cells[i].strategy);
  for (int i = 0; i < n; i++) found |= !strcmp(names[i], wanted);
  if (found || !v->text)
    p->baseline = sweep_strdup(found ? wanted : names[0]);
  else
    rc = sweep_refuse("%s: '%s' is no strategy of this sweep%s", v->origin, wanted,
                      catalog_suggest(wanted, names, n, hint, sizeof hint));
  free(names);
  return rc;
}

/* --- The whole -------------------------------------------------------------------------------------------------------------- */

static const struct sweep_profile *find_profile(const struct sweep_options *o) {
  const struct sweep_value *v = &o->value[OPT_PROFILE];
  const struct sweep_profile *found = sweep_profile_find(v->text ? v->text : sweep_profile_name(0));
  if (found) return found;
  const char *names[16];
  char hint[64];
  int n = 0;
  while (n < 16 && sweep_profile_name(n)) names[n] = sweep_profile_name(n), n++;
  sweep_say("%s: unknown profile '%s'%s (allowed: quick, ci, full)", v->origin, v->text,
            catalog_suggest(v->text, names, n, hint, sizeof hint));
  return NULL;
}

static int use_plugins(struct sweep_plan *p, const struct sweep_options *o) {
  const struct sweep_value *v = &o->value[OPT_PLUGIN_PATH];
  char err[1024];
  p->trust_owners = sweep_option_on(o, OPT_TRUST_OWNERS);
  if (p->trust_owners) catalog_trust_owners();
  return !v->text || catalog_use_plugins(v->text, err, sizeof err) ? 0 : sweep_refuse("%s: %s", v->origin, err);
}

static int make(struct maker *m, const struct sweep_options *o) {
  struct sweep_plan *p = m->plan;
  char err[256];
  const struct sweep_profile *profile = find_profile(o);
  if (!profile) return SWEEP_BAD_INPUT;
  if (cell_topology_load(&m->topology, err, sizeof err)) return sweep_refuse("the machine's topology: %s", err);
  p->pus = cell_pus(m->topology);
  int rc = read_numbers(m, o, profile);
  if (!rc) rc = read_sets(m, o);
  if (!rc) rc = add_part(m, o, profile, false);
  if (!rc && sweep_axes_extra(o, profile)) rc = add_part(m, o, profile, true);
  for (int i = 0; i < p->ncells; i++)
    if (!p->cells[i].reason) *sweep_push(p->runs, p->nruns) = i;
  if (!rc) rc = check_found(m, o);
  if (!rc && sweep_plan_invocations(p) > JOURNAL_MOST)
    rc = sweep_refuse(
        "%d cells in %d blocks are more than a sweep can have (allowed: %d invocations, those that are run once more included)",
        p->nruns, p->pilot + (p->blocks ? p->blocks : p->most_blocks), JOURNAL_MOST);
  if (!rc) rc = sweep_objects_hash(p);
  return rc ? rc : settle_baseline(p, o);
}

int sweep_plan_make(struct sweep_plan *p, const struct sweep_options *o) {
  *p = (struct sweep_plan){0};
  struct maker m = {.plan = p};
  int rc = use_plugins(p, o);
  if (!rc) rc = make(&m, o);
  for (int i = 0; i < m.nsets; i++) sweep_free_words(m.sets[i].words, m.sets[i].n);
  free(m.sets);
  free(m.objects);
  sweep_axes_free(&m.axes);
  sweep_where_free(m.where);
  tdestroy(m.seen, free);
  if (m.topology) hwloc_topology_destroy(m.topology);
  return rc;
}
