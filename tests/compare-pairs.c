/* compare-pairs.c: values of one axis within a campaign: what is a pair and what is none, ratios known beforehand, and the verdicts where there
   is no ratio. */
#include "harness/compare/compare.h"
#include "tests/compare-campaigns.h"

#include <math.h>

TestSuite(pairs, .init = made_enter, .fini = made_leave, .timeout = 60);
TestSuite(verdicts, .init = made_enter, .fini = made_leave, .timeout = 60);
TestSuite(matches, .init = made_enter, .fini = made_leave, .timeout = 60);
TestSuite(together, .init = made_enter, .fini = made_leave, .timeout = 60);

enum { TIME, CPU, RSS_MEAN, RSS_PEAK, PAUSE };

static struct comparison of(const char *dir, const char *by) {
  struct comparison c;
  const char *dirs[1] = {dir};
  cr_assert_eq(comparison_make(&c, dirs, 1, &(struct compare_options){.by = by}), 0);
  return c;
}

static const struct outcome *first(const struct comparison *c, int metric) { return &c->match[0].outcome[metric]; }

/* --- Pairs ---------------------------------------------------------------------------------------------------------------------------------- */

Test(pairs, ratios_are_those_that_were_put_in) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10, .mib = 10, .pause = "1000"}, 8);
  made_blocks(&m, (struct made){.strategy = "rc-atomic", .us = 20, .mib = 5, .pause = "1500"}, 8);
  struct comparison c = of(made_close(&m), "strategy=rc,rc-atomic");
  static const double due[] = {2, 2, 0.5, 0.5, 1.5};
  static const char *const words[] = {"slower", "more CPU", "smaller", "smaller", "longer"};
  cr_assert_eq(c.nmatches, 1);
  for (int k = 0; k < 5; k++) {
    const struct outcome *o = first(&c, k);
    cr_expect_float_eq(o->ratio.mid, due[k], 1e-9, "%s: %g", metrics[k].name, o->ratio.mid);
    cr_expect_float_eq(o->ratio.lo, due[k], 1e-9);
    cr_expect_float_eq(o->ratio.hi, due[k], 1e-9);
    cr_expect_eq(o->n[0], 8);
    cr_expect_float_eq(o->p, 2 / 256.0, 1e-12, "%g", o->p);
    cr_expect_str_eq(verdict_word(o->verdict, &metrics[k]), words[k]);
    cr_expect_float_eq(c.total[1 * METRICS + k].ratio.mid, due[k], 1e-9);
  }
  cr_expect_eq(first(&c, 5)->verdict, VERDICT_SAME); /* not asked for: nothing is in it */
  comparison_close(&c);
}

/* The machine's own slow-down by 1 % per block is in both sides, and so in no ratio. */
Test(pairs, swapping_sides_turns_the_ratio_over) {
  struct made_campaign m;
  made_open(&m, "a");
  for (int b = 0; b < 9; b++) {
    made_add(&m, (struct made){.strategy = "rc", .block = b, .us = 10 + 0.1 * (b * b % 7)});
    made_add(&m, (struct made){.strategy = "other", .block = b, .us = 11 + 0.2 * (b * b % 5)});
  }
  const char *dir = made_close(&m);
  struct comparison c = of(dir, "strategy=rc,other"), d = of(dir, "strategy=other,rc");
  const struct stats_interval *r = &first(&c, TIME)->ratio, *s = &first(&d, TIME)->ratio;
  cr_expect_float_eq(r->mid * s->mid, 1, 1e-12);
  cr_expect_float_eq(r->lo * s->hi, 1, 1e-12);
  cr_expect_float_eq(first(&c, TIME)->p, first(&d, TIME)->p, 0);
  comparison_close(&c);
  comparison_close(&d);
}

