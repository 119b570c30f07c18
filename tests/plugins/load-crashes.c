/* load-crashes.c: a constructor that dies. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { (void)s; }
__attribute__((constructor)) static void start(void) { raise(SIGSEGV); }
