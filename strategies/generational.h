/* generational: a copying bump-pointer nursery per thread, promotion into the space of `mark-sweep`: OCaml, MMTk's GenCopy over
   MarkSweep, the young generations of JVMs.

   Minor collections are local to a thread (nursery.h has the invariant that allows it), so they run in parallel by nature and stop
   nobody. Full ones stop the world and are those of mark-sweep; young objects are marked where they lie and stay there, so a full
   collection promotes nothing before its time and needs no room to promote into.

   Composition: nursery.h and evacuate.h over space.h, trace.h, world.h, park.h. */
#ifndef RECLAIM_STRATEGY_GENERATIONAL_H
#define RECLAIM_STRATEGY_GENERATIONAL_H

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

#include "strategies/parts/nursery.h"
#include "strategies/parts/park.h"
#include "strategies/parts/traced.h"

struct Thr {
  Nursery nursery; /* first: cur and end are at small offsets */
  MM_THR_COMMON
  TRACED_THREAD
  SpaceThread space;
  Tracer evacuator; /* of this thread's nursery, for this thread alone */
  uint64_t minor_cpu_ns;
  uint32_t copies;   /* of values published since the nursery was last emptied for it */
  uint32_t stressed; /* MM_CHECK: collections forced so far */
  reclaim_histogram minor_pauses;
};
struct Heap {
  MM_HEAP_COMMON
  TRACED_HEAP
  size_t nurseries, reserve; /* bytes of all nurseries, and what may be promoted of them at most; atomic */
  Tracer team;               /* evacuators of the crew, where there are helpers */
  bool crew_taken;           /* by a minor collection; atomic */
  size_t mature_lately;      /* the most that full collections have left of late */
  uint64_t filled;           /* bytes that evacuation put into holes and blocks since the last full collection; atomic */
  bool is_short;             /* under a limit: a class of cells is out of holes, and a full collection is due (evacuate.h) */
  bool spares;               /* under a limit: some blocks are kept back */
  unsigned card_shift;
  struct {
    pthread_mutex_t mutex;
    int running;
    uint64_t since, wall_ns;
  } minors; /* minor collections under way, and the time in which there was at least one */
};

enum { GEN_NURSERY = TRACED_TUNABLES_COUNT, GEN_NURSERY_MAX, GEN_AGE, GEN_CUTOFF, GEN_CARD, GEN_REMEMBERED, GEN_TUNABLES };

/* Bytes ahead of `cur` at which a line is asked for: eden is in the second-level cache, the next line should be in the first. */
enum { GEN_AHEAD = 256 };

/* Eden is full, or the object is too large for it. *keep is a root (may be NULL). */
COLD void *gen_alloc_slow(Thr *T, size_t size, Obj **keep);
/* A store of a young reference into a mature object that is not the one stored into last: enters the remembered set. */
COLD void gen_remember(Thr *T, Obj *holder, Obj **field);
/* Fields [dst, dst + bytes) of a mature object were written. */
NOINLINE void gen_moved(Thr *T, Obj *holder, void *dst, size_t bytes);

INLINE void *gen_cell(Thr *T, size_t size, Obj **keep) {
  bool small = __builtin_constant_p(size <= CLASS_FINE_MAX) && size <= CLASS_FINE_MAX;
  if ((!small && UNLIKELY(size > T->nursery.cutoff)) || TRACED_STRESSED(T)) return gen_alloc_slow(T, size, keep);
  char *p = T->nursery.eden.cur, *next = p + ((size + 15) & ~(size_t)15);
  if (UNLIKELY(next > T->nursery.eden.end)) return gen_alloc_slow(T, size, keep);
  T->nursery.eden.cur = next;
  __builtin_prefetch(p + GEN_AHEAD, 1);
  return p;
}

MM_TRACED_ALLOC(gen_cell, HDR_WORD)

MM_TRACED_SAFEPOINTS

/* --- Fields: three instructions more than a store while the holder is young; no call while one large object is being filled. ---- */

INLINE void gen_barrier(Thr *T, Obj *holder, Obj **f, Obj *v) {
  if (LIKELY(nursery_has(&T->nursery, holder))) return;
  if (nursery_has(&T->nursery, v) && !nursery_remember_hot(&T->nursery, holder, f)) gen_remember(T, holder, f);
}
INLINE Obj *mm_exchange(Thr *T, Obj *holder, Obj **f, Obj *v) {
  TALLY(T, stores);
  Obj *old = *f;
  store_release(f, v);
  gen_barrier(T, holder, f, v);
  return old;
}
/* Only into objects of a fixed small size, which are born young. */
INLINE void mm_init_move(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  *f = v;
}
INLINE void mm_store_new(Thr *T, Obj *holder, Obj **f, Obj *v) {
  store_release(f, v);
  gen_barrier(T, holder, f, v);
}
INLINE void mm_move_range(Thr *T, Obj *holder, void *dst, const void *src, size_t bytes) {
  memmove(dst, src, bytes);
  if (UNLIKELY(!nursery_has(&T->nursery, holder))) gen_moved(T, holder, dst, bytes);
}
INLINE void mm_copy_range(Thr *T, Obj *holder, Obj **dst, Obj *const *src, size_t n) {
  mm_move_range(T, holder, dst, src, n * sizeof *dst);
}

#endif