/* A block that was run once more has two pairs, of one pass each; crossed, they would give 4 and 1/4. */
Test(pairs, passes_are_not_crossed) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 7);
  made_blocks(&m, (struct made){.strategy = "other", .us = 20}, 7);
  made_add(&m, (struct made){.strategy = "other", .block = 3, .pass = 1, .us = 80});
  made_add(&m, (struct made){.strategy = "rc", .block = 3, .pass = 1, .us = 40});
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  cr_expect_eq(first(&c, TIME)->n[0], 8);
  cr_expect_float_eq(first(&c, TIME)->ratio.hi, 2, 1e-9, "%g", first(&c, TIME)->ratio.hi);
  cr_expect_eq(c.total[METRICS + TIME].ratio.n, 7, "a block is one value");
  cr_expect_float_eq(c.total[METRICS + TIME].ratio.hi, 2, 1e-9, "the mean of its passes, not their sum");
  comparison_close(&c);
}

/* Two machines of a merged sweep, each with a block of that number. */
Test(pairs, machines_are_not_crossed) {
  struct made_campaign m;
  made_open(&m, "a");
  for (int b = 0; b < 6; b++)
    for (int k = 0; k < 2; k++) {
      const char *machine = k ? "fast" : "slow";
      made_add(&m, (struct made){.strategy = "rc", .block = b, .machine = machine, .us = k ? 1 : 100});
      made_add(&m, (struct made){.strategy = "other", .block = b, .machine = machine, .us = k ? 2 : 200});
    }
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  cr_expect_eq(first(&c, TIME)->n[0], 12);
  cr_expect_float_eq(first(&c, TIME)->ratio.lo, 2, 1e-9);
  cr_expect_float_eq(first(&c, TIME)->ratio.hi, 2, 1e-9);
  cr_expect_eq(c.total[METRICS + TIME].ratio.n, 12);
  comparison_close(&c);
}

Test(pairs, what_has_no_partner_is_in_no_pair_and_is_said) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 9);
  made_blocks(&m, (struct made){.strategy = "other", .us = 20}, 7);
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  cr_expect_eq(first(&c, TIME)->n[0], 7);
  cr_expect_not_null(strstr(c.match[0].note, "rc ran in 9 blocks and other in 7"), "%s", c.match[0].note);
  comparison_close(&c);
}

Test(pairs, below_six_there_is_a_range_and_no_verdict) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 5);
  made_blocks(&m, (struct made){.strategy = "other", .us = 20}, 5);
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  cr_expect_eq(first(&c, TIME)->verdict, VERDICT_FEW);
  cr_expect_eq(first(&c, TIME)->ratio.kind, STATS_RANGE);
  cr_expect(isnan(first(&c, TIME)->p));
  cr_expect_eq(c.family[TIME], 0);
  comparison_close(&c);
}

/* --- Verdicts ---------------------------------------------------------------------------------------------------------------------------- */

/* Eight blocks of rc against eight of what `other` says, and the verdict on their times. */
static enum verdict against(const char *name, struct made other, char *why, size_t room) {
  struct made_campaign m;
  made_open(&m, name);
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 8);
  other.strategy = "other";
  if (!other.us) other.us = 20;
  made_blocks(&m, other, other.status && !strcmp(other.status, "not-applicable") ? 1 : 8);
  struct comparison c = of(made_close(&m), "strategy=rc,other"), d = of(m.dir, "strategy=other,rc");
  const struct outcome *o = first(&c, TIME);
  enum verdict v = o->verdict;
  snprintf(why, room, "%s", o->why ? o->why : "");
  cr_expect_eq(first(&d, TIME)->verdict, v == VERDICT_MORE ? VERDICT_LESS : v, "whichever side it is on");
  cr_expect_eq(isnan(o->ratio.mid), !verdict_has_ratio(v));
  cr_expect_eq(c.total[METRICS + TIME].cells, verdict_has_ratio(v));
  comparison_close(&c);
  comparison_close(&d);
  return v;
}

Test(verdicts, where_there_can_be_no_ratio) {
  char why[300];
  cr_expect_eq(against("a", (struct made){0}, why, sizeof why), VERDICT_MORE);
  cr_expect_eq(against("b", (struct made){.status = "crashed"}, why, sizeof why), VERDICT_FAILED);
  cr_expect_not_null(strstr(why, "it broke"), "%s", why);
  cr_expect_eq(against("c", (struct made){.status = "uncollected"}, why, sizeof why), VERDICT_UNCOLLECTED);
  cr_expect_eq(against("d", (struct made){.status = "not-applicable"}, why, sizeof why), VERDICT_NOT_APPLICABLE);
  cr_expect_eq(against("e", (struct made){.status = "not-run"}, why, sizeof why), VERDICT_NOT_RUN);
  cr_expect_eq(against("f", (struct made){.steady = "none"}, why, sizeof why), VERDICT_UNSTEADY);
  cr_expect_eq(against("g", (struct made){.over = true}, why, sizeof why), VERDICT_MORE, "marked, and no scaling figure");
}

