/* lists: one long list of boxed integers that is assigned to, popped and appended, sliced and read at random places, beside a list of
   short lists (rows) that are cut and joined, and many lists that die as soon as they were summed. Growth, bulk drops, large objects,
   and stores of young objects into old ones.

   Shared-write: all threads change one list. Its first `live` places are dealt out (thread t assigns to places t, t + threads, ..),
   and above them every thread appends `tail` items and pops as many, whosever they are. So what each place holds at the end, and what
   was popped by all threads together, does not depend on who came first. An item's value carries its place, which readers check. */
#include "runtime/work.h"

enum {
  P_WORK,
  P_LIVE,
  P_OPERATIONS,
  P_POP_EVERY,
  P_TAIL,
  P_TEMPORARY_EVERY,
  P_TEMPORARY_LENGTH,
  P_SLICE_EVERY,
  P_SLICE_LENGTH,
  P_ROWS,
  P_ROW_LENGTH,
  P_ROW_EVERY
};
enum { WORK_MIX, WORK_TAKE };
static const char *const works[] = {"mix", "take"};

static const reclaim_param params[] = {
    {"work", "mix: list operations; take: 8 references are copied from an array, one is read, 8 are dropped", "", WORK_MIX, 0,
     WORK_TAKE, works},
    {"live", "boxed integers in the long list; take: objects", "", 100000, 1, 1 << 28, NULL},
    {"operations",
     "operations of each thread after the appends that build the list (mix: an assignment, with its share of the others)", "",
     300000, 1, INT64_C(1) << 40, NULL},
    {"pop-every", "every so many operations one pop and one append; 0: never", "", 4, 0, 1 << 30, NULL},
    {"tail", "shared-write: items that a thread appends before it pops as many", "", 64, 1, 1 << 20, NULL},
    {"temporary-every", "every so many operations a list is made, summed as owned copies, and dropped; 0: never", "", 16, 0,
     1 << 30, NULL},
    {"temporary-length", "items of such a list", "", 16, 0, 1 << 20, NULL},
    {"slice-every", "every so many operations a slice of the long list is taken, summed as borrowed, and dropped; 0: never", "",
     32, 0, 1 << 30, NULL},
    {"slice-length", "items of such a slice", "", 64, 0, 1 << 20, NULL},
    {"rows", "nested lists that live beside the long one", "", 1000, 0, 1 << 24, NULL},
    {"row-length", "boxed integers in each of them", "", 16, 1, 1 << 20, NULL},
    {"row-every", "every so many operations a nested list is cut in two, joined the other way round, and replaced; 0: never", "",
     8, 0, 1 << 30, NULL},
};

static const reclaim_setting settings[] = {
    {"list", "the reference program list: 10^6 integers; replacements, pop and append, short lists of 16",
     "work=mix;live=1000000;operations=2000000;pop-every=4;temporary-every=16;temporary-length=16;slice-every=0;rows=0;row-every="
     "0",
     RECLAIM_PRIVATE},
    {"rcP", "the reference program rcP: 8 references to private objects taken, one read, 8 dropped",
     "work=take;live=64;operations=32000000", RECLAIM_PRIVATE},
    {"rcS", "the reference program rcS: the same with one object that all threads share", "work=take;live=1;operations=4000000",
     RECLAIM_SHARED_READ},
};

/* Values are above the small, immortal integers. */
enum { VALUE_BASE = SMALL_INT_MAX + 1, TAKEN = 8, BORROW_CHUNK = BORROW_LOADS - 1 };

/* Places in the globals of a shared iteration. */
enum { SHARED_LIST, SHARED_ROWS };

/* Of a list made with room for n. */
static uint64_t list_bytes(uint64_t n) {
  uint64_t least = list_capacity_after(0);
  return WORK_BYTES(SIZE_LIST) + WORK_BYTES(SIZE_ARRAY(n < least ? least : n));
}

