/* hand-off: objects that one thread makes and another drops, in batches through bounded queues: larson (Larson and Krishnan, ISMM 1998) and
   xmalloc-test. Every thread makes batches for the next one and drops those of the one before it (flow=ring), or every second thread
   makes and its neighbour drops (flow=pairs). With `life`, a batch is made by a thread that exits after so many: what it made outlives
   it. With `kept`, what was received takes a random place among that many others, so that objects of all makers, those that have exited
   among them, die at random times: larson's "bleeding".

   Each thread is at most as many batches ahead of its consumption as a queue has places, less what it hands on at once: so nobody waits
   for ever, since the threads that waited for a place in a full queue would together have put more than they have taken and hold. At
   work_hold all threads have made the same number of steps, and what lies in the queues is the same in every run.

   Private: each thread hands to itself through a queue of its own, and nothing is published: the same objects, without the crossing. */
#include "runtime/work.h"

#include <pthread.h>
#include <stdlib.h>

enum { P_OBJECT, P_SIZE, P_BATCH, P_DEPTH, P_BATCHES, P_KEPT, P_LIFE, P_FLOW };
enum { OBJECT_INT, OBJECT_NODE, OBJECT_TREE, OBJECT_RAW, OBJECT_MIX };
static const char *const objects[] = {"int", "node", "tree", "raw", "mix"};
enum { FLOW_RING, FLOW_PAIRS };
static const char *const flows[] = {"ring", "pairs"};

static const reclaim_param params[] = {
    {"object", "int, node: one of them; tree: 15 nodes; raw: an array of raw bytes; mix: each of these in turn, drawn", "",
     OBJECT_MIX, 0, OBJECT_MIX, objects},
    {"size", "largest raw array; sizes are drawn uniformly from 8 ..", "bytes", 256, 8, 1 << 20, NULL},
    {"batch", "objects handed on at once", "", 64, 1, 1 << 20, NULL},
    {"depth", "batches that a queue holds", "", 16, 2, 1 << 16, NULL},
    {"batches", "batches that each thread makes, at least (flow=pairs: every second one, for two)", "", 4000, 1, INT64_C(1) << 40,
     NULL},
    {"kept",
     "objects that a thread keeps of those it received: each new one takes the place of one at random; 0: batches are dropped "
     "whole",
     "", 0, 0, 1 << 24, NULL},
    {"life", "batches that a maker lives for; 0: threads make their batches themselves", "", 0, 0, 1 << 15, NULL},
    {"flow", "ring: each thread makes for the next; pairs: every second thread makes, for its neighbour", "", FLOW_RING, 0,
     FLOW_PAIRS, flows},
};

static const reclaim_setting settings[] = {
    {"xmalloc", "as xmalloc-test: single blocks of up to 256 bytes, made by one half of the threads and freed by the other",
     "object=raw;size=256;batch=120;depth=16;batches=6000;kept=0;life=0;flow=pairs", RECLAIM_HAND_OFF},
    {"larson", "as larson: blocks of up to 500 bytes replaced at random among 5,000, made by threads that exit",
     "object=raw;size=500;batch=100;depth=16;batches=5000;kept=5000;life=8;flow=ring", RECLAIM_HAND_OFF},
};

enum {
  VALUE_BASE = SMALL_INT_MAX + 1,
  TREE_DEPTH = 3,
  TREE_NODES = 15,
  BORROW_CHUNK = (BORROW_LOADS - 1) / (2 * TREE_NODES + 1)
};
enum { SHARED_RINGS, SHARED_QUEUES }; /* places in the globals */

/* --- Facts ------------------------------------------------------------------------------------------------------------------------- */

/* How the steps of an iteration follow each other. A step hands on `at_once` batches: those of one short life, or one. A maker is `lead`
   steps ahead of the taker, and the data are fullest when `fill` were taken: all that is kept is there. */
typedef struct Plan {
  int64_t at_once, steps, lead, fill;
} Plan;

static Plan plan_of(const int64_t *p) {
  Plan plan = {.at_once = p[P_LIFE] ? p[P_LIFE] : 1};
  int64_t received = plan.at_once * p[P_BATCH];
  plan.steps = (p[P_BATCHES] + plan.at_once - 1) / plan.at_once;
  plan.lead = p[P_DEPTH] / plan.at_once - 1;
  if (plan.lead > plan.steps) plan.lead = plan.steps;
  plan.fill = (p[P_KEPT] + received - 1) / received;
  if (plan.fill > plan.steps - plan.lead) plan.fill = plan.steps - plan.lead;
  return plan;
}

