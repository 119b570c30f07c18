/* objects.h: the object model that workloads are written against: none, bool, int, float, str, list, tuple, dict, node, generator,
   raw and boxed arrays. One source for all strategies; fast paths are inline, the rest is in objects.c.

   Conventions
   - Arguments are rooted slots and at most one owned value, which is consumed. A slot given as `Slot *` (not const) and named
     `..._taken` is emptied: its value moves into the new object.
   - A result is owned. An owned NULL means "there is none": no such item, no such key, an exhausted generator.
   - Ints, floats and strings are values: a strategy may copy one, so slot_same tells nothing of them.
   - Under every strategy that shares a heap, operations on a published (om_share) object are atomic one by one.
   - get and borrow: `list_get` and its like hand out an owner; inside BORROW the ref_* readers follow fields without one. */
#ifndef RECLAIM_OBJECTS_H
#define RECLAIM_OBJECTS_H

#include "runtime/fields.h"
#include "runtime/layout.h"

/* --- Leaves ------------------------------------------------------------------------------------------------------------------ */

INLINE OWNED Own none_new(Thr *T) {
  mm_retain0(T, &T->small[IMMORTAL_NONE].h);
  return own_nobodys(T, &T->small[IMMORTAL_NONE].h, true);
}
INLINE OWNED Own bool_new(Thr *T, bool v) {
  Obj *o = &T->small[v ? IMMORTAL_TRUE : IMMORTAL_FALSE].h;
  mm_retain0(T, o);
  return own_nobodys(T, o, true);
}
/* Small ones (SMALL_INT_MIN .. SMALL_INT_MAX) are immortal and made once. */
INLINE OWNED Own int_new(Thr *T, int64_t v) {
  mm_epoch(T);
  if ((uint64_t)v - (uint64_t)(int64_t)SMALL_INT_MIN < SMALL_INTS) {
    Obj *o = &T->small[IMMORTAL_INTS + (v - SMALL_INT_MIN)].h;
    mm_retain0(T, o);
    return own_nobodys(T, o, __builtin_constant_p(v));
  }
  Int *o = (Int *)mm_alloc(T, SIZE_LEAF, KIND_INT, 0);
  o->v = v;
  return own_mk(T, &o->h);
}
INLINE OWNED Own float_new(Thr *T, double v) {
  mm_epoch(T);
  Float *o = (Float *)mm_alloc(T, SIZE_LEAF, KIND_FLOAT, 0);
  o->v = v;
  return own_mk(T, &o->h);
}
/* Also of a bool (0, 1). */
INLINE int64_t int_value(Thr *T, const Slot *x) { return AS_INT(T, x->p_)->v; }
INLINE double float_value(Thr *T, const Slot *x) { return AS_FLOAT(T, x->p_)->v; }
/* Reads an owned int and releases it. */
INLINE int64_t own_int(Thr *T, Own x) {
  Obj *o = own_use(T, x);
  int64_t v = AS_INT(T, o)->v;
  if (OWNS_(x)) mm_release0(T, o);
  return v;
}
INLINE bool own_is_null(Own x) { return x.p_ == NULL; }

/* A string of `len` bytes, copied, with its hash. */
OWNED Own str_new(Thr *T, const char *bytes, size_t len);
/* `prefix` followed by `v` in decimal: the usual key. */
OWNED Own str_new_int(Thr *T, const char *prefix, int64_t v);
INLINE size_t str_len(Thr *T, const Slot *x) { return AS_STR(T, x->p_)->len; }
/* Inside BORROW only. */
INLINE const char *ref_bytes(Ref r) { return ((const Str *)r.p_)->s; }

/* Zeroed raw memory: no references inside. */
OWNED Own raw_new(Thr *T, size_t bytes);
INLINE size_t raw_size(Thr *T, const Slot *x) { return AS_RAW(T, x->p_)->size; }
INLINE int64_t raw_get(Thr *T, const Slot *x, size_t i) { return load_relaxed(&((int64_t *)AS_RAW(T, x->p_)->data)[i]); }
INLINE void raw_set(Thr *T, const Slot *x, size_t i, int64_t v) { store_relaxed(&((int64_t *)AS_RAW(T, x->p_)->data)[i], v); }

/* --- Lists -------------------------------------------------------------------------------------------------------------------- */

