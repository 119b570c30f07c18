/* spill.c: see spill.h. */
#include MM_STRATEGY_HEADER

#ifdef SPILL_OF
#include "strategies/parts/spill.h"
#include "strategies/parts/system.h"

enum { SLAB = 65536 };

typedef struct Slab {
  struct Slab *next;
  Spilled entry[(SLAB - sizeof(void *)) / sizeof(Spilled)];
} Slab;

void spill_init(Spill *S) {
  memset(S, 0, sizeof *S);
  for (int i = 0; i < SPILL_STRIPES; i++) pthread_mutex_init(&S->stripe[i].mutex, NULL);
}

void spill_destroy(Spill *S) {
  for (int i = 0; i < SPILL_STRIPES; i++) {
    pthread_mutex_destroy(&S->stripe[i].mutex);
    for (Slab *s = S->stripe[i].slabs, *next; s; s = next) next = s->next, system_free(s, sizeof *s);
  }
}

uint64_t spill_moves(Spill *S) {
  uint64_t n = 0;
  for (int i = 0; i < SPILL_STRIPES; i++) n += S->stripe[i].moves;
  return n;
}

void spill_reset(Spill *S) {
  for (int i = 0; i < SPILL_STRIPES; i++) S->stripe[i].moves = 0;
}

static SpillStripe *stripe_of(Spill *S, const Obj *o) {
  return &S->stripe[((uintptr_t)o * UINT64_C(0x9E3779B97F4A7C15)) >> 58 & (SPILL_STRIPES - 1)];
}

/* The stripe of o, locked. */
static SpillStripe *enter(Thr *T, const Obj *o) {
  SpillStripe *s = stripe_of(SPILL_OF(T), o);
  pthread_mutex_lock(&s->mutex);
  s->moves++;
  return s;
}
static void leave(SpillStripe *s) { pthread_mutex_unlock(&s->mutex); }

static Spilled *find(const SpillStripe *s, const Obj *o) {
  Spilled *e = s->entries;
  while (e && e->o != o) e = e->next;
  return e;
}

static void refill(Thr *T, SpillStripe *s) {
  Slab *slab = system_new(sizeof *slab);
  if (!slab) T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "no memory for counts that do not fit their headers");
  slab->next = s->slabs;
  s->slabs = slab;
  for (size_t i = 0; i < sizeof slab->entry / sizeof *slab->entry; i++) {
    slab->entry[i].next = s->unused;
    s->unused = &slab->entry[i];
  }
}

static Spilled *find_or_make(Thr *T, SpillStripe *s, Obj *o) {
  Spilled *e = find(s, o);
  if (e) return e;
  if (!s->unused) refill(T, s);
  e = s->unused;
  s->unused = e->next;
  *e = (Spilled){.next = s->entries, .o = o};
  s->entries = e;
  return e;
}

static void drop_entry(SpillStripe *s, Spilled *e) {
  Spilled **link = &s->entries;
  while (*link != e) link = &(*link)->next;
  *link = e->next;
  e->next = s->unused;
  s->unused = e;
}

/* Adds `units` to the shared count and makes SPILLED what the entry (NULL: none) asks for; an empty entry goes. The new word. */
static uint32_t add(SpillStripe *s, Spilled *e, Obj *o, int32_t units) {
  bool is = e && (e->local || e->shared), was = load_relaxed(&o->count) & BIASED_SPILLED;
  uint32_t by = (uint32_t)(units * BIASED_UNIT) + (is - was) * (uint32_t)BIASED_SPILLED;
  if (e && !is) drop_entry(s, e);
  return by ? BIASED_ADD(&o->count, by, ACQ_REL) + by : load_relaxed(&o->count);
}

static void set_local(Obj *o, uint32_t n) {
  uint32_t flags = load_relaxed(&o->bits) & (BIASED_LOCAL - 1);
  store_relaxed(&o->bits, (uint8_t)(flags | n * BIASED_LOCAL));
}

void spill_publish(Thr *T, Obj *o, uint32_t id, uint32_t count) {
  bool owned = id != BIASED_NOBODY;
  uint32_t field = owned ? count <= BIASED_LOCAL_MAX ? count : SPILL_ROOM : count < BIASED_SPILL ? count : SPILL_CHUNK;
  store_relaxed(&o->count, biased_published(id, field));
  if (owned) set_local(o, field);
  if (field == count) return;
  SpillStripe *s = enter(T, o);
  Spilled *e = find_or_make(T, s, o);
  *(owned ? &e->local : &e->shared) = (int64_t)count - field;
  add(s, e, o, 0);
  leave(s);
}

void spill_forget(Thr *T, Obj *o) {
  SpillStripe *s = enter(T, o);
  Spilled *e = find(s, o);
  if (e) drop_entry(s, e);
  leave(s);
}

void spill_own_up(Thr *T, Obj *o) {
  SpillStripe *s = enter(T, o);
  Spilled *e = find_or_make(T, s, o);
  uint32_t have = biased_local(load_relaxed(&o->bits)) + 1;
  e->local += have - SPILL_ROOM;
  set_local(o, SPILL_ROOM);
  add(s, e, o, 0);
  leave(s);
}

bool spill_own_down(Thr *T, Obj *o) {
  SpillStripe *s = enter(T, o);
  Spilled *e = find(s, o);
  bool spilled = e && e->local;
  if (spilled) {
    uint32_t n = e->local < SPILL_ROOM ? (uint32_t)e->local : SPILL_ROOM;
    e->local -= n;
    set_local(o, n);
    add(s, e, o, 0);
  }
  leave(s);
  return spilled;
}

/* What should be added to a shared count for it to be well between its bounds, given that the table has `rest` of it. */
static int32_t wanted(uint32_t word, int64_t rest) {
  int32_t shared = biased_shared(word);
  if (shared >= BIASED_SPILL) return -SPILL_CHUNK;
  if (shared <= -BIASED_SPILL) return SPILL_CHUNK;
  if (rest > 0 && shared <= 0) return rest < SPILL_CHUNK ? (int32_t)rest : SPILL_CHUNK;
  if (rest < 0 && !biased_owner(word))
    return rest > -SPILL_CHUNK ? (int32_t)rest : -SPILL_CHUNK; /* merged: the sum is not negative */
  return 0;
}

bool spill_settle(Thr *T, Obj *o) {
  SpillStripe *s = enter(T, o);
  uint32_t word = load_relaxed(&o->count);
  Spilled *e = find(s, o);
  bool dead = false;
  if (e && !biased_owner(word)) {
    e->shared += e->local;
    e->local = 0;
    if (!e->shared) {
      dead = add(s, e, o, 0) == 0;
      e = NULL;
    }
  }
  for (int32_t by; !dead && (by = wanted(word, e ? e->shared : 0));) {
    if (!e) e = find_or_make(T, s, o);
    e->shared -= by;
    bool goes = !e->shared && !e->local;
    word = add(s, e, o, by);
    dead = word == 0;
    if (goes) e = NULL;
  }
  leave(s);
  return dead;
}

int64_t spill_of(Spill *S, const Obj *o) {
  SpillStripe *s = stripe_of(S, o);
  pthread_mutex_lock(&s->mutex);
  const Spilled *e = find(s, o);
  int64_t n = e ? e->local + e->shared : 0;
  pthread_mutex_unlock(&s->mutex);
  return n;
}
#endif
