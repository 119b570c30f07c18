/* heap-refused.c: a heap that gives up as soon as it is opened. */
#include "bad.h"

static reclaim_heap *give_up(const reclaim_config *c) {
  c->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "never enough");
  return NULL;
}
static void spoil(reclaim_strategy *s) { s->open = give_up; }