OWNED Own list_new(Thr *T, size_t capacity);
/* Items that a list has room for after n appends to list_new(T, 0): for live-byte formulas. */
size_t list_capacity_after(size_t n);
COLD size_t list_len_locked(Thr *T, const Slot *l);
COLD void list_append_slow(Thr *T, Slot *l, Own v);
Obj *list_get_shared(Thr *T, Slot *l, size_t i);
COLD void list_set_shared(Thr *T, Slot *l, size_t i, Own v);
OWNED COLD Own list_pop_shared(Thr *T, Slot *l);

INLINE size_t list_len(Thr *T, const Slot *l) {
  List *L = AS_LIST(T, l->p_);
  if (MM_UNIQUE_OWNERS && mm_is_raced(T, &L->h)) return list_len_locked(T, l);
  for (;;) {
    Array *a = load_acquire(&L->arr);
    size_t n = load_acquire(&a->len);
    if (!mm_is_concurrent(&L->h) || LIKELY(load_acquire(&L->arr) == a)) return n; /* else it grew: that array is the past */
  }
}

INLINE void list_append(Thr *T, Slot *l, Own v) {
  List *L = AS_LIST(T, l->p_);
  if (mm_is_concurrent(&L->h)) {
    list_append_slow(T, l, v);
    return;
  }
  Array *a = L->arr;
  if (UNLIKELY(a->len == a->cap)) {
    list_append_slow(T, l, v);
    return;
  }
  mm_store_new(T, &a->h, &a->v[a->len], field_in(T, array_fields(a), v));
  a->len++;
}
/* Owned NULL when there is no item i. */
INLINE OWNED Own list_get(Thr *T, Slot *l, size_t i) {
  List *L = AS_LIST(T, l->p_);
  if (mm_is_raced(T, &L->h)) return own_copied(T, list_get_shared(T, l, i));
  Array *a = L->arr;
  if (UNLIKELY(i >= a->len)) return own_copied(T, NULL);
  return own_copied(T, mm_load_locked(T, &a->h, &a->v[i])); /* the array of a list that is not shared is not */
}
/* Replaces item i, which must exist (on a shared list that others shorten: else nothing happens). */
INLINE void list_set(Thr *T, Slot *l, size_t i, Own v) {
  List *L = AS_LIST(T, l->p_);
  if (mm_is_concurrent(&L->h) || UNLIKELY(i >= L->arr->len)) {
    list_set_shared(T, l, i, v);
    return;
  }
  Array *a = L->arr;
  field_set(T, array_fields(a), &a->v[i], v);
}
/* Removes and hands back the last item; owned NULL when empty. */
INLINE OWNED Own list_pop(Thr *T, Slot *l) {
  List *L = AS_LIST(T, l->p_);
  if (mm_is_concurrent(&L->h)) return list_pop_shared(T, l);
  Array *a = L->arr;
  if (UNLIKELY(a->len == 0)) return own_mk(T, NULL);
  mm_leave(T, &a->h, &a->v[a->len - 1], 1);
  return field_out(T, array_fields(a), a->v[--a->len]); /* its owner was the list; now it is the caller */
}
/* Moves item i out, leaving NULL. Not on a shared list; nor on one whose items are somebody else's. */
INLINE OWNED Own list_take(Thr *T, Slot *l, size_t i) {
  Array *a = AS_LIST(T, l->p_)->arr;
  if (UNLIKELY(i >= a->len)) return own_mk(T, NULL);
  if (MM_CHECK && MM_UNIQUE_OWNERS && !array_owned(a)) mm_panic(T, "an item was taken from a list that does not own it");
  return own_mk(T, mm_exchange(T, &a->h, &a->v[i], NULL));
}
/* Items [from, to), clipped to the length, as a new list: the same objects, of which a slice or a concatenation is no owner where
   there can be one only. */
OWNED Own list_slice(Thr *T, Slot *l, size_t from, size_t to);
OWNED Own list_concat(Thr *T, Slot *a, Slot *b);
/* All items of `from`, which is about to be dropped, stand in `to`, which was cut and joined from it, and are its own from here on.
   Who counts or traces finds that out by himself; the only owner must be told. */
INLINE void list_pass(Thr *T, Slot *from, Slot *to) {
  fields_passed(array_fields(AS_LIST(T, to->p_)->arr), array_fields(AS_LIST(T, from->p_)->arr));
}

/* The field at `f` of the published object in `x`, where the count of a new local, or the end of its only owner, makes that a matter of
   its own. */
