/* mm.h: the contract. It takes one strategy's header, chosen at compile time, says what that header must give, and builds on it
   what workloads use: slots, owned values, borrowing. Nothing is virtual and there is no raw object pointer above runtime/objects.

   ## What a strategy's header gives (architecture.md has the reasons)

   Capabilities, each 0 or 1:
     MM_MOVES, MM_COUNTS_LOCALS, MM_COUNTS_HEAP, MM_CHAINS_SLOTS, MM_SHARES_HEAP, MM_RECLAIMS_CYCLES
     MM_LOCKS_OBJECTS   containers of shared objects are written under the object's lock (a GIL needs none)
     MM_HEAP_LIMITED    obeys a heap limit
     MM_PARALLEL        collects with config->collector_threads threads
     MM_RECLAIMS        gives memory back at all
     MM_UNIQUE_OWNERS   every object has one owner, and dies with it
     MM_CONSERVATIVE    may keep what is dead

   MM_TALLIES(X)        the events that only a counting build counts: X(field, "name") for each (strategies/parts/tally.h)

   struct Thr (with MM_THR_COMMON), struct Heap (with MM_HEAP_COMMON), and inline, for a mutator thread T:
     mm_alloc(T, size, kind, n)            a new object: header set, fields not; they must be set before the next poll or allocation
     mm_alloc1(T, size, kind, n, keep)     the same; `keep` (may be NULL) survives and comes back beside it
     mm_retain(T, o), mm_release(T, o)     on slots and owned values; nothing where locals do not count
     mm_is_unique(T, o)                    whether the caller's is the only reference, so that `o` may be changed into another object
                                           in place: only where counts tell and the tunable `reuse` is on
     mm_load_own(T, holder, field)         an owned value out of a field that others may be writing
     mm_load_try(T, holder, field, &value) the same once; false: what the field held died or was replaced meanwhile
     mm_load_locked(T, holder, field)      the same under the object's lock, where no writer can be
     mm_locks_reads(T)                     whether shared fields are to be read under the lock (a tunable)
     mm_init_move(T, holder, field, v)     first write of a field of an object just made
     mm_exchange(T, holder, field, v)      every later write; the old value comes back owned, to be released after unlocking
     mm_copy_range, mm_move_range          many fields: copying counts, moving does not
     mm_store_new(T, holder, field, v)     a write to a field that held nothing, in an object that may be old
     mm_leave(T, holder, field, n)         only where MM_DEFERS_COUNTS: n fields are about to end without being written
     mm_pass(T, to, from)                  likewise: the items of the array `from`, copied to the front of the array `to`, are about to end
     mm_safepoint(T)                       what mm_poll does
     mm_blocking_begin/end(T)              around every wait: the thread touches no object in between
   and out of line:
     what runtime/base.h declares at its end

   ## What a workload sees

   A local is a Slot, born set, made by LET and ended on every exit from its block. A function hands back an Own, which must be
   consumed at once: it is dead after the next allocation or poll. In a checked build (MM_CHECK) it carries the epoch of its making
   and using a stale one stops the program, under every strategy. */
#ifndef RECLAIM_MM_H
#define RECLAIM_MM_H

#include MM_STRATEGY_HEADER

#include "runtime/base.h" /* after what the strategy says of itself */

#if !defined(MM_MOVES) || !defined(MM_COUNTS_LOCALS) || !defined(MM_COUNTS_HEAP) || !defined(MM_CHAINS_SLOTS) ||                 \
    !defined(MM_SHARES_HEAP) || !defined(MM_RECLAIMS_CYCLES) || !defined(MM_LOCKS_OBJECTS) || !defined(MM_HEAP_LIMITED) ||       \
    !defined(MM_PARALLEL) || !defined(MM_RECLAIMS) || !defined(MM_UNIQUE_OWNERS) || !defined(MM_CONSERVATIVE) ||                 \
    !defined(MM_TALLIES)
#error "the strategy's header leaves a capability undefined"
#endif
_Static_assert(sizeof(Slot) == (MM_UNIQUE_OWNERS ? 2 : 1) * sizeof(Obj *), "runtime/base.h came before the capabilities");

/* The flags of an object that is being looked at. A strategy that writes that byte while other threads look says so by a definition of its
   own (parts/biased-thread.h); elsewhere a plain read lets the compiler look once for two questions. */
