/* generational.c: see generational.h and strategies/parts/nursery.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/traced-heap.h"

const char mm_summary[] = "a copying nursery per thread, promotion into a mark-swept mature space";
const reclaim_param mm_tunables[] = {
    TRACED_TUNABLES,
    {"nursery", "bytes of each thread's nursery at the start", "bytes", 1536 << 10, NURSERY_MIN, 64 << 20, NULL},
    {"nursery-max", "bytes that it may grow to while much survives", "bytes", 8 << 20, NURSERY_MIN, 64 << 20, NULL},
    {"promotion-age", "minor collections that an object survives before it is mature", "", 1, 1, 4, NULL},
    {"large-object", "larger objects are born mature", "bytes", 8192, 4096, 16384, NULL},
    {"remembered-set", "entries after which a minor collection is asked for", "", 1 << 16, 16, 1 << 26, NULL},
};
const int mm_ntunables = GEN_TUNABLES;

/* --- Sizes ----------------------------------------------------------------------------------------------------------------------- */

/* What the mature space may hold when the nurseries have their bytes and as many again to be promoted into. */
static size_t mature_limit(Heap *H) {
  size_t reserve = 2 * load_relaxed(&H->nurseries);
  return H->hard_limit > reserve ? H->hard_limit - reserve : 0;
}
static void set_limit(Heap *H) {
  if (!H->hard_limit) return; /* a growing heap's is set by collections alone: a nursery that resizes must not put off the next */
  store_relaxed(&H->mature.limit, mature_limit(H));
  store_relaxed(&H->mature.chunks.ceiling, H->hard_limit - load_relaxed(&H->nurseries));
}
static void grow_limit(Heap *H) {
  uint64_t limit = grown_limit(H);
  store_relaxed(&H->mature.limit, limit);
  store_relaxed(&H->mature.chunks.ceiling, limit);
}
/* After a full collection: where blocks have holes for all that the nurseries may promote, the reserve need not be free blocks, too. */
static void trust_holes(Heap *H) {
  size_t nurseries = load_relaxed(&H->nurseries), committed = chunks_committed(&H->mature.chunks);
  if (committed > load_relaxed(&H->mature.limit) && committed + nurseries <= H->hard_limit && H->mature.hole_bytes >= nurseries)
    store_relaxed(&H->mature.limit, committed);
}

/* Survivor halves are as large as eden together. */
static size_t nursery_bytes(const Nursery *n) { return n->size * (n->half ? 2 : 1); }

/* T's eden is empty. */
static void resize(Thr *T, size_t size) {
  Heap *H = T->heap;
  size_t old = nursery_bytes(&T->nursery);
  nursery_resize(&T->nursery, size);
  __atomic_fetch_add(&H->nurseries, nursery_bytes(&T->nursery) - old, __ATOMIC_RELAXED);
  set_limit(H);
}

/* The size that a nursery may start with under a limit: an eighth of it, all threads together. */
static size_t first_size(Heap *H, size_t size) {
  if (!H->hard_limit) return size;
  size_t most = H->hard_limit / (8 * (unsigned)H->config->threads);
  if (most < NURSERY_MIN) most = NURSERY_MIN;
  return size < most ? size : most;
}

/* Whether `more` bytes of nursery, and as many to promote them into, leave what is mature a quarter more than it has now. */
static bool may_grow(Heap *H, size_t more) {
  if (!H->hard_limit) return true;
  size_t mature = chunks_committed(&H->mature.chunks);
  return mature + mature / 4 + 2 * (load_relaxed(&H->nurseries) + more) <= H->hard_limit;
}

/* --- The remembered set ------------------------------------------------------------------------------------------------------------ */

