/* selftest-drawn.c: what is counted, how campaigns are drawn from a bank, and what is printed: on numbers of the test's own making. */
#include "harness/selftest/print.h"
#include "harness/sweep/text.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAME, CPU_2, CPU_3, CPU_5, CPU_10, RSS_5 };

/* --- Counting ----------------------------------------------------------------------------------------------------------------- */

Test(tally, finds_are_of_the_cell_and_quantity_that_were_planted) {
  struct gate_test test[3 * GATE_JUDGED] = {0};
  struct selftest_tally t = {0};
  for (int i = 0; i < 3 * GATE_JUDGED; i++) test[i].verdict = GATE_FINE;
  test[1 * GATE_JUDGED + GATE_CPU].verdict = GATE_REGRESSION;
  test[2 * GATE_JUDGED + GATE_RSS_MEAN].verdict = GATE_REGRESSION;
  selftest_count(&t, &selftest_plants[CPU_5], test, 3, 1);
  cr_expect(t.campaigns == 1 && t.alarms == 1 && t.cells == 1 && t.found == 1);
  cr_expect(t.others == 8 && t.strays == 1, "the cell's memory and all of the others");
  t = (struct selftest_tally){0};
  selftest_count(&t, &selftest_plants[CPU_5], test, 3, 0);
  cr_expect(t.alarms == 1 && t.cells == 1 && t.found == 0 && t.strays == 2);
  t = (struct selftest_tally){0};
  selftest_count(&t, &selftest_plants[RSS_5], test, 3, -1);
  cr_expect(t.cells == 3 && t.found == 1, "either of peak and mean will do");
  cr_expect(t.others == 3 && t.strays == 1);
  t = (struct selftest_tally){0};
  selftest_count(&t, &selftest_plants[SAME], test, 3, -1);
  cr_expect(t.alarms == 1 && t.cells == 0 && t.others == 9 && t.strays == 2);
  test[1 * GATE_JUDGED + GATE_CPU].verdict = test[2 * GATE_JUDGED + GATE_RSS_MEAN].verdict = GATE_UNJUDGED;
  selftest_count(&t, &selftest_plants[SAME], test, 3, -1);
  cr_expect(t.campaigns == 2 && t.alarms == 1 && t.unjudged == 1);
}

/* --- Drawing ------------------------------------------------------------------------------------------------------------------ */

enum { CELLS = 2, BLOCKS = 30 };

static struct bank new_bank(void) {
  struct bank b = {.ncells = CELLS, .nblocks = BLOCKS, .nruns = 3};
  b.d = sweep_alloc((size_t)BLOCKS * CELLS * SELFTEST_PLANTS * GATE_JUDGED, sizeof *b.d);
  b.run = sweep_alloc(BLOCKS, sizeof *b.run);
  for (int i = 0; i < BLOCKS; i++) b.run[i] = i < 10 ? 0 : i < 12 ? 1 : 2;
  return b;
}

/* Every pair tells where it is from. */
static struct bank told_bank(void) {
  struct bank b = new_bank();
  for (int block = 0; block < BLOCKS; block++)
    for (int cell = 0; cell < CELLS; cell++)
      for (int side = 0; side < SELFTEST_PLANTS; side++)
        for (int m = 0; m < GATE_JUDGED; m++) *bank_at(&b, block, cell, side, m) = 1 + block * 1000 + cell * 100 + side * 10 + m;
  return b;
}

Test(bank, blocks_are_drawn_whole_and_in_stretches) {
  struct bank b = told_bank();
  struct bank_draw w;
  int coins = 0, starts = 0, seen[BLOCKS] = {0};
  for (uint64_t seed = 0; seed < 20; seed++) {
    bank_draw_make(&w, &b, &gate_rule_default, CPU_5, 1, seed);
    cr_assert(w.n[0] >= gate_rule_default.noisy_pairs && w.n[1] == gate_rule_default.most_pairs);
    for (int stage = 0; stage < 2; stage++)
      for (int i = 0, length = 1; i < w.n[stage]; i++) {
        int block = w.block[stage][i];
        seen[block]++;
        bool goes_on = i && block == w.block[stage][i - 1] + 1 && b.run[block] == b.run[block - 1] && length < BANK_STRETCH;
        if (goes_on) {
          length++;
          continue;
        }
        int before = i ? w.block[stage][i - 1] : -1;
        bool cut = before >= 0 && length < BANK_STRETCH && before + 1 < BLOCKS && b.run[before + 1] == b.run[before];
        cr_expect(eq(int, cut, 0), "a stretch ends after %d blocks, at block %d", length, before);
        length = 1, starts++, coins += w.swapped[stage][i];
      }
    bank_draw_free(&w);
  }
  cr_expect(coins > starts / 4 && coins < 3 * starts / 4, "%d of %d", coins, starts);
  for (int i = 0; i < BLOCKS; i++) cr_expect(seen[i] > 0, "block %d is never drawn", i);
  bank_free(&b);
}

