/* sweep-parts.c: sweeps in parts: shards and what merge makes of them; and the pilot, whose rows only tell how many blocks follow. */
#include "harness/report/campaign.h"
#include "harness/sweep/journal.h"
#include "harness/sweep/rows.h"
#include "sweep-program.h"

#define SWEEP                                                                                                                    \
  "run --strategy fake,loner --workload work --threads 1 --iterations 2 --repeats 0 --baseline fake --quiet --set us=0 "

static void run_well(const char *prefix, const char *arguments) {
  struct spoken s = program(prefix, arguments);
  cr_assert(eq(int, s.code, 0), "%s: %s", arguments, s.err);
  forget(&s);
}

static bool is_finished(const char *dir) {
  json_t *o = read_campaign(dir);
  bool finished = json_is_true(json_object_get(o, "finished"));
  json_decref(o);
  return finished;
}

/* Blocks 0 .. 6 in parts of three. */
static void make_shards(void) {
  for (int i = 1; i <= 3; i++) {
    char arguments[300];
    snprintf(arguments, sizeof arguments, SWEEP "--blocks 7 --seed 5 --shard %d/3 --out s%d", i, i);
    run_well("", arguments);
  }
}

Test(shards, hold_whole_blocks_each_once, .init = enter_place, .fini = leave_place) {
  make_shards();
  int seen[7] = {0};
  for (int s = 1; s <= 3; s++) {
    char dir[16];
    snprintf(dir, sizeof dir, "s%d", s);
    struct samples rows = read_samples(dir);
    for (int b = 0; b < 7; b++) {
      char block[16];
      snprintf(block, sizeof block, "%d", b);
      int n = count_rows(&rows, "block", block, NULL, NULL);
      cr_expect(n == 0 || n == 2 * 3, "part %d, block %d: %d rows", s, b, n);
      seen[b] += n > 0;
    }
    cr_expect(is_finished(dir));
    free_samples(&rows);
  }
  for (int b = 0; b < 7; b++) cr_expect(eq(int, seen[b], 1), "block %d", b);
}

/* The whole is what one sweep with that seed would have measured: the same invocations in the same order. */
Test(merge, is_the_sweep_that_was_cut, .init = enter_place, .fini = leave_place) {
  make_shards();
  run_well("", SWEEP "--blocks 7 --seed 5 --out all");
  cr_assert(done_in_place("mkdir before && cp -r s1 s2 s3 before"));
  run_well("", "merge s3 s1 s2 --out m");
  struct samples whole = read_samples("m"), all = read_samples("all");
  cr_assert(eq(int, whole.n, all.n));
  for (int i = 1; i < all.n; i++) {
    static const char *const same[] = {"block", "invocation", "iteration", "phase", "strategy", "status", "checksum", "seed"};
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
      char *a = field(&whole, i, same[k]), *b = field(&all, i, same[k]);
      cr_expect(eq(str, a, b), "row %d, %s", i, same[k]);
      free(a);
      free(b);
    }
  }
  free_samples(&whole);
  free_samples(&all);
  json_t *o = read_campaign("m");
  cr_expect(is_finished("m"));
  cr_expect(eq(sz, json_array_size(json_object_get(o, "parts")), 3));
  cr_expect(eq(sz, json_array_size(json_object_get(o, "machines")), 1));
  json_decref(o);
  cr_expect(done_in_place("test $(wc -l <m/histograms.jsonl) = 14 && test $(grep -c ' done ' m/journal.log) = 14"));
  cr_expect(done_in_place("for s in s1 s2 s3; do diff -r $s before/$s || exit 1; done"), "the parts are only read");
  cr_expect(done_in_place("test ! -e m.merging"));
  run_well("", "report m --json");
  expect_refused("", "run --resume m", "merged from several");
  expect_refused("", "merge s1 m --out n", "merged already");
}

/* Two of three parts are a campaign that is not finished. */
Test(merge, of_some_of_the_parts, .init = enter_place, .fini = leave_place) {
  make_shards();
  struct spoken s = program("", "merge s1 s3 --out m");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.err, "are not all there") != NULL, "%s", s.err);
  forget(&s);
  bool finished = is_finished("m");
  cr_expect(eq(int, finished, 0));
}

