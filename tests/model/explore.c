/* explore.c: the search. An execution is repeated from its beginning with the same decisions up to some point, and another one there, until all
   have been taken: who makes the next step, what a load returns, whom a wake-up wakes.

   A thread stops in front of each visible step, so the next step of every thread is known when one is chosen. Which threads must be tried at a
   point, and not only the one that happened to be first, is found by dynamic partial-order reduction (Flanagan, Godefroid 2005): where the next
   step of a thread is in conflict with an earlier one of another thread, and nothing orders the two, it is also tried in front of that one. Sleep sets
   (Godefroid 1996) keep what has been tried from being tried again while nothing that it conflicts with has happened.

   Two steps are in conflict if they access the same bytes and one writes; if both take the same mutex; if both are about the same condition
   variable, or futex. A mutex is given back at the end of the step before, which loses nothing: holding it longer only keeps others waiting. */
#undef _FORTIFY_SOURCE /* which takes a jump to another stack for an attack */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tests/model/internal.h"

enum { STACK_BYTES = 64 << 10, PATH = 2 * MODEL_STEPS, MESSAGE_BYTES = 256 };

enum thread_state { UNBORN, READY, ASLEEP, FINISHED };

typedef struct Thread {
  jmp_buf here; /* where it goes on */
  enum thread_state state;
  void *(*function)(void *);
  void *arg;
  Step next;
  uintptr_t sleeps_at;
  bool timed, early;              /* asleep: with a limit of time; it came back without having been woken */
  unsigned long paused;           /* what had been written when it began to pause */
  unsigned since;                 /* the number of steps then */
  uint16_t before[MODEL_THREADS]; /* steps of each thread that come before its next, as places of the path plus 1 */
} Thread;

/* A decision. */
typedef struct Node {
  bool is_step;
  uint8_t thread;                       /* who makes the step */
  uint8_t enabled, wanted, done, slept; /* threads, a bit each: could; are to be tried; were; need not be */
  Step step;
  uint16_t before[MODEL_THREADS];
  unsigned choice, choices; /* of those that are no steps */
  uint64_t value;
  bool has_value;
} Node;

typedef enum Verdict { COMPLETE, REDUNDANT, FAILED } Verdict;

static struct {
  const ModelScenario *scenario;
  const ModelFault *fault;
  bool all_orders; /* no reduction */
  bool shows;
  bool prepares, explores;
  Thread thread[MODEL_THREADS];
  int nthreads, running;
  bool starting;
  jmp_buf main;
  Node path[PATH];
  unsigned n, repeated; /* decisions so far; those that are the last execution's */
  unsigned steps, last_step;
  uint8_t sleeping;
  unsigned stale, early[2];
  unsigned long writes;
  unsigned idle;
  Verdict verdict;
  char message[MESSAGE_BYTES];
  Step site;
  ModelEffect effect;
  uint64_t random;
} E;

static char stacks[MODEL_THREADS][STACK_BYTES] __attribute__((aligned(64)));

bool exploring(void) { return E.explores; }
bool preparing(void) { return E.prepares; }
int running(void) { return E.running; }
int model_self(void) { return E.explores ? E.running : -1; }
bool model_planted(const char *name) { return E.fault && !strcmp(E.fault->name, name); }
bool lock_is_skipped(void) { return E.fault && E.fault->effect == MODEL_SKIPPED && !strcmp(E.fault->op, "lock"); }

/* --- The end of an execution ------------------------------------------------------------------------------------------------------------ */

static __attribute__((noreturn)) void end(Verdict verdict) {
  E.verdict = verdict;
  E.explores = false;
  _longjmp(E.main, 1);
}

void model_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(E.message, sizeof E.message, format, args);
  va_end(args);
  if (!E.explores) {
    E.verdict = FAILED;
    if (E.prepares) _longjmp(E.main, 1);
    fprintf(stderr, "model: %s\n", E.message);
    abort();
  }
  end(FAILED);
}

void model_give_up(const char *why) {
  fflush(stdout);
  fprintf(stderr, "model: %s: %s\n", E.scenario ? E.scenario->name : "-", why);
  exit(3);
}

