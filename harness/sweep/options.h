/* options.h: the flags of `run`, as texts with their origin.

   One table gives the command line, the sweep file and the help their names. Values stay texts here: the plan reads them, and
   when it refuses one it can say where it came from ("--threads" or "sweep.ini:7: threads"). */
#ifndef RECLAIM_SWEEP_OPTIONS_H
#define RECLAIM_SWEEP_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

enum sweep_option {
  OPT_PROFILE,
  OPT_STRATEGY,
  OPT_WORKLOAD,
  OPT_SHARING,
  OPT_THREADS,
  OPT_ALLOCATOR,
  OPT_HEAP,
  OPT_HEAP_BASE,
  OPT_PIN,
  OPT_SET,
  OPT_WHERE,
  OPT_BASELINE,
  OPT_BLOCKS,
  OPT_EFFECT,
  OPT_MOST_BLOCKS,
  OPT_SHARD,
  OPT_WARMUP,
  OPT_ITERATIONS,
  OPT_GC_THREADS,
  OPT_SEED,
  OPT_TIMEOUT,
  OPT_MEMORY_LIMIT,
  OPT_REPEATS,
  OPT_OVERSUBSCRIBE,
  OPT_PLUGIN_PATH,
  OPT_TRUST_OWNERS,
  OPT_KEEP_ENV,
  OPT_OUT,
  OPT_RESUME,
  OPT_DRY_RUN,
  OPT_QUIET,
  OPT_JSON,
  OPT_HELP,
  OPT_COUNT
};

/* A text and where it was given; text NULL: nowhere. */
struct sweep_value {
  char *text, *origin;
};

/* One name of --set, or one key of the section [set]. */
struct sweep_set {
  char *name, *values, *origin;
};

struct sweep_options {
  struct sweep_value value[OPT_COUNT];
  struct sweep_set *sets;
  int nsets;
};

/* Reads the flags of `run` (argv[0] is the first of them), then the sweep file if one is named, under which they lie: a flag
   hides the file's value of that name. 0, or 2 after one line on stderr. Free with sweep_options_free in either case. */
int sweep_options_read(struct sweep_options *o, int argc, char **argv);
void sweep_options_free(struct sweep_options *o);

/* Whether an option was given; for a switch, whether it is on. */
bool sweep_option_on(const struct sweep_options *o, enum sweep_option id);

const char *sweep_option_name(enum sweep_option id);

/* The help of `run`, from the table. */
void sweep_options_help(FILE *out);

#endif
