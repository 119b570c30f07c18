/* child.c: fork, exec, poll. */
#define _GNU_SOURCE 1 /* pipe2, close_range */
#include "child.h"

#include "harness/sweep/memory.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  RESULT_FD = 3,           /* in the child */
  LARGEST_RESULT = 1 << 28 /* 256 MiB: a day of RSS samples is less */
};

static int signal_fd = -1;
static bool interrupted;
static sigset_t before; /* the mask that children get back */

bool sweep_child_prepare(void) {
  if (signal_fd >= 0) return true;
  sigset_t set;
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &set, &before) || sigaction(SIGPIPE, &ignore, NULL) || sigaction(SIGXFSZ, &ignore, NULL))
    return false;
  signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return signal_fd >= 0;
}

/* Takes what signals there are. */
static void drain_signals(void) {
  struct signalfd_siginfo info;
  while (signal_fd >= 0 && read(signal_fd, &info, sizeof info) == sizeof info)
    if (info.ssi_signo != SIGCHLD) interrupted = true;
}

bool sweep_child_interrupted(void) {
  drain_signals();
  return interrupted;
}

/* --- In the child ----------------------------------------------------------------------------------------------------------- */

/* Between fork and exec: only calls that are safe there. Never returns. */
static void become_child(const struct child_request *rq, pid_t parent, int result, int complaints, int failure) {
  const struct sigaction normal = {.sa_handler = SIG_DFL};
  int null = open("/dev/null", O_RDONLY);
  bool ok = setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && null >= 0;
  ok = ok && sigaction(SIGPIPE, &normal, NULL) == 0 && sigaction(SIGXFSZ, &normal, NULL) == 0;
  /* out of the way of 0 .. 3 first: they may be among them */
  int high[4] = {null, complaints, result, failure};
  for (int i = 0; i < 4 && ok; i++) ok = (high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, 10)) >= 0;
  ok = ok && dup2(high[0], 0) == 0 && dup2(high[1], 1) == 1 && dup2(high[1], 2) == 2 && dup2(high[2], RESULT_FD) == RESULT_FD;
  if (ok) {
    close_range(RESULT_FD + 1, ~0u,
                CLOSE_RANGE_CLOEXEC); /* whatever this process was started with; where the kernel has no such call,
                                                             ours are marked already */
    sigset_t none;                    /* whatever mask this process inherited itself */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(rq->path, rq->argv, rq->envp);
  }
  int why = errno;
  if (write(high[3], &why, sizeof why) != sizeof why) _exit(126); /* the exit code tells it, too */
  _exit(127);
}

/* --- In the parent ---------------------------------------------------------------------------------------------------------- */

struct watch {
  pid_t pid;
  int result, complaints; /* our ends; -1 once closed */
  struct text text;       /* the result so far */
  char tail[400];         /* the end of the complaints */
  size_t ntail;
};

static void keep_tail(struct watch *w, const char *data, size_t n) {
  size_t room = sizeof w->tail - 1;
  if (n > room) data += n - room, n = room;
  if (w->ntail + n > room) {
    size_t drop = w->ntail + n - room;
    memmove(w->tail, w->tail + drop, w->ntail - drop);
    w->ntail -= drop;
  }
  memcpy(w->tail + w->ntail, data, n);
  w->ntail += n;
  w->tail[w->ntail] = 0;
}

