/* share.h: publishing: OBJ_SHARED on everything reachable, before another thread can see it. What is shared already is closed under
   reachability, so the walk stops there; it uses an explicit stack, never recursion. */
#ifndef RECLAIM_PARTS_SHARE_H
#define RECLAIM_PARTS_SHARE_H

#include "strategies/parts/stack.h"

/* What becomes of one object, which its maker alone can reach until now. */
#ifndef SHARE_MARK
#define SHARE_MARK(T, o) ((o)->bits |= OBJ_SHARED)
#endif

typedef struct Sharing {
  Thr *T;
  Stack *stack;
} Sharing;

static inline void share_visit(void *sharing, Obj **field) {
  Sharing *s = sharing;
  Obj *o = *field;
  if (!o || (load_relaxed(&o->bits) & OBJ_SHARED)) return;
  SHARE_MARK(s->T, o);
  if (!kind_is_leaf(o->kind)) stack_push(s->stack, o);
}

/* `stack` may be in use below its top. */
static inline void share_deep(Thr *T, Stack *stack, Obj *o) {
  Sharing s = {T, stack};
  size_t base = stack->n;
  share_visit(&s, &o);
  while (stack->n > base) obj_visit(stack->v[--stack->n], share_visit, &s);
}

#endif
