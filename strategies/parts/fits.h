/* fits.h: bitmapped fits (Jones, Hosking, Moss, section 7.4): where a counting strategy gets its cells when counts are made up later. What
   such a strategy frees it mostly never touched, so cells must not be freed one by one.

   Blocks are units of cells of one size class, as in space.h, and a thread allocates from runs of free cells of a block that it has to itself.
   One bit per cell (chunks.h) says whether the cell is kept:

     kept      an object that has lived through the end of an epoch, and is counted
     not kept  free; or handed out since the last end of an epoch, which the thread's runs have passed by

   So an object is new by standing where a run has passed and no bit is set, and new objects need no list. At the end of an epoch those that
   are to live get their bits (fits_keep), and whatever the runs passed by is free again by nobody doing anything: its cells are handed
   out anew, in the order of their addresses, from blocks that are still in the cache. (RC Immix, Shahriyar et al. 2013, does this with
   lines of 256 bytes; cells are exact, and nothing here moves that could fill a line again.)

   Which block next: one that was in use in this epoch or the last (`hot`), the last one first; a block that others gave up with at least a
   quarter of its cells free (`cold`, of the heap); a fresh one. So at most a quarter of what is held in blocks that nobody allocates in
   lies idle in holes, and holes are not so few that each new object is on a line of its own (lists: 7 % less time than with an eighth). Blocks that a thread kept for an epoch without using them go to the heap, or back to the chunks if they are empty.

     owned     by one thread: the block of a run, used up in this epoch, or hot
     cold      in the heap's list, at least a quarter is free
     full      in no list; becomes cold as its objects die

   A large object has a run of units of its own and the bit of its first granule; new ones are in a list of their thread.

   Bits, states and lists change in the allocating thread, which has the block to itself, under the mutex (cold), or with the world stopped. */
#ifndef RECLAIM_PARTS_FITS_H
#define RECLAIM_PARTS_FITS_H

#include "strategies/parts/classes.h"
#include "strategies/parts/runs.h"

typedef struct FitsThread {
  Run run[CLASSES];
  size_t volume, budget;   /* bytes handed out since the epoch began, and what is left of the runs; how many there are to be */
  uint64_t taken[CLASSES]; /* the same, of each class */
  Unit *used[CLASSES], *hot[CLASSES];
  Unit *large; /* new ones */
  uint64_t nlarge;
} FitsThread;

typedef struct Fits {
  Chunks chunks;
  pthread_mutex_t mutex; /* cold */
  Unit *cold[CLASSES];
  bool emptied[CLASSES];                   /* a cold block may have no object any more */
  size_t recent;                           /* bytes committed lately at most */
  uint32_t cells[CLASSES], worth[CLASSES]; /* of a block: all; how many free ones make it cold */
} Fits;

enum { FITS_OWNED, FITS_COLD, FITS_FULL }; /* Unit.state */
/* Unit.spare: deaths until something is to be done about the block; of an owned one nothing ever is, it is looked at when its turn comes. */

void fits_init(Fits *, bool huge_pages);
void fits_destroy(Fits *);

/* A cell when the run is used up: of the next run of the same block. NULL: there is none, or the budget is spent. */
NOINLINE void *fits_get_next(FitsThread *, unsigned cls);
/* The same, or of another block, whatever the budget. NULL: the system has no memory. */
COLD void *fits_get_slow(Fits *, FitsThread *, unsigned cls);
COLD void *fits_get_large(Fits *, FitsThread *, size_t size);

/* --- With the world stopped ----------------------------------------------------------------------------------------------- */

/* A new object is to live. */
INLINE void fits_keep(const void *o) { *mark_word(o) |= mark_bit(o); }
INLINE bool fits_kept(const void *o) { return is_marked(o); }

/* A large object has died; a full block is worth allocating in; or a cold one is empty. */
COLD void fits_event(Fits *, Unit *);
/* A kept object has died. */
INLINE void fits_put(Fits *F, void *o) {
  *mark_word(o) &= ~mark_bit(o);
  Unit *u = unit_of(o);
  if (UNLIKELY(--u->spare == 0)) fits_event(F, u);
}

/* Before an epoch ends. What was committed then, and lately, stays resident, and a quarter and a little more: a program that drops all it has
   makes it anew, mostly. What it does not goes back to the system over the next hundred epochs or so. */
void fits_begin(Fits *);
/* Objects handed out since the epoch began. */
uint64_t fits_new_objects(const Fits *, const FitsThread *);
/* Large new objects that are not kept go back; to be called when all that are to live are. */
void fits_drop_large(Fits *, FitsThread *);
/* The end of an epoch: nothing is new any more. A thread that has exited (`leaves`) keeps no blocks. */
void fits_turn(Fits *, FitsThread *, bool leaves);
/* After the last thread's turn: cold blocks that have become empty go back to the chunks. */
void fits_trim(Fits *);

/* Calls f(ctx, o) for each kept object; it must not put any. While nothing is new, that is all there are. */
void fits_each(Fits *, void (*f)(void *ctx, Obj *o), void *ctx);

#endif
