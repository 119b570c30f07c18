/* fits.c: see fits.h. */
#include "strategies/parts/fits.h"

/* Runs are handed out in pieces, so that a class of which little is made takes little of an epoch's volume. */
enum { PIECE = 8192 };

void fits_init(Fits *F, bool huge_pages) {
  memset(F, 0, sizeof *F);
  chunks_init(&F->chunks, huge_pages);
  pthread_mutex_init(&F->mutex, NULL);
  for (unsigned cls = 1; cls < CLASSES; cls++) {
    F->cells[cls] = (uint32_t)(UNIT_BYTES / class_bytes(cls));
    F->worth[cls] = (F->cells[cls] + 3) / 4;
  }
}

void fits_destroy(Fits *F) {
  chunks_destroy(&F->chunks);
  pthread_mutex_destroy(&F->mutex);
}

/* --- Allocation ------------------------------------------------------------------------------------------------------------------ */

static Unit *pop(Unit **list) {
  Unit *u = *list;
  if (u) *list = u->next;
  return u;
}
static void push(Unit **list, Unit *u) {
  u->next = *list;
  *list = u;
}

static Unit *fresh_block(Fits *F, unsigned cls) {
  bool out_of_memory;
  Unit *u = chunks_get(&F->chunks, UNIT_BYTES, SIZE_MAX, &out_of_memory);
  if (!u) return NULL;
  u->cls = (uint16_t)cls;
  u->cell = (uint32_t)class_bytes(cls);
  u->end = unit_base(u) + (size_t)F->cells[cls] * u->cell;
  return u;
}

static Unit *next_block(Fits *F, FitsThread *t, unsigned cls) {
  Unit *u = pop(&t->hot[cls]);
  if (u) return u;
  if (load_relaxed(&F->cold[cls])) { /* a hint: another thread may take it */
    pthread_mutex_lock(&F->mutex);
    u = F->cold[cls];
    if (u) store_relaxed(&F->cold[cls], u->next);
    pthread_mutex_unlock(&F->mutex);
  }
  if (!u) u = fresh_block(F, cls);
  if (u) u->state = FITS_OWNED, u->spare = UINT32_MAX;
  return u;
}

