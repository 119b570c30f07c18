/* faults-harness.c: the program without memory: whichever allocation fails, of its own or of a library's, it ends with one clean line and a
   documented exit code, or goes on and leaves out nothing.

   The program is run with an allocator preloaded that fails the n-th call (doubles/scarce.h); its children are not. A sweep that was cut
   short by that is either not there, refused as what it is, or resumed to the end, with the rows that were acknowledged.

   Usually so many places fail, spread over all of them; RECLAIM_EVERY=places tries each place, RECLAIM_EVERY=all each number. */
#include "harness/sweep/journal.h"
#include "sweep-program.h"

#include <sys/stat.h>

static struct tally { int tried, refused, went_on, resumed; } tally;

/* `how`: the environment before the program's name. */
static struct spoken scarce_program(const char *how, const char *arguments) {
  char *prefix = sweep_format("env LC_ALL=C LD_PRELOAD=%s/libscarce.so %s", RECLAIM_DOUBLES_DIR, how);
  struct spoken s = program(prefix, arguments);
  free(prefix);
  return s;
}

/* The last line is the program's, and no warning. (What hwloc and the C library say as they die stands before it.) */
static bool ends_with_a_complaint(const char *err) {
  size_t n = strlen(err);
  if (!n || err[n - 1] != '\n') return false;
  const char *last = err + n - 1;
  while (last > err && last[-1] != '\n') last--;
  return !strncmp(last, "reclaim: ", 9) && strncmp(last, "reclaim: warning", 16) && strlen(last) > 12;
}

/* --- Whether what is there is whole ------------------------------------------------------------------------------------------- */

/* The same keys at every depth; what they hold may differ. */
static bool same_shape(const json_t *a, const json_t *b) {
  const char *key;
  json_t *v;
  if (json_is_array(a) && json_is_array(b)) {
    if (json_array_size(a) != json_array_size(b)) return false;
    for (size_t i = 0; i < json_array_size(a); i++)
      if (!same_shape(json_array_get(a, i), json_array_get(b, i))) return false;
    return true;
  }
  if (!json_is_object(a) || !json_is_object(b))
    return json_typeof(a) == json_typeof(b) || json_is_null(a) || json_is_null(b) || json_is_boolean(a) || json_is_number(a);
  if (json_object_size(a) != json_object_size(b)) return false;
  json_object_foreach((json_t *)a, key, v) {
    const json_t *other = json_object_get(b, key);
    bool varies = !strcmp(key, "warnings") || !strcmp(key, "runs");
    if (!other || (!varies && !same_shape(v, other))) return false;
  }
  return true;
}

static bool exists(const char *dir, const char *file) {
  char *path = sweep_format("%s/cwd/%s/%s", place, dir, file);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static int lines_in(const char *dir, const char *file) {
  char *name = sweep_format("cwd/%s/%s", dir, file), *text = read_in(name);
  int n = 0;
  for (const char *p = text; *p; p++) n += *p == '\n';
  free(text);
  free(name);
  return n;
}

/* A campaign has all its files, with as much in each as the one that nothing happened to. */
static const char *is_less_than(const char *dir, const char *whole) {
  static const char *const files[] = {"samples.csv", "histograms.jsonl", "summary.csv"};
  static char what[80];
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(what, sizeof what, "%s", files[i]);
    if (!exists(dir, files[i]) || lines_in(dir, files[i]) != lines_in(whole, files[i])) return what;
  }
  char *name = sweep_format("cwd/%s/topology.xml", dir), *xml = read_in(name); /* hwloc may leave out a cache, but not the end */
  bool closed = strstr(xml, "</topology>\n") != NULL;
  free(xml);
  free(name);
  if (!closed) return "topology.xml";
  json_t *a = read_campaign(dir), *b = read_campaign(whole);
  bool same = same_shape(a, b) && json_is_true(json_object_get(a, "finished"));
  json_decref(a);
  json_decref(b);
  return same ? NULL : "campaign.json";
}

/* --- All allocations --------------------------------------------------------------------------------------------------------- */

