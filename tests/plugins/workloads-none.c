/* workloads-none.c: a strategy that can run nothing. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { s->nworkloads = 0; }
