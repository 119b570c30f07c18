/* epoch.c: the epoch of deferred counting: the log of first writes that several threads make at once (strategies/parts/deferral.c), the end of the
   epoch in a stopped world (epoch.c, world.c), threads that come and go meanwhile, all as rc-deferred.c puts them together.

   Asked of each execution: what each field held when the epoch began is logged once, whoever of its writers was first; after the end of the epoch each
   count is the number of fields that hold the object; what nobody holds dies, once, and nothing that a local or a field holds does.

   Left out: where objects come from (births.h), long arrays and tables (their records are claimed in the same way), cycles. */
#include "tests/model/shipped.h"

#define MM_STRATEGY_HEADER "strategies/rc-deferred.h"
#include "strategies/parts/births.h"

static void kept(Obj *);
static void died(Obj *);
#define births_keep(births, o)      ((void)(births), kept(o))
#define births_put(births, o, size) ((void)(births), (void)(size), died(o))

#define leave world_leave
#define enter world_enter
#include "strategies/parts/world.c"
#undef leave
#undef enter
#include "strategies/parts/deferral.c"
#include "strategies/parts/epoch.c"
#include "strategies/parts/park.c"
#include "strategies/parts/stack.c"

/* An end of an epoch that does not wait for the others. */
static bool stops(World *W, Thr *T) { return model_planted("world-not-stopped") || world_stop(W, T); }
static void resumes(World *W, Thr *T) {
  if (!model_planted("world-not-stopped")) world_resume(W, T);
}
#define world_stop(W, T)   stops(W, T)
#define world_resume(W, T) resumes(W, T)
#include "strategies/rc-deferred.c"
#undef world_stop
#undef world_resume

enum { THREADS = 3, EDGES = 3 };

static Heap *heap;
static Thr *threads[THREADS];
static union {
  Node node;
  char bytes[SIZE_NODE(EDGES)];
} holder;
static Int old[EDGES], new[THREADS];
static int ages[EDGES + THREADS], ends[EDGES + THREADS];

/* --- In the place of what this protocol stands on -------------------------------------------------------------------------------------- */

static int number_of(const Obj *o) {
  if ((char *)o >= (char *)old && (char *)o < (char *)(old + EDGES)) return (int)((Int *)o - old);
  MODEL_CHECK((char *)o >= (char *)new && (char *)o < (char *)(new + THREADS), "something died that nobody may kill");
  return EDGES + (int)((Int *)o - new);
}
static void kept(Obj *o) {
  MODEL_CHECK(((Int *)o)->v == 7, "what is dead comes of age");
  ages[number_of(o)]++;
}
static void died(Obj *o) {
  MODEL_CHECK(((Int *)o)->v == 7, "an object died twice");
  ((Int *)o)->v = -1;
  ends[number_of(o)]++;
}
void births_init(Births *B, bool huge) { (void)B, (void)huge; }
void births_destroy(Births *B, BirthsThread *t[], int n) { (void)B, (void)t, (void)n; }
void births_attach(BirthsThread *t, Births *B, uint32_t cap, void (*f)(void *), void *arg) {
  (void)t, (void)B, (void)cap, (void)f, (void)arg;
}
void *births_get(Births *B, BirthsThread *t, size_t size) { return (void)B, (void)t, (void)size, NULL; }
void *fits_get_next(FitsThread *t, unsigned cls) { return (void)t, (void)cls, NULL; }
void births_begin(Births *B) { (void)B; }
uint64_t births_new(const Births *B, const BirthsThread *t) { return (void)B, (void)t, 0; }
/* Frees what is new and was not come to. */
void births_settle(Births *B, BirthsThread *t) {
  (void)B, (void)t;
  for (int i = 0; i < THREADS; i++)
    if (new[i].h.kind && is_new(&new[i].h)) new[i].v = -1;
}
void births_turn(Births *B, BirthsThread *t, bool leaves) { (void)B, (void)t, (void)leaves; }
void births_trim(Births *B) { (void)B; }
size_t births_held(Births *B, BirthsThread *t[], int n) { return (void)B, (void)t, (void)n, 0; }
BirthsUse births_use(Births *B, BirthsThread *t[], int n) { return (void)B, (void)t, (void)n, (BirthsUse){0, 0}; }
void chunks_destroy(Chunks *C) { (void)C; }
void backup_init(Backup *b, unsigned factor) {
  memset(b, 0, sizeof *b);
  b->factor = factor;
  b->at = SIZE_MAX;
}
void backup_destroy(Backup *b) { (void)b; }
void backup_trace(Heap *H) { (void)H; }
void backup_next(Backup *b, size_t held) { (void)b, (void)held; }

