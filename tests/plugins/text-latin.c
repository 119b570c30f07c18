/* text-latin.c: a line of help that is not UTF-8, and could not be written to a file. */
#include "bad.h"

static void spoil(reclaim_strategy *s) { s->summary = "caf\xe9"; }
