/* region.h: the mark-region space: Immix (Blackburn, McKinley 2008), with the sticky mark bits of Demers et al. (1990) for its young
   collections, as MMTk's StickyImmix and Whippet's mmc have them.

   ## Space

   Blocks are cut into lines (lines.h). A mutator allocates by moving a pointer through a hole, a run of free lines; then comes the next hole of
   its block, then another block. An object of more than a line that does not fit into what is left of the hole goes to an overflow
   block, which has a pointer of its own, so that the hole is not thrown away. Objects above CELL_MAX get a run of units each.

     free    given back to the chunks
     roomy   in a list: at least half of its lines are free
     holey   in a list: fewer are, but some
     full    in no list
     taken   a thread allocates in it, or has done so since the last collection; in that thread's list

   Mutators take roomy blocks first, then free ones, and holey ones when there is nothing else: a block full of holes is dear to allocate in, and
   the best that can happen to it is to be emptied. Copies go the other way, into holes first, so that they free more than they take.

   ## Marking, moving

   A collection marks objects (marks.h) from the roots. Objects in candidate blocks are moved instead, if there is room (opportunistic
   evacuation): copied, their header replaced by the new address, and each field that is visited set to it. Several workers agree by the header:

       header --compare and swap--> being copied --copied--> KIND_FORWARDED | new address
                                        |
                                        +--no room, or pinned--> marked; the header again, with OBJ_STAYS

   An object whose lock is held or waited for (park.h) is pinned: its address is what waiters have. Room is what mutators may not take, `reserve`,
   beside whatever is free. So an evacuation never needs what it has not got; who finds no room stays where he is.

   Candidates of a full collection are the blocks that the last one left with the least in them: the bytes that live there are estimated by the
   number of marks and the mean size of objects, and bounded by the lines in use; the emptiest come first, as many as have room, and none that
   is more than half full unless somebody waits for a block. (Immix orders by holes; a hole says nothing of a line that one small object keeps.)

   ## Sticky mark bits

   Between collections an object is old when it is marked and young when it is not. A young collection does not clear marks, so it visits young
   objects only, from the roots and from the remembered set, and settles only the blocks that were taken since the last collection. What it marks
   is old: nothing was copied to make it so. What of the old has died meanwhile is found by the next full collection.

   The header's count, which nothing else uses here, says whether a store into the object is of interest:

       0   young, or remembered            --marked, or scanned as remembered--> 1
       1   old, and not stored into since  --stored into: remembered-->          0

   OBJ_UNLOGGED repeats the count in the bits for objects that are not shared, where a store finds it beside OBJ_SHARED by one test. Of shared
   objects all threads read the bits without a lock, so for those the count alone is kept, which is looked at under the object's lock.

   Remembered set, bounded: an object is entered once per collection. A small one is scanned as a whole; of a large one, which keeps OBJ_UNLOGGED,
   each store dirties a card, a byte for each 512 bytes that lies behind the object, and dirty cards are scanned. So one young object stored 64
   million times into an array makes one entry; and beyond `remembered-set` entries a collection is asked for. A thread knows the large object
   that it entered last (`hot`) and dirties its cards without a call: programs stay at an array or a table for a while.

   Where a young collection finds that survivors are few and far between, the next one moves them, out of the blocks that were free before.

   ## Limit

   Everything held from the system for objects and metadata counts (chunks_committed): mutators may commit `limit`, copies `reserve` more. When
   a collection ends and part of the reserve is in use, since more lived in candidates than was estimated, mutators leave as many bytes of holes
   alone: so there is always room to move something into, and where anything can be gained by moving, the next collection gains it. */
#ifndef RECLAIM_PARTS_REGION_H
#define RECLAIM_PARTS_REGION_H

#include "strategies/parts/lines.h"
#include "strategies/parts/space.h"
#include "strategies/parts/stack.h"
#if MM_CHECK
#include "strategies/parts/verify.h"
#endif

enum {
  BLOCK_TAKEN = 4,     /* see above */
  BLOCK_FRESH = 8,     /* it was free when it was taken: all that is in it is young */
  BLOCK_CANDIDATE = 16 /* objects are moved out of it */
};                     /* Unit.flags, beside BLOCK_IMMORTAL and BLOCK_OVERFLOWED */
/* Unit.cls: lines that are free, as of the last collection; Unit.state: while candidates are chosen, its bucket. */

enum { REGION_CARD_SHIFT = 9, EVACUATE_AHEAD = 64 };

typedef struct Hole {
  char *cur, *end; /* free: [cur, end) */
  Unit *block;
} Hole;

/* Where a mutator, or a worker that copies, allocates. */
typedef struct RegionThread {
  Hole small, over;     /* `small` first: at small offsets */
  Obj *hot;             /* a large object that is remembered, or NULL */
  uintptr_t hot_cards;  /* so that the card of a field of it is at hot_cards + (field >> REGION_CARD_SHIFT) */
  Unit *taken;          /* blocks since the last collection */
  Unit *young_large;    /* large objects since then */
  Stack objects, large; /* remembered: small objects; large ones */
} RegionThread;

/* What was found while blocks were settled. */
typedef struct RegionBooks {
  uint64_t settled;
  uint64_t live_objects, large_objects, large_bytes, blocks, used_lines, holes;
  /* Of blocks that were fresh: all; objects and lines in use now; blocks that are not empty. */
  uint64_t young_blocks, young_objects, young_lines, young_kept;
  uint64_t exact_bytes;
  struct {
    uint64_t blocks, holes; /* lines */
  } least[128];             /* blocks by what is estimated to live there, in steps of 512 bytes */
  Unit *roomy, *last_roomy, *holey, *last_holey;
} RegionBooks;

typedef struct Region Region;
typedef struct RegionLoop RegionLoop; /* region-trace.c */

