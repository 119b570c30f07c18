/* pack-claimed.c: a strategy of its own by its file's name, an object of a pack by what it says. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { s->pack = "others"; }
