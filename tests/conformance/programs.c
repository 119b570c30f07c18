/* Random programs over all operations, beside a model of plain C structs that knows nothing of reclaiming. After some steps a random
   structure is compared with its model; at each collection, and at the end, the number of live objects must be what the model says:
   what is reachable, and under counting also what hangs on unreachable cycles.

   Where an object has one owner, programs are restricted to what can have one: what is stored is moved out of its register, what is
   copied is compared at once and let go, and nothing is cyclic.

   A program is an array of words, one per step, each the seed of its own generator, so that steps can be left out without changing
   the others. A seed also chooses the strategy's tunables. One that fails, whether by a wrong value or by a crash, is run again in
   children with steps left out until none can be spared, and printed. */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include "tests/conformance/heap.h"

enum { REGISTERS = 8, STEPS = 300, BATCH = 25, LONGEST = 4000 };

/* --- The model --------------------------------------------------------------------------------------------------------------------- */

typedef struct Val Val;
struct Val {
  enum kind kind;
  bool shared, alive;
  unsigned count, seen;
  int64_t v; /* ints; nodes; strings: the number in it; generators: the next value, up to `end` */
  int64_t end;
  Val **ref; /* items, edges, references; of dicts key, value, key, value, .. */
  size_t n, cap;
  Val *older;
};

typedef struct Machine {
  Thr *T;
  Slot *slot[REGISTERS];
  Val *val[REGISTERS];
  Val *newest;
  unsigned look; /* number of the last walk: Val.seen */
  bool cycles;   /* may make some */
  bool stressed; /* collects all the time */
} Machine;

static bool is_immortal(const Val *v) {
  return v->kind <= KIND_BOOL || (v->kind == KIND_INT && v->v >= SMALL_INT_MIN && v->v <= SMALL_INT_MAX);
}

static Val *val_new(Machine *m, enum kind kind, int64_t v, size_t refs) {
  if (kind == KIND_NONE || kind == KIND_BOOL || kind == KIND_INT)
    for (Val *o = m->newest; o; o = o->older) /* one of each immortal */
      if (o->kind == kind && o->v == v && is_immortal(o)) return o;
  Val *o = calloc(1, sizeof *o);
  CHECK(o);
  *o = (Val){.kind = kind, .v = v, .alive = true, .older = m->newest};
  o->shared = is_immortal(o);
  o->n = o->cap = refs;
  o->ref = calloc(refs + 1, sizeof *o->ref);
  return m->newest = o;
}

static void val_append(Val *o, Val *x) {
  if (o->n == o->cap) o->ref = realloc(o->ref, (o->cap = 2 * o->cap + 4) * sizeof *o->ref);
  o->ref[o->n++] = x;
}

/* Ints, floats and strings have no identity where objects move: publishing one may make a copy, and the other lives on. */
static bool is_value(const Val *o) { return o && (o->kind == KIND_INT || o->kind == KIND_FLOAT || o->kind == KIND_STR); }
static uint64_t copies; /* that there may be */

static void share(Val *o) {
  if (!o || o->shared) return;
  o->shared = true;
  for (size_t i = 0; i < o->n; i++) share(o->ref[i]);
}

static bool reaches(Machine *m, Val *from, const Val *to) {
  if (!from || from->seen == m->look) return false;
  if (from == to) return true;
  from->seen = m->look;
  for (size_t i = 0; i < from->n; i++)
    if (reaches(m, from->ref[i], to)) return true;
  return false;
}
/* Whether x may be stored into o by this program. */
static bool storable(Machine *m, Val *o, Val *x) {
  m->look++;
  if (!MANY_OWNERS) return x != o;
  return m->cycles || !reaches(m, x, o);
}
static void publish_val(Val *x) {
  copies += MM_MOVES && is_value(x);
  share(x);
}
static void stored(const Val *o, Val *x) {
  if (o->shared) publish_val(x);
}

/* Lists and dicts have an array or a table beside them. */
static unsigned objects_of(const Val *o) { return is_immortal(o) ? 0 : o->kind == KIND_LIST || o->kind == KIND_DICT ? 2 : 1; }

static void mark(Machine *m, Val *o) {
  if (!o || o->seen == m->look) return;
  o->seen = m->look;
  for (size_t i = 0; i < o->n; i++) mark(m, o->ref[i]);
}
static uint64_t count_reachable(Machine *m) {
  uint64_t n = 0;
  m->look++;
  for (int i = 0; i < REGISTERS; i++) mark(m, m->val[i]);
  for (Val *o = m->newest; o; o = o->older)
    if (o->seen == m->look) n += objects_of(o);
  return n;
}

