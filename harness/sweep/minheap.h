/* minheap.h: equal memory: what 1x is, and the bytes that every factor of it means.

   A tracing collector buys speed with memory, so strategies are compared at the same bytes. 1x of a cell is the smallest heap in
   which `mark-sweep` completes it, found by bisection with fresh processes and kept (harness/catalog/minheap.h); every strategy
   that obeys a limit then gets factor * 1x, the same number for all. The literature's usual definition (Blackburn et al. 2004;
   DaCapo, MMTk) with the collector fixed, so that 1x does not depend on which strategies a sweep has. Where it cannot be searched
   (mark-sweep is not built, or does not have the workload), or is not wanted, the workload's declared live bytes stand in, and the
   rows say so. */
#ifndef RECLAIM_SWEEP_MINHEAP_H
#define RECLAIM_SWEEP_MINHEAP_H

#include "harness/sweep/plan.h"

enum minheap_search {
  MINHEAP_DECLARED, /* the declared bytes, whatever is known */
  MINHEAP_CACHED,   /* what is known; the declared bytes otherwise */
  MINHEAP_SEARCH,   /* what is not known and matters to a heap is searched for, and kept */
  MINHEAP_ALL,      /* what is not known is searched for, whether it matters or not */
  MINHEAP_AGAIN,    /* all is searched for anew */
};

/* Gives every cell its base, and those with a factor the bytes that it means. Where it searches, it runs children
   (sweep_child_prepare comes first) and tells on stderr what it does unless `quiet`. 0, or an exit code after one line on stderr:
   interrupted. What cannot be searched is a warning of the plan. */
int sweep_minheap_settle(struct sweep_plan *p, enum minheap_search how, bool quiet);

/* `reclaim minheap`: searches for the workloads, parameters, sharing modes and threads that the flags name, and prints what it found. */
int sweep_minheap_main(int argc, char **argv);

#endif
