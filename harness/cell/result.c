/* result.c: pooling over iterations, and the JSON object. What is not known is null. */
#define _GNU_SOURCE
#include "harness/cell/result.h"
#include "harness/cell/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- Pooling -------------------------------------------------------------------------------------------------------------- */

static void add_histogram(reclaim_histogram *to, const reclaim_histogram *from) {
  for (int b = 0; b < RECLAIM_BUCKETS; b++) to->count[b] += from->count[b];
  to->total_count += from->total_count;
  to->total_ns += from->total_ns;
  if (from->max_ns > to->max_ns) to->max_ns = from->max_ns;
}

static uint64_t add_known(uint64_t a, uint64_t b) { return a == RECLAIM_NONE || b == RECLAIM_NONE ? RECLAIM_NONE : a + b; }

static uint64_t greater_known(uint64_t a, uint64_t b) {
  return a == RECLAIM_NONE || b == RECLAIM_NONE ? RECLAIM_NONE : a > b ? a : b;
}

/* By its name, since a counter has no kind: one of its words is a superlative. */
bool cell_counter_is_greatest(const char *name) {
  static const char *const superlatives[] = {"longest", "largest", "deepest", "highest", "most", "peak", "max"};
  for (const char *word = name; *word; word += strspn(word, "-")) {
    size_t n = strcspn(word, "-");
    for (size_t i = 0; i < sizeof superlatives / sizeof *superlatives; i++)
      if (strlen(superlatives[i]) == n && strncmp(word, superlatives[i], n) == 0) return true;
    word += n;
  }
  return false;
}

void cell_result_pool(struct cell_result *r, const reclaim_stats *s) {
  add_histogram(&r->pauses, &s->pauses);
  add_histogram(&r->safepoints, &s->safepoints);
  add_histogram(&r->lock_waits, &s->lock_waits);
  /* Minor collections are a generational strategy's own: one that has none may say so either way. */
  uint64_t minor = s->minor_collections == RECLAIM_NONE ? 0 : s->minor_collections;
  r->all_collections = add_known(r->all_collections, add_known(s->collections, minor));
  for (int i = 0; i < s->ncounters; i++) {
    int k = 0;
    while (k < r->ncounters && strcmp(r->counters[k].name, s->counters[i].name) != 0) k++;
    if (k == (int)(sizeof r->counters / sizeof *r->counters)) continue;
    if (k == r->ncounters) r->counters[r->ncounters++] = (reclaim_counter){s->counters[i].name, 0};
    bool greatest = cell_counter_is_greatest(s->counters[i].name);
    r->counters[k].value = (greatest ? greater_known : add_known)(r->counters[k].value, s->counters[i].value);
  }
}

uint64_t cell_percentile(const reclaim_histogram *h, double part) {
  if (h->total_count == 0) return RECLAIM_NONE;
  uint64_t wanted = (uint64_t)ceil(part * (double)h->total_count), seen = 0;
  for (int b = 0; b < RECLAIM_BUCKETS - 1; b++) {
    seen += h->count[b];
    if (seen < wanted || !seen) continue;
    uint64_t last = reclaim_bucket_floor(b + 1) - 1;
    return last < h->max_ns ? last : h->max_ns;
  }
  return h->max_ns;
}

/* --- JSON ----------------------------------------------------------------------------------------------------------------- */

static void text(struct cell_json *j, const char *key, const char *value) {
  cell_json_key(j, key);
  cell_json_string(j, value);
}

static void number(struct cell_json *j, const char *key, uint64_t value) {
  cell_json_key(j, key);
  cell_json_unsigned(j, value);
}

static void real(struct cell_json *j, const char *key, double value) {
  cell_json_key(j, key);
  cell_json_number(j, value);
}

static void truth(struct cell_json *j, const char *key, bool value) {
  cell_json_key(j, key);
  cell_json_bool(j, value);
}

static void write_cell(struct cell_json *j, const struct cell_result *r) {
  const struct cell_options *o = r->options;
  text(j, "status", r->status);
  text(j, "reason", r->reason);
  cell_json_break(j);
  text(j, "strategy", o->strategy->name);
  text(j, "workload", o->workload);
  text(j, "parameters", o->parameters_text);
  text(j, "tunables", o->tunables_text);
  text(j, "sharing", catalog_sharing_name(o->sharing));
  number(j, "threads", (uint64_t)o->threads);
  number(j, "collector_threads", (uint64_t)o->collector_threads);
  text(j, "pinning", cell_pin_names[o->pin]);
  cell_json_key(j, "cpus");
  cell_json_open(j, '[');
  for (int i = 0; i < o->threads && o->pin != PIN_NONE; i++) cell_json_signed(j, o->cpus[i]);
  cell_json_close(j, ']');
  text(j, "allocator", o->allocator.name);
  text(j, "allocator_version", *r->allocator_version ? r->allocator_version : NULL);
  text(j, "heap_policy", o->heap_policy);
  text(j, "heap_base", o->heap_base ? o->heap_base : "");
  number(j, "heap_base_bytes", o->heap_base_bytes ? o->heap_base_bytes : RECLAIM_NONE);
  number(j, "heap_limit_bytes", o->heap_limit_bytes ? o->heap_limit_bytes : RECLAIM_NONE);
  number(j, "memory_limit_bytes", o->memory_limit_bytes ? o->memory_limit_bytes : RECLAIM_NONE);
  truth(j, "oversubscribed", o->oversubscribed);
  number(j, "seed", o->seed);
  if (*o->plant_text) {
    text(j, "plant", o->plant_text);
    number(j, "planted_cpu_ns", r->planted_cpu_ns);
    number(j, "planted_bytes", r->planted_bytes);
  }
  text(j, "pack", o->strategy->pack);
  text(j, "object", catalog_path(o->strategy));
  text(j, "build", o->strategy->build);
  truth(j, "checked", o->strategy->checked);
  truth(j, "counting", o->strategy->counting);
  cell_json_break(j);
  real(j, "control_speed", r->control_speed);
  real(j, "control_speedup", r->control_speedup);
  number(j, "live_objects", r->live_objects);
  number(j, "live_bytes", r->live_bytes);
  number(j, "rss_final_bytes", r->rss_final_bytes);
  number(j, "code_pages_moved", r->code_pages_moved);
}

