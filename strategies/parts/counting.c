/* counting.c: the cascade of frees. See counting.h for the order and why. */
#include MM_STRATEGY_HEADER

#if MM_COUNTS_HEAP
#include "strategies/parts/counting.h"
#include "strategies/parts/clock.h"

/* A cascade enters the pause histogram when it has freed this many objects, timed from there on, or when it drops a long array or table,
   timed from before that. Shorter ones take microseconds, and reading the clock for each would cost more than they do. */
enum { CASCADE_TIMED = 1024 };

/* Items of an array whose drop is a bulk drop: more cells than the second-level cache has use for in LIFO order. */
enum { BULK = 4096 };

/* Right edges of binary nodes that are followed by recursion. */
enum { RIGHT_EDGES = 32 };

/* What has died and waits to be freed, threaded through headers, kind and n kept. Shared objects, whose headers a lock-free reader
   may still look at, wait on a stack of the thread (T->dead) instead. */
typedef struct Dead {
  Thr *T;
  Obj *list;
  bool bulk;       /* the object being freed is a long array or table */
  uint64_t leaves; /* freed as items of arrays and tables, not counted elsewhere */
  uint64_t since;  /* when the timed part began; 0: not yet */
#ifdef COUNT_ENDED
  uint64_t plain; /* leaves that were counted */
#endif
} Dead;
#ifdef COUNT_ENDED
#define COUNT_PLAIN(d, o) ((void)((d)->plain += kind_is_leaf((o)->kind)))
#else
#define COUNT_PLAIN(d, o) ((void)0)
#endif

INLINE void dead_push(Dead *d, Obj *o) {
  o->word = LINK_WORD(d->list, o->word);
  d->list = o;
}

INLINE void drop_child(Dead *d, Obj *c) {
  if (!c || !count_drop_child(d->T, c)) return;
  if (c->kind > KIND_FLOAT) {
    dead_push(d, c);
    return;
  }
  d->leaves++;
  if (UNLIKELY(d->bulk))
    count_free_bulk(d->T, c, SIZE_LEAF);
  else
    count_free(d->T, c, SIZE_LEAF);
}
static inline void visit_drop(void *d, Obj **field) { drop_child(d, *field); }

INLINE void begin_bulk(Dead *d, uint32_t items) {
  if (LIKELY(items < BULK)) return;
  d->bulk = true;
  if (!d->since) d->since = wall_ns();
}

/* Arrays are long and their items scattered: ask for the lines early. */
INLINE void drop_items(Dead *d, Array *a) {
  enum { AHEAD = 8 };
  uint32_t n = array_owned(a);
  begin_bulk(d, n);
  for (uint32_t i = 0; i < n; i++) {
    if (i + AHEAD < n) __builtin_prefetch(a->v[i + AHEAD]);
    drop_child(d, a->v[i]);
  }
  d->bulk = false;
}
INLINE void drop_entries(Dead *d, Table *t) {
  begin_bulk(d, t->used);
  obj_visit(&t->h, visit_drop, d);
  d->bulk = false;
}

/* --- Nodes with two edges, of which crowds die at once --- */

/* The header of one that dies with its only reference: neither shared nor marked in any way. One comparison tells. */
#define BINARY_WORD HDR_WORD(KIND_NODE, 2)

static COLD void drop_apart(Dead *d, Obj *c) { drop_child(d, c); }
static COLD void cascade_is_long(Dead *d) {
  if (!d->since) d->since = wall_ns();
}

/* Frees o, then what dies of its right and of its left subtree: exactly against the order in which trees are built. Left edges are
   followed in the loop. Right ones by recursion, which the compiler unrolls and which is cheaper than a link through a header; but
   only `deep` of them, so that the stack is bounded: what lies deeper, and what is no such node, goes onto the list.
   `untimed`: objects until the clock is read; returns what is left of it, below 0 afterwards. */
