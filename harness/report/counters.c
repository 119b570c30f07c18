/* counters.c: see counters.h. */
#include "harness/report/counters.h"
#include "harness/cell/result.h"
#include "harness/report/campaign.h"
#include "harness/report/units.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The keys of an object that tell cells apart; all texts but threads and the heap's bytes. */
static const char *const keys[] = {"workload", "parameters", "sharing",     "strategy",        "tunables",
                                   "threads",  "allocator",  "heap_policy", "heap_limit_bytes"};
enum {
  KEYS = sizeof keys / sizeof *keys,
  K_WORKLOAD = 0,
  K_SHARING = 2,
  K_STRATEGY = 3,
  K_THREADS = 5,
  K_ALLOCATOR = 6,
  K_HEAP = 7
};

/* One counter of one cell: a value per invocation. */
struct counter {
  const char *name; /* borrowed from the JSON */
  double *value, *per_operation;
  int n, room;
};

struct counted {
  char *text[KEYS]; /* owned */
  struct counter *counter;
  int ncounters;
};

struct reading {
  const char *path;
  json_t **line; /* the objects, kept for their names */
  int nlines;
  struct counted *cell;
  int ncells;
};

/* --- Reading ---------------------------------------------------------------------------------------------------------------- */

static char *key_text(const json_t *o, const char *key) {
  const json_t *v = json_object_get(o, key);
  if (json_is_integer(v)) return report_format("%" JSON_INTEGER_FORMAT, json_integer_value(v));
  return report_format("%s", json_is_string(v) ? json_string_value(v) : "");
}

static struct counted *cell_of(struct reading *r, const json_t *o) {
  char *text[KEYS];
  struct counted *found = NULL;
  for (int k = 0; k < KEYS; k++) text[k] = key_text(o, keys[k]);
  for (int i = 0; i < r->ncells && !found; i++) {
    found = &r->cell[i];
    for (int k = 0; k < KEYS && found; k++)
      if (strcmp(found->text[k], text[k])) found = NULL;
  }
  if (found) {
    for (int k = 0; k < KEYS; k++) free(text[k]);
    return found;
  }
  r->cell = report_grow(r->cell, (size_t)r->ncells + 1, sizeof *r->cell);
  found = &r->cell[r->ncells++];
  *found = (struct counted){0};
  memcpy(found->text, text, sizeof text);
  return found;
}

static struct counter *counter_of(struct counted *c, const char *name) {
  for (int i = 0; i < c->ncounters; i++)
    if (!strcmp(c->counter[i].name, name)) return &c->counter[i];
  c->counter = report_grow(c->counter, (size_t)c->ncounters + 1, sizeof *c->counter);
  c->counter[c->ncounters] = (struct counter){.name = name};
  return &c->counter[c->ncounters++];
}

/* `operations` 0: there is nothing to divide by. */
static void add_value(struct counter *c, double value, double operations) {
  if (c->n == c->room) {
    c->room = c->room ? 2 * c->room : 8;
    c->value = report_grow(c->value, (size_t)c->room, sizeof *c->value);
    c->per_operation = report_grow(c->per_operation, (size_t)c->room, sizeof *c->per_operation);
  }
  c->value[c->n] = value;
  c->per_operation[c->n++] = operations > 0 ? value / operations : NAN;
}

static void fold(struct reading *r, json_t *o) {
  struct counted *cell = cell_of(r, o);
  double operations = json_number_value(json_object_get(o, "operations"));
  const char *name;
  json_t *v;
  json_object_foreach(json_object_get(o, "counters"), name, v) {
    if (json_is_number(v)) /* a greatest value is no sum: per operation it says nothing */
      add_value(counter_of(cell, name), json_number_value(v), cell_counter_is_greatest(name) ? 0 : operations);
  }
}

static bool read_lines(struct reading *r) {
  FILE *in = fopen(r->path, "rbe");
  if (!in) return fprintf(stderr, "reclaim: cannot read %s: %s\n", r->path, strerror(errno)), false;
  char *line = NULL;
  size_t room = 0;
  bool ok = true;
  ssize_t n;
  for (long at = 1; ok && (n = getline(&line, &room, in)) > 0; at++) {
    json_error_t e;
    json_t *o = line[n - 1] == '\n' ? json_loads(line, 0, &e) : NULL;
    ok = json_is_object(o);
    if (!ok)
      fprintf(stderr, "reclaim: %s:%ld: %s\n", r->path, at, line[n - 1] == '\n' ? "not a JSON object" : "the line was cut off");
    if (!ok) {
      json_decref(o);
      break;
    }
    r->line = report_grow(r->line, (size_t)r->nlines + 1, sizeof(json_t *));
    r->line[r->nlines++] = o;
    fold(r, o);
  }
  if (ok && !feof(in)) {
    fprintf(stderr, "reclaim: cannot read %s: %s\n", r->path, strerror(errno));
    ok = false;
  }
  free(line);
  fclose(in);
  return ok;
}

