/* selftest-live.c: a whole selftest on a double that takes no time: interrupted, gone on with, printed again; what is said of its rows; bad input. */
#include "sweep-program.h"

#include <sys/stat.h>

/* Everything in one sweep's time: invocations are what costs. */
Test(selftest, goes_on_where_it_was_interrupted, .init = enter_place, .fini = leave_place, .timeout = 250) {
  char *line =
      sweep_format("export RECLAIM_PLUGIN_PATH=%s; { %s/reclaim selftest --campaigns 1 --pairs 8 --resamples 12 --strategy fake "
                   "--workload work --quiet --out s "
                   ">../out 2>../err & } && until grep -q ' done 5 ' s/live-001/journal.log 2>/dev/null || ! kill -0 $! "
                   "2>/dev/null; do sleep 0.02; done; kill -INT $!; wait $!; test $? = 130",
                   RECLAIM_DOUBLES_DIR, RECLAIM_BUILD_DIR);
  cr_expect(done_in_place(line));
  free(line);
  char *err = read_in("err");
  cr_expect(strstr(err, "interrupted after 0 of 1 live campaigns; continue with: reclaim selftest --resume s\n") != NULL, "%s",
            err);
  free(err);
  struct spoken s = program("", "selftest s --quiet"), again, table;
  cr_expect(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.out, "No live campaign is finished.") != NULL, "%s", s.out);
  forget(&s);
  expect_refused("", "selftest --resume s --seed 3", "is in it");
  expect_refused("", "selftest --strategy fake --workload work --out s", "not empty");
  if (RECLAIM_SANITIZED)
    return; /* hundreds of processes, each ten times as slow; no code of this part of the program is another there */
  s = program("", "selftest --resume s --quiet");
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.out, "1 live campaign; planted in the one cell:") != NULL, "%s", s.out);
  cr_expect(strstr(s.out, "\n  cpu=10     1/1 [2.5, 100]") || strstr(s.out, "\n  cpu=10     0/1 [0, 97.5]"), "%s", s.out);
  cr_expect(
      done_in_place("test -s s/selftest.csv && test -s s/selftest.json && { ! command -v gnuplot >/dev/null || grep -q '</svg>' "
                    "s/selftest.svg; }"));
  cr_expect(
      done_in_place("test $(sort s/live-001/journal.log | grep -c ' done ') = $(grep ' done ' s/live-001/journal.log | cut -d' ' "
                    "-f3 | sort -u | wc -l)"),
      "nothing is measured twice");
  /* rows say what was planted, in every phase of them, and nothing else is marked */
  struct samples rows = read_samples("s/live-001");
  cr_expect(gt(int, count_rows(&rows, "side", "cpu=5", "plant", "cpu=5"), 8 * 5));
  cr_expect(eq(int, count_rows(&rows, "side", "cpu=5", "plant", ""), 0));
  cr_expect(gt(int, count_rows(&rows, "side", "rss=5", "reason", "planted: rss=5; no measurement of the strategy"), 8 * 5));
  cr_expect(eq(int, count_rows(&rows, "side", "base", "plant", ""), count_rows(&rows, "side", "base", NULL, NULL)));
  cr_expect(gt(int, count_rows(&rows, "side", "same", "plant", ""), 8 * 5));
  free_samples(&rows);
  table = program("", "report s/live-001");
  cr_expect(strstr(table.out, "+ [a]") && strstr(table.out, "5 cells were made slower or larger on purpose"), "%s", table.out);
  forget(&table);
  /* from the files, the same, and nothing is measured */
  cr_expect(done_in_place("cp s/live-001/journal.log before"));
  again = program("", "selftest s --quiet");
  cr_expect(eq(str, again.out, s.out));
  forget(&again);
  again = program("", "selftest --resume s --quiet --json");
  cr_expect(eq(int, again.code, 0), "%s", again.err);
  json_t *o = json_loads(again.out, 0, NULL);
  cr_expect(eq(int, (int)json_integer_value(json_object_get(o, "live_campaigns")), 1));
  json_decref(o);
  forget(&again);
  forget(&s);
  cr_expect(done_in_place("cmp s/live-001/journal.log before"));
}

Test(selftest, bad_input, .init = enter_place, .fini = leave_place) {
  expect_refused("", "selftest --campaign 1", "did you mean '--campaigns'?");
  expect_refused("", "selftest --campaigns 0", "from 1 to 10000");
  expect_refused("", "selftest --quick --campaigns 2", "one of them");
  expect_refused("", "selftest --resume nowhere", "nowhere/request.json");
  expect_refused("", "selftest nowhere", "nowhere/request.json");
  expect_refused("", "selftest --strategy nobody --workload work", "nobody");
  expect_refused("", "selftest a b", "one folder too many");
  cr_expect(done_in_place("test ! -e results"), "nothing is left behind");
  cr_expect(done_in_place("mkdir d && echo '{\"schema\": 2}' >d/request.json"));
  expect_refused("", "selftest d", "not of a selftest");
  cr_expect(done_in_place("echo '{\"schema\": 1, \"campaigns\": 0, \"resamples\": 1, \"pairs\": 30}' >d/request.json"));
  expect_refused("", "selftest d", "go up to");
  cr_expect(done_in_place("echo '{\"schema\": 1, \"campaigns\": 1, \"resamples\": 1, \"pairs\": 7}' >d/request.json"));
  expect_refused("", "selftest d", "from 8 to 1000");
}
