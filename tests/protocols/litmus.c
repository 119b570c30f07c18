/* litmus.c: the model checker itself. Programs of which it is known what they can do: each outcome that C11 allows is found (but those that
   model/memory.c says it leaves out), and no other. Programs made at random: with reduction the same outcomes are found as without. Programs that
   are wrong: each kind of failure is found. */
#include "tests/model/shipped.h"

static uint32_t x, y, a[4];
static bool seen[256];
static pthread_mutex_t mutex;
static uint32_t plain;

#define LOAD(p, order)     __atomic_load_n(p, __ATOMIC_##order)
#define STORE(p, v, order) __atomic_store_n(p, v, __ATOMIC_##order)

static void setup(void) { x = y = plain = a[0] = a[1] = a[2] = a[3] = 0; }
static bool looks_at_the_end;
static void outcome(void) {
  if (looks_at_the_end) a[0] = x, a[1] = y;
  seen[a[0] | a[1] << 2 | a[2] << 4 | a[3] << 6] = true;
}

/* Store buffering. */
static void buffering_relaxed(int i) {
  STORE(i ? &y : &x, 1, RELEASE);
  a[i] = LOAD(i ? &x : &y, ACQUIRE);
}
static void buffering(int i) {
  STORE(i ? &y : &x, 1, SEQ_CST);
  a[i] = LOAD(i ? &x : &y, SEQ_CST);
}
/* Message passing. */
static void message_relaxed(int i) {
  if (i == 0) {
    STORE(&x, 1, RELAXED);
    STORE(&y, 1, RELEASE);
  } else {
    a[0] = LOAD(&y, RELAXED);
    a[1] = LOAD(&x, RELAXED);
  }
}
static void message(int i) {
  if (i == 0) {
    STORE(&x, 1, RELAXED);
    STORE(&y, 1, RELEASE);
  } else {
    a[0] = LOAD(&y, ACQUIRE);
    a[1] = LOAD(&x, RELAXED);
  }
}
/* The same, handed on by an update in between. */
static void message_chain(int i) {
  if (i == 0) {
    STORE(&x, 1, RELAXED);
    STORE(&y, 1, RELEASE);
  } else if (i == 1) {
    __atomic_fetch_add(&y, 1, __ATOMIC_RELAXED);
  } else {
    a[0] = LOAD(&y, ACQUIRE);
    a[1] = LOAD(&x, RELAXED);
  }
}
/* Readers of one place agree. */
static void coherence(int i) {
  if (i == 0) {
    STORE(&x, 1, RELAXED);
    STORE(&x, 2, RELAXED);
  } else {
    a[0] = LOAD(&x, RELAXED);
    a[1] = LOAD(&x, RELAXED);
  }
}
/* Independent reads of independent writes. */
static void independent(int i) {
  if (i < 2) {
    STORE(i ? &y : &x, 1, RELEASE);
  } else {
    a[2 * (i - 2)] = LOAD(i == 2 ? &x : &y, ACQUIRE);
    a[2 * (i - 2) + 1] = LOAD(i == 2 ? &y : &x, ACQUIRE);
  }
}
/* Stores in opposite orders: what is there in the end. */
static void crossing(int i) {
  STORE(i ? &y : &x, 1, RELEASE);
  STORE(i ? &x : &y, 2, RELEASE);
}
static void crossing_sc(int i) {
  STORE(i ? &y : &x, 1, SEQ_CST);
  STORE(i ? &x : &y, 2, SEQ_CST);
}
/* Updates lose nothing. */
static void updates(int i) {
  a[i] = __atomic_fetch_add(&x, 1, __ATOMIC_RELAXED);
  if (i == 0) a[3] = LOAD(&x, RELAXED);
}
static void locked(int i) {
  pthread_mutex_lock(&mutex);
  a[i] = plain++;
  pthread_mutex_unlock(&mutex);
}