OWNED Own load_shared(Thr *T, Slot *x, Obj **f);
INLINE OWNED Own load_field(Thr *T, Slot *x, Obj **f) {
  if (MM_COUNTS_LOCALS ? mm_is_concurrent(x->p_) : MM_UNIQUE_OWNERS && mm_is_raced(T, x->p_)) return load_shared(T, x, f);
  return own_copied(T, mm_load_locked(T, x->p_, f));
}

/* --- Tuples and boxed arrays ----------------------------------------------------------------------------------------------------- */

/* (a, b): both move in, for good: a tuple is never written to. */
OWNED Own tuple_new2(Thr *T, Slot *a_taken, Own b);
/* n references, all NULL. */
OWNED Own array_new(Thr *T, size_t n);
INLINE size_t array_len(Thr *T, const Slot *x) { return AS_ARRAY(T, x->p_)->len; }
INLINE OWNED Own array_get(Thr *T, Slot *x, size_t i) {
  Array *a = AS_ARRAY(T, x->p_);
  if (UNLIKELY(i >= a->len)) return own_copied(T, NULL);
  return load_field(T, x, &a->v[i]);
}
COLD void array_set_slow(Thr *T, Slot *x, size_t i, Own v);
INLINE void array_set(Thr *T, Slot *x, size_t i, Own v) {
  Array *a = AS_BOXED(T, x->p_);
  if (mm_is_guarded(&a->h) || UNLIKELY(i >= a->len)) {
    array_set_slow(T, x, i, v);
    return;
  }
  field_set(T, array_fields(a), &a->v[i], v);
}
/* Puts v into place i and hands back what was there; where there is no such place, v. */
OWNED COLD Own array_swap_slow(Thr *T, Slot *x, size_t i, Own v);
INLINE OWNED Own array_swap(Thr *T, Slot *x, size_t i, Own v) {
  Array *a = AS_BOXED(T, x->p_);
  if (mm_is_guarded(&a->h) || UNLIKELY(i >= a->len)) return array_swap_slow(T, x, i, v);
  Obj *o = field_in(T, array_fields(a), v);
  return field_out(T, array_fields(a), mm_exchange(T, &a->h, &a->v[i], o));
}
/* Moves the item out, leaving NULL. Not on a shared array. */
INLINE OWNED Own array_take(Thr *T, Slot *x, size_t i) {
  Array *a = AS_BOXED(T, x->p_);
  if (UNLIKELY(i >= a->len)) return own_mk(T, NULL);
  return field_take(T, array_fields(a), &a->v[i]);
}

/* --- Dicts: keys are ints or strs --------------------------------------------------------------------------------------------------- */

/* Room for `entries` without growing. */
OWNED Own dict_new(Thr *T, size_t entries);
/* Entries that a dict's table has after n inserts into dict_new(T, 0), used or not: for live-byte formulas. */
size_t dict_capacity_after(size_t n);
COLD size_t dict_len_locked(Thr *T, const Slot *d);
INLINE size_t dict_len(Thr *T, const Slot *d) {
  Dict *D = AS_DICT(T, d->p_);
  if (MM_UNIQUE_OWNERS && mm_is_raced(T, &D->h)) return dict_len_locked(T, d);
  for (;;) {
    Table *t = load_acquire(&D->table);
    size_t n = load_acquire(&t->used);
    if (!mm_is_concurrent(&D->h) || LIKELY(load_acquire(&D->table) == t)) return n;
  }
}
/* Owned NULL when the key is not there. */
OWNED Own dict_get(Thr *T, Slot *d, const Slot *key);
/* Inserts or updates; true when the key was new. The key moves in where it is new and otherwise stays in its slot. */
bool dict_put(Thr *T, Slot *d, Slot *key_taken, Own value);
/* Removes; owned NULL when the key was not there, else the value. */
OWNED Own dict_remove(Thr *T, Slot *d, const Slot *key);
/* Adds `by` to the int at `key` (0 when absent) in one atomic step; the new value. Fresh key and value objects move in. */
int64_t dict_add(Thr *T, Slot *d, Slot *key_taken, int64_t by);
/* Entry at position i of the table (0 .. capacity), for walking: owned NULL where it is empty. Not on a dict that others write. */
size_t dict_capacity(Thr *T, const Slot *d);
OWNED Own dict_value_at(Thr *T, Slot *d, size_t i);

/* --- Nodes --------------------------------------------------------------------------------------------------------------------------- */

COLD void node_set_slow(Thr *T, Slot *x, unsigned i, Own v);

