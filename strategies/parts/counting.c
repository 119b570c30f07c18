/* counting.c: the cascade of frees. See counting.h for the order and why, later.h for what stops it. */
#include MM_STRATEGY_HEADER

#ifdef RECLAIM_PARTS_COUNTING_H
#include "strategies/parts/counting.h"
#include "strategies/parts/clock.h"

/* Right edges of binary nodes that are followed by recursion. */
enum { RIGHT_EDGES = 32 };

/* What has died and waits to be freed, threaded through headers, kind and n kept. Shared objects, whose headers a lock-free reader
   may still look at, or which may be another thread's cells, wait on a stack of the thread (T->dead) instead. */
#define DIES_MIXED (COUNT_PUBLISHES || COUNT_UNIQUE)

typedef struct Dead {
  Thr *T;
  Obj *list;
  bool paused;     /* the countdown has run out once */
  uint64_t leaves; /* freed with what holds them, or objects that the countdown, set anew, does not show */
  uint64_t since;  /* when the timed part began; 0: not yet */
#ifdef COUNT_ENDED
  uint64_t apart; /* freed, and not to be told of */
#endif
} Dead;
#ifdef COUNT_ENDED
#define APART(d, n) ((void)((d)->apart += (n)))
#else
#define APART(d, n) ((void)(n))
#endif

INLINE void dead_push(Dead *d, Obj *o) {
  COUNT_PUT_OFF(d->T, o);
  o->word = COUNT_LINK(d->list, o->word);
  d->list = o;
}

INLINE void drop_one_of(Dead *d, Obj *c, bool bulk) {
  if (!c || !count_drop_child(d->T, c)) return;
  if (c->kind > KIND_FLOAT) {
    COUNT_DYING(d->T, c);
    dead_push(d, c);
    return;
  }
  d->leaves++;
  if (bulk)
    count_free_bulk(d->T, c, SIZE_LEAF);
  else
    count_free_leaf(d->T, c, SIZE_LEAF);
}
INLINE void drop_child(Dead *d, Obj *c) { drop_one_of(d, c, false); }
static inline void visit_drop(void *d, Obj **field) { drop_child(d, *field); }

/* --- Pausing and stopping ---------------------------------------------------------------------------------------------------------- */

/* Instead of a countdown: the cascade is to stop. */
#define STOP INT64_MIN

/* The countdown has run out, and nothing was done about the object whose turn it is. What it is set to: 0 is never again. */
static COLD int64_t cascade_pause(Dead *d) {
  const Later *L = &d->T->later;
  if (L->first == 1 && !L->carrying_out) return STOP; /* into the buffer */
  if (L->budget && (L->budget < CASCADE_TIMED || d->paused)) return STOP;
  d->paused = true;
  if (!d->since) d->since = wall_ns();
  if (!L->budget) return 0;
  uint64_t more = L->budget + 1 - CASCADE_TIMED;
  d->leaves += more;
  APART(d, -more);
  return (int64_t)more;
}

INLINE uint64_t later_waiting(const Thr *T) {
#if DIES_MIXED
  return T->later.chains.n + T->dead.n;
#else
  return T->later.chains.n;
#endif
}

/* Something was put off: by a stop, or into the buffer, which is carried out when it is full. */
static void later_noted(Thr *T) {
  Later *L = &T->later;
  if (L->carrying_out || !L->buffer) {
    L->stops++;
    atomic_fetch_or_explicit(&T->poll, LATER_POLL, memory_order_relaxed);
    return;
  }
  L->buffered++;
  if (later_waiting(T) >= L->buffer) count_carry_out(T, false);
}

/* o, dead, and all that waits with it, stay. */
static COLD void cascade_stop(Dead *d, Obj *o) {
  dead_push(d, o);
  stack_push(&d->T->later.chains, d->list);
  d->list = NULL;
  later_noted(d->T);
}

/* --- Arrays and tables --------------------------------------------------------------------------------------------------------------- */

enum { AHEAD = 8 };

/* Arrays are long and their items scattered: ask for the lines early. */
INLINE void drop_range(Dead *d, Array *a, uint32_t from, uint32_t to, bool bulk) {
  for (uint32_t i = from; i < to; i++) {
    if (i + AHEAD < to) __builtin_prefetch(a->v[i + AHEAD]);
    drop_one_of(d, a->v[i], bulk);
  }
}

INLINE bool is_long(const Dead *d, uint32_t items) { return UNLIKELY(items >= d->T->later.long_items); }

/* How many of n items are dropped now. */
static uint32_t share_of(Dead *d, uint32_t n) {
  const Later *L = &d->T->later;
  if (n >= BULK && !d->since) d->since = wall_ns();
  if (!L->budget) return n;
  uint64_t left = L->budget > d->leaves ? L->budget - d->leaves : 1;
  return n < left ? n : (uint32_t)left;
}

