/* sampler.h: resident memory over time, and the watch on the memory limit.

   A thread of its own reads /proc/self/statm about every millisecond and keeps (time, bytes) pairs; what a window used is
   computed from them afterwards. The thread's own CPU time and context switches are published, so that they can be subtracted
   from the process's. Nothing is allocated after the start: memory is what is being measured. */
#ifndef RECLAIM_CELL_SAMPLER_H
#define RECLAIM_CELL_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

struct cell_sample {
  uint64_t at_ns; /* CLOCK_MONOTONIC */
  uint64_t bytes;
};

/* What the sampling thread itself has used so far. */
struct cell_sampler_use {
  uint64_t user_ns, system_ns, switches;
};

struct cell_sampler;

/* Starts the thread, on these CPUs when ncpus > 0. When more than limit_bytes (0: no limit) are resident, `over` is called
   once, in the sampling thread, with the bytes seen. NULL with a message in err when it cannot start. */
struct cell_sampler *cell_sampler_start(const int *cpus, int ncpus, uint64_t limit_bytes, void (*over)(uint64_t bytes), char *err,
                                        size_t nerr);

/* Ends the thread and forgets the samples. */
void cell_sampler_free(struct cell_sampler *);

/* Any thread, at any time; three loads. At most one sample behind. */
struct cell_sampler_use cell_sampler_used(struct cell_sampler *);

/* Mean and maximum (see below) over a window that has ended. Any thread. */
void cell_sampler_window(struct cell_sampler *, uint64_t from_ns, uint64_t to_ns, uint64_t *mean, uint64_t *most);

/* All samples, oldest first, until cell_sampler_free; none is added from then on. Any thread. */
const struct cell_sample *cell_sampler_freeze(struct cell_sampler *, size_t *n);

/* The most samples that are kept. When they are full, every second one is dropped, and half as many are kept from then on. */
enum { CELL_SAMPLES = 1 << 14 };

/* Keeps every second sample, the first among them; the number left. */
size_t cell_thin_samples(struct cell_sample *samples, size_t n);

/* Time-weighted mean and maximum of the piecewise linear curve through n samples (in order of time) over [from, to]; before the
   first and after the last one the curve is level. RECLAIM_NONE without samples. */
uint64_t cell_mean_bytes(const struct cell_sample *samples, size_t n, uint64_t from_ns, uint64_t to_ns);
uint64_t cell_max_bytes(const struct cell_sample *samples, size_t n, uint64_t from_ns, uint64_t to_ns);

#endif
