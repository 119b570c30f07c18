/* doctor-findings.c: what is read of a machine, and what is said about it: on machines of the test's own making, never on this one. */
#include "harness/doctor/findings.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/machine.h"
#include "sweep-program.h"

#include <math.h>
#include <sys/stat.h>

/* --- A machine of files ------------------------------------------------------------------------------------------------------- */

static void enter_machine(void) {
  enter_place();
  sweep_machine_root(place);
}

static void leave_machine(void) {
  sweep_machine_root(NULL);
  leave_place();
}

static void has(const char *path, const char *text) {
  char *where = sweep_machine_path(path), *make = sweep_format("mkdir -p $(dirname %s)", where);
  cr_assert(eq(int, system(make), 0));
  FILE *f = fopen(where, "w");
  cr_assert(f != NULL, "%s", where);
  fputs(text, f);
  fclose(f);
  free(make);
  free(where);
}

#define CPU "/sys/devices/system/cpu/"

/* Four CPUs on two cores, of which the first three are ours; whatever can spoil something does. */
static void has_bad_machine(void) {
  has("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Abacus 9\nflags\t\t: fpu tsc hypervisor sse\n\nprocessor\t: 1\n");
  has(CPU "online", "0-3\n");
  has(CPU "cpu0/cpufreq/scaling_governor", "performance\n");
  has(CPU "cpu1/cpufreq/scaling_governor", "powersave\n");
  has(CPU "cpu2/cpufreq/scaling_governor", "ondemand\n");
  has(CPU "cpu3/cpufreq/scaling_governor", "userspace\n");
  has(CPU "intel_pstate/no_turbo", "0\n");
  has(CPU "cpu0/topology/thread_siblings_list", "0,2\n");
  has(CPU "cpu1/topology/thread_siblings_list", "1,3\n");
  has(CPU "cpu2/topology/thread_siblings_list", "0,2\n");
  has("/proc/loadavg", "7.50 3.00 1.00 2/345 6789\n");
  has("/proc/stat", "cpu  100 0 50 800 0 0 0 50 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
  has("/proc/meminfo", "MemTotal: 100 kB\nMemAvailable:   2048 kB\nSwapTotal:      4096 kB\nSwapFree:       1024 kB\n");
  has("/proc/vmstat", "pswpin 30\npswpout 12\noom_kill 2\n");
  has("/proc/self/cgroup", "0::/user/mine\n");
  has("/sys/fs/cgroup/user/mine/cpu.max", "max 100000\n");
  has("/sys/fs/cgroup/user/cpu.max", "150000 100000\n");
  has("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
  has("/proc/sys/kernel/randomize_va_space", "1\n");
  has("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
  has("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm \n");
  has("/proc/sys/kernel/perf_event_paranoid", "3\n");
  has("/sys/devices/system/node/online", "0-1\n");
  has("/proc/sys/kernel/numa_balancing", "1\n");
}

static int ours[] = {0, 1, 2};

static struct doctor_facts read_machine(void) {
  struct doctor_facts f = doctor_facts_none();
  f.cpus = ours, f.ncpus = 3;
  doctor_facts_files(&f);
  return f;
}

/* The finding of a name; the list is kept by the caller. */
static const struct doctor_finding *find(const struct doctor_finding *list, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(list[i].name, name)) return &list[i];
  cr_assert(false, "no finding '%s'", name);
  return NULL;
}

/* One look at facts: its state, and words of what was found and of the remedy (NULL: there is none). */
static void expect(const struct doctor_facts *f, int threads, const char *name, enum doctor_state state, const char *found,
                   const char *remedy) {
  int n;
  struct doctor_finding *list = doctor_judge(f, threads, &n);
  const struct doctor_finding *d = find(list, n, name);
  cr_expect(eq(str, (char *)doctor_state_names[d->state], (char *)doctor_state_names[state]), "%s: %s", name, d->found);
  cr_expect(strstr(d->found, found) != NULL, "%s: '%s' says nothing of '%s'", name, d->found, found);
  if (remedy)
    cr_expect(d->remedy && strstr(d->remedy, remedy), "%s: '%s' says nothing of '%s'", name, d->remedy ? d->remedy : "", remedy);
  else
    cr_expect(d->remedy == NULL, "%s: %s", name, d->remedy);
  doctor_findings_free(list, n);
}

/* --- Reading ------------------------------------------------------------------------------------------------------------------ */

Test(facts, are_read_off_files, .init = enter_machine, .fini = leave_machine) {
  has_bad_machine();
  struct doctor_facts f = read_machine();
  cr_expect(eq(str, f.model, "Abacus 9"));
  cr_expect(eq(int, f.online, 4));
  cr_expect(eq(str, f.governor, "powersave"), "the first that is not 'performance'");
  cr_expect(eq(int, f.governed, 2), "CPUs that are not ours do not count");
  cr_expect(eq(int, f.turbo, 1));
  cr_expect(f.turbo_intel);
  cr_expect(eq(int, f.cores, 2));
  cr_expect(eq(int, f.shared, 3));
  cr_expect(eq(dbl, f.load, 7.5));
  cr_expect(eq(dbl, f.quota, 1.5), "the least of all levels");
  cr_expect(eq(dbl, f.stolen_ticks / f.ticks, 0.05), "guests are not counted twice");
  cr_expect(eq(i64, f.swapped_bytes, 3072 * 1024));
  cr_expect(eq(i64, f.swap_moves, 42));
  cr_expect(eq(str, f.huge_pages, "always"));
  cr_expect(eq(int, f.aslr, 1));
  cr_expect(eq(str, f.clock, "hpet"));
  cr_expect(eq(int, f.perf_paranoid, 3));
  cr_expect(eq(int, f.nodes, 2));
  cr_expect(eq(int, f.numa_balancing, 1));
  cr_expect(f.virtual && !f.container);
}

/* A file that is not there, or holds something else, is never a value. */
Test(facts, that_are_not_told_stay_unknown, .init = enter_machine, .fini = leave_machine) {
  const struct doctor_facts none = doctor_facts_none();
  for (int broken = 0; broken < 2; broken++) {
    struct doctor_facts f = read_machine();
    cr_expect(f.model[0] == 0 && *f.governor == 0 && *f.huge_pages == 0 && *f.clock == 0);
    cr_expect(f.online == none.online && f.turbo == none.turbo && f.cores == none.cores && f.aslr == none.aslr);
    cr_expect(isnan(f.load) && f.quota == 0 && f.ticks == 0 && f.swapped_bytes == -1 && f.nodes == -1);
    cr_expect(f.perf_paranoid == none.perf_paranoid && !f.virtual && !f.container);
    has("/proc/loadavg", "none\n");
    has("/proc/stat", "cpu  1 2\n");
    has("/proc/meminfo", "SwapTotal: much\n");
    has(CPU "online", "all\n");
    has("/proc/sys/kernel/randomize_va_space", "\n");
    has("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise never\n");
  }
}

Test(facts, a_container_is_told_by_its_marks, .init = enter_machine, .fini = leave_machine) {
  has("/proc/1/cgroup", "0::/init.scope\n");
  struct doctor_facts f = read_machine();
  cr_expect(eq(int, f.container, 0));
  has("/proc/1/cgroup", "5:cpu:/kubepods/burstable/pod1\n");
  f = read_machine();
  cr_expect(f.container);
  has("/proc/1/cgroup", "0::/\n");
  has("/run/.containerenv", "");
  f = read_machine();
  cr_expect(f.container);
}

Test(facts, lists_of_cpus_are_short) {
  int cpus[] = {0, 1, 2, 5, 7, 8};
  char *list = doctor_cpu_list(cpus, 6), *none = doctor_cpu_list(cpus, 0);
  cr_expect(eq(str, list, "0-2,5,7-8"));
  cr_expect(eq(str, none, ""));
  free(list);
  free(none);
}

/* --- Judging ------------------------------------------------------------------------------------------------------------------ */

Test(findings, of_a_bad_machine, .init = enter_machine, .fini = leave_machine) {
  has_bad_machine();
  struct doctor_facts f = read_machine();
  expect(&f, 4, "cpus", DOCTOR_SPOILS, "3 CPUs (0-2) for 4 threads", "taskset");
  expect(&f, 2, "cpus", DOCTOR_NOTE, "3 of the machine's 4", "cpuset");
  expect(&f, 2, "cpu-quota", DOCTOR_SPOILS, "quota of 1.50 is below the 2 threads", "--threads 1");
  expect(&f, 1, "cpu-quota", DOCTOR_FINE, "1.50", NULL);
  expect(&f, 3, "siblings", DOCTOR_SPOILS, "3 threads on 2 cores", "smt/control");
  expect(&f, 2, "siblings", DOCTOR_NOTE, "3 of 3 CPUs", "smt/control");
  expect(&f, 2, "governor", DOCTOR_SPOILS, "the frequency governor is 'powersave', not 'performance', on 2 of 3",
         "scaling_governor");
  expect(&f, 2, "turbo", DOCTOR_SPOILS, "turbo is on", "intel_pstate/no_turbo");
  expect(&f, 2, "load", DOCTOR_SPOILS, "the load is 7.5, above the 2", "top");
  expect(&f, 8, "load", DOCTOR_NOTE, "leaves 0.0 of 3", "top");
  expect(&f, 2, "steal", DOCTOR_SPOILS, "5.0 %", "on its host");
  expect(&f, 2, "swap", DOCTOR_NOTE, "3 MiB", "swapoff");
  expect(&f, 2, "huge-pages", DOCTOR_NOTE, "'always'", "madvise");
  expect(&f, 2, "aslr", DOCTOR_SPOILS, "heaps", "randomize_va_space=2");
  expect(&f, 2, "clock-source", DOCTOR_SPOILS, "'hpet'", "echo tsc");
  expect(&f, 2, "numa", DOCTOR_SPOILS, "2 memory nodes", "numa_balancing=0");
  expect(&f, 2, "control", DOCTOR_UNKNOWN, "", NULL);
  expect(&f, 2, "pinning", DOCTOR_UNKNOWN, "", NULL);
}

/* The same from within a container: what root of the host could do is no command here. */
Test(findings, say_what_cannot_be_helped_here, .init = enter_machine, .fini = leave_machine) {
  has_bad_machine();
  struct doctor_facts f = read_machine();
  f.container = true;
  int n;
  struct doctor_finding *list = doctor_judge(&f, 2, &n);
  const struct doctor_finding *governor = find(list, n, "governor"), *load = find(list, n, "load"),
                              *steal = find(list, n, "steal");
  cr_expect(governor->helped == 0 && strstr(governor->remedy, "on its host: echo performance"), "%s", governor->remedy);
  cr_expect(load->helped);
  cr_expect(eq(int, steal->helped, 0));
  doctor_findings_free(list, n);
}

/* Where nothing is wrong nothing is said, whatever else the facts are. */
Test(findings, of_a_good_machine_are_fine, .init = enter_machine, .fini = leave_machine) {
  has_bad_machine();
  struct doctor_facts f = read_machine();
  snprintf(f.governor, sizeof f.governor, "performance");
  snprintf(f.huge_pages, sizeof f.huge_pages, "madvise");
  snprintf(f.clock, sizeof f.clock, "kvm-clock");
  snprintf(f.folder, sizeof f.folder, "results");
  f.governed = f.turbo = f.shared = f.swap_moved = f.numa_balancing = 0;
  f.swapped_bytes = 0, f.online = 3, f.load = 0.2, f.quota = 0, f.stolen_ticks = 1, f.ticks = 1000, f.aslr = 2, f.nodes = 1,
  f.cores = 3;
  f.instructions = f.migrations = f.code_moves = 1;
  f.room_bytes = 1e12, f.room_share = 0.5;
  f.clock_cost_ns = 20, f.clock_step_ns = 20;
  f.control_threads = 3, f.control_speedup = 2.9, f.control_low = 2.5, f.control_spread = 0.01;
  f.probed = true;
  int n;
  struct doctor_finding *list = doctor_judge(&f, 3, &n);
  for (int i = 0; i < n; i++) {
    cr_expect(eq(int, (int)list[i].state, (int)DOCTOR_FINE), "%s: %s", list[i].name, list[i].found);
    cr_expect(list[i].remedy == NULL, "%s", list[i].name);
  }
  doctor_findings_free(list, n);
}

Test(findings, of_what_was_probed) {
  struct doctor_facts f = doctor_facts_none();
  f.probed = true;
  f.control_threads = 2, f.control_speedup = 1.79, f.control_low = 1, f.control_spread = 0.051;
  expect(&f, 2, "control", DOCTOR_SPOILS, "1.79 times", "top");
  expect(&f, 2, "control-spread", DOCTOR_SPOILS, "5.1 %", "blocks");
  f.virtual = true;
  expect(&f, 2, "control", DOCTOR_SPOILS, "1.79 times", "on its host");
  f.control_speedup = 1.81, f.control_spread = 0.049;
  expect(&f, 2, "control", DOCTOR_FINE, "1.81", NULL);
  expect(&f, 2, "control-spread", DOCTOR_FINE, "4.9 %", NULL);
  f.control_threads = 1, f.control_speedup = 1;
  expect(&f, 1, "control", DOCTOR_FINE, "1 thread", NULL);
  snprintf(f.unpinned, sizeof f.unpinned, "not permitted");
  expect(&f, 2, "pinning", DOCTOR_SPOILS, "not permitted", "--pin none");
  f.clock_cost_ns = 1200, f.clock_step_ns = 1;
  expect(&f, 2, "timer", DOCTOR_SPOILS, "1200 ns", "clock source");
  f.swapped_bytes = 0, f.swap_moved = 3;
  expect(&f, 2, "swap", DOCTOR_SPOILS, "3 pages", "swapoff");
}

Test(findings, of_this_process) {
  struct doctor_facts f = doctor_facts_none();
  snprintf(f.limits, sizeof f.limits, "address space (-v)");
  f.core_dumps = true;
  expect(&f, 1, "ulimits", DOCTOR_SPOILS, "address space", "ulimit");
  *f.limits = 0;
  expect(&f, 1, "ulimits", DOCTOR_NOTE, "core file", "ulimit -c 0");
  f.no_aslr = true, f.aslr = 2;
  expect(&f, 1, "aslr", DOCTOR_SPOILS, "not random", "setarch");
  f.code_moves = 0;
  expect(&f, 1, "code", DOCTOR_SPOILS, "cannot be moved", "pagemap");
  snprintf(f.folder, sizeof f.folder, ".");
  f.room_bytes = 1 << 20, f.room_share = 0.5;
  expect(&f, 1, "disk", DOCTOR_SPOILS, "where this was started", "--out");
  f.room_bytes = 1e12, f.room_share = 0.01;
  expect(&f, 1, "disk", DOCTOR_SPOILS, "1 %", "--out");
  snprintf(f.settings, sizeof f.settings, "MALLOC_ARENA_MAX GC_MARKERS");
  expect(&f, 1, "malloc-settings", DOCTOR_NOTE, "GC_MARKERS", "unset MALLOC_ARENA_MAX GC_MARKERS");
  f.missing[1] = f.missing[3] = true;
  expect(&f, 1, "tools", DOCTOR_NOTE, "mimalloc (--allocator mimalloc); gnuplot (figures)", "libmimalloc2.0 gnuplot-nox");
  f.instructions = 0, f.migrations = 0, f.perf_paranoid = 4;
  expect(&f, 1, "counters", DOCTOR_NOTE, "instructions and migrations", "perf_event_paranoid=0");
  f.migrations = 1, f.no_counter = true;
  expect(&f, 1, "counters", DOCTOR_NOTE, "has no counter", "callgrind");
}

/* --- In a sweep --------------------------------------------------------------------------------------------------------------- */

/* What spoils is warned of, what is a note is not; and all of it is in the record. */
Test(sweep, warns_of_the_same_findings, .init = enter_machine, .fini = leave_machine) {
  has_bad_machine();
  struct sweep_cell cell = {.threads = 2};
  int run = 0;
  struct sweep_plan plan = {.cells = &cell, .ncells = 1, .runs = &run, .nruns = 1, .pus = 2};
  sweep_environment_warn(&plan);
  struct text all = {0};
  for (int i = 0; i < plan.nwarnings; i++) sweep_text_addf(&all, "%s\n", plan.warnings[i]);
  cr_assert(plan.nwarnings > 0);
  cr_expect(strstr(all.s, "the load is 7.5, above the 2 threads to be measured\n") != NULL, "%s", all.s);
  cr_expect(strstr(all.s, "the CPU quota of 1.50 is below the 2 threads to be measured\n") != NULL, "%s", all.s);
  cr_expect(strstr(all.s, "turbo is on: ") != NULL, "%s", all.s);
  cr_expect(strstr(all.s, "swapped") == NULL, "%s", all.s);
  json_t *record = sweep_environment_record(sweep_environment_threads(&plan)), *finding;
  size_t i;
  int spoils = 0;
  json_array_foreach(json_object_get(record, "findings"), i, finding) spoils +=
      !strcmp(json_string_value(json_object_get(finding, "state")), "spoils");
  cr_expect(eq(int, spoils, plan.nwarnings));
  cr_expect(eq(dbl, json_number_value(json_object_get(record, "load_at_start")), 7.5));
  json_decref(record);
  sweep_text_free(&all);
  sweep_free_words(plan.warnings, plan.nwarnings);
}

/* --- The command -------------------------------------------------------------------------------------------------------------- */

/* Whatever this machine is like: every look has a finding, the text keeps to its width, the codes are as promised. */
Test(doctor, says_it_as_text_and_as_json, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("MALLOC_ARENA_MAX=1", "doctor --seconds 0 --json"), strict;
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  json_t *o = json_loads(s.out, 0, NULL), *finding;
  cr_assert(o != NULL, "%s", s.out);
  size_t i;
  int spoils = 0, settings = 0;
  json_array_foreach(json_object_get(o, "findings"), i, finding) {
    const char *state = json_string_value(json_object_get(finding, "state"));
    spoils += !strcmp(state, "spoils");
    settings += strstr(json_string_value(json_object_get(finding, "found")), "MALLOC_ARENA_MAX") != NULL;
    cr_expect(json_string_value(json_object_get(finding, "why")) != NULL);
    cr_expect(strcmp(state, "spoils") || json_is_string(json_object_get(finding, "remedy")),
              "what spoils has a remedy, or a reason");
  }
  cr_expect(eq(int, (int)i, 22));
  cr_expect(eq(int, settings, 1));
  json_decref(o);
  forget(&s);
  strict = program("ulimit -f 100000;", "doctor --strict --seconds 0"); /* now something does spoil */
  cr_expect(eq(int, strict.code, SWEEP_COULD_NOT_JUDGE));
  cr_expect(strstr(strict.out, "spoils   ulimits          ulimit bounds: file size (-f)") != NULL, "%s", strict.out);
  for (char *line = strict.out; *line; line += strcspn(line, "\n"), line += *line != 0) {
    size_t width = strcspn(line, "\n");
    cr_expect(width <= 80 || strcspn(line + 26, " \n") >= width - 26, "%zu columns: %.*s", width, (int)width, line);
  }
  forget(&strict);
}

Test(doctor, probes_the_machine, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "doctor --seconds 1 --json");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  json_t *o = json_loads(s.out, 0, NULL), *control = json_object_get(o, "control");
  cr_assert(o != NULL, "%s", s.out);
  cr_expect(json_integer_value(json_object_get(control, "threads")) >= 1);
  cr_expect(json_real_value(json_object_get(control, "speedup")) > 0);
  cr_expect(json_number_value(json_object_get(control, "spread")) >= 0);
  json_decref(o);
  forget(&s);
}

Test(doctor, refuses_what_it_does_not_know, .init = enter_place, .fini = leave_place) {
  expect_refused("", "doctor --second 1", "did you mean '--seconds'?");
  expect_refused("", "doctor --threads none", "--threads: 'none'");
  expect_refused("", "doctor --seconds 601", "from 0 to 600");
  expect_refused("", "doctor now", "what is 'now'?");
}
