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

/* The same, aligned to `align`, a power of two; the system gives pages as they are touched. */
static inline void *system_new_aligned(size_t size, size_t align) {
  enum { SYSTEM_PAGE = 4096 };
  size_t want = size + align - SYSTEM_PAGE;
  char *p = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return NULL;
  char *from = (char *)(((uintptr_t)p + align - 1) & ~(align - 1));
  if (from > p) munmap(p, (size_t)(from - p));
  if (p + want > from + size) munmap(from + size, (size_t)(p + want - from - size));
  return from;
}

#endif
