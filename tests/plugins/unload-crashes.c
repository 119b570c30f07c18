/* unload-crashes.c: a destructor that crashes. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { (void)s; }
__attribute__((destructor)) static void end(void) { abort(); }
