/* stopwatch.h: how long collections took, wall and CPU. Reading a thread's CPU clock is a system call, and most collections of young
   objects are over in the time of a few of them. So of those CPU time is read for one in STOPWATCH_EACH, which stands for all of them (a number
   that has no factor in common with the periods in which older generations are collected, too). A collection that turns out to be
   long calls stopwatch_long and is read for itself, from there on. */
#ifndef RECLAIM_PARTS_STOPWATCH_H
#define RECLAIM_PARTS_STOPWATCH_H

#include "strategies/parts/clock.h"

enum {
  STOPWATCH_EACH = 13,
  STOPWATCH_LONG = 4096, /* objects to look at: a collection of more is long */
};

typedef struct Stopwatch {
  uint64_t wall_ns, cpu_ns; /* sums */
  unsigned until;           /* collections until one is read for all */
  uint64_t began, cpu;      /* of the one under way; 0: its CPU time is not read */
  bool is_long;
} Stopwatch;

static inline void stopwatch_start(Stopwatch *w) {
  w->cpu = 0;
  w->is_long = false;
  if (w->until-- == 0) {
    w->until = STOPWATCH_EACH - 1;
    w->cpu = thread_cpu_ns();
  }
  w->began = wall_ns();
}
static inline void stopwatch_long(Stopwatch *w) {
  w->is_long = true;
  if (!w->cpu) w->cpu = thread_cpu_ns();
}
/* Hands back the wall time. */
static inline uint64_t stopwatch_stop(Stopwatch *w) {
  uint64_t took = wall_ns() - w->began;
  w->wall_ns += took;
  if (w->cpu) w->cpu_ns += (thread_cpu_ns() - w->cpu) * (w->is_long ? 1 : STOPWATCH_EACH);
  return took;
}
static inline void stopwatch_reset(Stopwatch *w) { memset(w, 0, sizeof *w); }

#endif
