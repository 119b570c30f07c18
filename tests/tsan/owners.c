/* What one thread made and another owns next, under ThreadSanitizer: a list that is a queue, and a dict that is a table of what waits, in
   the mode in which values are handed over. Each value is taken out by one thread only, so this is what strategies that know one owner
   can run as well as the others. A plain main, as tests/tsan/sharing.c. Where nothing is shared, each thread hands over to itself. */
#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, THREADS = 4, ROUNDS = 20, PARCELS = 250 };
enum { QUEUE, WAITING, PLACES };

static pthread_barrier_t barrier;
static _Atomic int64_t sum;
static _Atomic int arrived;

static OWNED Own parcel(Thr *T, int64_t v) {
  LET(T, first, int_new(T, BOXED + v));
  return tuple_new2(T, first, node_leaf(T, v));
}
/* True if there was one; it ends here. */
static bool open_parcel(Thr *T, Own p) {
  LET(T, x, p);
  if (slot_is_null(x)) return false;
  LET(T, v, array_get(T, x, 0));
  LET(T, node, array_get(T, x, 1));
  CHECK(!slot_is_null(v) && !slot_is_null(node));
  CHECK_EQ(int_value(T, v), BOXED + node_value(T, node));
  atomic_fetch_add(&sum, node_value(T, node));
  atomic_fetch_add(&arrived, 1);
  return true;
}

static void send(Thr *T, Slot *queue, Slot *waiting, int64_t v) {
  if (v % 2) {
    list_append(T, queue, parcel(T, v));
    return;
  }
  LET(T, k, int_new(T, BOXED + v));
  dict_put(T, waiting, k, parcel(T, v));
}
static void receive(Thr *T, Slot *queue, Slot *waiting, Rng *r) {
  CHECK(list_len(T, queue) <= THREADS * PARCELS && dict_len(T, waiting) <= THREADS * PARCELS);
  if (rng_below(r, 2)) return; /* so that both grow */
  open_parcel(T, list_pop(T, queue));
  LET(T, k, int_new(T, BOXED + (int64_t)rng_below(r, THREADS * PARCELS) / 2 * 2));
  open_parcel(T, dict_remove(T, waiting, k));
}
/* What nobody guessed: each looks at its part of the keys. */
static void sweep_up(Thr *T, Slot *queue, Slot *waiting, int index) {
  while (list_len(T, queue) > 0) open_parcel(T, list_pop(T, queue));
  for (int64_t v = 0; v < THREADS * PARCELS; v += 2) {
    if (MM_SHARES_HEAP && v / 2 % THREADS != index) continue;
    LET(T, k, int_new(T, BOXED + v));
    open_parcel(T, dict_remove(T, waiting, k));
  }
}

static void hand_over(Thr *T, int index, Rng *r) {
  LET(T, queue, list_new(T, 0));
  LET(T, waiting, dict_new(T, 0));
  if (MM_SHARES_HEAP) {
    if (index == 0) {
      publish(T, QUEUE, queue);
      publish(T, WAITING, waiting);
    }
    heap_meet(T, &barrier);
    slot_set(T, queue, global(T, QUEUE));
    slot_set(T, waiting, global(T, WAITING));
  }
  for (int64_t i = 0; i < PARCELS; i++) {
    mm_poll(T);
    send(T, queue, waiting, index * PARCELS + i);
    receive(T, queue, waiting, r);
  }
  heap_meet(T, &barrier);
  sweep_up(T, queue, waiting, index);
}
/* The length of what grows is read under its lock where nothing else keeps the array that is left behind: it is freed, and its cell handed
   out again, at once. Only a relaxed store says that it was read, which is no order: the lock is all there is. */
