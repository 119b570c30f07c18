/* boehm.c: see boehm.h. libgc is one per process and cannot be closed: it is started by the first heap, and only one heap is open at a
   time. */
#include MM_STRATEGY_HEADER

#include <gc/gc_inline.h>
#include <gc/gc_mark.h>
#include <gc/gc_typed.h>
#include <stdio.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/immortals.h"
#include "strategies/parts/share.h"

const char mm_summary[] = "the real libgc (Boehm-Demers-Weiser): conservative mark-sweep, threads stopped by signals";
static const char *const layouts[] = {"conservative", "typed"};
const reclaim_param mm_tunables[] = {
    {"initial-heap", "heap taken at the start, in percent of the limit; 0: as libgc grows it", "%", 100, 0, 100, NULL},
    {"free-space-divisor", "libgc's: the greater, the less the heap grows between collections", "", 3, 1, 1000, NULL},
    {"layouts", "what is scanned: every word, or by bitmap where objects of a kind are alike", "", 0, 0, 1, layouts},
    {"inline-lists", "free lists of a thread's own, popped in line; 0: one call of GC_malloc_kind per object", "", 1, 0, 1, NULL},
};
const int mm_ntunables = BOEHM_TUNABLES;

static Heap *the_heap;

/* --- Roots ------------------------------------------------------------------------------------------------------------------------ */

static GC_push_other_roots_proc push_stacks; /* libgc's own */

/* Cells on a list: in use as far as the collector knows, and reachable from nothing that it scans. */
static void mark_list(void *cell) {
  for (; cell; cell = *(void **)cell) GC_set_mark_bit(cell);
}

/* The world is stopped. Static data of the program hold no object and are no roots. */
static void GC_CALLBACK push_roots(void) {
  push_stacks();
  Heap *H = the_heap;
  if (!H) return;
  GC_push_all_eager(H->globals, H->globals + GLOBAL_ROOTS);
  for (int i = 0; i < H->handles.n; i++)
    for (int layout = 0; layout < BOEHM_LAYOUTS; layout++)
      for (int k = 0; k < GC_TINY_FREELISTS; k++) mark_list(H->handles.all[i]->lists[layout][k]);
}

/* --- Events, with libgc's lock held ------------------------------------------------------------------------------------------------- */

static void world_runs(Heap *H) {
  uint64_t now = wall_ns();
  histogram_add(&H->pauses, now - H->stop_ns);
  H->collector_wall_ns += now - H->stop_ns;
  H->collector_cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - H->stop_cpu_ns; /* nobody but markers has worked */
}

static void reclaim_ends(Heap *H) {
  uint64_t ns = wall_ns() - H->reclaim_start_ns;
  H->reclaim_ns += ns;
  H->collector_wall_ns += ns;
  H->collector_cpu_ns += thread_cpu_ns() - H->reclaim_start_cpu_ns;
}

static void GC_CALLBACK on_event(GC_EventType event) {
  Heap *H = the_heap;
  if (!H) return;
  switch (event) {
  case GC_EVENT_PRE_STOP_WORLD: H->stop_ns = wall_ns(), H->stop_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID); break;
  case GC_EVENT_POST_STOP_WORLD: histogram_add(&H->safepoints, wall_ns() - H->stop_ns); break;
  case GC_EVENT_MARK_START: H->mark_start_ns = wall_ns(); break;
  case GC_EVENT_MARK_END: H->mark_ns += wall_ns() - H->mark_start_ns; break;
  case GC_EVENT_POST_START_WORLD: world_runs(H); break;
  case GC_EVENT_RECLAIM_START: H->reclaim_start_ns = wall_ns(), H->reclaim_start_cpu_ns = thread_cpu_ns(); break;
  case GC_EVENT_RECLAIM_END: reclaim_ends(H); break;
  case GC_EVENT_END: H->collections++; break;
  default: break;
  }
}

/* --- The heap ------------------------------------------------------------------------------------------------------------------------- */

/* libgc ends the process where it cannot do without memory (its tables, its mark stack), and says so here first, mostly without a
   message: then it is the cell that ends, with a status. */
static GC_abort_func say_and_abort;
static const reclaim_config *the_config;
static void GC_CALLBACK on_abort(const char *message) {
  if (!message || strstr(message, "Insufficient memory"))
    the_config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "libgc was refused memory for its own tables");
  say_and_abort(message);
}

