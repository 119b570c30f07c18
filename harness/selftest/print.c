/* print.c: see print.h. */
#include "harness/selftest/print.h"

#include "harness/stats/decide.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEVEL 0.95

/* --- The aims ----------------------------------------------------------------------------------------------------------------- */

/* Of the cell that spreads most: an aim for quiet machines is judged where all of them are. */
static double spread_of(const struct selftest_live *l) {
  double worst = 0;
  for (int i = 0; i < l->ncells; i++) worst = fmax(worst, l->cell[i].spread);
  return worst;
}

/* A share that should be at least `aim`, of cells that were planted. */
static void judge_power(struct selftest_aim *a, const struct selftest_tally *t, double aim, double spread, double quiet) {
  double lo, hi;
  if (spread > quiet) {
    a->verdict = AIM_NOT_HERE;
    snprintf(a->detail, sizeof a->detail, "for spreads up to %g %%; here %.1f %%", 100 * quiet, 100 * spread);
  } else if (!t->cells) {
    a->verdict = AIM_TOO_FEW;
    snprintf(a->detail, sizeof a->detail, "nothing was measured");
  } else {
    stats_clopper_pearson(t->found, t->cells, LEVEL, &lo, &hi);
    a->verdict = t->found >= aim * t->cells ? AIM_REACHED : AIM_MISSED;
    snprintf(a->detail, sizeof a->detail, "%d of %d: %.1f %% [%.1f, %.1f]", t->found, t->cells, 100.0 * t->found / t->cells,
             100 * lo, 100 * hi);
  }
}

/* No alarm in at least so many campaigns where nothing was planted. */
static void judge_silence(struct selftest_aim *a, const struct selftest_tally *t, int least) {
  a->verdict = t->alarms ? AIM_MISSED : t->campaigns < least ? AIM_TOO_FEW : AIM_REACHED;
  snprintf(a->detail, sizeof a->detail, "%d alarm%s in %d of %d campaigns", t->alarms, t->alarms == 1 ? "" : "s", t->campaigns,
           least);
}

void selftest_judge(const struct selftest_result *r, struct selftest_aim out[SELFTEST_AIMS]) {
  double spread = spread_of(&r->live);
  const struct selftest_tally *d = r->drawn;
  enum { NONE = 0, CPU_5 = 3, CPU_10 = 4, RSS_5 = 5 };
  out[0].what = "no alarm in 30 live campaigns without a plant";
  judge_silence(&out[0], &r->live.tally[NONE], 30);
  out[1].what = "no alarm in 300 drawn campaigns without a plant";
  judge_silence(&out[1], &d[NONE], 300);
  out[2].what = "5 % of CPU time in one cell found in 95 % (drawn; spread to 7.5 %)";
  judge_power(&out[2], &d[CPU_5], 0.95, spread, 0.075);
  out[3].what = "10 % of CPU time in one cell in 99 % (drawn; spread to 7.5 %)";
  judge_power(&out[3], &d[CPU_10], 0.99, spread, 0.075);
  out[4].what = "10 % of CPU time in one cell in 99 % (drawn; spread to 14 %)";
  judge_power(&out[4], &d[CPU_10], 0.99, spread, 0.14);
  out[5].what = "5 % of memory in one cell in 99 % (drawn)";
  judge_power(&out[5], &d[RSS_5], 0.99, 0, INFINITY);
}

/* --- Text --------------------------------------------------------------------------------------------------------------------- */

static const char *const aim_words[] = {"reached", "missed", "not here", "too few"};

/* "12/12 [73.5, 100]"; "-" of none. */
static char *proportion(int k, int n) {
  double lo, hi;
  if (!n) return sweep_strdup("-");
  stats_clopper_pearson(k, n, LEVEL, &lo, &hi);
  return sweep_format("%d/%d [%.3g, %.3g]", k, n, 100 * lo, 100 * hi);
}

static void print_tallies(const struct selftest_tally *t, FILE *out) {
  fprintf(out, "  %-10s %-20s %-22s %-14s %s\n", "planted", "alarms", "cells found", "not judged", "strays");
  for (int k = 0; k < SELFTEST_PLANTS; k++) {
    char *alarms = proportion(t[k].alarms, t[k].campaigns), *found = proportion(t[k].found, t[k].cells);
    char *unjudged = sweep_format("%d/%d", t[k].unjudged, t[k].campaigns);
    fprintf(out, "  %-10s %-20s %-22s %-14s %d/%d\n", *selftest_plants[k].text ? selftest_plants[k].text : "nothing", alarms,
            found, unjudged, t[k].strays, t[k].others);
    free(alarms);
    free(found);
    free(unjudged);
  }
}