/* Bytes of an object in the mean. */
static uint64_t object_bytes(const int64_t *p) {
  uint64_t raw = 0, tree = TREE_NODES * SIZE_NODE(2);
  for (int64_t size = 8; size <= p[P_SIZE]; size++) raw += WORK_BYTES(SIZE_RAW(size));
  raw /= (uint64_t)(p[P_SIZE] - 7);
  switch (p[P_OBJECT]) {
  case OBJECT_INT: return SIZE_LEAF;
  case OBJECT_NODE: return SIZE_NODE(2);
  case OBJECT_TREE: return tree;
  case OBJECT_RAW: return raw;
  default: return (SIZE_LEAF + SIZE_NODE(2) + tree + raw) / 4;
  }
}

static uint64_t list_bytes(uint64_t n) {
  uint64_t least = list_capacity_after(0);
  return WORK_BYTES(SIZE_LIST) + WORK_BYTES(SIZE_ARRAY(n < least ? least : n));
}

/* In flow=pairs a queue for two threads, where there are two. */
static int queue_of(const int64_t *p, int index) { return p[P_FLOW] == FLOW_PAIRS ? index / 2 : index; }

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  Plan plan = plan_of(p);
  uint64_t batch = (uint64_t)p[P_BATCH], kept = (uint64_t)p[P_KEPT], n = (uint64_t)threads;
  uint64_t filled = (uint64_t)(plan.fill * plan.at_once) * batch;
  uint64_t keeper = kept ? WORK_BYTES(SIZE_ARRAY(kept)) + (filled < kept ? filled : kept) * object_bytes(p) : 0;
  uint64_t queue = WORK_BYTES(SIZE_ARRAY(p[P_DEPTH]));
  queue += (uint64_t)(plan.lead * plan.at_once) * (list_bytes(batch) + batch * object_bytes(p));
  if (sharing == RECLAIM_PRIVATE) return n * (queue + keeper);
  uint64_t queues = (uint64_t)queue_of(p, threads - 1) + 1;
  return queues * (queue + keeper) + WORK_BYTES(SIZE_ARRAY(queues)) + WORK_BYTES(SIZE_RAW(8));
}

static const char *refuse(const int64_t *p, int threads, uint32_t sharing) {
  (void)threads;
  if (sharing == RECLAIM_PRIVATE && p[P_LIFE]) return "private hands nothing to another thread: life must be 0";
  if (p[P_DEPTH] < 2 * p[P_LIFE]) return "depth must be at least twice life";
  return NULL;
}

/* --- Making and reading --------------------------------------------------------------------------------------------------------------- */

static int64_t draw_value(Rng *r) { return (int64_t)(VALUE_BASE + (rng_next(r) >> 44)); }

static OWNED Own make_tree(Thr *T, int64_t v, int depth) {
  mm_poll(T);
  if (depth == 0) return node_leaf(T, v);
  LET(T, l, make_tree(T, v, depth - 1));
  return node_new(T, v, l, make_tree(T, v, depth - 1));
}
static OWNED Own make_raw(Thr *T, Rng *r, int64_t most) {
  int64_t v = draw_value(r);
  LET(T, x, raw_new(T, 8 + rng_below(r, (uint64_t)most - 7)));
  raw_set(T, x, 0, v);
  return slot_take(T, x);
}
static OWNED Own make_object(Thr *T, Rng *r, const int64_t *p) {
  int64_t what = p[P_OBJECT] == OBJECT_MIX ? (int64_t)rng_below(r, OBJECT_MIX) : p[P_OBJECT];
  switch (what) {
  case OBJECT_INT: return int_new(T, draw_value(r));
  case OBJECT_NODE: return node_leaf(T, draw_value(r));
  case OBJECT_TREE: return make_tree(T, draw_value(r), TREE_DEPTH);
  default: return make_raw(T, r, p[P_SIZE]);
  }
}

/* Batch number `k` of maker `maker`: the same whoever makes it. */
static OWNED Own make_batch(Thr *T, Work *w, uint64_t maker, int64_t k) {
  Rng r = rng_make(w->seed ^ mix64(maker << 40 | (uint64_t)k));
  size_t n = (size_t)w->p[P_BATCH];
  LET(T, batch, list_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    list_append(T, batch, make_object(T, &r, w->p));
  }
  w->operations += n;
  return slot_take(T, batch);
}

static int64_t sum_nodes(Ref r) {
  int64_t sum = 0;
  for (; !ref_is_null(r); r = ref_edge(r, 1)) sum += ref_value(r) + sum_nodes(ref_edge(r, 0));
  return sum;
}
/* Every word of it that tells something. */
static int64_t read_object(Ref r) {
  switch (ref_kind(r)) {
  case KIND_NODE: return sum_nodes(r);
  case KIND_RAW: return ref_word(r, 0);
  default: return ref_int(r);
  }
}
static int64_t read_batch(Thr *T, Slot *batch) {
  int64_t sum = 0;
  for (size_t from = 0, n = list_len(T, batch); from < n;) {
    mm_poll(T);
    size_t end = n - from > BORROW_CHUNK ? from + BORROW_CHUNK : n;
    BORROW (T, r, batch) {
      Ref items = ref_items(r);
      for (; from < end; from++) sum += read_object(ref_item(items, from));
    }
  }
  return sum;
}

