/* main.c: runs the conformance tests that are linked beside it, each in a process of its own with a time-out, and gives a verdict on
   each. This is the program NAME.FLAVOUR.conformance that lies beside a strategy's object; `reclaim conformance` starts it with --json
   and makes the table.

     NAME.FLAVOUR.conformance [--json] [--list] [--only WORD] [--jobs N] [--timeout SECONDS] [--in-place]

   A test is called <file>.<suite>.<name>. --only: those whose name holds WORD; --in-place: in this very process, for a debugger;
   --timeout: of tests that say none themselves.
   Exit codes: 0 every test passed, 1 one did not, 2 wrong arguments, 3 the suite could not be run. */
#define _GNU_SOURCE 1 /* sigabbrev_np */
#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PASSED = 0, FAILED = 1, BAD_ARGUMENTS = 2, NOT_RUN = 3, JOBS_MAX = 64 };

extern const struct verdict_test *const __start_reclaim_tests[], *const __stop_reclaim_tests[];

static struct {
  bool json, list, in_place;
  const char *only;
  int jobs;
  double timeout;
} options = {.jobs = 1, .timeout = 300};

/* --- In the test's process ------------------------------------------------------------------------------------------------------- */

static volatile bool not_so;

void verdict_not_so(bool fatal, const char *file, int line, const char *what, const char *format, ...) {
  char message[1000];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  fprintf(stderr, "%s:%d: not so: %s%s\n", file, line, what, message[1] ? message : "");
  not_so = true;
  if (fatal) abort();
}

/* Returns an exit code. Leak checkers look when the process ends. */
static int run(const struct verdict_test *t) {
  if (t->init) t->init();
  t->run();
  if (t->fini) t->fini();
  return not_so ? FAILED : PASSED;
}

/* --- Names --------------------------------------------------------------------------------------------------------------------------- */

static void name_of(const struct verdict_test *t, char *name, size_t n) {
  const char *slash = strrchr(t->file, '/'), *file = slash ? slash + 1 : t->file;
  snprintf(name, n, "%.*s.%s.%s", (int)strcspn(file, "."), file, t->suite, t->name);
}

static int by_place(const void *a, const void *b) {
  const struct verdict_test *x = *(const struct verdict_test *const *)a, *y = *(const struct verdict_test *const *)b;
  int d = strcmp(x->file, y->file);
  return d ? d : (x->line > y->line) - (x->line < y->line);
}

/* The tests that are asked for, as they stand in their files; the caller frees. */
static const struct verdict_test **chosen(int *n) {
  size_t all = (size_t)(__stop_reclaim_tests - __start_reclaim_tests);
  const struct verdict_test **tests = calloc(all + 1, sizeof *tests);
  *n = 0;
  for (size_t i = 0; tests && i < all; i++) {
    char name[256];
    name_of(__start_reclaim_tests[i], name, sizeof name);
    if (!options.only || strstr(name, options.only)) tests[(*n)++] = __start_reclaim_tests[i];
  }
  if (tests) qsort(tests, (size_t)*n, sizeof *tests, by_place);
  return tests;
}

/* --- Verdicts ------------------------------------------------------------------------------------------------------------------------ */

/* As the inside of a JSON string; whatever is not plain ASCII becomes a blank or a question mark. */
static void print_escaped(const char *s) {
  for (; *s; s++) {
    if (*s == '\n')
      fputs("\\n", stdout);
    else if (*s == '"' || *s == '\\')
      printf("\\%c", *s);
    else
      putchar((unsigned char)*s < 0x20 ? ' ' : (unsigned char)*s > 0x7E ? '?' : *s);
  }
}

static void print_verdict(const char *name, const char *verdict, double seconds, const char *said) {
  if (options.json) {
    printf("{\"test\": \"%s\", \"verdict\": \"", name);
    print_escaped(verdict);
    printf("\", \"seconds\": %.3f, \"said\": \"", seconds);
    print_escaped(said);
    printf("\"}\n");
  } else {
    printf("%-60s %s\n", name, verdict);
    if (*said) printf("%s%s", said, said[strlen(said) - 1] == '\n' ? "" : "\n");
  }
  fflush(stdout);
}

/* --- One process per test ---------------------------------------------------------------------------------------------------------------- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct job {
  const struct verdict_test *test; /* NULL: free */
  pid_t pid;
  int pipe;
  double started, deadline;
  bool late;
  char said[2000]; /* the end of what it wrote */
  size_t nsaid;
};

static bool start(struct job *j, const struct verdict_test *t) {
  int ends[2];
  fflush(NULL);
  if (pipe(ends)) return false;
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(NOT_RUN);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    exit(run(t));
  }
  close(ends[1]);
  if (pid < 0) return close(ends[0]), false;
  setpgid(pid, pid); /* whoever comes first */
  double limit = t->timeout > 0 ? t->timeout : options.timeout;
  *j = (struct job){.test = t, .pid = pid, .pipe = ends[0], .started = now(), .deadline = now() + limit};
  return true;
}