/* What is found must be exactly `allowed`, outcomes as a[3] a[2] a[1] a[0], up to a 0. */
typedef struct Litmus {
  const char *name;
  void (*thread)(int);
  int threads;
  uint16_t allowed[24];
} Litmus;
#define OUT(a0, a1, a2, a3) (0x100 | (a0) | (a1) << 2 | (a2) << 4 | (a3) << 6)
static const Litmus litmus[] = {
    {"store-buffering-acq-rel", buffering_relaxed, 2, {OUT(0, 0, 0, 0), OUT(0, 1, 0, 0), OUT(1, 0, 0, 0), OUT(1, 1, 0, 0)}},
    {"store-buffering-sc", buffering, 2, {OUT(0, 1, 0, 0), OUT(1, 0, 0, 0), OUT(1, 1, 0, 0)}},
    {"message-relaxed", message_relaxed, 2, {OUT(0, 0, 0, 0), OUT(0, 1, 0, 0), OUT(1, 0, 0, 0), OUT(1, 1, 0, 0)}},
    {"message", message, 2, {OUT(0, 0, 0, 0), OUT(0, 1, 0, 0), OUT(1, 1, 0, 0)}},
    {"message-chain", message_chain, 3, {OUT(0, 0, 0, 0), OUT(0, 1, 0, 0), OUT(1, 0, 0, 0), OUT(1, 1, 0, 0), OUT(2, 1, 0, 0)}},
    {"coherence",
     coherence,
     2,
     {OUT(0, 0, 0, 0), OUT(0, 1, 0, 0), OUT(0, 2, 0, 0), OUT(1, 1, 0, 0), OUT(1, 2, 0, 0), OUT(2, 2, 0, 0)}},
    {"independent-reads",
     independent,
     4,
     {OUT(0, 0, 0, 0), OUT(1, 0, 0, 0), OUT(0, 1, 0, 0), OUT(1, 1, 0, 0), OUT(0, 0, 1, 0), OUT(1, 0, 1, 0), OUT(0, 1, 1, 0),
      OUT(1, 1, 1, 0), OUT(0, 0, 0, 1), OUT(1, 0, 0, 1), OUT(0, 1, 0, 1), OUT(1, 1, 0, 1), OUT(0, 0, 1, 1), OUT(1, 0, 1, 1),
      OUT(0, 1, 1, 1), OUT(1, 1, 1, 1)}},
    {"updates",
     updates,
     3,
     {OUT(0, 1, 2, 1), OUT(0, 1, 2, 2), OUT(0, 1, 2, 3), OUT(0, 2, 1, 1), OUT(0, 2, 1, 2), OUT(0, 2, 1, 3), OUT(1, 0, 2, 2),
      OUT(1, 0, 2, 3), OUT(1, 2, 0, 2), OUT(1, 2, 0, 3), OUT(2, 0, 1, 3), OUT(2, 1, 0, 3)}},
    {"mutex", locked, 3, {OUT(0, 1, 2, 0), OUT(0, 2, 1, 0), OUT(1, 0, 2, 0), OUT(1, 2, 0, 0), OUT(2, 0, 1, 0), OUT(2, 1, 0, 0)}},
};
enum { LITMUS = sizeof litmus / sizeof *litmus };

static int judge(const Litmus *l) {
  int wrong = 0;
  for (int o = 0; o < 256; o++) {
    bool allowed = false;
    for (int i = 0; i < 24; i++) allowed |= l->allowed[i] == (0x100 | o);
    if (allowed == seen[o]) continue;
    printf("%s: %d %d %d %d %s\n", l->name, o & 3, o >> 2 & 3, o >> 4 & 3, o >> 6, allowed ? "was not found" : "is not allowed");
    wrong = 1;
  }
  return wrong;
}

/* --- That the four ways in which things go wrong are found ------------------------------------------------------------------------------- */

