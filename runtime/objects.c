/* objects.c: the parts of objects.h that are not worth inlining, and everything that takes an object's lock.

   The shape of every locked operation: what is to be stored is rooted and shared first (that may allocate, move and collect); new
   memory is made before the lock is taken; after the lock every pointer is read anew; old values are released after unlocking. */
#include "runtime/objects.h"

#include <stdio.h>
#include <stdlib.h>

void mm_panic(Thr *T, const char *what) {
  if (T && T->heap && T->heap->config->fail) T->heap->config->fail(RECLAIM_FAIL_CHECK, what);
  fprintf(stderr, "reclaim: %s\n", what);
  abort();
}

INLINE void lock(Thr *T, Slot *x) {
#if MM_LOCKS_OBJECTS
  park_lock(T, x->p_);
#else
  (void)T, (void)x;
#endif
}
INLINE void unlock(Slot *x) {
#if MM_LOCKS_OBJECTS
  park_unlock(x->p_);
#else
  (void)x;
#endif
}

/* What is about to be stored into a shared object becomes shared. */
INLINE void share_value(Thr *T, Slot *v) {
  if (v->p_ && MM_LOCKS_OBJECTS && !obj_is_shared(v->p_)) mm_share_slow(T, &v->p_);
}
/* Parts of a shared container that were just made: shared like it. */
INLINE void share_part(Thr *T, Slot *container, Slot *part) {
  if (mm_is_concurrent(container->p_)) share_value(T, part);
}

/* --- Strings and raw memory --------------------------------------------------------------------------------------------------- */

/* FNV-1a, finished with a multiply so that low bits are good; never 0. */
static uint32_t hash_bytes(const char *s, size_t n) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
  h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(h >> 32) | 1;
}

Own str_new(Thr *T, const char *bytes, size_t len) {
  mm_epoch(T);
  Str *s = (Str *)mm_alloc(T, SIZE_STR(len), KIND_STR, 0);
  s->len = (uint32_t)len;
  s->hash = hash_bytes(bytes, len);
  memcpy(s->s, bytes, len);
  return own_mk(T, &s->h);
}

Own str_new_int(Thr *T, const char *prefix, int64_t v) {
  char buffer[64], *at = buffer + sizeof buffer;
  uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
  do *--at = (char)('0' + u % 10);
  while (u /= 10);
  if (v < 0) *--at = '-';
  size_t n = strlen(prefix);
  if (n > (size_t)(at - buffer)) n = (size_t)(at - buffer);
  at -= n;
  memcpy(at, prefix, n);
  return str_new(T, at, (size_t)(buffer + sizeof buffer - at));
}

Own raw_new(Thr *T, size_t bytes) {
  mm_epoch(T);
  Raw *r = (Raw *)mm_alloc(T, SIZE_RAW(bytes), KIND_RAW, 0);
  r->size = bytes;
  memset(r->data, 0, bytes);
  return own_mk(T, &r->h);
}

/* --- Lists ---------------------------------------------------------------------------------------------------------------------- */

enum { LIST_MIN = 4 };

static OWNED Own array_empty(Thr *T, size_t cap) {
  mm_epoch(T);
  Array *a = (Array *)mm_alloc(T, SIZE_ARRAY(cap), KIND_ARRAY, 0);
  a->len = 0;
  a->cap = (uint32_t)cap;
  return own_mk(T, &a->h);
}

Own list_new(Thr *T, size_t capacity) {
  LET(T, a, array_empty(T, capacity < LIST_MIN ? LIST_MIN : capacity));
  mm_epoch(T);
  List *L = (List *)mm_alloc(T, SIZE_LIST, KIND_LIST, 0);
  mm_init_move(T, &L->h, (Obj **)&L->arr, a->p_);
  a->p_ = NULL;
  return own_mk(T, &L->h);
}

/* Grows by half: amortised constant, at most a third of the array unused. */
static size_t grown(size_t cap) { return cap + (cap >> 1) + LIST_MIN; }

