/* stopped.c: see stopped.h. */
#include MM_STRATEGY_HEADER

#ifdef STOPPED_OF
#include "strategies/parts/stopped.h"
#include "strategies/parts/clock.h"
#include "strategies/parts/counting.h"

void stopped_init(Stopped *S, int64_t threshold, int64_t share) {
  world_init(&S->world);
  S->threshold = threshold;
  S->share = share;
}
void stopped_destroy(Stopped *S) {
  world_destroy(&S->world);
  stack_free(&S->found);
  stack_free(&S->trash);
}

/* --- When ---------------------------------------------------------------------------------------------------------------------------- */

void stopped_make_due(Thr *T) {
  T->stopped.until_collect = T->stopped.collect_every;
  atomic_store_explicit(&STOPPED_OF(T)->due, true, memory_order_relaxed);
  atomic_store_explicit(&T->poll, 1, memory_order_relaxed);
}

void stopped_tell(Thr *T) {
  Stopped *S = STOPPED_OF(T);
  int64_t n = T->stopped.net, net = atomic_fetch_add_explicit(&S->net, n, memory_order_relaxed) + n;
  T->stopped.net = 0;
  if (!S->threshold || net <= S->threshold || net <= (int64_t)load_relaxed(&S->live) * S->share / 100) return;
  stopped_make_due(T);
}

void stopped_poll(Thr *T) {
  Stopped *S = STOPPED_OF(T);
  world_wait(&S->world, T);
  if (!atomic_load_explicit(&S->due, memory_order_relaxed)) return;
  if (!stopped_collect(T)) atomic_store_explicit(&T->poll, 1, memory_order_relaxed); /* if it is due still */
}

/* --- Everything that is under way comes to its end ------------------------------------------------------------------------------------- */

/* T, which has stopped the world, merges what is in anybody's box, and frees what dies of it, until nothing is queued. */
static void empty_boxes(Thr *T) {
  Heap *H = T->heap;
  size_t base = T->dead.n;
  do {
    boxes_deliver(T);
    for (int i = 0; i < H->nthreads; i++) boxes_empty_for(T, H->threads[i]);
    count_die_pushed(T, base);
  } while (T->biased.nopen);
}

static void come_to_rest(Thr *T) {
  Heap *H = T->heap;
  pthread_mutex_lock(&H->mutex); /* threads may attach */
  empty_boxes(T);
  limbo_drain(H->threads, H->nthreads);
  for (int i = 0; i < H->nthreads; i++) H->threads[i]->stopped.net = 0;
  pthread_mutex_unlock(&H->mutex);
}

/* --- Counts, while the world is stopped ---------------------------------------------------------------------------------------------- */

/* A container that takes part; lost or not. */
INLINE bool is_member(const Obj *o) { return (o->kind & ~STOPPED_LOST) > KIND_RAW && !(OBJ_FLAGS(o) & OBJ_IMMORTAL); }

static COLD void settle(Thr *T, Obj *o) { (void)spill_settle(T, o); }

INLINE void count_change(Thr *T, Obj *o, int by) {
  if (!count_is_published(o)) {
    o->count += (uint32_t)by;
    return;
  }
  uint32_t word = o->count + (uint32_t)by * BIASED_UNIT;
  store_relaxed(&o->count, word);
  if (UNLIKELY(biased_shared(word) >= BIASED_SPILL) || UNLIKELY(biased_shared(word) <= -BIASED_SPILL)) settle(T, o);
}

INLINE bool is_held(Thr *T, Obj *o) {
  if (!count_is_published(o)) return o->count;
  uint32_t word = o->count;
  if (UNLIKELY(word & BIASED_SPILLED)) return count_of_published(T, o);
  return biased_shared(word) + (int32_t)(biased_owner(word) ? biased_local(OBJ_FLAGS(o)) : 0);
}

/* --- The walk ---------------------------------------------------------------------------------------------------------------------------- */

/* A free cell begins with a link, a multiple of 16, or with nothing; an object with its kind. */
_Static_assert(KIND_COUNT <= 16, "no kind looks like the low byte of a link");

