/* tunable-default.c: a default that is not in its own range. */
#include "bad.h"

static const reclaim_param off[] = {{"spice", "too much", "", 10, 0, 9, NULL}};
static void spoil(reclaim_strategy *s) { s->tunables = off, s->ntunables = 1; }
