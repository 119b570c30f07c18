/* generational.c: see generational.h and strategies/parts/nursery.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/evacuate.h"
#include "strategies/parts/traced-heap.h"

const char mm_summary[] = "a copying nursery per thread, promotion into a mark-swept mature space";
static const char *const card_sizes[] = {"64", "128", "256", "512", "1024", "2048", "4096"};
const reclaim_param mm_tunables[] = {
    TRACED_TUNABLES,
    {"nursery", "bytes of each thread's nursery at the start", "bytes", 1536 << 10, NURSERY_MIN, 64 << 20, NULL},
    {"nursery-max", "bytes that it may grow to while much survives", "bytes", 8 << 20, NURSERY_MIN, 64 << 20, NULL},
    {"promotion-age", "minor collections that an object survives before it is mature", "", 1, 1, 4, NULL},
    {"large-object", "larger objects are born mature", "bytes", 8192, 4096, 16384, NULL},
    {"card-size", "bytes of a large object that one card stands for", "", 3, 0, 6, card_sizes},
    {"remembered-set", "entries after which a minor collection is asked for", "", 1 << 16, 16, 1 << 26, NULL},
};
const int mm_ntunables = GEN_TUNABLES;

/* --- Sizes ----------------------------------------------------------------------------------------------------------------------- */

enum { SPARE_PART = 16 }; /* of the limit: see spare_blocks */

/* What the mature space may hold when the nurseries have their bytes and room is kept for all that they may promote. */
static size_t mature_limit(Heap *H) {
  size_t young = load_relaxed(&H->nurseries) + load_relaxed(&H->reserve);
  return H->hard_limit > young ? H->hard_limit - young : 0;
}
static void set_limit(Heap *H) {
  if (!H->hard_limit) return; /* a growing heap's is set by collections alone: a nursery that resizes must not put off the next */
  size_t limit = mature_limit(H);
  store_relaxed(&H->mature.limit, limit - (H->spares ? limit / SPARE_PART : 0));
  store_relaxed(&H->mature.chunks.ceiling, H->hard_limit - load_relaxed(&H->nurseries));
}
/* Blocks are kept back for classes whose holes will not last as long as those of others, while there are holes enough; not from an object of
   `need` bytes that no hole is long enough for. */
static void spare_blocks(Heap *H, size_t need) {
  size_t limit = mature_limit(H), committed = chunks_committed(&H->mature.chunks);
  H->spares = committed + need <= limit - limit / SPARE_PART || (need <= UNIT_BYTES && H->mature.hole_bytes > limit / 4);
  set_limit(H);
  if (committed > load_relaxed(&H->mature.limit) && committed <= limit) store_relaxed(&H->mature.limit, committed);
}
static void grow_limit(Heap *H) {
  uint64_t limit = grown_limit(H);
  store_relaxed(&H->mature.limit, limit);
  store_relaxed(&H->mature.chunks.ceiling, limit);
}
/* After a full collection: where blocks have holes for all that the nurseries may promote, the reserve need not be free blocks, too. */
static void trust_holes(Heap *H) {
  size_t nurseries = load_relaxed(&H->nurseries), committed = chunks_committed(&H->mature.chunks);
  if (committed > load_relaxed(&H->mature.limit) && committed + nurseries <= H->hard_limit &&
      H->mature.hole_bytes >= load_relaxed(&H->reserve))
    store_relaxed(&H->mature.limit, committed);
}

static void count_nursery(Heap *H, const Nursery *n, bool in) {
  size_t sign = in ? 1 : (size_t)-1;
  __atomic_fetch_add(&H->nurseries, sign * nursery_bytes(n), __ATOMIC_RELAXED);
  __atomic_fetch_add(&H->reserve, sign * nursery_reserve(n), __ATOMIC_RELAXED);
}

/* T's eden is empty. */
static void resize(Thr *T, size_t size) {
  Heap *H = T->heap;
  count_nursery(H, &T->nursery, false);
  nursery_resize(&T->nursery, size);
  count_nursery(H, &T->nursery, true);
  set_limit(H);
}

/* The size that a nursery may start with under a limit: an eighth of it, all threads together. */
static size_t first_size(Heap *H, size_t size) {
  if (!H->hard_limit) return size;
  size_t most = H->hard_limit / (8 * (unsigned)H->config->threads);
  if (most < NURSERY_MIN) most = NURSERY_MIN;
  return size < most ? size : most;
}

