/* hooks.c: what the tested code calls: the functions that a compiler puts in front of accesses to memory for ThreadSanitizer (the same for gcc and
   clang: compiler-rt/lib/tsan/rtl/tsan_interface.h and tsan_interface_atomic.h), and those of shipped.h. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/internal.h"

/* Declared as they are called; nobody else calls them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* --- Plain accesses --------------------------------------------------------------------------------------------------------------------- */

static void plain(const void *p, size_t size, bool write) {
  if (exploring()) memory_plain((uintptr_t)p, size, write);
}
#define PLAIN(n)                                                                                                                 \
  void __tsan_read##n(void *p);                                                                                                  \
  void __tsan_read##n(void *p) { plain(p, n, false); }                                                                           \
  void __tsan_write##n(void *p);                                                                                                 \
  void __tsan_write##n(void *p) { plain(p, n, true); }                                                                           \
  void __tsan_unaligned_read##n(void *p);                                                                                        \
  void __tsan_unaligned_read##n(void *p) { plain(p, n, false); }                                                                 \
  void __tsan_unaligned_write##n(void *p);                                                                                       \
  void __tsan_unaligned_write##n(void *p) { plain(p, n, true); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *p, unsigned long n);
void __tsan_read_range(void *p, unsigned long n) { plain(p, n, false); }
void __tsan_write_range(void *p, unsigned long n);
void __tsan_write_range(void *p, unsigned long n) { plain(p, n, true); }
void __tsan_init(void);
void __tsan_init(void) {}
void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc) { (void)pc; }
void __tsan_func_exit(void *);
void __tsan_func_exit(void *unused) { (void)unused; }

void *model_copy(void *to, const void *from, size_t n);
void *model_copy(void *to, const void *from, size_t n) {
  plain(from, n, false);
  plain(to, n, true);
  return memmove(to, from, n);
}
void *model_set(void *p, int c, size_t n);
void *model_set(void *p, int c, size_t n) {
  plain(p, n, true);
  return memset(p, c, n);
}
void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n) { return model_copy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n) { return model_copy(to, from, n); }
void *__tsan_memset(void *p, int c, size_t n);
void *__tsan_memset(void *p, int c, size_t n) { return model_set(p, c, n); }

/* --- Atomic ones ------------------------------------------------------------------------------------------------------------------------ */

/* The turn comes; what is planted there. */
static ModelEffect access(StepKind kind, volatile const void *p, unsigned size, int *order) {
  Step s = {.kind = kind, .size = (uint8_t)size, .at = (uintptr_t)p};
  ModelEffect effect = take_site(&s);
  *order &= 0xFF;
  if (*order == memory_order_consume) *order = memory_order_acquire;
  if (*order != memory_order_relaxed) note_ordered(&s);
  if (effect == MODEL_RELAXED) *order = memory_order_relaxed;
  turn(&s);
  return effect;
}

static uint64_t atomic_read(volatile const void *p, unsigned size, int order) {
  ModelEffect effect = access(STEP_LOAD, p, size, &order);
  return memory_load((uintptr_t)p, size, order, effect == MODEL_AGAIN);
}
static void atomic_write(volatile void *p, unsigned size, uint64_t v, int order) {
  if (access(STEP_STORE, p, size, &order) != MODEL_SKIPPED) memory_store((uintptr_t)p, size, v, order);
}

enum update { EXCHANGE, ADD, SUB, AND, OR, XOR };
static uint64_t apply(enum update how, uint64_t was, uint64_t v) {
  switch (how) {
  case ADD: return was + v;
  case SUB: return was - v;
  case AND: return was & v;
  case OR: return was | v;
  case XOR: return was ^ v;
  default: return v;
  }
}
static uint64_t atomic_update(volatile void *p, unsigned size, enum update how, uint64_t v, int order) {
  ModelEffect effect = access(STEP_UPDATE, p, size, &order);
  uintptr_t at = (uintptr_t)p;
  if (effect == MODEL_SKIPPED) return memory_update(at, size, order);
  if (effect == MODEL_SPLIT) {
    uint64_t was = memory_load(at, size, order, false);
    turn(&(Step){.kind = STEP_STORE, .size = (uint8_t)size, .at = at, .op = "second half"});
    memory_store(at, size, apply(how, was, v), order);
    return was;
  }
  uint64_t was = memory_update(at, size, order);
  memory_update_end(at, size, apply(how, was, v), order);
  return was;
}

static bool atomic_compare(volatile void *p, unsigned size, uint64_t *expected, uint64_t v, int order, int fails) {
  ModelEffect effect = access(STEP_UPDATE, p, size, &order);
  uintptr_t at = (uintptr_t)p;
  if (!memory_compare(at, size, expected, order, effect == MODEL_RELAXED ? memory_order_relaxed : fails & 0xFF)) return false;
  if (effect == MODEL_SPLIT) {
    (void)memory_load(at, size, order, false);
    turn(&(Step){.kind = STEP_STORE, .size = (uint8_t)size, .at = at, .op = "second half"});
    memory_store(at, size, v, order);
  } else if (effect != MODEL_SKIPPED) {
    memory_update_end(at, size, v, order);
  }
  return true;
}

