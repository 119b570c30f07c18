/* compare-two.c: two campaigns, what is refused with which line, and what is printed. */
#include "harness/compare/compare.h"
#include "harness/report/units.h"
#include "tests/compare-campaigns.h"

#include <jansson.h>
#include <math.h>

TestSuite(two, .init = made_enter, .fini = made_leave, .timeout = 60);
TestSuite(refused, .init = made_enter, .fini = made_leave, .timeout = 60);
TestSuite(printed, .init = made_enter, .fini = made_leave, .timeout = 60);

/* The subcommand with these words (ended by NULL): its exit code, what it says on stdout and stderr (owned by the caller). */
static int say_all(char **out, char **err, va_list words) {
  char *argv[12] = {"compare"};
  int argc = 1;
  for (char *w; (w = va_arg(words, char *));) argv[argc++] = w;
  struct aside o, e;
  aside_begin(&o, 1, "stdout");
  aside_begin(&e, 2, "stderr");
  int rc = compare_main(argc, argv);
  *err = aside_end(&e);
  *out = aside_end(&o);
  return rc;
}

static int say(char **out, char **err, ...) {
  va_list words;
  va_start(words, err);
  int rc = say_all(out, err, words);
  va_end(words);
  return rc;
}

/* It exits with 2, and says one line with all of `parts` (separated by '#') in it. */
static void refused(const char *parts, ...) {
  char *out, *err, copy[300];
  va_list words;
  va_start(words, parts);
  int rc = say_all(&out, &err, words);
  va_end(words);
  cr_expect_eq(rc, 2, "%d: %s", rc, parts);
  cr_expect_str_eq(out, "");
  cr_expect(strlen(err) > 10 && strchr(err, '\n') == err + strlen(err) - 1, "one line: %s", err);
  snprintf(copy, sizeof copy, "%s", parts);
  for (char *p = strtok(copy, "#"); p; p = strtok(NULL, "#")) cr_expect_not_null(strstr(err, p), "'%s' is not in: %s", p, err);
  free(out);
  free(err);
}

static const char *campaign(const char *name, struct made m, int blocks, const char *json) {
  static struct made_campaign c[8];
  static int n;
  struct made_campaign *this = &c[n++ % 8];
  made_open(this, name);
  this->json = json;
  if (!m.strategy) m.strategy = "rc";
  if (!m.us) m.us = 10;
  made_blocks(this, m, blocks);
  return made_close(this);
}

/* --- Two campaigns ----------------------------------------------------------------------------------------------------------------------------- */

Test(two, is_a_shift_of_two_samples) {
  const char *dirs[2] = {campaign("a", (struct made){.us = 10, .pause = "100"}, 5, ""),
                         campaign("b", (struct made){.us = 20, .pause = "100", .leaked = 7}, 6, "")};
  struct comparison c;
  cr_assert_eq(comparison_make(&c, dirs, 2, &(struct compare_options){0}), 0);
  cr_assert_eq(c.nmatches, 1);
  const struct outcome *o = &c.match[0].outcome[0];
  /* 1.00 .. 1.05 over 1.00 .. 1.04, times two: the median of the thirty quotients in order */
  cr_expect(o->ratio.mid > 2 && o->ratio.mid < 2.03, "%g", o->ratio.mid);
  cr_expect_eq(o->n[0], 5);
  cr_expect_eq(o->n[1], 6);
  cr_expect_float_eq(o->p, 2 / 462.0, 1e-12, "11 over 5 ways: %g", o->p);
  cr_expect_eq(o->verdict, VERDICT_MORE);
  cr_expect_eq(c.match[0].outcome[4].verdict, VERDICT_SAME);
  cr_expect_eq(c.match[0].marks, MARK_LEAKS);
  cr_expect_float_eq(c.total[METRICS].ratio.mid, o->ratio.mid, 1e-9);
  comparison_close(&c);
}

