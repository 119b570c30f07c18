/* handles.h: the thread handles of a heap. They live as long as the heap, since what a thread made may outlive it; the handle of one
   that has exited is adopted, with all that it holds, by the next to attach. (counted-heap.h and traced-heap.h have the same of their
   own, under the locks that they have anyway.) Thread-safe. */
#ifndef RECLAIM_PARTS_HANDLES_H
#define RECLAIM_PARTS_HANDLES_H

#include <pthread.h>

#include "runtime/base.h"

enum { HANDLES_MAX = 1024 };

typedef struct Handles {
  pthread_mutex_t mutex;
  Thr *all[HANDLES_MAX], *orphans[HANDLES_MAX];
  int n, norphans;
  size_t size; /* of a struct Thr */
} Handles;

void handles_init(Handles *, size_t size);
void handles_destroy(Handles *);
/* An orphan's, or a new one, zeroed, for which *fresh is set. NULL: out of memory, or too many threads. */
Thr *handles_take(Handles *, bool *fresh);
void handles_leave(Handles *, Thr *);

#endif
