/* load-exits.c: a constructor that ends the process, as if all were well. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { (void)s; }
__attribute__((constructor)) static void start(void) {
  fprintf(stderr, "goodbye\\n");
  exit(0);
}
