/* axes.c: words into axes. Every word is checked on its own here, before the product is formed, so that a mistake is told once
   and with its place. */
#include "axes.h"

#include "harness/cell/pin.h"
#include "harness/sweep/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 4096 };

/* --- Profiles --------------------------------------------------------------------------------------------------------------- */

#define FIVE_STRATEGIES "rc,rc-gil,rc-atomic,mark-sweep,generational"
#define FOUR_WORKLOADS  "lists,dicts,generators,trees"

/* What `quick` and `ci` share: all private, and the one workload with a lock in its heart shared, where every core is in it. */
#define FIVE_BY_FOUR                                                                                                             \
  .strategies = FIVE_STRATEGIES, .workloads = FOUR_WORKLOADS, .sharing = "private", .threads = "1,max", .allocators = "pool",    \
  .heaps = "3x", .pins = "compact", .extra_workloads = "dicts", .extra_sharing = "shared-write", .extra_threads = "max",         \
  .warmup = 1, .iterations = 5, .timeout_s = 120

static const struct sweep_profile profiles[] = {
    {.name = "quick", .blocks = 6, .repeats = 1, FIVE_BY_FOUR},
    {.name = "ci", .blocks = 20, .repeats = -1, FIVE_BY_FOUR},
    {.name = "full",
     .strategies = "all",
     .workloads = "all",
     .sharing = "all",
     .threads = "all",
     .allocators = "all",
     .heaps = "3x,6x,grow",
     .pins = "compact",
     .blocks = 20,
     .warmup = 1,
     .iterations = 5,
     .timeout_s = 600,
     .repeats = -1},
};
enum { NPROFILES = sizeof profiles / sizeof *profiles };

const struct sweep_profile *sweep_profile_find(const char *name) {
  for (int i = 0; i < NPROFILES; i++)
    if (!strcmp(profiles[i].name, name)) return &profiles[i];
  return NULL;
}

const char *sweep_profile_name(int n) { return n >= 0 && n < NPROFILES ? profiles[n].name : NULL; }

bool sweep_axes_extra(const struct sweep_options *o, const struct sweep_profile *profile) {
  return profile->extra_workloads && !o->value[OPT_WORKLOAD].text && !o->value[OPT_SHARING].text && !o->value[OPT_THREADS].text;
}

/* --- Words ------------------------------------------------------------------------------------------------------------------ */

static bool is_all(const struct axis *a) { return a->n == 1 && !strcmp(a->words[0], "all"); }

static int read_words(struct axis *a, const struct sweep_options *o, enum sweep_option id, const char *fallback) {
  const struct sweep_value *v = &o->value[id];
  a->given = v->text != NULL;
  a->origin = a->given ? v->origin : "the profile";
  a->words = sweep_split(a->given ? v->text : fallback, &a->n);
  if (!a->n) return sweep_refuse("%s: the list is empty", a->origin);
  for (int i = 0; i < a->n; i++)
    for (int k = 0; k < i; k++)
      if (!strcmp(a->words[i], a->words[k])) return sweep_refuse("%s: '%s' is given twice", a->origin, a->words[i]);
  return 0;
}

/* Puts `words` in place of "all". */
static void replace_words(struct axis *a, char **words, int n) {
  sweep_free_words(a->words, a->n);
  a->words = words;
  a->n = n;
}

static int read_strategies(struct axis *a) {
  if (!(a->all = is_all(a))) return 0;
  char **names;
  int n = catalog_names(&names);
  if (n < 0) sweep_out_of_memory();
  if (n > 0) return replace_words(a, names, n), 0;
  catalog_free_names(names, n);
  return sweep_refuse("%s: no strategy is built (looked beside the program, in --plugin-path and in RECLAIM_PLUGIN_PATH)",
                      a->origin);
}

static int read_modes(struct axes *x) {
  char err[256];
  x->own_modes = is_all(&x->sharing);
  if (x->own_modes) {
    char **words = NULL;
    int n = 0;
    for (int i = 0; i < 4; i++) *sweep_push(words, n) = sweep_strdup(catalog_sharing_names[i]);
    replace_words(&x->sharing, words, n);
  }
  x->modes = sweep_alloc((size_t)x->sharing.n, sizeof *x->modes);
  for (int i = 0; i < x->sharing.n; i++)
    if (!(x->modes[i] = catalog_parse_sharing(x->sharing.words[i], err, sizeof err)))
      return sweep_refuse("%s: %s", x->sharing.origin, err);
  return 0;
}

static void add_threads(struct axes *x, int n) {
  for (int i = 0; i < x->nthread_counts; i++)
    if (x->thread_counts[i] == n) return;
  *sweep_push(x->thread_counts, x->nthread_counts) = n;
}