Test(verdicts, pauses_of_zero_are_not_left_out_in_silence) {
  struct made_campaign m;
  made_open(&m, "a");
  for (int b = 0; b < 8; b++) {
    made_add(&m, (struct made){.strategy = "rc", .block = b, .us = 10, .pause = b == 5 ? "0" : "100"});
    made_add(&m, (struct made){.strategy = "other", .block = b, .us = 10, .pause = "100"});
    made_add(&m, (struct made){.strategy = "silent", .block = b, .us = 10});
    made_add(&m, (struct made){.strategy = "forgetful", .block = b, .us = 10, .pause = b == 5 ? "" : "100"});
  }
  struct comparison c = of(made_close(&m), "strategy=other,rc,silent,forgetful");
  cr_assert_eq(c.nmatches, 3);
  cr_expect_eq(c.match[0].outcome[PAUSE].verdict, VERDICT_ZEROS);
  cr_expect_str_eq(c.match[0].outcome[PAUSE].why, "in 1 of 8 pairs it is 0 on a side");
  cr_expect_eq(c.match[1].outcome[PAUSE].verdict, VERDICT_UNRECORDED);
  cr_expect_eq(c.match[2].outcome[PAUSE].verdict, VERDICT_SAME);
  cr_expect_eq(c.match[2].outcome[PAUSE].n[0], 7);
  cr_expect_eq(c.match[2].outcome[PAUSE].lost, 1);
  comparison_close(&c);
}

Test(verdicts, some_that_failed_are_said_beside_the_ratio_of_the_others) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 8);
  for (int b = 0; b < 8; b++)
    made_add(&m, (struct made){.strategy = "other", .block = b, .us = 20 * (1 + 0.01 * b), .status = b == 2 ? "timeout" : "ok"});
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  cr_expect_eq(first(&c, TIME)->n[0], 7);
  cr_expect_eq(first(&c, TIME)->verdict, VERDICT_MORE);
  cr_expect_not_null(strstr(c.match[0].note, "other: timeout 1 of 8"), "%s", c.match[0].note);
  comparison_close(&c);
}

Test(verdicts, circumstances_are_marked) {
  static const struct {
    struct made other;
    unsigned mark;
  } cases[] = {{{.poor = true}, MARK_POOR},
               {{.over = true}, MARK_OVERSUBSCRIBED},
               {{.steady = "warming"}, MARK_WARMING},
               {{.steady = "slowing"}, MARK_SLOWING},
               {{.leaked = 3}, MARK_LEAKS},
               {{.plant = "cpu=5"}, MARK_PLANTED},
               {{0}, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct made_campaign m;
    char name[16];
    snprintf(name, sizeof name, "m%zu", i);
    made_open(&m, name);
    struct made other = cases[i].other;
    other.strategy = "other", other.us = 10;
    made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 6);
    made_blocks(&m, other, 6);
    struct comparison c = of(made_close(&m), "strategy=rc,other");
    cr_expect_eq(c.match[0].marks, cases[i].mark, "%u instead of %u", c.match[0].marks, cases[i].mark);
    comparison_close(&c);
  }
}

/* What leaks by nature has one measured iteration in a process. */
Test(verdicts, unequal_numbers_of_iterations_are_said) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10, .iterations = 5}, 6);
  made_blocks(&m, (struct made){.strategy = "none", .us = 10, .iterations = 1, .leaked = 1000}, 6);
  struct comparison c = of(made_close(&m), "strategy");
  cr_expect_str_eq(c.match[0].note, "measured iterations in a process: rc has 5 and none 1");
  cr_expect_eq(c.match[0].marks, MARK_LEAKS);
  comparison_close(&c);
}

