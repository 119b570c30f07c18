/* sides.c: see sides.h. */
#define _GNU_SOURCE 1 /* basename */
#include "sides.h"

#include "harness/catalog/folders.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/invoke.h"
#include "harness/sweep/objects.h"
#include "harness/sweep/run.h"
#include "harness/sweep/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first is the base, the second what is judged, the others are controls. Equally long: they are names of folders. */
static const char *const names[] = {"base", "head", "twin", "shuf"};
enum { BASE, HEAD, TWIN, SHUFFLED, SIDES };

/* What most changes of a shared part would show in, in a quarter of the time that a gate may take. */
#define DEFAULT_STRATEGIES "rc"
#define DEFAULT_WORKLOADS  "lists,dicts,generators,trees"

struct sides {
  struct gate_place *place;
  struct gate_tree tree;
  bool has_tree, quiet;
  const struct gate_request *request;
  struct sweep_plan plan;     /* of the newer side */
  struct sweep_plan other;    /* of the base, where it is another: allocators */
  struct gate_object *object; /* of the base */
  int nobjects;
  char *from, *root; /* the build folder that the base's objects were made in, and its sources; NULL: not known */
  bool shuffled;
  json_t *notes;
};

/* --- The request ---------------------------------------------------------------------------------------------------------------- */

/* What can be looked at before anything is planned. */
static int check_base_build(const char *dir) {
  char *folder = sweep_format("%s/strategies", dir);
  int rc = access(folder, R_OK | X_OK) ? sweep_refuse("--base-build: %s: %s", folder, strerror(errno)) : 0;
  free(folder);
  return rc;
}

int gate_request_check(const struct gate_request *r) {
  const struct {
    const char *value, *flag;
  } bases[] = {{r->base_rev, "--base-rev"},
               {r->base_build, "--base-build"},
               {r->base_campaign, "--base-campaign"},
               {r->allocator_a, "--allocator-a"},
               {r->plugin_a, "--plugin-a"}};
  const char *first = NULL;
  for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
    if (!bases[i].value) continue;
    if (first) return sweep_refuse("gate: %s and %s: one base is held against", first, bases[i].flag);
    first = bases[i].flag;
  }
  if (!r->allocator_a != !r->allocator_b) return sweep_refuse("gate: --allocator-%c is missing", r->allocator_a ? 'b' : 'a');
  if (!r->plugin_a != !r->plugin_b) return sweep_refuse("gate: --plugin-%c is missing", r->plugin_a ? 'b' : 'a');
  if (r->layout && strcmp(r->layout, "objects") && strcmp(r->layout, "functions"))
    return sweep_refuse("--layout: '%s' is neither objects nor functions", r->layout);
  if (first) return r->base_build ? check_base_build(r->base_build) : 0;
  return sweep_refuse(
      "gate: against what? (--base-rev REV, --base-build DIR, --base-campaign DIR, --allocator-a X --allocator-b Y, "
      "or --plugin-a DIR --plugin-b DIR; see reclaim gate --help)");
}

/* --- The plan of one side --------------------------------------------------------------------------------------------------------- */

static void set_option(struct sweep_options *o, enum sweep_option id, const char *text, const char *origin) {
  struct sweep_value *v = &o->value[id];
  sweep_cell_set(&v->text, text);
  sweep_cell_set(&v->origin, origin);
}

static void set_default(struct sweep_options *o, enum sweep_option id, const char *text) {
  if (!o->value[id].text) set_option(o, id, text, "the gate's default");
}