void gen_remember(Thr *T, Obj *holder, void *from, void *to) {
  Nursery *n = &T->nursery;
#if MM_CHECK
  if (holder->bits & OBJ_SHARED) T->heap->config->fail(RECLAIM_FAIL_CHECK, "a young object was stored into a shared one");
#endif
  Unit *u = unit_of(holder);
  if (u->cell) {
    if (holder->bits & OBJ_LOGGED) return;
    holder->bits |= OBJ_LOGGED;
    stack_push(&n->logged, holder);
  } else {
    size_t card = (size_t)((char *)from - (char *)holder) >> CARD_SHIFT;
    size_t last = (size_t)((char *)to - 1 - (char *)holder) >> CARD_SHIFT;
    for (; card <= last; card++) {
      if (u->cards[card]) continue;
      u->cards[card] = 1;
      stack_push(&n->cards, holder);
      stack_push(&n->cards, (Obj *)card);
    }
  }
  if (n->logged.n + n->cards.n / 2 > n->remembered_max) atomic_store_explicit(&T->poll, 1, memory_order_relaxed);
}

/* --- Minor collection: T's own nursery, by T itself, or for it while the world is stopped. ------------------------------------- */

typedef struct Minor {
  Thr *T;
  bool promote_all;
  bool saw_young; /* the object being scanned still refers to a survivor */
} Minor;

static void copy_bytes(void *to, const void *from, size_t bytes) { /* multiples of 16 */
  typedef struct {
    uint64_t a, b;
  } Pair;
  Pair *d = to;
  const Pair *s = from;
  for (size_t i = 0; i < bytes / sizeof *d; i++) d[i] = s[i];
}

/* Bytes ahead of a promotion at which the line is asked for: mature cells are cold. */
enum { PROMOTE_AHEAD = 2048 };

static void *promote(Thr *T, size_t bytes) {
  Space *S = &T->heap->mature;
  void *p;
  Run *r = &T->space.run[class_of(bytes)];
  if (LIKELY(r->cur != r->end)) {
    p = r->cur;
    r->cur += r->block->cell;
    __builtin_prefetch((char *)p + PROMOTE_AHEAD, 1);
  } else {
    p = space_get_slow(S, &T->space, class_of(bytes), true);
  }
  if (UNLIKELY(!p)) {
    T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory for promotion");
    abort();
  }
  T->nursery.promoted_bytes += bytes;
  return p;
}

/* Moves a young object and leaves its new address behind. */
static Obj *evacuate(Minor *m, Obj *o) {
  Nursery *n = &m->T->nursery;
  size_t bytes = (obj_size(o) + 15) & ~(size_t)15;
  unsigned age = ((o->bits & OBJ_AGE_MASK) >> OBJ_AGE_SHIFT) + 1;
  Obj *to;
  if (LIKELY(n->age == 1) || m->promote_all || age >= n->age || bytes > (size_t)(n->to + n->size / 2 - n->to_cur)) {
    to = promote(m->T, bytes);
    copy_bytes(to, o, bytes);
    to->bits &= (uint8_t)~OBJ_AGE_MASK;
  } else {
    to = (Obj *)n->to_cur;
    n->to_cur += bytes;
    copy_bytes(to, o, bytes);
    to->bits = (uint8_t)((to->bits & ~OBJ_AGE_MASK) | age << OBJ_AGE_SHIFT);
  }
  n->survived_bytes += bytes;
  o->word = LINK_WORD(to, KIND_FORWARDED);
  if (!kind_is_leaf(to->kind)) stack_push(&m->T->work, to);
  return to;
}

static bool in_to_space(const Nursery *n, const Obj *o) { return (char *)o >= n->to && (char *)o < n->to_cur; }

INLINE void forward(void *ctx, Obj **field) {
  Minor *m = ctx;
  Obj *o = *field;
  Nursery *n = &m->T->nursery;
  if (LIKELY(!nursery_has(n, o))) return;
  if (o->kind == KIND_FORWARDED)
    *field = o = LINK_NEXT(o->word);
  else if (UNLIKELY(n->half) && in_to_space(n, o)) {
  } else
    *field = o = evacuate(m, o);
  if (UNLIKELY(n->half) && nursery_has(n, o)) m->saw_young = true;
}
static void forward_root(void *ctx, Obj **field) { forward(ctx, field); }

/* Forwards all fields of o. Those of a node from the last to the first: what is forwarded last is scanned first, so subtrees are laid
   out in the order in which programs walk them, left before right, at rising addresses. */
INLINE void forward_fields(Minor *m, Obj *o) {
  if (o->kind != KIND_NODE) {
    obj_visit(o, forward, m);
    return;
  }
  for (unsigned i = o->n; i-- > 0;) forward(m, &((Node *)o)->e[i]);
}

