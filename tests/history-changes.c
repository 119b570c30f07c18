/* history-changes.c: campaigns in the order of time, changes where they were put, what is left out and what is refused; figures; and how often noise
   alone is called a change, which docs/method.md has from longer runs of the same simulation. */
#include "harness/compare/history.h"
#include "harness/report/units.h"
#include "harness/stats/decide.h"
#include "tests/compare-campaigns.h"
#include "tests/report-fixture.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>

TestSuite(history, .init = made_enter, .fini = made_leave, .timeout = 120);

enum { MOST = 20 };

/* Folders of campaigns, one a day from 1 November on. */
struct days {
  char dir[MOST][128];
  const char *list[MOST];
  int n;
};

static void close_day(struct days *d, struct made_campaign *c) {
  strcpy(d->dir[d->n], made_close(c));
  d->list[d->n] = d->dir[d->n];
  d->n++;
}

/* Campaign `day` with this one cell at `us`, spread over six blocks; `json` stands for more of campaign.json. */
static void add_day(struct days *d, int day, struct made cell, const char *json) {
  struct made_campaign c;
  char folder[16], name[16], keys[300];
  static int folders;
  snprintf(folder, sizeof folder, "d%d", folders++);
  snprintf(name, sizeof name, "c%d", day);
  snprintf(keys, sizeof keys, ", \"started_at\": \"2026-11-%02dT03:00:00.000Z\", \"commit\": \"commit-%d\"%s", day, day, json);
  made_open(&c, folder);
  c.name = name, c.json = keys;
  if (!cell.strategy) cell.strategy = "rc";
  made_blocks(&c, cell, 6);
  close_day(d, &c);
}

/* The same with cells that the test itself adds in between. */
static char day_name[16], day_keys[100];
static void open_day(struct made_campaign *c, int day) {
  snprintf(day_name, sizeof day_name, "c%d", day);
  snprintf(day_keys, sizeof day_keys, ", \"started_at\": \"2026-11-%02d\"", day);
  made_open(c, day_name);
  c->name = day_name, c->json = day_keys;
}

/* Noise of half a per cent, that of one seed. */
static double noise(int i) {
  uint64_t seed = 1000 + (uint64_t)i;
  return exp(0.005 * draw_normal(&seed));
}

static void fourteen_days(struct days *d, int change_at, double by) {
  *d = (struct days){.n = 0};
  for (int i = 1; i <= 14; i++)
    add_day(d, i, (struct made){.us = 10 * noise(i) * (i >= change_at ? by : 1), .mib = 8, .pause = i == 4 ? "0" : "100"}, "");
}

static struct history of(const struct days *d, struct history_options o) {
  struct history h;
  cr_assert_eq(history_make(&h, d->list, d->n, &o), 0);
  return h;
}

static const struct history_series *series_of(const struct history *h, const char *metric) {
  for (int i = 0; i < h->nseries; i++)
    if (!strcmp(metrics[h->series[i].metric].name, metric)) return &h->series[i];
  return NULL;
}

/* The subcommand on these folders and flags: its exit code; what it says, owned by the caller. */
static int say(const struct days *d, const char *flag, const char *value, char **out, char **err) {
  char *argv[MOST + 5] = {"history"};
  int argc = 1;
  for (int i = 0; i < d->n; i++) argv[argc++] = (char *)d->list[i];
  if (flag) argv[argc++] = (char *)flag;
  if (value) argv[argc++] = (char *)value;
  struct aside o, e;
  aside_begin(&o, 1, "stdout");
  aside_begin(&e, 2, "stderr");
  int rc = history_main(argc, argv);
  *err = aside_end(&e);
  *out = aside_end(&o);
  return rc;
}

static void refused(const struct days *d, const char *flag, const char *value, const char *first, const char *second) {
  char *out, *err;
  cr_expect_eq(say(d, flag, value, &out, &err), 2, "%s", first);
  cr_expect_str_eq(out, "");
  cr_expect(strchr(err, '\n') == err + strlen(err) - 1, "one line: %s", err);
  cr_expect(strstr(err, first) && strstr(err, second), "'%s', '%s': %s", first, second, err);
  free(out), free(err);
}

/* --- Changes ------------------------------------------------------------------------------------------------------------------------------------ */

