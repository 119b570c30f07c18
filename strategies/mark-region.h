/* mark-region: Immix with sticky mark bits: MMTk's Immix and StickyImmix, Whippet's mmc.

   Allocation moves a pointer through holes: runs of free lines. Collections mark, move what lies in sparse blocks where there is room, and read
   free lines off the mark bits. Young collections leave the marks of what is old and visit only what was made since the last collection; a
   store into an old object is noted once. All collections stop the world; config->collector_threads threads trace.

   Composition: region.h (lines.h, marks.h) over trace.h and crew.h, world.h (handshake), park.h (locks of shared containers). */
#ifndef RECLAIM_STRATEGY_MARK_REGION_H
#define RECLAIM_STRATEGY_MARK_REGION_H

#define MM_MOVES           1
#define MM_COUNTS_LOCALS   0
#define MM_COUNTS_HEAP     0
#define MM_CHAINS_SLOTS    1
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 1
#define MM_LOCKS_OBJECTS   1
#define MM_HEAP_LIMITED    1
#define MM_PARALLEL        1
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      TRACED_TALLIES(X)
#define MM_WATCHES         OBJ_UNLOGGED

#include "strategies/parts/park.h"
#include "strategies/parts/region.h"
#include "strategies/parts/traced.h"

struct Thr {
  RegionThread space; /* first: the hole is at small offsets */
  MM_THR_COMMON
  TRACED_THREAD
  size_t remembered_max;
};
struct Heap {
  MM_HEAP_COMMON
  TRACED_HEAP
  uint64_t young;           /* bytes between two young collections, at least; 0: there are none */
  uint64_t wanted;          /* bytes that were wanted for copies, where lines that are in use are full of dead objects */
  uint64_t room_after_full; /* what mutators could take after the last full collection */
  unsigned survival,
      old_survival; /* what was left of what was new at the last collection, of what was old at full ones; in parts of 256 */
  unsigned calm, patience; /* collections in a row with hardly any survivors; how many make the budget smaller */
  bool halved;             /* the budget, the last time that it was changed */
  uint64_t growths;        /* MM_CHECK: collections forced so far */
};

enum { MR_YOUNG = TRACED_TUNABLES_COUNT, MR_EVACUATE, MR_HEADROOM, MR_REMEMBERED, MR_TUNABLES };

/* The header of a new object: a count of 0 (region.h). */
#define YOUNG_WORD(kind, n) (HDR_WORD(kind, n) & UINT32_MAX)

/* No room in the hole, or a large object. *keep is a root (may be NULL). */
COLD void *mr_alloc_slow(Thr *T, size_t size, Obj **keep);
/* Something was stored into [from, to) of a holder that is old, or shared. */
NOINLINE void mr_note(Thr *T, Obj *holder, void *from, void *to);

INLINE void *mr_room(Thr *T, size_t size, Obj **keep) {
  bool small = __builtin_constant_p(size <= LINE_BYTES) && size <= LINE_BYTES;
  if ((!small && UNLIKELY(size > CELL_MAX)) || TRACED_STRESSED(T)) return mr_alloc_slow(T, size, keep);
  char *p = T->space.small.cur, *next = p + ((size + 15) & ~(size_t)15);
  if (UNLIKELY(next > T->space.small.end)) return mr_alloc_slow(T, size, keep);
  T->space.small.cur = next;
  return p;
}

MM_TRACED_ALLOC(mr_room, YOUNG_WORD)

MM_TRACED_SAFEPOINTS

/* --- Fields: two instructions more than a store while the holder is young, or remembered, and nobody else's; none where mm_is_guarded has
       asked the same before. Stores are noted before they are made, so that the compiler sees it is the same. --------------------------- */

INLINE void mr_barrier(Thr *T, Obj *holder, void *from, void *to) {
  if (UNLIKELY(holder->bits & (OBJ_SHARED | OBJ_UNLOGGED))) mr_note(T, holder, from, to);
}
INLINE void mr_barrier1(Thr *T, Obj *holder, Obj **f) {
  if (UNLIKELY(holder->bits & (OBJ_SHARED | OBJ_UNLOGGED)) && !region_note_hot(&T->space, holder, f))
    mr_note(T, holder, f, f + 1);
}
INLINE Obj *mm_exchange(Thr *T, Obj *holder, Obj **f, Obj *v) {
  TALLY(T, stores);
  if (!(__builtin_constant_p(!v) && !v)) mr_barrier1(T, holder, f);
  Obj *old = *f;
  store_release(f, v);
  return old;
}
/* Into an object just made, which is young whatever its size. */
INLINE void mm_init_move(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  *f = v;
}
INLINE void mm_store_new(Thr *T, Obj *holder, Obj **f, Obj *v) { (void)mm_exchange(T, holder, f, v); }
INLINE void mm_move_range(Thr *T, Obj *holder, void *dst, const void *src, size_t bytes) {
  memmove(dst, src, bytes);
  if (bytes) mr_barrier(T, holder, dst, (char *)dst + bytes);
}
INLINE void mm_copy_range(Thr *T, Obj *holder, Obj **dst, Obj *const *src, size_t n) {
  mm_move_range(T, holder, dst, src, n * sizeof *dst);
}

#endif
