/* child.h: one invocation in a process of its own, from its start to its last byte.

   The child may crash, hang, fork, fill its pipes or say nothing: the parent waits for all of it at once (result, complaints,
   end, signals, clock) and never reads a byte that is not there. The child leads its own process group, which is killed as a
   whole, and dies with its parent. */
#ifndef RECLAIM_SWEEP_CHILD_H
#define RECLAIM_SWEEP_CHILD_H

#include <stdbool.h>
#include <stddef.h>

struct child_request {
  const char *path; /* of the program */
  char **argv;      /* "--fd N" is added to it */
  char **envp;
  double timeout_s;
  bool foreign; /* it is a tool, which knows of no --fd */
};

enum sweep_child_end {
  CHILD_EXITED,      /* code: its exit status */
  CHILD_SIGNALLED,   /* code: the signal */
  CHILD_TIMED_OUT,   /* killed after timeout_s */
  CHILD_FLOODED,     /* killed: its result grew beyond any reason */
  CHILD_INTERRUPTED, /* killed because this process was asked to stop */
  CHILD_NOT_STARTED  /* code: errno */
};

struct child_outcome {
  enum sweep_child_end end;
  int code;
  char *result; /* what came over the pipe, terminated; the caller frees */
  size_t nresult;
  char complaint[400]; /* the last line that it wrote to its standard error */
  double seconds;      /* from its start to its end */
  bool out_of_memory;  /* the kernel killed something for memory meanwhile */
};

/* Blocks SIGINT, SIGTERM, SIGHUP and SIGCHLD in this process, to be met in sweep_child_run only; ignores SIGPIPE and SIGXFSZ, so
   that a full disk is an error code. Done once, however often it is called. False and errno when it cannot. Undone in the children. */
bool sweep_child_prepare(void);

/* Runs one child to its end. */
void sweep_child_run(const struct child_request *request, struct child_outcome *out);

/* Whether SIGINT, SIGTERM or SIGHUP is waiting. Stays true. */
bool sweep_child_interrupted(void);

#endif