static void count_down(Val *o) {
  if (!o || --o->count) return;
  o->alive = false;
  for (size_t i = 0; i < o->n; i++) count_down(o->ref[i]);
}
/* Counts by the definition: whatever nobody alive holds dies, until nothing changes. */
static uint64_t count_counted(Machine *m) {
  uint64_t n = 0;
  for (Val *o = m->newest; o; o = o->older) o->count = 1; /* held by this walk */
  for (Val *o = m->newest; o; o = o->older)
    for (size_t i = 0; o->alive && i < o->n; i++)
      if (o->ref[i]) o->ref[i]->count++;
  for (int i = 0; i < REGISTERS; i++)
    if (m->val[i]) m->val[i]->count++;
  for (Val *o = m->newest; o; o = o->older)
    if (o->alive) count_down(o);
  for (Val *o = m->newest; o; o = o->older)
    if (o->alive) n += objects_of(o);
  return n;
}

/* --- Comparing ----------------------------------------------------------------------------------------------------------------------- */

static OWNED Own key_new(Thr *T, const Val *key) {
  return key->kind == KIND_STR ? str_new_int(T, "key", key->v) : int_new(T, key->v);
}

static void compare(Machine *m, Slot *x, Val *o, int depth);

static void compare_dict(Machine *m, Slot *x, Val *o, int depth) {
  Thr *T = m->T;
  CHECK_EQ(dict_len(T, x), o->n / 2);
  for (size_t i = 0; i < o->n; i += 2) {
    LET(T, key, key_new(T, o->ref[i]));
    LET(T, value, dict_get(T, x, key));
    compare(m, value, o->ref[i + 1], depth);
  }
}
static void compare_leaf(Thr *T, Slot *x, const Val *o) {
  if (o->kind == KIND_BOOL || o->kind == KIND_INT) CHECK_EQ(int_value(T, x), o->v);
  if (o->kind == KIND_FLOAT) CHECK_EQ(float_value(T, x) * 4, o->v);
  if (o->kind == KIND_RAW) CHECK_EQ(raw_size(T, x) ? raw_get(T, x, raw_size(T, x) / 8 - 1) : o->v, o->v);
  if (o->kind == KIND_STR) {
    char text[32];
    int n = snprintf(text, sizeof text, "key%lld", (long long)o->v);
    CHECK_EQ(str_len(T, x), n);
    BORROW (T, r, x) CHECK(!memcmp(ref_bytes(r), text, (size_t)n));
  }
}
static OWNED Own child_of(Thr *T, Slot *x, const Val *o, size_t i) {
  switch (o->kind) {
  case KIND_LIST: return list_get(T, x, i);
  case KIND_NODE: return node_get(T, x, (unsigned)i);
  case KIND_GEN: return gen_ref(T, x, (unsigned)i);
  default: return array_get(T, x, i);
  }
}
/* x is what o says, down to `depth`. */
static void compare(Machine *m, Slot *x, Val *o, int depth) {
  Thr *T = m->T;
  mm_poll(T);
  CHECK_EQ(slot_is_null(x), !o);
  if (!o) return;
  CHECK_EQ(x->p_->kind, o->kind);
  if (o->seen == m->look || depth == 0) return;
  o->seen = m->look;
  if (o->kind == KIND_DICT) {
    compare_dict(m, x, o, depth - 1);
    return;
  }
  compare_leaf(T, x, o);
  if (o->kind == KIND_LIST) CHECK_EQ(list_len(T, x), o->n);
  if (o->kind == KIND_TUPLE || o->kind == KIND_ARRAY) CHECK_EQ(array_len(T, x), o->n);
  if (o->kind == KIND_NODE) CHECK_EQ(node_value(T, x), o->v);
  if (o->kind == KIND_NODE) CHECK_EQ(node_edges(T, x), o->n);
  if (o->kind == KIND_GEN) CHECK_EQ(gen_word(T, x, 0), o->v);
  for (size_t i = 0; i < o->n; i++) {
    LET(T, child, child_of(T, x, o, i));
    compare(m, child, o->ref[i], depth - 1);
  }
}

