/* Memory: it comes back after a phase of one size for the next phase of another, from threads that exit, and from consumers to their
   producers; a limit is kept, and a heap too small for what lives says so; marking survives a mark stack that is far too small. Sizes
   are read from the strategy's own books, exactly. */
#include <criterion/criterion.h>
#include <sys/resource.h>

#include "tests/conformance/heap.h"

enum { BOXED = SMALL_INT_MAX + 1, LIMIT_S = 200 };

/* --- Memory comes back ------------------------------------------------------------------------------------------------------------------ */

/* The most that was held, objects and metadata; 0 where a foreign malloc holds it. Where a strategy has none of the parts that know the
   most, what is held now has to do, and with other threads at work nobody may ask. */
static size_t most_held(Thr *T) {
#if defined(RECLAIM_PARTS_COUNTED_H)
  return MM_MALLOC ? 0 : T->heap->chunks.peak;
#elif defined(RECLAIM_PARTS_SPACE_H)
  return T->heap->mature.chunks.peak;
#elif defined(RECLAIM_PARTS_FITS_H)
  return T->heap->births.chunks.peak;
#else
  reclaim_stats s = {.committed_bytes = RECLAIM_NONE};
  if (T->heap->config->threads == 1) mm_stats(T->heap, &s);
  return s.committed_bytes == RECLAIM_NONE ? 0 : s.committed_bytes;
#endif
}

/* About `bytes` in nodes of `edges` edges. */
static OWNED Own fill(Thr *T, size_t bytes, unsigned edges) {
  LET(T, all, list_new(T, bytes / SIZE_NODE(edges)));
  for (size_t i = 0; i < bytes / SIZE_NODE(edges); i++) {
    mm_poll(T);
    list_append(T, all, node_make(T, (int64_t)i, edges));
  }
  return slot_take(T, all);
}

/* One size after the other, never two at once: what is held stays near one phase's need, and is not their sum. */
enum { PHASE = 16 << 20, PHASES = 8 };
static void shift_phases(Thr *T, int index, void *arg) {
  (void)index, (void)arg;
  static const unsigned edges[PHASES] = {2, 9, 4, 21, 1, 47, 13, 100};
  size_t first = 0;
  for (int i = 0; i < PHASES; i++) {
    LET(T, all, fill(T, PHASE, edges[i]));
    if (i == 0) first = most_held(T);
  }
  if (!MM_RECLAIMS) return;
  CHECK(most_held(T) <= 3 * first); /* a growing heap doubles before it collects */
  if (MM_COUNTS_HEAP || MM_UNIQUE_OWNERS) CHECK(most_held(T) <= first * 17 / 10);
}
Test(memory, sizes_follow_each_other, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, 0, shift_phases, NULL);
  heap_close(&h);
}

/* Threads one after the other take over what the last one left. */
static void fill_and_go(Thr *T, int index, void *arg) {
  (void)index;
  size_t *most = arg;
  { LET(T, all, fill(T, 4 << 20, 2)); }
  CHECK_LIVE(live_objects(T), 0);
  *most = most_held(T);
}
Test(memory, is_left_to_the_next_thread, .timeout = LIMIT_S) {
  size_t first = 0, last = 0;
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, 0, fill_and_go, &first);
  for (int i = 0; i < 20; i++) heap_threads(&h, 1, 0, fill_and_go, &last);
  CHECK(!MM_RECLAIMS || last <= first + first / 2);
  heap_close(&h);
}

/* One makes, the other drops: what was freed there is used again here. */
enum { PARCELS = 40 };
typedef struct Delivery {
  pthread_barrier_t barrier;
  size_t early, late;
} Delivery;
static void deliver(Thr *T, int index, void *arg) {
  Delivery *d = arg;
  for (int i = 0; i < PARCELS; i++) {
    if (index == 0 || !MM_SHARES_HEAP) {
      LET(T, all, fill(T, 2 << 20, 2));
      if (MM_SHARES_HEAP) publish(T, 0, all);
    }
    if (index == 0 && i == 4) d->early = most_held(T);
    heap_meet(T, &d->barrier);
    if (index == 1 && MM_SHARES_HEAP) own_drop(T, retract(T, 0));
    heap_meet(T, &d->barrier);
  }
  if (index == 0) d->late = most_held(T);
}
Test(memory, comes_back_from_consumers, .timeout = LIMIT_S) {
  Delivery d;
  TestHeap h;
  pthread_barrier_init(&d.barrier, NULL, 2);
  heap_init(&h, 2);
  heap_open(&h);
  heap_threads(&h, 2, 0, deliver, &d);
  CHECK(!MM_RECLAIMS || d.late <= 2 * d.early); /* of 40 parcels */
  Thr *T = heap_enter(&h, 0);
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
  pthread_barrier_destroy(&d.barrier);
}

