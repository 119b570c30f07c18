/* plants.c: see plants.h. */
#include "harness/selftest/plants.h"

#define CPU (1u << GATE_CPU)
#define RSS (1u << GATE_RSS_PEAK | 1u << GATE_RSS_MEAN)

const struct selftest_plant selftest_plants[SELFTEST_PLANTS] = {
    {"", "same", 0, 0},
    {"cpu=2", "cpu=2", CPU, 0.02},
    {"cpu=3", "cpu=3", CPU, 0.03},
    {"cpu=5", "cpu=5", CPU, 0.05},
    {"cpu=10", "cpu=10", CPU, 0.10},
    {"rss=5", "rss=5", RSS, 0.05},
};

void selftest_count(struct selftest_tally *t, const struct selftest_plant *plant, const struct gate_test *test, int ncells,
                    int planted) {
  enum gate_verdict verdict = gate_family(test, ncells * GATE_JUDGED);
  t->campaigns++;
  t->alarms += verdict == GATE_REGRESSION;
  t->unjudged += verdict == GATE_UNJUDGED;
  for (int i = 0; i < ncells; i++) {
    bool here = plant->metrics && (planted < 0 || planted == i), found = false;
    for (int m = 0; m < GATE_JUDGED; m++) {
      bool regression = test[i * GATE_JUDGED + m].verdict == GATE_REGRESSION;
      if (here && (plant->metrics & 1u << m))
        found |= regression;
      else
        t->others++, t->strays += regression;
    }
    t->cells += here;
    t->found += found;
  }
}
