/* epoch.c: see epoch.h. */
#include MM_STRATEGY_HEADER

#ifdef RECLAIM_PARTS_EPOCH_H

/* Between a fetch of a header and the look at it: references that are taken off; words of the log. */
enum { AHEAD = 16, LOG_AHEAD = 32 };

void epoch_init(Epoch *e, unsigned count_bits) {
  memset(e, 0, sizeof *e);
  e->limit = COUNT_MAX(count_bits);
}
void epoch_destroy(Epoch *e) {
  stack_free(&e->work);
  stack_free(&e->rooted);
  stack_free(&e->table);
  stack_free(&e->adopters);
  stack_free(&e->losses);
}

/* --- 1: what is there ------------------------------------------------------------------------------------------------------------- */

/* What the loops that count up change with each reference: copied, so that the compiler may keep it in registers, and put back. */
typedef struct Gains {
  Heap *H;
  Obj **work;
  size_t n, cap;
  uint32_t limit, colour;
  uint64_t aged, increments, unchanged;
} Gains;

INLINE Gains gains_begin(Heap *H) {
  const Epoch *e = &H->epoch;
  return (Gains){H, e->work.v, 0, e->work.cap, e->limit, e->colour, 0, 0, 0};
}
INLINE void gains_end(const Gains *g) {
  Epoch *e = &g->H->epoch;
  e->n.aged += g->aged;
  e->n.increments += g->increments;
  e->n.unchanged += g->unchanged;
}

INLINE void push_work(Gains *g, Obj *o) {
  if (UNLIKELY(g->n == g->cap)) {
    Stack *s = &g->H->epoch.work;
    s->n = g->n;
    stack_grow(s);
    g->work = s->v;
    g->cap = s->cap;
  }
  g->work[g->n++] = o;
}

/* A new object of that kind is to live: `c` is its count and flags from now on. */
INLINE void come_of_age(Gains *g, Obj *o, unsigned kind, uint32_t c) {
  o->count = c | g->colour;
  g->aged++;
  births_keep(&g->H->births, o);
  if (!kind_is_leaf(kind)) push_work(g, o);
}

/* One reference more. */
INLINE void gain(void *gains, Obj *o) {
  Gains *g = gains;
  uint64_t word = header_of(o);
  uint32_t c = (uint32_t)(word >> 32);
  if (LIKELY(c == COUNT_NEW)) {
    come_of_age(g, o, (uint8_t)word, COUNT_ONE);
    return;
  }
  if (UNLIKELY(c >= g->limit)) return;
  o->count = c += COUNT_ONE;
  g->increments++;
  if (UNLIKELY(c >= g->limit)) g->H->epoch.n.stuck++;
}

/* An array or table has come of age: if it has a side table, it is logged by items or entries from now on. */
static void begin_side(Obj *o) {
  Side *s = side_of(o);
  if (!s) return;
  size_t units = o->kind == KIND_ARRAY ? ((Array *)o)->cap : ((Table *)o)->cap;
  memset(s, 0, side_bytes(units));
  if (o->kind == KIND_ARRAY) s->counted = ((Array *)o)->len;
}

/* Counts what those hold that have come of age, until there are none left. */
INLINE void drain(Gains *g) {
  while (g->n) {
    Obj *o = g->work[--g->n];
    if (UNLIKELY(o->kind >= KIND_ARRAY)) begin_side(o);
    each_reference(o, gain, g);
  }
}

/* A record's `before` against what is there now, NULL where there is nothing. What was there is kept at the front of the log, at n. */
INLINE size_t compare(Gains *g, Obj *before, Obj *now, Obj **losses, size_t n) {
  if (before == now) {
    g->unchanged += before != NULL;
    return n;
  }
  if (now) gain(g, now);
  if (before) losses[n++] = before;
  return n;
}