/* Whether `more` bytes of nursery, and as many to promote them into, leave what is mature a quarter more than it has now, or lately had
   after a full collection: who grows into room that is soon wanted back pays for the same pages again and again. */
static bool may_grow(Heap *H, size_t more) {
  if (!H->hard_limit) return true;
  size_t mature = chunks_committed(&H->mature.chunks);
  if (mature < H->mature_lately) mature = H->mature_lately;
  return mature + mature / 4 + load_relaxed(&H->nurseries) + load_relaxed(&H->reserve) + 2 * more <= H->hard_limit;
}

/* --- The barrier's slow ways --------------------------------------------------------------------------------------------------------- */

static void remember(Thr *T, Obj *holder, void *from, void *to) {
  Nursery *n = &T->nursery;
#if MM_CHECK
  if (holder->bits & OBJ_SHARED) T->heap->config->fail(RECLAIM_FAIL_CHECK, "a young object was stored into a shared one");
#endif
  nursery_remember(n, holder, from, to);
  if (nursery_entries(n) > n->remembered_max) atomic_store_explicit(&T->poll, 1, memory_order_relaxed);
}

void gen_remember(Thr *T, Obj *holder, Obj **field) { remember(T, holder, field, field + 1); }

/* A word that is no reference may look like a young one: that costs a look at it, and nothing else. One young reference is enough for its
   card, or for all of a small object. */
void gen_moved(Thr *T, Obj *holder, void *dst, size_t bytes) {
  Nursery *n = &T->nursery;
  uintptr_t card = ((uintptr_t)1 << n->card_shift) - 1;
  for (Obj **f = dst, **end = f + bytes / sizeof *f; f < end; f++) {
    if (!nursery_has(n, *f)) continue;
    if (!nursery_remember_hot(n, holder, f)) remember(T, holder, f, f + 1);
    f = (Obj **)((uintptr_t)f | (card & ~(sizeof *f - 1))); /* the last of its card */
  }
}

/* --- Minor collections ----------------------------------------------------------------------------------------------------------------- */

/* Grows by half while more than a quarter survives, and goes back when less than a sixteenth does: a nursery that fits the cache is the
   better one then. What survives of one nursery says little (of a large structure that is being built all of it, of the next one
   nothing), so it is the mean of the last few, the last one counting a quarter; it starts at what makes the nursery stay. `before`:
   survived_bytes before the collection; `used`: bytes of eden then. */
static void adapt(Thr *T, uint64_t before, size_t used) {
  Nursery *n = &T->nursery;
  size_t size = n->size;
  n->survival += ((double)(n->survived_bytes - before) / (double)used - n->survival) / 4;
  if (n->survival > 1 / 4.0 && may_grow(T->heap, n->size / 2))
    size = n->size + n->size / 2;
  else if (n->survival < 1 / 16.0 && n->size > n->first)
    size = n->size / 2 > n->first ? n->size / 2 : n->first;
  if (size != n->size) resize(T, size); /* eden is empty; survivors stand before it */
}

/* Minor collections of several threads overlap: the time in which at least one runs is counted once. Both hand back the time. */
static uint64_t minor_begins(Heap *H) {
  pthread_mutex_lock(&H->minors.mutex);
  uint64_t now = wall_ns();
  if (H->minors.running++ == 0) H->minors.since = now;
  pthread_mutex_unlock(&H->minors.mutex);
  return now;
}
static uint64_t minor_ends(Heap *H) {
  pthread_mutex_lock(&H->minors.mutex);
  uint64_t now = wall_ns();
  if (--H->minors.running == 0) H->minors.wall_ns += now - H->minors.since;
  pthread_mutex_unlock(&H->minors.mutex);
  return now;
}

/* A minor collection that the mutator waits for. CPU time is read from the thread's clock where the collection is long enough to be
   worth a system call; a short one, to publish something, runs on its CPU or is over. */
static void minor_timed(Thr *T, bool publishing) {
  uint64_t wall = minor_begins(T->heap), cpu = publishing ? 0 : thread_cpu_ns(), before = T->nursery.survived_bytes;
  size_t used = nursery_used(&T->nursery);
  uint64_t crew = load_relaxed(&T->heap->crew.cpu_ns);
  unsigned helpers = claim_helpers(T);
  evacuate_nursery(T, publishing, helpers);
  if (helpers) T->minor_cpu_ns += load_relaxed(&T->heap->crew.cpu_ns) - crew;
  release_helpers(T->heap, helpers);
  if (!publishing && used) adapt(T, before, used);
  uint64_t took = minor_ends(T->heap) - wall;
  T->minor_cpu_ns += publishing ? took : thread_cpu_ns() - cpu;
  T->nursery.minors++;
  histogram_add(&T->minor_pauses, took);
}

