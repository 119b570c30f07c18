/* findings.c: one function for each thing that is looked at, and the table of all. */
#include "harness/doctor/findings.h"

#include "harness/sweep/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const doctor_state_names[4] = {"fine", "unknown", "note", "spoils"};

/* From which on it is worth a word. */
#define STEAL_SHARE     0.01 /* of the CPUs' time */
#define CONTROL_SPREAD  0.05 /* a tenth of its runs then differ by more than most differences one looks for */
#define CONTROL_SPEEDUP 0.9  /* of the threads: as every invocation's own control is judged */
#define CLOCK_COST_NS   250  /* no system call: what the kernel maps into the process */
#define CLOCK_STEP_NS   1000
#define ROOM_BYTES      (256.0 * (1 << 20)) /* a hundred quick sweeps */
#define ROOM_SHARE      0.02

struct judged {
  const struct doctor_facts *f;
  int threads;
  struct doctor_finding *out;
};

/* --- Saying it ---------------------------------------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4))) say(struct judged *j, enum doctor_state state, const char *format, ...) {
  char text[600];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  free(j->out->found);
  j->out->state = state;
  j->out->found = sweep_strdup(text);
}

/* What any user can do. */
static void do_this(struct judged *j, const char *command) {
  j->out->remedy = sweep_strdup(command);
  j->out->helped = true;
}

/* What root can do, where this kernel is ours to set. */
static void do_as_root(struct judged *j, const char *command) {
  j->out->helped = !j->f->container;
  j->out->remedy =
      j->f->container ? sweep_format("not from within a container; on its host: %s", command) : sweep_strdup(command);
}

static void cannot(struct judged *j, const char *why) { j->out->remedy = sweep_strdup(why); }

static const char *plural(int n) { return n == 1 ? "" : "s"; }

/* --- CPUs --------------------------------------------------------------------------------------------------------------------- */

static void judge_cpus(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (!f->ncpus) return;
  char *list = doctor_cpu_list(f->cpus, f->ncpus);
  if (f->ncpus < j->threads) {
    say(j, DOCTOR_SPOILS, "%d CPU%s (%s) for %d threads to be measured", f->ncpus, plural(f->ncpus), list, j->threads);
    do_this(j, f->online > f->ncpus ? "ask for more: taskset, or the cpuset of the cgroup, leaves some out" : "--threads max");
    j->out->helped = f->online <= f->ncpus;
  } else if (f->online > f->ncpus) {
    say(j, DOCTOR_NOTE, "%d of the machine's %d CPUs may be used (%s); what runs on the others shares caches and memory",
        f->ncpus, f->online, list);
    cannot(j, "taskset, or the cpuset of the cgroup, decides it");
  } else {
    say(j, DOCTOR_FINE, "%d CPU%s (%s)", f->ncpus, plural(f->ncpus), list);
  }
  free(list);
}

static void judge_quota(struct judged *j) {
  double quota = j->f->quota;
  if (!(quota > 0)) return say(j, DOCTOR_FINE, "no CPU quota");
  if (quota >= j->threads)
    return say(j, DOCTOR_FINE, "the CPU quota of %.2f is enough for %d thread%s", quota, j->threads, plural(j->threads));
  say(j, DOCTOR_SPOILS, "the CPU quota of %.2f is below the %d thread%s to be measured", quota, j->threads, plural(j->threads));
  j->out->remedy = sweep_format(quota >= 1 ? "--threads %d, or lift the quota: docker run --cpus, CPUQuota= of the systemd unit"
                                           : "lift the quota: docker run --cpus, CPUQuota= of the systemd unit",
                                (int)quota);
}

static void judge_siblings(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (f->cores < 0) return;
  if (!f->shared) return say(j, DOCTOR_FINE, "no CPU shares its core");
  bool over = j->threads > f->cores;
  if (over)
    say(j, DOCTOR_SPOILS, "%d threads on %d core%s: some share one", j->threads, f->cores, plural(f->cores));
  else
    say(j, DOCTOR_NOTE, "%d of %d CPUs share their core with another CPU, where others may run", f->shared, f->ncpus);
  do_as_root(j, "echo off | sudo tee /sys/devices/system/cpu/smt/control");
}

