/* sweep-input.c: each mistake gets one line and exit code 2, and nothing is written. */
#include "sweep-program.h"

#define WORK "run --strategy fake --workload work "

/* Lines, and whether every one begins with the program's name. */
static int lines_of(const char *text) {
  int n = 0;
  for (const char *p = text; *p; p++) n += *p == '\n';
  return n;
}

static bool nothing_written(void) {
  char *look = sweep_format("test -z \"$(ls -A %s/cwd)\"", place);
  bool empty = system(look) == 0;
  free(look);
  return empty;
}

static void expect_refusal(const char *arguments, const char *says) {
  struct spoken s = program("", arguments);
  cr_expect(eq(int, s.code, SWEEP_BAD_INPUT), "%s: %s", arguments, s.err);
  cr_expect(eq(int, lines_of(s.err), 1), "%s: %s", arguments, s.err);
  cr_expect(eq(int, strncmp(s.err, "reclaim: ", 9), 0), "%s: %s", arguments, s.err);
  cr_expect(strstr(s.err, says) != NULL, "%s: %s", arguments, s.err);
  cr_expect(eq(str, s.out, ""), "%s", arguments);
  forget(&s);
}

Test(input, flags, .init = enter_place, .fini = leave_place) {
  static const char *const cases[][2] = {
      {"run --thread 2", "did you mean '--threads'"},
      {"run -x", "unknown flag '-x'"},
      {"run --strategy", "needs a value"},
      {"run --strategy=", "needs a value"},
      {"run --strategy ,", "empty"},
      {"run --dry-run=3", "takes no value"},
      {"run a.ini b.ini", "two sweep files"},
      {"run --strategy fak", "did you mean 'fake'"},
      {"run --strategy fake,fake", "given twice"},
      {"run --strategy fake --workload wrok", "did you mean 'work'"},
      {WORK "--sharing shared-wrote", "did you mean 'shared-write'"},
      {WORK "--sharing hand-off", "has no mode hand-off"},
      {WORK "--threads 0", "allowed: 1 to"},
      {WORK "--threads 2x", "allowed: 1 to"},
      {WORK "--threads 4096", "--oversubscribe"},
      {WORK "--allocator jemaloc", "did you mean 'jemalloc'"},
      {WORK "--allocator /no/such.so", "no such file"},
      {WORK "--allocator '/a b.so'", "spaces or colons"},
      {WORK "--heap 0.5x", "1x to"},
      {WORK "--pin compat", "did you mean 'compact'"},
      {WORK "--set size", "not name=value"},
      {WORK "--set siez=3", "did you mean 'size'"},
      {WORK "--set size=0", "1 to 1000000000"},
      {WORK "--set size=1,two", "not a whole number"},
      {WORK "--set mode=fany", "did you mean 'fancy'"},
      {WORK "--set spice=10", "0 to 9"},
      {WORK "--set size=3 --set size=4", "set twice"},
      {WORK "--set size=13", "none of the"},
      {WORK "--where 'size = 3'", "column 6"},
      {WORK "--where 'sise == 3'", "did you mean 'size'"},
      {WORK "--where 'size == 3'", "none of the"},
      {WORK "--baseline loner", "no strategy of this sweep"},
      {WORK "--blocks 0", "1 to 100000"},
      {WORK "--threads 1 --set size=1,2,3,4,5 --set spice=1,2,3,4,5 --blocks 100000", "more than a sweep can have"},
      {WORK "--warmup -1", "0 to 100000"},
      {WORK "--iterations many", "not a whole number"},
      {WORK "--seed -3", "0 to"},
      {WORK "--timeout 0", "1 to"},
      {WORK "--memory-limit 3", "1048576 to"},
      {WORK "--profile quik", "did you mean 'quick'"},
      {WORK "--out /proc/nowhere", "output folder"},
      {WORK "--out /dev/null", "output folder"},
      {WORK "--out no/such/parent", "No such file"},
      {"run --resume nowhere", "No such file"},
      {"run --resume nowhere --strategy fake", "--strategy cannot be given"},
      {"run --resume nowhere --set size=3", "--set cannot be given"},
      {"run nowhere.ini", "No such file"},
      {"run /tmp", "it is a folder"},
      {"list", "a topic is needed"},
      {"list strategie", "did you mean 'strategies'"},
      {"list strategies workloads", "one topic"},
      {"list --jsn", "unknown flag"},
      {"rnu", "did you mean 'run'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_refusal(cases[i][0], cases[i][1]);
  cr_expect(nothing_written());
}

Test(input, sweep_files, .init = enter_place, .fini = leave_place) {
  static const char *const cases[][2] = {
      {"[sweep]\\nstrategy = fake\\nthread = 2\\n", "f.ini:3: unknown key 'thread', did you mean 'threads'"},
      {"[sweeep]\\nstrategy = fake\\n", "f.ini:2: unknown section [sweeep], did you mean 'sweep'"},
      {"strategy = fake\\nworkload\\n", "f.ini:2: neither"},
      {"strategy = fake\\n[sweep\\n", "f.ini:2: neither"},
      {"strategy = fake\\nblocks = 3\\n\\nblocks = 4\\n", "f.ini:4: blocks is given twice"},
      {"strategy = fak\\n", "f.ini:1: strategy: unknown strategy 'fak', did you mean 'fake'"},
      {"strategy = fake\\nworkload = work\\n; a comment\\nblocks = none\\n", "f.ini:4: blocks: 'none'"},
      {"strategy = fake\\nworkload = work\\n[set]\\nsize = 0\\n", "f.ini:4: size: '0' is out of range"},
      {"strategy = fake\\nworkload = work\\n[set]\\nsise = 1\\n", "f.ini:4: 'sise' is no parameter"},
      {"strategy = fake\\nworkload = work\\n[set]\\nsize = 1\\nsize = 2\\n", "f.ini:5: 'size' is set twice"},
      {"strategy = fake\\noversubscribe = perhaps\\n", "f.ini:2: oversubscribe is a switch"},
      {"strategy = fake\\nresume = x\\n", "f.ini:2: unknown key 'resume'"},
      {"strategy =\\n", "f.ini:1: strategy needs a value"},
      {"strategy = fake\\n[set]\\n= 3\\n", "f.ini:3: a name is due before '='"},
      {"strategy = fake\\nworkload = work\\nwhere = size ==\\n", "f.ini:3: where: at column"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *write = sweep_format("printf '%s' > %s/f.ini", cases[i][0], place);
    cr_assert(eq(int, system(write), 0));
    free(write);
    expect_refusal("run ../f.ini", cases[i][1]);
  }
  char *write =
      sweep_format("{ echo 'strategy = fake'; printf 'workload = '; yes work, | head -100 | tr -d '\\n'; } > %s/f.ini", place);
  cr_assert(eq(int, system(write), 0));
  free(write);
  expect_refusal("run ../f.ini", "f.ini:2: the line is too long");
  cr_expect(nothing_written());
}

/* A folder that holds anything is left as it was. */
Test(input, an_output_folder_that_exists, .init = enter_place, .fini = leave_place) {
  char *make = sweep_format("mkdir %s/full && echo precious > %s/full/samples.csv", place, place);
  cr_assert(eq(int, system(make), 0));
  free(make);
  expect_refusal(WORK "--out ../full", "exists and is not empty");
  char *kept = read_in("full/samples.csv");
  cr_expect(eq(str, kept, "precious\n"));
  free(kept);
}

/* Values of the file count where no flag hides them; lists go on in indented lines. */
Test(input, flags_hide_the_file, .init = enter_place, .fini = leave_place) {
  char *write = sweep_format("printf '[sweep]\\nstrategy = fake,\\n  loner\\nworkload = quiet\\nthreads = 1\\nblocks = 7\\nseed "
                             "= 5\\n[set]\\nsize = 1,\\n"
                             "  2\\nspice = 4\\n' > %s/f.ini",
                             place);
  cr_assert(eq(int, system(write), 0));
  free(write);
  struct spoken s = program("", "run ../f.ini --blocks 3 --set spice=5 --dry-run --json");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  json_t *o = json_loads(s.out, 0, NULL), *plan = json_object_get(o, "plan"), *cells = json_object_get(plan, "cells");
  cr_assert(eq(sz, json_array_size(cells), 4)); /* two strategies, two sizes */
  cr_assert(eq(int, (int)json_integer_value(json_object_get(plan, "blocks")), 3));
  cr_assert(eq(int, (int)json_integer_value(json_object_get(plan, "seed")), 5));
  for (size_t i = 0; i < 4; i++)
    cr_assert(strstr(json_string_value(json_object_get(json_array_get(cells, i), "tunables")), "spice=5") != NULL);
  json_decref(o);
  forget(&s);
  cr_expect(nothing_written());
}

/* With writes that fail (a limit on the size of files stands in for a full disk), it is told before anything is measured. */
Test(input, a_full_disk, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("ulimit -f 16;", WORK "--threads 1 --out there");
  cr_expect(eq(int, s.code, SWEEP_BAD_INPUT), "%s", s.err);
  cr_expect(strstr(s.err, "output folder there: File too large") != NULL, "%s", s.err);
  cr_expect(nothing_written());
  forget(&s);
}

static int physical_cores(void) {
  struct spoken s = program("", "list topology --json");
  json_t *a = json_loads(s.out, 0, NULL);
  int cores = 0;
  for (size_t i = 0; i < json_array_size(a); i++) {
    const json_t *o = json_array_get(a, i);
    if (!strcmp(json_string_value(json_object_get(o, "name")), "cores"))
      cores = (int)json_integer_value(json_object_get(o, "count"));
  }
  json_decref(a);
  forget(&s);
  return cores;
}

/* quick: five strategies x four workloads private x {1, max}, and dicts shared-write at max; plain counts x shared data stays visible. */
Test(profiles, quick_and_ci, .init = enter_place, .fini = leave_place) {
  static const char *const names[] = {"quick", "ci"};
  static const int blocks[] = {6, 20};
  int cores = physical_cores(), counts = cores > 1 ? 2 : 1;
  for (int i = 0; i < 2; i++) {
    char *arguments = sweep_format("run --profile %s --dry-run --json", names[i]);
    struct spoken s = program("", arguments);
    cr_assert(eq(int, s.code, 0), "%s", s.err);
    json_t *o = json_loads(s.out, 0, NULL), *plan = json_object_get(o, "plan"), *cells = json_object_get(plan, "cells");
    int runs = 0, shared = 0;
    for (size_t k = 0; k < json_array_size(cells); k++) {
      const json_t *c = json_array_get(cells, k);
      bool private = !strcmp(json_string_value(json_object_get(c, "sharing")), "private");
      runs += json_is_null(json_object_get(c, "status"));
      shared += !private;
      cr_expect(eq(str, (char *)json_string_value(json_object_get(c, "allocator")), "pool"));
    }
    cr_expect(eq(int, runs, 5 * 4 * counts + 4), "%s", names[i]);
    cr_expect(eq(int, shared, 5));
    cr_expect(eq(sz, json_array_size(cells), (size_t)(5 * 4 * counts + 5)));
    cr_expect(eq(int, (int)json_integer_value(json_object_get(plan, "blocks")), blocks[i]));
    json_decref(o);
    forget(&s);
    free(arguments);
  }
}

/* full: every strategy, workload and mode that goes together; the same cell never twice. */
Test(profiles, full, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("unset RECLAIM_PLUGIN_PATH;", "run --profile full --dry-run --json");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  json_t *o = json_loads(s.out, 0, NULL), *cells = json_object_get(json_object_get(o, "plan"), "cells"), *seen = json_object();
  size_t n = json_array_size(cells);
  cr_expect(gt(sz, n, 100));
  for (size_t k = 0; k < n; k++) {
    char *text = json_dumps(json_array_get(cells, k), JSON_SORT_KEYS | JSON_COMPACT);
    json_object_set_new(seen, text, json_true());
    free(text);
  }
  cr_expect(eq(sz, json_object_size(seen), n));
  json_decref(seen);
  json_decref(o);
  forget(&s);
}
