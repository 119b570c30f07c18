/* region-trace.c: see region.h. Tracing for the mark-region space: by the engine of trace.h, in eight versions of one loop: by one worker or
   several, through the ring or at once, where nothing moves or where something may.

   Where nothing moves an item of the ring is an object, as in space.c. Where something may it is a field, which is read again when its turn
   comes: it may have been changed by an item for the same field. */
#include "strategies/parts/clock.h"
#include "strategies/parts/region.h"

/* --- An object is met for the first time -------------------------------------------------------------------------------------------------- */

/* From here on stores into o are watched. */
INLINE void grow_old(Obj *o) {
  store_relaxed(&o->count, 1);
  uint8_t bits = load_relaxed(&o->bits);
  if (!(bits & OBJ_SHARED)) store_relaxed(&o->bits, (uint8_t)(bits | OBJ_UNLOGGED));
}

/* One object in 64 or so, whatever its kind: those that start where a word of marks does. */
INLINE bool is_sample(const Obj *o) { return ((uintptr_t)o >> GRANULE_SHIFT & 63) == 0; }
static NOINLINE void take_sample(RegionWorker *w, const Obj *o) {
  size_t size = obj_size(o);
  if (size > CELL_MAX) return; /* it has pages of its own, which are counted */
  w->samples++;
  w->sample_bytes += (size + 15) & ~(size_t)15;
}

/* An object of a kind that has any size. */
static NOINLINE void mark_if_medium(const Obj *o, bool alone) {
  size_t size = obj_size(o);
  if (size > LINE_BYTES && size <= CELL_MAX) lines_mark_medium(o, size, alone);
}

/* o has just been marked. */
INLINE void met(RegionWorker *w, Obj *o, bool alone) {
  Obj is = {.word = load_relaxed(&o->word)};
  if (UNLIKELY(is_sample(o))) take_sample(w, o);
  if (is.kind <= KIND_FLOAT) return;
  if (LIKELY(is.kind == KIND_NODE) ? is.n > (LINE_BYTES - sizeof(Node)) / sizeof(Obj *)
                                   : is.kind != KIND_LIST && is.kind != KIND_DICT)
    mark_if_medium(o, alone);
  if (kind_is_leaf(is.kind)) return;
  if (!is.count && w->sticky) grow_old(o);
  trace_push(&w->w, o);
}

INLINE void mark(RegionWorker *w, Obj *o, bool alone) {
  if (alone ? marks_set_alone(o) : marks_set_together(o, w->w.number)) met(w, o, alone);
}

/* --- An object in a candidate block ------------------------------------------------------------------------------------------------------- */

INLINE void copy_words(Obj *to, const Obj *from, size_t size) { /* a multiple of 16 */
  typedef struct {
    uint64_t a, b;
  } Pair;
  Pair *d = (Pair *)to;
  const Pair *s = (const Pair *)from;
  for (size_t i = 0; i < size / sizeof *d; i++) d[i] = s[i];
}

/* A marked copy of o, whose header is, or was before it was claimed, `word`. NULL: o is pinned, or there is no room. */
INLINE Obj *copy(RegionWorker *w, Obj *o, Unit *u, uint64_t word, bool alone) {
  Obj header = {.word = word};
  if (UNLIKELY(header.lock)) {
    w->pinned++;
    return NULL;
  }
  size_t size = (obj_size_as(o, header.kind, header.n) + 15) & ~(size_t)15;
  Hole *h = &w->into.small;
  Obj *to = (Obj *)h->cur;
  if (LIKELY(size <= (size_t)(h->end - h->cur)))
    h->cur += size;
  else
    to = w->region->walking ? NULL : region_copy_slow(w->region, &w->into, size);
  if (UNLIKELY(!to)) {
    w->stayed_now++;
    return NULL;
  }
  copy_words(to, o, size);
  to->word = word;
  w->moved++;
  w->moved_now += size;
  if (load_relaxed(&u->flags) & BLOCK_FRESH) {
    w->moved_young += size;
    store_relaxed(&u->state, 1); /* there was something in it */
  }
  mark(w, to, alone);
  return to;
}

