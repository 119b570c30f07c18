/* report-table.c: the table, the summary and the JSON of made-up campaigns, and the one line that a bad folder gets. */
#define _GNU_SOURCE 1
#include "harness/report/campaign.h"
#include "harness/report/report.h"
#include "harness/report/units.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- A folder with a campaign in it --------------------------------------------------------------------------------------------- */

static char dir[64];

static void make_dir(void) {
  unsetenv("NO_COLOR");
  setenv("LC_ALL", "C.UTF-8", 1);
  strcpy(dir, "/tmp/reclaim-report-XXXXXX");
  cr_assert_not_null(mkdtemp(dir));
}

static const char *in_dir(const char *name) {
  static char path[400];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static void remove_dir(void) {
  DIR *d = opendir(dir);
  for (struct dirent *e; (e = readdir(d));)
    if (*e->d_name != '.' && remove(in_dir(e->d_name)) != 0) rmdir(in_dir(e->d_name));
  closedir(d);
  rmdir(dir);
}

TestSuite(table, .init = make_dir, .fini = remove_dir, .timeout = 60);
TestSuite(bad_input, .init = make_dir, .fini = remove_dir, .timeout = 60);

static void write_file(const char *name, const char *bytes) {
  FILE *out = fopen(in_dir(name), "w");
  fputs(bytes, out);
  fclose(out);
}

static char *read_file(const char *name) {
  char *bytes = NULL;
  size_t n = 0;
  FILE *in = fopen(in_dir(name), "r");
  cr_assert_not_null(in, "%s", name);
  if (getdelim(&bytes, &n, '\0', in) < 0) *bytes = '\0';
  fclose(in);
  return bytes;
}

/* What report_dir prints. Owned by the caller. */
static char *print(struct report_options o) {
  char *text = NULL;
  size_t n;
  FILE *out = open_memstream(&text, &n);
  cr_assert_eq(report_dir(dir, &o, out), 0);
  fclose(out);
  return text;
}

static char *print_table(const struct fixture *f, int columns) {
  fixture_write(dir, f);
  return print((struct report_options){.columns = columns});
}

static json_t *print_json(const struct fixture *f, const char *baseline) {
  fixture_write(dir, f);
  char *text = print((struct report_options){.json = true, .baseline = baseline});
  json_t *o = json_loads(text, 0, NULL);
  cr_assert_not_null(o, "%s", text);
  free(text);
  return o;
}

static json_t *cell_of(json_t *o, const char *strategy) {
  size_t i;
  json_t *cell;
  json_array_foreach(json_object_get(o, "cells"), i,
                     cell) if (!strcmp(json_string_value(json_object_get(cell, "strategy")), strategy)) return cell;
  cr_assert_fail("no cell of %s", strategy);
  return NULL;
}

static double number_of(json_t *cell, const char *key) {
  json_t *v = json_object_get(cell, key);
  return json_is_number(v) ? json_number_value(v) : NAN;
}

static bool text_is(json_t *cell, const char *key, const char *wanted) {
  const char *s = json_string_value(json_object_get(cell, key));
  return s && !strcmp(s, wanted);
}

/* A cell to vary; campaigns of two or three of them say what a test is about. */
static struct fixture_cell plain(const char *strategy, double ops_per_s) {
  return (struct fixture_cell){.workload = "lists",
                               .parameters = "live=1000",
                               .sharing = "private",
                               .strategy = strategy,
                               .tunables = "",
                               .threads = 1,
                               .allocator = "pool",
                               .heap = "3x",
                               .ops_per_s = ops_per_s,
                               .rss_mib = 10,
                               .live_mib = 5,
                               .gc_share = -1,
                               .pause_ns = 1000};
}

static int longest_line(const char *text) {
  int longest = 0;
  for (const char *p = text; *p; p += *p == '\n') {
    char line[2000];
    size_t n = strcspn(p, "\n");
    snprintf(line, sizeof line, "%.*s", (int)n, p);
    cr_expect(n == 0 || p[n - 1] != ' ', "blanks at the end of: %s", line);
    longest = units_width(line) > longest ? units_width(line) : longest;
    p += n;
  }
  return longest;
}

static int count(const char *text, const char *what) {
  int n = 0;
  for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) n++;
  return n;
}

/* The columns that must be there. */
#define HEADER                                                                                                                   \
  "block,invocation,iteration,phase,workload,parameters,sharing,strategy,threads,allocator,heap_policy,status,operations,wall_"  \
  "ns\n"

/* --- Numbers ---------------------------------------------------------------------------------------------------------------------- */

Test(table, the_value_is_total_operations_over_total_time) {
  write_file("campaign.json", "{\"schema\": 1, \"campaign\": \"x\", \"baseline\": \"rc\"}");
  write_file("samples.csv",
             "block,invocation,iteration,phase,workload,parameters,sharing,strategy,threads,allocator,heap_policy,status,"
             "operations,wall_ns,cpu_user_ns,cpu_system_ns\n"
             "1,1,0,warmup,w,,private,rc,1,pool,n/a,ok,100,1,1,1\n"
             "1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100,1000000000,900000000,100000000\n"
             "1,1,2,measured,w,,private,rc,1,pool,n/a,ok,100,3000000000,3000000000,\n");
  char *text = print((struct report_options){.json = true});
  json_t *o = json_loads(text, 0, NULL), *cell = cell_of(o, "rc");
  cr_expect_float_eq(number_of(cell, "throughput_ops_per_s"), 50, 1e-9, "the mean of both rates would be 66.7: %s", text);
  cr_expect(isnan(number_of(cell, "throughput_ops_per_s_lo")), "one invocation has no interval");
  cr_expect(isnan(number_of(cell, "cpu_s")), "a part of it is not known: %s", text);
  cr_expect(isnan(number_of(cell, "leaked_objects")), "an absent column is not zero");
  json_decref(o);
  free(text);
}

