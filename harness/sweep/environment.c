/* environment.c: small files of /proc and /sys, read once at the start. */
#define _GNU_SOURCE 1 /* sched_getaffinity, environ */
#include "environment.h"

#include "harness/sweep/memory.h"
#include "harness/sweep/program.h"
#include "harness/sweep/text.h"

#include <dirent.h>
#include <hwloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* --- Small files ------------------------------------------------------------------------------------------------------------ */

static json_t *line_or_null(const char *path) {
  char line[512];
  return sweep_read_line(path, line, sizeof line) ? json_string(line) : json_null();
}

/* The value of the first "key : value" line. */
static bool cpuinfo(const char *key, char *buf, size_t nbuf) {
  char *text = sweep_read_file("/proc/cpuinfo", NULL), *line = text ? strstr(text, key) : NULL,
       *colon = line ? strchr(line, ':') : NULL;
  snprintf(buf, nbuf, "%.*s", colon ? (int)strcspn(colon + 2, "\n") : 0, colon ? colon + 2 : "");
  free(text);
  return *buf != 0;
}

/* 1 on, 0 off, -1 unknown. */
static int turbo(void) {
  char line[32];
  if (sweep_read_line("/sys/devices/system/cpu/intel_pstate/no_turbo", line, sizeof line)) return *line == '0';
  if (sweep_read_line("/sys/devices/system/cpu/cpufreq/boost", line, sizeof line)) return *line == '1';
  return -1;
}

static bool governor(char *buf, size_t nbuf) {
  return sweep_read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", buf, nbuf);
}

static double load_now(void) {
  double load;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

static json_t *truth_or_null(int value) { return value < 0 ? json_null() : json_boolean(value); }
static json_t *known_or_null(const char *text) { return *text ? json_string(text) : json_null(); }

/* "0-3,8": the CPUs that this process may use. */
static char *allowed_cpus(void) {
  cpu_set_t set;
  struct text t = {0};
  sweep_text_add(&t, "", 0);
  if (sched_getaffinity(0, sizeof set, &set)) return t.s;
  for (int i = 0, end; i < CPU_SETSIZE; i = end + 1) {
    for (end = i; end < CPU_SETSIZE && CPU_ISSET(end, &set);) end++;
    if (end > i) sweep_text_addf(&t, "%s%d", t.n ? "," : "", i);
    if (end > i + 1) sweep_text_addf(&t, "-%d", end - 1);
  }
  return t.s;
}

/* --- The record ------------------------------------------------------------------------------------------------------------- */

/* Every mitigation by its name. */
static json_t *mitigations(void) {
  static const char dir[] = "/sys/devices/system/cpu/vulnerabilities";
  json_t *o = json_object();
  DIR *d = opendir(dir);
  for (struct dirent *e; d && (e = readdir(d));) {
    if (*e->d_name == '.') continue;
    char *path = sweep_format("%s/%s", dir, e->d_name);
    json_object_set_new(o, e->d_name, line_or_null(path));
    free(path);
  }
  if (d) closedir(d);
  return o;
}

static bool is_malloc_setting(const char *entry) {
  return !strncmp(entry, "MALLOC_", 7) || !strncmp(entry, "GC_", 3) || !strncmp(entry, "MIMALLOC_", 9) ||
         !strncmp(entry, "GLIBC_TUNABLES=", 15) || !strncmp(entry, "LD_PRELOAD=", 11);
}

static json_t *malloc_settings(void) {
  json_t *o = json_object();
  for (char **e = environ; *e; e++) {
    const char *eq = strchr(*e, '=');
    if (!eq || !is_malloc_setting(*e)) continue;
    char *name = sweep_strndup(*e, (size_t)(eq - *e));
    json_object_set_new(o, name, json_string(eq + 1));
    free(name);
  }
  return o;
}

static json_t *cpu_record(void) {
  char model[256], governed[64], *allowed = allowed_cpus();
  cpuinfo("model name", model, sizeof model);
  governor(governed, sizeof governed);
  json_t *o = json_pack("{s:o, s:i, s:s, s:o, s:o, s:o}", "model", known_or_null(model), "online",
                        (int)sysconf(_SC_NPROCESSORS_ONLN), "allowed", allowed, "governor", known_or_null(governed), "turbo",
                        truth_or_null(turbo()), "smt", line_or_null("/sys/devices/system/cpu/smt/active"));
  free(allowed);
  return o;
}

static json_t *limits_record(void) {
  double quota = sweep_cpu_quota();
  uint64_t room = sweep_memory_available();
  return json_pack("{s:o, s:o}", "cpu_quota", quota > 0 ? json_real(quota) : json_null(), "memory_available_bytes",
                   room <= INT64_MAX ? json_integer((json_int_t)room) : json_null());
}

static json_t *sweep_program_record(void) {
  return json_pack("{s:s, s:s, s:b, s:s, s:s, s:o}", "version", sweep_program_version(), "commit", sweep_program_commit(),
                   "dirty", strstr(sweep_program_commit(), "-dirty") != NULL, "compiler", sweep_program_compiler(), "flags",
                   sweep_program_flags(), "libraries", sweep_program_libraries());
}

json_t *sweep_environment_record(void) {
  struct utsname u;
  double load = load_now();
  json_t *o = json_object();
  json_object_set_new(o, "cpu", cpu_record());
  json_object_set_new(o, "topology", json_string("topology.xml"));
  json_object_set_new(o, "kernel",
                      uname(&u) ? json_null() : json_sprintf("%s %s %s %s", u.sysname, u.release, u.version, u.machine));
  json_object_set_new(o, "transparent_huge_pages", line_or_null("/sys/kernel/mm/transparent_hugepage/enabled"));
  json_object_set_new(o, "aslr", line_or_null("/proc/sys/kernel/randomize_va_space"));
  json_object_set_new(o, "mitigations", mitigations());
  json_object_set_new(o, "cgroup", limits_record());
  json_object_set_new(o, "load_at_start", load < 0 ? json_null() : json_real(load));
  json_object_set_new(o, "program", sweep_program_record());
  json_object_set_new(o, "malloc_environment", malloc_settings());
  return o;
}

char *sweep_environment_host(void) {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) || !*name) snprintf(name, sizeof name, "unknown");
  name[strcspn(name, ".")] = 0;
  for (char *p = name; *p; p++)
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *p)) *p = '_';
  name[48] = 0;
  return sweep_strdup(name);
}

