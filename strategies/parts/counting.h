/* counting.h: reference counting, plain, atomic or biased: retain, release, the cascade of frees, and the field operations made of them.
   The counting strategies are this file with different answers to questions that the strategy's header settles before it includes it:

     COUNT_ATOMIC   1: counts change by locked instructions (counting-atomic.h)
     COUNT_BIASED   1: those of published objects have two counts (counting-biased.h)
                    neither: they are plain (counting-plain.h)
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

#define COUNT_IMMORTAL ((uint32_t)1 << (COUNT_PUBLISHES ? 31 : 30))

/* What a strategy may hang onto the life of objects, before it includes this header; nothing unless it does:
     COUNT_BORN(T, kind)   one was made
     COUNT_ENDED(T, n)     a cascade of frees is over that freed n containers */
#ifndef COUNT_BORN
#define COUNT_BORN(T, kind) ((void)0)
#endif

/* Frees `o`, whose last count was dropped, and all that dies with it. Not for shared objects. */
NOINLINE void count_die(Thr *T, Obj *o);

#if COUNT_PUBLISHES
/* The same for a shared object, whose count is 0. */
NOINLINE void count_die_shared(Thr *T, Obj *o);
/* The same for all shared objects that were pushed onto T->dead, down to `base`. */
void count_die_pushed(Thr *T, size_t base);
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
#else
#include "strategies/parts/counting-plain.h"
#endif

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
  return cell_get(COUNT_CELLS(T), COUNT_PADDED(size));
}
static COLD __attribute__((unused)) void count_put_padded(Thr *T, Obj *o, size_t size) {
  cell_put(COUNT_CELLS(T), o, COUNT_PADDED(size), COUNT_OWNERS);
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
  Obj *o = UNLIKELY(COUNT_IS_PADDED(T)) ? count_get_padded(T, size) : cell_get(COUNT_CELLS(T), size);
  o->word = HDR_WORD(kind, n);
  COUNT_BORN(T, kind);
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
INLINE void count_free(Thr *T, Obj *o, size_t size) {
  TALLY(T, deaths);
  COUNT_CHECK_OWNER(T, o);
  COUNT_POISON(o, size);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put(COUNT_CELLS(T), o, size, false);
}
/* The same for a leaf that dies with many others. */
INLINE void count_free_bulk(Thr *T, Obj *o, size_t size) {
  TALLY(T, deaths);
  COUNT_CHECK_OWNER(T, o);
  COUNT_POISON(o, size);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put_bulk(COUNT_CELLS(T), o, size, false);
}
/* Of an object that whoever drops it last frees. */
INLINE void count_free_published(Thr *T, Obj *o) {
  size_t size = obj_size(o);
  TALLY(T, deaths);
  COUNT_POISON(o, size);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put(COUNT_CELLS(T), o, size, COUNT_OWNERS);
}

/* --- Fields ---------------------------------------------------------------------------------------------------------------- */

#if COUNT_PUBLISHES
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

/* Without a lock: what the field held may die between the load and the increment, or be replaced after it. */
INLINE bool mm_load_try(Thr *T, Obj *holder, Obj **f, Obj **value) {
  (void)holder;
  Obj *o = *value = load_acquire(f);
  if (!o) return true;
  if (UNLIKELY(!count_try_retain(T, o))) return false;
  if (LIKELY(load_acquire(f) == o)) return true;
  mm_release(T, o);
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
    if (src[i]) mm_retain(T, src[i]);
    dst[i] = src[i];
  }
}

INLINE void mm_move_range(Thr *T, Obj *holder, void *dst, const void *src, size_t bytes) {
  (void)T, (void)holder;
  memmove(dst, src, bytes);
}

#endif