/* Calls f(T, o) for each container in the unit. */
INLINE void each_container(Thr *T, Unit *u, void (*f)(Thr *T, Obj *o)) {
  if (!u->owner) return;
  size_t step = u->cell ? u->cell : u->bytes;
  char *end = u->cell ? u->carve : unit_base(u) + 1;
  for (char *p = unit_base(u); p < end; p += step) {
    Obj *o = (Obj *)p;
    if ((o->kind & 15) && is_member(o)) f(T, o);
  }
}

static inline void visit_subtract(void *T, Obj **field) {
  Obj *o = *field;
  if (o && is_member(o)) count_change(T, o, -1);
}
static inline void subtract(Thr *T, Obj *o) {
  STOPPED_OF(T)->examined++;
  obj_visit(o, visit_subtract, T);
}
static void subtract_unit(void *T, Unit *u) { each_container(T, u, subtract); }

static inline void visit_regain(void *T, Obj **field) {
  Obj *o = *field;
  if (!o || !is_member(o)) return;
  count_change(T, o, 1);
  if (LIKELY(!(o->kind & STOPPED_LOST))) return;
  o->kind &= (uint8_t)~STOPPED_LOST;
  stack_push(&STOPPED_OF((Thr *)T)->found, o);
}
static inline void sift(Thr *T, Obj *o) {
  Stack *found = &STOPPED_OF(T)->found;
  if (!is_held(T, o)) {
    o->kind |= STOPPED_LOST;
    return;
  }
  obj_visit(o, visit_regain, T);
  while (found->n) obj_visit(found->v[--found->n], visit_regain, T);
}
static void sift_unit(void *T, Unit *u) { each_container(T, u, sift); }

static inline void gather(Thr *T, Obj *o) {
  if (!(o->kind & STOPPED_LOST)) return;
  o->kind &= (uint8_t)~STOPPED_LOST;
  o->lock = STOPPED_TRASH;
  stack_push(&STOPPED_OF(T)->trash, o);
}
static void gather_unit(void *T, Unit *u) { each_container(T, u, gather); }

/* --- Trash -------------------------------------------------------------------------------------------------------------------------------- */

INLINE bool is_trash(const Obj *o) { return is_member(o) && o->lock == STOPPED_TRASH; }

/* Drops what trash holds of o. A member that lives has not been given that back, which for a plain count is all there is to do; of a
   published one the drop must be made as it is always made, since its owner may have to be asked. What dies is a leaf. */
static void drop_outside(Thr *T, Obj *o) {
  if (count_is_published(o)) {
    if (is_member(o)) count_change(T, o, 1);
    count_drop_published(T, o);
  } else if (!is_member(o) && --o->count == 0) {
    count_free_published(T, o); /* maybe another thread's */
  }
}
static inline void visit_drop_outside(void *T, Obj **field) {
  Obj *o = *field;
  if (o && !is_trash(o)) drop_outside(T, o);
}

static void condemn(Thr *T) {
  Stack *trash = &STOPPED_OF(T)->trash;
  size_t base = T->dead.n;
  for (size_t i = 0; i < trash->n; i++) obj_visit(trash->v[i], visit_drop_outside, T);
  count_cascade_ends(T);
  count_die_pushed(T, base);
}

/* The cells of v[0 .. n), which lie in one unit of another thread's. */
static void free_run(Thr *T, Obj **v, size_t n) {
  (void)T;
  Pool *owner = unit_of(v[0])->owner;
  for (size_t i = 0; i < n; i++) {
    TALLY(T, deaths);
    COUNT_POISON(v[i], obj_size(v[i]));
    ((Cell *)v[i])->next = i + 1 < n ? (Cell *)v[i + 1] : NULL;
  }
  pool_put_remote_list(owner, (Cell *)v[0], (Cell *)v[n - 1]);
}

/* In the order of the walk: unit by unit. */
static void free_trash(Thr *T) {
  Stack *trash = &STOPPED_OF(T)->trash;
  for (size_t i = 0, n; i < trash->n; i += n) {
    Obj *o = trash->v[i];
    Unit *u = unit_of(o);
    n = 1;
    if (u->owner == COUNT_CELLS(T) || !u->cell) {
      count_free_published(T, o);
      continue;
    }
    while (i + n < trash->n && unit_of(trash->v[i + n]) == u) n++;
    free_run(T, &trash->v[i], n);
  }
  trash->n = 0;
}

/* --- In a checked build: whether counts can be right --------------------------------------------------------------------------------------- */

