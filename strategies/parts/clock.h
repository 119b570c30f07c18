/* clock.h: nanoseconds, and the histogram that pauses go into. Nothing here stands on a fast path. */
#ifndef RECLAIM_PARTS_CLOCK_H
#define RECLAIM_PARTS_CLOCK_H

#include <time.h>

#include "runtime/base.h"

static inline uint64_t clock_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline uint64_t wall_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
static inline uint64_t thread_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

static inline void histogram_add(reclaim_histogram *h, uint64_t ns) {
  h->count[reclaim_bucket(ns)]++;
  h->total_count++;
  h->total_ns += ns;
  if (ns > h->max_ns) h->max_ns = ns;
}

static inline void histogram_merge(reclaim_histogram *into, const reclaim_histogram *from) {
  for (int i = 0; i < RECLAIM_BUCKETS; i++) into->count[i] += from->count[i];
  into->total_count += from->total_count;
  into->total_ns += from->total_ns;
  if (from->max_ns > into->max_ns) into->max_ns = from->max_ns;
}

#endif
