/* minheap.h: what is known of smallest heaps: 1x of every heap factor.

   1x of a cell is the smallest heap in which `mark-sweep` completes it: the same workload, parameters, sharing and threads
   (harness/sweep/minheap.h searches for it). What was found is kept in a file of one line per cell, so that one search serves every
   sweep: results/minheap.csv, or the file named by RECLAIM_MINHEAP_CACHE. A line holds for the very object that was searched with,
   told by a hash of its file: another build of the collector may need more or less.

   A file with a line that is none is a file that somebody has damaged: such lines are passed over and counted, never guessed at.
   Not thread-safe. Lines are added in one write each, so several programs may share the file. */
#ifndef RECLAIM_CATALOG_MINHEAP_H
#define RECLAIM_CATALOG_MINHEAP_H

#include "runtime/descriptor.h"

/* The strategy whose needs define 1x. */
#define MINHEAP_STRATEGY "mark-sweep"

struct minheap_key {
  const char *workload;   /* by its own name, not that of a setting */
  const char *parameters; /* all of them, as catalog_format_params writes them */
  const char *sharing;
  int threads;
  const char *pack; /* that the workload is of; "": none */
};

/* 16 hexadecimal digits that tell the object of MINHEAP_STRATEGY that would be opened now from any other build of it (FNV-1a over its
   file), its own or that of a pack; "" where there is none. The object itself is not loaded. Valid until the next call. */
const char *catalog_minheap_object(const char *pack);

/* Bytes, 0: never searched with this object. `damaged` (may be NULL) receives the number of lines that are none. */
uint64_t catalog_minheap_find(const struct minheap_key *key, int *damaged);

/* Adds a line. False and errno when it cannot be written. */
bool catalog_minheap_add(const struct minheap_key *key, uint64_t bytes);

/* Where the lines are. Valid until the environment changes. */
const char *catalog_minheap_path(void);

#endif
