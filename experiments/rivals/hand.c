/* hand.c: the strategy object `hand`, in which the hand-written rivals are run, interleaved, paired and checked like any strategy.
   Its heap is that of `rc`, of which the rivals use the Cells alone. */
#include "runtime/base.h"

#define mm_summary rc_summary
#include "strategies/rc.c"
#undef mm_summary

const char mm_summary[] = "no strategy: the workload written by hand in plain C, every free by name, over the pool of rc";
