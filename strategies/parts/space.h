/* space.h: the non-moving, mark-swept space: all of `mark-sweep`'s heap, and the mature space of `generational`.

   Blocks. A block is one 64 KiB unit cut into cells of one size class. Each thread allocates from a run: consecutive free cells of a
   block that it has to itself, handed out by moving a pointer. When the run is used up, the next is found between the mark bits of
   that block; when the block is used up, another of its class is taken from the list of blocks that wait to be swept. That is the
   sweep: lazy, block by block, in the allocating thread, outside any lock, and without writing to a dead object (as Go reads its
   allocation bits; the block structure is Boehm's and MMTk's).

   Mark bits stand apart from objects (chunks.h). Between collections they say which cells the last collection found alive; cells
   allocated since have no bit and are protected by being behind the thread's run. Invariant: a cell of an unswept block is free
   exactly when its mark bit is clear.

   Marking. From roots given by the strategy: an explicit stack (never recursion), and in front of it a ring that delays each object by
   `prefetch` places, so that its header and mark word are in the cache when it is looked at (Cher, Hosking, Vitek 2004). The stack
   has a fixed capacity: when it is full, the block of the object that found no room is flagged, and flagged blocks are scanned
   again, until none is left (as Boehm's collector does).

   After marking, the world still stopped, one pass over the mark bits (1/128 of the heap) counts what lives, gives back empty blocks
   and dead large objects, and queues the others to be swept.

   Limit. All bytes held from the system for objects and metadata count (chunks_committed). Whoever finds the limit reached collects
   and tries again; when that does not help, the heap is too small. */
#ifndef RECLAIM_PARTS_SPACE_H
#define RECLAIM_PARTS_SPACE_H

#include "strategies/parts/chunks.h"
#include "strategies/parts/classes.h"

/* A thread's place in a block of each class. */
typedef struct Run {
  char *cur, *end; /* free cells [cur, end) */
  Unit *block;
} Run;

typedef struct SpaceThread {
  Run run[CLASSES];
} SpaceThread;

enum { SPACE_RING_MAX = 256 };

typedef struct Marker {
  Obj **stack;
  size_t n, cap; /* cap: fixed for a collection */
  size_t deepest;
  Obj *ring[SPACE_RING_MAX];
  unsigned at, distance; /* ring places in use: distance; 0: none */
  bool overflowed;
  uint64_t overflows;
} Marker;

typedef struct Space {
  Chunks chunks;
  pthread_mutex_t mutex;  /* the lists of blocks */
  Unit *unswept[CLASSES]; /* blocks with some free cells that nobody allocates in */
  uint64_t limit;         /* bytes */
  Int *immortals;         /* in a block that is always marked */
  Marker marker;
  uint64_t live_objects,
      live_bytes;             /* at the last collection, immortals left out; bytes of cells and of pages of large objects */
  uint64_t taken_bytes;       /* of blocks and large objects handed out since the last collection; atomic */
  unsigned fruitless;         /* collections in a row before which next to nothing was handed out */
  uint64_t hole_bytes;        /* free in blocks that hold something, at the last collection */
  uint64_t mark_ns, sweep_ns; /* of collections since the last reset */
} Space;

/* A collection that is due although less than this part of the limit was handed out since the last one is fruitless; after so many
   in a row under a fixed limit the heap is too small, though it would do in the end (as JVMs' "GC overhead limit"). */
enum { FRUITLESS_PART = 128, FRUITLESS_MAX = 16 };

/* Collections of its own after which an allocation gives up under a fixed limit: each may free what other threads are faster to take. */
enum { COLLECT_TRIES = 16 };
INLINE bool space_is_hopeless(const Space *S) { return S->fruitless >= FRUITLESS_MAX; }

enum { BLOCK_IMMORTAL = 1, BLOCK_OVERFLOWED = 2 }; /* Unit.flags */

/* False: no memory. The marker gets room for `stack` objects and looks `prefetch` places ahead. */
bool space_init(Space *, uint64_t limit, size_t stack, unsigned prefetch, bool huge_pages);
void space_destroy(Space *);

/* A cell when the run is used up: the next run, block, or a new block. NULL: that would exceed the limit, and `force` is not set;
   or the system has no more memory (then the limit is lowered to what is held, so that collecting may help). */
COLD void *space_get_slow(Space *, SpaceThread *, unsigned cls, bool force);
/* A large object, likewise. */
COLD void *space_get_large(Space *, size_t size, bool force);

INLINE void *space_get(Space *S, SpaceThread *t, size_t size) {
  unsigned cls = class_of(size);
  Run *r = &t->run[cls];
  char *p = r->cur;
  if (UNLIKELY(p == r->end)) return space_get_slow(S, t, cls, false);
  r->cur = p + class_bytes(cls);
  return p;
}

/* --- A collection, world stopped: begin, mark roots (any number), finish. ------------------------------------------------- */

/* Clears marks; forgets the runs of the n threads. */
void space_begin(Space *, SpaceThread *threads[], int n);
/* Marks *field's object, if any, and in the end all that it reaches. */
void space_mark_root(void *space, Obj **field);
/* Drains the stack, counts, gives back what is dead. */
void space_finish(Space *);

#endif