/* Where o is from now on. By the only worker. */
static NOINLINE Obj *move_alone(RegionWorker *w, Obj *o, Unit *u) {
  if (o->kind == KIND_FORWARDED) return LINK_NEXT(o->word);
  if (is_marked(o)) return o; /* it had to stay */
  Obj *to = copy(w, o, u, o->word, true);
  if (!to) {
    mark(w, o, true);
    return o;
  }
  o->word = LINK_WORD(to, KIND_FORWARDED);
  return to;
}

/* The same by one of several: who puts BEING_COPIED in place of the header decides, and says what he decided in the header, so that nobody
   who has seen the old one can still claim it. */
#define BEING_COPIED ((uint64_t)KIND_FORWARDED)
static NOINLINE Obj *move_together(RegionWorker *w, Obj *o, Unit *u) {
  uint64_t word = load_acquire(&o->word);
  for (;;) {
    Obj is = {.word = word};
    if (is.kind == KIND_FORWARDED) {
      if (LINK_NEXT(word)) return LINK_NEXT(word);
      cpu_relax();
      word = load_acquire(&o->word);
    } else if (is.bits & OBJ_STAYS) {
      return o;
    } else if (__atomic_compare_exchange_n(&o->word, &word, BEING_COPIED, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
      break;
    }
  }
  Obj *to = copy(w, o, u, word, false);
  if (to) {
    store_release(&o->word, LINK_WORD(to, KIND_FORWARDED));
    return to;
  }
  Obj stays = {.word = word};
  stays.bits |= OBJ_STAYS;
  marks_set_together(o, w->w.number);
  store_release(&o->word, stays.word);
  met(w, o, false);
  return o;
}

/* --- The loop ----------------------------------------------------------------------------------------------------------------------------- */

INLINE void mark_due(TraceWorker *w, void *item, bool alone) { mark((RegionWorker *)w, item, alone); }
INLINE void move_due(TraceWorker *worker, void *item, bool alone) {
  RegionWorker *w = (RegionWorker *)worker;
  Obj **field = item, *o = load_relaxed(field);
  Unit *u = unit_of(o);
  if (LIKELY(!(load_relaxed(&u->flags) & BLOCK_CANDIDATE))) {
    mark(w, o, alone);
    return;
  }
  Obj *to = alone ? move_alone(w, o, u) : move_together(w, o, u);
  if (to != o) store_relaxed(field, to);
}
INLINE void mark_due_alone(TraceWorker *w, void *item) { mark_due(w, item, true); }
INLINE void mark_due_together(TraceWorker *w, void *item) { mark_due(w, item, false); }
INLINE void move_due_alone(TraceWorker *w, void *item) { move_due(w, item, true); }
INLINE void move_due_together(TraceWorker *w, void *item) { move_due(w, item, false); }

/* Constants: `alone`: by the only worker; `ahead`: through the ring; `moving`: there are candidates. */
INLINE void visit(TraceWorker *w, Obj **field, bool alone, bool ahead, bool moving) {
  Obj *o = load_relaxed(field);
  if (!o) return;
  if (ahead) {
    __builtin_prefetch(o);
    __builtin_prefetch(mark_word(o), 1);
  }
  if (moving && ahead)
    trace_later(w, field, alone ? move_due_alone : move_due_together);
  else if (ahead)
    trace_later(w, o, alone ? mark_due_alone : mark_due_together);
  else if (moving)
    move_due(w, field, alone);
  else
    mark_due(w, o, alone);
}

struct RegionLoop {
  TraceDrain *drain;
  void (*cards)(TraceWorker *, Obj *, Obj **lo, Obj **hi); /* fields [lo, hi) of a large object */
  void (*root)(void *worker, Obj **field);                 /* at once */
};

#define LOOP(name, alone, ahead, moving)                                                                                         \
  INLINE void name##_visit(void *w, Obj **field) { visit(w, field, alone, ahead, moving); }                                      \
  static NOINLINE void name##_drain(TraceWorker *w) {                                                                            \
    trace_drain(w, alone, name##_visit, name##_visit,                                                                            \
                moving  ? alone ? move_due_alone : move_due_together                                                             \
                : alone ? mark_due_alone                                                                                         \
                        : mark_due_together);                                                                                    \
  }                                                                                                                              \
  static NOINLINE void name##_cards(TraceWorker *w, Obj *o, Obj **lo, Obj **hi) { obj_visit_range(o, lo, hi, name##_visit, w); } \
  static NOINLINE void name##_root(void *w, Obj **field) { visit(w, field, alone, false, moving); }
