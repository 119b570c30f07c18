/* Every operation of runtime/objects.h at its boundaries: empty, growing through every capacity, clipped, colliding, the last small
   integer, exhausted. Each test runs on fresh and on published objects, and where the strategy can, again while it collects at every
   n-th allocation; nothing may live afterwards. */
#include <criterion/criterion.h>

#include "tests/conformance/heap.h"

/* --- One body, all circumstances ------------------------------------------------------------------------------------------------- */

static bool published, stressed;

/* Containers are published as soon as they are made, where threads can share. */
static void made(Thr *T, Slot *x) {
  if (published) om_share(T, x);
}
/* A loop count: less when every allocation collects. */
static int64_t times(int64_t plain, int64_t under_stress) { return stressed ? under_stress : plain; }

static void in_heap(void (*body)(Thr *T), int64_t collect_every) {
  TestHeap h;
  heap_init(&h, 1);
  stressed = collect_every;
  if (stressed && !heap_tune(&h, "collect-every", collect_every)) return;
  heap_open(&h);
  Thr *T = heap_enter(&h, 0);
  body(T);
  CHECK_LIVE(live_objects(T), 0);
  heap_leave(&h, T);
  heap_close(&h);
}

static void everywhere(void (*body)(Thr *T)) {
  static const int64_t every[] = {0, 1, 7, 100};
  for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
    published = false;
    in_heap(body, every[i]);
    published = MM_SHARES_HEAP;
    if (published) in_heap(body, every[i]);
  }
}

/* Where an object has one owner, there is no program that keeps a second reference to it. */
static void everywhere_with_many_owners(void (*body)(Thr *T)) {
  if (MANY_OWNERS) everywhere(body);
}

/* --- Leaves -------------------------------------------------------------------------------------------------------------------------- */

static void check_int(Thr *T, int64_t v) {
  LET(T, x, int_new(T, v));
  LET(T, y, int_new(T, v));
  CHECK_EQ(int_value(T, x), v);
  CHECK_EQ(slot_same(x, y), v >= SMALL_INT_MIN && v <= SMALL_INT_MAX);
  CHECK_EQ(own_int(T, slot_take(T, y)), v);
  CHECK(slot_is_null(y));
}

static void ints(Thr *T) {
  static const int64_t at[] = {0, SMALL_INT_MIN, SMALL_INT_MAX, INT32_MIN, INT32_MAX, UINT32_MAX, INT64_MIN + 2, INT64_MAX - 2};
  for (size_t i = 0; i < sizeof at / sizeof *at; i++)
    for (int64_t d = -2; d <= 2; d++) check_int(T, at[i] + d);
}
Test(objects, ints) { everywhere(ints); }

static void singletons(Thr *T) {
  LET(T, none, none_new(T));
  LET(T, again, none_new(T));
  LET(T, yes, bool_new(T, true));
  LET(T, no, bool_new(T, false));
  LET(T, other, bool_new(T, 2 > 1));
  LET(T, one, int_new(T, 1));
  CHECK(slot_same(none, again) && slot_same(yes, other));
  CHECK(!slot_same(yes, no) && !slot_same(yes, one) && !slot_same(none, no));
  CHECK_EQ(int_value(T, yes), 1);
  CHECK_EQ(int_value(T, no), 0);
}
Test(objects, singletons) { everywhere(singletons); }

static void floats(Thr *T) {
  static const double at[] = {0, -0.0, 1, -1.5, 1e308, 5e-324, __builtin_inf()};
  for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
    LET(T, x, float_new(T, at[i]));
    double v = float_value(T, x);
    CHECK(!memcmp(&v, &at[i], sizeof v));
  }
}
Test(objects, floats) { everywhere(floats); }

static void check_string(Thr *T, const char *bytes, size_t n) {
  LET(T, s, str_new(T, bytes, n));
  made(T, s);
  CHECK_EQ(str_len(T, s), n);
  BORROW (T, r, s) CHECK(!memcmp(ref_bytes(r), bytes, n));
}

static void strings(Thr *T) {
  static char bytes[100000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 + i / 256);
  for (size_t n = 0; n < 100; n++) check_string(T, bytes + n, n);
  static const size_t at[] = {512, 4096, 8192, 16384, 65536, sizeof bytes - 20};
  for (size_t i = 0; i < sizeof at / sizeof *at; i++)
    for (size_t n = at[i] - 20; n <= at[i] + 20; n++) check_string(T, bytes, n);
}
Test(objects, strings) { everywhere(strings); }

