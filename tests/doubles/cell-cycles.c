/* Claims to count references and to collect cycles: no shared objects, no heap limit. */
#define FAKE_CAPABILITIES (RECLAIM_RECLAIMS | RECLAIM_COUNTS_HEAP | RECLAIM_RECLAIMS_CYCLES)
#include "cell-fake.h"
