/* descriptor-size.c: the same version, another struct. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { s->size -= 8; }