/* Drift that a block has in common must not reach the ratio: without noise of its own, a ratio is exact and its interval a point. */
Test(table, ratios_are_formed_within_blocks) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6)};
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 8, .iterations = 3, .seed = 1};
  json_t *o = print_json(&f, NULL), *cell = cell_of(o, "rc-atomic");
  cr_expect_float_eq(number_of(cell, "ratio"), 0.8, 1e-6);
  cr_expect_float_eq(number_of(cell, "ratio_lo"), 0.8, 1e-6);
  cr_expect_float_eq(number_of(cell, "ratio_hi"), 0.8, 1e-6);
  cr_expect(number_of(cell, "throughput_ops_per_s_hi") / number_of(cell, "throughput_ops_per_s_lo") > 1.01,
            "the drift is in the throughput");
  cr_expect_eq(number_of(cell, "ratio_pairs"), 8);
  cr_expect(text_is(cell, "baseline", "rc") && text_is(cell, "ratio_interval", "95%"));
  cr_expect_eq(number_of(cell_of(o, "rc"), "ratio"), 1);
  json_decref(o);
  o = print_json(&f, "rc-atomic");
  cr_expect_float_eq(number_of(cell_of(o, "rc"), "ratio"), 1.25, 1e-6);
  json_decref(o);
}

Test(table, below_six_blocks_there_is_a_range_and_it_says_so) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6)};
  cells[0].spread = cells[1].spread = 0.02;
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 5, .iterations = 3, .seed = 1};
  json_t *o = print_json(&f, NULL);
  cr_expect(text_is(cell_of(o, "rc-atomic"), "ratio_interval", "range"));
  json_decref(o);
  char *text = print_table(&f, 100);
  cr_expect(strstr(text, "range") && strstr(text, "not a confidence interval") && !strstr(text, "95 %"), "%s", text);
  free(text);
  f.blocks = 6;
  text = print_table(&f, 100);
  cr_expect(strstr(text, "95 %") && !strstr(text, "range"), "%s", text);
  free(text);
  f.blocks = 1;
  text = print_table(&f, 100);
  cr_expect(strstr(text, "n=1") && !strstr(text, "±"), "%s", text);
  free(text);
}

/* A block that was run once more has two invocations of each cell: the planned one goes with the planned one, the repeated one with
   the repeated one, even where one of the four is missing. */
Test(table, a_repeated_block_pairs_in_order) {
  static const struct {
    int repeat;
    const char *strategy;
    int wall;
  } rows[] = {{0, "rc", 100}, {0, "rc-gil", 200}, {1, "rc", 1000}, {1, "rc-gil", 2000}};
  for (int missing = -1; missing < 4; missing++) {
    write_file("campaign.json", "{\"schema\": 1, \"plan\": {\"blocks\": 1, \"iterations\": 1}}");
    FILE *out = fopen(in_dir("samples.csv"), "w");
    fprintf(out, "repeat,%s", HEADER);
    for (int i = 0; i < 4; i++)
      if (i != missing)
        fprintf(out, "%d,1,%d,1,measured,w,,private,%s,1,pool,n/a,ok,100,%d\n", rows[i].repeat, i, rows[i].strategy,
                rows[i].wall);
    fclose(out);
    char *text = print((struct report_options){.json = true}), *table = print((struct report_options){0});
    json_t *o = json_loads(text, 0, NULL), *cell = cell_of(o, "rc-gil");
    cr_expect_eq(number_of(cell, "ratio_pairs"), missing < 0 ? 2 : 1, "without %d: %s", missing, text);
    cr_expect_float_eq(number_of(cell, "ratio"), 0.5, 1e-9, "without %d: %s", missing, text);
    cr_expect_eq(number_of(cell, "blocks"), 1);
    cr_expect(strstr(table, "2 cells, 1 block and 1 run once more, 1 measured iteration per invocation"), "%s", table);
    json_decref(o);
    free(text);
    free(table);
  }
}

/* Each cell is held against the one that differs from it in the strategy alone; the speeds say which one was taken. */
Test(table, the_baseline_has_equal_threads_allocator_and_heap) {
  struct fixture_cell cells[20];
  int n = 0;
  for (int s = 0; s < 2; s++)
    for (int threads = 1; threads <= 2; threads++)
      for (int a = 0; a < 2; a++)
        for (int h = 0; h < 2; h++) {
          /* Of the baseline all eight speeds differ, of the other none does. */
          cells[n] = plain(s ? "generational" : "mark-sweep", s ? 1e6 : 1e6 * (1 + n));
          cells[n].threads = threads;
          cells[n].allocator = a ? "libc" : "pool";
          cells[n].heap = h ? "3x" : "2x";
          cells[n++].gc_share = 0.1;
        }
  cells[n] = plain("rc", 2e6); /* obeys no limit: any heap of the baseline will do, the first of the plan is taken */
  cells[n].heap = "n/a";
  cells[n++].threads = 2;
  struct fixture f = {.cell = cells, .ncells = n, .blocks = 6, .iterations = 1, .seed = 1};
  json_t *o = print_json(&f, "mark-sweep"), *list = json_object_get(o, "cells");
  for (int i = 8; i < 16; i++)
    cr_expect_float_eq(number_of(json_array_get(list, (size_t)i), "ratio"), 1.0 / (i - 7), 1e-5, "cell %d", i);
  cr_expect_float_eq(number_of(cell_of(o, "rc"), "ratio"), 2.0 / 5, 1e-5, "%g", number_of(cell_of(o, "rc"), "ratio"));
  json_decref(o);
  /* A baseline without a limit stands for every heap, one with another heap for none. */
  o = print_json(&f, "rc");
  list = json_object_get(o, "cells");
  cr_expect_float_eq(number_of(json_array_get(list, 12), "ratio"), 0.5, 1e-5);
  cr_expect_float_eq(number_of(json_array_get(list, 13), "ratio"), 0.5, 1e-5);
  cr_expect(text_is(json_array_get(list, 14), "no_ratio", "no rc with these threads, allocator, heap and tunables"));
  json_decref(o);
  cells[4].heap = cells[5].heap = cells[6].heap = cells[7].heap = "4x";
  o = print_json(&f, "mark-sweep");
  cr_expect(text_is(json_array_get(json_object_get(o, "cells"), 12), "no_ratio",
                    "no mark-sweep with these threads, allocator, heap and tunables"));
  json_decref(o);
}

