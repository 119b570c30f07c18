/* keeper.malloc.c: the double `fake` as a strategy without a pool that never gives memory back. */
#define DOUBLE_CAPABILITIES RECLAIM_SHARES_HEAP
#include "fake.h"