#define UPDATE(bits, type, name, how, native)                                                                                    \
  type __tsan_atomic##bits##_##name(volatile void *p, type v, int order);                                                        \
  type __tsan_atomic##bits##_##name(volatile void *p, type v, int order) {                                                       \
    if (!exploring()) return native((volatile type *)p, v, __ATOMIC_SEQ_CST);                                                    \
    return (type)atomic_update(p, bits / 8, how, v, order);                                                                      \
  }
#define ATOMIC(bits, type)                                                                                                       \
  type __tsan_atomic##bits##_load(const volatile void *p, int order);                                                            \
  type __tsan_atomic##bits##_load(const volatile void *p, int order) {                                                           \
    if (!exploring()) return *(const volatile type *)p;                                                                          \
    return (type)atomic_read(p, bits / 8, order);                                                                                \
  }                                                                                                                              \
  void __tsan_atomic##bits##_store(volatile void *p, type v, int order);                                                         \
  void __tsan_atomic##bits##_store(volatile void *p, type v, int order) {                                                        \
    if (!exploring())                                                                                                            \
      *(volatile type *)p = v;                                                                                                   \
    else                                                                                                                         \
      atomic_write(p, bits / 8, v, order);                                                                                       \
  }                                                                                                                              \
  UPDATE(bits, type, exchange, EXCHANGE, __atomic_exchange_n)                                                                    \
  UPDATE(bits, type, fetch_add, ADD, __atomic_fetch_add)                                                                         \
  UPDATE(bits, type, fetch_sub, SUB, __atomic_fetch_sub)                                                                         \
  UPDATE(bits, type, fetch_and, AND, __atomic_fetch_and)                                                                         \
  UPDATE(bits, type, fetch_or, OR, __atomic_fetch_or)                                                                            \
  UPDATE(bits, type, fetch_xor, XOR, __atomic_fetch_xor)                                                                         \
  bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *p, void *e, type v, int order, int fails);                   \
  bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *p, void *e, type v, int order, int fails) {                  \
    if (!exploring()) return __atomic_compare_exchange_n((volatile type *)p, (type *)e, v, false, 5, 5);                         \
    uint64_t expected = *(type *)e;                                                                                              \
    bool done = atomic_compare(p, bits / 8, &expected, v, order, fails);                                                         \
    *(type *)e = (type)expected;                                                                                                 \
    return done;                                                                                                                 \
  }                                                                                                                              \
  bool __tsan_atomic##bits##_compare_exchange_weak(volatile void *p, void *e, type v, int order, int fails);                     \
  bool __tsan_atomic##bits##_compare_exchange_weak(volatile void *p, void *e, type v, int order, int fails) {                    \
    return __tsan_atomic##bits##_compare_exchange_strong(p, e, v, order, fails);                                                 \
  }                                                                                                                              \
  type __tsan_atomic##bits##_compare_exchange_val(volatile void *p, type e, type v, int order, int fails);                       \
  type __tsan_atomic##bits##_compare_exchange_val(volatile void *p, type e, type v, int order, int fails) {                      \
    (void)__tsan_atomic##bits##_compare_exchange_strong(p, &e, v, order, fails);                                                 \
    return e;                                                                                                                    \
  }
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order) {
  (void)order;
  model_give_up("the model knows no fences");
}
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order) { (void)order; }

/* --- Mutexes ------------------------------------------------------------------------------------------------------------------------------ */

enum { MUTEXES = 32, ARENA = 1 << 20 };

typedef struct Mutex {
  uintptr_t at;
  int holder; /* plus 1; 0: free */
  View view;
  uint16_t before[MODEL_THREADS];
} Mutex;

static Mutex mutexes[MUTEXES];
static int nmutexes;
static _Alignas(4096) char arena[ARENA];
static size_t arena_used;

void hooks_begin(void);
void hooks_begin(void) {
  nmutexes = 0;
  arena_used = 0;
}

static Mutex *mutex_of(uintptr_t at) {
  for (int i = 0; i < nmutexes; i++)
    if (mutexes[i].at == at) return &mutexes[i];
  if (nmutexes == MUTEXES) model_give_up("the model has no room for so many mutexes");
  Mutex *m = &mutexes[nmutexes++];
  memset(m, 0, sizeof *m);
  m->at = at;
  return m;
}
bool mutex_is_free(uintptr_t at);
bool mutex_is_free(uintptr_t at) { return !mutex_of(at)->holder; }

static void took(Mutex *m) {
  m->holder = running() + 1;
  view_join(view_of(running()), &m->view);
  order_acquire(m->before);
}
static void give_back(Mutex *m) {
  if (m->holder != running() + 1 && lock_is_skipped()) return;
  MODEL_CHECK(m->holder == running() + 1, "a mutex is given back by who has not got it");
  m->holder = 0;
  View *v = view_of(running());
  m->view = *v;
  v->clock[running()]++;
  order_release(m->before);
  note_write();
}