static void free_reading(struct reading *r) {
  for (int i = 0; i < r->ncells; i++) {
    for (int k = 0; k < KEYS; k++) free(r->cell[i].text[k]);
    for (int k = 0; k < r->cell[i].ncounters; k++) free(r->cell[i].counter[k].value), free(r->cell[i].counter[k].per_operation);
    free(r->cell[i].counter);
  }
  for (int i = 0; i < r->nlines; i++) json_decref(r->line[i]);
  free(r->line);
  free(r->cell);
}

/* --- Writing ---------------------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_of(double *x, int n) {
  qsort(x, (size_t)n, sizeof *x, ascending);
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static void write_number(FILE *out, double v) {
  if (isnan(v)) return;
  fprintf(out, v == floor(v) && fabs(v) < 9e15 ? "%.0f" : "%.9g", v);
}

static void write_csv(struct reading *r, FILE *out) {
  for (int k = 0; k < KEYS; k++) fprintf(out, "%s,", keys[k]);
  fputs("counter,invocations,median,per_operation\r\n", out);
  for (int i = 0; i < r->ncells; i++)
    for (int c = 0; c < r->cell[i].ncounters; c++) {
      struct counter *x = &r->cell[i].counter[c];
      for (int k = 0; k < KEYS; k++) {
        csv_write_field(out, r->cell[i].text[k]);
        putc(',', out);
      }
      csv_write_field(out, x->name);
      fprintf(out, ",%d,", x->n);
      write_number(out, median_of(x->value, x->n));
      putc(',', out);
      write_number(out, median_of(x->per_operation, x->n));
      fputs("\r\n", out);
    }
}

static int compare_cells(const void *a, const void *b) {
  const struct counted *x = a, *y = b;
  for (int k = 0; k < KEYS; k++) {
    int order = strcmp(x->text[k], y->text[k]);
    if (order) return order;
  }
  return 0;
}

static int save_csv(struct reading *r, const char *dir) {
  char *path = report_format("%s/counters.csv", dir), *temporary = report_format("%s.%ld.tmp", path, (long)getpid());
  FILE *out = fopen(temporary, "wx");
  bool ok = out != NULL;
  if (out) {
    write_csv(r, out);
    ok = fflush(out) == 0 && !ferror(out);
    ok = fclose(out) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
  }
  if (!ok) {
    fprintf(stderr, "reclaim: cannot write %s: %s\n", path, strerror(errno));
    if (out) unlink(temporary);
  }
  free(path);
  free(temporary);
  return ok ? 0 : 2;
}

static void print_cell(const struct counted *c, FILE *out) {
  char value[UNITS_TEXT], each[UNITS_TEXT];
  fprintf(out, "\n%s, %s: %s, %s thread%s, %s%s%s\n", c->text[K_WORKLOAD], c->text[K_SHARING], c->text[K_STRATEGY],
          c->text[K_THREADS], strcmp(c->text[K_THREADS], "1") ? "s" : "", c->text[K_ALLOCATOR],
          *c->text[K_HEAP] && strcmp(c->text[K_HEAP], "n/a") ? ", heap " : "",
          strcmp(c->text[K_HEAP], "n/a") ? c->text[K_HEAP] : "");
  for (int i = 0; i < c->ncounters; i++) {
    struct counter *x = &c->counter[i];
    double m = median_of(x->value, x->n), p = median_of(x->per_operation, x->n);
    fprintf(out, "  %-28s %10s", x->name, units_write_own(UNITS_COUNT, m, 4, value));
    if (p > 0) fprintf(out, "  %10s per operation", units_write_own(UNITS_COUNT, p, 3, each));
    putc('\n', out);
  }
}

static void print_json(struct reading *r, FILE *out) {
  json_t *all = json_array();
  for (int i = 0; i < r->ncells; i++) {
    struct counted *c = &r->cell[i];
    json_t *o = json_object(), *counters = json_object();
    json_object_set_new(o, "name", json_string(c->text[K_STRATEGY]));
    json_object_set_new(o, "summary", json_string(c->text[K_WORKLOAD]));
    for (int k = 0; k < KEYS; k++) json_object_set_new(o, keys[k], json_string(c->text[k]));
    for (int k = 0; k < c->ncounters; k++) {
      double p = median_of(c->counter[k].per_operation, c->counter[k].n);
      json_object_set_new(counters, c->counter[k].name,
                          json_pack("{s:f, s:o}", "median", median_of(c->counter[k].value, c->counter[k].n), "per_operation",
                                    isfinite(p) ? json_real(p) : json_null()));
    }
    json_object_set_new(o, "counters", counters);
    json_array_append_new(all, o);
  }
  json_dumpf(all, out, JSON_INDENT(1));
  putc('\n', out);
  json_decref(all);
}

int counters_dir(const char *dir, bool json, FILE *out) {
  char *path = report_format("%s/histograms.jsonl", dir);
  struct reading r = {.path = path};
  bool read = read_lines(&r);
  if (read && r.ncells) qsort(r.cell, (size_t)r.ncells, sizeof *r.cell, compare_cells);
  int rc = read ? save_csv(&r, dir) : 2;
  if (!rc && out && json)
    print_json(&r, out);
  else if (!rc && out)
    for (int i = 0; i < r.ncells; i++) print_cell(&r.cell[i], out);
  free_reading(&r);
  free(path);
  return rc;
}
