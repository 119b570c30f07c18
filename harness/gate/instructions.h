/* instructions.h: how many instructions a cell's iterations take on either side: what no noise can move.

   One process of each side under callgrind (Nethercote and Seward 2007), counting inside of iterations alone. With one thread, counts of two runs differ by a few
   instructions in 10^8, so a difference of more than 0.1 % is real. What it costs is another matter: instructions are no time. */
#ifndef RECLAIM_GATE_INSTRUCTIONS_H
#define RECLAIM_GATE_INSTRUCTIONS_H

#include "harness/gate/measure.h"
#include "harness/gate/place.h"

#define GATE_COUNTED_REAL      0.001 /* a difference of so much is one */
#define GATE_COUNTED_THRESHOLD 0.03  /* what is tolerated, unless told otherwise */

/* Counts, for the plan's base and newer sides, into notes: {"instructions": {"threshold", "cells": [{"base", "head"} or {"why"}]}}. 0, SWEEP_INTERRUPTED, or 2
   after one line on stderr: there is no valgrind. */
int gate_instructions_count(struct gate_place *, const struct sweep_plan *, double threshold, bool quiet, json_t *notes);

/* What was counted of the i-th cell. */
struct gate_counted {
  bool asked;        /* at all */
  double base, head; /* instructions; 0: not counted */
  const char *why;   /* not; NULL: they were */
  double threshold;
  enum gate_verdict verdict;
};
struct gate_counted gate_counted(const struct gate_result *, int i);

/* Whether any cell's count is a regression. */
bool gate_counted_worse(const struct gate_result *);

#endif
