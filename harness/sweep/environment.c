/* environment.c: small files of /proc and /sys, read once at the start. */
#define _GNU_SOURCE 1 /* environ */
#include "environment.h"

#include "harness/cell/guard.h"
#include "harness/doctor/findings.h"
#include "harness/sweep/machine.h"
#include "harness/sweep/memory.h"
#include "harness/sweep/program.h"
#include "harness/sweep/text.h"

#include <dirent.h>
#include <errno.h>
#include <hwloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* --- Small files ------------------------------------------------------------------------------------------------------------ */

static json_t *line_or_null(const char *path) {
  char line[512];
  return sweep_machine_line(path, line, sizeof line) ? json_string(line) : json_null();
}

static json_t *truth_or_null(int value) { return value < 0 ? json_null() : json_boolean(value); }
static json_t *known_or_null(const char *text) { return *text ? json_string(text) : json_null(); }

/* --- The record ------------------------------------------------------------------------------------------------------------- */

/* Every mitigation by its name. */
static json_t *mitigations(void) {
  static const char dir[] = "/sys/devices/system/cpu/vulnerabilities";
  json_t *o = json_object();
  DIR *d = opendir(dir);
  if (!d && errno == ENOMEM) sweep_out_of_memory();
  for (struct dirent *e; d && (e = readdir(d));) {
    if (*e->d_name == '.') continue;
    char *path = sweep_format("%s/%s", dir, e->d_name);
    json_object_set_new(o, e->d_name, line_or_null(path));
    free(path);
  }
  if (d) closedir(d);
  return o;
}

bool sweep_environment_is_setting(const char *entry) {
  return !strncmp(entry, "MALLOC_", 7) || !strncmp(entry, "GC_", 3) || !strncmp(entry, "MIMALLOC_", 9) ||
         !strncmp(entry, "GLIBC_TUNABLES=", 15) || !strncmp(entry, "LD_PRELOAD=", 11);
}

static json_t *malloc_settings(void) {
  json_t *o = json_object();
  for (char **e = environ; *e; e++) {
    const char *eq = strchr(*e, '=');
    if (!eq || !sweep_environment_is_setting(*e)) continue;
    char *name = sweep_strndup(*e, (size_t)(eq - *e));
    json_object_set_new(o, name, json_string(eq + 1));
    free(name);
  }
  return o;
}

static json_t *cpu_record(const struct doctor_facts *f) {
  char *allowed = doctor_cpu_list(f->cpus, f->ncpus);
  json_t *o = json_pack("{s:o, s:i, s:s, s:o, s:o, s:o}", "model", known_or_null(f->model), "online",
                        (int)sysconf(_SC_NPROCESSORS_ONLN), "allowed", allowed, "governor", known_or_null(f->governor), "turbo",
                        truth_or_null(f->turbo), "smt", line_or_null("/sys/devices/system/cpu/smt/active"));
  free(allowed);
  return o;
}

static json_t *limits_record(double quota) {
  uint64_t room = sweep_memory_available();
  return json_pack("{s:o, s:o}", "cpu_quota", quota > 0 ? json_real(quota) : json_null(), "memory_available_bytes",
                   room <= INT64_MAX ? json_integer((json_int_t)room) : json_null());
}

static json_t *sweep_program_record(void) {
  return json_pack("{s:s, s:s, s:b, s:s, s:s, s:o}", "version", sweep_program_version(), "commit", sweep_program_commit(),
                   "dirty", strstr(sweep_program_commit(), "-dirty") != NULL, "compiler", sweep_program_compiler(), "flags",
                   sweep_program_flags(), "libraries", sweep_program_libraries());
}

static json_t *findings_record(const struct doctor_facts *f, int threads) {
  int n;
  struct doctor_finding *list = doctor_judge(f, threads, &n);
  json_t *a = doctor_findings_json(list, n);
  doctor_findings_free(list, n);
  return a;
}

json_t *sweep_environment_record(int threads) {
  struct utsname u;
  struct doctor_facts f = doctor_facts_none();
  json_t *o = json_object();
  doctor_facts_gather(&f);
  json_object_set_new(o, "cpu", cpu_record(&f));
  json_object_set_new(o, "topology", json_string("topology.xml"));
  json_object_set_new(o, "kernel",
                      uname(&u) ? json_null() : json_sprintf("%s %s %s %s", u.sysname, u.release, u.version, u.machine));
  json_object_set_new(o, "transparent_huge_pages", line_or_null("/sys/kernel/mm/transparent_hugepage/enabled"));
  json_object_set_new(o, "aslr", line_or_null("/proc/sys/kernel/randomize_va_space"));
  json_object_set_new(o, "mitigations", mitigations());
  json_object_set_new(o, "cgroup", limits_record(f.quota));
  json_object_set_new(o, "load_at_start", isnan(f.load) ? json_null() : json_real(f.load));
  json_object_set_new(o, "findings", findings_record(&f, threads));
  json_object_set_new(o, "program", sweep_program_record());
  json_object_set_new(o, "malloc_environment", malloc_settings());
  doctor_facts_free(&f);
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
  struct doctor_facts f = doctor_facts_none();
  doctor_facts_gather(&f);
  char *host = sweep_environment_host(), *allowed = doctor_cpu_list(f.cpus, f.ncpus);
  char *machine = sweep_format("%s | %s | CPUs %s", host, *f.model ? f.model : "unknown CPU", allowed);
  free(host);
  free(allowed);
  doctor_facts_free(&f);
  return machine;
}

static char *topology_xml(void) {
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

char *sweep_environment_topology_xml(void) {
  cell_guard_begin("hwloc");
  char *xml = topology_xml();
  cell_guard_end();
  return xml;
}

/* --- Warnings --------------------------------------------------------------------------------------------------------------- */

int sweep_environment_threads(const struct sweep_plan *p) {
  int most = 0;
  for (int i = 0; i < p->nruns; i++)
    if (p->cells[p->runs[i]].threads > most) most = p->cells[p->runs[i]].threads;
  return most;
}

void sweep_environment_warn(struct sweep_plan *p) {
  struct doctor_facts f = doctor_facts_none();
  bool over = false;
  int n;
  for (int i = 0; i < p->nruns; i++) over |= p->cells[p->runs[i]].oversubscribed;
  doctor_facts_gather(&f);
  struct doctor_finding *list = doctor_judge(&f, sweep_environment_threads(p), &n);
  for (int i = 0; i < n; i++)
    if (list[i].state == DOCTOR_SPOILS && !(over && !strcmp(list[i].name, "cpus"))) sweep_plan_warn(p, "%s", list[i].found);
  if (over) sweep_plan_warn(p, "some cells have more threads than the %d CPUs; they are marked as oversubscribed", p->pus);
  doctor_findings_free(list, n);
  doctor_facts_free(&f);
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
    bool drop = sweep_environment_is_setting(*e) && (!keep || !strncmp(*e, "LD_PRELOAD=", 11));
    if (!drop) *sweep_push(envp, n) = *e;
  }
  *sweep_push(envp, n) = NULL;
  return envp;
}

void sweep_environment_free(char **envp) {
  if (envp) free(envp[0]);
  free(envp);
}
