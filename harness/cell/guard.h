/* guard.h: calls of libraries that die where memory runs out.

   hwloc does not look at whether it was given the memory that it asked for (2.9: a bitmap that could not be made is written to), so a program that
   looks at its machine when memory is short would crash. Between begin and end such a death is one line and exit code 2 instead, as with any
   other failure. For a process with one thread. */
#ifndef RECLAIM_CELL_GUARD_H
#define RECLAIM_CELL_GUARD_H

/* From now on SIGSEGV, SIGBUS and SIGABRT end the process with "reclaim: WHAT died of SIG...: is memory short?" and exit code 2. `what` is a literal.
   Guards do not nest. */
void cell_guard_begin(const char *what);
void cell_guard_end(void);

#endif
