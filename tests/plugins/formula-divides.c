/* formula-divides.c: a live-bytes formula that is not defined at the least value of a parameter. */
#include "bad.h"

static uint64_t quotient(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  return (uint64_t)(1000 / (p[P_US] * threads));
}
static reclaim_workload broken;
static const reclaim_workload *const broken_works[] = {&broken};
static void spoil(reclaim_strategy *s) {
  broken = work;
  broken.live_bytes = quotient;
  s->workloads = broken_works, s->nworkloads = 1;
}