/* The folders are given backwards: what counts is when they began. */
Test(history, a_change_is_found_where_it_is) {
  struct days d;
  fourteen_days(&d, 8, 1.1);
  for (int i = 0; i < d.n / 2; i++) {
    const char *other = d.list[i];
    d.list[i] = d.list[d.n - 1 - i], d.list[d.n - 1 - i] = other;
  }
  struct history h = of(&d, (struct history_options){0});
  const struct history_series *s = series_of(&h, "time");
  cr_assert_not_null(s);
  cr_assert_eq(s->n, 14);
  cr_assert_eq(s->nchanges, 1);
  cr_expect_eq(s->change[0].at, 7);
  cr_expect_str_eq(history_commit(&h.campaign[s->point[7].campaign]), "commit-8");
  cr_expect_float_eq(s->change[0].before, 10250, 100, "%g ns", s->change[0].before);
  cr_expect_float_eq(s->change[0].after / s->change[0].before, 1.1, 0.01);
  cr_expect_leq(s->change[0].p, HISTORY_ALPHA);
  cr_expect_eq(series_of(&h, "rss-peak")->nchanges, 0, "memory did not change");
  history_close(&h);
}

Test(history, noise_and_one_odd_day_are_no_change) {
  struct days d;
  fourteen_days(&d, 99, 1);
  struct history h = of(&d, (struct history_options){0});
  cr_expect_eq(h.nchanges, 0);
  history_close(&h);
  made_leave(), made_enter();
  d = (struct days){.n = 0};
  for (int i = 1; i <= 14; i++) add_day(&d, i, (struct made){.us = 10 * noise(i) * (i == 9 ? 1.3 : 1)}, "");
  h = of(&d, (struct history_options){.metric = "time"});
  cr_expect_eq(h.nchanges, 0);
  history_close(&h);
}

Test(history, the_first_part_of_a_merged_campaign_is_when_it_began) {
  struct days d = {.n = 0};
  for (int i = 1; i <= 10; i++) add_day(&d, i + 10, (struct made){.us = 10}, "");
  add_day(&d, 30, (struct made){.us = 11},
          ", \"parts\": [{\"started_at\": \"2026-11-05T00:00:00Z\"}, {\"started_at\": \"2026-11-02T00:00:00Z\"}]");
  struct history h = of(&d, (struct history_options){.metric = "time"});
  cr_expect_str_eq(h.campaign[0].name, "c30");
  cr_expect_str_eq(history_started(&h.campaign[0]), "2026-11-02T00:00:00Z");
  history_close(&h);
}

/* --- What has no value, and what is left out -------------------------------------------------------------------------------------------------------- */

Test(history, a_day_without_a_value_is_a_gap) {
  struct days d = {.n = 0};
  for (int i = 1; i <= 14; i++) {
    struct made cell = {.us = 10 * noise(i), .pause = i == 4 ? "0" : i == 5 ? "" : "100"};
    if (i == 2) cell.steady = "none";
    if (i == 3) cell.status = "crashed";
    if (i == 6) cell.plant = "cpu=5";
    if (i == 7) cell.counting = "1";
    add_day(&d, i, cell, "");
  }
  struct history h = of(&d, (struct history_options){0});
  cr_expect_eq(h.n, 13);
  cr_expect_eq(h.builds, 1);
  cr_expect_eq(series_of(&h, "time")->n, 10);
  cr_expect_null(series_of(&h, "pause-max"), "eight are too few");
  cr_expect_eq(h.too_short, 1);
  history_close(&h);
  char *out, *err;
  cr_assert_eq(say(&d, "--metric", "time", &out, &err), 0);
  cr_expect_not_null(strstr(out, "1 campaigns of builds that count or check were left out"));
  free(out), free(err);
}

/* One zero among six: the other five would not speak for that day. */
Test(history, a_day_with_a_zero_is_a_gap) {
  struct days d = {.n = 0};
  for (int i = 1; i <= 12; i++) {
    struct made_campaign c;
    open_day(&c, i);
    for (int b = 0; b < 6; b++)
      made_add(&c, (struct made){.strategy = "rc", .block = b, .us = 10, .pause = i == 3 && b == 2 ? "0" : "100"});
    close_day(&d, &c);
  }
  struct history h = of(&d, (struct history_options){0});
  cr_expect_eq(series_of(&h, "time")->n, 12);
  cr_expect_eq(series_of(&h, "pause-max")->n, 11);
  history_close(&h);
}