#ifdef RECLAIM_PARTS_COUNTED_H
#if CELLS_FOREIGN
/* In front of a malloc, of each size as many cells as the cap says, and no more. */
enum { CAP = 10 };
static void set_cap(TestHeap *h) { CHECK(heap_tune(h, "freelist-cap", CAP)); }
static void fill_free_list(Thr *T) {
  unsigned cls = class_of(SIZE_NODE(20) + COUNT_PREFIX);
  Cells *cells = COUNT_CELLS(T);
  own_drop(T, fill(T, 100 * SIZE_NODE(20), 20));
  CHECK_EQ(cells->have[cls], CAP);
  int n = 0;
  for (const Cell *c = cells->free[cls]; c; c = c->next) n++;
  CHECK_EQ(n, CAP);
}
MechanismTest(memory, free_lists_have_a_cap) { heap_run_clean(set_cap, fill_free_list); }
#elif MM_CHECK
/* Fresh cells come by address, or, where they are shuffled, as they come; each once. */
static bool shuffled;
static void set_shuffle(TestHeap *h) { CHECK(heap_tune(h, "shuffle", shuffled)); }
static void look_at_order(Thr *T) {
  enum { NODES = 64, EDGES = 40 };
  const Obj *seen[NODES];
  int falls = 0;
  LET(T, all, list_new(T, NODES));
  for (int i = 0; i < NODES; i++) {
    LET(T, x, node_make(T, i, EDGES));
    seen[i] = x->p_;
    falls += i && seen[i] < seen[i - 1];
    for (int k = 0; k < i; k++) CHECK(seen[k] != seen[i]);
    list_append(T, all, slot_take(T, x));
  }
  CHECK(shuffled ? falls > NODES / 8 : falls == 0);
}
MechanismTest(memory, cells_come_in_order_or_shuffled) {
  for (int i = 0; i < 2; i++) {
    shuffled = i;
    heap_run_clean(set_shuffle, look_at_order);
  }
}
#endif
#endif

/* --- Limits ------------------------------------------------------------------------------------------------------------------------------- */

/* Something of every size beside garbage of every size, for as long as it takes to fill the heap a few times. Where nothing moves, and what is
   large lies among what is small, there are free pages then, but not many in a row: nobody promises room for the largest. */
enum { HEAP_LIMIT = 10 << 20, KEPT = 2000, LARGEST = MM_CONSERVATIVE ? 20000 : 160000 };
static void live_in_a_limit(Thr *T, int index, void *arg) {
  (void)index;
  TestHeap *h = arg;
  Rng r = rng_make(1);
  LET(T, kept, array_new(T, KEPT));
  for (int64_t i = 0; i < 60000; i++) {
    mm_poll(T);
    size_t bytes = rng_below(&r, 1000) ? rng_below(&r, 1500) : 8 * rng_below(&r, LARGEST / 8);
    LET(T, x, raw_new(T, bytes));
    if (bytes >= 8) raw_set(T, x, 0, i);
    if (bytes >= 8 && bytes < 1500) array_set(T, kept, rng_below(&r, KEPT), slot_take(T, x));
    if (MM_HEAP_LIMITED && i % 16 == 0) CHECK(heap_committed(h) <= HEAP_LIMIT);
  }
  if (!MM_MALLOC || MM_RECLAIMS_CYCLES) CHECK(heap_committed(h) > 0);
  if (MM_HEAP_LIMITED) CHECK(most_held(T) <= HEAP_LIMIT);
}
Test(limits, are_kept, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  heap_tune(&h, "nursery", 256 << 10);
  if (MM_HEAP_LIMITED) h.config.heap_limit_bytes = HEAP_LIMIT;
  heap_open(&h);
  heap_threads(&h, 1, 0, live_in_a_limit, &h);
  heap_close(&h);
}

#if MM_HEAP_LIMITED
static void outgrow(void *small) {
  TestHeap h;
  heap_init(&h, 1);
  h.config.heap_limit_bytes = HEAP_LIMIT;
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  LET(T, all, small ? fill(T, 2 * HEAP_LIMIT, 2) : raw_new(T, 2 * HEAP_LIMIT));
}
/* A chain that grows until there is no room, and is whole until then. */
static void outgrow_by_chain(void *unused) {
  (void)unused;
  TestHeap h;
  heap_init(&h, 1);
  h.config.heap_limit_bytes = HEAP_LIMIT;
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  LET(T, none, own_mk(T, NULL));
  LET(T, head, node_leaf(T, 0));
  for (int64_t i = 1;; i++) {
    mm_poll(T);
    slot_set(T, head, node_new(T, i, none, slot_take(T, head)));
    if (i == HEAP_LIMIT / 2 / SIZE_NODE(2)) fprintf(stderr, "half full\n");
  }
}
MechanismTest(limits, too_small_a_heap_says_so, .timeout = LIMIT_S) {
  CHECK(gave_up(in_child(outgrow, "small objects"), RECLAIM_FAIL_HEAP_TOO_SMALL, "no room"));
  CHECK(gave_up(in_child(outgrow, NULL), RECLAIM_FAIL_HEAP_TOO_SMALL, "no room"));
  CHECK(gave_up(in_child(outgrow_by_chain, NULL), RECLAIM_FAIL_HEAP_TOO_SMALL, "no room"));
  CHECK(strstr(child_said, "half full")); /* most of the limit was there to be used */
}
#endif

