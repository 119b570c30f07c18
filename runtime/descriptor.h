/* descriptor.h: the one thing a strategy's shared object exports, and all that the harness knows of it.

   The object model and every workload are compiled once per strategy into one shared object (see docs/architecture.md). The
   harness never sees an object, a slot or a barrier: it reads the tables below, opens a heap, attaches threads, and calls `run`
   once per thread and iteration. Everything here is plain C data with a fixed layout, so that an object built elsewhere can be
   checked (`abi`, `size`) before anything of it is called.

   Thread-safety: the tables are constant. `open`, `close`, `globals` and `stats` are called by one thread while no other is
   attached or while all others wait in a blocking region; every other entry point is called by the thread that it concerns. */
#ifndef RECLAIM_DESCRIPTOR_H
#define RECLAIM_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raised whenever a struct of this header or the meaning of a field changes. */
#define RECLAIM_ABI 3

/* The symbol that dlsym looks for: `const struct reclaim_strategy *reclaim_strategy_descriptor(void)`. */
#define RECLAIM_DESCRIPTOR_SYMBOL "reclaim_strategy_descriptor"

/* A value that could not be had, in any uint64_t of this header. Written to files as an empty field, never as 0. */
#define RECLAIM_NONE UINT64_MAX

/* --- Parameters and tunables: one table drives the command line, the sweep file, `list` and the rows. ------------------ */

typedef struct reclaim_param {
  const char *name;           /* lower case, words joined by '-' */
  const char *summary;        /* one line of help */
  const char *unit;           /* "bytes", "us", "%", "" for a plain number; suffixes K M G are read where the unit is bytes */
  int64_t def, min, max;      /* default and inclusive range */
  const char *const *choices; /* NULL, or max + 1 names: the value is an index, and users write the name */
} reclaim_param;

/* --- Sharing modes (a bit each) ------------------------------------------------------------------------------------- */

enum {
  RECLAIM_PRIVATE = 1 << 0,      /* each thread has its own data */
  RECLAIM_SHARED_READ = 1 << 1,  /* one structure, read by all */
  RECLAIM_SHARED_WRITE = 1 << 2, /* one structure, written by all */
  RECLAIM_HAND_OFF = 1 << 3,     /* made by one thread, dropped by another */
};

/* --- Capabilities, from the MM_* constants of the strategy's header --------------------------------------------------- */

enum {
  RECLAIM_MOVES = 1 << 0,           /* objects change address */
  RECLAIM_COUNTS_LOCALS = 1 << 1,   /* a local counts */
  RECLAIM_COUNTS_HEAP = 1 << 2,     /* a field counts */
  RECLAIM_CHAINS_SLOTS = 1 << 3,    /* locals are linked for a collector */
  RECLAIM_SHARES_HEAP = 1 << 4,     /* threads may share objects; without it only RECLAIM_PRIVATE is applicable */
  RECLAIM_RECLAIMS_CYCLES = 1 << 5, /* cyclic trash is reclaimed */
  RECLAIM_HEAP_LIMIT = 1 << 6,      /* obeys heap_limit_bytes; without it the heap column is "n/a" */
  RECLAIM_PARALLEL = 1 << 7,        /* collects with collector_threads threads; without it with one, whatever is asked for */
  RECLAIM_RECLAIMS = 1 << 8,        /* gives memory back at all; without it everything that was made is leaked, by design */
  RECLAIM_UNIQUE_OWNERS = 1 << 9,   /* an object has one owner, and dies with it: only where a workload's lifetimes are known */
  RECLAIM_CONSERVATIVE = 1 << 10,   /* may keep what is dead: what it leaks is bounded, not exact */
};

/* --- Workloads --------------------------------------------------------------------------------------------------------- */

/* A named setting of a workload (the reference programs are such settings), listed and swept under its own name. */
typedef struct reclaim_setting {
  const char *name, *summary;
  const char *values; /* "depth=8;kept-depth=18" */
  uint32_t sharing;   /* the modes this setting has, a subset of the workload's; 0: all of them */
} reclaim_setting;

typedef struct reclaim_workload {
  const char *name, *summary;
  const char *probes;    /* what it tests, one line */
  const char *operation; /* what one operation is, singular: "node", "list operation" */
  const reclaim_param *params;
  int nparams;
  uint32_t sharing; /* bit set of the modes it has */
  /* Bit set of the modes in which every object has one owner at any time, and nobody looks at it after that one has dropped it:
     where a program without counts and without a collector could free by hand. 0: none. */
  uint32_t known_lifetimes;
  const reclaim_setting *settings;
  int nsettings;
  /* Whether it makes cyclic trash with these parameters (index-parallel to `params`). */
  bool (*makes_cycles)(const int64_t *params);
  /* Bytes it keeps live at its fullest, all threads together, counted as objects of 8-byte header and 8-byte references. */
  uint64_t (*live_bytes)(const int64_t *params, int threads, uint32_t sharing);
  /* NULL, or a message when a combination of in-range values is not possible ("depth must be below kept-depth"). */
  const char *(*refuse)(const int64_t *params, int threads, uint32_t sharing);
} reclaim_workload;

/* --- Running ------------------------------------------------------------------------------------------------------------ */

/* Statuses of samples.csv that a strategy can end a cell with; the harness adds its own. */
enum reclaim_failure { RECLAIM_FAIL_HEAP_TOO_SMALL = 1, RECLAIM_FAIL_OUT_OF_MEMORY = 2, RECLAIM_FAIL_CHECK = 3 };

