/* catalog.c: finding strategy objects in folders, and looking names up in their tables.

   An object is trusted only after its descriptor's first two words (abi, size) match this build: they come first in every
   version of the struct, so that an object from another version is refused by name and not by a crash. */
#include "catalog.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NDIRS = 32, DIRLEN = 1024 };

/* --- The folders ------------------------------------------------------------------------------------------------------------ */

/* `strategies` beside the executable, then the folders of RECLAIM_PLUGIN_PATH. What does not fit is left out. */
static int plugin_dirs(char (*dirs)[DIRLEN]) {
  int n = 0;
  char exe[DIRLEN - 16];
  ssize_t len = readlink("/proc/self/exe", exe, sizeof exe);
  if (len > 0 && (size_t)len < sizeof exe) {
    exe[len] = 0;
    *strrchr(exe, '/') = 0;
    snprintf(dirs[n++], DIRLEN, "%s/strategies", exe);
  }
  const char *path = getenv("RECLAIM_PLUGIN_PATH");
  for (const char *p = path; p && *p && n < NDIRS;) {
    size_t span = strcspn(p, ":");
    if (span && span < DIRLEN) snprintf(dirs[n++], DIRLEN, "%.*s", (int)span, p);
    p += span + (p[span] == ':');
  }
  return n;
}

/* The length of the strategy's name when `file` is called <name>.pool.so or <name>.malloc.so, else 0. */
static size_t plugin_stem(const char *file) {
  static const char *const ends[] = {".pool.so", ".malloc.so"};
  size_t len = strlen(file);
  for (int i = 0; i < 2; i++) {
    size_t n = strlen(ends[i]);
    if (len > n && !strcmp(file + len - n, ends[i])) return len - n;
  }
  return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Adds the names in one folder; false without memory. A folder that cannot be read holds none. */
static bool scan_dir(const char *dir, char ***names, int *n, int *room) {
  DIR *d = opendir(dir);
  bool ok = true;
  for (struct dirent *e; d && ok && (e = readdir(d));) {
    size_t stem = plugin_stem(e->d_name);
    if (!stem) continue;
    if (*n == *room) {
      char **more = realloc(*names, sizeof *more * (size_t)(*room * 2));
      if (!(ok = more != NULL)) break;
      *names = more;
      *room *= 2;
    }
    ok = ((*names)[*n] = strndup(e->d_name, stem)) != NULL;
    *n += ok;
  }
  if (d) closedir(d);
  return ok;
}

int catalog_names(char ***names) {
  char(*dirs)[DIRLEN] = malloc(NDIRS * sizeof *dirs);
  int n = 0, room = 16;
  *names = malloc(sizeof **names * (size_t)room);
  bool ok = dirs && *names;
  for (int i = 0, nd = ok ? plugin_dirs(dirs) : 0; i < nd && ok; i++) ok = scan_dir(dirs[i], names, &n, &room);
  free(dirs);
  if (!ok) {
    catalog_free_names(*names, n);
    *names = NULL;
    return -1;
  }
  qsort(*names, (size_t)n, sizeof **names, by_name);
  int kept = 0;
  for (int i = 0; i < n; i++) {
    if (kept && !strcmp((*names)[kept - 1], (*names)[i]))
      free((*names)[i]);
    else
      (*names)[kept++] = (*names)[i];
  }
  return kept;
}

void catalog_free_names(char **names, int n) {
  for (int i = 0; names && i < n; i++) free(names[i]);
  free(names);
}

/* --- Opening ---------------------------------------------------------------------------------------------------------------- */

/* NULL when `s` is what the file name says and complete, else what is wrong with it. */
static const char *descriptor_fault(const reclaim_strategy *s, const char *name, const char *flavour) {
  if (!s) return "its descriptor is empty";
  if (s->abi != RECLAIM_ABI || s->size != sizeof *s) return "it was built for another version of this program";
  if (!s->name || strcmp(s->name, name)) return "it holds a strategy of another name";
  if (!s->flavour || strcmp(s->flavour, flavour)) return "it holds another flavour";
  if (!s->open || !s->close || !s->attach || !s->detach || !s->run || !s->collect || !s->stats || !s->reset_stats)
    return "an entry point is missing";
  for (int i = 0; i < s->nworkloads; i++)
    if (!s->workloads[i] || !s->workloads[i]->name || !s->workloads[i]->sharing) return "a workload of it is incomplete";
  return NULL;
}

static const reclaim_strategy *open_file(const char *file, const char *name, const char *flavour, char *err, size_t nerr) {
  void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!object) {
    const char *why = dlerror();
    snprintf(err, nerr, "strategy '%s' cannot be loaded: %s", name, why ? why : file);
    return NULL;
  }
  reclaim_descriptor_fn *descriptor;
  *(void **)&descriptor = dlsym(object, RECLAIM_DESCRIPTOR_SYMBOL);
  const reclaim_strategy *s = descriptor ? descriptor() : NULL;
  const char *fault = descriptor ? descriptor_fault(s, name, flavour) : "it is not a strategy object";
  if (!fault) return s;
  snprintf(err, nerr, "%s cannot be used: %s", file, fault);
  dlclose(object);
  return NULL;
}

