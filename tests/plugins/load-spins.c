/* load-spins.c: a constructor that closes every stream and works for ever. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { (void)s; }
__attribute__((constructor)) static void start(void) {
  for (int i = 0; i < 1000; i++) close(i);
  for (volatile unsigned i = 0;; i++) {}
}
