/* region.c: see region.h. Blocks and holes, the remembered set, and what comes before and after tracing. */
#include "strategies/parts/region.h"

#include "strategies/parts/clock.h"
#include "strategies/parts/system.h"

bool region_init(Region *R, const SpaceConfig *c) {
  memset(R, 0, sizeof *R);
  chunks_init(&R->chunks, c->huge_pages);
  if (c->crew->workers > 1) chunks_two_bitmaps(&R->chunks);
  chunks_reserve_tail(&R->chunks, LINES_HEAD);
  pthread_mutex_init(&R->mutex, NULL);
  R->crew = c->crew;
  R->limit = R->chunks.ceiling = c->limit;
  R->budget = UINT64_MAX;
  R->density = 256;
  return region_open_tracer(R, c) && (R->immortals = immortals_make(&R->chunks));
}

void region_destroy(Region *R) {
  trace_close(&R->tracer);
  chunks_destroy(&R->chunks);
  pthread_mutex_destroy(&R->mutex);
#if MM_CHECK
  verify_free(&R->verify);
#endif
}

/* --- Blocks -------------------------------------------------------------------------------------------------------------------------- */

static void note_taken(Region *R, size_t bytes) { __atomic_fetch_add(&R->taken_bytes, bytes, __ATOMIC_RELAXED); }

static bool is_due(const Region *R) { return load_relaxed(&R->taken_bytes) >= load_relaxed(&R->budget); }

/* A run of fresh memory. A copy may use the reserve, too. When the system refuses, what is held becomes the limit. */
static Unit *get_run(Region *R, size_t bytes, bool copy, bool force) {
  bool out_of_memory;
  uint64_t limit = force ? SIZE_MAX : load_relaxed(&R->limit) + (copy ? R->reserve : 0);
  Unit *u = chunks_get(&R->chunks, bytes, limit, &out_of_memory);
  if (!u && out_of_memory) store_relaxed(&R->limit, chunks_committed(&R->chunks));
  return u;
}

static Unit *take(RegionThread *t, Unit *u, unsigned flags) {
  u->flags |= (uint8_t)(BLOCK_TAKEN | flags);
  u->next = t->taken;
  t->taken = u;
  return u;
}

static Unit *take_free(Region *R, RegionThread *t, bool copy) {
  Unit *u = get_run(R, UNIT_BYTES, copy, false);
  if (!u) return NULL;
  u->cell = 1 << GRANULE_SHIFT;
  u->cls = LINES;
  memset(block_lines(u), 0, sizeof(BlockLines));
  if (!copy) note_taken(R, UNIT_BYTES);
  __atomic_fetch_add(&R->fresh_taken, 1, __ATOMIC_RELAXED);
  return take(t, u, copy ? 0 : BLOCK_FRESH);
}

static size_t free_bytes(const Unit *u) { return (size_t)u->cls << LINE_SHIFT; }

/* u comes out of a list. */
static Unit *take_listed(Region *R, RegionThread *t, Unit *u, bool copy) {
  __atomic_fetch_sub(&R->hole_bytes, free_bytes(u), __ATOMIC_RELAXED);
  if (!copy) note_taken(R, free_bytes(u));
  __atomic_fetch_add(&R->holes_taken, 1, __ATOMIC_RELAXED);
  return take(t, u, 0);
}
static Unit *take_first(Region *R, RegionThread *t, Unit **list, bool copy) {
  if (!load_relaxed(list)) return NULL;
  pthread_mutex_lock(&R->mutex);
  Unit *u = *list;
  if (u) store_relaxed(list, u->next);
  pthread_mutex_unlock(&R->mutex);
  return u ? take_listed(R, t, u, copy) : NULL;
}

/* --- Holes --------------------------------------------------------------------------------------------------------------------------- */

/* Bytes of a hole that are asked for as it is entered. From there on its addresses only rise, and processors see that by themselves; a prefetch
   with each allocation costs more than it brings (trees in a 3x heap: 1.05 of the time). */
enum { ENTER_AHEAD = 1024 };

static void enter(Hole *h, Unit *u, unsigned from, unsigned to) {
  h->block = u;
  h->cur = unit_base(u) + ((size_t)from << LINE_SHIFT);
  h->end = unit_base(u) + ((size_t)to << LINE_SHIFT);
  for (char *p = h->cur; p < h->end && p < h->cur + ENTER_AHEAD; p += 64) __builtin_prefetch(p, 1);
}