int gate_plan_make(struct sweep_options *o, struct sweep_plan *plan) {
  static const enum sweep_option none[] = {OPT_BLOCKS,  OPT_EFFECT, OPT_MOST_BLOCKS, OPT_SHARD,
                                           OPT_REPEATS, OPT_RESUME, OPT_DRY_RUN,     OPT_BASELINE};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    if (o->value[none[i]].text) return sweep_refuse("gate: %s has no meaning here", o->value[none[i]].origin);
  if (!o->value[OPT_PROFILE].text) {
    set_default(o, OPT_STRATEGY, DEFAULT_STRATEGIES);
    set_default(o, OPT_WORKLOAD, DEFAULT_WORKLOADS);
    set_default(o, OPT_THREADS, "1");
  }
  int rc = sweep_plan_make(plan, o);
  if (!rc) sweep_environment_warn(plan);
  return rc ? rc : sweep_run_settle_heaps(plan, o);
}

static void note(struct sides *s, const char *key, char *owned) {
  json_object_set_new(s->notes, key, json_string(owned));
  free(owned);
}

static void tell(const struct sides *s, const char *what) {
  if (!s->quiet) sweep_say("%s", what);
}

static const char *file_of(const char *path) { return basename(path); }

/* --- Objects of the sides ----------------------------------------------------------------------------------------------------------- */

/* Copies what `from` has of the objects that a plan's cells need into PLACE/<side>. */
static int copy_objects(struct sides *s, const struct sweep_plan *p, const char *side, const char *from, const char *flag) {
  int rc = gate_place_folder(s->place, side), copied = 0;
  for (int i = 0; i < p->nruns && !rc; i++) {
    const struct sweep_cell *c = &p->cells[p->runs[i]];
    char *source = from ? sweep_format("%s/%s", from, file_of(c->object)) : sweep_strdup(c->object),
         *target = sweep_format("%s/%s/%s", s->place->dir, side, file_of(c->object));
    if (access(target, F_OK) == 0)
      copied++;
    else if (access(source, F_OK) == 0)
      rc = gate_place_copy(source, target), copied++;
    free(source);
    free(target);
  }
  return !rc && !copied ? sweep_refuse("%s: %s has none of the objects that are to be compared", flag, from) : rc;
}

/* PLACE/twin: the same files as in PLACE/base. */
static int copy_twin(struct sides *s) {
  char *base = gate_place_path(s->place, names[BASE]);
  int rc = gate_place_folder(s->place, names[TWIN]);
  DIR *d = opendir(base);
  for (struct dirent *e; !rc && d && (e = readdir(d));) {
    if (*e->d_name == '.') continue;
    char *from = sweep_format("%s/%s", base, e->d_name), *to = sweep_format("%s/%s/%s", s->place->dir, names[TWIN], e->d_name);
    rc = gate_place_copy(from, to);
    free(from);
    free(to);
  }
  if (d) closedir(d);
  free(base);
  return rc;
}

static int make_shuffled(struct sides *s) {
  char *how = NULL;
  bool by_function = s->request->layout && !strcmp(s->request->layout, "functions");
  int rc = s->from && s->has_tree ? gate_shuffle(s->place, &s->tree, names[SHUFFLED], s->from, s->root ? s->root : s->tree.source,
                                                 s->object, s->nobjects, by_function, s->plan.seed, &how)
                                  : 1;
  if (rc > 1) return free(how), rc;
  s->shuffled = rc == 0;
  if (!how) how = sweep_strdup("nothing is known of how the base's objects were linked");
  if (rc) sweep_plan_warn(&s->plan, "the control of another layout is missing: %s", how);
  note(s, s->shuffled ? "layout" : "no_layout", how);
  return 0;
}

/* --- Against a revision --------------------------------------------------------------------------------------------------------------- */

static int no_tree(const char *flag) {
  return sweep_refuse("%s needs the folder that this program was built in, with its sources", flag);
}

static int refuse_plugins(const struct sides *s, const char *flag) {
  for (int i = 0; i < s->plan.nruns; i++)
    if (s->plan.cells[s->plan.runs[i]].plugin)
      return sweep_refuse("%s: %s is a plug-in; two builds of it are compared by --plugin-a and --plugin-b", flag,
                          s->plan.cells[s->plan.runs[i]].object);
  return 0;
}