/* --- What happens to be said of the next step ---------------------------------------------------------------------------------------------- */

void model_site(const char *in, const char *op, const char *text);
void model_site(const char *in, const char *op, const char *text) {
  if (!E.explores) return;
  E.site.in = in;
  E.site.op = op;
  E.site.text = text;
  const ModelFault *f = E.fault;
  E.effect = f && f->effect && !strcmp(f->in, in) && !strcmp(f->op, op) && (!f->text || strstr(text, f->text)) ? f->effect : 0;
}
ModelEffect take_site(Step *s) {
  ModelEffect effect = E.effect;
  s->in = E.site.in;
  s->op = E.site.op;
  s->text = E.site.text;
  E.site = (Step){0};
  E.effect = MODEL_NOTHING;
  return effect;
}

/* --- Conflicts ---------------------------------------------------------------------------------------------------------------------------- */

static bool is_access(const Step *s) { return s->kind >= STEP_LOAD && s->kind <= STEP_UPDATE; }
static bool writes(const Step *s) { return s->kind == STEP_STORE || s->kind == STEP_UPDATE; }
static bool waits_or_wakes(const Step *s) { return s->kind >= STEP_COND_WAIT && s->kind <= STEP_EARLY; }

static bool conflict(const Step *a, const Step *b) {
  if (is_access(a) && is_access(b)) return (writes(a) || writes(b)) && a->at < b->at + b->size && b->at < a->at + a->size;
  if (a->kind == STEP_LOCK && b->kind == STEP_LOCK) return a->at == b->at;
  if (waits_or_wakes(a) && waits_or_wakes(b)) return a->at == b->at;
  if (a->kind == STEP_FUTEX_WAIT && writes(b)) return a->at < b->at + b->size && b->at < a->at + 4;
  if (b->kind == STEP_FUTEX_WAIT && writes(a)) return conflict(b, a);
  return false;
}
/* Whether the one may change what the other does, or whether it can be done. */
static bool depends(const Step *a, const Step *b) {
  if ((a->kind == STEP_PAUSE && writes(b)) || (b->kind == STEP_PAUSE && writes(a))) return true;
  if ((a->kind == STEP_LOCK && b->kind == STEP_COND_WAIT && a->at == b->also) ||
      (b->kind == STEP_LOCK && a->kind == STEP_COND_WAIT && b->at == a->also))
    return true;
  return conflict(a, b);
}

static void join(uint16_t *into, const uint16_t *from) {
  for (int i = 0; i < MODEL_THREADS; i++)
    if (from[i] > into[i]) into[i] = from[i];
}
void order_release(uint16_t into[MODEL_THREADS]) { join(into, E.thread[E.running].before); }
void order_acquire(const uint16_t from[MODEL_THREADS]) { join(E.thread[E.running].before, from); }
void order_acquire_thread(int t) { join(E.thread[E.running].before, E.thread[t].before); }

/* Each thread is to be tried in front of the last step that its next one is in conflict with, if nothing orders them. */
static void find_conflicts(void) {
  for (int t = 0; t < E.nthreads; t++) {
    const Thread *T = &E.thread[t];
    if (T->state == FINISHED || T->state == UNBORN) continue;
    for (unsigned i = E.n; i-- > 0;) {
      Node *node = &E.path[i];
      if (!node->is_step || node->thread == t || i + 1 <= T->before[node->thread]) continue;
      if (!conflict(&node->step, &T->next)) continue;
      node->wanted |= node->enabled >> t & 1 ? (uint8_t)(1 << t) : node->enabled;
      break;
    }
  }
}

/* --- Who is next ------------------------------------------------------------------------------------------------------------------------- */

bool mutex_is_free(uintptr_t);

