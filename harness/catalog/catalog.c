/* catalog.c: opening strategy objects, and looking names up in their tables.

   An object is trusted only after its descriptor's first two words (abi, size) match this build: they come first in every
   version of the struct, so that an object from another version is refused by name and not by a crash. A plug-in is tried in a
   child before that (probe.h). */
#include "catalog.h"

#include "harness/catalog/folders.h"
#include "harness/catalog/probe.h"
#include "harness/catalog/walk.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool load_untried;
void catalog_load_untried(void) { load_untried = true; }

bool catalog_use_plugins(const char *list, char *err, size_t nerr) { return catalog_add_folders(list, ',', false, err, nerr); }

/* --- Names ------------------------------------------------------------------------------------------------------------------- */

/* The names in one field of the files, each once, sorted: of strategies, or of packs. */
static int collect_names(char ***names, bool packs) {
  catalog_file *const *files;
  int n = catalog_files(&files), kept = 0;
  *names = n < 0 ? NULL : malloc(sizeof **names * (size_t)(n + 1));
  if (!*names) return -1;
  for (int i = 0; i < n; i++) {
    const char *name = packs ? files[i]->pack : files[i]->strategy;
    bool known = packs != (*files[i]->pack != 0);
    for (int k = 0; k < kept && !known; k++) known = !strcmp((*names)[k], name);
    if (known) continue;
    char *copy = strdup(name);
    if (!copy) {
      catalog_free_names(*names, kept);
      return *names = NULL, -1;
    }
    int at = kept++;
    for (; at && strcmp((*names)[at - 1], copy) > 0; at--) (*names)[at] = (*names)[at - 1];
    (*names)[at] = copy;
  }
  return kept;
}

int catalog_names(char ***names) { return collect_names(names, false); }
int catalog_packs(char ***names) { return collect_names(names, true); }

void catalog_free_names(char **names, int n) {
  for (int i = 0; names && i < n; i++) free(names[i]);
  free(names);
}

/* --- Opening ---------------------------------------------------------------------------------------------------------------- */

/* Finds out what can be found out without loading the file here; false when it is not to be used. */
static bool try_file(catalog_file *f) {
  if (!f->fault && !f->contents && !f->loaded) catalog_probe(f);
  return !f->fault;
}

static void load(catalog_file *f) {
  void *object = dlopen(f->path, RTLD_NOW | RTLD_LOCAL);
  if (!object) {
    const char *why = dlerror();
    catalog_condemn(f, "it cannot be loaded: %s", why ? why : "no reason");
    return;
  }
  reclaim_descriptor_fn *descriptor;
  *(void **)&descriptor = dlsym(object, RECLAIM_DESCRIPTOR_SYMBOL);
  const reclaim_strategy *s = descriptor ? descriptor() : NULL;
  const char *fault = descriptor ? catalog_glance(s, f) : "it is not a strategy object";
  if (fault) {
    catalog_condemn(f, "%s", fault);
    dlclose(object);
  } else {
    f->loaded = s;
  }
}

static const reclaim_strategy *open_file(catalog_file *f, char *err, size_t nerr) {
  if (!f->loaded && !f->fault && (!f->plugin || load_untried || try_file(f))) load(f);
  if (f->fault) snprintf(err, nerr, "%s cannot be used: %s", f->path, f->fault);
  return f->fault ? NULL : f->loaded;
}

static void say_unknown(const char *name, const char *flavour, char *err, size_t nerr) {
  char **names, hint[128];
  int n = catalog_names(&names);
  if (catalog_lacks_memory())
    snprintf(err, nerr, "out of memory while looking for strategies");
  else if (catalog_find_file(name, NULL, ""))
    snprintf(err, nerr, "strategy '%s' was not built in the flavour '%s'", name, flavour);
  else if (n <= 0)
    snprintf(
        err, nerr,
        "unknown strategy '%s': no strategy is built (looked beside the program, in --plugin-path and in RECLAIM_PLUGIN_PATH)",
        name);
  else
    snprintf(err, nerr, "unknown strategy '%s'%s", name, catalog_suggest(name, (const char *const *)names, n, hint, sizeof hint));
  if (n >= 0) catalog_free_names(names, n);
}

const reclaim_strategy *catalog_open(const char *name, const char *flavour, char *err, size_t nerr) {
  catalog_file *f = catalog_find_file(name, flavour, "");
  if (f) return open_file(f, err, nerr);
  say_unknown(name, flavour, err, nerr);
  return NULL;
}

const reclaim_strategy *catalog_open_pack(const char *name, const char *flavour, const char *pack, char *err, size_t nerr) {
  catalog_file *f = catalog_find_file(name, flavour, pack);
  if (f) return open_file(f, err, nerr);
  snprintf(err, nerr, "pack '%s' has no object for strategy '%s' in the flavour '%s'", pack, name, flavour);
  return NULL;
}