static void check_number(Thr *T, const char *prefix, int64_t v, const char *want) {
  LET(T, s, str_new_int(T, prefix, v));
  CHECK_EQ(str_len(T, s), strlen(want));
  BORROW (T, r, s) CHECK(!memcmp(ref_bytes(r), want, strlen(want)));
}
static void numbers(Thr *T) {
  check_number(T, "", 0, "0");
  check_number(T, "key", 10, "key10");
  check_number(T, "k", -1, "k-1");
  check_number(T, "", INT64_MAX, "9223372036854775807");
  check_number(T, "", INT64_MIN, "-9223372036854775808");
}
Test(objects, numbers_in_strings) { everywhere(numbers); }

/* Every time it was full of something else before. */
static void raw(Thr *T) {
  static const size_t at[] = {0, 8, 16, 24, 504, 512, 8192, 16368, 16376, 65536, 4200000, 9000000};
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
      LET(T, x, raw_new(T, at[i]));
      made(T, x);
      size_t words = at[i] / 8, step = words / 1000 + 1;
      CHECK_EQ(raw_size(T, x), at[i]);
      for (size_t k = 0; k < words; k++) CHECK_EQ(raw_get(T, x, k), 0);
      for (size_t k = 0; k < words; k++) raw_set(T, x, k, (int64_t)~k);
      for (size_t k = 0; k < words; k += step) CHECK_EQ(raw_get(T, x, k), (int64_t)~k);
      BORROW (T, r, x) {
        CHECK_EQ(ref_kind(r), KIND_RAW);
        if (words) CHECK_EQ(ref_word(r, words - 1), (int64_t) ~(words - 1));
      }
    }
}
Test(objects, raw_memory) { everywhere(raw); }

/* --- Lists ----------------------------------------------------------------------------------------------------------------------------- */

enum { BOXED = SMALL_INT_MAX + 1 }; /* values from here on are objects */

static void fill(Thr *T, Slot *l, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; i++) {
    mm_poll(T);
    list_append(T, l, int_new(T, BOXED + i));
  }
}
static void expect_item(Thr *T, Slot *l, size_t i, int64_t v) {
  LET(T, x, list_get(T, l, i));
  CHECK(!slot_is_null(x));
  CHECK_EQ(int_value(T, x), v);
}
/* Items are BOXED + from, BOXED + from + 1, .. */
static void expect_items(Thr *T, Slot *l, int64_t from, int64_t n) {
  CHECK_EQ(list_len(T, l), n);
  for (int64_t i = 0; i < n; i++) expect_item(T, l, (size_t)i, BOXED + from + i);
  CHECK(own_is_null(list_get(T, l, (size_t)n)));
  CHECK(own_is_null(list_get(T, l, SIZE_MAX)));
}

static void list_empty(Thr *T) {
  LET(T, l, list_new(T, 0));
  made(T, l);
  CHECK_EQ(list_len(T, l), 0);
  CHECK(own_is_null(list_get(T, l, 0)));
  CHECK(own_is_null(list_pop(T, l)));
  LET(T, cut, list_slice(T, l, 0, 10));
  LET(T, sum, list_concat(T, l, cut));
  CHECK_EQ(list_len(T, cut), 0);
  CHECK_EQ(list_len(T, sum), 0);
  CHECK(!slot_same(l, cut));
  fill(T, l, 0, 1);
  expect_items(T, l, 0, 1);
  own_drop(T, list_pop(T, l));
  CHECK(own_is_null(list_pop(T, l)));
}
Test(lists, empty) { everywhere(list_empty); }

/* Through every capacity: small cells, large ones, runs of pages. */
static void list_grows(Thr *T) {
  LET(T, l, list_new(T, 0));
  made(T, l);
  int64_t n = times(20000, 300), step = 1;
  for (int64_t i = 0; i < n; i += step) {
    fill(T, l, i, i + step);
    expect_item(T, l, 0, BOXED);
    expect_item(T, l, (size_t)(i / 2), BOXED + i / 2);
    expect_item(T, l, (size_t)i, BOXED + i);
    if (i % 128 == 0) expect_items(T, l, 0, i + 1);
  }
  for (int64_t i = n; i-- > 0;) {
    CHECK_EQ(own_int(T, list_pop(T, l)), BOXED + i);
    CHECK_EQ(list_len(T, l), i);
  }
}
Test(lists, grow_through_every_capacity) { everywhere(list_grows); }