/* Of a long array the last items, as many as the budget allows; true: that was all. A reader without a lock may still be looking. */
static NOINLINE bool drop_long_array(Dead *d, Array *a) {
  uint32_t n = array_owned(a), rest = n - share_of(d, n);
  if (n >= BULK)
    drop_range(d, a, rest, n, true);
  else
    drop_range(d, a, rest, n, false);
  store_relaxed(&a->len, rest);
  return rest == 0;
}

/* The same of a table's entries, counted with those that are empty: in a dead one whose n is set, `used` says where the rest ends. */
static NOINLINE bool drop_long_table(Dead *d, Table *t) {
  uint32_t n = t->h.n ? t->used : t->cap, rest = n - share_of(d, n);
  bool bulk = t->cap >= BULK;
  for (Entry *e = t->e + rest, *end = t->e + n; e < end; e++) {
    if (!e->hash) continue;
    drop_one_of(d, e->key, bulk);
    drop_one_of(d, e->value, bulk);
  }
  t->h.n = 1;
  t->used = rest;
  return rest == 0;
}

/* True: nothing is left in it. */
INLINE bool drop_items(Dead *d, Array *a) {
  uint32_t n = array_owned(a);
  if (is_long(d, n)) return drop_long_array(d, a);
  drop_range(d, a, 0, n, false);
  return true;
}
#if COUNT_UNIQUE
/* What others own is left to them: keys, values or both. */
static void drop_own_entries(Dead *d, Table *t) {
  bool keys = !(t->h.n & ITEMS_ELSEWHERE << ITEMS_KEYS), values = !(t->h.n & ITEMS_ELSEWHERE), bulk = t->cap >= BULK;
  if (bulk && !d->since) d->since = wall_ns();
  for (Entry *e = t->e, *end = t->e + t->cap; e < end; e++) {
    if (!e->hash) continue;
    if (keys) drop_one_of(d, e->key, bulk);
    if (values) drop_one_of(d, e->value, bulk);
  }
}
#endif
INLINE bool drop_entries(Dead *d, Table *t) {
#if COUNT_UNIQUE
  drop_own_entries(d, t);
  return true;
#endif
  if (is_long(d, t->h.n ? UINT32_MAX : t->used)) return drop_long_table(d, t);
  obj_visit(&t->h, visit_drop, d);
  return true;
}

/* Those of an object that is neither an array nor a table. */
INLINE void drop_references(Dead *d, Obj *o) {
  if (COUNT_UNIQUE && o->kind == KIND_GEN && ((Gen *)o)->marks & ITEMS_ELSEWHERE) return;
  obj_visit(o, visit_drop, d);
}

/* --- Nodes with two edges, of which crowds die at once --- */

/* Whether c is one that dies with its only reference, neither shared nor marked in a way that asks for more. */
INLINE bool is_binary(Thr *T, Obj *c) {
  (void)T;
  return LIKELY((load_acquire(&c->word) & ~(uint64_t)COUNT_MARKS) == HDR_WORD(KIND_NODE, 2)) || COUNT_IS_BINARY(T, c);
}

static COLD void drop_apart(Dead *d, Obj *c) { drop_child(d, c); }

/* Frees o, then what dies of its right and of its left subtree: exactly against the order in which trees are built. Left edges are
   followed in the loop. Right ones by recursion, which the compiler unrolls and which is cheaper than a link through a header; but
   only `deep` of them, so that the stack is bounded: what lies deeper, and what is no such node, goes onto the list.
   `untimed`: objects until cascade_pause, this one included; returns what is left of it, below 0 when it has run out for good. A stop sets it
   to 1, so that whoever called stops, too. */
static inline int64_t free_binary(Dead *d, Obj *o, unsigned deep, int64_t untimed) {
  for (;;) {
    if (UNLIKELY(--untimed == 0) && (untimed = cascade_pause(d)) == STOP) {
      cascade_stop(d, o);
      return 1;
    }
    Obj *l = ((Node *)o)->e[0], *r = ((Node *)o)->e[1];
    count_free(d->T, o, SIZE_NODE(2));
    if (r) {
      if (LIKELY(is_binary(d->T, r)) && LIKELY(deep))
        untimed = free_binary(d, r, deep - 1, untimed);
      else
        drop_apart(d, r);
    }
    if (!l) return untimed;
    if (UNLIKELY(!is_binary(d->T, l))) {
      drop_apart(d, l);
      return untimed;
    }
    o = l;
  }
}

