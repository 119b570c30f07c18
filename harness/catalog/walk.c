/* walk.c: see walk.h. The limits are far above what anyone needs: they tell a table from garbage. */
#include "walk.h"

#include "harness/catalog/catalog.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARAMS = 256, MOST_CHOICES = 256, MOST_WORKLOADS = 256, MOST_SETTINGS = 256, LONGEST_NAME = 48, LONGEST_TEXT = 4000 };
enum { ALL_CAPABILITIES = (RECLAIM_CONSERVATIVE << 1) - 1, ALL_MODES = (RECLAIM_HAND_OFF << 1) - 1 };
#define SMALL_HEAP ((uint64_t)64 << 20)

const char *catalog_glance(const reclaim_strategy *s, const catalog_file *f) {
  if (!s) return "its descriptor is empty";
  if (s->abi != RECLAIM_ABI || s->size != sizeof *s) return "it was built for another version of this program";
  if (!s->name || strcmp(s->name, f->strategy)) return "it holds a strategy of another name";
  if (!s->flavour || strcmp(s->flavour, f->flavour)) return "it holds another flavour";
  if (!s->pack || strcmp(s->pack, f->pack)) return "it holds another pack of workloads";
  if (!s->open || !s->close || !s->attach || !s->detach || !s->run || !s->collect || !s->stats || !s->reset_stats)
    return "an entry point is missing";
  if (s->nworkloads < 1 || s->nworkloads > MOST_WORKLOADS || !s->workloads) return "its number of workloads is out of range";
  for (int i = 0; i < s->nworkloads; i++)
    if (!s->workloads[i] || !s->workloads[i]->name || !s->workloads[i]->sharing) return "a workload of it is incomplete";
  return NULL;
}

struct walk {
  void (*at)(const char *format, ...);
  char *fault;
  size_t nfault;
};

static bool wrong(struct walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct walk *w, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(w->fault, w->nfault, format, arguments);
  va_end(arguments);
  return false;
}

/* --- Texts ---------------------------------------------------------------------------------------------------------------------- */

/* A line that people read, and that files in UTF-8 can hold. */
static bool check_text(struct walk *w, const char *what, const char *text) {
  if (!text) return wrong(w, "%s is missing", what);
  if (strnlen(text, LONGEST_TEXT + 1) > LONGEST_TEXT) return wrong(w, "%s is longer than %d bytes", what, LONGEST_TEXT);
  for (const char *p = text; *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7F) return wrong(w, "%s holds a control character", what);
  json_t *utf8 = json_string(text);
  if (!utf8) return wrong(w, "%s is not UTF-8", what);
  json_decref(utf8);
  return true;
}

/* A word that command lines, lists and files can name. `more`: characters allowed beside letters, digits and '-'. */
static bool check_word(struct walk *w, const char *what, const char *word, const char *more) {
  if (!check_text(w, what, word)) return false;
  size_t n = strlen(word);
  for (size_t i = 0; i < n; i++) {
    char c = word[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && !(i && strchr("-", c)) && !strchr(more, c))
      return wrong(w, "%s '%.60s' is no name: letters, digits and '-'", what, word);
  }
  return n && n <= LONGEST_NAME ? true : wrong(w, "%s '%.60s' is empty or too long for a name", what, word);
}
static bool check_name(struct walk *w, const char *what, const char *name) {
  if (!check_word(w, what, name, "_")) return false;
  return strcmp(name, "all") ? true : wrong(w, "%s is called 'all'", what);
}

/* --- Parameters ------------------------------------------------------------------------------------------------------------------- */

static bool check_choices(struct walk *w, const reclaim_param *p) {
  if (p->min != 0 || p->max < 0 || p->max >= MOST_CHOICES) return wrong(w, "the range of '%s' does not fit its choices", p->name);
  for (int64_t i = 0; i <= p->max; i++)
    if (!check_word(w, "a choice", p->choices[i], "_./")) return false;
  return true;
}