/* On several machines, pairs stay within one and each is held against its own controls. */
Test(merge, machines_are_judged_apart, .init = enter_place, .fini = leave_place) {
  make_shards();
  /* the second machine is faster, and in one invocation of it the control was poor */
  for (int s = 1; s <= 3; s++) {
    struct journal j, new;
    char *from = sweep_format("%s/cwd/s%d", place, s), *to = sweep_format("%s/cwd/t%d", place, s), *copy;
    copy = sweep_format("cp -r %s %s && rm %s/journal.log", from, to, to);
    cr_assert(eq(int, system(copy), 0));
    cr_assert(eq(int, sweep_journal_open(&j, from), 0));
    cr_assert(eq(int, sweep_journal_create(&new, to, j.campaign), 0));
    const char *const *names;
    int n = sweep_rows_columns(&names), poor = 0;
    for (int64_t i = 0; i < j.nentries; i++) {
      if (!sweep_journal_complete(&j, i)) continue;
      cr_assert(sweep_journal_start(&new, i));
      for (int r = 0; r < j.entries[i].nrows; r++) {
        char *fields[SWEEP_ROW_FIELDS], *cut = sweep_strdup(j.entries[i].rows[r]);
        cr_assert(eq(int, sweep_csv_split(cut, fields, SWEEP_ROW_FIELDS), n));
        static char host[][8] = {"slow", "fast", "slow"}, speeds[][8] = {"100", "200", "100"}, low[] = "150";
        fields[ROW_MACHINE] = host[s - 1];
        fields[sweep_rows_column("control_speed")] = s == 2 && !poor ? low : speeds[s - 1];
        struct text t = {0};
        for (int k = 0; k < n; k++) sweep_csv_add(&t, fields[k], k == 0);
        cr_assert(sweep_journal_row(&new, i, t.s));
        sweep_text_free(&t);
        free(cut);
      }
      poor++;
      cr_assert(sweep_journal_done(&new, i, 1, 0, 0));
    }
    sweep_journal_close(&j);
    sweep_journal_close(&new);
    free(from);
    free(to);
    free(copy);
  }
  run_well("sed -i 's/\"machine\": \"[^\"]*\"/\"machine\": \"another\"/' t2/campaign.json &&", "merge t1 t2 t3 --out m");
  struct samples rows = read_samples("m");
  cr_expect(eq(int, count_rows(&rows, "control_ok", "0", NULL, NULL), 3));
  cr_expect(eq(int, count_rows(&rows, "control_ok", "0", "machine", "fast"), 3));
  free_samples(&rows);
  json_t *o = read_campaign("m");
  cr_expect(eq(sz, json_array_size(json_object_get(o, "machines")), 2));
  bool of_one = !json_is_null(json_object_get(o, "machine"));
  cr_expect(eq(int, of_one, 0));
  json_decref(o);
}