static int does_not_build(struct sides *s, const char *what) {
  sweep_say("%s does not build:", what);
  gate_place_show(s->place);
  return SWEEP_BAD_INPUT;
}

static int build_revision(struct sides *s, const char *revision) {
  char *commit = NULL, *head = NULL, *line;
  bool own = false;
  int rc = gate_check_out(s->place, &s->tree, revision, &commit);
  if (!rc && !(head = gate_tree_commit(s->place, &s->tree))) rc = SWEEP_INTERRUPTED;
  if (!rc) {
    line = sweep_format("building %s (%s) and %s", revision, commit, head);
    tell(s, line);
    free(line);
    rc = gate_build_base(s->place, &s->tree, s->object, s->nobjects, &own);
  }
  line = sweep_format("--base-rev: %s (%s)", revision, commit ? commit : "");
  if (rc == 1) rc = does_not_build(s, line);
  free(line);
  if (!rc) rc = gate_build(s->place, &s->tree, names[HEAD], s->tree.source, s->object, s->nobjects);
  if (rc == 1) rc = does_not_build(s, s->tree.source);
  if (!rc) {
    note(s, "kind", sweep_strdup("revision"));
    note(s, "base", sweep_format("%s (%s)", revision, commit));
    note(s, "head", sweep_format("the sources at %s", head));
    note(s, "base_commit", sweep_strdup(commit));
    note(s, "head_commit", sweep_strdup(head));
    note(s, "workloads", sweep_strdup(own ? "each its own" : "the newer side's"));
    if (own) sweep_plan_warn(&s->plan, "the base does not compile with the newer side's workloads: each side runs its own");
    s->from = gate_place_path(s->place, "base.build");
    s->root = sweep_strdup(s->place->source);
  }
  free(commit);
  free(head);
  return rc;
}

static int against_revision(struct sides *s) {
  const char *flag = "--base-rev";
  int rc = s->has_tree ? refuse_plugins(s, flag) : no_tree(flag);
  if (rc) return rc;
  s->object = gate_objects_of(&s->plan, &s->nobjects);
  return build_revision(s, s->request->base_rev);
}

/* --- Against another build, allocator, plug-in ------------------------------------------------------------------------------------------ */

static int against_build(struct sides *s) {
  const char *dir = s->request->base_build;
  char *folder = sweep_format("%s/strategies", dir);
  int rc = refuse_plugins(s, "--base-build");
  s->object = gate_objects_of(&s->plan, &s->nobjects);
  if (!rc) rc = copy_objects(s, &s->plan, names[BASE], folder, "--base-build");
  if (!rc) rc = copy_objects(s, &s->plan, names[HEAD], NULL, "--base-build");
  note(s, "kind", sweep_strdup("build"));
  note(s, "base", sweep_format("the build in %s", dir));
  note(s, "head", sweep_strdup("this build"));
  char *real = realpath(dir, NULL); /* CMake is told of it in another folder */
  s->from = sweep_strdup(real ? real : dir);
  free(real);
  char *root = gate_cache_value(dir, "CMAKE_HOME_DIRECTORY");
  if (*root) s->root = sweep_strdup(root);
  free(root);
  free(folder);
  return rc;
}

static int against_allocator(struct sides *s, struct sweep_options *o) {
  const struct gate_request *r = s->request;
  if (s->plan.nruns < 1) return 0;
  set_option(o, OPT_ALLOCATOR, r->allocator_a, "--allocator-a");
  char *seed = sweep_format("%" JSON_INTEGER_FORMAT, (json_int_t)s->plan.seed);
  set_option(o, OPT_SEED, seed, "--seed");
  free(seed);
  int rc = gate_plan_make(o, &s->other);
  if (rc) return rc;
  s->object = gate_objects_of(&s->other, &s->nobjects);
  rc = copy_objects(s, &s->other, names[BASE], NULL, "--allocator-a");
  if (!rc) rc = copy_objects(s, &s->plan, names[HEAD], NULL, "--allocator-b");
  note(s, "kind", sweep_strdup("allocator"));
  note(s, "base", sweep_format("allocator %s", r->allocator_a));
  note(s, "head", sweep_format("allocator %s", r->allocator_b));
  if (s->has_tree) s->from = sweep_strdup(s->tree.build);
  return rc;
}

