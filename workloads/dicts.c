/* dicts: a dict that grows from empty and is then looked up, set and deleted from at random keys of a universe twice its size, beside
   records: small dicts in a dict, whose fields are updated in place and which are renewed now and then. Hash tables, fresh keys and
   values, stores of young objects into old tables.

   Shared-write: all threads change one dict. Thread t owns keys t, t + threads, .. and alone sets and deletes them, so what it finds
   there is known; all add to common counters and to fields of records, whose sums come out the same in any order. Values carry their
   key, which threads that read foreign keys check. */
#include "runtime/work.h"

enum {
  P_KEYS,
  P_LIVE,
  P_OPERATIONS,
  P_COUNTERS,
  P_COUNTER_EVERY,
  P_RECORDS,
  P_FIELDS,
  P_RECORD_EVERY,
  P_RENEW_EVERY,
};
enum { KEYS_INT, KEYS_STR };
static const char *const key_kinds[] = {"int", "str"};

static const reclaim_param params[] = {
    {"keys", "what keys are: boxed integers or strings", "", KEYS_INT, 0, KEYS_STR, key_kinds},
    {"live", "entries of the dict; keys are drawn from twice as many", "", 50000, 1, 1 << 27, NULL},
    {"operations", "look-ups, sets and deletes of each thread after the inserts, with their share of what follows", "", 400000, 1,
     INT64_C(1) << 40, NULL},
    {"counters", "entries that are only added to", "", 64, 0, 1 << 20, NULL},
    {"counter-every", "every so many rounds (of look-up, set, look-up, delete) a counter is added to; 0: never", "", 4, 0,
     1 << 30, NULL},
    {"records", "nested dicts", "", 500, 0, 1 << 24, NULL},
    {"record-fields", "entries of each of them, with string keys that all records share", "", 8, 1, 1 << 16, NULL},
    {"record-every", "every so many rounds two fields of a record are looked up and one is updated; 0: never", "", 2, 0, 1 << 30,
     NULL},
    {"renew-every", "every so many of these the record is made anew (not shared-write); 0: never", "", 16, 0, 1 << 30, NULL},
};

static const reclaim_setting settings[] = {
    {"dict", "the reference program dict: 2^18 inserts, then look-up, set, look-up, delete at random keys",
     "keys=int;live=262144;operations=2000000;counters=0;counter-every=0;records=0;record-every=0", RECLAIM_PRIVATE},
};

/* Values and integer keys are above the small, immortal integers. */
enum { VALUE_BASE = SMALL_INT_MAX + 1, ROUND = 4 };

enum { SHARED_DICT, SHARED_RECORDS }; /* places in the globals of a shared iteration */

static uint64_t dict_bytes(uint64_t entries) {
  return WORK_BYTES(SIZE_DICT) + WORK_BYTES(SIZE_TABLE(dict_capacity_after(entries)));
}

/* Key strings are a prefix of four letters and at most twelve digits. */
static uint64_t key_bytes(const int64_t *p) { return p[P_KEYS] == KEYS_STR ? WORK_BYTES(SIZE_STR(4 + 12)) : SIZE_LEAF; }

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  uint64_t entries = (uint64_t)(p[P_LIVE] + p[P_COUNTERS]), records = (uint64_t)p[P_RECORDS], fields = (uint64_t)p[P_FIELDS];
  uint64_t copies = sharing == RECLAIM_PRIVATE ? (uint64_t)threads : 1;
  uint64_t record = dict_bytes(fields) + fields * SIZE_LEAF;
  uint64_t names = WORK_BYTES(SIZE_ARRAY(fields)) + fields * WORK_BYTES(SIZE_STR(4 + 12));
  return copies *
             (dict_bytes(entries) + entries * (key_bytes(p) + SIZE_LEAF) + dict_bytes(records) + records * (SIZE_LEAF + record)) +
         (uint64_t)threads * names;
}

static const char *refuse(const int64_t *p, int threads, uint32_t sharing) {
  if (sharing == RECLAIM_SHARED_WRITE && p[P_LIVE] < threads)
    return "shared-write needs live to be at least the number of threads";
  return NULL;
}

/* --- What a thread works on -------------------------------------------------------------------------------------------------------- */

/* The keys that a thread may write: first, first + step, ..; n of them are live at the start, twice as many exist. */
typedef struct Keys {
  uint64_t first, step, n;
} Keys;
static Keys keys_of(const Work *w) {
  uint64_t live = (uint64_t)w->p[P_LIVE];
  if (w->sharing != RECLAIM_SHARED_WRITE) return (Keys){0, 1, live};
  uint64_t index = (uint64_t)w->index, threads = (uint64_t)w->threads;
  return (Keys){index, threads, (live - index + threads - 1) / threads};
}
INLINE uint64_t key_draw(Work *w, const Keys *keys) { return keys->first + keys->step * rng_below(&w->rng, 2 * keys->n); }

/* More than any key of any thread; counters have keys from here on. */
static uint64_t key_end(const Work *w) { return 2 * (uint64_t)w->p[P_LIVE] + 2 * (uint64_t)w->threads; }

