/* loner.c: the double `fake` as a strategy that shares no heap, obeys no limit, and leaks cycles. */
#define DOUBLE_CAPABILITIES (RECLAIM_RECLAIMS | RECLAIM_COUNTS_HEAP)
#include "fake.h"
