/* mark-region.c: see mark-region.h and strategies/parts/region.h. What is collected when, and how the heap is divided.

   ## When

   A collection is due when mutators have taken `budget` bytes of blocks and holes since the last one, or find no more. The budget starts at
   `young`. It doubles when more than a sixteenth of what was new survives; it is halved, down to `young` again, after some collections in
   a row, `patience`, that less than a 64th survived, and whenever that proves wrong, patience doubles. So young collections come
   often where they are nearly free, and not at all where all that is new lives on.

   ## Young or full

   A collection is full when
     - it was asked for, or there are no young ones (`young` 0);
     - it is hardly dearer: what is old, if as much of it lives as did at the last full one, is at most a quarter of what was made since;
     - a young one would leave less than a quarter of the room that the last full one left: the dead among the old fill the heap; or
     - a young one has just failed to make room.

   ## Moving

   Kept free for copies is `headroom`, a part of the heap (Immix has 2.5 %), which empties as many blocks as it has room for what lives in them.
   Where the last full collection found that more than an eighth of the heap is dead in lines that are in use, that would take many
   collections, each a little better; so then enough is kept for half of what lives, at most an eighth of the heap: the next full collection
   comes earlier and empties all blocks that are less than half full. A full collection moves in that case, and when somebody found holes
   and no block; a young one when the last one's survivors were scattered. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/traced-heap.h"

const char mm_summary[] =
    "lines and blocks: bump allocation into holes, opportunistic evacuation, sticky mark bits for the young";
static const char *const on_off[] = {"off", "on"};
const reclaim_param mm_tunables[] = {
    TRACED_TUNABLES,
    {"young", "bytes allocated between young collections, at least; 0: every collection is full", "bytes", 4 << 20, 0, 1 << 30,
     NULL},
    {"evacuate", "move objects out of sparse blocks", "", 1, 0, 1, on_off},
    {"headroom", "thousandths of the heap that are kept free for moving into", "", 25, 0, 500, NULL},
    {"remembered-set", "entries after which a collection is asked for", "", 1 << 16, 16, 1 << 26, NULL},
};
const int mm_ntunables = MR_TUNABLES;

enum { PATIENCE_MIN = 4, PATIENCE_MAX = 64 };
#define BUDGET_MAX ((uint64_t)1 << 40)

/* --- Sizes ------------------------------------------------------------------------------------------------------------------------------ */

/* `bytes` are divided into what mutators may take and what is kept for copies, whole blocks. */
static void set_limit(Heap *H, uint64_t bytes) {
  const int64_t *t = H->config->tunables;
  uint64_t reserve = t[MR_EVACUATE] ? bytes * (uint64_t)t[MR_HEADROOM] / 1000 : 0;
  if (reserve && reserve < H->wanted) reserve = H->wanted < bytes / 8 ? H->wanted : bytes / 8;
  H->mature.reserve = (reserve + UNIT_BYTES - 1) & ~(uint64_t)(UNIT_BYTES - 1);
  store_relaxed(&H->mature.limit, bytes > H->mature.reserve ? bytes - H->mature.reserve : 0);
  store_relaxed(&H->mature.chunks.ceiling, bytes);
}

/* After a full collection: whether it found much dead in lines that are in use, and what should be kept to empty them. Programs come back to
   what they were like: it is forgotten slowly. */
static void judge_waste(Heap *H, uint64_t bytes) {
  Region *R = &H->mature;
  H->wanted -= H->wanted / 8;
  if (R->waste > bytes / 8 && H->wanted < R->small_bytes / 2) H->wanted = R->small_bytes / 2;
}
static bool is_wasteful(const Heap *H) { return H->wanted > H->mature.small_bytes / 8; }