LOOP(mark_alone_now, true, false, false)
LOOP(mark_alone_ahead, true, true, false)
LOOP(mark_together_now, false, false, false)
LOOP(mark_together_ahead, false, true, false)
LOOP(move_alone_now, true, false, true)
LOOP(move_alone_ahead, true, true, true)
LOOP(move_together_now, false, false, true)
LOOP(move_together_ahead, false, true, true)

#define A_LOOP(name)                                                                                                             \
  { name##_drain, name##_cards, name##_root }
static const RegionLoop loops[2][2][2] = {
    /* moving, alone, ahead */
    {{A_LOOP(mark_together_now), A_LOOP(mark_together_ahead)}, {A_LOOP(mark_alone_now), A_LOOP(mark_alone_ahead)}},
    {{A_LOOP(move_together_now), A_LOOP(move_together_ahead)}, {A_LOOP(move_alone_now), A_LOOP(move_alone_ahead)}},
};

static const RegionLoop *loop_of(const TraceWorker *w) { return ((const RegionWorker *)w)->region->loop; }
static void drain(TraceWorker *w) { loop_of(w)->drain(w); }

/* --- Roots and the remembered set --------------------------------------------------------------------------------------------------------- */

enum { AT_ONCE = 256, CARDS_AT_ONCE = 4096 }; /* entries, and cards of one large object, in a portion */

typedef struct Tracing {
  Region *R;
  const SpaceRoots *roots;
  unsigned next; /* portion that nobody has had; atomic */
} Tracing;

/* The k-th portion of n things, `most` at a time; k is reduced by what there is. */
static bool portion_of(size_t n, size_t most, size_t *k, size_t *from, size_t *to) {
  size_t portions = (n + most - 1) / most;
  if (*k >= portions) {
    *k -= portions;
    return false;
  }
  *from = *k * most;
  *to = *from + most < n ? *from + most : n;
  return true;
}

static bool trace_objects(TraceWorker *w, const Stack *objects, size_t *k) {
  size_t from, to;
  if (!portion_of(objects->n, AT_ONCE, k, &from, &to)) return false;
  for (size_t i = from; i < to; i++) {
    grow_old(objects->v[i]);
    trace_push(w, objects->v[i]);
  }
  return true;
}

static bool trace_cards(TraceWorker *w, Obj *o, size_t *k) {
  const RegionLoop *loop = loop_of(w);
  uint8_t *cards = unit_of(o)->cards;
  size_t from, to;
  if (!portion_of(region_cards(o), CARDS_AT_ONCE, k, &from, &to)) return false;
  if (from == 0) grow_old(o);
  for (size_t i = from; i < to; i++) {
    if (!cards[i]) continue;
    cards[i] = 0;
    /* Cards are those of the address, which is that of a unit. */
    char *lo = (char *)o + (i << REGION_CARD_SHIFT);
    loop->cards(w, o, (Obj **)lo, (Obj **)(lo + (1 << REGION_CARD_SHIFT)));
  }
  return true;
}

/* A worker's next portion: of the strategy's roots first, then of what each thread has remembered. */
static bool next_portion(TraceWorker *w, void *ctx) {
  Tracing *t = ctx;
  size_t k = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED);
  if (k < t->roots->n) {
    t->roots->portion(t->roots->ctx, (unsigned)k, t->R->loop->root, w);
    return true;
  }
  k -= t->roots->n;
  for (int i = 0; i < t->R->nthreads; i++) {
    RegionThread *of = t->R->threads[i];
    if (trace_objects(w, &of->objects, &k)) return true;
    for (size_t n = 0; n < of->large.n; n++)
      if (trace_cards(w, of->large.v[n], &k)) return true;
  }
  return false;
}
static void trace_job(void *ctx, int worker) {
  Tracing *t = ctx;
  trace_work(tracer_worker(&t->R->tracer, worker), next_portion, t);
}

