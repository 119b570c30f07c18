/* counting.h: reference counting, plain, atomic or biased, or one owner instead of a count: retain, release, the cascade of frees, and the field operations made of them.
   The counting strategies are this file with different answers to questions that the strategy's header settles before it includes it:

     COUNT_ATOMIC   1: counts change by locked instructions (counting-atomic.h)
     COUNT_BIASED   1: those of published objects have two counts (counting-biased.h)
     COUNT_UNIQUE   1: there are none, since an object has one owner (counting-unique.h)
                    none of these: they are plain (counting-plain.h)
     COUNT_OWNERS   1: a cell may be freed by a thread that did not make it (owner-checked pages)
     COUNT_CELLS(T) the Cells that thread T allocates from

   Invariants
   - A count is the number of slots, owned values and fields that hold the object; it dies when that number would become 0.
   - An object without OBJ_SHARED is reachable from the thread that made it and no other. So where objects are published at all, it dies
     there, and its cell goes back to where it came from without a look at the page's owner.
   - A published object may be found by a reader without a lock at any time; when it dies, its memory goes through limbo (limbo.h).

   Order of freeing (measured to matter more than instructions): parent first, then one child, depth first, so that the cell freed
   last, the first to be reused, is the one still in the cache. Dead objects that must wait are threaded through their own
   headers, so a chain of 10^7 drops in constant space. */
#ifndef RECLAIM_PARTS_COUNTING_H
#define RECLAIM_PARTS_COUNTING_H

#include "strategies/parts/cells.h"
#include "strategies/parts/later.h"

#define COUNT_IMMORTAL ((uint32_t)1 << (COUNT_PUBLISHES ? 31 : 30))

/* What a strategy may hang onto the life of an object, before it includes this header; nothing unless it does:

     COUNT_BORN(T, cells, o, size, kind)  an object was made, in `cells`
     COUNT_ENDED(T, n)        a cascade is over that freed n objects, those not counted of which COUNT_IS_APART(kind): of leaves, unless
                              that is said otherwise
   and where nothing is published:
     COUNT_MARK(kind)         what its own bits of the header's word are at birth
     COUNT_PREFIX             bytes in front of each container (not of leaves), its own; not where objects are padded
     COUNT_SURVIVED(T, o)     a plain count was dropped and was not the last
     COUNT_DYING(T, o)        a container's last count was dropped; its header is still whole
     COUNT_PUT_OFF(T, o)      a dead object waits in a list through headers; its header is still whole
     COUNT_LINK(list, word)   the header of such a one, its kind and n in the low 16 bits; COUNT_UNLINK(o) makes them what they were
     COUNT_GONE(T, o, size)   a container's cell is about to be freed; its header may hold a link
     COUNT_MARKS              bits of the header's word that a container may have at any time and die with without COUNT_DYING
     COUNT_IS_BINARY(T, o)    whether o is a node of two edges and a count of 1 whose other marks have now been dealt with as by
                              COUNT_DYING: it is freed in its place then, and the order of freeing matters
     COUNT_SKIPS(o)           a reference to o held by trash is not to be counted down (count_free_trash) */
#ifndef COUNT_BORN
#define COUNT_BORN(T, cells, o, size, kind) ((void)0)
#endif
#ifndef COUNT_IS_APART
#define COUNT_IS_APART(kind) kind_is_leaf(kind)
#endif
#ifndef COUNT_MARK
#define COUNT_MARK(kind) 0
#endif
#ifndef COUNT_PREFIX
#define COUNT_PREFIX 0
#endif
#ifndef COUNT_SURVIVED
#define COUNT_SURVIVED(T, o) ((void)0)
#endif
#ifndef COUNT_DYING
#define COUNT_DYING(T, o) ((void)0)
#endif
#ifndef COUNT_PUT_OFF
#define COUNT_PUT_OFF(T, o) ((void)0)
#endif
#ifndef COUNT_LINK
#define COUNT_LINK(list, word) LINK_WORD(list, word)
#define COUNT_UNLINK(o)        ((void)0)
#endif
#ifndef COUNT_GONE
#define COUNT_GONE(T, o, size) ((void)0)
#endif
#ifndef COUNT_MARKS
#define COUNT_MARKS 0
#endif
#ifndef COUNT_IS_BINARY
#define COUNT_IS_BINARY(T, o) false
#endif
#define COUNT_HEADER(kind, n) (HDR_WORD(kind, n) | COUNT_MARK(kind))