/* Three cells with the least p-value of six pairs, 2 / 64, and one with 1: Holm makes 4, 3, 2 times of it, and what grew stays grown. */
Test(verdicts, many_cells_are_corrected_together) {
  static const char *const workloads[] = {"w1", "w2", "w3", "w4"};
  struct made_campaign m;
  made_open(&m, "a");
  for (int w = 0; w < 4; w++) {
    made_blocks(&m, (struct made){.strategy = "rc", .workload = workloads[w], .us = 10}, 6);
    made_blocks(&m, (struct made){.strategy = "other", .workload = workloads[w], .us = w < 3 ? 20 : 10}, 6);
  }
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  for (int w = 0; w < 3; w++) {
    cr_expect_eq(c.match[w].outcome[TIME].verdict, VERDICT_MORE, "by its own interval");
    cr_expect_float_eq(c.match[w].outcome[TIME].adjusted, 4 * 2 / 64.0, 1e-12);
  }
  cr_expect_float_eq(c.match[3].outcome[TIME].adjusted, 1, 0);
  cr_expect_eq(c.family[TIME], 4);
  cr_expect_eq(c.beyond[TIME], 3);
  cr_expect_eq(c.hold[TIME], 0);
  comparison_close(&c);
}

/* --- Which cell is held against which ----------------------------------------------------------------------------------------------------- */

Test(matches, threads_take_the_collectors_with_them_and_no_oversubscribed_side) {
  struct made_campaign m;
  made_open(&m, "a");
  for (int t = 1; t <= 4; t *= 2)
    made_blocks(&m, (struct made){.strategy = "mark-sweep", .threads = t, .collectors = t, .us = 10.0 / t, .over = t == 4}, 6);
  struct comparison c = of(made_close(&m), "threads");
  cr_assert_eq(c.nmatches, 2);
  cr_expect_float_eq(first(&c, TIME)->ratio.mid, 0.5, 1e-9);
  cr_expect_eq(c.match[1].outcome[TIME].verdict, VERDICT_OVERSUBSCRIBED);
  comparison_close(&c);
}

/* The base obeys no limit, so it stands against each heap; both have `spare`, which must be the same. */
Test(matches, what_both_have_must_be_equal) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .tunables = "spare=1", .us = 10}, 6);
  made_blocks(&m, (struct made){.strategy = "rc", .tunables = "spare=2", .us = 10}, 6);
  for (int heap = 3; heap <= 6; heap += 3)
    made_blocks(
        &m,
        (struct made){
            .strategy = "ms", .tunables = "nursery=8;spare=2", .heap = heap == 3 ? "3x" : "6x", .limit = "99", .us = heap},
        6);
  struct comparison c = of(made_close(&m), "strategy=rc,ms");
  cr_assert_eq(c.nmatches, 2);
  for (int i = 0; i < 2; i++) cr_expect_str_eq(c.match[i].base->axis[AXIS_TUNABLES], "spare=2");
  cr_expect_float_eq(first(&c, TIME)->ratio.mid, 0.3, 1e-9);
  comparison_close(&c);
  c = of(m.dir, "heap=3x,6x");
  cr_assert_eq(c.nmatches, 1);
  cr_expect_float_eq(first(&c, TIME)->ratio.mid, 2, 1e-9);
  comparison_close(&c);
  c = of(m.dir, "spare=1,2");
  cr_assert_eq(c.nmatches, 1, "ms has one value of it");
  comparison_close(&c);
}

Test(matches, heaps_are_not_crossed) {
  struct made_campaign m;
  made_open(&m, "a");
  for (int k = 0; k < 4; k++)
    made_blocks(
        &m,
        (struct made){.strategy = "ms", .side = k & 1 ? "head" : "base", .heap = k & 2 ? "3x" : "6x", .limit = "99", .us = 10},
        6);
  struct comparison c = of(made_close(&m), "side=base,head");
  cr_expect_eq(c.nmatches, 2);
  comparison_close(&c);
}

