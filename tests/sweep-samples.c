/* sweep-samples.c: the judgements over a whole campaign: controls, blocks to run once more, checksums. */
#include "harness/sweep/random.h"
#include "harness/sweep/samples.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELLS = 3, BLOCKS = 4 };

static char dir[] = "/tmp/reclaim-samples-XXXXXX";

static struct sweep_plan plan;
static struct journal journal;
static const struct row_campaign campaign = {"c", "m", "commit", 1};

static char none[] = "";

/* Three strategies on one workload, two threads each. */
static void make_plan(void) {
  static char *names[CELLS] = {(char *)"a", (char *)"b", (char *)"c"};
  plan = (struct sweep_plan){.blocks = BLOCKS, .warmup = 0, .iterations = 1, .seed = 1, .pus = 2, .repeats = -1};
  for (int i = 0; i < CELLS; i++) {
    *sweep_push(plan.cells, plan.ncells) = (struct sweep_cell){.strategy = names[i],
                                                               .workload = (char *)"w",
                                                               .parameters = none,
                                                               .tunables = none,
                                                               .sharing = (char *)"private",
                                                               .pinning = (char *)"none",
                                                               .allocator = (char *)"pool",
                                                               .library = none,
                                                               .heap = (char *)"grow",
                                                               .heap_policy = (char *)"n/a",
                                                               .threads = 2,
                                                               .collector_threads = 2,
                                                               .iterations = 1};
    *sweep_push(plan.runs, plan.nruns) = i;
  }
  cr_assert(mkdtemp(dir) != NULL);
  cr_assert(eq(int, sweep_journal_create(&journal, dir, "c"), 0));
}

static void drop_plan(void) {
  char *remove = sweep_format("rm -rf %s", dir);
  cr_assert(eq(int, system(remove), 0));
  free(remove);
  free(plan.cells);
  free(plan.runs);
  sweep_journal_close(&journal);
}

/* Records an invocation as a child with this control and checksum would have left it. */
static void record(int block, int at, double speed, double speedup, const char *checksum) {
  int order[CELLS], n;
  json_t *json;
  sweep_plan_order(&plan, block, order);
  int64_t invocation = sweep_plan_invocation(&plan, block, at);
  struct child_outcome o = {.end = CHILD_EXITED};
  o.result = sweep_format(
      "{\"status\":\"ok\",\"control_speed\":%g,\"control_speedup\":%g,\"iterations\":[{\"iteration\":0,\"phase\":\"measured\","
      "\"operations\":1000,\"wall_ns\":2000000,\"checksum\":\"%s\"}]}",
      speed, speedup, checksum);
  o.nresult = strlen(o.result);
  struct row_place place = {.cell = &plan.cells[order[at]], .block = block, .invocation = invocation, .started_at = "now"};
  char **rows = sweep_rows_of_outcome(&campaign, &place, &o, 10, &n, &json);
  cr_assert(eq(int, n, 1));
  cr_assert(sweep_journal_start(&journal, invocation));
  cr_assert(sweep_journal_row(&journal, invocation, rows[0]));
  cr_assert(sweep_journal_done(&journal, invocation, 1, 0, 0));
  sweep_free_words(rows, n);
  json_decref(json);
  free(o.result);
}

/* --- Steadiness ---------------------------------------------------------------------------------------------------------------- */

enum { ITERATIONS = 6 };
enum { FLAT, FASTER, SLOWER, THERE_AND_BACK, SHAPES };

/* Records an invocation of the shape's cell: half as much time again in some iterations, and noise by chance. */
static void record_shape(int block, int at, uint64_t *seed) {
  static const double slow[SHAPES][ITERATIONS + 1] = {
      [FASTER] = {0.5, 0.5, 0.5}, [SLOWER] = {[4] = 0.5, 0.5, 0.5}, [THERE_AND_BACK] = {[3] = 0.5}};
  int order[CELLS], n;
  json_t *json;
  sweep_plan_order(&plan, block, order);
  int cell = order[at];
  struct text t = {0};
  sweep_text_addf(&t, "{\"status\":\"ok\",\"control_speed\":100,\"control_speedup\":2,\"iterations\":[");
  for (int i = 0; i <= ITERATIONS; i++) {
    double noise = 0.1 * (double)(sweep_random(seed) >> 11) / 9007199254740992.0, wall = 1e7 * (1 + slow[cell][i] + noise);
    sweep_text_addf(&t, "%s{\"iteration\":%d,\"phase\":\"%s\",\"operations\":1000,\"wall_ns\":%.0f,\"checksum\":\"00\"}",
                    i ? "," : "", i, i ? "measured" : "warmup", wall);
  }
  sweep_text_addf(&t, "]}");
  struct child_outcome o = {.end = CHILD_EXITED, .result = t.s, .nresult = t.n};
  int64_t invocation = sweep_plan_invocation(&plan, block, at);
  struct row_place place = {.cell = &plan.cells[cell], .block = block, .invocation = invocation, .started_at = "now"};
  char **rows = sweep_rows_of_outcome(&campaign, &place, &o, 10, &n, &json);
  cr_assert(eq(int, n, ITERATIONS + 1));
  cr_assert(sweep_journal_start(&journal, invocation));
  for (int i = 0; i < n; i++) cr_assert(sweep_journal_row(&journal, invocation, rows[i]));
  cr_assert(sweep_journal_done(&journal, invocation, 1, 0, 0));
  sweep_free_words(rows, n);
  json_decref(json);
  sweep_text_free(&t);
}

