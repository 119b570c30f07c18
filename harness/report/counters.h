/* counters.h: what strategies counted: histograms.jsonl of a campaign, folded by cell.

   A counter's value is a sum over the measured iterations of an invocation (or the greatest, for those whose name says so); of a cell it
   is the median over its invocations. Per operation it is that over the operations of the same iterations, which is what makes
   "atomic operations per operation" comparable between workloads. */
#ifndef RECLAIM_COUNTERS_H
#define RECLAIM_COUNTERS_H

#include <stdbool.h>
#include <stdio.h>

/* Reads DIR/histograms.jsonl, writes DIR/counters.csv anew (a temporary file, renamed), and prints to `out` (NULL: nothing) as text or,
   with `json`, as an array of objects. 0, or 2 with one line on stderr. */
int counters_dir(const char *dir, bool json, FILE *out);

#endif
