/* descriptor-entries.c: an entry point that lies nowhere. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { memset(&s->collect, 0x11, sizeof s->collect); }
