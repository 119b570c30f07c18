/* hand-dicts.c: dicts by hand: open addressing with the hash in the slot and removal that shifts back, as in the object model, and the
   same objects made at the same points, a key for each look-up among them. A record borrows its keys from the names, which outlive it. */
#include "experiments/rivals/hand.h"

#include "workloads/dicts.c"

/* --- Keys -------------------------------------------------------------------------------------------------------------------------- */

typedef struct Name {
  uint32_t len, hash; /* of the bytes */
  char s[];
} Name;

/* A Box, or a Name: which of them is known from the dict. */
typedef union Key {
  Box box;
  Name name;
} Key;

static uint32_t bytes_hash(const char *s, size_t n) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
  h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(h >> 32) | 1;
}

/* `prefix` of four letters followed by `v` >= 0 in decimal. */
static Key *name_new(Thr *T, const char *prefix, uint64_t v) {
  char buffer[32], *end = buffer + sizeof buffer, *at = end;
  do *--at = (char)('0' + v % 10);
  while (v /= 10);
  at -= 4;
  memcpy(at, prefix, 4);
  size_t len = (size_t)(end - at);
  Name *n = hand_new(T, sizeof *n + len);
  n->len = (uint32_t)len;
  n->hash = bytes_hash(at, len);
  memcpy(n->s, at, len);
  return (Key *)n;
}

INLINE Key *key_make(Thr *T, bool names, uint64_t key) {
  return names ? name_new(T, "key-", key) : (Key *)box_new(T, (int64_t)key + VALUE_BASE);
}
INLINE size_t key_size(bool names, const Key *k) { return names ? sizeof(Name) + k->name.len : sizeof(Box); }
INLINE void key_free(Thr *T, bool names, Key *k) { hand_free(T, k, key_size(names, k)); }

/* Never 0, which marks an empty entry. */
INLINE uint64_t hash_of(bool names, const Key *k) {
  uint64_t h = names ? k->name.hash : (uint64_t)k->box.v;
  h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
  h ^= h >> 29;
  return h ? h : 1;
}
INLINE bool keys_equal(bool names, const Key *a, const Key *b) {
  if (a == b) return true;
  if (!names) return a->box.v == b->box.v;
  return a->name.len == b->name.len && memcmp(a->name.s, b->name.s, a->name.len) == 0;
}

/* --- The table ----------------------------------------------------------------------------------------------------------------------- */

typedef struct Place {
  uint64_t hash;
  Key *key;
  void *value;
} Place;

typedef struct Map {
  Place *e;
  uint32_t cap, used;
  bool names; /* keys are Names */
} Map;

static Place *places_new(Thr *T, size_t cap) {
  Place *e = hand_new(T, cap * sizeof *e);
  memset(e, 0, cap * sizeof *e);
  return e;
}

enum { MAP_MIN = 8 };
static Map *map_new(Thr *T, bool names) {
  Map *m = hand_new(T, sizeof *m);
  *m = (Map){places_new(T, MAP_MIN), MAP_MIN, 0, names};
  return m;
}
/* What it holds is the caller's. */
static void map_free(Thr *T, Map *m) {
  hand_free(T, m->e, m->cap * sizeof *m->e);
  hand_free(T, m, sizeof *m);
}

/* The place of a key, or the empty one where it belongs. */
INLINE Place *map_find(const Map *m, uint64_t hash, const Key *key) {
  size_t mask = m->cap - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Place *e = &m->e[i];
    if (!e->hash || (e->hash == hash && keys_equal(m->names, e->key, key))) return e;
  }
}

static __attribute__((noinline, cold)) void map_grow(Thr *T, Map *m) {
  size_t cap = 2 * (size_t)m->cap, mask = cap - 1;
  Place *e = places_new(T, cap);
  for (Place *old = m->e, *end = old + m->cap; old < end; old++) {
    if (!old->hash) continue;
    size_t i = old->hash & mask;
    while (e[i].hash) i = (i + 1) & mask;
    e[i] = *old;
  }
  hand_free(T, m->e, m->cap * sizeof *m->e);
  m->e = e;
  m->cap = (uint32_t)cap;
}

static void *map_get(const Map *m, const Key *key) {
  Place *e = map_find(m, hash_of(m->names, key), key);
  return e->hash ? e->value : NULL;
}