/* Keeps the end of what comes; false at the end of the stream. */
static bool drain(struct job *j) {
  char part[1000];
  ssize_t n = read(j->pipe, part, sizeof part);
  if (n < 0) return errno == EINTR;
  size_t room = sizeof j->said - 1, more = (size_t)n;
  if (j->nsaid + more > room) {
    size_t drop = j->nsaid + more - room;
    memmove(j->said, j->said + drop, j->nsaid - drop);
    j->nsaid -= drop;
  }
  memcpy(j->said + j->nsaid, part, more);
  j->nsaid += more;
  j->said[j->nsaid] = 0;
  return n > 0;
}

/* Whether it passed. */
static bool end(struct job *j) {
  int status;
  char name[256], verdict[100];
  kill(-j->pid, j->late ? SIGKILL : 0);
  while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR) {}
  close(j->pipe);
  name_of(j->test, name, sizeof name);
  bool passed = !j->late && WIFEXITED(status) && WEXITSTATUS(status) == PASSED;
  if (passed)
    snprintf(verdict, sizeof verdict, "ok");
  else if (j->late)
    snprintf(verdict, sizeof verdict, "FAILED: no end within %g s", j->deadline - j->started);
  else if (WIFSIGNALED(status))
    snprintf(verdict, sizeof verdict, "FAILED: SIG%s", sigabbrev_np(WTERMSIG(status)));
  else
    snprintf(verdict, sizeof verdict, "FAILED: exit code %d", WEXITSTATUS(status));
  print_verdict(name, verdict, now() - j->started, passed ? "" : j->said);
  j->test = NULL;
  return passed;
}

/* Waits until something happens to a job; adds up those that have ended. */
static void wait_for_any(struct job *jobs, int *passed, int *failed) {
  struct pollfd fds[JOBS_MAX];
  double next = now() + 1;
  for (int i = 0; i < options.jobs; i++) {
    fds[i] = (struct pollfd){jobs[i].test ? jobs[i].pipe : -1, POLLIN, 0};
    if (jobs[i].test && jobs[i].deadline < next) next = jobs[i].deadline;
  }
  double left = next - now();
  poll(fds, (nfds_t)options.jobs, left > 0 ? (int)(left * 1000) + 1 : 0);
  for (int i = 0; i < options.jobs; i++) {
    struct job *j = &jobs[i];
    if (!j->test) continue;
    bool over = fds[i].revents && !drain(j);
    j->late = !over && now() > j->deadline;
    if (!over && !j->late) continue;
    if (end(j))
      ++*passed;
    else
      ++*failed;
  }
}

static int run_all(const struct verdict_test **tests, int n) {
  static struct job jobs[JOBS_MAX];
  int passed = 0, failed = 0, next = 0;
  while (passed + failed < n) {
    for (int i = 0; i < options.jobs && next < n; i++)
      if (!jobs[i].test) {
        if (!start(&jobs[i], tests[next])) return perror("conformance: no process for a test"), NOT_RUN;
        next++;
      }
    wait_for_any(jobs, &passed, &failed);
  }
  if (!options.json) printf("%d passed, %d failed\n", passed, failed);
  return failed ? FAILED : PASSED;
}

static int run_in_place(const struct verdict_test **tests, int n) {
  for (int i = 0; i < n; i++) {
    char name[256];
    name_of(tests[i], name, sizeof name);
    printf("%s\n", name);
    fflush(stdout);
    if (run(tests[i]) != PASSED) return FAILED;
  }
  return PASSED;
}

/* --- Arguments --------------------------------------------------------------------------------------------------------------------------- */

static bool read_arguments(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(word, "--json"))
      options.json = true;
    else if (!strcmp(word, "--list"))
      options.list = true;
    else if (!strcmp(word, "--in-place"))
      options.in_place = true;
    else if (!strcmp(word, "--only") && *value)
      options.only = argv[++i];
    else if (!strcmp(word, "--jobs") && atoi(value) >= 1 && atoi(value) <= JOBS_MAX)
      options.jobs = atoi(argv[++i]);
    else if (!strcmp(word, "--timeout") && atof(value) > 0)
      options.timeout = atof(argv[++i]);
    else
      return fprintf(stderr, "%s: '%s' is unknown or has a wrong value\n", argv[0], word), false;
  }
  return true;
}

int main(int argc, char **argv) {
  if (!read_arguments(argc, argv)) return BAD_ARGUMENTS;
  int n;
  const struct verdict_test **tests = chosen(&n);
  int rc = NOT_RUN;
  if (!tests || !n)
    fprintf(stderr, "conformance: there is no such test\n");
  else if (options.list)
    for (int i = 0; i < n; i++) {
      char name[256];
      name_of(tests[i], name, sizeof name);
      puts(name);
      rc = PASSED;
    }
  else
    rc = options.in_place ? run_in_place(tests, n) : run_all(tests, n);
  free(tests);
  return rc;
}