/* One block for all tests of a pair; and planted where it is planted, against either of two equal bases. */
Test(bank, pairs_of_one_number_are_of_one_block) {
  struct bank b = told_bank();
  struct bank_draw w, again;
  bank_draw_make(&w, &b, &gate_rule_default, CPU_5, 1, 7);
  bank_draw_make(&again, &b, &gate_rule_default, CPU_5, 1, 7);
  bool both[2] = {false, false};
  for (int i = 0; i < w.n[1]; i++) {
    int block = w.block[1][i];
    bool swapped = w.swapped[1][i];
    both[swapped] = true;
    for (int test = 0; test < CELLS * GATE_JUDGED; test++) {
      int cell = test / GATE_JUDGED, m = test % GATE_JUDGED;
      double same = *bank_at(&b, block, cell, SAME, m), planted = *bank_at(&b, block, cell, CPU_5, m);
      double due = cell == 1 ? (swapped ? planted - same : planted) : swapped ? -same : same;
      cr_expect(eq(dbl, bank_deliver(&w, test, true, i), due));
      cr_expect(eq(dbl, bank_deliver(&again, test, true, i), due), "equal seeds draw equally");
    }
  }
  cr_expect(both[0] && both[1]);
  bank_draw_free(&w);
  bank_draw_free(&again);
  bank_free(&b);
}

/* With noise that is known: silence where nothing is planted, even where all blocks lean to one side, and what is large is found where it is. */
Test(bank, plays_the_rule) {
  struct bank b = new_bank();
  uint64_t seed = 11;
  const double leaning = 0.004;
  for (int block = 0; block < BLOCKS; block++)
    for (int cell = 0; cell < CELLS; cell++)
      for (int side = 0; side < SELFTEST_PLANTS; side++)
        for (int m = 0; m < GATE_JUDGED; m++) {
          const struct selftest_plant *p = &selftest_plants[side];
          double planted = p->metrics & 1u << m ? log1p(p->share) : 0, sd = m == GATE_CPU ? 0.02 : 0.003;
          *bank_at(&b, block, cell, side, m) = leaning + planted + sd * draw_normal(&seed);
        }
  struct selftest_tally none = bank_play(&b, &gate_rule_default, SAME, 60, 5),
                        ten = bank_play(&b, &gate_rule_default, CPU_10, 60, 5),
                        memory = bank_play(&b, &gate_rule_default, RSS_5, 60, 5),
                        again = bank_play(&b, &gate_rule_default, CPU_10, 60, 5);
  cr_expect(eq(int, none.campaigns, 60));
  cr_expect(none.alarms <= 1 && none.cells == 0, "%d alarms", none.alarms);
  cr_expect(eq(int, ten.cells, 60));
  cr_expect(ge(int, ten.found, 59));
  cr_expect(le(int, ten.strays, 1));
  cr_expect(ge(int, memory.found, 59));
  cr_expect(eq(int, memcmp(&ten, &again, sizeof ten), 0), "the same seed plays the same");
  bank_free(&b);
}

Test(bank, an_empty_one_plays_nothing) {
  struct bank b = {.ncells = 1};
  struct selftest_tally t = bank_play(&b, &gate_rule_default, CPU_5, 10, 1);
  cr_expect(eq(int, t.campaigns, 0));
}

/* --- Printing ----------------------------------------------------------------------------------------------------------------- */

static char title[] = "lists private rc x1", machine[] = "an abacus";
static struct selftest_cell cell = {title, 0.05, {0.06, 0.01, INFINITY}};
static double spread = 0.05;

static struct selftest_result result_of_30(void) {
  struct selftest_result r = {
      .live = {.cell = &cell, .ncells = 1, .campaigns = 30, .spreads = &spread, .machine = machine, .bank.nblocks = 900}};
  r.live.campaigns = 1;
  for (int k = 0; k < SELFTEST_PLANTS; k++) {
    r.live.tally[k] = (struct selftest_tally){30, k > CPU_2 ? 30 : 0, 0, k ? 120 : 0, k > CPU_2 ? 118 : 0, 240, 0};
    r.drawn[k] = (struct selftest_tally){300, k > CPU_2 ? 300 : 0, 0, k ? 300 : 0, k > CPU_2 ? 297 : 0, 3300, 0};
  }
  return r;
}