static bool next_hole(Hole *h) {
  unsigned from, to;
  if (!h->block || !lines_hole(h->block, (unsigned)((h->end - unit_base(h->block)) >> LINE_SHIFT), &from, &to)) return false;
  enter(h, h->block, from, to);
  return true;
}

static void *bump(Hole *h, size_t size) {
  char *p = h->cur;
  if (size > (size_t)(h->end - p)) return NULL;
  h->cur = p + size;
  return p;
}

/* Bytes of the reserve that are in use: as many are then kept for copies in holes. */
static uint64_t deficit(Region *R) {
  uint64_t limit = load_relaxed(&R->limit), committed = chunks_committed(&R->chunks);
  return committed > limit ? committed - limit : 0;
}
static bool may_take_holes(Region *R) { return load_relaxed(&R->hole_bytes) > deficit(R); }

static Unit *block_for_copies(Region *R, RegionThread *t) {
  Unit *u = take_first(R, t, &R->holey, true);
  if (!u) u = take_first(R, t, &R->roomy, true);
  return u ? u : take_free(R, t, true);
}
static Unit *next_block(Region *R, RegionThread *t) {
  if (is_due(R)) return NULL;
  bool holes = may_take_holes(R);
  Unit *u = holes ? take_first(R, t, &R->roomy, false) : NULL;
  if (!u) u = take_free(R, t, false);
  return !u && holes ? take_first(R, t, &R->holey, false) : u;
}

/* Where no block is free: the first hole of any listed block that is large enough. */
static bool find_hole(Region *R, RegionThread *t, Unit **list, size_t size, bool copy) {
  pthread_mutex_lock(&R->mutex);
  for (Unit **link = list, *u; (u = *link); link = &u->next)
    for (unsigned from, to = 0; free_bytes(u) >= size && lines_hole(u, to, &from, &to);) {
      if ((size_t)(to - from) << LINE_SHIFT < size) continue;
      store_relaxed(link, u->next);
      pthread_mutex_unlock(&R->mutex);
      enter(&t->over, take_listed(R, t, u, copy), from, to);
      return true;
    }
  pthread_mutex_unlock(&R->mutex);
  return false;
}

/* Room for an object of more than a line that the hole has no room for. */
static void *overflow(Region *R, RegionThread *t, size_t size, bool copy) {
  void *p = bump(&t->over, size);
  if (p || (!copy && is_due(R))) return p;
  Unit *u = take_free(R, t, copy);
  if (u) {
    enter(&t->over, u, 0, LINES);
  } else if (!(copy || may_take_holes(R)) ||
             !(find_hole(R, t, &R->roomy, size, copy) || find_hole(R, t, &R->holey, size, copy))) {
    if (!copy) store_relaxed(&R->wants_block, true);
    return NULL;
  }
  __atomic_fetch_add(&R->overflows, 1, __ATOMIC_RELAXED);
  return bump(&t->over, size);
}

static void *get(Region *R, RegionThread *t, size_t size, bool copy) {
  void *p = bump(&t->small, size);
  if (p) return p;
  if (size > LINE_BYTES) return overflow(R, t, size, copy);
  while (!next_hole(&t->small)) {
    Unit *u = copy ? block_for_copies(R, t) : next_block(R, t);
    if (!u) return NULL;
    enter(&t->small, u, 0, 0);
  }
  return bump(&t->small, size);
}
void *region_get_slow(Region *R, RegionThread *t, size_t size) { return get(R, t, size, false); }
void *region_copy_slow(Region *R, RegionThread *t, size_t size) { return get(R, t, size, true); }

void *region_get_large(Region *R, RegionThread *t, size_t size, bool force) {
  size_t end = (size + 63) & ~(size_t)63, cards = (size >> REGION_CARD_SHIFT) + 1; /* behind the object: region_cards */
  if (!force && is_due(R)) return NULL;
  Unit *u = get_run(R, end + cards, false, force);
  if (!u) {
    store_relaxed(&R->wants_block, true);
    return NULL;
  }
  u->cards = memset(unit_base(u) + end, 0, cards);
  u->next = t->young_large;
  t->young_large = u;
  note_taken(R, u->bytes);
  return unit_base(u);
}

