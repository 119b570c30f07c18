/* sweep-resume.c: killed before any one of its writes, a sweep loses no acknowledged row and measures nothing twice.

   The kill points are not drawn by a clock: the program is traced, and killed as it is about to make its n-th system call that changes
   a file, for every n until it runs to its end. (That its records may also be torn in the middle is tested on the journal alone.) */
#define _GNU_SOURCE 1
#include "harness/sweep/journal.h"
#include "sweep-program.h"
#include "traced.h"

enum { INVOCATIONS = 4, ROWS = 2 }; /* 2 cells x 2 blocks; a warm-up and an iteration */

static void become_program(void *argv) {
  char *cwd = sweep_format("%s/cwd", place);
  bool ok = chdir(cwd) == 0 && freopen("../out", "w", stdout) && freopen("../err", "w", stderr);
  if (ok) execv(((char **)argv)[0], argv);
  _exit(99);
}

/* The rows of every acknowledged invocation, NULL for the others. */
static void acknowledged(const char *dir, char *rows[INVOCATIONS]) {
  struct journal j;
  char *path = sweep_format("%s/cwd/%s", place, dir);
  cr_assert(eq(int, sweep_journal_open(&j, path), 0));
  for (int i = 0; i < INVOCATIONS; i++) {
    rows[i] = NULL;
    if (sweep_journal_complete(&j, i))
      rows[i] = sweep_format("%s\n%s", j.entries[i].rows[0], j.entries[i].rows[j.entries[i].nrows - 1]);
  }
  sweep_journal_close(&j);
  free(path);
}

/* Every invocation of the plan is there once: in samples.csv, in histograms.jsonl, in rss.csv without a double sample. */
static void check_complete(const char *dir) {
  struct samples rows = read_samples(dir);
  cr_assert(eq(int, rows.n, 1 + INVOCATIONS * ROWS));
  for (int i = 0; i < INVOCATIONS; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    cr_assert(eq(int, count_rows(&rows, "invocation", number, "iteration", "0"), 1));
    cr_assert(eq(int, count_rows(&rows, "invocation", number, "iteration", "1"), 1));
  }
  free_samples(&rows);
  char *look = sweep_format("cd %s/cwd/%s && test $(wc -l <histograms.jsonl) = %d && test -z \"$(sort rss.csv | uniq -d)\"",
                            place, dir, INVOCATIONS);
  cr_assert(eq(int, system(look), 0));
  free(look);
}

