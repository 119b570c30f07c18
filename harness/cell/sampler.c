/* sampler.c: the sampling thread, and the arithmetic on what it saw.

   The samples lie in one block that is mapped and touched before the first of them, so that sampling never changes what it
   measures. When the block is full, every second sample is dropped and the period doubled: a run of any length keeps its shape;
   the watch on the limit keeps the first period. */
#define _GNU_SOURCE
#include "harness/cell/sampler.h"
#include "harness/cell/memory.h"
#include "harness/cell/pin.h"
#include "runtime/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD_NS = 1000000 };

struct cell_sampler {
  pthread_t thread;
  int statm;
  const int *cpus;
  int ncpus;
  uint64_t limit_bytes;
  void (*over)(uint64_t bytes);
  _Atomic bool stop;
  _Atomic uint64_t user_ns, system_ns, switches;
  pthread_mutex_t lock; /* over the fields below */
  bool frozen;
  size_t n;
  uint64_t stride; /* one sample in so many is kept */
  struct cell_sample samples[CELL_SAMPLES];
};

static uint64_t timespec_ns(struct timespec t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec; }

static uint64_t timeval_ns(struct timeval t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u; }

static void publish_use(struct cell_sampler *s) {
  struct rusage u;
  getrusage(RUSAGE_THREAD, &u);
  atomic_store_explicit(&s->user_ns, timeval_ns(u.ru_utime), memory_order_relaxed);
  atomic_store_explicit(&s->system_ns, timeval_ns(u.ru_stime), memory_order_relaxed);
  atomic_store_explicit(&s->switches, (uint64_t)(u.ru_nvcsw + u.ru_nivcsw), memory_order_relaxed);
}

static void keep(struct cell_sampler *s, struct cell_sample sample) {
  pthread_mutex_lock(&s->lock);
  if (s->n == CELL_SAMPLES && !s->frozen) {
    s->n = cell_thin_samples(s->samples, s->n);
    s->stride *= 2;
  }
  if (!s->frozen) s->samples[s->n++] = sample;
  pthread_mutex_unlock(&s->lock);
}

static void *sample(void *argument) {
  struct cell_sampler *s = argument;
  char ignored[128];
  if (s->ncpus > 0) cell_bind(s->cpus, s->ncpus, ignored, sizeof ignored); /* a courtesy: where it fails, sampling goes on */
  for (uint64_t tick = 0; !atomic_load_explicit(&s->stop, memory_order_acquire); tick++) {
    struct timespec t;
    uint64_t bytes = cell_rss_quick(s->statm);
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (bytes != RECLAIM_NONE && tick % s->stride == 0) keep(s, (struct cell_sample){timespec_ns(t), bytes});
    if (bytes != RECLAIM_NONE && bytes > s->limit_bytes) {
      s->limit_bytes = UINT64_MAX;
      s->over(bytes);
    }
    publish_use(s);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, PERIOD_NS}, NULL);
  }
  return NULL;
}

static void discard(struct cell_sampler *s) {
  if (s->statm >= 0) close(s->statm);
  pthread_mutex_destroy(&s->lock);
  munmap(s, sizeof *s);
}

struct cell_sampler *cell_sampler_start(const int *cpus, int ncpus, uint64_t limit_bytes, void (*over)(uint64_t bytes), char *err,
                                        size_t nerr) {
  struct cell_sampler *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (s == MAP_FAILED) {
    snprintf(err, nerr, "no memory for samples: %s", strerror(errno));
    return NULL;
  }
  s->cpus = cpus;
  s->ncpus = ncpus;
  s->limit_bytes = limit_bytes ? limit_bytes : UINT64_MAX;
  s->over = over;
  s->stride = 1;
  pthread_mutex_init(&s->lock, NULL);
  s->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  int failure = s->statm < 0 ? errno : pthread_create(&s->thread, NULL, sample, s);
  if (!failure) return s;
  snprintf(err, nerr, "the memory sampler cannot start: %s", strerror(failure));
  discard(s);
  return NULL;
}

void cell_sampler_free(struct cell_sampler *s) {
  atomic_store_explicit(&s->stop, true, memory_order_release);
  pthread_join(s->thread, NULL);
  discard(s);
}

struct cell_sampler_use cell_sampler_used(struct cell_sampler *s) {
  return (struct cell_sampler_use){.user_ns = atomic_load_explicit(&s->user_ns, memory_order_relaxed),
                                   .system_ns = atomic_load_explicit(&s->system_ns, memory_order_relaxed),
                                   .switches = atomic_load_explicit(&s->switches, memory_order_relaxed)};
}

void cell_sampler_window(struct cell_sampler *s, uint64_t from_ns, uint64_t to_ns, uint64_t *mean, uint64_t *most) {
  pthread_mutex_lock(&s->lock);
  *mean = cell_mean_bytes(s->samples, s->n, from_ns, to_ns);
  *most = cell_max_bytes(s->samples, s->n, from_ns, to_ns);
  pthread_mutex_unlock(&s->lock);
}

const struct cell_sample *cell_sampler_freeze(struct cell_sampler *s, size_t *n) {
  pthread_mutex_lock(&s->lock);
  s->frozen = true;
  *n = s->n;
  pthread_mutex_unlock(&s->lock);
  return s->samples;
}

/* --- Arithmetic on samples ------------------------------------------------------------------------------------------------ */

size_t cell_thin_samples(struct cell_sample *samples, size_t n) {
  for (size_t i = 0; 2 * i < n; i++) samples[i] = samples[2 * i];
  return (n + 1) / 2;
}

/* The curve at a time; *i is where the search for it starts, and then the first sample after that time. */
static double curve(const struct cell_sample *samples, size_t n, size_t *i, uint64_t at_ns) {
  while (*i < n && samples[*i].at_ns <= at_ns) ++*i;
  if (*i == 0) return (double)samples[0].bytes;
  if (*i == n) return (double)samples[n - 1].bytes;
  const struct cell_sample *a = &samples[*i - 1], *b = &samples[*i];
  double part = (double)(at_ns - a->at_ns) / (double)(b->at_ns - a->at_ns);
  return (double)a->bytes + part * ((double)b->bytes - (double)a->bytes);
}

uint64_t cell_mean_bytes(const struct cell_sample *samples, size_t n, uint64_t from_ns, uint64_t to_ns) {
  if (n == 0) return RECLAIM_NONE;
  size_t i = 0;
  double value = curve(samples, n, &i, from_ns), area = 0;
  if (to_ns <= from_ns) return (uint64_t)value;
  uint64_t at = from_ns;
  for (; i < n && samples[i].at_ns < to_ns; i++) {
    area += (value + (double)samples[i].bytes) / 2 * (double)(samples[i].at_ns - at);
    value = (double)samples[i].bytes;
    at = samples[i].at_ns;
  }
  area += (value + curve(samples, n, &i, to_ns)) / 2 * (double)(to_ns - at);
  return (uint64_t)(area / (double)(to_ns - from_ns) + 0.5);
}

uint64_t cell_max_bytes(const struct cell_sample *samples, size_t n, uint64_t from_ns, uint64_t to_ns) {
  if (n == 0) return RECLAIM_NONE;
  size_t i = 0;
  double most = curve(samples, n, &i, from_ns);
  for (; i < n && samples[i].at_ns < to_ns; i++)
    if ((double)samples[i].bytes > most) most = (double)samples[i].bytes;
  double last = curve(samples, n, &i, to_ns);
  return (uint64_t)(last > most ? last : most);
}