uint64_t region_room(Region *R) {
  uint64_t limit = load_relaxed(&R->limit), committed = chunks_committed(&R->chunks), room = load_relaxed(&R->hole_bytes) + limit;
  return room > committed ? room - committed : 0;
}

/* --- The remembered set -------------------------------------------------------------------------------------------------------------- */

void region_note(RegionThread *t, Obj *holder, void *from, void *to) {
  Unit *u = unit_of(holder);
  bool large = !u->cell;
  if (holder->count) { /* the first time since the last collection */
    holder->count = 0;
    if (!large && !(holder->bits & OBJ_SHARED)) holder->bits &= (uint8_t)~OBJ_UNLOGGED;
    stack_push(large ? &t->large : &t->objects, holder);
  }
  if (!large || !is_marked(holder)) return; /* small, or young */
  t->hot = holder;
  t->hot_cards = (uintptr_t)u->cards - ((uintptr_t)holder >> REGION_CARD_SHIFT);
  uintptr_t card = (uintptr_t)from >> REGION_CARD_SHIFT, last = ((uintptr_t)to - 1) >> REGION_CARD_SHIFT;
  memset((uint8_t *)(t->hot_cards + card), 1, last - card + 1);
}

/* A full collection finds what is young by itself. */
static void forget_remembered(RegionThread *t) {
  for (size_t i = 0; i < t->large.n; i++) memset(unit_of(t->large.v[i])->cards, 0, region_cards(t->large.v[i]));
  t->large.n = t->objects.n = 0;
}

/* --- Before tracing ------------------------------------------------------------------------------------------------------------------ */

static void append(Unit **list, Unit *more) {
  Unit **end = list;
  while (*end) end = &(*end)->next;
  *end = more;
}
/* What a thread has taken is everybody's; it begins anew. */
static void gather(Region *R, RegionThread *t) {
  append(&t->taken, R->taken);
  R->taken = t->taken;
  append(&t->young_large, R->large);
  R->large = t->young_large;
  t->taken = t->young_large = NULL;
  t->hot = NULL;
  memset(&t->small, 0, sizeof t->small);
  memset(&t->over, 0, sizeof t->over);
}

/* What is estimated to live in a block: of what was marked in the last collection the part that lived on at full ones; of what was allocated
   since as much as the last full one found in fresh blocks. */
static size_t estimate(const Region *R, const Unit *u) {
  const uint64_t *w = mark_word(unit_base(u));
  size_t objects = 0, free = (size_t)u->cls << LINE_SHIFT, used = UNIT_BYTES - free;
  for (unsigned i = 0; i < UNIT_BYTES >> GRANULE_SHIFT >> 6; i++)
    if (w[i]) objects += (size_t)__builtin_popcountll(w[i]);
  if (objects * R->mean_bytes < used) used = objects * R->mean_bytes;
  used = used * R->decay / 256;
  return u->flags & BLOCK_TAKEN ? used + free * R->density / 256 : used;
}

enum { BUCKET_SHIFT = 9, BUCKETS = 128 };

static void rate_block(void *pass, Unit *u) {
  Region *R = ((BlockPass *)pass)->ctx;
  RegionBooks *b = &region_worker(R, ((BlockPass *)pass)->worker)->books;
  if (u->flags & BLOCK_IMMORTAL || !u->cell) return;
  size_t bucket = estimate(R, u) >> BUCKET_SHIFT;
  u->state = (uint8_t)(bucket < BUCKETS ? bucket : BUCKETS - 1);
  b->least[u->state].blocks++;
  if (!(u->flags & BLOCK_TAKEN)) b->least[u->state].holes += u->cls;
}

/* Sets `most` and `most_blocks`: candidates are all blocks of buckets below, and so many of that one, as many as there is room to empty; false
   where there is none. Room is what is free, the reserve, and the holes of blocks that are no candidates; of that an eighth is left for what is
   estimated wrongly. */