/* --- A holder that all see, which holds two objects; each thread has a new one to store ---------------------------------------------------- */

static const int64_t tunables[DEFERRED_TUNABLES] = {
    [DEFERRED_EPOCH_BYTES] = 1 << 20, [DEFERRED_EPOCH_MAX] = 1 << 20,         [DEFERRED_LOG_ENTRIES] = 1 << 10,
    [DEFERRED_TRACE_FACTOR] = 200,    [DEFERRED_COUNT_BITS] = COUNT_BITS_MAX,
};
static const reclaim_config config = {.tunables = tunables, .threads = THREADS};

static void setup_with(int n) {
  heap = mm_open(&config);
  for (int i = 0; i < n; i++) threads[i] = mm_attach(heap, i);
  memset(ages, 0, sizeof ages);
  memset(ends, 0, sizeof ends);
  holder.node.h.word = (HDR_WORD(KIND_NODE, EDGES) & UINT32_MAX) | (uint64_t)COUNT_ONE << 32;
  holder.node.h.bits = OBJ_SHARED;
  for (int i = 0; i < EDGES; i++) {
    old[i].h.word = (HDR_WORD(KIND_INT, 0) & UINT32_MAX) | (uint64_t)COUNT_ONE << 32;
    old[i].h.bits = OBJ_SHARED;
    old[i].v = 7;
    holder.node.e[i] = &old[i].h;
  }
  for (int i = 0; i < THREADS; i++) new[i].h.word = 0;
}
static void setup_two(void) { setup_with(2); }
static void setup_three(void) { setup_with(3); }

static void begin(int i) { mm_blocking_end(threads[i]); }
static void end(int i) { mm_blocking_begin(threads[i]); }

/* Thread i stores its new object into a field. (The log does not depend on the holder's lock; who writes the same field does.) */
static void store(int i, int edge, bool locks) {
  Thr *T = threads[i];
  new[i].h.word = HDR_WORD(KIND_INT, 0);
  new[i].h.bits = OBJ_SHARED;
  new[i].v = 7;
  Link made = {T->top, {&new[i].h}};
  if (!model_planted("local-not-rooted")) T->top = &made;
  mm_safepoint(T);
  MODEL_CHECK(((Int *)made.s.p_)->v == 7, "what a local held has died");
  if (locks) park_lock(T, &holder.node.h);
  Obj *was = mm_exchange(T, &holder.node.h, &holder.node.e[edge], made.s.p_);
  if (locks) park_unlock(&holder.node.h);
  Link had = {T->top, {was}};
  T->top = &had;
  mm_safepoint(T);
  MODEL_CHECK(((Int *)was)->v == 7, "what a local held has died");
  T->top = made.prev;
}

static void store_each(int i) {
  begin(i);
  store(i, i % EDGES, false);
  end(i);
}
/* Thread 0 ends an epoch in between. */
static void store_and_end(int i) {
  begin(i);
  if (i == 0) end_epoch(threads[0], false);
  store(i, i % EDGES, false);
  end(i);
}
static void store_same(int i) {
  begin(i);
  store(i, 0, true);
  if (i == 0) end_epoch(threads[0], false);
  end(i);
}
/* Thread 1 goes; thread 0 ends the epoch, then another may have its handle. */
static void one_leaves(int i) {
  if (i == 0) {
    begin(0);
    end_epoch(threads[0], false);
    end(0);
    return;
  }
  store_each(i);
  mm_detach(threads[i]);
  Thr *T = mm_attach(heap, 2);
  MODEL_CHECK(T, "no handle");
  if (T == threads[i]) model_saw("adopted");
  threads[i] = T;
}
static void only_end(int i) {
  begin(i);
  if (i == 0)
    end_epoch(threads[0], false);
  else
    store(i, i - 1, false);
  end(i);
}

