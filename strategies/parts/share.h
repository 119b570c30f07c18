/* share.h: publishing: OBJ_SHARED on everything reachable, before another thread can see it. What is shared already is closed under
   reachability, so the walk stops there; it uses an explicit stack, never recursion. */
#ifndef RECLAIM_PARTS_SHARE_H
#define RECLAIM_PARTS_SHARE_H

#include "strategies/parts/stack.h"

static inline void share_visit(void *stack, Obj **field) {
  Obj *o = *field;
  if (!o || (o->bits & OBJ_SHARED)) return;
  o->bits |= OBJ_SHARED;
  if (!kind_is_leaf(o->kind)) stack_push(stack, o);
}

/* `stack` may be in use below its top. */
static inline void share_deep(Stack *stack, Obj *o) {
  size_t base = stack->n;
  share_visit(stack, &o);
  while (stack->n > base) obj_visit(stack->v[--stack->n], share_visit, stack);
}

#endif
