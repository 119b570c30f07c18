/* probe.h: trying an object in a process that may come to grief. */
#ifndef RECLAIM_CATALOG_PROBE_H
#define RECLAIM_CATALOG_PROBE_H

#include "harness/catalog/folders.h"

/* Loads the file in a child, walks through its descriptor (catalog_walk) and unloads it. A constructor that crashes, hangs or ends the
   process, a pointer that leads nowhere, a missing symbol: each sets the file's fault; otherwise its contents are set. A file that has
   either is not tried again. The child is given PROBE_SECONDS, or what RECLAIM_PROBE_TIMEOUT says. */
void catalog_probe(catalog_file *);
enum { PROBE_SECONDS = 10 };

#endif
