/* Whole invocations with fake strategies (tests/doubles/cell-fake.h): what the one JSON object says, and what the strategy was
   given. */
#define _GNU_SOURCE
#include "cell-invoke.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- An ordinary cell ----------------------------------------------------------------------------------------------------- */

Test(cell, says_what_was_run) {
  json_t *o = run_to("ok", "--threads 2 --oversubscribe --set spin=50 --set knob=9 --seed 42 --gc-threads 3");
  cr_expect_str_eq(text(o, "reason"), "");
  cr_expect_str_eq(text(o, "strategy"), "cell-tracing");
  cr_expect_str_eq(text(o, "workload"), "fake");
  cr_expect_str_eq(
      text(o, "parameters"),
      "spin=50;bytes=0;bytes-from=0;bytes-to=1000;live=1000;leak=0;collections=1;fail=none;fail-at=0;threads-most=1000");
  cr_expect_str_eq(text(o, "tunables"), "spin=5;knob=9", "a parameter of the workload wins over a tunable of that name");
  cr_expect_str_eq(text(o, "sharing"), "private");
  cr_expect_str_eq(text(o, "pinning"), "compact");
  cr_expect_str_eq(text(o, "allocator"), "pool");
  cr_expect_str_eq(text(o, "heap_policy"), "3x");
  cr_expect_str_eq(text(o, "build"), "a double");
  cr_expect_eq(number(o, "threads"), 2);
  cr_expect_eq(number(o, "collector_threads"), 3);
  cr_expect_eq(number(o, "heap_limit_bytes"), 8 << 20, "at least 4 MiB for each thread");
  cr_expect_eq(json_array_size(json_object_get(o, "cpus")), 2);
  cr_expect_gt(json_real_value(json_object_get(o, "control_speed")), 0);
  cr_expect_gt(json_real_value(json_object_get(o, "control_speedup")), 0);
  cr_expect_gt(number(o, "rss_final_bytes"), 0);
  cr_expect(unknown(o, "code_pages_moved") || number(o, "code_pages_moved") > 10);
  cr_expect_eq(nrows(o), 6, "one warm-up, five that count");
  json_decref(o);
}

Test(cell, rows) {
  json_t *o = run_to("ok", "--threads 2 --oversubscribe --set spin=100000 --warmup 2 --iterations 3 --seed 5");
  cr_assert_eq(nrows(o), 5);
  uint64_t sum = 2 * (UINT64_C(0x0fedcba987654321) + 5);
  char checksum[17];
  snprintf(checksum, sizeof checksum, "%016" PRIx64, sum);
  for (size_t i = 0; i < 5; i++) {
    json_t *r = row(o, i);
    cr_expect_eq(number(r, "iteration"), (int64_t)i);
    cr_expect_str_eq(text(r, "phase"), i < 2 ? "warmup" : "measured");
    cr_expect_eq(number(r, "operations"), 200001, "summed over the threads");
    cr_expect_str_eq(text(r, "checksum"), checksum);
    cr_expect_gt(number(r, "wall_ns"), 0);
    cr_expect_eq(number(r, "collections"), 1);
    cr_expect(unknown(r, "minor_collections") && unknown(r, "collector_wall_ns") && unknown(r, "collector_cpu_ns"));
    cr_expect(unknown(r, "mutator_wall_ns") && unknown(r, "mutator_cpu_ns"), "unknown while the collector's part is");
    cr_expect_eq(number(r, "pause_max_ns"), 1000);
    cr_expect(unknown(r, "pause_p99_ns"), "of one pause");
    cr_expect_gt(number(r, "rss_before_bytes"), 0);
    cr_expect_geq(number(r, "rss_peak_bytes"), number(r, "rss_mean_bytes"));
    cr_expect(unknown(r, "committed_bytes"));
    cr_expect_eq(number(r, "allocated_bytes"), 4096);
  }
  json_t *pause = json_array_get(json_object_get(o, "pauses"), 0);
  cr_expect_eq(json_integer_value(json_array_get(pause, 0)), 960, "the floor of the bucket that holds 1000");
  cr_expect_eq(json_integer_value(json_array_get(pause, 1)), 3, "of the measured iterations only");
  json_decref(o);
}

