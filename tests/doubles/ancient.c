/* ancient.c: a strategy that was built for an earlier version of the interface: of its descriptor, the first two words are all that may
   be read. */
#include "runtime/descriptor.h"

static const uint32_t words[2] = {RECLAIM_ABI - 1, 16};

__attribute__((visibility("default"))) const void *reclaim_strategy_descriptor(void) { return words; }
