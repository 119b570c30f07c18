/* lastdrop.c: the last decrement against a read without a lock: atomic counts (strategies/parts/counting.h, counting-atomic.h), and the memory of
   what died, which waits in limbo (limbo.c), as rc-atomic uses them.

   A reader loads a field, counts up what it found unless that is dead, and looks again; meanwhile a writer replaces it, and drops the last
   reference. Asked of each execution: an object dies once; what a reader got is alive, and what its maker wrote into it is there; memory is used for
   something else (a plain write to all of it) only when nobody can look at it any more, not even at its header. */
#include "tests/model/shipped.h"

#include "strategies/parts/cells.h"
static void reuse(void *cell);
#define cell_put(cells, cell, size, prefix, check) ((void)(cells), (void)(size), reuse(cell))

#define MM_STRATEGY_HEADER "strategies/rc-atomic.h"
#include "strategies/parts/limbo.c"

enum { THREADS = 3, OBJECTS = 3 };

static Heap heap;
static Thr threads[THREADS];
/* Raws that say that they are so long that one makes a full batch. */
static Raw object[OBJECTS];
static Node holder;
static Obj *field;
static int fields[OBJECTS][THREADS]; /* of objects: what holders write there under the object's lock, each its own */
static int deaths[OBJECTS], reuses[OBJECTS];
#define LONG ((uint64_t)LIMBO_BATCH_BYTES)

static int number_of(const void *o) { return (int)((const Raw *)o - object); }

/* --- In the place of what this protocol stands on -------------------------------------------------------------------------------------- */

static void reuse(void *cell) {
  Raw *r = cell;
  reuses[number_of(r)]++;
  r->h.word = 0;
  r->size = 0;
  model_saw("reuses");
}
/* counting.c's, of a leaf; but that all fields are looked at, as are those of a container when it dies. */
void count_die_shared(Thr *T, Obj *o) {
  MODEL_CHECK(!deaths[number_of(o)]++, "an object died twice");
  MODEL_CHECK(((Raw *)o)->size == LONG, "an object died whose memory was used for something else");
  for (int i = 0; i < THREADS; i++) MODEL_CHECK(fields[number_of(o)][i] < 2, "a field has what nobody wrote");
  if (model_planted("memory-reused-at-once"))
    reuse(o);
  else
    limbo_put(T, o);
}
void count_die(Thr *T, Obj *o) {
  (void)T, (void)o;
  model_fail("an object died that was not published");
}
void count_defer(Thr *T, Obj *o) {
  (void)T, (void)o;
  model_fail("no drop waits");
}
void stack_grow(Stack *s) {
  (void)s;
  model_fail("nothing is pushed");
}
void count_carry_out(Thr *T, bool all) { (void)T, (void)all; }

/* rc-atomic.c's. */
void mm_poll_slow(Thr *T) {
  atomic_exchange(&T->poll, 0);
  count_poll(T);
  limbo_announce(T);
}

/* --- What threads do -------------------------------------------------------------------------------------------------------------------- */

static void make(int k, bool shared) {
  object[k].h.word = HDR_WORD(KIND_RAW, 0);
  if (shared) object[k].h.bits = OBJ_SHARED;
  object[k].size = LONG;
}
static void setup_heap(bool by_compare_and_swap) {
  memset(&heap.limbo, 0, sizeof heap.limbo);
  memset(threads, 0, sizeof threads);
  memset(deaths, 0, sizeof deaths);
  memset(reuses, 0, sizeof reuses);
  memset(fields, 0, sizeof fields);
  limbo_init(&heap.limbo);
  for (int i = 0; i < THREADS; i++) {
    threads[i].heap = &heap;
    threads[i].compare_and_swap = threads[i].drops_oddly = by_compare_and_swap;
    limbo_attach(&heap.limbo, &threads[i]);
  }
  holder.h.word = HDR_WORD(KIND_NODE, 1);
  holder.h.bits = OBJ_SHARED;
  make(0, true);
  object[1].size = object[2].size = 0;
  field = &object[0].h;
}
static void setup(void) { setup_heap(false); }
static void setup_odd(void) { setup_heap(true); }

static void begin(int i) { mm_blocking_end(&threads[i]); }
static void end(int i) { mm_blocking_begin(&threads[i]); }