/* References that a thread takes from in work=take. */
static size_t in_hand(const int64_t *p) { return p[P_LIVE] < TAKEN ? TAKEN : (size_t)p[P_LIVE]; }

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  uint64_t live = (uint64_t)p[P_LIVE], row = (uint64_t)p[P_ROW_LENGTH], rows = (uint64_t)p[P_ROWS];
  uint64_t copies = sharing == RECLAIM_PRIVATE ? (uint64_t)threads : 1, bytes = live * SIZE_LEAF;
  if (p[P_WORK] == WORK_TAKE)
    return copies * (bytes + WORK_BYTES(SIZE_ARRAY(live))) + (uint64_t)threads * WORK_BYTES(SIZE_ARRAY(in_hand(p)));
  bytes += list_bytes(list_capacity_after(live));
  bytes += list_bytes(rows) + rows * (list_bytes(row) + row * SIZE_LEAF);
  return copies * bytes;
}

static const char *refuse(const int64_t *p, int threads, uint32_t sharing) {
  if (p[P_WORK] == WORK_TAKE && sharing == RECLAIM_SHARED_WRITE)
    return "work=take writes nothing: there is no shared-write of it";
  if (sharing == RECLAIM_SHARED_WRITE && p[P_LIVE] < threads)
    return "shared-write needs live to be at least the number of threads";
  if (sharing == RECLAIM_SHARED_WRITE && p[P_ROWS] && p[P_ROWS] < threads)
    return "shared-write needs rows to be 0, or at least the number of threads";
  return NULL;
}

typedef struct Mix {
  Every pop, temporary, slice, row;
} Mix;
static Mix mix_make(const int64_t *p) {
  return (Mix){every(p[P_POP_EVERY]), every(p[P_TEMPORARY_EVERY]), every(p[P_SLICE_EVERY]),
               every(p[P_ROWS] ? p[P_ROW_EVERY] : 0)};
}

/* --- Values, places, sums -------------------------------------------------------------------------------------------------------- */

/* A fresh value for `place` of a list: the place is its remainder by `live`. */
INLINE int64_t value_at(Work *w, uint64_t place) {
  return (int64_t)(place + (uint64_t)w->p[P_LIVE] * (VALUE_BASE + (rng_next(&w->rng) >> 44)));
}
INLINE bool belongs_at(const Work *w, int64_t value, uint64_t place) {
  return (uint64_t)value % (uint64_t)w->p[P_LIVE] == place && value >= VALUE_BASE * w->p[P_LIVE];
}

/* Items [from, to), borrowed. */
static int64_t sum_items(Thr *T, Slot *list, size_t from, size_t to) {
  int64_t sum = 0;
  while (from < to) {
    mm_poll(T);
    size_t end = to - from > BORROW_CHUNK ? from + BORROW_CHUNK : to;
    BORROW (T, r, list) {
      Ref items = ref_items(r);
      for (; from < end; from++) sum += ref_int(ref_item(items, from));
    }
  }
  return sum;
}

static int64_t sum_rows(Thr *T, Slot *rows, size_t first, size_t step) {
  int64_t sum = 0;
  for (size_t i = first, n = list_len(T, rows); i < n; i += step) {
    mm_poll(T);
    LET(T, row, list_get(T, rows, i));
    sum += sum_items(T, row, 0, list_len(T, row));
  }
  return sum;
}

/* --- Building -------------------------------------------------------------------------------------------------------------------- */

static OWNED Own make_list(Thr *T, Work *w) {
  LET(T, list, list_new(T, 0));
  for (uint64_t i = 0, n = (uint64_t)w->p[P_LIVE]; i < n; i++) {
    mm_poll(T);
    list_append(T, list, int_new(T, value_at(w, i)));
  }
  w->operations += (uint64_t)w->p[P_LIVE];
  return slot_take(T, list);
}

static OWNED Own make_row(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_ROW_LENGTH];
  LET(T, row, list_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    list_append(T, row, int_new(T, value_at(w, 0)));
  }
  return slot_take(T, row);
}

static OWNED Own make_rows(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_ROWS];
  LET(T, rows, list_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    list_append(T, rows, make_row(T, w));
  }
  return slot_take(T, rows);
}