/* `edges` references, all NULL; few, and a constant, so that it is a few stores. */
INLINE OWNED Own node_bare(Thr *T, int64_t v, unsigned edges) {
  mm_epoch(T);
  Node *n = (Node *)mm_alloc(T, SIZE_NODE(edges), KIND_NODE, edges);
  n->v = v;
  for (unsigned i = 0; i < edges; i++) n->e[i] = NULL;
  return own_mk(T, &n->h);
}
INLINE OWNED Own node_leaf(Thr *T, int64_t v) { return node_bare(T, v, 2); }
INLINE OWNED Own node_new(Thr *T, int64_t v, Slot *l_taken, Own r) {
  Obj *keep = field_in(T, OWNING_FIELDS, r);
  mm_epoch(T);
  Two w = mm_alloc1(T, SIZE_NODE(2), KIND_NODE, 2, keep); /* only its slow path roots r */
  Node *n = (Node *)w.o;
  n->v = v;
  mm_init_move(T, &n->h, &n->e[0], field_in_slot(T, node_fields(n), l_taken));
  mm_init_move(T, &n->h, &n->e[1], w.keep);
  return own_mk(T, &n->h);
}
/* As node_bare, for any number of edges (at most 255). */
OWNED Own node_make(Thr *T, int64_t v, unsigned edges);
INLINE unsigned node_edges(Thr *T, const Slot *x) { return AS_NODE(T, x->p_)->h.n; }
INLINE int64_t node_value(Thr *T, const Slot *x) { return load_relaxed(&AS_NODE(T, x->p_)->v); }
INLINE void node_set_value(Thr *T, const Slot *x, int64_t v) { store_relaxed(&AS_NODE(T, x->p_)->v, v); }
INLINE OWNED Own node_get(Thr *T, Slot *x, unsigned i) { return load_field(T, x, &AS_NODE(T, x->p_)->e[i]); }
INLINE void node_set(Thr *T, Slot *x, unsigned i, Own v) {
  Node *n = AS_NODE(T, x->p_);
  if (mm_is_guarded(&n->h)) {
    node_set_slow(T, x, i, v);
    return;
  }
  field_set(T, node_fields(n), &n->e[i], v);
}
/* Moves the edge out, leaving NULL. Not on a shared node. */
INLINE OWNED Own node_take(Thr *T, Slot *x, unsigned i) {
  Node *n = AS_NODE(T, x->p_);
  return field_take(T, node_fields(n), &n->e[i]);
}

/* In-place reuse, for programs that make a changed copy of what they then drop (Ullrich and de Moura 2019; Reinking et al. 2021,
   "Perceus"). Where a count tells that the caller has the only reference and the tunable `reuse` is on, node_open moves the edge out
   instead of counting it, and node_renew makes the new node in the old one's place; elsewhere they copy and allocate. The only owner
   that there can be always moves the edge out. */
INLINE OWNED Own node_open(Thr *T, Slot *x, unsigned i) {
  Node *n = AS_NODE(T, x->p_);
  if (slot_is_sole(T, x) || (MM_UNIQUE_OWNERS && OWNS_(*x))) return field_take(T, node_fields(n), &n->e[i]);
  return node_get(T, x, i);
}
/* As node_new; x, a node, is dropped, and is what comes back where it can be: the only reference, and of two edges. */
INLINE OWNED Own node_renew(Thr *T, Slot *x_taken, int64_t v, Slot *l_taken, Own r) {
  Node *n = AS_NODE(T, x_taken->p_);
  if (!slot_is_sole(T, x_taken) || UNLIKELY(n->h.n != 2)) {
    Own made = node_new(T, v, l_taken, r);
    slot_clear(T, x_taken);
    return made;
  }
  TALLY(T, reuses);
  Obj *right = field_in(T, node_fields(n), r);
  mm_epoch(T); /* as if it were allocated: a program that is right with reuse is right without */
  n->v = v;
  Obj *l = mm_exchange(T, &n->h, &n->e[0], field_in_slot(T, node_fields(n), l_taken));
  Obj *old = mm_exchange(T, &n->h, &n->e[1], right);
  x_taken->p_ = NULL;
  mm_release0(T, l);
  mm_release0(T, old);
  return own_mk(T, &n->h);
}
/* An int of value v; x, an int, is dropped, and is what comes back where it can be. */
INLINE OWNED Own int_renew(Thr *T, Slot *x_taken, int64_t v) {
  (void)AS_INT(T, x_taken->p_);
  if (!slot_is_sole(T, x_taken) || (uint64_t)v - (uint64_t)(int64_t)SMALL_INT_MIN < SMALL_INTS) {
    slot_clear(T, x_taken);
    return int_new(T, v);
  }
  TALLY(T, reuses);
  mm_epoch(T);
  ((Int *)x_taken->p_)->v = v;
  return slot_take(T, x_taken);
}