/* Reads what is there; closes at the end of the stream. */
static void drain(struct watch *w, int *fd) {
  char part[65536];
  ssize_t n = 0;
  while (*fd >= 0 && (n = read(*fd, part, sizeof part)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) break;
    if (fd == &w->complaints)
      keep_tail(w, part, (size_t)n);
    else if (w->text.n <= LARGEST_RESULT)
      sweep_text_add(&w->text, part, (size_t)n);
  }
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* The last line that is not empty. */
static void last_line(char *tail, char *out, size_t nout) {
  size_t n = strlen(tail);
  while (n && (tail[n - 1] == '\n' || tail[n - 1] == ' ')) tail[--n] = 0;
  const char *line = strrchr(tail, '\n');
  line = line ? line + 1 : tail;
  if (!strncmp(line, "reclaim: ", 9)) line += 9;
  snprintf(out, nout, "%s", line);
}

/* Waits until the child has ended or must be made to; says how. */
static enum sweep_child_end wait_for(struct watch *w, double deadline, int *status) {
  for (;;) {
    struct pollfd fds[3] = {{w->result, POLLIN, 0}, {w->complaints, POLLIN, 0}, {signal_fd, POLLIN, 0}};
    double left = deadline - sweep_now();
    if (sweep_child_interrupted()) return CHILD_INTERRUPTED;
    if (waitpid(w->pid, status, WNOHANG) == w->pid) return CHILD_EXITED;
    if (left <= 0) return CHILD_TIMED_OUT;
    if (w->text.n > LARGEST_RESULT) return CHILD_FLOODED;
    /* at most a second, so that a SIGCHLD that another child of ours took away costs no more */
    if (poll(fds, 3, left < 1 ? (int)(left * 1000) + 1 : 1000) < 0 && errno != EINTR) return CHILD_FLOODED;
    drain(w, &w->result);
    drain(w, &w->complaints);
  }
}

static void finish(struct watch *w, enum sweep_child_end end, int status, struct child_outcome *out) {
  kill(-w->pid, SIGKILL); /* the group: what the child may have left behind, too */
  if (end != CHILD_EXITED)
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {}
  drain(w, &w->result);
  drain(w, &w->complaints);
  out->end = end == CHILD_EXITED && WIFSIGNALED(status) ? CHILD_SIGNALLED : end;
  out->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  last_line(w->tail, out->complaint, sizeof out->complaint);
  out->nresult = w->text.n;
  out->result = w->text.s ? w->text.s : sweep_strdup("");
}

static bool make_pipes(int result[2], int complaints[2], int failure[2]) {
  result[0] = result[1] = complaints[0] = complaints[1] = failure[0] = failure[1] = -1;
  return !pipe2(result, O_CLOEXEC) && !pipe2(complaints, O_CLOEXEC) && !pipe2(failure, O_CLOEXEC) &&
         fcntl(result[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(complaints[0], F_SETFL, O_NONBLOCK) == 0;
}

static void close_ends(int a, int b, int c) {
  if (a >= 0) close(a);
  if (b >= 0) close(b);
  if (c >= 0) close(c);
}

/* Adds "--fd 3" to the request's arguments. The caller frees the array only. */
static char **with_fd(char **argv) {
  static char flag[] = "--fd", number[] = "3";
  int n = 0;
  while (argv[n]) n++;
  char **all = sweep_alloc((size_t)n + 3, sizeof *all);
  memcpy(all, argv, sizeof *all * (size_t)n);
  all[n] = flag, all[n + 1] = number;
  return all;
}

void sweep_child_run(const struct child_request *request, struct child_outcome *out) {
  int result[2], complaints[2], failure[2], why = 0;
  struct child_request rq = *request;
  *out = (struct child_outcome){.end = CHILD_NOT_STARTED};
  uint64_t kills = sweep_memory_oom_kills();
  char **added = request->foreign ? NULL : with_fd(request->argv);
  if (added) rq.argv = added;
  pid_t parent = getpid(), pid = make_pipes(result, complaints, failure) ? fork() : -1;
  if (pid == 0) become_child(&rq, parent, result[1], complaints[1], failure[1]);
  double start = sweep_now();
  out->code = errno;
  close_ends(result[1], complaints[1], failure[1]);
  free(added);
  if (pid < 0) {
    close_ends(result[0], complaints[0], failure[0]);
    out->result = sweep_strdup("");
    return;
  }
  setpgid(pid, pid); /* whoever comes first */
  struct watch w = {.pid = pid, .result = result[0], .complaints = complaints[0]};
  bool started = read(failure[0], &why, sizeof why) == 0; /* ends at the exec */
  int status = 0;
  enum sweep_child_end end = wait_for(&w, start + request->timeout_s, &status);
  finish(&w, end, status, out);
  out->seconds = sweep_now() - start;
  out->out_of_memory = sweep_memory_oom_kills() != kills;
  if (!started) out->end = CHILD_NOT_STARTED, out->code = why;
  close_ends(w.result, w.complaints, failure[0]);
}
