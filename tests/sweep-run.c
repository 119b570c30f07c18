/* sweep-run.c: whole sweeps over the doubles, with cells that misbehave in every way. */
#include "sweep-program.h"

#define WORK "run --strategy fake --workload work --threads 1 --repeats 0 --out r "

Test(run, bad_cells_end_with_a_status_and_the_sweep_goes_on, .init = enter_place, .fini = leave_place, .timeout = 250) {
  struct spoken s = program(
      "", WORK "--set misbehave=nothing,crash,abort,hang,eat,heap,exit,flood,orphan --iterations 2 --blocks 2 --timeout 5 "
               "--memory-limit 256M --quiet");
  cr_assert(eq(int, s.code, SWEEP_FAILED), "%s", s.err);
  struct samples rows = read_samples("r");
  /* two blocks each; those that end well have a row per iteration */
  cr_expect(eq(int, count_rows(&rows, "status", "crashed", "reason", "SIGSEGV"), 2));
  cr_expect(eq(int, count_rows(&rows, "status", "crashed", "reason", "SIGABRT"), 2));
  cr_expect(eq(int, count_rows(&rows, "status", "crashed", "reason", "exit code 3"), 2));
  cr_expect(eq(int, count_rows(&rows, "status", "crashed", "iteration", ""), 6));
  cr_expect(eq(int, count_rows(&rows, "status", "timeout", "iteration", ""), 2));
  cr_expect(ge(int, count_rows(&rows, "status", "out-of-memory", NULL, NULL), 2));
  cr_expect(ge(int, count_rows(&rows, "status", "heap-too-small", "reason", "the heap is too small for the double"), 2));
  cr_expect(eq(int, count_rows(&rows, "status", "ok", "phase", "measured"), 3 * 2 * 2)); /* nothing, flood, orphan */
  cr_expect(eq(int, count_rows(&rows, "status", "ok", "phase", "warmup"), 3 * 2));
  free_samples(&rows);
  json_t *o = read_campaign("r");
  cr_expect(eq(int, json_is_true(json_object_get(o, "finished")), 1));
  json_decref(o);
  forget(&s);
}

Test(run, a_wrong_checksum_is_marked, .init = enter_place, .fini = leave_place) {
  struct spoken s = program(
      "",
      "run --strategy fake,loner --workload work --threads 1 --repeats 0 --out r --blocks 2 --iterations 2 --set lie=0,1 --where "
      "'lie == 0 || strategy == fake'");
  cr_assert(eq(int, s.code, SWEEP_FAILED), "%s", s.err);
  cr_expect(strstr(s.out, "wrong-checksum") != NULL);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "status", "wrong-checksum", "tunables", "spice=3;lie=1;size=1"), 2 * 3));
  cr_expect(eq(int, count_rows(&rows, "status", "wrong-checksum", NULL, NULL), 2 * 3));
  cr_expect(eq(int, count_rows(&rows, "status", "ok", NULL, NULL), 2 * 2 * 3));
  free_samples(&rows);
  forget(&s);
}

Test(run, one_against_one_is_wrong_both, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", WORK "--blocks 1 --iterations 1 --set lie=0,1");
  cr_assert(eq(int, s.code, SWEEP_FAILED), "%s", s.err);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "status", "wrong-checksum", NULL, NULL), 4));
  free_samples(&rows);
  forget(&s);
}

Test(run, what_cannot_share_is_a_row_of_its_own, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "run --strategy fake,loner --workload work --threads 1 --repeats 0 --out r --sharing "
                                "private,shared-write --blocks 2 --iterations 1");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "status", "not-applicable", "strategy", "loner"), 1));
  cr_expect(eq(int, count_rows(&rows, "status", "not-applicable", "reason", "loner shares no heap between threads"), 1));
  cr_expect(strstr(s.out, "loner shares no heap") != NULL);
  free_samples(&rows);
  forget(&s);
}

/* A strategy that frees by hand cannot run what does not know when its objects die, and says so. */
Test(run, unknown_lifetimes_are_rows_of_their_own, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "run --strategy owner --workload work,quiet --threads 1 --repeats 0 --out r --sharing "
                                "private,shared-write --blocks 2 --iterations 1 --warmup 0");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "status", "ok", "sharing", "private"), 2));
  cr_expect(eq(int,
               count_rows(&rows, "reason", "owner frees by hand, and work (shared-write) does not know when its objects die",
                          "status", "not-applicable"),
               1));
  cr_expect(eq(int,
               count_rows(&rows, "reason", "owner frees by hand, and quiet (private) does not know when its objects die",
                          "status", "not-applicable"),
               1));
  cr_expect(eq(int, count_rows(&rows, "reason", "quiet has no mode shared-write", "status", "not-applicable"), 1));
  cr_expect(eq(int, rows.n, 1 + 2 + 3));
  cr_expect(strstr(s.out, "owner frees by hand") != NULL);
  free_samples(&rows);
  forget(&s);
}