Test(two, passes_of_a_block_are_one_value_of_the_whole_and_zeros_are_said) {
  struct made_campaign m[2];
  const char *dirs[2];
  for (int i = 0; i < 2; i++) {
    made_open(&m[i], i ? "b" : "a");
    made_blocks(&m[i], (struct made){.strategy = "rc", .us = 10, .pause = "5"}, 6);
    made_add(&m[i], (struct made){.strategy = "rc", .block = 2, .pass = 1, .us = 12, .pause = i ? "0" : "5"});
    dirs[i] = made_close(&m[i]);
  }
  struct comparison c;
  cr_assert_eq(comparison_make(&c, dirs, 2, &(struct compare_options){0}), 0);
  cr_expect_eq(c.match[0].outcome[0].n[0], 7);
  cr_expect_eq(c.total[METRICS].ratio.n, 6);
  cr_expect_eq(c.match[0].outcome[4].verdict, VERDICT_ZEROS);
  comparison_close(&c);
}

Test(two, what_only_one_has_is_counted_and_other_heaps_are_marked) {
  struct made_campaign m[2];
  const char *dirs[2];
  for (int i = 0; i < 2; i++) {
    made_open(&m[i], i ? "b" : "a");
    made_blocks(&m[i], (struct made){.strategy = "ms", .us = 10, .heap = "3x", .limit = i ? "1000" : "999"}, 6);
    made_blocks(&m[i], (struct made){.strategy = i ? "rc" : "rc-gil", .us = 10}, 6);
    dirs[i] = made_close(&m[i]);
  }
  struct comparison c;
  cr_assert_eq(comparison_make(&c, dirs, 2, &(struct compare_options){0}), 0);
  cr_expect_eq(c.nmatches, 1);
  cr_expect_eq(c.match[0].marks, MARK_HEAP);
  cr_expect_not_null(strstr(c.match[0].note, "999"));
  cr_assert_eq(c.nsaid, 2);
  cr_expect_not_null(strstr(c.said[0], "1 cell is of"), "%s", c.said[0]);
  comparison_close(&c);
}

Test(two, the_environment_may_differ_and_that_is_said) {
  char *out, *err;
  const char *a = campaign("a", (struct made){0}, 6, ", \"environment\": {\"kernel\": \"6.1\", \"load_at_start\": 0.1}"),
             *b = campaign("b", (struct made){0}, 6, ", \"environment\": {\"kernel\": \"6.2\", \"load_at_start\": 0.9}");
  cr_assert_eq(say(&out, &err, a, b, "--json", NULL), 0);
  cr_expect_str_eq(err, "");
  json_t *o = json_loads(out, 0, NULL);
  cr_assert_not_null(o);
  cr_expect(json_is_true(json_object_get(o, "weaker")));
  cr_assert_eq(json_array_size(json_object_get(o, "notes")), 1);
  cr_expect_str_eq(json_string_value(json_array_get(json_object_get(o, "notes"), 0)),
                   "the environment differs: kernel was \"6.1\", and then \"6.2\"");
  json_decref(o);
  free(out), free(err);
}

/* --- What is refused ------------------------------------------------------------------------------------------------------------------------------ */

Test(refused, campaigns_that_are_not_alike) {
  const char *a =
      campaign("a", (struct made){.parameters = "live=10;n=2", .tunables = "spare=1"}, 6, ", \"machine\": \"vm | CPU\"");
  const char *same = ", \"machine\": \"vm | CPU\"";
  refused("machine is 'vm | CPU' in one and 'other | CPU' in the other", a,
          campaign("b", (struct made){.parameters = "live=10;n=2", .tunables = "spare=1"}, 6, ", \"machine\": \"other | CPU\""),
          NULL);
  refused("other parameters#of lists, n is 2 in one and 3 in the other", a,
          campaign("c", (struct made){.parameters = "live=10;n=3", .tunables = "spare=1"}, 6, same), NULL);
  refused("other parameters#more is in#/d alone", a,
          campaign("d", (struct made){.parameters = "live=10;n=2;more=0", .tunables = "spare=1"}, 6, same), NULL);
  refused("other tunables#of rc, spare is 1 in one and 2 in the other", a,
          campaign("e", (struct made){.parameters = "live=10;n=2", .tunables = "spare=2"}, 6, same), NULL);
  refused("no common cell", a, campaign("f", (struct made){.strategy = "other", .parameters = "live=10;n=2"}, 6, same), NULL);
  refused("counting is 1 in#/g alone", a,
          campaign("g", (struct made){.parameters = "live=10;n=2", .tunables = "spare=1", .counting = "1"}, 6, same), NULL);
  refused("given twice", a, a, NULL);
}

