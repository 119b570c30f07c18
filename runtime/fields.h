/* fields.h: values on their way into the fields of objects and out of them, for the object model.

   Where references are counted, traced or never dropped, a field is a reference like any other, and each of these is one operation of
   the strategy. Where an object has one owner (MM_UNIQUE_OWNERS), a field owns what was moved into it: a borrowed value stored there
   would be a second reference. Edges of nodes, items of tuples and the parts of lists and dicts are owners without exception. The
   items of an array, the values of a table, its keys, and the references of a frame may instead all belong to somebody else, as the
   first of them did (ITEMS_ELSEWHERE): what C has beside the array that owns, namely the one that refers: a slice, a record whose keys
   are another's names, an iterator. Such a holder frees none of them, and what is taken out of it is borrowed.

   A checked build stops the program that stores a borrowed value among owners or an owner among borrowed ones, so that a workload's
   claim of known lifetimes is tested. Immortal objects are nobody's: they go anywhere. */
#ifndef RECLAIM_FIELDS_H
#define RECLAIM_FIELDS_H

#include "runtime/mm.h"

/* Fields that are alike: those of an object, or of a table its keys or its values. */
typedef struct Fields {
  Obj *holder;
  uint8_t *marks; /* NULL: always owners */
  unsigned shift; /* of ITEMS_* in *marks */
} Fields;

#define OWNING_FIELDS ((Fields){NULL, NULL, 0}) /* of a node that is not made yet; a global */
INLINE Fields node_fields(Node *n) { return (Fields){&n->h, NULL, 0}; }
INLINE Fields array_fields(Array *a) { return (Fields){&a->h, &a->h.n, 0}; }
INLINE Fields gen_fields(Gen *g) { return (Fields){&g->h, &g->marks, 0}; }
INLINE Fields table_values(Table *t) { return (Fields){&t->h, &t->h.n, 0}; }
INLINE Fields table_keys(Table *t) { return (Fields){&t->h, &t->h.n, ITEMS_KEYS}; }

#if MM_UNIQUE_OWNERS

INLINE bool is_nobodys(const Obj *o) { return !o || o->bits & OBJ_IMMORTAL; }
INLINE bool fields_marked(Fields f, unsigned mark) { return f.marks && *f.marks & mark << f.shift; }
INLINE void fields_mark(Fields f, unsigned mark) { *f.marks = (uint8_t)(*f.marks | mark << f.shift); }

/* The pointer to store. */
INLINE Obj *field_in(Thr *T, Fields f, Own v) {
  Obj *o = own_use(T, v);
  if (UNLIKELY(!v.owns) && !is_nobodys(o)) {
    if (MM_CHECK && (!f.marks || fields_marked(f, ITEMS_OWNED)))
      mm_panic(T, "a borrowed value was stored among owners: a second reference to what has one owner");
    if (f.marks) fields_mark(f, ITEMS_ELSEWHERE);
  }
  if (MM_CHECK && v.owns && f.marks && !is_nobodys(o)) {
    if (fields_marked(f, ITEMS_ELSEWHERE)) mm_panic(T, "an owner was stored among borrowed values: nothing would free it");
    fields_mark(f, ITEMS_OWNED);
  }
  return o;
}
/* What was read from a field that no longer holds it. */
INLINE OWNED Own field_out(Thr *T, Fields f, Obj *o) { return own_of(T, o, !fields_marked(f, ITEMS_ELSEWHERE)); }
/* The items of `from` now stand in `to`. */
INLINE void fields_moved(Fields to, Fields from) { *to.marks |= *from.marks; }
/* Those in `f` were copied from elsewhere, n of them. */
INLINE void fields_copied(Thr *T, Fields f, size_t n) {
  if (!n) return;
  if (MM_CHECK && fields_marked(f, ITEMS_OWNED)) mm_panic(T, "references were copied among owners");
  fields_mark(f, ITEMS_ELSEWHERE);
}
/* Those of `from`, which were copied to `to`, now belong there. */
INLINE void fields_passed(Fields to, Fields from) {
  if (fields_marked(from, ITEMS_ELSEWHERE)) return; /* they are not its own to pass on */
  fields_mark(from, ITEMS_ELSEWHERE);
  *to.marks &= (uint8_t) ~(ITEMS_ELSEWHERE << to.shift);
  if (MM_CHECK) fields_mark(to, ITEMS_OWNED);
}

#else

INLINE Obj *field_in(Thr *T, Fields f, Own v) {
  (void)f;
  return own_use(T, v);
}
INLINE OWNED Own field_out(Thr *T, Fields f, Obj *o) {
  (void)f;
  return own_mk(T, o);
}
INLINE void fields_moved(Fields to, Fields from) { (void)to, (void)from; }
INLINE void fields_copied(Thr *T, Fields f, size_t n) { (void)T, (void)f, (void)n; }
INLINE void fields_passed(Fields to, Fields from) { (void)to, (void)from; }

#endif

/* The same from a slot, which is empty afterwards. */
INLINE Obj *field_in_slot(Thr *T, Fields f, Slot *s) {
  Obj *o = field_in(T, f, own_of(T, s->p_, OWNS_(*s)));
  s->p_ = NULL;
  return o;
}
/* Replaces; what was there ends. */
INLINE void field_set(Thr *T, Fields f, Obj **field, Own v) {
  Obj *o = field_in(T, f, v);
  own_drop(T, field_out(T, f, mm_exchange(T, f.holder, field, o)));
}
/* Moves out, leaving NULL. */
INLINE OWNED Own field_take(Thr *T, Fields f, Obj **field) { return field_out(T, f, mm_exchange(T, f.holder, field, NULL)); }
/* The slot's value goes in, and what was there comes into the slot: under a lock, where nothing may end. */
INLINE void field_swap(Thr *T, Fields f, Obj **field, Slot *s) {
  Obj *o = field_in_slot(T, f, s);
  *s = slot_of(T, field_out(T, f, mm_exchange(T, f.holder, field, o)));
}

#endif