/* Scans [lo, hi) of a mature object, and remembers it again if a survivor is left in there. */
static void scan_mature(Minor *m, Obj *o, Obj **lo, Obj **hi) {
  m->saw_young = false;
  obj_visit_range(o, lo, hi, forward, m);
  if (m->saw_young) gen_remember(m->T, o, lo ? (void *)lo : (void *)o, lo ? (void *)hi : (char *)o + 1);
}

static void scan_remembered(Minor *m) {
  Nursery *n = &m->T->nursery;
  Stack logged = n->logged, cards = n->cards;
  memset(&n->logged, 0, sizeof n->logged); /* what stays remembered is entered anew */
  memset(&n->cards, 0, sizeof n->cards);
  n->remembered += logged.n + cards.n / 2;
  for (size_t i = 0; i < logged.n; i++) {
    logged.v[i]->bits &= (uint8_t)~OBJ_LOGGED;
    scan_mature(m, logged.v[i], NULL, (Obj **)UINTPTR_MAX);
  }
  for (size_t i = 0; i < cards.n; i += 2) {
    Obj *o = cards.v[i];
    size_t card = (size_t)(uintptr_t)cards.v[i + 1];
    unit_of(o)->cards[card] = 0;
    char *lo = (char *)o + (card << CARD_SHIFT);
    scan_mature(m, o, (Obj **)lo, (Obj **)(lo + (1 << CARD_SHIFT)));
  }
  if (n->logged.n)
    stack_free(&logged);
  else
    logged.n = 0, n->logged = logged; /* the usual case: keep the memory */
  if (n->cards.n)
    stack_free(&cards);
  else
    cards.n = 0, n->cards = cards;
}

static void drain(Minor *m) {
  Stack *work = &m->T->work;
  if (LIKELY(!m->T->nursery.half)) { /* no survivors: nothing promoted needs to be remembered */
    while (work->n) forward_fields(m, work->v[--work->n]);
    return;
  }
  while (work->n) {
    Obj *o = work->v[--work->n];
    if (nursery_has(&m->T->nursery, o))
      forward_fields(m, o);
    else if (!unit_of(o)->cell)
      scan_mature(m, o, (Obj **)o, (Obj **)((char *)o + obj_size(o)));
    else
      scan_mature(m, o, NULL, (Obj **)UINTPTR_MAX);
  }
}

static void minor(Thr *T, bool promote_all) {
  Nursery *n = &T->nursery;
  Minor m = {T, promote_all, false};
  n->eden_bytes += (uint64_t)(n->cur - n->eden);
  n->to_cur = n->to;
  for (Link *l = T->top; l; l = l->prev) forward_root(&m, &l->s.p_);
  scan_remembered(&m);
  drain(&m);
#if MM_CHECK
  memset(n->eden, 0xDB, (size_t)(n->cur - n->eden));
  memset(n->from, 0xDB, (size_t)(n->from_end - n->from));
#endif
  char *was = n->from; /* the halves change places */
  n->from = n->to, n->from_end = n->to_cur;
  n->to = n->to_cur = was;
  n->cur = n->eden;
}

/* Grows by half while more than a quarter survives, and goes back when less than a sixteenth does: a nursery that fits the cache is
   the better one then. `before`: survived_bytes before the collection; `used`: bytes of eden then. */
static void adapt(Thr *T, uint64_t before, size_t used) {
  Nursery *n = &T->nursery;
  uint64_t survived = n->survived_bytes - before;
  size_t size = n->size;
  if (survived * 4 > used && may_grow(T->heap, n->size / 2))
    size = n->size + n->size / 2;
  else if (survived * 16 < used && n->size > n->first)
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
  size_t used = (size_t)(T->nursery.cur - T->nursery.eden);
  minor(T, publishing);
  if (!publishing) adapt(T, before, used);
  uint64_t took = minor_ends(T->heap) - wall;
  T->minor_cpu_ns += publishing ? took : thread_cpu_ns() - cpu;
  T->nursery.minors++;
  histogram_add(&T->minor_pauses, took);
}

/* --- Full collection --------------------------------------------------------------------------------------------------------------- */

