/* marker.c: how a parallel collection comes to its end: strategies/parts/trace.c (offering, stealing, running out of work) over deque.h, shift.h and
   crew.c (calling helpers in, sleeping, closing), all of them as they are shipped, marking a graph of a few objects.

   Asked of each execution: everything that can be reached is scanned, and once; when crew_run returns nobody is at it any more, and what all of
   them wrote is visible; nobody sleeps for ever. */
#include "tests/model/shipped.h"

#define MM_STRATEGY_HEADER "strategies/mark-sweep.h"
#include MM_STRATEGY_HEADER
#include "strategies/parts/crew.h"
#include "strategies/parts/trace.h"

/* Faults that take the place of a function of shift.h or deque.h. */
static bool alone(Shift *s) { return !model_planted("leader-sleeps-without-a-look") && shift_is_alone(s); }
static bool closes(Shift *s) {
  if (!model_planted("leader-closes-without-a-look")) return shift_close(s);
  store_release(&s->word, 0);
  return true;
}
#define shift_is_alone(s) alone(s)
#define shift_close(s)    closes(s)
#include "strategies/parts/crew.c"
#undef shift_is_alone
#define deque_take(d) (model_planted("helper-leaves-what-it-offered") && w->number ? 0 : deque_take(d))
#include "strategies/parts/trace.c"
#undef deque_take

enum { OBJECTS = 16, WORKERS_MAX = 3, STACK = 32 };

static Crew crew;
static Tracer tracer;
static union {
  Node node;
  char bytes[SIZE_NODE(2)];
} object[OBJECTS];
static union {
  Array array;
  char bytes[SIZE_ARRAY(8)];
} array;
static uint8_t mark[OBJECTS];
static int scanned[OBJECTS], nobjects, inside;
static unsigned claimed; /* portions of roots */
static Obj *roots[2];

static int number_of(const Obj *o) {
  return o == &array.array.h ? OBJECTS - 1 : (int)((char *)o - (char *)object) / (int)sizeof *object;
}

/* A mark bit that several set, as in marks.h. */
static void due(TraceWorker *w, void *item) {
  int i = number_of(item);
  if (!(__atomic_fetch_or(&mark[i], 1, __ATOMIC_RELAXED) & 1)) trace_push(w, item);
}
/* Scanned is who has its first edge looked at. */
static void visit(void *w, Obj **field) {
  size_t at = (size_t)((char *)field - (char *)object);
  if (at < sizeof object && field == object[at / sizeof *object].node.e) scanned[at / sizeof *object]++;
  if (*field) due(w, *field);
}
static void drain(TraceWorker *w) { trace_drain(w, false, visit, visit, due); }
static void spill(TraceWorker *w, Obj *o) {
  (void)w, (void)o;
  model_fail("a stack is full");
}
static bool portion(TraceWorker *w, void *ctx) {
  (void)ctx;
  unsigned k = __atomic_fetch_add(&claimed, 1, __ATOMIC_RELAXED);
  if (k >= 2 || !roots[k]) return false;
  visit(w, &roots[k]);
  return true;
}
static bool eager; /* a helper is called before there is anything to share */
static void job(void *ctx, int worker) {
  if (!worker && eager) crew_call(&crew, 1);
  if (worker) model_saw("helpers");
  trace_work(tracer_worker(&tracer, worker), portion, ctx);
  if (worker && tracer_worker(&tracer, worker)->steals) model_saw("thieves");
}

