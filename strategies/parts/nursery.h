/* nursery.h: one copying nursery per thread, with a remembered set of that thread.

       | survivors 0 | survivors 1 | eden ............. cur ...... end |      one reserved range; all of it is "young"
         (only where the promotion age is above 1)

   A thread allocates by moving `cur`. When eden is full the thread collects its own nursery, alone: nobody is stopped, since nobody
   else can reach a young object. That is the invariant of Doligez, Leroy and Gonthier (1993, 1994), with publication as the
   explicit moment of promotion:

     (1) an object that another thread may reach is mature: om_share promotes before it publishes, storing into a shared object
         shares what is stored first;
     (2) so a young object is referenced only by its own thread's slots, its own young objects, and mature objects that only its
         thread can reach; the latter are in the thread's remembered set.

   Remembered set: bounded by what there is to remember. A small mature object is logged once, as a whole (OBJ_LOGGED); of a large
   one, a card of 512 bytes is logged once (its byte in the chunk's card table). Storing 64 million times logs one entry; beyond
   `remembered-set` entries a minor collection is asked for at the next poll.

   Survivors are copied to the mature space, or, below the promotion age, to the other survivor half. A promoted object that still
   refers to a survivor is remembered again.

   Size: starts at `nursery` and grows by half up to `nursery-max` while more than a quarter survives, and shrinks back
   when less than a sixteenth does (a nursery that fits the second-level cache is the faster one then); under a heap limit all
   of them start with at most an eighth of it, grow only while mature objects keep a quarter more room than they have, and give way
   when the mature space needs theirs. */
#ifndef RECLAIM_PARTS_NURSERY_H
#define RECLAIM_PARTS_NURSERY_H

#include "strategies/parts/space.h"
#include "strategies/parts/stack.h"

enum { NURSERY_MIN = 64 << 10 };

typedef struct Nursery {
  char *cur, *end;       /* eden's free part */
  uintptr_t base;        /* of the reserved range */
  size_t span;           /* its length as far as used: is_young */
  size_t cutoff;         /* larger objects are born mature */
  char *eden;            /* start */
  size_t size;           /* of eden, bytes; changes only while it is empty */
  size_t first;          /* the size it started with */
  size_t reserved, half; /* of the range; of one survivor half (0 where the age is 1) */
  char *to, *to_cur;     /* survivors of the collection under way; those of the last: [from, from_end) */
  char *from, *from_end;
  unsigned age;                                                            /* promotion age */
  Stack logged;                                                            /* small mature objects */
  Stack cards;                                                             /* pairs: large mature object, card number */
  size_t remembered_max;                                                   /* entries before a collection is asked for */
  uint64_t minors, survived_bytes, promoted_bytes, eden_bytes, remembered; /* since the last reset */
} Nursery;

/* False: no memory. */
bool nursery_init(Nursery *, size_t size, size_t max, unsigned age, size_t cutoff, size_t remembered_max);
void nursery_destroy(Nursery *);
/* Only while eden is empty. */
void nursery_resize(Nursery *, size_t size);

INLINE bool nursery_has(const Nursery *n, const void *o) { return (uintptr_t)o - n->base < n->span; }

#endif