/* --- Generators: heap frames -------------------------------------------------------------------------------------------------------------- */

/* Resumes the frame in `self`: hands back the next value, or gen_end() when there is none. The frame's state is gen_state. */
typedef Own GenRun(Thr *T, Slot *self);

/* A suspended frame with nrefs references (NULL) and nwords integers (0), state 0. */
OWNED Own gen_new(Thr *T, GenRun *run, unsigned nrefs, unsigned nwords);
COLD __attribute__((noreturn)) void gen_twice(Thr *T);

INLINE int64_t gen_word(Thr *T, const Slot *g, unsigned i) { return gen_words(AS_GEN(T, g->p_))[i]; }
INLINE void gen_set_word(Thr *T, const Slot *g, unsigned i, int64_t v) { gen_words(AS_GEN(T, g->p_))[i] = v; }
INLINE int32_t gen_state(Thr *T, const Slot *g) { return AS_GEN(T, g->p_)->state; }
INLINE void gen_set_state(Thr *T, const Slot *g, int32_t s) { AS_GEN(T, g->p_)->state = s; }
INLINE OWNED Own gen_ref(Thr *T, Slot *g, unsigned i) { return load_field(T, g, &AS_GEN(T, g->p_)->refs[i]); }
COLD void gen_set_ref_slow(Thr *T, Slot *g, unsigned i, Own v);
INLINE void gen_set_ref(Thr *T, Slot *g, unsigned i, Own v) {
  Gen *G = AS_GEN(T, g->p_);
  if (mm_is_guarded(&G->h)) {
    gen_set_ref_slow(T, g, i, v);
    return;
  }
  field_set(T, gen_fields(G), &G->refs[i], v);
}
/* What a resume function hands back when there is no more. */
INLINE OWNED Own gen_end(Thr *T, const Slot *self) {
  gen_set_state(T, self, GEN_DONE);
  return own_mk(T, NULL);
}
/* The next value; owned NULL when exhausted. Resuming one that is being resumed stops the program: its frame is in use. */
INLINE OWNED Own gen_next(Thr *T, Slot *g) {
  mm_poll(T);
  Gen *G = AS_GEN(T, g->p_);
  if (G->state == GEN_DONE) return own_mk(T, NULL);
  if (mm_is_concurrent(&G->h) ? __atomic_exchange_n(&G->running, 1, __ATOMIC_ACQUIRE) : G->running) gen_twice(T);
  G->running = 1;
  Own v = ((GenRun *)G->run)(T, g);
  G = (Gen *)g->p_; /* it may have moved */
  store_release(&G->running, 0);
  return v;
}
/* The next value of the generator in reference i of the frame `self`, which is being resumed and therefore keeps it: no count. */
INLINE OWNED Own gen_next_in(Thr *T, Slot *self, unsigned i) {
  HOLD(T, inner, AS_GEN(T, self->p_)->refs[i]);
  return gen_next(T, inner);
}

/* --- Borrowed readers, inside BORROW only -------------------------------------------------------------------------------------------------- */

INLINE unsigned ref_kind(Ref r) { return r.p_->kind; }
/* Of a raw array. */
INLINE int64_t ref_word(Ref r, size_t i) { return load_relaxed(&((const int64_t *)((const Raw *)r.p_)->data)[i]); }
INLINE int64_t ref_int(Ref r) { return ((const Int *)r.p_)->v; }
INLINE int64_t ref_value(Ref r) { return load_relaxed(&((const Node *)r.p_)->v); }
INLINE unsigned ref_edges(Ref r) { return r.p_->n; }
INLINE Ref ref_edge(Ref r, unsigned i) { return ref_follow(r, load_acquire(&((const Node *)r.p_)->e[i])); }
INLINE Ref ref_items(Ref list) { return ref_follow(list, (const Obj *)load_acquire(&((const List *)list.p_)->arr)); }
/* Of what ref_items gave, a tuple or a boxed array. */
INLINE size_t ref_len(Ref items) { return load_acquire(&((const Array *)items.p_)->len); }
INLINE Ref ref_item(Ref items, size_t i) { return ref_follow(items, load_acquire(&((const Array *)items.p_)->v[i])); }

#endif
