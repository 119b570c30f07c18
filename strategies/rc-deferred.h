/* rc-deferred: deferred, coalescing reference counting: Deutsch and Bobrow 1976; Levanoni and Petrank 2001; what made it fast since (Blackburn
   and McKinley 2003; Shahriyar, Blackburn, Frampton 2012, and with Yang and McKinley 2013): Nim's `refc`, Jikes RVM's RC Immix and LXR are its
   relatives.

   A mutator counts nothing: locals are linked, as roots; a store looks at one flag of its holder and, the first time in an epoch, logs what
   the holder held. Time is cut into epochs by the volume of what was allocated. At the end of each the world stops and counts are made up
   from the logs. Objects are born dead: one that nothing counted and no root comes to by the end of its first epoch was never counted, and is
   freed by having no bit set.

   What is where, and why:
     - The count and its flags are the header's count word (deferral.h): the byte of OBJ_* flags is read by other threads without a lock, this
       word by nobody but the log and the end of an epoch. Its lowest bit is the one that a store looks at: 0 means "log first". HDR_WORD sets it
       and nothing else, which is the state of a new object, so birth costs what it costs everywhere.
     - New objects are enumerated by nobody. In the pool flavour they are what the allocator's runs passed by and no bit is set for; in the malloc
       flavour a thread has a list (births.h says what that costs).
     - The epoch is as long as the second-level cache is large (`epoch-bytes`), since the cells of the dead are the next to be handed out. While much
       survives it grows, up to `epoch-max`: an object that dies in the epoch that it was born in costs nothing, one that is older is counted
       up and down. It grows, too, while roots are so many that looking at them would take more time than allocating does.
     - Cycles that die young are freed like everything that does; those that are older wait for the backup trace (backup.h).

   No heap limit is obeyed: what is committed follows what is live and what an epoch makes, and is printed beside the time as for all
   counting strategies. The log, the zero-count table and the trace's stack come on top, outside of what is committed.

   Composition: deferral.h (count word, log), epoch.h, backup.h over births.h (fits.h or a malloc), world.h, park.h. */
#ifndef RECLAIM_STRATEGY_RC_DEFERRED_H
#define RECLAIM_STRATEGY_RC_DEFERRED_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   0
#define MM_COUNTS_HEAP     1
#define MM_CHAINS_SLOTS    1
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 1
#define MM_LOCKS_OBJECTS   1
#define MM_HEAP_LIMITED    0
#define MM_PARALLEL        0
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      X(stores, "stores") X(elided, "elided-stores")

#include "strategies/parts/backup.h"
#include "strategies/parts/births.h"
#include "strategies/parts/epoch.h"
#include "strategies/parts/park.h"
#include "strategies/parts/tally.h"
#include "strategies/parts/uncounted.h"
#include "strategies/parts/world.h"

struct Thr {
  BirthsThread births; /* first: the runs are at small offsets */
  MM_THR_COMMON
  Thr *next_orphan;
  Log log;
  Stack work; /* publishing */
  uint64_t parks;
  bool left;                             /* the thread has exited */
  uint32_t collect_every, until_collect; /* MM_CHECK: an epoch ends at every n-th allocation */
};
struct Heap {
  MM_HEAP_COMMON
  World world;
  Thr *orphans; /* handles of threads that have exited, adopted by the next to attach; under the world's mutex */
  Births births;
  Epoch epoch;
  Backup backup;
  size_t volume; /* bytes that a thread may allocate in this epoch */
  uint64_t wall_ns, cpu_ns, count_ns;
};

enum {
  DEFERRED_CELLS, /* of blocks: huge-pages; of a malloc: freelist-cap */
  DEFERRED_EPOCH_BYTES,
  DEFERRED_EPOCH_MAX,
  DEFERRED_LOG_ENTRIES,
  DEFERRED_TRACE_FACTOR,
  DEFERRED_COUNT_BITS,
#if MM_CHECK
  DEFERRED_COLLECT_EVERY,
#endif
  DEFERRED_TUNABLES
};