static void write_leak(struct cell_json *j, const char *key, bool known, int64_t value) {
  cell_json_key(j, key);
  if (known)
    cell_json_signed(j, value);
  else
    cell_json_null(j);
}

static void write_row(struct cell_json *j, const struct cell_row *w, int iteration) {
  char checksum[17];
  snprintf(checksum, sizeof checksum, "%016" PRIx64, w->checksum);
  cell_json_break(j);
  cell_json_open(j, '{');
  number(j, "iteration", (uint64_t)iteration);
  text(j, "phase", w->measured ? "measured" : "warmup");
  number(j, "start_ns", w->start_ns);
  number(j, "operations", w->operations);
  number(j, "wall_ns", w->wall_ns);
  number(j, "cpu_user_ns", w->cpu_user_ns);
  number(j, "cpu_system_ns", w->cpu_system_ns);
  number(j, "mutator_wall_ns", w->mutator_wall_ns);
  number(j, "mutator_cpu_ns", w->mutator_cpu_ns);
  number(j, "collector_wall_ns", w->collector_wall_ns);
  number(j, "collector_cpu_ns", w->collector_cpu_ns);
  number(j, "collections", w->collections);
  number(j, "minor_collections", w->minor_collections);
  number(j, "pause_max_ns", w->pause_max_ns);
  number(j, "pause_p99_ns", w->pause_p99_ns);
  number(j, "rss_before_bytes", w->rss_before_bytes);
  number(j, "rss_mean_bytes", w->rss_mean_bytes);
  number(j, "rss_peak_bytes", w->rss_peak_bytes);
  number(j, "rss_after_bytes", w->rss_after_bytes);
  number(j, "committed_bytes", w->committed_bytes);
  number(j, "allocated_bytes", w->allocated_bytes);
  write_leak(j, "leaked_objects", w->leaks_known, w->leaked_objects);
  write_leak(j, "leaked_bytes", w->leaks_known, w->leaked_bytes);
  number(j, "cyclic_nodes", w->cyclic_nodes);
  number(j, "minor_faults", w->minor_faults);
  number(j, "major_faults", w->major_faults);
  number(j, "context_switches", w->context_switches);
  number(j, "migrations", w->migrations);
  text(j, "checksum", checksum);
  cell_json_close(j, '}');
}

static void write_rows(struct cell_json *j, const struct cell_result *r) {
  int n = atomic_load_explicit(&r->nrows, memory_order_acquire);
  cell_json_break(j);
  cell_json_key(j, "iterations");
  cell_json_open(j, '[');
  for (int i = 0; i < n; i++) write_row(j, &r->rows[i], i);
  cell_json_close(j, ']');
}

/* Pairs of numbers, as short as they can be: there may be thousands. */
static void pair(struct cell_json *j, uint64_t a, uint64_t b) {
  cell_json_open(j, '[');
  cell_json_unsigned(j, a);
  cell_json_unsigned(j, b);
  cell_json_close(j, ']');
}

static void write_histogram(struct cell_json *j, const char *key, const reclaim_histogram *h) {
  cell_json_break(j);
  cell_json_key(j, key);
  cell_json_open(j, '[');
  for (int b = 0; b < RECLAIM_BUCKETS; b++)
    if (h->count[b]) pair(j, reclaim_bucket_floor(b), h->count[b]);
  cell_json_close(j, ']');
}

static void write_samples(struct cell_json *j, struct cell_sampler *sampler) {
  size_t n = 0;
  const struct cell_sample *samples = sampler ? cell_sampler_freeze(sampler, &n) : NULL;
  cell_json_break(j);
  cell_json_key(j, "rss");
  cell_json_open(j, '[');
  for (size_t i = 0; i < n; i++) pair(j, samples[i].at_ns, samples[i].bytes);
  cell_json_close(j, ']');
}

static void write_counters(struct cell_json *j, const struct cell_result *r) {
  cell_json_break(j);
  cell_json_key(j, "counters");
  cell_json_open(j, '{');
  for (int i = 0; i < r->ncounters; i++) number(j, r->counters[i].name, r->counters[i].value);
  cell_json_close(j, '}');
}

int cell_result_write(const struct cell_result *r, struct cell_sampler *sampler) {
  struct cell_json j;
  cell_json_begin(&j, r->options->fd);
  cell_json_open(&j, '{');
  write_cell(&j, r);
  write_rows(&j, r);
  write_histogram(&j, "pauses", &r->pauses);
  write_histogram(&j, "safepoints", &r->safepoints);
  write_histogram(&j, "lock_waits", &r->lock_waits);
  write_counters(&j, r);
  write_samples(&j, sampler);
  cell_json_close(&j, '}');
  return cell_json_end(&j);
}