/* The value that was there, or NULL: then the key has moved in. */
static void *map_put(Thr *T, Map *m, Key *key, void *value) {
  uint64_t hash = hash_of(m->names, key);
  Place *e = map_find(m, hash, key);
  if (e->hash) {
    void *old = e->value;
    e->value = value;
    return old;
  }
  if (UNLIKELY((uint64_t)m->used * 3 >= (uint64_t)m->cap * 2)) {
    map_grow(T, m);
    e = map_find(m, hash, key);
  }
  *e = (Place){hash, key, value};
  m->used++;
  return NULL;
}

/* Closes the gap at `at` (Knuth's algorithm R). */
static void map_close(Map *m, size_t at) {
  size_t mask = m->cap - 1;
  for (size_t i = (at + 1) & mask; m->e[i].hash; i = (i + 1) & mask) {
    size_t home = m->e[i].hash & mask;
    if (((i - home) & mask) < ((i - at) & mask)) continue;
    m->e[at] = m->e[i];
    at = i;
  }
  m->e[at].hash = 0;
  m->used--;
}

/* The value, or NULL where the key was not there; *found: the key that the map held. */
static void *map_remove(Map *m, const Key *key, Key **found) {
  Place *e = map_find(m, hash_of(m->names, key), key);
  if (!e->hash) return NULL;
  void *value = e->value;
  *found = e->key;
  map_close(m, (size_t)(e - m->e));
  return value;
}

/* --- Operations ---------------------------------------------------------------------------------------------------------------------- */

INLINE int64_t look_up_by_hand(Thr *T, const Map *m, uint64_t key) {
  Key *k = key_make(T, m->names, key);
  const Box *found = map_get(m, k);
  int64_t v = found ? found->v : 0;
  key_free(T, m->names, k);
  return v;
}

INLINE void set_by_hand(Thr *T, Work *w, Map *m, uint64_t key, uint64_t end) {
  Key *k = key_make(T, m->names, key);
  Box *old = map_put(T, m, k, box_new(T, value_for(w, key, end)));
  if (!old) return;
  key_free(T, m->names, k);
  box_free(T, old);
}

INLINE int64_t remove_by_hand(Thr *T, Map *m, uint64_t key) {
  Key *k = key_make(T, m->names, key), *held;
  Box *value = map_remove(m, k, &held);
  int64_t v = 0;
  if (value) {
    key_free(T, m->names, held);
    v = box_take(T, value);
  }
  key_free(T, m->names, k);
  return v;
}

/* A fresh value, as everywhere. */
static void add_by_hand(Thr *T, Map *m, uint64_t key, int64_t by) {
  Key *k = key_make(T, m->names, key);
  const Box *found = map_get(m, k);
  Box *old = map_put(T, m, k, box_new(T, (found ? found->v : 0) + by));
  if (!old) return;
  key_free(T, m->names, k);
  box_free(T, old);
}

static int64_t map_sum(const Map *m) {
  int64_t sum = 0;
  for (const Place *e = m->e, *end = e + m->cap; e < end; e++)
    if (e->hash) sum += ((const Box *)e->value)->v;
  return sum;
}

static void map_free_all(Thr *T, Map *m) {
  for (Place *e = m->e, *end = e + m->cap; e < end; e++) {
    if (!e->hash) continue;
    hand_free_among(T, e->key, key_size(m->names, e->key), m->used);
    hand_free_among(T, e->value, sizeof(Box), m->used);
  }
  map_free(T, m);
}

/* --- Records ------------------------------------------------------------------------------------------------------------------------- */

static Map *record_make(Thr *T, Work *w, const Vec *names) {
  Map *record = map_new(T, true);
  for (size_t i = 0; i < names->len; i++) map_put(T, record, names->v[i], box_new(T, value_for(w, i, names->len)));
  return record;
}

static void record_free(Thr *T, Map *record) {
  for (Place *e = record->e, *end = e + record->cap; e < end; e++)
    if (e->hash) box_free(T, e->value);
  map_free(T, record);
}

static Vec *names_make(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_FIELDS];
  Vec *names = vec_new(T, n);
  for (size_t i = 0; i < n; i++) vec_push(T, names, name_new(T, "name", i));
  return names;
}

static Map *records_make(Thr *T, Work *w, const Vec *names) {
  Map *records = map_new(T, false);
  for (int64_t i = 0; i < w->p[P_RECORDS]; i++) map_put(T, records, (Key *)box_new(T, VALUE_BASE + i), record_make(T, w, names));
  return records;
}

