/* spill.h: the counts of published objects that do not fit their headers (biased.h): six bits for what the owner counts and fourteen for
   what others do are enough for almost all objects, and the rest have an entry here. The idea is the overflow table of Bacon et al.
   (PLDI 2001), with both counts in one entry.

   An entry holds what was taken out of either count; the whole is field plus entry. Chunks move when a field is full or has run out, and
   leave it half full, so that an object at the brink comes here once in some dozens (local) or some thousands (shared) of its steps.

   Invariant: SPILLED is set in the word exactly while there is an entry, and an entry is never empty. Both change under the lock of the
   object's stripe only, the word by an atomic addition, since others go on counting meanwhile. Once the object is merged its entry has no
   local part after the next settling. Entries are found by address, and an object that has one is alive.

   Thread-safe. Memory comes from the system, never from the measured malloc. */
#ifndef RECLAIM_PARTS_SPILL_H
#define RECLAIM_PARTS_SPILL_H

#include <pthread.h>

#include "runtime/base.h"

enum {
  SPILL_STRIPES = 64,
  SPILL_ROOM = 32 /* of a local count, after a chunk has moved */,
  SPILL_CHUNK = 2048 /* of a shared one */
};

typedef struct Spilled {
  struct Spilled *next;
  Obj *o;
  int64_t local, shared;
} Spilled;

typedef struct SpillStripe {
  _Alignas(64) pthread_mutex_t mutex;
  Spilled *entries, *unused;
  struct Slab *slabs; /* what they lie in */
  uint64_t moves;
} SpillStripe;
typedef struct Spill {
  SpillStripe stripe[SPILL_STRIPES];
} Spill;

void spill_init(Spill *);
void spill_destroy(Spill *);
/* How often a chunk was moved, or looked for; since the last reset. */
uint64_t spill_moves(Spill *);
void spill_reset(Spill *);

/* o, which nobody else knows or uses, becomes biased towards `id`, with `count` references in the local count; with BIASED_NOBODY, merged.
   Sets its word and its local count. */
void spill_publish(Thr *T, Obj *o, uint32_t id, uint32_t count);
/* Without an entry, since o is to be counted in another way. */
void spill_forget(Thr *T, Obj *o);
/* T, the owner, counts up, and its field is full. */
COLD void spill_own_up(Thr *T, Obj *o);
/* T, the owner, drops the last count in its field. False: nothing local is spilled, and nothing done. */
COLD bool spill_own_down(Thr *T, Obj *o);
/* Brings the shared count of o back between its bounds, with chunks to or from the table. True: this made the word 0. */
COLD bool spill_settle(Thr *T, Obj *o);
/* What the table has of o, added up. */
int64_t spill_of(Spill *, const Obj *o);

#endif
