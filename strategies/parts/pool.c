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

void pool_put_remote(Pool *owner, void *p) {
  Cell *c = p, *head = atomic_load_explicit(&owner->remote, memory_order_relaxed);
  do c->next = head;
  while (!atomic_compare_exchange_weak_explicit(&owner->remote, &head, c, memory_order_release, memory_order_relaxed));
}

/* Links the next few never used cells of a unit: few, so that no page is touched long before it is needed. */
static void carve(Pool *P, Unit *u) {
  size_t n = CARVE_BYTES / u->cell, left = (size_t)(u->end - u->carve) / u->cell;
  if (n == 0) n = 1;
  if (n > left) n = left;
  Cell *list = P->free[u->cls];
  for (size_t i = n; i-- > 0;) { /* from the back, so that they are handed out in address order */
    Cell *c = (Cell *)(u->carve + i * u->cell);
    c->next = list;
    list = c;
  }
  P->free[u->cls] = list;
  u->carve += n * u->cell;
}

void *pool_get_slow(Pool *P, unsigned cls) {
  if (!(drain(P) && P->free[cls])) {
    Unit *u = P->carving[cls];
    if (!u || u->carve + u->cell > u->end) {
      if (P->held >= TRIM_MIN && P->held - P->kept > P->kept / 2) {
        pool_trim(P);
        if (P->free[cls]) goto have; /* a partly used unit got its cells back in order */
      }
      u = chunks_get(P->chunks, UNIT_BYTES);
      if (!u) {
        pool_trim(P);
        u = chunks_get(P->chunks, UNIT_BYTES);
        if (!u) P->exhausted(P->exhausted_arg);
      }
      u->owner = P;
      u->cls = (uint16_t)cls;
      u->cell = (uint32_t)class_bytes(cls);
      u->next = P->units;
      P->units = u;
      P->held++;
      P->carving[cls] = u;
    }
    carve(P, u);
  }
have:;
  Cell *c = P->free[cls];
  P->free[cls] = c->next;
  return c;
}

void *pool_get_large(Pool *P, size_t size) {
  Unit *u = chunks_get(P->chunks, size);
  if (!u) {
    pool_trim(P);
    u = chunks_get(P->chunks, size);
    if (!u) P->exhausted(P->exhausted_arg);
  }
  u->owner = P;
  return unit_base(u);
}

void pool_put_large(Pool *P, void *p) { chunks_put(P->chunks, unit_of(p)); }

static unsigned cells_carved(const Unit *u) { return (unsigned)((size_t)(u->carve - unit_base(u)) / u->cell); }

/* Two passes over the free lists: count free cells per unit (in `spare`), then drop those of empty units from the lists. */
void pool_trim(Pool *P) {
  P->trims++;
  drain(P);
  for (Unit *u = P->units; u; u = u->next) u->spare = 0;
  for (unsigned k = 1; k < CLASSES; k++)
    for (Cell *c = P->free[k]; c; c = c->next) unit_of(c)->spare++;
  for (unsigned k = 1; k < CLASSES; k++) {
    Cell **link = &P->free[k];
    for (Cell *c = *link; c; c = c->next) {
      Unit *u = unit_of(c);
      if (u->spare != cells_carved(u)) {
        *link = c;
        link = &c->next;
      }
    }
    *link = NULL;
  }
  Unit **link = &P->units;
  for (Unit *u = *link, *next; u; u = next) {
    next = u->next;
    if (u->spare == cells_carved(u)) {
      if (P->carving[u->cls] == u) P->carving[u->cls] = NULL;
      *link = next;
      P->held--;
      P->given_back++;
      chunks_put(P->chunks, u);
    } else {
      link = &u->next;
    }
  }
  P->kept = P->held;
}

/* --- Books ----------------------------------------------------------------------------------------------------------------- */

static void count_unit(void *ctx, Unit *u) {
  PoolUse *use = ctx;
  if (!u->owner) return;
  if (u->cell) {
    use->objects += cells_carved(u);
    use->bytes += (uint64_t)cells_carved(u) * u->cell;
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