/* --- The verifier ------------------------------------------------------------------------------------------------------------------------ */

#if MM_CHECK
/* That every young reference in a reached mature object is in some remembered set. After marking, before anything is given back. */
typedef struct Verifier {
  Heap *H;
  Obj *holder;
} Verifier;

static bool is_slot(const Heap *H, Obj **field) {
  for (int i = 0; i < H->world.nthreads; i++) {
    const Stack *s = &H->world.threads[i]->nursery.slots;
    for (size_t k = 0; k < s->n; k++)
      if (s->v[k] == (Obj *)field) return true;
  }
  return false;
}
static void verify_field(void *verifier, Obj **field) {
  Verifier *v = verifier;
  bool young = false;
  for (int i = 0; i < v->H->world.nthreads && !young; i++) young = nursery_has(&v->H->world.threads[i]->nursery, *field);
  if (!young) return;
  Unit *u = unit_of(v->holder);
  bool logged = v->holder->bits & OBJ_LOGGED;
  if (logged && (u->cell || u->cards[((char *)field - (char *)v->holder) >> v->H->card_shift])) return;
  if (!u->cell || !is_slot(v->H, field))
    v->H->config->fail(RECLAIM_FAIL_CHECK, "a young reference in a mature object is in no remembered set");
}
static void verify_object(Verifier *v, void *p) {
  if (!space_has_marked(&v->H->mature, p)) return;
  v->holder = p;
  obj_visit(p, verify_field, v);
}
static void verify_unit(void *verifier, Unit *u) {
  if (u->flags & BLOCK_IMMORTAL) return;
  if (!u->cell) verify_object(verifier, unit_base(u));
  for (char *p = unit_base(u); u->cell && p < u->end; p += u->cell) verify_object(verifier, p);
}
static void verify_remembered(Heap *H) { chunks_each(&H->mature.chunks, verify_unit, &(Verifier){H, NULL}); }
#else
static void verify_remembered(Heap *H) { (void)H; }
#endif

/* --- Full collections --------------------------------------------------------------------------------------------------------------- */

/* The nurseries, which are empty, give way until what lives, and `need` bytes more, fit beside them, down to their least size. */
static void make_room(Heap *H, size_t need) {
  while (chunks_committed(&H->mature.chunks) + need > mature_limit(H)) {
    size_t before = load_relaxed(&H->nurseries);
    for (int i = 0; i < H->world.nthreads; i++) {
      Thr *T = H->world.threads[i];
      size_t half = T->nursery.size / 2; /* 0 of a thread that has exited */
      if (T->nursery.size > NURSERY_MIN) resize(T, half > NURSERY_MIN ? half : NURSERY_MIN);
    }
    if (load_relaxed(&H->nurseries) == before) return;
  }
}

/* Whether what the nurseries may promote fits the holes several times, so that no block is wanted, and the nurseries need not give way: what lives in blocks half
   empty would otherwise take the heap from them bit by bit. Not where holes were there before, and of no use. */
static bool holes_will_do(const Heap *H, size_t need) {
  return need <= UNIT_BYTES && !H->mature.fruitless && H->mature.hole_bytes >= 4 * load_relaxed(&H->reserve) + need;
}

/* The chunks of all nurseries. */
static void young_chunks(void *heap, void (*f)(void *arg, Chunk *, char *from, char *to), void *arg) {
  Heap *H = heap;
  for (int i = 0; i < H->world.nthreads; i++) nursery_each_chunk(&H->world.threads[i]->nursery, f, arg);
}