static int against_plugin(struct sides *s) {
  const struct gate_request *r = s->request;
  const char *why = catalog_unsafe(r->plugin_a);
  int rc = why ? sweep_refuse("--plugin-a: the folder %s %s", r->plugin_a, why) : 0;
  for (int i = 0; i < s->plan.nruns && !rc; i++) {
    const struct sweep_cell *c = &s->plan.cells[s->plan.runs[i]];
    char *file = sweep_format("%s/%s", r->plugin_a, file_of(c->object));
    if (!c->plugin)
      rc = sweep_refuse("--plugin-b: %s is none of its strategies", c->strategy);
    else if (access(file, R_OK) == 0 && (why = catalog_unsafe(file)))
      rc = sweep_refuse("--plugin-a: the file %s %s", file, why);
    free(file);
  }
  s->object = gate_objects_of(&s->plan, &s->nobjects);
  if (!rc) rc = copy_objects(s, &s->plan, names[BASE], r->plugin_a, "--plugin-a");
  if (!rc) rc = copy_objects(s, &s->plan, names[HEAD], NULL, "--plugin-b");
  note(s, "kind", sweep_strdup("plugin"));
  note(s, "base", sweep_format("the plug-ins in %s", r->plugin_a));
  note(s, "head", sweep_format("the plug-ins in %s", r->plugin_b));
  s->from = sweep_strdup(r->plugin_a);
  return rc;
}

/* The strategies whose objects lie in a folder, for --strategy. */
static char *strategies_in(const char *dir) {
  struct text t = {0};
  DIR *d = opendir(dir);
  sweep_text_add(&t, "", 0);
  for (struct dirent *e; d && (e = readdir(d));) {
    const char *end = strstr(e->d_name, ".pool.so");
    if (!end) end = strstr(e->d_name, ".malloc.so");
    char *name = end && !strchr(e->d_name, '+') ? sweep_strndup(e->d_name, (size_t)(end - e->d_name)) : NULL;
    char *framed = name ? sweep_format(",%s,", name) : NULL, *all = sweep_format(",%s,", t.s);
    if (name && !strstr(all, framed)) sweep_text_addf(&t, "%s%s", t.n ? "," : "", name);
    free(name);
    free(framed);
    free(all);
  }
  if (d) closedir(d);
  return t.s;
}

/* --- Cells with sides ------------------------------------------------------------------------------------------------------------------ */

/* The cell on one side. */
static struct sweep_cell side_cell(const struct sides *s, const struct sweep_cell *c, int side) {
  struct sweep_cell copy = sweep_cell_copy(c);
  char *folder = gate_place_path(s->place, names[side]), *object = sweep_format("%s/%s", folder, file_of(c->object));
  sweep_cell_set(&copy.side, names[side]);
  sweep_cell_set(&copy.object, object);
  if (!copy.plugin) sweep_cell_set(&copy.folder, folder);
  free(folder);
  free(object);
  return copy;
}

/* What a trial run said; NULL: it did not come to an end. *why: the caller's. */
static json_t *try_cell(const struct sweep_plan *p, const struct sweep_cell *c, char **why) {
  struct sweep_cell once = *c;
  struct child_outcome out;
  once.warmup = 0, once.iterations = 1;
  sweep_invoke(p, &once, &out);
  json_t *o = out.end == CHILD_EXITED && !out.code ? json_loadb(out.result, out.nresult, 0, NULL) : NULL;
  const char *status = json_string_value(json_object_get(o, "status"));
  *why = NULL;
  if (out.end == CHILD_EXITED && out.code == SWEEP_BAD_INPUT) /* it does not know what was asked for */
    *why = sweep_strdup(out.complaint);
  else if (status && !strcmp(status, "not-applicable"))
    *why = sweep_strdup(json_string_value(json_object_get(o, "reason")) ? json_string_value(json_object_get(o, "reason")) : "");
  free(out.result);
  return o;
}