static const char *smallest(double v, char out[24]) {
  snprintf(out, 24, isfinite(v) ? "%.1f %%" : "none", 100 * v);
  return out;
}

static void print_machine(const struct selftest_live *l, FILE *out) {
  char spread[24], cpu[24], rss[24];
  fprintf(out, "  %-30s %-14s %s\n", "cell", "pairs' spread", "smallest effect found in 95 %");
  for (int i = 0; i < l->ncells; i++) {
    const struct selftest_cell *c = &l->cell[i];
    fprintf(out, "  %-30s %-14s CPU %s, RSS %s\n", c->title, smallest(c->spread, spread), smallest(c->detectable[GATE_CPU], cpu),
            smallest(c->detectable[GATE_RSS_PEAK], rss));
  }
}

static const char *plural(int n) { return n == 1 ? "" : "s"; }

void selftest_print_text(const struct selftest_result *r, FILE *out) {
  const struct selftest_live *l = &r->live;
  struct selftest_aim aim[SELFTEST_AIMS];
  fprintf(out, "The gate, held against what is known to be there\n%s\n\n", l->machine ? l->machine : "");
  if (!l->campaigns) {
    fputs("No live campaign is finished.\n", out);
    return;
  }
  fprintf(out, "The machine meanwhile (CPU time of pairs; medians over %d campaign%s):\n", l->campaigns, plural(l->campaigns));
  print_machine(l, out);
  fprintf(out,
          l->ncells == 1 ? "\n%d live campaign%s; planted in the one cell:\n"
                         : "\n%d live campaign%s; planted in all %d cells at once:\n",
          l->campaigns, plural(l->campaigns), l->ncells);
  print_tallies(l->tally, out);
  fprintf(out, "\nDrawn from the %d blocks of these (not independent); in one cell:\n", l->bank.nblocks);
  print_tallies(r->drawn, out);
  fputs("\nIn brackets: 95 % Clopper-Pearson intervals in per cent, for independent\ncampaigns. Strays: regressions in tests of "
        "what was not planted.\n\nAims:\n",
        out);
  selftest_judge(r, aim);
  for (int i = 0; i < SELFTEST_AIMS; i++)
    fprintf(out, "  %-9s %s\n            %s\n", aim_words[aim[i].verdict], aim[i].what, aim[i].detail);
}

/* --- Data --------------------------------------------------------------------------------------------------------------------- */

static void csv_proportion(FILE *out, int k, int n) {
  double lo, hi;
  if (!n) {
    fputs(",,,", out);
    return;
  }
  stats_clopper_pearson(k, n, LEVEL, &lo, &hi);
  fprintf(out, ",%.6g,%.6g,%.6g", (double)k / n, lo, hi);
}

static void csv_tallies(const char *source, const struct selftest_tally *t, FILE *out) {
  for (int k = 0; k < SELFTEST_PLANTS; k++) {
    const struct selftest_plant *p = &selftest_plants[k];
    fprintf(out, "%s,%s,%g,%d,%d", source, p->text, p->share, t[k].campaigns, t[k].alarms);
    csv_proportion(out, t[k].alarms, t[k].campaigns);
    fprintf(out, ",%d,%d,%d", t[k].unjudged, t[k].cells, t[k].found);
    csv_proportion(out, t[k].found, t[k].cells);
    fprintf(out, ",%d,%d\r\n", t[k].others, t[k].strays);
  }
}

void selftest_print_csv(const struct selftest_result *r, FILE *out) {
  fputs("source,plant,share,campaigns,alarms,alarm_rate,alarm_rate_lo,alarm_rate_hi,could_not_judge,cells,found,found_rate,"
        "found_rate_lo,found_rate_hi,other_tests,strays\r\n",
        out);
  csv_tallies("live", r->live.tally, out);
  csv_tallies("drawn", r->drawn, out);
}

