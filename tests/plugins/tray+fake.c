/* tray+fake.c: a pack as it should be. */
#define PACK_NAME     "tray"
#define PACK_WORKLOAD "tea"
#include "pack.h"

static void spoil(reclaim_strategy *s) { into_pack(s); }
