/* generators: pipelines of suspended frames, source -> (map -> filter) x stages -> chain, that are consumed lazily, many side by side;
   and their twin, the same sum over lists that every stage makes in full. Heap frames that are resumed through an indirect call,
   integers that live for one step, and the peak memory that laziness saves.

   Shared-read: the sources walk one list that all threads read; everything behind them is each thread's own. */
#include "runtime/work.h"

enum { P_ITEMS, P_STAGES, P_CHAIN, P_PIPELINES, P_QUANTUM, P_PASSES, P_MATERIALISE };
enum { LAZY, LIST };
static const char *const materialise[] = {"no", "yes"};

static const reclaim_param params[] = {
    {"items", "values that each source yields", "", 1000, 1, 1 << 28, NULL},
    {"stages", "map and filter pairs between source and chain", "", 2, 0, 64, NULL},
    {"chain", "sources, with their stages, that one pipeline yields one after the other", "", 2, 1, 255, NULL},
    {"pipelines", "pipelines suspended side by side", "", 64, 1, 1 << 20, NULL},
    {"quantum", "values taken from a pipeline before it is the next one's turn", "", 16, 1, 1 << 28, NULL},
    {"passes", "how often all of it is built, consumed and dropped", "", 20, 1, 1 << 30, NULL},
    {"materialise", "no: values are made when they are asked for; yes: every stage makes a list", "", LAZY, 0, LIST, materialise},
};

static const reclaim_setting settings[] = {
    {"gen", "the reference program gen: a generator object yields boxed integers through an indirect call",
     "items=262144;stages=0;chain=1;pipelines=1;quantum=262144;passes=32;materialise=no", RECLAIM_PRIVATE},
    {"genl", "the reference program genl: the same sum after making the list",
     "items=262144;stages=0;chain=1;pipelines=1;quantum=262144;passes=32;materialise=yes", RECLAIM_PRIVATE},
};

/* Values are above the small, immortal integers. A filter lets three of four pass. */
enum { VALUE_BASE = SMALL_INT_MAX + 1, FILTER_OUT = 4 };

enum { SHARED_LIST }; /* place in the globals of a shared iteration */

/* --- Live bytes ------------------------------------------------------------------------------------------------------------------ */

static uint64_t list_bytes(uint64_t capacity) { return WORK_BYTES(SIZE_LIST) + WORK_BYTES(SIZE_ARRAY(capacity)); }

/* What n values leave after the filters. */
static uint64_t kept(const int64_t *p, uint64_t n) {
  for (int64_t i = 0; i < p[P_STAGES]; i++) n -= n / FILTER_OUT;
  return n;
}

enum { REFS_SOURCE = 1, WORDS_SOURCE = 2, WORDS_MAP = 0, WORDS_FILTER = 1, WORDS_CHAIN = 1 };

static uint64_t pipeline_bytes(const int64_t *p) {
  uint64_t chain = (uint64_t)p[P_CHAIN], stages = (uint64_t)p[P_STAGES];
  uint64_t frames = WORK_BYTES(SIZE_GEN(REFS_SOURCE, WORDS_SOURCE)) +
                    stages * (WORK_BYTES(SIZE_GEN(1, WORDS_MAP)) + WORK_BYTES(SIZE_GEN(1, WORDS_FILTER)));
  return chain * frames + (chain > 1 ? WORK_BYTES(SIZE_GEN(chain, WORDS_CHAIN)) : 0);
}

static uint64_t result_bytes(const int64_t *p, uint32_t sharing) {
  uint64_t chain = (uint64_t)p[P_CHAIN], n = kept(p, (uint64_t)p[P_ITEMS]);
  bool own_items = sharing == RECLAIM_PRIVATE || p[P_STAGES];
  bool grown = chain == 1 && own_items; /* otherwise made at once, by slice or by concatenation */
  return list_bytes(grown ? list_capacity_after(n) : chain * n) + (own_items ? chain * n * SIZE_LEAF : 0);
}

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  uint64_t pipelines = (uint64_t)p[P_PIPELINES], items = (uint64_t)p[P_ITEMS];
  uint64_t one = p[P_MATERIALISE] == LIST ? result_bytes(p, sharing) : pipeline_bytes(p);
  uint64_t shared = sharing == RECLAIM_PRIVATE ? 0 : list_bytes(list_capacity_after(items)) + items * SIZE_LEAF;
  return (uint64_t)threads * (WORK_BYTES(SIZE_ARRAY(pipelines)) + pipelines * one) + shared;
}

/* --- Frames ----------------------------------------------------------------------------------------------------------------------- */

/* Words: the next value, and where to end. */
static Own range_next(Thr *T, Slot *self) {
  int64_t next = gen_word(T, self, 0);
  if (next == gen_word(T, self, 1)) return gen_end(T, self);
  gen_set_word(T, self, 0, next + 1);
  return int_new(T, next);
}