/* --- Queues ----------------------------------------------------------------------------------------------------------------------------- */

/* One maker and one taker. The batches lie in an array of the heap, at their number modulo `depth`. */
typedef struct Queue {
  _Atomic int64_t put;
  char apart[56]; /* the maker's line, and the taker's */
  _Atomic int64_t taken;
  _Atomic int waiting;
  int64_t depth;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  char end[64];
} Queue;

static bool has_room(const Queue *q) { return atomic_load(&q->put) - atomic_load(&q->taken) < q->depth; }
static bool has_batch(const Queue *q) { return atomic_load(&q->put) > atomic_load(&q->taken); }

static void queue_wait(Thr *T, Queue *q, bool (*ready)(const Queue *)) {
  if (LIKELY(ready(q))) return;
  mm_epoch(T);
  mm_blocking_begin(T);
  pthread_mutex_lock(&q->mutex);
  atomic_fetch_add(&q->waiting, 1); /* maker and taker may both be in here, the one on its way out */
  while (!ready(q)) pthread_cond_wait(&q->changed, &q->mutex);
  atomic_fetch_sub(&q->waiting, 1);
  pthread_mutex_unlock(&q->mutex);
  mm_blocking_end(T);
}
/* The other is told if it waits: it says so before it looks, and we look after the count has changed. */
static void queue_count(Queue *q, _Atomic int64_t *count) {
  atomic_fetch_add(count, 1);
  if (LIKELY(!atomic_load(&q->waiting))) return;
  pthread_mutex_lock(&q->mutex);
  pthread_cond_broadcast(&q->changed);
  pthread_mutex_unlock(&q->mutex);
}

static void queue_put(Thr *T, Queue *q, Slot *ring, Slot *batch) {
  queue_wait(T, q, has_room);
  array_set(T, ring, (size_t)(atomic_load(&q->put) % q->depth), slot_take(T, batch));
  queue_count(q, &q->put);
}
static OWNED Own queue_take(Thr *T, Queue *q, Slot *ring) {
  queue_wait(T, q, has_batch);
  LET(T, batch, array_swap(T, ring, (size_t)(atomic_load(&q->taken) % q->depth), own_mk(T, NULL)));
  queue_count(q, &q->taken);
  return slot_take(T, batch);
}

static Queue *queues_new(Thr *T, int n, int64_t depth) {
  Queue *q = work_memory(T, (size_t)n * sizeof *q);
  for (int i = 0; i < n; i++) {
    q[i].depth = depth;
    pthread_mutex_init(&q[i].mutex, NULL);
    pthread_cond_init(&q[i].changed, NULL);
  }
  return q;
}
static void queues_free(Queue *q, int n) {
  for (int i = 0; i < n; i++) pthread_mutex_destroy(&q[i].mutex), pthread_cond_destroy(&q[i].changed);
  free(q);
}

/* --- A maker's step ----------------------------------------------------------------------------------------------------------------- */

/* `first`: the number of its first batch. */
typedef struct Making {
  Queue *queue;
  int place; /* of the queue's array among all */
  uint64_t maker;
  int64_t first;
} Making;

static void put_batch(Thr *T, Work *w, const Making *m, Slot *ring, int64_t k) {
  LET(T, batch, make_batch(T, w, m->maker, k));
  queue_put(T, m->queue, ring, batch);
}

/* A whole short life. */
static void live_and_exit(Thr *T, Work *w, void *arg) {
  const Making *m = arg;
  LET(T, rings, work_global(T, w, SHARED_RINGS));
  LET(T, ring, array_get(T, rings, (size_t)m->place));
  for (int64_t i = 0; i < w->p[P_LIFE]; i++) {
    mm_poll(T);
    put_batch(T, w, m, ring, m->first + i);
  }
}

static void make_step(Thr *T, Work *w, Making *m, Slot *ring) {
  if (w->p[P_LIFE])
    work_end(T, w, work_start(T, w, (int)m->maker, live_and_exit, m));
  else
    put_batch(T, w, m, ring, m->first);
  m->first += w->p[P_LIFE] ? w->p[P_LIFE] : 1;
}

/* --- A taker's step ------------------------------------------------------------------------------------------------------------------ */

/* Each object to a place of its own while there is one, then in the place of another. */
static int64_t keep_all(Thr *T, Work *w, Slot *batch, Slot *kept, uint64_t *received) {
  int64_t sum = 0;
  uint64_t room = (uint64_t)w->p[P_KEPT];
  for (size_t n = list_len(T, batch); n-- > 0;) {
    mm_poll(T);
    LET(T, x, list_pop(T, batch));
    BORROW (T, r, x) sum += read_object(r);
    uint64_t place = *received < room ? *received : rng_below(&w->rng, room);
    array_set(T, kept, place, slot_take(T, x));
    ++*received;
  }
  return sum;
}