/* --- Without room on the stack -------------------------------------------------------------------------------------------------------------- */

static void spill(TraceWorker *w, Obj *o) {
  (void)w;
  __atomic_fetch_or(&unit_of(o)->flags, BLOCK_OVERFLOWED, __ATOMIC_RELAXED);
}

static void rescan(TraceWorker *w, Obj *o) {
  if (!marks_has(o, w->tracer->crew->workers == 1)) return;
  obj_visit(o, loop_of(w)->root, w);
  drain(w);
}
static void rescan_run(void *worker, Unit *u) {
  TraceWorker *w = worker;
  if (!(load_relaxed(&u->flags) & BLOCK_OVERFLOWED)) return;
  __atomic_fetch_and(&u->flags, (uint8_t)~BLOCK_OVERFLOWED, __ATOMIC_RELAXED);
  if (!u->cell)
    rescan(w, (Obj *)unit_base(u));
  else
    for (char *p = unit_base(u); p < unit_base(u) + UNIT_BYTES; p += 1 << GRANULE_SHIFT) rescan(w, (Obj *)p);
}
static bool rescan_chunk(TraceWorker *w, void *ctx) { return chunks_walk(&((Region *)ctx)->chunks, rescan_run, w); }
static void rescan_job(void *ctx, int worker) { trace_work(tracer_worker(&((Region *)ctx)->tracer, worker), rescan_chunk, ctx); }

/* --- All of it ------------------------------------------------------------------------------------------------------------------------------- */

bool region_open_tracer(Region *R, const SpaceConfig *c) {
  if (!trace_open(&R->tracer, c->crew, c->stack, c->prefetch, sizeof(RegionWorker))) return false;
  R->tracer.drain = drain;
  R->tracer.spill = spill;
  R->tracer.owner = R;
  R->ahead = region_worker(R, 0)->w.distance;
  for (int i = 0; i < R->crew->workers; i++) region_worker(R, i)->region = R;
  return true;
}

void region_trace(Region *R, const SpaceRoots *roots) {
  for (int i = 0; i < R->crew->workers; i++) {
    RegionWorker *w = region_worker(R, i);
    w->sticky = R->sticky;
    w->samples = w->sample_bytes = w->moved_now = w->moved_young = w->stayed_now = 0;
    w->w.distance = R->moving && R->ahead > EVACUATE_AHEAD ? EVACUATE_AHEAD : R->ahead; /* the ring is empty */
    w->w.at = w->w.ring;
    w->w.end = w->w.ring + w->w.distance;
  }
  R->loop = &loops[R->moving][R->crew->workers == 1][R->ahead > 0];
  for (int i = 0; i < R->nthreads; i++) R->remembered += region_remembered(R->threads[i]);
  Tracing t = {R, roots, 0};
  crew_run(R->crew, trace_job, &t, CREW_MAX);
  while (trace_spilled(&R->tracer)) {
    R->walking = true; /* copies are made only where there is a hole at hand */
    chunks_walk_begin(&R->chunks);
    crew_run(R->crew, rescan_job, R, CREW_MAX);
    chunks_walk_end(&R->chunks);
    R->walking = false;
  }
  for (int i = 0; i < R->nthreads; i++) R->threads[i]->objects.n = R->threads[i]->large.n = 0;
  R->no_room = false;
  for (int i = 0; i < R->crew->workers; i++) {
    RegionWorker *w = region_worker(R, i);
    w->moved_bytes += w->moved_now;
    w->stayed += w->stayed_now;
    R->no_room |= w->stayed_now > 0;
  }
}