Heap *mm_open(const reclaim_config *config) {
  Heap *H = traced_open(config, MARKS_ASIDE);
  if (!H) return NULL;
  const int64_t *t = config->tunables;
  H->young = (uint64_t)t[MR_YOUNG] * (uint64_t)config->threads;
  H->mature.sticky = H->young > 0;
  H->mature.budget = H->young ? H->young : UINT64_MAX;
  set_limit(H, H->hard_limit ? H->hard_limit : GROW_MIN);
  H->room_after_full = region_room(&H->mature);
  H->old_survival = 256;
  H->patience = PATIENCE_MIN;
  return H;
}

void mm_close(Heap *H) {
  for (int i = 0; i < H->world.nthreads; i++) {
    stack_free(&H->world.threads[i]->space.objects);
    stack_free(&H->world.threads[i]->space.large);
  }
  traced_close(H);
}

Thr *mm_attach(Heap *H, int index) {
  bool adopted;
  Thr *T = traced_attach(H, index, NULL, &adopted);
  if (T) T->remembered_max = (size_t)H->config->tunables[MR_REMEMBERED];
  return T;
}
void mm_detach(Thr *T) { traced_detach(T); }

/* --- Policy ------------------------------------------------------------------------------------------------------------------------------- */

static bool should_be_full(Heap *H) {
  Region *R = &H->mature;
  if (!H->young) return true;
  uint64_t taken = load_relaxed(&R->taken_bytes);
  if (region_used(R) * H->old_survival / 256 * 4 <= taken) return true;
  return region_room(R) + taken * (256 - H->survival) / 256 < H->room_after_full / 4;
}

static void plan(Heap *H, bool full) {
  Region *R = &H->mature;
  R->full = full;
  R->decay = R->no_room ? 256 : H->old_survival;
  R->evacuate = H->config->tunables[MR_EVACUATE] && (full ? R->wants_block || is_wasteful(H) : R->scattered);
}

static unsigned part_of(uint64_t n, uint64_t of) { return n < of ? (unsigned)(n * 256 / of) : 256; }

/* `old`: bytes that were old before. */
static void adapt(Heap *H, uint64_t old) {
  Region *R = &H->mature;
  if (R->full) {
    H->room_after_full = region_room(R);
    uint64_t now = region_used(R);
    if (old) H->old_survival = (H->old_survival + part_of(now > R->survived_bytes ? now - R->survived_bytes : 0, old)) / 2;
  }
  if (R->young_bytes < H->young / 4 || !H->young) return; /* not enough to judge by */
  H->survival = part_of(R->survived_bytes, R->young_bytes);
  if (H->survival >= 256 / 64) H->calm = 0;
  if (H->survival > 256 / 16 && R->budget < BUDGET_MAX) {
    R->budget *= 2;
    if (H->halved && H->patience < PATIENCE_MAX) H->patience *= 2;
    H->halved = false;
  } else if (H->survival < 256 / 64 && ++H->calm >= H->patience && R->budget > H->young) {
    R->budget /= 2;
    H->halved = true;
    H->calm = 0;
  }
}

/* --- Collecting --------------------------------------------------------------------------------------------------------------------------- */

/* `must`: in full. False: another thread collected meanwhile. */
static bool collect(Thr *T, bool must) {
  Heap *H = T->heap;
  if (!world_stop(&H->world, T)) return false;
  uint64_t wall = wall_ns(), cpu = collector_clock(H);
  uint64_t old = region_used(&H->mature);
  plan(H, must || should_be_full(H));
  traced_mark(H, NULL, 0, NULL, NULL);
  if (H->mature.full) {
    uint64_t limit = H->hard_limit ? H->hard_limit : grown_limit(H);
    judge_waste(H, limit);
    set_limit(H, limit);
  }
  adapt(H, old);
  H->collector_cpu_ns += collector_clock(H) - cpu;
  H->collector_wall_ns += wall_ns() - wall;
  world_resume(&H->world, T);
  return true;
}