INLINE size_t compare_entry(Gains *g, Obj *const *before, const Entry *now, Obj **losses, size_t n) {
  Obj *key = before[0], *value = before[1]; /* may stand where losses are put */
  n = compare(g, key, now->hash ? now->key : NULL, losses, n);
  return compare(g, value, now->hash ? now->value : NULL, losses, n);
}

/* Of an object without a side table. */
INLINE size_t gain_object(Gains *g, Obj *o, Obj *const *before, size_t held, Obj **losses, size_t n) {
  o->count &= ~(uint32_t)COUNT_LOGGED;
  if (UNLIKELY(o->kind == KIND_TABLE)) {
    for (size_t i = 0; i < held; i += 2) n = compare_entry(g, before + i, &((Table *)o)->e[i / 2], losses, n);
    return n;
  }
  size_t now;
  Obj **f = fields_of(o, &now);
  for (size_t i = 0; i < held || i < now; i++) n = compare(g, i < held ? before[i] : NULL, i < now ? f[i] : NULL, losses, n);
  return n;
}

INLINE size_t gain_item(Gains *g, Array *a, Obj **f, Obj *before, Obj **losses, size_t n) {
  Side *s = (Side *)&a->v[a->cap];
  size_t i = (size_t)(f - a->v), now = array_owned(a);
  s->logged[i / 64] = 0; /* its neighbours are in some log, too */
  s->counted = now;
  return compare(g, before, i < now ? *f : NULL, losses, n);
}

INLINE size_t gain_entry(Gains *g, Table *t, const Entry *e, Obj *const *before, Obj **losses, size_t n) {
  side_of(&t->h)->logged[(size_t)(e - t->e) / 64] = 0;
  return compare_entry(g, before, e, losses, n);
}

INLINE void gain_grown(Gains *g, Array *a, size_t counted) {
  size_t now = array_owned(a);
  a->h.count &= ~(uint32_t)COUNT_GROWN;
  side_of(&a->h)->counted = now;
  if (counted < now) each_in(a->v + counted, now - counted, gain, g);
}

/* Counts what is there now for all records of a log. What was there remains in the log, in a row, to be taken off. */
static void gain_logged(Heap *H, Log *l) {
  Gains g = gains_begin(H);
  Obj **v = l->words.v;
  size_t n = 0, end = l->words.n, fetched = end > LOG_AHEAD + 4 ? end - LOG_AHEAD - 4 : 0;
  if (end > H->epoch.n.log_most) H->epoch.n.log_most = end;
  for (size_t at = 0; at < end;) {
    if (LIKELY(at < fetched))
      for (int i = 0; i < 3; i++) __builtin_prefetch(v[at + LOG_AHEAD + i], 1);
    uintptr_t head = (uintptr_t)v[at];
    void *word = v[at + 1];
    Obj *o = (Obj *)(head & ~(uintptr_t)RECORD_KIND);
    unsigned kind = head & RECORD_KIND;
    at += 2;
    if (LIKELY(kind == RECORD_ITEM)) {
      n = gain_item(&g, (Array *)o, word, v[at++], v, n);
    } else if (kind == RECORD_OBJECT) {
      n = gain_object(&g, o, v + at, (uintptr_t)word, v, n);
      at += (uintptr_t)word;
    } else if (kind == RECORD_ENTRY) {
      n = gain_entry(&g, (Table *)o, word, v + at, v, n);
      at += 2;
    } else {
      gain_grown(&g, (Array *)o, (uintptr_t)word);
    }
    drain(&g);
  }
  l->words.n = n;
  l->room = 0;
  gains_end(&g);
}

/* --- 0: arrays that lists have left behind ----------------------------------------------------------------------------------------------- */

/* Item i was held by `from` when the epoch began, if it is below `counted` and not logged, and is held by `to` now. Else its record, or
   nobody, takes off what it was. */
