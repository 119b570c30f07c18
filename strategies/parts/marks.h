/* marks.h: mark bits (chunks.h), set by one worker or by several; the objects that are always marked; passes over all blocks. What spaces
   of different layouts have in common.

   ## Marking by several threads

   A mark bit shares its word with 63 others, so where anybody may set one it takes a locked instruction, which
   costs half as much again as a visit does otherwise. But a worker that traces a structure is mostly alone where that structure lies. So
   a block's bits belong to the worker that first marked in it, its keeper, who sets them by plain instructions. Another worker that comes
   sets its bit in the chunk's second bitmap instead, atomically, and says in the block's descriptor that it was there. The keeper, who
   looks there before it sets a bit, then gives the block up, and from then on all set bits of the first bitmap, atomically. (That is a biased
   lock and its revocation, Kawachiya et al. 2002, but nobody has to be stopped for it: until the keeper answers there is another place.)

       nobody --first--> keeper --another comes--> keeper | CONTESTED --the keeper sees that--> ... | GONE
                          plain                     plain; others: second bitmap                all: first bitmap, atomically

   (1) only the keeper ever stores to the first bitmap by plain instructions, and never after it has set GONE;
   (2) who sees GONE sees all that the keeper stored.

   An object is marked when it is marked in either bitmap. It may happen that two workers, one in each bitmap, both find an object unmarked, and
   both scan it, which does no harm. As blocks are settled the second bitmap is merged into the first and cleared. */
#ifndef RECLAIM_PARTS_MARKS_H
#define RECLAIM_PARTS_MARKS_H

#include "strategies/parts/chunks.h"
#include "strategies/parts/crew.h"

enum { BLOCK_IMMORTAL = 1, BLOCK_OVERFLOWED = 2 }; /* Unit.flags, of all spaces; the second is atomic */

/* Unit.keeper: 0, or the keeper's number + 1 and these. */
#define KEEPER_CONTESTED ((uint32_t)1 << 31)
#define KEEPER_GONE      ((uint32_t)1 << 30)

/* Marks o. False: it was. By the only worker. */
INLINE bool marks_set_alone(Obj *o) {
  uint64_t *m = mark_word(o), had = *m;
  if (had >> mark_place(o) & 1) return false;
  *m = had | mark_bit(o);
  return true;
}

/* Marks o, which has no bit in the first bitmap, in a block of which `me` was not seen to be the only keeper. False: somebody else has
   marked it. */
bool marks_set_contested(Obj *o, Unit *u, uint32_t me);

/* The same as marks_set_alone, by one of several, whose number is `worker`. */
INLINE bool marks_set_together(Obj *o, int worker) {
  uint64_t *m = mark_word(o), had = load_relaxed(m);
  if (had >> mark_place(o) & 1) return false;
  Unit *u = unit_of(o);
  uint32_t me = (uint32_t)worker + 1, keeper = load_acquire(&u->keeper);
  if (LIKELY(keeper == me)) {
    store_relaxed(m, had | mark_bit(o));
    return true;
  }
  if (keeper & KEEPER_GONE) return !(__atomic_fetch_or(m, mark_bit(o), __ATOMIC_RELAXED) & mark_bit(o));
  return marks_set_contested(o, u, me);
}

/* Whether o is marked in either bitmap; `alone`: there is only one. */
INLINE bool marks_has(const Obj *o, bool alone) {
  return (load_relaxed(mark_word(o)) | (alone ? 0 : load_relaxed(second_mark_word(o)))) & mark_bit(o);
}

/* What several workers marked in a block, in one bitmap again; nobody keeps it any more. */
void marks_merge(Unit *);

/* A block with the immortal objects, whose marks are never cleared: a marker finds them marked and goes on. NULL: out of memory. */
Int *immortals_make(Chunks *);

/* --- Passes ------------------------------------------------------------------------------------------------------------------- */

typedef struct BlockPass {
  void *ctx;
  int worker; /* who does this part of it */
  Crew *crew;
  Chunks *chunks;
  void (*block)(void *pass, Unit *);
} BlockPass;

/* Calls block(pass, unit) for each run in use, by several workers where there are many; pass is a BlockPass. Nobody gets or puts a run
   meanwhile, but a run may be put by its own call. */
void blocks_pass(Crew *, Chunks *, void (*block)(void *pass, Unit *), void *ctx);

#endif
