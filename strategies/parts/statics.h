/* statics.h: objects that are published as static (om_share_static): type-like, immutable, long-lived, read by all threads. A count that all
   threads write is what they would wait for; so the tunable `static-objects` says how references to them are counted:

     counted      like those to any published object
     immortal     not at all. CPython 3.13 does this to what it calls deferred objects (types, functions, modules, code) as soon as there
                  is a second thread. Their counts are made up again when they end: all that is reached was static and nothing has changed,
                  so each object is held once by each field that leads to it, and by the caller
     per-thread   (biased counts only) by each thread in an array of its own, at the object's number; the sum says how many there are.
                  CPython 3.14 does this for types and code (Python/uniqueid.c), "deferred" meaning that nobody adds up: not before a
                  collection, or, here, the end that the program announces

   What CPython has and this has not: references from locals that are not counted at all and found by walking frames when it collects;
   counting strategies have no list of their locals here.

   A static object has OBJ_IMMORTAL, which is all that a counting fast path looks at; counted per thread, its word is
   | number: 16 bits | BIASED_NOBODY: 16 bits |, which is no word of the protocol (biased.h). Numbers are given back when objects end. When
   none is left, objects are counted. Making and ending is done by one thread while no other knows the objects, or uses them. */
#ifndef RECLAIM_PARTS_STATICS_H
#define RECLAIM_PARTS_STATICS_H

#include <pthread.h>

#include "runtime/base.h"
#include "strategies/parts/stack.h"

#define MM_STATICS

enum { STATICS_COUNTED, STATICS_IMMORTAL, STATICS_PER_THREAD, STATICS_MAX = 1 << 16 };

typedef struct Statics {
  pthread_mutex_t mutex;
  int how;                   /* the tunable */
  int64_t *before;           /* by number: references counted before the object was static */
  uint16_t *unused;          /* numbers given back: nunused of them */
  uint32_t nunused, numbers; /* numbers: handed out so far for the first time */
  uint64_t made;
} Statics;

/* False: no memory. */
bool statics_init(Statics *, int how);
void statics_destroy(Statics *);
/* An array of counts for a thread, or NULL where none is needed; false: no memory. */
bool statics_counts(Statics *, int32_t **counts);
void statics_counts_free(int32_t *counts);
/* All references to the object of this number; exact while nobody counts. */
int64_t statics_sum(Thr *T, uint32_t number);

/* om_share_static and om_end_static, of what is not static yet, and of what may be. */
COLD void mm_share_static_slow(Thr *T, Obj **slot);
COLD void mm_end_static_slow(Thr *T, Obj **slot);

#endif