enum { QUEUES = 20, FULL = 4 /* list_new has room for so many */, TABLE_FULL = 6 };
static _Atomic int looked[THREADS];
static void look(Thr *T, int index, Slot *queue, Slot *waiting, int round) {
  CHECK_EQ(list_len(T, queue), FULL);
  CHECK_EQ(dict_len(T, waiting), TABLE_FULL);
  atomic_store_explicit(&looked[index], round, memory_order_relaxed);
}
static void grow(Thr *T, Slot *queue, Slot *waiting, int round) {
  for (int i = 1; i < THREADS; i++)
    while (atomic_load_explicit(&looked[i], memory_order_relaxed) < round) mm_poll(T);
  list_append(T, queue, node_leaf(T, 0));
  own_drop(T, node_make(T, 0, FULL)); /* of the array's size */
  LET(T, k, int_new(T, BOXED));
  dict_put(T, waiting, k, node_leaf(T, 0));
  own_drop(T, raw_new(T, SIZE_TABLE(8) - SIZE_RAW(0))); /* of the table's */
}
static void grow_while_asked(Thr *T, int index) {
  for (int round = 1; MM_SHARES_HEAP && round <= QUEUES; round++) {
    LET(T, queue, list_new(T, FULL));
    LET(T, waiting, dict_new(T, 0));
    if (index == 0) {
      for (int i = 0; i < FULL; i++) list_append(T, queue, node_leaf(T, i));
      for (int i = 1; i <= TABLE_FULL; i++) {
        LET(T, k, int_new(T, BOXED + i));
        dict_put(T, waiting, k, node_leaf(T, i));
      }
      CHECK_EQ(dict_capacity(T, waiting), 8);
      publish(T, QUEUE, queue);
      publish(T, WAITING, waiting);
    }
    heap_meet(T, &barrier);
    slot_set(T, queue, global(T, QUEUE));
    slot_set(T, waiting, global(T, WAITING));
    if (index)
      look(T, index, queue, waiting, round);
    else
      grow(T, queue, waiting, round);
    heap_meet(T, &barrier);
    slot_clear(T, queue);
    slot_clear(T, waiting);
    heap_meet(T, &barrier);
    for (int place = 0; index == 0 && place < PLACES; place++) own_drop(T, retract(T, place));
    heap_meet(T, &barrier);
  }
}

static void everything(Thr *T, int index, void *arg) {
  (void)arg;
  atomic_store(&looked[index], 0);
  heap_meet(T, &barrier);
  grow_while_asked(T, index);
  Rng r = rng_make((uint64_t)index);
  for (int round = 0; round < ROUNDS; round++) {
    hand_over(T, index, &r);
    heap_meet(T, &barrier);
    for (int place = 0; MM_SHARES_HEAP && index == 0 && place < PLACES; place++) own_drop(T, retract(T, place));
    uint64_t live = 0;
    heap_meet_to_count(T, &barrier, index, &live);
    CHECK_LIVE(live, 0);
  }
}

static void run_variant(uint64_t heap_limit, int64_t variant) {
  TestHeap h;
  heap_init(&h, THREADS);
  h.config.sharing = RECLAIM_HAND_OFF;
  if (MM_HEAP_LIMITED) h.config.heap_limit_bytes = heap_limit;
  heap_tune(&h, "nursery", 64 << 10);
  heap_tune(&h, "switch-interval", 100);
  heap_tune(&h, "lock-reads", variant);
  heap_open(&h);
  atomic_store(&sum, 0);
  atomic_store(&arrived, 0);
  heap_threads(&h, THREADS, 0, everything, NULL);
  CHECK_EQ(atomic_load(&arrived), ROUNDS * THREADS * PARCELS);
  CHECK_EQ(atomic_load(&sum), (int64_t)ROUNDS * THREADS * PARCELS * (THREADS * PARCELS - 1) / 2);
  heap_close(&h);
}

int main(void) {
  pthread_barrier_init(&barrier, NULL, THREADS);
  run_variant(0, 0);
  run_variant(3 << 20, 1);
  pthread_barrier_destroy(&barrier);
  return 0;
}
