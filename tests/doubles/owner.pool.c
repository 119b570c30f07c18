/* owner.pool.c: the double `fake` as a strategy with a heap of its own, so without the other flavour, that frees by hand: it can run `work`,
   on private data, and nothing else. */
#define DOUBLE_CAPABILITIES (RECLAIM_RECLAIMS | RECLAIM_SHARES_HEAP | RECLAIM_UNIQUE_OWNERS)
#include "fake.h"