static void compare_register(Machine *m, int i, int depth) {
  m->look++;
  compare(m, m->slot[i], m->val[i], depth);
  for (int k = 0; k < REGISTERS; k++)
    if (!MM_MOVES || !is_value(m->val[k])) CHECK_EQ(slot_same(m->slot[i], m->slot[k]), m->val[i] == m->val[k]);
}

/* --- Steps -------------------------------------------------------------------------------------------------------------------------------- */

typedef void Step(Machine *m, Rng *r);

static int any(Rng *r) { return (int)rng_below(r, REGISTERS); }
/* A register that holds a `kind`, or -1. */
static int find(Machine *m, Rng *r, enum kind kind) {
  for (int i = any(r), k = 0; k < REGISTERS; k++, i = (i + 1) % REGISTERS)
    if (m->val[i] && m->val[i]->kind == kind) return i;
  return -1;
}
static void set(Machine *m, int i, Own v, Val *o) {
  slot_set(m->T, m->slot[i], v);
  m->val[i] = o;
}
static int64_t number(Rng *r) {
  static const int64_t at[] = {0, SMALL_INT_MIN, SMALL_INT_MAX, 1000, INT32_MAX, INT64_MAX - 1000};
  return at[rng_below(r, 6)] + (int64_t)rng_below(r, 7) - 3;
}

/* What register i holds, for a field or another register: one more reference, or, where there can be one only, that one. */
static OWNED Own give(Machine *m, int i) {
  if (MANY_OWNERS) return slot_dup(m->T, m->slot[i]);
  m->val[i] = NULL;
  return slot_take(m->T, m->slot[i]);
}
/* What was copied from a field goes into register i; a borrowed reference is looked at, since there its owner may end at any step. */
static void got(Machine *m, int i, Own v, Val *o) {
  Thr *T = m->T;
  if (MANY_OWNERS) {
    set(m, i, v, o);
    return;
  }
  LET(T, x, v);
  m->look++;
  compare(m, x, o, 3);
}

static void make_leaf(Machine *m, Rng *r) {
  Thr *T = m->T;
  int to = any(r);
  int64_t v = number(r);
  switch (rng_below(r, 7)) {
  case 0: set(m, to, none_new(T), val_new(m, KIND_NONE, 0, 0)); break;
  case 1: set(m, to, bool_new(T, v & 1), val_new(m, KIND_BOOL, v & 1, 0)); break;
  case 2: set(m, to, float_new(T, (double)(v % 1000) / 4), val_new(m, KIND_FLOAT, v % 1000, 0)); break;
  case 3: set(m, to, str_new_int(T, "key", v), val_new(m, KIND_STR, v, 0)); break;
  case 4: {
    size_t words = rng_below(r, rng_below(r, 8) ? 60 : LONGEST);
    set(m, to, raw_new(T, 8 * words), val_new(m, KIND_RAW, v, 0));
    if (words) raw_set(T, m->slot[to], words - 1, v);
    break;
  }
  default: set(m, to, int_new(T, v), val_new(m, KIND_INT, v, 0)); break;
  }
}

static Own yields(Thr *T, Slot *self) {
  int64_t at = gen_word(T, self, 0);
  if (at == gen_word(T, self, 1)) return gen_end(T, self);
  gen_set_word(T, self, 0, at + 1);
  return int_new(T, at);
}

static void make_container(Machine *m, Rng *r) {
  Thr *T = m->T;
  int to = any(r), a = any(r), b = any(r);
  int64_t v = number(r);
  size_t n = rng_below(r, rng_below(r, 16) ? 9 : LONGEST);
  switch (rng_below(r, 8)) {
  case 0: set(m, to, list_new(T, n), val_new(m, KIND_LIST, 0, 0)); break;
  case 1: set(m, to, dict_new(T, n), val_new(m, KIND_DICT, 0, 0)); break;
  case 2: set(m, to, array_new(T, n), val_new(m, KIND_ARRAY, 0, n)); break;
  case 3: set(m, to, node_leaf(T, v), val_new(m, KIND_NODE, v, 2)); break;
  case 4: set(m, to, node_make(T, v, (unsigned)(n % 256)), val_new(m, KIND_NODE, v, n % 256)); break;
  case 5: {
    Val *o = val_new(m, KIND_GEN, 0, n % 5);
    set(m, to, gen_new(T, yields, (unsigned)(n % 5), 2), o);
    gen_set_word(T, m->slot[to], 1, o->end = (int64_t)n);
    break;
  }
  default: { /* a pair or a node of two others, which move or are copied */
    bool node = v & 1;
    Val *o = val_new(m, node ? KIND_NODE : KIND_TUPLE, v, 2);
    o->ref[0] = m->val[a];
    LET(T, first, give(m, a));
    o->ref[1] = m->val[b];
    if (node)
      slot_set(T, m->slot[to], node_new(T, v, first, give(m, b)));
    else
      slot_set(T, m->slot[to], tuple_new2(T, first, give(m, b)));
    CHECK(slot_is_null(first));
    m->val[to] = o;
  }
  }
}