/* --- Operations ------------------------------------------------------------------------------------------------------------------ */

/* A list that lives for one statement. */
static int64_t temporary(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_TEMPORARY_LENGTH];
  int64_t first = (int64_t)(VALUE_BASE + (rng_next(&w->rng) >> 44)), sum = 0;
  LET(T, list, list_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    list_append(T, list, int_new(T, first + (int64_t)i));
  }
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    sum += own_int(T, list_get(T, list, i));
  }
  return sum;
}

/* Where a slice of the long list starts, so that all of it lies in the first `live` places if it can. */
INLINE size_t slice_start(Work *w) {
  int64_t room = w->p[P_LIVE] - w->p[P_SLICE_LENGTH];
  return room > 0 ? (size_t)rng_below(&w->rng, (uint64_t)room + 1) : 0;
}

static int64_t sum_slice(Thr *T, Work *w, Slot *list) {
  size_t from = slice_start(w);
  LET(T, slice, list_slice(T, list, from, from + (size_t)w->p[P_SLICE_LENGTH]));
  return sum_items(T, slice, 0, list_len(T, slice));
}

/* The halves of row i, joined the other way round; `replaces`: it is to take that row's place. */
static OWNED Own rotated(Thr *T, Slot *rows, size_t i, bool replaces) {
  LET(T, row, list_get(T, rows, i));
  size_t n = list_len(T, row);
  LET(T, head, list_slice(T, row, 0, n / 2));
  LET(T, rest, list_slice(T, row, n / 2, n));
  LET(T, joined, list_concat(T, rest, head));
  if (replaces) list_pass(T, row, joined);
  return slot_take(T, joined);
}

static void mix_private(Thr *T, Work *w, Slot *list, Slot *rows) {
  uint64_t live = (uint64_t)w->p[P_LIVE];
  int64_t sum = 0;
  Mix m = mix_make(w->p);
  for (int64_t k = 0; k < w->p[P_OPERATIONS]; k++) {
    mm_poll(T);
    uint64_t i = rng_below(&w->rng, live);
    list_set(T, list, i, int_new(T, value_at(w, i)));
    if (is_due(&m.pop)) {
      sum += own_int(T, list_pop(T, list));
      list_append(T, list, int_new(T, value_at(w, live - 1)));
    }
    if (is_due(&m.temporary)) sum += temporary(T, w);
    if (is_due(&m.slice)) sum += sum_slice(T, w, list);
    if (is_due(&m.row)) {
      size_t row = (size_t)rng_below(&w->rng, (uint64_t)w->p[P_ROWS]);
      list_set(T, rows, row, rotated(T, rows, row, true));
    }
  }
  work_check(w, (uint64_t)sum);
}

static void mix_shared_read(Thr *T, Work *w, Slot *list, Slot *rows) {
  uint64_t live = (uint64_t)w->p[P_LIVE];
  int64_t sum = 0;
  Mix m = mix_make(w->p);
  for (int64_t k = 0; k < w->p[P_OPERATIONS]; k++) {
    mm_poll(T);
    sum += own_int(T, list_get(T, list, (size_t)rng_below(&w->rng, live)));
    if (is_due(&m.temporary)) sum += temporary(T, w);
    if (is_due(&m.slice)) sum += sum_slice(T, w, list);
    if (is_due(&m.row)) {
      LET(T, row, rotated(T, rows, (size_t)rng_below(&w->rng, (uint64_t)w->p[P_ROWS]), false));
      sum += sum_items(T, row, 0, list_len(T, row));
    }
  }
  work_check(w, (uint64_t)sum);
}

/* --- Shared-write ------------------------------------------------------------------------------------------------------------------ */

/* One of this thread's places among the first n, n >= threads. */
INLINE uint64_t own_place(Work *w, uint64_t n) {
  uint64_t index = (uint64_t)w->index, threads = (uint64_t)w->threads;
  return index + threads * rng_below(&w->rng, (n - index + threads - 1) / threads);
}

