/* traced.h: runs a process and stops it at its n-th system call that changes a file: to kill it there, or to let that one call fail or do
   half of its work.

   Nothing is drawn by a clock: the process is traced (ptrace), so that every such call is met, one run for each. Only calls on files below
   one folder count, and those that name a path; children of the process are not traced.

   A call that is to fail is replaced by none at all (its number becomes -1), and its result by the error. */
#ifndef RECLAIM_TESTS_TRACED_H
#define RECLAIM_TESTS_TRACED_H

#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRACED_KILL = 0, TRACED_HALF = -1 }; /* a fate; any other is the errno that the call fails with */

struct traced {
  int nth;           /* from 1 */
  int fate;          /* of the nth call */
  const char *under; /* the folder whose files count */
  bool changes_only; /* opening and closing files does not count: for kills, which are no other than before the next call */
  bool execs;        /* the process becomes another program first, and what it does before does not count */
  /* What was met: */
  bool met;
  long call;
  char path[512]; /* of its file; of what it is renamed to */
  int code;       /* exit code of the process, or -1 where a signal ended it */
};

#if defined(__x86_64__)
typedef struct user_regs_struct traced_registers;
#define TRACED_RESULT(r) ((r).rax)
#define TRACED_THIRD(r)  ((r).rdx)
#elif defined(__aarch64__)
typedef struct user_pt_regs traced_registers;
#define TRACED_RESULT(r) ((r).regs[0])
#define TRACED_THIRD(r)  ((r).regs[2])
#endif

static inline void traced_must(bool ok) {
  if (ok) return;
  perror("a process cannot be traced here");
  abort();
}

/* --- Which calls ---------------------------------------------------------------------------------------------------------------- */

enum traced_kind {
  TRACED_OTHER,
  TRACED_BY_FD,
  TRACED_BY_PATH,
  TRACED_AT,
  TRACED_TWO,
  TRACED_TWO_AT,
  TRACED_OPEN,
  TRACED_OPEN_AT
};

static inline enum traced_kind traced_kind(long call) {
  switch (call) {
  case SYS_write:
  case SYS_pwrite64:
  case SYS_writev:
  case SYS_ftruncate:
  case SYS_fsync:
  case SYS_fdatasync:
  case SYS_close: return TRACED_BY_FD;
  case SYS_mkdirat:
  case SYS_unlinkat: return TRACED_AT;
  case SYS_renameat2:
#ifdef SYS_renameat
  case SYS_renameat:
#endif
    return TRACED_TWO_AT;
  case SYS_symlinkat: return TRACED_TWO;
  case SYS_openat: return TRACED_OPEN_AT;
#ifdef SYS_open
  case SYS_open: return TRACED_OPEN;
  case SYS_mkdir:
  case SYS_rmdir:
  case SYS_unlink: return TRACED_BY_PATH;
  case SYS_rename:
  case SYS_symlink: return TRACED_TWO;
#endif
  default: return TRACED_OTHER;
  }
}

/* A text in the traced process. */
static inline void traced_text(pid_t pid, unsigned long at, char *out, size_t n) {
  struct iovec to = {out, n - 1}, from = {(void *)at, n - 1};
  ssize_t got = process_vm_readv(pid, &to, 1, &from, 1, 0);
  if (got < 0) { /* it ends before the end of a page */
    to.iov_len = from.iov_len = 4096 - (at & 4095) < n - 1 ? 4096 - (at & 4095) : n - 1;
    got = process_vm_readv(pid, &to, 1, &from, 1, 0);
  }
  out[got > 0 ? got : 0] = 0;
}

/* The file behind a descriptor, and whether it was opened to be written. */
static inline bool traced_file(pid_t pid, int fd, char *out, size_t n) {
  char link[64], line[128];
  snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
  ssize_t length = readlink(link, out, n - 1);
  out[length > 0 ? length : 0] = 0;
  snprintf(link, sizeof link, "/proc/%d/fdinfo/%d", (int)pid, fd);
  FILE *f = fopen(link, "r");
  unsigned long flags = 0;
  while (f && fgets(line, sizeof line, f)) sscanf(line, "flags: %lo", &flags);
  if (f) fclose(f);
  return flags & (O_WRONLY | O_RDWR);
}

