/* space.c: see space.h. */
#include "strategies/parts/space.h"

#include <sys/mman.h>

#include "strategies/parts/clock.h"

static size_t stack_bytes(const Marker *m) { return m->cap * sizeof *m->stack; }

/* Immortals live in a block of their own whose marks are never cleared: the marker finds them marked and goes on. */
static bool make_immortals(Space *S) {
  bool out_of_memory;
  Unit *u = chunks_get(&S->chunks, UNIT_BYTES, SIZE_MAX, &out_of_memory);
  if (!u) return false;
  u->flags = BLOCK_IMMORTAL;
  u->cell = sizeof(Int);
  S->immortals = (Int *)unit_base(u);
  memset(mark_word(S->immortals), 0xFF, (UNIT_BYTES >> GRANULE_SHIFT) / 8);
  for (int i = 0; i < IMMORTALS; i++) {
    Int *o = &S->immortals[i];
    o->h.word = HDR_WORD(i == IMMORTAL_NONE ? KIND_NONE : i < IMMORTAL_INTS ? KIND_BOOL : KIND_INT, 0);
    o->h.bits = OBJ_IMMORTAL | OBJ_SHARED;
    o->v = i < IMMORTAL_INTS ? i == IMMORTAL_TRUE : SMALL_INT_MIN + (i - IMMORTAL_INTS);
  }
  return true;
}

