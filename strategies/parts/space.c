/* space.c: see space.h. */
#include "strategies/parts/space.h"

#include "strategies/parts/clock.h"
#include "strategies/parts/system.h"

static size_t books_bytes(const Space *S) { return (size_t)S->crew->workers * sizeof *S->books; }

static void set_up_tracer(Space *S);

bool space_init(Space *S, const SpaceConfig *c) {
  memset(S, 0, sizeof *S);
  chunks_init(&S->chunks, c->huge_pages);
  if (c->crew->workers > 1 && c->marks == MARKS_ASIDE) chunks_two_bitmaps(&S->chunks);
  pthread_mutex_init(&S->mutex, NULL);
  S->crew = c->crew;
  S->limit = S->chunks.ceiling = c->limit;
  S->marks = c->marks;
  S->sweep_blocks = c->sweep_blocks;
  S->books = system_new(books_bytes(S));
  if (!S->books || !trace_open(&S->tracer, c->crew, c->stack, c->prefetch, sizeof(TraceWorker))) return false;
  set_up_tracer(S);
  return (S->immortals = immortals_make(&S->chunks)) != NULL;
}

void space_destroy(Space *S) {
  trace_close(&S->tracer);
  system_free(S->books, books_bytes(S));
  chunks_destroy(&S->chunks);
  pthread_mutex_destroy(&S->mutex);
}

/* --- Allocation: sweeping on the way ------------------------------------------------------------------------------------------ */

/* The next block to be swept, of those that wait at r or in the space. */
static Unit *take_unswept(Space *S, Run *r, unsigned cls) {
  Unit *u = r->more;
  if (!u) {
    pthread_mutex_lock(&S->mutex);
    u = S->unswept[cls];
    Unit *last = u;
    for (unsigned i = 1; i < S->sweep_blocks && last && last->next; i++) last = last->next;
    if (last) {
      store_relaxed(&S->unswept[cls], last->next); /* others look at it without the mutex */
      last->next = NULL;
    }
    pthread_mutex_unlock(&S->mutex);
  }
  if (!u) return NULL;
  r->more = u->next;
  __atomic_fetch_add(&S->taken_bytes, UNIT_BYTES, __ATOMIC_RELAXED);
  __atomic_fetch_add(&S->swept, 1, __ATOMIC_RELAXED);
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
  if (S->marks == MARKS_IN_HEADERS)
    for (char *p = unit_base(u); p < u->end; p += u->cell) ((Obj *)p)->word = KIND_FREE;
  return u;
}

void *space_get_slow(Space *S, SpaceThread *t, unsigned cls, bool force) {
  Run *r = &t->run[cls];
  if (!r->block || !next_run(r, r->end)) {
    do {
      r->cur = r->end = NULL;
      r->block = take_unswept(S, r, cls);
      if (!r->block && !(r->block = new_block(S, cls, force))) return NULL;
    } while (!next_run(r, unit_base(r->block)));
  }
  char *p = r->cur;
  r->cur = p + r->block->cell;
  return p;
}

void *space_get_large(Space *S, size_t size, unsigned card_shift, bool force) {
  size_t cards = card_shift ? (size >> card_shift) + 1 : 0, end = (size + 63) & ~(size_t)63;
  Unit *u = get_under_limit(S, cards ? end + cards : size, force);
  if (!u) return NULL;
  if (cards) u->cards = memset(unit_base(u) + end, 0, cards);
  return unit_base(u);
}

/* --- Marking -------------------------------------------------------------------------------------------------------------------- */

static void clear_block(void *pass, Unit *u) {
  (void)pass;
  if (u->flags & BLOCK_IMMORTAL) return;
  u->keeper = 0;
  unit_clear_marks(u);
}

static void clear_guest(void *space, Chunk *c, char *from, char *to) {
  Space *S = space;
  for (char *p = (char *)((uintptr_t)from & ~(UNIT_BYTES - 1)); p < to; p += UNIT_BYTES) {
    Unit *u = unit_of(p);
    u->keeper = u->flags = 0;
    unit_clear_marks(u);
    if (S->chunks.head == 2) memset(second_mark_word(p), 0, (UNIT_BYTES >> GRANULE_SHIFT) / 8);
  }
  (void)c;
}

static void begin(Space *S, SpaceThread *threads[], int n, const SpaceRoots *roots) {
  for (int i = 0; i < n; i++) memset(threads[i], 0, sizeof *threads[i]);
  memset(S->unswept, 0, sizeof S->unswept);
  blocks_pass(S->crew, &S->chunks, clear_block, S);
  if (roots->guests) roots->guests(roots->ctx, clear_guest, S);
  S->fruitless = S->taken_bytes < load_relaxed(&S->limit) / FRUITLESS_PART ? S->fruitless + 1 : 0;
  S->taken_bytes = 0;
}

