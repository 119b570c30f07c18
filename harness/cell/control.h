/* control.h: is the machine really there?

   A machine that says it has two CPUs may have one and a half. The control is a little work of fixed kind (dependent
   arithmetic, a pointer chase through memory of the thread's own, first touches of fresh pages) that is run beside the
   workload, on the same threads and CPUs, by one thread and then by all of them. It says nothing about a strategy; it says
   whether the row can be believed. */
#ifndef RECLAIM_CELL_CONTROL_H
#define RECLAIM_CELL_CONTROL_H

#include <stdint.h>

struct cell_team;

/* One thread and all of them take turns, this often and each time for so long, so that a clock that speeds up meanwhile serves
   both; before that, CPUs are given time to wake from their sleep. 7 ms together. */
enum { CELL_CONTROL_ROUNDS = 3, CELL_CONTROL_NS = 1000000, CELL_CONTROL_WAKE_NS = 1000000 };

/* The data of one thread, in memory that is mapped for it alone. NULL when out of memory. Make it and use it on the thread that
   it is for, so that its pages lie near it. */
struct cell_control;
struct cell_control *cell_control_make(void);
void cell_control_free(struct cell_control *);

/* Works until CLOCK_MONOTONIC reaches until_ns; returns how many units of work were done. */
uint64_t cell_control_work(struct cell_control *, uint64_t until_ns);

/* The control of all of them: members 0 .. threads - 1 of the team have each[i]. Units per second of one of them alone, and how many times as
   many all of them do; 1 for one thread. */
struct cell_control_reading {
  double speed, speedup;
};
struct cell_control_reading cell_control_read(struct cell_team *team, struct cell_control *const *each, int threads);

/* CLOCK_MONOTONIC in ns. */
uint64_t cell_now_ns(void);

#endif