bool space_init(Space *S, uint64_t limit, size_t stack, unsigned prefetch, bool huge_pages) {
  memset(S, 0, sizeof *S);
  chunks_init(&S->chunks, huge_pages);
  pthread_mutex_init(&S->mutex, NULL);
  S->limit = limit;
  S->chunks.ceiling = limit;
  Marker *m = &S->marker;
  m->cap = stack;
  m->distance = prefetch < SPACE_RING_MAX ? prefetch : SPACE_RING_MAX;
  m->stack = mmap(NULL, stack_bytes(m), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return m->stack != MAP_FAILED && make_immortals(S);
}

void space_destroy(Space *S) {
  munmap(S->marker.stack, stack_bytes(&S->marker));
  chunks_destroy(&S->chunks);
  pthread_mutex_destroy(&S->mutex);
}

/* --- Allocation: sweeping on the way ------------------------------------------------------------------------------------------ */

/* The first marked cell start at or after p in the block that ends at `end`, or `end`. */
static char *next_marked(char *p, char *end) {
  if (p >= end) return end;
  uint64_t *w = mark_word(p);
  uint64_t bits = *w & (~(uint64_t)0 << (((uintptr_t)p >> GRANULE_SHIFT) & 63));
  char *word_at = (char *)((uintptr_t)p & ~(((uintptr_t)64 << GRANULE_SHIFT) - 1));
  while (!bits) {
    word_at += (size_t)64 << GRANULE_SHIFT;
    if (word_at >= end) return end;
    bits = *++w;
  }
  char *q = word_at + ((size_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
  return q < end ? q : end;
}

/* The next run of free cells at or after p; false when the block has none. */
static bool next_run(Run *r, char *p) {
  size_t cell = r->block->cell;
  char *end = r->block->end;
  while (p < end && is_marked(p)) p += cell;
  if (p >= end) return false;
  r->cur = p;
  r->end = next_marked(p, end);
  return true;
}

static Unit *take_unswept(Space *S, unsigned cls) {
  pthread_mutex_lock(&S->mutex);
  Unit *u = S->unswept[cls];
  if (u) S->unswept[cls] = u->next;
  pthread_mutex_unlock(&S->mutex);
  if (u) __atomic_fetch_add(&S->taken_bytes, UNIT_BYTES, __ATOMIC_RELAXED);
  return u;
}

/* A run of fresh memory under the limit. When the system refuses, what is held becomes the limit. */
static Unit *get_under_limit(Space *S, size_t bytes, bool force) {
  bool out_of_memory;
  Unit *u = chunks_get(&S->chunks, bytes, force ? SIZE_MAX : load_relaxed(&S->limit), &out_of_memory);
  if (u)
    __atomic_fetch_add(&S->taken_bytes, u->bytes, __ATOMIC_RELAXED);
  else if (out_of_memory)
    store_relaxed(&S->limit, chunks_committed(&S->chunks));
  return u;
}

static Unit *new_block(Space *S, unsigned cls, bool force) {
  Unit *u = get_under_limit(S, UNIT_BYTES, force);
  if (!u) return NULL;
  u->cls = (uint16_t)cls;
  u->cell = (uint32_t)class_bytes(cls);
  u->end = unit_base(u) + UNIT_BYTES / u->cell * u->cell;
  return u;
}

void *space_get_slow(Space *S, SpaceThread *t, unsigned cls, bool force) {
  Run *r = &t->run[cls];
  if (!r->block || !next_run(r, r->end)) {
    do {
      r->cur = r->end = NULL;
      r->block = take_unswept(S, cls);
      if (!r->block && !(r->block = new_block(S, cls, force))) return NULL;
    } while (!next_run(r, unit_base(r->block)));
  }
  char *p = r->cur;
  r->cur = p + r->block->cell;
  return p;
}

void *space_get_large(Space *S, size_t size, bool force) {
  Unit *u = get_under_limit(S, size, force);
  return u ? unit_base(u) : NULL;
}

/* --- Marking -------------------------------------------------------------------------------------------------------------------- */

static void clear_block(void *space, Unit *u) {
  (void)space;
  if (!(u->flags & BLOCK_IMMORTAL)) unit_clear_marks(u);
}

void space_begin(Space *S, SpaceThread *threads[], int n) {
  for (int i = 0; i < n; i++) memset(threads[i], 0, sizeof *threads[i]);
  memset(S->unswept, 0, sizeof S->unswept);
  chunks_each(&S->chunks, clear_block, S);
  S->marker.n = 0;
  S->fruitless = S->taken_bytes < load_relaxed(&S->limit) / FRUITLESS_PART ? S->fruitless + 1 : 0;
  S->taken_bytes = 0;
}

INLINE void push(Marker *m, Obj *o) {
  if (UNLIKELY(m->n == m->cap)) {
    unit_of(o)->flags |= BLOCK_OVERFLOWED;
    m->overflowed = true;
    m->overflows++;
    return;
  }
  m->stack[m->n++] = o;
}

/* Marks o; when it was not and has references, they are to be scanned. */
INLINE void look_at(Marker *m, Obj *o) {
  uint64_t *w = mark_word(o), bit = mark_bit(o);
  if (*w & bit) return;
  *w |= bit;
  if (!kind_is_leaf(o->kind)) push(m, o);
}

/* Delays o by `distance` places and looks at the one whose time has come. */
INLINE void mark_later(void *ctx, Obj **field) {
  Marker *m = ctx;
  Obj *o = *field;
  if (!o) return;
  if (UNLIKELY(!m->distance)) {
    look_at(m, o);
    return;
  }
  __builtin_prefetch(o);
  __builtin_prefetch(mark_word(o), 1);
  unsigned at = m->at;
  Obj *due = m->ring[at];
  m->ring[at] = o;
  m->at = at + 1 == m->distance ? 0 : at + 1;
  if (LIKELY(due)) look_at(m, due);
}

/* Looks at all that wait in the ring; true when that left something on the stack. */
static bool empty_ring(Marker *m) {
  for (unsigned i = 0; i < m->distance; i++) {
    Obj *o = m->ring[m->at];
    m->ring[m->at] = NULL;
    m->at = m->at + 1 == m->distance ? 0 : m->at + 1;
    if (o) look_at(m, o);
  }
  return m->n > 0;
}

static void drain(Marker *m) {
  do {
    while (m->n) {
      if (m->n > m->deepest) m->deepest = m->n;
      obj_visit(m->stack[--m->n], mark_later, m);
    }
  } while (empty_ring(m));
}

void space_mark_root(void *space, Obj **field) { mark_later(&((Space *)space)->marker, field); }

/* After an overflow: every marked object of a flagged block has its references looked at once more. */
static void rescan_block(void *space, Unit *u) {
  Space *S = space;
  if (!(u->flags & BLOCK_OVERFLOWED)) return;
  u->flags &= (uint8_t)~BLOCK_OVERFLOWED;
  if (!u->cell) {
    obj_visit((Obj *)unit_base(u), mark_later, &S->marker);
    drain(&S->marker);
    return;
  }
  for (char *p = next_marked(unit_base(u), u->end); p < u->end; p = next_marked(p + u->cell, u->end)) {
    obj_visit((Obj *)p, mark_later, &S->marker);
    drain(&S->marker);
  }
}

static void mark_all(Space *S) {
  Marker *m = &S->marker;
  drain(m);
  while (m->overflowed) {
    m->overflowed = false;
    chunks_each(&S->chunks, rescan_block, S);
  }
}

/* --- After marking -------------------------------------------------------------------------------------------------------------- */

static unsigned count_marks(const Unit *u) {
  const uint64_t *w = mark_word(unit_base(u));
  unsigned n = 0;
  for (unsigned i = 0; i < UNIT_BYTES >> GRANULE_SHIFT >> 6; i++) n += (unsigned)__builtin_popcountll(w[i]);
  return n;
}

#if MM_CHECK
/* Dead cells are overwritten, so that whoever still reads one is found. */
static void poison_dead(Unit *u) {
  for (char *p = unit_base(u); p < u->end; p += u->cell)
    if (!is_marked(p)) {
      memset(p, 0xDB, u->cell);
      ((Obj *)p)->word = KIND_FREE;
    }
}
#else
static void poison_dead(Unit *u) { (void)u; }
#endif

static void settle_block(void *space, Unit *u) {
  Space *S = space;
  if (u->flags & BLOCK_IMMORTAL) return;
  if (!u->cell) {
    if (is_marked(unit_base(u)))
      S->live_objects++, S->live_bytes += u->bytes;
    else
      chunks_put(&S->chunks, u);
    return;
  }
  poison_dead(u);
  unsigned live = count_marks(u);
  S->live_objects += live;
  S->live_bytes += (uint64_t)live * u->cell;
  if (live == 0) {
    chunks_put(&S->chunks, u);
  } else if (live < UNIT_BYTES / u->cell) {
    S->hole_bytes += (UNIT_BYTES / u->cell - live) * u->cell;
    u->next = S->unswept[u->cls];
    S->unswept[u->cls] = u;
  }
}

void space_finish(Space *S) {
  uint64_t t0 = wall_ns();
  mark_all(S);
  uint64_t t1 = wall_ns();
  S->live_objects = S->live_bytes = S->hole_bytes = 0;
  chunks_each(&S->chunks, settle_block, S);
  S->mark_ns += t1 - t0;
  S->sweep_ns += wall_ns() - t1;
}