size_t list_capacity_after(size_t n) {
  size_t cap = LIST_MIN;
  while (cap < n) cap = grown(cap);
  return cap;
}

/* Puts the bigger array `a` in place of the list's own, unless another thread has done it. Locked where shared. */
static void list_install(Thr *T, Slot *l, Slot *a) {
  List *L = AS_LIST(T, l->p_);
  Array *old = L->arr, *new = AS_ARRAY(T, a->p_);
  if (old->cap >= new->cap) return;
  mm_move_range(T, &new->h, new->v, old->v, old->len * sizeof *old->v);
  store_release(&new->len, old->len);
  fields_moved(array_fields(new), array_fields(old));
  a->p_ = mm_exchange(T, &L->h, (Obj **)&L->arr, &new->h); /* ends with the slot, after unlocking */
  mm_pass(T, &new->h, &old->h);
  /* its items have moved: its end releases none (a reader may still look at them) */
  if (MM_COUNTS_HEAP || MM_UNIQUE_OWNERS) old->h.n = ITEMS_ELSEWHERE;
}

void list_append_slow(Thr *T, Slot *l, Own v) {
  LET(T, x, v);
  mm_epoch(T);
  bool shared = mm_is_concurrent(l->p_);
  if (shared) share_value(T, x);
  for (;;) {
    if (shared) lock(T, l);
    Array *a = AS_LIST(T, l->p_)->arr;
    size_t cap = a->cap;
    if (a->len < cap) {
      mm_store_new(T, &a->h, &a->v[a->len], field_in_slot(T, array_fields(a), x));
      store_release(&a->len, a->len + 1);
      if (shared) unlock(l);
      return;
    }
    if (shared) unlock(l);
    LET(T, bigger, array_empty(T, grown(cap)));
    share_part(T, l, bigger);
    if (shared) lock(T, l);
    list_install(T, l, bigger);
    if (shared) unlock(l);
  }
}

size_t list_len_locked(Thr *T, const Slot *l) {
  lock(T, (Slot *)l);
  size_t n = AS_LIST(T, l->p_)->arr->len;
  unlock((Slot *)l);
  return n;
}

/* Without the lock: what was found, or that nothing was, is right if the list still has that array afterwards. An array that was
   replaced keeps stale items, which may be dead: that is no reason to look there again. */
Obj *list_get_shared(Thr *T, Slot *l, size_t i) {
  if (mm_locks_reads(T)) {
    lock(T, l);
    Array *a = AS_LIST(T, l->p_)->arr;
    Obj *v = i < a->len ? mm_load_locked(T, &a->h, &a->v[i]) : NULL;
    unlock(l);
    return v;
  }
  for (;;) {
    List *L = AS_LIST(T, l->p_);
    Array *a = load_acquire(&L->arr);
    Obj *v = NULL;
    if (i < load_acquire(&a->len) && !mm_load_try(T, &a->h, &a->v[i], &v)) {
      cpu_relax();
      continue;
    }
    if (LIKELY(load_acquire(&L->arr) == a)) return v;
    own_drop(T, own_copied(T, v));
  }
}

void list_set_shared(Thr *T, Slot *l, size_t i, Own v) {
  LET(T, x, v);
  mm_epoch(T);
  share_value(T, x);
  lock(T, l);
  Array *a = AS_LIST(T, l->p_)->arr;
  if (i < a->len) field_swap(T, array_fields(a), &a->v[i], x);
  unlock(l);
}

Own list_pop_shared(Thr *T, Slot *l) {
  lock(T, l);
  Array *a = AS_LIST(T, l->p_)->arr;
  Own v = own_mk(T, NULL);
  if (a->len) {
    mm_leave(T, &a->h, &a->v[a->len - 1], 1);
    store_release(&a->len, a->len - 1);
    v = field_take(T, array_fields(a), &a->v[a->len]); /* a reader that saw the old length must not wait for a dead item */
  }
  unlock(l);
  return v;
}

/* Appends items [from, to) of `l`, clipped to its length, to the list `r`, which no other thread knows; false and nothing done when
   they are more than it has room for, since `l` grew meanwhile. Under the lock where shared: a popped item is nobody's. */
