/* verify.c: see verify.h. */
#include "strategies/parts/verify.h"

#include <stdlib.h>

#include "strategies/parts/stack.h"
#include "strategies/parts/system.h"

/* Open addressing; an address is never NULL. */
typedef struct Walk {
  const Verify *v;
  VerifyMemory *m;
  Obj *holder;
  size_t n;
} Walk;

enum { CAPACITY_MIN = 1024, KEPT_MAX = 8192 };

static void set_capacity(VerifyMemory *m, size_t capacity) {
  m->capacity = capacity;
  m->seen = system_new(capacity * sizeof *m->seen);
  if (!m->seen) abort();
}

static bool enter(Walk *w, Obj *o);

static void grow(Walk *w) {
  VerifyMemory old = *w->m;
  set_capacity(w->m, 2 * old.capacity);
  w->n = 0;
  for (size_t i = 0; i < old.capacity; i++)
    if (old.seen[i]) enter(w, old.seen[i]);
  system_free(old.seen, old.capacity * sizeof *old.seen);
}

/* False: it was there. */
static bool enter(Walk *w, Obj *o) {
  VerifyMemory *m = w->m;
  if (2 * w->n >= m->capacity) grow(w);
  size_t i = ((uintptr_t)o >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20;
  while (m->seen[i &= m->capacity - 1]) {
    if (m->seen[i] == o) return false;
    i++;
  }
  m->seen[i] = o;
  w->n++;
  return true;
}

static void reach(void *walk, Obj **field) {
  Walk *w = walk;
  Obj *o = *field;
  if (!o) return;
  w->v->reference(w->v->ctx, w->holder, field);
  if (enter(w, o)) stack_push(&w->m->list, o);
}

void verify_free(VerifyMemory *m) {
  stack_free(&m->list);
  system_free(m->seen, m->capacity * sizeof *m->seen);
  m->seen = NULL;
  m->capacity = 0;
}

uint64_t verify_reachable(const Verify *v, VerifyMemory *m) {
  Walk w = {.v = v, .m = m};
  uint64_t n = 0;
  if (m->capacity)
    memset(m->seen, 0, m->capacity * sizeof *m->seen);
  else
    set_capacity(m, CAPACITY_MIN);
  v->roots(v->ctx, reach, &w);
  while (m->list.n) {
    Obj *o = w.holder = m->list.v[--m->list.n];
    n += !(o->bits & OBJ_IMMORTAL);
    v->object(v->ctx, o);
    obj_visit(o, reach, &w);
  }
  if (m->capacity > KEPT_MAX) verify_free(m);
  return n;
}
