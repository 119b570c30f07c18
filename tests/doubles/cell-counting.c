/* Claims to count references: no shared objects, no heap limit, cycles leak. */
#define FAKE_CAPABILITIES (RECLAIM_RECLAIMS | RECLAIM_COUNTS_LOCALS | RECLAIM_COUNTS_HEAP)
#include "cell-fake.h"