/* A binary tree of `n` nodes below roots[0], in the order of a heap. */
static void setup_tree(int workers, int n) {
  memset(mark, 0, sizeof mark);
  memset(scanned, 0, sizeof scanned);
  claimed = 0;
  eager = false;
  nobjects = n;
  roots[1] = NULL;
  for (int i = 0; i < n; i++) {
    object[i].node.h.word = HDR_WORD(KIND_NODE, 2);
    for (int k = 0; k < 2; k++) object[i].node.e[k] = 2 * i + 1 + k < n ? &object[2 * i + 1 + k].node.h : NULL;
  }
  roots[0] = &object[0].node.h;
  if (!crew_open(&crew, workers)) model_fail("no crew");
  if (!trace_open(&tracer, &crew, STACK * (size_t)workers, 0, sizeof(TraceWorker))) model_fail("no workers");
  tracer.drain = drain;
  tracer.spill = spill;
}
static void setup_three_objects(void) { setup_tree(2, 3); }
static void setup_five_objects(void) { setup_tree(2, 5); }
/* One root leads to one object, the other to three: a helper that takes that one has something to offer. */
static void setup_roots(void) {
  setup_tree(2, 3);
  object[3].node.h.word = HDR_WORD(KIND_NODE, 2);
  object[3].node.e[0] = object[3].node.e[1] = NULL;
  nobjects = 4;
  roots[1] = roots[0];
  roots[0] = &object[3].node.h;
  eager = true;
}
static void setup_three_workers(void) { setup_tree(3, 3); }
static void setup_many(void) { setup_tree(3, 7); }
/* An array in parts, and two portions of roots. */
static void setup_array(void) {
  setup_tree(2, 1);
  array.array.h.word = HDR_WORD(KIND_ARRAY, 0);
  array.array.len = array.array.cap = 8;
  for (int i = 0; i < 8; i++) array.array.v[i] = NULL;
  array.array.v[3] = &object[0].node.h;
  roots[0] = &array.array.h;
  roots[1] = &object[0].node.h;
}

static void lead(int i) {
  (void)i;
  crew_run(&crew, job, NULL, CREW_MAX);
  MODEL_CHECK(!load_relaxed(&crew.shift.word), "the shift is open at the end");
  for (int k = 0; k < nobjects; k++) MODEL_CHECK(scanned[k] == 1, "object %d was scanned %d times", k, scanned[k]);
  (void)trace_spilled(&tracer);
  (void)trace_totals(&tracer);
  crew_close(&crew);
}
/* The next job begins while helpers may still be on their way out of the last. */
static void lead_twice(int i) {
  (void)i;
  crew_run(&crew, job, NULL, CREW_MAX);
  for (int k = 0; k < nobjects; k++) {
    MODEL_CHECK(scanned[k] == 1, "object %d was scanned %d times", k, scanned[k]);
    mark[k] = 0;
    scanned[k] = 0;
  }
  claimed = 0;
  crew_run(&crew, job, NULL, CREW_MAX);
  for (int k = 0; k < nobjects; k++) MODEL_CHECK(scanned[k] == 1, "object %d was scanned %d times", k, scanned[k]);
  crew_close(&crew);
}

/* --- The deque alone: thieves and an owner that pushes and takes ------------------------------------------------------------------------ */

enum { ITEMS = 6 };
static Deque deque;
static int item[ITEMS + 1], got[MODEL_THREADS][ITEMS + 1]; /* item[0] is none */

static void setup_deque(void) {
  memset(&deque, 0, sizeof deque);
  memset(item, 0, sizeof item);
  memset(got, 0, sizeof got);
}
static void have(int i, uint64_t x) {
  if (!x) return;
  MODEL_CHECK(x <= ITEMS && item[x] == 7, "something was taken that was not pushed");
  got[i][x]++;
}
static void push_one(uint64_t x) {
  item[x] = 7;
  if (!deque_push(&deque, x)) model_fail("it is full");
}
static void own_or_steal(int i) {
  if (i) {
    have(i, deque_steal(&deque));
    if (i == 1) have(i, deque_steal(&deque));
    return;
  }
  push_one(1);
  push_one(2);
  have(0, deque_take(&deque));
  push_one(3);
  for (uint64_t x; (x = deque_take(&deque));) have(0, x);
}
static void all_got(void) {
  for (int x = 1; x <= 3; x++) {
    int n = 0;
    for (int i = 0; i < MODEL_THREADS; i++) n += got[i][x];
    MODEL_CHECK(n == 1, "item %d was had %d times", x, n);
  }
}