INLINE uint64_t adopt_item(Gains *g, const Array *from, const Array *to, size_t i, bool held) {
  Obj *now = i < to->len ? to->v[i] : NULL, *was = held ? from->v[i] : NULL;
  if (now == was) return now != NULL;
  if (now) gain(g, now);
  if (was) stack_push(&g->H->epoch.losses, was);
  return 0;
}

/* `to` is counted from now on, and has what `from` had. The last to be given them may be given away in turn, so it has a count of 0 like one
   that nobody holds, until step 2 is over. */
static void adopt(Heap *H, Array *from, Array *to) {
  Gains g = gains_begin(H);
  Side *had = side_of(&from->h);
  size_t counted = had->counted, i = 0;
  uint64_t passed = 0;
  had->counted = 0;
  begin_side(&to->h);
  to->h.count = g.colour;
  births_keep(&H->births, &to->h);
  stack_push(&H->epoch.adopters, &to->h);
  g.aged++;
  for (; i + 64 <= counted && i + 64 <= to->len; i += 64) {
    uint64_t logged = had->logged[i / 64];
    if (!logged && !memcmp(&from->v[i], &to->v[i], 64 * sizeof *from->v))
      passed += 64;
    else
      for (size_t k = 0; k < 64; k++) passed += adopt_item(&g, from, to, i + k, !(logged >> k & 1));
  }
  for (; i < counted || i < to->len; i++)
    passed += adopt_item(&g, from, to, i, i < counted && !(had->logged[i / 64] >> i % 64 & 1));
  drain(&g);
  H->epoch.n.passed += passed;
  gains_end(&g);
}

/* The longer array is counted already, and was logged when it got the items. */
static void abandon(Heap *H, Array *from) {
  Side *had = side_of(&from->h);
  for (size_t i = 0; i < had->counted; i++)
    if (from->v[i] && !(had->logged[i / 64] >> i % 64 & 1)) stack_push(&H->epoch.losses, from->v[i]);
  had->counted = 0;
}

/* Pairs of one list may be in the logs of several threads, in any order: one that is passed something new must wait for its turn. */
static bool adopt_passed(Heap *H, Log *l) {
  Obj **v = l->passed.v;
  size_t waiting = 0;
  for (size_t i = 0; i < l->passed.n; i += 2) {
    if (is_new(v[i])) {
      v[waiting] = v[i], v[waiting + 1] = v[i + 1];
      waiting += 2;
    } else if (is_new(v[i + 1])) {
      adopt(H, (Array *)v[i], (Array *)v[i + 1]);
    } else {
      abandon(H, (Array *)v[i]);
    }
  }
  bool some = waiting < l->passed.n;
  l->passed.n = waiting;
  return some;
}

/* --- 2: roots ----------------------------------------------------------------------------------------------------------------------------- */

INLINE void root(Gains *g, Obj *o) {
  Epoch *e = &g->H->epoch;
  uint32_t c = o->count;
  if (c == COUNT_NEW) {
    come_of_age(g, o, o->kind, COUNT_TABLED | COUNT_ROOTED);
    stack_push(&e->table, o);
  } else if (c & COUNT_ROOTED) {
    return;
  } else {
    o->count = c | COUNT_ROOTED;
  }
  stack_push(&e->rooted, o);
}

static void mark_roots(Heap *H) {
  Gains g = gains_begin(H);
  World *W = &H->world;
  for (int i = 0; i < W->nthreads; i++)
    for (Link *l = W->threads[i]->top; l; l = l->prev)
      if (l->s.p_) root(&g, l->s.p_);
  for (int i = 0; i < GLOBAL_ROOTS; i++)
    if (H->globals[i]) root(&g, H->globals[i]);
  drain(&g);
  gains_end(&g);
}

void epoch_unroot(Epoch *e) {
  while (e->rooted.n) e->rooted.v[--e->rooted.n]->count &= ~(uint32_t)COUNT_ROOTED;
}

/* --- 4, 5: what is no more ------------------------------------------------------------------------------------------------------------- */