static uint32_t word;
static pthread_cond_t cond;
static void race(int i) {
  if (i == 0) {
    plain = 1;
    STORE(&x, 1, RELEASE);
  } else if (LOAD(&x, ACQUIRE)) {
    a[0] = plain;
  }
}
static void publish(int i) {
  if (i == 0) {
    plain = 7;
    STORE(&x, 1, RELAXED);
  } else if (LOAD(&x, ACQUIRE)) {
    a[0] = plain;
  }
}
static void waiting(int i) {
  if (i == 0) {
    while (!LOAD(&word, ACQUIRE)) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
  } else {
    STORE(&word, 1, RELEASE);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
}
static void monitor(int i) {
  pthread_mutex_lock(&mutex);
  if (i == 0) {
    while (!plain) pthread_cond_wait(&cond, &mutex);
  } else {
    plain = 1;
    pthread_cond_signal(&cond);
  }
  pthread_mutex_unlock(&mutex);
}
static void spinning(int i) {
  if (i) return;
  while (!LOAD(&x, RELAXED)) model_pause();
}
static void setup_waits(void) {
  setup();
  word = 0;
}
static bool fails(const char *name, void (*thread)(int), const ModelFault *fault) {
  ModelScenario s = {.name = name, .threads = 2, .setup = setup_waits, .thread = thread, .stale = 4, .spurious = 1};
  return !model_explore(&s, fault);
}

/* --- Programs at random ------------------------------------------------------------------------------------------------------------------------ */

enum { PROGRAMS = 500, LINES = 3, OUTCOMES = 1 << 12 };
enum op { OP_LOAD, OP_LOAD_ACQUIRE, OP_LOAD_SC, OP_STORE, OP_STORE_RELEASE, OP_STORE_SC, OP_ADD, OP_ADD_ACQ_REL, OP_LOCKED, OPS };
static struct { int op, place, value; } program[3][LINES];
static uint32_t result[3], place[2];
static struct {
  uint64_t v[OUTCOMES];
  size_t n;
} outcomes[2];
static int into, program_lines;

static uint32_t make_line(int op, uint32_t *p, uint32_t v) {
  switch (op) {
  case OP_LOAD: return LOAD(p, RELAXED);
  case OP_LOAD_ACQUIRE: return LOAD(p, ACQUIRE);
  case OP_LOAD_SC: return LOAD(p, SEQ_CST);
  case OP_STORE: STORE(p, v, RELAXED); return 0;
  case OP_STORE_RELEASE: STORE(p, v, RELEASE); return 0;
  case OP_STORE_SC: STORE(p, v, SEQ_CST); return 0;
  case OP_ADD: return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
  case OP_ADD_ACQ_REL: return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
  default:
    pthread_mutex_lock(&mutex);
    v = plain++;
    pthread_mutex_unlock(&mutex);
    return v;
  }
}
static void run_program(int i) {
  for (int k = 0; k < program_lines; k++)
    result[i] = result[i] * 31 + make_line(program[i][k].op, &place[program[i][k].place], (uint32_t)program[i][k].value);
}
static void setup_program(void) {
  plain = place[0] = place[1] = 0;
  result[0] = result[1] = result[2] = 0;
}
static void note_outcome(void) {
  uint64_t v = place[0] * 5 + place[1];
  for (int i = 0; i < 3; i++) v = v * UINT64_C(1000003) + result[i];
  for (size_t i = 0; i < outcomes[into].n; i++)
    if (outcomes[into].v[i] == v) return;
  MODEL_CHECK(outcomes[into].n < OUTCOMES, "more outcomes than there is room for");
  outcomes[into].v[outcomes[into].n++] = v;
}
static bool has(int of, uint64_t v) {
  for (size_t i = 0; i < outcomes[of].n; i++)
    if (outcomes[of].v[i] == v) return true;
  return false;
}
static int compare_random_programs(void) {
  uint32_t r = 1;
  size_t found = 0;
  for (int n = 0; n < PROGRAMS; n++) {
    int threads = n % 5 ? 2 : 3;
    program_lines = threads == 2 ? LINES : 2;
    for (int i = 0; i < threads; i++)
      for (int k = 0; k < program_lines; k++) {
        r = r * 1664525 + 1013904223;
        program[i][k].op = (int)((r >> 8) % OPS);
        program[i][k].place = (int)(r >> 16 & 1);
        program[i][k].value = (int)(r >> 20 & 1) + 1;
      }
    for (into = 0; into < 2; into++) {
      outcomes[into].n = 0;
      model_all_orders(into == 1);
      ModelScenario s = {.name = "random",
                         .threads = threads,
                         .setup = setup_program,
                         .thread = run_program,
                         .finish = note_outcome,
                         .stale = 8};
      if (!model_explore(&s, NULL)) return printf("random program %d fails\n", n), 1;
    }
    model_all_orders(false);
    found += outcomes[1].n;
    for (int of = 0; of < 2; of++)
      for (size_t i = 0; i < outcomes[of].n; i++)
        if (!has(!of, outcomes[of].v[i]))
          return printf("random program %d: an outcome is found only %s reduction\n", n, of ? "without" : "with"), 1;
  }
  printf("%d programs at random: the same %zu outcomes with and without reduction\n", PROGRAMS, found);
  return 0;
}

int main(int argc, char **argv) {
  int wrong = 0;
  for (int orders = 0; orders < 2; orders++)
    for (int i = 0; i < LITMUS; i++) {
      memset(seen, 0, sizeof seen);
      looks_at_the_end = litmus[i].thread == crossing || litmus[i].thread == crossing_sc;
      ModelScenario s = {.name = litmus[i].name,
                         .threads = litmus[i].threads,
                         .setup = setup,
                         .thread = litmus[i].thread,
                         .finish = outcome,
                         .stale = 6};
      char *option[] = {argv[0], "--orders"};
      wrong |= model_main(1 + orders, option, &s, 1, NULL, 0);
      wrong |= judge(&litmus[i]);
    }
  (void)argc;
  wrong |= compare_random_programs();
  const struct {
    const char *name;
    void (*thread)(int);
    ModelFault fault;
    bool fails;
  } cases[] = {
      {"race", race, {0}, false},
      {"race, relaxed", publish, {0}, true},
      {"futex", waiting, {0}, false},
      {"futex, not looked at", waiting, {.effect = MODEL_BLINDLY, .in = "waiting", .op = "futex-wait"}, true},
      {"futex, not woken", waiting, {.effect = MODEL_SKIPPED, .in = "waiting", .op = "futex-wake"}, true},
      {"monitor", monitor, {0}, false},
      {"monitor, not woken", monitor, {.effect = MODEL_SKIPPED, .in = "monitor", .op = "signal"}, true},
      {"monitor, without its mutex", monitor, {.effect = MODEL_SKIPPED, .in = "monitor", .op = "lock"}, true},
      {"spinning for ever", spinning, {0}, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (fails(cases[i].name, cases[i].thread, &cases[i].fault) == cases[i].fails) continue;
    printf("%s: %s\n", cases[i].name, cases[i].fails ? "no fault was found" : "a fault was found that is none");
    wrong = 1;
  }
  return wrong;
}
