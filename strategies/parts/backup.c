/* backup.c: see backup.h. */
#include MM_STRATEGY_HEADER

#ifdef RECLAIM_PARTS_BACKUP_H
#include "strategies/parts/clock.h"

enum { MARK_AHEAD = 8 };

void backup_init(Backup *b, unsigned factor) {
  memset(b, 0, sizeof *b);
  b->factor = factor;
  b->at = TRACE_MIN;
}
void backup_destroy(Backup *b) {
  stack_free(&b->stack);
  stack_free(&b->again);
  stack_free(&b->trash);
}
void backup_next(Backup *b, size_t held) {
  size_t more = held / 100 * (b->factor - 100);
  if (more < TRACE_MIN) more = TRACE_MIN;
  b->at = held + (more << b->fruitless);
}

INLINE bool is_marked_now(const Heap *H, const Obj *o) { return (o->count & COUNT_COLOUR) == H->epoch.colour; }

/* --- Marking ---------------------------------------------------------------------------------------------------------------------- */

INLINE void mark(Heap *H, Obj *o) {
  if (is_marked_now(H, o)) return;
  uint32_t c = o->count ^ COUNT_COLOUR;
  if (UNLIKELY(c >= H->epoch.limit) && !(o->bits & OBJ_IMMORTAL)) {
    c = (c & COUNT_FLAGS) | COUNT_AGAIN;
    stack_push(&H->backup.again, o);
  }
  o->count = c;
  H->backup.marked++;
  if (!kind_is_leaf(o->kind)) stack_push(&H->backup.stack, o);
}

static inline void mark_reference(void *heap, Obj *o) {
  Heap *H = heap;
  mark(H, o);
  if (UNLIKELY(o->count & COUNT_AGAIN) && o->count < H->epoch.limit) o->count += COUNT_ONE;
}

static void mark_items(Heap *H, Obj **v, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (i + MARK_AHEAD < n && v[i + MARK_AHEAD]) __builtin_prefetch(v[i + MARK_AHEAD], 1);
    if (v[i]) mark_reference(H, v[i]);
  }
}

static void mark_all(Heap *H) {
  Stack *s = &H->backup.stack;
  for (size_t i = 0; i < H->epoch.rooted.n; i++) mark(H, H->epoch.rooted.v[i]);
  while (s->n) {
    Obj *o = s->v[--s->n];
    if (o->kind == KIND_ARRAY)
      mark_items(H, ((Array *)o)->v, array_owned((Array *)o));
    else
      each_reference(o, mark_reference, H);
  }
}

/* --- Trash ------------------------------------------------------------------------------------------------------------------------- */

/* A reference that trash holds. */
static inline void drop_reference(void *heap, Obj *o) {
  Heap *H = heap;
  if (is_marked_now(H, o) && !(o->count & COUNT_AGAIN)) epoch_take_off(H, o);
}

static void find_trash(void *heap, Obj *o) {
  Heap *H = heap;
  if (is_marked_now(H, o)) return;
  each_reference(o, drop_reference, H);
  stack_push(&H->backup.trash, o);
}

/* Of one that was tabled before it got a count that stuck, the entry is still there. */
static void settle_again(Heap *H) {
  Stack *s = &H->backup.again;
  H->backup.repaired += s->n;
  while (s->n) {
    Obj *o = s->v[--s->n];
    o->count &= ~(uint32_t)COUNT_AGAIN;
    if (o->count < COUNT_ONE) epoch_enter(H, o);
  }
}

void backup_trace(Heap *H) {
  Backup *b = &H->backup;
  uint64_t t0 = wall_ns(), marked = b->marked;
  H->epoch.colour ^= COUNT_COLOUR;
  mark_all(H);
  births_each(&H->births, find_trash, H);
  size_t trash = b->trash.n;
  while (b->trash.n) {
    Obj *o = b->trash.v[--b->trash.n];
    births_put(&H->births, o, births_size(o));
  }
  settle_again(H);
  b->reclaimed += trash;
  b->traces++;
  b->wall_ns += wall_ns() - t0;
  bool little = trash < (b->marked - marked) / 8;
  b->fruitless = !little ? 0 : b->fruitless < TRACE_BACK_OFF ? b->fruitless + 1 : TRACE_BACK_OFF;
}
#endif
