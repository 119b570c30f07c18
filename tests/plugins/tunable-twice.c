/* tunable-twice.c: two tunables of one name. */
#include "bad.h"

static const reclaim_param twice[] = {{"spice", "once", "", 1, 0, 9, NULL}, {"spice", "twice", "", 1, 0, 9, NULL}};
static void spoil(reclaim_strategy *s) { s->tunables = twice, s->ntunables = 2; }
