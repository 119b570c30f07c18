/* descriptor-garbage.c: a table that lies nowhere. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { s->tunables = (const reclaim_param *)64; }