/* What the iterations of a cell have in common is said in every row of it, and counted. */
Test(steadiness, is_in_every_row, .init = make_plan, .fini = drop_plan) {
  static const char *const is[SHAPES] = {"steady", "warming", "slowing", "none"};
  plan.blocks = 12;
  for (int i = 0; i < CELLS; i++) plan.cells[i].warmup = 1, plan.cells[i].iterations = ITERATIONS;
  struct sweep_cell fourth = plan.cells[0];
  *sweep_push(plan.cells, plan.ncells) = fourth;
  plan.cells[CELLS].strategy = (char *)"d";
  for (int without = 0; without < SHAPES; without++) { /* three of the four at a time */
    uint64_t seed = 1;
    for (int i = 0, n = 0; i < SHAPES; i++)
      if (i != without) plan.runs[n++] = i;
    for (int b = 0; b < plan.blocks; b++)
      for (int at = 0; at < CELLS; at++) record_shape(b, at, &seed);
    struct samples_summary sum;
    cr_assert(eq(int, sweep_samples_write(dir, &campaign, &plan, &journal, &sum), 0));
    for (int i = STEADY; i <= UNSTEADY; i++) cr_expect(eq(int, sum.steadiness[i], i - STEADY == without ? 0 : 1));
    char *path = sweep_format("%s/samples.csv", dir), *text = sweep_read_file(path, NULL);
    int rows = -1;
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n"), rows++) {
      char *fields[SWEEP_ROW_FIELDS];
      sweep_csv_split(line, fields, SWEEP_ROW_FIELDS);
      if (rows >= 0) cr_expect(eq(str, fields[sweep_rows_column("steady")], (char *)is[fields[ROW_STRATEGY][0] - 'a']));
    }
    cr_expect(eq(int, rows, plan.blocks *CELLS *(ITERATIONS + 1)));
    free(text);
    free(path);
  }
}

/* --- Controls -------------------------------------------------------------------------------------------------------------------- */

Test(controls, poor_blocks_are_found, .init = make_plan, .fini = drop_plan) {
  for (int b = 0; b < BLOCKS; b++)
    for (int at = 0; at < CELLS; at++) {
      double speed = b == 1 && at == 2 ? 89 : 100, speedup = b == 3 && at == 0 ? 1.79 : 1.81;
      record(b, at, speed, speedup, "00");
    }
  int poor[BLOCKS];
  cr_assert(eq(int, sweep_samples_poor_blocks(&plan, &journal, poor), 2));
  cr_assert(eq(int, poor[0], 1));
  cr_assert(eq(int, poor[1], 3));
  struct samples_summary sum;
  cr_assert(eq(int, sweep_samples_write(dir, &campaign, &plan, &journal, &sum), 0));
  cr_expect(eq(i64, sum.poor_controls, 2));
  cr_expect(eq(i64, sum.invocations, BLOCKS * CELLS));
  cr_expect(eq(int, sum.failed_cells, 0));
}

/* What is run once more does not move the bar, so that a sweep that is resumed in between decides as before. */
Test(controls, repeated_blocks_do_not_count, .init = make_plan, .fini = drop_plan) {
  for (int b = 0; b < BLOCKS; b++)
    for (int at = 0; at < CELLS; at++) record(b, at, b == 0 ? 80 : 100, 2, "00");
  int poor[BLOCKS];
  cr_assert(eq(int, sweep_samples_poor_blocks(&plan, &journal, poor), 1));
  for (int at = 0; at < CELLS; at++) record(BLOCKS, at, 10, 1, "00");
  cr_assert(eq(int, sweep_samples_poor_blocks(&plan, &journal, poor), 1));
  struct samples_summary sum;
  cr_assert(eq(int, sweep_samples_write(dir, &campaign, &plan, &journal, &sum), 0));
  cr_expect(eq(i64, sum.poor_controls, 2 * CELLS));
  cr_expect(eq(i64, sum.invocations, (BLOCKS + 1) * CELLS));
}