/* A baseline in which a tunable that both have is set otherwise is another experiment; of the baseline's own cells the first stays the base. */
Test(table, ratios_hold_tunables_equal) {
  struct fixture_cell cells[] = {plain("rc", 10e6),        plain("rc", 20e6),     plain("rc-atomic", 40e6),
                                 plain("rc-atomic", 40e6), plain("rc-gil", 40e6), plain("rc-gil", 40e6)};
  cells[0].tunables = "reuse=0;budget=0", cells[1].tunables = "reuse=0;budget=100";
  cells[2].tunables = "budget=100", cells[3].tunables = "budget=0;other=7";
  cells[4].tunables = "budget=10", cells[5].tunables = "budgets=10;quantum=0";
  struct fixture f = {.cell = cells, .ncells = 6, .blocks = 6, .iterations = 1, .seed = 1};
  json_t *o = print_json(&f, "rc"), *list = json_object_get(o, "cells");
  cr_expect_float_eq(number_of(json_array_get(list, 1), "ratio"), 2, 1e-5);
  cr_expect_float_eq(number_of(json_array_get(list, 2), "ratio"), 2, 1e-5);
  cr_expect_float_eq(number_of(json_array_get(list, 3), "ratio"), 4, 1e-5);
  cr_expect(text_is(json_array_get(list, 4), "no_ratio", "no rc with these threads, allocator, heap and tunables"));
  cr_expect_float_eq(number_of(json_array_get(list, 5), "ratio"), 4, 1e-5, "another name is no contradiction");
  json_decref(o);
}

/* A factor that the least heap overrides says so; one that is met does not. */
Test(table, marks_the_least_heap) {
  struct fixture_cell cells[] = {plain("rc", 10e6), plain("mark-sweep", 20e6), plain("generational", 20e6)};
  cells[1].heap = cells[2].heap = "3x";
  cells[1].gc_share = cells[2].gc_share = 0.1;
  cells[1].heap_base = (64 << 20) / 3, cells[2].heap_base = 1 << 20;
  struct fixture f = {.cell = cells, .ncells = 3, .blocks = 6, .iterations = 1, .seed = 1};
  char *out = print_table(&f, 140);
  cr_expect(strstr(out, " 3x+ ") && strstr(out, " 3x ") && strstr(out, "+ behind a heap's factor"), "%s", out);
  free(out);
  f.ncells = 2;
  out = print_table(&f, 140);
  cr_expect(!strstr(out, "3x+") && !strstr(out, "+ behind"), "%s", out);
  free(out);
}

/* How far a campaign got that is not finished, and what goes on with it. */
Test(table, tells_how_far_it_got) {
  struct fixture_cell cells[] = {plain("rc", 10e6), plain("rc-atomic", 20e6)};
  cells[0].status = cells[1].status = "not-run";
  cells[0].status_from = 4, cells[1].status_from = 3; /* blocks are numbered from 1 here */
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 8, .iterations = 1, .seed = 1, .unfinished = true};
  char *out = print_table(&f, 140);
  cr_expect(strstr(out, "2 cells, 3 of 8 blocks,") && strstr(out, "--resume"), "%s", out);
  free(out);
}

/* A cell without a steady state keeps its row and its throughput, and nobody is held against it. */
Test(table, what_has_no_steady_state_forms_no_ratio) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6), plain("mark-sweep", 30e6), plain("rc-gil", 20e6)};
  cells[1].steady = "none";
  cells[2].steady = "warming";
  cells[3].steady = "slowing";
  struct fixture f = {.cell = cells, .ncells = 4, .blocks = 8, .iterations = 5, .seed = 1};
  json_t *o = print_json(&f, NULL), *none = cell_of(o, "rc-atomic");
  cr_expect(isnan(number_of(none, "ratio")) && text_is(none, "no_ratio", "no steady state") && text_is(none, "steady", "none"));
  cr_expect(number_of(none, "throughput_ops_per_s") > 0);
  cr_expect_float_eq(number_of(cell_of(o, "mark-sweep"), "ratio"), 0.6, 1e-6);
  cr_expect(text_is(cell_of(o, "mark-sweep"), "steady", "warming") && text_is(cell_of(o, "rc"), "steady", "steady"));
  json_decref(o);
  char *text = print_table(&f, 100);
  cr_expect(strstr(text, "ok? [") && strstr(text, "no ratio: no steady state") && strstr(text, "? no steady state:"), "%s", text);
  cr_expect(strstr(text, "ok>") && strstr(text, "> its measured") && strstr(text, "ok<") && strstr(text, "< its measured"), "%s",
            text);
  free(text);
  cells[0].steady = "none";
  o = print_json(&f, NULL);
  cr_expect(text_is(cell_of(o, "mark-sweep"), "no_ratio", "its baseline, rc, has no steady state"));
  json_decref(o);
}

#define ROW_HEADER                                                                                                               \
  "block,invocation,iteration,phase,workload,parameters,sharing,strategy,threads,allocator,heap_policy,heap_limit_bytes,"        \
  "status,reason,operations,wall_ns,pause_max_ns,pause_p99_ns,rss_mean_bytes,rss_peak_bytes,leaked_objects,control_ok\n"

/* The JSON of a campaign of one cell and these rows: the columns of the header, from the block to the iteration and from the status on. */
static json_t *json_of_rows(const char *const *rows, size_t n) {
  write_file("campaign.json", "{\"schema\": 1}");
  FILE *out = fopen(in_dir("samples.csv"), "w");
  fputs(ROW_HEADER, out);
  for (size_t i = 0; i < n; i++) {
    const char *rest = strchr(rows[i], ' ');
    fprintf(out, "%.*s,w,,private,rc,1,pool,3x,1000,%s\n", (int)(rest - rows[i]), rows[i], rest + 1);
  }
  fclose(out);
  char *text = print((struct report_options){.json = true});
  json_t *o = json_loads(text, 0, NULL);
  free(text);
  return o;
}

