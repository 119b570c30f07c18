/* verify.h: a second opinion on a heap, for checked builds: with the world stopped, everything that is reachable is found once more, by a walk that
   shares nothing with the collector but the visitor of fields: a set of addresses it keeps itself, a list, no marks, no ring, one thread. What
   it finds is shown to the strategy, which holds it against its books. */
#ifndef RECLAIM_PARTS_VERIFY_H
#define RECLAIM_PARTS_VERIFY_H

#include "strategies/parts/stack.h"

/* What a walk needs, kept from one to the next, as stress makes a collection of each allocation: all zero at first. */
typedef struct VerifyMemory {
  Obj **seen;
  size_t capacity; /* a power of two */
  Stack list;
} VerifyMemory;
void verify_free(VerifyMemory *);

typedef struct Verify {
  void *ctx;
  void (*object)(void *ctx, Obj *o);                      /* each reachable object once, immortal ones included */
  void (*reference)(void *ctx, Obj *holder, Obj **field); /* each field that is not NULL; holder NULL: a root */
  void (*roots)(void *ctx, void (*visit)(void *walk, Obj **field), void *walk);
} Verify;

/* Walks the heap; how many objects are reachable that are not immortal. Ends the process when there is no memory to do so. */
uint64_t verify_reachable(const Verify *, VerifyMemory *);

#endif
