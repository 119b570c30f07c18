/* bank.h: the pairs of live campaigns, and further campaigns drawn from them.

   A gate that is run 300 times takes days. So the blocks that all sides were measured in are kept, and campaigns are put together from them: for each
   stage, stretches of blocks that followed each other are drawn with replacement, whole, so that what blocks remember of each other, and cells of
   each other, is in them. In each stretch a coin decides which of the two equal sides is the base: for nobody knows which is which, and without it
   every drawn campaign would be off by what these blocks happened to be off by.

   They are as good as the bank is long, share its luck, and are no independent campaigns: they show what the rule does with noise such as this,
   and say nothing of noise that the bank has not met. */
#ifndef RECLAIM_SELFTEST_BANK_H
#define RECLAIM_SELFTEST_BANK_H

#include "harness/gate/measure.h"
#include "harness/selftest/plants.h"

struct bank {
  int ncells, nblocks, nruns;
  double *d; /* [block][cell][side][metric]: log ratios over the base */
  int *run;  /* [block]: the campaign that it is of; stretches do not leave it */
};

enum { BANK_STRETCH = 4 }; /* blocks */

/* Adds the blocks of a campaign that every side of every cell was measured in, well. The campaign's sides are selftest_plants. 0, or 2 after one line on stderr. */
int bank_add(struct bank *, const struct gate_result *);
void bank_free(struct bank *);

/* Where a pair of a block stands in d. */
double *bank_at(const struct bank *, int block, int cell, int side, int metric);

/* One campaign that is drawn: what gate_play's `deliver` reads. */
struct bank_draw {
  const struct bank *bank;
  int side, planted; /* which of selftest_plants, and the cell that it stands in */
  int *block[2];     /* [stage][pair] */
  bool *swapped[2];
  int n[2];
};

/* Draws the blocks of both stages, for the rule's most pairs; free with bank_draw_free. The same seed draws the same. */
void bank_draw_make(struct bank_draw *, const struct bank *, const struct gate_rule *, int side, int planted, uint64_t seed);
void bank_draw_free(struct bank_draw *);
double bank_deliver(void *draw, int test, bool judge, int pair);

/* Plays `campaigns` gates that are drawn from the bank, with that plant in each cell in turn. */
struct selftest_tally bank_play(const struct bank *, const struct gate_rule *, int side, int campaigns, uint64_t seed);

#endif
