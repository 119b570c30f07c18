/* counting.c: the cascade of frees. See counting.h for the order and why. */
#include MM_STRATEGY_HEADER

#if MM_COUNTS_HEAP
#include "strategies/parts/counting.h"
#include "strategies/parts/clock.h"

/* A cascade of this many objects is timed from here on and enters the pause histogram. Shorter ones take microseconds, and reading
   the clock for each would cost more than they do. */
enum { CASCADE_TIMED = 1024 };

/* Items of an array whose drop is a bulk drop: more cells than the second-level cache has use for in LIFO order. */
enum { BULK = 4096 };

/* What has died and waits to be freed, threaded through headers, kind and n kept. Shared objects, whose headers a lock-free reader
   may still look at, wait on a stack of the thread (T->dead) instead. */
typedef struct Dead {
  Thr *T;
  Obj *list;
  bool bulk; /* the object being freed is a long array or table */
} Dead;

INLINE void dead_push(Dead *d, Obj *o) {
  o->word = LINK_WORD(d->list, o->word);
  d->list = o;
}

/* Drops the count that a dead object's field held. True: the child dies, and is not shared. Looks before it writes, since most
   children die too and a store to them would be wasted. */
INLINE bool drop(Thr *T, Obj *c) {
#if COUNT_ATOMIC
  if (LIKELY(count_is_sole(load_acquire(&c->word)))) return true;
  if (count_drop_locked(T, c)) stack_push(&T->dead, c);
  return false;
#else
  (void)T;
  if (LIKELY(c->count == 1)) return true;
  c->count--;
  return false;
#endif
}

INLINE void drop_child(Dead *d, Obj *c) {
  if (!c || !drop(d->T, c)) return;
  if (c->kind > KIND_FLOAT)
    dead_push(d, c);
  else if (UNLIKELY(d->bulk))
    count_free_bulk(d->T, c, SIZE_LEAF);
  else
    count_free(d->T, c, SIZE_LEAF);
}
static inline void visit_drop(void *d, Obj **field) { drop_child(d, *field); }

/* Arrays are long and their items scattered: ask for the lines early. */
INLINE void drop_items(Dead *d, Array *a) {
  enum { AHEAD = 8 };
  uint32_t n = a->h.n ? 0 : a->len; /* set: a list has moved them to a longer array */
  d->bulk = n >= BULK;
  for (uint32_t i = 0; i < n; i++) {
    if (i + AHEAD < n) __builtin_prefetch(a->v[i + AHEAD]);
    drop_child(d, a->v[i]);
  }
  d->bulk = false;
}
INLINE void drop_entries(Dead *d, Table *t) {
  d->bulk = t->used >= BULK;
  obj_visit(&t->h, visit_drop, d);
  d->bulk = false;
}

/* Frees o; what dies next, if it is decided here, or NULL. */
INLINE Obj *free_one(Dead *d, Obj *o) {
  Thr *T = d->T;
  switch (o->kind) {
  case KIND_NODE:
    if (LIKELY(o->n == 2)) {
      Obj *l = ((Node *)o)->e[0], *r = ((Node *)o)->e[1];
      count_free(T, o, SIZE_NODE(2));
      if (!r || !drop(T, r)) r = NULL;
      if (!l || !drop(T, l)) return r;
      if (!r) return l;
      dead_push(d, l);
      return r;
    }
    obj_visit(o, visit_drop, d);
    count_free(T, o, SIZE_NODE(o->n));
    return NULL;
  case KIND_LIST:
  case KIND_DICT: {
    Obj *part = (Obj *)((List *)o)->arr; /* a dict's table stands at the same place */
    count_free(T, o, SIZE_LIST);
    return drop(T, part) ? part : NULL;
  }
  case KIND_TUPLE:
  case KIND_ARRAY:
    drop_items(d, (Array *)o);
    count_free(T, o, SIZE_ARRAY(((Array *)o)->cap));
    return NULL;
  case KIND_TABLE:
    drop_entries(d, (Table *)o);
    count_free(T, o, SIZE_TABLE(((Table *)o)->cap));
    return NULL;
  default:
    obj_visit(o, visit_drop, d);
    count_free(T, o, obj_size(o));
    return NULL;
  }
}

/* Frees o (may be NULL) and the list, until nothing unshared waits; the number of objects. `since`: when the timed part began. */
INLINE uint64_t cascade(Dead *d, Obj *o, uint64_t freed, uint64_t *since) {
  for (;;) {
    while (o) {
      if (UNLIKELY(++freed == CASCADE_TIMED)) *since = wall_ns();
      o = free_one(d, o);
    }
    o = d->list;
    if (!o) return freed;
    d->list = LINK_NEXT(o->word);
  }
}

static void record(Thr *T, uint64_t freed, uint64_t since) {
  if (freed > T->longest_cascade) T->longest_cascade = freed;
  if (UNLIKELY(since)) histogram_add(&T->cascades, wall_ns() - since);
}

#if COUNT_ATOMIC
/* Shared objects: their children are dropped, they themselves are freed later. Each may kill unshared ones, and the other way. */
static void die_mixed(Thr *T, Obj *o, size_t base) {
  Dead d = {T, NULL, false};
  uint64_t since = 0, freed = cascade(&d, o, 0, &since);
  while (T->dead.n > base) {
    Obj *s = T->dead.v[--T->dead.n];
    obj_visit(s, visit_drop, &d);
    limbo_put(T, s);
    freed = cascade(&d, NULL, freed + 1, &since);
  }
  record(T, freed, since);
}

void count_die_shared(Thr *T, Obj *o) {
  if (kind_is_leaf(o->kind)) {
    limbo_put(T, o);
    return;
  }
  stack_push(&T->dead, o);
  die_mixed(T, NULL, T->dead.n - 1);
}
#endif

void count_die(Thr *T, Obj *o) {
  if (o->kind <= KIND_FLOAT) {
    count_free(T, o, SIZE_LEAF);
    return;
  }
#if COUNT_ATOMIC
  die_mixed(T, o, T->dead.n);
#else
  Dead d = {T, NULL, false};
  uint64_t since = 0;
  uint64_t freed = cascade(&d, o, 0, &since);
  record(T, freed, since);
#endif
}
#endif
