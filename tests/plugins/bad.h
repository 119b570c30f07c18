/* bad.h: the double `fake`, spoilt: a plug-in defines spoil() before it includes this, or has a constructor and leaves the descriptor
   as it is. */
#define DOUBLE_CAPABILITIES         RECLAIM_HEAP_LIMIT
#define reclaim_strategy_descriptor unspoilt
#include "../doubles/fake.h"
#undef reclaim_strategy_descriptor

static reclaim_strategy spoilt;
static void spoil(reclaim_strategy *s);

__attribute__((visibility("default"))) const reclaim_strategy *reclaim_strategy_descriptor(void) {
  spoilt = *unspoilt();
  spoil(&spoilt);
  return &spoilt;
}
