/* stale+fake.c: a pack that was built with an earlier fake. */
#define PACK_NAME     "stale"
#define PACK_WORKLOAD "milk"
#include "pack.h"

static void spoil(reclaim_strategy *s) {
  into_pack(s);
  s->ntunables = 1;
}