static void move_slots(Machine *m, Rng *r) {
  int a = any(r), b = any(r);
  if (rng_below(r, 8) == 0)
    set(m, a, own_mk(m->T, NULL), NULL);
  else if (rng_below(r, 2) && MANY_OWNERS)
    set(m, a, slot_dup(m->T, m->slot[b]), m->val[b]);
  else if (a != b) {
    set(m, a, slot_take(m->T, m->slot[b]), m->val[b]);
    m->val[b] = NULL;
  }
}

static void list_step(Machine *m, Rng *r) {
  Thr *T = m->T;
  int l = find(m, r, KIND_LIST), x = any(r), to = any(r);
  if (l < 0) return;
  Val *o = m->val[l];
  Slot *s = m->slot[l];
  size_t i = o->n ? rng_below(r, o->n) : 0;
  switch (rng_below(r, 4)) {
  case 0: got(m, to, list_get(T, s, i), o->n ? o->ref[i] : NULL); break;
  case 1:
    if (!o->n || !storable(m, o, m->val[x])) break;
    o->ref[i] = m->val[x];
    list_set(T, s, i, give(m, x));
    stored(o, o->ref[i]);
    break;
  case 2: {
    Val *last = o->n ? o->ref[--o->n] : NULL;
    set(m, to, list_pop(T, s), last);
    break;
  }
  default:
    for (size_t k = rng_below(r, 3) ? 1 : rng_below(r, 200); k-- > 0 && o->n < LONGEST && storable(m, o, m->val[x]);) {
      mm_poll(T);
      val_append(o, m->val[x]);
      list_append(T, s, give(m, x));
      stored(o, o->ref[o->n - 1]);
    }
  }
}

static void list_cut(Machine *m, Rng *r) {
  Thr *T = m->T;
  int a = find(m, r, KIND_LIST), b = find(m, r, KIND_LIST), to = any(r);
  if (a < 0 || m->val[a]->n + m->val[b]->n > LONGEST) return;
  Val *x = m->val[a], *y = m->val[b], *o = val_new(m, KIND_LIST, 0, 0);
  if (rng_below(r, 2)) {
    size_t from = rng_below(r, x->n + 2), end = rng_below(r, x->n + 3);
    for (size_t i = from; i < end && i < x->n; i++) val_append(o, x->ref[i]);
    got(m, to, list_slice(T, m->slot[a], from, end), o);
    if (!MANY_OWNERS) o->n = 0; /* it is gone */
    return;
  }
  for (size_t i = 0; i < x->n; i++) val_append(o, x->ref[i]);
  for (size_t i = 0; i < y->n; i++) val_append(o, y->ref[i]);
  got(m, to, list_concat(T, m->slot[a], m->slot[b]), o);
  if (!MANY_OWNERS) o->n = 0;
}

static size_t model_find(const Val *o, const Val *key) {
  for (size_t i = 0; i < o->n; i += 2)
    if (o->ref[i]->kind == key->kind && o->ref[i]->v == key->v) return i;
  return o->n;
}
static void model_put(Val *o, Val *key, Val *value) {
  size_t i = model_find(o, key);
  if (i == o->n) {
    val_append(o, key), val_append(o, value);
    stored(o, key);
  }
  o->ref[i + 1] = value;
  stored(o, value);
}
static Val *model_remove(Val *o, const Val *key) {
  size_t i = model_find(o, key);
  if (i == o->n) return NULL;
  Val *value = o->ref[i + 1];
  o->n -= 2;
  o->ref[i] = o->ref[o->n], o->ref[i + 1] = o->ref[o->n + 1];
  return value;
}
/* A key from a register, or a fresh one out of few, so that they are met again. */
static Val *key_from(Machine *m, Rng *r, int *from) {
  *from = any(r);
  Val *o = m->val[*from];
  if (MANY_OWNERS && o && (o->kind == KIND_INT || o->kind == KIND_STR) && rng_below(r, 4) == 0) return o;
  *from = -1;
  return val_new(m, rng_below(r, 2) ? KIND_INT : KIND_STR, (int64_t)rng_below(r, 40) + SMALL_INT_MAX - 20, 0);
}
static OWNED Own key_own(Machine *m, const Val *key, int from) {
  return from >= 0 ? slot_dup(m->T, m->slot[from]) : key_new(m->T, key);
}

