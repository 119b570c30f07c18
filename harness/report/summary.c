/* summary.c: see summary.h. A value that is not known is an empty field in CSV and null in JSON. */
#include "harness/report/summary.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum form { TEXT, AXIS_TEXT, AXIS_NUMBER, LIMIT, COUNT, FLAG, NUMBER, INTERVAL, KIND, BASELINE };

/* INTERVAL stands for three columns: NAME, NAME_lo, NAME_hi. */
static const struct column {
  const char *name;
  enum form form;
  size_t offset; /* in struct cell; for an axis, its number */
} columns[] = {
    {"workload", AXIS_TEXT, AXIS_WORKLOAD},
    {"parameters", AXIS_TEXT, AXIS_PARAMETERS},
    {"sharing", AXIS_TEXT, AXIS_SHARING},
    {"strategy", AXIS_TEXT, AXIS_STRATEGY},
    {"tunables", AXIS_TEXT, AXIS_TUNABLES},
    {"threads", AXIS_NUMBER, AXIS_THREADS},
    {"collector_threads", AXIS_NUMBER, AXIS_COLLECTOR_THREADS},
    {"pinning", AXIS_TEXT, AXIS_PINNING},
    {"allocator", AXIS_TEXT, AXIS_ALLOCATOR},
    {"allocator_version", TEXT, offsetof(struct cell, allocator_version)},
    {"heap_policy", AXIS_TEXT, AXIS_HEAP},
    {"heap_limit_bytes", LIMIT, offsetof(struct cell, heap_limit)},
    {"heap_base", TEXT, offsetof(struct cell, heap_base)},
    {"heap_base_bytes", LIMIT, offsetof(struct cell, heap_base_bytes)},
    {"status", TEXT, offsetof(struct cell, status)},
    {"reason", TEXT, offsetof(struct cell, reason)},
    {"blocks", COUNT, offsetof(struct cell, blocks)},
    {"invocations", COUNT, offsetof(struct cell, invocations)},
    {"invocations_used", COUNT, offsetof(struct cell, used)},
    {"invocations_failed", COUNT, offsetof(struct cell, failed)},
    {"invocations_uncollected", COUNT, offsetof(struct cell, uncollected)},
    {"invocations_control_poor", COUNT, offsetof(struct cell, control_poor)},
    {"oversubscribed", FLAG, offsetof(struct cell, oversubscribed)},
    {"throughput_ops_per_s", INTERVAL, offsetof(struct cell, throughput)},
    {"throughput_interval", KIND, offsetof(struct cell, throughput)},
    {"throughput_spread", NUMBER, offsetof(struct cell, spread)},
    {"window_min_ns", NUMBER, offsetof(struct cell, window_ns)},
    {"cpu_ns_per_op", INTERVAL, offsetof(struct cell, cpu_ns_per_op)},
    {"cpu_s", NUMBER, offsetof(struct cell, cpu_s)},
    {"baseline", BASELINE, offsetof(struct cell, baseline)},
    {"ratio", INTERVAL, offsetof(struct cell, ratio)},
    {"ratio_interval", KIND, offsetof(struct cell, ratio)},
    {"ratio_pairs", COUNT, offsetof(struct cell, ratio.n)},
    {"no_ratio", TEXT, offsetof(struct cell, no_ratio)},
    {"rss_mean_bytes", NUMBER, offsetof(struct cell, rss_mean_bytes)},
    {"rss_peak_bytes", NUMBER, offsetof(struct cell, rss_peak_bytes)},
    {"peak_factor", NUMBER, offsetof(struct cell, peak_factor)},
    {"live_bytes", NUMBER, offsetof(struct cell, live_bytes)},
    {"collections", NUMBER, offsetof(struct cell, collections)},
    {"collector_cpu_share", NUMBER, offsetof(struct cell, collector_cpu_share)},
    {"collector_wall_share", NUMBER, offsetof(struct cell, collector_wall_share)},
    {"pause_max_ns", NUMBER, offsetof(struct cell, pause_max_ns)},
    {"pause_p99_ns", NUMBER, offsetof(struct cell, pause_p99_ns)},
    {"leaked_objects", NUMBER, offsetof(struct cell, leaked_objects)},
    {"leaked_bytes", NUMBER, offsetof(struct cell, leaked_bytes)},
    {"steady", TEXT, offsetof(struct cell, steady)},
    {"side", AXIS_TEXT, AXIS_SIDE},
    {"plant", TEXT, offsetof(struct cell, plant)},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const void *at(const struct cell *cell, const struct column *c) { return (const char *)cell + c->offset; }

static json_t *number(double v) {
  if (!isfinite(v)) return json_null();
  if (v == floor(v) && fabs(v) < 9e15) return json_integer((json_int_t)v);
  return json_real(v);
}

static json_t *text(const char *s) { return s && *s ? json_string(s) : json_null(); }

static json_t *digits(const char *s) { return *s ? number(strtod(s, NULL)) : json_null(); }

static const char *kind(const struct stats_interval *v) {
  static const char *const names[] = {[STATS_NONE] = "", [STATS_RANGE] = "range", [STATS_INTERVAL] = "95%"};
  return names[v->kind];
}

/* A column's value as JSON, which knows what a number, a text and nothing are. Owned by the caller. */
static json_t *value(const struct cell *cell, const struct column *c) {
  switch (c->form) {
  case TEXT: return text(*(char *const *)at(cell, c));
  case AXIS_TEXT: return text(cell->axis[c->offset]);
  case AXIS_NUMBER: return digits(cell->axis[c->offset]);
  case LIMIT: return digits(*(char *const *)at(cell, c));
  case COUNT: return json_integer(*(const int *)at(cell, c));
  case FLAG: return json_boolean(*(const bool *)at(cell, c));
  case NUMBER: return number(*(const double *)at(cell, c));
  case KIND: return text(kind(at(cell, c)));
  case BASELINE: return text(cell->baseline ? cell->baseline->axis[AXIS_STRATEGY] : NULL);
  case INTERVAL: break;
  }
  return number(((const struct stats_interval *)at(cell, c))->mid);
}

/* The record of a cell: an object whose keys keep the order of the columns. */
static json_t *record(const struct campaign *campaign, const struct cell *cell) {
  json_t *o = json_object();
  json_object_set_new(o, "campaign", text(campaign->name));
  for (const struct column *c = columns; c < columns + COLUMNS; c++) {
    json_object_set_new(o, c->name, value(cell, c));
    if (c->form != INTERVAL) continue;
    const struct stats_interval *v = at(cell, c);
    char name[64];
    snprintf(name, sizeof name, "%s_lo", c->name);
    json_object_set_new(o, name, number(v->lo));
    snprintf(name, sizeof name, "%s_hi", c->name);
    json_object_set_new(o, name, number(v->hi));
  }
  return o;
}

void summary_print_json(const struct campaign *campaign, FILE *out) {
  json_t *cells = json_array();
  for (int i = 0; i < campaign->ncells; i++) json_array_append_new(cells, record(campaign, campaign->cell[i]));
  json_t *warnings = json_object_get(campaign->json, "warnings");
  json_t *o = json_object();
  json_object_set_new(o, "schema", json_integer(REPORT_SCHEMA));
  json_object_set_new(o, "campaign", text(campaign->name));
  json_object_set_new(o, "warnings", json_is_array(warnings) ? json_incref(warnings) : json_array());
  json_object_set_new(o, "cells", cells);
  json_dumpf(o, out, JSON_INDENT(1));
  putc('\n', out);
  json_decref(o);
}

/* The shortest of 15 to 17 digits that reads back exactly. */
static void write_real(FILE *out, double v) {
  char s[40];
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(s, sizeof s, "%.*g", precision, v);
    if (strtod(s, NULL) == v) break;
  }
  fputs(s, out);
}

