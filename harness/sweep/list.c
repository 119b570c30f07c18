/* list.c: every list is first an array of JSON objects; the text for people is printed from the same objects, so that the two
   never differ. */
#include "list.h"

#include "harness/catalog/catalog.h"
#include "harness/cell/pin.h"
#include "harness/sweep/plugins.h"
#include "harness/sweep/text.h"

#include <hwloc.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- Strategies ------------------------------------------------------------------------------------------------------------- */

static const char *const flavours[] = {"pool", "malloc"};

/* Every strategy in any flavour, by name: *n of them. The caller frees the array. */
static const reclaim_strategy **all_strategies(int *n) {
  char **names, err[1024];
  const reclaim_strategy **all = NULL;
  int count = catalog_names(&names);
  if (count < 0) sweep_out_of_memory();
  *n = 0;
  for (int i = 0; i < count; i++) {
    const reclaim_strategy *s = NULL;
    for (int k = 0; k < 2 && !s; k++) s = catalog_open(names[i], flavours[k], err, sizeof err);
    if (s) *sweep_push(all, *n) = s;
  }
  catalog_free_names(names, count);
  return all;
}

/* The same, and behind them one object of each pack. */
static const reclaim_strategy **all_objects(int *n) {
  const reclaim_strategy **all = all_strategies(n);
  char **packs;
  int count = catalog_packs(&packs);
  if (count < 0) sweep_out_of_memory();
  for (int i = 0; i < count; i++) {
    const reclaim_strategy *s = catalog_open_any(packs[i]);
    if (s) *sweep_push(all, *n) = s;
  }
  catalog_free_names(packs, count);
  return all;
}

static json_t *flavour_names(const char *strategy) {
  json_t *a = json_array();
  char ignored[64];
  for (int k = 0; k < 2; k++)
    if (catalog_open(strategy, flavours[k], ignored, sizeof ignored)) json_array_append_new(a, json_string(flavours[k]));
  return a;
}

static json_t *bit_names(uint32_t bits, const char *const *names, int n) {
  json_t *a = json_array();
  for (int i = 0; i < n; i++)
    if (bits & 1u << i) json_array_append_new(a, json_string(names[i]));
  return a;
}

static json_t *param_json(const reclaim_param *p) {
  char def[128];
  json_t *o = json_pack("{s:s, s:s, s:s}", "name", p->name, "summary", p->summary, "unit", p->unit);
  json_object_set_new(o, "default",
                      p->choices ? json_string(catalog_format_value(p, p->def, def, sizeof def)) : json_integer(p->def));
  if (p->choices) {
    json_t *choices = json_array();
    for (int64_t i = 0; i <= p->max; i++) json_array_append_new(choices, json_string(p->choices[i]));
    json_object_set_new(o, "choices", choices);
  } else {
    json_object_set_new(o, "min", json_integer(p->min));
    json_object_set_new(o, "max", json_integer(p->max));
  }
  return o;
}

static json_t *params_json(const reclaim_param *params, int n) {
  json_t *a = json_array();
  for (int i = 0; i < n; i++) json_array_append_new(a, param_json(&params[i]));
  return a;
}

/* Tunables of s, then those that only its other flavour has: a free list in front of a malloc has no place in a pool. */
static json_t *tunables_json(const reclaim_strategy *s) {
  char err[512];
  json_t *a = params_json(s->tunables, s->ntunables);
  const reclaim_strategy *other = catalog_open(s->name, strcmp(s->flavour, "pool") ? "pool" : "malloc", err, sizeof err);
  for (int i = 0; other && i < other->ntunables; i++)
    if (catalog_find_param(s->tunables, s->ntunables, other->tunables[i].name) < 0)
      json_array_append_new(a, param_json(&other->tunables[i]));
  return a;
}

static json_t *list_strategies(void) {
  static const char *const capabilities[] = {"moves",       "counts-locals",   "counts-heap", "chains-slots",
                                             "shares-heap", "reclaims-cycles", "heap-limit",  "parallel",
                                             "reclaims",    "unique-owners",   "conservative"};
  int n;
  const reclaim_strategy **all = all_strategies(&n);
  json_t *a = json_array();
  for (int i = 0; i < n; i++) {
    const reclaim_strategy *s = all[i];
    json_array_append_new(
        a, json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:b, s:b, s:b, s:s}", "name", s->name, "summary", s->summary, "capabilities",
                     bit_names(s->capabilities, capabilities, sizeof capabilities / sizeof *capabilities), "tunables",
                     tunables_json(s), "flavours", flavour_names(s->name), "build", s->build ? s->build : "", "checked",
                     s->checked, "counting", s->counting, "plugin", catalog_is_plugin(s), "object", catalog_path(s)));
  }
  free(all);
  return a;
}