/* An array of more than 4 MiB. */
static void list_huge(Thr *T) {
  int64_t n = times(1300000, 200);
  LET(T, l, list_new(T, 0));
  made(T, l);
  LET(T, x, int_new(T, BOXED));
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    list_append(T, l, i % 1000 ? slot_dup(T, x) : int_new(T, BOXED + i));
  }
  for (int64_t i = 0; i < n; i += 997) expect_item(T, l, (size_t)i, i % 1000 ? BOXED : BOXED + i);
}
Test(lists, huge) { everywhere_with_many_owners(list_huge); }

static void list_of_capacity(Thr *T) {
  for (int64_t n = 0; n < times(70, 20); n++) {
    LET(T, l, list_new(T, (size_t)n));
    made(T, l);
    fill(T, l, 0, 2 * n + 1);
    expect_items(T, l, 0, 2 * n + 1);
  }
}
Test(lists, capacity_asked_for) { everywhere(list_of_capacity); }

static void list_assigns(Thr *T) {
  int64_t n = times(3000, 60);
  LET(T, l, list_new(T, 0));
  made(T, l);
  fill(T, l, 0, n);
  for (int64_t i = 0; i < n; i++) {
    LET(T, was, list_get(T, l, (size_t)i));
    list_set(T, l, (size_t)i, int_new(T, BOXED + n + i));
    CHECK_EQ(int_value(T, was), BOXED + i); /* replaced, but held here */
  }
  expect_items(T, l, n, n);
  list_set(T, l, (size_t)n, int_new(T, BOXED)); /* no such item: nothing happens */
  expect_items(T, l, n, n);
  list_set(T, l, 0, list_get(T, l, 0));
  expect_items(T, l, n, n);
}
Test(lists, assign) { everywhere_with_many_owners(list_assigns); }

static void list_slices(Thr *T) {
  enum { N = 20 };
  LET(T, l, list_new(T, 0));
  made(T, l);
  fill(T, l, 0, N);
  for (size_t from = 0; from <= N + 2; from++)
    for (size_t to = 0; to <= N + 3; to++) {
      LET(T, cut, list_slice(T, l, from, to > N + 2 ? SIZE_MAX : to));
      size_t end = to < N ? to : N, begin = from < end ? from : end;
      expect_items(T, cut, (int64_t)begin, (int64_t)(end - begin));
    }
  expect_items(T, l, 0, N);
  if (!MANY_OWNERS) return;
  LET(T, cut, list_slice(T, l, 3, 7)); /* a list of its own */
  list_set(T, cut, 0, int_new(T, BOXED));
  fill(T, cut, 7, 40);
  expect_item(T, l, 3, BOXED + 3);
  expect_item(T, cut, 36, BOXED + 39);
}
Test(lists, slices_are_clipped) { everywhere(list_slices); }

static void list_concats(Thr *T) {
  for (int64_t n = 0; n < times(40, 10); n += 3)
    for (int64_t m = 0; m < times(40, 10); m += 3) {
      LET(T, a, list_new(T, 0));
      LET(T, b, list_new(T, 0));
      made(T, a);
      fill(T, a, 0, n);
      fill(T, b, n, n + m);
      LET(T, both, list_concat(T, a, b));
      expect_items(T, both, 0, n + m);
      expect_items(T, a, 0, n);
      expect_items(T, b, n, m);
      LET(T, twice, list_concat(T, a, a));
      CHECK_EQ(list_len(T, twice), 2 * n);
      if (n) expect_item(T, twice, (size_t)(2 * n - 1), BOXED + n - 1);
    }
}
Test(lists, concatenate) { everywhere(list_concats); }

static void list_nested(Thr *T) {
  int64_t n = times(300, 30);
  LET(T, outer, list_new(T, 0));
  made(T, outer);
  for (int64_t i = 0; i < n; i++) {
    LET(T, row, list_new(T, 0));
    fill(T, row, i, i + 5);
    list_append(T, outer, slot_take(T, row));
  }
  for (int64_t i = 0; i < n; i++) {
    LET(T, row, list_get(T, outer, (size_t)i));
    fill(T, row, i + 5, i + 10);
  }
  for (int64_t i = 0; i < n; i++) {
    LET(T, row, list_get(T, outer, (size_t)i));
    expect_items(T, row, i, 10);
    BORROW (T, r, outer) {
      Ref items = ref_items(ref_item(ref_items(r), (size_t)i));
      CHECK_EQ(ref_len(items), 10);
      for (size_t k = 0; k < 10; k++) CHECK_EQ(ref_int(ref_item(items, k)), BOXED + i + (int64_t)k);
    }
  }
}
Test(lists, nested) { everywhere(list_nested); }

