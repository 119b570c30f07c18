/* system.h: memory for a strategy's own bookkeeping: zeroed, page-granular, never from the measured malloc. */
#ifndef RECLAIM_PARTS_SYSTEM_H
#define RECLAIM_PARTS_SYSTEM_H

#include <sys/mman.h>

#include "runtime/base.h"

/* NULL when the system has none. */
static inline void *system_new(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}
static inline void system_free(void *p, size_t size) {
  if (p) munmap(p, size);
}

#endif
