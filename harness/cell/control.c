/* control.c: one unit of work is about ten microseconds: long against the look at the clock that follows it, short against a
   phase. */
#define _GNU_SOURCE
#include "harness/cell/control.h"
#include "harness/cell/team.h"

#include <sys/mman.h>
#include <time.h>

/* The chase goes through 256 KiB: more than a first-level cache, and a core's own. There are more fresh pages than two phases
   can touch at a microsecond each; beyond them, touches are cheap and a phase is faster, never wrong in kind. */
enum { LINES = 4096, STEPS = 2048, HOPS = 512, PAGES = 8192, PAGE = 4096 };

struct line {
  struct line *next;
  char rest[64 - sizeof(struct line *)];
};

struct cell_control {
  struct line lines[LINES];
  struct line *at;
  uint64_t state;
  uint64_t units; /* of the phase */
  unsigned page;
  _Alignas(PAGE) volatile char pages[PAGES][PAGE];
};

uint64_t cell_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next_random(uint64_t x) {
  x ^= x << 13;
  x ^= x >> 7;
  return x ^ (x << 17);
}

/* Links the lines into one cycle in random order (Sattolo's shuffle). */
static void link_lines(struct cell_control *c) {
  static const uint64_t seed = 0x9e3779b97f4a7c15u;
  uint64_t x = seed;
  for (int i = 0; i < LINES; i++) c->lines[i].next = &c->lines[i];
  for (int i = LINES - 1; i > 0; i--) {
    x = next_random(x);
    int j = (int)(x % (uint64_t)i);
    struct line *next = c->lines[i].next;
    c->lines[i].next = c->lines[j].next;
    c->lines[j].next = next;
  }
  c->at = &c->lines[0];
  c->state = seed;
}

struct cell_control *cell_control_make(void) {
  struct cell_control *c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (c == MAP_FAILED) return NULL;
  madvise(c, sizeof *c, MADV_NOHUGEPAGE); /* a touch is one small page on every machine */
  link_lines(c);
  return c;
}

void cell_control_free(struct cell_control *c) {
  if (c) munmap(c, sizeof *c);
}

uint64_t cell_control_work(struct cell_control *c, uint64_t until_ns) {
  uint64_t units = 0;
  for (; cell_now_ns() < until_ns; units++) {
    for (int i = 0; i < STEPS; i++) c->state = next_random(c->state);
    for (int i = 0; i < HOPS; i++) c->at = c->at->next;
    c->pages[c->page++ % PAGES][0] = (char)(c->state + (uint64_t)(uintptr_t)c->at);
  }
  return units;
}

/* --- The control of a team ------------------------------------------------------------------------------------------------ */

struct phase {
  struct cell_control *const *each;
  int threads;
  uint64_t span_ns;
};

static void job_phase(int i, void *context) {
  const struct phase *p = context;
  if (i < p->threads) p->each[i]->units = cell_control_work(p->each[i], cell_now_ns() + p->span_ns);
}

struct work {
  uint64_t units, ns;
};

/* What this many threads do when each works for a span. The time is the whole window's: threads that had to take turns on a CPU
   are as slow as they were. */
static void run_phase(struct cell_team *team, struct phase p, struct work *sum) {
  struct cell_window w = cell_team_do(team, job_phase, &p);
  for (int i = 0; i < p.threads; i++) sum->units += p.each[i]->units;
  sum->ns += w.end.at_ns - w.start.at_ns;
}

static double per_second(struct work w) { return (double)w.units * 1e9 / (double)w.ns; }

struct cell_control_reading cell_control_read(struct cell_team *team, struct cell_control *const *each, int threads) {
  struct work ignored = {0, 0}, one = {0, 0}, all = {0, 0};
  run_phase(team, (struct phase){each, threads, CELL_CONTROL_WAKE_NS}, &ignored);
  for (int round = 0; round < CELL_CONTROL_ROUNDS; round++) {
    run_phase(team, (struct phase){each, 1, CELL_CONTROL_NS}, &one);
    if (threads > 1) run_phase(team, (struct phase){each, threads, CELL_CONTROL_NS}, &all);
  }
  return (struct cell_control_reading){per_second(one), threads > 1 ? per_second(all) / per_second(one) : 1};
}
