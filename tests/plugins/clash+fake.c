/* clash+fake.c: a pack with a workload that every strategy has. */
#define PACK_NAME     "clash"
#define PACK_WORKLOAD "work"
#include "pack.h"

static void spoil(reclaim_strategy *s) { into_pack(s); }
