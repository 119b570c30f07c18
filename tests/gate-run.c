/* gate-run.c: `reclaim gate` on doubles: what it refuses and leaves behind, what its files hold, and that the verdict is made from them.

   How fast a double runs is nobody's promise, so no verdict of a live gate is asked for; the verdicts are asked for after its rows have
   been given other numbers. */
#include "harness/gate/rule.h"
#include "sweep-program.h"
#include "tests/report-fixture.h"

#define PLUGGED "gate --plugin-a ../a --plugin-b ../b --strategy fake --workload work --heap grow --pin none --set us=0 "
enum { FIELDS = 128 };

#define SHORT "--warmup 0 --iterations 1 --pairs 6 --most-pairs 12 --quiet --seed 3 "

static void shell(const char *command) {
  char *line = sweep_format("cd %s/cwd && %s", place, command);
  cr_assert(eq(int, system(line), 0), "%s", command);
  free(line);
}

static void enter_gate(void) {
  enter_place();
  char *make = sweep_format("mkdir ../a ../b ../tmp && cp %s/fake.pool.so ../a && cp %s/fake.pool.so ../b", RECLAIM_DOUBLES_DIR,
                            RECLAIM_DOUBLES_DIR);
  shell(make);
  free(make);
}

static struct spoken gate(const char *arguments) { return program("export RECLAIM_PLUGIN_PATH= TMPDIR=$PWD/../tmp;", arguments); }

static void expect_nothing_left(const char *arguments) {
  char *line = sweep_format("cd %s && test -z \"$(ls -A tmp)\"", place);
  cr_expect(eq(int, system(line), 0), "%s leaves something in its private place", arguments);
  free(line);
}

static void expect_refusal(const char *arguments, const char *says) {
  struct spoken s = gate(arguments);
  cr_expect(eq(int, s.code, SWEEP_BAD_INPUT), "%s: %s", arguments, s.err);
  cr_expect(strchr(s.err, '\n') && !strchr(s.err, '\n')[1], "not one line: %s: %s", arguments, s.err);
  cr_expect(strstr(s.err, says) != NULL, "%s: %s", arguments, s.err);
  cr_expect(eq(str, s.out, ""), "%s", arguments);
  forget(&s);
  expect_nothing_left(arguments);
}

Test(input, is_refused_by_one_line, .init = enter_gate, .fini = leave_place) {
  expect_refusal("gate", "against what?");
  expect_refusal("gate --base-rev HEAD --base-build x", "--base-rev and --base-build");
  expect_refusal("gate --allocator-a libc", "--allocator-b is missing");
  expect_refusal("gate --plugin-b ../b", "--plugin-a is missing");
  expect_refusal(PLUGGED "--blocks 3", "--blocks has no meaning here");
  expect_refusal(PLUGGED "--threshold cpu=x", "--threshold: 'x'");
  expect_refusal(PLUGGED "--threshold time=3", "'time' is no quantity");
  expect_refusal(PLUGGED "--pairs 5", "--pairs: '5'");
  expect_refusal(PLUGGED "--layout blocks", "'blocks' is neither objects nor functions");
  expect_refusal("gate --base-campaign x --instructions", "x/campaign.json");
  expect_refusal(PLUGGED "--thread 1", "did you mean '--threads'?");
  expect_refusal(PLUGGED "--within soon", "--within: 'soon'");
  expect_refusal("gate --plugin-a ../tmp --plugin-b ../b --workload work --heap grow", "none of the objects");
  expect_refusal("gate --plugin-a ../a --plugin-b nowhere", "--plugin-b");
  expect_refusal("gate --base-build nowhere --strategy rc", "nowhere/strategies: No such file or directory");
  expect_refusal("gate .", "./campaign.json: No such file or directory");
  expect_refusal("gate . --seed 3", "--seed has no meaning beside");
  expect_refusal(PLUGGED SHORT "--out ../a", "it exists and is not empty");
  shell("chmod o+w ../a/fake.pool.so");
  expect_refusal(PLUGGED SHORT, "--plugin-a: the file ../a/fake.pool.so may be written by anyone");
}

/* Neither side knows what is asked for. */
Test(input, no_common_cells, .init = enter_gate, .fini = leave_place) {
  char *copy = sweep_format("cp %s/loner.pool.so ../b/fake.pool.so", RECLAIM_DOUBLES_DIR);
  shell(copy); /* an object that calls itself otherwise */
  free(copy);
  struct spoken s = gate(PLUGGED SHORT);
  cr_expect(eq(int, s.code, SWEEP_BAD_INPUT), "%s", s.err);
  forget(&s);
  copy =
      sweep_format("cp %s/fake.pool.so ../b && cp %s/loner.pool.so ../a/fake.pool.so", RECLAIM_DOUBLES_DIR, RECLAIM_DOUBLES_DIR);
  shell(copy);
  free(copy);
  expect_refusal(PLUGGED SHORT, "there are no common cells");
}

