/* lru-cache: a cache of fixed capacity in front of values that are dear to make: a look-up finds its entry and moves it to the front, or
   drops the entry that was not used for longest and makes a new one. So what dies is old, at any rate of allocation: the case against
   the generational hypothesis, where a nursery copies everything that is made before the mature space reclaims it (Jones, Hosking and
   Moss 2023, 9.3; CPython's functools.lru_cache is such a program).

   The list that orders the entries is doubly linked by their places, integers in an array beside the dict, as it is linked by raw
   pointers in runtimes that implement this: so the list holds no reference, an entry has one owner, the dict, and nothing is cyclic.
   By construction no strategy leaks. Entries carry their key in every word of their value, which readers check. */
#include "runtime/work.h"

#include <stdlib.h>

enum { P_CAPACITY, P_KEYS, P_DISTRIBUTION, P_VALUE, P_OPERATIONS };
enum { UNIFORM, ZIPF };
static const char *const distributions[] = {"uniform", "zipf"};

static const reclaim_param params[] = {
    {"capacity", "entries that the cache holds", "", 20000, 1, 1 << 24, NULL},
    {"keys", "distinct keys, for each entry of the capacity", "", 5, 1, 64, NULL},
    {"distribution", "how keys are drawn; zipf: the i-th most frequent one in proportion to 1 / i", "", ZIPF, 0, ZIPF,
     distributions},
    {"value-bytes", "size of a value, in whole words", "bytes", 64, 8, 1 << 20, NULL},
    {"operations", "look-ups after the cache was filled", "", 400000, 1, INT64_C(1) << 40, NULL},
};

static const reclaim_setting settings[] = {
    {"lru-uniform", "keys drawn uniformly: four look-ups of five miss, and every entry lives for long", "distribution=uniform",
     RECLAIM_PRIVATE},
};

/* An entry: the place in its value, the value on its edge. */
enum { ENTRY_EDGES = 1 };
/* Keys are above the small, immortal integers. */
enum { KEY_BASE = SMALL_INT_MAX + 1 };

static size_t value_bytes(const int64_t *p) { return (size_t)p[P_VALUE] & ~(size_t)7; }
static uint64_t keys_of(const int64_t *p) { return (uint64_t)(p[P_CAPACITY] * p[P_KEYS]); }

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  uint64_t n = (uint64_t)p[P_CAPACITY],
           entry = SIZE_LEAF + WORK_BYTES(SIZE_NODE(ENTRY_EDGES)) + WORK_BYTES(SIZE_RAW(value_bytes(p)));
  uint64_t dict = WORK_BYTES(SIZE_DICT) + WORK_BYTES(SIZE_TABLE(dict_capacity_after(n)));
  uint64_t order = WORK_BYTES(SIZE_RAW(8 * 3 * (n + 1)));
  return (uint64_t)threads * (dict + n * entry + order);
}

/* --- Drawing keys ------------------------------------------------------------------------------------------------------------------

   Zipf's law by Walker's alias method (Walker 1977, set up as Vose 1991): of n columns of equal weight each belongs to one rank up to
   `part`, and above it to another. One draw picks a column and a height. Whole numbers throughout, so that every machine draws alike. */

typedef struct Column {
  uint32_t part, other; /* part: of 2^32 */
} Column;

#define ZIPF_ONE ((uint64_t)1 << 40) /* the weight of the first rank */

static void zipf_fill(Column *column, uint64_t *left, uint32_t *stack, uint32_t n) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += left[i] = ZIPF_ONE / (i + 1);
  uint64_t unit = sum / n + 1;
  uint32_t poor = 0,
           rich = n; /* ranks with less than a column's weight grow from the bottom of the stack, the others from its top */
  for (uint32_t i = n; i-- > 0;) stack[left[i] < unit ? poor++ : --rich] = i;
  while (poor && rich < n) {
    uint32_t i = stack[--poor], k = stack[rich];
    column[i] = (Column){(uint32_t)(((unsigned __int128)left[i] << 32) / unit), k};
    left[k] -= unit - left[i];
    if (left[k] >= unit) continue;
    rich++;
    stack[poor++] = k;
  }
  while (poor) column[stack[poor - 1]] = (Column){UINT32_MAX, stack[poor - 1]}, poor--;
  while (rich < n) column[stack[rich]] = (Column){UINT32_MAX, stack[rich]}, rich++;
}

/* In a blocking region: it touches no object, and a collector need not wait for it. */
static Column *zipf_new(Thr *T, uint32_t n) {
  mm_blocking_begin(T);
  Column *column = work_memory(T, n * sizeof *column);
  uint64_t *left = work_memory(T, n * (sizeof *left + sizeof(uint32_t)));
  zipf_fill(column, left, (uint32_t *)(left + n), n);
  free(left);
  mm_blocking_end(T);
  return column;
}

/* What the thread draws from: uniformly where there is no table. */
typedef struct Draw {
  Column *column;
  uint64_t n;
} Draw;

INLINE int64_t draw(Work *w, const Draw *d) {
  uint64_t i = rng_below(&w->rng, d->n);
  if (d->column && (rng_next(&w->rng) >> 32) > d->column[i].part) i = d->column[i].other;
  return KEY_BASE + (int64_t)i;
}

/* --- The order of entries: a ring of places, closed by one more ------------------------------------------------------------------- */

/* Words of a place in the raw array `order`. */
enum { BEFORE, AFTER, KEY, WORDS };

INLINE int64_t order_get(Thr *T, Slot *order, int64_t place, unsigned word) {
  return raw_get(T, order, (size_t)place * WORDS + word);
}
INLINE void order_set(Thr *T, Slot *order, int64_t place, unsigned word, int64_t v) {
  raw_set(T, order, (size_t)place * WORDS + word, v);
}

