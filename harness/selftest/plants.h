/* plants.h: what is planted, and what it should be found in. */
#ifndef RECLAIM_SELFTEST_PLANTS_H
#define RECLAIM_SELFTEST_PLANTS_H

#include "harness/gate/rule.h"

/* The first plants nothing: whoever finds something there is mistaken. */
enum { SELFTEST_PLANTS = 6 };
extern const struct selftest_plant {
  const char *text; /* of --plant; "" for none */
  const char *side; /* its name among the sides of a cell */
  unsigned metrics; /* bit 1 << m: it reaches that quantity */
  double share;
} selftest_plants[SELFTEST_PLANTS];

/* What came of gates in which one thing was planted. */
struct selftest_tally {
  int campaigns, alarms, unjudged; /* of them those that found a regression, anywhere; could not judge */
  int cells, found;                /* planted ones; those found in a quantity that it reaches */
  int others, strays;              /* tests of what was not planted; regressions among them */
};

/* Adds a gate that is judged: its tests, [cell * GATE_JUDGED + metric], and the cell that `plant` stands in, -1: in all of them. */
void selftest_count(struct selftest_tally *, const struct selftest_plant *, const struct gate_test *, int ncells, int planted);

#endif