/* The numbers to try, from a run in which nothing fails: `usual` of them. */
static int *numbers(const char *arguments, int usual, int *n) {
  const char *every = getenv("RECLAIM_EVERY");
  char *how = sweep_format("SCARCE_PLACES=%s/places", place);
  struct spoken s = scarce_program(how, arguments);
  cr_assert(s.code >= 0 && s.code <= 3 && s.code != SWEEP_BAD_INPUT, "%s: %s", arguments, s.err);
  forget(&s);
  free(how);
  char *text = read_in("places"), *total = strstr(text, "total ");
  cr_assert(total != NULL, "%s: it did not come to its end", arguments);
  int *all = NULL, last = atoi(total + 6);
  *n = 0;
  *total = 0;
  if (every && !strcmp(every, "all"))
    for (int i = 1; i <= last; i++) *sweep_push(all, *n) = i;
  else
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) *sweep_push(all, *n) = atoi(line);
  free(text);
  int places = *n;
  if (!every && places > usual)
    for (*n = 0; *n < usual; ++*n) all[*n] = all[(long)*n * places / usual];
  fprintf(stderr, "%s: %d allocations, %d are tried\n", arguments, last, *n);
  return all;
}

static struct spoken fail_at(int at, const char *arguments) {
  char how[48];
  snprintf(how, sizeof how, "SCARCE_AT=%d", at);
  struct spoken s = scarce_program(how, arguments);
  tally.tried++;
  tally.refused += s.code == SWEEP_BAD_INPUT;
  tally.went_on += s.code == 0;
  return s;
}

/* For what writes nothing: all of the output, or a complaint. */
static void try_speaking(const char *arguments) {
  int n, *all = numbers(arguments, 10, &n);
  struct spoken usual = program("LC_ALL=C", arguments); /* with a locale, its memory decides about the characters */
  for (int i = 0; i < n; i++) {
    struct spoken s = fail_at(all[i], arguments);
    bool refused = s.code == SWEEP_BAD_INPUT && ends_with_a_complaint(s.err);
    bool whole = s.code == usual.code && strlen(s.out) == strlen(usual.out);
    whole |= s.code == usual.code && strstr(s.err, "is left out: ") && strstr(s.err, "memory"); /* and it says so */
    cr_expect(refused || whole, "%s: with allocation %d refused it ends with %d: %s (%zu of %zu bytes)", arguments, all[i],
              s.code, s.err, strlen(s.out), strlen(usual.out));
    forget(&s);
  }
  forget(&usual);
  free(all);
}

Test(harness, sweeps, .init = enter_place, .fini = leave_place, .timeout = 7200) {
  static const char sweep[] =
      "run --strategy fake --workload work --threads 1 --blocks 2 --warmup 0 --iterations 1 --repeats 0 --set us=0 "
      "--heap grow --out r";
  int n, *all = numbers(sweep, 30, &n);
  char *keep = sweep_format("mv %s/cwd/r %s/cwd/whole", place, place);
  cr_assert(eq(int, system(keep), 0));
  free(keep);
  for (int i = 0; i < n; i++) {
    struct spoken s = fail_at(all[i], sweep);
    bool begun = exists("r", "campaign.json");
    cr_expect(s.code == 0 || (s.code == SWEEP_BAD_INPUT && ends_with_a_complaint(s.err)),
              "with allocation %d refused it ends with %d: %s", all[i], s.code, s.err);
    if (s.code == 0) {
      const char *less = is_less_than("r", "whole");
      cr_expect(less == NULL, "with allocation %d refused, %s is not whole: %s", all[i], less, s.err);
    } else if (begun) {
      struct spoken again = program("", "run --resume r");
      const char *less = again.code == 0 ? is_less_than("r", "whole") : again.err;
      tally.resumed++;
      cr_expect(less == NULL, "after allocation %d was refused (%s) it resumes with %d: %s", all[i], s.err, again.code, less);
      forget(&again);
    }
    forget(&s);
    char *remove = sweep_format("rm -rf %s/cwd/r", place);
    cr_assert(eq(int, system(remove), 0));
    free(remove);
  }
  free(all);
  fprintf(stderr, "%d tried, %d refused, %d went on, %d resumed\n", tally.tried, tally.refused, tally.went_on, tally.resumed);
  cr_expect(gt(int, tally.refused, 0));
}

