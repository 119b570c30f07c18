/* pack.h: an object of a pack for the double `fake`: the pack's file says DOUBLE_PACK and the name of its workload, and may spoil more. */
static const char *const pack_workload = PACK_WORKLOAD;
#include "bad.h"

static reclaim_workload of_pack;
static const reclaim_workload *const works_of_pack[] = {&of_pack};
static const reclaim_setting settings_of_pack[] = {{PACK_WORKLOAD "-small", "the same with a tenth of the size", "size=100", 0}};
static void into_pack(reclaim_strategy *s) {
  of_pack = quiet;
  of_pack.name = pack_workload;
  of_pack.settings = settings_of_pack, of_pack.nsettings = 1;
  s->capabilities = RECLAIM_RECLAIMS | RECLAIM_SHARES_HEAP | RECLAIM_RECLAIMS_CYCLES | RECLAIM_HEAP_LIMIT; /* those of fake.c */
  s->pack = PACK_NAME;
  s->workloads = works_of_pack, s->nworkloads = 1;
}
