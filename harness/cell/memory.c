/* memory.c: reads /proc and the memory cgroups. All of it goes through one bounded read into a buffer on the stack, because
   stdio would allocate from the malloc that is being measured. */
#define _GNU_SOURCE
#include "harness/cell/memory.h"
#include "runtime/descriptor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads the start of a file, terminated; the number of bytes, or -1. */
static ssize_t slurp(const char *path, char *buf, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = read(fd, buf, size - 1);
  close(fd);
  if (n >= 0) buf[n] = 0;
  return n;
}

/* The number after `key` at the start of a line of the file, times `unit`; RECLAIM_NONE when there is no such line. */
static uint64_t keyed(const char *path, const char *key, uint64_t unit) {
  char buf[8192];
  if (slurp(path, buf, sizeof buf) < 0) return RECLAIM_NONE;
  size_t len = strlen(key);
  for (char *line = buf; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, key, len) == 0) return strtoull(line + len, NULL, 10) * unit;
  }
  return RECLAIM_NONE;
}

uint64_t cell_rss_quick(int statm) {
  char buf[128];
  ssize_t n = pread(statm, buf, sizeof buf - 1, 0);
  if (n <= 0) return RECLAIM_NONE;
  buf[n] = 0;
  const char *resident = strchr(buf, ' ');
  return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : RECLAIM_NONE;
}

uint64_t cell_rss_exact(void) {
  uint64_t bytes = keyed("/proc/self/smaps_rollup", "Rss:", 1024);
  if (bytes != RECLAIM_NONE) return bytes;
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return RECLAIM_NONE;
  bytes = cell_rss_quick(fd);
  close(fd);
  return bytes;
}

bool cell_peak_reset(void) {
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = write(fd, "5", 1) == 1;
  close(fd);
  return done;
}

uint64_t cell_peak_bytes(void) { return keyed("/proc/self/status", "VmHWM:", 1024); }

/* --- Memory cgroups ------------------------------------------------------------------------------------------------------- */

struct hierarchy {
  const char *line; /* how its line of /proc/self/cgroup begins, after the number */
  const char *mount, *limit, *usage, *reclaimable;
};
static const struct hierarchy hierarchies[] = {
    {"::", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "},
    {":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "},
};

static uint64_t lower(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* What one group leaves free: its limit less its use, where file pages that it could drop do not count as used. */
static uint64_t group_leaves(const struct hierarchy *h, const char *group) {
  char path[4352], number[64];
  snprintf(path, sizeof path, "%s%s/%s", h->mount, group, h->limit);
  if (slurp(path, number, sizeof number) <= 0 || number[0] < '0' || number[0] > '9') return RECLAIM_NONE; /* "max" */
  uint64_t limit = strtoull(number, NULL, 10);
  snprintf(path, sizeof path, "%s%s/%s", h->mount, group, h->usage);
  if (slurp(path, number, sizeof number) <= 0) return RECLAIM_NONE;
  uint64_t used = strtoull(number, NULL, 10);
  snprintf(path, sizeof path, "%s%s/memory.stat", h->mount, group);
  uint64_t file = keyed(path, h->reclaimable, 1);
  if (file != RECLAIM_NONE) used -= lower(used, file);
  return limit > used ? limit - used : 0;
}

/* The least that the process's own group and those above it leave. */
static uint64_t hierarchy_leaves(const struct hierarchy *h, const char *groups) {
  const char *at = strstr(groups, h->line);
  if (!at) return RECLAIM_NONE;
  char group[4096];
  snprintf(group, sizeof group, "%s", at + strlen(h->line));
  group[strcspn(group, "\n")] = 0;
  uint64_t least = RECLAIM_NONE;
  for (;;) {
    least = lower(least, group_leaves(h, group));
    char *up = strrchr(group, '/');
    if (!up) return least;
    *up = 0;
  }
}

uint64_t cell_memory_available(void) {
  uint64_t bytes = keyed("/proc/meminfo", "MemAvailable:", 1024);
  char groups[4096];
  if (slurp("/proc/self/cgroup", groups, sizeof groups) <= 0) return bytes;
  for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++)
    bytes = lower(bytes, hierarchy_leaves(&hierarchies[i], groups));
  return bytes;
}