static int64_t take_step(Thr *T, Work *w, int64_t batches, Queue *queue, Slot *ring, Slot *kept, uint64_t *received) {
  int64_t sum = 0;
  for (int64_t i = 0; i < batches; i++) {
    mm_poll(T);
    LET(T, batch, queue_take(T, queue, ring));
    sum += w->p[P_KEPT] ? keep_all(T, w, batch, kept, received) : read_batch(T, batch);
  }
  return sum;
}

/* --- An iteration ---------------------------------------------------------------------------------------------------------------------- */

/* Makes into `out` and takes from `in`; NULL: not this thread. */
static void exchange(Thr *T, Work *w, int64_t steps, Making *out, Slot *out_ring, Queue *in, Slot *in_ring) {
  Plan plan = plan_of(w->p);
  uint64_t received = 0;
  int64_t sum = 0;
  LET(T, kept, w->p[P_KEPT] && in ? array_new(T, (size_t)w->p[P_KEPT]) : none_new(T));
  for (int64_t k = 0; k < steps + plan.lead; k++) {
    mm_poll(T);
    if (out && k < steps) make_step(T, w, out, out_ring);
    if (in && k >= plan.lead) sum += take_step(T, w, plan.at_once, in, in_ring, kept, &received);
    if (k == plan.lead + plan.fill - 1) work_hold(T, w);
  }
  work_check(w, (uint64_t)sum);
}

static void run_private(Thr *T, Work *w) {
  LET(T, ring, array_new(T, (size_t)w->p[P_DEPTH]));
  Queue *q = queues_new(T, 1, w->p[P_DEPTH]);
  Making m = {.queue = q, .maker = (uint64_t)w->index};
  exchange(T, w, plan_of(w->p).steps, &m, ring, q, ring);
  queues_free(q, 1);
}

/* The arrays of all queues, and in a raw array the address of the rest of them. */
static Queue *publish(Thr *T, Work *w, int queues) {
  LET(T, rings, array_new(T, (size_t)queues));
  for (int i = 0; i < queues; i++) {
    mm_poll(T);
    array_set(T, rings, (size_t)i, array_new(T, (size_t)w->p[P_DEPTH]));
  }
  Queue *q = queues_new(T, queues, w->p[P_DEPTH]);
  LET(T, address, raw_new(T, sizeof q));
  raw_set(T, address, 0, (int64_t)(intptr_t)q);
  work_publish(T, w, SHARED_RINGS, rings);
  work_publish(T, w, SHARED_QUEUES, address);
  return q;
}

static void run_shared(Thr *T, Work *w) {
  bool pairs = w->p[P_FLOW] == FLOW_PAIRS;
  int queues = queue_of(w->p, w->threads - 1) + 1, own = queue_of(w->p, w->index), next = pairs ? own : (own + 1) % queues;
  if (w->index == 0) publish(T, w, queues);
  work_barrier(T, w);
  LET(T, rings, work_global(T, w, SHARED_RINGS));
  LET(T, address, work_global(T, w, SHARED_QUEUES));
  LET(T, in, array_get(T, rings, (size_t)own));
  LET(T, out, array_get(T, rings, (size_t)next));
  Queue *q = (Queue *)(intptr_t)raw_get(T, address, 0);
  Making m = {.queue = &q[next], .place = next, .maker = (uint64_t)w->index};
  bool alone = !pairs || (w->index % 2 == 0 && w->index == w->threads - 1), maker = alone || w->index % 2 == 0;
  exchange(T, w, plan_of(w->p).steps * (alone ? 1 : 2), maker ? &m : NULL, out, alone || !maker ? &q[own] : NULL, in);
  work_barrier(T, w);
  if (w->index) return;
  queues_free(q, queues);
  own_drop(T, work_retract(T, w, SHARED_RINGS));
  own_drop(T, work_retract(T, w, SHARED_QUEUES));
}

static void run(Thr *T, Work *w) {
  if (w->sharing == RECLAIM_PRIVATE)
    run_private(T, w);
  else
    run_shared(T, w);
}

static const Workload hand_off = {
    {
        .name = "hand-off",
        .summary = "batches of objects made by one thread and dropped by another, through bounded queues; makers may exit",
        .probes = "cross-thread frees, merge queues, thread exit",
        .operation = "object handed on",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_HAND_OFF | RECLAIM_PRIVATE,
        .known_lifetimes = RECLAIM_PRIVATE,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
        .refuse = refuse,
    },
    run,
};
WORKLOAD_REGISTER(hand_off);