Test(history, a_link_to_a_folder_is_that_folder) {
  struct days d;
  fourteen_days(&d, 99, 1);
  char link[128];
  snprintf(link, sizeof link, "%s/latest", made_root);
  cr_assert_eq(symlink(d.dir[13], link), 0);
  d.list[d.n++] = link;
  struct history h = of(&d, (struct history_options){0});
  cr_expect_eq(h.n, 14);
  history_close(&h);
}

Test(history, cells_keep_their_own_series) {
  struct days d = {.n = 0};
  for (int i = 1; i <= 12; i++) {
    struct made_campaign c;
    open_day(&c, i);
    made_blocks(&c, (struct made){.strategy = "rc", .us = 10 * noise(i)}, 6);
    made_blocks(&c, (struct made){.strategy = "rc", .threads = 2, .us = (i > 6 ? 20 : 10) * noise(50 + i)}, 6);
    if (i > 5) made_blocks(&c, (struct made){.strategy = "new", .us = 10}, 6);
    close_day(&d, &c);
  }
  struct history h = of(&d, (struct history_options){.metric = "time"});
  cr_assert_eq(h.nseries, 2);
  cr_expect_eq(h.too_short, 1);
  cr_expect_eq(h.series[0].nchanges, 0);
  cr_expect_eq(h.series[1].nchanges, 1);
  char *label = history_label(&h, h.series[1].cell, "/");
  cr_expect_str_eq(label, "lists/rc/2 threads");
  free(label);
  history_close(&h);
  h = of(&d, (struct history_options){.metric = "time", .where = "threads == 1"});
  cr_expect_eq(h.nseries, 1);
  history_close(&h);
}

/* --- What is refused ------------------------------------------------------------------------------------------------------------------------------------ */

Test(history, other_machines_are_refused_or_chosen) {
  struct days d = {.n = 0};
  for (int i = 1; i <= 20; i++)
    add_day(&d, i, (struct made){.us = 10 * noise(i)}, i % 2 ? ", \"machine\": \"odd | CPU\"" : ", \"machine\": \"even | CPU\"");
  refused(&d, NULL, NULL, "not of the machine of", "'even | CPU' and not 'odd | CPU'");
  refused(&d, "--machine", "CPU", "more than one", "'odd | CPU' and 'even | CPU'");
  refused(&d, "--machine", "third", "--machine:", "'third'");
  struct history h = of(&d, (struct history_options){.machine = "even"});
  cr_expect_eq(h.n, 10);
  cr_expect_eq(h.other_machines, 10);
  cr_expect_str_eq(h.machine, "even | CPU");
  history_close(&h);
}

Test(history, too_little_and_twice_the_same) {
  struct days d = {.n = 0};
  for (int i = 1; i <= 9; i++) add_day(&d, i, (struct made){.us = 10}, "");
  refused(&d, NULL, NULL, "at least 10 campaigns", "there are 9");
  add_day(&d, 3, (struct made){.us = 10}, "");
  refused(&d, NULL, NULL, "are the same campaign", "c3");
  d.n--;
  add_day(&d, 10, (struct made){.us = 10, .status = "crashed"}, "");
  refused(&d, NULL, NULL, "at least 10 campaigns that have a value of the same cell", "no cell with so many");
  refused(&d, "--where", "threads == 7", "no cell of any campaign", "--where");
  refused(&d, "--metric", "speed", "unknown metric 'speed'", "allowed: time");
  d.list[4] = "/nowhere";
  refused(&d, NULL, NULL, "no such folder", "/nowhere");
}

/* --- What is printed ------------------------------------------------------------------------------------------------------------------------------------ */

