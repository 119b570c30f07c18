/* counted.h: what the heaps of all counting strategies share: chunks, threads and their Cells, immortals, the exact books.
   A strategy's struct Heap starts with MM_HEAP_COMMON and COUNTED_HEAP; its struct Thr has COUNTED_THREAD. */
#ifndef RECLAIM_PARTS_COUNTED_H
#define RECLAIM_PARTS_COUNTED_H

#include <pthread.h>

#include "strategies/parts/cells.h"
#include "strategies/parts/later.h"
#include "strategies/parts/tally.h"

/* decrements: all of them, those of dead objects' fields included; locked ones: those of them that needed a locked instruction. */
#define COUNTED_TALLIES(X)                                                                                                       \
  X(increments, "increments") X(decrements, "decrements") X(locked_decrements, "locked-decrements") X(deaths, "freed-objects")

/* Whether a heap has published objects, which may be found by readers without a lock; see counting.h. */
#ifndef COUNT_BIASED
#define COUNT_BIASED 0
#endif
#ifndef COUNT_UNIQUE
#define COUNT_UNIQUE 0
#endif
#define COUNT_PUBLISHES (COUNT_ATOMIC || COUNT_BIASED)

/* Whether the tunables of later.h are offered. Biased counts have another way to put off (boxes.h), which those would have to be fitted
   into: an owner that sleeps or exits leaves nothing undone. A program that frees by hand decides itself when. */
#define COUNT_PUTS_OFF (!COUNT_BIASED && !COUNT_UNIQUE)

/* What all of them have first among their tunables. A pool is free lists without a cap; only in front of a malloc are there others. */
enum {
  COUNTED_HUGE_PAGES,
#if CELLS_FOREIGN
  COUNTED_FREELIST_CAP,
#endif
  COUNTED_REUSE,
#if MM_CHECK && !CELLS_FOREIGN
  COUNTED_SHUFFLE,
#endif
#if COUNT_PUTS_OFF
  COUNTED_DECREMENT_BUFFER,
  COUNTED_CASCADE_BUDGET,
#endif
  COUNTED_TUNABLES
};

enum { COUNTED_THREADS = 1024 };

#define COUNTED_HEAP                                                                                                             \
  Chunks chunks;                                                                                                                 \
  pthread_mutex_t mutex;         /* threads and orphans */                                                                       \
  Thr *threads[COUNTED_THREADS]; /* all that ever attached; freed with the heap, since what they made may outlive them */        \
  int nthreads;                                                                                                                  \
  Thr *orphans; /* of threads that exited: adopted whole by the next to attach */

#define COUNTED_THREAD                                                                                                           \
  Thr *next_orphan;                                                                                                              \
  Later later;              /* what is put off */                                                                                \
  bool reuses;              /* the tunable */                                                                                    \
  uint64_t longest_cascade; /* objects */                                                                                        \
  reclaim_histogram cascades;

#endif
