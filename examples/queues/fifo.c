/* fifo: a queue of `live` messages, to whose end one is put for each that is taken from its front. Every message lives for exactly
   `live` operations, and they die in the order of their birth: the worst that can be done to a collector which bets that the young
   die first.

   The queue is a chain of nodes: edge 0 is the message, edge 1 the next node. A message is a tuple of its number and its body. */
#include "runtime/work.h"

enum { P_LIVE, P_OPERATIONS, P_BODY, NPARAMS };

static const reclaim_param params[NPARAMS] = {
    {"live", "messages in the queue of each thread", "", 20000, 1, 1 << 26, NULL},
    {"operations", "messages that each thread takes and puts after its queue was filled", "", 500000, 1, INT64_C(1) << 40, NULL},
    {"body-bytes", "length of a message's body, which begins with its number", "bytes", 32, 8, 1 << 20, NULL},
};

static const reclaim_setting settings[] = {
    {"fifo-small", "a queue that fits a nursery", "live=500", 0},
};

/* Every object that lives at the fullest point, each rounded up as allocators do. */
static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  uint64_t message = WORK_BYTES(SIZE_ARRAY(2)) + SIZE_LEAF + WORK_BYTES(SIZE_RAW(p[P_BODY]));
  return (uint64_t)threads * (uint64_t)p[P_LIVE] * (WORK_BYTES(SIZE_NODE(2)) + message);
}

static OWNED Own message_new(Thr *T, const Work *w, int64_t number) {
  LET(T, body, raw_new(T, (size_t)w->p[P_BODY]));
  raw_set(T, body, 0, number);
  LET(T, boxed, int_new(T, SMALL_INT_MAX + 1 + number)); /* above the small ones, which are never made */
  return tuple_new2(T, boxed, slot_take(T, body));
}

static void put(Thr *T, Work *w, Slot *last, int64_t number) {
  mm_poll(T);
  LET(T, node, node_leaf(T, number));
  node_set(T, node, 0, message_new(T, w, number));
  if (!slot_is_null(last)) node_set(T, last, 1, slot_dup(T, node));
  slot_set(T, last, slot_take(T, node));
  w->operations++;
}

/* Takes one from the front, and reads it once. */
static void take(Thr *T, Work *w, Slot *first) {
  mm_poll(T);
  LET(T, message, node_take(T, first, 0));
  slot_set(T, first, node_take(T, first, 1));
  LET(T, body, array_get(T, message, 1));
  work_check(w, (uint64_t)(own_int(T, array_get(T, message, 0)) + raw_get(T, body, 0)));
}

static void run(Thr *T, Work *w) {
  int64_t live = w->p[P_LIVE], number = 0;
  LET(T, first, own_mk(T, NULL));
  LET(T, last, own_mk(T, NULL));
  for (; number < live; number++) {
    put(T, w, last, number);
    if (number == 0) slot_set(T, first, slot_dup(T, last));
  }
  work_hold(T, w); /* nothing more will live at any time than does now */
  for (int64_t end = live + w->p[P_OPERATIONS]; number < end; number++) {
    put(T, w, last, number);
    take(T, w, first);
  }
}

static const Workload fifo = {
    {
        .name = "fifo",
        .summary = "a queue in which every message lives equally long and dies in the order of its birth",
        .probes = "promotion of what is about to die, order in memory",
        .operation = "message",
        .params = params,
        .nparams = NPARAMS,
        .sharing = RECLAIM_PRIVATE,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(fifo);
