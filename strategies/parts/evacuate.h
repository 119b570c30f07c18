/* evacuate.h: emptying one thread's nursery: the minor collection of nursery.h. Included once by the .c file of the strategy, after its header.
   The Heap has `mature`, `world`, `crew` and `card_shift`, a Thr `nursery`, `space` and `evacuator`.

   Copying by the engine of trace.h, depth first, so that what hangs together lies together, in the order in which programs walk it (Moon
   1984; Wilson, Lam, Moher 1991). A survivor is copied into the mature space or, below the promotion age, into the other survivor lane; its header
   is replaced by the new address (KIND_FORWARDED), the field is set, and the copy is to be visited in its turn.

   Copying is waiting for memory, and there are two ways to wait less:

     From a node, a list, a frame, the way goes on at once: any delay would change the order, and what was copied in another order is
     walked slowly for the rest of its life (trees that outgrow the cache: 2x). But parts of one structure were mostly made one after the
     other, so in that order copying moves up through eden: the lines ahead are asked for.
     What an array or a table refers to may lie anywhere, and has no order but the array's: fields wait in the ring, a few places, until
     the objects they refer to have come. */
#include <stdlib.h>

#include "strategies/parts/nursery.h"

/* Whose nursery is being emptied, by a worker of a crew of its own. Pieces of Nursery that each visit needs stand here, beside the ring. */
typedef struct Evacuator {
  TraceWorker w; /* first */
  uintptr_t base;
  size_t span;
  uintptr_t to_base; /* where this collection's survivors are put: what is there has been copied */
  size_t to_span;    /* 0 where all are promoted */
  Nursery *nursery;
  SpaceThread *into; /* runs for promotion */
  Heap *heap;
  unsigned age; /* 1: all are promoted */
  uint64_t survived, promoted;
} Evacuator;

/* Bytes of eden after a survivor at which a line is asked for. */
enum { EVACUATE_AHEAD = 2048 };

/* Items of the ring while copying, at most. */
enum { EVACUATE_RING = 16 };

/* Bytes ahead of a promotion at which the line is asked for: mature cells are cold. */
enum { PROMOTE_AHEAD = 1024 };

COLD static void *promote_slow(Heap *H, SpaceThread *into, size_t bytes) {
  void *p = bytes > CELL_MAX ? space_get_large(&H->mature, bytes, H->card_shift, true)
                             : space_get_slow(&H->mature, into, class_of(bytes), true);
  if (p) return p;
  H->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "the system refused memory for promotion");
  abort();
}
/* A mature cell, whatever the limit says: room for all that may be promoted was kept free. `bytes`: a multiple of 16. */
INLINE void *promote(Heap *H, SpaceThread *into, size_t bytes) {
  Run *r = &into->run[class_of(bytes)];
  char *p = r->cur;
  if (UNLIKELY(bytes > CELL_MAX) || UNLIKELY(p == r->end)) return promote_slow(H, into, bytes);
  r->cur = p + r->block->cell;
  __builtin_prefetch(p + PROMOTE_AHEAD, 1);
  return p;
}

INLINE void copy_bytes(void *to, const void *from, size_t bytes) { /* multiples of 16, at least one */
  typedef struct {
    uint64_t a, b;
  } Pair;
  Pair *d = to;
  const Pair *s = from;
  do *d++ = *s++;
  while (bytes -= sizeof *d);
}

/* Room in the survivor lane; NULL: there is no more. */
static void *survivor_cell(Nursery *n, size_t bytes) {
  while (bytes > (size_t)(n->to.end - n->to.cur))
    if (!lane_next(&n->to, n->head)) return NULL;
  void *p = n->to.cur;
  n->to.cur += bytes;
  return p;
}

INLINE bool is_from_nursery(const Evacuator *e, const Obj *o) { return (uintptr_t)o - e->base < e->span; }
INLINE bool is_copied(const Evacuator *e, const Obj *o) { return (uintptr_t)o - e->to_base < e->to_span; }

/* Copies a young object and leaves its new address behind. */
INLINE Obj *evacuate(Evacuator *e, Obj *o) {
  size_t bytes = (obj_size(o) + 15) & ~(size_t)15;
  uint64_t word = o->word;
  Obj *to = NULL;
  if (UNLIKELY(e->age > 1)) {
    Obj header = {.word = word};
    unsigned age = ((header.bits & OBJ_AGE_MASK) >> OBJ_AGE_SHIFT) + 1;
    if (age < e->age) to = survivor_cell(e->nursery, bytes);
    header.bits = (uint8_t)((header.bits & ~OBJ_AGE_MASK) | (to ? age << OBJ_AGE_SHIFT : 0));
    word = header.word;
  }
  if (!to) {
    to = promote(e->heap, e->into, bytes);
    e->promoted += bytes;
  }
  copy_bytes(to, o, bytes);
  to->word = word;
  o->word = LINK_WORD(to, KIND_FORWARDED);
  e->survived += bytes;
  if (!kind_is_leaf(to->kind)) trace_push(&e->w, to);
  return to;
}

/* The item is a field. It may have been changed meanwhile, by an item for the same field. */
INLINE void evacuate_due(TraceWorker *w, void *item) {
  Evacuator *e = (Evacuator *)w;
  Obj **field = item, *o = *field;
  if (!is_from_nursery(e, o)) return;
  if (o->kind == KIND_FORWARDED)
    *field = o = LINK_NEXT(o->word);
  else if (!is_copied(e, o))
    *field = o = evacuate(e, o);
  if (UNLIKELY(e->to_span) && is_copied(e, o) && !is_from_nursery(e, (Obj *)field)) stack_push(&e->nursery->slots, (Obj *)field);
}