INLINE void unlink_place(Thr *T, Slot *order, int64_t place) {
  int64_t before = order_get(T, order, place, BEFORE), after = order_get(T, order, place, AFTER);
  order_set(T, order, before, AFTER, after);
  order_set(T, order, after, BEFORE, before);
}
/* `ring`: the place that closes it. After it comes the entry that was used last. */
INLINE void link_first(Thr *T, Slot *order, int64_t ring, int64_t place) {
  int64_t first = order_get(T, order, ring, AFTER);
  order_set(T, order, place, BEFORE, ring);
  order_set(T, order, place, AFTER, first);
  order_set(T, order, first, BEFORE, place);
  order_set(T, order, ring, AFTER, place);
}

/* --- The cache ---------------------------------------------------------------------------------------------------------------------- */

typedef struct Cache {
  Slot *dict, *order;
  int64_t capacity, used;
  uint64_t hits;
} Cache;

INLINE int64_t value_word(int64_t key, size_t i) { return key * 7 + (int64_t)i; }

static OWNED Own make_value(Thr *T, Work *w, int64_t key) {
  LET(T, value, raw_new(T, value_bytes(w->p)));
  for (size_t i = 0, n = value_bytes(w->p) / 8; i < n; i++) raw_set(T, value, i, value_word(key, i));
  return slot_take(T, value);
}

/* All words of an entry's value; how many are not of `key` is added to *wrong. */
static int64_t read_entry(Thr *T, Slot *entry, int64_t key, uint64_t *wrong) {
  LET(T, value, node_get(T, entry, 0));
  int64_t sum = 0;
  for (size_t i = 0, n = raw_size(T, value) / 8; i < n; i++) {
    int64_t v = raw_get(T, value, i);
    *wrong += v != value_word(key, i);
    sum += v;
  }
  return sum;
}

/* A free place: a new one, or that of the entry that was not used for longest, which is dropped. */
static int64_t take_place(Thr *T, Cache *c) {
  if (c->used < c->capacity) return c->used++;
  int64_t last = order_get(T, c->order, c->capacity, BEFORE);
  unlink_place(T, c->order, last);
  LET(T, key, int_new(T, order_get(T, c->order, last, KEY)));
  own_drop(T, dict_remove(T, c->dict, key));
  return last;
}

static void insert(Thr *T, Work *w, Cache *c, int64_t key, Slot *boxed) {
  int64_t place = take_place(T, c);
  LET(T, entry, node_make(T, place, ENTRY_EDGES));
  node_set(T, entry, 0, make_value(T, w, key));
  dict_put(T, c->dict, boxed, slot_take(T, entry));
  order_set(T, c->order, place, KEY, key);
  link_first(T, c->order, c->capacity, place);
}

/* What was read of a hit; a miss makes the value. */
static int64_t look_up(Thr *T, Work *w, Cache *c, int64_t key, uint64_t *wrong) {
  mm_poll(T);
  LET(T, boxed, int_new(T, key));
  LET(T, entry, dict_get(T, c->dict, boxed));
  if (slot_is_null(entry)) {
    insert(T, w, c, key, boxed);
    return 0;
  }
  c->hits++;
  int64_t place = node_value(T, entry);
  unlink_place(T, c->order, place);
  link_first(T, c->order, c->capacity, place);
  return read_entry(T, entry, key, wrong);
}

static void fill(Thr *T, Work *w, Cache *c) {
  uint64_t ignored = 0;
  for (int64_t i = 0; i < c->capacity; i++) (void)look_up(T, w, c, KEY_BASE + i, &ignored);
}

/* Every entry that is there at the end, from the one that was used last. */
static uint64_t read_all(Thr *T, Cache *c, uint64_t *wrong) {
  uint64_t sum = 0;
  for (int64_t at = order_get(T, c->order, c->capacity, AFTER); at != c->capacity; at = order_get(T, c->order, at, AFTER)) {
    mm_poll(T);
    int64_t k = order_get(T, c->order, at, KEY);
    LET(T, key, int_new(T, k));
    LET(T, entry, dict_get(T, c->dict, key));
    sum = 3 * sum + (uint64_t)read_entry(T, entry, k, wrong);
  }
  return sum;
}

static void run(Thr *T, Work *w) {
  const int64_t *p = w->p;
  Draw d = {p[P_DISTRIBUTION] == ZIPF ? zipf_new(T, (uint32_t)keys_of(p)) : NULL, keys_of(p)};
  LET(T, dict, dict_new(T, 0));
  LET(T, order, raw_new(T, 8 * WORDS * ((size_t)p[P_CAPACITY] + 1)));
  Cache c = {dict, order, p[P_CAPACITY], 0, 0};
  order_set(T, order, c.capacity, BEFORE, c.capacity);
  order_set(T, order, c.capacity, AFTER, c.capacity);
  fill(T, w, &c);
  work_hold(T, w);
  uint64_t wrong = 0;
  uint64_t sum = 0;
  for (int64_t i = 0; i < p[P_OPERATIONS]; i++) sum += (uint64_t)look_up(T, w, &c, draw(w, &d), &wrong);
  w->operations += (uint64_t)(p[P_CAPACITY] + p[P_OPERATIONS]);
  work_check(w, sum);
  work_check(w, c.hits);
  work_check(w, read_all(T, &c, &wrong));
  work_check(w, dict_len(T, dict));
  work_check(w, wrong);
  free(d.column);
}

static const Workload lru_cache = {
    {
        .name = "lru-cache",
        .summary = "look-ups in a cache that drops what was not used for longest",
        .probes = "old objects die: the case against generations",
        .operation = "look-up",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE,
        .known_lifetimes = RECLAIM_PRIVATE,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(lru_cache);