/* --- Tuples, arrays, nodes ---------------------------------------------------------------------------------------------------------------- */

static void tuples(Thr *T) {
  LET(T, chain, none_new(T));
  int64_t n = times(2000, 100);
  for (int64_t i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, first, int_new(T, BOXED + i));
    slot_set(T, chain, tuple_new2(T, first, slot_take(T, chain)));
    made(T, chain);
    CHECK(slot_is_null(first));
    CHECK_EQ(array_len(T, chain), 2);
    CHECK(own_is_null(array_get(T, chain, 2)));
  }
  for (int64_t i = n; i-- > 0;) {
    CHECK_EQ(own_int(T, array_get(T, chain, 0)), BOXED + i);
    slot_set(T, chain, array_get(T, chain, 1));
  }
}
Test(arrays, tuples) { everywhere_with_many_owners(tuples); }

static void boxed_arrays(Thr *T) {
  static const size_t at[] = {0, 1, 2, 61, 62, 63, 500, 1022, 1023, 2045, 2046, 2047, 2048, 10000, 600000};
  for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
    size_t n = at[k], step = n / 500 + 1;
    if (stressed && n > 10000) break;
    if (stressed) step = n / 10 + 1;
    LET(T, a, array_new(T, n));
    made(T, a);
    CHECK_EQ(array_len(T, a), n);
    for (size_t i = 0; i < n; i++) CHECK(own_is_null(array_get(T, a, i)));
    CHECK(own_is_null(array_get(T, a, n)));
    for (size_t i = 0; i < n; i += step) array_set(T, a, i, int_new(T, BOXED + (int64_t)i));
    for (size_t i = 0; i < n; i += step) {
      CHECK_EQ(own_int(T, array_get(T, a, i)), BOXED + (int64_t)i);
      if (step > 1 && i + 1 < n) CHECK(own_is_null(array_get(T, a, i + 1)));
    }
    array_set(T, a, n, int_new(T, BOXED)); /* no such item: nothing happens */
    if (n) array_set(T, a, n - 1, own_mk(T, NULL));
    if (n) CHECK(own_is_null(array_get(T, a, n - 1)));
    if (n) CHECK(own_is_null(array_swap(T, a, n - 1, int_new(T, BOXED + 1))));
    if (n) CHECK_EQ(own_int(T, array_swap(T, a, n - 1, int_new(T, BOXED + 2))), BOXED + 1);
    if (n) CHECK_EQ(own_int(T, array_get(T, a, n - 1)), BOXED + 2);
    CHECK_EQ(own_int(T, array_swap(T, a, n, int_new(T, BOXED + 3))), BOXED + 3); /* no such item: it comes back */
  }
}
Test(arrays, boxed) { everywhere(boxed_arrays); }

static void nodes(Thr *T) {
  for (unsigned n = 0; n <= 255; n += n < 10 ? 1 : 49) {
    LET(T, x, node_make(T, n, n));
    made(T, x);
    CHECK_EQ(node_edges(T, x), n);
    CHECK_EQ(node_value(T, x), n);
    node_set_value(T, x, INT64_MIN);
    for (unsigned i = 0; i < n; i++) CHECK(own_is_null(node_get(T, x, i)));
    for (unsigned i = 0; i < n; i++) node_set(T, x, i, node_leaf(T, BOXED + i));
    for (unsigned i = 0; i < n; i++) node_set(T, x, i, node_leaf(T, BOXED + 2 * i));
    for (unsigned i = 0; i < n; i++) {
      LET(T, e, node_get(T, x, i));
      CHECK_EQ(node_value(T, e), BOXED + 2 * i);
      CHECK_EQ(node_edges(T, e), 2);
    }
    BORROW (T, r, x) {
      CHECK_EQ(ref_edges(r), n);
      for (unsigned i = 0; i < n; i++) CHECK_EQ(ref_value(ref_edge(r, i)), BOXED + 2 * i);
    }
    CHECK_EQ(node_value(T, x), INT64_MIN);
  }
}
Test(nodes, edges) { everywhere(nodes); }