/* Where more threads run than there are CPUs, nobody can ask for a speed-up. */
Test(controls, oversubscribed_cells_need_no_speed_up, .init = make_plan, .fini = drop_plan) {
  plan.pus = 1;
  for (int b = 0; b < BLOCKS; b++)
    for (int at = 0; at < CELLS; at++) record(b, at, 100, 1, "00");
  int poor[BLOCKS];
  cr_assert(eq(int, sweep_samples_poor_blocks(&plan, &journal, poor), 0));
}

/* The cell (by its strategy) whose rows are wrong, or "" for none, "*" for several. */
static void find_wrong(char out[8]) {
  struct samples_summary sum;
  cr_assert(eq(int, sweep_samples_write(dir, &campaign, &plan, &journal, &sum), 0));
  char *path = sweep_format("%s/samples.csv", dir), *text = sweep_read_file(path, NULL);
  *out = 0;
  for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
    char *fields[96];
    sweep_csv_split(line, fields, 96);
    if (strcmp(fields[ROW_STATUS], "wrong-checksum")) continue;
    if (*out && strcmp(out, fields[ROW_STRATEGY]))
      snprintf(out, 8, "*");
    else
      snprintf(out, 8, "%s", fields[ROW_STRATEGY]);
  }
  free(text);
  free(path);
}

/* The strategy's index at a position of a block. */
static int cell_at(int block, int at) {
  int order[CELLS];
  sweep_plan_order(&plan, block, order);
  return order[at];
}

Test(checksums, the_many_are_right, .init = make_plan, .fini = drop_plan) {
  for (int b = 0; b < BLOCKS; b++)
    for (int at = 0; at < CELLS; at++) record(b, at, 100, 2, cell_at(b, at) == 1 ? "0bad" : "600d");
  char wrong[8];
  find_wrong(wrong);
  cr_expect(eq(str, wrong, "b"));
}

Test(checksums, one_slip_among_many, .init = make_plan, .fini = drop_plan) {
  for (int b = 0; b < BLOCKS; b++)
    for (int at = 0; at < CELLS; at++) record(b, at, 100, 2, b == 2 && cell_at(b, at) == 2 ? "0bad" : "600d");
  struct samples_summary sum;
  char wrong[8];
  find_wrong(wrong);
  cr_expect(eq(str, wrong, "c"));
  cr_assert(eq(int, sweep_samples_write(dir, &campaign, &plan, &journal, &sum), 0));
  cr_expect(eq(i64, sum.wrong_checksums, 1));
  cr_expect(eq(int, sum.failed_cells, 1));
}

Test(checksums, equal_are_right, .init = make_plan, .fini = drop_plan) {
  for (int b = 0; b < BLOCKS; b++)
    for (int at = 0; at < CELLS; at++) record(b, at, 100, 2, "600d");
  char wrong[8];
  find_wrong(wrong);
  cr_expect(eq(str, wrong, ""));
}

/* Three voices, three opinions: nobody is right. */
Test(checksums, no_majority, .init = make_plan, .fini = drop_plan) {
  static const char *const opinions[] = {"01", "02", "03"};
  for (int b = 0; b < BLOCKS; b++)
    for (int at = 0; at < CELLS; at++) record(b, at, 100, 2, opinions[cell_at(b, at)]);
  char wrong[8];
  find_wrong(wrong);
  cr_expect(eq(str, wrong, "*"));
}

Test(order, blocks_are_permutations_and_differ) {
  enum { N = 50 };
  int runs[N], first[N], other[N];
  bool differ = false;
  for (int i = 0; i < N; i++) runs[i] = i;
  struct sweep_plan p = {.runs = runs, .nruns = N, .seed = 7};
  sweep_plan_order(&p, 0, first);
  for (int b = 0; b < 100; b++) {
    bool seen[N] = {false};
    sweep_plan_order(&p, b, other);
    for (int i = 0; i < N; i++) seen[other[i]] = true, differ |= other[i] != first[i];
    for (int i = 0; i < N; i++) cr_assert(seen[i]);
  }
  cr_assert(differ);
}
