/* setting-undeclared.c: a setting of a parameter that the workload does not declare. */
#include "bad.h"

static const reclaim_setting hot[] = {{"work-hot", "with much of what there is not", "pepper=3", 0}};
static reclaim_workload hot_work;
static const reclaim_workload *const hot_works[] = {&hot_work};
static void spoil(reclaim_strategy *s) {
  hot_work = work;
  hot_work.settings = hot, hot_work.nsettings = 1;
  s->workloads = hot_works, s->nworkloads = 1;
}
