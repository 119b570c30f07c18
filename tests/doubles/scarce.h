/* scarce.h: a process in which the n-th allocation fails.

   An allocation is a call of malloc and its kin, of mmap, or of pthread_create (a thread is a stack), whoever makes it: the program, its
   libraries, the C library on their behalf. libscarce.c defines these symbols, and the linker lets its definitions win: linked into a test,
   or preloaded into the program.

   What the dynamic linker needs for itself is left alone: without memory for a thread's own data it ends the process, and there is nothing
   that a program could do about it.

   The calls of one run are many, and most come from few places. So a run that fails nothing can note at which number each *place* (the
   calls that led there) was met first, and those are the numbers worth trying; RECLAIM_EVERY asks for all numbers.

   Preloaded, it is told by the environment, which its children do not inherit:

     SCARCE_AT=N      the N-th allocation of this process fails, from 1; SCARCE_FOR=K: K of them in a row (default 1), 0: all that follow
     SCARCE_PLACES=F  the numbers of new places are written into the file F, one a line; at the end "total N" */
#ifndef RECLAIM_TESTS_SCARCE_H
#define RECLAIM_TESTS_SCARCE_H

#include <stdbool.h>

/* Counts from zero again, and fails `how_many` allocations from the at-th on (0: all of them). at 0: none. */
void scarce_arm(long at, long how_many);

/* Counts from zero again and writes the number of each new place into `fd`. */
void scarce_note_places(int fd);

/* Allocations since then, and whether one of them failed. */
long scarce_seen(void);
bool scarce_failed(void);

#endif
