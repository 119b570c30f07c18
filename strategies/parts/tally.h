/* tally.h: events of fast paths, counted per thread in a counting build (MM_COUNTING) and nowhere else: in the build that is timed,
   TALLY is nothing and struct Thr has no room for it.

   A strategy names its events in one list, MM_TALLIES(X): X(field, "name-in-the-files") for each, made of the lists of the parts that it
   is composed of. MM_THR_COMMON makes the fields, TALLY(T, field) counts one, and tallies_report and tallies_reset, which stand at
   the end of a strategy's mm_stats and mm_reset_stats, do the rest. */
#ifndef RECLAIM_PARTS_TALLY_H
#define RECLAIM_PARTS_TALLY_H

#include "runtime/base.h"

#if MM_COUNTING
static inline void tally_into(reclaim_stats *out, const char *name, uint64_t n) {
  int i = 0;
  while (i < out->ncounters && strcmp(out->counters[i].name, name)) i++;
  if (i == RECLAIM_COUNTERS) return;
  if (i == out->ncounters) out->counters[out->ncounters++] = (reclaim_counter){name, 0};
  out->counters[i].value += n;
}
/* Adds T's events to the counters of their names. */
#define TALLY_REPORT_(field, name) tally_into(tally_out, name, tally_of->tally.field);
#define tallies_report(T, out)                                                                                                   \
  do {                                                                                                                           \
    const Thr *tally_of = (T);                                                                                                   \
    reclaim_stats *tally_out = (out);                                                                                            \
    COMMON_TALLIES(TALLY_REPORT_)                                                                                                \
    MM_TALLIES(TALLY_REPORT_)                                                                                                    \
  } while (0)
#define tallies_reset(T) memset(&(T)->tally, 0, sizeof(T)->tally)
#else
#define tallies_report(T, out) ((void)(T), (void)(out))
#define tallies_reset(T)       ((void)(T))
#endif

#endif