Test(table, maxima_of_iterations_then_medians_or_maxima_of_invocations) {
  static const char *const rows[] = {"1,1,0,warmup ok,,10,1000,99,99,99,99,99,1", "1,1,1,measured ok,,10,1000,7,5,100,300,4,1",
                                     "1,1,2,measured ok,,10,3000,2,1,200,200,3,1", "2,2,1,measured ok,,10,1000,20,9,500,600,5,1",
                                     "3,3,1,measured ok,,10,1000,1,1,100,100,,0"};
  json_t *o = json_of_rows(rows, 5), *cell = cell_of(o, "rc");
  cr_expect_eq(number_of(cell, "pause_max_ns"), 20, "the longest of all");
  cr_expect_eq(number_of(cell, "pause_p99_ns"), 5, "the median of 5, 9, 1");
  cr_expect_eq(number_of(cell, "rss_mean_bytes"), 175, "over time in each invocation (175, 500, 100), then the median");
  cr_expect_eq(number_of(cell, "rss_peak_bytes"), 300, "the median of 300, 600, 100");
  cr_expect_eq(number_of(cell, "leaked_objects"), 5, "the largest that is known");
  cr_expect_eq(number_of(cell, "window_min_ns"), 1000);
  cr_expect_eq(number_of(cell, "invocations_control_poor"), 1);
  json_decref(o);
}

Test(table, trash_of_an_earlier_iteration_may_go_in_a_later_one) {
  static const char *const rows[] = {"1,1,1,measured ok,,10,1000,7,5,100,300,-3,1",
                                     "2,2,1,measured ok,,10,1000,7,5,100,300,-4,1"};
  json_t *o = json_of_rows(rows, 2);
  cr_expect_eq(number_of(cell_of(o, "rc"), "leaked_objects"), -3);
  json_decref(o);
}

/* One row that ended badly speaks for its invocation, whatever comes before or after; a failure before what was not collected. */
Test(table, the_status_of_an_invocation_is_its_worst) {
  static const char *const rows[] = {"1,1,, timeout,late,,,,,,,,",
                                     "1,1,1,measured ok,,10,1000,,,,,,",
                                     "1,1,, crashed,later,,,,,,,,",
                                     "2,2,1,measured ok,,10,1000,,,,,,",
                                     "2,2,2,measured uncollected,few,10,1000,,,,,,",
                                     "2,2,, crashed,signal 6,,,,,,,,",
                                     "3,3,1,measured uncollected,few,10,1000,,,,,,",
                                     "3,3,2,measured ok,,10,1000,,,,,,",
                                     "4,4,1,measured ok,,10,4000,,,,,,"};
  json_t *o = json_of_rows(rows, 9), *cell = cell_of(o, "rc");
  cr_expect(text_is(cell, "status", "timeout") && text_is(cell, "reason", "2 of 4 invocations: late"));
  cr_expect_eq(number_of(cell, "invocations_failed"), 2);
  cr_expect_eq(number_of(cell, "invocations_uncollected"), 1);
  cr_expect_eq(number_of(cell, "invocations_used"), 1);
  cr_expect_float_eq(number_of(cell, "throughput_ops_per_s"), 2.5e6, 1, "of the one that was ok");
  cr_expect_eq(number_of(cell, "ratio_pairs"), 1, "the others form no pairs");
  json_decref(o);
}

/* Green and red are for ratios whose interval leaves 1 out, not for every number above or below it. */
Test(table, colour_follows_the_interval) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("faster", 60e6), plain("slower", 40e6), plain("noisy", 51e6)};
  cells[3].spread = 0.1;
  struct fixture f = {.cell = cells, .ncells = 4, .blocks = 6, .iterations = 1, .seed = 1};
  fixture_write(dir, &f);
  char *text = print((struct report_options){.colour = 1, .columns = 100});
  const char *faster = strstr(text, "\nfaster"), *slower = strstr(text, "\nslower"), *noisy = strstr(text, "\nnoisy");
  const char *green = strstr(text, "\033[32m"), *red = strstr(text, "\033[31m");
  cr_assert(faster && slower && noisy && green && red, "%s", text);
  cr_expect(green > faster && green < strchr(faster + 1, '\n'), "%s", text);
  cr_expect(red > slower && red < strchr(slower + 1, '\n'), "%s", text);
  cr_expect(!memmem(noisy + 1, strcspn(noisy + 1, "\n"), "\033[3", 3), "%s", text);
  free(text);
}

Test(table, only_ok_invocations_enter_numbers) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6), plain("mark-sweep", 30e6),
                                 plain("generational", 20e6)};
  cells[3].status = "uncollected";
  cells[3].status_from = 6;
  cells[1].status = "crashed";
  cells[1].reason = "signal 11";
  cells[1].status_from = 7;
  cells[2].status = "uncollected";
  cells[2].gc_share = 0.2;
  struct fixture f = {.cell = cells, .ncells = 4, .blocks = 8, .iterations = 3, .seed = 1};
  json_t *o = print_json(&f, NULL), *crashed = cell_of(o, "rc-atomic"), *uncollected = cell_of(o, "mark-sweep");
  cr_expect(text_is(crashed, "status", "crashed") && text_is(crashed, "reason", "2 of 8 invocations: signal 11"));
  cr_expect(number_of(crashed, "invocations_failed") == 2 && number_of(crashed, "invocations_used") == 6);
  cr_expect_eq(number_of(crashed, "ratio_pairs"), 6);
  cr_expect(text_is(uncollected, "status", "uncollected") && text_is(uncollected, "no_ratio", "uncollected"));
  cr_expect_float_eq(number_of(uncollected, "throughput_ops_per_s") / 30e6, 1, 0.05, "it is shown");
  cr_expect(isnan(number_of(uncollected, "ratio")), "and kept out of ratios");
  cr_expect_eq(number_of(cell_of(o, "generational"), "ratio_pairs"), 5, "three of its eight were not collected");
  cr_expect_eq(number_of(cell_of(o, "generational"), "invocations_used"), 5);
  json_decref(o);
  o = print_json(&f, "mark-sweep");
  cr_expect(isnan(number_of(cell_of(o, "rc"), "ratio")), "an uncollected baseline gives no ratio either");
  json_decref(o);
}

/* --- The page ---------------------------------------------------------------------------------------------------------------------- */