#if MM_CHECK
static void visit_verify(void *T, Obj **field) {
  Obj *o = *field;
  if (!o) return;
  if (!(o->kind & 15) || o->kind >= KIND_COUNT) mm_panic(T, "a live object refers to a freed one after a collection");
  if (is_trash(o)) mm_panic(T, "a live object refers to trash");
  if (is_member(o)) count_change(T, o, -1);
}
static void verify_take(Thr *T, Obj *o) {
  if (!is_trash(o)) obj_visit(o, visit_verify, T);
}
static void verify_look(Thr *T, Obj *o) {
  int64_t left = count_is_published(o) ? (int64_t)count_of_published(T, o) : (int32_t)o->count;
  if (!is_trash(o) && left < 0) mm_panic(T, "a count is less than the references there are after a collection");
}
static void visit_put_back(void *T, Obj **field) {
  if (*field && is_member(*field)) count_change(T, *field, 1);
}
static void verify_put_back(Thr *T, Obj *o) {
  if (!is_trash(o)) obj_visit(o, visit_put_back, T);
}
static void verify_take_unit(void *T, Unit *u) { each_container(T, u, verify_take); }
static void verify_look_unit(void *T, Unit *u) { each_container(T, u, verify_look); }
static void verify_put_back_unit(void *T, Unit *u) { each_container(T, u, verify_put_back); }
static void verify(Thr *T) {
  Chunks *C = &T->heap->chunks;
  chunks_each(C, verify_take_unit, T);
  chunks_each(C, verify_look_unit, T);
  chunks_each(C, verify_put_back_unit, T);
}
#else
static void verify(Thr *T) { (void)T; }
#endif

/* --- A collection --------------------------------------------------------------------------------------------------------------------------- */

/* Spilled counts of trash. */
static void forget_spilled(Thr *T) {
  Stack *trash = &STOPPED_OF(T)->trash;
  for (size_t i = 0; i < trash->n; i++) {
    Obj *o = trash->v[i];
    if (count_is_published(o) && (o->count & BIASED_SPILLED)) spill_forget(T, o);
  }
}

static void find_trash(Thr *T) {
  Stopped *S = STOPPED_OF(T);
  Chunks *C = &T->heap->chunks;
  uint64_t before = S->examined;
  chunks_each(C, subtract_unit, T);
  chunks_each(C, sift_unit, T);
  chunks_each(C, gather_unit, T);
  condemn(T);
  forget_spilled(T);
  store_relaxed(&S->live, S->examined - before - S->trash.n);
  S->condemned += S->trash.n;
}

bool stopped_collect(Thr *T) {
  Stopped *S = STOPPED_OF(T);
  if (atomic_load_explicit(&S->freeing, memory_order_acquire) || !world_stop(&S->world, T)) return false;
  uint64_t wall = wall_ns(), cpu = thread_cpu_ns();
  atomic_store(&S->due, false);
  come_to_rest(T);
  atomic_store(&S->net, 0);
  find_trash(T);
  verify(T);
  S->collections++;
  atomic_store(&S->freeing, true);
  world_resume(&S->world, T);
  boxes_remind(T); /* resuming has lowered the flags */
  count_settle(T); /* of what was dropped with trash */
  free_trash(T);
  S->wall_ns += wall_ns() - wall;
  S->cpu_ns += thread_cpu_ns() - cpu;
  atomic_store_explicit(&S->freeing, false, memory_order_release);
  return true;
}

void stopped_report(Heap *H, reclaim_stats *out) {
  const Stopped *S = &H->stopped;
  out->collections = S->collections;
  out->collector_wall_ns = S->wall_ns;
  out->collector_cpu_ns = S->cpu_ns;
  histogram_merge(&out->pauses, &S->world.pauses);
  out->safepoints = S->world.safepoints;
  out->counters[out->ncounters++] = (reclaim_counter){"examined-containers", S->examined};
  out->counters[out->ncounters++] = (reclaim_counter){"cyclic-trash", S->condemned};
}
void stopped_reset(Heap *H) {
  Stopped *S = &H->stopped;
  S->collections = S->examined = S->condemned = S->wall_ns = S->cpu_ns = 0;
  memset(&S->world.pauses, 0, sizeof S->world.pauses);
  memset(&S->world.safepoints, 0, sizeof S->world.safepoints);
}
#endif