/* As Gains, for the loops that count down. */
typedef struct Losses {
  Heap *H;
  Obj *dead; /* waiting to be freed, threaded through their headers */
  uint32_t limit;
  uint64_t decrements, died;
} Losses;

INLINE Losses losses_begin(Heap *H) { return (Losses){H, NULL, H->epoch.limit, 0, 0}; }
INLINE void losses_end(const Losses *l) {
  l->H->epoch.n.decrements += l->decrements;
  l->H->epoch.n.died += l->died;
}

static NOINLINE void table(Epoch *e, Obj *o, uint32_t c) {
  o->count = c;
  if (c & COUNT_TABLED) return; /* step 5 comes to it */
  o->count = c | COUNT_TABLED;
  stack_push(&e->table, o);
}

INLINE void die(Losses *l, Obj *o, uint64_t word) {
  l->died++;
  if ((uint8_t)word <= KIND_FLOAT) {
    births_put(&l->H->births, o, SIZE_LEAF);
  } else {
    o->word = LINK_WORD(l->dead, word);
    l->dead = o;
  }
}

/* One reference less. Looks before it writes, since many die of it. */
INLINE void lose(void *losses, Obj *o) {
  Losses *l = losses;
  uint64_t word = header_of(o);
  uint32_t c = (uint32_t)(word >> 32);
  l->decrements++;
  if (UNLIKELY(c >= 2 * COUNT_ONE)) {
    if (LIKELY(c < l->limit)) o->count = c - COUNT_ONE;
  } else if (UNLIKELY(c & (COUNT_TABLED | COUNT_ROOTED))) {
    table(&l->H->epoch, o, c - COUNT_ONE);
  } else {
    die(l, o, word);
  }
}

/* Many, and scattered. */
INLINE void lose_items(Losses *l, Obj **v, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (i + AHEAD < n && v[i + AHEAD]) __builtin_prefetch(v[i + AHEAD], 1);
    if (v[i]) lose(l, v[i]);
  }
}

/* Frees all that has died, and what dies with it. */
INLINE void reap(Losses *l) {
  for (Obj *o; (o = l->dead);) {
    l->dead = LINK_NEXT(o->word);
    if (UNLIKELY(o->kind == KIND_ARRAY))
      lose_items(l, ((Array *)o)->v, array_owned((Array *)o));
    else
      each_reference(o, lose, l);
    births_put(&l->H->births, o, births_size(o));
  }
}

static void lose_row(Heap *H, Stack *row) {
  Losses l = losses_begin(H);
  lose_items(&l, row->v, row->n);
  row->n = 0;
  reap(&l);
  losses_end(&l);
}

/* Arrays that are held by nobody but a root, or by nobody. */
static void settle_adopters(Heap *H) {
  Losses l = losses_begin(H);
  Stack *s = &H->epoch.adopters;
  while (s->n) {
    Obj *o = s->v[--s->n];
    if (o->count >= COUNT_ONE) continue;
    if (o->count & COUNT_ROOTED)
      table(&H->epoch, o, o->count);
    else
      die(&l, o, header_of(o));
  }
  reap(&l);
  losses_end(&l);
}

/* Those that nobody holds die, which may table others; those that somebody holds leave. */
static void scan_table(Heap *H) {
  Losses l = losses_begin(H);
  Epoch *e = &H->epoch;
  size_t kept = 0;
  for (size_t i = 0; i < e->table.n; i++) {
    Obj *o = e->table.v[i];
    uint32_t c = o->count;
    if (c >= COUNT_ONE)
      o->count = c & ~(uint32_t)COUNT_TABLED;
    else if (c & COUNT_ROOTED)
      e->table.v[kept++] = o;
    else
      die(&l, o, header_of(o));
  }
  e->table.n = kept;
  reap(&l);
  losses_end(&l);
  if (e->table.n > e->n.table_most) e->n.table_most = e->table.n;
}