typedef struct RegionWorker {
  TraceWorker w; /* first */
  Region *region;
  RegionThread into; /* for copies */
  bool sticky;       /* the region's */
  /* In this collection: objects whose size was looked at, and their bytes, in blocks; bytes of copies, of what
     was new among them; objects without room. */
  uint64_t samples, sample_bytes, moved_now, moved_young, stayed_now;
  uint64_t moved, moved_bytes, stayed, pinned; /* counters */
  RegionBooks books;
} RegionWorker;

struct Region {
  Chunks chunks;
  pthread_mutex_t mutex; /* the lists of blocks */
  Unit *roomy, *holey;
  uint64_t limit, reserve;
  uint64_t budget;      /* bytes that mutators may take between two collections */
  uint64_t taken_bytes; /* since the last collection; atomic */
  uint64_t hole_bytes;  /* in lines of listed blocks; atomic */
  Int *immortals;
  Crew *crew;
  Tracer tracer;
  unsigned ahead;
  bool sticky;      /* there are young collections, and stores are watched */
  bool wants_block; /* somebody found holes enough and no block */

  /* The plan of the collection to come, set by the strategy. */
  bool full;     /* not only what is young */
  bool evacuate; /* candidates are to be chosen */
  bool exact;    /* live bytes are to be counted, not estimated */
  unsigned
      decay; /* how much of what was old is expected to live, in parts of 256; where the last one ran out of room, all of it */

  /* While it goes on. */
  Unit *taken, *large; /* all threads' */
  unsigned ntaken;
  RegionThread **threads; /* whose remembered sets are roots */
  int nthreads;
  bool moving; /* there are candidates */
  const RegionLoop *loop;
  bool walking;        /* over all chunks: none may be got */
  unsigned most;       /* bucket of the fullest block that is a candidate */
  int64_t most_blocks; /* candidates of that bucket; atomic */

  /* As of the last collection; of the last full one, where it says so. */
  uint64_t live_objects, live_bytes, mean_bytes; /* full; mean size of objects in blocks */
  uint64_t blocks, used_lines, large_bytes;
  uint64_t holes, small_bytes, waste; /* full; what lives in blocks; bytes of lines in use in which nothing lives */
  uint64_t candidates;
  unsigned density;                     /* full: what lives in a block that was fresh, in parts of 256 */
  uint64_t young_bytes, survived_bytes; /* what was new since the one before, and what of it is left, whole lines */
  bool no_room;                         /* some candidates stayed, because there was none */
  bool scattered;                       /* survivors of the last collection lay few and far between */
  unsigned fruitless;                   /* see space.h */

  /* Counters, since the last reset. */
  uint64_t mark_ns, sweep_ns, marked, swept; /* objects found alive, of those that were looked for; blocks settled */
  uint64_t youngs, remembered, fresh_taken, holes_taken, overflows, candidates_sum, young_sum, survived_sum;
#if MM_CHECK
  VerifyMemory verify;
#endif
};

/* As those of space.h. */
bool region_init(Region *, const SpaceConfig *);
void region_destroy(Region *);
void region_reset_counters(Region *);

/* Bytes in blocks and large objects that nobody has found dead. */
INLINE uint64_t region_used(const Region *R) { return R->used_lines * LINE_BYTES + R->large_bytes; }
/* What mutators could still take, holes included. */
uint64_t region_room(Region *R);

/* --- Allocation ------------------------------------------------------------------------------------------------------------------- */

/* An object that finds no room in `small`; size is a multiple of 16, at most CELL_MAX. NULL: a collection is due. */
COLD void *region_get_slow(Region *, RegionThread *, size_t size);
/* A large object, likewise. `force`: beyond the limit. */
COLD void *region_get_large(Region *, RegionThread *, size_t size, bool force);

/* --- Stores ------------------------------------------------------------------------------------------------------------------------- */

/* Something was stored into [from, to) of a holder that may be old. Unshared, or its lock is held. */
void region_note(RegionThread *, Obj *holder, void *from, void *to);

/* Whether that is taken care of already, of a single field. */
INLINE bool region_note_hot(RegionThread *t, Obj *holder, void *field) {
  if (holder != t->hot) return false;
  *(uint8_t *)(t->hot_cards + ((uintptr_t)field >> REGION_CARD_SHIFT)) = 1;
  return true;
}

INLINE size_t region_remembered(const RegionThread *t) { return t->objects.n + t->large.n; }

/* Cards of a large object. */
INLINE size_t region_cards(const Obj *o) { return (obj_size(o) >> REGION_CARD_SHIFT) + 1; }

/* --- Collection ------------------------------------------------------------------------------------------------------------------- */

/* The world is stopped. Collects as planned. */
void region_collect(Region *, RegionThread *threads[], int n, const SpaceRoots *);

/* In region-trace.c: marks and moves what the roots, and what is remembered, reach. */
bool region_open_tracer(Region *, const SpaceConfig *);
void region_trace(Region *, const SpaceRoots *);
INLINE RegionWorker *region_worker(const Region *R, int i) { return (RegionWorker *)tracer_worker(&R->tracer, i); }
/* Room for a copy; NULL: there is none. */
void *region_copy_slow(Region *, RegionThread *, size_t size);

/* In region-verify.c, in checked builds: ends the process when something does not hold, before a young collection, or after any. */
#if MM_CHECK
void region_verify(Region *, const SpaceRoots *, bool before);
#else
INLINE void region_verify(Region *R, const SpaceRoots *roots, bool before) { (void)R, (void)roots, (void)before; }
#endif

/* Calls f(ctx, o) for each object of the block that is marked, in the order of addresses. */
void region_each(Unit *, void (*f)(void *ctx, Obj *), void *ctx);

#endif