static void node_moves(Thr *T) {
  LET(T, l, node_leaf(T, 1));
  LET(T, x, node_new(T, 3, l, node_leaf(T, 2)));
  CHECK(slot_is_null(l));
  slot_set(T, l, node_take(T, x, 0));
  CHECK_EQ(node_value(T, l), 1);
  CHECK(own_is_null(node_get(T, x, 0)));
  CHECK(own_is_null(node_take(T, x, 0)));
  LET(T, r, node_get(T, x, 1));
  CHECK_EQ(node_value(T, r), 2);
  slot_set(T, x, node_new(T, 4, l, slot_take(T, x)));
  LET(T, inner, node_get(T, x, 1));
  CHECK_EQ(node_value(T, inner), 3);
  LET(T, with_none, node_new(T, 5, l, own_mk(T, NULL))); /* l is empty: both edges are */
  CHECK(own_is_null(node_get(T, with_none, 0)));
  CHECK(own_is_null(node_get(T, with_none, 1)));
}
Test(nodes, move_in_and_out) { everywhere(node_moves); }

static void slots(Thr *T) {
  LET(T, a, node_leaf(T, 1));
  LET(T, b, slot_dup(T, a));
  CHECK(slot_same(a, b));
  slot_set(T, a, node_leaf(T, 2));
  CHECK(!slot_same(a, b));
  CHECK_EQ(node_value(T, b), 1);
  slot_clear(T, b);
  CHECK(slot_is_null(b));
  slot_set(T, b, slot_take(T, a));
  CHECK(slot_is_null(a));
  CHECK_EQ(node_value(T, b), 2);
  slot_set(T, b, slot_dup(T, b));
  CHECK_EQ(node_value(T, b), 2);
  own_drop(T, slot_dup(T, b));
  own_drop(T, node_leaf(T, 3));
}
Test(slots, move_copy_clear) { everywhere_with_many_owners(slots); }

/* --- Dicts ------------------------------------------------------------------------------------------------------------------------------- */

static OWNED Own key_of(Thr *T, bool text, int64_t v) { return text ? str_new_int(T, "k", v) : int_new(T, v); }

/* Whether the key was new. */
static bool put(Thr *T, Slot *d, bool text, int64_t key, int64_t value) {
  LET(T, k, key_of(T, text, key));
  bool is_new = dict_put(T, d, k, int_new(T, BOXED + value));
  CHECK_EQ(slot_is_null(k), is_new); /* it moved in */
  return is_new;
}
enum { ABSENT = -1 };
static int64_t value_of(Thr *T, Own v) {
  LET(T, x, v);
  return slot_is_null(x) ? ABSENT : int_value(T, x) - BOXED;
}
static int64_t look_up(Thr *T, Slot *d, bool text, int64_t key) {
  LET(T, k, key_of(T, text, key));
  return value_of(T, dict_get(T, d, k));
}
static int64_t take_out(Thr *T, Slot *d, bool text, int64_t key) {
  LET(T, k, key_of(T, text, key));
  return value_of(T, dict_remove(T, d, k));
}

static void dict_empty(Thr *T) {
  LET(T, d, dict_new(T, 0));
  made(T, d);
  CHECK_EQ(dict_len(T, d), 0);
  CHECK_EQ(look_up(T, d, false, 1), ABSENT);
  CHECK_EQ(take_out(T, d, true, 1), ABSENT);
  for (size_t i = 0; i <= dict_capacity(T, d); i++) CHECK(own_is_null(dict_value_at(T, d, i)));
}
Test(dicts, empty) { everywhere(dict_empty); }

static void dict_grows_with(Thr *T, bool text) {
  int64_t n = times(6000, 120);
  LET(T, d, dict_new(T, 0));
  made(T, d);
  for (int64_t i = 0; i < n; i++) {
    CHECK(put(T, d, text, i * 3, i));
    CHECK_EQ(dict_len(T, d), i + 1);
    CHECK_EQ(look_up(T, d, text, i * 3), i);
    CHECK_EQ(look_up(T, d, text, i * 3 + 1), ABSENT);
  }
  for (int64_t i = 0; i < n; i++) CHECK(!put(T, d, text, i * 3, i + 1));
  for (int64_t i = 0; i < n; i++) CHECK_EQ(look_up(T, d, text, i * 3), i + 1);
  int64_t sum = 0;
  for (size_t i = 0, cap = dict_capacity(T, d); i < cap; i++) {
    int64_t v = value_of(T, dict_value_at(T, d, i));
    if (v != ABSENT) sum += v;
  }
  CHECK_EQ(sum, n * (n + 1) / 2);
  for (int64_t i = 0; i < n; i += 2) CHECK_EQ(take_out(T, d, text, i * 3), i + 1);
  for (int64_t i = 0; i < n; i++) CHECK_EQ(look_up(T, d, text, i * 3), i % 2 ? i + 1 : ABSENT);
  CHECK_EQ(dict_len(T, d), n / 2);
}
static void dict_grows(Thr *T) {
  dict_grows_with(T, false);
  dict_grows_with(T, true);
}
Test(dicts, grow_through_every_capacity) { everywhere(dict_grows); }

