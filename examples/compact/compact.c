/* compact.c: see compact.h. One collection is four passes:

     mark      from the thread's locals, with an explicit stack; OBJ_LOGGED, which is another strategy's, is the mark
     forward   walk the arena; a live object's header gives way to the address that it will have (kind and n stay), a dead one's to none
     adjust    every local and every field of a live object, by the headers that it refers to
     move      walk again, in rising order, so that nothing is overwritten before it has moved; headers come back */
#include MM_STRATEGY_HEADER

#include <pthread.h>
#include <stdlib.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/system.h"

/* A heap without a limit starts with this, and grows to so many times what survived. */
enum { ARENA_FIRST = 4 << 20, ARENA_FACTOR = 3 };
/* With a limit: when no more than this part of the arena is free after a collection, the next would come too soon. */
enum { ARENA_LEAST_FREE = 64 };

#if MM_CHECK
enum { COLLECT_EVERY, COMPACT_TUNABLES };
const reclaim_param mm_tunables[] = {
    {"collect-every", "collect at every n-th allocation of a thread; 0: never (checked builds only)", "", 0, 0, 1 << 20, NULL}};
#else
enum { COMPACT_TUNABLES };
const reclaim_param mm_tunables[1];
#endif
const int mm_ntunables = COMPACT_TUNABLES;
const char mm_summary[] = "an example: private heaps, bump allocation, marked and slid together (LISP 2)";

/* --- Arenas: from the system in the flavour `pool`, from the malloc that is measured in the flavour `malloc` -------------- */

static char *arena_new(size_t bytes) { return MM_MALLOC ? malloc(bytes) : system_new(bytes); }
static void arena_free(char *base, size_t bytes) {
  if (MM_MALLOC)
    free(base);
  else
    system_free(base, bytes);
}

/* --- Mark ----------------------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const Obj *o) { return (obj_size(o) + 15) & ~(size_t)15; }

static void mark(void *thread, Obj **field) {
  Thr *T = thread;
  Obj *o = *field;
  if (!o || (o->bits & (OBJ_IMMORTAL | OBJ_LOGGED))) return;
  o->bits |= OBJ_LOGGED;
  T->live_objects++;
  T->live_bytes += bytes_of(o);
  if (!kind_is_leaf(o->kind)) stack_push(&T->work, o);
}

static void mark_all(Thr *T) {
  T->live_objects = T->live_bytes = 0;
  for (Link *l = T->top; l; l = l->prev) mark(T, &l->s.p_);
  while (T->work.n) obj_visit(T->work.v[--T->work.n], mark, T);
}

/* --- Forward, adjust, move ------------------------------------------------------------------------------------------------ */

static void forward_all(Thr *T, char *to) {
  for (char *p = T->base; p < T->cur;) {
    Obj *o = (Obj *)p;
    size_t bytes = bytes_of(o);
    bool live = o->bits & OBJ_LOGGED;
    o->word = LINK_WORD(live ? to : NULL, o->word);
    to += live ? bytes : 0;
    p += bytes;
  }
}

static void adjust(void *thread, Obj **field) {
  Thr *T = thread;
  char *p = (char *)*field;
  if (p >= T->base && p < T->cur) *field = LINK_NEXT(((Obj *)p)->word); /* immortals lie elsewhere, and stay */
}

static void adjust_all(Thr *T) {
  for (Link *l = T->top; l; l = l->prev) adjust(T, &l->s.p_);
  for (char *p = T->base; p < T->cur; p += bytes_of((Obj *)p))
    if (LINK_NEXT(((Obj *)p)->word)) obj_visit((Obj *)p, adjust, T);
}

static void move_all(Thr *T) {
  for (char *p = T->base; p < T->cur;) {
    Obj *o = (Obj *)p, *to = LINK_NEXT(o->word);
    size_t bytes = bytes_of(o);
    uint64_t header = HDR_WORD(o->kind, o->n);
    p += bytes;
    if (!to) continue;
    if (to != o) memmove(to, o, bytes), T->moved_bytes += bytes;
    to->word = header;
  }
}

/* Moves what is live to `to`: the arena's own base, or another arena that is no smaller. */
static void slide(Thr *T, char *to, size_t size) {
  char *base = T->base, *cur = T->cur;
  size_t old = (size_t)(T->limit - base);
  forward_all(T, to);
  adjust_all(T);
  move_all(T);
  T->base = to;
  T->cur = to + T->live_bytes;
  T->limit = to + size;
  if (MM_CHECK) memset(to == base ? T->cur : base, 0xDB, (size_t)(cur - (to == base ? T->cur : base)));
  if (to != base) arena_free(base, old);
}

/* --- A collection of T's heap, by T or for it while it is blocked; `more` bytes are wanted afterwards --------------------- */

static void collect(Thr *T, size_t more) {
  uint64_t wall = wall_ns(), cpu = thread_cpu_ns();
  size_t size = (size_t)(T->limit - T->base);
  mark_all(T);
  size_t wanted = ARENA_FACTOR * (T->live_bytes + more);
  char *to = T->base;
  if (!T->heap->config->heap_limit_bytes && wanted > size) {
    to = arena_new(wanted);
    if (!to) T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory for a larger arena");
    size = wanted;
  }
  slide(T, to, size);
  T->collections++;
  T->cpu_ns += thread_cpu_ns() - cpu;
  T->wall_ns += wall_ns() - wall;
  histogram_add(&T->pauses, wall_ns() - wall);
}

