/* faults-calls.c: a system call that changes a file fails, does half of its work, or is never made, and whatever it was: the program says
   so with the file's name and exit code 2, or goes on and is right; what it acknowledged stays, and is completed without being measured twice.

   Sweeps, merges and the file of smallest heaps, at every such call (traced.h). Each call gets one of the fates in turn; RECLAIM_EVERY gives
   it all of them. That a sweep can be *killed* before every such call is tested in sweep-resume.c. */
#define _GNU_SOURCE 1
#include "harness/catalog/minheap.h"
#include "harness/sweep/journal.h"
#include "sweep-program.h"
#include "traced.h"

#include <sys/stat.h>

static const int fates[] = {ENOSPC, EIO, EINTR, TRACED_HALF, EDQUOT, TRACED_KILL};
enum { FATES = sizeof fates / sizeof *fates, ERRORS = FATES - 1, INVOCATIONS = 2 };

/* --- What runs ---------------------------------------------------------------------------------------------------------------- */

static void become_program(void *arguments) {
  char *argv[32] = {(char *)RECLAIM_BUILD_DIR "/reclaim"};
  int n = 1;
  for (char *word = strtok((char *)arguments, " "); word; word = strtok(NULL, " ")) argv[n++] = word;
  char *cwd = sweep_format("%s/cwd", place);
  if (chdir(cwd) == 0 && freopen("../out", "w", stdout) && freopen("../err", "w", stderr) && freopen("/dev/null", "r", stdin))
    execv(argv[0], argv);
  _exit(99);
}

/* The program with these words; its n-th call that changes a file meets the fate. */
static struct traced spoil(const char *arguments, int nth, int fate) {
  static char under[64];
  snprintf(under, sizeof under, "%s/cwd", place);
  struct traced t = {.nth = nth, .fate = fate, .under = under, .execs = true};
  char *words = sweep_strdup(arguments);
  setenv("RECLAIM_PLUGIN_PATH", RECLAIM_DOUBLES_DIR, 1);
  traced_run(&t, become_program, words);
  free(words);
  return t;
}

static const char *fate_name(int fate) {
  return fate == TRACED_KILL ? "killed" : fate == TRACED_HALF ? "half of it" : strerror(fate);
}

static bool shell(const char *format, const char *a, const char *b) {
  char *command = sweep_format(format, a, b), *line = sweep_format("cd %s/cwd && { %s; }", place, command);
  bool ok = system(line) == 0;
  free(line);
  free(command);
  return ok;
}

/* --- What must hold ------------------------------------------------------------------------------------------------------------ */