/* A strategy that exists with its own heap only, or with malloc only: under other allocators it would be measured twice. */
Test(run, a_flavour_that_a_strategy_lacks_is_a_row_of_its_own, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "run --strategy fake,owner,keeper --workload work --threads 1 --repeats 0 --out r --allocator "
                                "pool,libc --blocks 2 --iterations 1 --warmup 0");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "strategy", "fake", "status", "ok"), 2 * 2));
  cr_expect(eq(int, count_rows(&rows, "strategy", "owner", "status", "ok"), 2));
  cr_expect(eq(int, count_rows(&rows, "strategy", "keeper", "status", "ok"), 2));
  cr_expect(eq(int,
               count_rows(&rows, "reason",
                          "owner has its own heap and asks no malloc for cells: the allocator libc changes nothing about it",
                          "allocator", "libc"),
               1));
  cr_expect(
      eq(int, count_rows(&rows, "reason", "keeper has no pool: the allocator pool changes nothing about it", "allocator", "pool"),
         1));
  cr_expect(eq(int, rows.n, 1 + 4 + 2 + 2 + 2));
  free_samples(&rows);
  forget(&s);
}

/* A strategy that reclaims no cycles, on a workload that makes some: every process measures one iteration, after one warm-up. */
Test(run, what_leaks_by_nature_runs_once_per_process, .init = enter_place, .fini = leave_place) {
  struct spoken s = program(
      "", "run --strategy fake,loner --workload work --threads 1 --repeats 0 --out r --set cyclic=1 --blocks 2 --iterations 3");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "strategy", "loner", NULL, NULL), 2 * 2));
  cr_expect(eq(int, count_rows(&rows, "strategy", "loner", "phase", "measured"), 2));
  cr_expect(eq(int, count_rows(&rows, "strategy", "fake", NULL, NULL), 2 * 4));
  cr_expect(eq(int, count_rows(&rows, "strategy", "loner", "reason", "leaks by nature: cycles are never reclaimed"), 2 * 2));
  cr_expect(eq(int, count_rows(&rows, "strategy", "fake", "reason", ""), 2 * 4));
  cr_expect(strstr(s.out, "leaks by nature") != NULL);
  free_samples(&rows);
  forget(&s);
}
Test(run, what_never_reclaims_runs_once_per_process, .init = enter_place, .fini = leave_place) {
  struct spoken s =
      program("", "run --strategy keeper --workload work --threads 1 --repeats 0 --out r --allocator libc --blocks 2 "
                  "--iterations 3");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "phase", "measured", "reason", "leaks by nature: nothing is ever reclaimed"), 2));
  cr_expect(eq(int, rows.n, 1 + 2));
  free_samples(&rows);
  forget(&s);
}

Test(run, more_threads_than_cpus_are_marked, .init = enter_place, .fini = leave_place) {
  char *arguments = sweep_format(
      "run --strategy fake --workload work --repeats 0 --out r --blocks 1 --iterations 1 --threads %ld --oversubscribe",
      sysconf(_SC_NPROCESSORS_ONLN) + 1);
  struct spoken s = program("", arguments);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "oversubscribed", "1", NULL, NULL), 2));
  cr_expect(eq(int, rows.n, 3));
  free_samples(&rows);
  forget(&s);
  free(arguments);
}

/* Blocks are permutations of the same cells, the same for the same seed and different ones otherwise. */
Test(run, blocks_are_ordered_by_the_seed, .init = enter_place, .fini = leave_place) {
  char *orders[3];
  for (int i = 0; i < 3; i++) {
    char *arguments =
        sweep_format("run --strategy fake --workload work --threads 1 --repeats 0 --out r%d --blocks 3 --iterations 1 --warmup 0 "
                     "--set size=1,2,3,4,5,6 --seed %d",
                     i, i < 2 ? 11 : 12);
    struct spoken s = program("", arguments);
    cr_assert(eq(int, s.code, 0), "%s", s.err);
    forget(&s);
    free(arguments);
    char dir[16];
    snprintf(dir, sizeof dir, "r%d", i);
    struct samples rows = read_samples(dir);
    struct text order = {0};
    cr_assert(eq(int, rows.n, 19));
    for (int k = 1; k < rows.n; k++) {
      char *params = field(&rows, k, "parameters"), *block = field(&rows, k, "block"),
           *invocation = field(&rows, k, "invocation");
      cr_assert(eq(int, atoi(block), (k - 1) / 6));
      cr_assert(eq(int, atoi(invocation), k - 1));
      sweep_text_addf(&order, "%c", params[5]);
      free(params);
      free(block);
      free(invocation);
    }
    orders[i] = order.s;
    for (int b = 0; b < 3; b++)
      for (char size = '1'; size <= '6'; size++) cr_assert(memchr(order.s + 6 * b, size, 6) != NULL, "%s", order.s);
    free_samples(&rows);
  }
  cr_expect(eq(str, orders[0], orders[1]));
  cr_expect(ne(str, orders[0], orders[2]));
  for (int i = 0; i < 3; i++) free(orders[i]);
}