Test(history, text_json_and_width) {
  struct days d;
  fourteen_days(&d, 8, 1.1);
  char *out, *err, columns[16];
  for (int width = 80; width <= 200; width += 20) {
    snprintf(columns, sizeof columns, "%d", width);
    cr_assert_eq(say(&d, "--columns", columns, &out, &err), 0, "%s", err);
    cr_expect_not_null(strstr(out, "For review, not for alarms"));
    cr_expect_not_null(strstr(out, "commit-7..commit-8"));
    cr_expect_not_null(strstr(out, "|"));
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
      cr_expect_leq(units_width(line), width, "%d: %s", units_width(line), line);
    free(out), free(err);
  }
  cr_assert_eq(say(&d, "--json", NULL, &out, &err), 0);
  json_t *o = json_loads(out, 0, NULL), *series = json_array_get(json_object_get(o, "series"), 0);
  cr_assert_not_null(o, "%s", out);
  cr_expect_str_eq(json_string_value(json_object_get(o, "for")), "review");
  cr_expect_eq(json_array_size(json_object_get(o, "campaigns")), 14);
  cr_expect_eq(json_array_size(json_object_get(series, "points")), 14);
  json_t *change = json_array_get(json_object_get(series, "changes"), 0);
  cr_expect_eq(json_integer_value(json_object_get(change, "campaign")), 7);
  cr_expect_float_eq(json_number_value(json_object_get(change, "ratio")), 1.1, 0.01);
  json_decref(o);
  free(out), free(err);
}

/* How many files in a folder end so. */
static int count_files(const char *dir, const char *suffix) {
  DIR *all = opendir(dir);
  int n = 0;
  cr_assert_not_null(all);
  for (struct dirent *e; (e = readdir(all));)
    n += strlen(e->d_name) > strlen(suffix) && !strcmp(e->d_name + strlen(e->d_name) - strlen(suffix), suffix);
  closedir(all);
  return n;
}

/* Without gnuplot there are data and script, and that is said; names from files give gnuplot nothing to run. */
Test(history, figures_are_scripts_and_data_at_least) {
  struct days d = {.n = 0};
  for (int i = 1; i <= 12; i++)
    add_day(&d, i, (struct made){.us = 10 * noise(i), .workload = "a'`touch hacked`'\\$(b)"}, ", \"machine\": \"it's `me`\"");
  for (int i = 0; i < d.n; i++) { /* JSON has no such workload: the rows have */
    char line[300];
    snprintf(line, sizeof line, "sed -i 's/\"cells\".*/\"cells\": []}}/' %s/campaign.json", d.dir[i]);
    cr_assert_eq(system(line), 0);
  }
  char *out, *err, figures[128], path[300], *script = calloc(1, 65536);
  snprintf(figures, sizeof figures, "%s/figures", made_root);
  char *kept = strdup(getenv("PATH"));
  setenv("PATH", "/nowhere", 1);
  cr_assert_eq(say(&d, "--figures", figures, &out, &err), 0, "%s", err);
  setenv("PATH", kept, 1);
  free(kept);
  cr_expect_not_null(strstr(err, "no gnuplot"), "%s", err);
  free(out), free(err);
  cr_expect_eq(count_files(figures, ".gp"), 1);
  cr_expect_eq(count_files(figures, ".dat"), 1);
  cr_expect_eq(count_files(figures, ".svg"), 0);
  DIR *all = opendir(figures);
  for (struct dirent *e; (e = readdir(all));)
    if (strstr(e->d_name, ".gp")) snprintf(path, sizeof path, "%s/%.100s", figures, e->d_name);
  closedir(all);
  FILE *in = fopen(path, "r");
  cr_assert(fread(script, 1, 65535, in) > 0);
  fclose(in);
  cr_expect_null(strchr(script, '`'));
  cr_expect_null(strstr(script, "$("));
  free(script);
}

/* Where there is none, that is said, and nothing is drawn. */
Test(history, figures_are_drawn_where_gnuplot_is) {
  struct days d;
  fourteen_days(&d, 8, 1.1);
  char *out, *err, figures[128];
  snprintf(figures, sizeof figures, "%s/fig ures", made_root);
  bool there = system("command -v gnuplot >/dev/null") == 0;
  cr_assert_eq(say(&d, "--figures", figures, &out, &err), 0, "%s", err);
  cr_expect_eq(strstr(err, "no gnuplot") == NULL, there, "%s", err);
  cr_expect_eq(count_files(figures, ".svg"), there);
  cr_expect_eq(count_files(figures, ".png"), there);
  free(out), free(err);
}