#ifndef OBJ_FLAGS
#define OBJ_FLAGS(o) ((o)->bits)
#endif

/* Whether fields are counted and locals are not: then counts are made up later, from what fields were and what they are, and no field may
   change or end behind the strategy's back. Elsewhere a field that ends has passed its reference on to whoever read it last. */
#define MM_DEFERS_COUNTS (MM_COUNTS_HEAP && !MM_COUNTS_LOCALS)
#if !MM_DEFERS_COUNTS
INLINE void mm_leave(Thr *T, Obj *holder, Obj **f, size_t n) { (void)T, (void)holder, (void)f, (void)n; }
INLINE void mm_pass(Thr *T, Obj *to, Obj *from) { (void)T, (void)to, (void)from; }
#endif

/* At every loop back-edge and function entry: here a collector may run, the GIL may change hands. */
INLINE void mm_poll(Thr *T);

/* --- Owned values -----------------------------------------------------------------------------------------------------------

   Where an object has one owner (MM_UNIQUE_OWNERS), a value in hand or in a slot either is that owner, which frees the object when it
   ends, or is borrowed: a copy, of whose end nothing comes, and which must not outlive the owner. Whoever hands a value out says
   which: what makes it or moves it out of a field gives the owner, what copies gives a borrowed one. Inlined, that is nearly always a
   constant. (Unique and borrowed pointers: C++'s unique_ptr, Rust's Box and &.) */

typedef struct {
  Obj *p_;
#if MM_UNIQUE_OWNERS
  bool owns;
#endif
#if MM_CHECK
  uint64_t epoch;
#endif
} Own;

INLINE Own own_of(Thr *T, Obj *o, bool owns) {
  Own v = {.p_ = o};
  (void)T, (void)owns;
#if MM_UNIQUE_OWNERS
  v.owns = owns;
#endif
#if MM_CHECK
  v.epoch = T->epoch;
#endif
  return v;
}
/* A value that was made, or moved out of a field. */
INLINE Own own_mk(Thr *T, Obj *o) { return own_of(T, o, true); }
/* A value that was copied: who counts has counted it. */
INLINE Own own_copied(Thr *T, Obj *o) { return own_of(T, o, false); }

/* An immortal object, which is nobody's: nothing comes of its end. Only worth saying where it is known when the program is compiled. */
INLINE Own own_nobodys(Thr *T, Obj *o, bool known) { return own_of(T, o, !known); }

#if MM_UNIQUE_OWNERS
#define OWNS_(v) ((v).owns)
#else
#define OWNS_(v) true
#endif

#if MM_CHECK
INLINE Obj *own_use(Thr *T, Own v) {
  if (T->borrowing) mm_panic(T, "a store or a drop inside BORROW");
  if (v.p_ && v.epoch != T->epoch) mm_panic(T, "an owned value was used after an allocation or a poll");
  /* A free list threads its links, multiples of 16, through the word that held the kind. */
  if (v.p_ && (v.p_->kind == KIND_FREE || v.p_->kind >= KIND_COUNT))
    mm_panic(T, "an owned value was used after its object was freed");
  return v.p_;
}
/* First thing in every operation that may allocate or poll. */
INLINE void mm_epoch(Thr *T) {
  if (T->borrowing) mm_panic(T, "an allocation or a poll inside BORROW");
  T->epoch++;
}
#else
INLINE Obj *own_use(Thr *T, Own v) {
  (void)T;
  return v.p_;
}
INLINE void mm_epoch(Thr *T) { (void)T; }
#endif

INLINE void mm_poll(Thr *T) {
  mm_epoch(T);
  mm_safepoint(T);
}

/* Functions that hand back an owned value are declared with this. */
#define OWNED __attribute__((warn_unused_result))

INLINE void mm_release0(Thr *T, Obj *o) {
#if MM_COUNTS_LOCALS || MM_UNIQUE_OWNERS
  if (o) mm_release(T, o);
#else
  (void)T, (void)o;
#endif
}
INLINE void mm_retain0(Thr *T, Obj *o) {
#if MM_COUNTS_LOCALS
  if (o) mm_retain(T, o);
#else
  (void)T, (void)o;
#endif
}

/* --- Slots ------------------------------------------------------------------------------------------------------------------ */

/* LET(T, x, own): declares `Slot *const x` with the owned value in it, rooted until the end of the block.
   HOLD(T, x, raw): the same for a value that somebody else keeps alive; no count is taken. Only for the object model. */
