/* anchors-main.c: the command line of build/rivals/anchors, which experiments/anchors starts with the three paths it needs. */
#include "experiments/anchors.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/program.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct command {
  struct options o;
  const char *table, *judge; /* judge: a folder that is only read */
  bool list, resume;
};

static int read_whole(const char *flag, const char *text, uint64_t least, uint64_t *out) {
  char *end;
  errno = 0;
  *out = strtoull(text, &end, 10);
  bool ok = *text >= '0' && *text <= '9' && !*end && !errno && *out >= least;
  return ok ? 0 : sweep_refuse("%s: '%s' is not a whole number from %" PRIu64, flag, text, least);
}

static int read_threads(struct options *o, const char *text) {
  int n, rc = 0;
  char **words = sweep_split(text, &n);
  if (!n || n > 8) return sweep_refuse("--threads: one to eight numbers, not '%s'", text);
  for (int i = 0; i < n && !rc; i++) {
    uint64_t v;
    rc = read_whole("--threads", words[i], 1, &v);
    o->threads[i] = (int)v;
  }
  o->nthreads = n;
  sweep_free_words(words, n);
  return rc;
}

/* One flag with its value. */
static int read_flag(struct command *c, const char *flag, const char *value) {
  struct options *o = &c->o;
  uint64_t v = 0;
  int rc = 0;
  if (!strcmp(flag, "--table"))
    c->table = value;
  else if (!strcmp(flag, "--reclaim"))
    o->reclaim = value;
  else if (!strcmp(flag, "--rival"))
    o->rival = value;
  else if (!strcmp(flag, "--out"))
    o->out = value;
  else if (!strcmp(flag, "--resume"))
    o->out = value, c->resume = true;
  else if (!strcmp(flag, "--heap"))
    o->heap = sweep_strdup(value);
  else if (!strcmp(flag, "--only"))
    o->only = sweep_split(value, &o->nonly);
  else if (!strcmp(flag, "--programs"))
    o->programs = sweep_split(value, &o->nprograms);
  else if (!strcmp(flag, "--threads"))
    rc = read_threads(o, value);
  else if (!strcmp(flag, "--seed"))
    rc = read_whole(flag, value, 0, &o->seed);
  else if (!strcmp(flag, "--blocks"))
    rc = read_whole(flag, value, 1, &v), o->blocks = (int)v;
  else if (!strcmp(flag, "--timeout"))
    rc = read_whole(flag, value, 1, &v), o->timeout_s = (double)v;
  else if (!strcmp(flag, "--least-heap"))
    rc = catalog_parse_bytes(value, &o->least_heap) ? 0 : sweep_refuse("--least-heap: '%s' is no size", value);
  else
    rc = sweep_refuse("unknown flag '%s' (see experiments/anchors --help)", flag);
  return rc;
}

static int read_command(struct command *c, int argc, char **argv) {
  *c = (struct command){.o = {.heap = "3x",
                              .threads = {1, 2},
                              .nthreads = 2,
                              .blocks = 6,
                              .iterations_of = 1,
                              .seed = (uint64_t)time(NULL),
                              .least_heap = 24 << 20,
                              .timeout_s = 120}};
  for (int i = 1; i < argc; i++) {
    int rc = 0;
    if (!strcmp(argv[i], "--list"))
      c->list = true;
    else if (!strcmp(argv[i], "--quick"))
      c->o.blocks = 3, c->o.iterations_of = 2, c->o.nthreads = 1;
    else if (argv[i][0] != '-' && !c->judge)
      c->judge = argv[i];
    else if (argv[i][0] != '-')
      rc = sweep_refuse("two folders, '%s' and '%s'", c->judge, argv[i]);
    else if (i + 1 == argc)
      rc = sweep_refuse("%s needs a value", argv[i]);
    else
      rc = read_flag(c, argv[i], argv[i + 1]), i++;
    if (rc) return rc;
  }
  if (!c->table || !c->o.reclaim || !c->o.rival) return sweep_refuse("this is started by experiments/anchors");
  return 0;
}

/* --- Names that were given ---------------------------------------------------------------------------------------------------------------- */

static int check_names(const struct table *t, const struct options *o) {
  for (int i = 0; i < o->nonly; i++)
    if (table_contender(t, o->only[i]) < 0)
      return sweep_refuse("--only: there is no '%s' (see experiments/anchors --list)", o->only[i]);
  for (int i = 0; i < o->nprograms; i++)
    if (!table_program(t, o->programs[i])) return sweep_refuse("--programs: there is no '%s'", o->programs[i]);
  if (table_contender(t, t->baseline) < 0 || t->contenders[table_contender(t, t->baseline)].missing)
    return sweep_refuse("the baseline %s is not here", t->baseline);
  int reference = table_contender(t, t->reference);
  if (reference < 0 || t->contenders[reference].missing) return sweep_refuse("the reference %s is not here", t->reference);
  return 0;
}