const reclaim_strategy *catalog_open_any(const char *pack) {
  catalog_file *const *files;
  char ignored[64];
  const reclaim_strategy *object = NULL;
  int n = catalog_files(&files);
  for (int i = 0; i < n && !object; i++)
    if (*pack && !strcmp(files[i]->pack, pack)) object = open_file(files[i], ignored, sizeof ignored);
  return object;
}

static const catalog_file *file_of(const reclaim_strategy *s) {
  catalog_file *const *files;
  int n = catalog_files(&files);
  for (int i = 0; i < n; i++)
    if (files[i]->loaded == s) return files[i];
  return NULL;
}
const char *catalog_path(const reclaim_strategy *s) { return file_of(s) ? file_of(s)->path : ""; }
bool catalog_is_plugin(const reclaim_strategy *s) { return file_of(s) && file_of(s)->plugin; }

const char *catalog_fault(int n, const char **path) {
  catalog_file *const *files;
  int all = catalog_files(&files);
  for (int i = 0; i < all; i++) {
    catalog_file *f = files[i];
    if (f->plugin && !load_untried) try_file(f);
    if (!f->fault || n--) continue;
    *path = f->path;
    return f->fault;
  }
  return NULL;
}

/* --- Workloads -------------------------------------------------------------------------------------------------------------- */

static bool find_choice(const reclaim_strategy *s, const char *name, catalog_choice *out) {
  for (int i = 0; i < s->nworkloads; i++) {
    const reclaim_workload *w = s->workloads[i];
    if (!strcmp(w->name, name)) return *out = (catalog_choice){s, w, NULL, w->sharing}, true;
    for (int k = 0; k < w->nsettings; k++) {
      const reclaim_setting *g = &w->settings[k];
      if (!strcmp(g->name, name))
        return *out = (catalog_choice){s, w, g, g->sharing ? g->sharing & w->sharing : w->sharing}, true;
    }
  }
  return false;
}

static void say_unknown_workload(const reclaim_strategy *s, const char *name, char *err, size_t nerr) {
  int n = 0, k = 0;
  for (int i = 0; i < s->nworkloads; i++) n += 1 + s->workloads[i]->nsettings;
  const char **words = malloc(sizeof *words * (size_t)(n + 1));
  char hint[128] = "";
  for (int i = 0; words && i < s->nworkloads; i++) {
    words[k++] = s->workloads[i]->name;
    for (int j = 0; j < s->workloads[i]->nsettings; j++) words[k++] = s->workloads[i]->settings[j].name;
  }
  snprintf(err, nerr, "unknown workload '%s'%s", name, catalog_suggest(name, words, k, hint, sizeof hint));
  free(words);
}

/* Whether one of the lines is this word. */
static bool has_line(const char *lines, const char *word) {
  size_t n = strlen(word);
  for (const char *p = lines; p && n && (p = strstr(p, word)); p += n)
    if ((p == lines || p[-1] == '\n') && p[n] == '\n') return true;
  return false;
}

/* A pack's object must be of the very strategy that it is swept beside. */
static bool agrees(const reclaim_strategy *a, const reclaim_strategy *b) {
  bool same = a->capabilities == b->capabilities && a->checked == b->checked && a->counting == b->counting &&
              a->ntunables == b->ntunables;
  for (int i = 0; i < a->ntunables && same; i++) {
    const reclaim_param *x = &a->tunables[i], *y = &b->tunables[i];
    same = !strcmp(x->name, y->name) && x->def == y->def && x->min == y->min && x->max == y->max && !x->choices == !y->choices;
  }
  return same;
}

/* Whether the pack's object can be used beside the strategy's own. */
static bool try_pack(catalog_file *f, const reclaim_strategy *own) {
  catalog_choice clash;
  char ignored[64], word[128];
  if (!try_file(f)) return false;
  for (const char *p = f->contents; p && *p && !f->fault; p += strcspn(p, "\n") + 1) {
    snprintf(word, sizeof word, "%.*s", (int)strcspn(p, "\n"), p);
    if (find_choice(own, word, &clash)) catalog_condemn(f, "its workload '%s' has the name of one that every strategy has", word);
  }
  if (open_file(f, ignored, sizeof ignored) && !agrees(f->loaded, own))
    catalog_condemn(f, "it was not built with the '%s' that is here: its capabilities, tunables or checks differ", own->name);
  return !f->fault;
}

/* Looks through the packs' objects for this strategy; *found: the file that has it. False and a message when that is not clear. */
static bool look_through_packs(const reclaim_strategy *own, const char *name, catalog_file **found, char *err, size_t nerr) {
  catalog_file *const *files;
  int n = catalog_files(&files);
  *found = NULL;
  for (int i = 0; i < n; i++) {
    catalog_file *f = files[i];
    if (!*f->pack || strcmp(f->strategy, own->name) || strcmp(f->flavour, own->flavour)) continue;
    bool usable = try_pack(f, own), has = has_line(f->contents, name);
    if (has && !usable) return snprintf(err, nerr, "%s cannot be used: %s", f->path, f->fault), false;
    if (has && *found)
      return snprintf(err, nerr, "workload '%s' is in two packs, '%s' and '%s'", name, (*found)->pack, f->pack), false;
    if (has) *found = f;
  }
  return true;
}

