/* counted.h: what the heaps of all counting strategies share: chunks, threads and their Cells, immortals, the exact books.
   A strategy's struct Heap starts with MM_HEAP_COMMON and COUNTED_HEAP; its struct Thr has COUNTED_THREAD. */
#ifndef RECLAIM_PARTS_COUNTED_H
#define RECLAIM_PARTS_COUNTED_H

#include <pthread.h>

#include "strategies/parts/cells.h"
#include "strategies/parts/tally.h"

/* decrements: all of them, those of dead objects' fields included; locked ones: those of them that needed a locked instruction. */
#define COUNTED_TALLIES(X)                                                                                                       \
  X(increments, "increments") X(decrements, "decrements") X(locked_decrements, "locked-decrements") X(deaths, "freed-objects")

/* Whether a heap has published objects, which may be found by readers without a lock; see counting.h. */
#ifndef COUNT_BIASED
#define COUNT_BIASED 0
#endif
#define COUNT_PUBLISHES (COUNT_ATOMIC || COUNT_BIASED)

/* What all of them have first among their tunables. */
enum { COUNTED_HUGE_PAGES, COUNTED_FREELIST_CAP, COUNTED_REUSE, COUNTED_TUNABLES };

enum { COUNTED_THREADS = 1024 };

#define COUNTED_HEAP                                                                                                             \
  Chunks chunks;                                                                                                                 \
  pthread_mutex_t mutex;         /* threads and orphans */                                                                       \
  Thr *threads[COUNTED_THREADS]; /* all that ever attached; freed with the heap, since what they made may outlive them */        \
  int nthreads;                                                                                                                  \
  Thr *orphans; /* of threads that exited: adopted whole by the next to attach */

#define COUNTED_THREAD                                                                                                           \
  Thr *next_orphan;                                                                                                              \
  bool reuses;              /* the tunable */                                                                                    \
  uint64_t longest_cascade; /* objects */                                                                                        \
  reclaim_histogram cascades;

#endif
