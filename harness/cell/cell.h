/* cell.h: `reclaim cell`, one invocation: one cell of a sweep in one fresh process. */
#ifndef RECLAIM_CELL_CELL_H
#define RECLAIM_CELL_CELL_H

/* Runs the subcommand; argv[0] is its name ("cell"), flags follow (see options.h and `reclaim cell --help`). Where an allocator
   has to be preloaded and is not, the program replaces itself once, with LD_PRELOAD set.

   Returns the exit code: 0 when the JSON object was written, whatever its status; 1 when it could not be written; 2 for bad
   input, with one line on stderr and nothing written. When the cell ends early (out of memory, a heap that is too small, a
   check that failed), the object is written from whichever thread found out, with the iterations completed so far, and the
   process exits with 0 at once. */
int cell_main(int argc, char **argv);

#endif
