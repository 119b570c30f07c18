/* Every workload at small sizes while the strategy is made to collect: at every allocation, at every 7th, at every 100th (checked
   builds), and in every build in a heap that is hardly larger than what lives. The checksum must be that of an undisturbed run, and
   nothing may be left but what counting leaks by nature. */
#include <criterion/criterion.h>

#include "tests/conformance/small.h"

/* What counting leaks by nature is not for the leak checker: small_run checks it to the object, here in a child. */
enum { LIMIT_S = 280, ALL_MODES = RECLAIM_PRIVATE | RECLAIM_SHARED_READ | RECLAIM_SHARED_WRITE | RECLAIM_HAND_OFF };

static void prepare(Small *s, const reclaim_workload *w, const int64_t *params, uint32_t sharing, int threads) {
  memset(s, 0, sizeof *s);
  heap_init(&s->heap, threads);
  memcpy(s->params, params, (size_t)w->nparams * sizeof *params);
  s->heap.config.workload = w;
  s->heap.config.sharing = sharing;
  s->iterations = 2;
}

static uint64_t undisturbed(const reclaim_workload *w, const int64_t *params, uint32_t sharing, int threads) {
  Small s;
  prepare(&s, w, params, sharing, threads);
  small_run(&s);
  return s.checksum;
}

static int64_t period; /* collect at every n-th allocation */

static void disturbed(const reclaim_workload *w, const int64_t *params, uint32_t sharing, int threads) {
  Small s;
  prepare(&s, w, params, sharing, threads);
  heap_tune(&s.heap, "collect-every", period);
  heap_tune(&s.heap, "promotion-age", 2);
  heap_tune(&s.heap, "mark-stack", 64);
  heap_tune(&s.heap, "prefetch", 3);
  heap_tune(&s.heap, "large-object", 4096);
  heap_tune(&s.heap, "freelist-cap", 10);
  heap_tune(&s.heap, "switch-interval", 100);
  heap_tune(&s.heap, "threshold0", 100);
  heap_tune(&s.heap, "root-threshold", 10);
  heap_tune(&s.heap, "root-threshold-min", 1);
  heap_tune(&s.heap, "cascade-budget", 7 * period);
  heap_tune(&s.heap, "decrement-buffer", 5);
  small_run(&s);
  CHECK_EQ(s.checksum, undisturbed(w, params, sharing, threads));
}
static void disturb(void *arg) {
  int64_t size = *(int64_t *)arg;
  CHECK(each_small(size, 1, ALL_MODES, disturbed) > 0);
  each_small(size, 2, ALL_MODES, disturbed);
}
static void collect_every(int64_t n, int64_t size) {
  period = n;
  survives(disturb, &size);
}
Test(stress, collecting_at_every_allocation, .timeout = LIMIT_S) { collect_every(1, 10); }
Test(stress, collecting_at_every_7th, .timeout = LIMIT_S) { collect_every(7, 20); }
Test(stress, collecting_at_every_100th, .timeout = LIMIT_S) { collect_every(100, 50); }

/* A heap of what lives and half of it more, and of what a nursery and a few size classes need at least. */
static void in_small_heap(const reclaim_workload *w, const int64_t *params, uint32_t sharing, int threads) {
  Small s;
  prepare(&s, w, params, sharing, threads);
  s.heap.config.heap_limit_bytes = MM_HEAP_LIMITED ? w->live_bytes(params, threads, sharing) * 3 / 2 + (6 << 20) : 0;
  heap_tune(&s.heap, "nursery", 64 << 10);
  small_run(&s);
  CHECK_EQ(s.checksum, undisturbed(w, params, sharing, threads));
}
static void squeeze(void *arg) {
  int64_t size = *(int64_t *)arg;
  CHECK(each_small(size, 2, ALL_MODES, in_small_heap) > 0);
}
/* Who obeys no limit runs as ever, twice: for that a small size will do. */
Test(stress, in_a_heap_hardly_larger_than_what_lives, .timeout = LIMIT_S) {
  int64_t size = MM_HEAP_LIMITED ? 300 : 50;
  survives(squeeze, &size);
}