/* One line that is the program's own, with the name of the file and the reason. */
static bool complains(const char *err, const struct traced *t) {
  const char *name = strrchr(t->path, '/') ? strrchr(t->path, '/') + 1 : t->path;
  const char *line = strstr(err, "reclaim: ");
  while (line && !strncmp(line, "reclaim: warning", 16)) line = strstr(line + 1, "reclaim: ");
  const char *dot = strchr(name, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;
  char *want = second ? sweep_strndup(name, (size_t)(second - name)) /* it is named as what it was to become */
                      : sweep_strdup(dot == name ? "output folder" : name);
  bool ok = line && strstr(line, want) && strstr(line, strerror(t->fate));
  free(want);
  return ok;
}

static bool is_complete(const char *dir) {
  struct samples rows = read_samples(dir);
  bool ok = rows.n == 1 + INVOCATIONS;
  for (int i = 0; i < INVOCATIONS && ok; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    ok = count_rows(&rows, "invocation", number, "status", "ok") == 1;
  }
  free_samples(&rows);
  return ok && shell("cd %s && test $(wc -l <histograms.jsonl) = %s && test -z \"$(sort rss.csv | uniq -d)\"", dir, "2");
}

/* The acknowledged rows, as one text for each invocation; NULL: none. */
static void acknowledged(const char *dir, char *rows[INVOCATIONS]) {
  struct journal j;
  char *path = sweep_format("%s/cwd/%s", place, dir);
  cr_assert(eq(int, sweep_journal_read(&j, path), 0));
  for (int i = 0; i < INVOCATIONS; i++) rows[i] = sweep_journal_complete(&j, i) ? sweep_strdup(j.entries[i].rows[0]) : NULL;
  sweep_journal_close(&j);
  free(path);
}

/* --- Sweeps ---------------------------------------------------------------------------------------------------------------------- */

static void check_resumed(const struct traced *t, const char *err) {
  char *before[INVOCATIONS], *after[INVOCATIONS];
  acknowledged("r", before);
  struct spoken s = program("", "run --resume r --quiet --json");
  cr_expect(eq(int, s.code, 0), "%s: %s: %s, then: %s", t->path, fate_name(t->fate), err, s.err);
  acknowledged("r", after);
  for (int i = 0; i < INVOCATIONS; i++) {
    cr_expect(after[i] && (!before[i] || !strcmp(before[i], after[i])), "%s: %s: invocation %d", t->path, fate_name(t->fate), i);
    free(before[i]);
    free(after[i]);
  }
  cr_expect(is_complete("r"), "%s: %s", t->path, fate_name(t->fate));
  forget(&s);
}

static void check_sweep(const struct traced *t) {
  char *err = read_in("err");
  const char *fate = fate_name(t->fate);
  cr_expect(t->code == 0 || t->code == SWEEP_BAD_INPUT, "%s (call %ld): %s: it ends with %d: %s", t->path, t->call, fate, t->code,
            err);
  bool temporary = strstr(t->path, ".tmp") || strstr(t->path, ".new"); /* written through stdio, which does not */
  bool retried = (t->fate == EINTR && !temporary) || t->fate == TRACED_HALF;
  if (t->code == 0) {
    char *rows[INVOCATIONS];
    acknowledged("r", rows); /* on the disk, and not only in the program's memory */
    for (int i = 0; i < INVOCATIONS; i++) {
      cr_expect(rows[i] != NULL, "%s (call %ld): %s: invocation %d is lost", t->path, t->call, fate, i);
      free(rows[i]);
    }
    cr_expect(is_complete("r"), "%s (call %ld): %s", t->path, t->call, fate);
  } else {
    cr_expect(complains(err, t), "%s (call %ld): %s: it says %s", t->path, t->call, fate, err);
    cr_expect(not(retried && t->call == SYS_write), "%s: a write is taken up again: %s", t->path, err);
    if (shell("test -e %s/%s", "r", "campaign.json"))
      check_resumed(t, err);
    else
      cr_expect(shell("test ! -e %s%s", "r", ""), "%s (call %ld): %s: something is left behind: %s", t->path, t->call, fate, err);
  }
  free(err);
}

/* Calls `each` with all of the first `nfates` fates, or one in turn, of every call of the program; how many there were. */
static int at_every_call(const char *arguments, int nfates, void (*each)(const struct traced *)) {
  int points = 0, at_once = getenv("RECLAIM_EVERY") ? nfates : 1, step = RECLAIM_SANITIZED && at_once == 1 ? 3 : 1;
  struct traced t = {.met = true};
  for (int nth = 1; t.met; nth += step)
    for (int k = 0; k < at_once && t.met; k++) {
      t = spoil(arguments, nth, fates[(nth + k) % nfates]);
      if (!t.met) cr_assert(eq(int, t.code, 0));
      points += t.met;
      each(&t);
      if (!t.met || at_once > 1 || t.call != SYS_write || !strstr(t.path, "journal.log")) continue;
      t = spoil(arguments, nth, TRACED_HALF); /* the one write that everything hangs on */
      points++;
      each(&t);
    }
  return points;
}

static void after_sweep(const struct traced *t) {
  check_sweep(t);
  cr_assert(shell("rm -rf %s %s", "r", "r"));
}

Test(calls, of_a_sweep, .init = enter_place, .fini = leave_place, .timeout = 3000) {
  int points =
      at_every_call("run --strategy fake --workload work --threads 1 --blocks 2 --warmup 0 --iterations 1 --set us=0 --repeats 0 "
                    "--heap grow --quiet --json --out r",
                    ERRORS, after_sweep);
  fprintf(stderr, "%d calls of a sweep spoilt\n", points);
  cr_expect(gt(int, points, INVOCATIONS * 4));
}

/* --- Merges ----------------------------------------------------------------------------------------------------------------------- */

#define MERGE "merge a b --out r"

static void check_merge(const struct traced *t) {
  char *err = read_in("err");
  const char *fate = fate_name(t->fate);
  bool killed = t->met && t->fate == TRACED_KILL, whole = shell("test -e %s/%s", "r", "campaign.json");
  cr_expect(killed || t->code == 0 || t->code == SWEEP_BAD_INPUT, "%s (call %ld): %s: it ends with %d: %s", t->path, t->call,
            fate, t->code, err);
  if (!killed && t->code) {
    cr_expect(complains(err, t), "%s (call %ld): %s: it says %s", t->path, t->call, fate, err);
    cr_expect(not(whole), "%s: %s: what was refused is there", t->path, fate);
    cr_expect(shell("test ! -e %s%s", "r.merging", ""), "%s: %s: something is left behind", t->path, fate);
  }
  /* what is there is whole, and what is not can be made */
  if (!whole) {
    struct spoken s = program("", MERGE);
    cr_expect(eq(int, s.code, 0), "%s: %s, then: %s", t->path, fate, s.err);
    forget(&s);
  }
  cr_expect(is_complete("r"), "%s (call %ld): %s", t->path, t->call, fate);
  cr_expect(shell("cat a/* b/* | cmp -s - ../parts%s%s", "", ""), "%s: %s: a part was changed", t->path, fate);
  cr_assert(shell("rm -rf %s %s", "r", "r.merging"));
  free(err);
}

Test(calls, of_a_merge, .init = enter_place, .fini = leave_place, .timeout = 3000) {
  static const char *const parts[] = {"a", "b"};
  for (int i = 0; i < 2; i++) {
    char *run = sweep_format(
        "run --strategy fake --workload work --threads 1 --blocks 2 --warmup 0 --iterations 1 --set us=0 --repeats 0 "
        "--heap grow --quiet --json --seed 5 --shard %d/2 --out %s",
        i + 1, parts[i]);
    struct spoken s = program("", run);
    cr_assert(eq(int, s.code, 0), "%s", s.err);
    forget(&s);
    free(run);
  }
  cr_assert(shell("cat a/* b/* >../parts%s%s", "", ""));
  int points = at_every_call(MERGE, FATES, check_merge);
  fprintf(stderr, "%d calls of a merge spoilt\n", points);
  cr_expect(gt(int, points, 10));
}

/* --- The file of smallest heaps ------------------------------------------------------------------------------------------------------ */

enum { HEAPS = 3 };
static const struct minheap_key heaps[HEAPS] = {
    {"trees", "depth=4;nodes=5", "private", 1, ""}, {"lists", "", "shared-read", 2, ""}, {"dicts", "live=3", "private", 12, ""}};
static const uint64_t bytes_of[HEAPS] = {12345678, 900000, UINT64_C(77777777777)};

static void enter_heaps(void) {
  enter_place();
  char *file = sweep_format("%s/cwd/heaps.csv", place);
  setenv("RECLAIM_MINHEAP_CACHE", file, 1);
  char *objects = sweep_format("%s/objects", place), *object = sweep_format("%s/mark-sweep.pool.so", objects);
  FILE *f = mkdir(objects, 0700) == 0 ? fopen(object, "w") : NULL; /* it is told from others, and never loaded */
  cr_assert(f != NULL && fputs("an object", f) >= 0 && fclose(f) == 0);
  setenv("RECLAIM_PLUGIN_PATH", objects, 1);
  free(object);
  free(objects);
  free(file);
}

static void add_heaps(void *unused) {
  (void)unused;
  for (int i = 0; i < HEAPS; i++)
    if (!catalog_minheap_add(&heaps[i], bytes_of[i])) _exit(SWEEP_BAD_INPUT);
}

/* Each is what it was, or not known, also after something was added; and what is added is found. */
static void check_heaps(const char *what) {
  static const struct minheap_key another = {"trees", "depth=9", "private", 1, ""};
  for (int turn = 0; turn < 2; turn++) {
    for (int i = 0; i < HEAPS; i++) {
      uint64_t found = catalog_minheap_find(&heaps[i], NULL);
      cr_expect(found == 0 || found == bytes_of[i], "%s: heap %d is said to be %llu", what, i, (unsigned long long)found);
    }
    cr_assert(catalog_minheap_add(&another, 4096));
  }
  add_heaps(NULL);
  for (int i = 0; i < HEAPS; i++) cr_expect(eq(u64, catalog_minheap_find(&heaps[i], NULL), bytes_of[i]), "%s: heap %d", what, i);
  cr_assert(unlink(catalog_minheap_path()) == 0);
}

Test(calls, of_what_keeps_smallest_heaps, .init = enter_heaps, .fini = leave_place, .timeout = 600) {
  cr_assert(ne(str, (char *)catalog_minheap_object(""), ""), "there is no mark-sweep here");
  struct traced t = {.met = true, .under = place};
  for (int nth = 1; t.met; nth++)
    for (int k = 0; k < ERRORS && t.met; k++) {
      t.nth = nth, t.fate = fates[k];
      traced_run(&t, add_heaps, NULL);
      bool retried = t.fate == EINTR || t.fate == TRACED_HALF;
      cr_expect(t.code == 0 || (t.code == SWEEP_BAD_INPUT && !(retried && t.call == SYS_write)), "%s: %s", t.path,
                fate_name(t.fate));
      check_heaps(fate_name(t.fate));
    }
}

/* A line that was torn is no line, whatever its number could be taken for, and does not take the next one with it. */
Test(heaps, truncated_at_every_byte, .init = enter_heaps, .fini = leave_place) {
  add_heaps(NULL);
  size_t n;
  char *text = sweep_read_file(catalog_minheap_path(), &n);
  for (size_t cut = 0; cut <= n; cut++) {
    char what[32];
    FILE *f = fopen(catalog_minheap_path(), "w");
    fwrite(text, 1, cut, f);
    fclose(f);
    snprintf(what, sizeof what, "cut at %zu", cut);
    check_heaps(what);
  }
  free(text);
}

/* --- What is printed ------------------------------------------------------------------------------------------------------------------ */

/* A table that did not arrive is no table. */
Test(output, must_arrive, .init = enter_place, .fini = leave_place) {
  static const char *const cases[] = {"list strategies --json",
                                      "list strategies",
                                      "report r",
                                      "report r --json",
                                      "run --resume r",
                                      "run --resume r --json",
                                      "--version",
                                      "run --help",
                                      "run --dry-run --strategy fake --workload work --threads 1"};
  struct spoken s = program(
      "", "run --strategy fake --workload work --threads 1 --blocks 1 --iterations 1 --repeats 0 --heap grow --out r --quiet");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  forget(&s);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *line = sweep_format("cd %s/cwd && RECLAIM_PLUGIN_PATH=%s %s/reclaim %s >/dev/full 2>../err", place, RECLAIM_DOUBLES_DIR,
                              RECLAIM_BUILD_DIR, cases[i]);
    int status = system(line);
    char *err = read_in("err");
    cr_expect(eq(int, WEXITSTATUS(status), SWEEP_BAD_INPUT), "%s: %s", cases[i], err);
    cr_expect(strstr(err, "No space left on device") != NULL, "%s: %s", cases[i], err);
    free(err);
    free(line);
  }
}