/* Room was asked for: it does not grow before it is used up. */
static void dict_room(Thr *T) {
  for (int64_t n = 0; n < times(100, 30); n++) {
    LET(T, d, dict_new(T, (size_t)n));
    size_t cap = dict_capacity(T, d);
    CHECK_EQ(cap & (cap - 1), 0);
    for (int64_t i = 0; i < n; i++) put(T, d, false, i, i);
    CHECK_EQ(dict_capacity(T, d), cap);
    CHECK(cap > (size_t)n);
  }
}
Test(dicts, room_asked_for) { everywhere(dict_room); }

static uint64_t hash_in_dict(Thr *T, int64_t key) {
  LET(T, d, dict_new(T, 1));
  put(T, d, false, key, 0);
  Table *t = ((Dict *)d->p_)->table;
  for (size_t i = 0; i < t->cap; i++)
    if (t->e[i].hash) return t->e[i].hash;
  return 0;
}

/* Keys whose homes lie in the last two and the first two places of a table of `cap`: one run across the end. */
enum { RUN = 5, RUN_CAP = 8 };
static void find_run_keys(Thr *T, int64_t keys[RUN]) {
  static const size_t homes[RUN] = {RUN_CAP - 2, RUN_CAP - 2, RUN_CAP - 1, 0, RUN_CAP - 1};
  int64_t candidate = 0;
  for (size_t i = 0; i < RUN; i++, candidate++) {
    while ((hash_in_dict(T, candidate) & (RUN_CAP - 1)) != homes[i]) candidate++;
    keys[i] = candidate;
  }
}

/* Calls f with every order of 0 .. RUN - 1. */
static void permute(Thr *T, int order[RUN], int n, void (*f)(Thr *, const int *)) {
  if (n == RUN) f(T, order);
  for (int i = n; i < RUN; i++) {
    int t = order[n];
    order[n] = order[i], order[i] = t;
    permute(T, order, n + 1, f);
    t = order[n];
    order[n] = order[i], order[i] = t;
  }
}
static int64_t run_keys[RUN];
static void remove_in_order(Thr *T, const int *order) {
  LET(T, d, dict_new(T, 1));
  made(T, d);
  for (int i = 0; i < RUN; i++) put(T, d, false, run_keys[i], i);
  CHECK_EQ(dict_capacity(T, d), RUN_CAP);
  bool gone[RUN] = {false};
  for (int i = 0; i < RUN; i++) {
    CHECK_EQ(take_out(T, d, false, run_keys[order[i]]), order[i]);
    gone[order[i]] = true;
    for (int k = 0; k < RUN; k++) CHECK_EQ(look_up(T, d, false, run_keys[k]), gone[k] ? ABSENT : k);
  }
}
static void dict_runs(Thr *T) {
  find_run_keys(T, run_keys);
  int order[RUN] = {0, 1, 2, 3, 4};
  permute(T, order, 0, remove_in_order);
}
Test(dicts, removal_shifts_runs_back_across_the_end) { everywhere(dict_runs); }

/* The table as full as it gets, so that runs are long; removed in an order of its own, and put back. */
static void dict_long_runs(Thr *T) {
  int64_t n = times(2730, 85); /* two thirds of 4096; of 128 */
  LET(T, d, dict_new(T, (size_t)n));
  made(T, d);
  for (int round = 0; round < 2; round++) {
    for (int64_t i = 0; i < n; i++) CHECK(put(T, d, false, i, i));
    for (int64_t i = 0; i < n; i++) CHECK_EQ(take_out(T, d, false, i * 1009 % n), i * 1009 % n);
    CHECK_EQ(dict_len(T, d), 0);
  }
}
Test(dicts, long_runs) { everywhere(dict_long_runs); }