#if defined(RECLAIM_PARTS_COUNTED_H) && !RECLAIM_SANITIZED && !defined(RECLAIM_COVERAGE)
/* The address space ends somewhere on the way: in a page of cells, a long array, a work list. Wherever it is, the cell ends with a status. (gcov
   wants memory when a process ends.) */
static void run_out(void *bytes) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  CHECK(f && fscanf(f, "%ld", &pages) == 1);
  fclose(f);
  TestHeap h;
  heap_init(&h, 1);
  heap_tune(&h, "threshold0", 0);
  heap_tune(&h, "threshold", 0);
  heap_tune(&h, "root-threshold", 0);
  heap_tune(&h, "decrement-buffer", 1 << 20);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  rlim_t most = (rlim_t)pages * 4096 + *(rlim_t *)bytes;
  CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){most, most}) == 0);
  LET(T, all, list_new(T, 0));
  for (int64_t i = 0;; i++) {
    mm_poll(T);
    LET(T, x, node_make(T, i, 1));
    node_set(T, x, 0, list_new(T, 0));
    list_append(T, all, slot_dup(T, x));
    slot_clear(T, x);                             /* a root, where there are some */
    if (i % 4 == 0) own_drop(T, node_leaf(T, 1)); /* waits, where drops do */
    if (i % 65536 == 0) mm_collect(T);
  }
}
static void fill_a_list(void *unused) {
  (void)unused;
  Stack list = {0};
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){1 << 20, 1 << 20}) == 0); /* less than there is already */
  for (;;) stack_push(&list, NULL);
}
MechanismTest(limits, the_end_of_memory_says_so, .timeout = LIMIT_S) {
  CHECK(gave_up(in_child(fill_a_list, NULL), RECLAIM_FAIL_OUT_OF_MEMORY, "work list"));
  for (rlim_t bytes = 6 << 20; bytes < 60 << 20; bytes += 3456789) {
    int status = in_child(run_out, &bytes);
    if (!gave_up(status, RECLAIM_FAIL_OUT_OF_MEMORY, "memory"))
      fprintf(stderr, "at %lu: %d: %s\n", (unsigned long)bytes, status, child_said);
    CHECK(gave_up(status, RECLAIM_FAIL_OUT_OF_MEMORY, "memory"));
  }
}
#endif

/* --- Marking ---------------------------------------------------------------------------------------------------------------------------------- */

/* Wide: an array of lists of tuples. Deep: a chain with a bush at each node, whose order a stack cannot be spared. */
enum { WIDE = 3000, DEEP = 30000 };
static OWNED Own wide(Thr *T) {
  LET(T, a, array_new(T, WIDE));
  for (int64_t i = 0; i < WIDE; i++) {
    LET(T, l, list_new(T, 0));
    for (int k = 0; k < 8; k++) {
      mm_poll(T);
      LET(T, first, node_leaf(T, i));
      list_append(T, l, tuple_new2(T, first, node_leaf(T, k)));
    }
    array_set(T, a, (size_t)i, slot_take(T, l));
  }
  return slot_take(T, a);
}
static OWNED Own deep(Thr *T) {
  LET(T, head, node_leaf(T, 0));
  for (int64_t i = 1; i < DEEP; i++) {
    mm_poll(T);
    LET(T, x, node_make(T, i, 4));
    for (unsigned k = 1; k < 4; k++) node_set(T, x, k, node_leaf(T, k));
    node_set(T, x, 0, slot_take(T, head));
    slot_set(T, head, slot_take(T, x));
  }
  return slot_take(T, head);
}
static void mark_all(Thr *T, int index, void *arg) {
  (void)index;
  bool published = arg;
  LET(T, a, wide(T));
  LET(T, b, deep(T));
  if (published) om_share(T, a), om_share(T, b);
  for (int i = 0; i < 3; i++) CHECK_LIVE(live_objects(T), 1 + WIDE * (2 + 8 * 3) + 1 + (DEEP - 1) * 4);
  slot_clear(T, a);
  CHECK_LIVE(live_objects(T), 1 + (DEEP - 1) * 4);
  slot_clear(T, b);
  CHECK_LIVE(live_objects(T), 0);
}
static void mark_with(int64_t stack, int64_t prefetch) {
  for (int published = 0; published <= MM_SHARES_HEAP; published++) {
    TestHeap h;
    heap_init(&h, 1);
    bool marks = heap_tune(&h, "mark-stack", stack);
    heap_tune(&h, "prefetch", prefetch);
#ifdef RECLAIM_PARTS_SPACE_H
    CHECK(marks);
#endif
    heap_open(&h);
    heap_threads(&h, 1, 0, mark_all, published ? "published" : NULL);
    if (marks && stack == 64) CHECK(heap_counter(&h, "mark-stack-overflows") > 0);
    if (marks) CHECK(heap_counter(&h, "mark-stack-deepest") > 0 && heap_counter(&h, "mark-stack-deepest") <= (uint64_t)stack);
    heap_close(&h);
  }
}
Test(marking, wide_and_deep, .timeout = LIMIT_S) { mark_with(1 << 22, 16); }
Test(marking, with_a_stack_far_too_small, .timeout = LIMIT_S) { mark_with(64, 16); }
Test(marking, without_and_with_long_prefetch, .timeout = LIMIT_S) {
  mark_with(64, 0);
  mark_with(100, 1);
  mark_with(1000, 256);
}