static void write_value(FILE *out, json_t *v) {
  if (json_is_string(v))
    csv_write_field(out, json_string_value(v));
  else if (json_is_integer(v))
    fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
  else if (json_is_real(v))
    write_real(out, json_real_value(v));
  else if (json_is_boolean(v))
    fputs(json_is_true(v) ? "true" : "false", out);
}

static void write_record(FILE *out, json_t *o, bool header) {
  const char *name, *separator = "";
  json_t *v;
  json_object_foreach(o, name, v) {
    fputs(separator, out);
    if (header)
      fputs(name, out);
    else
      write_value(out, v);
    separator = ",";
  }
  putc('\n', out);
}

static bool write_all(const struct campaign *c, FILE *out) {
  for (int i = 0; i < c->ncells; i++) {
    json_t *o = record(c, c->cell[i]);
    if (i == 0) write_record(out, o, true);
    write_record(out, o, false);
    json_decref(o);
  }
  return fflush(out) == 0 && !ferror(out);
}

bool summary_write(const struct campaign *c, const char *path) {
  char *temporary = report_format("%s.%ld.tmp", path, (long)getpid());
  FILE *out = fopen(temporary, "wx");
  bool done = out && write_all(c, out);
  int why = errno;
  if (out && fclose(out) != 0 && done) {
    done = false;
    why = errno;
  }
  if (done && rename(temporary, path) != 0) {
    done = false;
    why = errno;
  }
  if (!done && out) unlink(temporary);
  free(temporary);
  errno = why;
  return done;
}
