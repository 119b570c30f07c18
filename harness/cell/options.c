/* options.c: one table describes every flag; the command line and the help are read from it. Looking up follows the order in
   which one thing depends on another: allocator, strategy (its flavour is the allocator's), workload, parameters, machine,
   heap. */
#define _GNU_SOURCE
#include "harness/cell/options.h"
#include "harness/catalog/minheap.h"
#include "harness/cell/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond every machine there is; a guard against slips of the finger, not a limit of the harness. */
enum { MOST_THREADS = 1 << 16, MOST_ITERATIONS = 1 << 20 };

/* --- The flags ------------------------------------------------------------------------------------------------------------ */

#define WORD(field) offsetof(struct cell_words, field)
enum { SETS = -1 };

static const struct flag {
  const char *name, *argument, *help; /* argument: NULL for a flag that takes none */
  long at;                            /* of its word; SETS: may be repeated */
} flags[] = {
    {"--strategy", "NAME", "the strategy to run (see `reclaim list strategies`)", WORD(strategy)},
    {"--workload", "NAME", "the workload, or a named setting of one (see `reclaim list workloads`)", WORD(workload)},
    {"--set", "NAME=VALUE", "a parameter of the workload, or else a tunable of the strategy; may be repeated", SETS},
    {"--sharing", "MODE", "private, shared-read, shared-write or hand-off [the workload's first]", WORD(sharing)},
    {"--threads", "N|max", "mutators; max: one for each physical core allowed [1]", WORD(threads)},
    {"--gc-threads", "N", "collector threads [as many as mutators]; 1 where the strategy's collector is serial",
     WORD(gc_threads)},
    {"--allocator", "NAME|PATH", "pool, libc, jemalloc, mimalloc or the path of a malloc library [pool]", WORD(allocator)},
    {"--heap", "3x|BYTES|grow",
     "a factor of 1x (at least 4 MiB per thread), a number of bytes, or no limit [3x]; 1x: what results/minheap.csv here says, "
     "else the live bytes that the workload declares",
     WORD(heap)},
    {"--pin", "POLICY", "compact, scatter, numa or none [compact]", WORD(pin)},
    {"--warmup", "N", "iterations before those that count [1]", WORD(warmup)},
    {"--iterations", "N", "iterations that count [5]", WORD(iterations)},
    {"--seed", "N", "seed of the workload [1]", WORD(seed)},
    {"--memory-limit", "BYTES", "end with out-of-memory above it; 0: never [80% of what is available]", WORD(memory_limit)},
    {"--oversubscribe", NULL, "allow more threads than CPUs", WORD(oversubscribe)},
    {"--plugin-path", "DIR,...", "folders of strategies and workloads from outside", WORD(plugin_path)},
    {"--objects", "DIR", "the folder of the strategies' objects, in place of the program's own", WORD(objects)},
    {"--pack", "NAME", "the pack that the workload is of [found by looking]", WORD(pack)},
    {"--trust-owners", NULL, "allow plug-ins of other owners than you and root", WORD(trust_owners)},
    {"--no-probe", NULL, "load plug-ins without trying them in a child first, as under a debugger", WORD(no_probe)},
    {"--plant", "cpu=P|rss=P", "slow down or grow on purpose by P %, to see whether that is found; the result says so",
     WORD(plant)},
    {"--fd", "N", "write the result to this file descriptor [1]", WORD(fd)},
    {"--wait-for-go", NULL, "set up, then wait for a line on the standard input: time to attach a profiler", WORD(wait_for_go)},
    {"--help", NULL, "this text", WORD(help)},
};
enum { NFLAGS = sizeof flags / sizeof *flags };

void cell_print_help(void) {
  puts("usage: reclaim cell --strategy NAME --workload NAME [FLAG...]\n\n"
       "Runs one cell in this process and prints one JSON object: for perf, gdb, valgrind and the sweep.\n");
  for (int i = 0; i < NFLAGS; i++) {
    char left[48];
    snprintf(left, sizeof left, "%s%s%s", flags[i].name, flags[i].argument ? " " : "",
             flags[i].argument ? flags[i].argument : "");
    printf("  %-24s %s\n", left, flags[i].help);
  }
}

/* The flag of this argument, "--name" or "--name=value"; NULL with a message. */
static const struct flag *find_flag(const char *argument, char *err, size_t nerr) {
  size_t n = strcspn(argument, "=");
  const char *names[NFLAGS];
  for (int i = 0; i < NFLAGS; i++) {
    names[i] = flags[i].name;
    if (strlen(flags[i].name) == n && strncmp(flags[i].name, argument, n) == 0) return &flags[i];
  }
  char hint[64], name[64];
  snprintf(name, sizeof name, "%.*s", (int)n, argument);
  snprintf(err, nerr, "cell: unknown argument '%s'%s (see `reclaim cell --help`)", name,
           catalog_suggest(name, names, NFLAGS, hint, sizeof hint));
  return NULL;
}

