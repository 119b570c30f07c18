/* conformance.c: finds the suite that was built beside a strategy's object, of the very same objects, runs it, and makes the table.

   The suite is a program of its own (tests/conformance/verdicts/main.c), since the tests are compiled against the strategy's inline
   code as workloads are; it prints one JSON object per test, which is all that is known of it here. */
#define _GNU_SOURCE 1 /* sigabbrev_np, CPU_COUNT, pipe2 */
#include "conformance.h"

#include "harness/catalog/catalog.h"
#include "harness/catalog/folders.h"
#include "harness/sweep/plugins.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_JOBS = 16 };

struct conformance {
  char *strategy;
  const char *flavour, *only, *jobs; /* NULL: both; all; as many as CPUs */
  bool json;
  json_t *suites; /* what was found out, one object per flavour */
  int passed, failed;
};

static const char usage[] =
    "usage: reclaim conformance STRATEGY|OBJECT.so [FLAG...]\n\n"
    "Runs the whole conformance suite on a strategy from outside (or, where it was built, on one of the tree's own), each test "
    "in a\n"
    "process of its own. RECLAIM_SEEDS sets how many random cases those tests try that have them.\n\n"
    "--flavour pool|malloc  one of the two [those that there are]\n"
    "--only WORD            tests whose name holds it, as in --only objects.lists\n"
    "--jobs N               tests at a time [as many as CPUs]\n"
    "--json                 one object instead of the table\n" SWEEP_PLUGIN_HELP
    "\nExit codes: 0 every test passed, 1 one did not, 2 bad input, 3 the suite did not come to its end.\n";

/* --- Arguments ------------------------------------------------------------------------------------------------------------------- */

/* "DIR/NAME.FLAVOUR.so": DIR becomes a folder of plug-ins. */
static int read_path(struct conformance *c, const char *path) {
  static const char *const flavours[] = {"pool", "malloc"};
  const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
  char err[1024];
  for (int i = 0; i < 2; i++) {
    char *end = sweep_format(".%s.so", flavours[i]);
    size_t n = strlen(file), m = strlen(end);
    if (n > m && !strcmp(file + n - m, end)) c->flavour = flavours[i], c->strategy = sweep_strndup(file, n - m);
    free(end);
  }
  if (access(path, F_OK)) return sweep_refuse("%s: %s", path, strerror(errno));
  if (!c->strategy) return sweep_refuse("%s: an object is called NAME.pool.so or NAME.malloc.so", path);
  if (strchr(c->strategy, '+')) return sweep_refuse("%s: it is a pack of workloads; the suite is for strategies", path);
  char *folder = slash ? sweep_strndup(path, (size_t)(slash - path + 1)) : sweep_strdup(".");
  bool added = catalog_add_folders(folder, '\n', false, err, sizeof err);
  free(folder);
  return added ? 0 : sweep_refuse("%s", err);
}

static int read_subject(struct conformance *c, const char *word) {
  size_t n = strlen(word);
  if (c->strategy) return sweep_refuse("conformance: one strategy is allowed, not '%s' as well", word);
  if (strchr(word, '/') || (n > 3 && !strcmp(word + n - 3, ".so"))) return read_path(c, word);
  c->strategy = sweep_strdup(word);
  return 0;
}

/* 0, -1 for --help, or 2 after one line on stderr. */
static int read_arguments(struct conformance *c, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    int flag = sweep_plugin_flag(argc, argv, &i), rc = 0;
    const struct {
      const char *name, **value;
    } flags[] = {{"--flavour", &c->flavour}, {"--only", &c->only}, {"--jobs", &c->jobs}};
    for (size_t k = 0; k < sizeof flags / sizeof *flags && !flag; k++)
      if (!strcmp(word, flags[k].name)) {
        if (i + 1 == argc || !*argv[i + 1]) return sweep_refuse("conformance: %s needs a value", word);
        *flags[k].value = argv[++i], flag = 1;
      }
    if (flag < 0) return SWEEP_BAD_INPUT;
    if (flag) continue;
    if (!strcmp(word, "--help")) return -1;
    if (!strcmp(word, "--json"))
      c->json = true;
    else
      rc = *word == '-' ? sweep_refuse("conformance: unknown flag '%s' (see reclaim conformance --help)", word)
                        : read_subject(c, word);
    if (rc) return rc;
  }
  if (!c->strategy) return sweep_refuse("conformance: a strategy is needed (a name, or the path of an object)");
  if (c->flavour && strcmp(c->flavour, "pool") && strcmp(c->flavour, "malloc"))
    return sweep_refuse("conformance: there is no flavour '%s' (allowed: pool, malloc)", c->flavour);
  if (c->jobs && (atoi(c->jobs) < 1 || atoi(c->jobs) > MOST_JOBS))
    return sweep_refuse("conformance: --jobs: '%s' is not a number from 1 to %d", c->jobs, MOST_JOBS);
  return 0;
}