static bool may_be_early(const Thread *T) {
  return T->timed ? E.early[1] < E.scenario->timeouts : E.early[0] < E.scenario->spurious;
}
static bool is_enabled(const Thread *T) {
  if (T->state == ASLEEP) return may_be_early(T);
  if (T->state != READY) return false;
  switch (T->next.kind) {
  case STEP_LOCK: return mutex_is_free(T->next.at);
  case STEP_PAUSE: return T->paused != E.writes;
  case STEP_JOIN: return E.thread[T->next.at].state == FINISHED;
  default: return true;
  }
}
static unsigned all_enabled(void) {
  unsigned enabled = 0;
  bool any = false;
  for (int t = 0; t < E.nthreads; t++) {
    if (is_enabled(&E.thread[t])) enabled |= 1u << t;
    any |= E.thread[t].state != FINISHED;
  }
  if (!any) end(COMPLETE);
  if (enabled) return enabled;
  /* Nobody can go on: who has paused longest looks again, and time passes. */
  unsigned longest = UINT32_MAX;
  for (int t = 0; t < E.nthreads; t++) {
    const Thread *T = &E.thread[t];
    if (T->state != READY || T->next.kind != STEP_PAUSE || T->since >= longest) continue;
    longest = T->since;
    enabled = 1u << t;
  }
  for (int t = 0; t < E.nthreads; t++) {
    const Thread *T = &E.thread[t];
    if (T->state == ASLEEP && T->timed && E.scenario->idle_timeouts) enabled |= 1u << t;
  }
  if (!enabled) model_fail("deadlock: nobody can go on");
  if (++E.idle > 400) model_fail("livelock: threads wait for each other");
  return enabled;
}

static uint64_t next_random(void) {
  E.random ^= E.random << 13;
  E.random ^= E.random >> 7;
  E.random ^= E.random << 17;
  return E.random * UINT64_C(0x2545F4914F6CDD1D) >> 16;
}

static Node *new_node(void) {
  if (E.n == PATH) model_fail("livelock: too many steps");
  Node *node = &E.path[E.n];
  memset(node, 0, sizeof *node);
  return node;
}

static int first_of(unsigned threads) { return __builtin_ctz(threads); }
static int any_of(unsigned threads) {
  unsigned n = (unsigned)(next_random() % (unsigned)__builtin_popcount(threads));
  while (n--) threads &= threads - 1;
  return first_of(threads);
}

static void decide(Node *node, unsigned enabled) {
  node->is_step = true;
  node->enabled = (uint8_t)enabled;
  node->slept = E.sleeping;
  if (E.scenario->random) {
    node->thread = (uint8_t)any_of(enabled);
    return;
  }
  if (!E.all_orders) find_conflicts();
  unsigned left = enabled & ~(unsigned)node->slept;
  if (!left) end(REDUNDANT);
  node->thread = (uint8_t)(left >> E.running & 1 ? E.running : first_of(left));
  node->wanted = E.all_orders ? node->enabled : (uint8_t)(1 << node->thread);
}

/* The step is made. What sleeps goes on sleeping while nothing happens that its next step depends on. */
static void step(Node *node) {
  int t = node->thread;
  Thread *T = &E.thread[t];
  node->step = T->next;
  node->has_value = false;
  if (!E.all_orders) {
    unsigned asleep = (node->slept | node->done) & ~(1u << t);
    E.sleeping = 0;
    for (int u = 0; u < E.nthreads; u++)
      if (asleep >> u & 1 && !depends(&E.thread[u].next, &T->next)) E.sleeping |= (uint8_t)(1 << u);
    for (unsigned i = E.n; i-- > 0;) {
      const Node *earlier = &E.path[i];
      if (earlier->is_step && i + 1 > T->before[earlier->thread] && depends(&earlier->step, &T->next))
        join(T->before, earlier->before);
    }
    T->before[t] = (uint16_t)(E.n + 1);
    memcpy(node->before, T->before, sizeof node->before);
  }
  E.last_step = E.n++;
  if (++E.steps > MODEL_STEPS) model_fail("livelock: more than %d steps", MODEL_STEPS);
}

/* All threads stand in front of their next steps. Who makes one. */
static int next_thread(void) {
  unsigned enabled = all_enabled();
  Node *node = &E.path[E.n];
  if (E.n < E.repeated) {
    if (!node->is_step || node->enabled != enabled) {
      fprintf(stderr, "model: %s: an execution cannot be repeated (decision %u)\n", E.scenario->name, E.n);
      abort();
    }
  } else {
    decide(new_node(), enabled);
  }
  step(node);
  Thread *T = &E.thread[node->thread];
  if (T->state == ASLEEP) {
    E.early[T->timed]++;
    T->early = true;
    T->state = READY;
  }
  return node->thread;
}