/* What is dead is no longer in the remembered set, before its memory is given back. */
static void keep_marked(const Space *S, Stack *s) {
  size_t kept = 0;
  for (size_t i = 0; i < s->n; i++)
    if (space_has_marked(S, s->v[i])) s->v[kept++] = s->v[i];
  s->n = kept;
}
/* Fields, of small objects: those of the dead. */
static void keep_fields_of_marked(const Space *S, Stack *s) {
  size_t kept = 0;
  for (size_t i = 0; i < s->n; i++) {
    const Unit *u = unit_of(s->v[i]);
    size_t at = (size_t)((char *)s->v[i] - unit_base(u));
    if (space_has_marked(S, (Obj *)(unit_base(u) + at / u->cell * u->cell))) s->v[kept++] = s->v[i];
  }
  s->n = kept;
}
static void prune_remembered(void *heap) {
  Heap *H = heap;
  for (int i = 0; i < H->world.nthreads; i++) {
    Nursery *n = &H->world.threads[i]->nursery;
    keep_marked(&H->mature, &n->logged);
    keep_marked(&H->mature, &n->large);
    keep_fields_of_marked(&H->mature, &n->slots);
    n->hot = NULL;
  }
  verify_remembered(H);
}

static bool over_limit(Heap *H) { return chunks_committed(&H->mature.chunks) > load_relaxed(&H->mature.limit); }

/* Judged before the world goes on: what was free then, others may have taken by the time that a thread looks. */
enum collected { BY_ANOTHER, TOO_LITTLE, ENOUGH };

/* Afterwards `need` bytes are free, if that can be. `empty`: nothing is young then. BY_ANOTHER: another thread collected meanwhile. */
static enum collected collect(Thr *T, size_t need, bool empty) {
  Heap *H = T->heap;
  if (!world_stop(&H->world, T)) return BY_ANOTHER;
  uint64_t wall = wall_ns(), cpu = collector_clock(H);
  if (empty) empty_nurseries(H);
  SpaceThread *helpers[CREW_MAX];
  for (int i = 1; i < H->crew.workers; i++) helpers[i - 1] = &((Evacuator *)tracer_worker(&H->team, i))->runs;
  traced_mark(H, helpers, H->crew.workers - 1, young_chunks, prune_remembered);
  store_relaxed(&H->filled, 0);
  H->mature_lately -= H->mature_lately / 32;
  if (chunks_committed(&H->mature.chunks) > H->mature_lately) H->mature_lately = chunks_committed(&H->mature.chunks);
  if (H->hard_limit) {
    spare_blocks(H, need);
    if (chunks_committed(&H->mature.chunks) + need > mature_limit(H)) {
      if (!empty) empty_nurseries(H);
      if (!holes_will_do(H, need)) make_room(H, need);
    }
    trust_holes(H);
  } else {
    grow_limit(H);
  }
  H->collector_cpu_ns += collector_clock(H) - cpu;
  H->collector_wall_ns += wall_ns() - wall;
  store_relaxed(&H->is_short, false);
  enum collected how = over_limit(H) ? TOO_LITTLE : ENOUGH;
  world_resume(&H->world, T);
  return how;
}

static void *out_of_room(Heap *H) {
  H->config->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "what is live leaves no room for the next object");
  return NULL;
}

static void *get_mature(Thr *T, size_t size, bool force) {
  Space *S = &T->heap->mature;
  if (size > CELL_MAX) return space_get_large(S, size, T->heap->card_shift, force);
  return force ? promote(T->heap, &T->space, (size + 15) & ~(size_t)15) : space_get(S, &T->space, size);
}

static void *alloc_large(Thr *T, size_t size) {
  Heap *H = T->heap;
  void *p = get_mature(T, size, false);
  for (int mine = 0; !p && mine < COLLECT_TRIES;) {
    if (collect(T, size + UNIT_BYTES, mine > 0) != BY_ANOTHER) mine++;
    p = get_mature(T, size, !H->hard_limit && mine); /* growing: one object larger than all that lives */
  }
  return p && !(H->hard_limit && space_is_hopeless(&H->mature)) ? p : out_of_room(H);
}

/* Whether the next minor collections may promote more than the holes still take, where no block is left for it. Blocks stay where they are: each that
   is taken in the middle of a minor collection, because the holes ran out, is one more that is half empty for good, until they fill the heap. */
static bool holes_run_out(Heap *H) {
  size_t reserve = load_relaxed(&H->reserve), blocks = chunks_committed(&H->mature.chunks) + UNIT_BYTES;
  return blocks + load_relaxed(&H->nurseries) + reserve > H->hard_limit &&
         load_relaxed(&H->filled) + reserve > H->mature.hole_bytes;
}

/* After promotions: collects in full while the mature space holds more than it may. False: what lives leaves no room. A collection that
   ended with room is none of the two that may fail: that others have filled it since is their right, and their progress. */
