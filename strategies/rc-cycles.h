/* rc-cycles: plain counts under one global lock, and the cyclic garbage collector of CPython's default builds: what `rc-gil` is, with
   nothing leaked. Collections are made at polls, by whoever holds the lock then, as CPython does on its eval breaker since 3.12.

   Composition: counting.h (plain) over one Cells for all, gil.h, cycles.h. */
#ifndef RECLAIM_STRATEGY_RC_CYCLES_H
#define RECLAIM_STRATEGY_RC_CYCLES_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   1
#define MM_COUNTS_HEAP     1
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 1
#define MM_LOCKS_OBJECTS   0
#define MM_HEAP_LIMITED    0
#define MM_PARALLEL        0
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    0
#define MM_TALLIES(X)      COUNTED_TALLIES(X)

#define COUNT_ATOMIC   0
#define COUNT_OWNERS   0
#define COUNT_CELLS(T) (&(T)->tracked->cells)
#define CYCLES_OF(T)   (&(T)->tracked->cycles)
#define GIL_OF(T)      (&(T)->heap->gil)
#define GIL_CELLS(H)   (&(H)->tracked.cells)

#include "strategies/parts/counted.h"
#include "strategies/parts/cycles.h"
#include "strategies/parts/gil.h"

/* What an allocation touches, together; cells first. */
typedef struct Tracked {
  Cells cells;
  Cycles cycles;
} Tracked;

struct Thr {
  MM_THR_COMMON
  Tracked *tracked; /* the heap's */
  GIL_THREAD
  COUNTED_THREAD
};
struct Heap {
  MM_HEAP_COMMON
  COUNTED_HEAP
  Tracked tracked;
  Gil gil;
};

enum {
  GIL_TUNABLES(COUNTED_TUNABLES),
  CYCLES_THRESHOLD0 = GIL_END,
  CYCLES_THRESHOLD1,
  CYCLES_THRESHOLD2,
  CYCLES_THRESHOLD_BYTES,
#if MM_CHECK
  CYCLES_COLLECT_EVERY,
#endif
  CYCLES_TUNABLES
};

/* The header's `lock` byte says how old a container is; one that dies needs nothing done about that. */
#define COUNT_MARK(kind)                    ((kind) == KIND_TABLE ? (uint64_t)CYCLES_UNTRACKED << 24 : 0)
#define COUNT_MARKS                         ((uint64_t)0xFF << 24)
#define COUNT_PREFIX                        CYCLES_PREFIX
#define COUNT_BORN(T, cells, o, size, kind) cycles_made(T, &((Tracked *)(cells))->cycles, o, size, kind)
#define COUNT_PUT_OFF(T, o)                 cycles_put_off(CYCLES_OF(T), o)
#define COUNT_GONE(T, o, size)              cycles_gone(o, size)
#define COUNT_ENDED(T, n)                   cycles_ended(CYCLES_OF(T), n)
#define COUNT_IS_APART(kind)                (kind_is_leaf(kind) || (kind) == KIND_LIST || (kind) == KIND_TABLE)
#define COUNT_SKIPS(o)                      ((o)->lock & CYCLES_LOST)
#define MM_TABLE_GETS(T, t, v)              cycles_table_gets(T, t, v)

#if !MM_MALLOC
/* A log or the pool holds dead objects that wait to be freed: they are to look as free cells do. */
#define COUNT_LINK(list, word) ((uint64_t)(uintptr_t)(list) << 16 | ((word)&0xFF00) | ((word)&0xF) << 4)
#define COUNT_UNLINK(o)        ((void)((o)->kind >>= 4))
#endif

INLINE void cycles_made(Thr *T, Cycles *Y, Obj *o, size_t size, unsigned kind) {
#if MM_CHECK
  if (Y->until_collect && --Y->until_collect == 0) atomic_fetch_or_explicit(&T->poll, CYCLES_POLL, memory_order_relaxed);
#endif
#if MM_MALLOC
  if (UNLIKELY(Y->cells->bytes > (int64_t)Y->bytes_limit)) cycles_grew(T);
#endif
  if (kind_is_leaf(kind)) return;
  cycles_born(T, Y, o, size, kind);
}

#include "strategies/parts/counting.h"

INLINE void mm_safepoint(Thr *T) {
  if (UNLIKELY(atomic_load_explicit(&T->poll, memory_order_relaxed))) mm_poll_slow(T);
}
INLINE void mm_blocking_begin(Thr *T) { gil_drop(GIL_OF(T), T, false); }
INLINE void mm_blocking_end(Thr *T) {
  gil_take(GIL_OF(T), T);
  cycles_enter(CYCLES_OF(T), &T->poll);
}

#endif
