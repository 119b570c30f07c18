/* stores: one object stored over and over into the places of a large array, all of it old but the object. Counting moves two counts per
   store; a generational barrier is asked to remember what it has remembered already, 64 million times over. A log without bounds
   drowns in it, and so does a collector that scans all of a large array for each of its stores. */
#include "runtime/work.h"

enum { P_LIVE, P_OPERATIONS, P_RENEW_EVERY };

static const reclaim_param params[] = {
    {"live", "places of the array", "", 100000, 1, 1 << 28, NULL},
    {"operations", "stores of each thread, place after place and round again", "", 4000000, 1, INT64_C(1) << 40, NULL},
    {"renew-every", "stores after which the object is made anew; 0: never", "", 0, 0, 1 << 30, NULL},
};

static const reclaim_setting settings[] = {
    {"store", "one young object stored 64 million times", "live=1000000;operations=64000000;renew-every=0", RECLAIM_PRIVATE},
};

enum { VALUE_BASE = SMALL_INT_MAX + 1 };

/* At its fullest each place may hold an object of its own. */
static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  uint64_t live = (uint64_t)p[P_LIVE], objects = p[P_RENEW_EVERY] ? live / (uint64_t)p[P_RENEW_EVERY] + 1 : 1;
  return (uint64_t)threads * (WORK_BYTES(SIZE_ARRAY(live)) + objects * SIZE_LEAF);
}

static void store(Thr *T, Work *w, Slot *array) {
  size_t live = (size_t)w->p[P_LIVE], at = 0;
  Every renew = every(w->p[P_RENEW_EVERY]);
  LET(T, x, int_new(T, VALUE_BASE));
  for (int64_t k = 0; k < w->p[P_OPERATIONS]; k++) {
    mm_poll(T);
    if (is_due(&renew)) slot_set(T, x, int_new(T, VALUE_BASE + (int64_t)rng_below(&w->rng, 1 << 20)));
    array_set(T, array, at, slot_dup(T, x));
    if (++at == live) at = 0;
  }
}

static int64_t sum_of(Thr *T, Slot *array) {
  int64_t sum = 0;
  for (size_t i = 0, n = array_len(T, array); i < n; i++) {
    mm_poll(T);
    LET(T, x, array_get(T, array, i));
    if (!slot_is_null(x)) sum += int_value(T, x);
  }
  return sum;
}

static void run(Thr *T, Work *w) {
  LET(T, array, array_new(T, (size_t)w->p[P_LIVE]));
  store(T, w, array);
  work_hold(T, w);
  work_check(w, (uint64_t)sum_of(T, array));
  w->operations += (uint64_t)w->p[P_OPERATIONS];
}

static const Workload stores = {
    {
        .name = "stores",
        .summary = "one object stored over and over into a large array",
        .probes = "write barriers, remembered sets",
        .operation = "store",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(stores);
