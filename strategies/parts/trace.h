/* trace.h: tracing a graph of objects by one thread or by several: what marking, copying and tracing backups share. It knows objects and
   their fields, and nothing of what a visit is for: a strategy gives two functions, which are inlined,

     visit(worker, field)   for each reference field of an object that is scanned: fetches ahead whatever `due` will look at, then
                            gives trace_later an item for it: the object, or the field, where that is to be changed. Fields of
                            arrays and tables may have a `visit` of their own
     due(worker, item)      some items later, when all that is in the cache: marks, or copies; an object that was not met before and has
                            references goes to trace_push

   and one that is not: spill(worker, object), for an object that found no room on the stack.

   ## What a worker has

     ring     items that wait while their memory is fetched, `distance` of them (Cher, Hosking, Vitek 2004)
     stack    objects to be scanned: private, so that pushing and popping are plain instructions
     pieces   parts of large arrays and tables to be scanned: such an object is halved until a part has TRACE_PIECE references, so that
              it is neither a long wait for the others nor a flood on the stack. A part is an object and a node of the binary tree over
              its references: 1 is all of it, 2k and 2k + 1 are the halves of k
     deque    what it offers to others (deque.h)

   Every TRACE_TURN objects a worker that has several and whose deque runs low moves some to it, parts before objects, the oldest before
   the newest: they were found nearest to the roots, and most hangs on them. One that has nothing takes back what it offered, and then
   steals from the others, some of what they offer at a time. So nothing in the usual turn is atomic or shared; stacks that are private
   and work that is offered on purpose are those of Acar, Charguéraud, Rainey (2013), the deques that stand between those of Chase and
   Lev (2005). With a crew of one, none of that is even compiled in: trace_drain is specialised for it.

   Who has nothing and finds nothing is out of work: a helper leaves the shift and sleeps until it is called again; shift.h says why
   nothing can be left undone. A worker that offers something calls a sleeper, once it has scanned enough to make waking one worth it.

   ## Bounded memory

   Stacks have a fixed capacity, all workers' together what trace_open was given. What finds no room is spilled: the strategy keeps a note
   where that object lies and scans it again later (as Boehm's collector does); until trace_spilled says that nothing was. Parts that find no room
   are scanned at once.

   Counters are those of the worker, to be added up when the job is done. */
#ifndef RECLAIM_PARTS_TRACE_H
#define RECLAIM_PARTS_TRACE_H

#include "strategies/parts/crew.h"
#include "strategies/parts/deque.h"

#ifdef MODEL_CHECKED /* small enough for all executions to be tried (tests/model) */
enum { TRACE_RING_MAX = 4, TRACE_PIECE = 2, TRACE_PIECES = 8, TRACE_TURN = 1, TRACE_SPINS = 1 };
#else
enum {
  TRACE_RING_MAX = 256,
  TRACE_PIECE = 512,   /* references */
  TRACE_PIECES = 1024, /* parts that a worker can keep */
  TRACE_TURN = 64,     /* objects between two looks at whether others need some */
  TRACE_SPINS = 256,   /* looks at everybody's deques before a worker is out of work: some 10 us, a few times what a turn takes */
};
#endif

typedef struct Tracer Tracer;

typedef struct TraceWorker {
  Obj **stack;
  size_t base, n;        /* in use: [base, n) */
  size_t room, capacity; /* pushing takes the slow way at `room`: the deepest it has been, to one part in 64 */
  void **at;             /* place of the ring where the next item waits */
  void **end;            /* of the ring: `distance` places */
  unsigned distance;     /* 0: none */
  unsigned waiting;      /* items in the ring: the places before `at` */
  unsigned npieces;
  int number;
  Tracer *tracer;
  unsigned turns; /* of the job: how much was done */
  bool spilled;
  uint64_t steals, stolen, pieces, spills; /* counters: times, items, parts scanned, objects without room */
  void *ring[TRACE_RING_MAX];
  uint64_t piece[TRACE_PIECES]; /* address | node << 48 */
  Deque deque;                  /* the same; node 0: an object as a whole */
} TraceWorker;

/* Roots are enumerated in portions: claims one that nobody has had, visits what is in it, and says true; false when there is none left. */
typedef bool TraceRoots(TraceWorker *, void *ctx);
typedef void TraceDrain(TraceWorker *);

struct Tracer {
  Crew *crew;
  TraceDrain *drain; /* trace_drain with the strategy's functions */
  void (*spill)(TraceWorker *, Obj *);
  void *owner;   /* whatever the strategy wants to reach from a worker */
  void *workers; /* crew->workers of them */
  size_t each;   /* bytes of one: a struct of the strategy's that begins with a TraceWorker */
  size_t bytes;  /* of the workers and of all stacks */
};
INLINE TraceWorker *tracer_worker(const Tracer *t, int i) { return (TraceWorker *)((char *)t->workers + (size_t)i * t->each); }

/* Room for `stack` objects altogether; items wait for `distance` others (0 .. TRACE_RING_MAX). A worker is `size` bytes, zeroed, and begins
   with a TraceWorker. False: no memory. drain, spill and owner are still to be set. */
bool trace_open(Tracer *, Crew *, size_t stack, unsigned distance, size_t size);
void trace_close(Tracer *);