static void go_on(int me) {
  int next = next_thread();
  if (next == me) return;
  E.running = next;
  if (!_setjmp(E.thread[me].here)) _longjmp(E.thread[next].here, 1);
}

void turn(const Step *s) {
  int me = E.running;
  Thread *T = &E.thread[me];
  T->next = *s;
  T->paused = E.writes;
  T->since = E.steps;
  if (!E.starting)
    go_on(me);
  else if (!_setjmp(T->here))
    _longjmp(E.main, 1);
}

unsigned choose(unsigned n) {
  if (n < 2 || !E.explores) return 0;
  Node *node = &E.path[E.n];
  if (E.n >= E.repeated) {
    new_node();
    node->choices = n;
    node->choice = E.scenario->random ? (unsigned)(next_random() % n) : 0;
  } else if (node->is_step || node->choices != n) {
    fprintf(stderr, "model: %s: an execution cannot be repeated (choice %u)\n", E.scenario->name, E.n);
    abort();
  }
  E.n++;
  return node->choice;
}
unsigned model_choose(unsigned n) { return choose(n); }
unsigned choose_stale(unsigned n) {
  if (E.stale >= E.scenario->stale) return 0;
  if (E.scenario->random && next_random() % 4) return 0;
  unsigned k = choose(n);
  E.stale += k > 0;
  return k;
}

void note_value(uint64_t v) {
  E.path[E.last_step].value = v;
  E.path[E.last_step].has_value = true;
}
void note_write(void) { E.writes++; }

/* --- Sleeping --------------------------------------------------------------------------------------------------------------------------------- */

bool sleep_at(uintptr_t at, bool timed) {
  int me = E.running;
  Thread *T = &E.thread[me];
  T->state = ASLEEP;
  T->sleeps_at = at;
  T->timed = timed;
  T->early = false;
  T->next = (Step){.kind = STEP_EARLY, .at = at, .op = "goes on early"};
  go_on(me);
  return T->early;
}
unsigned sleepers(uintptr_t at) {
  unsigned all = 0;
  for (int t = 0; t < E.nthreads; t++)
    if (E.thread[t].state == ASLEEP && E.thread[t].sleeps_at == at) all |= 1u << t;
  return all;
}
void wake(int t, const Step *next) {
  Thread *T = &E.thread[t];
  T->state = READY;
  T->next = *next;
  join(T->before, E.thread[E.running].before);
  E.writes++;
}

/* --- Threads ---------------------------------------------------------------------------------------------------------------------------------- */

int start_thread(void *(*function)(void *), void *arg) {
  if (E.nthreads == MODEL_THREADS) model_give_up("the model has no room for so many threads");
  Thread *T = &E.thread[E.nthreads];
  memset(T, 0, sizeof *T);
  T->function = function;
  T->arg = arg;
  return E.nthreads++;
}
bool is_finished(int t) { return E.thread[t].state == FINISHED; }

static void body(int t) {
  Thread *T = &E.thread[t];
  T->function(T->arg);
  T->state = FINISHED;
  T->next = (Step){0};
  if (E.starting) _longjmp(E.main, 1);
  int next = next_thread();
  E.running = next;
  _longjmp(E.thread[next].here, 1);
}
static void *scenario_thread(void *i) {
  E.scenario->thread((int)(intptr_t)i);
  return NULL;
}

static void begin_execution(void) {
  E.nthreads = 0;
  E.n = E.steps = E.last_step = E.stale = E.idle = 0;
  E.early[0] = E.early[1] = 0;
  E.sleeping = 0;
  E.site = (Step){0};
  E.effect = MODEL_NOTHING;
  E.message[0] = 0;
}

/* Each thread runs up to its first step. Contexts are for beginning on another stack; to change between stacks, jumps are cheaper. */
static void start_all(void) {
  for (int t = 0; t < E.nthreads; t++) E.thread[t].state = READY;
  for (volatile int t = 0; t < E.nthreads && E.explores; t++) {
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks[t];
    context.uc_stack.ss_size = STACK_BYTES;
    context.uc_link = NULL;
    makecontext(&context, (void (*)(void))body, 1, (int)t);
    E.running = t;
    E.starting = true;
    if (!_setjmp(E.main)) setcontext(&context);
    E.starting = false;
  }
}