/* Bytes ahead of an allocation at which a line is asked for: blocks are in the second-level cache, the next line should be in the first. */
enum { DEFERRED_AHEAD = 1024 };

/* In a checked build: whether an epoch is to end before this allocation. */
#if MM_CHECK
#define DEFERRED_STRESSED(T) UNLIKELY((T)->collect_every && --(T)->until_collect == 0)
#else
#define DEFERRED_STRESSED(T) false
#endif

/* The run is used up, the object is large, or the epoch has had its volume. `keep` is a root (may be NULL). */
NOINLINE void *deferred_alloc_slow(Thr *T, size_t size, Obj *keep);

INLINE Obj *deferred_alloc(Thr *T, size_t size, unsigned kind, unsigned n, Obj *keep) {
  TALLY(T, allocations);
  TALLY_N(T, allocated_bytes, size);
  size = deferral_size(size, kind);
  Obj *o;
  if (UNLIKELY(DEFERRED_STRESSED(T) || !births_try(&T->births, size, &o))) o = deferred_alloc_slow(T, size, keep);
  if (!MM_MALLOC) __builtin_prefetch((char *)o + DEFERRED_AHEAD, 1);
  o->word = HDR_WORD(kind, n);
  return o;
}
_Static_assert(HDR_WORD(0, 0) >> 32 == COUNT_NEW, "an object is born new");
INLINE Obj *mm_alloc(Thr *T, size_t size, unsigned kind, unsigned n) { return deferred_alloc(T, size, kind, n, NULL); }
INLINE Two mm_alloc1(Thr *T, size_t size, unsigned kind, unsigned n, Obj *keep) {
  return (Two){deferred_alloc(T, size, kind, n, keep), keep};
}

/* --- Locals and reads: nothing is counted (uncounted.h), and nothing dies before all threads have polled. ----------------------------- */

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) { world_block(&T->heap->world, T); }
INLINE void mm_blocking_end(Thr *T) { world_unblock(&T->heap->world, T); }

/* --- Writes: two instructions more than a store, unless it is the first of the epoch. ------------------------------------------- */

INLINE bool deferred_is_logged(Thr *T, const Obj *holder, uint32_t flags) {
  bool is = LIKELY(load_acquire(&holder->count) & flags);
  TALLY(T, stores);
  TALLY_N(T, elided, is);
  (void)T;
  return is;
}

INLINE Obj *mm_exchange(Thr *T, Obj *holder, Obj **f, Obj *v) {
  if (UNLIKELY(!deferred_is_logged(T, holder, COUNT_LOGGED))) log_write(T, holder, f);
  Obj *old = *f;
  store_release(f, v);
  return old;
}
/* Only into objects just made. */
INLINE void mm_init_move(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  *f = v;
}
INLINE void mm_store_new(Thr *T, Obj *holder, Obj **f, Obj *v) {
  if (UNLIKELY(!deferred_is_logged(T, holder, COUNT_LOGGED | COUNT_GROWN))) log_write(T, holder, f);
  store_release(f, v);
}
INLINE void mm_leave(Thr *T, Obj *holder, Obj **f, size_t n) {
  if (UNLIKELY(!deferred_is_logged(T, holder, COUNT_LOGGED))) log_writes(T, holder, f, n);
}
INLINE void mm_pass(Thr *T, Obj *to, Obj *from) { log_pass(T, to, from); }
INLINE void mm_move_range(Thr *T, Obj *holder, void *dst, const void *src, size_t bytes) {
  if (UNLIKELY(!deferred_is_logged(T, holder, COUNT_LOGGED))) log_writes(T, holder, dst, bytes / sizeof(Obj *));
  memmove(dst, src, bytes);
}
INLINE void mm_copy_range(Thr *T, Obj *holder, Obj **dst, Obj *const *src, size_t n) {
  mm_move_range(T, holder, dst, src, n * sizeof *dst);
}

#endif
