/* space.h: the non-moving, mark-swept space: all of `mark-sweep`'s heap, and the mature space of `generational`.

   Blocks. A block is one 64 KiB unit cut into cells of one size class. Each thread allocates from a run: consecutive free cells of a
   block that it has to itself, handed out by moving a pointer. When the run is used up, the next is found between the mark bits of
   that block; when the block is used up, another of its class is taken from the list of blocks that wait to be swept. That is the
   sweep: lazy, block by block, in the allocating thread, outside any lock, and without writing to a dead object (as Go reads its
   allocation bits; the block structure is Boehm's and MMTk's).

   Mark bits stand apart from objects (chunks.h). Between collections they say which cells the last collection found alive; cells
   allocated since have no bit and are protected by being behind the thread's run. Invariant: a cell of an unswept block is free
   exactly when its mark bit is clear.

   Marking. From roots given by the strategy, by one thread or several: trace.h has the stacks, the prefetch queue, the stealing. What finds
   no room on a stack flags its block; flagged blocks are scanned again, until none is left (as Boehm's collector does).

   Several threads mark at once as marks.h says; as blocks are settled what they marked is merged into one bitmap.

   Mark bits in headers (MARKS_IN_HEADERS) are the other way, for comparison: the header is looked at anyway, and a byte of its own can be set by
   plain instructions by whoever comes, at the price that every line of the heap is written to, and that the pass below must look at
   every cell, dead or alive, to bring the bits together in the bitmap. Cells that no object was ever made in must look unmarked, so a block's
   headers are cleared when it is new.

   After marking, the world still stopped, one pass over the mark bits (1/128 of the heap), by all workers if it is long, counts what lives,
   gives back empty blocks and dead large objects, and queues the others to be swept.

   Limit. All bytes held from the system for objects and metadata count (chunks_committed). Whoever finds the limit reached collects
   and tries again; when that does not help, the heap is too small. */
#ifndef RECLAIM_PARTS_SPACE_H
#define RECLAIM_PARTS_SPACE_H

#include "strategies/parts/chunks.h"
#include "strategies/parts/classes.h"
#include "strategies/parts/marks.h"
#include "strategies/parts/runs.h"
#include "strategies/parts/trace.h"

/* A thread's place in a block of each class. */
typedef struct SpaceThread {
  Run run[CLASSES];
} SpaceThread;

/* What one worker found while it settled blocks. */
typedef struct SpaceBooks {
  uint64_t live_objects, live_bytes, hole_bytes;
  Unit *first[CLASSES], *last[CLASSES]; /* blocks with holes */
} SpaceBooks;

enum space_marks { MARKS_ASIDE, MARKS_IN_HEADERS };

typedef struct Space {
  Chunks chunks;
  pthread_mutex_t mutex;  /* the lists of blocks */
  Unit *unswept[CLASSES]; /* blocks with some free cells that nobody allocates in */
  uint64_t limit;         /* bytes */
  Int *immortals;         /* in a block that is always marked */
  Crew *crew;
  Tracer tracer;
  void (*mark)(TraceWorker *, void *item); /* what the tracer does when an item is due */
  enum space_marks marks;
  unsigned sweep_blocks; /* that a thread takes at a time */
  SpaceBooks *books;     /* of each worker */
  uint64_t live_objects,
      live_bytes;             /* at the last collection, immortals left out; bytes of cells and of pages of large objects */
  uint64_t taken_bytes;       /* of blocks and large objects handed out since the last collection; atomic */
  unsigned fruitless;         /* collections in a row before which next to nothing was handed out */
  uint64_t hole_bytes;        /* free in blocks that hold something, at the last collection */
  uint64_t mark_ns, sweep_ns; /* of collections since the last reset */
  uint64_t marked, swept;     /* objects that they found alive; blocks swept since: atomic */
} Space;

/* A collection that is due although less than this part of the limit was handed out since the last one is fruitless; after so many
   in a row under a fixed limit the heap is too small, though it would do in the end (as JVMs' "GC overhead limit"). */
enum { FRUITLESS_PART = 128, FRUITLESS_MAX = 16 };

/* Collections of its own after which an allocation gives up under a fixed limit: each may free what other threads are faster to take. */
enum { COLLECT_TRIES = 16 };
INLINE bool space_is_hopeless(const Space *S) { return S->fruitless >= FRUITLESS_MAX; }

typedef struct SpaceConfig {
  Crew *crew;            /* marks */
  uint64_t limit;        /* bytes */
  size_t stack;          /* objects that the crew's stacks have room for together */
  unsigned prefetch;     /* places that it looks ahead */
  unsigned sweep_blocks; /* that a thread takes at a time */
  enum space_marks marks;
  bool huge_pages;
} SpaceConfig;
/* False: no memory; space_destroy must follow all the same. */
bool space_init(Space *, const SpaceConfig *);
void space_destroy(Space *);

/* A cell when the run is used up: the next run, block, or a new block. NULL: that would exceed the limit, and `force` is not set;
   or the system has no more memory (then the limit is lowered to what is held, so that collecting may help). */
COLD void *space_get_slow(Space *, SpaceThread *, unsigned cls, bool force);
/* A large object, likewise; behind it a card for each 1 << card_shift bytes, clear, unless that is 0. */
COLD void *space_get_large(Space *, size_t size, unsigned card_shift, bool force);

INLINE void *space_get(Space *S, SpaceThread *t, size_t size) {
  unsigned cls = class_of(size);
  Run *r = &t->run[cls];
  char *p = r->cur;
  if (UNLIKELY(p == r->end)) return space_get_slow(S, t, cls, false);
  r->cur = p + class_bytes(cls);
  return p;
}

/* --- A collection, the world stopped ---------------------------------------------------------------------------------------- */

/* What the strategy knows of a collection. */
typedef struct SpaceRoots {
  void *ctx;
  /* The roots, in n portions that different workers may enumerate at the same time: calls visit(worker, field) for each of the k-th. */
  void (*portion)(void *ctx, unsigned k, void (*visit)(void *worker, Obj **field), void *worker);
  unsigned n;
  /* NULL, or: chunks that are not the space's, but whose objects are marked with it (nurseries). Calls f(arg, chunk, from, to) for each,
     and for what is in use of it. */
  void (*guests)(void *ctx, void (*f)(void *arg, Chunk *, char *from, char *to), void *arg);
  /* NULL, or: called when all is marked and nothing has been given back. */
  void (*marked)(void *ctx);
} SpaceRoots;

/* Forgets the runs of the n threads, marks what the roots reach, counts it, gives back what is dead. */
void space_collect(Space *, SpaceThread *threads[], int n, const SpaceRoots *);

/* Within `marked`: whether an object was reached. Of a free cell or a place where no object begins: no. */
INLINE bool space_has_marked(const Space *S, const Obj *o) {
  return S->marks == MARKS_IN_HEADERS ? load_relaxed(&o->bits) & OBJ_MARKED : marks_has(o, S->chunks.head == 1);
}

void space_reset_counters(Space *);

#endif
