/* plan-json.c: a plan in campaign.json, and back. Reading is strict: a plan that was damaged or edited by hand is refused, since
   a resumed sweep must do exactly what the first one would have done. */
#include "plan.h"

#include "harness/sweep/journal.h"
#include "harness/sweep/text.h"

#include <stdlib.h>
#include <string.h>

/* The texts of a cell, by their keys. */
static const struct {
  const char *key;
  size_t offset;
} texts[] = {
#define FIELD(key, member)                                                                                                       \
  { key, offsetof(struct sweep_cell, member) }
    FIELD("strategy", strategy),       FIELD("workload", workload),        FIELD("parameters", parameters),
    FIELD("tunables", tunables),       FIELD("sharing", sharing),          FIELD("pinning", pinning),
    FIELD("allocator", allocator),     FIELD("library", library),          FIELD("heap", heap),
    FIELD("heap_policy", heap_policy), FIELD("heap_base", heap_base_kind), FIELD("pack", pack),
    FIELD("object", object),           FIELD("object_sha256", hash),       FIELD("side", side),
    FIELD("objects", folder),          FIELD("program", program),          FIELD("plant", plant),
#undef FIELD
};
enum { NTEXTS = sizeof texts / sizeof *texts };

static char **text_of(const struct sweep_cell *c, int i) { return (char **)((char *)c + texts[i].offset); }

struct sweep_cell sweep_cell_copy(const struct sweep_cell *c) {
  struct sweep_cell copy = *c;
  for (int i = 0; i < NTEXTS; i++) *text_of(&copy, i) = sweep_strdup(*text_of(c, i));
  copy.reason = c->reason ? sweep_strdup(c->reason) : NULL;
  copy.cpus = sweep_alloc((size_t)c->threads, sizeof *copy.cpus);
  if (c->ncpus) memcpy(copy.cpus, c->cpus, sizeof *copy.cpus * (size_t)c->ncpus);
  return copy;
}

void sweep_cell_set(char **field, const char *text) {
  char *copy = sweep_strdup(text);
  free(*field);
  *field = copy;
}

static json_t *cell_json(const struct sweep_cell *c) {
  json_t *o = json_object(), *cpus = json_array();
  for (int i = 0; i < NTEXTS; i++) json_object_set_new(o, texts[i].key, json_string(*text_of(c, i)));
  for (int i = 0; i < c->ncpus; i++) json_array_append_new(cpus, json_integer(c->cpus[i]));
  json_object_set_new(o, "threads", json_integer(c->threads));
  json_object_set_new(o, "collector_threads", json_integer(c->collector_threads));
  json_object_set_new(o, "heap_limit_bytes", c->heap_limit ? json_integer((json_int_t)c->heap_limit) : json_null());
  json_object_set_new(o, "heap_factor", c->heap_factor > 0 ? json_real(c->heap_factor) : json_null());
  json_object_set_new(o, "heap_base_bytes", c->heap_base ? json_integer((json_int_t)c->heap_base) : json_null());
  json_object_set_new(o, "cpus", cpus);
  json_object_set_new(o, "oversubscribed", json_boolean(c->oversubscribed));
  json_object_set_new(o, "plugin", json_boolean(c->plugin));
  json_object_set_new(o, "warmup", json_integer(c->warmup));
  json_object_set_new(o, "iterations", json_integer(c->iterations));
  json_object_set_new(o, "blocks", c->blocks ? json_integer(c->blocks) : json_null());
  json_object_set_new(o, "status", c->reason ? json_string("not-applicable") : json_null());
  json_object_set_new(o, "reason", c->reason ? json_string(c->reason) : json_null());
  return o;
}

json_t *sweep_plan_json(const struct sweep_plan *p) {
  json_t *cells = json_array();
  for (int i = 0; i < p->ncells; i++) json_array_append_new(cells, cell_json(&p->cells[i]));
  return json_pack("{s:s, s:i, s:i, s:i, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:I, s:f, s:I, s:i, s:i, s:b, s:b, s:b, s:o}",
                   "profile", p->profile, "blocks", p->blocks, "pilot_blocks", p->pilot, "most_blocks", p->most_blocks, "effect",
                   p->effect, "shard", p->shard, "shards", p->shards, "sides", p->sides, "warmup", p->warmup, "iterations",
                   p->iterations, "repeats", p->repeats, "order", "per block: SplitMix64 of seed and block, Fisher-Yates", "seed",
                   (json_int_t)p->seed, "timeout_s", p->timeout_s, "memory_limit_bytes", (json_int_t)p->memory_limit,
                   "gc_threads", p->gc_threads, "pus", p->pus, "keep_env", p->keep_env, "oversubscribe", p->oversubscribe,
                   "trust_owners", p->trust_owners, "cells", cells);
}