/* --- Workloads -------------------------------------------------------------------------------------------------------------- */

static bool has_name(const json_t *a, const char *name) {
  for (size_t i = 0; i < json_array_size(a); i++)
    if (!strcmp(json_string_value(json_object_get(json_array_get(a, i), "name")), name)) return true;
  return false;
}

static json_t *pack_json(const reclaim_strategy *s) { return *s->pack ? json_string(s->pack) : json_null(); }

static json_t *workload_json(const reclaim_strategy *s, const reclaim_workload *w) {
  return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:n}", "name", w->name, "summary", w->summary, "probes",
                   w->probes ? w->probes : "", "operation", w->operation ? w->operation : "", "sharing",
                   bit_names(w->sharing, catalog_sharing_names, 4), "parameters", params_json(w->params, w->nparams), "pack",
                   pack_json(s), "setting_of");
}

static json_t *setting_json(const reclaim_strategy *s, const reclaim_workload *w, const reclaim_setting *g) {
  uint32_t sharing = g->sharing ? g->sharing & w->sharing : w->sharing;
  return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s}", "name", g->name, "summary", g->summary, "operation",
                   w->operation ? w->operation : "", "sharing", bit_names(sharing, catalog_sharing_names, 4), "pack",
                   pack_json(s), "setting_of", w->name, "values", g->values ? g->values : "");
}

static json_t *list_workloads(void) {
  int n;
  const reclaim_strategy **all = all_objects(&n);
  json_t *a = json_array();
  for (int i = 0; i < n; i++)
    for (int k = 0; k < all[i]->nworkloads; k++) {
      const reclaim_workload *w = all[i]->workloads[k];
      if (has_name(a, w->name)) continue;
      json_array_append_new(a, workload_json(all[i], w));
      for (int j = 0; j < w->nsettings; j++) json_array_append_new(a, setting_json(all[i], w, &w->settings[j]));
    }
  free(all);
  return a;
}

/* --- Parameters: of workloads, then of strategies --------------------------------------------------------------------------- */

/* Takes `params`. */
static void add_params(json_t *a, const char *kind, const char *of, json_t *params) {
  size_t i;
  json_t *o;
  json_array_foreach(params, i, o) {
    json_object_set_new(o, "kind", json_string(kind));
    json_object_set_new(o, "of", json_string(of));
    json_array_append(a, o);
  }
  json_decref(params);
}

static json_t *list_parameters(void) {
  int n;
  const reclaim_strategy **all = all_objects(&n);
  json_t *a = json_array(), *seen = json_array();
  for (int i = 0; i < n; i++)
    for (int k = 0; k < all[i]->nworkloads; k++) {
      const reclaim_workload *w = all[i]->workloads[k];
      if (has_name(seen, w->name)) continue;
      json_array_append_new(seen, json_pack("{s:s}", "name", w->name));
      add_params(a, "parameter", w->name, params_json(w->params, w->nparams));
    }
  for (int i = 0; i < n && !*all[i]->pack; i++) add_params(a, "tunable", all[i]->name, tunables_json(all[i]));
  json_decref(seen);
  free(all);
  return a;
}

/* --- Allocators ------------------------------------------------------------------------------------------------------------- */

static json_t *list_allocators(void) {
  json_t *a = json_array();
  const char *summary;
  for (int i = 0; catalog_allocator_name(i, &summary); i++) {
    catalog_allocator found;
    char err[640] = "";
    bool ok = catalog_find_allocator(catalog_allocator_name(i, NULL), &found, err, sizeof err);
    json_t *o = json_pack("{s:s, s:s, s:b}", "name", catalog_allocator_name(i, NULL), "summary", summary, "installed", ok);
    json_object_set_new(o, "library", ok && *found.library ? json_string(found.library) : json_null());
    json_object_set_new(o, "missing", ok ? json_null() : json_string(err));
    json_array_append_new(a, o);
  }
  json_array_append_new(a, json_pack("{s:s, s:s, s:b, s:n, s:n}", "name", "/path/to/lib.so", "summary",
                                     "any malloc as a shared library, preloaded in the measured child only", "installed", 1,
                                     "library", "missing"));
  return a;
}

