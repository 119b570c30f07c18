/* self-changing.c: as sound as `fake`, but that each iteration makes its own file longer: what a rebuild does to a sweep that runs. */
#define _GNU_SOURCE 1 /* dladdr */
#include <dlfcn.h>

#include "bad.h"

static void change(reclaim_thread *t, uint32_t iteration, bool audit, reclaim_result *out) {
  Dl_info info;
  FILE *f = dladdr((void *)&spoilt, &info) ? fopen(info.dli_fname, "ae") : NULL;
  if (!f || fputc(0, f) == EOF || fclose(f)) abort();
  run(t, iteration, audit, out);
}
static void spoil(reclaim_strategy *s) { s->run = change; }