/* Frees `o`, whose last count was dropped, and all that dies with it. Not for shared objects. */
NOINLINE void count_die(Thr *T, Obj *o);

#if COUNT_PUBLISHES
/* The same for a shared object, whose count is 0. */
NOINLINE void count_die_shared(Thr *T, Obj *o);
#endif
#if COUNT_PUBLISHES || COUNT_UNIQUE
/* The same for all shared objects that were pushed onto T->dead, down to `base`. */
void count_die_pushed(Thr *T, size_t base);
#endif

/* See later.h. Carries out what T has put off, as far as the budget reaches, or all of it. T runs, or is blocked and the caller acts for
   it. */
void count_carry_out(Thr *T, bool all);
/* The same, all of it, for all threads, which are blocked but the caller. */
void count_carry_out_all(Heap *H);
/* In the slow path of a poll. */
INLINE void count_poll(Thr *T);
/* The countdown of a cascade that is not to be put off. */
INLINE int64_t later_countdown(const Later *L) {
  return L->budget && L->budget < CASCADE_TIMED ? (int64_t)L->budget + 1 : CASCADE_TIMED;
}

#ifdef COUNT_SKIPS
/* Frees the n objects of v, of which each is held by others of them alone and by nothing else: first drops what they hold, but for what
   COUNT_SKIPS, then frees their cells, the last first, so that those at the front are the first to be made again. */
void count_free_trash(Thr *T, Obj *const *v, size_t n);
#endif

/* Each of these gives mm_retain, mm_release, and
     count_is_sole(o)      whether the caller holds the only count of an object that nobody else can reach
     count_drop_child(T, c)  drops a dead object's count of c: true when c dies of it and is not shared; a shared one is pushed onto T->dead
     count_cascade_ends(T)   when all that died is dropped, where objects are published; may push onto T->dead once more
     COUNT_OF(T, o)        how many hold o (for tests: exact only while nobody counts) */
#if COUNT_BIASED
#include "strategies/parts/counting-biased.h"
#elif COUNT_ATOMIC
#include "strategies/parts/counting-atomic.h"
#elif COUNT_UNIQUE
#include "strategies/parts/counting-unique.h"
#else
#include "strategies/parts/counting-plain.h"
#endif

INLINE void count_poll(Thr *T) {
  if (UNLIKELY(T->later.budget) || UNLIKELY(T->later.buffer)) count_carry_out(T, false);
}

/* The tunable `reuse`. */
INLINE bool mm_is_unique(Thr *T, Obj *o) { return UNLIKELY(T->reuses) && count_is_sole(o); }

/* --- Allocation -------------------------------------------------------------------------------------------------------------- */

/* Padding is a tunable that is rarely on. Out of line, so that where it is off the class of a size that is constant is a constant: a
   list head at a computed offset costs no more instructions to speak of, but holds up every load that may be of it. */
#ifndef COUNT_IS_PADDED
#define COUNT_IS_PADDED(T) false
#endif
#define COUNT_PADDED(size) (((size) + 63) & ~(size_t)63)
static COLD __attribute__((unused)) void *count_get_padded(Thr *T, size_t size) {
  return cell_get(COUNT_CELLS(T), COUNT_PADDED(size), 0);
}
static COLD __attribute__((unused)) void count_put_padded(Thr *T, void *cell, size_t size) {
  cell_put(COUNT_CELLS(T), cell, COUNT_PADDED(size), 0, COUNT_OWNERS);
}
#if MM_CHECK && COUNT_OWNERS && !CELLS_FOREIGN
#define COUNT_CHECK_OWNER(T, o)                                                                                                  \
  (unit_of(o)->owner == COUNT_CELLS(T) ? (void)0 : mm_panic((T), "an object that was never published died on another's thread"))
#else
#define COUNT_CHECK_OWNER(T, o) ((void)0)
#endif