static bool check_params(struct walk *w, const char *kind, const char *of, const reclaim_param *params, int n) {
  if (n < 0 || n > MOST_PARAMS || (n && !params)) return wrong(w, "the number of %ss of '%s' is out of range (%d)", kind, of, n);
  for (int i = 0; i < n; i++) {
    const reclaim_param *p = &params[i];
    w->at("reading %s %d of '%.60s'", kind, i, of);
    if (!check_name(w, kind, p->name)) return false;
    if (!check_text(w, "a line of help", p->summary) || !check_text(w, "a unit", p->unit)) return false;
    if (p->min > p->max || p->def < p->min || p->def > p->max)
      return wrong(w, "the default of '%s' is not in its range", p->name);
    if (p->choices && !check_choices(w, p)) return false;
    for (int k = 0; k < i; k++)
      if (!strcmp(params[k].name, p->name)) return wrong(w, "'%s' has two %ss called '%s'", of, kind, p->name);
  }
  return true;
}

/* --- Workloads --------------------------------------------------------------------------------------------------------------------- */

/* Calls what only computes, in every mode, alone and in company. */
static bool call(struct walk *w, const reclaim_workload *l, const int64_t *values) {
  for (uint32_t mode = RECLAIM_PRIVATE; mode <= RECLAIM_HAND_OFF; mode <<= 1)
    for (int threads = 1; threads <= 4 && l->sharing & mode; threads += 3) {
      w->at("calling refuse of '%.60s'", l->name);
      const char *refusal = l->refuse ? l->refuse(values, threads, mode) : NULL;
      if (refusal && !check_text(w, "a refusal", refusal)) return false;
      w->at("calling live_bytes of '%.60s'", l->name);
      if (l->live_bytes) (void)l->live_bytes(values, threads, mode);
      w->at("calling makes_cycles of '%.60s'", l->name);
      if (l->makes_cycles) (void)l->makes_cycles(values);
    }
  return true;
}

static bool check_calls(struct walk *w, const reclaim_workload *l) {
  int64_t values[MOST_PARAMS];
  char why[400];
  catalog_defaults(l->params, l->nparams, values);
  if (!call(w, l, values)) return false;
  for (int i = 0; i < l->nsettings; i++) {
    catalog_choice c = {.workload = l, .setting = &l->settings[i]};
    if (!catalog_choice_params(&c, values, why, sizeof why)) return wrong(w, "the setting '%s': %s", l->settings[i].name, why);
    if (!call(w, l, values)) return false;
  }
  for (int i = 0; i < l->nparams; i++) values[i] = l->params[i].min;
  return call(w, l, values);
}

/* Adds a name to the contents, each once. */
static bool add_name(struct walk *w, char *contents, size_t ncontents, const char *name) {
  size_t n = strlen(contents), length = strlen(name);
  for (const char *p = contents; (p = strstr(p, name)); p += length)
    if ((p == contents || p[-1] == '\n') && p[length] == '\n') return wrong(w, "two workloads or settings are called '%s'", name);
  if (n + length + 2 > ncontents) return wrong(w, "it has more workloads than this program can list");
  snprintf(contents + n, ncontents - n, "%s\n", name);
  return true;
}

static bool check_settings(struct walk *w, const reclaim_workload *l, char *contents, size_t ncontents) {
  if (l->nsettings < 0 || l->nsettings > MOST_SETTINGS || (l->nsettings && !l->settings))
    return wrong(w, "the number of settings of '%s' is out of range (%d)", l->name, l->nsettings);
  for (int i = 0; i < l->nsettings; i++) {
    const reclaim_setting *g = &l->settings[i];
    w->at("reading setting %d of '%.60s'", i, l->name);
    if (!check_name(w, "a setting", g->name) || !check_text(w, "a line of help", g->summary)) return false;
    if (g->values && !check_text(w, "the values of a setting", g->values)) return false;
    if (g->sharing & ~l->sharing) return wrong(w, "the setting '%s' has a mode that '%s' has not", g->name, l->name);
    if (!add_name(w, contents, ncontents, g->name)) return false;
  }
  return true;
}