/* --- How often noise alone is called a change ------------------------------------------------------------------------------------------------------------ */

static void autoregression(double *x, int n, double r, uint64_t *seed) {
  double v = draw_normal(seed);
  for (int i = 0; i < n; i++) {
    x[i] = v;
    v = r * v + sqrt(1 - r * r) * draw_normal(seed);
  }
}

/* `r` above 1: Student's t with two degrees of freedom. */
static void make_noise(double *x, int n, double r, uint64_t *seed) {
  if (r <= 1) {
    autoregression(x, n, r, seed);
    return;
  }
  for (int i = 0; i < n; i++) x[i] = draw_normal(seed) / sqrt(-log(draw_unit(seed)));
}

static const struct {
  const char *name;
  double r;
} models[] = {{"independent series", 0},
              {"correlation 0.3", 0.3},
              {"correlation 0.6", 0.6},
              {"correlation 0.9", 0.9},
              {"heavy-tailed series", 2}};
enum { MODELS = sizeof models / sizeof *models, SIZES = 3, RATES = 9 };
static const int sizes[SIZES] = {10, 20, 40};

/* Of `trials` series: without a change, those in which one is found; with one of 3 and of 6 standard deviations at two thirds, those in which it is
   found within one campaign of there. */
static void rates(double r, int n, int trials, int found[3]) {
  uint64_t seed = 50 + (uint64_t)n;
  for (int step = 0; step < 3; step++) {
    found[step] = 0;
    for (int t = 0; t < trials; t++) {
      double x[40], work[3 * 40];
      struct stats_change c[STATS_CHANGES];
      int at = n * 2 / 3;
      bool hit = false;
      make_noise(x, n, r, &seed);
      for (int i = at; i < n; i++) x[i] += 3 * step;
      int changes = stats_changes(x, n, HISTORY_SHORTEST, HISTORY_ALPHA, HISTORY_DRAWS, (uint64_t)t, c, work);
      for (int i = 0; i < changes; i++) hit |= step == 0 || abs(c[i].at - at) <= 1;
      found[step] += hit;
    }
  }
}

/* The document's row of a model: alarms, 3 sd, 6 sd, each for 10, 20, 40 campaigns, in per cent. */
static bool documented(FILE *doc, const char *name, double out[RATES]) {
  char line[300], start[100];
  snprintf(start, sizeof start, "| %s |", name);
  rewind(doc);
  while (fgets(line, sizeof line, doc))
    if (!strncmp(line, start, strlen(start)) &&
        sscanf(line + strlen(start), " %lf | %lf | %lf | %lf | %lf | %lf | %lf | %lf | %lf |", &out[0], &out[1], &out[2], &out[3],
               &out[4], &out[5], &out[6], &out[7], &out[8]) == RATES)
      return true;
  return false;
}

/* RECLAIM_TRIALS=2000 prints the rows as they stand in the document; fewer can still tell when a rate is another one. */
Test(changes, the_document_holds_these_rates, .timeout = 1200) {
  const char *asked = getenv("RECLAIM_TRIALS");
  int trials = asked ? atoi(asked) : RECLAIM_SANITIZED ? 10 : 40;
  FILE *doc = fopen(RECLAIM_SOURCE_DIR "/docs/method.md", "r");
  cr_assert_not_null(doc);
  for (int m = 0; m < MODELS; m++) {
    int found[SIZES][3];
    double due[RATES];
    bool there = documented(doc, models[m].name, due);
    cr_expect(there, "docs/method.md has no row '%s'", models[m].name);
    for (int s = 0; s < SIZES; s++) rates(models[m].r, sizes[s], trials, found[s]);
    printf("| %s |", models[m].name);
    for (int k = 0; k < RATES; k++) {
      double lo, hi;
      stats_clopper_pearson(found[k % 3][k / 3], trials, 0.9998, &lo, &hi);
      printf(" %.1f |", 100.0 * found[k % 3][k / 3] / trials);
      cr_expect(!there || (100 * lo <= due[k] + 0.05 && due[k] - 0.05 <= 100 * hi), "%s, column %d: %g is not in [%g, %g]",
                models[m].name, k, due[k], 100 * lo, 100 * hi);
    }
    printf("\n");
  }
  fclose(doc);
}