static bool keep_limit(Thr *T) {
  Heap *H = T->heap;
  if (!H->hard_limit) {
    while (over_limit(H) && collect(T, UNIT_BYTES, false) == BY_ANOTHER) {}
    return true;
  }
  int failed = 0;
  if (holes_run_out(H)) collect(T, UNIT_BYTES, false);
  while ((over_limit(H) || load_relaxed(&H->is_short)) && failed < 2 && !space_is_hopeless(&H->mature))
    failed += collect(T, UNIT_BYTES, failed > 0) == TOO_LITTLE;
  return failed < 2 && !space_is_hopeless(&H->mature);
}

static void *alloc_young(Thr *T, size_t size) {
  size_t bytes = (size + 15) & ~(size_t)15;
  Nursery *n = &T->nursery;
  while (bytes > (size_t)(n->eden.end - n->eden.cur)) {
    if (lane_next(&n->eden, n->head)) continue;
    minor_timed(T, false);
    if (!keep_limit(T)) return out_of_room(T->heap);
  }
  char *p = n->eden.cur;
  n->eden.cur = p + bytes;
  return p;
}

void *gen_alloc_slow(Thr *T, size_t size, Obj **keep) {
  Link root = {T->top, {keep ? *keep : NULL}};
  T->top = &root;
  if (MM_CHECK && T->collect_every && T->until_collect == 0) { /* mostly minor ones, as in life */
    T->until_collect = T->collect_every;
    if (++T->stressed % 8 == 0)
      collect(T, 0, T->stressed % 16 == 0), T->heap->mature.fruitless = 0;
    else {
      unsigned helpers = claim_helpers(T);
      evacuate_nursery(T, T->stressed % 2, helpers);
      release_helpers(T->heap, helpers);
    }
  }
  void *p = size > T->nursery.cutoff ? alloc_large(T, size) : alloc_young(T, size);
  T->top = root.prev;
  if (keep) *keep = root.s.p_;
  return p;
}

void mm_poll_slow(Thr *T) {
  Heap *H = T->heap;
  Nursery *n = &T->nursery;
  world_wait(&H->world, T);
  if (nursery_entries(n) > n->remembered_max) minor_timed(T, true); /* survivors would be remembered again */
  world_lower(&H->world, T);
}

/* --- Publishing -------------------------------------------------------------------------------------------------------------------- */

/* Immutable leaves have no identity: a mature copy is as good, and spares a collection. */
static bool is_value(const Obj *o) { return o->kind == KIND_INT || o->kind == KIND_FLOAT || o->kind == KIND_STR; }

/* Copies of one value published again and again would add up: after so many, the nursery is emptied, and the original is mature. */
enum { COPIES_MAX = 256 };

static void share_copy(Thr *T, Obj **slot) {
  size_t bytes = (obj_size(*slot) + 15) & ~(size_t)15;
  Obj *copy = promote(T->heap, &T->space, bytes);
  T->nursery.promoted_bytes += bytes;
  copy_bytes(copy, *slot, bytes);
  copy->bits = OBJ_SHARED;
  *slot = copy;
}

/* *slot is a root, so it follows. Without copying: nothing young is left afterwards, so all that it reaches is mature. */
void mm_share_slow(Thr *T, Obj **slot) {
  Nursery *n = &T->nursery;
  bool young = nursery_has(n, *slot);
  if (young && is_value(*slot) && ++T->copies < COPIES_MAX) {
    share_copy(T, slot);
  } else {
    if (young || nursery_entries(n)) minor_timed(T, true);
    T->copies = 0;
    share_deep(T, &T->work, *slot);
  }
  if (UNLIKELY(over_limit(T->heap)) && !keep_limit(T)) out_of_room(T->heap);
}

/* --- The heap ------------------------------------------------------------------------------------------------------------------------ */

static size_t most_nursery(const reclaim_config *c) {
  int64_t first = c->tunables[GEN_NURSERY], max = c->tunables[GEN_NURSERY_MAX];
  return (size_t)(max > first ? max : first);
}

Heap *mm_open(const reclaim_config *config) {
  Heap *H = traced_open(config, MARKS_ASIDE);
  if (!H) return NULL;
  pthread_mutex_init(&H->minors.mutex, NULL);
  H->card_shift = CARD_SHIFT_MIN + (unsigned)config->tunables[GEN_CARD];
  H->spares = true;
  if (H->crew.workers == 1 ||
      evacuators_open(&H->team, &H->crew, 2 * most_nursery(config) + PAGE, config->tunables[TRACED_PREFETCH]))
    return H;
  mm_close(H);
  return NULL;
}

