/* Claims to trace: shared objects, a heap limit, cycles reclaimed. */
#define FAKE_CAPABILITIES (RECLAIM_RECLAIMS | RECLAIM_SHARES_HEAP | RECLAIM_RECLAIMS_CYCLES | RECLAIM_HEAP_LIMIT)
#include "cell-fake.h"
