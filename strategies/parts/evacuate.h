/* evacuate.h: emptying one thread's nursery: the minor collection of nursery.h. Included once by the .c file of the strategy, after its header.
   The Heap has `mature`, `world`, `crew`, `team` and `card_shift`, a Thr `nursery`, `space` and `evacuator`.

   Copying by the engine of trace.h, depth first, so that what hangs together lies together, in the order in which programs walk it (Moon
   1984; Wilson, Lam, Moher 1991). A survivor is copied into the mature space or, below the promotion age, into the other survivor lane; its
   header is replaced by the new address (KIND_FORWARDED), the field is set, and the copy is to be visited in its turn.

   Copying is waiting for memory, and there are two ways to wait less:

     From a node, a list, a frame, the way goes on at once: any delay would change the order, and what was copied in another order is
     walked slowly for the rest of its life (trees that outgrow the cache: 2x). But parts of one structure were mostly made one after
     the other, so in that order copying moves up through eden: the lines ahead are asked for.
     What an array or a table refers to may lie anywhere, and has no order but the array's: fields wait in the ring, a few places, until
     the objects they refer to have come.

   ## Alone, or together

   A nursery is emptied by its own thread, and several threads empty theirs at the same time: that is how minor collections are parallel. Only
   where there are collector threads to spare, because fewer mutators run than the crew has workers, do helpers take part in one of them.
   Then who copies an object is decided by a compare-and-swap on its header (as in HotSpot's parallel young collections, Flood et al. 2001), and the
   loser gives its cell back; each worker has runs and a piece of the survivor lane of its own. The usual case, alone, is compiled without
   any of that.

   Roots, in portions: the thread's slots; remembered objects, cards and fields, some at a time. */
#include <stdlib.h>

#include "strategies/parts/nursery.h"

/* One minor collection. */
typedef struct Evacuation {
  Thr *T;
  Nursery *n;
  pthread_mutex_t mutex; /* what follows, where several empty it */
  bool shared, slots_claimed;
  size_t logged, large, card, fields;     /* what is to be claimed next of each; `card` of the large object `large` */
  Stack old_logged, old_large, old_slots; /* the remembered set as it was; what stays young is entered anew */
} Evacuation;

/* Who is at it. Pieces of Nursery that each visit needs stand here, beside the ring. */
typedef struct Evacuator {
  TraceWorker w; /* first */
  uintptr_t base;
  size_t span;
  uintptr_t to_base;     /* where this collection's survivors are put: what is there has been copied */
  size_t to_span;        /* 0 where all are promoted */
  unsigned age;          /* promotion age, 1: all are promoted */
  char *keep, *keep_end; /* a piece of the survivor lane */
  SpaceThread *into;     /* runs for promotion: the thread's own, or a helper's: */
  SpaceThread runs;
  Heap *heap;
  Evacuation *of;
  Obj *large;  /* whose cards are being looked at; NULL: the fields at hand are those of small objects */
  Stack again; /* large objects with a survivor in them */
  Stack slots; /* fields of small ones */
  uint64_t survived, promoted, remembered, found;
} Evacuator;

enum {
  EVACUATE_AHEAD = 2048, /* bytes of eden after a survivor at which a line is asked for */
  EVACUATE_RING = 16,    /* items of the ring while copying, at most */
  PROMOTE_AHEAD = 1024,  /* bytes ahead of a promotion at which the line is asked for: mature cells are cold */
  KEEP_PIECE = 16 << 10, /* bytes of the survivor lane that one of several takes at a time */
  PORTION = 512,         /* remembered objects or fields that are claimed at a time */
  PORTION_CARDS = 2048,  /* cards, the same */
  SHORT_PART = 8,        /* of the limit, handed out since the last full collection: enough for the next one to make holes */
  HELP_MIN = 512 << 10,  /* bytes expected to survive from which on help is asked for: some 100 us of copying */
};

/* A cell of a larger class. */
static void *promote_into_larger(Space *S, SpaceThread *into, unsigned cls) {
  void *p = NULL;
  while (!p && ++cls < CLASSES) {
    Run *r = &into->run[cls];
    if (r->block || r->more || load_relaxed(&S->unswept[cls])) p = space_get(S, into, class_bytes(cls));
  }
  return p;
}