static void dict_step(Machine *m, Rng *r) {
  Thr *T = m->T;
  int d = find(m, r, KIND_DICT), x = any(r), to = any(r), from;
  if (d < 0) return;
  Val *o = m->val[d], *key = key_from(m, r, &from);
  Slot *s = m->slot[d];
  LET(T, k, key_own(m, key, from));
  size_t at = model_find(o, key);
  int64_t by = number(r) % 1000;
  switch (rng_below(r, 6)) {
  case 0: got(m, to, dict_get(T, s, k), at < o->n ? o->ref[at + 1] : NULL); break;
  case 1: {
    Val *value = model_remove(o, key);
    set(m, to, dict_remove(T, s, k), value);
    break;
  }
  case 2:
    if (at < o->n && (!o->ref[at + 1] || o->ref[at + 1]->kind != KIND_INT || o->ref[at + 1]->v > INT32_MAX)) break;
    by += at < o->n ? o->ref[at + 1]->v : 0;
    CHECK_EQ(dict_add(T, s, k, by - (at < o->n ? o->ref[at + 1]->v : 0)), by);
    model_put(o, key, val_new(m, KIND_INT, by, 0));
    break;
  default: {
    if (!storable(m, o, m->val[x])) break;
    Val *value = m->val[x];
    CHECK_EQ(dict_put(T, s, k, give(m, x)), at == o->n);
    CHECK_EQ(slot_is_null(k), at == o->n);
    model_put(o, key, value);
  }
  }
}
/* Many at once: growth, and removals from long runs. */
static void dict_burst(Machine *m, Rng *r) {
  Thr *T = m->T;
  int d = find(m, r, KIND_DICT);
  if (d < 0) return;
  Val *o = m->val[d];
  int64_t n = (int64_t)rng_below(r, 150), from = (int64_t)rng_below(r, 1000), step = 1 + (int64_t)rng_below(r, 3);
  bool out = rng_below(r, 3) == 0;
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    Val *key = val_new(m, KIND_INT, from + i * step, 0);
    LET(T, k, int_new(T, key->v));
    if (out) {
      Val *value = model_remove(o, key);
      LET(T, v, dict_remove(T, m->slot[d], k));
      m->look++;
      compare(m, v, value, 1);
    } else if (o->n < 1000) {
      Val *value = val_new(m, KIND_INT, key->v * 3, 0);
      dict_put(T, m->slot[d], k, int_new(T, value->v));
      model_put(o, key, value);
    }
  }
}

static void array_step(Machine *m, Rng *r) {
  Thr *T = m->T;
  int a = find(m, r, KIND_ARRAY), x = any(r), to = any(r);
  if (a < 0 || !m->val[a]->n) return;
  Val *o = m->val[a];
  size_t i = rng_below(r, o->n);
  if (rng_below(r, 3) == 0)
    got(m, to, array_get(T, m->slot[a], i), o->ref[i]);
  else if (storable(m, o, m->val[x])) {
    o->ref[i] = m->val[x];
    array_set(T, m->slot[a], i, give(m, x));
    stored(o, o->ref[i]);
  }
}
static void tuple_step(Machine *m, Rng *r) {
  int t = find(m, r, KIND_TUPLE);
  size_t i = rng_below(r, 2);
  if (t >= 0) got(m, any(r), array_get(m->T, m->slot[t], i), m->val[t]->ref[i]);
}

static void node_step(Machine *m, Rng *r) {
  Thr *T = m->T;
  int a = find(m, r, KIND_NODE), x = any(r), to = any(r);
  if (a < 0) return;
  Val *o = m->val[a];
  node_set_value(T, m->slot[a], o->v = number(r));
  if (!o->n) return;
  unsigned i = (unsigned)rng_below(r, o->n);
  if (rng_below(r, 3) && storable(m, o, m->val[x])) {
    o->ref[i] = m->val[x];
    node_set(T, m->slot[a], i, give(m, x));
    stored(o, o->ref[i]);
  } else if (!o->shared && rng_below(r, 2)) {
    Val *was = o->ref[i];
    o->ref[i] = NULL;
    set(m, to, node_take(T, m->slot[a], i), was);
  } else
    got(m, to, node_get(T, m->slot[a], i), o->ref[i]);
}