/* Everything arrives at the strategy; with one measured iteration a counter is what the strategy said. */
Test(cell, what_the_strategy_is_given) {
  json_t *o =
      run_to("ok", "--iterations 1 --seed 7 --heap 5M --set collections=3 --set knob=1 --gc-threads 4 --sharing shared-read");
  cr_expect_eq(counter(o, "seed"), 7);
  cr_expect_eq(counter(o, "heap-limit"), 5 << 20);
  cr_expect_eq(counter(o, "collector-threads"), 4);
  cr_expect_eq(counter(o, "knob"), 1);
  cr_expect_eq(counter(o, "spin-tunable"), 5);
  cr_expect_eq(counter(o, "sharing"), 2);
  cr_expect_eq(counter(o, "misuse"), 0);
  cr_expect_eq(counter(o, "runs"), 2);
  cr_expect_str_eq(text(o, "heap_policy"), "bytes");
  json_decref(o);
  o = run_to("ok", "--heap grow");
  cr_expect_eq(counter(o, "heap-limit"), 0);
  cr_expect(unknown(o, "heap_limit_bytes"));
  json_decref(o);
  o = run_to("ok", "--strategy cell-counting --heap 5M");
  cr_expect_str_eq(text(o, "heap_policy"), "n/a", "without a limit there is none");
  cr_expect_eq(counter(o, "heap-limit"), 0);
  json_decref(o);
}

Test(cell, heap_of_a_factor) {
  json_t *o = run_to("ok", "--threads 2 --oversubscribe --set live=5M");
  cr_expect_eq(number(o, "heap_limit_bytes"), 3 * 2 * (5 << 20));
  cr_expect_str_eq(text(o, "heap_policy"), "3x");
  json_decref(o);
  o = run_to("ok", "--heap 1.5x --set live=4M");
  cr_expect_eq(number(o, "heap_limit_bytes"), 6 << 20);
  json_decref(o);
  o = run_to("ok", "--heap 8K --set live=2M");
  cr_expect_eq(number(o, "heap_limit_bytes"), 8192, "bytes are what they are: no floor");
  json_decref(o);
}

Test(cell, named_setting) {
  json_t *o = run_to("ok", "--workload fake-leaky --strategy cell-counting --set spin=9");
  cr_expect_str_eq(text(o, "workload"), "fake-leaky");
  cr_expect_str_eq(
      text(o, "parameters"),
      "spin=9;bytes=0;bytes-from=0;bytes-to=1000;live=1000;leak=3;collections=1;fail=none;fail-at=0;threads-most=1000");
  json_decref(o);
  o = run_to("ok", "--workload fake-leaky --strategy cell-counting --set leak=1");
  cr_expect(strstr(text(o, "parameters"), "leak=1;"), "what is set wins over the setting");
  json_decref(o);
}

Test(cell, one_thread_has_a_speedup_of_one) {
  json_t *o = run_to("ok", "--threads 1");
  cr_expect_eq(json_real_value(json_object_get(o, "control_speedup")), 1);
  json_decref(o);
}

/* --- Windows -------------------------------------------------------------------------------------------------------------- */

Test(cell, cpu_time_is_that_of_the_threads) {
  json_t *o = run_to("ok", "--threads 2 --oversubscribe --set spin=20000000 --iterations 3");
  for (size_t i = 1; i < nrows(o); i++) {
    int64_t wall = number(row(o, i), "wall_ns"), cpu = number(row(o, i), "cpu_user_ns") + number(row(o, i), "cpu_system_ns");
    cr_expect_gt(cpu, 0);
    cr_expect_lt(cpu, 2 * wall + wall / 10, "two threads, and no sampler");
  }
  json_decref(o);
}

/* The workload touches 48 MiB in each iteration and gives them back. */
Test(cell, memory_of_a_window) {
  const int64_t size = 48 << 20, slack = 4 << 20;
  json_t *o = run_to("ok", "--set bytes=48M --iterations 3");
  for (size_t i = 0; i < nrows(o); i++) {
    json_t *r = row(o, i);
    int64_t before = number(r, "rss_before_bytes"), mean = number(r, "rss_mean_bytes"), peak = number(r, "rss_peak_bytes");
    cr_expect(mean > before && mean < peak, "mean %zd, peak %zd", (ssize_t)mean, (ssize_t)peak);
    cr_expect_lt(peak, before + size + slack);
    cr_expect_lt(number(r, "rss_after_bytes"), before + slack);
    cr_expect_geq(number(r, "minor_faults"), 1, "memory was touched");
    /* What the kernel keeps is exact; without it a sample may miss the moment. */
    if (access("/proc/self/clear_refs", W_OK) == 0) cr_expect_gt(peak, before + size - slack);
  }
  json_t *samples = json_object_get(o, "rss");
  cr_expect_gt(json_array_size(samples), 0);
  json_decref(o);
}

