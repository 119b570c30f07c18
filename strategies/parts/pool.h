/* pool.h: the project's own allocator for counting strategies: size-class pools, a private heap (Pool) per thread.

   One LIFO free list per class: the cell freed last is the first handed out again, since a line just freed is the cheapest
   there is. Fast paths are five instructions each and touch nothing but the list head and the cell. What a page holds is not
   counted on the way; a trim (below) sorts it out later.

   - Owner-checked pages: a unit belongs to one Pool. Where POOL_REMOTE, a cell freed by another thread goes onto its owner's
     remote queue (a lock-free stack), which the owner drains when a list runs empty; so memory that one thread makes and another
     drops returns to its maker, and blow-up is bounded.
   - Bulk drops stay local. When a long array or table dies, the cells of its items go onto the lists of their own units, from where
     they are handed out unit by unit. On the one LIFO list they would lie in the order of the drop, scattered over the heap, and
     everything built from them later would miss the cache at every cell.
   - Pages given back: a trim moves all free cells to the lists of their units, and returns units that have no live cell. It runs
     before a Pool asks for more units than half of what it kept after the last trim, so its cost is a constant per fresh unit, and
     a program that frees one size and then wants another is at most half above its live pages.
   - The heap of an exited thread is adopted whole by the next thread that attaches.

   Where strategies have no threads that share a heap (or a GIL), POOL_REMOTE is 0 and the owner is not looked at.
   Design: mimalloc (Leijen et al. 2019) for owner and remote frees; the plain LIFO list per class is that of Lea's fastbins. */
#ifndef RECLAIM_PARTS_POOL_H
#define RECLAIM_PARTS_POOL_H

#include "strategies/parts/chunks.h"
#include "strategies/parts/classes.h"

typedef struct Cell {
  struct Cell *next;
} Cell;

/* Who wants to know of a pool's slow paths; any may be NULL. */
typedef struct PoolWatch {
  void (*wanted)(void *arg); /* a class has no free cell: whatever can be freed may be */
  void (*grew)(void *arg);   /* it took units from the chunks */
  void (*trimming)(
      void *arg); /* it is about to give units without live cells back: no pointer into those may be followed afterwards */
} PoolWatch;

typedef struct Pool {
  Cell *free[CLASSES];
  Chunks *chunks;
  Unit *carving[CLASSES];    /* unit whose tail was never used */
  Unit *units[CLASSES];      /* all units of the class */
  Unit *next_local[CLASSES]; /* where the search for a unit with local cells goes on; NULL: at units[] */
  uint32_t nlocal[CLASSES];  /* units with local cells */
  size_t held, kept;         /* units of all classes now; after the last trim */
  _Atomic(Cell *) remote;    /* cells freed by other threads */
  struct Pool *next_orphan;  /* in the list of pools without a thread */
  void (*exhausted)(void *); /* called when the system has no more memory; does not return */
  void *exhausted_arg;
  PoolWatch watch;
  void *watch_arg;
  uint32_t shuffle; /* MM_CHECK: not 0: fresh cells are handed out in no order of addresses; changes with each carving */
  uint64_t trims, given_back; /* counters: trims, units returned */
} Pool;

void pool_init(Pool *, Chunks *, void (*exhausted)(void *), void *arg);
/* A cell of class `cls`, when its list is empty: drains the remote queue, carves fresh cells, gets a new unit. */
COLD void *pool_get_slow(Pool *, unsigned cls);
/* A run of units for an object above CELL_MAX. */
COLD void *pool_get_large(Pool *, size_t size);
COLD void pool_put_large(Pool *, void *);
COLD void pool_put_remote(Pool *owner, void *);
/* Many cells at once, linked from the first to the last. */
void pool_put_remote_list(Pool *owner, Cell *first, Cell *last);
/* A cell that dies with many others: onto its unit's list. */
void pool_put_local(Pool *, void *, bool check_owner);
/* Returns units without live cells to the chunks. Only by the owner. */
void pool_trim(Pool *);

/* Exact books, by walking: cells in use. Only while no thread uses the pool. */
typedef struct PoolUse {
  uint64_t objects, bytes; /* bytes: of cells, large objects by their accounted bytes */
} PoolUse;
PoolUse pool_use(Pool *pools[], int n, Chunks *);

INLINE void *pool_get(Pool *P, size_t size) {
  if (UNLIKELY(size > CELL_MAX)) return pool_get_large(P, size);
  unsigned cls = class_of(size);
  Cell *c = P->free[cls];
  if (UNLIKELY(!c)) return pool_get_slow(P, cls);
  P->free[cls] = c->next;
  return c;
}

/* `size` is that of the get, or any of the same class. */
INLINE void pool_put(Pool *P, void *p, size_t size, bool check_owner) {
  if (UNLIKELY(size > CELL_MAX)) {
    pool_put_large(P, p);
    return;
  }
  if (check_owner) {
    Pool *owner = unit_of(p)->owner;
    if (UNLIKELY(owner != P)) {
      pool_put_remote(owner, p);
      return;
    }
  }
  unsigned cls = class_of(size);
  Cell *c = p;
  c->next = P->free[cls];
  P->free[cls] = c;
}

#endif