static void judge_governor(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (!*f->governor) return;
  if (!f->governed) return say(j, DOCTOR_FINE, "'performance'");
  say(j, DOCTOR_SPOILS, "the frequency governor is '%s', not 'performance', on %d of %d CPUs", f->governor, f->governed,
      f->ncpus);
  do_as_root(j, "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
}

static void judge_turbo(struct judged *j) {
  if (j->f->turbo < 0) return;
  if (!j->f->turbo) return say(j, DOCTOR_FINE, "off");
  say(j, DOCTOR_SPOILS, "turbo is on: frequencies depend on the load and the temperature");
  do_as_root(j, j->f->turbo_intel ? "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
                                  : "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost");
}

static void judge_load(struct judged *j) {
  double load = j->f->load;
  int cpus = j->f->ncpus ? j->f->ncpus : 1;
  if (isnan(load)) return;
  if (load > j->threads)
    say(j, DOCTOR_SPOILS, "the load is %.1f, above the %d thread%s to be measured", load, j->threads, plural(j->threads));
  else if (load + j->threads > cpus + 0.5)
    say(j, DOCTOR_NOTE, "the load is %.1f, which leaves %.1f of %d CPUs for %d thread%s", load, fmax(cpus - load, 0), cpus,
        j->threads, plural(j->threads));
  else
    return say(j, DOCTOR_FINE, "%.1f", load);
  do_this(j, "see who it is, and wait: top -o %CPU");
}

static void judge_steal(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (!(f->ticks > 0)) return;
  double share = f->stolen_ticks / f->ticks;
  const char *when = f->probed ? "while this looked" : "since the machine started";
  if (share < STEAL_SHARE)
    return say(j, DOCTOR_FINE, "%.1f %% of the CPUs' time was taken by a hypervisor %s", 100 * share, when);
  say(j, DOCTOR_SPOILS, "a hypervisor took %.1f %% of the CPUs' time %s", 100 * share, when);
  cannot(j, "not from within this machine; on its host: dedicated CPUs. Compare in pairs only: reclaim gate");
}

static void judge_control(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (isnan(f->control_speedup)) return;
  int n = f->control_threads;
  bool there = n == 1 || f->control_speedup >= CONTROL_SPEEDUP * n;
  say(j, there ? DOCTOR_FINE : DOCTOR_SPOILS,
      "%d thread%s of the control do %.2f times the work of one (a twentieth of the time, %.2f or less)", n, plural(n),
      f->control_speedup, f->control_low);
  if (there) return;
  if (f->virtual || f->container)
    cannot(j, "not from within this machine; on its host: dedicated CPUs. --threads 1 meanwhile");
  else
    do_this(j, "see who else runs: top -o %CPU");
}

static void judge_spread(struct judged *j) {
  double spread = j->f->control_spread;
  if (isnan(spread)) return;
  bool quiet = spread < CONTROL_SPREAD;
  say(j, quiet ? DOCTOR_FINE : DOCTOR_SPOILS, "one thread's speed spreads by %.1f %% (robust standard deviation)", 100 * spread);
  if (!quiet) do_this(j, "a quieter machine; or more blocks, and differences in pairs: reclaim run --blocks auto");
}

static void judge_pinning(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (!f->probed) return;
  if (!*f->unpinned) return say(j, DOCTOR_FINE, "a thread can be bound to each CPU");
  say(j, DOCTOR_SPOILS, "threads cannot be bound: %s", f->unpinned);
  do_this(j, "--pin none");
}

/* --- Memory ------------------------------------------------------------------------------------------------------------------- */

static void judge_huge_pages(struct judged *j) {
  const char *policy = j->f->huge_pages;
  if (!*policy) return;
  if (strcmp(policy, "always")) return say(j, DOCTOR_FINE, "'%s'", policy);
  say(j, DOCTOR_NOTE, "transparent huge pages are 'always' on: which memory gets them depends on what is free in one piece");
  do_as_root(j, "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
}

static void judge_aslr(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (f->no_aslr) {
    say(j, DOCTOR_SPOILS, "addresses of this process and its children are not random");
    return do_this(j, "start it without setarch -R, and not from gdb");
  }
  if (f->aslr < 0) return;
  if (f->aslr == 2) return say(j, DOCTOR_FINE, "addresses are random in every process");
  say(j, DOCTOR_SPOILS, f->aslr ? "heaps lie at the same address in every process" : "every process has the same addresses");
  do_as_root(j, "sudo sysctl kernel.randomize_va_space=2");
}

static void judge_code(struct judged *j) {
  if (j->f->code_moves < 0) return;
  if (j->f->code_moves) return say(j, DOCTOR_FINE, "its pages get new places in every process");
  say(j, DOCTOR_SPOILS, "pages of code cannot be moved: where a file lies in memory is one throw for a whole campaign");
  cannot(j, "it takes /proc/self/pagemap, and leave to write to code: no MemoryDenyWriteExecute= of systemd, no denial of "
            "execmod by SELinux");
}

static void judge_swap(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (f->swapped_bytes < 0) return;
  double mib = (double)f->swapped_bytes / (1 << 20);
  if (f->swap_moved > 0)
    say(j, DOCTOR_SPOILS, "%lld pages moved between memory and swap while this looked", (long long)f->swap_moved);
  else if (f->swapped_bytes > 0)
    say(j, DOCTOR_NOTE, "%.0f MiB are swapped out", mib);
  else
    return say(j, DOCTOR_FINE, "nothing is swapped out");
  do_as_root(j, "sudo swapoff -a");
}

static void judge_nodes(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (f->nodes < 0) return;
  if (f->nodes == 1) return say(j, DOCTOR_FINE, "one node");
  if (f->numa_balancing > 0) {
    say(j, DOCTOR_SPOILS, "%d memory nodes, between which the kernel moves pages by itself", f->nodes);
    return do_as_root(j, "sudo sysctl kernel.numa_balancing=0");
  }
  say(j, DOCTOR_NOTE, "%d memory nodes: where threads stand decides what memory is near", f->nodes);
  do_this(j, "--pin numa fills one node first");
}

/* --- Clocks and counters ------------------------------------------------------------------------------------------------------ */

static bool has_word(const char *words, const char *word) {
  size_t n = strlen(word);
  for (const char *p = words; (p = strstr(p, word)); p += n)
    if ((p == words || p[-1] == ' ') && (!p[n] || p[n] == ' ')) return true;
  return false;
}

static void judge_clock(struct judged *j) {
  static const char *const good[] = {"tsc",      "kvm-clock",        "arch_sys_counter", "hyperv_clocksource_tsc_page",
                                     "timebase", "riscv_clocksource"};
  const struct doctor_facts *f = j->f;
  if (!*f->clock) return;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!strcmp(f->clock, good[i])) return say(j, DOCTOR_FINE, "'%s'", f->clock);
  say(j, DOCTOR_SPOILS, "the clock source is '%s', which takes a system call, or a trap, to read", f->clock);
  if (has_word(f->clocks, "tsc"))
    do_as_root(j, "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource");
  else
    cannot(j, "the kernel offers no better one; it gave up on the TSC as it started (dmesg | grep -i tsc says why)");
}

static void judge_timer(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (isnan(f->clock_cost_ns)) return;
  bool good = f->clock_cost_ns <= CLOCK_COST_NS && f->clock_step_ns <= CLOCK_STEP_NS;
  say(j, good ? DOCTOR_FINE : DOCTOR_SPOILS, "reading the clock takes %.0f ns, and it steps by %.0f ns", f->clock_cost_ns,
      f->clock_step_ns);
  if (!good) cannot(j, "see the clock source; longer windows meanwhile");
}

static void judge_counters(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (f->instructions < 0) return;
  if (f->instructions && f->migrations > 0) return say(j, DOCTOR_FINE, "instructions and migrations can be counted");
  if (f->no_counter && f->migrations > 0) {
    say(j, DOCTOR_NOTE, "this machine has no counter of instructions");
    return cannot(j, "callgrind counts them without: valgrind --tool=callgrind reclaim cell ...");
  }
  say(j, DOCTOR_NOTE, "the kernel does not let %s be counted (perf_event_paranoid is %d)",
      f->instructions     ? "migrations"
      : f->migrations > 0 ? "instructions"
                          : "instructions and migrations",
      f->perf_paranoid);
  do_as_root(j, "sudo sysctl kernel.perf_event_paranoid=0");
}

/* --- This process ------------------------------------------------------------------------------------------------------------- */

static void judge_limits(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (*f->limits) {
    say(j, DOCTOR_SPOILS, "ulimit bounds: %s", f->limits);
    return do_this(j, "ulimit -v unlimited -d unlimited -t unlimited -f unlimited; ulimit -n 1024 -s 8192");
  }
  if (!f->core_dumps) return say(j, DOCTOR_FINE, "none that a sweep would meet");
  say(j, DOCTOR_NOTE, "a cell that crashes may write its memory to a core file");
  do_this(j, "ulimit -c 0");
}

static void judge_room(struct judged *j) {
  const struct doctor_facts *f = j->f;
  if (isnan(f->room_bytes)) return;
  double gib = f->room_bytes / (1 << 30);
  bool full = f->room_bytes < ROOM_BYTES || f->room_share < ROOM_SHARE;
  say(j, full ? DOCTOR_SPOILS : DOCTOR_FINE, "%.1f GiB (%.0f %%) are free where %s", gib, 100 * f->room_share,
      !strcmp(f->folder, ".") ? "this was started" : "results/ lies");
  if (full) do_this(j, "make room, or --out DIR elsewhere");
}

static void judge_settings(struct judged *j) {
  if (!*j->f->settings) return say(j, DOCTOR_FINE, "none is set");
  say(j, DOCTOR_NOTE, "set here, and kept from measured processes unless --keep-env is given: %s", j->f->settings);
  j->out->remedy = sweep_format("unset %s", j->f->settings);
  j->out->helped = true;
}

static void judge_tools(struct judged *j) {
  struct text names = {0}, packages = {0};
  for (int i = 0; i < DOCTOR_TOOLS; i++) {
    if (!j->f->missing[i]) continue;
    sweep_text_addf(&names, "%s%s (%s)", names.n ? "; " : "", doctor_tools[i].name, doctor_tools[i].without);
    sweep_text_addf(&packages, " %s", doctor_tools[i].package);
  }
  if (!names.n) {
    say(j, DOCTOR_FINE, "jemalloc, mimalloc, valgrind and gnuplot are here");
  } else {
    say(j, DOCTOR_NOTE, "not here: %s", names.s);
    j->out->remedy = sweep_format("sudo apt-get install%s", packages.s);
    j->out->helped = true;
  }
  sweep_text_free(&names);
  sweep_text_free(&packages);
}

/* --- All ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name, *why;
  void (*judge)(struct judged *);
} looks[] = {
    {"cpus", "threads that take turns on a CPU measure the scheduler", judge_cpus},
    {"cpu-quota", "who has used up the quota stands still until the period ends, in the middle of whatever is measured",
     judge_quota},
    {"siblings", "two hyper-threads of one core share its units and caches, so each is slower than alone", judge_siblings},
    {"governor", "the clock follows the load with a delay, so early iterations are slower", judge_governor},
    {"turbo", "the same work is faster while other cores are idle or cool", judge_turbo},
    {"load", "others take CPUs, caches and memory bandwidth, some of the time", judge_load},
    {"steal", "what a hypervisor takes is missing from wall time, and its traces in the caches from CPU time", judge_steal},
    {"control", "a machine that says it has two CPUs may have one and a half; scaling figures are then of the machine",
     judge_control},
    {"control-spread", "what differs between runs of equal work differs between strategies, too", judge_spread},
    {"pinning", "threads that wander lose their caches, and two may meet on one core", judge_pinning},
    {"huge-pages", "they move results by more than most strategies do, and a fragmented machine gives fewer", judge_huge_pages},
    {"aslr", "one layout for all processes is one throw of the dice; random ones make its luck part of the spread", judge_aslr},
    {"code", "caches go by physical addresses, too, and those of a file last for days", judge_code},
    {"swap", "a page that must come back from disk costs more than anything measured here", judge_swap},
    {"numa", "memory of another node is slower, and which is used is decided by who touches it first", judge_nodes},
    {"clock-source", "every window is stamped with it, and pauses are timed by it", judge_clock},
    {"timer", "pauses below its resolution cannot be told apart", judge_timer},
    {"counters", "columns of rows stay empty: migrations, and whatever else the kernel counts", judge_counters},
    {"ulimits", "a cell that meets one fails, and not for a reason of its own", judge_limits},
    {"disk", "a sweep that cannot write its rows stops", judge_room},
    {"malloc-settings", "they change what is measured without a word in the row", judge_settings},
    {"tools", "what is not installed cannot be compared with or drawn", judge_tools},
};
enum { LOOKS = sizeof looks / sizeof *looks };

struct doctor_finding *doctor_judge(const struct doctor_facts *f, int threads, int *n) {
  struct doctor_finding *list = sweep_alloc(LOOKS, sizeof *list);
  for (int i = 0; i < LOOKS; i++) {
    struct judged j = {f, threads, &list[i]};
    list[i].name = looks[i].name;
    list[i].why = looks[i].why;
    say(&j, DOCTOR_UNKNOWN, "not known here");
    looks[i].judge(&j);
  }
  return *n = LOOKS, list;
}

void doctor_findings_free(struct doctor_finding *list, int n) {
  for (int i = 0; i < n; i++) free(list[i].found), free(list[i].remedy);
  free(list);
}

json_t *doctor_findings_json(const struct doctor_finding *list, int n) {
  json_t *a = json_array();
  for (int i = 0; i < n; i++) {
    const struct doctor_finding *d = &list[i];
    json_t *found = json_string(d->found);
    json_array_append_new(a, json_pack("{s:s, s:s, s:o, s:s, s:o, s:b}", "name", d->name, "state", doctor_state_names[d->state],
                                       "found", found ? found : json_string("(not UTF-8)"), "why", d->why, "remedy",
                                       d->remedy ? json_string(d->remedy) : json_null(), "helped", d->helped));
  }
  return a;
}