static bool append_items(Thr *T, Slot *r, Slot *l, size_t from, size_t to) {
  bool shared = mm_is_concurrent(l->p_);
  if (shared) lock(T, l);
  Array *src = AS_LIST(T, l->p_)->arr, *dst = AS_LIST(T, r->p_)->arr;
  if (to > src->len) to = src->len;
  if (from > to) from = to;
  bool fits = to - from <= dst->cap - dst->len;
  if (fits) {
    mm_copy_range(T, &dst->h, dst->v + dst->len, src->v + from, to - from);
    fields_copied(T, array_fields(dst), to - from);
    dst->len += (uint32_t)(to - from);
  }
  if (shared) unlock(l);
  return fits;
}

Own list_slice(Thr *T, Slot *l, size_t from, size_t to) {
  for (;;) {
    size_t len = list_len(T, l), end = to < len ? to : len;
    LET(T, r, list_new(T, end > from ? end - from : 0));
    if (LIKELY(append_items(T, r, l, from, to))) return slot_take(T, r);
  }
}

Own list_concat(Thr *T, Slot *a, Slot *b) {
  for (;;) {
    LET(T, r, list_new(T, list_len(T, a) + list_len(T, b)));
    if (LIKELY(append_items(T, r, a, 0, SIZE_MAX) && append_items(T, r, b, 0, SIZE_MAX))) return slot_take(T, r);
  }
}

/* --- Tuples, boxed arrays, nodes -------------------------------------------------------------------------------------------------- */

Own tuple_new2(Thr *T, Slot *a_taken, Own b) {
  Obj *keep = own_use(T, b);
  mm_epoch(T);
  Two w = mm_alloc1(T, SIZE_ARRAY(2), KIND_TUPLE, 0, keep);
  Array *t = (Array *)w.o;
  t->len = t->cap = 2;
  mm_init_move(T, &t->h, &t->v[0], field_in_slot(T, array_fields(t), a_taken));
  mm_init_move(T, &t->h, &t->v[1], field_in(T, array_fields(t), own_of(T, w.keep, OWNS_(b))));
  return own_mk(T, &t->h);
}

Own array_new(Thr *T, size_t n) {
  mm_epoch(T);
  Array *a = (Array *)mm_alloc(T, SIZE_ARRAY(n), KIND_ARRAY, 0);
  a->len = a->cap = (uint32_t)n;
  memset(a->v, 0, n * sizeof *a->v);
  return own_mk(T, &a->h);
}

Own array_swap_slow(Thr *T, Slot *x, size_t i, Own v) {
  LET(T, y, v);
  mm_epoch(T);
  bool shared = mm_is_concurrent(x->p_);
  if (shared) share_value(T, y), lock(T, x);
  Array *a = AS_BOXED(T, x->p_);
  if (i < a->len) field_swap(T, array_fields(a), &a->v[i], y);
  if (shared) unlock(x);
  return slot_take(T, y);
}

void array_set_slow(Thr *T, Slot *x, size_t i, Own v) { own_drop(T, array_swap_slow(T, x, i, v)); }

Own load_shared(Thr *T, Slot *x, Obj **f) {
  if (LIKELY(!mm_locks_reads(T))) return own_copied(T, mm_load_own(T, x->p_, f));
  lock(T, x);
  Obj *v = mm_load_locked(T, x->p_, f);
  unlock(x);
  return own_copied(T, v);
}

/* n fields of a new object become NULL: of a small one in line, which is most of them and less than a call of memset. */
INLINE void clear_fields(Obj **f, unsigned n) {
  switch (n) {
  case 4: f[3] = NULL; __attribute__((fallthrough));
  case 3: f[2] = NULL; __attribute__((fallthrough));
  case 2: f[1] = NULL; __attribute__((fallthrough));
  case 1: f[0] = NULL; __attribute__((fallthrough));
  case 0: return;
  default: memset(f, 0, n * sizeof *f);
  }
}

