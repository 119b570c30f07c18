/* build.c: see build.h. */
#define _GNU_SOURCE 1 /* nftw, sched_getaffinity */
#include "build.h"

#include "harness/catalog/catalog.h"
#include "harness/gate/elf.h"
#include "harness/sweep/random.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- This program's own tree ----------------------------------------------------------------------------------------------------- */

char *gate_cache_value(const char *dir, const char *name) {
  char *path = sweep_format("%s/CMakeCache.txt", dir), *text = sweep_read_file(path, NULL), *value = NULL;
  size_t length = strlen(name);
  for (char *line = text; line && *line && !value;) {
    size_t span = strcspn(line, "\n");
    char *equals = memchr(line, '=', span);
    if (equals && !strncmp(line, name, length) && line[length] == ':')
      value = sweep_strndup(equals + 1, span - (size_t)(equals + 1 - line));
    line += span + (line[span] == '\n');
  }
  free(text);
  free(path);
  return value ? value : sweep_strdup("");
}

bool gate_tree_find(struct gate_tree *t) {
  char exe[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  *t = (struct gate_tree){0};
  if (n <= 0) return false;
  exe[n] = 0;
  *strrchr(exe, '/') = 0;
  t->build = sweep_strdup(exe);
  t->source = gate_cache_value(exe, "CMAKE_HOME_DIRECTORY");
  t->compiler = gate_cache_value(exe, "CMAKE_C_COMPILER");
  t->launcher = gate_cache_value(exe, "CMAKE_C_COMPILER_LAUNCHER");
  t->generator = gate_cache_value(exe, "CMAKE_GENERATOR");
  t->prefix = gate_cache_value(exe, "CMAKE_PREFIX_PATH");
  char *functions = sweep_format("%s/cmake/plugins.cmake", t->source);
  bool there = *t->source && access(functions, R_OK) == 0;
  free(functions);
  return there;
}

void gate_tree_free(struct gate_tree *t) {
  char *texts[] = {t->build, t->source, t->compiler, t->launcher, t->generator, t->prefix};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
  *t = (struct gate_tree){0};
}

/* --- Revisions ------------------------------------------------------------------------------------------------------------------- */

/* Runs `git -C REPOSITORY ...` without hooks. */
static int git(struct gate_place *p, const char *repository, const char *const *words) {
  const char **argv = NULL;
  int n = 0;
  const char *const before[] = {"git", "-C", repository, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"};
  for (int i = 0; i < 7; i++) *sweep_push(argv, n) = before[i];
  for (; *words; words++) *sweep_push(argv, n) = *words;
  *sweep_push(argv, n) = NULL;
  int code = gate_place_run(p, argv);
  free(argv);
  return code;
}

char *gate_tree_commit(struct gate_place *p, const struct gate_tree *t) {
  const char *const head[] = {"rev-parse", "--short=12", "HEAD", NULL};
  const char *const status[] = {"status", "--porcelain", "--untracked-files=normal", NULL};
  int code = git(p, t->source, head);
  if (code < 0) return NULL;
  if (code) return sweep_strdup("unknown");
  char *commit = gate_place_said(p);
  code = git(p, t->source, status);
  char *first = gate_place_said(p), *all = code < 0 ? NULL : sweep_format("%s%s", commit, *first ? "-dirty" : "");
  free(commit);
  free(first);
  return all;
}

int gate_check_out(struct gate_place *p, const struct gate_tree *t, const char *revision, char **commit) {
  char *asked = sweep_format("%s^{commit}", revision);
  const char *const parse[] = {"rev-parse", "--verify", "--quiet", "--short=12", "--end-of-options", asked, NULL};
  int code = git(p, t->source, parse);
  free(asked);
  if (code < 0) return SWEEP_INTERRUPTED;
  if (code) return sweep_refuse("--base-rev: '%s' is no revision of %s", revision, t->source);
  *commit = gate_place_said(p);
  /* a name of its own, so that it is known what the repository calls it */
  static const char *const common[] = {"rev-parse", "--path-format=absolute", "--git-common-dir", NULL};
  const char *name = strrchr(p->dir, '/') + 1;
  if ((code = git(p, t->source, common)) < 0) return SWEEP_INTERRUPTED;
  if (code) return sweep_refuse("--base-rev: git 2.31 or newer is needed");
  char *repository = gate_place_said(p);
  p->source = gate_place_path(p, name);
  p->known_as = sweep_format("%s/worktrees/%s", repository, name);
  free(repository);
  if (gate_place_know(p)) return SWEEP_BAD_INPUT;
  const char *const add[] = {"worktree", "add", "--detach", "--quiet", p->source, *commit, NULL};
  code = git(p, t->source, add);
  if (code < 0) return SWEEP_INTERRUPTED;
  if (!code) return 0;
  sweep_say("--base-rev: git worktree add failed for %s:", revision);
  gate_place_show(p);
  return SWEEP_BAD_INPUT;
}

/* --- Objects --------------------------------------------------------------------------------------------------------------------- */

static const char *flavour_of(const struct sweep_cell *c) {
  catalog_allocator a;
  char err[256];
  return catalog_find_allocator(c->allocator, &a, err, sizeof err) && !strcmp(a.flavour, "malloc") ? "malloc" : "pool";
}

struct gate_object *gate_objects_of(const struct sweep_plan *p, int *n) {
  struct gate_object *all = NULL;
  *n = 0;
  for (int i = 0; i < p->nruns; i++) {
    const struct sweep_cell *c = &p->cells[p->runs[i]];
    const char *flavour = flavour_of(c);
    bool known = false;
    for (int k = 0; k < *n; k++) known |= !strcmp(all[k].strategy, c->strategy) && !strcmp(all[k].flavour, flavour);
    if (!known) *sweep_push(all, *n) = (struct gate_object){c->strategy, flavour};
  }
  return all;
}

/* CMake's words for a path: quoted, with what would have a meaning there escaped. */
static void add_quoted(struct text *t, const char *s) {
  sweep_text_addf(t, "\"");
  for (; *s; s++) sweep_text_addf(t, strchr("\"\\$;", *s) ? "\\%c" : "%c", *s);
  sweep_text_addf(t, "\"");
}

static void add_project(struct text *t, const struct gate_tree *tree, const char *root) {
  sweep_text_addf(t, "cmake_minimum_required(VERSION 3.20)\nproject(gate LANGUAGES C)\nset(RECLAIM_ROOT ");
  add_quoted(t, root);
  sweep_text_addf(t, ")\nset(RECLAIM_SOURCE \"\")\nset(CMAKE_C_FLAGS_RELEASE \"\")\ninclude(");
  char *functions = sweep_format("%s/cmake/plugins.cmake", tree->source);
  add_quoted(t, functions);
  free(functions);
  sweep_text_addf(t, ")\n");
}

/* What the tree's own CMakeLists.txt sets, and what makes two sides alike. */
static char *project_of(const struct gate_place *p, const struct gate_tree *tree, const char *side, const char *root,
                        const struct gate_object *o, int n) {
  struct text t = {0};
  add_project(&t, tree, root);
  sweep_text_addf(&t, "add_compile_options(-ffunction-sections \"-ffile-prefix-map=${RECLAIM_ROOT}=.\" "
                      "\"-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.\" \"-ffile-prefix-map=${CMAKE_BINARY_DIR}=.\")\n"
                      "reclaim_strategies(NAMES)\n");
  for (int i = 0; i < n; i++) {
    sweep_text_addf(
        &t,
        "if(%s IN_LIST NAMES)\n  get_property(FLAVOURS GLOBAL PROPERTY RECLAIM_%s_FLAVOURS)\n  if(%s IN_LIST FLAVOURS)\n"
        "    reclaim_object(strategy-%s-%s %s %s %s \"\" ",
        o[i].strategy, o[i].strategy, o[i].flavour, o[i].strategy, o[i].flavour, o[i].strategy, o[i].flavour, o[i].strategy);
    char *folder = gate_place_path(p, side);
    add_quoted(&t, folder);
    free(folder);
    sweep_text_addf(&t, " ${RECLAIM_WORKLOADS})\n  endif()\nendif()\n");
  }
  return t.s;
}

static int cpus(void) {
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
  return n > 0 ? n : 1;
}

/* Configures PLACE/<name>.project into PLACE/<name>.build and builds it: the code of the tool that failed, 0, or -1. */
static int make(struct gate_place *p, const struct gate_tree *tree, const char *name) {
  char *source = sweep_format("%s/%s.project", p->dir, name), *build = sweep_format("%s/%s.build", p->dir, name),
       *compiler = sweep_format("-DCMAKE_C_COMPILER=%s", *tree->compiler ? tree->compiler : "cc"),
       *launcher = sweep_format("-DCMAKE_C_COMPILER_LAUNCHER=%s", tree->launcher),
       *prefix = sweep_format("-DCMAKE_PREFIX_PATH=%s", tree->prefix), *jobs = sweep_format("%d", cpus());
  const char *configure[16] = {"cmake", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", compiler};
  const char *const compile[] = {"cmake", "--build", build, "--parallel", jobs, NULL};
  int n = 7;
  if (*tree->launcher) configure[n++] = launcher;
  if (*tree->prefix) configure[n++] = prefix;
  if (*tree->generator) configure[n++] = "-G", configure[n++] = tree->generator;
  int code = gate_place_run(p, configure);
  if (!code) code = gate_place_run(p, compile);
  free(source);
  free(build);
  free(compiler);
  free(launcher);
  free(prefix);
  free(jobs);
  return code;
}

static int make_folders(struct gate_place *p, const char *side) {
  char *project = sweep_format("%s.project", side);
  int rc = gate_place_folder(p, side);
  if (!rc) rc = gate_place_folder(p, project);
  free(project);
  return rc;
}

static void remove_folders(struct gate_place *p, const char *side) {
  static const char *const kinds[] = {"", ".project", ".build"};
  for (int i = 0; i < 3; i++) {
    char *path = sweep_format("%s/%s%s", p->dir, side, kinds[i]);
    gate_place_remove(path);
    free(path);
  }
}

/* Writes the project of a side, and makes it. */
static int make_project(struct gate_place *p, const struct gate_tree *tree, const char *side, const char *text) {
  char *file = sweep_format("%s.project/CMakeLists.txt", side);
  int rc = make_folders(p, side);
  if (!rc) rc = gate_place_write(p, file, text);
  free(file);
  if (rc) return rc;
  int code = make(p, tree, side);
  return code < 0 ? SWEEP_INTERRUPTED : code ? 1 : 0;
}

int gate_build(struct gate_place *p, const struct gate_tree *tree, const char *side, const char *root,
               const struct gate_object *o, int n) {
  char *text = project_of(p, tree, side, root, o, n);
  int rc = make_project(p, tree, side, text);
  free(text);
  return rc;
}

/* --- The newer workloads over the base's strategies --------------------------------------------------------------------------------- */

/* A folder's plain files. */
static int copy_folder(const char *from, const char *to, struct gate_place *p) {
  const char *const argv[] = {"cp", "-R", "--", from, to, NULL};
  int code = gate_place_run(p, argv);
  if (code < 0) return SWEEP_INTERRUPTED;
  return code ? sweep_refuse("gate: %s cannot be copied to %s", from, to) : 0;
}

static int exchange_workloads(struct gate_place *p, const struct gate_tree *tree, const char *root) {
  char *newer = sweep_format("%s/workloads", tree->source), *place = sweep_format("%s/workloads", root);
  gate_place_remove(place);
  int rc = copy_folder(newer, place, p);
  free(newer);
  free(place);
  return rc;
}

static int restore_workloads(struct gate_place *p, const char *root) {
  const char *const checkout[] = {"checkout", "--quiet", "--force", "HEAD", "--", "workloads", NULL};
  char *place = sweep_format("%s/workloads", root);
  gate_place_remove(place);
  int code = git(p, root, checkout);
  free(place);
  if (code < 0) return SWEEP_INTERRUPTED;
  return code ? sweep_refuse("--base-rev: it has no workloads/, so it is no revision that could be compared") : 0;
}

int gate_build_base(struct gate_place *p, const struct gate_tree *tree, const struct gate_object *o, int n, bool *own) {
  const char *root = p->source;
  *own = false;
  int rc = exchange_workloads(p, tree, root);
  if (!rc) rc = gate_build(p, tree, "base", root, o, n);
  if (rc == 1) {
    *own = true;
    remove_folders(p, "base");
    rc = restore_workloads(p, root);
    if (!rc) rc = gate_build(p, tree, "base", root, o, n);
  }
  return rc;
}

/* --- Another order ---------------------------------------------------------------------------------------------------------------- */

struct files {
  char **v;
  int n;
};
static struct files *found; /* nftw hands nothing through */

static int add_object(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)at;
  size_t n = strlen(path);
  if (kind == FTW_F && n > 2 && !strcmp(path + n - 2, ".o")) *sweep_push(found->v, found->n) = sweep_strdup(path);
  return 0;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The same order on every run of a seed, whatever order the folder has. */
static void shuffle(struct files *f, uint64_t *state) {
  if (f->n) qsort(f->v, (size_t)f->n, sizeof *f->v, by_text);
  for (int i = f->n - 1; i > 0; i--) {
    int k = (int)sweep_random_below(state, (uint64_t)i + 1);
    char *swap = f->v[i];
    f->v[i] = f->v[k], f->v[k] = swap;
  }
}

static struct files object_files(const char *from, const struct gate_object *o, uint64_t *state) {
  struct files f = {0};
  char *folder = sweep_format("%s/CMakeFiles/strategy-%s-%s.dir", from, o->strategy, o->flavour);
  found = &f;
  nftw(folder, add_object, 32, FTW_PHYS);
  free(folder);
  shuffle(&f, state);
  return f;
}

static void add_section(void *to, const char *name) {
  struct files *f = to;
  if (strncmp(name, ".text.", 6)) return;
  for (int i = 0; i < f->n; i++)
    if (!strcmp(f->v[i], name)) return;
  *sweep_push(f->v, f->n) = sweep_strdup(name);
}

/* A linker script that is laid over the usual one: the functions first, in this order. NULL where they have no sections of their own. */
static char *order_script(const struct files *objects, uint64_t *state, int *functions) {
  struct files f = {0};
  struct text t = {0};
  for (int i = 0; i < objects->n; i++) gate_elf_sections(objects->v[i], add_section, &f);
  shuffle(&f, state);
  *functions = f.n;
  sweep_text_addf(&t, "SECTIONS\n{\n  .text.shuffled :\n  {\n");
  for (int i = 0; i < f.n; i++) sweep_text_addf(&t, "    *(%s)\n", f.v[i]);
  sweep_text_addf(&t, "  }\n}\nINSERT BEFORE .text;\n");
  sweep_free_words(f.v, f.n);
  if (*functions) return t.s;
  sweep_text_free(&t);
  return NULL;
}

/* The target of one object in the project that links anew. */
static int add_relinked(struct gate_place *p, const char *side, const struct gate_object *o, const struct files *objects,
                        const char *script, struct text *t) {
  int rc = 0;
  char *folder = gate_place_path(p, side), *file = sweep_format("%s-%s.order", o->strategy, o->flavour),
       *path = gate_place_path(p, file);
  sweep_text_addf(t, "set(OBJECTS");
  for (int i = 0; i < objects->n; i++) sweep_text_addf(t, "\n  "), add_quoted(t, objects->v[i]);
  sweep_text_addf(t,
                  ")\nset_source_files_properties(${OBJECTS} PROPERTIES EXTERNAL_OBJECT TRUE)\n"
                  "add_library(relinked-%s-%s MODULE ${OBJECTS})\nget_property(LIBRARIES GLOBAL PROPERTY RECLAIM_%s_LIBRARIES)\n"
                  "target_link_libraries(relinked-%s-%s PRIVATE Threads::Threads ${LIBRARIES})\n"
                  "set_target_properties(relinked-%s-%s PROPERTIES LINKER_LANGUAGE C PREFIX \"\" SUFFIX .so OUTPUT_NAME %s.%s "
                  "LIBRARY_OUTPUT_DIRECTORY ",
                  o->strategy, o->flavour, o->strategy, o->strategy, o->flavour, o->strategy, o->flavour, o->strategy,
                  o->flavour);
  add_quoted(t, folder);
  sweep_text_addf(t, ")\n");
  if (script) {
    rc = gate_place_write(p, file, script);
    char *option = sweep_format("-Wl,-T,%s", path);
    sweep_text_addf(t, "target_link_options(relinked-%s-%s PRIVATE ", o->strategy, o->flavour);
    add_quoted(t, option);
    sweep_text_addf(t, ")\n");
    free(option);
  }
  free(folder);
  free(file);
  free(path);
  return rc;
}

/* Writes the project that links all objects anew; 1 where there is nothing to link. */
static int add_all_relinked(struct gate_place *p, const char *side, const char *from, const struct gate_object *o, int n,
                            bool by_function, uint64_t seed, struct text *t, int *functions, int *files) {
  uint64_t state = seed;
  int rc = 0;
  *functions = *files = 0;
  for (int i = 0; i < n && !rc; i++) {
    struct files objects = object_files(from, &o[i], &state);
    int here = 0;
    char *script = objects.n && by_function ? order_script(&objects, &state, &here) : NULL;
    rc = objects.n ? add_relinked(p, side, &o[i], &objects, script, t) : 1;
    *functions += here;
    *files += objects.n;
    free(script);
    sweep_free_words(objects.v, objects.n);
  }
  return rc;
}

int gate_shuffle(struct gate_place *p, const struct gate_tree *tree, const char *side, const char *from, const char *root,
                 const struct gate_object *o, int n, bool by_function, uint64_t seed, char **how) {
  struct text t = {0};
  int functions, files;
  add_project(&t, tree, root);
  sweep_text_addf(&t, "reclaim_strategies(NAMES)\n");
  int rc = add_all_relinked(p, side, from, o, n, by_function, seed, &t, &functions, &files);
  if (rc == 1)
    *how = sweep_format("%s has no object files to link", from);
  else if (!rc && (rc = make_project(p, tree, side, t.s)) == 1)
    *how = sweep_strdup("the linker refused another order"), gate_place_show(p);
  else if (!rc && functions)
    *how = sweep_format("%d functions of %d object files linked in random order", functions, files);
  else if (!rc)
    *how = sweep_format("%d object files linked in random order", files);
  sweep_text_free(&t);
  return rc;
}
