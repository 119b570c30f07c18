/* traced.h: what tracing strategies share above the space: the world, the slots as roots, reads, safepoints. */
#ifndef RECLAIM_PARTS_TRACED_H
#define RECLAIM_PARTS_TRACED_H

#include "strategies/parts/space.h"
#include "strategies/parts/stack.h"
#include "strategies/parts/tally.h"
#include "strategies/parts/uncounted.h"
#include "strategies/parts/world.h"

/* The space that is traced, `mature` of the heap and `space` of each thread: that of space.h, unless the strategy has included another before,
   which gives the same functions and fields. */
#ifdef RECLAIM_PARTS_REGION_H
typedef Region TracedSpace;
typedef RegionThread TracedThread;
#define TRACED_SPACE(function) region_##function
#else
typedef Space TracedSpace;
typedef SpaceThread TracedThread;
#define TRACED_SPACE(function) space_##function
#endif

#define TRACED_TALLIES(X) X(stores, "stores")

#define TRACED_THREAD                                                                                                            \
  Thr *next_orphan;                                                                                                              \
  Stack work;                            /* publishing, copying */                                                               \
  uint32_t collect_every, until_collect; /* MM_CHECK: collect at every n-th allocation */                                        \
  uint64_t parks;

#define TRACED_HEAP                                                                                                              \
  World world;                                                                                                                   \
  Thr *orphans; /* handles of threads that have exited, adopted by the next to attach; under the world's mutex */                \
  Crew crew;                                                                                                                     \
  TracedSpace mature;                                                                                                            \
  uint64_t hard_limit; /* bytes; 0: the heap grows */                                                                            \
  uint64_t collections, collector_wall_ns, collector_cpu_ns;                                                                     \
  uint64_t joined_before; /* the crew's `joined` at the last reset */

enum {
  TRACED_HUGE_PAGES,
  TRACED_PREFETCH,
  TRACED_MARK_STACK,
#ifndef RECLAIM_PARTS_REGION_H
  TRACED_SWEEP_BLOCKS,
#endif
#if MM_CHECK
  TRACED_COLLECT_EVERY,
#endif
  TRACED_TUNABLES_COUNT
};

/* In a checked build: whether this allocation is to collect first. */
#if MM_CHECK
#define TRACED_STRESSED(T) UNLIKELY((T)->collect_every && --(T)->until_collect == 0)
#else
#define TRACED_STRESSED(T) false
#endif

/* The two ways to allocate, from `cell`(T, size, keep): a cell of at least `size` bytes, before which a collection updates *keep, if there is
   one. `header`(kind, n): the word of a new object. */
#define MM_TRACED_ALLOC(cell, header)                                                                                            \
  INLINE Obj *mm_alloc(Thr *T, size_t size, unsigned kind, unsigned n) {                                                         \
    TALLY(T, allocations);                                                                                                       \
    TALLY_N(T, allocated_bytes, size);                                                                                           \
    Obj *o = cell(T, size, NULL);                                                                                                \
    o->word = header(kind, n);                                                                                                   \
    return o;                                                                                                                    \
  }                                                                                                                              \
  INLINE Two mm_alloc1(Thr *T, size_t size, unsigned kind, unsigned n, Obj *keep) {                                              \
    TALLY(T, allocations);                                                                                                       \
    TALLY_N(T, allocated_bytes, size);                                                                                           \
    Obj *o = cell(T, size, &keep);                                                                                               \
    o->word = header(kind, n);                                                                                                   \
    return (Two){o, keep};                                                                                                       \
  }

void mm_poll_slow(Thr *T);
#define MM_TRACED_SAFEPOINTS                                                                                                     \
  INLINE void mm_safepoint(Thr *T) {                                                                                             \
    if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);                                         \
  }                                                                                                                              \
  INLINE void mm_blocking_begin(Thr *T) { world_block(&T->heap->world, T); }                                                     \
  INLINE void mm_blocking_end(Thr *T) { world_unblock(&T->heap->world, T); }

#endif