Own node_make(Thr *T, int64_t v, unsigned edges) {
  mm_epoch(T);
  Node *n = (Node *)mm_alloc(T, SIZE_NODE(edges), KIND_NODE, edges);
  n->v = v;
  clear_fields(n->e, edges);
  return own_mk(T, &n->h);
}

void node_set_slow(Thr *T, Slot *x, unsigned i, Own v) {
  LET(T, y, v);
  mm_epoch(T);
  bool shared = mm_is_concurrent(x->p_);
  if (shared) share_value(T, y), lock(T, x);
  Node *n = AS_NODE(T, x->p_);
  field_swap(T, node_fields(n), &n->e[i], y);
  if (shared) unlock(x);
}

void gen_set_ref_slow(Thr *T, Slot *g, unsigned i, Own v) {
  LET(T, y, v);
  mm_epoch(T);
  bool shared = mm_is_concurrent(g->p_);
  if (shared) share_value(T, y), lock(T, g);
  Gen *G = AS_GEN(T, g->p_);
  field_swap(T, gen_fields(G), &G->refs[i], y);
  if (shared) unlock(g);
}

/* --- Dicts -------------------------------------------------------------------------------------------------------------------------- */

enum { TABLE_MIN = 8 };

/* Never 0, which marks an empty entry. Fibonacci multiply: keys that count up would otherwise cluster. */
static uint64_t key_hash(const Obj *key) {
  uint64_t h = key->kind == KIND_STR ? ((const Str *)key)->hash : (uint64_t)((const Int *)key)->v;
  h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
  return h ^ h >> 29 ? h ^ h >> 29 : 1;
}

static bool key_equal(const Obj *a, const Obj *b) {
  if (a == b) return true;
  if (a->kind != b->kind) return false;
  if (a->kind != KIND_STR) return ((const Int *)a)->v == ((const Int *)b)->v;
  const Str *s = (const Str *)a, *t = (const Str *)b;
  return s->len == t->len && memcmp(s->s, t->s, s->len) == 0;
}

/* The entry of `key`, or the empty one where it belongs. */
static Entry *table_find(Table *t, uint64_t hash, const Obj *key) {
  size_t mask = t->cap - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Entry *e = &t->e[i];
    if (!e->hash || (e->hash == hash && key_equal(e->key, key))) return e;
  }
}

static bool table_is_full(const Table *t) { return (uint64_t)t->used * 3 >= (uint64_t)t->cap * 2; }

static OWNED Own table_new(Thr *T, size_t cap) {
  mm_epoch(T);
  Table *t = (Table *)mm_alloc(T, SIZE_TABLE(cap), KIND_TABLE, 0);
  t->cap = (uint32_t)cap;
  t->used = 0;
  memset(t->e, 0, cap * sizeof *t->e);
  return own_mk(T, &t->h);
}

size_t dict_capacity_after(size_t n) {
  size_t cap = TABLE_MIN;
  while (n && (n - 1) * 3 >= cap * 2) cap *= 2;
  return cap;
}

Own dict_new(Thr *T, size_t entries) {
  size_t cap = TABLE_MIN;
  while (entries * 3 >= cap * 2) cap *= 2;
  LET(T, t, table_new(T, cap));
  mm_epoch(T);
  Dict *d = (Dict *)mm_alloc(T, SIZE_DICT, KIND_DICT, 0);
  mm_init_move(T, &d->h, (Obj **)&d->table, t->p_);
  t->p_ = NULL;
  return own_mk(T, &d->h);
}

/* Who treats tables whose values are all leaves apart is told of every value that one gets. */
#ifndef MM_TABLE_GETS
#define MM_TABLE_GETS(T, t, value) ((void)0)
#endif

