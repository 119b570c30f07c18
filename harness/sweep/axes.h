/* axes.h: the axes of a sweep, read and checked: profile below, then file, then flags. */
#ifndef RECLAIM_SWEEP_AXES_H
#define RECLAIM_SWEEP_AXES_H

#include "harness/catalog/catalog.h"
#include "harness/sweep/options.h"

/* What a profile says where the user says nothing. `extra_*`: a second, smaller product, taken along only as long as the user
   leaves workload, sharing and threads alone. */
struct sweep_profile {
  const char *name, *strategies, *workloads, *sharing, *threads, *allocators, *heaps, *pins;
  const char *extra_workloads, *extra_sharing, *extra_threads;
  int blocks, warmup, iterations, timeout_s;
  int repeats; /* at most so many blocks with a poor control are run once more; -1: all of them */
};

/* The profile of that name, or NULL; the n-th one's name, NULL past the last. */
const struct sweep_profile *sweep_profile_find(const char *name);
const char *sweep_profile_name(int n);

/* A list of words and where it was given. From the profile: `fixed` false, and words that this build lacks are only warned of. */
struct axis {
  char **words;
  int n;
  const char *origin;
  bool given;
  bool all; /* it was the word "all": what cannot be used is left out, and warned of */
};

struct sweep_machine {
  int pus, cores; /* allowed to this process */
};

struct axes {
  struct axis strategy, workload, sharing, threads, allocator, heap, pin;
  catalog_allocator *allocators; /* index-parallel to allocator.words */
  catalog_heap *heaps;
  int *thread_counts, nthread_counts;
  uint32_t *modes;
  bool own_modes; /* sharing is "all": of each workload those that it has */
};

/* Reads every axis. 0, or 2 after one line on stderr. `extra`: the profile's second product. Free with sweep_axes_free. */
int sweep_axes_read(struct axes *a, const struct sweep_options *o, const struct sweep_profile *profile, bool extra,
                    const struct sweep_machine *m);
void sweep_axes_free(struct axes *a);

/* Whether the profile's second product belongs to this sweep. */
bool sweep_axes_extra(const struct sweep_options *o, const struct sweep_profile *profile);

/* A whole number of an option within [min, max]; `def` when it was not given. False after one line on stderr. */
bool sweep_option_number(const struct sweep_options *o, enum sweep_option id, int64_t min, int64_t max, int64_t def,
                         int64_t *out);

#endif
