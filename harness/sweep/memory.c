/* memory.c: /proc and the cgroup files, each read as "the first number after a word".

   A process may sit several cgroups deep and any level may hold a limit, so every level up to the mount is asked. */
#include "memory.h"

#include "harness/sweep/machine.h"
#include "harness/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The number after `word` at the beginning of a line ("" for the first of the file); `def` when there is none. */
static uint64_t number_in(const char *path, const char *word, uint64_t def) {
  char *text = sweep_machine_file(path, NULL);
  uint64_t value = def;
  size_t len = strlen(word);
  for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
    if (strncmp(p, word, len)) continue;
    const char *digits = p + len + strspn(p + len, ": \t");
    if (*digits >= '0' && *digits <= '9') value = strtoull(digits, NULL, 10);
    break;
  }
  free(text);
  return value;
}

/* What one version-2 level has left. */
static uint64_t room_v2(const char *dir) {
  char path[1200];
  snprintf(path, sizeof path, "%s/memory.max", dir);
  uint64_t max = number_in(path, "", UINT64_MAX);
  if (max == UINT64_MAX) return max;
  snprintf(path, sizeof path, "%s/memory.current", dir);
  uint64_t used = number_in(path, "", 0);
  snprintf(path, sizeof path, "%s/memory.stat", dir);
  uint64_t cache = number_in(path, "inactive_file", 0);
  used -= least(used, cache);
  return max - least(max, used);
}

static uint64_t room_v1(const char *dir) {
  char path[1200];
  snprintf(path, sizeof path, "%s/memory.limit_in_bytes", dir);
  uint64_t max = number_in(path, "", UINT64_MAX);
  if (max >= UINT64_MAX / 4) return UINT64_MAX; /* how version 1 writes "no limit" */
  snprintf(path, sizeof path, "%s/memory.usage_in_bytes", dir);
  uint64_t used = number_in(path, "", 0);
  snprintf(path, sizeof path, "%s/memory.stat", dir);
  uint64_t cache = number_in(path, "total_inactive_file", 0);
  used -= least(used, cache);
  return max - least(max, used);
}

static double quota_v2(const char *dir) {
  char path[1200], line[128];
  double quota, period;
  snprintf(path, sizeof path, "%s/cpu.max", dir);
  return sweep_machine_line(path, line, sizeof line) && sscanf(line, "%lf %lf", &quota, &period) == 2 && period > 0
             ? quota / period
             : 0;
}

static double quota_v1(const char *dir) {
  char path[1200];
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
  uint64_t quota = number_in(path, "", 0); /* -1, no quota, is no digit */
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
  uint64_t period = number_in(path, "", 0);
  return quota && period ? (double)quota / (double)period : 0;
}

/* The path of this process's cgroup in the hierarchy that has `controller` ("" : version 2), or NULL. The caller frees. */
static char *own_cgroup(const char *controller) {
  char *text = sweep_machine_file("/proc/self/cgroup", NULL), *found = NULL;
  for (char *line = text; line && *line && !found;) {
    char *end = strchr(line, '\n'), *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
    if (end) *end = 0;
    if (path) {
      *path = 0;
      char *all = sweep_format(",%s,", names + 1), *want = sweep_format(",%s,", controller);
      if (*controller ? strstr(all, want) != NULL : !names[1]) found = sweep_strdup(path + 1);
      free(all);
      free(want);
    }
    line = end ? end + 1 : NULL;
  }
  free(text);
  return found;
}

/* Calls `see` for the group's folder and each one above it, up to the mount. */
static void each_level(const char *mount, const char *controller, void (*see)(const char *dir, void *), void *arg) {
  char *path = own_cgroup(controller);
  if (!path) return;
  for (char *dir = sweep_format("%s%s", mount, path);; *strrchr(dir, '/') = 0) {
    size_t n = strlen(dir);
    if (n > 1 && dir[n - 1] == '/') dir[n - 1] = 0;
    see(dir, arg);
    if (strlen(dir) > strlen(mount)) continue;
    free(dir);
    break;
  }
  free(path);
}

static void see_room_v2(const char *dir, void *room) { *(uint64_t *)room = least(*(uint64_t *)room, room_v2(dir)); }
static void see_room_v1(const char *dir, void *room) { *(uint64_t *)room = least(*(uint64_t *)room, room_v1(dir)); }

static void see_quota(double here, double *quota) {
  if (here > 0 && (*quota == 0 || here < *quota)) *quota = here;
}
static void see_quota_v2(const char *dir, void *quota) { see_quota(quota_v2(dir), quota); }
static void see_quota_v1(const char *dir, void *quota) { see_quota(quota_v1(dir), quota); }

uint64_t sweep_memory_available(void) {
  uint64_t kib = number_in("/proc/meminfo", "MemAvailable", UINT64_MAX);
  uint64_t room = kib < UINT64_MAX / 1024 ? kib * 1024 : UINT64_MAX;
  each_level("/sys/fs/cgroup", "", see_room_v2, &room);
  each_level("/sys/fs/cgroup/memory", "memory", see_room_v1, &room);
  return room;
}

uint64_t sweep_memory_default_limit(void) { return sweep_memory_available() / 10 * 8; }

uint64_t sweep_memory_oom_kills(void) { return number_in("/proc/vmstat", "oom_kill ", 0); }

double sweep_cpu_quota(void) {
  double quota = 0;
  each_level("/sys/fs/cgroup", "", see_quota_v2, &quota);
  each_level("/sys/fs/cgroup/cpu", "cpu", see_quota_v1, &quota);
  return quota;
}