Test(refused, schemas_plans_and_several_machines) {
  const char *a = campaign("a", (struct made){0}, 6, "");
  struct made_campaign m;
  made_open(&m, "b");
  m.iterations = 9;
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10}, 6);
  refused("the plan's iterations is 2 in one and 9 in the other", a, made_close(&m), NULL);
  made_open(&m, "c");
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10, .machine = "host"}, 6);
  made_blocks(&m, (struct made){.strategy = "rc", .us = 10, .machine = "host2"}, 6);
  refused("/c#several machines", a, made_close(&m), NULL);
  campaign("d", (struct made){0}, 6, "");
  char path[200];
  snprintf(path, sizeof path, "%s/d/campaign.json", made_root);
  FILE *out = fopen(path, "w");
  fputs("{\"schema\": 2}", out);
  fclose(out);
  snprintf(path, sizeof path, "%s/d", made_root);
  refused("campaign.json#schema 2 is not known#reads schema 1", a, path, NULL);
}

static void cut_file(const char *dir, int keep_lines, int more_bytes) {
  char path[200], text[65536];
  snprintf(path, sizeof path, "%s/samples.csv", dir);
  FILE *f = fopen(path, "r");
  size_t n = fread(text, 1, sizeof text - 1, f), at = 0;
  fclose(f);
  for (int i = 0; i < keep_lines; i++) at = (size_t)(strchr(text + at, '\n') - text) + 1;
  f = fopen(path, "w");
  cr_assert(at + (size_t)more_bytes < n);
  fwrite(text, 1, at + (size_t)more_bytes, f);
  fclose(f);
}

/* Six blocks of two cells, three rows each, behind the header: 37 lines. */
static const char *two_cells(const char *name, bool finished) {
  static struct made_campaign c;
  made_open(&c, name);
  c.finished = finished;
  for (int b = 0; b < 6; b++) {
    made_add(&c, (struct made){.strategy = "rc", .block = b, .us = 10});
    made_add(&c, (struct made){.strategy = "other", .block = b, .us = 10});
  }
  return made_close(&c);
}

Test(refused, files_that_are_empty_or_were_cut) {
  static const char by[] = "--by=strategy=rc,other";
  const char *dir = two_cells("a", true);
  cut_file(dir, 0, 0);
  refused("/a/samples.csv:1:#empty", dir, by, NULL);
  dir = two_cells("b", true);
  cut_file(dir, 1, 0);
  refused("/b/samples.csv:1:#no row after the header", dir, by, NULL);
  dir = two_cells("c", false);
  cut_file(dir, 30, 20);
  refused("/c/samples.csv:31:#cut off", dir, by, NULL);
  dir = two_cells("d", false);
  cut_file(dir, 36, 0); /* within an invocation, between lines */
  refused("/d/samples.csv:36:#fewer iterations#cut off", dir, by, NULL);
  dir = two_cells("e", true);
  cut_file(dir, 34, 0); /* between invocations */
  refused("/e/samples.csv:34:#1 invocation of a finished campaign", dir, by, NULL);
  char *out, *err;
  struct made_campaign c;
  made_open(&c, "g"); /* what cannot be run by its nature has no blocks, and none are missing */
  c.finished = true;
  made_blocks(&c, (struct made){.strategy = "rc", .us = 10}, 6);
  made_blocks(&c, (struct made){.strategy = "other", .us = 10}, 6);
  made_add(&c, (struct made){.strategy = "third", .us = 10, .status = "not-applicable"});
  cr_expect_eq(say(&out, &err, made_close(&c), by, NULL), 0, "%s", err);
  free(out), free(err);
  dir = two_cells("f", false);
  cut_file(dir, 34, 0); /* of one that is not finished it may be so */
  cr_expect_eq(say(&out, &err, dir, by, NULL), 0, "%s", err);
  cr_expect_not_null(strstr(out, "not finished"));
  free(out), free(err);
}

