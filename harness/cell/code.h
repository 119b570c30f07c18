/* code.h: where in physical memory the code of this process lies.

   Code is mapped from files, and all processes that run a file share its pages: where they lie is drawn when the file comes into the page cache, and
   lasts for days. Caches that are indexed by physical addresses can make luck of that, good or bad, of one and the same file for a whole
   campaign, which no repetition shows. It is rare (of 380 copies of a file none stood out for good, but once equal code in two files differed by
   a fifth through 56 blocks: docs/method.md). Like the random layout of addresses it is to be drawn for each process, so that it is a part of
   the spread between invocations, which intervals are made of. */
#ifndef RECLAIM_CELL_CODE_H
#define RECLAIM_CELL_CODE_H

#include <stdint.h>

/* Gives every page of code that is in use, of the program and of all its libraries, a place of its own: an unused page that the kernel
   finds, by writing to it what is there already. Paths, addresses and contents stay what they are, and so do the resident bytes. What is first
   executed later is not moved, so this is called when everything has run once. Other threads may run meanwhile.

   The number of pages that were moved by this call; RECLAIM_NONE where the system forbids it (no /proc/self/pagemap, or code that must not be
   written to). Allocates nothing. */
uint64_t cell_code_move(void);

#endif