/* Moves all entries of `old`, which is left empty; where counts are made up later, it dies with its copies. */
static void table_move(Thr *T, Table *new, Table *old) {
  size_t mask = new->cap - 1;
  for (Entry *e = old->e, *end = e + old->cap; e < end; e++) {
    if (!e->hash) continue;
    size_t i = e->hash & mask;
    while (new->e[i].hash) i = (i + 1) & mask;
    mm_move_range(T, &new->h, &new->e[i], e, sizeof *e);
    MM_TABLE_GETS(T, &new->h, new->e[i].value);
    if (!MM_DEFERS_COUNTS) e->hash = 0;
  }
  new->used = old->used;
  fields_moved(table_values(new), table_values(old));
}

/* Grows the dict's table to twice `cap`, unless another thread has done it. Takes the lock where shared. */
static void dict_grow(Thr *T, Slot *d, size_t cap) {
  LET(T, bigger, table_new(T, 2 * cap));
  share_part(T, d, bigger);
  bool shared = mm_is_concurrent(d->p_);
  if (shared) lock(T, d);
  Dict *D = AS_DICT(T, d->p_);
  if (D->table->cap == cap) {
    Table *new = (Table *)bigger->p_;
    table_move(T, new, D->table);
    bigger->p_ = mm_exchange(T, &D->h, (Obj **)&D->table, &new->h); /* published with its length: dict_len takes no lock */
  }
  if (shared) unlock(d);
}

/* Each of the next three is compiled twice, so that the way without the lock carries nothing of the other. */
INLINE Own dict_get_as(Thr *T, Slot *d, const Slot *key, bool shared) {
  uint64_t hash = key_hash(key->p_);
  if (shared) lock(T, d);
  Table *t = AS_DICT(T, d->p_)->table;
  Entry *e = table_find(t, hash, key->p_);
  Obj *v = e->hash ? mm_load_locked(T, &t->h, &e->value) : NULL;
  if (shared) unlock(d);
  return own_copied(T, v);
}
static NOINLINE Own dict_get_shared(Thr *T, Slot *d, const Slot *key) { return dict_get_as(T, d, key, true); }
Own dict_get(Thr *T, Slot *d, const Slot *key) {
  return mm_is_raced(T, d->p_) ? dict_get_shared(T, d, key) : dict_get_as(T, d, key, false);
}

size_t dict_len_locked(Thr *T, const Slot *d) {
  lock(T, (Slot *)d);
  size_t n = AS_DICT(T, d->p_)->table->used;
  unlock((Slot *)d);
  return n;
}

INLINE void entry_fill(Thr *T, Table *t, Entry *e, uint64_t hash, Slot *key, Slot *value) {
  Obj *v = field_in_slot(T, table_values(t), value);
  mm_store_new(T, &t->h, &e->key, field_in_slot(T, table_keys(t), key));
  mm_store_new(T, &t->h, &e->value, v);
  MM_TABLE_GETS(T, &t->h, v);
  e->hash = hash;
  store_release(&t->used, t->used + 1);
}

INLINE bool dict_put_as(Thr *T, Slot *d, Slot *key, Own value, bool shared) {
  LET(T, v, value);
  mm_epoch(T);
  if (shared) share_value(T, key), share_value(T, v);
  uint64_t hash = key_hash(key->p_);
  for (;;) {
    if (shared) lock(T, d);
    Table *t = AS_DICT(T, d->p_)->table;
    Entry *e = table_find(t, hash, key->p_);
    bool is_new = !e->hash;
    if (!is_new) {
      MM_TABLE_GETS(T, &t->h, v->p_);
      field_swap(T, table_values(t), &e->value, v);
    } else if (UNLIKELY(table_is_full(t))) {
      size_t cap = t->cap;
      if (shared) unlock(d);
      dict_grow(T, d, cap);
      continue;
    } else {
      entry_fill(T, t, e, hash, key, v);
    }
    if (shared) unlock(d);
    return is_new;
  }
}
static NOINLINE bool dict_put_shared(Thr *T, Slot *d, Slot *key, Own value) { return dict_put_as(T, d, key, value, true); }
bool dict_put(Thr *T, Slot *d, Slot *key, Own value) {
  return mm_is_concurrent(d->p_) ? dict_put_shared(T, d, key, value) : dict_put_as(T, d, key, value, false);
}