/* The peak of a window is its own: not what the process once had. */
Test(cell, peak_of_a_window) {
  json_t *o = run_to("ok", "--set bytes=48M --set bytes-from=1 --set bytes-to=1 --iterations 3");
  for (size_t i = 0; i < nrows(o); i++) {
    json_t *r = row(o, i);
    int64_t grown = number(r, "rss_peak_bytes") - number(r, "rss_before_bytes");
    cr_expect(i == 1 ? grown > 24 << 20 : grown < 24 << 20, "iteration %zu grew by %zd", i, (ssize_t)grown);
  }
  json_decref(o);
}

/* Each sample switches the sampler's thread once: a sleep. How often others take the CPU from a mutator depends on them, so the double
   counts its own. */
Test(cell, switches_are_without_the_sampler) {
  json_t *o = run_to("ok", "--set spin=200000000 --set collections=3 --warmup 0 --iterations 1"), *r = row(o, 0);
  int64_t samples = 0, from = number(r, "start_ns"), to = from + number(r, "wall_ns");
  size_t i;
  json_t *pair;
  json_array_foreach(json_object_get(o, "rss"), i, pair) {
    int64_t at = json_integer_value(json_array_get(pair, 0));
    samples += at > from && at < to;
  }
  cr_expect_lt(number(r, "context_switches"), counter(o, "switched") + samples);
  cr_expect_gt(number(r, "context_switches") + samples, counter(o, "switched")); /* what the sampler published lags behind it */
  json_decref(o);
}

/* --- Audit and leaks ------------------------------------------------------------------------------------------------------ */

Test(cell, first_warm_up_is_audited) {
  json_t *o = run_to("ok", "--threads 2 --oversubscribe --warmup 2 --iterations 1 --set collections=3");
  cr_expect_eq(number(o, "live_objects"), 2000);
  cr_expect_eq(number(o, "live_bytes"), 32000);
  cr_expect_eq(counter(o, "audits"), 1);
  json_decref(o);
}

Test(cell, without_warm_up_the_audit_comes_last) {
  json_t *o = run_to("ok", "--strategy cell-counting --warmup 0 --iterations 2 --set leak=4");
  cr_expect_eq(nrows(o), 2);
  cr_expect_eq(number(o, "live_objects"), 1000, "without the eight that leaked before");
  cr_expect_eq(number(o, "live_bytes"), 16000);
  cr_expect_eq(counter(o, "audits"), 0, "not in a measured iteration");
  cr_expect_eq(number(row(o, 1), "leaked_objects"), 4, "not counted as a leak");
  json_decref(o);
}

Test(cell, counting_strategies_count_leaks_per_iteration) {
  json_t *o = run_to("ok", "--strategy cell-counting --threads 2 --oversubscribe --set leak=3 --iterations 2");
  for (size_t i = 0; i < 3; i++) {
    cr_expect_eq(number(row(o, i), "leaked_objects"), 6);
    cr_expect_eq(number(row(o, i), "leaked_bytes"), 96);
    cr_expect_eq(number(row(o, i), "cyclic_nodes"), 6);
  }
  json_decref(o);
}

Test(cell, tracing_strategies_collect_once_at_the_end) {
  json_t *o = run_to("ok", "--set leak=1 --iterations 3");
  for (size_t i = 0; i < 3; i++) cr_expect(unknown(row(o, i), "leaked_objects") && unknown(row(o, i), "leaked_bytes"));
  cr_expect_eq(number(row(o, 3), "leaked_objects"), 4, "of all iterations");
  cr_expect_eq(counter(o, "collects"), 3 * 1, "none between the windows: each of three saw the one before the first");
  json_decref(o);
}

Test(cell, uncollected) {
  json_decref(run_to("ok", "--iterations 3 --set collections=1"));
  json_t *o = run_to("uncollected", "--iterations 2 --set collections=1");
  cr_expect(strstr(text(o, "reason"), "2 collections"));
  json_decref(o);
  json_decref(run_to("uncollected", "--iterations 1 --set collections=0"));
  json_decref(run_to("ok", "--strategy cell-counting --iterations 1 --set collections=0"));
}