INLINE void evacuate_now(void *worker, Obj **field) {
  Evacuator *e = worker;
  if (LIKELY(!is_from_nursery(e, *field))) return;
  __builtin_prefetch((char *)*field + EVACUATE_AHEAD, 1);
  evacuate_due(&e->w, field);
}
INLINE void evacuate_later(void *worker, Obj **field) {
  Evacuator *e = worker;
  Obj *o = *field;
  if (LIKELY(!is_from_nursery(e, o))) return;
  __builtin_prefetch(o, 1);
  trace_later(&e->w, field, evacuate_due);
}

static void evacuate_drain(TraceWorker *w) { trace_drain(w, true, evacuate_now, evacuate_later, evacuate_due); }

/* A slot of a thread, which lies nowhere near the heap: at once, so that `slots` stays what it is. */
static void evacuate_root(Evacuator *e, Obj **field) {
  Obj *o = *field;
  if (!is_from_nursery(e, o)) return;
  if (o->kind == KIND_FORWARDED)
    *field = LINK_NEXT(o->word);
  else if (!is_copied(e, o))
    *field = evacuate(e, o);
}

/* Fields [lo, hi) of a large object's dirty cards are visited, and the cards are clean. */
static void evacuate_cards(Evacuator *e, Obj *o) {
  Nursery *n = e->nursery;
  uint8_t *cards = unit_of(o)->cards;
  size_t last = obj_size(o) >> n->card_shift;
  for (size_t card = 0; card <= last; card++) {
    uint64_t eight;
    if (card + sizeof eight <= last && (memcpy(&eight, &cards[card], sizeof eight), !eight)) {
      card += sizeof eight - 1;
      continue;
    }
    size_t from = card;
    while (card <= last && cards[card]) cards[card++] = 0;
    if (from == card) continue;
    n->remembered += card - from;
    obj_visit_range(o, (Obj **)((char *)o + (from << n->card_shift)), (Obj **)((char *)o + (card << n->card_shift)),
                    evacuate_later, e);
  }
}

static void evacuate_remembered(Evacuator *e) {
  Nursery *n = e->nursery;
  n->remembered += n->logged.n + n->slots.n;
  for (size_t i = 0; i < n->logged.n; i++) {
    n->logged.v[i]->bits &= (uint8_t)~OBJ_LOGGED;
    obj_visit(n->logged.v[i], evacuate_later, e);
  }
  for (size_t i = 0; i < n->large.n; i++) {
    n->large.v[i]->bits &= (uint8_t)~OBJ_LOGGED;
    evacuate_cards(e, n->large.v[i]);
  }
  n->logged.n = n->large.n = 0;
  n->hot = NULL;
  Stack slots = n->slots; /* what still has a survivor in it is entered anew */
  n->slots = n->slots_before;
  n->slots_before = slots;
  for (size_t i = 0; i < slots.n; i++) evacuate_later(e, (Obj **)slots.v[i]);
  n->slots_before.n = 0;
}

#if MM_CHECK
static void poison(void *unused, Chunk *c, char *from, char *to) {
  (void)unused, (void)c;
  memset(from, 0xDB, (size_t)(to - from));
}
#endif

/* Empties T's nursery, but for survivors below the promotion age unless `promote_all`. By T, or for it while the world is stopped. */
static void evacuate_nursery(Thr *T, bool promote_all) {
  Nursery *n = &T->nursery;
  Evacuator *e = (Evacuator *)tracer_worker(&T->evacuator, 0);
  n->eden_bytes += nursery_used(n);
  bool survivors = n->half && !promote_all;
  e->base = n->base;
  e->span = n->span;
  e->to_base = (uintptr_t)n->half_chunk[1];
  e->to_span = survivors ? n->half_span : 0;
  e->nursery = n;
  e->into = &T->space;
  e->heap = T->heap;
  e->age = survivors ? n->age : 1;
  e->survived = e->promoted = 0;
  for (Link *l = T->top; l; l = l->prev) evacuate_root(e, &l->s.p_);
  evacuate_remembered(e);
  evacuate_drain(&e->w);
  n->survived_bytes += e->survived;
  n->promoted_bytes += e->promoted;
#if MM_CHECK
  nursery_each_chunk(n, poison, NULL);
#endif
  nursery_emptied(n, survivors);
}

/* Empties the nurseries of all threads, each by one worker of the crew. The world is stopped. */
typedef struct EmptyAll {
  Heap *heap;
  unsigned next; /* atomic */
} EmptyAll;

/* Bytes of nurseries for each helper that is called in: some 100 us of copying. */
enum { EMPTY_EACH = 512 << 10 };

static unsigned helpers_to_empty(const World *W) {
  size_t used = 0;
  unsigned n = 0;
  for (int i = 0; i < W->nthreads; i++) {
    size_t bytes = nursery_used(&W->threads[i]->nursery);
    used += bytes;
    n += bytes > 0;
  }
  unsigned helpers = (unsigned)(used / EMPTY_EACH);
  return n < 2 ? 0 : CREW_EAGER || helpers >= n ? n - 1 : helpers;
}
static void empty_job(void *ctx, int worker) {
  EmptyAll *all = ctx;
  World *W = &all->heap->world;
  if (worker == 0) crew_call(&all->heap->crew, helpers_to_empty(W));
  for (unsigned i; (i = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED)) < (unsigned)W->nthreads;)
    evacuate_nursery(W->threads[i], true);
}
static void empty_nurseries(Heap *H) { crew_run(&H->crew, empty_job, &(EmptyAll){H, 0}); }
