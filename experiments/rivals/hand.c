/* hand.c: the strategy object `hand`, in which the hand-written rivals are run, interleaved, paired and checked like any strategy.
   Its heap is that of `rc`, of which the rivals use the Cells alone, or, over a malloc, nothing at all. */
#include "runtime/base.h"

#define mm_summary rc_summary
#define mm_collect rc_collect
#include "strategies/rc.c"
#undef mm_summary
#undef mm_collect

const char mm_summary[] =
    "no strategy: the workload written by hand in plain C, every free by name, over the pool of rc or over malloc";

void mm_collect(Thr *T) {
  rc_collect(T);
#if MM_MALLOC /* what malloc has given out is not known */
  T->heap->live_objects = T->heap->live_bytes = RECLAIM_NONE;
#endif
}
