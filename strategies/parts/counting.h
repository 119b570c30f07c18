/* counting.h: reference counting, plain or atomic: retain, release, the cascade of frees, and the field operations made of them.
   rc, rc-gil and rc-atomic are this file with different answers to three questions that the strategy's header settles before it
   includes it:

     COUNT_ATOMIC   1: counts change by locked instructions, and published objects are freed through qsbr.h
     COUNT_OWNERS   1: a cell may be freed by a thread that did not make it (owner-checked pages)
     COUNT_CELLS(T) the Cells that thread T allocates from

   Invariants
   - A count is the number of slots, owned values and fields that hold the object; it dies when that number would become 0.
   - Plain counts are only touched by one thread at a time: the owner (rc), or the holder of the GIL (rc-gil). Immortal objects
     there start at COUNT_IMMORTAL and are counted like any other, since an increment is cheaper than a test; `rc` has a copy of
     them per thread, so that no two threads write one word.
   - Atomic counts: immortals have the sign bit set and are never written (one line for all threads would be the bottleneck).
     An object without OBJ_SHARED is reachable from one thread only; when that thread drops a count of 1 (acquire load), nobody
     else can revive it and no locked instruction is needed. A shared object may be try-incremented by a lock-free reader at any
     time until its count is 0, so its last drop is a locked decrement, its header keeps count 0, and its memory goes through
     limbo (qsbr.h) so that the reader finds a header there and not somebody's string.

   Order of freeing (measured to matter more than instructions): parent first, then one child, depth first, so that the cell freed
   last, the first to be reused, is the one still in the cache. Dead objects that must wait are threaded through their own
   headers, so a chain of 10^7 drops in constant space. */
#ifndef RECLAIM_PARTS_COUNTING_H
#define RECLAIM_PARTS_COUNTING_H

#include "strategies/parts/cells.h"

#define COUNT_IMMORTAL ((uint32_t)1 << (COUNT_ATOMIC ? 31 : 30))

/* Frees `o`, whose last count was dropped, and all that dies with it. Not for shared objects. */
NOINLINE void count_die(Thr *T, Obj *o);

#if COUNT_ATOMIC

/* The same for a shared object, whose count is 0. */
NOINLINE void count_die_shared(Thr *T, Obj *o);

INLINE void count_add(Thr *T, Obj *o, uint32_t n) {
  TALLY_N(T, increments, n);
  uint32_t c = load_relaxed(&o->count);
  if (UNLIKELY((int32_t)c < 0)) return;
  if (UNLIKELY(T->compare_and_swap)) {
    while (!__atomic_compare_exchange_n(&o->count, &c, c + n, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return;
  }
  __atomic_fetch_add(&o->count, n, __ATOMIC_RELAXED);
}

/* Whether the caller holds the only count of an object that nobody else can reach: one load of the header tells both. */
INLINE bool count_is_sole(uint64_t word) {
  const uint64_t count = (uint64_t)UINT32_MAX << 32, shared = (uint64_t)OBJ_SHARED << 16;
  return (word & (count | shared)) == (uint64_t)1 << 32;
}

/* Drops one count of an object of which the caller is not sole owner; true when it was the last, which only shared objects come to.
   Release, so that what this thread did to the object comes before its death; acquire, so that the one who frees it sees what all
   others did. */
INLINE bool count_drop_locked(Thr *T, Obj *o) {
  TALLY(T, locked_decrements);
  uint32_t c = load_relaxed(&o->count);
  if (UNLIKELY((int32_t)c < 0)) return false;
  if (UNLIKELY(T->compare_and_swap)) {
    while (!__atomic_compare_exchange_n(&o->count, &c, c - 1, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
    return c == 1;
  }
  return __atomic_fetch_sub(&o->count, 1, __ATOMIC_ACQ_REL) == 1;
}

/* For a reader that holds no count: true and one count more, unless the object is dead. */
INLINE bool count_try_add(Obj *o) {
  uint32_t c = load_relaxed(&o->count);
  do {
    if (UNLIKELY((int32_t)c < 0)) return true;
    if (c == 0) return false;
  } while (!__atomic_compare_exchange_n(&o->count, &c, c + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
  return true;
}

INLINE void mm_release(Thr *T, Obj *o) {
  TALLY(T, decrements);
  if (LIKELY(count_is_sole(load_acquire(&o->word))))
    count_die(T, o);
  else if (UNLIKELY(count_drop_locked(T, o)))
    count_die_shared(T, o);
}

#else

INLINE void count_add(Thr *T, Obj *o, uint32_t n) {
  (void)T;
  TALLY_N(T, increments, n);
  o->count += n;
}

INLINE void mm_release(Thr *T, Obj *o) {
  TALLY(T, decrements);
  if (UNLIKELY(--o->count == 0)) count_die(T, o);
}

#endif

INLINE void mm_retain(Thr *T, Obj *o) { count_add(T, o, 1); }

INLINE bool mm_is_unique(Thr *T, Obj *o) {
#if COUNT_ATOMIC
  return UNLIKELY(T->reuses) && count_is_sole(load_acquire(&o->word));
#else
  return UNLIKELY(T->reuses) && o->count == 1 && !(o->bits & OBJ_IMMORTAL);
#endif
}

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

INLINE Obj *mm_alloc(Thr *T, size_t size, unsigned kind, unsigned n) {
  TALLY(T, allocations);
  TALLY_N(T, allocated_bytes, size);
  Obj *o = UNLIKELY(COUNT_IS_PADDED(T)) ? count_get_padded(T, size) : cell_get(COUNT_CELLS(T), size);
  o->word = HDR_WORD(kind, n);
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
INLINE void count_free(Thr *T, Obj *o, size_t size) {
  TALLY(T, deaths);
  COUNT_POISON(o, size);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put(COUNT_CELLS(T), o, size, COUNT_OWNERS);
}
/* The same for a leaf that dies with many others. */
INLINE void count_free_bulk(Thr *T, Obj *o, size_t size) {
  TALLY(T, deaths);
  COUNT_POISON(o, size);
  if (UNLIKELY(COUNT_IS_PADDED(T)))
    count_put_padded(T, o, size);
  else
    cell_put_bulk(COUNT_CELLS(T), o, size, COUNT_OWNERS);
}

/* --- Fields ---------------------------------------------------------------------------------------------------------------- */

#if COUNT_ATOMIC
#define COUNT_PUBLISH(f, v) store_release(f, v)
#else
#define COUNT_PUBLISH(f, v) (*(f) = (v))
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