/* Counts owe no collection but of cycles that were made, which this double claims where it leaks. */
Test(cell, cycles_that_were_made_and_never_looked_for) {
  json_decref(run_to("ok", "--strategy cell-cycles --iterations 1 --set collections=0"));
  json_decref(run_to("uncollected", "--strategy cell-cycles --iterations 1 --set collections=0 --set leak=1"));
  json_decref(run_to("uncollected", "--strategy cell-cycles --iterations 2 --set collections=1 --set leak=1"));
  json_decref(run_to("ok", "--strategy cell-cycles --iterations 3 --set collections=1 --set leak=1"));
}

Test(cell, percentile_of_pauses_where_there_are_enough) {
  json_t *o = run_to("ok", "--iterations 1 --set collections=99");
  cr_expect(unknown(row(o, 1), "pause_p99_ns"));
  json_decref(o);
  o = run_to("ok", "--iterations 1 --set collections=100");
  cr_expect_gt(number(row(o, 1), "pause_p99_ns"), 0);
  json_decref(o);
}

/* --- Pinning -------------------------------------------------------------------------------------------------------------- */

Test(cell, runs_where_the_plan_says) {
  cpu_set_t set;
  cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &set)) last--;
  CPU_ZERO(&set);
  CPU_SET(last, &set);
  cr_assert_eq(sched_setaffinity(0, sizeof set, &set), 0); /* the child inherits it, as under taskset */
  json_t *o = run_to("ok", "--iterations 1 --set collections=3");
  cr_expect_eq(json_integer_value(json_array_get(json_object_get(o, "cpus"), 0)), last);
  cr_expect_eq(counter(o, "cpu-of-0"), last);
  json_decref(o);
  struct outcome refused = run("--threads 2");
  cr_expect_eq(refused.code, 2, "only one CPU is allowed");
  cr_expect(strstr(refused.message, "--oversubscribe"), "%s", refused.message);
  o = run_to("ok", "--threads 2 --oversubscribe");
  cr_expect(json_is_true(json_object_get(o, "oversubscribed")));
  json_decref(o);
  o = run_to("ok", "--threads max");
  cr_expect_eq(number(o, "threads"), 1);
  json_decref(o);
  o = run_to("ok", "--pin none");
  cr_expect_eq(json_array_size(json_object_get(o, "cpus")), 0);
  cr_expect(json_is_false(json_object_get(o, "oversubscribed")));
  json_decref(o);
}

Test(cell, a_plan_for_another_machine_is_a_failed_cell) {
  setenv("HWLOC_SYNTHETIC", "package:2 core:1000 pu:1", 1); /* hwloc believes it, the kernel does not */
  json_t *o = run_to("crashed", "--threads 2000 --set threads-most=5000");
  cr_expect(strstr(text(o, "reason"), "CPU"), "%s", text(o, "reason"));
  cr_expect_eq(nrows(o), 0);
  json_decref(o);
}

/* --- Cells that end early ------------------------------------------------------------------------------------------------- */

static void expect_end(const char *line, const char *status, const char *reason, size_t rows) {
  json_t *o = run_to(status, line);
  cr_expect(strstr(text(o, "reason"), reason), "%s: %s", line, text(o, "reason"));
  cr_expect_eq(nrows(o), rows, "%s: %zu iterations were complete", line, nrows(o));
  json_decref(o);
}

Test(cell, ends_early_with_what_it_has) {
  expect_end("--set fail=heap --set fail-at=0", "heap-too-small", "no room for \"one\" more", 0);
  expect_end("--set fail=heap --set fail-at=2 --threads 2 --oversubscribe", "heap-too-small", "no room", 2);
  expect_end("--set fail=memory --set fail-at=3", "out-of-memory", "the system gave nothing", 3);
  expect_end("--set fail=check --set fail-at=1", "wrong-checksum", "a sum was wrong", 1);
  expect_end("--set fail=attach", "out-of-memory", "attach", 0);
}

/* Many threads fail at the same moment: one object, whole, whoever wins. */
Test(cell, ends_once) {
  for (int i = 0; i < 20; i++)
    expect_end("--set fail=all --set fail-at=1 --threads 6 --oversubscribe", "heap-too-small", "everybody", 1);
}