static bool choose(Region *R) {
  uint64_t committed = chunks_committed(&R->chunks), end = load_relaxed(&R->limit) + R->reserve;
  uint64_t room = ((end > committed ? end - committed : 0) & ~(uint64_t)(UNIT_BYTES - 1)) + R->hole_bytes, need = 0;
  unsigned stop = R->wants_block ? BUCKETS * 7 / 8 : BUCKETS / 2;
  for (int i = 0; i < R->crew->workers; i++) memset(region_worker(R, i)->books.least, 0, sizeof region_worker(R, i)->books.least);
  blocks_pass(R->crew, &R->chunks, rate_block, R);
  R->candidates = 0;
  for (unsigned k = 0; k < stop; k++) {
    uint64_t blocks = 0, holes = 0, each = (uint64_t)(k + 1) << BUCKET_SHIFT;
    for (int i = 0; i < R->crew->workers; i++) {
      blocks += region_worker(R, i)->books.least[k].blocks;
      holes += region_worker(R, i)->books.least[k].holes << LINE_SHIFT;
    }
    if (!blocks) continue;
    uint64_t usable = room - room / 8, lost = holes / blocks, n = usable > need ? (usable - need) / (each + lost) : 0;
    if (n > blocks) n = blocks;
    need += n * each;
    room -= n * lost;
    R->most = k;
    R->most_blocks = (int64_t)n;
    R->candidates += n;
    if (n < blocks) break;
  }
  return R->candidates > 0;
}

/* Whether a block of this bucket is one of those that were chosen. */
static bool is_chosen(Region *R, unsigned bucket) {
  return bucket < R->most || (bucket == R->most && __atomic_fetch_sub(&R->most_blocks, 1, __ATOMIC_RELAXED) > 0);
}

static void clear_block(void *pass, Unit *u) {
  Region *R = ((BlockPass *)pass)->ctx;
  if (u->flags & BLOCK_IMMORTAL) return;
  unit_clear_marks(u);
  if (!u->cell) return;
  memset(block_lines(u)->medium, 0, sizeof block_lines(u)->medium);
  if (R->moving && is_chosen(R, u->state)) u->flags |= BLOCK_CANDIDATE;
  u->state = 0;
}

/* No copy may go into a candidate. */
static void keep_off(Region *R, Unit **list) {
  for (Unit **link = list, *u; (u = *link);) {
    if (!(u->flags & BLOCK_CANDIDATE)) {
      link = &u->next;
      continue;
    }
    *link = u->next;
    __atomic_fetch_sub(&R->hole_bytes, free_bytes(u), __ATOMIC_RELAXED);
  }
}

static void begin_full(Region *R) {
  for (int i = 0; i < R->nthreads; i++) forget_remembered(R->threads[i]);
  R->moving = R->evacuate && choose(R);
  blocks_pass(R->crew, &R->chunks, clear_block, R);
  if (!R->moving) return;
  keep_off(R, &R->roomy);
  keep_off(R, &R->holey);
}

static void begin_young(Region *R) {
  R->candidates = 0;
  for (Unit *u = R->evacuate ? R->taken : NULL; u; u = u->next)
    if (u->flags & BLOCK_FRESH) u->flags |= BLOCK_CANDIDATE, R->candidates++;
  R->moving = R->candidates > 0;
}

/* --- After tracing ------------------------------------------------------------------------------------------------------------------- */

void region_each(Unit *u, void (*f)(void *ctx, Obj *), void *ctx) {
  const uint64_t *w = mark_word(unit_base(u));
  for (unsigned i = 0; i < UNIT_BYTES >> GRANULE_SHIFT >> 6; i++)
    for (uint64_t m = w[i]; m; m &= m - 1)
      f(ctx, (Obj *)(unit_base(u) + ((size_t)(i * 64 + (unsigned)__builtin_ctzll(m)) << GRANULE_SHIFT)));
}

static size_t rounded(const Obj *o) { return (obj_size(o) + 15) & ~(size_t)15; }

static void add_size(void *sum, Obj *o) { *(uint64_t *)sum += rounded(o); }

#if MM_CHECK
/* All that no marked object lies in is overwritten, so that whoever still reads it is found. */
static void poison_gap(void *at, Obj *o) {
  char **free = at;
  memset(*free, 0xDB, (size_t)((char *)o - *free));
  *free = (char *)o + rounded(o);
}
static void poison(Unit *u) {
  char *free = unit_base(u);
  region_each(u, poison_gap, &free);
  memset(free, 0xDB, (size_t)(unit_base(u) + UNIT_BYTES - free));
}
#else
static void poison(Unit *u) { (void)u; }
#endif

static void clear_stays(void *ctx, Obj *o) {
  (void)ctx;
  o->bits &= (uint8_t)~OBJ_STAYS;
}

