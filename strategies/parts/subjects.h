/* subjects.h: which objects of a set are held from outside of it: the heart of both collectors of cyclic trash (cycles.h, trial.h).

   The set is a plain array. When sifting begins, every count of a member has been reduced by the references that members hold to it, so
   what is left are those from outside: locals, and objects that are no members. (The counts themselves are used: nobody reads them
   meanwhile, and it takes no memory. CPython subtracts in a copy, since its objects may be asked for their count by anybody.)

     pass 1   in order: a member whose count is 0 is lost for the time being. One with a count is held: its references are counted on
              again, and whom that finds is held, too: one further on has a count when its turn comes; one that was lost is found
              again, and its own references are followed, by an explicit stack.
     pass 2   who is still lost is trash: held by trash alone.

   So the counts of all who are held are restored exactly, but for the references that trash holds to them, and each reference is
   followed once. The tentative loss and the recovery are CPython's (gcmodule.c, move_unreachable); counting on again is the scan-black of
   Bacon and Rajan 2001. Whoever is met before those that he holds spares them the detour: so generations are sifted from the newest on, since
   trees, lists and dicts are made after what they consist of (trees of depth 16 under cycles.h: 0.82 of the time), and what a trial has
   touched in the order of touching.

   Who includes this has defined, for a reference to any object but NULL: SUBJECT_IS(o), whether it is a member; and of members
   SUBJECT_IS_LOST(o), SUBJECT_LOSE(o), SUBJECT_FIND(o). */
#ifndef RECLAIM_PARTS_SUBJECTS_H
#define RECLAIM_PARTS_SUBJECTS_H

#include "strategies/parts/stack.h"

/* Members ahead whose line is asked for, and whose references' lines; not for sets so small that they are in the cache. */
enum { SUBJECTS_AHEAD = 16, SUBJECTS_TARGETS_AHEAD = 8, SUBJECTS_CACHED = 8192 };

/* As obj_visit; what there is most of, in line. */
INLINE void subject_visit(Obj *o, void (*visit)(void *ctx, Obj **field), void *ctx) {
  if (o->kind == KIND_NODE && o->n == 2) {
    visit(ctx, &((Node *)o)->e[0]);
    visit(ctx, &((Node *)o)->e[1]);
  } else {
    obj_visit(o, visit, ctx);
  }
}

static inline void subject_prefetch(void *ctx, Obj **field) {
  (void)ctx;
  __builtin_prefetch(*field, 1);
}
/* It is the turn of v[i], after which come v[i + step] and so on, of n in all: asks for what is needed soon. What long ones refer to is left
   to the hardware. */
INLINE void subjects_ahead(Obj *const *v, size_t i, size_t n, int step) {
  if (LIKELY(n <= SUBJECTS_CACHED)) return;
  size_t far = i + (size_t)(step * SUBJECTS_AHEAD),
         near = i + (size_t)(step * SUBJECTS_TARGETS_AHEAD); /* beyond n where there is none */
  if (far < n) __builtin_prefetch(v[far]);
  if (near < n && v[near]->kind == KIND_NODE) obj_visit(v[near], subject_prefetch, NULL);
}

static inline void subject_regain(void *found, Obj **field) {
  Obj *o = *field;
  if (!o || !SUBJECT_IS(o)) return;
  o->count++;
  if (LIKELY(!SUBJECT_IS_LOST(o))) return;
  SUBJECT_FIND(o);
  stack_push(found, o);
}

/* Sifts v[0 .. n), from the first or from the last on; `found` is empty before and after. The trash stands at the front then, in its
   order, still lost; returns how much. */
INLINE size_t subjects_sift(Obj **v, size_t n, bool last_first, Stack *found) {
  for (size_t k = 0; k < n; k++) {
    size_t i = last_first ? n - 1 - k : k;
    subjects_ahead(v, i, n, last_first ? -1 : 1);
    if (v[i]->count == 0) {
      SUBJECT_LOSE(v[i]);
      continue;
    }
    subject_visit(v[i], subject_regain, found);
    while (found->n) subject_visit(found->v[--found->n], subject_regain, found);
  }
  size_t lost = 0;
  for (size_t i = 0; i < n; i++) {
    Obj *o = v[i];
    if (!SUBJECT_IS_LOST(o)) continue;
    v[i] = v[lost];
    v[lost++] = o;
  }
  return lost;
}

/* Whether counts can be right, after a collection: none of what v[0 .. n) refer to may have less than they hold of it. */
#if MM_CHECK
static inline void verify_take(void *T, Obj **field) {
  Obj *o = *field;
  if (!o) return;
  if (o->kind == KIND_FREE || o->kind >= KIND_COUNT) mm_panic(T, "a live object refers to a freed one after a collection");
  if (o->count-- == 0) mm_panic(T, "a count is less than the references there are after a collection");
}
static inline void verify_put_back(void *T, Obj **field) {
  (void)T;
  if (*field) (*field)->count++;
}
static inline void subjects_verify(Thr *T, Obj **v, size_t n) {
  for (size_t i = 0; i < n; i++) obj_visit(v[i], verify_take, T);
  for (size_t i = 0; i < n; i++) obj_visit(v[i], verify_put_back, T);
}
#else
static inline void subjects_verify(Thr *T, Obj **v, size_t n) { (void)T, (void)v, (void)n; }
#endif

#endif
