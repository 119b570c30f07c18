/* none.c: see none.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/immortals.h"
#include "strategies/parts/share.h"

const char mm_summary[] = "nothing is ever reclaimed: bump allocation in fresh memory, what reclaiming is held against";
const reclaim_param mm_tunables[] = {
    {"huge-pages", "ask the system for huge pages for bump areas", "", 0, 0, 1, NULL},
    {"area", "memory that a thread takes at once", "bytes", (CHUNK_UNITS - 1) * (INT64_C(1) << UNIT_SHIFT), 1 << UNIT_SHIFT,
     INT64_C(1) << 30, NULL},
};
const int mm_ntunables = NONE_TUNABLES;

Heap *mm_open(const reclaim_config *config) {
  Heap *H = system_new(sizeof *H);
  if (!H) return NULL;
  H->config = config;
  H->small = immortals_new(1, OBJ_SHARED);
  if (!H->small) {
    system_free(H, sizeof *H);
    return NULL;
  }
  chunks_init(&H->chunks, config->tunables[NONE_HUGE_PAGES]);
  handles_init(&H->handles, sizeof(Thr));
  return H;
}

void mm_close(Heap *H) {
  for (int i = 0; i < H->handles.n; i++) stack_free(&H->handles.all[i]->work);
  handles_destroy(&H->handles);
  chunks_destroy(&H->chunks);
  immortals_free(H->small);
  system_free(H, sizeof *H);
}

Thr *mm_attach(Heap *H, int index) {
  bool fresh;
  Thr *T = handles_take(&H->handles, &fresh);
  if (!T) return NULL;
  T->heap = H;
  T->small = H->small;
  T->index = index;
  return T;
}
void mm_detach(Thr *T) { handles_leave(&T->heap->handles, T); }

static Unit *get_run(Thr *T, size_t bytes) {
  bool out_of_memory;
  Unit *u = chunks_get(&T->heap->chunks, bytes, SIZE_MAX, &out_of_memory);
  if (!u) T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory, and nothing is ever reclaimed");
  return u;
}

/* Of a run: objects fill [base, end); those before `carve` have been counted. The end of an area in use is its thread's `cur`. */
void *none_alloc_slow(Thr *T, size_t bytes) {
  size_t area = (size_t)T->heap->config->tunables[NONE_AREA];
  if (bytes > area / 8) {
    Unit *u = get_run(T, bytes);
    u->end = unit_base(u) + bytes;
    return unit_base(u);
  }
  if (T->area) T->area->end = T->cur;
  T->area = get_run(T, area);
  char *p = unit_base(T->area);
  T->cur = p + bytes;
  T->end = T->area->end;
  T->area->end = NULL; /* in use */
  T->area->owner = T;
  return p;
}

/* --- Books ----------------------------------------------------------------------------------------------------------------------- */

static void count_run(void *heap, Unit *u) {
  Heap *H = heap;
  char *p = u->carve, *end = u->end ? u->end : ((Thr *)u->owner)->cur;
  while (p < end) {
    size_t bytes = NONE_BYTES(obj_size((Obj *)p));
    H->live_objects++;
    H->live_bytes += bytes;
    p += bytes;
  }
  u->carve = p;
}
void mm_collect(Thr *T) { chunks_each(&T->heap->chunks, count_run, T->heap); }

void mm_poll_slow(Thr *T) { (void)T; }
void mm_share_slow(Thr *T, Obj **slot) { share_deep(T, &T->work, *slot); }

void mm_stats(Heap *H, reclaim_stats *out) {
  uint64_t parks = 0;
  for (int i = 0; i < H->handles.n; i++) {
    parks += H->handles.all[i]->parks;
    tallies_report(H->handles.all[i], out);
  }
  out->counters[out->ncounters++] = (reclaim_counter){"lock-parks", parks};
  out->collector_wall_ns = out->collector_cpu_ns = RECLAIM_NONE;
  out->live_objects = H->live_objects;
  out->live_bytes = H->live_bytes;
  out->committed_bytes = chunks_committed(&H->chunks);
  out->allocated_bytes = RECLAIM_NONE; /* not counted on the way */
}
void mm_reset_stats(Heap *H) {
  for (int i = 0; i < H->handles.n; i++) {
    H->handles.all[i]->parks = 0;
    tallies_reset(H->handles.all[i]);
  }
}