static void rearm(Thr *T) {
#if MM_CHECK
  T->until_collect = (uint32_t)T->heap->config->tunables[COLLECT_EVERY];
#else
  (void)T;
#endif
}

void *compact_alloc_slow(Thr *T, size_t bytes, Obj **keep) {
  Link root = {T->top, {keep ? *keep : NULL}};
  T->top = &root;
  collect(T, bytes);
  T->top = root.prev;
  if (keep) *keep = root.s.p_;
  rearm(T);
  size_t size = (size_t)(T->limit - T->base), room = (size_t)(T->limit - T->cur);
  if (room < bytes || room < size / ARENA_LEAST_FREE)
    T->heap->config->fail(RECLAIM_FAIL_HEAP_TOO_SMALL, "what is live leaves no room for the next object");
  char *p = T->cur;
  T->cur = p + bytes;
  return p;
}

/* All other threads are blocked: their heaps are collected for them, and what lives in all is known exactly. */
void mm_collect(Thr *T) {
  Heap *H = T->heap;
  H->live_objects = H->live_bytes = 0;
  for (Thr *t = H->threads; t; t = t->next) {
    collect(t, 0);
    H->live_objects += t->live_objects;
    H->live_bytes += t->live_bytes;
  }
}

void mm_poll_slow(Thr *T) { (void)T; }
void mm_share_slow(Thr *T, Obj **slot) {
  (void)slot;
  T->heap->config->fail(RECLAIM_FAIL_CHECK, "compact shares nothing between threads");
}

/* --- Heaps and threads ---------------------------------------------------------------------------------------------------- */

/* None, False, True and the small ints: of the whole process, since nobody writes them. */
static Int *immortals(void) {
  Int *small = system_new(IMMORTALS * sizeof *small);
  for (int i = 0; small && i < IMMORTALS; i++) {
    small[i].h.word = HDR_WORD(i == IMMORTAL_NONE ? KIND_NONE : i < IMMORTAL_INTS ? KIND_BOOL : KIND_INT, 0);
    small[i].h.bits = OBJ_IMMORTAL;
    small[i].v = i < IMMORTAL_INTS ? i == IMMORTAL_TRUE : SMALL_INT_MIN + (i - IMMORTAL_INTS);
  }
  return small;
}

Heap *mm_open(const reclaim_config *config) {
  Heap *H = system_new(sizeof *H);
  if (!H) return NULL;
  H->config = config;
  H->small = immortals();
  pthread_mutex_init(&H->mutex, NULL);
  if (H->small) return H;
  mm_close(H);
  return NULL;
}

void mm_close(Heap *H) {
  system_free(H->small, IMMORTALS * sizeof *H->small);
  pthread_mutex_destroy(&H->mutex);
  system_free(H, sizeof *H);
}

/* With a limit, each thread has its share of it from the start; pages are the system's until they are written. */
Thr *mm_attach(Heap *H, int index) {
  size_t limit = H->config->heap_limit_bytes / (unsigned)H->config->threads & ~(size_t)15, size = limit ? limit : ARENA_FIRST;
  Thr *T = system_new(sizeof *T);
  char *base = T ? arena_new(size) : NULL;
  if (!base) {
    system_free(T, sizeof *T);
    return NULL;
  }
  T->heap = H;
  T->index = index;
  T->small = H->small;
  T->base = T->cur = base;
  T->limit = base + size;
  rearm(T);
  pthread_mutex_lock(&H->mutex);
  T->next = H->threads;
  H->threads = T;
  pthread_mutex_unlock(&H->mutex);
  return T;
}

static void add_sums(Thr *into, const Thr *t) {
  into->collections += t->collections;
  into->wall_ns += t->wall_ns;
  into->cpu_ns += t->cpu_ns;
  into->moved_bytes += t->moved_bytes;
  histogram_merge(&into->pauses, &t->pauses);
}

/* Nobody else can reach what T has made: it goes with T. */
void mm_detach(Thr *T) {
  Heap *H = T->heap;
  pthread_mutex_lock(&H->mutex);
  Thr **link = &H->threads;
  while (*link != T) link = &(*link)->next;
  *link = T->next;
  add_sums(&H->gone, T);
  pthread_mutex_unlock(&H->mutex);
  stack_free(&T->work);
  arena_free(T->base, (size_t)(T->limit - T->base));
  system_free(T, sizeof *T);
}

void mm_stats(Heap *H, reclaim_stats *out) {
  Thr sum = {0};
  uint64_t committed = 0, allocated = 0;
  add_sums(&sum, &H->gone);
  for (Thr *t = H->threads; t; t = t->next) {
    add_sums(&sum, t);
    committed += (uint64_t)(t->limit - t->base);
    allocated += (uint64_t)(t->cur - t->base);
    tallies_report(t, out);
  }
  out->collections = sum.collections;
  out->collector_wall_ns = sum.wall_ns;
  out->collector_cpu_ns = sum.cpu_ns;
  out->pauses = sum.pauses;
  out->counters[out->ncounters++] = (reclaim_counter){"moved-bytes", sum.moved_bytes};
  out->live_objects = H->live_objects;
  out->live_bytes = H->live_bytes;
  out->committed_bytes = committed;
  out->allocated_bytes = allocated; /* dead objects that were not collected yet included */
}

static void reset(Thr *t) {
  t->collections = t->wall_ns = t->cpu_ns = t->moved_bytes = 0;
  memset(&t->pauses, 0, sizeof t->pauses);
  tallies_reset(t);
}
void mm_reset_stats(Heap *H) {
  reset(&H->gone);
  for (Thr *t = H->threads; t; t = t->next) reset(t);
}
