/* place.h: a private folder in which a gate prepares what it measures, and the tools that it lets work there.

   Nothing is left of it: it is cleared at every end of the gate, a signal included, for signals are only met between and inside of tools
   (harness/sweep/child.h); what a gate left that was killed, or lost its machine, is removed by the next one of that user. What a tool says goes into a file in it, whose last lines are shown where the tool fails. Tools get an environment of
   their own: the paths to programs, libraries and the home folder, and nothing that could change what they make. */
#ifndef RECLAIM_GATE_PLACE_H
#define RECLAIM_GATE_PLACE_H

#include <stdbool.h>

struct gate_place {
  char *dir;      /* absolute; NULL: not made */
  char *log;      /* of the tool that ran last */
  char *source;   /* a worktree of a repository in `dir`; NULL: none */
  char *known_as; /* the folder in which the repository keeps what it knows of that */
  int alive;      /* a locked file of `dir`; -1: none */
};

/* Makes the folder in TMPDIR, or in /tmp. 0, or 2 after one line on stderr. gate_place_clear is due either way. */
int gate_place_make(struct gate_place *);
void gate_place_clear(struct gate_place *);

/* Removes what killed gates of this user have left there. gate_place_make does it. */
void gate_place_sweep(void);

/* Notes p->known_as where the sweep of a later gate finds it. 0, or 2 after one line on stderr. */
int gate_place_know(struct gate_place *p);

/* "<dir>/<name>". The caller frees. */
char *gate_place_path(const struct gate_place *, const char *name);

/* Makes such a folder. 0, or 2 after one line on stderr. */
int gate_place_folder(const struct gate_place *, const char *name);

/* Writes such a file. 0, or 2 after one line on stderr. */
int gate_place_write(const struct gate_place *, const char *name, const char *text);

/* Runs argv[0], looked for in PATH, to its end. Its exit code; 127 where it cannot be started, 128 and more where it was killed, -1 where this process was
   asked to stop. Nothing is said. */
int gate_place_run(struct gate_place *, const char *const *argv);

/* The first line that it wrote. The caller frees. */
char *gate_place_said(const struct gate_place *);

/* Prints the last lines that it wrote, indented, on stderr: of a compiler, from its first error on. */
void gate_place_show(const struct gate_place *);

/* Copies a file. 0, or 2 after one line on stderr. */
int gate_place_copy(const char *from, const char *to);

/* Removes a folder and all in it; a link is removed, not followed. */
void gate_place_remove(const char *path);

#endif
