/* plant.h: a slow-down or a growth of known size, put into a measured process to see whether it is found.

     cpu=P   as soon as a mutator is through with an iteration, within its window, it burns P % of the CPU time that it took for it, and P % of its part of what
             other threads of the process took in the iteration before
     rss=P   from the last warm-up iteration on, memory is mapped, touched and kept: P % of the peak of any iteration so far, so that the
             largest peak of the process is P % larger than it would be, unless the last iteration is the one that has it

   Burning is arithmetic until the thread's own CPU clock has gone on for as long: what a scheduler takes away meanwhile is no part of it.
   Rows of such a process say so in `plant` and in their reason; nothing of it is a measurement of a strategy. */
#ifndef RECLAIM_CELL_PLANT_H
#define RECLAIM_CELL_PLANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell_plant {
  double cpu, rss; /* 0.05: 5 %; 0: none */
};

/* "cpu=5", "rss=5" or both with a semicolon between them, above 0 and up to 100. False with a message in err. */
bool cell_plant_read(const char *text, struct cell_plant *out, char *err, size_t nerr);

/* CPU time of the calling thread, in ns. */
uint64_t cell_plant_clock(void);

/* Burns so much of the calling thread's CPU time; returns what it took, by the same clock. */
uint64_t cell_plant_burn(uint64_t ns);

/* Maps and touches so many bytes, for as long as the process lives. False when there is no room. */
bool cell_plant_grow(uint64_t bytes);

#endif
