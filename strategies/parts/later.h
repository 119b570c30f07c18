/* later.h: reclaiming that is put off, by two tunables of the counting family, both off unless set.

     cascade-budget    a cascade of frees stops after so many objects; the rest, dead and threaded through its headers as it was, waits until
                       the thread's next poll, or its next allocation that finds no free cell, which frees as many again: no drop takes longer than its
                       budget. (Weizenbaum 1963 is the extreme: a budget of none.) Leaves count where they hang on arrays of LATER_ITEMS or more.
     decrement-buffer  drops are gathered and carried out together. An atomic count of which others hold some is where that can pay: drops of one
                       object become one locked instruction. They are noted in a hash table of that size, where a later object takes
                       an earlier one's place, and which is emptied at the poll after so many drops. Of plain counts, and of atomic ones that only the caller
                       holds, the last drop of a container waits, until there are so many; any other drop is cheaper than to note it down.

   What is put off is dead, but has its memory and what it holds. All of it is carried out before books are made, before a collection that was
   asked for, and before a thread goes.

   No fast path knows of it: the countdown that a cascade has anyway, until it reads the clock, starts from `first`. */
#ifndef RECLAIM_PARTS_LATER_H
#define RECLAIM_PARTS_LATER_H

#include "strategies/parts/stack.h"

/* A cascade enters the pause histogram when it has freed this many objects, timed from there on, or when it drops a long array or table,
   timed from before that. Shorter ones take microseconds, and reading the clock for each would cost more than they do. */
enum { CASCADE_TIMED = 1024 };

/* Items of an array whose drop is a bulk drop: more cells than the second-level cache has use for in LIFO order. */
enum { BULK = 4096 };

/* Items from which on an array or table is dropped in parts, where there is a budget. */
enum { LATER_ITEMS = 32 };

/* In T->poll: something waits. */
enum { LATER_POLL = 4 };

/* Drops of a published object that wait. */
typedef struct LaterDrops {
  Obj *o;
  uint32_t n;
} LaterDrops;

typedef struct Later {
  int64_t first;           /* countdown that a cascade starts with: CASCADE_TIMED unless a tunable says otherwise */
  uint32_t long_items;     /* arrays of so many items, or more, are dropped out of line */
  bool carrying_out;       /* what waited */
  uint64_t budget, buffer; /* the tunables */
  Stack chains;            /* dead objects, each the head of a list through headers */
  LaterDrops *drops;       /* a hash table of `slots`, a power of two; NULL: none */
  uint64_t slots, noted;   /* noted: drops since the table was emptied */
  uint64_t stops;          /* cascades that were stopped by the budget */
  uint64_t buffered;       /* drops that waited in the buffer */
} Later;

#endif