Test(refused, words_that_say_nothing) {
  const char *dir = two_cells("a", false);
  refused("needs --by", dir, NULL);
  refused("no such folder: /nowhere", "/nowhere", "--by", "threads", NULL);
  refused("is for one folder", dir, dir, "--by", "threads", NULL);
  refused("'strateg'#did you mean 'strategy'", dir, "--by", "strateg=rc,other", NULL);
  refused("no cell has 'othr'#did you mean 'other'#there is: rc, other", dir, "--by", "strategy=rc,othr", NULL);
  refused("two values or more#there is: rc, other", dir, "--by", "strategy=rc", NULL);
  refused("two values or more#there is: 1", dir, "--by", "threads", NULL);
  refused("'rc' is given twice", dir, "--by", "strategy=rc,rc", NULL);
  refused("two workloads are not the same thing", dir, "--by", "workload", NULL);
  refused("unknown metric 'tim'#did you mean 'time'", dir, "--by", "strategy", "--metric", "tim", NULL);
  refused("--where: at column 1: 'nothing' is no axis", dir, "--by", "strategy", "--where", "nothing == 1", NULL);
  refused("--where: no cell of#/a is left", dir, "--by", "strategy", "--where", "threads == 7", NULL);
  refused("no cell has 'other'", dir, "--by", "strategy=rc,other", "--where", "strategy == rc", NULL);
  refused("cannot both be", dir, "--by", "strategy", "--json", "--markdown", NULL);
  refused("--columns: '79' is no whole number from 80", dir, "--by", "strategy", "--columns", "79", NULL);
}

/* --- What is printed ------------------------------------------------------------------------------------------------------------------------------ */

/* Long names, every verdict, marks and notes. */
static const char *everything(void) {
  static struct made_campaign c;
  static const struct made others[] = {{.strategy = "rc-atomic", .us = 12, .mib = 9, .pause = "1200", .poor = true},
                                       {.strategy = "a-strategy-of-somebody-elses", .us = 9, .mib = 40, .leaked = 5},
                                       {.strategy = "unsteady", .us = 9, .steady = "none"},
                                       {.strategy = "broken", .status = "crashed"}};
  made_open(&c, "everything");
  for (int w = 0; w < 3; w++)
    for (int t = 1; t <= 2; t++) {
      static const char *const names[] = {"lists", "a-workload-of-length", "trees"};
      struct made m = {.strategy = "rc", .us = 10, .pause = "1000"};
      for (int s = -1; s < 4; s++) {
        if (s >= 0) m = others[s];
        m.workload = names[w], m.threads = t;
        m.parameters = w == 2 ? "depth=7" : w ? "live=10;size=1" : "live=20";
        made_blocks(&c, m, 6);
        if (w) continue;
        m.parameters = "live=30";
        made_blocks(&c, m, 6);
      }
    }
  return made_close(&c);
}

Test(printed, no_line_is_wider_than_asked) {
  const char *dir = everything();
  for (int width = 80; width <= 200; width += 7) {
    char *out, *err, columns[16];
    snprintf(columns, sizeof columns, "%d", width);
    cr_assert_eq(say(&out, &err, dir, "--by", "strategy", "--columns", columns, "--metric", "all", NULL), 0, "%s", err);
    int lines = 0;
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"), lines++) {
      cr_expect_leq(units_width(line), width, "%d columns: %s", units_width(line), line);
      cr_expect_neq(line[strlen(line) - 1], ' ', "blanks at the end: %s", line);
    }
    cr_expect_gt(lines, 100);
    free(out), free(err);
  }
}