static void free_young(Thr *T) {
  nursery_destroy(&T->nursery);
  evacuators_close(&T->evacuator);
}

void mm_close(Heap *H) {
  for (int i = 0; i < H->world.nthreads; i++) free_young(H->world.threads[i]);
  evacuators_close(&H->team);
  traced_close(H);
}

static bool prepare(Heap *H, Thr *T) {
  static Crew alone = {.workers = 1};
  const int64_t *t = H->config->tunables;
  size_t size = first_size(H, (size_t)t[GEN_NURSERY]), max = most_nursery(H->config);
  Nursery *n = &T->nursery;
  if (nursery_init(n, size, max, (unsigned)t[GEN_AGE], (size_t)t[GEN_CUTOFF], H->card_shift, (size_t)t[GEN_REMEMBERED],
                   H->mature.chunks.head) &&
      evacuators_open(&T->evacuator, &alone, 2 * max + PAGE, t[TRACED_PREFETCH]))
    return true;
  free_young(T);
  return false;
}

Thr *mm_attach(Heap *H, int index) {
  bool adopted;
  Thr *T = traced_attach(H, index, prepare, &adopted);
  if (!T) return NULL;
  mm_blocking_end(T); /* as a running thread, since whoever collects looks at all nurseries */
  if (adopted) nursery_resize(&T->nursery, T->nursery.first);
  count_nursery(H, &T->nursery, true);
  set_limit(H);
  mm_blocking_begin(T);
  return T;
}

/* What it published lives on in the mature space; its nursery is emptied and given up. */
void mm_detach(Thr *T) {
  Heap *H = T->heap;
  mm_blocking_end(T);
  evacuate_nursery(T, true, 0);
  count_nursery(H, &T->nursery, false);
  nursery_resize(&T->nursery, 0);
  set_limit(H);
  mm_blocking_begin(T);
  traced_detach(T);
}

void mm_collect(Thr *T) {
  while (collect(T, 0, true) == BY_ANOTHER) {}
  T->heap->mature.fruitless = 0; /* it was asked for */
}

void mm_stats(Heap *H, reclaim_stats *out) {
  traced_stats(H, out);
  const reclaim_histogram full = out->pauses;
  Nursery sum = {0};
  size_t largest = 0;
  reclaim_histogram minor = {0};
  for (int i = 0; i < H->world.nthreads; i++) {
    Thr *T = H->world.threads[i];
    const Nursery *n = &T->nursery;
    sum.minors += n->minors;
    sum.eden_bytes += n->eden_bytes;
    sum.survived_bytes += n->survived_bytes;
    sum.promoted_bytes += n->promoted_bytes;
    sum.helped_bytes += n->helped_bytes;
    sum.remembered += n->remembered;
    sum.remembered_hits += n->remembered_hits;
    if (n->size > largest) largest = n->size;
    out->collector_cpu_ns += T->minor_cpu_ns;
    histogram_merge(&minor, &T->minor_pauses);
  }
  histogram_merge(&out->pauses, &minor);
  reclaim_counter counters[] = {
      {"nursery-largest-bytes", largest},       {"eden-bytes", sum.eden_bytes},         {"survived-bytes", sum.survived_bytes},
      {"promoted-bytes", sum.promoted_bytes},   {"helped-bytes", sum.helped_bytes},     {"remembered-entries", sum.remembered},
      {"remembered-hits", sum.remembered_hits}, {"minor-pauses-ns", minor.total_ns},    {"minor-pause-longest-ns", minor.max_ns},
      {"full-pauses-ns", full.total_ns},        {"full-pause-longest-ns", full.max_ns},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
  out->minor_collections = sum.minors;
  out->collector_wall_ns += H->minors.wall_ns;
  out->committed_bytes += load_relaxed(&H->nurseries);
}

void mm_reset_stats(Heap *H) {
  traced_reset(H);
  H->minors.wall_ns = 0;
  for (int i = 0; i < H->world.nthreads; i++) {
    Thr *T = H->world.threads[i];
    Nursery *n = &T->nursery;
    n->minors = n->eden_bytes = n->survived_bytes = n->promoted_bytes = n->helped_bytes = 0;
    n->remembered = n->remembered_hits = 0;
    T->minor_cpu_ns = 0;
    memset(&T->minor_pauses, 0, sizeof T->minor_pauses);
  }
}
