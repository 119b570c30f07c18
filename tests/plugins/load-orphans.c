/* load-orphans.c: a constructor that leaves a process behind which holds every stream open, and crashes. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { (void)s; }
__attribute__((constructor)) static void start(void) {
  leave_orphan();
  abort();
}