INLINE OWNED Own key_new(Thr *T, const Work *w, uint64_t key) {
  if (w->p[P_KEYS] == KEYS_STR) return str_new_int(T, "key-", (int64_t)key);
  return int_new(T, (int64_t)key + VALUE_BASE);
}

/* A fresh value for a key: the key is its remainder by key_end. */
INLINE int64_t value_for(Work *w, uint64_t key, uint64_t end) {
  return (int64_t)(key + end * (VALUE_BASE + (rng_next(&w->rng) >> 44)));
}

/* An owned integer that may be none. */
INLINE int64_t value_or_0(Thr *T, Own v) { return own_is_null(v) ? 0 : own_int(T, v); }

/* --- Operations ---------------------------------------------------------------------------------------------------------------------- */

INLINE int64_t look_up(Thr *T, Work *w, Slot *dict, uint64_t key) {
  mm_poll(T);
  LET(T, k, key_new(T, w, key));
  return value_or_0(T, dict_get(T, dict, k));
}

INLINE void set(Thr *T, Work *w, Slot *dict, uint64_t key, uint64_t end) {
  mm_poll(T);
  LET(T, k, key_new(T, w, key));
  dict_put(T, dict, k, int_new(T, value_for(w, key, end)));
}

INLINE int64_t remove_key(Thr *T, Work *w, Slot *dict, uint64_t key) {
  mm_poll(T);
  LET(T, k, key_new(T, w, key));
  return value_or_0(T, dict_remove(T, dict, k));
}

/* Adds an amount that depends on nothing but the thread's own draws. */
static void count_up(Thr *T, Work *w, Slot *dict, uint64_t end) {
  mm_poll(T);
  LET(T, k, key_new(T, w, end + rng_below(&w->rng, (uint64_t)w->p[P_COUNTERS])));
  dict_add(T, dict, k, (int64_t)(rng_next(&w->rng) >> 60));
}

/* --- Records ------------------------------------------------------------------------------------------------------------------------- */

static OWNED Own make_names(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_FIELDS];
  LET(T, names, array_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, names, i, str_new_int(T, "name", (int64_t)i));
  }
  return slot_take(T, names);
}

static OWNED Own make_record(Thr *T, Work *w, Slot *names) {
  LET(T, record, dict_new(T, 0));
  for (size_t i = 0, n = array_len(T, names); i < n; i++) {
    mm_poll(T);
    LET(T, name, array_get(T, names, i));
    dict_put(T, record, name, int_new(T, value_for(w, i, n)));
  }
  return slot_take(T, record);
}

static OWNED Own make_records(Thr *T, Work *w, Slot *names) {
  LET(T, records, dict_new(T, 0));
  for (int64_t i = 0; i < w->p[P_RECORDS]; i++) {
    mm_poll(T);
    LET(T, id, int_new(T, VALUE_BASE + i));
    dict_put(T, records, id, make_record(T, w, names));
  }
  return slot_take(T, records);
}

INLINE OWNED Own any_name(Thr *T, Work *w, Slot *names) {
  return array_get(T, names, (size_t)rng_below(&w->rng, (uint64_t)w->p[P_FIELDS]));
}

/* Two fields read; one written, where this thread may. */
static int64_t use_record(Thr *T, Work *w, Slot *records, Slot *names, bool renew) {
  mm_poll(T);
  LET(T, id, int_new(T, VALUE_BASE + (int64_t)rng_below(&w->rng, (uint64_t)w->p[P_RECORDS])));
  if (renew && w->sharing == RECLAIM_PRIVATE) {
    dict_put(T, records, id, make_record(T, w, names));
    return 0;
  }
  LET(T, record, dict_get(T, records, id));
  LET(T, a, any_name(T, w, names));
  LET(T, b, any_name(T, w, names));
  LET(T, c, any_name(T, w, names));
  int64_t sum = value_or_0(T, dict_get(T, record, a));
  sum += value_or_0(T, dict_get(T, record, b));
  if (w->sharing == RECLAIM_SHARED_READ) return sum;
  if (w->sharing == RECLAIM_PRIVATE) {
    dict_put(T, record, c, int_new(T, value_for(w, 0, 1)));
    return sum;
  }
  dict_add(T, record, c, (int64_t)(rng_next(&w->rng) >> 60));
  return 0; /* what was read depends on the others */
}

/* --- Phases -------------------------------------------------------------------------------------------------------------------------- */

static void insert_all(Thr *T, Work *w, Slot *dict) {
  Keys keys = keys_of(w);
  uint64_t end = key_end(w);
  for (uint64_t i = 0; i < keys.n; i++) set(T, w, dict, keys.first + keys.step * i, end);
  w->operations += keys.n;
}

static void make_counters(Thr *T, Work *w, Slot *dict) {
  uint64_t end = key_end(w);
  for (int64_t i = 0; i < w->p[P_COUNTERS]; i++) {
    mm_poll(T);
    LET(T, k, key_new(T, w, end + (uint64_t)i));
    dict_add(T, dict, k, VALUE_BASE);
  }
}