static void gen_step(Machine *m, Rng *r) {
  Thr *T = m->T;
  int a = find(m, r, KIND_GEN), x = any(r), to = any(r);
  if (a < 0) return;
  Val *o = m->val[a];
  if (!o->n || rng_below(r, 2)) {
    Val *yield = o->v < o->end ? val_new(m, KIND_INT, o->v++, 0) : NULL;
    set(m, to, gen_next(T, m->slot[a]), yield);
    return;
  }
  size_t i = rng_below(r, o->n);
  if (!storable(m, o, m->val[x])) return;
  o->ref[i] = m->val[x];
  gen_set_ref(T, m->slot[a], (unsigned)i, give(m, x));
  stored(o, o->ref[i]);
}

static void make_garbage(Machine *m, Rng *r) {
  Thr *T = m->T;
  uint64_t n = rng_below(r, m->stressed ? 100 : 3000);
  LET(T, chain, own_mk(T, NULL));
  for (uint64_t i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, none, own_mk(T, NULL));
    slot_set(T, chain, i % 50 ? node_new(T, (int64_t)i, none, slot_take(T, chain)) : node_leaf(T, 0));
  }
}

static void publish_step(Machine *m, Rng *r) {
  if (!MM_SHARES_HEAP) return;
  int i = any(r);
  om_share(m->T, m->slot[i]);
  publish_val(m->val[i]);
}

static void collect_step(Machine *m, Rng *r) {
  (void)r;
  uint64_t live = live_objects(m->T), least = MM_RECLAIMS_CYCLES ? count_reachable(m) : count_counted(m);
  if (live < least || live > least + copies) CHECK_LIVE(live, least);
}

static void compare_step(Machine *m, Rng *r) { compare_register(m, any(r), 5); }

static const struct {
  const char *name;
  unsigned weight; /* of 100 */
  Step *run;
} steps[] = {
    {"leaf", 12, make_leaf},      {"container", 14, make_container},
    {"slots", 10, move_slots},    {"list", 14, list_step},
    {"cut", 4, list_cut},         {"dict", 14, dict_step},
    {"burst", 3, dict_burst},     {"array", 6, array_step},
    {"tuple", 2, tuple_step},     {"node", 8, node_step},
    {"gen", 4, gen_step},         {"garbage", 2, make_garbage},
    {"publish", 2, publish_step}, {"collect", 1, collect_step},
    {"compare", 4, compare_step},
};
enum { STEP_KINDS = sizeof steps / sizeof *steps };

static int kind_of_step(Rng *r) {
  uint64_t at = rng_below(r, 100);
  for (int i = 0; i < STEP_KINDS; i++) {
    if (at < steps[i].weight) return i;
    at -= steps[i].weight;
  }
  return 0;
}

/* --- Programs ------------------------------------------------------------------------------------------------------------------------------- */

typedef struct Program {
  uint64_t seed;
  size_t n;
  uint64_t word[STEPS];
} Program;

static void make_program(Program *p, uint64_t seed) {
  Rng r = rng_make(seed);
  p->seed = seed;
  for (p->n = 0; p->n < STEPS; p->n++) p->word[p->n] = rng_next(&r);
}

/* Tunables that do nothing at 0, or next to nothing with programs so short. */
static bool is_to_be_small(const char *name) {
  static const char *const names[] = {"freelist-cap", "decrement-buffer", "cascade-budget",
                                      "threshold0",   "root-threshold",   "root-threshold-min"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(name, names[i])) return true;
  return false;
}