Test(table, the_quick_profile_fits_100_columns_with_every_column) {
  struct fixture_cell cells[64];
  struct fixture f = {.cell = cells, .ncells = fixture_quick(cells), .blocks = 6, .iterations = 5, .seed = 1};
  char *text = print_table(&f, 0);
  cr_expect_leq(longest_line(text), 100, "%s", text);
  static const char *const headings[] = {"strategy", "thr",  "alloc", "heap", "throughput", "95 %",  "ratio",  "CPU",
                                         "RSS MiB",  "mean", "peak",  "live", "GC",         "pause", "leaked", "status"};
  for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
    cr_expect_eq(count(text, headings[i]) >= 5, 1, "%s", headings[i]);
  cr_expect_eq(count(text, "\nrc "), 9);
  cr_expect_eq(count(text, "\ngenerational "), 9);
  cr_expect_eq(count(text, "ratio: throughput over that of rc; above 1 is faster"), 4);
  cr_expect_eq(count(text, "ratio: throughput over that of rc-gil, as rc is not applicable here"), 1);
  cr_expect_eq(count(text, "not-applicable"), 2, "in its row, and in the note");
  cr_expect(strstr(text, "shared-write needs one heap for all"));
  cr_expect(!strstr(text, "\033["), "no colour where there is no terminal");
  free(text);
}

Test(table, lines_never_exceed_the_width_and_use_it, .timeout = 120) {
  static const char *const names[] = {"rc", "generational", "a-strategy-with-a-very-long-name-indeed"};
  static const char *const allocators[] = {"pool", "mimalloc", "/opt/some/where/libsomemalloc-with-a-long-name.so.2"};
  static const char *const reasons[] = {
      "short", "a reason that goes on and on, as messages of the kernel and of libraries are known to do"};
  static const char *const statuses[] = {NULL, NULL, NULL, "crashed", "uncollected", "timeout", "wrong-checksum"};
  uint64_t seed = 8;
  for (int round = 0; round < 60; round++) {
    struct fixture_cell cells[27];
    for (int i = 0; i < 27; i++) {
      cells[i] = plain(names[i % 3], exp(25 * draw_unit(&seed)));
      cells[i].allocator = allocators[i / 3 % 3];
      cells[i].threads = 1 + 128 * (i / 9);
      cells[i].spread = draw(&seed) % 4 ? 0.01 : 1.5;
      cells[i].rss_mib = exp(14 * draw_unit(&seed));
      cells[i].leaked = draw(&seed) % 2 ? 0 : exp(30 * draw_unit(&seed));
      cells[i].pause_ns = exp(24 * draw_unit(&seed));
      cells[i].gc_share = draw_unit(&seed) < 0.5 ? -1 : draw_unit(&seed);
      cells[i].status = statuses[draw(&seed) % 7];
      cells[i].status_from = (int)(draw(&seed) % 4);
      cells[i].reason = reasons[draw(&seed) % 2];
      cells[i].control_poor = draw(&seed) % 2;
      cells[i].oversubscribed = i > 17;
    }
    struct fixture f = {.cell = cells, .ncells = 27, .blocks = 3 + round % 5, .iterations = 2, .seed = draw(&seed) >> 1};
    int columns = 100 + round % 4 * 35;
    setenv("LC_ALL", round % 2 ? "C" : "C.UTF-8", 1);
    char *text = print_table(&f, columns);
    cr_assert_leq(longest_line(text), columns, "round %d, %d columns:\n%s", round, columns, text);
    free(text);
  }
}

Test(table, wider_terminals_see_the_ends_of_intervals) {
  struct fixture_cell cells[64];
  struct fixture f = {.cell = cells, .ncells = fixture_quick(cells), .blocks = 6, .iterations = 5, .seed = 1};
  char *narrow = print_table(&f, 100), *wide = print_table(&f, 170);
  cr_expect(strstr(narrow, "±") && !strstr(narrow, ", 0."));
  cr_expect(strchr(wide, '[') && !strstr(wide, "±") && longest_line(wide) > 130 && longest_line(wide) <= 170);
  free(narrow);
  free(wide);
}

Test(table, ascii_where_the_locale_is) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6)};
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 6, .iterations = 2, .seed = 1};
  setenv("LC_ALL", "C", 1);
  char *text = print_table(&f, 100);
  for (const char *p = text; *p; p++) cr_assert(isascii((unsigned char)*p), "%s", p);
  cr_expect(strstr(text, "+-"));
  free(text);
}

/* What a cell that failed leaves on the page: its row, its status, its reason. */
Test(table, failures_keep_their_rows) {
  static const char *const statuses[] = {"crashed",        "timeout", "out-of-memory", "heap-too-small",
                                         "wrong-checksum", "not-run", "not-applicable"};
  struct fixture_cell cells[8] = {plain("rc", 50e6)};
  char names[8][24], reasons[8][100];
  for (int i = 1; i < 8; i++) {
    snprintf(names[i], sizeof names[i], "strategy-%d", i);
    snprintf(reasons[i], sizeof reasons[i], "because of %d%s", i,
             i % 2 ? ", and here is a long story that no row of a table has room for" : "");
    cells[i] = plain(names[i], 1e6);
    cells[i].status = statuses[i - 1];
    cells[i].reason = reasons[i];
  }
  struct fixture f = {.cell = cells, .ncells = 8, .blocks = 6, .iterations = 2, .seed = 1};
  char *text = print_table(&f, 100);
  for (int i = 1; i < 8; i++) {
    cr_expect(strstr(text, names[i]) && strstr(text, statuses[i - 1]), "%s:\n%s", statuses[i - 1], text);
    if (strcmp(statuses[i - 1], "not-run")) cr_expect(strstr(text, reasons[i]), "%s:\n%s", reasons[i], text);
  }
  cr_expect(strstr(text, "the campaign ended before it"));
  free(text);
}

