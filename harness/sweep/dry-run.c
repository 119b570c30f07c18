/* dry-run.c: the plan as a table that is as wide as its longest words. */
#include "dry-run.h"

#include "harness/stats/stats.h"
#include "harness/sweep/progress.h"
#include "harness/sweep/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- The estimate ----------------------------------------------------------------------------------------------------------- */

static bool is_same(const struct sweep_cell *c, const json_t *old) {
  static const char *const keys[] = {"strategy", "workload", "parameters", "tunables", "sharing", "allocator", "heap"};
  const char *const values[] = {c->strategy, c->workload, c->parameters, c->tunables, c->sharing, c->allocator, c->heap};
  if (json_integer_value(json_object_get(old, "threads")) != c->threads) return false;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *text = json_string_value(json_object_get(old, keys[i]));
    if (!text || strcmp(text, values[i])) return false;
  }
  return true;
}

/* Teaches `g` what the newest campaign measured of the same cells; returns of how many. */
static int learn_from_latest(struct progress *g, const struct sweep_plan *p) {
  json_t *root = json_load_file("results/latest/campaign.json", 0, NULL);
  const json_t *seconds = json_object_get(root, "cell_seconds"), *cells = json_object_get(json_object_get(root, "plan"), "cells");
  int learnt = 0;
  for (int i = 0; i < p->nruns; i++)
    for (size_t k = 0; k < json_array_size(cells); k++) {
      const json_t *mean = json_array_get(seconds, k);
      if (!json_is_real(mean) || !is_same(&p->cells[p->runs[i]], json_array_get(cells, k))) continue;
      sweep_progress_learn(g, p->runs[i], json_real_value(mean));
      learnt++;
      break;
    }
  json_decref(root);
  return learnt;
}

static double estimate(const struct sweep_plan *p, int *learnt) {
  struct progress g;
  sweep_progress_begin(&g, p, true);
  *learnt = learn_from_latest(&g, p);
  double one = 0;
  for (int i = 0; i < p->nruns; i++) one += sweep_progress_expect(&g, p, p->runs[i]);
  sweep_progress_end(&g);
  int blocks = 0;
  for (int b = 0; b < sweep_plan_end(p); b++) blocks += sweep_plan_has_block(p, b);
  return one * (p->blocks ? blocks : p->pilot + p->most_blocks);
}

/* --- The table -------------------------------------------------------------------------------------------------------------- */

enum { COLUMNS = 8 };
static const char *const headings[COLUMNS] = {"workload",  "sharing", "strategy", "threads",
                                              "allocator", "heap",    "pinning",  "CPUs"};

static char *cpus_text(const struct sweep_cell *c) {
  struct text t = {0};
  for (int i = 0; i < c->ncpus; i++) sweep_text_addf(&t, "%s%d", i ? "," : "", c->cpus[i]);
  return t.s ? t.s : sweep_strdup("any");
}

/* The caller frees what it points to. */
static void cell_texts(const struct sweep_cell *c, char *text[COLUMNS]) {
  char *heap = !c->heap_limit ? sweep_strdup(c->heap_policy)
                              : sweep_format("%s (%.1f MiB)", c->heap_policy, (double)c->heap_limit / 1048576);
  char *all[COLUMNS] = {sweep_strdup(c->workload),  sweep_strdup(c->sharing),
                        sweep_strdup(c->strategy),  sweep_format("%d", c->threads),
                        sweep_strdup(c->allocator), heap,
                        sweep_strdup(c->pinning),   cpus_text(c)};
  memcpy(text, all, sizeof all);
}

static void free_texts(char *text[COLUMNS]) {
  for (int k = 0; k < COLUMNS; k++) free(text[k]);
}

static void measure_columns(const struct sweep_plan *p, int width[COLUMNS]) {
  char *text[COLUMNS];
  for (int k = 0; k < COLUMNS; k++) width[k] = (int)strlen(headings[k]);
  for (int i = 0; i < p->ncells; i++) {
    cell_texts(&p->cells[i], text);
    for (int k = 0; k < COLUMNS; k++)
      if ((int)strlen(text[k]) > width[k]) width[k] = (int)strlen(text[k]);
    free_texts(text);
  }
}

static void print_cells(const struct sweep_plan *p, FILE *out) {
  int width[COLUMNS];
  char *text[COLUMNS];
  measure_columns(p, width);
  for (int k = 0; k < COLUMNS; k++) fprintf(out, "%-*s  ", width[k], headings[k]);
  fprintf(out, "parameters\n");
  for (int i = 0; i < p->ncells; i++) {
    const struct sweep_cell *c = &p->cells[i];
    cell_texts(c, text);
    for (int k = 0; k < COLUMNS; k++) fprintf(out, "%-*s  ", width[k], text[k]);
    fprintf(out, "%s%s%s", c->parameters, *c->tunables ? " | " : "", c->tunables);
    if (c->reason) fprintf(out, "  not applicable: %s", c->reason);
    fputc('\n', out);
    free_texts(text);
  }
}

/* " x 20 blocks = 880 invocations" */
static void print_blocks(const struct sweep_plan *p, FILE *out) {
  int blocks = 0;
  for (int b = 0; b < p->blocks; b++) blocks += sweep_plan_has_block(p, b);
  if (!p->blocks)
    fprintf(out, " x %d blocks of a pilot, which asks for %d to %d more", p->pilot, STATS_INTERVAL_FROM, p->most_blocks);
  else
    fprintf(out, " x %d blocks = %" PRId64 " invocations", blocks, (int64_t)blocks * p->nruns);
  if (p->shards > 1) fprintf(out, " (part %d of %d)", p->shard + 1, p->shards);
}

int sweep_dry_run(const struct sweep_plan *p, bool json, FILE *out) {
  int learnt;
  char time[32];
  double seconds = estimate(p, &learnt);
  if (json) {
    json_t *o = json_pack("{s:o, s:f, s:i}", "plan", sweep_plan_json(p), "estimate_s", seconds, "cells_measured_before", learnt);
    json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    fputc('\n', out);
    json_decref(o);
    return 0;
  }
  print_cells(p, out);
  fprintf(out, "\n%d cells", p->nruns);
  if (p->ncells > p->nruns) fprintf(out, " (and %d not applicable)", p->ncells - p->nruns);
  print_blocks(p, out);
  fprintf(out, ", seed %" PRIu64 ", at most %.1f MiB each\n", p->seed, (double)p->memory_limit / 1048576);
  fprintf(out, "Estimate: %s, %s; %s\n", sweep_progress_duration(seconds, time, sizeof time),
          learnt == p->nruns ? "from the campaign in results/latest"
          : learnt           ? "partly from the campaign in results/latest"
                             : "a guess",
          p->blocks ? "blocks with a poor control are run once more, which can double it"
                    : "if the pilot asks for the most, and all are run once more, twice that");
  return 0;
}
