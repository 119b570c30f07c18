/* Every workload that has shared modes, in all of them, with three threads under ThreadSanitizer, in a heap so small that collections
   come often; the first iteration is an audit, which collects while the others wait. */
#include "tests/conformance/small.h"

enum { THREADS = 3, SHARED_MODES = RECLAIM_SHARED_READ | RECLAIM_SHARED_WRITE | RECLAIM_HAND_OFF };

static void run(const reclaim_workload *w, const int64_t *params, uint32_t sharing, int threads) {
  Small s = {.iterations = 2};
  heap_init(&s.heap, threads);
  memcpy(s.params, params, (size_t)w->nparams * sizeof *params);
  s.heap.config.workload = w;
  s.heap.config.sharing = sharing;
  s.heap.config.heap_limit_bytes = MM_HEAP_LIMITED ? 2 * w->live_bytes(params, threads, sharing) + (6 << 20) : 0;
  heap_tune(&s.heap, "nursery", 64 << 10);
  heap_tune(&s.heap, "switch-interval", 100);
  heap_tune(&s.heap, "threshold", 100);
  small_run(&s);
}

/* Under AddressSanitizer: what counting leaks, it leaks by nature; how much is tested elsewhere, exactly (conformance/workloads-run.c). */
__attribute__((visibility("default"), used)) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return !MM_RECLAIMS || (MM_COUNTS_HEAP && !MM_RECLAIMS_CYCLES); }

int main(void) {
  uint32_t modes = MM_SHARES_HEAP ? SHARED_MODES : RECLAIM_PRIVATE;
  CHECK(each_small(100, THREADS, modes, run) > 0);
  return 0;
}