int model_mutex_lock(pthread_mutex_t *mutex);
int model_mutex_lock(pthread_mutex_t *mutex) {
  if (!exploring()) return 0;
  Step s = {.kind = STEP_LOCK, .at = (uintptr_t)mutex};
  if (take_site(&s) == MODEL_SKIPPED) return 0;
  turn(&s);
  took(mutex_of(s.at));
  return 0;
}
int model_mutex_unlock(pthread_mutex_t *mutex);
int model_mutex_unlock(pthread_mutex_t *mutex) {
  if (!exploring()) return 0;
  Step s;
  (void)take_site(&s);
  give_back(mutex_of((uintptr_t)mutex));
  return 0;
}

/* --- Condition variables ------------------------------------------------------------------------------------------------------------------ */

/* Some of those who sleep there go on with `next`. */
static void wake_some(uintptr_t at, unsigned most, const Step *(*next)(int thread)) {
  unsigned left = sleepers(at);
  while (left && most--) {
    unsigned n = (unsigned)__builtin_popcount(left), k = most >= n - 1 ? 0 : choose(n), one = left;
    while (k--) one &= one - 1;
    one &= -one;
    left &= ~one;
    int t = __builtin_ctz(one);
    wake(t, next(t));
  }
}

static Step relock[MODEL_THREADS];
static const Step *next_locks(int t) { return &relock[t]; }

int model_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, bool timed);
int model_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, bool timed) {
  if (!exploring()) model_fail("a wait in setup or finish");
  Step s = {.kind = STEP_COND_WAIT, .at = (uintptr_t)cond, .also = (uintptr_t)mutex};
  (void)take_site(&s);
  turn(&s);
  relock[running()] = (Step){.kind = STEP_LOCK, .at = (uintptr_t)mutex, .op = "lock after wait"};
  give_back(mutex_of((uintptr_t)mutex));
  bool early = sleep_at((uintptr_t)cond, timed);
  if (early) turn(&relock[running()]);
  took(mutex_of((uintptr_t)mutex));
  return early && timed ? ETIMEDOUT : 0;
}
int model_cond_wake(pthread_cond_t *cond, bool all);
int model_cond_wake(pthread_cond_t *cond, bool all) {
  if (!exploring()) return 0;
  Step s = {.kind = STEP_COND_WAKE, .at = (uintptr_t)cond};
  ModelEffect effect = take_site(&s);
  turn(&s);
  if (effect != MODEL_SKIPPED) wake_some(s.at, all && effect != MODEL_ONE ? MODEL_THREADS : 1, next_locks);
  return 0;
}

/* --- Futexes -------------------------------------------------------------------------------------------------------------------------------- */

static const Step *next_returns(int t) {
  (void)t;
  static const Step returns = {.kind = STEP_NONE, .op = "was woken"};
  return &returns;
}

long model_syscall(long number, uint32_t *word, int what, uint32_t value);
long model_syscall(long number, uint32_t *word, int what, uint32_t value) {
  (void)number;
  if (!exploring()) return 0;
  Step s = {.kind = what == FUTEX_WAIT_PRIVATE ? STEP_FUTEX_WAIT : STEP_FUTEX_WAKE, .at = (uintptr_t)word};
  ModelEffect effect = take_site(&s);
  turn(&s);
  if (what == FUTEX_WAIT_PRIVATE) {
    if (effect == MODEL_BLINDLY || memory_newest(s.at) == value) (void)sleep_at(s.at, false);
  } else if (effect != MODEL_SKIPPED) {
    wake_some(s.at, effect == MODEL_ONE ? 1 : value, next_returns);
  }
  return 0;
}

/* --- The rest ---------------------------------------------------------------------------------------------------------------------------------- */

int model_thread_new(pthread_t *id, void *(*function)(void *), void *arg);
int model_thread_new(pthread_t *id, void *(*function)(void *), void *arg) {
  MODEL_CHECK(preparing(), "a thread is made while others run");
  *id = (pthread_t)start_thread(function, arg);
  return 0;
}
int model_thread_join(pthread_t id);
int model_thread_join(pthread_t id) {
  if (!exploring()) return 0;
  turn(&(Step){.kind = STEP_JOIN, .at = (uintptr_t)id, .op = "join"});
  order_acquire_thread((int)id);
  view_join(view_of(running()), view_of((int)id));
  return 0;
}
void model_pause(void) {
  if (exploring()) turn(&(Step){.kind = STEP_PAUSE, .op = "pause"});
}

/* Zeroed; it ends with the execution. */
void *model_map(size_t bytes);
void *model_map(size_t bytes) {
  bytes = (bytes + 63) & ~(size_t)63;
  if (!exploring() && !preparing()) return aligned_alloc(64, bytes);
  if (arena_used + bytes > ARENA) model_give_up("the model has no room for so much memory from the system");
  void *p = arena + arena_used;
  arena_used += bytes;
  return memset(p, 0, bytes);
}
