/* campaign.c: reading a campaign: its JSON record, its cells by their axes, its memory. See campaign.h. */
#define _GNU_SOURCE 1 /* vasprintf, tdestroy */
#include "harness/report/campaign.h"

#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const axis_column[AXES] = {"workload",          "parameters", "sharing",   "strategy",    "tunables", "threads",
                                       "collector_threads", "pinning",    "allocator", "heap_policy", "side"};

static _Noreturn void out_of_memory(void) {
  fputs("reclaim: out of memory for the report\n", stderr);
  exit(2);
}

void *report_grow(void *old, size_t count, size_t size) {
  void *grown = reallocarray(old, count, size);
  if (!grown) out_of_memory();
  return grown;
}

char *report_format_list(const char *format, va_list args) {
  char *s;
  if (vasprintf(&s, format, args) < 0) out_of_memory();
  return s;
}

char *report_format(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *s = report_format_list(format, args);
  va_end(args);
  return s;
}

bool invocation_is(const struct invocation *v, const char *status) { return !strcmp(v->status, status); }

double invocation_throughput(const struct invocation *v) {
  bool known = v->measured > 0 && v->operations > 0 && v->wall_ns > 0;
  return known ? v->operations / v->wall_ns * 1e9 : NAN;
}

static int compare_axes(const void *a, const void *b) {
  const struct cell *x = a, *y = b;
  for (int i = 0; i < AXES; i++) {
    int order = strcmp(x->axis[i], y->axis[i]);
    if (order) return order;
  }
  return 0;
}

struct cell *campaign_cell(struct campaign *c, const char *const axis[AXES]) {
  struct cell key = {0};
  memcpy(key.axis, axis, sizeof key.axis);
  struct cell **found = tfind(&key, &c->index, compare_axes);
  if (found) return *found;
  struct cell *cell = report_grow(NULL, 1, sizeof *cell);
  *cell = key;
  cell->allocator_version = cell->heap_limit = cell->heap_base = cell->heap_base_bytes = cell->steady = cell->plant =
      cell->checked = cell->counting = cell->status = "";
  if (!tsearch(cell, &c->index, compare_axes)) out_of_memory();
  if (c->ncells == c->room) c->cell = report_grow(c->cell, (size_t)(c->room = c->room ? 2 * c->room : 64), sizeof *c->cell);
  return c->cell[c->ncells++] = cell;
}

/* An axis of a planned cell as the rows write it: a string, or an integer. The text lives as long as the JSON does. */
static const char *planned_axis(json_t *cell, const char *key) {
  json_t *v = json_object_get(cell, key);
  if (json_is_string(v)) return json_string_value(v);
  if (!json_is_integer(v)) return "";
  char digits[32];
  snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
  json_object_set_new(cell, key, json_string(digits));
  return json_string_value(json_object_get(cell, key));
}

static void read_plan(struct campaign *c) {
  size_t i;
  json_t *cell;
  json_array_foreach(json_object_get(json_object_get(c->json, "plan"), "cells"), i, cell) {
    const char *axis[AXES];
    for (int a = 0; a < AXES; a++) axis[a] = planned_axis(cell, axis_column[a]);
    if (!strcmp(axis[AXIS_HEAP], "bytes")) axis[AXIS_HEAP] = planned_axis(cell, "heap_limit_bytes");
    campaign_cell(c, axis)->planned = true;
  }
}

bool campaign_read_json(struct campaign *c) {
  json_error_t e;
  FILE *in = fopen(c->json_path, "rb");
  if (!in) return snprintf(c->error, sizeof c->error, "cannot read %s: %s", c->json_path, strerror(errno)), false;
  c->json = json_loadf(in, JSON_REJECT_DUPLICATES, &e);
  fclose(in);
  if (!c->json) return snprintf(c->error, sizeof c->error, "%s:%d: not JSON: %s", c->json_path, e.line, e.text), false;
  json_t *schema = json_object_get(c->json, "schema");
  if (!json_is_integer(schema))
    return snprintf(c->error, sizeof c->error, "%s: there is no schema number; %d is due", c->json_path, REPORT_SCHEMA), false;
  if (json_integer_value(schema) != REPORT_SCHEMA) {
    snprintf(c->error, sizeof c->error, "%s: schema %" JSON_INTEGER_FORMAT " is not known; this program reads schema %d",
             c->json_path, json_integer_value(schema), REPORT_SCHEMA);
    return false;
  }
  const char *name = json_string_value(json_object_get(c->json, "campaign"));
  c->name = name ? name : "";
  c->baseline = json_string_value(json_object_get(c->json, "baseline"));
  read_plan(c);
  return true;
}

static bool open_campaign(struct campaign *c, const char *dir, bool pilot) {
  *c = (struct campaign){
      .samples_path = report_format("%s/samples.csv", dir), .json_path = report_format("%s/campaign.json", dir), .pilot = pilot};
  if (!campaign_read_json(c) || !campaign_read_samples(c)) return false;
  if (c->ncells == 0) snprintf(c->error, sizeof c->error, "%s: there is no row after the header", c->samples_path);
  return c->ncells > 0;
}

bool campaign_open(struct campaign *c, const char *dir) { return open_campaign(c, dir, false); }
bool campaign_open_pilot(struct campaign *c, const char *dir) { return open_campaign(c, dir, true); }

static void no_free(void *node) { (void)node; }

void campaign_close(struct campaign *c) {
  tdestroy(c->index, no_free);
  for (int i = 0; i < c->ncells; i++) {
    free(c->cell[i]->invocation);
    free(c->cell[i]->reason);
    free(c->cell[i]->no_ratio);
    free(c->cell[i]);
  }
  for (int i = 0; i < c->ngroups; i++) free(c->group[i].cell);
  free(c->group);
  free(c->cell);
  csv_close(&c->csv);
  json_decref(c->json);
  free(c->samples_path);
  free(c->json_path);
  *c = (struct campaign){0};
}
