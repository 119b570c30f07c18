/* options.h: the command line of `reclaim cell`, read, checked and looked up: one point of the sweep, ready to run. */
#ifndef RECLAIM_CELL_OPTIONS_H
#define RECLAIM_CELL_OPTIONS_H

#include "harness/catalog/catalog.h"
#include "harness/cell/pin.h"
#include "harness/cell/plant.h"

#include <stdbool.h>
#include <stdint.h>

/* As given, each as text or NULL: what is read before the strategy's object is. */
struct cell_words {
  const char *strategy, *workload, *sharing, *threads, *allocator, *heap, *pin, *warmup, *iterations, *gc_threads, *seed,
      *memory_limit, *fd, *plugin_path, *pack, *objects, *plant;
  const char *trust_owners, *no_probe;            /* not NULL: present */
  const char *oversubscribe, *wait_for_go, *help; /* not NULL: present */
  const char **sets;                              /* "name=value", in the order given */
  int nsets;
};

struct cell_options {
  const reclaim_strategy *strategy; /* the one object that is loaded: its own, or that of the workload's pack */
  catalog_choice choice;
  const char *workload; /* the name that was given: the workload's own or a setting's */
  catalog_allocator allocator;
  int64_t *params, *tunables;            /* index-parallel to their tables */
  char *parameters_text, *tunables_text; /* "name=value;...", in full */
  uint32_t sharing;                      /* one bit */
  int threads, collector_threads;
  int *cpus;                    /* one per thread, -1 where not pinned */
  int *other_cpus, nother_cpus; /* for what must not disturb them; may be none */
  bool oversubscribed;
  enum pin_policy pin;
  const char *heap_policy;   /* "3x" as given, "bytes", "grow", or "n/a" for a strategy without a limit */
  uint64_t heap_limit_bytes; /* 0: grow */
  const char *heap_base;     /* what 1x is: "minheap", where it was searched for, or "declared" */
  uint64_t heap_base_bytes;
  uint64_t memory_limit_bytes; /* 0: none */
  uint64_t seed;
  int warmup, iterations;
  const char *plant_text; /* as given, "" for none */
  struct cell_plant plant;
  int fd;
  bool wait_for_go;
};

/* Splits the command line; argv[0] is not looked at. The words point into argv. False with a message in err. */
bool cell_read_words(int argc, char **argv, struct cell_words *out, char *err, size_t nerr);

/* Looks everything up, on this machine. The words and what they point to must outlive the options. False with a message in err;
   what was filled so far is freed by cell_free_options in either case. */
bool cell_read_options(const struct cell_words *, struct cell_options *out, char *err, size_t nerr);
void cell_free_options(struct cell_options *);

/* The text of `reclaim cell --help`. */
void cell_print_help(void);

#endif