Test(table, circumstances_are_marked_and_explained) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6)};
  cells[0].control_poor = true;
  cells[1].oversubscribed = true;
  struct fixture f = {.cell = cells,
                      .ncells = 2,
                      .blocks = 6,
                      .iterations = 2,
                      .seed = 1,
                      .warnings = "[\"turbo is on\", {\"message\": \"load 3\"}]"};
  char *text = print_table(&f, 100);
  cr_expect(strstr(text, "ok~") && strstr(text, "~ the control was poor"), "%s", text);
  cr_expect(strstr(text, "ok!") && strstr(text, "! oversubscribed"), "%s", text);
  cr_expect(strstr(text, "warning: turbo is on") && strstr(text, "warning: load 3"), "%s", text);
  cr_expect(strstr(text, "n/a under heap") && strstr(text, "n/a under GC") && !strstr(text, "n/a under leaked"), "%s", text);
  free(text);
}

/* What was put there on purpose is never met without its mark. */
Test(table, planted_cells_are_marked_and_warned_of) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6)};
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 6, .iterations = 2, .seed = 1};
  char *text = print_table(&f, 100);
  cr_expect(strstr(text, "planted") == NULL && strstr(text, "on purpose") == NULL, "%s", text);
  free(text);
  cells[1].plant = "cpu=5";
  text = print_table(&f, 100);
  cr_expect(strstr(text, "ok+") && strstr(text, "+ planted: "), "%s", text);
  cr_expect(strstr(text, "warning: 1 cell was made slower or larger on purpose") != NULL, "%s", text);
  free(text);
}

Test(table, spread_and_shortest_window_are_in_the_summary) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6)};
  cells[1].spread = 0.3;
  cells[0].window_s = 0.0004;
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 40, .iterations = 4, .seed = 1};
  json_t *o = print_json(&f, NULL), *rc = cell_of(o, "rc"), *atomic = cell_of(o, "rc-atomic");
  cr_expect(number_of(rc, "throughput_spread") < 0.04 && number_of(rc, "throughput_spread") > 0.01,
            "the drift of the machine alone");
  cr_expect(number_of(atomic, "throughput_spread") > 0.2 && number_of(atomic, "throughput_spread") < 0.5);
  cr_expect(number_of(rc, "window_min_ns") > 3.5e5 && number_of(rc, "window_min_ns") < 4.1e5, "%g",
            number_of(rc, "window_min_ns"));
  json_decref(o);
}

Test(table, nothing_in_a_file_reaches_the_terminal_as_a_command) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("rc-atomic", 40e6)};
  cells[1].status = "crashed";
  cells[1].reason = "first line\nsecond line";
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 6, .iterations = 2, .seed = 1, .warnings = "[\"red \\u001b[31m\"]"};
  char *text = print_table(&f, 100);
  cr_expect(!strchr(text, '\033') && strstr(text, "red ?[31m"), "%s", text);
  cr_expect(strstr(text, "first line second line"), "%s", text);
  free(text);
}

Test(table, rows_that_look_alike_are_told_apart) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("generational", 60e6), plain("generational", 70e6)};
  cells[1].tunables = "nursery=1048576;age=1";
  cells[2].tunables = "nursery=4194304;age=1";
  struct fixture f = {.cell = cells, .ncells = 3, .blocks = 6, .iterations = 2, .seed = 1};
  char *text = print_table(&f, 100);
  cr_expect(strstr(text, "generational#1 ") && strstr(text, "#1 nursery=1048576\n"), "%s", text);
  cr_expect(strstr(text, "generational#2 ") && strstr(text, "#2 nursery=4194304\n"), "%s", text);
  cr_expect(!strstr(text, "age="), "what they have in common is not said");
  free(text);
}

Test(table, rows_follow_the_plan) {
  static const char *const order[] = {"zeta", "rc", "alpha"};
  struct fixture_cell cells[12];
  for (int i = 0; i < 12; i++) {
    cells[i] = plain(order[i / 4], 1e6);
    cells[i].threads = i / 2 % 2 ? 1 : 2;
    cells[i].allocator = i % 2 ? "libc" : "pool";
  }
  struct fixture f = {.cell = cells, .ncells = 12, .blocks = 6, .iterations = 1, .seed = 4};
  char *text = print_table(&f, 100), *at = text;
  for (int i = 0; i < 12; i++) {
    char name[20], allocator[20];
    int threads;
    /* The next line whose second word is a number is the next row. */
    for (at = strchr(at, '\n') + 1; at; at = strchr(at, '\n') + 1)
      if (sscanf(at, "%19s %d %19s", name, &threads, allocator) == 3 && threads > 0) break;
    cr_expect(!strcmp(name, order[i / 4]) && threads == (i / 2 % 2 ? 1 : 2) && !strcmp(allocator, i % 2 ? "libc" : "pool"),
              "row %d:\n%s", i, text);
  }
  free(text);
}

/* The rows come in random order: what no plan orders goes by number, then by name. */
Test(table, without_a_plan_rows_ascend) {
  static const int threads[] = {10, 1, 9};
  write_file("campaign.json", "{\"schema\": 1}");
  FILE *out = fopen(in_dir("samples.csv"), "w");
  fputs(HEADER, out);
  for (int i = 0; i < 6; i++)
    fprintf(out, "1,%d,1,measured,w,,private,%s,%d,pool,n/a,ok,100,100\n", i, i % 2 ? "a" : "b", threads[i / 2]);
  fclose(out);
  char *text = print((struct report_options){.json = true});
  json_t *o = json_loads(text, 0, NULL), *list = json_object_get(o, "cells");
  static const int wanted[] = {1, 9, 10};
  for (size_t i = 0; i < 6; i++) {
    json_t *cell = json_array_get(list, i);
    cr_expect(text_is(cell, "strategy", i < 3 ? "a" : "b") && number_of(cell, "threads") == wanted[i % 3], "row %zu of %s", i,
              text);
  }
  json_decref(o);
  free(text);
}

/* --- Units -------------------------------------------------------------------------------------------------------------------------- */

