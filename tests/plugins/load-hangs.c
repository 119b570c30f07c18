/* load-hangs.c: a constructor that never comes back. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { (void)s; }
__attribute__((constructor)) static void start(void) {
  for (;;) pause();
}