Test(merge, what_does_not_belong_together_is_refused, .init = enter_place, .fini = leave_place, .timeout = 200) {
  make_shards();
  run_well("", SWEEP "--blocks 7 --seed 6 --shard 2/3 --out seed");
  run_well("", SWEEP "--blocks 8 --seed 5 --shard 2/3 --out blocks");
  run_well("", SWEEP "--blocks 7 --seed 5 --shard 2/2 --out shards");
  run_well("", SWEEP "--blocks 7 --seed 5 --shard 2/3 --set size=999 --out size");
  run_well("", SWEEP "--blocks 7 --seed 5 --shard 2/3 --heap 8x --out heap");
  run_well("", "run --strategy fake --workload work --threads 1 --iterations 2 --repeats 0 --set us=0 --blocks 7 --seed 5 "
               "--shard 2/3 --quiet --out cells");
  cr_assert(done_in_place(
      "cp -r s1 again && cp -r s2 commit && sed -i 's/\"commit\": \"[^\"]*\"/\"commit\": \"0123\"/' commit/campaign.json"));
  cr_assert(done_in_place("cp -r s2 schema && sed -i 's/\"schema\": 1/\"schema\": 2/' schema/campaign.json"));
  cr_assert(done_in_place("cp -r s2 torn && head -c 400 s2/campaign.json >torn/campaign.json"));
  cr_assert(done_in_place("cp -r s2 bare && rm bare/journal.log && mkdir full && touch full/x"));
  cr_assert(done_in_place("cp -r s2 other && cp s3/journal.log other"));
  cr_assert(done_in_place("cp -r s2 name && sed -i 's/\"campaign\": \"[^\"]*\"/\"campaign\": \"x\"/' name/campaign.json"));
  static const char *const cases[][2] = {
      {"merge s1 seed --out m", "the seed is 5 in one and 6 in the other"},
      {"merge s1 blocks --out m", "the plan's blocks is 7 in one and 8 in the other"},
      {"merge s1 shards --out m", "the plan's shards is 3 in one and 2 in the other"},
      {"merge s1 size --out m", "parameters is"},
      {"merge s1 heap --out m", "of the cell work private fake, 1 thread, pool, heap"},
      {"merge s1 cells --out m", "one has 2 cells and the other 1"},
      {"merge s1 commit --out m", "the commit is"},
      {"merge s1 schema --out m", "schema/campaign.json: its schema is not 1"},
      {"merge s1 torn --out m", "torn/campaign.json:"},
      {"merge s1 bare --out m", "bare/journal.log: No such file"},
      {"merge s1 again --out m", "s1 and again both hold block 0 (invocation 0)"},
      {"merge s1 s1 --out m", "s1 is given twice"},
      {"merge s1 ./s1/ --out m", "./s1/ is given twice"},
      {"merge s1 other --out m", "journal.log belongs to the campaign"},
      {"merge s1 name --out m", "journal.log belongs to the campaign"},
      {"merge s1 nowhere --out m", "nowhere/campaign.json: No such file"},
      {"merge s1 s2 --out full", "it exists and is not empty"},
      {"merge s1 s2 --out no/such/m", "No such file"},
      {"merge s1 s2", "needs --out"},
      {"merge s1 --out m", "more than one folder"},
      {"merge s1 s2 --uot m", "did you mean '--out'"},
      {"run --strategy fake --shard 1/2", "give --seed"},
      {"run --strategy fake --seed 1 --shard 3/2", "not of the form I/N"},
      {"run --strategy fake --seed 1 --shard 1/2x", "not of the form I/N"},
      {"run --strategy fake --seed 1 --blocks 3 --shard 1/4", "there are 3 blocks"},
      {"run --strategy fake --seed 1 --blocks auto --shard 1/2", "size once"},
      {"run --strategy fake --blocks 3 --effect 3", "with --blocks auto alone"},
      {"run --strategy fake --blocks auto --effect 0", "no difference in per cent"},
      {"run --strategy fake --blocks auto --effect 3x", "no difference in per cent"},
      {"run --strategy fake --blocks auto --most-blocks 2", "6 to 100000"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_refused("", cases[i][0], cases[i][1]);
  cr_expect(done_in_place("test ! -e m && test ! -e m.merging"), "nothing is left behind");
}

/* Rows with a right sum that are of another sweep: told by what they say. */
Test(merge, foreign_rows_are_refused, .init = enter_place, .fini = leave_place, .timeout = 200) {
  static const struct {
    int column;
    const char *value, *says;
  } cases[] = {{ROW_SEED, "6", "its seed is '6', and '5' is due"},
               {ROW_CAMPAIGN, "another", "its campaign is 'another'"},
               {ROW_STRATEGY, "rc", "its strategy is 'rc'"},
               {ROW_BLOCK, "4", "its block is '4', and '1' is due"},
               {ROW_PARAMETERS, "size=1", "its parameters is 'size=1'"},
               {-1, "", "which is not of part 2/3"}};
  make_shards();
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    struct journal j;
    char *dir = sweep_format("%s/cwd/f", place);
    cr_assert(done_in_place("rm -rf f && cp -r s2 f"));
    cr_assert(eq(int, sweep_journal_open(&j, dir), 0));
    int64_t from = 2 * 1, to = cases[k].column < 0 ? 2 * 2 : from; /* block 1 is its first; block 2 is another's */
    char *fields[SWEEP_ROW_FIELDS], *cut = sweep_strdup(j.entries[from].rows[0]);
    int n = sweep_csv_split(cut, fields, SWEEP_ROW_FIELDS);
    if (cases[k].column >= 0) fields[cases[k].column] = (char *)cases[k].value;
    struct text t = {0};
    for (int i = 0; i < n; i++) sweep_csv_add(&t, fields[i], i == 0);
    cr_assert(sweep_journal_start(&j, to) && sweep_journal_row(&j, to, t.s) && sweep_journal_done(&j, to, 1, 0, 0));
    sweep_journal_close(&j);
    expect_refused("", "merge s1 f --out m", cases[k].says);
    sweep_text_free(&t);
    free(cut);
    free(dir);
  }
}

/* --- The pilot ----------------------------------------------------------------------------------------------------------------- */

#define AUTO SWEEP "--blocks auto --effect 900 "

Test(pilot, settles_the_blocks_and_is_judged_no_further, .init = enter_place, .fini = leave_place) {
  run_well("", AUTO "--most-blocks 9 --out r");
  json_t *o = read_campaign("r"), *pilot = json_object_get(o, "pilot"), *plan = json_object_get(o, "plan");
  cr_expect(eq(int, (int)json_integer_value(json_object_get(pilot, "blocks")), 8));
  int settled = (int)json_integer_value(json_object_get(pilot, "settled"));
  cr_expect(eq(int, (int)json_integer_value(json_object_get(plan, "blocks")), settled));
  cr_expect(settled >= 6 && settled <= 9);
  cr_expect(json_number_value(json_object_get(pilot, "effect")) == 9);
  bool has_spread = json_is_real(json_object_get(json_array_get(json_object_get(pilot, "cells"), 1), "ratio_sd"));
  cr_expect(has_spread);
  json_decref(o);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "phase", "pilot", NULL, NULL), 8 * 2 * 2));
  cr_expect(eq(int, count_rows(&rows, "phase", "pilot-warmup", NULL, NULL), 8 * 2));
  cr_expect(eq(int, count_rows(&rows, "phase", "measured", NULL, NULL), settled * 2 * 2));
  cr_expect(eq(int, count_rows(&rows, "block", "8", "phase", "measured"), 2 * 2));
  free_samples(&rows);
  struct campaign c;
  char *dir = sweep_format("%s/cwd/r", place);
  cr_assert(campaign_open(&c, dir) && campaign_summarise(&c, NULL), "%s", c.error);
  for (int i = 0; i < c.ncells; i++) cr_expect(eq(int, c.cell[i]->invocations, settled));
  campaign_close(&c);
  free(dir);
}