char *sweep_environment_machine(void) {
  char model[256], *host = sweep_environment_host(), *allowed = allowed_cpus();
  cpuinfo("model name", model, sizeof model);
  char *machine = sweep_format("%s | %s | CPUs %s", host, *model ? model : "unknown CPU", allowed);
  free(host);
  free(allowed);
  return machine;
}

char *sweep_environment_topology_xml(void) {
  hwloc_topology_t topology;
  char *xml = NULL, *copy = NULL;
  int n;
  if (hwloc_topology_init(&topology)) return NULL;
  if (!hwloc_topology_load(topology) && !hwloc_topology_export_xmlbuffer(topology, &xml, &n, 0)) {
    copy = sweep_strdup(xml);
    hwloc_free_xmlbuffer(topology, xml);
  }
  hwloc_topology_destroy(topology);
  return copy;
}

/* --- Warnings --------------------------------------------------------------------------------------------------------------- */

void sweep_environment_warn(struct sweep_plan *p) {
  char governed[64];
  int most = 0;
  bool over = false;
  for (int i = 0; i < p->nruns; i++) {
    const struct sweep_cell *c = &p->cells[p->runs[i]];
    if (c->threads > most) most = c->threads;
    over |= c->oversubscribed;
  }
  double load = load_now(), quota = sweep_cpu_quota();
  if (governor(governed, sizeof governed) && strcmp(governed, "performance"))
    sweep_plan_warn(p, "the frequency governor is '%s', not 'performance'", governed);
  if (turbo() == 1) sweep_plan_warn(p, "turbo is on: frequencies depend on the load and the temperature");
  if (load > most) sweep_plan_warn(p, "the load is %.1f, above the %d thread%s to be measured", load, most, most > 1 ? "s" : "");
  if (quota > 0 && quota < most) sweep_plan_warn(p, "the CPU quota of %.2f is below the %d threads to be measured", quota, most);
  if (over) sweep_plan_warn(p, "some cells have more threads than the %d CPUs; they are marked as oversubscribed", p->pus);
}

/* --- The children's environment --------------------------------------------------------------------------------------------- */

/* The first element is owned (LD_PRELOAD), all others are borrowed; where nothing is preloaded it is an owned marker. */
char **sweep_environment_for_child(const char *library, bool keep) {
  char **envp = NULL;
  int n = 0;
  const char *own = keep ? getenv("LD_PRELOAD") : NULL;
  bool preload = *library || (own && *own);
  *sweep_push(envp, n) = preload ? sweep_format("LD_PRELOAD=%s%s%s", library, *library && own && *own ? ":" : "", own ? own : "")
                                 : sweep_strdup("RECLAIM_CHILD=1");
  for (char **e = environ; *e; e++) {
    bool drop = is_malloc_setting(*e) && (!keep || !strncmp(*e, "LD_PRELOAD=", 11));
    if (!drop) *sweep_push(envp, n) = *e;
  }
  *sweep_push(envp, n) = NULL;
  return envp;
}

void sweep_environment_free(char **envp) {
  if (envp) free(envp[0]);
  free(envp);
}