/* --- The program ------------------------------------------------------------------------------------------------------------------- */

/* Beside the object; NULL after one line on stderr. */
static char *find_suite(const reclaim_strategy *s) {
  const char *object = catalog_path(s), *why;
  char *suite = sweep_format("%.*s.conformance", (int)(strlen(object) - strlen(".so")), object);
  if (access(suite, X_OK) == 0) {
    if (!catalog_is_plugin(s) || !(why = catalog_unsafe(suite))) return suite;
    sweep_say("%s cannot be used: the file %s", suite, why);
  } else if (catalog_is_plugin(s)) {
    sweep_say("%s is not there: it is built by reclaim_add_strategy, unless RECLAIM_CONFORMANCE is off", suite);
  } else {
    char *build = sweep_strndup(object, (size_t)(strstr(object, "/strategies/") - object)),
         *cache = sweep_format("%s/CMakeCache.txt", build);
    if (access(cache, F_OK) == 0)
      sweep_say("%s is not there; build it with: cmake --build '%s' --target suite-%s-%s", suite, build, s->name, s->flavour);
    else
      sweep_say("%s is not there: an installation's own strategies come without it (./check tests them in their tree)", suite);
    free(build);
    free(cache);
  }
  free(suite);
  return NULL;
}

static int cpus(void) {
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
  return n < MOST_JOBS ? n : MOST_JOBS;
}

/* Starts it, its standard output a stream. NULL and errno when it cannot. */
static FILE *start(const struct conformance *c, const char *suite, pid_t *pid) {
  char *jobs = c->jobs ? sweep_strdup(c->jobs) : sweep_format("%d", cpus());
  const char *const argv[] = {suite, "--json", "--jobs", jobs, c->only ? "--only" : NULL, c->only, NULL};
  int ends[2];
  FILE *out = NULL;
  fflush(NULL);
  if (pipe2(ends, O_CLOEXEC) == 0 && (*pid = fork()) >= 0) {
    if (*pid == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execv(suite, (char *const *)argv);
      _exit(127);
    }
    close(ends[1]);
    out = fdopen(ends[0], "r");
  }
  free(jobs);
  return out;
}

/* --- The table ----------------------------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key) {
  const char *text = json_string_value(json_object_get(o, key));
  return text ? text : "";
}

static void print_test(const json_t *test) {
  printf("%-60s %s\n", text_of(test, "test"), text_of(test, "verdict"));
  for (const char *p = text_of(test, "said"); *p;) { /* indented, so that it is not taken for a verdict */
    int n = (int)strcspn(p, "\n");
    printf("    %.*s\n", n, p);
    p += n + (p[n] == '\n');
  }
  fflush(stdout);
}

/* Adds one to {"passed", "failed"} of the test's group, the file that it stands in. */
static void add_to_group(json_t *groups, const json_t *test, bool ok) {
  const char *name = text_of(test, "test");
  char *group = sweep_strndup(name, strcspn(name, "."));
  json_t *g = json_object_get(groups, group);
  if (!g) json_object_set_new(groups, group, g = json_pack("{s:i, s:i}", "passed", 0, "failed", 0));
  const char *key = ok ? "passed" : "failed";
  json_object_set_new(g, key, json_integer(json_integer_value(json_object_get(g, key)) + 1));
  free(group);
}

static void print_groups(const json_t *groups) {
  const char *name;
  json_t *g;
  puts("");
  json_object_foreach((json_t *)groups, name, g) {
    int passed = (int)json_integer_value(json_object_get(g, "passed")),
        failed = (int)json_integer_value(json_object_get(g, "failed"));
    printf("%-20s %3d of %3d%s\n", name, passed, passed + failed, failed ? "   FAILED" : "");
  }
}

/* Reads verdicts until the stream ends; what is no verdict is passed over. */
static void read_verdicts(struct conformance *c, FILE *out, json_t *tests, json_t *groups) {
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, out) > 0) {
    json_t *test = json_loads(line, 0, NULL);
    if (*text_of(test, "test")) {
      bool ok = !strcmp(text_of(test, "verdict"), "ok");
      c->passed += ok, c->failed += !ok;
      if (!c->json) print_test(test);
      add_to_group(groups, test, ok);
      json_array_append(tests, test);
    }
    json_decref(test);
  }
  free(line);
}