static const ModelScenario scenarios[] = {
    {"deque-one-thief", 2, setup_deque, own_or_steal, all_got, .stale = 4},
    {"deque-two-thieves", 3, setup_deque, own_or_steal, all_got, .stale = 0},
    {"three-objects", 1, setup_three_objects, lead, NULL, .stale = 0},
    {"three-workers-at-random", 1, setup_many, lead, NULL, .stale = 3, .spurious = 1, .random = 500},
    {"two-jobs-at-random", 1, setup_three_objects, lead_twice, NULL, .stale = 3, .spurious = 1, .random = 2000},
    {"two-roots", 1, setup_roots, lead, NULL, .stale = 0, .is_long = true},
    {"two-roots-at-random", 1, setup_roots, lead, NULL, .stale = 1, .random = 2000},
    {"deque-two-thieves-stale", 3, setup_deque, own_or_steal, all_got, .stale = 1, .is_long = true},
    {"three-objects-stale", 1, setup_three_objects, lead, NULL, .stale = 1, .is_long = true},
    {"three-objects-spurious", 1, setup_three_objects, lead, NULL, .spurious = 1, .is_long = true},
    {"array", 1, setup_array, lead, NULL, .stale = 0, .is_long = true},
    {"three-workers-at-length", 1, setup_three_workers, lead, NULL, .stale = 3, .spurious = 1, .random = 200000, .is_long = true},
    {"five-objects-at-length", 1, setup_five_objects, lead, NULL, .stale = 3, .spurious = 1, .random = 200000, .is_long = true},
    {"two-jobs-at-length", 1, setup_three_objects, lead_twice, NULL, .stale = 3, .spurious = 1, .random = 200000,
     .is_long = true},
};

static const ModelFault faults[] = {
    {"leader-sleeps-without-a-look", MODEL_NOTHING, "", "", NULL, "three-objects"},
    {"leader-closes-without-a-look", MODEL_NOTHING, "", "", NULL, "three-objects"},
    {"helper-leaves-what-it-offered", MODEL_NOTHING, "", "", NULL, "two-roots-at-random"},
    {"wake-up-lost", MODEL_SKIPPED, "move_on", "futex-wake", NULL, "three-objects"},
    {"sleeps-without-a-look-at-the-word", MODEL_BLINDLY, "sleep_while", "futex-wait", NULL, "three-objects"},
    {"leave-in-two-steps", MODEL_SPLIT, "shift_leave", "sub", NULL, "three-workers-at-random"},
    {"open-relaxed", MODEL_RELAXED, "shift_open", "store", NULL, "two-jobs-at-random"},
    {"enter-relaxed", MODEL_RELAXED, "shift_enter", "cas", NULL, "two-jobs-at-random"},
    {"leave-relaxed", MODEL_RELAXED, "shift_leave", "sub", NULL, "two-jobs-at-random"},
    {"close-relaxed", MODEL_RELAXED, "shift_close", "cas", NULL, "two-jobs-at-random"},
    {"push-relaxed", MODEL_RELAXED, "deque_push", "store", "bottom", "deque-one-thief"},
    {"take-relaxed", MODEL_RELAXED, "deque_take", "store", "bottom", "deque-one-thief"},
    {"take-without-a-look-at-thieves", MODEL_RELAXED, "deque_take", "load", "top", "deque-one-thief"},
    {"steal-relaxed", MODEL_RELAXED, "deque_steal", "load", "bottom", "deque-one-thief"},
    {"steal-in-two-steps", MODEL_SPLIT, "deque_steal", "cas", NULL, "deque-one-thief"},
};

int main(int argc, char **argv) {
  (void)inside;
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