static void list(Unit **first, Unit **last, Unit *u) {
  u->next = *first;
  if (!*first) *last = u;
  *first = u;
}

static void settle_lines(Region *R, RegionBooks *b, Unit *u) {
  b->settled++;
  poison(u);
  if (u->flags & BLOCK_CANDIDATE) region_each(u, clear_stays, NULL);
  LineCount n = lines_settle(u);
  if (R->exact) region_each(u, add_size, &b->exact_bytes);
  b->live_objects += n.objects;
  if (u->flags & BLOCK_FRESH) {
    b->young_blocks++;
    b->young_lines += n.used;
    b->young_objects += n.objects;
    b->young_kept += n.used || u->state;
  }
  u->flags &= (uint8_t) ~(BLOCK_TAKEN | BLOCK_FRESH | BLOCK_CANDIDATE);
  u->state = 0;
  u->cls = (uint16_t)(LINES - n.used);
  if (!n.used) {
    chunks_put(&R->chunks, u);
    return;
  }
  b->blocks++;
  b->used_lines += n.used;
  b->holes += n.holes;
  if (u->cls >= LINES / 2)
    list(&b->roomy, &b->last_roomy, u);
  else if (u->cls)
    list(&b->holey, &b->last_holey, u);
}

static void settle_large(Region *R, RegionBooks *b, Unit *u) {
  if (!is_marked(unit_base(u))) {
    chunks_put(&R->chunks, u);
    return;
  }
  b->large_objects++;
  b->large_bytes += u->bytes;
}

static void settle_run(void *pass, Unit *u) {
  Region *R = ((BlockPass *)pass)->ctx;
  RegionBooks *b = &region_worker(R, ((BlockPass *)pass)->worker)->books;
  if (u->flags & BLOCK_IMMORTAL) return;
  marks_merge(u);
  if (u->cell)
    settle_lines(R, b, u);
  else
    settle_large(R, b, u);
}

/* A young collection leaves alone what was not taken since the last one. */
static void settle_taken(void *ctx, int worker) {
  enum { AT_ONCE = 16, BLOCKS_EACH = 32 * CHUNK_UNITS }; /* of those that a helper is called for: some 100 us of work */
  Region *R = ctx;
  BlockPass pass = {R, worker, R->crew, &R->chunks, NULL};
  if (worker == 0) crew_call(R->crew, CREW_EAGER ? (unsigned)R->crew->workers : R->ntaken / BLOCKS_EACH);
  for (;;) {
    Unit *some[AT_ONCE];
    int n = 0;
    pthread_mutex_lock(&R->mutex);
    for (; n < AT_ONCE && R->taken; n++) some[n] = R->taken, R->taken = R->taken->next;
    pthread_mutex_unlock(&R->mutex);
    if (!n) return;
    for (int i = 0; i < n; i++) settle_run(&pass, some[i]);
  }
}

static void settle_young(Region *R) {
  R->ntaken = 0;
  for (Unit *u = R->taken; u; u = u->next) {
    R->ntaken++;
    if (u->cls == LINES) continue;
    R->blocks--;
    R->used_lines -= LINES - u->cls;
  }
  crew_run(R->crew, settle_taken, R, CREW_MAX);
  BlockPass pass = {R, 0, R->crew, &R->chunks, NULL};
  for (Unit *u = R->large, *next; u; u = next) next = u->next, settle_run(&pass, u);
}

static void link_lists(Unit **list, Unit *first, Unit *last) {
  if (!first) return;
  last->next = *list;
  *list = first;
}

/* All workers' books are one. */
static RegionBooks add_books(Region *R) {
  RegionBooks sum;
  memset(&sum, 0, sizeof sum);
  for (int i = 0; i < R->crew->workers; i++) {
    RegionBooks *b = &region_worker(R, i)->books;
    sum.settled += b->settled;
    sum.live_objects += b->live_objects;
    sum.large_objects += b->large_objects;
    sum.large_bytes += b->large_bytes;
    sum.blocks += b->blocks;
    sum.used_lines += b->used_lines;
    sum.holes += b->holes;
    sum.young_blocks += b->young_blocks;
    sum.young_lines += b->young_lines;
    sum.young_objects += b->young_objects;
    sum.young_kept += b->young_kept;
    sum.exact_bytes += b->exact_bytes;
    link_lists(&R->roomy, b->roomy, b->last_roomy);
    link_lists(&R->holey, b->holey, b->last_holey);
  }
  return sum;
}

