/* statics.c: see statics.h. */
#include MM_STRATEGY_HEADER

#ifdef STATICS_OF
#include "strategies/parts/statics.h"
#include "strategies/parts/counting.h"
#include "strategies/parts/system.h"

#define BEFORE_BYTES (STATICS_MAX * sizeof(int64_t))
#define UNUSED_BYTES (STATICS_MAX * sizeof(uint16_t))
#define COUNTS_BYTES (STATICS_MAX * sizeof(int32_t))

bool statics_init(Statics *S, int how) {
  memset(S, 0, sizeof *S);
  pthread_mutex_init(&S->mutex, NULL);
  S->how = how;
  if (how != STATICS_PER_THREAD) return true;
  S->before = system_new(BEFORE_BYTES);
  S->unused = system_new(UNUSED_BYTES);
  return S->before && S->unused;
}
void statics_destroy(Statics *S) {
  system_free(S->before, BEFORE_BYTES);
  system_free(S->unused, UNUSED_BYTES);
  pthread_mutex_destroy(&S->mutex);
}

bool statics_counts(Statics *S, int32_t **counts) {
  *counts = NULL;
  return S->how != STATICS_PER_THREAD || (*counts = system_new(COUNTS_BYTES));
}
void statics_counts_free(int32_t *counts) { system_free(counts, COUNTS_BYTES); }

/* None, the bools and small ints: static for ever. */
static bool is_immortal_by_nature(Thr *T, const Obj *o) {
  return (const Int *)o >= T->small && (const Int *)o < T->small + IMMORTALS;
}

/* --- Making ------------------------------------------------------------------------------------------------------------------------- */

#if COUNT_BIASED
int64_t statics_sum(Thr *T, uint32_t n) {
  int64_t sum = STATICS_OF(T)->before[n];
  for (int i = 0; i < T->heap->nthreads; i++) sum += T->heap->threads[i]->apart[n];
  return sum;
}

/* False: no number is left. */
static bool number(Statics *S, Obj *o, int64_t count) {
  if (!S->nunused && S->numbers == STATICS_MAX) return false;
  uint32_t n = S->nunused ? S->unused[--S->nunused] : S->numbers++;
  S->before[n] = count;
  store_relaxed(&o->count, n << 16 | BIASED_NOBODY);
  return true;
}
#endif

static void make_static(Thr *T, Obj *o) {
  Statics *S = STATICS_OF(T);
#if COUNT_BIASED
  if (S->how == STATICS_PER_THREAD) {
    uint32_t word = load_relaxed(&o->count);
    if (!number(S, o, (int64_t)count_of_published(T, o))) return;
    if (word & BIASED_SPILLED) spill_forget(T, o);
    o->bits = (uint8_t)((o->bits & (BIASED_LOCAL - 1)) | OBJ_IMMORTAL);
    S->made++;
    return;
  }
  if (load_relaxed(&o->count) & BIASED_SPILLED) spill_forget(T, o);
#endif
  store_relaxed(&o->count, COUNT_IMMORTAL);
  o->bits |= OBJ_IMMORTAL;
  S->made++;
}

typedef struct Walk {
  Thr *T;
  Stack *all; /* what was reached, each once; the first `done` of them were looked at */
} Walk;

static void visit_mortal(void *walk, Obj **field) {
  Walk *w = walk;
  Obj *o = *field;
  if (!o || (load_relaxed(&o->bits) & OBJ_IMMORTAL)) return;
  make_static(w->T, o);
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) stack_push(w->all, o);
}

void mm_share_static_slow(Thr *T, Obj **slot) {
  mm_share_slow(T, slot);
  Statics *S = STATICS_OF(T);
  if (S->how == STATICS_COUNTED) return;
  Stack all = {0};
  Walk w = {T, &all};
  pthread_mutex_lock(&S->mutex);
  visit_mortal(&w, slot);
  for (size_t i = 0; i < all.n; i++) obj_visit(all.v[i], visit_mortal, &w);
  pthread_mutex_unlock(&S->mutex);
  stack_free(&all);
}

/* --- Ending ------------------------------------------------------------------------------------------------------------------------- */

static void visit_static(void *walk, Obj **field) {
  Walk *w = walk;
  Obj *o = *field;
  if (!o || is_immortal_by_nature(w->T, o)) return;
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) {
    o->bits &= (uint8_t)~OBJ_IMMORTAL;
    stack_push(w->all, o);
    if (STATICS_OF(w->T)->how == STATICS_IMMORTAL) o->count = 0;
  }
  if (STATICS_OF(w->T)->how == STATICS_IMMORTAL) o->count++; /* one for each field that leads to it */
}

#if COUNT_BIASED
/* What all threads have counted of number n, which is free again. */
static int64_t end_number(Thr *T, uint32_t n) {
  Statics *S = STATICS_OF(T);
  int64_t sum = statics_sum(T, n);
  for (int i = 0; i < T->heap->nthreads; i++) T->heap->threads[i]->apart[n] = 0;
  S->unused[S->nunused++] = (uint16_t)n;
  return sum;
}
#endif

void mm_end_static_slow(Thr *T, Obj **slot) {
  Statics *S = STATICS_OF(T);
  if (!(load_relaxed(&(*slot)->bits) & OBJ_IMMORTAL) || is_immortal_by_nature(T, *slot)) return;
  Stack all = {0};
  Walk w = {T, &all};
  pthread_mutex_lock(&S->mutex);
  visit_static(&w, slot);
  for (size_t i = 0; i < all.n; i++) obj_visit(all.v[i], visit_static, &w);
#if COUNT_BIASED
  for (size_t i = 0; i < all.n; i++) {
    Obj *o = all.v[i];
    spill_publish(T, o, BIASED_NOBODY, S->how == STATICS_IMMORTAL ? o->count : (uint32_t)end_number(T, o->count >> 16));
  }
#endif
  pthread_mutex_unlock(&S->mutex);
  stack_free(&all);
}
#endif
