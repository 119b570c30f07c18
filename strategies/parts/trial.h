/* trial.h: trial deletion: cyclic trash is looked for where it can have come to be, at objects whose count was dropped and stayed above 0.
   (Bacon and Rajan 2001, the synchronous collector; Nim's ORC and PHP's collector are its descendants.)

   If counting cannot free a piece of the heap that nothing outside holds any more, then the last reference from outside led to one of
   its objects, and dropping it left that one with a count: those objects are the roots. A collection takes everything that the roots
   reach, counts off all references inside (subjects.h), and what is left without a count is trash.

     not recorded   leaves, and tables whose values are all leaves: they cannot be on a cycle, and say so in their header from birth. Tuples of such
                    learn it the first time they would be recorded. Anything that holds, at that moment, no other container is on no
                    cycle now, and if it ever comes to be on one, a later drop will tell.
     recorded once  the header holds the object's place in the root buffer, so recording again is one test
     forgotten      when a recorded object dies by counting, its entry is taken out in constant time: the last one takes its place.
                    Without that a buffer fills with the dead (their cells would have to be kept until the next collection).

   The place does not fit 8 bytes of header beside a count of 32 bits: 14 bits are free. It is the number of the buffer's line, of
   TRIAL_LINE entries, modulo TRIAL_LINES: up to TRIAL_SPAN (131,056) roots an entry is found in one cache line; with more, in one of
   n / TRIAL_SPAN lines. (PHP keeps 20 bits and steps through the buffer in the same manner.)

   When: at a poll, once the buffer holds `threshold` roots. The threshold follows the fruit, as in ORC: a collection that freed at
   least half of what it touched makes it a third smaller, any other half as large again, so a live structure that is often passed
   through is examined ever more seldom.

   The header: bits 18 .. 31 of the word are the tag. 0: container, not recorded. 1 .. TRIAL_LINES: place in the buffer. TRIAL_NEVER: on
   no cycle, ever (of a table: until it is told of a value that could be). During a collection no object is recorded, and the tag of
   one that is touched is TRIAL_TOUCHED, with TRIAL_LOST for what looks like trash.

   One heap per thread: a strategy's Thr has a `Trial trial`, and defines TRIAL_OF(T). */
#ifndef RECLAIM_PARTS_TRIAL_H
#define RECLAIM_PARTS_TRIAL_H

#include "strategies/parts/stack.h"
#include "strategies/parts/stopwatch.h"

enum {
  TRIAL_SHIFT = 18,
  TRIAL_NEVER = (1 << 14) - 1,
  TRIAL_LINE = 8,
  TRIAL_LINES = TRIAL_NEVER - 1,
  TRIAL_SPAN = TRIAL_LINE * TRIAL_LINES,
  TRIAL_TOUCHED = 1,
  TRIAL_LOST = 2,
};
/* In T->poll: the buffer has come to the threshold. */
enum { TRIAL_POLL = 1 };

#define TRIAL_MASK ((uint32_t)TRIAL_NEVER << TRIAL_SHIFT)

typedef struct TrialStats {
  uint64_t collections, all_trash; /* of them, those that found all they touched to be trash */
  uint64_t recorded, forgotten;    /* roots; forgotten: taken out since they died */
  uint64_t passed;                 /* not recorded, since they held leaves only */
  uint64_t most_roots;             /* in the buffer at once */
  uint64_t examined, freed;        /* objects touched by collections; of them, cyclic trash */
} TrialStats;

typedef struct Trial {
  Stack roots;
  size_t threshold; /* roots that ask for a collection; SIZE_MAX: it comes only when it is asked for */
  size_t least;     /* what it may shrink to */
  bool adapts;
  Stack touched, found;                  /* of the collection under way */
  uint32_t collect_every, until_collect; /* MM_CHECK: collect after every n-th container made */
  TrialStats stats;
  Stopwatch watch;
  reclaim_histogram pauses;
} Trial;

/* The low half of the header: kind, n, bits, lock. */
INLINE uint32_t *trial_low(Obj *o) { return (uint32_t *)&o->word; }
INLINE uint32_t trial_tag(const Obj *o) { return (uint32_t)o->word >> TRIAL_SHIFT; }
INLINE void trial_set_tag(Obj *o, uint32_t tag) { *trial_low(o) = (*trial_low(o) & ~TRIAL_MASK) | tag << TRIAL_SHIFT; }

/* A count of o was dropped and it has no tag. */
NOINLINE void trial_record(Thr *T, Obj *o);
/* o dies, and is recorded. */
NOINLINE void trial_forget(Thr *T, Obj *o);
/* Whether o is a recorded node of two edges with a count of 1, which dies: it is forgotten. */
NOINLINE bool trial_is_binary(Thr *T, Obj *o);
/* Collects what the thread's roots reach. The thread runs, or is blocked and another acts for it. */
void trial_collect(Thr *T);
/* In the slow path of a poll. */
void trial_poll(Thr *T);
void trial_free(Trial *);
/* Adds T's to what is reported. */
void trial_report(const Trial *, TrialStats *sum, reclaim_stats *out);
void trial_reset(Trial *);

INLINE void trial_survived(Thr *T, Obj *o) {
  if (UNLIKELY(!(*trial_low(o) & TRIAL_MASK))) trial_record(T, o);
}
INLINE void trial_dying(Thr *T, Obj *o) {
  uint32_t tag = *trial_low(o) & TRIAL_MASK;
  if (UNLIKELY(tag - 1 < TRIAL_MASK - 1)) trial_forget(T, o); /* neither 0 nor TRIAL_NEVER */
}
/* Table t, of which all values could be on no cycle, gets v. */
INLINE void trial_table_gets(Obj *t, const Obj *v) {
  if (v && trial_tag(v) != TRIAL_NEVER && trial_tag(t) == TRIAL_NEVER) trial_set_tag(t, 0);
}

#endif