/* The part of the list above `live`: how many items this thread has appended and not popped, and which way it goes. Whatever a
   thread pops lies above `live`, since its own items there are not popped twice. */
typedef struct Tail {
  int64_t mine, limit;
  bool shrinks;
} Tail;

static void tail_pop(Thr *T, Work *w, Slot *list, Tail *tail) {
  work_check(w, (uint64_t)own_int(T, list_pop(T, list)));
  if (--tail->mine == 0) tail->shrinks = false;
}
static void tail_step(Thr *T, Work *w, Slot *list, Tail *tail) {
  if (tail->shrinks) {
    tail_pop(T, w, list, tail);
    return;
  }
  list_append(T, list, int_new(T, value_at(w, rng_below(&w->rng, (uint64_t)w->p[P_LIVE]))));
  if (++tail->mine == tail->limit) tail->shrinks = true;
}

/* Items of a slice that do not belong where they were found: none. */
static uint64_t misplaced(Thr *T, Work *w, Slot *list) {
  size_t from = slice_start(w), n = (size_t)w->p[P_SLICE_LENGTH];
  if (n > (size_t)w->p[P_LIVE]) n = (size_t)w->p[P_LIVE];
  LET(T, slice, list_slice(T, list, from, from + n));
  uint64_t wrong = n - list_len(T, slice);
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    wrong += !belongs_at(w, own_int(T, list_get(T, slice, i)), from + i);
  }
  return wrong;
}

static void mix_shared_write(Thr *T, Work *w, Slot *list, Slot *rows) {
  uint64_t live = (uint64_t)w->p[P_LIVE], wrong = 0;
  int64_t sum = 0;
  Mix m = mix_make(w->p);
  Tail tail = {0, w->p[P_TAIL], false};
  for (int64_t k = 0; k < w->p[P_OPERATIONS]; k++) {
    mm_poll(T);
    uint64_t mine = own_place(w, live), any = rng_below(&w->rng, live);
    list_set(T, list, mine, int_new(T, value_at(w, mine)));
    wrong += !belongs_at(w, own_int(T, list_get(T, list, any)), any);
    if (is_due(&m.pop)) tail_step(T, w, list, &tail);
    if (is_due(&m.temporary)) sum += temporary(T, w);
    if (is_due(&m.slice)) wrong += misplaced(T, w, list);
    if (is_due(&m.row)) {
      size_t row = (size_t)own_place(w, (uint64_t)w->p[P_ROWS]);
      list_set(T, rows, row, rotated(T, rows, row, true));
    }
  }
  while (tail.mine) {
    mm_poll(T);
    tail_pop(T, w, list, &tail);
  }
  work_check(w, (uint64_t)sum);
  work_check(w, wrong);
}

/* --- Taking and dropping references -------------------------------------------------------------------------------------------------- */

static OWNED Own make_objects(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_LIVE];
  LET(T, objects, array_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, objects, i, int_new(T, value_at(w, i)));
  }
  return slot_take(T, objects);
}

/* The array that a thread takes from: its own, of references to the objects that may be everybody's. It has at least 8, though they
   be to one object: so the compiler cannot know, and must not add 8 to its count at once. */
static OWNED Own make_hand(Thr *T, Work *w, Slot *objects) {
  size_t n = in_hand(w->p), of = (size_t)w->p[P_LIVE];
  LET(T, hand, array_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, hand, i, array_get(T, objects, i % of));
  }
  return slot_take(T, hand);
}

/* Eight neighbours, from place `at` on. */
static int64_t take_some(Thr *T, Slot *hand, size_t at) {
  LET(T, a, array_get(T, hand, at));
  LET(T, b, array_get(T, hand, at + 1));
  LET(T, c, array_get(T, hand, at + 2));
  LET(T, d, array_get(T, hand, at + 3));
  LET(T, e, array_get(T, hand, at + 4));
  LET(T, f, array_get(T, hand, at + 5));
  LET(T, g, array_get(T, hand, at + 6));
  LET(T, h, array_get(T, hand, at + 7));
  return int_value(T, d);
}

