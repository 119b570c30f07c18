/* sizing.h: how many blocks a campaign needs, from the blocks of its pilot, whose rows are judged no further. */
#ifndef RECLAIM_SWEEP_SIZING_H
#define RECLAIM_SWEEP_SIZING_H

#include "harness/sweep/store.h"

enum { SIZING_PILOT = 8, SIZING_MOST = 200 }; /* blocks of a pilot; blocks that it may ask for, unless told otherwise */
#define SIZING_EFFECT 0.05
#define SIZING_POWER  0.9

/* Settles the plan's blocks, from the rows in the journal alone: so many that the 95 % interval of the ratio of every cell leaves out 1 with
   probability SIZING_POWER where the cell differs from its baseline by the plan's effect; at least STATS_INTERVAL_FROM and at most
   most_blocks. The spread of each cell, and what was asked for, go into campaign.json under "pilot", which is not written here. 0, or 2
   after one line on stderr. */
int sweep_size_blocks(struct store *s);

#endif