/* Least, usual, half-way, or small: a tunable must not change what a program computes. True when collections are forced. */
static bool choose_tunables(TestHeap *h, Rng *r) {
  bool stressed = false;
  for (int i = 0; i < h->strategy->ntunables; i++) {
    const reclaim_param *p = &h->strategy->tunables[i];
    static const int64_t often[] = {0, 1, 7, 100};
    if (!strcmp(p->name, "collect-every"))
      h->tunables[i] = often[rng_below(r, 4)], stressed = h->tunables[i] != 0;
    else if (is_to_be_small(p->name) && rng_below(r, 4))
      h->tunables[i] = p->min > 0 ? p->min + often[rng_below(r, 4)] : often[rng_below(r, 4)];
    else if (p->choices || p->max == 1)
      h->tunables[i] = p->min + (int64_t)rng_below(r, (uint64_t)(p->max - p->min + 1));
    else if (rng_below(r, 2))
      h->tunables[i] = rng_below(r, 2) ? p->min : p->min + (p->def - p->min) / 2;
  }
  return stressed;
}

static void run_steps(Machine *m, const Program *p) {
  for (size_t i = 0; i < p->n; i++) {
    Rng r = rng_make(p->word[i]);
    mm_poll(m->T);
    steps[kind_of_step(&r)].run(m, &r);
  }
  for (int i = 0; i < REGISTERS; i++) compare_register(m, i, 1000);
}

static void run_in(Thr *T, const Program *p, bool stressed) {
  LET(T, a, none_new(T));
  LET(T, b, none_new(T));
  LET(T, c, none_new(T));
  LET(T, d, none_new(T));
  LET(T, e, none_new(T));
  LET(T, f, none_new(T));
  LET(T, g, none_new(T));
  LET(T, h, none_new(T));
  Machine m = {.T = T, .slot = {a, b, c, d, e, f, g, h}, .cycles = MANY_OWNERS && p->seed & 1, .stressed = stressed};
  copies = 0;
  Val *none = val_new(&m, KIND_NONE, 0, 0);
  for (int i = 0; i < REGISTERS; i++) m.val[i] = none;
  run_steps(&m, p);
  collect_step(&m, NULL);
  Rng r = rng_make(p->seed);
  for (int i = 0; i < REGISTERS; i++) set(&m, i, own_mk(T, NULL), NULL);
  collect_step(&m, &r);
  if (!m.cycles) CHECK_LIVE(live_objects(T), 0);
  while (m.newest) {
    Val *o = m.newest;
    m.newest = o->older;
    free(o->ref);
    free(o);
  }
}

static void run_program(const Program *p) {
  TestHeap h;
  heap_init(&h, 1);
  Rng r = rng_make(~p->seed);
  bool stressed = choose_tunables(&h, &r);
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  run_in(T, p, stressed);
  heap_leave(&h, T);
  heap_close(&h);
}
static void run_child(void *program) { run_program(program); }

/* Leaves out ever smaller groups of steps as long as it still fails. */
static void shrink(Program *p) {
  for (size_t group = p->n / 2; group; group /= 2)
    for (size_t at = 0; at + group <= p->n;) {
      Program less = {.seed = p->seed};
      for (size_t i = 0; i < p->n; i++)
        if (i < at || i >= at + group) less.word[less.n++] = p->word[i];
      if (in_child(run_child, &less))
        *p = less;
      else
        at += group;
    }
}

static void print_program(const Program *p) {
  fprintf(stderr, "seed %llu fails with these %zu steps:", (unsigned long long)p->seed, p->n);
  for (size_t i = 0; i < p->n; i++) {
    Rng r = rng_make(p->word[i]);
    fprintf(stderr, " %s:%016llx", steps[kind_of_step(&r)].name, (unsigned long long)p->word[i]);
  }
  fprintf(stderr, "\n%s\n", child_said);
}

/* Seeds [from, from + BATCH) in one child; `at` says how far it came. */
typedef struct ProgramBatch {
  uint64_t from, to;
  _Atomic uint64_t *at;
} ProgramBatch;
static void run_batch(void *arg) {
  ProgramBatch *b = arg;
  for (uint64_t seed = b->from; seed < b->to; seed++) {
    atomic_store(b->at, seed);
    Program p;
    make_program(&p, seed);
    run_program(&p);
  }
}

Test(programs, agree_with_the_model, .timeout = 3600) {
  _Atomic uint64_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED);
  uint64_t n = seeds(300);
  CHECK(n > 0);
  for (uint64_t from = 0; from < n; from += BATCH) {
    ProgramBatch b = {from, from + BATCH < n ? from + BATCH : n, at};
    if (in_child(run_batch, &b) == 0) continue;
    Program p;
    make_program(&p, atomic_load(at));
    shrink(&p);
    in_child(run_child, &p);
    print_program(&p);
    abort();
  }
}