/* Thread 1 reads what thread 0 stores, while thread 2, if there is one, ends an epoch. */
static void one_reads(int i) {
  begin(i);
  Thr *T = threads[i];
  if (i == 0) store(0, 0, false);
  if (i == 1) {
    Link had = {T->top, {mm_load_own(T, &holder.node.h, &holder.node.e[0])}};
    T->top = &had;
    MODEL_CHECK(((Int *)had.s.p_)->v == 7, "what a field holds is dead");
    mm_safepoint(T);
    MODEL_CHECK(((Int *)had.s.p_)->v == 7, "what a local held has died");
    T->top = had.prev;
  }
  if (i == 2) end_epoch(T, false);
  end(i);
}

/* Two more ends of epochs, after which nothing is rooted and nothing logged. */
static void finish(void) {
  Thr *T = threads[0];
  for (int n = 0; n < 2; n++) {
    mm_blocking_end(T);
    end_epoch(T, false);
    mm_blocking_begin(T);
  }
  for (int i = 0; i < EDGES + THREADS; i++) {
    Int *o = i < EDGES ? &old[i] : &new[i - EDGES];
    uint32_t fields = 0;
    for (int e = 0; e < EDGES; e++) fields += holder.node.e[e] == &o->h;
    MODEL_CHECK(!fields || !ends[i], "an object died that a field holds");
    if (fields)
      MODEL_CHECK(o->h.count >> COUNT_SHIFT == fields, "a count is %u, of %u fields", o->h.count >> COUNT_SHIFT, fields);
    if (i < EDGES && !fields) MODEL_CHECK(ends[i] == 1, "an old object that nobody holds died %d times", ends[i]);
    if (i >= EDGES)
      MODEL_CHECK(ages[i] <= 1 && ends[i] == ages[i] - (fields > 0), "a new object came of age %d times, and died %d times",
                  ages[i], ends[i]);
  }
  MODEL_CHECK(holder.node.h.count == COUNT_ONE, "the holder's count or flags are wrong");
}

static const ModelScenario scenarios[] = {
    {"log-two", 2, setup_two, store_each, finish, .stale = 3},
    {"log-three", 3, setup_three, store_each, finish, .stale = 0},
    {"end-once", 2, setup_two, only_end, finish, .stale = 2},
    {"store-and-end", 2, setup_two, store_and_end, finish, .stale = 2},
    {"store-same", 2, setup_two, store_same, finish, .stale = 2},
    {"one-reads", 2, setup_two, one_reads, finish, .stale = 2},
    {"one-leaves", 2, setup_two, one_leaves, finish, .stale = 1},
    {"end-among-three-at-random", 3, setup_three, only_end, finish, .stale = 2, .spurious = 1, .random = 1000},
    {"reads-among-three-at-random", 3, setup_three, one_reads, finish, .stale = 2, .spurious = 1, .random = 1000},
    {"end-among-three", 3, setup_three, only_end, finish, .stale = 0, .is_long = true},
    {"reads-among-three", 3, setup_three, one_reads, finish, .stale = 0, .is_long = true},
};

static const ModelFault faults[] = {
    {"claim-in-two-steps", MODEL_SPLIT, "claim", "or", NULL, "log-two"},
    {"world-not-stopped", MODEL_NOTHING, "", "", NULL, "end-once"},
    {"local-not-rooted", MODEL_NOTHING, "", "", NULL, "end-once"},
    {"field-write-relaxed", MODEL_RELAXED, "mm_exchange", "store", NULL, "one-reads"},
};

int main(int argc, char **argv) {
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
