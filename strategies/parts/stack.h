/* stack.h: a growing array of objects: work lists that must not recurse. Memory comes from mmap, never from the measured malloc. */
#ifndef RECLAIM_PARTS_STACK_H
#define RECLAIM_PARTS_STACK_H

#include "runtime/base.h"

typedef struct Stack {
  Obj **v;
  size_t n, cap;
} Stack;

/* What to call when the system has no memory, since a work list that cannot grow cannot be skipped: a heap's `fail`, which does not
   return. The runtime sets it before it opens a heap. NULL: the process is aborted. One for the process: the heaps that it has open have
   one harness. */
extern void (*stack_exhausted)(enum reclaim_failure why, const char *reason);

/* Doubles the capacity. */
COLD void stack_grow(Stack *);
void stack_free(Stack *);

INLINE void stack_push(Stack *s, Obj *o) {
  if (UNLIKELY(s->n == s->cap)) stack_grow(s);
  s->v[s->n++] = o;
}

#endif