/* The first pack of this strategy that could not be looked into. */
static const catalog_file *closed_pack(const reclaim_strategy *own) {
  catalog_file *const *files;
  int n = catalog_files(&files);
  for (int i = 0; i < n; i++)
    if (*files[i]->pack && files[i]->fault && !strcmp(files[i]->strategy, own->name) && !strcmp(files[i]->flavour, own->flavour))
      return files[i];
  return NULL;
}

bool catalog_find_in_object(const reclaim_strategy *s, const char *name, catalog_choice *out, char *err, size_t nerr) {
  if (find_choice(s, name, out)) return true;
  say_unknown_workload(s, name, err, nerr);
  return false;
}

bool catalog_find_workload(const reclaim_strategy *s, const char *name, catalog_choice *out, char *err, size_t nerr) {
  catalog_file *pack = NULL;
  bool packs = !*s->pack && !load_untried;
  if (packs && !look_through_packs(s, name, &pack, err, nerr)) return false;
  if (find_choice(s, name, out)) return true;
  const reclaim_strategy *object = pack ? open_file(pack, err, nerr) : NULL;
  if (pack) return object && find_choice(object, name, out);
  const catalog_file *closed = packs ? closed_pack(s) : NULL;
  say_unknown_workload(s, name, err, nerr);
  size_t n = strlen(err);
  if (closed && n < nerr) snprintf(err + n, nerr - n, " (%s could not be looked into: %s)", closed->path, closed->fault);
  return false;
}

bool catalog_find_elsewhere(const reclaim_strategy *s, const char *name, catalog_choice *out) {
  catalog_file *const *files;
  char ignored[64];
  int n = load_untried ? 0 : catalog_files(&files);
  for (int i = 0; i < n; i++) {
    catalog_file *f = files[i];
    if (!*f->pack || catalog_find_file(s->name, s->flavour, f->pack) || !try_file(f) || !has_line(f->contents, name)) continue;
    const reclaim_strategy *object = open_file(f, ignored, sizeof ignored);
    if (object && find_choice(object, name, out)) return true;
  }
  return false;
}

const reclaim_strategy *catalog_open_for(const char *strategy, const char *flavour, const char *word, char *err, size_t nerr) {
  catalog_file *const *files, *own = catalog_find_file(strategy, flavour, "");
  int n = load_untried || !own ? 0 : catalog_files(&files);
  for (int i = 0; i < n; i++) {
    catalog_file *f = files[i];
    if (!*f->pack || strcmp(f->strategy, strategy) || strcmp(f->flavour, flavour)) continue;
    if (!try_file(own) || has_line(own->contents, word)) break;
    if (try_file(f) && has_line(f->contents, word)) return open_file(f, err, nerr);
  }
  return catalog_open(strategy, flavour, err, nerr);
}

bool catalog_choice_params(const catalog_choice *c, int64_t *values, char *err, size_t nerr) {
  catalog_defaults(c->workload->params, c->workload->nparams, values);
  if (!c->setting || !c->setting->values) return true;
  return catalog_apply(c->workload->params, c->workload->nparams, c->setting->values, values, err, nerr);
}

bool catalog_is_applicable(const reclaim_strategy *s, const reclaim_workload *w, uint32_t mode, char *why, size_t nwhy) {
  const char *shared = catalog_sharing_name(mode);
  if (mode != RECLAIM_PRIVATE && !(s->capabilities & RECLAIM_SHARES_HEAP))
    return snprintf(why, nwhy, "%s shares no heap between threads", s->name), false;
  if ((s->capabilities & RECLAIM_UNIQUE_OWNERS) && !(w->known_lifetimes & mode))
    return snprintf(why, nwhy, "%s frees by hand, and %s (%s) does not know when its objects die", s->name, w->name, shared),
           false;
  return true;
}

const char *catalog_leaks(const reclaim_strategy *s, const reclaim_workload *w, const int64_t *params) {
  if (!(s->capabilities & RECLAIM_RECLAIMS)) return "nothing is ever reclaimed";
  if (s->capabilities & RECLAIM_RECLAIMS_CYCLES || !w->makes_cycles || !w->makes_cycles(params)) return NULL;
  return "cycles are never reclaimed";
}

const char *const catalog_sharing_names[4] = {"private", "shared-read", "shared-write", "hand-off"};

uint32_t catalog_parse_sharing(const char *word, char *err, size_t nerr) {
  for (uint32_t i = 0; i < 4; i++)
    if (!strcmp(word, catalog_sharing_names[i])) return 1u << i;
  char hint[64];
  snprintf(err, nerr, "unknown sharing mode '%s'%s (allowed: private, shared-read, shared-write, hand-off)", word,
           catalog_suggest(word, catalog_sharing_names, 4, hint, sizeof hint));
  return 0;
}

const char *catalog_sharing_name(uint32_t mode) { return mode ? catalog_sharing_names[__builtin_ctz(mode) & 3] : "?"; }