/* Between crowded cells a run is short, and begins and ends in one word of bits: its cells [*from, *to) at or after p, or false. */
INLINE bool short_run(char *p, size_t cell, char **from, char **to) {
  unsigned at = ((uintptr_t)p >> GRANULE_SHIFT) & 63;
  uint64_t bits = *mark_word(p) >> at, free = ~bits & cell_starts(cell) & (~UINT64_C(0) >> at);
  if (!free) return false;
  unsigned first = (unsigned)__builtin_ctzll(free);
  bits >>= first;
  if (!bits) return false;
  *from = p + ((size_t)first << GRANULE_SHIFT);
  *to = *from + ((size_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
  return true;
}

/* The next piece of a run at or after p, and the first cell of it; NULL when the block has none. */
INLINE void *next_piece(FitsThread *t, Run *r, unsigned cls, char *p) {
  size_t cell = r->block->cell;
  char *end = r->block->end, *to;
  if (UNLIKELY(p == end)) return NULL;
  if (!short_run(p, cell, &p, &to)) {
    p = next_free(p, end, cell, cell_starts(cell));
    if (p == end) return NULL;
    char *most = p + (cell < PIECE ? PIECE / cell * cell : cell);
    to = next_marked(p, most < end ? most : end);
  }
  r->cur = p + cell;
  r->end = to;
  t->taken[cls] += (size_t)(to - p);
  t->volume += (size_t)(to - p);
  return p;
}

void *fits_get_next(FitsThread *t, unsigned cls) {
  Run *r = &t->run[cls];
  if (!r->block || t->volume >= t->budget) return NULL;
  return next_piece(t, r, cls, r->end);
}

void *fits_get_slow(Fits *F, FitsThread *t, unsigned cls) {
  Run *r = &t->run[cls];
  void *p = r->block ? next_piece(t, r, cls, r->end) : NULL;
  while (!p) {
    if (r->block) push(&t->used[cls], r->block);
    r->cur = r->end = NULL;
    r->block = next_block(F, t, cls);
    if (!r->block) return NULL;
    p = next_piece(t, r, cls, unit_base(r->block));
  }
  return p;
}

void *fits_get_large(Fits *F, FitsThread *t, size_t size) {
  bool out_of_memory;
  Unit *u = chunks_get(&F->chunks, size, SIZE_MAX, &out_of_memory);
  if (!u) return NULL;
  u->spare = 1;
  push(&t->large, u);
  t->nlarge++;
  t->volume += u->bytes;
  return unit_base(u);
}

/* --- The end of an epoch ----------------------------------------------------------------------------------------------------------- */

void fits_begin(Fits *F) {
  enum { LITTLE = 8 << 20 };
  size_t now = chunks_committed(&F->chunks);
  F->recent -= F->recent / 64;
  if (F->recent < now) F->recent = now;
  store_relaxed(&F->chunks.ceiling, F->recent + F->recent / 4 + LITTLE);
}

uint64_t fits_new_objects(const Fits *F, const FitsThread *t) {
  (void)F;
  uint64_t n = t->nlarge;
  for (unsigned cls = 1; cls < CLASSES; cls++)
    if (t->taken[cls]) n += (t->taken[cls] - (uint64_t)(t->run[cls].end - t->run[cls].cur)) / class_bytes(cls);
  return n;
}

void fits_drop_large(Fits *F, FitsThread *t) {
  for (Unit *u; (u = pop(&t->large));)
    if (!fits_kept(unit_base(u))) chunks_put(&F->chunks, u);
  t->nlarge = 0;
}

static void cool(Fits *F, Unit *u, unsigned live) {
  u->state = FITS_COLD;
  u->spare = live;
  push(&F->cold[u->cls], u);
}

void fits_event(Fits *F, Unit *u) {
  if (!u->cell)
    chunks_put(&F->chunks, u);
  else if (u->state == FITS_FULL)
    cool(F, u, F->cells[u->cls] - F->worth[u->cls]);
  else
    F->emptied[u->cls] = true;
}

/* A block of which so many cells are kept, and that its thread gives up. */
static void give_up(Fits *F, Unit *u, unsigned live) {
  unsigned spare = F->cells[u->cls] - live;
  if (live == 0) {
    chunks_put(&F->chunks, u);
  } else if (spare >= F->worth[u->cls]) {
    cool(F, u, live);
  } else {
    u->state = FITS_FULL;
    u->spare = F->worth[u->cls] - spare;
  }
}

#if MM_CHECK
/* What was handed out and is not kept, up to `end`, is overwritten, so that whoever still reads it is found. */
static void poison(Unit *u, char *end) {
  for (char *p = unit_base(u); p < end; p += u->cell)
    if (!is_marked(p)) memset(p, 0xDB, u->cell), ((Obj *)p)->word = KIND_FREE;
}
#else
static void poison(Unit *u, char *end) { (void)u, (void)end; }
#endif

/* A block that was allocated in: hot, if there is something left in it. */
static void settle(Fits *F, FitsThread *t, Unit *u) {
  unsigned live = count_marks(u);
  if (F->cells[u->cls] - live >= F->worth[u->cls])
    push(&t->hot[u->cls], u);
  else
    give_up(F, u, live);
}

static void cool_down(Fits *F, Unit **hot) {
  for (Unit *u; (u = pop(hot));) give_up(F, u, count_marks(u));
}

void fits_turn(Fits *F, FitsThread *t, bool leaves) {
  for (unsigned cls = 1; cls < CLASSES; cls++) {
    Run *r = &t->run[cls];
    cool_down(F, &t->hot[cls]);
    if (!r->block) continue;
    Unit *used = NULL; /* the last is to be on top */
    for (Unit *u; (u = pop(&t->used[cls]));) push(&used, u);
    for (Unit *u; (u = pop(&used));) {
      poison(u, u->end);
      settle(F, t, u);
    }
    poison(r->block, r->cur);
    settle(F, t, r->block);
    memset(r, 0, sizeof *r);
    t->taken[cls] = 0;
    if (leaves) cool_down(F, &t->hot[cls]);
  }
  t->volume = 0;
}

void fits_trim(Fits *F) {
  for (unsigned cls = 1; cls < CLASSES; cls++) {
    if (!F->emptied[cls]) continue;
    F->emptied[cls] = false;
    for (Unit **link = &F->cold[cls], *u; (u = *link);) {
      if (u->spare) {
        link = &u->next;
        continue;
      }
      *link = u->next;
      chunks_put(&F->chunks, u);
    }
  }
}

/* --- Walking -------------------------------------------------------------------------------------------------------------------------- */

typedef struct Walk {
  void (*f)(void *ctx, Obj *o);
  void *ctx;
} Walk;

static void walk_unit(void *walk, Unit *u) {
  const Walk *w = walk;
  if (!u->cell) {
    if (fits_kept(unit_base(u))) w->f(w->ctx, (Obj *)unit_base(u));
    return;
  }
  for (char *p = next_marked(unit_base(u), u->end); p < u->end; p = next_marked(p + u->cell, u->end)) w->f(w->ctx, (Obj *)p);
}
void fits_each(Fits *F, void (*f)(void *ctx, Obj *o), void *ctx) {
  Walk w = {f, ctx};
  chunks_each(&F->chunks, walk_unit, &w);
}