/* Words are shortened where that is needed, and p-values of their own given up. */
Test(printed, detail_is_given_up_for_width) {
  char *narrow, *wide, *err;
  const char *dir = everything();
  cr_assert_eq(say(&narrow, &err, dir, "--by", "strategy", "--columns", "80", NULL), 0);
  free(err);
  cr_assert_eq(say(&wide, &err, dir, "--by", "strategy", "--columns", "200", NULL), 0);
  cr_expect(strstr(narrow, " thr ") && strstr(narrow, " Holm verdict") && !strstr(narrow, "Holm p"));
  cr_expect(strstr(wide, " threads ") && strstr(wide, "p  Holm p  verdict"));
  free(narrow), free(wide), free(err);
}

Test(printed, markdown_tables_have_equal_columns) {
  char *out, *err;
  cr_assert_eq(say(&out, &err, everything(), "--by", "strategy", "--markdown", NULL), 0);
  int columns = 0, rows = 0;
  for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
    int pipes = 0;
    for (char *p = line; *p; p++) pipes += *p == '|' && (p == line || p[-1] != '\\');
    if (*line != '|') columns = 0;
    if (*line != '|') continue;
    cr_expect(columns == 0 || pipes == columns, "%s", line);
    columns = pipes;
    rows++;
  }
  cr_expect_gt(rows, 100);
  free(out), free(err);
}

Test(printed, json_holds_what_the_text_says) {
  char *out, *err;
  cr_assert_eq(say(&out, &err, everything(), "--by", "strategy=rc,rc-atomic,broken", "--json", "--where", "threads == 2", NULL),
               0);
  json_t *o = json_loads(out, 0, NULL), *cells = json_object_get(o, "cells");
  cr_assert_not_null(o, "%s", out);
  cr_expect(json_is_false(json_object_get(o, "weaker")));
  cr_expect_str_eq(json_string_value(json_object_get(o, "base")), "rc");
  cr_assert_eq(json_array_size(cells), 8);
  cr_assert_eq(json_array_size(json_object_get(o, "all")), 10);
  json_t *cell = json_array_get(cells, 0), *time = json_array_get(json_object_get(cell, "metrics"), 0);
  cr_expect_float_eq(json_number_value(json_object_get(time, "ratio")), 1.2, 1e-9);
  cr_expect_str_eq(json_string_value(json_object_get(time, "direction")), "more");
  cr_expect_str_eq(json_string_value(json_object_get(time, "verdict")), "slower");
  cr_expect_str_eq(json_string_value(json_array_get(json_object_get(cell, "marks"), 0)), "control-poor");
  json_t *broken = json_array_get(json_object_get(json_array_get(cells, 1), "metrics"), 0);
  cr_expect(json_is_null(json_object_get(broken, "ratio")));
  cr_expect_str_eq(json_string_value(json_object_get(broken, "verdict")), "failed");
  json_decref(o);
  free(out), free(err);
}

/* Control characters of a file reach no terminal. */
Test(printed, nothing_that_a_terminal_would_obey) {
  char *out, *err;
  struct made_campaign c;
  made_open(&c, "a");
  made_blocks(&c, (struct made){.strategy = "rc", .us = 10, .workload = "a\tb"}, 6);
  made_blocks(&c, (struct made){.strategy = "other", .us = 10, .workload = "a\tb"}, 6);
  memset(c.cells, 0, sizeof c.cells); /* JSON has no such string */
  cr_assert_eq(say(&out, &err, made_close(&c), "--by", "strategy", NULL), 0, "%s", err);
  cr_expect_null(strchr(out, '\t'));
  free(out), free(err);
}