Test(matches, parameters_allocators_and_sides_are_axes_too) {
  struct made_campaign m;
  made_open(&m, "a");
  for (int k = 0; k < 2; k++) {
    made_blocks(&m, (struct made){.strategy = "rc", .parameters = k ? "live=2048;n=1" : "live=10;n=1", .us = 10 + k}, 6);
    made_blocks(&m, (struct made){.strategy = "rc", .workload = "w", .allocator = k ? "/lib/other.so" : "pool", .us = 10 + 2 * k},
                6);
    made_blocks(&m, (struct made){.strategy = "rc", .workload = "v", .side = k ? "head" : "base", .us = 10 + 3 * k}, 6);
  }
  const char *dir = made_close(&m);
  static const char *const by[] = {"live=10,2K", "allocator=pool,/lib/other.so", "side=base,head"};
  for (int k = 0; k < 3; k++) {
    struct comparison c = of(dir, by[k]);
    cr_assert_eq(c.nmatches, 1, "%s", by[k]);
    cr_expect_float_eq(first(&c, TIME)->ratio.mid, 1.1 + 0.1 * k, 1e-9, "%s", by[k]);
    comparison_close(&c);
  }
}

/* --- All together --------------------------------------------------------------------------------------------------------------------------- */

/* 2 and 8: 4, whatever the blocks do; a block without one of the cells would be 2 or 8, and is left out. */
Test(together, is_the_geometric_mean_of_complete_blocks) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 8);
  made_blocks(&m, (struct made){.strategy = "other", .us = 20}, 8);
  made_blocks(&m, (struct made){.strategy = "rc", .workload = "w", .us = 10}, 6);
  made_blocks(&m, (struct made){.strategy = "other", .workload = "w", .us = 80}, 6);
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  const struct total *t = &c.total[METRICS + TIME];
  cr_expect_float_eq(t->ratio.mid, 4, 1e-9, "%g", t->ratio.mid);
  cr_expect_float_eq(t->ratio.lo, 4, 1e-9);
  cr_expect_float_eq(t->ratio.hi, 4, 1e-9);
  cr_expect_eq(t->ratio.n, 6);
  cr_expect_eq(t->cells, 2);
  cr_expect_eq(t->more, 2);
  comparison_close(&c);
}

Test(together, a_cell_with_few_blocks_costs_the_others_none) {
  struct made_campaign m;
  made_open(&m, "a");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 9);
  made_blocks(&m, (struct made){.strategy = "other", .us = 20}, 9);
  made_blocks(&m, (struct made){.strategy = "rc", .workload = "w", .us = 10}, 9);
  made_blocks(&m, (struct made){.strategy = "other", .workload = "w", .us = 80}, 4);
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  const struct total *t = &c.total[METRICS + TIME];
  cr_expect_float_eq(t->ratio.mid, 2, 1e-9, "%g", t->ratio.mid);
  cr_expect_eq(t->ratio.n, 9);
  cr_expect_eq(t->cells, 1);
  cr_expect_eq(t->left_out, 1);
  comparison_close(&c);
}

/* Noise that the cells of a block share does not shrink with their number: blocks are the sample, not cells. Two of eight blocks were half as
   fast for one side of every cell; forty cells that each show that are no more certain than one. */
Test(together, cells_of_one_block_are_not_independent) {
  struct made_campaign m;
  made_open(&m, "a");
  for (int w = 0; w < 40; w++)
    for (int b = 0; b < 8; b++) {
      char name[16];
      snprintf(name, sizeof name, "w%d", w);
      made_add(&m, (struct made){.strategy = "rc", .workload = name, .block = b, .us = 10});
      made_add(&m, (struct made){.strategy = "other", .workload = name, .block = b, .us = b < 2 ? 20 : 9.9});
    }
  struct comparison c = of(made_close(&m), "strategy=rc,other");
  const struct total *t = &c.total[METRICS + TIME];
  cr_expect_eq(t->cells, 40);
  cr_expect_eq(t->verdict, VERDICT_SAME);
  cr_expect_float_eq(t->ratio.lo, first(&c, TIME)->ratio.lo, 1e-9);
  cr_expect_float_eq(t->ratio.hi, first(&c, TIME)->ratio.hi, 1e-9);
  comparison_close(&c);
}