/* Of a long array or table: it was counted as if it were free already. */
static COLD void free_rest_later(Dead *d, Obj *o) {
  d->leaves--;
  APART(d, 1);
  cascade_stop(d, o);
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
    APART(d, COUNT_IS_APART(o->kind));
    count_free(T, o, SIZE_LIST);
    return count_drop_child(T, part) ? part : NULL; /* it has no other owner, and never had */
  }
  case KIND_TUPLE:
  case KIND_ARRAY:
    if (drop_items(d, (Array *)o))
      count_free(T, o, SIZE_ARRAY(((Array *)o)->cap));
    else
      free_rest_later(d, o);
    return NULL;
  case KIND_TABLE:
    if (drop_entries(d, (Table *)o)) {
      APART(d, COUNT_IS_APART(KIND_TABLE));
      count_free(T, o, SIZE_TABLE(((Table *)o)->cap));
    } else {
      free_rest_later(d, o);
    }
    return NULL;
  default: /* a generator; a string, raw memory */
    drop_references(d, o);
    APART(d, COUNT_IS_APART(o->kind));
    if (kind_is_leaf(o->kind)) {
      count_free_leaf(T, o, obj_size(o));
    } else {
      count_free(T, o, obj_size(o));
    }
    return NULL;
  }
}

/* Frees o (may be NULL) and the list, until nothing unshared waits or it is stopped. `untimed`: see free_binary. */
INLINE int64_t cascade(Dead *d, Obj *o, int64_t untimed) {
  for (;;) {
    while (o) {
      if (o->kind == KIND_NODE && o->n == 2) {
        untimed = free_binary(d, o, RIGHT_EDGES, untimed);
        break;
      }
      if (UNLIKELY(--untimed == 0) && (untimed = cascade_pause(d)) == STOP) {
        cascade_stop(d, o);
        return 1;
      }
      o = free_one(d, o);
    }
    o = d->list;
    if (!o) return untimed;
    d->list = LINK_NEXT(o->word);
    COUNT_UNLINK(o);
  }
}

/* `first`: what the countdown began with. */
INLINE void ended(const Dead *d, int64_t first, int64_t untimed) {
#ifdef COUNT_ENDED
  COUNT_ENDED(d->T, (uint64_t)(first - untimed) - d->apart);
#else
  (void)d, (void)first, (void)untimed;
#endif
}

static void record(const Dead *d, int64_t first, int64_t untimed) {
  Thr *T = d->T;
  uint64_t freed = (uint64_t)(first - untimed) + d->leaves;
  if (freed > T->longest_cascade) T->longest_cascade = freed;
  if (UNLIKELY(d->since)) histogram_add(&T->cascades, wall_ns() - d->since);
  ended(d, first, untimed);
}

#if DIES_MIXED
/* Of s, which is shared and dead: what it holds, as far as the budget allows. True: it is free, once no reader can see it. */
INLINE bool free_shared(Dead *d, Obj *s) {
  if (s->kind == KIND_ARRAY) {
    if (!drop_items(d, (Array *)s)) return false; /* not those that have moved to a longer array */
  } else if (s->kind == KIND_TABLE) {
    if (!drop_entries(d, (Table *)s)) return false;
  } else {
    drop_references(d, s);
  }
  APART(d, COUNT_IS_APART(s->kind));
#if COUNT_UNIQUE
  count_free_published(d->T, s);
#else
  limbo_put(d->T, s);
#endif
  return true;
}

/* Shared objects, on T->dead above `base`: their children are dropped, they themselves are freed later. Each may kill unshared ones, and
   the other way. */
static int64_t die_mixed(Dead *d, Obj *o, size_t base, int64_t untimed) {
  Thr *T = d->T;
  untimed = cascade(d, o, untimed);
  do {
    while (T->dead.n > base) {
      if (UNLIKELY(--untimed == 0) && (untimed = cascade_pause(d)) == STOP) {
        later_noted(T);
        return 1;
      }
      Obj *s = T->dead.v[--T->dead.n];
      if (UNLIKELY(!free_shared(d, s))) {
        stack_push(&T->dead, s);
        later_noted(T);
        return 1;
      }
      untimed = cascade(d, NULL, untimed);
    }
    count_cascade_ends(T);
  } while (UNLIKELY(T->dead.n > base));
  return untimed;
}

void count_die_pushed(Thr *T, size_t base) {
  if (T->dead.n == base) return;
  Dead d = {.T = T};
  int64_t first = T->later.first;
  record(&d, first, die_mixed(&d, NULL, base, first));
}

#endif

#if COUNT_PUBLISHES
void count_die_shared(Thr *T, Obj *o) {
  if (kind_is_leaf(o->kind)) {
    limbo_put(T, o);
    return;
  }
  stack_push(&T->dead, o);
  count_die_pushed(T, T->dead.n - 1);
}
#endif

#ifdef COUNT_SKIPS
static inline void visit_drop_outside(void *d, Obj **field) {
  Obj *c = *field;
  if (c && !COUNT_SKIPS(c)) drop_child(d, c);
}

