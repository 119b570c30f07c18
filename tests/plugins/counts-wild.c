/* counts-wild.c: a number of tunables that is out of any range. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { s->ntunables = -7; }