static void start_library(const reclaim_config *config) {
  say_and_abort = GC_get_abort_func();
  GC_set_abort_func(on_abort);
  GC_set_handle_fork(1);
  GC_set_no_dls(1);
  GC_set_all_interior_pointers(0);
  GC_set_markers_count((unsigned)config->collector_threads);
  GC_set_warn_proc(GC_ignore_warn_proc);
  GC_init();
  GC_allow_register_threads();
  GC_clear_roots();
  push_stacks = GC_get_push_other_roots();
  GC_set_push_other_roots(push_roots);
  GC_set_on_collection_event(on_event);
  GC_start_mark_threads();   /* here, where the CPUs are those of the cell */
  GC_unregister_my_thread(); /* who opens the heap need not be stopped: only who attaches */
}

/* References of binary nodes are words 2 and 3, that of a list or dict is word 1. */
static int kind_of_bitmap(GC_word bits, size_t words) {
  static int kinds[4];
  int *kind = &kinds[words / 2 - 1];
  if (!*kind) *kind = (int)GC_new_kind(GC_new_free_list(), GC_make_descriptor(&bits, words), 0, 1);
  return *kind;
}
static void choose_kinds(Heap *H, bool typed) {
  H->kinds[BOEHM_LEAF] = GC_I_PTRFREE;
  H->kinds[BOEHM_REFERENCES] = GC_I_NORMAL;
  H->kinds[BOEHM_NODE] = typed ? kind_of_bitmap(0xC, SIZE_NODE(2) / sizeof(GC_word)) : GC_I_NORMAL;
  H->kinds[BOEHM_HEADER] = typed ? kind_of_bitmap(0x2, SIZE_LIST / sizeof(GC_word)) : GC_I_NORMAL;
}

/* The limit is for everything: what libgc needs beside the heap is a fixed part, and for each block of 4 KiB a header with its marks,
   less than a twelfth of it. */
enum { FIXED_BYTES = 384 << 10, HEADER_PART = 13 };
static void set_limit(uint64_t limit, uint64_t percent) {
  uint64_t rest = limit > 2 * FIXED_BYTES ? limit - FIXED_BYTES : limit / 2;
  uint64_t heap = rest - rest / HEADER_PART, wanted = heap / 100 * percent, now = GC_get_heap_size();
  GC_set_max_heap_size(limit ? heap : 0);
  if (limit && wanted > now) GC_expand_hp(wanted - now);
}

Heap *mm_open(const reclaim_config *config) {
  if (the_heap) return NULL;
  Heap *H = system_new(sizeof *H);
  if (!H) return NULL;
  H->config = the_config = config;
  H->small = immortals_new(1, OBJ_SHARED);
  if (!H->small) {
    system_free(H, sizeof *H);
    return NULL;
  }
  handles_init(&H->handles, sizeof(Thr));
  if (!GC_is_init_called()) start_library(config);
  const int64_t *t = config->tunables;
  choose_kinds(H, t[BOEHM_TYPED]);
  GC_set_free_space_divisor((GC_word)t[BOEHM_DIVISOR]);
  set_limit(config->heap_limit_bytes, (uint64_t)t[BOEHM_INITIAL_HEAP]);
  the_heap = H;
  return H;
}

void mm_close(Heap *H) {
  the_heap = NULL;
  for (int i = 0; i < H->handles.n; i++) stack_free(&H->handles.all[i]->work);
  handles_destroy(&H->handles);
  immortals_free(H->small);
  system_free(H, sizeof *H);
}

Thr *mm_attach(Heap *H, int index) {
  bool fresh;
  struct GC_stack_base base;
  if (GC_get_stack_base(&base) != GC_SUCCESS) return NULL;
  GC_register_my_thread(&base);
  Thr *T = handles_take(&H->handles, &fresh);
  if (!T) {
    GC_unregister_my_thread();
    return NULL;
  }
  T->heap = H;
  T->small = H->small;
  T->index = index;
  return T;
}
/* The cells on its lists are the next thread's. */
void mm_detach(Thr *T) {
  handles_leave(&T->heap->handles, T);
  GC_unregister_my_thread();
}

/* --- Allocation --------------------------------------------------------------------------------------------------------------------- */