int64_t dict_add(Thr *T, Slot *d, Slot *key, int64_t by) {
  bool shared = mm_is_concurrent(d->p_);
  if (shared) share_value(T, key);
  uint64_t hash = key_hash(key->p_);
  for (;;) {
    /* The sum is not known before the lock is held, and nothing may be allocated while it is: guess, then check. */
    LET(T, old, dict_get(T, d, key));
    int64_t sum = (old->p_ ? int_value(T, old) : 0) + by;
    LET(T, v, int_new(T, sum));
    if (shared) share_value(T, v);
    if (shared) lock(T, d);
    Table *t = AS_DICT(T, d->p_)->table;
    Entry *e = table_find(t, hash, key->p_);
    bool unchanged = e->hash ? e->value == old->p_ : !old->p_;
    size_t full = 0;
    if (unchanged && e->hash)
      field_swap(T, table_values(t), &e->value, v);
    else if (unchanged && table_is_full(t))
      full = t->cap;
    else if (unchanged)
      entry_fill(T, t, e, hash, key, v);
    if (shared) unlock(d);
    if (full)
      dict_grow(T, d, full);
    else if (unchanged)
      return sum;
  }
}

/* Closes the gap at `at` by shifting back every later entry of the run that may stand there (Knuth's algorithm R). */
static void table_close(Thr *T, Table *t, size_t at) {
  size_t mask = t->cap - 1;
  for (size_t i = (at + 1) & mask; t->e[i].hash; i = (i + 1) & mask) {
    size_t home = t->e[i].hash & mask;
    if (((i - home) & mask) < ((i - at) & mask)) continue;
    mm_move_range(T, &t->h, &t->e[at], &t->e[i], sizeof t->e[i]);
    at = i;
  }
  mm_leave(T, &t->h, &t->e[at].key, 2);
  t->e[at].hash = 0;
  store_release(&t->used, t->used - 1);
}

INLINE Own dict_remove_as(Thr *T, Slot *d, const Slot *key, bool shared) {
  uint64_t hash = key_hash(key->p_);
  if (shared) lock(T, d);
  Table *t = AS_DICT(T, d->p_)->table;
  Entry *e = table_find(t, hash, key->p_);
  Own k = own_mk(T, NULL), v = own_mk(T, NULL);
  if (e->hash) {
    k = field_out(T, table_keys(t), e->key); /* both owners pass from the table to us */
    v = field_out(T, table_values(t), e->value);
    table_close(T, t, (size_t)(e - t->e));
  }
  if (shared) unlock(d);
  own_drop(T, k);
  return v;
}
static NOINLINE Own dict_remove_shared(Thr *T, Slot *d, const Slot *key) { return dict_remove_as(T, d, key, true); }
Own dict_remove(Thr *T, Slot *d, const Slot *key) {
  return mm_is_concurrent(d->p_) ? dict_remove_shared(T, d, key) : dict_remove_as(T, d, key, false);
}

size_t dict_capacity(Thr *T, const Slot *d) { return AS_DICT(T, d->p_)->table->cap; }

Own dict_value_at(Thr *T, Slot *d, size_t i) {
  Table *t = AS_DICT(T, d->p_)->table;
  return own_copied(T, i < t->cap && t->e[i].hash ? mm_load_own(T, &t->h, &t->e[i].value) : NULL);
}

/* --- Generators ----------------------------------------------------------------------------------------------------------------------- */

Own gen_new(Thr *T, GenRun *run, unsigned nrefs, unsigned nwords) {
  mm_epoch(T);
  Gen *g = (Gen *)mm_alloc(T, SIZE_GEN(nrefs, nwords), KIND_GEN, nrefs);
  g->run = (void (*)(void))run;
  g->state = 0;
  g->nwords = (uint16_t)nwords;
  g->running = g->marks = 0;
  clear_fields(g->refs, nrefs + nwords);
  return own_mk(T, &g->h);
}

void gen_twice(Thr *T) { mm_panic(T, "a generator that is being resumed was resumed again"); }