/* What spreads too widely for the blocks that are allowed is said. */
Test(pilot, what_cannot_be_reached_is_said, .init = enter_place, .fini = leave_place) {
  struct spoken s =
      program("", "run --strategy fake,loner --workload work --threads 1 --iterations 1 --repeats 0 --baseline fake "
                  "--set us=0 --blocks auto --effect 0.001 --most-blocks 7 --out r");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.out, "a difference of 0.001 % is below what 7 blocks find in 1 cell(s)") != NULL, "%s", s.out);
  cr_expect(strstr(s.err, "8 pilot blocks: 7 blocks follow") != NULL, "%s", s.err);
  forget(&s);
}

/* Interrupted in its pilot, a sweep goes on with it; the same rows ask for the same number of blocks. */
Test(pilot, resumes, .init = enter_place, .fini = leave_place, .timeout = 100) {
  char *line = sweep_format(
      "cd %s/cwd && export RECLAIM_PLUGIN_PATH=%s && { %s/reclaim " AUTO
      "--out r >../out 2>../err & } && until [ $(grep -c ' done ' r/journal.log 2>/dev/null) -gt 5 ] 2>/dev/null; do "
      "sleep 0.01; done; kill -INT $!; wait $!; echo $? >../code",
      place, RECLAIM_DOUBLES_DIR, RECLAIM_BUILD_DIR);
  cr_assert(eq(int, system(line), 0));
  free(line);
  char *code = read_in("code");
  cr_assert(atoi(code) == SWEEP_INTERRUPTED || atoi(code) == 0, "%s", code);
  free(code);
  run_well("", "run --resume r --quiet");
  json_t *o = read_campaign("r");
  int settled = (int)json_integer_value(json_object_get(json_object_get(o, "pilot"), "settled"));
  cr_expect(is_finished("r"));
  json_decref(o);
  struct samples rows = read_samples("r");
  cr_expect(eq(int, count_rows(&rows, "phase", "pilot", NULL, NULL), 8 * 2 * 2));
  cr_expect(eq(int, count_rows(&rows, "phase", "measured", NULL, NULL), settled * 2 * 2));
  free_samples(&rows);
}