/* A gate that has measured; its exit code is the machine's affair. */
static int measured_gate(void) {
  struct spoken s = gate(PLUGGED SHORT "--out g --markdown m.md --junit j.xml");
  cr_assert(s.code == SWEEP_FINE || s.code == SWEEP_FAILED || s.code == SWEEP_COULD_NOT_JUDGE, "%d: %s", s.code, s.err);
  cr_expect(strstr(s.out, "control twin") != NULL, "%s", s.out);
  forget(&s);
  expect_nothing_left("a gate");
  return s.code;
}

/* In every block the sides of a cell follow each other, and the first blocks have all of them. */
static void check_order(void) {
  struct samples rows = read_samples("g");
  cr_assert(rows.n > 6 * 3);
  for (int i = 1; i + 2 < rows.n; i++) {
    char *block = field(&rows, i, "block"), *last = field(&rows, i + 2, "block"),
         *before = i > 1 ? field(&rows, i - 1, "block") : NULL;
    if ((!before || strcmp(block, before)) && atoi(block) < 6) {
      int seen = 0;
      for (int k = 0; k < 3; k++) {
        char *side = field(&rows, i + k, "side");
        seen |= !strcmp(side, "base") ? 1 : !strcmp(side, "head") ? 2 : !strcmp(side, "twin") ? 4 : 0;
        free(side);
      }
      cr_expect(eq(str, block, last), "row %d", i);
      cr_expect(eq(int, seen, 7), "row %d", i);
    }
    free(block);
    free(last);
    free(before);
  }
  free_samples(&rows);
}

Test(files, say_again_what_was_decided, .init = enter_gate, .fini = leave_place) {
  int code = measured_gate();
  check_order();
  char *first = read_in("cwd/g/gate.json"), *markdown = read_in("cwd/m.md"), *junit = read_in("cwd/j.xml");
  cr_expect(strstr(markdown, "### reclaim gate: ") == markdown);
  cr_expect(strstr(junit, "<testsuite ") && strstr(junit, "</testsuites>"));
  struct spoken s = gate("gate g --json --junit again.xml");
  cr_expect(eq(int, s.code, code), "%s", s.err);
  cr_expect(eq(str, s.out, first));
  char *again = read_in("cwd/again.xml");
  cr_expect(eq(str, again, junit));
  json_t *o = json_loads(s.out, 0, NULL);
  cr_expect(eq(int, (int)json_integer_value(json_object_get(o, "exit_code")), code));
  json_decref(o);
  forget(&s);
  free(first);
  free(markdown);
  free(junit);
  free(again);
  shell("rm g/campaign.json");
  expect_refusal("gate g", "g/campaign.json");
}

/* Gives the rows of a campaign other numbers: CPU time and RSS of a side are those of the base times `times`, but for a spread of 1 %. Rows of
   `broken` (NULL: none) end with a crash. */
static void rewrite(const char *side, double times, const char *broken) {
  struct samples rows = read_samples("g");
  uint64_t seed = 1;
  char *path = sweep_format("%s/cwd/g/samples.csv", place), *fields[FIELDS];
  FILE *out = fopen(path, "w");
  cr_assert(out != NULL);
  fprintf(out, "%s\r\n", rows.row[0]);
  char *header = sweep_strdup(rows.row[0]), *names[FIELDS];
  int n = sweep_csv_split(header, names, FIELDS);
  for (int i = 1; i < rows.n; i++) {
    char *mine = field(&rows, i, "side");
    double factor = (strcmp(mine, side) ? 1 : times) * exp(0.01 * draw_normal(&seed));
    bool breaks = broken && !strcmp(mine, broken);
    cr_assert(eq(int, sweep_csv_split(rows.row[i], fields, FIELDS), n));
    struct text t = {0};
    for (int k = 0; k < n; k++) {
      char number[32];
      const char *name = names[k], *value = fields[k];
      bool scaled = !strcmp(name, "cpu_user_ns") || !strcmp(name, "rss_mean_bytes") || !strcmp(name, "rss_peak_bytes");
      snprintf(number, sizeof number, "%.0f", 1e8 * factor);
      if (scaled) value = number;
      if (!strcmp(name, "cpu_system_ns")) value = "0";
      if (breaks && !strcmp(name, "status")) value = "crashed";
      if (breaks && !strcmp(name, "reason")) value = "SIGSEGV";
      sweep_csv_add(&t, value, k == 0);
    }
    fprintf(out, "%s\r\n", t.s);
    sweep_text_free(&t);
    free(mine);
  }
  cr_assert(eq(int, fclose(out), 0));
  free(header);
  free(path);
  free_samples(&rows);
}

static void expect_verdict(int code, const char *says) {
  struct spoken s = gate("gate g");
  cr_expect(eq(int, s.code, code), "%s%s", s.out, s.err);
  cr_expect(strstr(s.out, says) != NULL, "%s", s.out);
  forget(&s);
}