static void say_unknown(const char *name, const char *flavour, char *err, size_t nerr) {
  char **names, hint[128];
  int n = catalog_names(&names);
  bool other = false;
  for (int i = 0; i < n; i++) other |= !strcmp(names[i], name);
  if (other)
    snprintf(err, nerr, "strategy '%s' was not built in the flavour '%s'", name, flavour);
  else if (n <= 0)
    snprintf(err, nerr,
             "unknown strategy '%s': no strategy is built (looked in strategies/ beside the program and in "
             "RECLAIM_PLUGIN_PATH)",
             name);
  else
    snprintf(err, nerr, "unknown strategy '%s'%s", name, catalog_suggest(name, (const char *const *)names, n, hint, sizeof hint));
  if (n >= 0) catalog_free_names(names, n);
}

bool catalog_find_object(const char *name, const char *flavour, char *file, size_t nfile) {
  char(*dirs)[DIRLEN] = malloc(NDIRS * sizeof *dirs);
  bool found = false;
  if (dirs && *name && strlen(name) < 200 && !strchr(name, '/'))
    for (int i = 0, n = plugin_dirs(dirs); i < n && !found; i++) {
      snprintf(file, nfile, "%s/%s.%s.so", dirs[i], name, flavour);
      found = access(file, R_OK) == 0;
    }
  free(dirs);
  return found;
}

const reclaim_strategy *catalog_open(const char *name, const char *flavour, char *err, size_t nerr) {
  char file[DIRLEN + 300];
  if (catalog_find_object(name, flavour, file, sizeof file)) return open_file(file, name, flavour, err, nerr);
  say_unknown(name, flavour, err, nerr);
  return NULL;
}

/* --- Workloads -------------------------------------------------------------------------------------------------------------- */

static bool find_choice(const reclaim_strategy *s, const char *name, catalog_choice *out) {
  for (int i = 0; i < s->nworkloads; i++) {
    const reclaim_workload *w = s->workloads[i];
    if (!strcmp(w->name, name)) return *out = (catalog_choice){w, NULL, w->sharing}, true;
    for (int k = 0; k < w->nsettings; k++) {
      const reclaim_setting *g = &w->settings[k];
      if (!strcmp(g->name, name)) return *out = (catalog_choice){w, g, g->sharing ? g->sharing & w->sharing : w->sharing}, true;
    }
  }
  return false;
}

bool catalog_find_workload(const reclaim_strategy *s, const char *name, catalog_choice *out, char *err, size_t nerr) {
  if (find_choice(s, name, out)) return true;
  int n = 0;
  for (int i = 0; i < s->nworkloads; i++) n += 1 + s->workloads[i]->nsettings;
  const char **words = malloc(sizeof *words * (size_t)(n + 1));
  char hint[128] = "";
  int k = 0;
  for (int i = 0; words && i < s->nworkloads; i++) {
    words[k++] = s->workloads[i]->name;
    for (int j = 0; j < s->workloads[i]->nsettings; j++) words[k++] = s->workloads[i]->settings[j].name;
  }
  snprintf(err, nerr, "unknown workload '%s'%s", name, catalog_suggest(name, words, k, hint, sizeof hint));
  free(words);
  return false;
}

bool catalog_choice_params(const catalog_choice *c, int64_t *values, char *err, size_t nerr) {
  catalog_defaults(c->workload->params, c->workload->nparams, values);
  if (!c->setting || !c->setting->values) return true;
  return catalog_apply(c->workload->params, c->workload->nparams, c->setting->values, values, err, nerr);
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