/* The int whose hash in a dict equals that of 0: the hash of an int can be turned round. */
static int64_t twin_of_zero(void) {
  uint64_t odd = UINT64_C(0x9E3779B97F4A7C15), inverse = odd; /* Newton: each step doubles the right bits */
  for (int i = 0; i < 6; i++) inverse *= 2 - odd * inverse;
  return (int64_t)(inverse ^ inverse >> 32);
}
/* Equal hashes, different keys. */
static void dict_collisions(Thr *T) {
  LET(T, d, dict_new(T, 0));
  made(T, d);
  LET(T, s, str_new_int(T, "k", 7));
  int64_t like_string = ((Str *)s->p_)->hash, twin = twin_of_zero();
  CHECK_EQ(hash_in_dict(T, 0), hash_in_dict(T, twin));
  CHECK(put(T, d, false, 0, 1) && put(T, d, false, twin, 2));
  CHECK(put(T, d, true, 7, 3) && put(T, d, false, like_string, 4));
  CHECK_EQ(look_up(T, d, false, 0), 1);
  CHECK_EQ(look_up(T, d, false, twin), 2);
  CHECK_EQ(look_up(T, d, true, 7), 3);
  CHECK_EQ(look_up(T, d, false, like_string), 4);
  CHECK_EQ(take_out(T, d, false, 0), 1);
  CHECK_EQ(look_up(T, d, false, twin), 2);
  CHECK_EQ(take_out(T, d, true, 7), 3);
  CHECK_EQ(look_up(T, d, false, like_string), 4);
  CHECK_EQ(dict_len(T, d), 2);
}
Test(dicts, equal_hashes) { everywhere(dict_collisions); }

typedef struct Named {
  uint32_t hash;
  int32_t name;
} Named;
static int by_hash(const void *a, const void *b) {
  uint32_t x = ((const Named *)a)->hash, y = ((const Named *)b)->hash;
  return x < y ? -1 : x > y;
}
/* Two strings of equal hash, found by looking at many. */
static void string_twins(Thr *T) {
  enum { N = 400000 };
  Named *all = malloc(N * sizeof *all);
  CHECK(all);
  for (int32_t i = 0; i < N; i++) {
    mm_poll(T);
    LET(T, s, str_new_int(T, "k", i));
    all[i] = (Named){((Str *)s->p_)->hash, i};
  }
  qsort(all, N, sizeof *all, by_hash);
  int pairs = 0;
  LET(T, d, dict_new(T, 0));
  for (int32_t i = 1; i < N && pairs < 5; i++) {
    if (all[i].hash != all[i - 1].hash) continue;
    pairs++;
    CHECK(put(T, d, true, all[i].name, 1) && put(T, d, true, all[i - 1].name, 2));
    CHECK_EQ(take_out(T, d, true, all[i].name), 1);
    CHECK_EQ(look_up(T, d, true, all[i - 1].name), 2);
  }
  CHECK(pairs);
  free(all);
}
Test(dicts, strings_of_equal_hash) { in_heap(string_twins, 0); }

static int64_t add(Thr *T, Slot *d, bool text, int64_t key, int64_t by) {
  LET(T, k, key_of(T, text, key));
  return dict_add(T, d, k, by);
}
static void dict_adds(Thr *T) {
  LET(T, d, dict_new(T, 0));
  made(T, d);
  for (int text = 0; text < 2; text++)
    for (int64_t i = 0; i < times(500, 50); i++) {
      CHECK_EQ(add(T, d, text, BOXED + i, i), i);
      CHECK_EQ(add(T, d, text, BOXED + i, SMALL_INT_MAX), SMALL_INT_MAX + i);
      CHECK_EQ(add(T, d, text, BOXED + i, -SMALL_INT_MAX - 2 * i), -i);
      CHECK_EQ(add(T, d, text, BOXED + i, 0), -i);
    }
  CHECK_EQ(dict_len(T, d), 2 * times(500, 50));
}
Test(dicts, add_in_place) { everywhere(dict_adds); }

static void dict_records(Thr *T) {
  int64_t n = times(200, 20);
  LET(T, all, dict_new(T, 0));
  made(T, all);
  for (int64_t i = 0; i < n; i++) {
    LET(T, record, dict_new(T, 0));
    for (int64_t f = 0; f < 4; f++) put(T, record, true, f, i * f);
    LET(T, k, int_new(T, BOXED + i));
    dict_put(T, all, k, slot_take(T, record));
  }
  for (int64_t i = 0; i < n; i++) {
    LET(T, k, int_new(T, BOXED + i));
    LET(T, record, dict_get(T, all, k));
    CHECK(!put(T, record, true, 3, i));
    CHECK(put(T, record, true, 4, i));
    for (int64_t f = 0; f < 3; f++) CHECK_EQ(look_up(T, record, true, f), i * f);
    CHECK_EQ(look_up(T, record, true, 3), i);
  }
}
Test(dicts, of_dicts) { everywhere(dict_records); }

