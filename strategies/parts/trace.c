/* trace.c: see trace.h. What is seldom done: cutting arrays, offering, stealing, running out of work. */
#include "strategies/parts/trace.h"

#include "strategies/parts/system.h"

enum {
  LOW = 8,                    /* offered items below which more are offered */
  OFFER = 32,                 /* at most at a time */
  STEAL = 16,                 /* the same */
  WAKE = CREW_EAGER ? 1 : 32, /* turns, so about 2,000 objects or 10 us, after which work is worth waking somebody for */
  AGAIN = 16,                 /* turns after which somebody is called once more for what is still offered */
};

bool trace_open(Tracer *t, Crew *crew, size_t stack, unsigned distance, size_t size) {
  size_t workers = (size_t)crew->workers, each = stack / workers < 16 ? 16 : stack / workers;
  *t = (Tracer){.crew = crew, .each = (size + 63) & ~(size_t)63};
  t->bytes = workers * (t->each + each * sizeof(Obj *));
  void *p = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  t->workers = p;
  Obj **stacks = (Obj **)((char *)p + workers * t->each);
  for (size_t i = 0; i < workers; i++) {
    TraceWorker *w = tracer_worker(t, (int)i);
    w->stack = stacks + i * each;
    w->capacity = each;
    w->distance = distance < TRACE_RING_MAX ? distance : TRACE_RING_MAX;
    w->at = w->ring;
    w->end = w->ring + w->distance;
    w->number = (int)i;
    w->tracer = t;
  }
  return true;
}

void trace_close(Tracer *t) {
  system_free(t->workers, t->bytes);
  t->workers = NULL;
}

void trace_push_slow(TraceWorker *w, Obj *o) {
  if (w->base && w->n == w->capacity) {
    w->n -= w->base;
    memmove(w->stack, w->stack + w->base, w->n * sizeof *w->stack);
    w->base = 0;
  } else if (w->n < w->capacity) {
    size_t room = w->n + w->n / 64 + 1;
    w->room = room < w->capacity ? room : w->capacity;
  } else {
    w->spilled = true;
    w->spills++;
    w->tracer->spill(w, o);
    return;
  }
  w->stack[w->n++] = o;
}

bool trace_spilled(Tracer *t) {
  bool any = false;
  for (int i = 0; i < t->crew->workers; i++) {
    any |= tracer_worker(t, i)->spilled;
    tracer_worker(t, i)->spilled = false;
  }
  return any;
}

TraceTotals trace_totals(const Tracer *t) {
  TraceTotals sum = {0};
  for (int i = 0; i < t->crew->workers; i++) {
    const TraceWorker *w = tracer_worker(t, i);
    sum.steals += w->steals;
    sum.stolen += w->stolen;
    sum.pieces += w->pieces;
    sum.spills += w->spills;
    if (w->room > sum.deepest) sum.deepest = w->room;
  }
  return sum;
}

void trace_reset_counters(Tracer *t) {
  for (int i = 0; i < t->crew->workers; i++) {
    TraceWorker *w = tracer_worker(t, i);
    w->steals = w->stolen = w->pieces = w->spills = w->room = 0;
  }
}

/* Node k of level d covers the references [k' n / 2^d, (k' + 1) n / 2^d), where k' = k - 2^d. */
void trace_cut(TraceWorker *w, Obj *o, unsigned node, Obj ***lo, Obj ***hi) {
  size_t n = trace_length(o);
  unsigned level = 31 - (unsigned)__builtin_clz(node), most = 1 << (63 - TRACE_NODE_SHIFT);
  for (;;) {
    size_t at = node - ((size_t)1 << level), from = n * at >> level, to = n * (at + 1) >> level;
    if (to - from <= TRACE_PIECE || node >= most || w->npieces == TRACE_PIECES) {
      *lo = trace_field(o, from);
      *hi = trace_field(o, to);
      w->pieces++;
      return;
    }
    w->piece[w->npieces++] = (uint64_t)(uintptr_t)o | (uint64_t)(2 * node + 1) << TRACE_NODE_SHIFT;
    node *= 2;
    level++;
  }
}

/* --- Offering ---------------------------------------------------------------------------------------------------------------- */

/* Half of the parts, or else of the objects: those that were found first. */
static bool offer(TraceWorker *w) {
  unsigned parts = w->npieces / 2, k = 0;
  if (w->npieces == 1 && w->n > w->base) parts = 1;
  if (parts) {
    if (parts > OFFER) parts = OFFER;
    while (k < parts && deque_push(&w->deque, w->piece[k])) k++;
    w->npieces -= k;
    memmove(w->piece, w->piece + k, w->npieces * sizeof *w->piece);
    return k > 0;
  }
  size_t objects = (w->n - w->base) / 2;
  if (objects > OFFER) objects = OFFER;
  while (k < objects && deque_push(&w->deque, (uint64_t)(uintptr_t)w->stack[w->base])) w->base++, k++;
  return k > 0;
}

void trace_share(TraceWorker *w) {
  Crew *c = w->tracer->crew;
  w->turns++;
  uint64_t offered = deque_count(&w->deque);
  bool fresh = offered < LOW && offer(w);
  if (w->turns < WAKE || !crew_has_sleepers(c)) return;
  if (fresh || (offered && w->turns % AGAIN == 0)) crew_call(c, 1);
}

/* --- Out of work --------------------------------------------------------------------------------------------------------------- */

static void put(TraceWorker *w, uint64_t x) {
  if (trace_node(x))
    w->piece[w->npieces++] = x; /* there is room: we had none left */
  else
    trace_push(w, trace_object(x));
}

static bool steal(TraceWorker *w) {
  Tracer *t = w->tracer;
  int workers = t->crew->workers;
  for (int i = 1; i < workers; i++) {
    TraceWorker *from = tracer_worker(t, (w->number + i) % workers);
    uint64_t offered = deque_count(&from->deque), x = offered ? deque_steal(&from->deque) : 0;
    if (!x) continue;
    w->steals++;
    uint64_t more = offered / 2 < STEAL ? offered / 2 : STEAL;
    do put(w, x), w->stolen++;
    while (more-- && (x = deque_steal(&from->deque)));
    return true;
  }
  return false;
}

/* What we offered ourselves, or what others offer. False: we hold no work, and there is no point in staying. */
static bool find(TraceWorker *w) {
  Crew *c = w->tracer->crew;
  if (c->workers == 1) return false;
  w->base = w->n = 0;
  uint64_t x = deque_take(&w->deque);
  if (x) {
    put(w, x);
    return true;
  }
  for (;;) {
    for (int i = 0; i < TRACE_SPINS; i++) {
      if (steal(w)) return true;
      if (w->number == 0 && shift_is_alone(&c->shift)) return false;
      cpu_relax();
    }
    if (w->number) return false;
    crew_wait(c);
  }
}

void trace_work(TraceWorker *w, TraceRoots *roots, void *ctx) {
  TraceDrain *drain = w->tracer->drain;
  w->turns = 0;
  while (roots(w, ctx)) drain(w);
  do drain(w);
  while (find(w));
}
