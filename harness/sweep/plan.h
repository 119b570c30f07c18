/* plan.h: what a sweep will do, decided completely before anything is measured.

   A plan is the list of cells with everything a child needs to run one, the number of blocks, and the seed that orders them. It
   goes into campaign.json and comes back from it unchanged: a resumed sweep reads its plan and never makes a new one. */
#ifndef RECLAIM_SWEEP_PLAN_H
#define RECLAIM_SWEEP_PLAN_H

#include "harness/sweep/options.h"

#include <jansson.h>
#include <stdint.h>

struct sweep_cell {
  char *strategy, *workload; /* workload: the name that the user gave */
  char *parameters;          /* every one: "name=value;name=value" */
  char *tunables;            /* the same of the strategy */
  char *sharing, *pinning;
  char *allocator, *library; /* library: the file to preload, "" for none */
  char *heap;                /* as given to the child */
  char *heap_policy;         /* "3x", "bytes", "grow"; "n/a" for a strategy that obeys no limit */
  uint64_t heap_limit;       /* 0: none */
  double heap_factor;        /* of 1x, where the policy is one; 0 elsewhere */
  uint64_t declared;         /* live bytes by the workload's formula; 0: it has none */
  uint64_t heap_base;        /* 1x in bytes (harness/sweep/minheap.h); 0: not known */
  char *heap_base_kind;      /* what 1x is: "minheap", "declared" or "" */
  int threads, collector_threads;
  int warmup, iterations;
  int *cpus, ncpus; /* OS numbers; none where the kernel chooses */
  bool oversubscribed;
  char *pack;          /* that the workload is of; "": none */
  char *object, *hash; /* the file that is loaded, and its SHA-256; "" where there is none to load */
  bool plugin;         /* the object is not of the program's own folder */
  char *side;          /* of a comparison of builds; "": none */
  char *folder;        /* of the objects, in place of the program's own; "": that */
  char *program;       /* that runs the cell; "": this one */
  char *plant;         /* "cpu=5": a slow-down that was put there; "": none */
  int blocks;          /* it is run in the plan's first so many blocks alone; 0: in all */
  char *reason;        /* why it is not applicable; NULL: it is */
};

struct sweep_plan {
  struct sweep_cell *cells;
  int ncells;
  int *runs, nruns;               /* indices of the applicable ones */
  int blocks, warmup, iterations; /* blocks 0: not settled yet, a pilot comes first */
  int pilot;                      /* blocks that come before those that count, and only tell how many these must be */
  int most_blocks;                /* that a pilot may ask for */
  double effect;                  /* the difference from the baseline that it sizes them for: 0.05 is 5 % */
  int shard, shards;              /* of the blocks those with number % shards == shard are run; 1 shard: all */
  int sides;                      /* so many cells that follow each other are run next to each other; 1: none */
  int repeats;                    /* at most so many blocks are run once more; -1: all that need it */
  uint64_t seed, memory_limit;
  double timeout_s;
  int gc_threads; /* 0: as many as mutators */
  int pus;        /* CPUs that this process may use */
  bool keep_env, oversubscribe, trust_owners;
  char *baseline, *profile;
  char **warnings;
  int nwarnings;
};

/* Makes the plan that the options ask for. 0, or 2 after one line on stderr. Free with sweep_plan_free in either case. */
int sweep_plan_make(struct sweep_plan *p, const struct sweep_options *o);
void sweep_plan_free(struct sweep_plan *p);

/* Blocks are numbered through: those of the pilot, the planned ones, and as many again, of which the i-th is the i-th planned one run
   once more. */
static inline int sweep_plan_first(const struct sweep_plan *p) { return p->pilot; }
static inline int sweep_plan_end(const struct sweep_plan *p) { return p->pilot + p->blocks; }
static inline bool sweep_plan_is_repeat(const struct sweep_plan *p, int block) { return block >= sweep_plan_end(p); }
/* The block whose number its rows have. */
static inline int sweep_plan_block(const struct sweep_plan *p, int block) {
  return sweep_plan_is_repeat(p, block) ? block - p->blocks : block;
}

/* Whether this shard runs that block, and, in it, that cell. */
bool sweep_plan_has_block(const struct sweep_plan *p, int block);
bool sweep_plan_has(const struct sweep_plan *p, int block, int cell);

/* The number of invocations in a block that this shard runs. */
int sweep_plan_block_size(const struct sweep_plan *p, int block);

/* The invocation's number of position `at` in `block`. */
static inline int64_t sweep_plan_invocation(const struct sweep_plan *p, int block, int at) {
  return (int64_t)block * p->nruns + at;
}

/* One more than the last number that an invocation of this plan can have. */
static inline int64_t sweep_plan_invocations(const struct sweep_plan *p) {
  return (int64_t)p->nruns * (p->pilot + 2 * (int64_t)(p->blocks ? p->blocks : p->most_blocks));
}

/* order[0 .. nruns - 1]: the cells' indices in the order in which this block runs them. */
void sweep_plan_order(const struct sweep_plan *p, int block, int *order);

/* The value of an axis, parameter or tunable of a cell as text, NULL when it has none. Valid until the next call. */
const char *sweep_cell_value(const struct sweep_cell *c, const char *name);

/* The value of `name` in "name=value;name=value", NULL when it is not there. Valid until the next call. */
const char *sweep_assigned(const char *assignments, const char *name);

/* A cell of its own that is equal to this one. To be freed by sweep_cell_free, or with the plan that it is put into. */
struct sweep_cell sweep_cell_copy(const struct sweep_cell *c);
void sweep_cell_free(struct sweep_cell *c);

/* Puts `text`, which is copied, in place of a text of a cell. */
void sweep_cell_set(char **field, const char *text);

/* "lists private rc 2 threads pool": for people. The caller frees. */
char *sweep_cell_title(const struct sweep_cell *c);

json_t *sweep_plan_json(const struct sweep_plan *p);
/* 0, or 2 after one line on stderr that begins with `where`. */
int sweep_plan_from_json(struct sweep_plan *p, const json_t *json, const char *where);

void sweep_plan_warn(struct sweep_plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