static void list(const struct table *t) {
  for (int k = 0; k < t->nkinds; k++) {
    printf("%s\n", t->kinds[k].title);
    for (int i = 0; i < t->ncontenders; i++) {
      const struct contender *c = &t->contenders[i];
      if (strcmp(c->kind, t->kinds[k].name) || c->for_check) continue;
      printf("  %-24s %s%s%s\n", c->name, c->title, c->missing ? "   not here: " : "", c->missing ? c->missing : "");
    }
  }
}

/* --- Files -------------------------------------------------------------------------------------------------------------------------------- */

/* OUT/anchors.json: what was asked for, and the machine. A run that is resumed takes its seed, heap and blocks from there. */
static bool write_record(const struct options *o) {
  char *path = sweep_format("%s/anchors.json", o->out), at[40];
  sweep_timestamp(at, sizeof at);
  json_t *threads = json_array();
  int most = 1;
  for (int i = 0; i < o->nthreads; i++) {
    json_array_append_new(threads, json_integer(o->threads[i]));
    if (o->threads[i] > most) most = o->threads[i];
  }
  json_t *record = json_pack("{s:s, s:I, s:s, s:I, s:i, s:i, s:o, s:o}", "started_at", at, "seed", (json_int_t)o->seed, "heap",
                             o->heap, "least_heap_bytes", (json_int_t)o->least_heap, "blocks", o->blocks, "iterations_divided_by",
                             o->iterations_of, "threads", threads, "environment", sweep_environment_record(most));
  bool ok = json_dump_file(record, path, JSON_INDENT(1)) == 0;
  if (!ok) sweep_say("%s: %s", path, strerror(errno));
  json_decref(record);
  free(path);
  return ok;
}

static bool read_record(struct options *o) {
  char *path = sweep_format("%s/anchors.json", o->out);
  json_error_t error;
  json_t *record = json_load_file(path, 0, &error), *v;
  size_t i;
  if (!record) return sweep_say("%s: %s", path, error.text), false;
  o->seed = (uint64_t)json_integer_value(json_object_get(record, "seed"));
  o->heap = sweep_strdup(json_string_value(json_object_get(record, "heap")));
  o->least_heap = (uint64_t)json_integer_value(json_object_get(record, "least_heap_bytes"));
  o->blocks = (int)json_integer_value(json_object_get(record, "blocks"));
  o->iterations_of = (int)json_integer_value(json_object_get(record, "iterations_divided_by"));
  o->nthreads = 0;
  json_array_foreach(json_object_get(record, "threads"), i, v) if (o->nthreads < 8) o->threads[o->nthreads++] =
      (int)json_integer_value(v);
  json_decref(record);
  free(path);
  return o->blocks > 0 && o->nthreads > 0 && o->iterations_of > 0;
}

static int report(const struct table *t, const struct rows *rows, const char *dir, bool write) {
  print_table(t, rows, stdout);
  print_verdicts(t, rows, stdout);
  if (write) {
    char *summary = sweep_format("%s/summary.csv", dir), *table = sweep_format("%s/table.txt", dir);
    FILE *f = fopen(table, "w");
    bool ok = write_summary(t, rows, summary) && f;
    if (f) {
      print_table(t, rows, f);
      print_verdicts(t, rows, f);
      ok &= fclose(f) == 0;
    }
    if (!ok) sweep_say("%s: %s", dir, strerror(errno));
    free(summary);
    free(table);
  }
  int failed = 0;
  for (int i = 0; i < rows->n; i++) {
    const char *s = rows->row[i].status;
    failed += strcmp(s, "ok") && strcmp(s, "uncollected") && strcmp(s, "not-applicable");
  }
  if (failed) sweep_say("%d of %d rows failed: see status and reason in %s/anchors.csv", failed, rows->n, dir);
  return failed ? SWEEP_FAILED : SWEEP_FINE;
}

int main(int argc, char **argv) {
  struct command c;
  struct rows rows = {0};
  int rc = read_command(&c, argc, argv);
  if (rc) return rc;
  struct table *t = table_read(c.table, c.o.reclaim, c.judge ? NULL : c.o.rival, c.o.only, c.o.nonly);
  if (c.list) return list(t), SWEEP_FINE;
  if (c.judge) {
    char *path = sweep_format("%s/anchors.csv", c.judge);
    return rows_read(t, path, &rows) ? report(t, &rows, c.judge, false) : SWEEP_BAD_INPUT;
  }
  if ((rc = check_names(t, &c.o))) return rc;
  if (!c.o.out) return sweep_refuse("--out is missing");
  if (!c.resume && mkdir(c.o.out, 0777) && errno != EEXIST) return sweep_refuse("%s: %s", c.o.out, strerror(errno));
  if (c.resume ? !read_record(&c.o) : !write_record(&c.o)) return SWEEP_BAD_INPUT;
  if (!run_all(t, &c.o, &rows)) return SWEEP_BAD_INPUT;
  rc = report(t, &rows, c.o.out, true);
  return rows.interrupted ? SWEEP_INTERRUPTED : rc;
}