static void take(Thr *T, Work *w, Slot *hand) {
  uint64_t starts = in_hand(w->p) - TAKEN + 1;
  int64_t rounds = (w->p[P_OPERATIONS] + TAKEN - 1) / TAKEN, sum = 0;
  for (int64_t k = 0; k < rounds; k++) {
    mm_poll(T);
    sum += take_some(T, hand, (size_t)rng_below(&w->rng, starts));
  }
  w->operations += (uint64_t)rounds * TAKEN;
  work_check(w, (uint64_t)sum);
}

static void run_take(Thr *T, Work *w) {
  bool alone = w->sharing == RECLAIM_PRIVATE;
  if (!alone && w->index == 0) {
    LET(T, made, make_objects(T, w));
    work_publish(T, w, SHARED_LIST, made);
  }
  if (!alone) work_barrier(T, w);
  LET(T, objects, alone ? make_objects(T, w) : work_global(T, w, SHARED_LIST));
  LET(T, hand, make_hand(T, w, objects));
  work_hold(T, w);
  take(T, w, hand);
  if (!alone) work_barrier(T, w);
  if (!alone && w->index == 0) own_drop(T, work_retract(T, w, SHARED_LIST));
}

/* --- An iteration ------------------------------------------------------------------------------------------------------------------ */

static void work_on(Thr *T, Work *w, Slot *list, Slot *rows) {
  switch (w->sharing) {
  case RECLAIM_SHARED_READ: mix_shared_read(T, w, list, rows); break;
  case RECLAIM_SHARED_WRITE: mix_shared_write(T, w, list, rows); break;
  default: mix_private(T, w, list, rows);
  }
  w->operations += (uint64_t)w->p[P_OPERATIONS];
}

/* What is there at the end: this thread's share of it. */
static void check_share(Thr *T, Work *w, Slot *list, Slot *rows, size_t first, size_t step) {
  if (first == 0) work_check(w, (uint64_t)sum_items(T, list, 0, list_len(T, list)));
  work_check(w, (uint64_t)sum_rows(T, rows, first, step));
}

static void run_private(Thr *T, Work *w) {
  LET(T, list, make_list(T, w));
  LET(T, rows, make_rows(T, w));
  work_hold(T, w);
  work_on(T, w, list, rows);
  check_share(T, w, list, rows, 0, 1);
}

static void publish(Thr *T, Work *w) {
  LET(T, list, make_list(T, w));
  LET(T, rows, make_rows(T, w));
  work_publish(T, w, SHARED_LIST, list);
  work_publish(T, w, SHARED_ROWS, rows);
}

static void run_shared(Thr *T, Work *w) {
  if (w->index == 0) publish(T, w);
  work_barrier(T, w);
  LET(T, list, work_global(T, w, SHARED_LIST));
  LET(T, rows, work_global(T, w, SHARED_ROWS));
  work_hold(T, w);
  work_on(T, w, list, rows);
  work_barrier(T, w);
  check_share(T, w, list, rows, (size_t)w->index, (size_t)w->threads);
  work_barrier(T, w);
  if (w->index == 0) {
    own_drop(T, work_retract(T, w, SHARED_LIST));
    own_drop(T, work_retract(T, w, SHARED_ROWS));
  }
}

static void run(Thr *T, Work *w) {
  if (w->p[P_WORK] == WORK_TAKE)
    run_take(T, w);
  else if (w->sharing == RECLAIM_PRIVATE)
    run_private(T, w);
  else
    run_shared(T, w);
}

static const Workload lists = {
    {
        .name = "lists",
        .summary = "append, pop, assign, slice and concatenate lists of boxed integers and of lists",
        .probes = "array growth, bulk drops, large objects",
        .operation = "list operation",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE | RECLAIM_SHARED_READ | RECLAIM_SHARED_WRITE,
        .known_lifetimes = RECLAIM_PRIVATE | RECLAIM_SHARED_READ,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
        .refuse = refuse,
    },
    run,
};
WORKLOAD_REGISTER(lists);
