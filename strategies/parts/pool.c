/* pool.c: see pool.h. Everything here is a slow path. */
#include "strategies/parts/pool.h"

enum { CARVE_BYTES = 2048, TRIM_MIN = 32 /* units a pool may hold before it is ever trimmed: 2 MiB */ };

void pool_init(Pool *P, Chunks *chunks, void (*exhausted)(void *), void *arg) {
  memset(P, 0, sizeof *P);
  P->chunks = chunks;
  P->exhausted = exhausted;
  P->exhausted_arg = arg;
}

/* Takes all that others freed. Their classes are read off the units. True when there was anything. */
static bool drain(Pool *P) {
  Cell *c = atomic_exchange_explicit(&P->remote, NULL, memory_order_acquire);
  if (!c) return false;
  while (c) {
    Cell *next = c->next;
    unsigned cls = unit_of(c)->cls;
    c->next = P->free[cls];
    P->free[cls] = c;
    c = next;
  }
  return true;
}

void pool_put_remote_list(Pool *owner, Cell *first, Cell *last) {
  Cell *head = atomic_load_explicit(&owner->remote, memory_order_relaxed);
  do last->next = head;
  while (!atomic_compare_exchange_weak_explicit(&owner->remote, &head, first, memory_order_release, memory_order_relaxed));
}
void pool_put_remote(Pool *owner, void *p) { pool_put_remote_list(owner, p, p); }

/* Which of n fresh cells comes i-th: that of the i-th address, unless they are shuffled. The step is a prime that no n is a multiple of. */
INLINE size_t carved(const Pool *P, size_t i, size_t n) { return MM_CHECK && P->shuffle ? (P->shuffle + i * 7919) % n : i; }

/* Links the next few never used cells of a unit: few, so that no page is touched long before it is needed. */
static void carve(Pool *P, Unit *u) {
  size_t n = CARVE_BYTES / u->cell, left = (size_t)(u->end - u->carve) / u->cell;
  if (n == 0) n = 1;
  if (n > left) n = left;
  Cell *list = P->free[u->cls];
  for (size_t i = n; i-- > 0;) { /* from the back, so that they are handed out in address order */
    Cell *c = (Cell *)(u->carve + carved(P, i, n) * u->cell);
    c->next = list;
    list = c;
  }
  P->free[u->cls] = list;
  u->carve += n * u->cell;
  if (MM_CHECK && P->shuffle) P->shuffle = (P->shuffle * 1664525 + 1013904223) | 1;
}

/* Onto the list of its own unit, whose number of local cells is `spare`. */
static void make_local(Pool *P, Unit *u, Cell *c) {
  if (!u->local) P->nlocal[u->cls]++;
  c->next = u->local;
  u->local = c;
  u->spare++;
}

void pool_put_local(Pool *P, void *p, bool check_owner) {
  Unit *u = unit_of(p);
  if (check_owner && UNLIKELY(u->owner != P))
    pool_put_remote(u->owner, p);
  else
    make_local(P, u, p);
}

/* All local cells of the next unit that has some become the class's list. */
static void take_local(Pool *P, unsigned cls) {
  Unit *u = P->next_local[cls];
  for (;; u = u->next) {
    if (!u) u = P->units[cls];
    if (u->local) break;
  }
  P->free[cls] = u->local;
  P->nlocal[cls]--;
  P->next_local[cls] = u->next;
  u->local = NULL;
  u->spare = 0;
}

/* Units from the chunks; when there are none, those of a trim. */
static Unit *get_run(Pool *P, size_t bytes) {
  bool out_of_memory;
  Unit *u = chunks_get(P->chunks, bytes, SIZE_MAX, &out_of_memory);
  if (UNLIKELY(!u)) {
    pool_trim(P);
    u = chunks_get(P->chunks, bytes, SIZE_MAX, &out_of_memory);
    if (!u) P->exhausted(P->exhausted_arg);
  }
  if (P->watch.grew) P->watch.grew(P->watch_arg);
  return u;
}

static Unit *new_unit(Pool *P, unsigned cls) {
  Unit *u = get_run(P, UNIT_BYTES);
  u->owner = P;
  u->local = NULL;
  u->cls = (uint16_t)cls;
  u->cell = (uint32_t)class_bytes(cls);
  u->next = P->units[cls];
  P->units[cls] = u;
  P->held++;
  return P->carving[cls] = u;
}

void *pool_get_slow(Pool *P, unsigned cls) {
  if (P->watch.wanted) P->watch.wanted(P->watch_arg);
  Unit *u = P->carving[cls];
  bool grows = !P->free[cls] && !P->nlocal[cls] && (!u || u->carve + u->cell > u->end);
  if (drain(P) && P->free[cls]) grows = false;
  if (grows && P->held >= TRIM_MIN && P->held - P->kept > P->kept / 2) {
    pool_trim(P);
    u = P->carving[cls];
  }
  if (!P->free[cls]) {
    if (P->nlocal[cls])
      take_local(P, cls);
    else
      carve(P, u && u->carve + u->cell <= u->end ? u : new_unit(P, cls));
  }
  Cell *c = P->free[cls];
  P->free[cls] = c->next;
  return c;
}

void *pool_get_large(Pool *P, size_t size) {
  Unit *u = get_run(P, size);
  u->owner = P;
  return unit_base(u);
}

void pool_put_large(Pool *P, void *p) { chunks_put(P->chunks, unit_of(p)); }

static unsigned cells_carved(const Unit *u) { return (unsigned)((size_t)(u->carve - unit_base(u)) / u->cell); }

static void trim_class(Pool *P, unsigned cls) {
  for (Cell *c = P->free[cls], *next; c; c = next) {
    next = c->next;
    make_local(P, unit_of(c), c);
  }
  P->free[cls] = NULL;
  P->next_local[cls] = NULL;
  Unit **link = &P->units[cls];
  for (Unit *u = *link, *next; u; u = next) {
    next = u->next;
    if (u->spare != cells_carved(u)) {
      link = &u->next;
      continue;
    }
    if (P->carving[cls] == u) P->carving[cls] = NULL;
    if (u->local) P->nlocal[cls]--;
    *link = next;
    P->held--;
    P->given_back++;
    chunks_put(P->chunks, u);
  }
}

void pool_trim(Pool *P) {
  P->trims++;
  if (P->watch.trimming) P->watch.trimming(P->watch_arg);
  drain(P);
  for (unsigned k = 1; k < CLASSES; k++) trim_class(P, k);
  P->kept = P->held;
}

/* --- Books ----------------------------------------------------------------------------------------------------------------- */

static void count_unit(void *ctx, Unit *u) {
  PoolUse *use = ctx;
  if (!u->owner) return;
  if (u->cell) {
    uint64_t used = cells_carved(u) - u->spare;
    use->objects += used;
    use->bytes += used * u->cell;
  } else {
    use->objects++;
    use->bytes += u->bytes;
  }
}

PoolUse pool_use(Pool *pools[], int n, Chunks *chunks) {
  PoolUse use = {0, 0};
  chunks_each(chunks, count_unit, &use);
  for (int i = 0; i < n; i++) {
    drain(pools[i]);
    for (unsigned k = 1; k < CLASSES; k++)
      for (Cell *c = pools[i]->free[k]; c; c = c->next) use.objects--, use.bytes -= class_bytes(k);
  }
  return use;
}