/* Those of "name=value;..." whose names `known` assigns, too. The caller frees. */
static char *known_assignments(const char *all, const char *known) {
  struct text t = {0};
  sweep_text_add(&t, "", 0);
  for (const char *p = all; *p;) {
    size_t span = strcspn(p, ";");
    char *name = sweep_strndup(p, strcspn(p, "="));
    if (sweep_assigned(known, name)) sweep_text_addf(&t, "%s%.*s", t.n ? ";" : "", (int)span, p);
    free(name);
    p += span + (p[span] == ';');
  }
  return t.s;
}

/* The base may be too old for a tunable: then it runs with those that it has. */
static json_t *try_base(struct sides *s, struct sweep_cell *c, char **why) {
  char *all, *ignored;
  json_t *o = try_cell(&s->plan, c, why);
  if (!*why) return o;
  struct sweep_cell bare = sweep_cell_copy(c);
  sweep_cell_set(&bare.tunables, "");
  json_t *plain = try_cell(&s->plan, &bare, &ignored);
  const char *known = json_string_value(json_object_get(plain, "tunables"));
  if (known) {
    all = known_assignments(c->tunables, known);
    sweep_cell_set(&c->tunables, all);
    free(all);
    free(*why);
    json_decref(o);
    o = try_cell(&s->plan, c, why);
  }
  free(ignored);
  json_decref(plain);
  sweep_cell_free(&bare);
  return o;
}

static void warn_of_builds(struct sides *s, const json_t *base, const json_t *head) {
  const char *a = json_string_value(json_object_get(base, "build")), *b = json_string_value(json_object_get(head, "build"));
  if (a && b && strcmp(a, b)) sweep_plan_warn(&s->plan, "the base was built by %s, the newer side by %s", a, b);
}

/* Tries one cell on both sides. 1: it is left out; *why is then set, the caller's. */
static int try_both(struct sides *s, struct sweep_cell *base, struct sweep_cell *head, char **why) {
  json_t *a = NULL, *b = NULL;
  char *in_base = NULL, *in_head = NULL;
  b = try_cell(&s->plan, head, &in_head);
  if (!sweep_child_interrupted()) a = try_base(s, base, &in_base);
  int rc = sweep_child_interrupted() ? SWEEP_INTERRUPTED : in_base || in_head ? 1 : 0;
  *why = in_head ? sweep_format("the newer side: %s", in_head) : in_base ? sweep_format("the base: %s", in_base) : NULL;
  if (!rc) warn_of_builds(s, a, b);
  free(in_base);
  free(in_head);
  json_decref(a);
  json_decref(b);
  return rc;
}

static void add_run(struct sweep_plan *p, struct sweep_cell cell) {
  *sweep_push(p->runs, p->nruns) = p->ncells;
  *sweep_push(p->cells, p->ncells) = cell;
}

