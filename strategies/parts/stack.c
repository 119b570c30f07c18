/* stack.c: see stack.h. */
#include "strategies/parts/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void (*stack_exhausted)(enum reclaim_failure why, const char *reason);

void stack_grow(Stack *s) {
  size_t cap = s->cap ? 2 * s->cap : 4096 / sizeof *s->v;
  void *v = mmap(NULL, cap * sizeof *s->v, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (v == MAP_FAILED) {
    if (stack_exhausted) stack_exhausted(RECLAIM_FAIL_OUT_OF_MEMORY, "no memory for a work list");
    fputs("reclaim: no memory for a work list\n", stderr);
    abort();
  }
  if (s->n) memcpy(v, s->v, s->n * sizeof *s->v);
  if (s->cap) munmap(s->v, s->cap * sizeof *s->v);
  s->v = v;
  s->cap = cap;
}

void stack_free(Stack *s) {
  if (s->cap) munmap(s->v, s->cap * sizeof *s->v);
  memset(s, 0, sizeof *s);
}