/* --- Topology --------------------------------------------------------------------------------------------------------------- */

static void add_count(json_t *a, hwloc_topology_t t, const char *name, hwloc_obj_type_t type, const char *summary) {
  int n = hwloc_get_nbobjs_by_type(t, type);
  if (n > 0) json_array_append_new(a, json_pack("{s:s, s:s, s:i}", "name", name, "summary", summary, "count", n));
}

static void add_plan(json_t *a, hwloc_topology_t t, int policy, int threads) {
  int *cpus = sweep_alloc((size_t)threads, sizeof *cpus);
  char err[256];
  json_t *list = json_array();
  bool ok = cell_plan_cpus(t, (enum pin_policy)policy, threads, cpus, err, sizeof err) >= 0;
  for (int i = 0; i < threads && ok && cpus[i] >= 0; i++) json_array_append_new(list, json_integer(cpus[i]));
  json_t *o = json_pack("{s:o, s:s, s:o}", "name", json_sprintf("pin-%s", cell_pin_names[policy]), "summary",
                        "CPUs of the threads in turn, all CPUs used; none: the kernel chooses", "cpus", list);
  json_array_append_new(a, o);
  free(cpus);
}

static json_t *list_topology(void) {
  hwloc_topology_t t;
  char err[256];
  if (cell_topology_load(&t, err, sizeof err)) {
    sweep_say("the machine's topology: %s", err);
    return NULL;
  }
  json_t *a = json_array();
  add_count(a, t, "packages", HWLOC_OBJ_PACKAGE, "sockets");
  add_count(a, t, "numa-nodes", HWLOC_OBJ_NUMANODE, "memories with their own CPUs");
  add_count(a, t, "l3-caches", HWLOC_OBJ_L3CACHE, "last-level caches");
  add_count(a, t, "l2-caches", HWLOC_OBJ_L2CACHE, "second-level caches");
  json_array_append_new(a, json_pack("{s:s, s:s, s:i}", "name", "cores", "summary", "physical cores allowed: --threads max",
                                     "count", cell_cores(t)));
  json_array_append_new(a, json_pack("{s:s, s:s, s:i}", "name", "cpus", "summary",
                                     "CPUs allowed: more threads need --oversubscribe", "count", cell_pus(t)));
  for (int policy = 0; policy < PIN_POLICIES; policy++) add_plan(a, t, policy, cell_pus(t));
  hwloc_topology_destroy(t);
  return a;
}

/* --- Printing --------------------------------------------------------------------------------------------------------------- */

static const char *string_of(const json_t *o, const char *key) {
  const char *text = json_string_value(json_object_get(o, key));
  return text ? text : "";
}

static void print_words(const char *label, const json_t *words) {
  if (!json_array_size(words)) return;
  printf("    %s:", label);
  for (size_t i = 0; i < json_array_size(words); i++) {
    const json_t *w = json_array_get(words, i);
    if (json_is_integer(w))
      printf(" %" JSON_INTEGER_FORMAT, json_integer_value(w));
    else
      printf("%s %s", i ? "," : "", json_string_value(w));
  }
  puts("");
}

static void print_param(const json_t *p, const char *indent) {
  const json_t *choices = json_object_get(p, "choices"), *def = json_object_get(p, "default");
  const char *unit = string_of(p, "unit");
  printf("%s%-22s ", indent, string_of(p, "name"));
  if (choices) {
    for (size_t i = 0; i < json_array_size(choices); i++)
      printf("%s%s", i ? "|" : "", json_string_value(json_array_get(choices, i)));
    printf(", default %s", json_string_value(def));
  } else {
    printf("%" JSON_INTEGER_FORMAT "..%" JSON_INTEGER_FORMAT "%s%s, default %" JSON_INTEGER_FORMAT,
           json_integer_value(json_object_get(p, "min")), json_integer_value(json_object_get(p, "max")), *unit ? " " : "", unit,
           json_integer_value(def));
  }
  printf(": %s\n", string_of(p, "summary"));
}

static void print_params(const json_t *params) {
  for (size_t i = 0; i < json_array_size(params); i++) print_param(json_array_get(params, i), "    ");
}