Test(run, the_environment_is_scrubbed_unless_kept, .init = enter_place, .fini = leave_place) {
  static const char spoil[] = "MALLOC_ARENA_MAX=1 MIMALLOC_VERBOSE=1 GLIBC_TUNABLES=glibc.malloc.check=0";
  static const char show[] =
      "run --strategy fake --workload work --threads 1 --repeats 0 --blocks 1 --iterations 1 --set misbehave=environment --quiet "
      "--json ";
  for (int keep = 0; keep < 2; keep++) {
    char *arguments = sweep_format("%s --out r%d %s", show, keep, keep ? "--keep-env" : "");
    struct spoken s = program(spoil, arguments);
    char dir[16];
    snprintf(dir, sizeof dir, "r%d", keep);
    struct samples rows = read_samples(dir);
    char *reason = field(&rows, 1, "reason");
    cr_expect(eq(str, reason, keep ? "malloc settings: 3" : "malloc settings: 0"));
    json_t *o = read_campaign(dir), *seen = json_object_get(json_object_get(o, "environment"), "malloc_environment");
    cr_expect(eq(sz, json_object_size(seen), 3)); /* recorded either way */
    json_decref(o);
    free(reason);
    free_samples(&rows);
    forget(&s);
    free(arguments);
  }
}

Test(run, a_dry_run_writes_nothing, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "run --strategy fake,loner --workload work --sharing private,shared-write --dry-run --threads 1");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.out, "3 cells (and 1 not applicable)") != NULL, "%s", s.out);
  cr_expect(strstr(s.out, "Estimate:") != NULL);
  char *look = sweep_format("test -z \"$(ls -A %s/cwd)\"", place);
  cr_expect(eq(int, system(look), 0));
  free(look);
  forget(&s);
}

Test(run, the_default_folder_and_its_latest, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "run --strategy fake --workload work --threads 1 --repeats 0 --blocks 1 --iterations 1 --json");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  json_t *summary = json_loads(s.out, 0, NULL), *o = read_campaign("results/latest");
  cr_assert(eq(int, (int)json_integer_value(json_object_get(summary, "invocations")), 1));
  cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "campaign")),
               (char *)json_string_value(json_object_get(summary, "campaign"))));
  double overhead = json_number_value(json_object_get(o, "overhead"));
  cr_expect(gt(dbl, overhead, 0));
  cr_expect(lt(dbl, overhead, 1));
  json_decref(summary);
  json_decref(o);
  forget(&s);
}

Test(list, every_topic_is_an_array_of_named_objects, .init = enter_place, .fini = leave_place) {
  static const char *const topics[] = {"strategies", "workloads", "allocators", "parameters", "topology"};
  for (int i = 0; i < 5; i++) {
    char *arguments = sweep_format("list %s --json", topics[i]);
    struct spoken s = program("", arguments);
    json_t *a = json_loads(s.out, 0, NULL);
    cr_assert(eq(int, s.code, 0));
    cr_assert(gt(sz, json_array_size(a), 0), "%s", topics[i]);
    for (size_t k = 0; k < json_array_size(a); k++) {
      cr_assert(json_string_value(json_object_get(json_array_get(a, k), "name")) != NULL);
      cr_assert(json_string_value(json_object_get(json_array_get(a, k), "summary")) != NULL);
    }
    json_decref(a);
    forget(&s);
    free(arguments);
  }
}

Test(help, is_there_for_everything, .init = enter_place, .fini = leave_place) {
  static const char *const words[] = {"--help", "run --help", "list --help", "cell --help", "report --help", "--version"};
  for (int i = 0; i < 6; i++) {
    struct spoken s = program("", words[i]);
    cr_expect(eq(int, s.code, 0), "%s", words[i]);
    cr_expect(gt(sz, strlen(s.out), 40), "%s", words[i]);
    forget(&s);
  }
}