/* A cell of this class where its holes are used up and the limit leaves no new block. Blocks stay where they are, so a class that took one
   more at each such time would end in a heap of sparse blocks. Where much was handed out since the last full collection, the next one
   makes holes: it is asked for, and until then a larger class must do. Where little was, the class does need more. */
static void *promote_without_holes(Heap *H, SpaceThread *into, unsigned cls) {
  Space *S = &H->mature;
  if (!H->hard_limit || load_relaxed(&S->taken_bytes) < load_relaxed(&S->limit) / SHORT_PART) return NULL;
  store_relaxed(&H->is_short, true);
  return promote_into_larger(S, into, cls);
}

COLD static void *promote_slow(Heap *H, SpaceThread *into, size_t bytes) {
  Space *S = &H->mature;
  void *p;
  if (bytes > CELL_MAX) {
    p = space_get_large(S, bytes, H->card_shift, true);
  } else {
    p = space_get_slow(S, into, class_of(bytes), false);
    if (!p) p = promote_without_holes(H, into, class_of(bytes));
    if (!p) p = space_get_slow(S, into, class_of(bytes), true);
  }
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

/* --- Copying ----------------------------------------------------------------------------------------------------------------------- */

INLINE bool is_from_nursery(const Evacuator *e, const Obj *o) { return (uintptr_t)o - e->base < e->span; }
INLINE bool is_copied(const Evacuator *e, const Obj *o) { return (uintptr_t)o - e->to_base < e->to_span; }

/* The next piece of the survivor lane, for at least `bytes`. False: there is no more. */
static bool keep_more(Evacuator *e, size_t bytes) {
  Nursery *n = e->of->n;
  bool shared = e->of->shared, has = true;
  if (shared) pthread_mutex_lock(&e->of->mutex);
  while (has && bytes > (size_t)(n->to.end - n->to.cur)) has = lane_next(&n->to, n->head);
  if (has) {
    size_t rest = (size_t)(n->to.end - n->to.cur), most = bytes > KEEP_PIECE ? bytes : KEEP_PIECE;
    e->keep = n->to.cur;
    e->keep_end = e->keep + (shared && rest > most ? most : rest);
    n->to.cur = e->keep_end;
  }
  if (shared) pthread_mutex_unlock(&e->of->mutex);
  return has;
}
static void *keep_cell(Evacuator *e, size_t bytes) {
  if (bytes > (size_t)(e->keep_end - e->keep) && !keep_more(e, bytes)) return NULL;
  void *p = e->keep;
  e->keep += bytes;
  return p;
}

/* Where a survivor with this header goes; the header that it has there. */
INLINE Obj *new_place(Evacuator *e, size_t bytes, uint64_t *word) {
  if (UNLIKELY(e->age > 1)) {
    Obj header = {.word = *word};
    unsigned age = ((header.bits & OBJ_AGE_MASK) >> OBJ_AGE_SHIFT) + 1;
    Obj *to = age < e->age ? keep_cell(e, bytes) : NULL;
    header.bits = (uint8_t)((header.bits & ~OBJ_AGE_MASK) | (to ? age << OBJ_AGE_SHIFT : 0));
    *word = header.word;
    if (to) return to;
  }
  e->promoted += bytes;
  return promote(e->heap, e->into, bytes);
}
/* The place just handed out is not wanted. */
static void give_back(Evacuator *e, Obj *to, size_t bytes) {
  if (is_copied(e, to)) {
    e->keep -= bytes;
    return;
  }
  if (bytes <= CELL_MAX) { /* else it is found by the next full collection */
    Run *r = &e->into->run[unit_of(to)->cls];
    r->cur -= r->block->cell;
  }
  e->promoted -= bytes;
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
/* The same without the header, which others may be writing to. */
INLINE void copy_fields(Obj *to, const Obj *from, size_t bytes) {
  uint64_t *d = (uint64_t *)to;
  const uint64_t *s = (const uint64_t *)from;
  d[1] = s[1];
  for (size_t i = 2; i < bytes / sizeof *d; i += 2) d[i] = s[i], d[i + 1] = s[i + 1];
}

/* Bytes of an object whose header was `word`; by now it may be another. No kind's length lies beyond its third word. */
INLINE size_t size_of(const Obj *o, uint64_t word) {
  union {
    Gen longest;
    Obj o;
    uint64_t word[3];
  } head = {.word = {word, ((const uint64_t *)o)[1]}};
  _Static_assert(offsetof(Gen, refs) <= sizeof head.word, "a length beyond the third word");
  if (head.o.kind == KIND_GEN) head.word[2] = ((const uint64_t *)o)[2];
  return obj_size(&head.o);
}

/* Copies a young object, whose header was `word`, and leaves its new address behind. */
INLINE Obj *evacuate(Evacuator *e, Obj *o, uint64_t word, bool alone) {
  size_t bytes = ((alone ? obj_size(o) : size_of(o, word)) + 15) & ~(size_t)15;
  uint64_t new = word;
  Obj *to = new_place(e, bytes, &new);
  if (alone)
    copy_bytes(to, o, bytes);
  else
    copy_fields(to, o, bytes);
  to->word = new;
  if (alone) {
    o->word = LINK_WORD(to, KIND_FORWARDED);
  } else if (!__atomic_compare_exchange_n(&o->word, &word, LINK_WORD(to, KIND_FORWARDED), false, __ATOMIC_RELEASE,
                                          __ATOMIC_ACQUIRE)) {
    give_back(e, to, bytes); /* another was faster */
    return LINK_NEXT(word);
  }
  e->survived += bytes;
  if (!kind_is_leaf(to->kind)) trace_push(&e->w, to);
  return to;
}

/* A field of a mature object was left with a survivor in it: it is remembered again. */
static NOINLINE void stays_young(Evacuator *e, Obj **field) {
  Obj *large = e->large;
  if (!large) {
    stack_push(&e->slots, (Obj *)field);
    return;
  }
  store_relaxed(&unit_of(large)->cards[((char *)field - (char *)large) >> e->of->n->card_shift], (uint8_t)1);
  if (!e->again.n || e->again.v[e->again.n - 1] != large) stack_push(&e->again, large);
}

/* Where the object is now, or will stay; `mature`: whether the field lies in a mature object, which is to be remembered if it stays young. */
INLINE void forward(Evacuator *e, Obj **field, bool mature, bool alone) {
  Obj *o = alone ? *field : load_relaxed(field); /* a plain load can be made one with that of the visit */
  if (!is_from_nursery(e, o)) return;
  uint64_t word = alone ? o->word : load_acquire(&o->word);
  if ((uint8_t)word == KIND_FORWARDED) {
    store_relaxed(field, o = LINK_NEXT(word));
  } else if (!is_copied(e, o)) {
    store_relaxed(field, o = evacuate(e, o, word, alone));
  }
  if (UNLIKELY(e->to_span) && mature && is_copied(e, o) && !is_from_nursery(e, (Obj *)field)) stays_young(e, field);
}

/* The item is a field. It may have been changed meanwhile, by an item for the same field. */
INLINE void evacuate_due_alone(TraceWorker *w, void *item) { forward((Evacuator *)w, item, true, true); }
INLINE void evacuate_due_together(TraceWorker *w, void *item) { forward((Evacuator *)w, item, true, false); }

/* `later`: through the ring. */
INLINE void evacuate_visit(Evacuator *e, Obj **field, bool later, bool alone) {
  Obj *o = alone ? *field : load_relaxed(field);
  if (LIKELY(!is_from_nursery(e, o))) return;
  if (later) {
    __builtin_prefetch(o, 1);
    trace_later(&e->w, field, alone ? evacuate_due_alone : evacuate_due_together);
  } else {
    __builtin_prefetch((char *)o + EVACUATE_AHEAD, 1);
    forward(e, field, true, alone);
  }
}
/* Of a remembered object, which mostly has other fields, too. */
INLINE void evacuate_remembered(Evacuator *e, Obj **field, bool alone) {
  if (LIKELY(!is_from_nursery(e, alone ? *field : load_relaxed(field)))) return;
  e->found++;
  evacuate_visit(e, field, true, alone);
}
INLINE void evacuate_remembered_alone(void *e, Obj **field) { evacuate_remembered(e, field, true); }
INLINE void evacuate_remembered_together(void *e, Obj **field) { evacuate_remembered(e, field, false); }
INLINE void evacuate_now_alone(void *e, Obj **field) { evacuate_visit(e, field, false, true); }
INLINE void evacuate_now_together(void *e, Obj **field) { evacuate_visit(e, field, false, false); }
INLINE void evacuate_later_alone(void *e, Obj **field) { evacuate_visit(e, field, true, true); }
INLINE void evacuate_later_together(void *e, Obj **field) { evacuate_visit(e, field, true, false); }

static void evacuate_alone(TraceWorker *w) { trace_drain(w, true, evacuate_now_alone, evacuate_later_alone, evacuate_due_alone); }
static void evacuate_together(TraceWorker *w) {
  trace_drain(w, false, evacuate_now_together, evacuate_later_together, evacuate_due_together);
}

/* --- Roots ------------------------------------------------------------------------------------------------------------------------- */

/* What was claimed: items [from, to) of one of these. */
typedef struct Portion {
  enum { PORTION_SLOTS, PORTION_LOGGED, PORTION_CARD, PORTION_FIELDS, PORTION_NONE } of;
  Obj *large;
  size_t from, to;
} Portion;

static size_t cards_of(const Nursery *n, const Obj *o) { return (obj_size(o) >> n->card_shift) + 1; }

static Portion next_portion(Evacuation *v) {
  const Stack *logged = &v->old_logged, *large = &v->old_large, *slots = &v->old_slots;
  Portion p = {PORTION_NONE, NULL, 0, 0};
  if (!v->slots_claimed) {
    v->slots_claimed = true;
    p.of = PORTION_SLOTS;
  } else if (v->logged < logged->n) {
    p = (Portion){PORTION_LOGGED, NULL, v->logged, logged->n - v->logged < PORTION ? logged->n : v->logged + PORTION};
    v->logged = p.to;
  } else if (v->large < large->n) {
    Obj *o = large->v[v->large];
    size_t all = cards_of(v->n, o);
    p = (Portion){PORTION_CARD, o, v->card, all - v->card < PORTION_CARDS ? all : v->card + PORTION_CARDS};
    v->card = p.to;
    if (p.to == all) v->large++, v->card = 0;
  } else if (v->fields < slots->n) {
    p = (Portion){PORTION_FIELDS, NULL, v->fields, slots->n - v->fields < PORTION ? slots->n : v->fields + PORTION};
    v->fields = p.to;
  }
  return p;
}

/* Dirty cards [from, to) of a large object: their fields are visited, and they are clean, but for survivors. None of the fields waits in the
   ring when it is left: what is said of a field is said of `large`. */
static void evacuate_cards(Evacuator *e, const Portion *p) {
  unsigned shift = e->of->n->card_shift;
  uint8_t *cards = unit_of(p->large)->cards;
  e->large = p->large;
  for (size_t card = p->from; card < p->to; card++) {
    uint64_t eight;
    if (card + sizeof eight <= p->to && (memcpy(&eight, &cards[card], sizeof eight), !eight)) {
      card += sizeof eight - 1;
      continue;
    }
    size_t first = card;
    while (card < p->to && load_relaxed(&cards[card])) store_relaxed(&cards[card++], (uint8_t)0);
    if (first == card) continue;
    e->remembered += card - first;
    Obj **lo = (Obj **)((char *)p->large + (first << shift)), **hi = (Obj **)((char *)p->large + (card << shift));
    if (e->of->shared)
      obj_visit_range(p->large, lo, hi, evacuate_remembered_together, e);
    else
      obj_visit_range(p->large, lo, hi, evacuate_remembered_alone, e);
  }
  while (e->w.waiting) trace_first(&e->w, e->of->shared ? evacuate_due_together : evacuate_due_alone);
  e->large = NULL;
}

/* A TraceRoots: claims a portion and visits what is in it. */
static bool evacuate_portion(TraceWorker *w, void *unused) {
  (void)unused;
  Evacuator *e = (Evacuator *)w;
  Evacuation *v = e->of;
  if (v->shared) pthread_mutex_lock(&v->mutex);
  Portion p = next_portion(v);
  if (v->shared) pthread_mutex_unlock(&v->mutex);
  void (*visit)(void *worker, Obj **field) = v->shared ? evacuate_remembered_together : evacuate_remembered_alone;
  switch (p.of) {
  case PORTION_SLOTS: /* a slot lies nowhere near the heap, and nothing is to be remembered of it */
    for (Link *l = v->T->top; l; l = l->prev) forward(e, &l->s.p_, false, !v->shared);
    return true;
  case PORTION_LOGGED:
    for (size_t i = p.from; i < p.to; i++) obj_visit(v->old_logged.v[i], visit, e);
    break;
  case PORTION_CARD: evacuate_cards(e, &p); break;
  case PORTION_FIELDS:
    for (size_t i = p.from; i < p.to; i++) visit(e, (Obj **)v->old_slots.v[i]);
    break;
  default: return false;
  }
  if (p.of != PORTION_CARD) e->remembered += p.to - p.from;
  return true;
}

/* --- One nursery --------------------------------------------------------------------------------------------------------------------- */

static void evacuator_begin(Evacuator *e, Evacuation *v, SpaceThread *into, bool survivors) {
  Nursery *n = v->n;
  e->base = n->base;
  e->span = n->span;
  e->to_base = (uintptr_t)n->half_chunk[1];
  e->to_span = survivors ? n->half_span : 0;
  e->age = survivors ? n->age : 1;
  e->keep = e->keep_end = NULL;
  e->into = into;
  e->heap = v->T->heap;
  e->of = v;
  e->survived = e->promoted = e->remembered = e->found = 0;
}
static void evacuator_end(Evacuator *e) {
  Nursery *n = e->of->n;
  if (e->keep_end == n->to.end) n->to.cur = e->keep; /* what is left of a piece that nobody came after */
  n->survived_bytes += e->survived;
  n->promoted_bytes += e->promoted;
  __atomic_fetch_add(&e->heap->filled, e->promoted, __ATOMIC_RELAXED);
  n->remembered += e->remembered;
  n->remembered_hits += e->found;
  for (size_t i = 0; i < e->slots.n; i++) stack_push(&n->slots, e->slots.v[i]);
  for (size_t i = 0; i < e->again.n; i++) nursery_enter(n, e->again.v[i]);
  e->slots.n = e->again.n = 0;
}

static void evacuate_job(void *evacuation, int worker) {
  (void)evacuation;
  Heap *H = ((Evacuation *)evacuation)->T->heap;
  trace_work(tracer_worker(&H->team, worker), evacuate_portion, NULL);
}

/* With at most `helpers` of the crew, which the caller has to itself. */
static void evacuate_with(Evacuation *v, unsigned helpers, bool survivors) {
  Heap *H = v->T->heap;
  v->shared = true;
  pthread_mutex_init(&v->mutex, NULL);
  for (int i = 0; i < H->crew.workers; i++) {
    Evacuator *e = (Evacuator *)tracer_worker(&H->team, i);
    evacuator_begin(e, v, i ? &e->runs : &v->T->space, survivors);
  }
  crew_run(&H->crew, evacuate_job, v, helpers);
  for (int i = 0; i < H->crew.workers; i++) {
    Evacuator *e = (Evacuator *)tracer_worker(&H->team, i);
    v->n->helped_bytes += i ? e->survived : 0;
    evacuator_end(e);
  }
  pthread_mutex_destroy(&v->mutex);
}

#if MM_CHECK
static void poison(void *unused, Chunk *c, char *from, char *to) {
  (void)unused, (void)c;
  memset(from, 0xDB, (size_t)(to - from));
}
#endif

/* Empties T's nursery, but for survivors below the promotion age unless `promote_all`. By T, or for it while the world is stopped. With
   `helpers` of the crew, none if 0; the caller has the crew to itself then. */
static void evacuate_nursery(Thr *T, bool promote_all, unsigned helpers) {
  Nursery *n = &T->nursery;
  bool survivors = n->half && !promote_all;
  Evacuation v = {.T = T, .n = n};
  nursery_take_remembered(n, &v.old_logged, &v.old_large, &v.old_slots);
  n->eden_bytes += nursery_used(n);
  if (helpers) {
    evacuate_with(&v, helpers, survivors);
  } else {
    Evacuator *e = (Evacuator *)tracer_worker(&T->evacuator, 0);
    evacuator_begin(e, &v, &T->space, survivors);
    trace_work(&e->w, evacuate_portion, NULL);
    evacuator_end(e);
  }
  nursery_return_memory(n, &v.old_logged, &v.old_large, &v.old_slots);
#if MM_CHECK
  nursery_each_chunk(n, poison, NULL);
#endif
  nursery_emptied(n, survivors);
}

/* --- Helpers ------------------------------------------------------------------------------------------------------------------------- */

/* Room for all that a nursery can hold on every stack: there is nothing to spill. */
static void no_spill(TraceWorker *w, Obj *o) {
  (void)w, (void)o;
  abort();
}
/* Evacuators for all workers of a crew, for nurseries of at most `bytes`. False: no memory. */
static bool evacuators_open(Tracer *t, Crew *crew, size_t bytes, int64_t prefetch) {
  unsigned ahead = prefetch < 1 ? 1 : prefetch < EVACUATE_RING ? (unsigned)prefetch : EVACUATE_RING;
  if (!trace_open(t, crew, (size_t)crew->workers * (bytes / SIZE_LIST), ahead, sizeof(Evacuator))) return false;
  t->drain = crew->workers > 1 ? evacuate_together : evacuate_alone;
  t->spill = no_spill;
  return true;
}
static void evacuators_close(Tracer *t) {
  for (int i = 0; t->workers && i < t->crew->workers; i++) {
    Evacuator *e = (Evacuator *)tracer_worker(t, i);
    stack_free(&e->slots);
    stack_free(&e->again);
  }
  trace_close(t);
}

/* How many helpers may take part in a minor collection, and want to: those for whom no mutator is running, if much is expected to survive. The
   crew is the caller's until release_helpers. */
static unsigned claim_helpers(Thr *T) {
  Heap *H = T->heap;
  const Nursery *n = &T->nursery;
  if (H->crew.workers == 1 || (!CREW_EAGER && n->survival * (double)nursery_used(n) < HELP_MIN)) return 0;
  int idle = H->crew.workers - world_running(&H->world);
  if (idle <= 0 || __atomic_exchange_n(&H->crew_taken, true, __ATOMIC_ACQUIRE)) return 0;
  return (unsigned)idle;
}
static void release_helpers(Heap *H, unsigned helpers) {
  if (helpers) store_release(&H->crew_taken, false);
}

/* --- All nurseries: each by one worker, or, where there is only one, by all. The world is stopped. ----------------------------------- */

typedef struct EmptyAll {
  Heap *heap;
  unsigned next; /* atomic */
} EmptyAll;

static void empty_job(void *ctx, int worker) {
  EmptyAll *all = ctx;
  World *W = &all->heap->world;
  if (worker == 0) crew_call(&all->heap->crew, (unsigned)W->nthreads - 1);
  for (unsigned i; (i = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED)) < (unsigned)W->nthreads;)
    evacuate_nursery(W->threads[i], true, 0);
}
static void empty_nurseries(Heap *H) {
  World *W = &H->world;
  size_t used = 0, most = 0;
  Thr *fullest = NULL;
  for (int i = 0; i < W->nthreads; i++) {
    size_t bytes = nursery_used(&W->threads[i]->nursery);
    used += bytes;
    if (bytes > most) most = bytes, fullest = W->threads[i];
  }
  unsigned helpers = (unsigned)H->crew.workers - 1;
  bool one = used - most < HELP_MIN;
  if (helpers && fullest && one && (CREW_EAGER || most > HELP_MIN)) evacuate_nursery(fullest, true, helpers);
  crew_run(&H->crew, empty_job, &(EmptyAll){H, 0}, one && !CREW_EAGER ? 0 : helpers);
}