/* The nurseries, which are empty, give way until what lives, and `need` bytes more, fit beside them, down to their least size. */
static void make_room(Heap *H, size_t need) {
  while (chunks_committed(&H->mature.chunks) + need > mature_limit(H)) {
    size_t before = load_relaxed(&H->nurseries);
    for (int i = 0; i < H->world.nthreads; i++) {
      Thr *T = H->world.threads[i];
      if (T->nursery.size / 2 >= NURSERY_MIN) resize(T, T->nursery.size / 2); /* 0 of a thread that has exited */
    }
    if (load_relaxed(&H->nurseries) == before) return;
  }
}

/* Afterwards `need` bytes are free, if that can be. False: another thread collected meanwhile. */
static bool collect(Thr *T, size_t need) {
  Heap *H = T->heap;
  if (!world_stop(&H->world, T)) return false;
  uint64_t wall = wall_ns(), cpu = collector_clock(H);
  for (int i = 0; i < H->world.nthreads; i++) minor(H->world.threads[i], true);
  traced_mark(H);
  if (H->hard_limit)
    set_limit(H);
  else
    grow_limit(H);
  if (H->hard_limit) {
    make_room(H, need);
    trust_holes(H);
  }
  H->collector_cpu_ns += collector_clock(H) - cpu;
  H->collector_wall_ns += wall_ns() - wall;
  world_resume(&H->world, T);
  return true;
}

static bool over_limit(Heap *H) { return chunks_committed(&H->mature.chunks) > load_relaxed(&H->mature.limit); }

static void *out_of_room(Heap *H) {
  H->config->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "what is live leaves no room for the next object");
  return NULL;
}

static void *get_mature(Thr *T, size_t size, bool force) {
  Space *S = &T->heap->mature;
  if (size > CELL_MAX) return space_get_large(S, size, force);
  return force ? promote(T, size) : space_get(S, &T->space, size);
}

static void *alloc_large(Thr *T, size_t size) {
  Heap *H = T->heap;
  void *p = get_mature(T, size, false);
  for (int mine = 0; !p && mine < COLLECT_TRIES;) {
    if (collect(T, size + UNIT_BYTES)) mine++;
    p = get_mature(T, size, !H->hard_limit && mine); /* growing: one object larger than all that lives */
  }
  return p && !(H->hard_limit && space_is_hopeless(&H->mature)) ? p : out_of_room(H);
}

/* After promotions: collects in full while the mature space holds more than it may. False: what lives leaves no room. */
static bool keep_limit(Thr *T) {
  Heap *H = T->heap;
  for (int mine = 0; over_limit(H); mine += collect(T, UNIT_BYTES))
    if (mine == (H->hard_limit ? 2 : 1)) return !H->hard_limit;
  return !H->hard_limit || !space_is_hopeless(&H->mature);
}

static void *alloc_young(Thr *T, size_t size) {
  size_t bytes = (size + 15) & ~(size_t)15;
  Nursery *n = &T->nursery;
  while (bytes > (size_t)(n->end - n->cur)) {
    minor_timed(T, false);
    if (!keep_limit(T)) return out_of_room(T->heap);
  }
  char *p = n->cur;
  n->cur = p + bytes;
  return p;
}

void *gen_alloc_slow(Thr *T, size_t size, Obj **keep) {
  Link root = {T->top, {keep ? *keep : NULL}};
  T->top = &root;
  if (MM_CHECK && T->collect_every && T->until_collect == 0) { /* mostly minor ones, as in life */
    T->until_collect = T->collect_every;
    if (++T->stressed % 8 == 0)
      collect(T, 0), T->heap->mature.fruitless = 0;
    else
      minor(T, T->stressed % 2);
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
  if (n->logged.n + n->cards.n / 2 > n->remembered_max) minor_timed(T, true); /* survivors would be remembered again */
  world_lower(&H->world, T);
}

/* --- Publishing -------------------------------------------------------------------------------------------------------------------- */

/* Immutable leaves have no identity: a mature copy is as good, and spares a collection. */
static bool is_value(const Obj *o) { return o->kind == KIND_INT || o->kind == KIND_FLOAT || o->kind == KIND_STR; }

/* Copies of one value published again and again would add up: after so many, the nursery is emptied, and the original is mature. */
enum { COPIES_MAX = 256 };

static void share_copy(Thr *T, Obj **slot) {
  size_t bytes = (obj_size(*slot) + 15) & ~(size_t)15;
  Obj *copy = promote(T, bytes);
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
    if (young || n->logged.n || n->cards.n) minor_timed(T, true);
    T->copies = 0;
    share_deep(T, &T->work, *slot);
  }
  if (UNLIKELY(over_limit(T->heap)) && !keep_limit(T)) out_of_room(T->heap);
}

