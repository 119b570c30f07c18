/* births.c: see births.h. */
#include MM_STRATEGY_HEADER

#ifdef RECLAIM_PARTS_BIRTHS_H
#include "strategies/parts/births.h"

#if MM_MALLOC

enum { LOOK_AFTER = 256 /* objects */ };

void births_init(Births *B, bool huge_pages) {
  (void)huge_pages;
  memset(B, 0, sizeof *B);
}

static void free_kept(void *cells, Obj *o) { cell_put(cells, o, births_size(o), 0, false); }
void births_destroy(Births *B, BirthsThread *threads[], int n) {
  for (int i = 0; i < n; i++) {
    BirthsThread *t = threads[i];
    while (t->young.n) free_kept(&t->cells, t->young.v[--t->young.n]);
    stack_free(&t->young);
    if (i == 0) census_each(&B->kept, free_kept, &t->cells);
    cells_flush(&t->cells);
  }
  census_destroy(&B->kept);
}
void births_attach(BirthsThread *t, Births *B, uint32_t freelist_cap, void (*exhausted)(void *), void *arg) {
  (void)B;
  cells_init(&t->cells, NULL, freelist_cap, exhausted, arg);
}

void *births_get(Births *B, BirthsThread *t, size_t size) {
  (void)B;
  t->room = t->young.n + LOOK_AFTER;
  while (t->young.cap < t->room) stack_grow(&t->young);
  void *p = cell_get(&t->cells, size, 0);
  t->young.v[t->young.n++] = p;
  return p;
}

uint64_t births_new(const Births *B, const BirthsThread *t) {
  (void)B;
  return t->young.n;
}

void births_begin(Births *B) { (void)B; }

void births_settle(Births *B, BirthsThread *t) {
  enum { AHEAD = 8 };
  size_t n = t->young.n;
  for (size_t i = 0; i < n; i++) {
    if (i + AHEAD < n) __builtin_prefetch(t->young.v[i + AHEAD]);
    Obj *o = t->young.v[i];
    if (LIKELY(is_new(o))) {
      size_t size = births_size(o);
      BIRTHS_POISON(o, size);
      cell_put(&t->cells, o, size, 0, false);
    } else if (UNLIKELY(!census_add(&B->kept, o))) {
      t->cells.exhausted(t->cells.exhausted_arg);
    }
  }
  t->young.n = t->room = 0;
}

void births_turn(Births *B, BirthsThread *t, bool leaves) {
  (void)B;
  if (leaves) cells_flush(&t->cells);
  t->bytes_before = t->cells.bytes;
}
void births_trim(Births *B) { (void)B; }

BirthsUse births_use(Births *B, BirthsThread *threads[], int n) {
  (void)B;
  int64_t objects = 0, bytes = 0;
  for (int i = 0; i < n; i++) objects += threads[i]->cells.objects, bytes += threads[i]->cells.bytes;
  return (BirthsUse){(uint64_t)objects, (uint64_t)bytes};
}
size_t births_held(Births *B, BirthsThread *threads[], int n) { return births_use(B, threads, n).bytes; }

#else

void births_init(Births *B, bool huge_pages) { fits_init(B, huge_pages); }
void births_destroy(Births *B, BirthsThread *threads[], int n) {
  (void)threads, (void)n;
  fits_destroy(B);
}
void births_attach(BirthsThread *t, Births *B, uint32_t freelist_cap, void (*exhausted)(void *), void *arg) {
  (void)t, (void)B, (void)freelist_cap, (void)exhausted, (void)arg;
}

void *births_get(Births *B, BirthsThread *t, size_t size) {
  if (size > CELL_MAX) return fits_get_large(B, t, size);
  return fits_get_slow(B, t, class_of(size));
}
uint64_t births_new(const Births *B, const BirthsThread *t) { return fits_new_objects(B, t); }
void births_begin(Births *B) { fits_begin(B); }
void births_settle(Births *B, BirthsThread *t) { fits_drop_large(B, t); }

void births_turn(Births *B, BirthsThread *t, bool leaves) { fits_turn(B, t, leaves); }
void births_trim(Births *B) { fits_trim(B); }

static void use_unit(void *use, Unit *u) {
  BirthsUse *sum = use;
  uint64_t n = u->cell ? count_marks(u) : fits_kept(unit_base(u));
  sum->objects += n;
  sum->bytes += n * (u->cell ? u->cell : u->bytes);
}
BirthsUse births_use(Births *B, BirthsThread *threads[], int n) {
  (void)threads, (void)n;
  BirthsUse use = {0, 0};
  chunks_each(&B->chunks, use_unit, &use);
  return use;
}
size_t births_held(Births *B, BirthsThread *threads[], int n) {
  (void)threads, (void)n;
  return chunks_committed(&B->chunks);
}
#endif
#endif
