/* heap-null.c: a heap that cannot be opened. */
#include "bad.h"

static reclaim_heap *none(const reclaim_config *c) {
  (void)c;
  return NULL;
}
static void spoil(reclaim_strategy *s) { s->open = none; }