static char *printed(void (*print)(const struct selftest_result *, FILE *), const struct selftest_result *r) {
  char *text = NULL;
  size_t n;
  FILE *out = open_memstream(&text, &n);
  print(r, out);
  fclose(out);
  return text;
}

static enum selftest_aim_verdict aim_of(const struct selftest_result *r, int i) {
  struct selftest_aim aim[SELFTEST_AIMS];
  selftest_judge(r, aim);
  return aim[i].verdict;
}

Test(print, aims_are_judged) {
  struct selftest_result r = result_of_30();
  for (int i = 0; i < SELFTEST_AIMS; i++) cr_expect(eq(int, (int)aim_of(&r, i), (int)AIM_REACHED), "aim %d", i);
  r.drawn[CPU_10].found = 296; /* 98.7 % */
  cr_expect(eq(int, (int)aim_of(&r, 3), (int)AIM_MISSED));
  r.drawn[CPU_5].found = 284; /* 94.7 % */
  cr_expect(eq(int, (int)aim_of(&r, 2), (int)AIM_MISSED));
  cell.spread = 0.08;
  cr_expect(eq(int, (int)aim_of(&r, 2), (int)AIM_NOT_HERE));
  cr_expect(eq(int, (int)aim_of(&r, 4), (int)AIM_MISSED));
  cell.spread = 0.15;
  cr_expect(eq(int, (int)aim_of(&r, 4), (int)AIM_NOT_HERE));
  cell.spread = 0.05;
  r.live.tally[SAME].campaigns = 29;
  cr_expect(eq(int, (int)aim_of(&r, 0), (int)AIM_TOO_FEW));
  r.live.tally[SAME].alarms = 1;
  cr_expect(eq(int, (int)aim_of(&r, 0), (int)AIM_MISSED), "an alarm is one, however few campaigns there are");
}

/* The ends are those of the tables: 0 of 30 is up to 11.6 %, 0 of 300 up to 1.22 %. */
Test(print, text_json_and_csv_say_the_same) {
  struct selftest_result r = result_of_30();
  char *text = printed(selftest_print_text, &r), *csv = printed(selftest_print_csv, &r), *json = printed(selftest_print_json, &r);
  cr_expect(strstr(text, "  nothing    0/30 [0, 11.6] ") != NULL, "%s", text);
  cr_expect(strstr(text, "  nothing    0/300 [0, 1.22] ") != NULL, "%s", text);
  cr_expect(strstr(text, "  cpu=5      30/30 [88.4, 100]    118/120 [94.1, 99.8] ") != NULL, "%s", text);
  cr_expect(strstr(text, "5.0 %          CPU 6.0 %, RSS 1.0 %") != NULL, "%s", text);
  for (char *line = text; *line; line += strcspn(line, "\n"), line += *line != 0)
    cr_expect(le(sz, strcspn(line, "\n"), 80), "%.*s", (int)strcspn(line, "\n"), line);
  cr_expect(strstr(csv, "live,cpu=5,0.05,30,30,1,0.884297,1,0,120,118,0.983333,0.941091,0.997975,240,0\r\n") != NULL, "%s", csv);
  cr_expect(strstr(csv, "drawn,,0,300,0,0,0,0.012221,0,0,0,,,,3300,0\r\n") != NULL, "%s", csv);
  json_t *o = json_loads(json, 0, NULL), *drawn = json_object_get(o, "drawn"),
         *found = json_object_get(json_array_get(drawn, CPU_5), "found");
  cr_assert(o != NULL, "%s", json);
  cr_expect(eq(int, (int)json_integer_value(json_object_get(found, "count")), 297));
  cr_expect(eq(int, (int)json_integer_value(json_object_get(found, "of")), 300));
  cr_expect(fabs(json_real_value(json_object_get(found, "lo")) - 0.9711) < 1e-3);
  json_t *of_none = json_object_get(json_array_get(drawn, SAME), "found");
  cr_expect(of_none && json_is_null(of_none));
  json_decref(o);
  free(text);
  free(csv);
  free(json);
}

Test(print, nothing_measured_is_no_table) {
  struct selftest_result r = {0};
  char *text = printed(selftest_print_text, &r);
  cr_expect(strstr(text, "No live campaign is finished") && !strstr(text, "planted"), "%s", text);
  free(text);
}