void epoch_enter(Heap *H, Obj *o) { table(&H->epoch, o, o->count); }
void epoch_take_off(Heap *H, Obj *o) {
  uint32_t c = o->count;
  if (c >= H->epoch.limit) return;
  if (c >= 2 * COUNT_ONE)
    o->count = c - COUNT_ONE;
  else
    table(&H->epoch, o, c - COUNT_ONE);
}

void epoch_count(Heap *H) {
  World *W = &H->world;
  H->epoch.n.epochs++;
  for (bool some = true; some;) {
    some = false;
    for (int i = 0; i < W->nthreads; i++) some |= adopt_passed(H, &W->threads[i]->log);
  }
  for (int i = 0; i < W->nthreads; i++) {
    W->threads[i]->log.passed.n = 0; /* what still waits is passed on by what is new */
    gain_logged(H, &W->threads[i]->log);
  }
  mark_roots(H);
  for (int i = 0; i < W->nthreads; i++) {
    H->epoch.n.born += births_new(&H->births, &W->threads[i]->births);
    births_settle(&H->births, &W->threads[i]->births);
  }
  settle_adopters(H);
  lose_row(H, &H->epoch.losses);
  for (int i = 0; i < W->nthreads; i++) lose_row(H, &W->threads[i]->log.words);
  scan_table(H);
}

#if MM_CHECK
/* --- Checking: counts are taken down by each reference that there is, and must then be 0; then they are put back. ----------------------- */

static __attribute__((noreturn)) void wrong(Heap *H, const char *what) {
  H->config->fail(RECLAIM_FAIL_CHECK, what);
  __builtin_trap(); /* fail does not return */
}

static bool is_stuck(const Heap *H, const Obj *o) { return o->count >= H->epoch.limit; }
static void expect_kept(Heap *H, Obj *o) {
  if (!(o->bits & OBJ_IMMORTAL) && !births_kept(&H->births, o)) wrong(H, "a reference or a root leads to what is not kept");
}

static inline void take_down(void *heap, Obj *o) {
  Heap *H = heap;
  expect_kept(H, o);
  if (is_stuck(H, o)) return;
  if (o->count < COUNT_ONE) wrong(H, "more references than were counted");
  o->count -= COUNT_ONE;
}
static inline void put_back(void *heap, Obj *o) {
  if (!is_stuck(heap, o)) o->count += COUNT_ONE;
}
static void check_flags(Heap *H, Obj *o) {
  uint32_t c = o->count;
  if (c & (COUNT_LOGGED | COUNT_GROWN | COUNT_ROOTED | COUNT_AGAIN)) wrong(H, "a flag is left over at the end of an epoch");
  if ((c & COUNT_COLOUR) != H->epoch.colour) wrong(H, "an object has the wrong colour");
  if ((c < COUNT_ONE) != !!(c & COUNT_TABLED)) wrong(H, "the zero-count table has not what has a count of 0");
}
static void take_down_all(void *heap, Obj *o) { each_reference(o, take_down, heap); }
static void check_count(void *heap, Obj *o) {
  Heap *H = heap;
  if (!is_stuck(H, o) && o->count >= COUNT_ONE) wrong(H, "more was counted than there are references");
}
static void check_object(void *heap, Obj *o) { check_flags(heap, o); }
static void put_back_all(void *heap, Obj *o) { each_reference(o, put_back, heap); }

void epoch_verify(Heap *H) {
  World *W = &H->world;
  births_each(&H->births, check_object, H);
  for (size_t i = 0; i < H->epoch.table.n; i++) expect_kept(H, H->epoch.table.v[i]);
  for (int i = 0; i < W->nthreads; i++)
    for (Link *l = W->threads[i]->top; l; l = l->prev)
      if (l->s.p_) expect_kept(H, l->s.p_);
  births_each(&H->births, take_down_all, H);
  births_each(&H->births, check_count, H);
  births_each(&H->births, put_back_all, H);
}
#endif
#endif