Test(cell, ends_at_the_memory_limit, .timeout = 60) {
  expect_end("--set fail=eat --set fail-at=1 --memory-limit 100M", "out-of-memory", "104857600", 1);
  expect_end("--set fail=eat --set fail-at=1 --memory-limit 100M --threads 2 --oversubscribe", "out-of-memory", "over the limit",
             1);
}

Test(cell, not_applicable) {
  json_t *o = run_to("not-applicable", "--strategy cell-counting --sharing shared-read");
  cr_expect(strstr(text(o, "reason"), "cell-counting shares no heap"), "%s", text(o, "reason"));
  cr_expect_eq(nrows(o), 0);
  json_decref(o);
}

/* --- Bad input ------------------------------------------------------------------------------------------------------------ */

Test(cell, bad_input) {
  static const struct {
    const char *line, *told; /* what the message must name */
  } bad[] = {
      {"--strategy cell-tracin", "did you mean 'cell-tracing'"},
      {"--workload fak", "did you mean 'fake'"},
      {"--threads 0", "'0' is not a whole number from 1"},
      {"--threads 2x", "'2x'"},
      {"--threads 60000", "allowed here"},
      {"--thread 1", "did you mean '--threads'"},
      {"--seed 1 --seed 2", "--seed is given twice"},
      {"--seed 99999999999999999999", "--seed"},
      {"--set spin", "name=value"},
      {"--set =1", "name=value"},
      {"--set spni=1", "did you mean 'spin'"},
      {"--set spin=many", "'many'"},
      {"--set spin=-1", "0 to 1000000000"},
      {"--set knob=101", "0 to 100"},
      {"--set fail=hep", "heap"},
      {"--sharing shared-write", "it has: private shared-read"},
      {"--sharing privat", "did you mean 'private'"},
      {"--workload fake-leaky --sharing shared-read", "it has: private"},
      {"--heap lots", "lots"},
      {"--pin compat", "did you mean 'compact'"},
      {"--warmup -1", "--warmup"},
      {"--iterations 0", "--iterations"},
      {"--gc-threads 0", "--gc-threads"},
      {"--memory-limit 5Q", "5Q"},
      {"--allocator jemaloc", "did you mean 'jemalloc'"},
      {"--allocator /no/such/malloc.so", "/no/such/malloc.so"},
      {"--allocator /tmp/a:b.so", "colons"},
      {"--set threads-most=1 --threads 2 --oversubscribe", "threads-most"},
      {"--oversubscribe=yes", "takes no value"},
      {"surplus", "surplus"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct outcome o = run(bad[i].line);
    cr_expect_eq(o.code, 2, "%s: exit code %d", bad[i].line, o.code);
    cr_expect_eq(o.written, 0, "%s: something was written", bad[i].line);
    cr_expect(strncmp(o.message, "reclaim: ", 9) == 0 && strstr(o.message, bad[i].told), "%s: %s", bad[i].line, o.message);
    const char *newline = strchr(o.message, '\n');
    cr_expect(newline && !newline[1], "%s: one line: %s", bad[i].line, o.message);
  }
}

/* What the command needs and does not have; and a place to write that is none. */
Test(cell, missing_and_unwritable) {
  struct outcome o = run_words((char *[]){"--workload", "fake"}, 2);
  cr_expect(o.code == 2 && strstr(o.message, "--strategy is missing"), "%s", o.message);
  o = run_words((char *[]){"--strategy", "cell-tracing"}, 2);
  cr_expect(o.code == 2 && strstr(o.message, "--workload is missing"), "%s", o.message);
  o = run_words((char *[]){"--threads"}, 1);
  cr_expect(o.code == 2, "--fd is its value then: %s", o.message);
  cr_expect_eq(cell_main(2, (char *[]){"cell", "--threads", NULL}), 2);
  char *closed[] = {"cell", "--strategy", "cell-tracing", "--workload", "fake", "--fd", "999", NULL};
  char *full[] = {"cell", "--strategy", "cell-tracing", "--workload", "fake", "--fd", "998", NULL};
  setenv("RECLAIM_PLUGIN_PATH", RECLAIM_DOUBLES_DIR, 1);
  cr_expect_eq(cell_main(7, closed), 2);
  cr_assert_eq(dup2(open("/dev/full", O_WRONLY), 998), 998);
  cr_expect_eq(cell_main(7, full), 1);
}