static bool check_workload(struct walk *w, const reclaim_workload *l, char *contents, size_t ncontents) {
  if (!check_name(w, "a workload", l->name) || !check_text(w, "a line of help", l->summary)) return false;
  w->at("reading workload '%.60s'", l->name);
  if ((l->probes && !check_text(w, "what it probes", l->probes)) || !check_text(w, "its operation", l->operation)) return false;
  if (!l->sharing || l->sharing & ~(uint32_t)ALL_MODES || l->known_lifetimes & ~l->sharing)
    return wrong(w, "the sharing modes of '%s' are out of range", l->name);
  return add_name(w, contents, ncontents, l->name) && check_params(w, "parameter", l->name, l->params, l->nparams) &&
         check_settings(w, l, contents, ncontents) && check_calls(w, l);
}

/* --- A heap ------------------------------------------------------------------------------------------------------------------------ */

static struct walk *opening; /* fail() has no argument to find it by */
static void on_fail(enum reclaim_failure why, const char *reason) {
  opening->at("giving up in a heap of %d MiB (%d: %.200s)", (int)(SMALL_HEAP >> 20), (int)why, reason ? reason : "no reason");
  abort();
}

/* Opens a heap, has one thread collect in it, and closes it. */
static bool try_heap(struct walk *w, const reclaim_strategy *s) {
  int64_t params[MOST_PARAMS], tunables[MOST_PARAMS];
  const reclaim_workload *l = s->workloads[0];
  catalog_defaults(l->params, l->nparams, params);
  catalog_defaults(s->tunables, s->ntunables, tunables);
  const reclaim_config config = {.workload = l,
                                 .params = params,
                                 .tunables = tunables,
                                 .sharing = RECLAIM_PRIVATE,
                                 .threads = 1,
                                 .collector_threads = 1,
                                 .seed = 1,
                                 .heap_limit_bytes = s->capabilities & RECLAIM_HEAP_LIMIT ? SMALL_HEAP : 0,
                                 .fail = on_fail};
  static reclaim_stats stats;
  opening = w;
  w->at("opening a heap");
  reclaim_heap *h = s->open(&config);
  if (!h) return wrong(w, "a heap of %d MiB could not be opened", (int)(SMALL_HEAP >> 20));
  w->at("attaching a thread");
  reclaim_thread *t = s->attach(h, 0);
  if (!t) return wrong(w, "a thread could not be attached");
  w->at("collecting in an empty heap");
  s->reset_stats(h);
  s->collect(t);
  w->at("reading its statistics");
  s->stats(h, &stats);
  if (stats.ncounters < 0 || stats.ncounters > RECLAIM_COUNTERS) return wrong(w, "its number of counters is out of range");
  for (int i = 0; i < stats.ncounters; i++)
    if (!check_name(w, "a counter", stats.counters[i].name)) return false;
  w->at("closing a heap");
  s->detach(t);
  s->close(h);
  return true;
}

bool catalog_walk(const reclaim_strategy *s, void (*at)(const char *format, ...), char *contents, size_t ncontents, char *fault,
                  size_t nfault) {
  struct walk w = {at, fault, nfault};
  *contents = 0;
  at("reading its description");
  if (!check_name(&w, "its name", s->name) || !check_text(&w, "its line of help", s->summary) ||
      !check_text(&w, "its build", s->build) || !check_text(&w, "its source", s->source))
    return false;
  if (s->capabilities & ~(uint32_t)ALL_CAPABILITIES) return wrong(&w, "it has capabilities that this program does not know");
  if (!check_params(&w, "tunable", s->name, s->tunables, s->ntunables)) return false;
  for (int i = 0; i < s->nworkloads; i++) {
    at("reading workload %d", i);
    if (!check_workload(&w, s->workloads[i], contents, ncontents)) return false;
  }
  return try_heap(&w, s);
}