INLINE Obj *mm_alloc(Thr *T, size_t size, unsigned kind, unsigned n) {
  TALLY(T, allocations);
  TALLY_N(T, allocated_bytes, size);
  Cells *cells = COUNT_CELLS(T);
  size_t prefix = kind_is_leaf(kind) ? 0 : COUNT_PREFIX;
  char *cell = UNLIKELY(COUNT_IS_PADDED(T)) ? count_get_padded(T, size) : cell_get(cells, size, prefix);
  Obj *o = (Obj *)(cell + prefix);
  o->word = COUNT_HEADER(kind, n);
  COUNT_BORN(T, cells, o, size, kind);
  return o;
}
/* Nothing moves and nothing is collected: what is counted stays. */
INLINE Two mm_alloc1(Thr *T, size_t size, unsigned kind, unsigned n, Obj *keep) {
  return (Two){mm_alloc(T, size, kind, n), keep};
}
#if MM_CHECK
#define COUNT_POISON(o, size) (memset((o), 0xDB, (size)), (void)((o)->word = KIND_FREE))
#else
#define COUNT_POISON(o, size) ((void)0)
#endif
/* Of an object that was never published. */
INLINE void count_put(Thr *T, Obj *o, size_t size, size_t prefix) {
  TALLY(T, deaths);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put(COUNT_CELLS(T), (char *)o - prefix, size, prefix, false);
}
/* A leaf. */
INLINE void count_free_leaf(Thr *T, Obj *o, size_t size) {
  COUNT_CHECK_OWNER(T, o);
  COUNT_POISON(o, size);
  count_put(T, o, size, 0);
}
/* A container, whose references are dealt with. */
INLINE void count_free(Thr *T, Obj *o, size_t size) {
  COUNT_CHECK_OWNER(T, o);
  COUNT_GONE(T, o, size);
  COUNT_POISON(o, size);
  count_put(T, o, size, COUNT_PREFIX);
}
/* A leaf, or in a pool any small object, that dies with many others. */
INLINE void count_free_bulk(Thr *T, Obj *o, size_t size) {
  TALLY(T, deaths);
  COUNT_CHECK_OWNER(T, o);
  COUNT_POISON(o, size);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put_bulk(COUNT_CELLS(T), o, size, false);
}
/* Any object that whoever drops it last frees. */
INLINE void count_free_published(Thr *T, Obj *o) {
  size_t size = obj_size(o);
  TALLY(T, deaths);
  COUNT_POISON(o, size);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put(COUNT_CELLS(T), o, size, 0, COUNT_OWNERS);
}

/* --- Fields ---------------------------------------------------------------------------------------------------------------- */

#if COUNT_PUBLISHES || COUNT_UNIQUE
#define COUNT_PUBLISH(f, v) store_release(f, v)
#else
#define COUNT_PUBLISH(f, v) (*(f) = (v))
#endif

#if COUNT_PUBLISHES
/* Under the object's lock, or where there is one thread only. */
INLINE Obj *mm_load_locked(Thr *T, Obj *holder, Obj **f) {
  (void)holder;
  Obj *o = load_relaxed(f);
  if (LIKELY(o)) mm_retain(T, o);
  return o;
}

/* Rarely: the field was written just now. */
static COLD __attribute__((unused)) void count_give_back(Thr *T, Obj *o) { mm_release(T, o); }

/* Without a lock: what the field held may die between the load and the increment, or be replaced after it. */
INLINE bool mm_load_try(Thr *T, Obj *holder, Obj **f, Obj **value) {
  (void)holder;
  Obj *o = *value = load_acquire(f);
  if (!o) return true;
  if (UNLIKELY(!count_try_retain(T, o))) return false;
  if (LIKELY(load_acquire(f) == o)) return true;
  count_give_back(T, o);
  return false;
}
/* Of a field that its holder keeps up to date (not an array that a list has left behind): what died has been replaced. */
INLINE Obj *mm_load_own(Thr *T, Obj *holder, Obj **f) {
  if (LIKELY(!(load_relaxed(&holder->bits) & OBJ_SHARED))) return mm_load_locked(T, holder, f);
  Obj *o;
  while (UNLIKELY(!mm_load_try(T, holder, f, &o))) cpu_relax();
  return o;
}
INLINE bool mm_locks_reads(Thr *T) { return T->lock_reads; }
#endif

INLINE void mm_init_move(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  COUNT_PUBLISH(f, v);
}

INLINE void mm_store_new(Thr *T, Obj *holder, Obj **f, Obj *v) { mm_init_move(T, holder, f, v); }

/* The caller holds the object lock where the holder is shared and strategies lock. */
INLINE Obj *mm_exchange(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  Obj *old = *f;
  COUNT_PUBLISH(f, v);
  return old;
}

INLINE void mm_copy_range(Thr *T, Obj *holder, Obj **dst, Obj *const *src, size_t n) {
  (void)holder;
  for (size_t i = 0; i < n; i++) {
    if (!COUNT_UNIQUE && src[i]) mm_retain(T, src[i]);
    dst[i] = src[i];
  }
}

INLINE void mm_move_range(Thr *T, Obj *holder, void *dst, const void *src, size_t bytes) {
  (void)T, (void)holder;
  memmove(dst, src, bytes);
}

#endif