Test(harness, reports, .init = enter_place, .fini = leave_place, .timeout = 7200) {
  struct spoken s = program(
      "", "run --strategy fake,loner --workload work --threads 1 --blocks 6 --warmup 0 --iterations 1 --repeats 0 --set us=0 "
          "--heap grow --out r --quiet");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  forget(&s);
  try_speaking("report r");
  try_speaking("report r --json");
  try_speaking("report r --counters");
  try_speaking("list strategies --json");
  fprintf(stderr, "%d tried, %d refused, %d went on\n", tally.tried, tally.refused, tally.went_on);
}

/* What holds campaigns against each other, and a gate that says again what it decided. */
Test(harness, comparisons, .init = enter_place, .fini = leave_place, .timeout = 7200) {
  static const char cells[] = " --workload work --threads 1 --warmup 0 --iterations 1 --set us=0 --heap grow --quiet";
  static const char *const make[] = {
      "run --strategy fake,loner --blocks 6 --repeats 0 --out r", "run --strategy fake,loner --blocks 6 --repeats 0 --out q",
      "gate --plugin-a ../a --plugin-b ../b --strategy fake --pairs 6 --most-pairs 6 --pin none --out g"};
  char *copy = sweep_format("mkdir %s/a %s/b && cp %s/fake.pool.so %s/a && cp %s/fake.pool.so %s/b", place, place,
                            RECLAIM_DOUBLES_DIR, place, RECLAIM_DOUBLES_DIR, place);
  cr_assert(eq(int, system(copy), 0));
  free(copy);
  for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
    char *line = sweep_format("%s%s", make[i], cells);
    struct spoken s = program(i < 2 ? "" : "env -u RECLAIM_PLUGIN_PATH", line);
    cr_assert(s.code >= 0 && s.code <= 3 && s.code != SWEEP_BAD_INPUT, "%s: %s", line, s.err);
    forget(&s);
    free(line);
  }
  struct spoken ten = program("for i in 0 1 2 3 4 5 6 7 8 9; do",
                              "run --strategy fake --workload work --threads 1 --blocks 1 --warmup 0 --iterations 1 "
                              "--repeats 0 --set us=0 --heap grow --quiet --out c$i >/dev/null || exit; done; true");
  cr_assert(eq(int, ten.code, 0), "%s", ten.err);
  forget(&ten);
  try_speaking("compare r --by strategy=fake,loner");
  try_speaking("compare r q --json");
  try_speaking("history c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 --json");
  try_speaking("gate g");
  try_speaking("gate g --json");
  fprintf(stderr, "%d tried, %d refused, %d went on\n", tally.tried, tally.refused, tally.went_on);
}

/* One cell: a result with a status, or one line. */
Test(harness, cells, .init = enter_place, .fini = leave_place, .timeout = 7200) {
  static const char cell[] =
      "cell --strategy fake --workload work --threads 2 --set us=0 --warmup 0 --iterations 1 --oversubscribe";
  int n, *all = numbers(cell, 20, &n);
  for (int i = 0; i < n; i++) {
    struct spoken s = fail_at(all[i], cell);
    json_t *o = s.code == 0 ? json_loads(s.out, 0, NULL) : NULL;
    const char *status = json_string_value(json_object_get(o, "status")),
               *reason = json_string_value(json_object_get(o, "reason"));
    bool said = status && reason && (!strcmp(status, "ok") || *reason) && strcmp(status, "wrong-checksum");
    bool refused = s.code == SWEEP_BAD_INPUT && ends_with_a_complaint(s.err);
    cr_expect(said || refused, "with allocation %d refused it ends with %d, %s: %s", all[i], s.code,
              status ? status : "no status", s.err);
    json_decref(o);
    forget(&s);
  }
  free(all);
  fprintf(stderr, "%d tried, %d refused, %d with a status\n", tally.tried, tally.refused, tally.went_on);
}