static inline bool traced_counts(pid_t pid, const struct __ptrace_syscall_info *i, struct traced *t) {
  const __uint64_t *a = i->entry.args;
  enum traced_kind kind = traced_kind(t->call = (long)i->entry.nr);
  if (t->changes_only && (kind == TRACED_OPEN || kind == TRACED_OPEN_AT || t->call == SYS_close)) return false;
  switch (kind) {
  case TRACED_BY_FD: return traced_file(pid, (int)a[0], t->path, sizeof t->path) && !strncmp(t->path, t->under, strlen(t->under));
  case TRACED_BY_PATH: return traced_text(pid, a[0], t->path, sizeof t->path), true;
  case TRACED_AT:
  case TRACED_TWO: return traced_text(pid, a[1], t->path, sizeof t->path), true;
  case TRACED_TWO_AT: return traced_text(pid, a[3], t->path, sizeof t->path), true;
  case TRACED_OPEN: return traced_text(pid, a[0], t->path, sizeof t->path), a[1] & O_CREAT;
  case TRACED_OPEN_AT: return traced_text(pid, a[1], t->path, sizeof t->path), a[2] & O_CREAT;
  default: return false;
  }
}

/* --- What becomes of them ----------------------------------------------------------------------------------------------------------- */

static inline void traced_read(pid_t pid, traced_registers *r) {
  struct iovec v = {r, sizeof *r};
  traced_must(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v) == 0);
}
static inline void traced_write(pid_t pid, traced_registers *r) {
  struct iovec v = {r, sizeof *r};
  traced_must(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v) == 0);
}

/* As the call begins. */
static inline void traced_spoil(pid_t pid, int fate) {
  traced_registers r;
  traced_read(pid, &r);
  if (fate == TRACED_HALF) {
    TRACED_THIRD(r) = TRACED_THIRD(r) > 1 ? TRACED_THIRD(r) / 2 : TRACED_THIRD(r);
  } else {
#if defined(__x86_64__)
    r.orig_rax = (unsigned long)-1;
#else
    int none = -1;
    struct iovec v = {&none, sizeof none};
    traced_must(ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &v) == 0);
#endif
  }
  traced_write(pid, &r);
}

/* As it ends. */
static inline void traced_answer(pid_t pid, int error) {
  traced_registers r;
  traced_read(pid, &r);
  TRACED_RESULT(r) = (unsigned long)-(long)error;
  traced_write(pid, &r);
}

/* Runs `body` in a process of its own, which it does not leave but through exec or _exit. */
static inline void traced_run(struct traced *t, void (*body)(void *), void *argument) {
  t->met = false;
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) || setenv("ASAN_OPTIONS", "abort_on_error=1:detect_leaks=0", 1)) _exit(99);
    raise(SIGSTOP); /* leaks cannot be looked for while traced */
    body(argument);
    _exit(0);
  }
  int status, seen = 0;
  bool answer = false, counts = !t->execs;
  traced_must(waitpid(pid, &status, 0) == pid);
  traced_must(WIFSTOPPED(status));
  traced_must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC) == 0);
  for (int signal = 0;;) {
    traced_must(ptrace(PTRACE_SYSCALL, pid, 0, signal) == 0);
    traced_must(waitpid(pid, &status, 0) == pid);
    if (!WIFSTOPPED(status)) break;
    int stop = WSTOPSIG(status);
    counts |= status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
    struct __ptrace_syscall_info info;
    signal = stop == (SIGTRAP | 0x80) || stop == SIGTRAP ? 0 : stop;
    if (stop != (SIGTRAP | 0x80) || ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) continue;
    if (answer && info.op == PTRACE_SYSCALL_INFO_EXIT) traced_answer(pid, t->fate), answer = false;
    if (t->met || !counts || info.op != PTRACE_SYSCALL_INFO_ENTRY || !traced_counts(pid, &info, t) || ++seen < t->nth) continue;
    t->met = true;
    if (t->fate == TRACED_HALF && t->call != SYS_write) t->fate = EIO; /* there is no half of it */
    if (t->fate != TRACED_KILL) {
      traced_spoil(pid, t->fate);
      answer = t->fate != TRACED_HALF;
      continue;
    }
    kill(pid, SIGKILL);
    traced_must(waitpid(pid, &status, 0) == pid);
    break;
  }
  t->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