/* A worker's share of one job, to be called by a CrewJob: portions of roots, and a drain after each; then whatever the others have, until
   there is none. */
void trace_work(TraceWorker *, TraceRoots *roots, void *ctx);
/* Whether anything was spilled since the last call; between jobs. */
bool trace_spilled(Tracer *);

/* Counters of all workers together. */
typedef struct TraceTotals {
  uint64_t steals, stolen, pieces, spills, deepest;
} TraceTotals;
TraceTotals trace_totals(const Tracer *);
void trace_reset_counters(Tracer *);

/* --- Inside the strategy's functions ------------------------------------------------------------------------------------------ */

/* `item` waits its time in the ring; whose time has come is looked at. Not where `distance` is 0: look at once, and fetch nothing. */
INLINE void trace_later(TraceWorker *w, void *item, void (*due)(TraceWorker *, void *)) {
  void **at = w->at, *first = *at;
  *at++ = item;
  w->at = at == w->end ? w->ring : at;
  if (LIKELY(first))
    due(w, first);
  else
    w->waiting++;
}

/* At `room`: goes on where there is more, or makes some, or spills. */
COLD void trace_push_slow(TraceWorker *, Obj *);
/* o's fields are to be visited. */
INLINE void trace_push(TraceWorker *w, Obj *o) {
  size_t n = w->n;
  if (UNLIKELY(n == w->room)) {
    trace_push_slow(w, o);
    return;
  }
  w->stack[n] = o;
  w->n = n + 1;
}

/* --- The loop ------------------------------------------------------------------------------------------------------------------ */

/* What an array or table has to be scanned, in units that are not to be cut: references, or entries. */
INLINE size_t trace_length(const Obj *o) {
  return o->kind == KIND_TABLE ? ((const Table *)o)->cap : array_owned((const Array *)o);
}
INLINE Obj **trace_field(Obj *o, size_t i) { return o->kind == KIND_TABLE ? (Obj **)&((Table *)o)->e[i] : &((Array *)o)->v[i]; }

enum { TRACE_NODE_SHIFT = 48 };
INLINE Obj *trace_object(uint64_t x) { return (Obj *)(uintptr_t)(x & (((uint64_t)1 << TRACE_NODE_SHIFT) - 1)); }
INLINE unsigned trace_node(uint64_t x) { return (unsigned)(x >> TRACE_NODE_SHIFT); }

/* Cuts `node` of the tree over o's references down to a part that is small enough, keeping the right halves for later; its range. */
void trace_cut(TraceWorker *, Obj *o, unsigned node, Obj ***lo, Obj ***hi);
/* Offers something to others, if they need it. */
COLD void trace_share(TraceWorker *);

INLINE void trace_part(TraceWorker *w, Obj *o, unsigned node, void (*visit)(void *worker, Obj **field)) {
  Obj **lo, **hi;
  trace_cut(w, o, node, &lo, &hi);
  obj_visit_range(o, lo, hi, visit, w);
}

/* `many` visits fields of arrays and tables, `visit` those of all others. Of a node they are visited from the last to the first: the stack
   gives back the last one first, so what hangs on the first edge comes before what hangs on the second, as programs build and walk trees;
   whoever copies lays them out so. */
INLINE void trace_scan(TraceWorker *w, Obj *o, void (*visit)(void *worker, Obj **field),
                       void (*many)(void *worker, Obj **field)) {
  if (o->kind == KIND_NODE)
    for (unsigned i = o->n; i-- > 0;) visit(w, &((Node *)o)->e[i]);
  else if (UNLIKELY(o->kind >= KIND_TUPLE)) {
    if (trace_length(o) > TRACE_PIECE)
      trace_part(w, o, 1, many);
    else
      obj_visit(o, many, w);
  } else
    obj_visit(o, visit, w);
}

/* The item that has waited longest is looked at. */
INLINE void trace_first(TraceWorker *w, void (*due)(TraceWorker *, void *)) {
  void **first = w->at - w->ring >= (ptrdiff_t)w->waiting ? w->at - w->waiting : w->at + w->distance - w->waiting;
  void *item = *first;
  *first = NULL;
  w->waiting--;
  due(w, item);
}
/* Out of objects: looks at what waits in the ring until one is on the stack; false when none is. */
INLINE bool trace_hurry(TraceWorker *w, void (*due)(TraceWorker *, void *)) {
  while (w->waiting) {
    trace_first(w, due);
    if (w->n > w->base) return true;
  }
  return false;
}

/* Until stack, parts and ring are empty. `alone`, a constant: whether the crew is one, and nobody else needs any. */
INLINE void trace_drain(TraceWorker *w, bool alone, void (*visit)(void *worker, Obj **field),
                        void (*many)(void *worker, Obj **field), void (*due)(TraceWorker *, void *)) {
  unsigned turn = TRACE_TURN;
  for (;;) {
    while (w->n > (alone ? 0 : w->base)) {
      trace_scan(w, w->stack[--w->n], visit, many);
      if (!alone && --turn == 0) trace_share(w), turn = TRACE_TURN;
    }
    if (w->npieces) {
      uint64_t x = w->piece[--w->npieces];
      trace_part(w, trace_object(x), trace_node(x), many);
      if (!alone) trace_share(w);
    } else if (!trace_hurry(w, due)) {
      return;
    }
  }
}

#endif
