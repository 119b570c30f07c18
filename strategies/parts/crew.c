/* crew.c: see crew.h. Sleeping and waking are futexes: `bell` for helpers, `gate` for the leader. Each is a number that a waker moves on,
   so a sleeper that read it before it last looked for work cannot miss the wake-up that came after. */
#include "strategies/parts/crew.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/system.h"

struct CrewHelper {
  Crew *crew;
  int number;
  pthread_t id;
};

static void sleep_while(uint32_t *word, uint32_t is) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, is, NULL, NULL, 0); }
static void move_on(uint32_t *word, int wake) {
  __atomic_fetch_add(word, 1, __ATOMIC_RELEASE);
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, wake, NULL, NULL, 0);
}

static void leave(Crew *c) {
  if (shift_leave(&c->shift) && __atomic_load_n(&c->leader_waits, __ATOMIC_SEQ_CST)) move_on(&c->gate, 1);
}

static void *helper(void *arg) {
  CrewHelper *h = arg;
  Crew *c = h->crew;
  uint64_t used = 0;
  for (uint32_t bell = 0;;) {
    __atomic_fetch_add(&c->asleep, 1, __ATOMIC_RELAXED);
    while (load_acquire(&c->bell) == bell)
      sleep_while(&c->bell, bell); /* not at all when it rang since we last looked for work */
    __atomic_fetch_sub(&c->asleep, 1, __ATOMIC_RELAXED);
    bell = load_acquire(&c->bell);
    if (load_acquire(&c->quit)) return NULL;
    if (!shift_enter(&c->shift)) continue;
    c->job(c->ctx, h->number);
    uint64_t now = thread_cpu_ns();
    __atomic_fetch_add(&c->cpu_ns, now - used, __ATOMIC_RELAXED);
    __atomic_fetch_add(&c->joined, 1, __ATOMIC_RELAXED);
    used = now;
    leave(c);
  }
}

static bool start(CrewHelper *h) {
  sigset_t all, before;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, (size_t)256 << 10);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* a signal is for the program's own threads */
  int failed = pthread_create(&h->id, &attr, helper, h);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return !failed;
}

static size_t helpers_bytes(const Crew *c) { return (size_t)(c->workers - 1) * sizeof(CrewHelper); }

bool crew_open(Crew *c, int workers) {
  memset(c, 0, sizeof *c);
  c->workers = workers < CREW_MAX ? workers : CREW_MAX;
  if (c->workers == 1) return true;
  c->helper = system_new(helpers_bytes(c));
  while (c->helper && c->started < c->workers - 1) {
    CrewHelper *h = &c->helper[c->started];
    *h = (CrewHelper){.crew = c, .number = c->started + 1};
    if (!start(h)) break;
    c->started++;
  }
  if (c->started == c->workers - 1) return true;
  crew_close(c);
  return false;
}

void crew_close(Crew *c) {
  if (!c->helper) return;
  store_release(&c->quit, true);
  move_on(&c->bell, INT_MAX);
  for (int i = 0; i < c->started; i++) pthread_join(c->helper[i].id, NULL);
  system_free(c->helper, helpers_bytes(c));
  c->helper = NULL;
}

void crew_run(Crew *c, CrewJob *job, void *ctx, unsigned most) {
  c->job = job;
  c->ctx = ctx;
  c->most = most;
  if (c->workers == 1) {
    job(ctx, 0);
    return;
  }
  shift_open(&c->shift);
  job(ctx, 0);
  while (!shift_close(&c->shift)) crew_wait(c);
}

void crew_call(Crew *c, unsigned n) {
  if (n && load_relaxed(&c->leader_waits)) move_on(&c->gate, 1), n--;
  unsigned inside = shift_inside(&c->shift), room = c->most > inside ? c->most - inside : 0;
  if (n > room) n = room;
  if (n && load_relaxed(&c->asleep)) move_on(&c->bell, (int)n);
}

void crew_wait(Crew *c) {
  uint32_t gate = load_acquire(&c->gate);
  __atomic_store_n(&c->leader_waits, 1, __ATOMIC_SEQ_CST);
  if (!shift_is_alone(&c->shift)) sleep_while(&c->gate, gate);
  __atomic_store_n(&c->leader_waits, 0, __ATOMIC_RELAXED);
}
