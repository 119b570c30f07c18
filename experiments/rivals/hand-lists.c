/* hand-lists.c: lists by hand. A slice refers to the same integers as the list it is of, and owns none; a row that is cut and joined
   anew passes its integers on. */
#include "experiments/rivals/hand.h"

#include "workloads/lists.c"

/* --- Building -------------------------------------------------------------------------------------------------------------------- */

static Vec *vec_make(Thr *T, Work *w) {
  Vec *list = vec_new(T, 0);
  for (uint64_t i = 0, n = (uint64_t)w->p[P_LIVE]; i < n; i++) vec_push(T, list, box_new(T, value_at(w, i)));
  w->operations += (uint64_t)w->p[P_LIVE];
  return list;
}

static Vec *row_make(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_ROW_LENGTH];
  Vec *row = vec_new(T, n);
  for (size_t i = 0; i < n; i++) vec_push(T, row, box_new(T, value_at(w, 0)));
  return row;
}

static Vec *rows_make(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_ROWS];
  Vec *rows = vec_new(T, n);
  for (size_t i = 0; i < n; i++) vec_push(T, rows, row_make(T, w));
  return rows;
}

/* --- Operations ------------------------------------------------------------------------------------------------------------------ */

static int64_t temporary_by_hand(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_TEMPORARY_LENGTH];
  int64_t first = (int64_t)(VALUE_BASE + (rng_next(&w->rng) >> 44));
  Vec *list = vec_new(T, n);
  for (size_t i = 0; i < n; i++) vec_push(T, list, box_new(T, first + (int64_t)i));
  int64_t sum = vec_sum(list);
  vec_free_boxes_in_order(T, list);
  return sum;
}

static int64_t sum_slice_by_hand(Thr *T, Work *w, const Vec *list) {
  size_t from = slice_start(w);
  Vec *slice = vec_slice(T, list, from, from + (size_t)w->p[P_SLICE_LENGTH]);
  int64_t sum = vec_sum(slice);
  vec_free(T, slice);
  return sum;
}

static Vec *rotated_by_hand(Thr *T, const Vec *row) {
  size_t n = row->len;
  Vec *head = vec_slice(T, row, 0, n / 2), *rest = vec_slice(T, row, n / 2, n), *joined = vec_concat(T, rest, head);
  vec_free(T, rest);
  vec_free(T, head);
  return joined;
}

/* The old one is freed first: a last-in, first-out pool hands the same cell out again, whose line is on its way already. The other way
   round, the new one is the cell that was freed the time before, and its link to the next is a cache miss that everything waits for. */
INLINE void box_replace(Thr *T, Vec *list, size_t i, int64_t v) {
  box_free(T, list->v[i]);
  list->v[i] = box_new(T, v);
}

static void mix_by_hand(Thr *T, Work *w, Vec *list, Vec *rows) {
  uint64_t live = (uint64_t)w->p[P_LIVE];
  int64_t sum = 0;
  Mix m = mix_make(w->p);
  for (int64_t k = 0; k < w->p[P_OPERATIONS]; k++) {
    uint64_t i = rng_below(&w->rng, live);
    box_replace(T, list, i, value_at(w, i));
    if (is_due(&m.pop)) {
      sum += box_take(T, vec_pop(list));
      vec_push(T, list, box_new(T, value_at(w, live - 1)));
    }
    if (is_due(&m.temporary)) sum += temporary_by_hand(T, w);
    if (is_due(&m.slice)) sum += sum_slice_by_hand(T, w, list);
    if (is_due(&m.row)) {
      size_t at = (size_t)rng_below(&w->rng, (uint64_t)w->p[P_ROWS]);
      Vec *old = rows->v[at];
      rows->v[at] = rotated_by_hand(T, old);
      vec_free(T, old);
    }
  }
  w->operations += (uint64_t)w->p[P_OPERATIONS];
  work_check(w, (uint64_t)sum);
}

static void run_mix_by_hand(Thr *T, Work *w) {
  Vec *list = vec_make(T, w), *rows = rows_make(T, w);
  work_hold(T, w);
  mix_by_hand(T, w, list, rows);
  work_check(w, (uint64_t)vec_sum(list));
  int64_t sum = 0;
  for (size_t i = 0; i < rows->len; i++) {
    sum += vec_sum(rows->v[i]);
    vec_free_boxes(T, rows->v[i]);
  }
  work_check(w, (uint64_t)sum);
  vec_free(T, rows);
  vec_free_boxes(T, list);
}

/* --- Taking references: objects with several owners are counted, by hand as well ------------------------------------------------------ */

typedef struct Counted {
  uint64_t count;
  int64_t v;
} Counted;

static Counted *counted_new(Thr *T, int64_t v) {
  Counted *c = hand_new(T, sizeof *c);
  *c = (Counted){1, v};
  return c;
}
INLINE Counted *counted_take(Counted *c) {
  c->count++;
  return c;
}
INLINE void counted_drop(Thr *T, Counted *c) {
  if (UNLIKELY(--c->count == 0)) hand_free(T, c, sizeof *c);
}

static NOINLINE int64_t take_some_by_hand(Thr *T, Counted *const *hand) {
  Counted *a = counted_take(hand[0]), *b = counted_take(hand[1]), *c = counted_take(hand[2]), *d = counted_take(hand[3]);
  Counted *e = counted_take(hand[4]), *f = counted_take(hand[5]), *g = counted_take(hand[6]), *h = counted_take(hand[7]);
  int64_t v = d->v;
  counted_drop(T, h), counted_drop(T, g), counted_drop(T, f), counted_drop(T, e);
  counted_drop(T, d), counted_drop(T, c), counted_drop(T, b), counted_drop(T, a);
  return v;
}

static void run_take_by_hand(Thr *T, Work *w) {
  size_t of = (size_t)w->p[P_LIVE], n = in_hand(w->p);
  Vec *objects = vec_new(T, of), *hand = vec_new(T, n);
  for (size_t i = 0; i < of; i++) vec_push(T, objects, counted_new(T, value_at(w, i)));
  for (size_t i = 0; i < n; i++) vec_push(T, hand, counted_take(objects->v[i % of]));
  work_hold(T, w);
  uint64_t starts = n - TAKEN + 1;
  int64_t rounds = (w->p[P_OPERATIONS] + TAKEN - 1) / TAKEN, sum = 0;
  for (int64_t k = 0; k < rounds; k++) sum += take_some_by_hand(T, (Counted **)hand->v + rng_below(&w->rng, starts));
  w->operations += (uint64_t)rounds * TAKEN;
  work_check(w, (uint64_t)sum);
  while (hand->len) counted_drop(T, vec_pop(hand));
  while (objects->len) counted_drop(T, vec_pop(objects));
  vec_free(T, hand);
  vec_free(T, objects);
}

static void run_by_hand(Thr *T, Work *w) {
  if (w->p[P_WORK] == WORK_TAKE)
    run_take_by_hand(T, w);
  else
    run_mix_by_hand(T, w);
}

HAND_REGISTER(lists, run_by_hand);