void count_free_trash(Thr *T, Obj *const *v, size_t n) {
  Dead d = {.T = T};
  int64_t first = later_countdown(&T->later), untimed = first;
  bool was = T->later.carrying_out;
  T->later.carrying_out = true; /* what dies with trash does not wait in the buffer */
  for (size_t i = 0; i < n; i++) {
    obj_visit(v[i], visit_drop_outside, &d);
    untimed = cascade(&d, NULL, untimed);
  }
  /* Much of it goes back to where it lies, as the items of long arrays do. */
  bool bulk = !MM_MALLOC && n >= BULK;
  for (size_t i = n; i-- > 0;) {
    size_t size = obj_size(v[i]);
    if (bulk && size <= CELL_MAX)
      count_free_bulk(T, v[i], size);
    else
      count_free(T, v[i], size);
  }
  T->later.carrying_out = was;
  ended(&d, first, untimed); /* the pause is the collection's */
}
#endif

void count_die(Thr *T, Obj *o) {
#if COUNT_UNIQUE
  if (UNLIKELY(o->word & COUNT_APART)) {
    if (o->bits & OBJ_IMMORTAL) return;
    stack_push(&T->dead, o);
    count_die_pushed(T, T->dead.n - 1);
    return;
  }
#endif
  if (o->kind <= KIND_FLOAT) {
    count_free_leaf(T, o, SIZE_LEAF);
    return;
  }
  COUNT_DYING(T, o);
  Dead d = {.T = T};
  int64_t first = T->later.first;
#if DIES_MIXED
  record(&d, first, die_mixed(&d, o, T->dead.n, first));
#else
  record(&d, first, cascade(&d, o, first));
#endif
}

/* --- What was put off ---------------------------------------------------------------------------------------------------------------- */

#if COUNT_ATOMIC
/* n drops at once; true: they were the last. */
static bool drop_many(Thr *T, Obj *o, uint32_t n) {
  TALLY(T, locked_decrements);
  uint32_t c = load_relaxed(&o->count);
  if (!T->compare_and_swap) return __atomic_fetch_sub(&o->count, n, __ATOMIC_ACQ_REL) == n;
  while (!__atomic_compare_exchange_n(&o->count, &c, c - n, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
  return c == n;
}

/* The drops in place e; what dies waits for a poll. */
static void carry_out_drops(Thr *T, LaterDrops *e) {
  Obj *o = e->o;
  e->o = NULL;
  if (!o || !drop_many(T, o, e->n)) return;
  if (o->bits & OBJ_SHARED) {
    stack_push(&T->dead, o);
  } else { /* its other owner's drop waited, too: no reader knows it */
    o->word = COUNT_LINK(NULL, o->word);
    stack_push(&T->later.chains, o);
  }
}

void count_defer(Thr *T, Obj *o) {
  Later *L = &T->later;
  LaterDrops *e = &L->drops[((uintptr_t)o >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 32 & (L->slots - 1)];
  L->buffered++;
  if (e->o == o) {
    e->n++;
  } else {
    carry_out_drops(T, e);
    *e = (LaterDrops){o, 1};
  }
  if (++L->noted >= L->slots || later_waiting(T)) atomic_fetch_or_explicit(&T->poll, LATER_POLL, memory_order_relaxed);
}

static void carry_out_all_drops(Thr *T) {
  Later *L = &T->later;
  for (uint64_t i = 0; i < L->slots && L->noted; i++) carry_out_drops(T, &L->drops[i]);
  L->noted = 0;
}
#endif

/* One slice: as much as the budget allows. `all`: of drops in the table, too, however few they are. */
static void carry_out(Thr *T, bool all) {
  Later *L = &T->later;
  Dead d = {.T = T};
  int64_t first = later_countdown(L), untimed = first;
  uint64_t stops = L->stops;
#if COUNT_ATOMIC
  if (all || L->noted >= L->slots) carry_out_all_drops(T);
#else
  (void)all;
#endif
  do {
    if (L->chains.n) d.list = L->chains.v[--L->chains.n];
#if DIES_MIXED
    untimed = die_mixed(&d, NULL, 0, untimed);
#else
    untimed = cascade(&d, NULL, untimed);
#endif
  } while (later_waiting(T) && L->stops == stops);
  record(&d, first, untimed);
}

void count_carry_out(Thr *T, bool all) {
  Later *L = &T->later;
  uint64_t budget = L->budget;
  if (all) L->budget = 0;
  atomic_fetch_and_explicit(&T->poll, ~LATER_POLL, memory_order_relaxed);
  L->carrying_out = true;
  carry_out(T, all);
  L->carrying_out = false;
  L->budget = budget;
}

void count_carry_out_all(Heap *H) {
  for (int i = 0; i < H->nthreads; i++)
    if (H->threads[i]->later.drops || later_waiting(H->threads[i])) count_carry_out(H->threads[i], true);
}
#endif
