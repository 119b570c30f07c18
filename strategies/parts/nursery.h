/* nursery.h: one copying nursery per thread, with a remembered set of that thread.

       | survivors 0 | survivors 1 | eden ............. cur ...... end |      one reserved range; all of it is "young"
         (only where the promotion age is above 1)

   A thread allocates by moving `cur`. When eden is full the thread collects its own nursery (evacuate.h), alone: nobody is stopped,
   since nobody else can reach a young object. That is the invariant of Doligez, Leroy and Gonthier (1993, 1994), with publication as the
   explicit moment of promotion:

     (1) an object that another thread may reach is mature: om_share promotes before it publishes, storing into a shared object
         shares what is stored first;
     (2) so a young object is referenced only by its own thread's slots, its own young objects, and mature objects that only its
         thread can reach; the latter are in the thread's remembered set.

   The range consists of whole chunks laid out as those of the mature space are (chunks.h), heads and all, so that a full collection marks
   young objects where they lie, without asking where that is, and leaves nurseries as they are. Each of the three areas is a lane: `cur`
   moves through the units of one chunk, then through those of the next.

   ## Remembered set

   Bounded by what there is to remember:

     logged   small mature objects with a young reference, each once (OBJ_LOGGED)
     large    large ones, each once (OBJ_LOGGED); where in them is said by cards, a byte for each `card-size` bytes, which lie behind the
              object. So one young object stored 64 million times into one array dirties its cards and no more.
     slots    fields of small mature objects that a minor collection has left with a survivor in them: only above promotion age 1

   The barrier knows the large object that was last stored into (`hot`) and dirties its cards without a call: programs that fill an array
   or a table stay at it for a while. Beyond `remembered-set` entries a minor collection is asked for at the next poll.

   ## Size

   Starts at `nursery` and grows by half up to `nursery-max` while more than a quarter survives, and shrinks back
   when less than a sixteenth does (a nursery that fits the second-level cache is the faster one then); under a heap limit all
   of them start with at most an eighth of it, grow only while mature objects keep a quarter more room than they have, and give way
   when the mature space needs theirs, unless its holes hold what they may promote several times over. */
#ifndef RECLAIM_PARTS_NURSERY_H
#define RECLAIM_PARTS_NURSERY_H

#include "strategies/parts/space.h"
#include "strategies/parts/stack.h"

enum { NURSERY_MIN = 64 << 10, CARD_SHIFT_MIN = 6 };

/* A way through the usable parts of chunks that lie in a row. */
typedef struct Lane {
  char *cur, *end; /* free, in the chunk of the moment */
  size_t left;     /* bytes that there are in later chunks */
} Lane;

typedef struct Nursery {
  Lane eden;                /* first: cur and end are at small offsets */
  uintptr_t base;           /* of the reserved range */
  size_t span;              /* its length as far as it is used: what is young */
  size_t cutoff;            /* larger objects are born mature */
  Obj *hot;                 /* the large object stored into last, in the remembered set; or NULL */
  uintptr_t hot_cards;      /* its cards, so that a field's is at hot_cards + (field >> card_shift) */
  unsigned card_shift, age; /* promotion age */
  unsigned head;            /* units of a chunk's head */
  char *first_chunk;        /* of eden */
  size_t size;              /* of eden, bytes; changes only while it is empty */
  size_t first;             /* the size it started with */
  double survival;          /* part of eden that survives, of late */
  size_t reserved;          /* bytes of the range */
  size_t max, half,
      half_span; /* the most that eden can be; bytes of a survivor lane, half of eden's (0 where the age is 1); of its chunks */
  char *half_chunk[2]; /* of the survivor lanes: [0] holds those of the last collection, [1] is empty between collections */
  Lane from, to;       /* where survivors of the last collection end; those of the collection under way, from half_chunk[1] on */
  Stack logged, large, slots; /* the remembered set */
  Stack spare[3];             /* empty ones, for the next collection */
  size_t remembered_max;      /* entries before a collection is asked for */
  uint64_t minors, eden_bytes, survived_bytes, promoted_bytes,
      helped_bytes;                     /* since the last reset; the last: copied by helpers */
  uint64_t remembered, remembered_hits; /* objects, cards and fields looked at; young references found in them */
} Nursery;

/* `max` bytes may be asked for; what chunks of the mature space are like is said by `head` (Chunks.head). False: no memory. */
bool nursery_init(Nursery *, size_t size, size_t max, unsigned age, size_t cutoff, unsigned card_shift, size_t remembered_max,
                  unsigned head);
void nursery_destroy(Nursery *);
/* Only while eden is empty; it is reset. */
void nursery_resize(Nursery *, size_t size);
/* Eden is empty again; so are the survivors' lanes, or, with `survivors`, they change places. */
void nursery_emptied(Nursery *, bool survivors);
/* Bytes of eden that are in use, ends of chunks that were left over included. */
size_t nursery_used(const Nursery *);
/* Bytes of the system that it takes at most: eden, survivor lanes, and what a full collection writes of their heads. */
size_t nursery_bytes(const Nursery *);
/* Bytes that may survive at most. */
INLINE size_t nursery_reserve(const Nursery *n) { return n->size + n->half; }

/* Calls f(ctx, chunk, from, to) for what is used of each chunk of eden and of the survivors. */
void nursery_each_chunk(Nursery *, void (*f)(void *ctx, Chunk *, char *from, char *to), void *ctx);

void lane_start(Lane *, char *chunk, size_t size, unsigned head);
/* Goes on in the next chunk; false: there is none. */
bool lane_next(Lane *, unsigned head);

INLINE bool nursery_has(const Nursery *n, const void *o) { return (uintptr_t)o - n->base < n->span; }

INLINE size_t nursery_entries(const Nursery *n) { return n->logged.n + n->large.n + n->slots.n; }

/* Enters a mature object into the list of its size, unless it is there. */
void nursery_enter(Nursery *, Obj *holder);
/* For a collection: takes all entries, and their OBJ_LOGGED bits with them; the remembered set is empty then. */
void nursery_take_remembered(Nursery *, Stack *logged, Stack *large, Stack *slots);
/* The memory of lists that were taken, to be used again. */
void nursery_return_memory(Nursery *, Stack *logged, Stack *large, Stack *slots);
/* Enters a mature object, of which [from, to) has got a young reference, into the remembered set. */
void nursery_remember(Nursery *, Obj *holder, void *from, void *to);
/* Whether a store that left a young reference in `field` of a mature `holder` is taken care of. */
INLINE bool nursery_remember_hot(Nursery *n, Obj *holder, Obj **field) {
  if (UNLIKELY(holder != n->hot)) return false;
  *(uint8_t *)(n->hot_cards + ((uintptr_t)field >> n->card_shift)) = 1;
  return true;
}

#endif