static const Key *name_draw(Work *w, const Vec *names) { return names->v[rng_below(&w->rng, (uint64_t)w->p[P_FIELDS])]; }

static int64_t update_record(Thr *T, Work *w, Map *record, const Vec *names) {
  const Key *a = name_draw(w, names), *b = name_draw(w, names), *c = name_draw(w, names);
  int64_t sum = ((const Box *)map_get(record, a))->v;
  sum += ((const Box *)map_get(record, b))->v;
  box_free(T, map_put(T, record, (Key *)c, box_new(T, value_for(w, 0, 1))));
  return sum;
}

static int64_t use_record_by_hand(Thr *T, Work *w, Map *records, const Vec *names, bool renew) {
  Key *id = (Key *)box_new(T, VALUE_BASE + (int64_t)rng_below(&w->rng, (uint64_t)w->p[P_RECORDS]));
  int64_t sum = 0;
  if (renew)
    record_free(T, map_put(T, records, id, record_make(T, w, names)));
  else
    sum = update_record(T, w, map_get(records, id), names);
  key_free(T, false, id);
  return sum;
}

/* --- Phases -------------------------------------------------------------------------------------------------------------------------- */

static void work_by_hand(Thr *T, Work *w, Map *m, Map *records, const Vec *names) {
  Keys keys = keys_of(w);
  uint64_t end = key_end(w);
  int64_t sum = 0, rounds = (w->p[P_OPERATIONS] + ROUND - 1) / ROUND;
  Every counter = every(w->p[P_COUNTERS] ? w->p[P_COUNTER_EVERY] : 0);
  Every record = every(w->p[P_RECORDS] ? w->p[P_RECORD_EVERY] : 0), renew = every(w->p[P_RENEW_EVERY]);
  for (int64_t k = 0; k < rounds; k++) {
    sum += look_up_by_hand(T, m, key_draw(w, &keys));
    set_by_hand(T, w, m, key_draw(w, &keys), end);
    sum += look_up_by_hand(T, m, key_draw(w, &keys));
    sum += remove_by_hand(T, m, key_draw(w, &keys));
    if (is_due(&counter)) {
      uint64_t key = end + rng_below(&w->rng, (uint64_t)w->p[P_COUNTERS]);
      add_by_hand(T, m, key, (int64_t)(rng_next(&w->rng) >> 60));
    }
    if (is_due(&record)) sum += use_record_by_hand(T, w, records, names, is_due(&renew));
  }
  w->operations += (uint64_t)rounds * ROUND;
  work_check(w, (uint64_t)sum);
  work_check(w, 0); /* what the workload found misplaced by others, of whom there are none */
}

/* Reads all of it, as the workload does at the end, and drops it. */
static void finish_by_hand(Thr *T, Work *w, Map *m, Map *records, Vec *names) {
  work_check(w, (uint64_t)map_sum(m));
  work_check(w, m->used);
  for (Place *e = records->e, *end = e + records->cap; e < end; e++)
    if (e->hash) work_check(w, (uint64_t)map_sum(e->value));
  map_free_all(T, m);
  for (Place *e = records->e, *end = e + records->cap; e < end; e++) {
    if (!e->hash) continue;
    key_free(T, false, e->key);
    record_free(T, e->value);
  }
  map_free(T, records);
  for (size_t i = 0; i < names->len; i++) key_free(T, true, names->v[i]);
  vec_free(T, names);
}

static void run_by_hand(Thr *T, Work *w) {
  Vec *names = names_make(T, w);
  Map *records = records_make(T, w, names), *m = map_new(T, w->p[P_KEYS] == KEYS_STR);
  Keys keys = keys_of(w);
  uint64_t end = key_end(w);
  for (int64_t i = 0; i < w->p[P_COUNTERS]; i++) add_by_hand(T, m, end + (uint64_t)i, VALUE_BASE);
  for (uint64_t i = 0; i < keys.n; i++) set_by_hand(T, w, m, keys.first + keys.step * i, end);
  w->operations += keys.n;
  work_hold(T, w);
  work_by_hand(T, w, m, records, names);
  finish_by_hand(T, w, m, records, names);
}

HAND_REGISTER(dicts, run_by_hand);