void hooks_begin(void);

static void prepare(void) {
  E.prepares = true;
  if (_setjmp(E.main)) return;
  E.scenario->setup();
  for (int i = 0; i < E.scenario->threads; i++) start_thread(scenario_thread, (void *)(intptr_t)i);
}
static void run_threads(void) {
  E.explores = true;
  start_all();
  if (!E.explores || _setjmp(E.main)) return; /* whoever ends the execution comes back here */
  int first = next_thread();
  E.running = first;
  _longjmp(E.thread[first].here, 1);
}
static void look_at_the_end(void) {
  E.prepares = true;
  if (!_setjmp(E.main)) E.scenario->finish();
}

static Verdict execute(void) {
  begin_execution();
  memory_begin();
  hooks_begin();
  E.verdict = COMPLETE;
  prepare();
  E.prepares = false;
  if (E.verdict == COMPLETE) run_threads();
  E.explores = false;
  if (E.verdict == COMPLETE && E.scenario->finish) look_at_the_end();
  E.prepares = false;
  return E.verdict;
}

/* --- The search ---------------------------------------------------------------------------------------------------------------------------- */

/* The next decision to be taken in another way. False: there is none. */
static bool back(void) {
  while (E.n) {
    Node *node = &E.path[E.n - 1];
    if (!node->is_step) {
      if (++node->choice < node->choices) break;
    } else {
      node->done |= (uint8_t)(1 << node->thread);
      unsigned left = node->wanted & ~(unsigned)(node->done | node->slept);
      if (left) {
        node->thread = (uint8_t)first_of(left);
        break;
      }
    }
    E.n--;
  }
  E.repeated = E.n;
  return E.n;
}

typedef struct Result { /* of all executions, or of those up to the first that failed */
  unsigned long executions, redundant, steps;
  bool failed;
} Result;

static Result explore(const ModelScenario *s, const ModelFault *f) {
  Result r = {0};
  E.scenario = s;
  E.fault = f;
  E.repeated = 0;
  E.random = UINT64_C(0x9E3779B97F4A7C15);
  do {
    Verdict v = execute();
    r.steps += E.steps;
    if (v == FAILED) {
      r.failed = true;
      r.executions++;
      return r;
    }
    *(v == REDUNDANT ? &r.redundant : &r.executions) += 1;
    if (s->random) E.repeated = 0;
  } while (s->random ? r.executions < s->random : back());
  return r;
}

void model_all_orders(bool all) { E.all_orders = all; }
bool model_explore(const ModelScenario *s, const ModelFault *f) { return !explore(s, f).failed; }

/* --- What is said of it -------------------------------------------------------------------------------------------------------------------- */

enum { SHOWN = 100 };
static void show_path(void) {
  if (E.n > SHOWN) printf("  ... %u decisions before\n", E.n - SHOWN);
  for (unsigned i = E.n > SHOWN ? E.n - SHOWN : 0; i < E.n; i++) {
    const Node *node = &E.path[i];
    if (!node->is_step) {
      if (node->choice) printf("             (choice %u of %u)\n", node->choice, node->choices);
      continue;
    }
    const Step *s = &node->step;
    static const char *const name[] = {"goes on", "load",       "store",      "update", "lock",  "wait",
                                       "wake",    "futex-wait", "futex-wake", "early",  "pause", "join"};
    printf("  %*sthread %d: %s %s %s", 4 * node->thread, "", node->thread, s->in ? s->in : "-", s->op ? s->op : name[s->kind],
           s->text ? s->text : "");
    if (node->has_value) printf(" = %#llx", (unsigned long long)node->value);
    printf("\n");
  }
  printf("  %s\n", E.message);
}

enum { SIGHTS = 32 };
static struct {
  const char *what;
  unsigned long times;
} sights[SIGHTS];
void model_saw(const char *what) {
  for (int i = 0; i < SIGHTS; i++) {
    if (!sights[i].what) sights[i].what = what;
    if (!strcmp(sights[i].what, what)) {
      sights[i].times++;
      return;
    }
  }
}