static void spill(TraceWorker *w, Obj *o) {
  (void)w;
  __atomic_fetch_or(&unit_of(o)->flags, BLOCK_OVERFLOWED, __ATOMIC_RELAXED);
}

/* Marks the object; when it was not and has references, they are to be visited. By the only worker. */
INLINE void mark_alone(TraceWorker *w, void *item) {
  Obj *o = item;
  if (marks_set_alone(o) && !kind_is_leaf(o->kind)) trace_push(w, o);
}
/* The same by one of several. */
INLINE void mark_together(TraceWorker *w, void *item) {
  Obj *o = item;
  if (marks_set_together(o, w->number) && !kind_is_leaf(o->kind)) trace_push(w, o);
}

/* The same in the header, by one or by several: to mark an object twice does no harm. */
INLINE void mark_header(TraceWorker *w, void *item) {
  Obj *o = item;
  uint8_t bits = load_relaxed(&o->bits);
  if (bits & OBJ_MARKED) return;
  store_relaxed(&o->bits, (uint8_t)(bits | OBJ_MARKED));
  if (!kind_is_leaf(o->kind)) trace_push(w, o);
}

/* What happens to a field, and the loop made of it: at once, or through the ring, which fetches what `mark` will look at. */
#define VISITS(mark, alone, word)                                                                                                \
  INLINE void mark##_visit_now(void *w, Obj **field) {                                                                           \
    if (*field) mark(w, *field);                                                                                                 \
  }                                                                                                                              \
  INLINE void mark##_visit_ahead(void *w, Obj **field) {                                                                         \
    Obj *o = *field;                                                                                                             \
    if (!o) return;                                                                                                              \
    __builtin_prefetch(o);                                                                                                       \
    __builtin_prefetch(word, 1);                                                                                                 \
    trace_later(w, o, mark);                                                                                                     \
  }                                                                                                                              \
  static NOINLINE void mark##_now(TraceWorker *w) { trace_drain(w, alone, mark##_visit_now, mark##_visit_now, mark); }           \
  static NOINLINE void mark##_ahead(TraceWorker *w) { trace_drain(w, alone, mark##_visit_ahead, mark##_visit_ahead, mark); }
INLINE void mark_header_alone(TraceWorker *w, void *item) { mark_header(w, item); }
INLINE void mark_header_together(TraceWorker *w, void *item) { mark_header(w, item); }
VISITS(mark_alone, true, mark_word(o))
VISITS(mark_together, false, mark_word(o))
VISITS(mark_header_alone, true, o)
VISITS(mark_header_together, false, o)

static void set_up_tracer(Space *S) {
  static const struct {
    TraceDrain *now, *ahead;
    void (*mark)(TraceWorker *, void *);
  } ways[2][2] = {
      [MARKS_ASIDE] = {{mark_alone_now, mark_alone_ahead, mark_alone}, {mark_together_now, mark_together_ahead, mark_together}},
      [MARKS_IN_HEADERS] = {{mark_header_alone_now, mark_header_alone_ahead, mark_header_alone},
                            {mark_header_together_now, mark_header_together_ahead, mark_header_together}},
  };
  int i = S->crew->workers > 1;
  S->mark = ways[S->marks][i].mark;
  S->tracer.drain = tracer_worker(&S->tracer, 0)->distance ? ways[S->marks][i].ahead : ways[S->marks][i].now;
  S->tracer.spill = spill;
  S->tracer.owner = S;
}

static void mark_root(void *worker, Obj **field) {
  TraceWorker *w = worker;
  if (*field) ((Space *)w->tracer->owner)->mark(w, *field);
}

typedef struct Marking {
  Space *S;
  const SpaceRoots *roots;
  unsigned next; /* portion that nobody has had; atomic */
} Marking;

static bool mark_portion(TraceWorker *w, void *ctx) {
  Marking *m = ctx;
  unsigned k = __atomic_fetch_add(&m->next, 1, __ATOMIC_RELAXED);
  if (k >= m->roots->n) return false;
  m->roots->portion(m->roots->ctx, k, mark_root, w);
  return true;
}
static void mark_job(void *ctx, int worker) {
  Marking *m = ctx;
  trace_work(tracer_worker(&m->S->tracer, worker), mark_portion, m);
}

