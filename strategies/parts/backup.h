/* backup.h: the backup trace of deferred counting: what counts cannot find. Within the end of an epoch, when nothing is new, all logs are
   empty and roots are ROOTED.

   It marks from the roots and looks at no count; what is kept and was not marked is cyclic trash, or hangs on it. Its references to live objects
   are taken off, then it is freed. So counts stay exact, and the trace shares nothing with counting but the heap. (Deutsch and Bobrow
   1976 had such a trace; of the alternatives, trial deletion needs the counts of locals, which are not there.)

   The mark is in the header, which marking has to read anyway: COUNT_COLOUR, which is the same in all counted objects, and is turned
   around by each trace. So no mark is ever cleared, no table is there for marks, and a marked object costs one miss of the cache, not
   two. The price is that finding the trash reads every kept header once more, in the order of addresses.

   Stuck counts are repaired: the first time a trace meets an object whose count is stuck it counts it anew, from 0, AGAIN, by the references
   that it meets, the trash's not among them.

   When: once the heap holds `trace-factor` per cent of what it held after the last trace, and at least TRACE_MIN more. A trace that found little,
   less than an eighth of what there was, doubles that distance, up to eight times: a heap that grows and has no cycles is not to pay for
   cycles over and over. And whenever a collection is asked for. */
#ifndef RECLAIM_PARTS_BACKUP_H
#define RECLAIM_PARTS_BACKUP_H

#include "strategies/parts/stack.h"

enum { TRACE_MIN = 16 << 20, TRACE_BACK_OFF = 3 };

typedef struct Backup {
  Stack stack; /* marked, references not looked at */
  Stack again; /* counted AGAIN */
  Stack trash;
  size_t at;          /* bytes held at which the next trace is due */
  unsigned factor;    /* per cent */
  unsigned fruitless; /* traces in a row that found little, at most TRACE_BACK_OFF */
  uint64_t traces, marked, reclaimed, repaired, wall_ns;
} Backup;

void backup_init(Backup *, unsigned factor);
void backup_destroy(Backup *);
INLINE bool backup_is_due(const Backup *b, size_t held) { return UNLIKELY(held >= b->at); }
void backup_trace(Heap *H);
/* After a trace, and once the blocks that it emptied are given back: `held` bytes are left. */
void backup_next(Backup *, size_t held);

#endif
