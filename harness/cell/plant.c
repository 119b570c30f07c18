/* plant.c: see plant.h. */
#define _GNU_SOURCE
#include "harness/cell/plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static bool read_share(const char *text, size_t n, double *out) {
  char copy[32], *end;
  snprintf(copy, sizeof copy, "%.*s", (int)(n < sizeof copy ? n : sizeof copy - 1), text);
  double v = strtod(copy, &end);
  if (n >= sizeof copy || end == copy || *end || !(v > 0 && v <= 100) || *out != 0) return false;
  return *out = v / 100, true;
}

bool cell_plant_read(const char *text, struct cell_plant *out, char *err, size_t nerr) {
  *out = (struct cell_plant){0, 0};
  for (const char *p = text;; p++) {
    size_t n = strcspn(p, ";");
    bool cpu = !strncmp(p, "cpu=", 4), rss = !strncmp(p, "rss=", 4);
    if ((!cpu && !rss) || !read_share(p + 4, n - 4, cpu ? &out->cpu : &out->rss))
      return snprintf(err, nerr, "--plant: '%s' is neither cpu=P nor rss=P nor both (cpu=5;rss=5), P in per cent up to 100",
                      text),
             false;
    p += n;
    if (!*p) return true;
  }
}

uint64_t cell_plant_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A look at that clock is a system call, so there is a microsecond or so of arithmetic between two. */
uint64_t cell_plant_burn(uint64_t ns) {
  enum { ROUNDS = 1000 };
  uint64_t start = cell_plant_clock(), now = start;
  volatile uint64_t sink;
  for (uint64_t x = start | 1; now - start < ns; now = cell_plant_clock()) {
    for (int i = 0; i < ROUNDS; i++) x = x * 6364136223846793005u + 1442695040888963407u;
    sink = x;
  }
  (void)sink;
  return now - start;
}

bool cell_plant_grow(uint64_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (!bytes) return true;
  volatile char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  madvise((void *)p, bytes, MADV_NOHUGEPAGE); /* so much, and not the next larger number of huge pages */
  for (uint64_t i = 0; i < bytes; i += page) p[i] = 1;
  return true;
}