typedef struct {
  Thr *T;
  Link *l;
} LetEnd;
INLINE Slot slot_of(Thr *T, Own v) {
  Slot s = {.p_ = own_use(T, v)};
#if MM_UNIQUE_OWNERS
  s.owns = v.owns;
#endif
  return s;
}
INLINE void slot_end(Thr *T, const Slot *s) {
  if (OWNS_(*s)) mm_release0(T, s->p_);
}
#if MM_CHAINS_SLOTS /* the value is made first, then linked: never null by accident, never stale */
INLINE void let_end(LetEnd *e) { e->T->top = e->l->prev; }
#define LET_RAW_(T, x, raw)                                                                                                      \
  Obj *const x##_v = (raw);                                                                                                      \
  Link x##_l = {(T)->top, {x##_v}};                                                                                              \
  (T)->top = &x##_l;                                                                                                             \
  Slot *const x __attribute__((unused)) = &x##_l.s;                                                                              \
  __attribute__((cleanup(let_end))) LetEnd x##_e = {(T), &x##_l};                                                                \
  (void)x##_e
#define LET(T, x, ...)  LET_RAW_(T, x, own_use((T), (__VA_ARGS__)))
#define HOLD(T, x, raw) LET_RAW_(T, x, raw)
#else               /* a plain local, mostly a register */
INLINE void let_end(LetEnd *e) {
  slot_end(e->T, &e->l->s);
#if MM_CONSERVATIVE /* it stood in memory, where it is found, until here; from here on the word would keep what is dead */
  __asm__ volatile("" : "+m"(e->l->s.p_));
  *(Obj *volatile *)&e->l->s.p_ = NULL;
#endif
}
#define LET(T, x, ...)                                                                                                           \
  Link x##_l = {NULL, slot_of((T), (__VA_ARGS__))};                                                                              \
  Slot *const x __attribute__((unused)) = &x##_l.s;                                                                              \
  __attribute__((cleanup(let_end))) LetEnd x##_e = {(T), &x##_l};                                                                \
  (void)x##_e
#define HOLD(T, x, raw)                                                                                                          \
  Slot x##_l = {.p_ = (raw)};                                                                                                    \
  Slot *const x __attribute__((unused)) = &x##_l
#endif

/* Moves the value out; the slot holds nothing afterwards. */
INLINE OWNED Own slot_take(Thr *T, Slot *s) {
  TALLY(T, moves);
  Obj *o = s->p_;
  s->p_ = NULL;
  return own_of(T, o, OWNS_(*s));
}
/* Replaces the value; the old one is released. */
INLINE void slot_set(Thr *T, Slot *s, Own v) {
  Slot old = *s;
  *s = slot_of(T, v);
  slot_end(T, &old);
}
/* One more owner of the same object; a borrower, where it has one. */
INLINE OWNED Own slot_dup(Thr *T, const Slot *s) {
  mm_retain0(T, s->p_);
  return own_copied(T, s->p_);
}
/* Releases the value now instead of at the end of the block. */
INLINE void slot_clear(Thr *T, Slot *s) { slot_set(T, s, own_mk(T, NULL)); }
INLINE bool slot_is_null(const Slot *s) { return s->p_ == NULL; }
/* The same object, not merely an equal one. */
INLINE bool slot_same(const Slot *a, const Slot *b) { return a->p_ == b->p_; }
/* Ends an owned value that nobody wants. */
INLINE void own_drop(Thr *T, Own v) {
  Obj *o = own_use(T, v);
  if (OWNS_(v)) mm_release0(T, o);
}
/* Whether the slot's is the only reference, so that what it holds may be changed into another object in place. */
INLINE bool slot_is_sole(Thr *T, const Slot *s) { return OWNS_(*s) && mm_is_unique(T, s->p_); }

/* --- Sharing ---------------------------------------------------------------------------------------------------------------- */

INLINE bool obj_is_shared(const Obj *o) { return MM_SHARES_HEAP && (OBJ_FLAGS(o) & OBJ_SHARED); }

/* Whether the fields of `o` may be written by another thread at the same time: a compile-time no where nothing is shared or where
   a GIL stands before everything. */