/* Runs the suite of one object. */
static int run_suite(struct conformance *c, const reclaim_strategy *s, const char *suite) {
  char hash[65] = "";
  json_t *tests = json_array(), *groups = json_object();
  pid_t pid = -1;
  int status = 0, before = c->passed + c->failed, failed = c->failed;
  catalog_hash(catalog_path(s), hash);
  if (!c->json) printf("%s, flavour %s%s: %s\n\n", s->name, s->flavour, s->checked ? ", checked" : "", suite);
  FILE *out = start(c, suite, &pid);
  if (out) {
    read_verdicts(c, out, tests, groups);
    fclose(out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  }
  bool ran = c->passed + c->failed > before, whole = out && WIFEXITED(status) && WEXITSTATUS(status) == (c->failed > failed);
  if (!c->json && ran) print_groups(groups);
  if (!out)
    sweep_say("%s could not be started: %s", suite, strerror(errno));
  else if (WIFSIGNALED(status))
    sweep_say("%s was ended by SIG%s after %d tests", suite, sigabbrev_np(WTERMSIG(status)), c->passed + c->failed - before);
  else if (!whole || !ran)
    sweep_say("%s ended with exit code %d after %d tests", suite, WEXITSTATUS(status), c->passed + c->failed - before);
  json_array_append_new(c->suites, json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:o}", "flavour", s->flavour, "object",
                                             catalog_path(s), "object_sha256", hash, "checked", s->checked, "finished",
                                             whole && ran, "groups", groups, "tests", tests));
  return !whole || !ran ? SWEEP_COULD_NOT_JUDGE : c->failed > failed ? SWEEP_FAILED : SWEEP_FINE;
}

/* --- The subcommand -------------------------------------------------------------------------------------------------------------------- */

static int worse(int a, int b) { return a > b ? a : b; }

static int run_all(struct conformance *c) {
  static const char *const flavours[] = {"pool", "malloc"};
  const char *seeds = getenv("RECLAIM_SEEDS");
  const reclaim_strategy *objects[2] = {NULL, NULL};
  char *suites[2] = {NULL, NULL}, err[1024];
  int rc = SWEEP_FINE, n = 0;
  for (int i = 0; i < 2; i++) { /* all that can be found wrong before the first test */
    bool asked = c->flavour ? !strcmp(c->flavour, flavours[i]) : catalog_find_file(c->strategy, flavours[i], "") || (i && !n);
    if (asked && !(objects[n++] = catalog_open(c->strategy, flavours[i], err, sizeof err))) rc = sweep_refuse("%s", err);
  }
  for (int i = 0; i < n && !rc; i++)
    if (!(suites[i] = find_suite(objects[i]))) rc = SWEEP_BAD_INPUT;
  if (!c->json && !rc)
    printf("random cases: seeds from 0 on, %s%s\n", seeds ? seeds : "as many as each test has",
           seeds ? " (RECLAIM_SEEDS)" : " (RECLAIM_SEEDS sets it)");
  for (int i = 0; i < n && rc != SWEEP_BAD_INPUT; i++) {
    if (!c->json) puts("");
    rc = worse(rc, run_suite(c, objects[i], suites[i]));
  }
  free(suites[0]);
  free(suites[1]);
  if (rc == SWEEP_BAD_INPUT) return rc;
  if (c->json) {
    json_t *o = json_pack("{s:s, s:i, s:o, s:O, s:i, s:i, s:i}", "strategy", c->strategy, "first_seed", 0, "seeds",
                          seeds ? json_string(seeds) : json_null(), "suites", c->suites, "passed", c->passed, "failed", c->failed,
                          "exit_code", rc);
    json_dumpf(o, stdout, JSON_INDENT(1));
    puts("");
    json_decref(o);
  } else {
    printf("\n%d passed, %d failed\n", c->passed, c->failed);
  }
  return rc;
}

int sweep_conformance_main(int argc, char **argv) {
  struct conformance c = {.suites = json_array()};
  int rc = read_arguments(&c, argc, argv);
  if (rc < 0)
    fputs(usage, stdout);
  else if (!rc)
    rc = run_all(&c);
  free(c.strategy);
  json_decref(c.suites);
  return rc < 0 ? SWEEP_FINE : rc;
}
