/* cell-plant.c: what is planted is there: in the CPU time and the memory of the rows, of the size that was asked for, and never without a word. */
#define _GNU_SOURCE
#include "cell-invoke.h"

#include "harness/cell/plant.h"

/* What was burnt, over what the rows have besides: both of one process, whatever else the machine does. */
static double planted_share(const char *line) {
  json_t *o = run_to("ok", line);
  double all = 0, burnt = (double)number(o, "planted_cpu_ns");
  for (size_t i = 0; i < nrows(o); i++) all += (double)(number(row(o, i), "cpu_user_ns") + number(row(o, i), "cpu_system_ns"));
  json_decref(o);
  return burnt / (all - burnt);
}

/* It is in the rows, and as much as was asked for; where there are several threads, too. */
Test(plant, cpu_time_is_in_the_window) {
  double share = planted_share("--set spin=10000000 --plant cpu=5");
  cr_expect(share > 0.045 && share < 0.055, "%.4f", share);
  share = planted_share("--set spin=10000000 --plant cpu=100");
  cr_expect(share > 0.9 && share < 1.1, "%.4f", share);
  share = planted_share("--set spin=10000000 --threads 2 --oversubscribe --plant cpu=50");
  cr_expect(share > 0.45 && share < 0.55, "%.4f, two threads", share);
}

Test(plant, a_burn_is_as_long_as_it_is_said_to_be) {
  for (uint64_t ns = 10000; ns <= 10000000; ns *= 10) cr_expect_geq(cell_plant_burn(ns), ns);
  cr_expect_lt(cell_plant_burn(0), 10000000);
}

/* Memory is there from the first measured iteration on, and of the size of what the process itself takes, also where that comes late. */
Test(plant, memory_grows_with_the_peak) {
  json_t *plain = run_to("ok", "--set bytes=32M --set bytes-from=2"),
         *planted = run_to("ok", "--set bytes=32M --set bytes-from=2 --plant rss=50");
  double mib = 1 << 20,
         warm = (double)(number(row(planted, 1), "rss_before_bytes") - number(row(plain, 1), "rss_before_bytes")) / mib,
         peak = (double)number(row(plain, 5), "rss_peak_bytes") / mib,
         last = (double)number(row(planted, 5), "rss_peak_bytes") / mib - peak;
  cr_expect(warm > 0.5, "%.1f MiB more before the first measured iteration", warm);
  cr_expect(last > 0.45 * peak && last < 0.6 * peak, "%.1f MiB more than %.1f MiB", last, peak);
  json_decref(plain);
  json_decref(planted);
}

Test(plant, is_said) {
  json_t *o = run_to("ok", "--plant cpu=2.5;rss=5");
  cr_expect_str_eq(text(o, "plant"), "cpu=2.5;rss=5");
  cr_expect_str_eq(text(o, "reason"), "planted: cpu=2.5;rss=5; no measurement of the strategy");
  json_decref(o);
  o = run_to("ok", "");
  cr_expect_null(json_object_get(o, "plant"));
  cr_expect_str_eq(text(o, "reason"), "");
  json_decref(o);
}

Test(plant, bad_input) {
  static const char *const bad[] = {"cpu",    "cpu=",        "cpu=0",  "cpu=-1",  "cpu=101", "cpu=5%",
                                    "rss=5;", "cpu=1;cpu=2", "wall=5", "cpu=nan", ";"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char line[64];
    snprintf(line, sizeof line, "--plant %s", bad[i]);
    struct outcome o = run(line);
    cr_expect_eq(o.code, 2, "%s", bad[i]);
    cr_expect(strstr(o.message, bad[i]) && strstr(o.message, "cpu=P"), "%s: %s", bad[i], o.message);
    cr_expect_eq(o.written, 0);
  }
  struct outcome o = run("--plant rss=5 --warmup 0");
  cr_expect_eq(o.code, 2);
  cr_expect(strstr(o.message, "needs a warm-up"), "%s", o.message);
}