Test(units, texts) {
  char t[UNITS_TEXT];
  cr_expect_str_eq(units_write_own(UNITS_TIME, 850, 2, t), "850ns");
  cr_expect_str_eq(units_write_own(UNITS_TIME, 1240, 2, t), "1.2us");
  cr_expect_str_eq(units_write_own(UNITS_TIME, 12.4e6, 2, t), "12ms");
  cr_expect_str_eq(units_write_own(UNITS_TIME, 999.7e3, 2, t), "1.0ms");
  cr_expect_str_eq(units_write_own(UNITS_TIME, 4e12, 2, t), "4000s");
  cr_expect_str_eq(units_write_own(UNITS_BYTES, 67108864, 3, t), "64.0Mi");
  cr_expect_str_eq(units_write_own(UNITS_COUNT, 1048576, 3, t), "1.05M");
  cr_expect_str_eq(units_write_own(UNITS_COUNT, 0, 3, t), "0");
  cr_expect_str_eq(units_write_own(UNITS_COUNT, NAN, 3, t), "n/a");
  cr_expect_str_eq(units_write_share(0.123, t), "12");
  cr_expect_str_eq(units_write_share(0.0042, t), "0.4");
  cr_expect_str_eq(units_write_share(0.0001, t), "<0.1");
  cr_expect_str_eq(units_write_share(0, t), "0");
  cr_expect_eq(units_width("±1 %"), 4);
}

Test(units, a_column_shares_its_unit_unless_its_numbers_are_too_far_apart) {
  char t[UNITS_TEXT];
  struct scale s = units_scale(UNITS_COUNT, 3.2e6, 41.2e6, 3);
  cr_expect_str_eq(units_name(&s), "M");
  cr_expect_str_eq(units_write(&s, 3.2e6, t), "3.20");
  cr_expect_str_eq(units_write(&s, 41.2e6, t), "41.20");
  cr_expect_str_eq(units_write(&s, 1e3, t), "<0.01");
  cr_expect_str_eq(units_write(&s, 0, t), "0.00");
  s = units_scale(UNITS_COUNT, 12, 3e9, 3);
  cr_expect_str_eq(units_name(&s), "");
  cr_expect_str_eq(units_write(&s, 12, t), "12");
  cr_expect_str_eq(units_write(&s, 3e9, t), "3.00G");
  s = units_scale(UNITS_BYTES, NAN, NAN, 2);
  cr_expect_str_eq(units_write(&s, NAN, t), "n/a");
}

/* --- Terminals ----------------------------------------------------------------------------------------------------------------------- */