/* Look-up, set, look-up, delete; where others write, the second look-up is of any key, and only its place is checked. */
static int64_t round_write(Thr *T, Work *w, Slot *dict, const Keys *keys, uint64_t end, uint64_t *wrong) {
  int64_t sum = look_up(T, w, dict, key_draw(w, keys));
  set(T, w, dict, key_draw(w, keys), end);
  if (w->sharing == RECLAIM_PRIVATE) {
    sum += look_up(T, w, dict, key_draw(w, keys));
  } else {
    uint64_t any = rng_below(&w->rng, 2 * (uint64_t)w->p[P_LIVE]);
    int64_t found = look_up(T, w, dict, any);
    *wrong += found && (uint64_t)found % end != any;
  }
  return sum + remove_key(T, w, dict, key_draw(w, keys));
}

static int64_t round_read(Thr *T, Work *w, Slot *dict, const Keys *keys) {
  int64_t sum = 0;
  for (int i = 0; i < ROUND; i++) sum += look_up(T, w, dict, key_draw(w, keys));
  return sum;
}

static void work_on(Thr *T, Work *w, Slot *dict, Slot *records, Slot *names) {
  Keys keys = keys_of(w);
  uint64_t end = key_end(w), wrong = 0;
  int64_t sum = 0, rounds = (w->p[P_OPERATIONS] + ROUND - 1) / ROUND;
  bool reads = w->sharing == RECLAIM_SHARED_READ;
  Every counter = every(w->p[P_COUNTERS] && !reads ? w->p[P_COUNTER_EVERY] : 0);
  Every record = every(w->p[P_RECORDS] ? w->p[P_RECORD_EVERY] : 0), renew = every(w->p[P_RENEW_EVERY]);
  for (int64_t k = 0; k < rounds; k++) {
    mm_poll(T);
    sum += reads ? round_read(T, w, dict, &keys) : round_write(T, w, dict, &keys, end, &wrong);
    if (is_due(&counter)) count_up(T, w, dict, end);
    if (is_due(&record)) sum += use_record(T, w, records, names, is_due(&renew));
  }
  w->operations += (uint64_t)rounds * ROUND;
  work_check(w, (uint64_t)sum);
  work_check(w, wrong);
}

/* What is there at the end. */
static int64_t sum_values(Thr *T, Slot *dict) {
  int64_t sum = 0;
  for (size_t i = 0, n = dict_capacity(T, dict); i < n; i++) {
    mm_poll(T);
    sum += value_or_0(T, dict_value_at(T, dict, i));
  }
  return sum;
}
static void check_all(Thr *T, Work *w, Slot *dict, Slot *records) {
  work_check(w, (uint64_t)sum_values(T, dict));
  work_check(w, dict_len(T, dict));
  for (size_t i = 0, n = dict_capacity(T, records); i < n; i++) {
    mm_poll(T);
    LET(T, record, dict_value_at(T, records, i));
    if (!slot_is_null(record)) work_check(w, (uint64_t)sum_values(T, record));
  }
}

static void run_private(Thr *T, Work *w) {
  LET(T, names, make_names(T, w));
  LET(T, records, make_records(T, w, names));
  LET(T, dict, dict_new(T, 0));
  make_counters(T, w, dict);
  insert_all(T, w, dict);
  work_hold(T, w);
  work_on(T, w, dict, records, names);
  check_all(T, w, dict, records);
}

static void publish(Thr *T, Work *w, Slot *names) {
  LET(T, records, make_records(T, w, names));
  LET(T, dict, dict_new(T, 0));
  make_counters(T, w, dict);
  if (w->sharing == RECLAIM_SHARED_READ) insert_all(T, w, dict);
  work_publish(T, w, SHARED_DICT, dict);
  work_publish(T, w, SHARED_RECORDS, records);
}

static void run_shared(Thr *T, Work *w) {
  LET(T, names, make_names(T, w));
  if (w->index == 0) publish(T, w, names);
  work_barrier(T, w);
  LET(T, dict, work_global(T, w, SHARED_DICT));
  LET(T, records, work_global(T, w, SHARED_RECORDS));
  if (w->sharing == RECLAIM_SHARED_WRITE) insert_all(T, w, dict);
  work_barrier(T, w);
  work_hold(T, w);
  work_on(T, w, dict, records, names);
  work_barrier(T, w);
  if (w->index) return;
  check_all(T, w, dict, records);
  own_drop(T, work_retract(T, w, SHARED_DICT));
  own_drop(T, work_retract(T, w, SHARED_RECORDS));
}

static void run(Thr *T, Work *w) {
  if (w->sharing == RECLAIM_PRIVATE)
    run_private(T, w);
  else
    run_shared(T, w);
}

static const Workload dicts = {
    {
        .name = "dicts",
        .summary = "insert, look up, update and delete integer or string keys, and records as nested dicts",
        .probes = "hash tables, old-to-young stores",
        .operation = "dict operation",
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
WORKLOAD_REGISTER(dicts);