static bool run_scenario(const ModelScenario *s) {
  memset(sights, 0, sizeof sights);
  Result r = explore(s, NULL);
  printf("%-28s %d threads, %lu executions%s, %lu cut short, %lu steps", s->name, E.nthreads, r.executions,
         s->random ? " at random" : "", r.redundant, r.steps);
  for (int i = 0; i < SIGHTS && sights[i].what; i++) printf("%s %s %lu", i ? "," : ";", sights[i].what, sights[i].times);
  printf("\n");
  if (!r.failed) return true;
  printf("%s: FAILED: %s\n", s->name, E.message);
  show_path();
  return false;
}

static bool find_fault(const ModelFault *f, const ModelScenario *scenarios, int n, bool all) {
  unsigned long executions = 0;
  for (int i = 0; i < n; i++) {
    const ModelScenario *s = &scenarios[i];
    if (f->scenario ? strcmp(f->scenario, s->name) : s->is_long && !all) continue;
    Result r = explore(s, f);
    executions += r.executions + r.redundant;
    if (!r.failed) continue;
    printf("  fault %-34s found by %s after %lu executions: %s\n", f->name, s->name, executions, E.message);
    return true;
  }
  printf("  fault %-34s NOT FOUND in %lu executions\n", f->name, executions);
  return false;
}

/* --- Which memory orders are needed --------------------------------------------------------------------------------------------------------- */

enum { ORDERED = 128 };
static Step ordered[ORDERED];
static int nordered;
static bool collects;

static bool is_same(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }
void note_ordered(const Step *s) {
  if (!collects || !s->in) return;
  for (int i = 0; i < nordered; i++)
    if (is_same(ordered[i].in, s->in) && is_same(ordered[i].op, s->op) && is_same(ordered[i].text, s->text)) return;
  if (nordered < ORDERED) ordered[nordered++] = *s;
}

/* Takes the order of each step away that was met and has one, and says whether that was noticed. */
static void weaken_each(const ModelScenario *scenarios, int n, bool all) {
  int needed = 0;
  for (int k = 0; k < nordered; k++) {
    const Step *s = &ordered[k];
    ModelFault f = {"relaxed", MODEL_RELAXED, s->in, s->op, s->text, NULL};
    bool found = false;
    for (int i = 0; i < n && !found; i++)
      if (all || !scenarios[i].is_long) found = explore(&scenarios[i], &f).failed;
    needed += found;
    printf("  %s %s: %s %s\n", found ? "needed    " : "not needed", s->in, s->op, s->text);
  }
  printf("  %d of %d memory orders are needed by what the scenarios ask\n", needed, nordered);
}

int model_main(int argc, char **argv, const ModelScenario *scenarios, int nscenarios, const ModelFault *faults, int nfaults) {
  bool all = false, good = true, weakens = false;
  const char *scenario = NULL, *fault = NULL;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--long"))
      all = true;
    else if (!strcmp(argv[i], "--orders"))
      E.all_orders = true;
    else if (!strcmp(argv[i], "--weaken"))
      weakens = collects = true;
    else if (!strcmp(argv[i], "--scenario") && i + 1 < argc)
      scenario = argv[++i];
    else if (!strcmp(argv[i], "--fault") && i + 1 < argc)
      fault = argv[++i];
    else {
      fprintf(stderr, "%s: unknown option %s; allowed are --long, --orders, --weaken, --scenario NAME, --fault NAME\n", argv[0],
              argv[i]);
      return 2;
    }
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 0; i < nscenarios && !fault; i++) {
    if (scenario ? strcmp(scenario, scenarios[i].name) : scenarios[i].is_long && !all) continue;
    good &= run_scenario(&scenarios[i]);
  }
  collects = false;
  if (weakens) weaken_each(scenarios, nscenarios, all);
  for (int i = 0; i < nfaults && !weakens && !(scenario && !fault); i++) {
    if (fault && strcmp(fault, faults[i].name)) continue;
    good &= find_fault(&faults[i], scenarios, nscenarios, all);
    if (fault) show_path();
  }
  return good ? 0 : 1;
}