static inline int64_t free_binary(Dead *d, Obj *o, unsigned deep, int64_t untimed) {
  for (;;) {
    Obj *l = ((Node *)o)->e[0], *r = ((Node *)o)->e[1];
    count_free(d->T, o, SIZE_NODE(2));
    if (UNLIKELY(--untimed == 0)) cascade_is_long(d);
    if (r) {
      if (LIKELY(load_acquire(&r->word) == BINARY_WORD) && LIKELY(deep))
        untimed = free_binary(d, r, deep - 1, untimed);
      else
        drop_apart(d, r);
    }
    if (!l) return untimed;
    if (UNLIKELY(load_acquire(&l->word) != BINARY_WORD)) {
      drop_apart(d, l);
      return untimed;
    }
    o = l;
  }
}

/* Frees o; what dies next, if it is decided here, or NULL. */
INLINE Obj *free_one(Dead *d, Obj *o) {
  Thr *T = d->T;
  switch (o->kind) {
  case KIND_NODE:
    obj_visit(o, visit_drop, d);
    count_free(T, o, SIZE_NODE(o->n));
    return NULL;
  case KIND_LIST:
  case KIND_DICT: {
    Obj *part = (Obj *)((List *)o)->arr; /* a dict's table stands at the same place */
    count_free(T, o, SIZE_LIST);
    return count_drop_child(T, part) ? part : NULL;
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
    COUNT_PLAIN(d, o);
    obj_visit(o, visit_drop, d);
    count_free(T, o, obj_size(o));
    return NULL;
  }
}

/* Frees o (may be NULL) and the list, until nothing unshared waits. `untimed`: see free_binary. */
INLINE int64_t cascade(Dead *d, Obj *o, int64_t untimed) {
  for (;;) {
    while (o) {
      if (o->kind == KIND_NODE && o->n == 2) {
        untimed = free_binary(d, o, RIGHT_EDGES, untimed);
        break;
      }
      if (UNLIKELY(--untimed == 0)) cascade_is_long(d);
      o = free_one(d, o);
    }
    o = d->list;
    if (!o) return untimed;
    d->list = LINK_NEXT(o->word);
  }
}

static void record(const Dead *d, int64_t untimed) {
  Thr *T = d->T;
  uint64_t freed = (uint64_t)(CASCADE_TIMED - untimed) + d->leaves;
  if (freed > T->longest_cascade) T->longest_cascade = freed;
  if (UNLIKELY(d->since)) histogram_add(&T->cascades, wall_ns() - d->since);
#ifdef COUNT_ENDED
  COUNT_ENDED(T, CASCADE_TIMED - untimed - (int64_t)d->plain);
#endif
}

#if COUNT_PUBLISHES
/* Shared objects: their children are dropped, they themselves are freed later. Each may kill unshared ones, and the other way. */
static void die_mixed(Thr *T, Obj *o, size_t base) {
  Dead d = {.T = T};
  int64_t untimed = cascade(&d, o, CASCADE_TIMED);
  do {
    while (T->dead.n > base) {
      Obj *s = T->dead.v[--T->dead.n];
      if (s->kind == KIND_ARRAY)
        drop_items(&d, (Array *)s); /* not those that have moved to a longer array */
      else if (s->kind == KIND_TABLE)
        drop_entries(&d, (Table *)s);
      else
        obj_visit(s, visit_drop, &d);
      COUNT_PLAIN(&d, s);
      limbo_put(T, s);
      if (UNLIKELY(--untimed == 0)) cascade_is_long(&d);
      untimed = cascade(&d, NULL, untimed);
    }
    count_cascade_ends(T);
  } while (UNLIKELY(T->dead.n > base));
  record(&d, untimed);
}

void count_die_shared(Thr *T, Obj *o) {
  if (kind_is_leaf(o->kind)) {
    limbo_put(T, o);
    return;
  }
  stack_push(&T->dead, o);
  die_mixed(T, NULL, T->dead.n - 1);
}

void count_die_pushed(Thr *T, size_t base) {
  if (T->dead.n > base) die_mixed(T, NULL, base);
}
#endif

void count_die(Thr *T, Obj *o) {
  if (o->kind <= KIND_FLOAT) {
    count_free(T, o, SIZE_LEAF);
    return;
  }
#if COUNT_PUBLISHES
  die_mixed(T, o, T->dead.n);
#else
  Dead d = {.T = T};
  int64_t untimed = cascade(&d, o, CASCADE_TIMED);
  record(&d, untimed);
#endif
}
#endif
