/* boehm: the Boehm-Demers-Weiser collector itself, the system's libgc, behind the same contract (Boehm and Weiser 1988, "Garbage collection
   in an uncooperative environment"). Non-moving mark and lazy sweep, stopped world, parallel marking as it ships; what nobody else
   here has: stacks and registers are scanned for anything that looks like an address. So a local is a plain C variable, linked
   nowhere; a safepoint is anywhere, since threads are stopped by signals, which needs neither polls nor blocking regions; and what is
   dead may be kept because a word somewhere equals its address: what it leaks is bounded, not exact.

   Cells come from free lists of the thread's own, one per size and layout, filled many at a time: what gc_inline.h's
   GC_FAST_MALLOC_GRANS expands to, without its calls for a virtual dirty bit that is not used here. Cells on such a list are free
   although the collector has handed them out: they are marked at each collection, one by one (push_roots in boehm.c).

   Fields hold addresses of the beginning of objects and nothing else, so that interior pointers are recognised on stacks only; with them, every
   object would be a byte longer, and a node of 32 bytes take 48. Leaves are pointer-free. With `layouts=typed` the references of
   binary nodes, lists and dicts are told by bitmap, so that no integer of theirs is taken for an address; arrays and tables hold nothing else.

   Composition: libgc; handles.h, park.h (locks for the consistency of shared containers). */
#ifndef RECLAIM_STRATEGY_BOEHM_H
#define RECLAIM_STRATEGY_BOEHM_H

#define MM_MOVES           0
#define MM_COUNTS_LOCALS   0
#define MM_COUNTS_HEAP     0
#define MM_CHAINS_SLOTS    0
#define MM_SHARES_HEAP     1
#define MM_RECLAIMS_CYCLES 1
#define MM_LOCKS_OBJECTS   1
#define MM_HEAP_LIMITED    1
#define MM_PARALLEL        1
#define MM_RECLAIMS        1
#define MM_UNIQUE_OWNERS   0
#define MM_CONSERVATIVE    1
#define MM_TALLIES(X)      X(stores, "stores")

#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <gc/gc.h>
#include <gc/gc_tiny_fl.h>

#include "strategies/parts/handles.h"
#include "strategies/parts/park.h"
#include "strategies/parts/stack.h"
#include "strategies/parts/tally.h"
#include "strategies/parts/uncounted.h"

/* Objects that the collector scans alike. */
enum boehm_layout { BOEHM_LEAF, BOEHM_NODE, BOEHM_HEADER, BOEHM_REFERENCES, BOEHM_LAYOUTS };

struct Thr {
  void *lists[BOEHM_LAYOUTS][GC_TINY_FREELISTS]; /* first: at small offsets. By granules of 16 bytes */
  MM_THR_COMMON
  Stack work; /* publishing */
  uint64_t parks;
};
struct Heap {
  MM_HEAP_COMMON
  Handles handles;
  int kinds[BOEHM_LAYOUTS]; /* libgc's */
  /* Since the last reset; written with libgc's lock held. */
  uint64_t collections, collector_wall_ns, collector_cpu_ns, mark_ns, reclaim_ns;
  reclaim_histogram pauses, safepoints;
  uint64_t stop_ns, stop_cpu_ns, mark_start_ns, reclaim_start_ns, reclaim_start_cpu_ns; /* of the collection under way */
};

enum { BOEHM_INITIAL_HEAP, BOEHM_DIVISOR, BOEHM_TYPED, BOEHM_INLINE_LISTS, BOEHM_TUNABLES };

/* The list is empty, or there is none for this size. */
COLD void *boehm_alloc_slow(Thr *T, size_t size, enum boehm_layout layout);

INLINE enum boehm_layout boehm_layout_of(unsigned kind, unsigned n) {
  if (kind_is_leaf(kind)) return BOEHM_LEAF;
  if (kind == KIND_NODE && n == 2) return BOEHM_NODE;
  return kind == KIND_LIST || kind == KIND_DICT ? BOEHM_HEADER : BOEHM_REFERENCES;
}

INLINE Obj *mm_alloc(Thr *T, size_t size, unsigned kind, unsigned n) {
  TALLY(T, allocations);
  TALLY_N(T, allocated_bytes, size);
  enum boehm_layout layout = boehm_layout_of(kind, n);
  size_t granules = (size + GC_GRANULE_BYTES - 1) / GC_GRANULE_BYTES;
  void *p = NULL;
  if (LIKELY(granules < GC_TINY_FREELISTS)) {
    p = T->lists[layout][granules];
    /* In this order: a collection may come between any two instructions, and finds the cell on the list or in a register. */
    if (LIKELY(p)) __atomic_store_n(&T->lists[layout][granules], *(void **)p, __ATOMIC_RELAXED);
  }
  if (UNLIKELY(!p)) p = boehm_alloc_slow(T, size, layout);
  Obj *o = p;
  o->word = HDR_WORD(kind, n);
  return o;
}
INLINE Two mm_alloc1(Thr *T, size_t size, unsigned kind, unsigned n, Obj *keep) {
  return (Two){mm_alloc(T, size, kind, n), keep};
}

#include "strategies/parts/plain-fields.h"

INLINE void mm_safepoint(Thr *T) { (void)T; }
INLINE void mm_blocking_begin(Thr *T) { (void)T; }
INLINE void mm_blocking_end(Thr *T) { (void)T; }

#endif
