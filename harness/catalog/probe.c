/* probe.c: see probe.h. The child is a fork: it costs a millisecond, and a plug-in is tried where it will be loaded. It says what it is
   doing in memory that both share, so that its end, however sudden, can be told with its place. */
#define _GNU_SOURCE 1 /* sigabbrev_np, pipe2 */
#include "probe.h"

#include "harness/catalog/walk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct report {
  enum { UNDECIDED, FINE, FAULTY } verdict;
  char at[200], fault[600];
  char contents[60000];
};

/* --- In the child ----------------------------------------------------------------------------------------------------------------- */

static struct report *report;

static void at(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void at(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(report->at, sizeof report->at, format, arguments);
  va_end(arguments);
}

static void faulty(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void faulty(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(report->fault, sizeof report->fault, format, arguments);
  va_end(arguments);
  report->verdict = FAULTY;
  _exit(0);
}

/* A death is what is wanted to be seen, not what this process's own handlers make of it. */
static void prepare(pid_t parent, int words) {
  static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPIPE};
  const struct rlimit no_core = {0, 0};
  sigset_t none;
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setrlimit(RLIMIT_CORE, &no_core);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int null = open("/dev/null", O_RDONLY);
  if (getppid() != parent || dup2(null, 0) < 0 || dup2(words, 1) < 0 || dup2(words, 2) < 0)
    faulty("it could not be tried: %s", strerror(errno));
}

static void try(const catalog_file *f) {
  at("loading it");
  void *object = dlopen(f->path, RTLD_NOW | RTLD_LOCAL);
  if (!object) {
    const char *why = dlerror();
    faulty("it cannot be loaded: %s", why ? why : "no reason");
  }
  reclaim_descriptor_fn *descriptor;
  *(void **)&descriptor = dlsym(object, RECLAIM_DESCRIPTOR_SYMBOL);
  if (!descriptor) faulty("it is not a strategy object");
  at("asking for its descriptor");
  const reclaim_strategy *s = descriptor();
  at("reading its descriptor");
  const char *fault = catalog_glance(s, f);
  if (fault) faulty("%s", fault);
  if (!catalog_walk(s, at, report->contents, sizeof report->contents, report->fault, sizeof report->fault)) {
    report->verdict = FAULTY;
    _exit(0);
  }
  at("unloading it");
  dlclose(object);
  report->verdict = FINE;
  _exit(0);
}

/* --- In the parent ---------------------------------------------------------------------------------------------------------------- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double patience(void) {
  const char *given = getenv("RECLAIM_PROBE_TIMEOUT");
  double seconds = given ? strtod(given, NULL) : 0;
  return seconds > 0 ? seconds : PROBE_SECONDS;
}

/* The last line of what it said. */
struct words {
  char text[400];
  size_t n;
};

/* False at the end of the stream. */
static bool hear(int fd, struct words *w) {
  char part[sizeof w->text];
  ssize_t n = read(fd, part, sizeof part - 1);
  if (n <= 0) return n < 0 && errno == EINTR;
  size_t more = (size_t)n;
  if (w->n + more >= sizeof w->text) w->n = 0; /* the end is what counts */
  memcpy(w->text + w->n, part, more);
  w->n += more;
  w->text[w->n] = 0;
  return true;
}

static const char *last_line(struct words *w) {
  while (w->n && (unsigned char)w->text[w->n - 1] <= ' ') w->text[--w->n] = 0;
  char *line = strrchr(w->text, '\n');
  return line ? line + 1 : w->text;
}

/* Waits for the end of the child; false: it had to be ended. The end of its stream wakes us, but what it has left behind may hold that
   open, and it may have closed it itself: so the end of the child is asked for in ticks as well. */
static bool wait_for(pid_t pid, int fd, struct words *words, int *status) {
  enum { TICK_MS = 50 };
  double deadline = now() + patience();
  bool open = true, ended = false;
  while (!ended && now() < deadline) {
    struct pollfd p = {open ? fd : -1, POLLIN, 0};
    if (poll(&p, 1, open ? TICK_MS : 1) > 0) open = hear(fd, words);
    ended = waitpid(pid, status, WNOHANG) == pid;
  }
  kill(-pid, SIGKILL);
  if (!ended)
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {}
  return ended;
}

static void judge(catalog_file *f, const struct report *r, bool ended, int status, struct words *words) {
  const char *said = last_line(words), *colon = *said ? ": " : "";
  if (r->verdict == FAULTY)
    catalog_condemn(f, "%.*s", (int)sizeof r->fault, r->fault);
  else if (!ended)
    catalog_condemn(f, "it came to no end within %g s while %.*s%s%s", patience(), (int)sizeof r->at, r->at, colon, said);
  else if (WIFSIGNALED(status))
    catalog_condemn(f, "it crashed (SIG%s) while %.*s%s%s", sigabbrev_np(WTERMSIG(status)), (int)sizeof r->at, r->at, colon,
                    said);
  else if (r->verdict != FINE)
    catalog_condemn(f, "it ended the process (exit code %d) while %.*s%s%s", WEXITSTATUS(status), (int)sizeof r->at, r->at, colon,
                    said);
  else if (!(f->contents = strndup(r->contents, sizeof r->contents)))
    catalog_condemn(f, "out of memory");
}

void catalog_probe(catalog_file *f) {
  int ends[2], status = 0;
  if (f->fault || f->contents) return;
  report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (report == MAP_FAILED || pipe2(ends, O_CLOEXEC)) {
    catalog_condemn(f, "it could not be tried: %s", strerror(errno));
    return;
  }
  fflush(NULL); /* once is enough for what waits in buffers */
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    prepare(parent, ends[1]);
    try(f);
  }
  close(ends[1]);
  if (pid > 0) {
    struct words words = {.n = 0};
    setpgid(pid, pid); /* whoever comes first */
    bool ended = wait_for(pid, ends[0], &words, &status);
    judge(f, report, ended, status, &words);
  } else {
    catalog_condemn(f, "it could not be tried: %s", strerror(errno));
  }
  close(ends[0]);
  munmap(report, sizeof *report);
}
