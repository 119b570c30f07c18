/* hand.h: what the hand-written rivals are made of. Each hand-<name>.c is the program of workloads/<name>.c as one would write it in
   C for itself: plain structs without headers, no counts, no roots, every object freed by name where it is known to be dead. Memory
   comes from the same Cells that `rc` allocates from, so what remains between the two is what counting costs.

   A rival includes the workload's own source for its facts, parameters, settings and small helpers, so that nothing can drift, and
   replaces only the function that runs. Checksums are compared by the sweep like anybody's: a rival that skips work is a failed cell. */
#ifndef RECLAIM_HAND_H
#define RECLAIM_HAND_H

#include "runtime/work.h"

#include <stdlib.h>

/* The workload that is included next is not registered: its rival is. */
#undef WORKLOAD_REGISTER
#define WORKLOAD_REGISTER(id) _Static_assert(sizeof(id) > 0, "")

/* Last in the rival's file: registers workload `id` with `run_by_hand` in place of its own function. */
#define HAND_REGISTER(id, run_by_hand)                                                                                           \
  static Workload hand_##id;                                                                                                     \
  static __attribute__((constructor)) void hand_##id##_register(void) {                                                          \
    hand_##id = id;                                                                                                              \
    hand_##id.facts.makes_cycles = NULL; /* what a hand frees by name is no cyclic trash */                                      \
    hand_##id.run = run_by_hand;                                                                                                 \
  }                                                                                                                              \
  static const Workload *const hand_##id##_registered __attribute__((section("reclaim_workloads"), used)) = &hand_##id

/* --- Memory -------------------------------------------------------------------------------------------------------------------- */

#if MM_MALLOC

/* The process's malloc, and nothing beside it: who writes by hand keeps no books of it. */
INLINE void *hand_new(Thr *T, size_t size) {
  void *p = malloc(size);
  if (UNLIKELY(!p)) T->cells.exhausted(T->cells.exhausted_arg);
  return p;
}
INLINE void hand_free(Thr *T, void *p, size_t size) {
  (void)T, (void)size;
  free(p);
}
INLINE void hand_free_among(Thr *T, void *p, size_t size, size_t among) {
  (void)among;
  hand_free(T, p, size);
}

#else

/* Never NULL: where the system has no more, the cell ends. */
INLINE void *hand_new(Thr *T, size_t size) { return cell_get(&T->cells, size, 0); }
INLINE void hand_free(Thr *T, void *p, size_t size) { cell_put(&T->cells, p, size, 0, false); }
/* One of `among` objects that are freed in the order of an array or a table, which is not that of memory: many go back to where they
   lie, as they do when a strategy drops such an array. Small ones only. */
INLINE void hand_free_among(Thr *T, void *p, size_t size, size_t among) {
  enum { BULK = 4096 };
  if (among >= BULK)
    cell_put_bulk(&T->cells, p, size, false);
  else
    cell_put(&T->cells, p, size, 0, false);
}

#endif

/* --- Boxed integers and growable arrays of references ------------------------------------------------------------------------------ */

typedef struct Box {
  int64_t v;
} Box;

INLINE Box *box_new(Thr *T, int64_t v) {
  Box *b = hand_new(T, sizeof *b);
  b->v = v;
  return b;
}
INLINE void box_free(Thr *T, Box *b) { hand_free(T, b, sizeof *b); }
/* Reads a box that ends here. */
INLINE int64_t box_take(Thr *T, Box *b) {
  int64_t v = b->v;
  box_free(T, b);
  return v;
}

/* Who made the items frees them; `vec_free` frees the vector alone. Grows as the object model's lists do, so that both ask for the
   same memory at the same time. */
typedef struct Vec {
  void **v;
  uint32_t len, cap;
} Vec;

enum { VEC_MIN = 4 };

INLINE Vec *vec_new(Thr *T, size_t capacity) {
  Vec *l = hand_new(T, sizeof *l);
  l->len = 0;
  l->cap = capacity < VEC_MIN ? VEC_MIN : (uint32_t)capacity;
  l->v = hand_new(T, l->cap * sizeof *l->v);
  return l;
}
INLINE void vec_free(Thr *T, Vec *l) {
  hand_free(T, l->v, l->cap * sizeof *l->v);
  hand_free(T, l, sizeof *l);
}
static __attribute__((noinline, cold, unused)) void vec_grow(Thr *T, Vec *l) {
  uint32_t cap = l->cap + (l->cap >> 1) + VEC_MIN;
  void **v = hand_new(T, cap * sizeof *v);
  memcpy(v, l->v, l->len * sizeof *v);
  hand_free(T, l->v, l->cap * sizeof *v);
  l->v = v;
  l->cap = cap;
}
INLINE void vec_push(Thr *T, Vec *l, void *item) {
  if (UNLIKELY(l->len == l->cap)) vec_grow(T, l);
  l->v[l->len++] = item;
}
INLINE void *vec_pop(Vec *l) { return l->v[--l->len]; }
/* Appends items [from, to) of `of`. */
INLINE void vec_push_range(Vec *l, const Vec *of, size_t from, size_t to) {
  memcpy(l->v + l->len, of->v + from, (to - from) * sizeof *l->v);
  l->len += (uint32_t)(to - from);
}
/* Items [from, to), clipped: references to the same objects. */
INLINE Vec *vec_slice(Thr *T, const Vec *of, size_t from, size_t to) {
  if (to > of->len) to = of->len;
  if (from > to) from = to;
  Vec *l = vec_new(T, to - from);
  vec_push_range(l, of, from, to);
  return l;
}
INLINE Vec *vec_concat(Thr *T, const Vec *a, const Vec *b) {
  Vec *l = vec_new(T, (size_t)a->len + b->len);
  vec_push_range(l, a, 0, a->len);
  vec_push_range(l, b, 0, b->len);
  return l;
}

/* --- Vectors of boxes --- */

/* Items lie scattered: ask for their lines early. */
INLINE void vec_free_boxes(Thr *T, Vec *l) {
  enum { AHEAD = 8 };
  for (size_t i = 0, n = l->len; i < n; i++) {
    if (i + AHEAD < n) __builtin_prefetch(l->v[i + AHEAD]);
    hand_free_among(T, l->v[i], sizeof(Box), n);
  }
  vec_free(T, l);
}
/* Of boxes that lie in the order in which they were made: last made, first freed. */
INLINE void vec_free_boxes_in_order(Thr *T, Vec *l) {
  for (size_t i = l->len; i-- > 0;) box_free(T, l->v[i]);
  vec_free(T, l);
}
INLINE int64_t vec_sum(const Vec *l) {
  int64_t sum = 0;
  for (size_t i = 0, n = l->len; i < n; i++) sum += ((const Box *)l->v[i])->v;
  return sum;
}

#endif