static void *get_cell(Thr *T, size_t size, enum boehm_layout layout) {
  Heap *H = T->heap;
  size_t granules = (size + GC_GRANULE_BYTES - 1) / GC_GRANULE_BYTES;
  if (granules >= GC_TINY_FREELISTS || !H->config->tunables[BOEHM_INLINE_LISTS]) return GC_malloc_kind(size, H->kinds[layout]);
  void **list = &T->lists[layout][granules];
  GC_generic_malloc_many(granules * GC_GRANULE_BYTES, H->kinds[layout], list);
  void *p = *list;
  if (p) *list = *(void **)p;
  return p;
}

/* Free bytes do not make room: nothing moves, and a large object needs whole pages in a row. */
static void give_up(Heap *H, size_t size) {
  char why[160];
  if (!H->config->heap_limit_bytes) H->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory");
  snprintf(why, sizeof why,
           "what is live, and where it lies, leaves no room for an object of %zu bytes (%zu of %zu bytes are free)", size,
           GC_get_free_bytes(), GC_get_heap_size());
  H->config->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, why);
}

void *boehm_alloc_slow(Thr *T, size_t size, enum boehm_layout layout) {
  enum { TRIES = 3 }; /* libgc has collected when it saw fit; not always just before it gives up */
  for (int i = 0; i < TRIES; i++) {
    void *p = get_cell(T, size, layout);
    if (LIKELY(p)) return p;
    GC_gcollect();
  }
  give_up(T->heap, size);
  return NULL; /* it does not return */
}

void mm_poll_slow(Thr *T) { (void)T; }
void mm_share_slow(Thr *T, Obj **slot) { share_deep(T, &T->work, *slot); }

/* --- Books ---------------------------------------------------------------------------------------------------------------------------- */

/* A cell on a free list has a link where an object has its kind: 0, or a multiple of 16. */
static void GC_CALLBACK count_object(void *p, size_t bytes, void *heap) {
  const Obj *o = p;
  Heap *H = heap;
  if (o->kind == KIND_FREE || o->kind >= KIND_COUNT) return;
  H->live_objects++;
  H->live_bytes += bytes;
}
static void *GC_CALLBACK count_objects(void *heap) {
  Heap *H = heap;
  H->live_objects = H->live_bytes = 0;
  GC_enumerate_reachable_objects_inner(count_object, H);
  return NULL;
}

/* What returned functions have left on the stack below would be scanned with the frames of the collector that come to lie on it. */
static NOINLINE void wipe_stack(void) {
  volatile char below[32 << 10];
  for (size_t i = 0; i < sizeof below; i++) below[i] = 0;
}

/* Everything that is marked, which may be more than lives. */
void mm_collect(Thr *T) {
  wipe_stack();
  GC_gcollect();
  GC_call_with_alloc_lock(count_objects, T->heap);
}

void mm_stats(Heap *H, reclaim_stats *out) {
  struct GC_prof_stats_s prof;
  GC_get_prof_stats(&prof, sizeof prof);
  uint64_t parks = 0;
  for (int i = 0; i < H->handles.n; i++) {
    parks += H->handles.all[i]->parks;
    tallies_report(H->handles.all[i], out);
  }
  out->collections = H->collections;
  out->collector_wall_ns = H->collector_wall_ns;
  out->collector_cpu_ns = H->collector_cpu_ns;
  out->pauses = H->pauses;
  out->safepoints = H->safepoints;
  reclaim_counter counters[] = {
      {"mark-ns", H->mark_ns},
      {"settle-ns", H->reclaim_ns},
      {"markers", prof.markers_m1 + 1},
      {"heap-bytes", prof.heapsize_full - prof.unmapped_bytes},
      {"heap-free-bytes", prof.free_bytes_full - prof.unmapped_bytes},
      {"lock-parks", parks},
  };
  memcpy(out->counters + out->ncounters, counters, sizeof counters);
  out->ncounters += (int)(sizeof counters / sizeof *counters);
  out->live_objects = H->live_objects;
  out->live_bytes = H->live_bytes;
  out->committed_bytes = prof.obtained_from_os_bytes - prof.unmapped_bytes;
  out->allocated_bytes = RECLAIM_NONE; /* not counted on the way */
}

void mm_reset_stats(Heap *H) {
  H->collections = H->collector_wall_ns = H->collector_cpu_ns = H->mark_ns = H->reclaim_ns = 0;
  memset(&H->pauses, 0, sizeof H->pauses);
  memset(&H->safepoints, 0, sizeof H->safepoints);
  for (int i = 0; i < H->handles.n; i++) {
    H->handles.all[i]->parks = 0;
    tallies_reset(H->handles.all[i]);
  }
}
