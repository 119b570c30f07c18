/* nursery.c: see nursery.h. */
#include "strategies/parts/nursery.h"

#include <sys/mman.h>

static size_t pages(size_t n) { return (n + PAGE - 1) & ~(size_t)(PAGE - 1); }

bool nursery_init(Nursery *n, size_t size, size_t max, unsigned age, size_t cutoff, size_t remembered_max) {
  memset(n, 0, sizeof *n);
  n->half = age > 1 ? pages(max / 2) : 0;
  n->reserved = pages(max) + 2 * n->half;
  void *p = mmap(NULL, n->reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  n->base = (uintptr_t)p;
  n->from = n->from_end = p;
  n->to = n->to_cur = (char *)p + n->half;
  n->eden = (char *)p + 2 * n->half;
  n->age = age;
  n->cutoff = cutoff;
  n->remembered_max = remembered_max;
  nursery_resize(n, size);
  n->first = n->size;
  return true;
}

void nursery_destroy(Nursery *n) {
  if (n->base) munmap((void *)n->base, n->reserved);
  stack_free(&n->logged);
  stack_free(&n->cards);
}

void nursery_resize(Nursery *n, size_t size) {
  size = pages(size);
  if (size > n->reserved - 2 * n->half) size = n->reserved - 2 * n->half;
  if (size < n->size) madvise(n->eden + size, n->size - size, MADV_DONTNEED);
  n->size = size;
  n->cur = n->eden;
  n->end = n->eden + size;
  n->span = 2 * n->half + size;
}
