/* facts.c: the kernel's small files. */
#define _GNU_SOURCE 1 /* sched_getaffinity */
#include "harness/doctor/facts.h"

#include "harness/sweep/machine.h"
#include "harness/sweep/memory.h"
#include "harness/sweep/text.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Small files ------------------------------------------------------------------------------------------------------------ */

static int number_or(const char *path, int none) {
  char line[64], *end;
  if (!sweep_machine_line(path, line, sizeof line)) return none;
  long v = strtol(line, &end, 10);
  return end == line ? none : (int)v;
}

/* The rest of the first line that begins with `word`, in a file that was read; "" where there is none. */
static void value_in(const char *text, const char *word, char *buf, size_t nbuf) {
  size_t n = strlen(word);
  *buf = 0;
  for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
    if (strncmp(p, word, n)) continue;
    p += n;
    p += strspn(p, ": \t");
    snprintf(buf, nbuf, "%.*s", (int)strcspn(p, "\n"), p);
    return;
  }
}

static int64_t number_in(const char *text, const char *word) {
  char value[64];
  value_in(text, word, value, sizeof value);
  return *value >= '0' && *value <= '9' ? strtoll(value, NULL, 10) : -1;
}

/* How many numbers are in "0-3,8"; -1 for what is no such list. */
static int count_list(const char *list) {
  int n = 0;
  for (const char *p = list; *p;) {
    char *end;
    long from = strtol(p, &end, 10), to = from;
    if (end == p) return -1;
    if (*end == '-') to = strtol(p = end + 1, &end, 10);
    if (to < from) return -1;
    n += (int)(to - from) + 1;
    p = end + (*end == ',');
    if (*end && *end != ',') return -1;
  }
  return n ? n : -1;
}

static bool cpu_line(int cpu, const char *file, char *buf, size_t nbuf) {
  char path[160];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
  return sweep_machine_line(path, buf, nbuf);
}

char *doctor_cpu_list(const int *cpus, int n) {
  struct text t = {0};
  sweep_text_add(&t, "", 0);
  for (int i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && cpus[end] == cpus[end - 1] + 1;) end++;
    sweep_text_addf(&t, "%s%d", t.n ? "," : "", cpus[i]);
    if (end > i + 1) sweep_text_addf(&t, "-%d", cpus[end - 1]);
  }
  return t.s;
}

/* --- CPUs ------------------------------------------------------------------------------------------------------------------- */

static void find_cpus(struct doctor_facts *f) {
  char line[512], *text = sweep_machine_file("/proc/cpuinfo", NULL);
  value_in(text, "model name", f->model, sizeof f->model);
  value_in(text, "flags", line, sizeof line);
  if (text) { /* the line of flags may be longer than any buffer, so it is searched where it is */
    const char *flags = strstr(text, "\nflags"), *end = flags ? strchr(flags + 1, '\n') : NULL;
    const char *word = flags ? strstr(flags, " hypervisor") : NULL;
    f->virtual = word && (!end || word < end);
  }
  free(text);
  if (sweep_machine_line("/sys/devices/system/cpu/online", line, sizeof line)) f->online = count_list(line);
}

/* A governor that is not `performance` is named even where others are. */
static void find_governor(struct doctor_facts *f) {
  for (int i = 0; i < f->ncpus; i++) {
    char governor[64];
    if (!cpu_line(f->cpus[i], "cpufreq/scaling_governor", governor, sizeof governor)) continue;
    bool good = !strcmp(governor, "performance");
    if (!*f->governor || (!good && !f->governed)) snprintf(f->governor, sizeof f->governor, "%s", governor);
    f->governed += !good;
  }
}

static void find_turbo(struct doctor_facts *f) {
  char line[32];
  f->turbo_intel = sweep_machine_line("/sys/devices/system/cpu/intel_pstate/no_turbo", line, sizeof line);
  if (f->turbo_intel)
    f->turbo = *line == '0';
  else if (sweep_machine_line("/sys/devices/system/cpu/cpufreq/boost", line, sizeof line))
    f->turbo = *line == '1';
}

/* A core is counted at the first of our CPUs in it, which is told by the list of siblings. */
static void find_siblings(struct doctor_facts *f) {
  char **seen = NULL;
  int nseen = 0, shared = 0;
  for (int i = 0; i < f->ncpus; i++) {
    char list[256];
    if (!cpu_line(f->cpus[i], "topology/thread_siblings_list", list, sizeof list)) {
      sweep_free_words(seen, nseen);
      return;
    }
    shared += count_list(list) > 1;
    int k = 0;
    while (k < nseen && strcmp(seen[k], list)) k++;
    if (k == nseen) *sweep_push(seen, nseen) = sweep_strdup(list);
  }
  f->cores = nseen;
  f->shared = shared;
  sweep_free_words(seen, nseen);
}