bool cell_read_words(int argc, char **argv, struct cell_words *out, char *err, size_t nerr) {
  *out = (struct cell_words){.sets = calloc((size_t)argc + 1, sizeof *out->sets)};
  if (!out->sets) return snprintf(err, nerr, "out of memory"), false;
  for (int i = 1; i < argc; i++) {
    const struct flag *f = find_flag(argv[i], err, nerr);
    if (!f) return false;
    const char *equals = strchr(argv[i], '='), *value = equals ? equals + 1 : argv[i];
    if (!f->argument && equals) return snprintf(err, nerr, "%s takes no value", f->name), false;
    if (f->argument && !equals) value = ++i < argc ? argv[i] : NULL;
    if (!value) return snprintf(err, nerr, "%s needs a value (%s)", f->name, f->argument), false;
    if (f->at == SETS) {
      out->sets[out->nsets++] = value;
      continue;
    }
    const char **word = (const char **)((char *)out + f->at);
    if (*word && f->argument) return snprintf(err, nerr, "%s is given twice ('%s' and '%s')", f->name, *word, value), false;
    *word = value;
  }
  return true;
}

/* --- Single values -------------------------------------------------------------------------------------------------------- */

/* A whole number in a range; text NULL leaves *out as it is. */
static bool read_number(const char *flag, const char *text, uint64_t least, uint64_t most, uint64_t *out, char *err,
                        size_t nerr) {
  if (!text) return true;
  char *end;
  errno = 0;
  uint64_t value = strtoull(text, &end, 10);
  if (*text >= '0' && *text <= '9' && !*end && !errno && value >= least && value <= most) return *out = value, true;
  snprintf(err, nerr, "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, flag, text, least, most);
  return false;
}

static bool read_int(const char *flag, const char *text, int least, int most, int *out, char *err, size_t nerr) {
  uint64_t value = (uint64_t)*out;
  bool ok = read_number(flag, text, (uint64_t)least, (uint64_t)most, &value, err, nerr);
  *out = (int)value;
  return ok;
}

static bool read_policy(const char *text, enum pin_policy *out, char *err, size_t nerr) {
  for (int p = 0; p < PIN_POLICIES; p++)
    if (strcmp(text, cell_pin_names[p]) == 0) return *out = (enum pin_policy)p, true;
  char hint[64];
  snprintf(err, nerr, "--pin: unknown policy '%s'%s (allowed: compact, scatter, numa, none)", text,
           catalog_suggest(text, cell_pin_names, PIN_POLICIES, hint, sizeof hint));
  return false;
}

/* --- Workload and parameters ---------------------------------------------------------------------------------------------- */

/* "name=value" goes to the workload's parameter of that name, or else to the strategy's tunable. */
static bool apply_set(struct cell_options *o, const char *set, char *err, size_t nerr) {
  const reclaim_workload *w = o->choice.workload;
  const reclaim_strategy *s = o->strategy;
  char name[128];
  size_t n = strcspn(set, "=");
  if (set[n] != '=' || n == 0 || n >= sizeof name)
    return snprintf(err, nerr, "--set: '%s' is not of the form name=value", set), false;
  snprintf(name, sizeof name, "%.*s", (int)n, set);
  int i = catalog_find_param(w->params, w->nparams, name);
  if (i >= 0) return catalog_parse_value(&w->params[i], set + n + 1, &o->params[i], err, nerr);
  i = catalog_find_param(s->tunables, s->ntunables, name);
  if (i >= 0) return catalog_parse_value(&s->tunables[i], set + n + 1, &o->tunables[i], err, nerr);
  const char *names[w->nparams + s->ntunables + 1];
  for (int k = 0; k < w->nparams; k++) names[k] = w->params[k].name;
  for (int k = 0; k < s->ntunables; k++) names[w->nparams + k] = s->tunables[k].name;
  char hint[160];
  snprintf(err, nerr, "--set: neither workload '%s' nor strategy '%s' has a '%s'%s", o->workload, s->name, name,
           catalog_suggest(name, names, w->nparams + s->ntunables, hint, sizeof hint));
  return false;
}

static bool read_params(const struct cell_words *w, struct cell_options *o, char *err, size_t nerr) {
  if (!w->workload) return snprintf(err, nerr, "cell: --workload is missing (see `reclaim list workloads`)"), false;
  o->workload = w->workload;
  if (!catalog_find_in_object(o->strategy, w->workload, &o->choice, err, nerr)) return false;
  const reclaim_strategy *s = o->strategy;
  o->params = calloc((size_t)o->choice.workload->nparams + 1, sizeof *o->params);
  o->tunables = calloc((size_t)s->ntunables + 1, sizeof *o->tunables);
  if (!o->params || !o->tunables) return snprintf(err, nerr, "out of memory"), false;
  if (!catalog_choice_params(&o->choice, o->params, err, nerr)) return false;
  catalog_defaults(s->tunables, s->ntunables, o->tunables);
  for (int i = 0; i < w->nsets; i++)
    if (!apply_set(o, w->sets[i], err, nerr)) return false;
  o->parameters_text = catalog_format_params(o->choice.workload->params, o->choice.workload->nparams, o->params);
  o->tunables_text = catalog_format_params(s->tunables, s->ntunables, o->tunables);
  return o->parameters_text && o->tunables_text ? true : (snprintf(err, nerr, "out of memory"), false);
}

static bool read_sharing(const struct cell_words *w, struct cell_options *o, char *err, size_t nerr) {
  uint32_t modes = o->choice.sharing;
  o->sharing = modes & -modes;
  if (!w->sharing) return true;
  o->sharing = catalog_parse_sharing(w->sharing, err, nerr);
  if (!o->sharing) return false;
  if (modes & o->sharing) return true;
  size_t n = (size_t)snprintf(err, nerr, "workload '%s' has no sharing mode '%s' (it has:", o->workload, w->sharing);
  for (uint32_t m = 1; m <= RECLAIM_HAND_OFF; m <<= 1)
    if (modes & m && n < nerr) n += (size_t)snprintf(err + n, nerr - n, " %s", catalog_sharing_name(m));
  if (n < nerr) snprintf(err + n, nerr - n, ")");
  return false;
}

/* --- The machine ---------------------------------------------------------------------------------------------------------- */

static bool plan(const struct cell_words *w, struct cell_options *o, hwloc_topology_t topology, char *err, size_t nerr) {
  o->threads = 1;
  if (w->threads && strcmp(w->threads, "max") == 0)
    o->threads = cell_cores(topology);
  else if (!read_int("--threads", w->threads, 1, MOST_THREADS, &o->threads, err, nerr))
    return false;
  o->cpus = calloc((size_t)o->threads, sizeof *o->cpus);
  if (!o->cpus) return snprintf(err, nerr, "out of memory"), false;
  int pus = cell_plan_cpus(topology, o->pin, o->threads, o->cpus, err, nerr);
  if (pus < 0) return false;
  o->oversubscribed = o->threads > pus;
  if (o->oversubscribed && !w->oversubscribe)
    return snprintf(err, nerr, "--threads: %d is more than the %d CPUs allowed here (see --oversubscribe)", o->threads, pus),
           false;
  if (o->pin != PIN_NONE) o->nother_cpus = cell_other_cpus(topology, o->cpus, o->threads, &o->other_cpus);
  o->collector_threads = o->threads;
  if (!read_int("--gc-threads", w->gc_threads, 1, MOST_THREADS, &o->collector_threads, err, nerr)) return false;
  if (!(o->strategy->capabilities & RECLAIM_PARALLEL)) o->collector_threads = 1;
  return true;
}

static bool read_machine(const struct cell_words *w, struct cell_options *o, char *err, size_t nerr) {
  if (w->pin && !read_policy(w->pin, &o->pin, err, nerr)) return false;
  hwloc_topology_t topology;
  if (cell_topology_load(&topology, err, nerr) != 0) return false;
  bool ok = plan(w, o, topology, err, nerr);
  hwloc_topology_destroy(topology);
  return ok;
}

static bool read_heap(const char *text, struct cell_options *o, char *err, size_t nerr) {
  const reclaim_workload *w = o->choice.workload;
  catalog_heap heap;
  if (!catalog_parse_heap(text, &heap, err, nerr)) return false;
  o->heap_policy = "n/a";
  if (!(o->strategy->capabilities & RECLAIM_HEAP_LIMIT)) return true;
  o->heap_policy = heap.kind == CATALOG_HEAP_FACTOR ? text : heap.kind == CATALOG_HEAP_BYTES ? "bytes" : "grow";
  const struct minheap_key key = {w->name, o->parameters_text, catalog_sharing_name(o->sharing), o->threads, o->strategy->pack};
  if (heap.kind == CATALOG_HEAP_FACTOR) o->heap_base_bytes = catalog_minheap_find(&key, NULL);
  o->heap_base = o->heap_base_bytes ? "minheap" : "declared";
  if (!o->heap_base_bytes && w->live_bytes) o->heap_base_bytes = w->live_bytes(o->params, o->threads, o->sharing);
  if (heap.kind == CATALOG_HEAP_FACTOR && !o->heap_base_bytes)
    return snprintf(err, nerr, "--heap: workload '%s' declares no live bytes that %s could be a factor of", o->workload, text),
           false;
  o->heap_limit_bytes = catalog_heap_limit(&heap, o->heap_base_bytes, o->threads);
  return true;
}

static bool read_memory_limit(const char *text, struct cell_options *o, char *err, size_t nerr) {
  uint64_t available = cell_memory_available();
  o->memory_limit_bytes = available == RECLAIM_NONE ? 0 : available / 5 * 4;
  if (!text || catalog_parse_bytes(text, &o->memory_limit_bytes)) return true;
  snprintf(err, nerr, "--memory-limit: '%s' is not a number of bytes (as in 2G; 0: none)", text);
  return false;
}

static bool read_run(const struct cell_words *w, struct cell_options *o, char *err, size_t nerr) {
  o->warmup = 1, o->iterations = 5, o->seed = 1, o->fd = 1;
  o->wait_for_go = w->wait_for_go;
  if (!read_int("--warmup", w->warmup, 0, MOST_ITERATIONS, &o->warmup, err, nerr) ||
      !read_int("--iterations", w->iterations, 1, MOST_ITERATIONS, &o->iterations, err, nerr) ||
      !read_number("--seed", w->seed, 0, UINT64_MAX, &o->seed, err, nerr) ||
      !read_int("--fd", w->fd, 0, 1 << 20, &o->fd, err, nerr))
    return false;
  int mode = fcntl(o->fd, F_GETFL);
  if (mode >= 0 && (mode & O_ACCMODE) != O_RDONLY) return true;
  snprintf(err, nerr, "--fd: %d is not open for writing", o->fd);
  return false;
}

/* Memory is grown by a share of what a warm-up iteration took. */
static bool read_plant(const char *text, struct cell_options *o, char *err, size_t nerr) {
  o->plant_text = text ? text : "";
  if (text && !cell_plant_read(text, &o->plant, err, nerr)) return false;
  if (!(o->plant.rss > 0) || o->warmup) return true;
  return snprintf(err, nerr, "--plant: %s needs a warm-up iteration", text), false;
}

static bool accept(struct cell_options *o, char *err, size_t nerr) {
  const reclaim_workload *w = o->choice.workload;
  const char *refusal = w->refuse ? w->refuse(o->params, o->threads, o->sharing) : NULL;
  if (refusal) snprintf(err, nerr, "workload '%s': %s", o->workload, refusal);
  return !refusal;
}

static const reclaim_strategy *open_object(const struct cell_words *w, const char *flavour, char *err, size_t nerr) {
  if (w->trust_owners) catalog_trust_owners();
  if (w->no_probe) catalog_load_untried();
  if (w->objects) catalog_use_objects(w->objects);
  if (w->plugin_path && !catalog_use_plugins(w->plugin_path, err, nerr)) return NULL;
  if (w->pack) return catalog_open_pack(w->strategy, flavour, w->pack, err, nerr);
  return catalog_open_for(w->strategy, flavour, w->workload ? w->workload : "", err, nerr);
}

bool cell_read_options(const struct cell_words *w, struct cell_options *o, char *err, size_t nerr) {
  *o = (struct cell_options){.pin = PIN_COMPACT};
  if (!w->strategy) return snprintf(err, nerr, "cell: --strategy is missing (see `reclaim list strategies`)"), false;
  if (!catalog_find_allocator(w->allocator ? w->allocator : "pool", &o->allocator, err, nerr)) return false;
  o->strategy = open_object(w, o->allocator.flavour, err, nerr);
  return o->strategy && read_run(w, o, err, nerr) && read_params(w, o, err, nerr) && read_sharing(w, o, err, nerr) &&
         read_machine(w, o, err, nerr) && accept(o, err, nerr) && read_heap(w->heap ? w->heap : "3x", o, err, nerr) &&
         read_memory_limit(w->memory_limit, o, err, nerr) && read_plant(w->plant, o, err, nerr);
}

void cell_free_options(struct cell_options *o) {
  free(o->params);
  free(o->tunables);
  free(o->parameters_text);
  free(o->tunables_text);
  free(o->cpus);
  free(o->other_cpus);
}
