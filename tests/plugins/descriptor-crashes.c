/* descriptor-crashes.c: asked for its descriptor, it crashes. */
#include "bad.h"

static void spoil(reclaim_strategy *s) {
  (void)s;
  abort();
}
