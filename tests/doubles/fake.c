/* fake.c: a strategy that reclaims nothing because it allocates nothing: its one workload works for a moment, or misbehaves in the way
   that its parameters ask for. It shares a heap, obeys a limit and reclaims cycles; see also the double `loner`. */
#define DOUBLE_CAPABILITIES (RECLAIM_RECLAIMS | RECLAIM_SHARES_HEAP | RECLAIM_RECLAIMS_CYCLES | RECLAIM_HEAP_LIMIT)
#include "fake.h"