static Obj *load(Thr *T) {
  if (!model_planted("load-then-increment")) return mm_load_own(T, &holder.h, &field);
  Obj *o = load_acquire(&field);
  if (o) mm_retain(T, o);
  return o;
}
static void read_field(int i) {
  Obj *o = load(&threads[i]);
  if (!o) return;
  MODEL_CHECK(((Raw *)o)->size == LONG, "a reader got what is dead");
  fields[number_of(o)][i] = 1;
  mm_release(&threads[i], o);
}
/* What is stored is made and published here. NULL: nothing. */
static void replace(int i, int k) {
  Obj *new = NULL;
  if (k) {
    make(k, true);
    new = &object[k].h;
  }
  mm_release(&threads[i], mm_exchange(&threads[i], &holder.h, &field, new));
}

static void reader(int i) {
  begin(i);
  read_field(i);
  mm_safepoint(&threads[i]);
  end(i);
}
static void take_out(int i) {
  if (i) {
    reader(i);
    return;
  }
  begin(0);
  replace(0, 0);
  mm_safepoint(&threads[0]);
  end(0);
}
static void put_new(int i) {
  if (i) {
    reader(i);
    return;
  }
  begin(0);
  replace(0, 1);
  mm_safepoint(&threads[0]);
  end(0);
}
/* The writer polls until the memory has come back, the reader comes from a blocking region in between. */
static void comes_back(int i) {
  if (i) {
    begin(i);
    end(i);
    reader(i);
    return;
  }
  put_new(0);
}
static void read_twice(int i) {
  if (!i) {
    take_out(0);
    return;
  }
  begin(i);
  read_field(i);
  mm_safepoint(&threads[i]);
  read_field(i);
  end(i);
}
/* Two batches: the flag that a reader sees may be the first one's, and the epoch the second's. */
static void replace_twice(int i) {
  if (i) {
    read_twice(i);
    return;
  }
  begin(0);
  replace(0, 1);
  replace(0, 2);
  mm_safepoint(&threads[0]);
  end(0);
}

static void finish(void) {
  for (int k = 0; k < OBJECTS; k++) {
    uint32_t held = field == &object[k].h;
    if (!held && !deaths[k] && !object[k].size) continue; /* it was not made */
    MODEL_CHECK(reuses[k] || object[k].h.count == held, "a count is wrong");
    MODEL_CHECK((uint32_t)deaths[k] == 1 - held, "object %d died %d times", k, deaths[k]);
  }
}

static const ModelScenario scenarios[] = {
    {"take-out", 2, setup, take_out, finish, .stale = 2},
    {"take-out-by-cas", 2, setup_odd, take_out, finish, .stale = 2},
    {"put-new", 2, setup, put_new, finish, .stale = 2},
    {"comes-back", 2, setup, comes_back, finish, .stale = 1},
    {"read-twice", 2, setup, read_twice, finish, .stale = 1},
    {"replace-twice", 2, setup, replace_twice, finish, .stale = 1, .is_long = true},
    {"two-readers-at-random", 3, setup, put_new, finish, .stale = 2, .random = 4000},
    {"comes-back-stale", 2, setup, comes_back, finish, .stale = 3, .is_long = true},
    {"two-readers", 3, setup, take_out, finish, .stale = 0, .is_long = true},
};

static const ModelFault faults[] = {
    {"load-then-increment", MODEL_NOTHING, "", "", NULL, "take-out"},
    {"memory-reused-at-once", MODEL_NOTHING, "", "", NULL, "take-out"},
    {"drop-relaxed", MODEL_RELAXED, "count_drop_locked", "sub", NULL, "take-out"},
    {"drop-in-two-steps", MODEL_SPLIT, "count_drop_locked", "sub", NULL, "take-out"},
    {"drop-by-cas-relaxed", MODEL_RELAXED, "count_drop_locked", "cas", NULL, "take-out-by-cas"},
    {"field-read-relaxed", MODEL_RELAXED, "mm_load_try", "load", NULL, "put-new"},
    {"field-write-relaxed", MODEL_RELAXED, "mm_exchange", "store", NULL, "put-new"},
    {"announced-relaxed", MODEL_RELAXED, "limbo_announce", "store", NULL, "take-out"},
    {"epoch-read-relaxed", MODEL_RELAXED, "limbo_announce", "load", NULL, "replace-twice"},
    {"blocked-relaxed", MODEL_RELAXED, "limbo_block", "store", NULL, "take-out"},
    {"seen-read-relaxed", MODEL_RELAXED, "everyone_has_seen", "load", NULL, "take-out"},
    {"epoch-moved-relaxed", MODEL_RELAXED, "close_batch", "add", NULL, "take-out"},
    {"returns-without-the-mutex", MODEL_SKIPPED, "limbo_unblock", "lock", NULL, "take-out"},
};

int main(int argc, char **argv) {
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