/* Puts the four (three, without another layout) sides of a cell into the plan; one that cannot be compared is noted. */
static int add_cell(struct sides *s, struct sweep_plan *to, const struct sweep_cell *a, const struct sweep_cell *b,
                    json_t *left_out) {
  struct sweep_cell side[SIDES];
  int n = s->shuffled ? SIDES : SHUFFLED;
  char *why = NULL, *title = sweep_cell_title(b);
  side[BASE] = side_cell(s, a, BASE);
  side[HEAD] = side_cell(s, b, HEAD);
  int rc = try_both(s, &side[BASE], &side[HEAD], &why);
  for (int i = TWIN; i < n && !rc; i++) {
    side[i] = side_cell(s, a, i);
    sweep_cell_set(&side[i].tunables, side[BASE].tunables);
  }
  for (int i = 0; i < n && !rc; i++) add_run(to, side[i]);
  if (rc) sweep_cell_free(&side[BASE]), sweep_cell_free(&side[HEAD]);
  if (rc == 1) {
    json_array_append_new(left_out, json_sprintf("%s: %s", title, why));
    sweep_plan_warn(&s->plan, "left out: %s: %s", title, why);
    rc = 0;
  }
  free(why);
  free(title);
  return rc;
}

/* The cells that both plans have, in the place of those of the newer side's plan. */
static int make_cells(struct sides *s) {
  struct sweep_plan all = {0}, *p = &s->plan;
  const struct sweep_plan *base = s->other.nruns ? &s->other : p;
  json_t *left_out = json_array();
  int rc = 0, n = base->nruns < p->nruns ? base->nruns : p->nruns;
  for (int i = 0; i < n && !rc; i++) rc = add_cell(s, &all, &base->cells[base->runs[i]], &p->cells[p->runs[i]], left_out);
  for (int i = 0; i < p->ncells; i++) sweep_cell_free(&p->cells[i]);
  free(p->cells);
  free(p->runs);
  p->cells = all.cells, p->ncells = all.ncells, p->runs = all.runs, p->nruns = all.nruns;
  p->sides = s->shuffled ? SIDES : SHUFFLED;
  if (!rc && !p->nruns)
    rc = sweep_refuse("gate: there are no common cells: %s",
                      n ? json_string_value(json_array_get(left_out, 0)) : "one side has none");
  json_object_set_new(s->notes, "left_out", left_out);
  return rc ? rc : sweep_objects_hash(p);
}

/* --- The whole ------------------------------------------------------------------------------------------------------------------------- */

static int prepare_options(const struct gate_request *r, struct sweep_options *o) {
  if (r->allocator_b) {
    if (o->value[OPT_ALLOCATOR].text)
      return sweep_refuse("gate: --allocator cannot be given with --allocator-a and --allocator-b");
    set_option(o, OPT_ALLOCATOR, r->allocator_b, "--allocator-b");
  }
  if (r->plugin_b) {
    if (o->value[OPT_PLUGIN_PATH].text) return sweep_refuse("gate: --plugin-path cannot be given with --plugin-a and --plugin-b");
    set_option(o, OPT_PLUGIN_PATH, r->plugin_b, "--plugin-b");
    char *all = strategies_in(r->plugin_b);
    if (*all) set_default(o, OPT_STRATEGY, all);
    free(all);
  }
  return 0;
}

static int make(struct sides *s, struct sweep_options *o) {
  const struct gate_request *r = s->request;
  int rc = prepare_options(r, o);
  if (!rc) rc = gate_plan_make(o, &s->plan);
  if (!rc) rc = gate_place_make(s->place);
  if (rc) return rc;
  rc = r->base_rev     ? against_revision(s)
       : r->base_build ? against_build(s)
       : r->plugin_a   ? against_plugin(s)
                       : against_allocator(s, o);
  if (!rc) rc = copy_twin(s);
  if (!rc) rc = make_shuffled(s);
  return rc ? rc : make_cells(s);
}

int gate_sides_make(struct gate_place *place, const struct gate_request *request, struct sweep_options *o,
                    struct sweep_plan *plan, json_t **notes) {
  struct sides s = {.place = place, .request = request, .quiet = request->quiet, .notes = json_object()};
  s.has_tree = gate_tree_find(&s.tree);
  int rc = make(&s, o);
  *plan = s.plan;
  *notes = s.notes;
  sweep_plan_free(&s.other);
  gate_tree_free(&s.tree);
  free(s.object);
  free(s.from);
  free(s.root);
  return rc;
}