static void print_object(const json_t *o) {
  const json_t *count = json_object_get(o, "count");
  const char *of = string_of(o, "setting_of"), *missing = string_of(o, "missing"), *operation = string_of(o, "operation");
  printf("%-16s ", string_of(o, "name"));
  if (count) printf("%" JSON_INTEGER_FORMAT "  ", json_integer_value(count));
  printf("%s", string_of(o, "summary"));
  if (*of) printf(" (a setting of %s: %s)", of, string_of(o, "values"));
  if (*missing) printf(" [%s]", missing);
  if (*string_of(o, "pack")) printf(" [pack %s]", string_of(o, "pack"));
  if (json_is_true(json_object_get(o, "plugin"))) printf(" [plug-in %s]", string_of(o, "object"));
  if (json_is_true(json_object_get(o, "checked"))) printf(" [checked: its figures are not to be quoted]");
  if (json_is_true(json_object_get(o, "counting"))) printf(" [counting: its times are not to be quoted]");
  puts("");
  if (*operation && !*of) printf("    operation: %s\n", operation);
  print_words("flavours", json_object_get(o, "flavours"));
  print_words("sharing", json_object_get(o, "sharing"));
  print_words("capabilities", json_object_get(o, "capabilities"));
  print_words("CPUs", json_object_get(o, "cpus"));
  print_params(json_object_get(o, "parameters"));
  print_params(json_object_get(o, "tunables"));
}

/* Grouped by what they belong to. */
static void print_parameters(const json_t *a) {
  const char *last = "";
  for (size_t i = 0; i < json_array_size(a); i++) {
    const json_t *o = json_array_get(a, i);
    const char *of = string_of(o, "of");
    if (strcmp(of, last)) printf("%s (%s)\n", of, !strcmp(string_of(o, "kind"), "tunable") ? "strategy" : "workload");
    print_param(o, "    ");
    last = of;
  }
}

/* --- The subcommand --------------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  json_t *(*make)(void);
  bool objects; /* it is read from strategy objects */
} topics[] = {{"strategies", list_strategies, true},
              {"workloads", list_workloads, true},
              {"allocators", list_allocators, false},
              {"parameters", list_parameters, true},
              {"topology", list_topology, false}};
enum { NTOPICS = sizeof topics / sizeof *topics };

static int find_topic(const char *word) {
  const char *names[NTOPICS];
  char hint[64];
  for (int i = 0; i < NTOPICS; i++) {
    names[i] = topics[i].name;
    if (!strcmp(word, names[i])) return i;
  }
  sweep_say("list: unknown topic '%s'%s (allowed: strategies, workloads, allocators, parameters, topology)", word,
            catalog_suggest(word, names, NTOPICS, hint, sizeof hint));
  return -1;
}

static void print_list(const json_t *a, int topic, bool json) {
  if (json) {
    json_dumpf(a, stdout, JSON_INDENT(1));
    puts("");
  } else if (!strcmp(topics[topic].name, "parameters")) {
    print_parameters(a);
  } else {
    for (size_t i = 0; i < json_array_size(a); i++) print_object(json_array_get(a, i));
  }
}

int sweep_list_main(int argc, char **argv) {
  bool json = false;
  int topic = -1;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--help")) {
      puts("usage: reclaim list strategies|workloads|allocators|parameters|topology [FLAG...]\n\n"
           "Everything that can be swept, with ranges, defaults and one line of help.\n\n"
           "--json                 an array of objects, each with at least \"name\" and \"summary\"\n" SWEEP_PLUGIN_HELP);
      return SWEEP_FINE;
    }
    int flag = sweep_plugin_flag(argc, argv, &i);
    if (flag < 0) return SWEEP_BAD_INPUT;
    if (flag) continue;
    if (!strcmp(argv[i], "--json"))
      json = true;
    else if (argv[i][0] == '-')
      return sweep_refuse("list: unknown flag '%s' (allowed: --json, --plugin-path, --trust-owners, --help)", argv[i]);
    else if (topic >= 0)
      return sweep_refuse("list: one topic is allowed, not '%s' as well", argv[i]);
    else if ((topic = find_topic(argv[i])) < 0)
      return SWEEP_BAD_INPUT;
  }
  if (topic < 0) return sweep_refuse("list: a topic is needed (strategies, workloads, allocators, parameters, topology)");
  json_t *a = topics[topic].make();
  if (topics[topic].objects) sweep_plugins_say_faults();
  if (!a) return SWEEP_BAD_INPUT;
  print_list(a, topic, json);
  json_decref(a);
  return SWEEP_FINE;
}
