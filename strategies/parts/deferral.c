/* deferral.c: the log of first writes; see deferral.h. */
#include MM_STRATEGY_HEADER

#ifdef RECLAIM_PARTS_DEFERRAL_H

/* Room for n words more. */
static COLD void make_room(Thr *T, size_t n) {
  Log *l = &T->log;
  while (l->words.cap < l->words.n + n) stack_grow(&l->words);
  l->room = l->words.cap < l->most ? l->words.cap : l->most;
  if (l->words.n + n <= l->room) return;
  l->room = l->words.n + n;
  atomic_store_explicit(&T->poll, 1, memory_order_relaxed);
}
/* A record of n words behind its head, not in the log yet. */
INLINE Obj **open_record(Thr *T, size_t n, Obj *o, unsigned kind, const void *word) {
  Log *l = &T->log;
  if (UNLIKELY(l->words.n + 2 + n > l->room)) make_room(T, 2 + n);
  Obj **r = l->words.v + l->words.n;
  r[0] = (Obj *)((char *)o + kind);
  r[1] = (Obj *)word;
  return r + 2;
}
/* (3): into the log, if it was claimed first. */
INLINE void close_record(Thr *T, size_t n, bool claimed, uint64_t *counter) {
  if (UNLIKELY(!claimed)) return;
  T->log.words.n += 2 + n;
  ++*counter;
}

/* (2) of deferral.h: true when the record is ours. Nobody else is there to race with for what was not published. */
INLINE bool claim(Obj *holder, uint32_t flag) {
  if (LIKELY(!(holder->bits & OBJ_SHARED))) {
    holder->count |= flag;
    return true;
  }
  return !(__atomic_fetch_or(&holder->count, flag, __ATOMIC_ACQ_REL) & flag);
}
INLINE bool claim_unit(Obj *holder, uint64_t *word, uint64_t bit) {
  if (LIKELY(!(holder->bits & OBJ_SHARED))) {
    *word |= bit;
    return true;
  }
  return !(__atomic_fetch_or(word, bit, __ATOMIC_ACQ_REL) & bit);
}

INLINE void copy_entry(Obj **r, const Entry *e) {
  bool is = load_relaxed(&e->hash);
  r[0] = is ? load_relaxed(&e->key) : NULL;
  r[1] = is ? load_relaxed(&e->value) : NULL;
}

static NOINLINE void log_object(Thr *T, Obj *o) {
  size_t n;
  Obj **f = fields_of(o, &n);
  if (o->kind == KIND_TABLE) n = 2 * (size_t)((Table *)o)->cap;
  Obj **r = open_record(T, n, o, RECORD_OBJECT, (void *)n);
  if (o->kind == KIND_TABLE)
    for (size_t i = 0; i < n; i += 2) copy_entry(r + i, &((Table *)o)->e[i / 2]);
  else
    for (size_t i = 0; i < n; i++) r[i] = load_relaxed(&f[i]);
  close_record(T, n, claim(o, COUNT_LOGGED), &T->log.objects);
}

INLINE void log_item(Thr *T, Array *a, Side *s, size_t i) {
  uint64_t *w = &s->logged[i / 64], bit = (uint64_t)1 << i % 64;
  if (load_acquire(w) & bit) return;
  *open_record(T, 1, &a->h, RECORD_ITEM, &a->v[i]) = load_relaxed(&a->v[i]);
  close_record(T, 1, claim_unit(&a->h, w, bit), &T->log.units);
}

static NOINLINE void log_grown(Thr *T, Array *a, Side *s) {
  if (load_acquire(&a->h.count) & COUNT_GROWN) return;
  open_record(T, 0, &a->h, RECORD_GROWN, (void *)(uintptr_t)s->counted);
  close_record(T, 0, claim(&a->h, COUNT_GROWN), &T->log.units);
}

INLINE void log_entry(Thr *T, Table *t, Side *s, size_t i) {
  uint64_t *w = &s->logged[i / 64], bit = (uint64_t)1 << i % 64;
  if (load_acquire(w) & bit) return;
  copy_entry(open_record(T, 2, &t->h, RECORD_ENTRY, &t->e[i]), &t->e[i]);
  close_record(T, 2, claim_unit(&t->h, w, bit), &T->log.units);
}

void log_write(Thr *T, Obj *holder, Obj **f) {
  Side *s = side_of(holder);
  if (!s) {
    log_object(T, holder);
  } else if (LIKELY(holder->kind == KIND_ARRAY)) {
    size_t i = (size_t)(f - ((Array *)holder)->v);
    if (LIKELY(i < s->counted))
      log_item(T, (Array *)holder, s, i);
    else
      log_grown(T, (Array *)holder, s);
  } else {
    log_entry(T, (Table *)holder, s, (size_t)((char *)f - (char *)((Table *)holder)->e) / sizeof(Entry));
  }
}

void log_writes(Thr *T, Obj *holder, Obj **f, size_t n) {
  Side *s = side_of(holder);
  if (!s) {
    log_object(T, holder);
    return;
  }
  if (holder->kind == KIND_ARRAY) {
    size_t first = (size_t)(f - ((Array *)holder)->v), end = first + n;
    for (size_t i = first; i < end && i < s->counted; i++) log_item(T, (Array *)holder, s, i);
    if (end > s->counted) log_grown(T, (Array *)holder, s);
    return;
  }
  size_t offset = (size_t)((char *)f - (char *)((Table *)holder)->e), end = offset + n * sizeof *f;
  for (size_t i = offset / sizeof(Entry); i * sizeof(Entry) < end; i++) log_entry(T, (Table *)holder, s, i);
}

void log_pass(Thr *T, Obj *to, Obj *from) {
  if (!side_of(from)) {
    if (!(load_acquire(&from->count) & COUNT_LOGGED)) log_object(T, from);
    return;
  }
  /* Of a new one, too: it may have been passed what is counted in its turn. */
  stack_push(&T->log.passed, from);
  stack_push(&T->log.passed, to);
}

void log_destroy(Log *l) {
  stack_free(&l->words);
  stack_free(&l->passed);
}
#endif