/* The table as a terminal of `columns` gets it. */
static char *on_terminal(int columns, const char *no_color) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  struct winsize size = {.ws_row = 50, .ws_col = (unsigned short)columns};
  cr_assert_eq(ioctl(slave, TIOCSWINSZ, &size), 0);
  setenv("TERM", "xterm", 1);
  if (no_color) setenv("NO_COLOR", no_color, 1);
  static char text[60000];
  size_t n = 0;
  pid_t child = fork();
  if (child == 0) {
    FILE *out = fdopen(slave, "w");
    _exit(report_dir(dir, &(struct report_options){.colour = -1}, out));
  }
  close(slave);
  for (ssize_t got; n < sizeof text - 1 && (got = read(master, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
  close(master);
  text[n] = '\0';
  return text;
}

Test(table, terminals_get_their_width_and_colour) {
  struct fixture_cell cells[64];
  struct fixture f = {.cell = cells, .ncells = fixture_quick(cells), .blocks = 6, .iterations = 2, .seed = 1};
  fixture_write(dir, &f);
  char *text = on_terminal(180, NULL);
  cr_expect(strstr(text, "\033[1m") && strchr(text, '{') == NULL && strstr(text, "[0."), "colour, and the ends of intervals");
  cr_expect_eq(count(text, "\033[0m"), count(text, "\033[") - count(text, "\033[0m"), "what is switched on is switched off");
  text = on_terminal(80, "1");
  cr_expect(!strstr(text, "\033["), "NO_COLOR is respected");
  cr_expect(strstr(text, "status"), "a narrow terminal gets 100 columns");
}

/* --- Files --------------------------------------------------------------------------------------------------------------------------- */

Test(table, summary_has_one_row_per_cell_and_reads_back_exactly) {
  struct fixture_cell cells[64];
  struct fixture f = {.cell = cells, .ncells = fixture_quick(cells), .blocks = 6, .iterations = 2, .seed = 1, .newline = "\r\n"};
  json_t *o = print_json(&f, NULL), *cell;
  struct csv c;
  cr_assert(csv_open(&c, in_dir("summary.csv")), "%s", c.error);
  size_t i;
  json_array_foreach(json_object_get(o, "cells"), i, cell) {
    cr_assert_eq(csv_next(&c), 1, "%s", c.error);
    for (int k = 0; k < c.columns; k++) {
      json_t *v = json_object_get(cell, c.header[k]);
      cr_assert_not_null(v, "%s", c.header[k]);
      if (json_is_number(v))
        cr_expect_eq(strtod(c.field[k], NULL), json_number_value(v), "%s: %s", c.header[k], c.field[k]);
      else if (json_is_string(v))
        cr_expect_str_eq(c.field[k], json_string_value(v));
      else if (json_is_null(v))
        cr_expect_str_empty(c.field[k], "%s", c.header[k]);
      else
        cr_expect_str_eq(c.field[k], json_is_true(v) ? "true" : "false");
    }
  }
  cr_expect_eq(i, 45);
  cr_expect_eq(csv_next(&c), 0);
  csv_close(&c);
  json_decref(o);
  DIR *d = opendir(dir);
  for (struct dirent *e; (e = readdir(d));) cr_expect(!strstr(e->d_name, ".tmp"), "%s was left behind", e->d_name);
  closedir(d);
}

Test(table, the_same_files_give_the_same_table) {
  struct fixture_cell cells[64];
  struct fixture f = {.cell = cells, .ncells = fixture_quick(cells), .blocks = 7, .iterations = 2, .seed = 1};
  char *first = print_table(&f, 100), *again = print((struct report_options){.columns = 100});
  cr_expect_str_eq(first, again);
  free(first);
  free(again);
}

/* --- Bad input: one line, exit 2, nothing printed, nothing written ------------------------------------------------------------------------ */

static void expect_refusal(const char *words, int argc, char **argv) {
  fflush(stderr);
  fflush(stdout);
  int keep_out = dup(1), keep_err = dup(2);
  cr_assert_not_null(freopen(in_dir("out"), "w", stdout));
  cr_assert_not_null(freopen(in_dir("err"), "w", stderr));
  int rc = report_main(argc, argv);
  fflush(stdout);
  fflush(stderr);
  dup2(keep_out, 1);
  dup2(keep_err, 2);
  char *out = read_file("out"), *err = read_file("err");
  cr_expect_eq(rc, 2, "%s", err);
  cr_expect_str_empty(out);
  cr_expect(!strncmp(err, "reclaim: ", 9) && strstr(err, words) && strchr(err, '\n') == err + strlen(err) - 1, "'%s' in: %s",
            words, err);
  cr_expect_neq(access(in_dir("summary.csv"), F_OK), 0, "%s wrote a summary", words);
  free(out);
  free(err);
}

static void expect_bad_folder(const char *words) { expect_refusal(words, 2, (char *[]){"report", dir, NULL}); }

Test(bad_input, folders) {
  expect_refusal("/nonexistent", 2, (char *[]){"report", "/nonexistent", NULL});
  expect_bad_folder("campaign.json: No such file");
  write_file("campaign.json", "{\"schema\": 1,");
  expect_bad_folder("campaign.json:1: not JSON");
  write_file("campaign.json", "{\"schema\": 99}");
  expect_bad_folder("schema 99 is not known");
  write_file("campaign.json", "[]");
  expect_bad_folder("no schema number");
  write_file("campaign.json", "{\"schema\": 1}");
  expect_bad_folder("samples.csv: No such file");
  write_file("samples.csv", "");
  expect_bad_folder("samples.csv:1: the file is empty");
  write_file("samples.csv", "workload,strategy\n");
  expect_bad_folder("samples.csv:1: there is no column 'parameters'");
}

Test(bad_input, rows) {
  static const struct {
    const char *row, *words;
  } bad[] = {
      {"", "samples.csv: there is no row"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100,100", "samples.csv:2: the last line is not complete"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100\n", "samples.csv:2: 13 fields"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,ok,many,100\n", "samples.csv:2: operations is 'many'"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100,-5\n", "samples.csv:2: wall_ns is '-5'"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100,0x10\n", "samples.csv:2: wall_ns is '0x10'"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100,1e999\n", "samples.csv:2: wall_ns is '1e999'"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100,nan\n", "samples.csv:2: wall_ns is 'nan'"},
      {"1,1,1,measured,w,,private,rc,two,pool,n/a,ok,100,100\n", "samples.csv:2: threads is 'two'"},
      {"1,1,1,measured,w,,private,,1,pool,n/a,ok,100,100\n", "samples.csv:2: strategy is empty"},
      {"1,1,1,measured,w,,private,rc,1,pool,n/a,,100,100\n", "samples.csv:2: status is empty"},
      {"1,1,1,measured,w,,private,\x01,1,pool,n/a,ok,100,100\n", "samples.csv:2: byte 0x01"},
  };
  write_file("campaign.json", "{\"schema\": 1}");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char *text = report_format("%s%s", HEADER, bad[i].row);
    write_file("samples.csv", text);
    expect_bad_folder(bad[i].words);
    free(text);
  }
}

Test(bad_input, arguments) {
  write_file("campaign.json", "{\"schema\": 1}");
  write_file("samples.csv", HEADER "1,1,1,measured,w,,private,rc,1,pool,n/a,ok,100,100\n");
  expect_refusal("needs the folder", 1, (char *[]){"report", NULL});
  expect_refusal("one too many", 3, (char *[]){"report", dir, "more", NULL});
  expect_refusal("no option --frobnicate", 3, (char *[]){"report", dir, "--frobnicate", NULL});
  expect_refusal("--columns 99", 4, (char *[]){"report", dir, "--columns", "99", NULL});
  expect_refusal("--columns wide", 4, (char *[]){"report", dir, "--columns", "wide", NULL});
  expect_refusal("--columns needs a value", 3, (char *[]){"report", dir, "--columns", NULL});
  expect_refusal("unknown baseline 'rcc', did you mean 'rc'? (of this campaign: rc)", 4,
                 (char *[]){"report", dir, "--baseline", "rcc", NULL});
}

/* Where the summary cannot be put, the table is still printed, and nothing is left behind. */
Test(bad_input, summary_in_the_way) {
  struct fixture_cell cells[] = {plain("rc", 50e6)};
  fixture_write(dir, &(struct fixture){.cell = cells, .ncells = 1, .blocks = 6, .iterations = 2, .seed = 1});
  cr_assert_eq(mkdir(in_dir("summary.csv"), 0777), 0);
  char *text = NULL;
  size_t n;
  FILE *out = open_memstream(&text, &n);
  cr_redirect_stderr();
  cr_expect_eq(report_dir(dir, &(struct report_options){0}, out), 2);
  fclose(out);
  cr_expect(strstr(text, "throughput"));
  DIR *d = opendir(dir);
  for (struct dirent *e; (e = readdir(d));) cr_expect(!strstr(e->d_name, ".tmp"), "%s was left behind", e->d_name);
  closedir(d);
  free(text);
}

/* Damage anywhere in a real file ends in a table or in a refusal, never in a crash. */
Test(bad_input, damage_at_random, .timeout = 120) {
  struct fixture_cell cells[] = {plain("rc", 50e6), plain("generational", 40e6)};
  struct fixture f = {.cell = cells, .ncells = 2, .blocks = 3, .iterations = 1, .seed = 1};
  fixture_write(dir, &f);
  char *good = read_file("samples.csv");
  size_t n = strlen(good);
  uint64_t seed = 6;
  cr_assert_not_null(freopen("/dev/null", "w", stderr));
  for (int round = 0; round < 400; round++) {
    char *bytes = strdup(good);
    for (int edits = (int)(draw(&seed) % 4); edits >= 0; edits--) bytes[draw(&seed) % n] = ",\"\n0-.x9"[draw(&seed) % 8];
    if (round % 4 == 0) bytes[draw(&seed) % n] = '\0';
    write_file("samples.csv", bytes);
    FILE *out = fopen("/dev/null", "w");
    int rc = report_dir(dir, &(struct report_options){0}, out);
    cr_expect(rc == 0 || rc == 2);
    fclose(out);
    free(bytes);
  }
  free(good);
}