#if defined RECLAIM_PARTS_SPACE_H && !defined RECLAIM_PARTS_REGION_H /* blocks of cells */
static unsigned unswept(Thr *T, unsigned cls) {
  unsigned n = 0;
  for (Unit *u = T->heap->mature.unswept[cls]; u; u = u->next) n++;
  return n;
}
/* After a collection blocks with holes wait; each is swept when its cells are asked for, and not before. */
static void sweep_lazily(Thr *T, int index, void *arg) {
  enum { NODES = 20000 };
  (void)index, (void)arg;
  LET(T, all, list_new(T, NODES));
  for (int64_t i = 0; i < NODES; i++) list_append(T, all, node_leaf(T, i));
  for (size_t i = 0; i < NODES; i += 2) list_set(T, all, i, none_new(T));
  (void)live_objects(T);
  (void)live_objects(T); /* nothing is young, every second node is a hole */
  unsigned cls = class_of(SIZE_NODE(2)), before = unswept(T, cls), seen = 0;
  if (MM_MOVES) { /* promotion compacts: make holes in what is mature */
    for (size_t i = 1; i < NODES; i += 4) list_set(T, all, i, none_new(T));
    (void)live_objects(T);
    before = unswept(T, cls);
  }
  CHECK(before >= 3);
  LET(T, more, list_new(T, NODES));
  for (int64_t i = 0; i < NODES / 8; i++) {
    list_append(T, more, node_leaf(T, i));
    if (MM_MOVES) om_share(T, more); /* promotes */
    unsigned now = unswept(T, cls);
    CHECK(now <= before && before - now <= 1);
    seen += before - now;
    before = now;
  }
  CHECK(seen >= 1);
}
/* With `sweep-blocks`, a thread takes some at once, and the others come to them later. */
static void sweep_many(Thr *T, int index, void *arg) {
  enum { NODES = 200000, TAKEN = 16 };
  (void)index, (void)arg;
  LET(T, all, list_new(T, NODES));
  for (int64_t i = 0; i < NODES; i++) list_append(T, all, node_leaf(T, i));
  (void)live_objects(T); /* nothing is young */
  for (size_t i = 0; i < NODES; i += 2) list_set(T, all, i, none_new(T));
  (void)live_objects(T);
  unsigned cls = class_of(SIZE_NODE(2)), before = unswept(T, cls);
  CHECK(before > 2 * TAKEN);
  LET(T, more, list_new(T, 16));
  list_append(T, more, node_leaf(T, 0));
  if (MM_MOVES) om_share(T, more); /* promotes */
  CHECK_EQ(unswept(T, cls), before - TAKEN);
  for (int64_t i = 0; i < NODES / 16; i++) list_append(T, more, node_leaf(T, i));
  CHECK_EQ(unswept(T, cls), before - TAKEN);
  CHECK(heap_counter(arg, "swept-blocks") > 1);
}
MechanismTest(sweeping, takes_as_many_blocks_as_it_is_told, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  CHECK(heap_tune(&h, "sweep-blocks", 16));
  heap_open(&h);
  heap_threads(&h, 1, 0, sweep_many, &h);
  heap_close(&h);
}
MechanismTest(sweeping, is_done_block_by_block, .timeout = LIMIT_S) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  heap_threads(&h, 1, 0, sweep_lazily, NULL);
  heap_close(&h);
}
#endif