/* --- Back ------------------------------------------------------------------------------------------------------------------- */

static bool read_cpus(struct sweep_cell *c, const json_t *cpus) {
  size_t n = json_array_size(cpus);
  if (!json_is_array(cpus) || (n && n != (size_t)c->threads)) return false;
  c->cpus = sweep_alloc(n, sizeof *c->cpus);
  c->ncpus = (int)n;
  for (size_t i = 0; i < n; i++) {
    if (!json_is_integer(json_array_get(cpus, i))) return false;
    c->cpus[i] = (int)json_integer_value(json_array_get(cpus, i));
  }
  return true;
}

/* A whole number in [min, max] into *out. */
static bool read_int(const json_t *o, const char *key, int min, int *out) {
  const json_t *v = json_object_get(o, key);
  json_int_t n = json_integer_value(v);
  if (!json_is_integer(v) || n < min || n > 10000000) return false;
  return *out = (int)n, true;
}

static bool read_cell(struct sweep_cell *c, const json_t *o) {
  for (int i = 0; i < NTEXTS; i++) {
    const char *text = json_string_value(json_object_get(o, texts[i].key));
    if (!text) return false;
    *text_of(c, i) = sweep_strdup(text);
  }
  if (!read_int(o, "threads", 1, &c->threads) || !read_int(o, "collector_threads", 1, &c->collector_threads) ||
      !read_int(o, "warmup", 0, &c->warmup) || !read_int(o, "iterations", 1, &c->iterations))
    return false;
  c->heap_limit = (uint64_t)json_integer_value(json_object_get(o, "heap_limit_bytes"));
  c->heap_factor = json_number_value(json_object_get(o, "heap_factor"));
  c->heap_base = (uint64_t)json_integer_value(json_object_get(o, "heap_base_bytes"));
  c->oversubscribed = json_is_true(json_object_get(o, "oversubscribed"));
  c->plugin = json_is_true(json_object_get(o, "plugin"));
  c->blocks = (int)json_integer_value(json_object_get(o, "blocks"));
  const char *reason = json_string_value(json_object_get(o, "reason"));
  if (reason) c->reason = sweep_strdup(reason);
  return read_cpus(c, json_object_get(o, "cpus"));
}

static bool read_plan(struct sweep_plan *p, const json_t *o) {
  const json_t *cells = json_object_get(o, "cells"), *seed = json_object_get(o, "seed");
  const char *profile = json_string_value(json_object_get(o, "profile"));
  if (!json_is_array(cells) || !json_is_integer(seed) || !profile) return false;
  p->profile = sweep_strdup(profile);
  p->seed = (uint64_t)json_integer_value(seed);
  p->memory_limit = (uint64_t)json_integer_value(json_object_get(o, "memory_limit_bytes"));
  p->timeout_s = json_number_value(json_object_get(o, "timeout_s"));
  p->keep_env = json_is_true(json_object_get(o, "keep_env"));
  p->oversubscribe = json_is_true(json_object_get(o, "oversubscribe"));
  p->trust_owners = json_is_true(json_object_get(o, "trust_owners"));
  p->effect = json_number_value(json_object_get(o, "effect"));
  if (!read_int(o, "pilot_blocks", 0, &p->pilot) || !read_int(o, "blocks", !p->pilot, &p->blocks) ||
      !read_int(o, "most_blocks", 0, &p->most_blocks) || !read_int(o, "shards", 1, &p->shards) ||
      !read_int(o, "shard", 0, &p->shard) || !read_int(o, "sides", 1, &p->sides) || !read_int(o, "repeats", -1, &p->repeats) ||
      !read_int(o, "pus", 1, &p->pus) || !read_int(o, "gc_threads", 0, &p->gc_threads) || !read_int(o, "warmup", 0, &p->warmup) ||
      !read_int(o, "iterations", 1, &p->iterations))
    return false;
  for (size_t i = 0; i < json_array_size(cells); i++) {
    struct sweep_cell *c = sweep_push(p->cells, p->ncells);
    if (!read_cell(c, json_array_get(cells, i))) return false;
    if (!c->reason) *sweep_push(p->runs, p->nruns) = (int)i;
  }
  return p->nruns > 0 && sweep_plan_invocations(p) <= JOURNAL_MOST && p->nruns % p->sides == 0 && p->shard < p->shards &&
         p->timeout_s >= 1 && p->memory_limit > 0;
}

int sweep_plan_from_json(struct sweep_plan *p, const json_t *json, const char *where) {
  *p = (struct sweep_plan){0};
  return read_plan(p, json) ? 0 : sweep_refuse("%s: the plan in it is incomplete or damaged", where);
}
