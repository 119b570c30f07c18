/* cart+fake.c: a pack with a workload that another has, too. */
#define PACK_NAME     "cart"
#define PACK_WORKLOAD "tea"
#include "pack.h"

static void spoil(reclaim_strategy *s) { into_pack(s); }