INLINE bool mm_is_concurrent(const Obj *o) { return MM_LOCKS_OBJECTS && UNLIKELY(OBJ_FLAGS(o) & OBJ_SHARED); }
/* Whether a read of them must reckon with that: not where lifetimes are known and nobody writes what all read. */
INLINE bool mm_is_raced(Thr *T, const Obj *o) { return mm_is_concurrent(o) && (!MM_UNIQUE_OWNERS || mm_locks_reads(T)); }

/* Whether a store into a field of `o` is more than a store: another thread may write it too, or the strategy watches for stores into objects with
   one of the bits MM_WATCHES, and finds them by the test for publication that is made anyway. */
#ifndef MM_WATCHES
#define MM_WATCHES 0
#endif
INLINE bool mm_is_guarded(const Obj *o) { return MM_LOCKS_OBJECTS && UNLIKELY(OBJ_FLAGS(o) & (OBJ_SHARED | MM_WATCHES)); }

/* Before publication; deep. Storing into a shared object does this to what is stored. A strategy may publish a copy of an int, a float
   or a string: they are values, and slot_same tells nothing of them. */
INLINE void om_share(Thr *T, Slot *x) {
#if MM_LOCKS_OBJECTS
  mm_epoch(T);
  if (x->p_ && !obj_is_shared(x->p_)) mm_share_slow(T, &x->p_);
#elif !MM_SHARES_HEAP
  mm_share_slow(T, &x->p_);
#else
  (void)T, (void)x;
#endif
}

/* The same for what is type-like: immutable, long-lived, referred to by all threads. A strategy may count references to it in another way, or
   not at all (parts/statics.h); elsewhere this is om_share. Before another thread can see any of it. */
INLINE void om_share_static(Thr *T, Slot *x) {
#ifdef MM_STATICS
  mm_epoch(T);
  if (x->p_ && !(OBJ_FLAGS(x->p_) & OBJ_IMMORTAL)) mm_share_static_slow(T, &x->p_);
#else
  om_share(T, x);
#endif
}
/* Ends that, before the program drops it: while no other thread uses it, and when, beside the fields of static objects, x's is the only
   reference. */
INLINE void om_end_static(Thr *T, Slot *x) {
#ifdef MM_STATICS
  mm_epoch(T);
  if (x->p_) mm_end_static_slow(T, &x->p_);
#else
  (void)T, (void)x;
#endif
}

/* --- Borrowing: reading without counting ------------------------------------------------------------------------------------- */

/* BORROW(T, r, x) { ... }: inside, `r` is x's object, and the ref_* readers of runtime/objects.h follow its fields without owning
   what they find. No allocation, no poll, no store inside, and at most BORROW_LOADS loads, so that it never spoils the time to a
   safepoint: all three are checked in a checked build. Sound under every strategy: a moving or tracing collector runs at polls
   only, a GIL is passed on at polls only, and atomic counting reuses the memory of shared objects only after a poll. */
typedef struct {
  const Obj *p_;
#if MM_CHECK || MM_COUNTING
  Thr *T;
#endif
} Ref;
enum { BORROW_LOADS = 1000 };

#if MM_CHECK
INLINE void borrow_end(Ref *r) { r->T->borrowing--; }
INLINE Ref borrow_begin(Thr *T, const Slot *x) {
  if (!T->borrowing++) T->borrowed = 0;
  return (Ref){x->p_, T};
}
INLINE Ref ref_follow(Ref r, const Obj *o) {
  if (!r.T->borrowing) mm_panic(r.T, "a borrowed reference was used outside its BORROW");
  TALLY(r.T, borrows);
  if (++r.T->borrowed > BORROW_LOADS) mm_panic(r.T, "more loads than BORROW_LOADS in one BORROW");
  return (Ref){o, r.T};
}
#define BORROW(T, r, x)                                                                                                          \
  for (Ref r __attribute__((cleanup(borrow_end))) = borrow_begin((T), (x)), *r##_once = &r; r##_once; r##_once = NULL)
#else
INLINE Ref borrow_begin(Thr *T, const Slot *x) {
  (void)T;
  Ref r = {.p_ = x->p_};
#if MM_COUNTING
  r.T = T;
#endif
  return r;
}
INLINE Ref ref_follow(Ref r, const Obj *o) {
  TALLY(r.T, borrows);
  r.p_ = o;
  return r;
}
#define BORROW(T, r, x) for (Ref r = borrow_begin((T), (x)), *r##_once = &r; r##_once; r##_once = NULL)
#endif
INLINE bool ref_is_null(Ref r) { return r.p_ == NULL; }

#endif