static void *try_alloc(Thr *T, size_t size, bool force) {
  Region *R = &T->heap->mature;
  if (size > CELL_MAX) return region_get_large(R, &T->space, size, force);
  return region_get_slow(R, &T->space, (size + 15) & ~(size_t)15);
}

void *mr_alloc_slow(Thr *T, size_t size, Obj **keep) {
  bool stressed = MM_CHECK && T->collect_every && T->until_collect == 0;
  void *p = stressed ? NULL : try_alloc(T, size, false);
  if (LIKELY(p)) return p;
  T->until_collect = T->collect_every;
  Link root = {T->top, {keep ? *keep : NULL}};
  T->top = &root;
  Heap *H = T->heap;
  for (int mine = 0; mine < COLLECT_TRIES && !p;) { /* what a collection frees, other threads may take before we do */
    if (collect(T, mine > 0)) mine++;
    if (stressed) H->mature.fruitless = 0;
    p = try_alloc(T, size, false);
    if (!p && mine > 1 && !H->hard_limit) {
      set_limit(H, chunks_committed(&H->mature.chunks) + size + 2 * UNIT_BYTES); /* one object larger than all that lives */
      p = try_alloc(T, size, true);
    }
  }
  T->top = root.prev;
  if (keep) *keep = root.s.p_;
  if (!p || (H->hard_limit && H->mature.fruitless >= FRUITLESS_MAX))
    H->config->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "what is live leaves no room for the next object");
  return p;
}

void mm_collect(Thr *T) {
  Region *R = &T->heap->mature;
  R->exact = true;
  while (!collect(T, true)) {}
  R->exact = false;
  R->fruitless = 0; /* it was asked for */
}

void mm_share_slow(Thr *T, Obj **slot) { share_deep(T, &T->work, *slot); }

/* --- Stores --------------------------------------------------------------------------------------------------------------------------------- */

static bool remembers_too_much(const Thr *T) { return region_remembered(&T->space) > T->remembered_max; }

void mr_note(Thr *T, Obj *holder, void *from, void *to) {
  region_note(&T->space, holder, from, to);
  if (UNLIKELY(remembers_too_much(T))) atomic_store_explicit(&T->poll, 1, memory_order_relaxed);
}

void mm_poll_slow(Thr *T) {
  Heap *H = T->heap;
  world_wait(&H->world, T);
  if (remembers_too_much(T)) collect(T, false);
  world_lower(&H->world, T);
}

/* --- Counters -------------------------------------------------------------------------------------------------------------------------------- */

void mm_stats(Heap *H, reclaim_stats *out) {
  Region *R = &H->mature;
  traced_stats(H, out);
  uint64_t moved = 0, moved_bytes = 0, stayed = 0, pinned = 0;
  for (int i = 0; i < H->crew.workers; i++) {
    const RegionWorker *w = region_worker(R, i);
    moved += w->moved;
    moved_bytes += w->moved_bytes;
    stayed += w->stayed;
    pinned += w->pinned;
  }
  reclaim_counter counters[] = {
      {"young-bytes", R->young_sum},
      {"survived-bytes", R->survived_sum},
      {"remembered-entries", R->remembered},
      {"blocks", R->blocks},
      {"free-lines", R->blocks * LINES - R->used_lines},
      {"holes", R->holes},
      {"wasted-bytes", R->waste},
      {"fresh-blocks", load_relaxed(&R->fresh_taken)},
      {"recycled-blocks", load_relaxed(&R->holes_taken)},
      {"overflow-blocks", load_relaxed(&R->overflows)},
      {"evacuated-blocks", R->candidates_sum},
      {"evacuated-objects", moved},
      {"evacuated-bytes", moved_bytes},
      {"stayed-objects", stayed},
      {"pinned-objects", pinned},
      {"headroom-bytes", R->reserve},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
  out->collections -= R->youngs;
  out->minor_collections = R->youngs;
}
void mm_reset_stats(Heap *H) { traced_reset(H); }
