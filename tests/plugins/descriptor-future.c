/* descriptor-future.c: built for an interface to come. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { s->abi = RECLAIM_ABI + 1; }