static int read_threads(struct axes *x, const struct sweep_machine *m, bool oversubscribe) {
  const struct axis *a = &x->threads;
  for (int i = 0; i < a->n; i++) {
    char *end;
    long n = strtol(a->words[i], &end, 10);
    if (!strcmp(a->words[i], "all")) {
      for (int k = 1; k < m->cores; k *= 2) add_threads(x, k);
      n = m->cores;
    } else if (!strcmp(a->words[i], "max")) {
      n = m->cores;
    } else if (*end || n < 1 || n > MOST_THREADS) {
      return sweep_refuse("%s: '%s' is no number of threads (allowed: 1 to %d, max, all)", a->origin, a->words[i], MOST_THREADS);
    }
    if (n > m->pus && !oversubscribe)
      return sweep_refuse(
          "%s: %ld threads are more than the %d CPUs allowed here (--oversubscribe allows it, marked in the rows)", a->origin, n,
          m->pus);
    add_threads(x, (int)n);
  }
  return 0;
}

static int read_allocators(struct axes *x) {
  struct axis *a = &x->allocator;
  char err[640];
  if (is_all(a)) {
    char **words = NULL;
    int n = 0;
    catalog_allocator found;
    for (int i = 0; catalog_allocator_name(i, NULL); i++)
      if (catalog_find_allocator(catalog_allocator_name(i, NULL), &found, err, sizeof err))
        *sweep_push(words, n) = sweep_strdup(catalog_allocator_name(i, NULL));
    replace_words(a, words, n);
  }
  x->allocators = sweep_alloc((size_t)a->n, sizeof *x->allocators);
  for (int i = 0; i < a->n; i++)
    if (!catalog_find_allocator(a->words[i], &x->allocators[i], err, sizeof err)) return sweep_refuse("%s: %s", a->origin, err);
  return 0;
}

static int read_heaps(struct axes *x) {
  char err[256];
  x->heaps = sweep_alloc((size_t)x->heap.n, sizeof *x->heaps);
  for (int i = 0; i < x->heap.n; i++)
    if (!catalog_parse_heap(x->heap.words[i], &x->heaps[i], err, sizeof err)) return sweep_refuse("%s: %s", x->heap.origin, err);
  return 0;
}

static int read_pins(const struct axis *a) {
  for (int i = 0; i < a->n; i++) {
    bool known = false;
    char hint[64];
    for (int k = 0; k < PIN_POLICIES; k++) known |= !strcmp(a->words[i], cell_pin_names[k]);
    if (!known)
      return sweep_refuse("%s: unknown pinning '%s'%s (allowed: compact, scatter, numa, none)", a->origin, a->words[i],
                          catalog_suggest(a->words[i], cell_pin_names, PIN_POLICIES, hint, sizeof hint));
  }
  return 0;
}

/* --- All -------------------------------------------------------------------------------------------------------------------- */

int sweep_axes_read(struct axes *a, const struct sweep_options *o, const struct sweep_profile *p, bool extra,
                    const struct sweep_machine *m) {
  *a = (struct axes){0};
  int rc = read_words(&a->strategy, o, OPT_STRATEGY, p->strategies);
  if (!rc) rc = read_words(&a->workload, o, OPT_WORKLOAD, extra ? p->extra_workloads : p->workloads);
  if (!rc) rc = read_words(&a->sharing, o, OPT_SHARING, extra ? p->extra_sharing : p->sharing);
  if (!rc) rc = read_words(&a->threads, o, OPT_THREADS, extra ? p->extra_threads : p->threads);
  if (!rc) rc = read_words(&a->allocator, o, OPT_ALLOCATOR, p->allocators);
  if (!rc) rc = read_words(&a->heap, o, OPT_HEAP, p->heaps);
  if (!rc) rc = read_words(&a->pin, o, OPT_PIN, p->pins);
  if (!rc) rc = read_strategies(&a->strategy);
  if (!rc) rc = read_modes(a);
  if (!rc) rc = read_threads(a, m, sweep_option_on(o, OPT_OVERSUBSCRIBE));
  if (!rc) rc = read_allocators(a);
  if (!rc) rc = read_heaps(a);
  return rc ? rc : read_pins(&a->pin);
}

void sweep_axes_free(struct axes *a) {
  struct axis *all[] = {&a->strategy, &a->workload, &a->sharing, &a->threads, &a->allocator, &a->heap, &a->pin};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) sweep_free_words(all[i]->words, all[i]->n);
  free(a->allocators);
  free(a->heaps);
  free(a->thread_counts);
  free(a->modes);
  *a = (struct axes){0};
}

bool sweep_option_number(const struct sweep_options *o, enum sweep_option id, int64_t min, int64_t max, int64_t def,
                         int64_t *out) {
  const struct sweep_value *v = &o->value[id];
  bool bytes = id == OPT_MEMORY_LIMIT;
  const reclaim_param p = {sweep_option_name(id), "", bytes ? "bytes" : "", def, min, max, NULL};
  char err[256];
  *out = def;
  if (!v->text || catalog_parse_value(&p, v->text, out, err, sizeof err)) return true;
  const char *what = strchr(err, ':'); /* the origin names the option already */
  sweep_say("%s%s", v->origin, what ? what : err);
  return false;
}