static bool was_begun(const char *dir) {
  char *path = sweep_format("%s/cwd/%s/campaign.json", place, dir);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static int resume(const char *dir) {
  char *arguments = sweep_format("run --resume %s --quiet --json", dir);
  struct spoken s = program("", arguments);
  cr_assert(ne(int, s.code, -1), "%s", s.err);
  int code = s.code;
  if (code) fprintf(stderr, "%s", s.err);
  free(arguments);
  forget(&s);
  return code;
}

static void check_killed(const char *dir) {
  char *before[INVOCATIONS], *after[INVOCATIONS];
  if (!was_begun(dir)) return; /* nothing was measured: the next run begins anew */
  acknowledged(dir, before);
  cr_assert(eq(int, resume(dir), 0), "%s", dir);
  acknowledged(dir, after);
  for (int i = 0; i < INVOCATIONS; i++) {
    cr_assert(after[i] != NULL);
    if (before[i]) cr_assert(eq(str, after[i], before[i]));
    free(before[i]);
    free(after[i]);
  }
  check_complete(dir);
}

Test(resume, killed_before_every_write, .init = enter_place, .fini = leave_place, .timeout = 280) {
  setenv("RECLAIM_PLUGIN_PATH", RECLAIM_DOUBLES_DIR, 1);
  int points = 0, begun = 0;
  struct traced t = {.met = true, .fate = TRACED_KILL, .under = place, .changes_only = true, .execs = true};
  for (int nth = 1; t.met; nth++) {
    char dir[32];
    snprintf(dir, sizeof dir, "r%d", nth);
    char *argv[] = {(char *)RECLAIM_BUILD_DIR "/reclaim",
                    (char *)"run",
                    (char *)"--strategy",
                    (char *)"fake,loner",
                    (char *)"--workload",
                    (char *)"work",
                    (char *)"--threads",
                    (char *)"1",
                    (char *)"--blocks",
                    (char *)"2",
                    (char *)"--iterations",
                    (char *)"1",
                    (char *)"--set",
                    (char *)"us=0",
                    (char *)"--repeats",
                    (char *)"0",
                    (char *)"--quiet",
                    (char *)"--json",
                    (char *)"--out",
                    dir,
                    NULL};
    t.nth = nth;
    traced_run(&t, become_program, argv);
    if (!t.met) cr_assert(eq(int, t.code, 0));
    points += t.met;
    begun += t.met && was_begun(dir);
    check_killed(dir);
  }
  fprintf(stderr, "killed before each of %d calls\n", points);
  /* an invocation alone makes five such calls */
  cr_assert(ge(int, points, INVOCATIONS * 5));
  cr_assert(ge(int, begun, INVOCATIONS * 5));
}

/* One that is finished is measured no further, however often it is resumed. */
Test(resume, of_a_finished_sweep, .init = enter_place, .fini = leave_place) {
  struct spoken s =
      program("", "run --strategy fake,loner --workload work --threads 1 --blocks 2 --iterations 1 --repeats 0 --out r --quiet");
  char *before[INVOCATIONS], *after[INVOCATIONS];
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  acknowledged("r", before);
  cr_assert(eq(int, resume("r"), 0));
  cr_assert(eq(int, resume("r"), 0));
  acknowledged("r", after);
  for (int i = 0; i < INVOCATIONS; i++) {
    cr_assert(eq(str, after[i], before[i]));
    free(before[i]);
    free(after[i]);
  }
  check_complete("r");
  json_t *o = read_campaign("r");
  cr_expect(eq(sz, json_array_size(json_object_get(o, "runs")), 3));
  json_decref(o);
  forget(&s);
}

/* An interrupt kills the child, finishes the files and tells how to go on; what is resumed then is complete. */
Test(resume, after_an_interrupt, .init = enter_place, .fini = leave_place, .timeout = 100) {
  char *line = sweep_format(
      "cd %s/cwd && export RECLAIM_PLUGIN_PATH=%s && { %s/reclaim run --strategy fake,loner --workload work --threads 1 "
      "--repeats 0 --out r --blocks 2 --iterations 1 --set us=200000 >../out 2>../err & } && "
      "until grep -q ' done ' r/journal.log 2>/dev/null; do sleep 0.02; done; kill -INT $!; wait $!; echo $? >../code",
      place, RECLAIM_DOUBLES_DIR, RECLAIM_BUILD_DIR);
  cr_assert(eq(int, system(line), 0));
  free(line);
  char *code = read_in("code"), *err = read_in("err");
  cr_assert(eq(int, atoi(code), SWEEP_INTERRUPTED), "%s", err);
  cr_expect(strstr(err, "continue with: reclaim run --resume r") != NULL, "%s", err);
  json_t *o = read_campaign("r");
  cr_expect(eq(int, json_is_false(json_object_get(o, "finished")), 1));
  json_decref(o);
  struct samples rows = read_samples("r");
  cr_expect(ge(int, rows.n, 1 + ROWS));
  cr_expect(lt(int, rows.n, 1 + INVOCATIONS * ROWS));
  free_samples(&rows);
  check_killed("r");
  free(code);
  free(err);
}

/* A disk that fills up later: what is acknowledged stays, and the sweep can go on. */
Test(resume, after_a_full_disk, .init = enter_place, .fini = leave_place) {
  /* the limit on a file's size stands in: enough for the beginning, not for all rows */
  struct spoken s = program(
      "ulimit -f 260;", "run --strategy fake,loner --workload work --threads 1 --blocks 300 --iterations 1 --repeats 0 --out r "
                        "--set us=0 --seed 3 --quiet");
  cr_assert(eq(int, s.code, SWEEP_BAD_INPUT), "%s", s.err);
  cr_assert(strstr(s.err, "File too large") != NULL, "%s", s.err);
  cr_assert(strstr(s.err, "--resume r") != NULL, "%s", s.err);
  struct journal j;
  char *path = sweep_format("%s/cwd/r", place);
  cr_assert(eq(int, sweep_journal_open(&j, path), 0));
  cr_expect(gt(i64, j.complete, 10));
  for (int64_t i = 0; i < j.complete; i++) cr_assert(sweep_journal_complete(&j, i));
  sweep_journal_close(&j);
  free(path);
  forget(&s);
}

/* Whatever byte of the journal was lost, or is another: what still is whole is kept, the rest is measured again, and it is said. */
static void damage_and_resume(const char *whole, size_t n, size_t at, bool cut, char *const rows[INVOCATIONS]) {
  char *path = sweep_format("%s/cwd/r/journal.log", place), *copy = sweep_strndup(whole, n), *before[INVOCATIONS],
       *after[INVOCATIONS];
  FILE *f = fopen(path, "w");
  copy[at] ^= cut ? 0 : 1;
  cr_assert(eq(sz, fwrite(copy, 1, cut ? at : n, f), cut ? at : n));
  cr_assert(eq(int, fclose(f), 0));
  acknowledged("r", before);
  struct spoken s = program("", "run --resume r");
  cr_assert(eq(int, s.code, 0), "byte %zu: %s", at, s.err);
  cr_expect(cut || strstr(s.err, "torn or damaged") != NULL, "byte %zu: %s", at, s.err);
  acknowledged("r", after);
  for (int i = 0; i < INVOCATIONS; i++) {
    cr_assert(after[i] != NULL, "byte %zu", at);
    if (before[i]) cr_assert(eq(str, before[i], rows[i]), "byte %zu", at);
    if (before[i]) cr_assert(eq(str, after[i], rows[i]), "byte %zu", at);
    free(before[i]);
    free(after[i]);
  }
  check_complete("r");
  forget(&s);
  free(copy);
  free(path);
}

Test(resume, of_a_damaged_journal, .init = enter_place, .fini = leave_place, .timeout = 7200) {
  struct spoken s =
      program("", "run --strategy fake,loner --workload work --threads 1 --blocks 2 --iterations 1 --repeats 0 --heap grow "
                  "--set us=0 --out r --quiet");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  forget(&s);
  char *keep = sweep_format("cp -r %s/cwd/r %s/whole", place, place);
  cr_assert(eq(int, system(keep), 0));
  size_t n;
  char *rows[INVOCATIONS], *path = sweep_format("%s/cwd/r/journal.log", place), *whole = sweep_read_file(path, &n);
  char *restore = sweep_format("rm -rf %s/cwd/r && cp -r %s/whole %s/cwd/r", place, place, place);
  acknowledged("r", rows);
  size_t step = getenv("RECLAIM_EVERY") ? 1 : n / 4;
  for (size_t at = 0; at < n; at += step) {
    damage_and_resume(whole, n, at, false, rows);
    cr_assert(eq(int, system(restore), 0));
    damage_and_resume(whole, n, at, true, rows);
    cr_assert(eq(int, system(restore), 0));
  }
  for (int i = 0; i < INVOCATIONS; i++) free(rows[i]);
  free(keep);
  free(restore);
  free(path);
  free(whole);
}

static void edit_campaign(const char *key, const char *value) {
  json_t *o = read_campaign("r");
  char *path = sweep_format("%s/cwd/r/campaign.json", place);
  if (value)
    json_object_set_new(o, key, json_string(value));
  else
    json_object_del(o, key);
  cr_assert(eq(int, json_dump_file(o, path, 0), 0));
  json_decref(o);
  free(path);
}

/* Another program or machine, or a damaged plan: one line, and the folder stays as it is. */
Test(resume, of_what_is_not_ours, .init = enter_place, .fini = leave_place) {
  static const char *const cases[][3] = {{"commit", "0123456789ab", "by commit 0123456789ab"},
                                         {"machine", "elsewhere", "on elsewhere"},
                                         {"campaign", "another", "journal.log belongs to"},
                                         {"plan", NULL, "damaged"},
                                         {"schema", NULL, "schema"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct spoken s = program(
        "rm -rf r;", "run --strategy fake --workload work --threads 1 --blocks 1 --iterations 1 --repeats 0 --out r --quiet");
    cr_assert(eq(int, s.code, 0), "%s", s.err);
    forget(&s);
    edit_campaign(cases[i][0], cases[i][1]);
    s = program("cp -r r copy;", "run --resume r");
    cr_expect(eq(int, s.code, SWEEP_BAD_INPUT), "%s", cases[i][0]);
    cr_expect(strstr(s.err, cases[i][2]) != NULL, "%s", s.err);
    forget(&s);
    char *compare = sweep_format("cd %s/cwd && diff -r r copy >/dev/null; c=$?; rm -rf copy; exit $c", place);
    cr_expect(eq(int, system(compare), 0), "%s", cases[i][0]);
    free(compare);
  }
}