/* Reference: the list; words: the next place, and where to end. */
static Own items_next(Thr *T, Slot *self) {
  int64_t next = gen_word(T, self, 0);
  if (next == gen_word(T, self, 1)) return gen_end(T, self);
  gen_set_word(T, self, 0, next + 1);
  LET(T, list, gen_ref(T, self, 0));
  return list_get(T, list, (size_t)next);
}

INLINE int64_t mapped(int64_t v) { return 3 * v + 1; }

static Own map_next(Thr *T, Slot *self) {
  Own v = gen_next_in(T, self, 0);
  if (own_is_null(v)) return gen_end(T, self);
  int64_t x = own_int(T, v);
  return int_new(T, mapped(x));
}

/* Word: values until the next that is left out. */
static Own filter_next(Thr *T, Slot *self) {
  for (;;) {
    mm_poll(T);
    LET(T, v, gen_next_in(T, self, 0));
    if (slot_is_null(v)) return gen_end(T, self);
    int64_t left = gen_word(T, self, 0);
    gen_set_word(T, self, 0, left ? left - 1 : FILTER_OUT - 1);
    if (left) return slot_take(T, v);
  }
}

/* State: which reference yields now; word: how many there are. What is exhausted is let go. */
static Own chain_next(Thr *T, Slot *self) {
  for (;;) {
    mm_poll(T);
    int32_t at = gen_state(T, self);
    LET(T, v, gen_next_in(T, self, (unsigned)at));
    if (!slot_is_null(v)) return slot_take(T, v);
    gen_set_ref(T, self, (unsigned)at, none_new(T));
    if (at + 1 == gen_word(T, self, 0)) return gen_end(T, self);
    gen_set_state(T, self, at + 1);
  }
}

/* Over the items of `list`, or over [first, first + items) where that is none. */
static OWNED Own make_source(Thr *T, Work *w, Slot *list, int64_t first) {
  LET(T, g, gen_new(T, slot_is_null(list) ? range_next : items_next, REFS_SOURCE, WORDS_SOURCE));
  if (!slot_is_null(list)) {
    gen_set_ref(T, g, 0, slot_dup(T, list));
    first = 0;
  }
  gen_set_word(T, g, 0, first);
  gen_set_word(T, g, 1, first + w->p[P_ITEMS]);
  return slot_take(T, g);
}

/* A frame over `inner`. */
static OWNED Own make_frame(Thr *T, GenRun *run, unsigned words, Slot *inner_taken) {
  LET(T, g, gen_new(T, run, 1, words));
  gen_set_ref(T, g, 0, slot_take(T, inner_taken));
  return slot_take(T, g);
}

static OWNED Own make_branch(Thr *T, Work *w, Slot *list, int64_t first) {
  LET(T, g, make_source(T, w, list, first));
  for (int64_t i = 0; i < w->p[P_STAGES]; i++) {
    mm_poll(T);
    slot_set(T, g, make_frame(T, map_next, WORDS_MAP, g));
    slot_set(T, g, make_frame(T, filter_next, WORDS_FILTER, g));
    gen_set_word(T, g, 0, FILTER_OUT - 1);
  }
  return slot_take(T, g);
}

static OWNED Own make_pipeline(Thr *T, Work *w, Slot *list, int64_t first) {
  unsigned n = (unsigned)w->p[P_CHAIN];
  if (n == 1) return make_branch(T, w, list, first);
  LET(T, g, gen_new(T, chain_next, n, WORDS_CHAIN));
  gen_set_word(T, g, 0, n);
  for (unsigned i = 0; i < n; i++) {
    mm_poll(T);
    gen_set_ref(T, g, i, make_branch(T, w, list, first + (int64_t)i * w->p[P_ITEMS]));
  }
  return slot_take(T, g);
}

/* Takes at most `quantum` values: how many there were. */
static int64_t pull(Thr *T, Slot *g, int64_t quantum, int64_t *sum) {
  int64_t n = 0;
  for (; n < quantum; n++) {
    mm_poll(T);
    Own v = gen_next(T, g);
    if (own_is_null(v)) break;
    *sum += own_int(T, v);
  }
  return n;
}

/* --- The twin: every stage makes a list ------------------------------------------------------------------------------------------- */

static OWNED Own list_of_source(Thr *T, Work *w, Slot *list, int64_t first) {
  if (!slot_is_null(list)) return list_slice(T, list, 0, (size_t)w->p[P_ITEMS]);
  LET(T, r, list_new(T, 0));
  for (int64_t i = 0; i < w->p[P_ITEMS]; i++) {
    mm_poll(T);
    list_append(T, r, int_new(T, first + i));
  }
  return slot_take(T, r);
}

static OWNED Own list_mapped(Thr *T, Slot *list) {
  LET(T, r, list_new(T, 0));
  for (size_t i = 0, n = list_len(T, list); i < n; i++) {
    mm_poll(T);
    int64_t x = own_int(T, list_get(T, list, i));
    list_append(T, r, int_new(T, mapped(x)));
  }
  return slot_take(T, r);
}

