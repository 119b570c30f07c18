/* boxes.h: how queued objects get to who may merge them: the boxes of biased.h with parcels, threads and their ids.

   A thread whose drop would go below zero looks at the owner's box. If the owner runs, the object goes into a parcel that the thread keeps
   open for that owner; a full parcel is left in the box, and the owner's poll flag raised. If the owner is blocked, the thread stands in
   for it until its cascade of frees is over, or the owner is back: it drops as the owner would. If it has exited, the thread merges.
   Open parcels are delivered at the thread's own next slow poll, and before it blocks: so a thread that sleeps keeps nothing back, and
   once all threads are blocked every queue is empty.

   What is merged and found dead goes onto the thread's stack of dead shared objects (T->dead), from where counting.c frees it. An owner
   that comes back while another thread stands in for it waits for one step of that thread: it spins, then sleeps until it is woken.

   CPython has a hash table of locked lists by thread (Python/brc.c), one list entry per object, and leaves what is queued to a thread
   that is blocked until it wakes. */
#ifndef RECLAIM_PARTS_BOXES_H
#define RECLAIM_PARTS_BOXES_H

#include <pthread.h>

#include "runtime/base.h"
#include "strategies/parts/biased.h"

enum {
  PARCEL_OBJECTS = 60, /* fewer, if they have bytes or references of their own: what hangs on them is kept back with them */
  PARCEL_BYTES = 1 << 16,
  PARCEL_REFERENCES = 64,
  PARCELS_OPEN = 16, /* per thread; owners share them by their ids */
};

typedef struct Parcel {
  BoxLink link;
  uint32_t n, to;
  uint32_t bytes, references;
  Obj *o[PARCEL_OBJECTS];
} Parcel;

_Static_assert(sizeof(Parcel) <= 512, "the size of some cells");

/* One for each thread that there ever was: 64 bytes of address space, of which those of 64 threads share a page. */
typedef struct Box {
  _Alignas(64) BiasedHead head;
  Thr *thread;
  uint32_t asleep; /* the owner sleeps on it while it waits for its stand-in */
} Box;

typedef struct Boxes {
  Box *box;              /* by id */
  _Atomic uint32_t ids;  /* given out */
  pthread_mutex_t mutex; /* what follows */
  Parcel *unused;
  void *slabs; /* what they lie in */
} Boxes;

typedef struct BiasedThread {
  uint32_t id;
  Box *box; /* of no use where id is BIASED_NOBODY */
  Parcel *open[PARCELS_OPEN];
  uint32_t nopen;
  uint32_t acting; /* the owner that this thread stands in for; BIASED_NOBODY: none */
  uint64_t requests, own_merges, blocked_merges, exited_merges, leaves, waits, longest;
} BiasedThread;

/* False: no memory. */
bool boxes_init(Boxes *);
void boxes_destroy(Boxes *);
/* Gives T the next id. It begins blocked. */
void boxes_attach(Boxes *, Thr *T);

/* What the owner is doing; of one that has exited, its local counts may be read afterwards. */
INLINE unsigned boxes_state(const Box *box) { return box_state(BIASED_LOAD(&box->head, ACQUIRE)); }
/* True: T is the stand-in of `owner`, which is blocked, until it leaves. */
bool boxes_enter(Thr *T, uint32_t owner);
COLD void boxes_leave(Thr *T);
/* o has just been made queued by T; `owner` is what its word said. May push onto T->dead, as all of these may. */
COLD void boxes_send(Thr *T, Obj *o, uint32_t owner);
/* Delivers T's open parcels. */
void boxes_deliver(Thr *T);
/* Merges what is in T's own box. */
void boxes_empty(Thr *T);
/* The same for another, who is stopped. */
void boxes_empty_for(Thr *T, Thr *owner);
/* Raises the flag of every running thread that has something in its box. */
void boxes_remind(Thr *T);
/* T, running, has delivered everything: true, and T is blocked, unless there is something in its box. */
bool boxes_block(Thr *T);
/* T is back. */
void boxes_return(Thr *T);
/* As boxes_block, for ever. */
bool boxes_close(Thr *T);

#endif