/* Of the objects that were marked in blocks. */
static uint64_t mean_size(const Region *R) {
  uint64_t samples = 0, bytes = 0;
  for (int i = 0; i < R->crew->workers; i++) {
    samples += region_worker(R, i)->samples;
    bytes += region_worker(R, i)->sample_bytes;
  }
  return samples ? bytes / samples : 1 << GRANULE_SHIFT;
}

/* Bytes that must have been new for the next collections to be judged by what became of them. */
enum { ENOUGH = 1 << 20 };

/* What the next collection is planned from. */
static void take_stock(Region *R, uint64_t moved_young) {
  if (R->full) R->blocks = R->used_lines = R->large_bytes = 0;
  RegionBooks sum = add_books(R);
  uint64_t mean = mean_size(R), bytes = mean * sum.live_objects;
  R->blocks += sum.blocks;
  R->used_lines += sum.used_lines;
  R->large_bytes += sum.large_bytes;
  R->hole_bytes = (R->blocks * LINES - R->used_lines) << LINE_SHIFT;
  if (R->full) {
    R->live_objects = sum.live_objects + sum.large_objects;
    R->live_bytes = (R->exact ? sum.exact_bytes : bytes) + sum.large_bytes;
    R->mean_bytes = mean;
    R->holes = sum.holes;
    R->small_bytes = bytes;
    R->waste = R->used_lines * LINE_BYTES > bytes ? R->used_lines * LINE_BYTES - bytes : 0;
    if (sum.young_blocks * UNIT_BYTES > ENOUGH)
      R->density = (unsigned)((sum.young_objects * mean + moved_young) * 256 / (sum.young_blocks * UNIT_BYTES));
  }
  R->young_bytes = sum.young_blocks * UNIT_BYTES;
  R->survived_bytes = (sum.young_lines << LINE_SHIFT) + moved_young;
  R->scattered = !R->full && sum.young_kept > 1 && sum.young_kept * UNIT_BYTES >= 4 * bytes;
  R->young_sum += R->young_bytes;
  R->survived_sum += R->survived_bytes;
  R->candidates_sum += R->candidates;
  R->marked += R->full ? R->live_objects : sum.young_objects;
  R->swept += sum.settled;
  if (!R->full) R->youngs++;
}

void region_collect(Region *R, RegionThread *threads[], int n, const SpaceRoots *roots) {
  uint64_t t0 = wall_ns();
  uint64_t part = load_relaxed(&R->limit) / FRUITLESS_PART;
  R->fruitless = R->taken_bytes < part && !is_due(R) ? R->fruitless + 1 : 0;
  R->threads = threads;
  R->nthreads = n;
  R->taken = R->large = NULL;
  for (int i = 0; i < n; i++) gather(R, threads[i]);
  if (!R->full) region_verify(R, roots, true);
  if (R->full)
    begin_full(R);
  else
    begin_young(R);
  region_trace(R, roots);
  uint64_t t1 = wall_ns(), moved_young = 0;
  for (int i = 0; i < R->crew->workers; i++) {
    RegionWorker *w = region_worker(R, i);
    gather(R, &w->into);
    memset(&w->books, 0, sizeof w->books);
    moved_young += w->moved_young;
  }
  if (R->full) {
    R->roomy = R->holey = NULL;
    blocks_pass(R->crew, &R->chunks, settle_run, R);
  } else {
    settle_young(R);
  }
  take_stock(R, moved_young);
  R->taken_bytes = 0;
  R->wants_block = false;
  R->moving = false;
  R->mark_ns += t1 - t0;
  R->sweep_ns += wall_ns() - t1;
  region_verify(R, roots, false);
}

void region_reset_counters(Region *R) {
  trace_reset_counters(&R->tracer);
  R->mark_ns = R->sweep_ns = R->marked = R->swept = R->youngs = R->remembered = R->fresh_taken = R->holes_taken = R->overflows =
      0;
  R->candidates_sum = R->young_sum = R->survived_sum = 0;
  for (int i = 0; i < R->crew->workers; i++) {
    RegionWorker *w = region_worker(R, i);
    w->moved = w->moved_bytes = w->stayed = w->pinned = 0;
  }
}