/* --- Generators ------------------------------------------------------------------------------------------------------------------------------ */

/* Yields word 0 .. word 1 - 1, boxed. */
static Own count_up(Thr *T, Slot *self) {
  int64_t at = gen_word(T, self, 0);
  if (at == gen_word(T, self, 1)) return gen_end(T, self);
  gen_set_word(T, self, 0, at + 1);
  gen_set_state(T, self, gen_state(T, self) + 1);
  return int_new(T, BOXED + at);
}
static OWNED Own counter(Thr *T, int64_t from, int64_t to) {
  LET(T, g, gen_new(T, count_up, 0, 2));
  gen_set_word(T, g, 0, from);
  gen_set_word(T, g, 1, to);
  return slot_take(T, g);
}
/* Squares of what reference 0 yields; reference 1 keeps the last of them. */
static Own square(Thr *T, Slot *self) {
  LET(T, x, gen_next_in(T, self, 0));
  if (slot_is_null(x)) return gen_end(T, self);
  int64_t v = int_value(T, x);
  gen_set_ref(T, self, 1, int_new(T, v * v));
  return gen_ref(T, self, 1);
}

static void generators(Thr *T) {
  for (int64_t n = 0; n < times(200, 20); n += 7) {
    LET(T, inner, counter(T, 0, n));
    LET(T, g, gen_new(T, square, 2, 0));
    gen_set_ref(T, g, 0, slot_take(T, inner));
    made(T, g);
    for (int64_t i = 0; i < n; i++) CHECK_EQ(own_int(T, gen_next(T, g)), (BOXED + i) * (BOXED + i));
    for (int i = 0; i < 3; i++) CHECK(own_is_null(gen_next(T, g)));
    CHECK_EQ(gen_state(T, g), GEN_DONE);
  }
}
Test(generators, pipelines) { everywhere(generators); }

/* Dropped half-way: what its frame holds goes with it. */
static void generators_dropped(Thr *T) {
  for (int64_t n = 0; n < times(100, 10); n++) {
    LET(T, inner, counter(T, 0, n));
    LET(T, g, gen_new(T, square, 2, 0));
    gen_set_ref(T, g, 0, slot_dup(T, inner));
    made(T, g);
    for (int64_t i = 0; i < n / 2; i++) own_drop(T, gen_next(T, g));
    slot_clear(T, g);
    CHECK_EQ(gen_word(T, inner, 0), n / 2);
    CHECK_EQ(gen_state(T, inner), n / 2);
  }
}
Test(generators, dropped_half_way) { everywhere_with_many_owners(generators_dropped); }

static Own nothing(Thr *T, Slot *self) { return gen_end(T, self); }
static void frames(Thr *T) {
  static const unsigned at[] = {0, 1, 2, 17, 255};
  for (size_t a = 0; a < sizeof at / sizeof *at; a++)
    for (unsigned words = 0; words < 300; words += 99) {
      unsigned refs = at[a];
      LET(T, g, gen_new(T, nothing, refs, words));
      for (unsigned i = 0; i < refs; i++) CHECK(own_is_null(gen_ref(T, g, i)));
      for (unsigned i = 0; i < words; i++) CHECK_EQ(gen_word(T, g, i), 0);
      for (unsigned i = 0; i < words; i++) gen_set_word(T, g, i, -(int64_t)i);
      for (unsigned i = 0; i < refs; i++) gen_set_ref(T, g, i, int_new(T, BOXED + i));
      for (unsigned i = 0; i < refs; i++) CHECK_EQ(own_int(T, gen_ref(T, g, i)), BOXED + i);
      for (unsigned i = 0; i < words; i++) CHECK_EQ(gen_word(T, g, i), -(int64_t)i);
      CHECK(own_is_null(gen_next(T, g)));
    }
}
Test(generators, frames_of_all_sizes) { everywhere(frames); }

static Own resumes_itself(Thr *T, Slot *self) { return gen_next(T, self); }
static void resume_twice(void *arg) {
  TestHeap *h = arg;
  Thr *T = heap_enter(h, 0);
  LET(T, g, gen_new(T, resumes_itself, 0, 0));
  own_drop(T, gen_next(T, g));
}
Test(generators, resumed_while_running_is_caught) {
  TestHeap h;
  heap_init(&h, 1);
  heap_open(&h);
  CHECK(gave_up(in_child(resume_twice, &h), RECLAIM_FAIL_CHECK, "resumed again"));
  heap_close(&h);
}