/* --- Time and memory -------------------------------------------------------------------------------------------------------- */

static void find_load(struct doctor_facts *f) {
  char line[128], *end;
  if (!sweep_machine_line("/proc/loadavg", line, sizeof line)) return;
  double load = strtod(line, &end);
  if (end != line) f->load = load;
}

/* "cpu user nice system idle iowait irq softirq steal guest ...": guests are in user, too. */
static void find_steal(struct doctor_facts *f) {
  char line[512];
  unsigned long long v[8], sum = 0;
  if (!sweep_machine_line("/proc/stat", line, sizeof line)) return;
  if (sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7) != 8)
    return;
  for (int i = 0; i < 8; i++) sum += v[i];
  f->stolen_ticks = (double)v[7];
  f->ticks = (double)sum;
}

static void find_memory(struct doctor_facts *f) {
  char line[128], *text = sweep_machine_file("/proc/meminfo", NULL);
  int64_t total = number_in(text, "SwapTotal"), free_kib = number_in(text, "SwapFree");
  if (total >= 0 && free_kib >= 0) f->swapped_bytes = (total - free_kib) * 1024;
  free(text);
  text = sweep_machine_file("/proc/vmstat", NULL);
  int64_t in = number_in(text, "pswpin "), out = number_in(text, "pswpout ");
  if (in >= 0 && out >= 0) f->swap_moves = in + out;
  free(text);
  if (!sweep_machine_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line)) return;
  const char *open = strchr(line, '['); /* "always [madvise] never" */
  if (open) snprintf(f->huge_pages, sizeof f->huge_pages, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
}

static void find_nodes(struct doctor_facts *f) {
  char line[256];
  if (sweep_machine_line("/sys/devices/system/node/online", line, sizeof line)) f->nodes = count_list(line);
  f->numa_balancing = number_or("/proc/sys/kernel/numa_balancing", -1);
}

static void find_clock(struct doctor_facts *f) {
#define CLOCK_SOURCE "/sys/devices/system/clocksource/clocksource0/"
  sweep_machine_line(CLOCK_SOURCE "current_clocksource", f->clock, sizeof f->clock);
  sweep_machine_line(CLOCK_SOURCE "available_clocksource", f->clocks, sizeof f->clocks);
}

/* --- Who is around us ------------------------------------------------------------------------------------------------------- */

static bool exists(const char *path) {
  char *where = sweep_machine_path(path);
  bool is = access(where, F_OK) == 0;
  free(where);
  return is;
}

static void find_container(struct doctor_facts *f) {
  static const char *const words[] = {"docker", "kubepods", "containerd", "lxc", "libpod"};
  f->container = exists("/.dockerenv") || exists("/run/.containerenv");
  char *text = sweep_machine_file("/proc/1/cgroup", NULL);
  for (size_t i = 0; text && i < sizeof words / sizeof *words; i++) f->container |= strstr(text, words[i]) != NULL;
  free(text);
  f->virtual |= exists("/sys/hypervisor/type") || exists("/proc/device-tree/hypervisor");
}

/* --- All ---------------------------------------------------------------------------------------------------------------------- */

struct doctor_facts doctor_facts_none(void) {
  return (struct doctor_facts){.online = -1,
                               .turbo = -1,
                               .cores = -1,
                               .shared = -1,
                               .load = NAN,
                               .aslr = -1,
                               .swapped_bytes = -1,
                               .swap_moves = -1,
                               .perf_paranoid = -10,
                               .nodes = -1,
                               .numa_balancing = -1,
                               .code_moves = -1,
                               .migrations = -1,
                               .instructions = -1,
                               .room_bytes = NAN,
                               .room_share = NAN,
                               .clock_cost_ns = NAN,
                               .clock_step_ns = NAN,
                               .control_speedup = NAN,
                               .control_spread = NAN,
                               .control_low = NAN,
                               .swap_moved = -1};
}

void doctor_facts_files(struct doctor_facts *f) {
  find_cpus(f);
  find_governor(f);
  find_turbo(f);
  find_siblings(f);
  find_load(f);
  f->quota = sweep_cpu_quota();
  find_memory(f);
  f->aslr = number_or("/proc/sys/kernel/randomize_va_space", -1);
  find_steal(f);
  find_clock(f);
  f->perf_paranoid = number_or("/proc/sys/kernel/perf_event_paranoid", -10);
  find_nodes(f);
  find_container(f);
}

static void find_allowed(struct doctor_facts *f) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return;
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &set)) *sweep_push(f->cpus, f->ncpus) = i;
}

void doctor_facts_gather(struct doctor_facts *f) {
  find_allowed(f);
  doctor_facts_files(f);
  doctor_facts_process(f);
}

void doctor_facts_free(struct doctor_facts *f) {
  free(f->cpus);
  f->cpus = NULL;
}
