/* mark-sweep.c: see mark-sweep.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/traced-heap.h"

const char mm_summary[] = "stop-the-world mark and lazy sweep: size-class blocks, side mark bits, nothing moves";
static const char *const marks[] = {"aside", "header"}; /* as enum space_marks */
const reclaim_param mm_tunables[] = {
    TRACED_TUNABLES,
    {"marks", "where mark bits are while marking: in a bitmap for each chunk, or in the objects' headers", "", 0, 0, 1, marks},
};
const int mm_ntunables = MS_TUNABLES;

Heap *mm_open(const reclaim_config *config) { return traced_open(config, (enum space_marks)config->tunables[MS_MARKS]); }
void mm_close(Heap *H) { traced_close(H); }
Thr *mm_attach(Heap *H, int index) {
  bool adopted;
  return traced_attach(H, index, NULL, &adopted);
}
void mm_detach(Thr *T) { traced_detach(T); }

void mm_poll_slow(Thr *T) { world_wait(&T->heap->world, T); }

static void set_limit(Heap *H, uint64_t bytes) {
  store_relaxed(&H->mature.limit, bytes);
  store_relaxed(&H->mature.chunks.ceiling, bytes);
}

/* False: another thread collected meanwhile. */
static bool collect(Thr *T) {
  Heap *H = T->heap;
  if (!world_stop(&H->world, T)) return false;
  uint64_t wall = wall_ns(), cpu = collector_clock(H);
  traced_mark(H, NULL, 0, NULL, NULL);
  if (!H->hard_limit) set_limit(H, grown_limit(H));
  H->collector_cpu_ns += collector_clock(H) - cpu;
  H->collector_wall_ns += wall_ns() - wall;
  world_resume(&H->world, T);
  return true;
}

static void *try_alloc(Thr *T, size_t size) {
  Space *S = &T->heap->mature;
  return size > CELL_MAX ? space_get_large(S, size, 0, false) : space_get(S, &T->space, size);
}

void *ms_alloc_slow(Thr *T, size_t size, Obj **keep) {
  bool stressed = MM_CHECK && T->collect_every && T->until_collect == 0;
  void *p = stressed ? NULL : try_alloc(T, size);
  if (LIKELY(p)) return p;
  T->until_collect = T->collect_every;
  Link root = {T->top, {keep ? *keep : NULL}};
  T->top = &root;
  Heap *H = T->heap;
  for (int mine = 0; mine < COLLECT_TRIES && !p;) { /* what a collection frees, other threads may take before we do */
    if (collect(T)) mine++;
    if (stressed) H->mature.fruitless = 0;
    p = try_alloc(T, size);
    if (!p && !H->hard_limit) {
      set_limit(H, chunks_committed(&H->mature.chunks) + size + UNIT_BYTES); /* one object larger than all that lives */
      p = try_alloc(T, size);
    }
  }
  T->top = root.prev;
  if (keep) *keep = root.s.p_;
  if (!p || (H->hard_limit && space_is_hopeless(&H->mature)))
    H->config->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "what is live leaves no room for the next object");
  return p;
}

void mm_share_slow(Thr *T, Obj **slot) { share_deep(T, &T->work, *slot); }

void mm_collect(Thr *T) {
  while (!collect(T)) {}
  T->heap->mature.fruitless = 0; /* it was asked for */
}

void mm_stats(Heap *H, reclaim_stats *out) {
  traced_stats(H, out);
  out->minor_collections = 0;
}
void mm_reset_stats(Heap *H) { traced_reset(H); }