/* The rows as they were measured, for the next change. */
static void keep(void) { shell("cp g/samples.csv kept.csv"); }
static void restore(void) { shell("cp kept.csv g/samples.csv"); }

/* The first n blocks were the screen's; those behind them become the judge's. */
static void call_screen(int n) {
  json_t *o = read_campaign("g");
  char *path = sweep_format("%s/cwd/g/campaign.json", place);
  json_object_set_new(json_object_get(o, "gate"), "screen_blocks", json_pack("[i]", n));
  cr_assert(eq(int, json_dump_file(o, path, 0), 0));
  free(path);
  json_decref(o);
}

Test(verdict, is_that_of_the_rows, .init = enter_gate, .fini = leave_place) {
  /* all that the judge could want is there, whatever the live numbers made of it */
  struct spoken s = gate(PLUGGED "--warmup 0 --iterations 1 --pairs 30 --most-pairs 6 --quiet --seed 3 --out g");
  cr_assert(s.code >= 0 && s.code != SWEEP_BAD_INPUT, "%s", s.err);
  forget(&s);
  keep();
  rewrite("none", 1, NULL);
  expect_verdict(SWEEP_FINE, "\nfine. ");
  restore();
  rewrite("head", 0.9, NULL);
  expect_verdict(SWEEP_FINE, "improved");
  restore();
  rewrite("none", 1, "head");
  expect_verdict(SWEEP_FAILED, "it fails, and the base does not");
  restore();
  rewrite("none", 1, "base");
  expect_verdict(SWEEP_COULD_NOT_JUDGE, "the base fails");
  call_screen(12);
  restore();
  rewrite("head", 1.1, NULL);
  expect_verdict(SWEEP_FAILED, "\nregression: 3 of 3");
  restore();
  rewrite("twin", 1.1, NULL);
  expect_verdict(SWEEP_COULD_NOT_JUDGE, "control twin (the base under another name): ALARM");
}

/* --- Against a campaign ------------------------------------------------------------------------------------------------------------- */

#define DOUBLE                                                                                                                   \
  "--plugin-path ../a --strategy fake --workload work --heap grow --pin none --threads 1 --warmup 0 --iterations 1 --quiet "

/* Puts `value` (JSON) in place of a key of cwd/base/campaign.json. */
static void set_in_base(const char *key, json_t *value) {
  json_t *o = read_campaign("base");
  char *path = sweep_format("%s/cwd/base/campaign.json", place);
  json_object_set_new(o, key, value);
  cr_assert(eq(int, json_dump_file(o, path, 0), 0));
  free(path);
  json_decref(o);
}

static void measure_base(void) {
  struct spoken s = gate("run " DOUBLE "--blocks 6 --repeats 0 --set us=0 --seed 5 --out base");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  forget(&s);
}

Test(campaign, is_a_weaker_witness, .init = enter_gate, .fini = leave_place) {
  measure_base();
  struct spoken s = gate("gate --base-campaign base " DOUBLE "--pairs 6 --set us=0 --out g");
  cr_assert(s.code == SWEEP_FINE || s.code == SWEEP_FAILED || s.code == SWEEP_COULD_NOT_JUDGE, "%d: %s", s.code, s.err);
  cr_expect(strstr(s.out, "weaker witness") != NULL, "%s", s.out);
  int code = s.code;
  forget(&s);
  /* the gate has kept what it needs of the base */
  shell("rm -r base");
  s = gate("gate g");
  cr_expect(eq(int, s.code, code), "%s", s.err);
  forget(&s);
  rewrite("", 1.5, NULL);
  shell("cp g/samples.csv worse.csv");
  shell("cp g/base/samples.csv g/samples.csv");
  rewrite("none", 1, NULL);
  shell("mv g/samples.csv g/base/samples.csv && mv worse.csv g/samples.csv");
  expect_verdict(SWEEP_FAILED, "\nregression: 3 of 3");
  shell("cp g/base/samples.csv g/samples.csv");
  expect_verdict(SWEEP_FINE, "\nfine. ");
}

Test(campaign, that_is_another_is_refused, .init = enter_gate, .fini = leave_place) {
#define GATE "gate --base-campaign base --pairs 6 " DOUBLE
  measure_base();
  expect_refusal("gate --base-campaign nowhere " DOUBLE, "nowhere/campaign.json");
  expect_refusal(GATE "--set us=0 --set size=7", "its parameters differ: size=1000;us=0");
  expect_refusal(GATE "--set us=0 --sharing shared-write", "it is not in that campaign");
  set_in_base("machine", json_string("another, with 64 CPUs"));
  expect_refusal(GATE "--set us=0", "was measured on another, with 64 CPUs");
  set_in_base("schema", json_integer(2));
  expect_refusal(GATE "--set us=0", "schema 2 is not known");
  shell("sh -c 'head -c 300 base/campaign.json >short && mv short base/campaign.json'");
  expect_refusal(GATE "--set us=0", "not JSON");
}
