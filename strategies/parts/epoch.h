/* epoch.h: the end of an epoch: counts are made up, and what has died is found. The world is stopped.

   ## Order

     0  adopt    an array whose items were passed on gives its references to the longer one
     1  gain     what logged objects hold now is counted, where it is not what they held before
     2  roots    each object that a slot or a global holds is marked ROOTED
        A new object that either of these comes to is to live: it comes of age. It is kept, its references are counted, and so on from there.
     3  new objects that were not come to are gone, never counted, and most of them never touched (fits.h)
     4  lose     what logged objects held before is taken off. An object that nobody holds any more dies, and takes off what it holds,
                 unless it is ROOTED: then it is TABLED
     5  table    an object in the zero-count table dies, too, if nobody holds it and it is not ROOTED; it leaves the table if somebody does
     6  trace    now and then: cycles (backup.h)
     7  turn     ROOTED goes, cells are free

   1 before 4, or what moved from field to field would die on its way. 2 before 4, or what only a local holds would. 3 needs 1 and 2, and
   nothing more: a counted object whose fields were written is logged, so no other one holds anything new.

   The zero-count table (Deutsch and Bobrow 1976) has the counted objects with a count of 0, which only roots keep alive. They had one in
   every new object, too; here those are a class of their own, implicitly dead (Shahriyar, Blackburn, Frampton 2012, "Down for the
   Count"; Blackburn and McKinley 2003). So nothing that a mutator does makes the table longer, there is nothing to end an epoch for, and
   it is never longer than the number of roots. Temporary counts for roots, to be taken off at the next end (Bacon et al. 2001), would be
   a second and a third visit of each; a flag and a list of whom to take it from again is one.

   ## Work lists

   Never recursion. Objects come of age in the order of a stack, depth first, and what they hold is still in the cache: an epoch is about as
   long as the second-level cache is large. Dead ones wait threaded through their headers, so that a chain of any length dies in constant
   space. References that are taken off lie in a row, so headers are fetched ahead. */
#ifndef RECLAIM_PARTS_EPOCH_H
#define RECLAIM_PARTS_EPOCH_H

#include "strategies/parts/deferral.h"

typedef struct EpochCounts {
  uint64_t epochs;
  uint64_t increments, decrements; /* applied; each object that comes of age has one or none */
  uint64_t unchanged;              /* references that were logged and are as they were */
  uint64_t born, aged;             /* new objects; those of them that came of age */
  uint64_t died;                   /* counted objects, by their counts */
  uint64_t table_most;             /* entries of the zero-count table */
  uint64_t log_most;               /* words of a thread's log */
  uint64_t stuck;                  /* counts that reached the limit */
  uint64_t passed;                 /* references that changed their holder as a list grew, and were not counted for it */
} EpochCounts;

typedef struct Epoch {
  uint32_t limit;  /* COUNT_MAX: who has it is stuck */
  uint32_t colour; /* of all counted objects: COUNT_COLOUR or 0 */
  Stack work;      /* come of age, references not counted yet */
  Stack rooted;    /* all that are ROOTED */
  Stack table;     /* all that are TABLED */
  Stack adopters;  /* arrays that items were passed to */
  Stack losses;    /* references of arrays that passed their items, to be taken off */
  EpochCounts n;
} Epoch;

void epoch_init(Epoch *, unsigned count_bits);
void epoch_destroy(Epoch *);

/* Steps 1 to 5. */
void epoch_count(Heap *H);
/* Step 7, but for the cells. */
void epoch_unroot(Epoch *);

/* For the backup trace: one reference less to an object that a root reaches, so it does not die of it; its count may become 0. */
void epoch_take_off(Heap *H, Obj *o);
/* Its count has become 0 in another way. */
void epoch_enter(Heap *H, Obj *o);

#if MM_CHECK
/* Stops the process unless each count is the number of fields that hold the object, and every reference and root leads to one that is kept. */
void epoch_verify(Heap *H);
#endif

#endif