/* Of a list that nobody reads afterwards. */
static OWNED Own list_filtered(Thr *T, Slot *list) {
  LET(T, r, list_new(T, 0));
  for (size_t i = 0, n = list_len(T, list); i < n; i++) {
    mm_poll(T);
    if ((i + 1) % FILTER_OUT) list_append(T, r, list_take(T, list, i));
  }
  return slot_take(T, r);
}

static OWNED Own list_of_branch(Thr *T, Work *w, Slot *list, int64_t first) {
  LET(T, r, list_of_source(T, w, list, first));
  for (int64_t i = 0; i < w->p[P_STAGES]; i++) {
    mm_poll(T);
    slot_set(T, r, list_mapped(T, r));
    slot_set(T, r, list_filtered(T, r));
  }
  return slot_take(T, r);
}

static OWNED Own list_of_pipeline(Thr *T, Work *w, Slot *list, int64_t first) {
  LET(T, r, list_of_branch(T, w, list, first));
  for (int64_t i = 1; i < w->p[P_CHAIN]; i++) {
    mm_poll(T);
    LET(T, next, list_of_branch(T, w, list, first + i * w->p[P_ITEMS]));
    LET(T, joined, list_concat(T, r, next));
    list_pass(T, r, joined);
    list_pass(T, next, joined);
    slot_set(T, r, slot_take(T, joined));
  }
  return slot_take(T, r);
}

/* Items from `from` on, at most `quantum`, read as owned copies. */
static int64_t read_some(Thr *T, Slot *list, int64_t from, int64_t quantum, int64_t *sum) {
  int64_t n = 0, left = (int64_t)list_len(T, list) - from;
  for (; n < quantum && n < left; n++) {
    mm_poll(T);
    *sum += own_int(T, list_get(T, list, (size_t)(from + n)));
  }
  return n;
}

/* --- An iteration ------------------------------------------------------------------------------------------------------------------ */

static OWNED Own make_all(Thr *T, Work *w, Slot *list) {
  size_t n = (size_t)w->p[P_PIPELINES];
  int64_t first = VALUE_BASE + (int64_t)rng_below(&w->rng, 1 << 20), each = w->p[P_ITEMS] * w->p[P_CHAIN];
  LET(T, all, array_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    int64_t start = first + (int64_t)i * each;
    array_set(T, all, i, w->p[P_MATERIALISE] == LIST ? list_of_pipeline(T, w, list, start) : make_pipeline(T, w, list, start));
  }
  return slot_take(T, all);
}

/* Turn by turn, until a whole round finds nothing. */
static int64_t consume(Thr *T, Work *w, Slot *all) {
  int64_t sum = 0, quantum = w->p[P_QUANTUM], found = 1;
  for (int64_t from = 0; found; from += quantum) {
    found = 0;
    for (size_t i = 0, n = array_len(T, all); i < n; i++) {
      mm_poll(T);
      LET(T, one, array_get(T, all, i));
      found += w->p[P_MATERIALISE] == LIST ? read_some(T, one, from, quantum, &sum) : pull(T, one, quantum, &sum);
    }
  }
  return sum;
}

/* `list`: what sources read; none: they count. */
static void work_on(Thr *T, Work *w, Slot *list) {
  int64_t sum = 0;
  for (int64_t i = 0; i < w->p[P_PASSES]; i++) {
    mm_poll(T);
    LET(T, all, make_all(T, w, list));
    if (i == 0) work_hold(T, w);
    sum += consume(T, w, all);
  }
  w->operations += (uint64_t)(w->p[P_PASSES] * w->p[P_PIPELINES] * w->p[P_CHAIN] * w->p[P_ITEMS]);
  work_check(w, (uint64_t)sum);
}

static void run_private(Thr *T, Work *w) {
  LET(T, none, none_new(T));
  slot_clear(T, none);
  work_on(T, w, none);
}

static void publish(Thr *T, Work *w) {
  LET(T, list, list_new(T, 0));
  for (int64_t i = 0; i < w->p[P_ITEMS]; i++) {
    mm_poll(T);
    list_append(T, list, int_new(T, VALUE_BASE + i));
  }
  work_publish(T, w, SHARED_LIST, list);
}

static void run_shared(Thr *T, Work *w) {
  if (w->index == 0) publish(T, w);
  work_barrier(T, w);
  LET(T, list, work_global(T, w, SHARED_LIST));
  work_on(T, w, list);
  work_barrier(T, w);
  if (w->index == 0) own_drop(T, work_retract(T, w, SHARED_LIST));
}

static void run(Thr *T, Work *w) {
  if (w->sharing == RECLAIM_PRIVATE)
    run_private(T, w);
  else
    run_shared(T, w);
}

static const Workload generators = {
    {
        .name = "generators",
        .summary = "pipelines of generators consumed lazily, or the same through lists",
        .probes = "heap frames, short-lived integers, peak memory",
        .operation = "source value",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE | RECLAIM_SHARED_READ,
        .known_lifetimes = RECLAIM_PRIVATE | RECLAIM_SHARED_READ,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(generators);