/* --- The heap ------------------------------------------------------------------------------------------------------------------------ */

Heap *mm_open(const reclaim_config *config) {
  Heap *H = traced_open(config);
  if (H) pthread_mutex_init(&H->minors.mutex, NULL);
  return H;
}

void mm_close(Heap *H) {
  for (int i = 0; i < H->world.nthreads; i++) nursery_destroy(&H->world.threads[i]->nursery);
  traced_close(H);
}

static bool prepare(Heap *H, Thr *T) {
  const int64_t *t = H->config->tunables;
  size_t max = (size_t)(t[GEN_NURSERY_MAX] > t[GEN_NURSERY] ? t[GEN_NURSERY_MAX] : t[GEN_NURSERY]);
  size_t size = first_size(H, (size_t)t[GEN_NURSERY]);
  return nursery_init(&T->nursery, size, max, (unsigned)t[GEN_AGE], (size_t)t[GEN_CUTOFF], (size_t)t[GEN_REMEMBERED]);
}

Thr *mm_attach(Heap *H, int index) {
  bool adopted;
  Thr *T = traced_attach(H, index, prepare, &adopted);
  if (!T) return NULL;
  if (adopted) nursery_resize(&T->nursery, T->nursery.first);
  __atomic_fetch_add(&H->nurseries, nursery_bytes(&T->nursery), __ATOMIC_RELAXED);
  set_limit(H);
  return T;
}

/* What it published lives on in the mature space; its nursery is emptied and given up. */
void mm_detach(Thr *T) {
  Heap *H = T->heap;
  mm_blocking_end(T);
  minor(T, true);
  __atomic_fetch_sub(&H->nurseries, nursery_bytes(&T->nursery), __ATOMIC_RELAXED);
  nursery_resize(&T->nursery, 0);
  set_limit(H);
  mm_blocking_begin(T);
  traced_detach(T);
}

void mm_collect(Thr *T) {
  while (!collect(T, 0)) {}
  T->heap->mature.fruitless = 0; /* it was asked for */
}

void mm_stats(Heap *H, reclaim_stats *out) {
  traced_stats(H, out);
  uint64_t minors = 0, eden = 0, survived = 0, promoted = 0, remembered = 0, nursery = 0;
  for (int i = 0; i < H->world.nthreads; i++) {
    Thr *T = H->world.threads[i];
    minors += T->nursery.minors;
    eden += T->nursery.eden_bytes;
    survived += T->nursery.survived_bytes;
    promoted += T->nursery.promoted_bytes;
    remembered += T->nursery.remembered;
    if (T->nursery.size > nursery) nursery = T->nursery.size;
    out->collector_cpu_ns += T->minor_cpu_ns;
    histogram_merge(&out->pauses, &T->minor_pauses);
  }
  reclaim_counter counters[] = {
      {"nursery-bytes", nursery},         {"eden-bytes", eden}, {"survived-bytes", survived}, {"promoted-bytes", promoted},
      {"remembered-entries", remembered},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
  out->minor_collections = minors;
  out->collector_wall_ns += H->minors.wall_ns;
  out->committed_bytes += load_relaxed(&H->nurseries);
}

void mm_reset_stats(Heap *H) {
  traced_reset(H);
  H->minors.wall_ns = 0;
  for (int i = 0; i < H->world.nthreads; i++) {
    Thr *T = H->world.threads[i];
    Nursery *n = &T->nursery;
    n->minors = n->eden_bytes = n->survived_bytes = n->promoted_bytes = n->remembered = 0;
    T->minor_cpu_ns = 0;
    memset(&T->minor_pauses, 0, sizeof T->minor_pauses);
  }
}