static void rescan(TraceWorker *w, Obj *o) {
  const Space *S = w->tracer->owner;
  if (!space_has_marked(S, o)) return;
  obj_visit(o, mark_root, w);
  w->tracer->drain(w);
}
/* After an overflow: every marked object of a flagged block has its references looked at once more. */
static void rescan_block(void *worker, Unit *u) {
  TraceWorker *w = worker;
  if (!(load_relaxed(&u->flags) & BLOCK_OVERFLOWED)) return;
  __atomic_fetch_and(&u->flags, (uint8_t)~BLOCK_OVERFLOWED, __ATOMIC_RELAXED);
  if (!u->cell) {
    rescan(w, (Obj *)unit_base(u));
    return;
  }
  for (char *p = unit_base(u); p < u->end; p += u->cell) rescan(w, (Obj *)p);
}
/* The same for guests, where objects begin wherever there is a mark. */
static void rescan_guest(void *worker, Chunk *c, char *from, char *to) {
  (void)c;
  for (char *unit = (char *)((uintptr_t)from & ~(UNIT_BYTES - 1)); unit < to; unit += UNIT_BYTES) {
    Unit *u = unit_of(unit);
    if (!(load_relaxed(&u->flags) & BLOCK_OVERFLOWED)) continue;
    __atomic_fetch_and(&u->flags, (uint8_t)~BLOCK_OVERFLOWED, __ATOMIC_RELAXED);
    for (char *p = unit; p < unit + UNIT_BYTES && p < to; p += 1 << GRANULE_SHIFT) rescan(worker, (Obj *)p);
  }
}

typedef struct Rescan {
  Space *S;
  const SpaceRoots *roots;
} Rescan;

static bool rescan_chunk(TraceWorker *w, void *ctx) {
  Rescan *r = ctx;
  return chunks_walk(&r->S->chunks, rescan_block, w);
}
static void rescan_job(void *ctx, int worker) {
  Rescan *r = ctx;
  TraceWorker *w = tracer_worker(&r->S->tracer, worker);
  if (worker == 0 && r->roots->guests) r->roots->guests(r->roots->ctx, rescan_guest, w);
  trace_work(w, rescan_chunk, r);
}

static void mark(Space *S, const SpaceRoots *roots) {
  Marking m = {S, roots, 0};
  crew_run(S->crew, mark_job, &m, CREW_MAX);
  while (trace_spilled(&S->tracer)) {
    chunks_walk_begin(&S->chunks);
    crew_run(S->crew, rescan_job, &(Rescan){S, roots}, CREW_MAX);
    chunks_walk_end(&S->chunks);
  }
}

/* --- After marking -------------------------------------------------------------------------------------------------------------- */

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

/* What was marked in headers, in the bitmap. */
static void gather_marks(Unit *u) {
  char *p = unit_base(u), *end = u->cell ? u->end : p + 1;
  for (; p < end; p += u->cell ? u->cell : 1) {
    Obj *o = (Obj *)p;
    if (!(o->bits & OBJ_MARKED)) continue;
    o->bits &= (uint8_t)~OBJ_MARKED;
    *mark_word(p) |= mark_bit(p);
  }
}

static void settle_block(void *pass, Unit *u) {
  Space *S = ((BlockPass *)pass)->ctx;
  SpaceBooks *b = &S->books[((BlockPass *)pass)->worker];
  if (u->flags & BLOCK_IMMORTAL) return;
  marks_merge(u);
  if (S->marks == MARKS_IN_HEADERS) gather_marks(u);
  if (!u->cell) {
    if (is_marked(unit_base(u)))
      b->live_objects++, b->live_bytes += u->bytes;
    else
      chunks_put(&S->chunks, u);
    return;
  }
  poison_dead(u);
  unsigned live = count_marks(u);
  b->live_objects += live;
  b->live_bytes += (uint64_t)live * u->cell;
  if (live == 0) {
    chunks_put(&S->chunks, u);
  } else if (live < UNIT_BYTES / u->cell) {
    b->hole_bytes += (UNIT_BYTES / u->cell - live) * u->cell;
    u->next = b->first[u->cls];
    if (!u->next) b->last[u->cls] = u;
    b->first[u->cls] = u;
  }
}

/* All workers' books are one. */
static void add_books(Space *S) {
  S->live_objects = S->live_bytes = S->hole_bytes = 0;
  for (int i = 0; i < S->crew->workers; i++) {
    SpaceBooks *b = &S->books[i];
    S->live_objects += b->live_objects;
    S->live_bytes += b->live_bytes;
    S->hole_bytes += b->hole_bytes;
    for (unsigned cls = 0; cls < CLASSES; cls++) {
      if (!b->first[cls]) continue;
      b->last[cls]->next = S->unswept[cls];
      S->unswept[cls] = b->first[cls];
    }
  }
}

void space_collect(Space *S, SpaceThread *threads[], int n, const SpaceRoots *roots) {
  uint64_t t0 = wall_ns();
  begin(S, threads, n, roots);
  mark(S, roots);
  if (roots->marked) roots->marked(roots->ctx);
  uint64_t t1 = wall_ns();
  memset(S->books, 0, books_bytes(S));
  blocks_pass(S->crew, &S->chunks, settle_block, S);
  add_books(S);
  S->marked += S->live_objects;
  S->mark_ns += t1 - t0;
  S->sweep_ns += wall_ns() - t1;
}

void space_reset_counters(Space *S) {
  S->mark_ns = S->sweep_ns = S->marked = S->swept = 0;
  trace_reset_counters(&S->tracer);
}