static json_t *known(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *proportion_json(int k, int n) {
  double lo, hi;
  if (!n) return json_null();
  stats_clopper_pearson(k, n, LEVEL, &lo, &hi);
  return json_pack("{s:i, s:i, s:f, s:f, s:f}", "count", k, "of", n, "rate", (double)k / n, "lo", lo, "hi", hi);
}

static json_t *tallies_json(const struct selftest_tally *t) {
  json_t *a = json_array();
  for (int k = 0; k < SELFTEST_PLANTS; k++)
    json_array_append_new(a, json_pack("{s:s, s:f, s:o, s:o, s:o, s:o}", "plant", selftest_plants[k].text, "share",
                                       selftest_plants[k].share, "alarms", proportion_json(t[k].alarms, t[k].campaigns),
                                       "could_not_judge", proportion_json(t[k].unjudged, t[k].campaigns), "found",
                                       proportion_json(t[k].found, t[k].cells), "strays",
                                       proportion_json(t[k].strays, t[k].others)));
  return a;
}

static json_t *cells_json(const struct selftest_live *l) {
  json_t *a = json_array();
  for (int i = 0; i < l->ncells; i++) {
    json_t *o = json_pack("{s:s, s:o}", "cell", l->cell[i].title, "spread", known(l->cell[i].spread)), *d = json_object();
    for (int m = 0; m < GATE_JUDGED; m++) json_object_set_new(d, gate_metric_names[m], known(l->cell[i].detectable[m]));
    json_object_set_new(o, "detectable", d);
    json_array_append_new(a, o);
  }
  return a;
}

void selftest_print_json(const struct selftest_result *r, FILE *out) {
  const struct selftest_live *l = &r->live;
  struct selftest_aim aim[SELFTEST_AIMS];
  json_t *aims = json_array(), *spreads = json_array();
  selftest_judge(r, aim);
  for (int i = 0; i < SELFTEST_AIMS; i++)
    json_array_append_new(
        aims, json_pack("{s:s, s:s, s:s}", "aim", aim[i].what, "verdict", aim_words[aim[i].verdict], "detail", aim[i].detail));
  for (int i = 0; i < l->campaigns; i++) json_array_append_new(spreads, known(l->spreads[i]));
  json_t *o = json_pack("{s:i, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "schema", 1, "machine", l->machine ? l->machine : "",
                        "live_campaigns", l->campaigns, "bank_blocks", l->bank.nblocks, "campaign_spreads", spreads, "cells",
                        cells_json(l), "live", tallies_json(l->tally), "drawn", tallies_json(r->drawn), "aims", aims);
  json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  putc('\n', out);
  json_decref(o);
}

/* --- Files -------------------------------------------------------------------------------------------------------------------- */

static int write_form(const char *dir, const char *file, void (*print)(const struct selftest_result *, FILE *),
                      const struct selftest_result *r) {
  char *path = sweep_format("%s/%s", dir, file);
  FILE *out = fopen(path, "we");
  if (out) print(r, out);
  bool ok = out && !ferror(out);
  if (out) ok = fclose(out) == 0 && ok;
  int rc = ok ? 0 : sweep_refuse("%s: %s", path, strerror(errno));
  free(path);
  return rc;
}

/* The power curve: the share of planted cells that was found, by what was planted; and at 0 the share of campaigns that raised an alarm. */
static const char figure[] =
    "set terminal svg size 640,400 background 'white'\nset output 'selftest.svg'\nset datafile separator ','\n"
    "set xlabel 'planted CPU time, %'\nset ylabel 'found, %'\nset yrange [-2:102]\nset xrange [-0.5:10.5]\nset key below\n"
    "set grid\n"
    "live(c) = (strcol(1) eq 'live' && strcol(2) ne 'rss=5') ? 100 * column(c) : NaN\n"
    "drawn(c) = (strcol(1) eq 'drawn' && strcol(2) ne 'rss=5') ? 100 * column(c) : NaN\n"
    "rate(c) = column(3) == 0 ? c : c + 6\n"
    "plot 'selftest.csv' every ::1 using (100 * column(3) - 0.06):(live(rate(6))):(live(rate(7))):(live(rate(8))) with "
    "yerrorbars pt 7 "
    "title 'live', \\\n"
    "     'selftest.csv' every ::1 using (100 * column(3) + 0.06):(drawn(rate(6))):(drawn(rate(7))):(drawn(rate(8))) with "
    "yerrorbars "
    "pt 6 title 'drawn from the live blocks'\n";

static void print_figure(const struct selftest_result *r, FILE *out) {
  (void)r;
  fputs(figure, out);
}

int selftest_write(const struct selftest_result *r, const char *dir) {
  int rc = write_form(dir, "selftest.csv", selftest_print_csv, r);
  if (!rc) rc = write_form(dir, "selftest.json", selftest_print_json, r);
  if (!rc) rc = write_form(dir, "selftest.gnuplot", print_figure, r);
  if (rc) return rc;
  char *line = sweep_format("cd '%s' && gnuplot selftest.gnuplot >/dev/null 2>&1", dir);
  if (!strchr(dir, '\'') && system("command -v gnuplot >/dev/null 2>&1") == 0 && system(line) != 0)
    sweep_say("warning: %s/selftest.svg could not be drawn", dir);
  free(line);
  return 0;
}
