/* walk.h: whether a descriptor is what this program takes it for. */
#ifndef RECLAIM_CATALOG_WALK_H
#define RECLAIM_CATALOG_WALK_H

#include "harness/catalog/folders.h"

/* What every load looks at, without following anything that could lead astray before `abi` and `size` are right: NULL, or what is wrong
   with the descriptor of this file. */
const char *catalog_glance(const reclaim_strategy *, const catalog_file *);

/* Everything: each table and text is read, each function that only computes is called, a small heap is opened and closed. For a process
   that may crash on it. `at` is told what is looked at next. False and a message. On success `contents` holds the names of workloads
   and settings, one a line. */
bool catalog_walk(const reclaim_strategy *, void (*at)(const char *format, ...), char *contents, size_t ncontents, char *fault,
                  size_t nfault);

#endif