typedef struct reclaim_config {
  const reclaim_workload *workload;
  const int64_t *params;   /* index-parallel to workload->params */
  const int64_t *tunables; /* index-parallel to the strategy's tunables */
  uint32_t sharing;        /* exactly one mode */
  int threads;             /* mutators, >= 1 */
  int collector_threads;   /* >= 1 */
  uint64_t seed;
  uint64_t heap_limit_bytes; /* everything counted; 0: grow */
  /* Ends the process's cell with a status; does not return. Callable from any thread. */
  void (*fail)(enum reclaim_failure why, const char *reason);
} reclaim_config;

/* Log-linear histogram of nanoseconds: 64 powers of two, each cut in 8. Bucket of v: see reclaim_bucket(). */
enum { RECLAIM_BUCKETS = 64 * 8 };
typedef struct reclaim_histogram {
  uint64_t count[RECLAIM_BUCKETS];
  uint64_t total_count, total_ns, max_ns;
} reclaim_histogram;

static inline int reclaim_bucket(uint64_t v) {
  if (v < 8) return (int)v;
  int e = 63 - __builtin_clzll(v);
  return (e - 2) * 8 + (int)((v >> (e - 3)) & 7);
}
/* The smallest value of a bucket. */
static inline uint64_t reclaim_bucket_floor(int b) {
  if (b < 8) return (uint64_t)b;
  return (uint64_t)(8 + b % 8) << (b / 8 - 1);
}

enum { RECLAIM_COUNTERS = 64 };
typedef struct reclaim_counter {
  const char *name; /* as in docs/strategies.md */
  uint64_t value;
} reclaim_counter;

/* Since the last reset_stats, but for the four sizes at the end, which are of now. Anything a strategy cannot say is RECLAIM_NONE. */
typedef struct reclaim_stats {
  uint64_t collections, minor_collections; /* collections: full ones */
  uint64_t collector_wall_ns;              /* time in which at least one thread did collector work, summed over collections */
  uint64_t collector_cpu_ns;               /* CPU time of collector work, wherever it ran */
  reclaim_histogram pauses;                /* one entry per pause: stop request to resume; long free cascades; waits for a GIL */
  reclaim_histogram safepoints;            /* time to safepoint, for strategies that stop the world */
  reclaim_histogram lock_waits;            /* waits for the GIL, which are among the pauses, apart */
  reclaim_counter counters[RECLAIM_COUNTERS];
  int ncounters;
  uint64_t live_objects, live_bytes; /* see audit */
  uint64_t committed_bytes,
      allocated_bytes; /* committed: held from the system for objects and metadata; allocated: in live cells */
} reclaim_stats;

/* What one call of `run` did. */
typedef struct reclaim_result {
  uint64_t operations;
  uint64_t checksum;     /* combined over threads by addition modulo 2^64; independent of interleaving */
  uint64_t cyclic_nodes; /* objects this thread made that counting alone cannot reclaim, from the workload's own books */
} reclaim_result;

typedef struct reclaim_heap reclaim_heap;
typedef struct reclaim_thread reclaim_thread;

typedef struct reclaim_strategy {
  uint32_t abi, size; /* RECLAIM_ABI, sizeof(reclaim_strategy) */
  const char *name, *summary;
  const char *flavour; /* "pool" (the project's own pools) or "malloc" (whatever malloc the process has) */
  const char *build;   /* compiler and flags */
  const char *pack;    /* "": the strategy's own object; else the pack of workloads that this object has, and no others */
  const char *source;  /* the commit whose runtime it was compiled with; "": built together with the program */
  uint32_t capabilities;
  bool checked;  /* built with MM_CHECK: epochs, poisoning, verifier; never timed */
  bool counting; /* built with MM_COUNTING: events of fast paths are among the counters; never timed */
  const reclaim_param *tunables;
  int ntunables;
  const reclaim_workload *const *workloads;
  int nworkloads;

  /* Opens the heap. NULL: out of memory. The config must outlive it. */
  reclaim_heap *(*open)(const reclaim_config *config);
  /* Frees the heap; no thread may be attached. */
  void (*close)(reclaim_heap *);
  /* Makes the calling thread a mutator, index 0 .. threads - 1. NULL: out of memory. It starts inside a blocking region, so
     that a thread which waits for its companions at a barrier holds nobody up. */
  reclaim_thread *(*attach)(reclaim_heap *, int index);
  void (*detach)(reclaim_thread *);
  /* One iteration of this thread's share: build, work, drop. All `threads` must call it, with the same iteration number: it may
     rendezvous with them. Enters and leaves outside of it are blocking regions. `audit`: at the fullest point all threads
     rendezvous, the heap is collected in full where it can be, and live_objects/live_bytes of the stats are set; never timed. */
  void (*run)(reclaim_thread *, uint32_t iteration, bool audit, reclaim_result *out);
  /* A full collection, asked for by one thread while the others are blocked. Does nothing where there is no collector. After
     it, live_objects and live_bytes of the stats are exact: what was never reclaimed, immortal objects left out. */
  void (*collect)(reclaim_thread *);
  void (*stats)(reclaim_heap *, reclaim_stats *out);
  void (*reset_stats)(reclaim_heap *);
} reclaim_strategy;

typedef const reclaim_strategy *reclaim_descriptor_fn(void);

#endif
