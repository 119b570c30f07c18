/* print.c: see print.h. One list of rows is made, and drawn in two ways; XML and JSON have shapes of their own. */
#include "print.h"

#include "harness/gate/instructions.h"
#include "harness/gate/unpaired.h"
#include "harness/sweep/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int gate_exit_code(const struct gate_result *g) {
  switch (g->verdict) {
  case GATE_REGRESSION: return SWEEP_FAILED;
  case GATE_UNJUDGED: return SWEEP_COULD_NOT_JUDGE;
  default: return SWEEP_FINE;
  }
}

/* --- Words ---------------------------------------------------------------------------------------------------------------------- */

static const char *noted(const struct gate_result *g, const char *key) {
  const char *s = json_string_value(json_object_get(json_object_get(g->json, "gate"), key));
  return s ? s : "";
}

static const char *const control_says[] = {"", "the base under another name", "the base in another layout"};

static const char *title_of(const struct gate_result *g, int side) {
  if (!g->side[side].control) return *noted(g, "head") ? noted(g, "head") : g->side[side].name;
  return side < 3 ? control_says[side] : g->side[side].name;
}

/* "+1.2 %" of a ratio; "n/a". */
static char *percent(double ratio, int decimals) {
  if (!isfinite(ratio)) return sweep_strdup("n/a");
  double v = (ratio - 1) * 100;
  char *text = sweep_format("%+.*f %%", decimals, v);
  if (fabs(strtod(text, NULL)) > 0) return text;
  free(text);
  return sweep_format("%.*f %%", decimals, 0.0);
}

static int decimals(const struct gate_test *t) {
  double width = fabs(t->hi - t->lo);
  return width < 0.002 ? 2 : width < 0.2 ? 1 : 0;
}

static char *interval(const struct gate_test *t) {
  if (!isfinite(t->lo) || !isfinite(t->hi)) return sweep_strdup("n/a");
  int d = decimals(t);
  return sweep_format("[%+.*f, %+.*f]", d, (t->lo - 1) * 100, d, (t->hi - 1) * 100);
}

static char *smallest(const struct gate_test *t) {
  return isfinite(t->detectable) ? sweep_format("%.1f %%", t->detectable * 100) : sweep_strdup("none");
}

static char *pairs(const struct gate_test *t) {
  return t->suspected ? sweep_format("%d + %d", t->nscreen, t->njudge) : sweep_format("%d", t->nscreen);
}

/* "lists, private, rc, 1 thread, pool"; what all cells have in common is left to the campaign. */
static char *cell_name(const struct gate_result *g, int i) {
  const struct sweep_cell *c = gate_cell(g, i, 0), *newer = gate_cell(g, i, 1);
  char *allocator = strcmp(c->allocator, newer->allocator) ? sweep_strdup("") : sweep_format(" %s", c->allocator);
  char *name = sweep_format("%s %s %s x%d%s%s%s", c->workload, c->sharing, c->strategy, c->threads, allocator,
                            *c->heap_policy && strcmp(c->heap_policy, "n/a") ? " " : "",
                            strcmp(c->heap_policy, "n/a") ? c->heap_policy : "");
  free(allocator);
  return name;
}

/* The verdict with its reason. */
static char *verdict_text(const struct gate_test *t, const struct gate_ends *e) {
  const char *name = gate_verdict_names[t->verdict];
  if (*t->why && *e->reason && (e->failed || e->base_failed))
    return sweep_format("%s: %s (%d of %d: %s)", name, t->why, e->failed ? e->failed : e->base_failed,
                        e->failed ? e->invocations : e->base_invocations, e->reason);
  if (*t->why) return sweep_format("%s: %s", name, t->why);
  return t->verdict == GATE_FINE && t->lo > 1 ? sweep_strdup("fine, though above 0") : sweep_strdup(name);
}

static const char *advice(const struct gate_test *t) { return t->lo > 1 ? "slower" : t->hi < 1 ? "faster" : "no difference"; }

/* --- Rows ------------------------------------------------------------------------------------------------------------------------ */

enum { CELL, METRIC, CHANGE, INTERVAL, PAIRS, FINDS, VERDICT, COLUMNS };
static const char *const titles[COLUMNS] = {"cell", "quantity", "change", "95 % interval", "pairs", "finds", "verdict"};

struct rows {
  char *(*v)[COLUMNS];
  int n;
};

static void add_row(struct rows *r, const char *cell, const char *metric, const struct gate_test *t, char *verdict) {
  char **v = *sweep_push(r->v, r->n);
  v[CELL] = sweep_strdup(cell);
  v[METRIC] = sweep_strdup(metric);
  v[CHANGE] = percent(t->estimate, decimals(t));
  v[INTERVAL] = interval(t);
  v[PAIRS] = pairs(t);
  v[FINDS] = smallest(t);
  v[VERDICT] = verdict;
}

static void free_rows(struct rows *r) {
  for (int i = 0; i < r->n; i++)
    for (int c = 0; c < COLUMNS; c++) free(r->v[i][c]);
  free(r->v);
}

static char *counted_verdict(const struct gate_counted *c) {
  double off = fabs(c->head / c->base - 1);
  if (c->why) return sweep_format("not counted: %s", c->why);
  return c->verdict == GATE_FINE && off > GATE_COUNTED_REAL ? sweep_strdup("fine, though real")
                                                            : sweep_strdup(gate_verdict_names[c->verdict]);
}

/* The instructions of a cell, where they were asked for. */
static void add_counted(struct rows *r, const struct gate_result *g, int i, const char *cell, bool all) {
  struct gate_counted c = gate_counted(g, i);
  if (!c.asked || (!all && c.verdict != GATE_REGRESSION)) return;
  char **v = *sweep_push(r->v, r->n);
  v[CELL] = sweep_strdup(cell);
  v[METRIC] = sweep_strdup("instructions");
  v[CHANGE] = c.why ? sweep_strdup("n/a") : percent(c.head / c.base, 2);
  v[INTERVAL] = sweep_strdup(c.why ? "n/a" : "exact");
  v[PAIRS] = sweep_strdup(c.why ? "0" : "1");
  v[FINDS] = sweep_strdup(c.why ? "none" : "0.1 %");
  v[VERDICT] = counted_verdict(&c);
}

/* Every quantity of every cell of a side. `all` false: those alone that are not fine. */
static struct rows rows_of(const struct gate_result *g, int side, bool all, bool wall) {
  const struct gate_side *s = &g->side[side];
  struct rows r = {0};
  for (int i = 0; i < g->ncells; i++) {
    char *name = cell_name(g, i);
    for (int m = 0; m < GATE_JUDGED; m++) {
      const struct gate_test *t = &s->test[i * GATE_JUDGED + m];
      if (all || t->verdict == GATE_REGRESSION || t->verdict == GATE_UNJUDGED)
        add_row(&r, name, gate_metric_names[m], t, verdict_text(t, &s->ends[i]));
    }
    if (side == 0) add_counted(&r, g, i, name, all);
    if (wall) add_row(&r, name, gate_metric_names[GATE_WALL], &s->wall[i], sweep_format("advice: %s", advice(&s->wall[i])));
    free(name);
  }
  return r;
}

static void print_rows(const struct rows *r, FILE *out) {
  int width[COLUMNS];
  for (int c = 0; c < COLUMNS; c++) {
    width[c] = (int)strlen(titles[c]);
    for (int i = 0; i < r->n; i++)
      if ((int)strlen(r->v[i][c]) > width[c]) width[c] = (int)strlen(r->v[i][c]);
  }
  for (int i = -1; i < r->n; i++)
    for (int c = 0; c < COLUMNS; c++) {
      const char *text = i < 0 ? titles[c] : r->v[i][c];
      if (i > 0 && c == CELL && !strcmp(text, r->v[i - 1][CELL])) text = ""; /* once is enough */
      bool left = c == CELL || c == METRIC || c == VERDICT;
      if (c == VERDICT)
        fprintf(out, "%s\n", text);
      else
        fprintf(out, "%*s  ", left ? -width[c] : width[c], text);
    }
}

static void print_markdown_rows(const struct rows *r, FILE *out) {
  fputs("|", out);
  for (int c = 0; c < COLUMNS; c++) fprintf(out, " %s |", titles[c]);
  fputs("\n|", out);
  for (int c = 0; c < COLUMNS; c++) fputs(c >= CHANGE && c <= FINDS ? " ---: |" : " --- |", out);
  for (int i = 0; i < r->n; i++) {
    fputs("\n|", out);
    for (int c = 0; c < COLUMNS; c++) {
      fputc(' ', out);
      for (const char *p = r->v[i][c]; *p; p++) fprintf(out, strchr("|<\\", *p) ? "\\%c" : "%c", *p);
      fputs(" |", out);
    }
  }
  fputs("\n", out);
}

/* --- Sentences ---------------------------------------------------------------------------------------------------------------------- */

static int count(const struct gate_result *g, int side, enum gate_verdict v) {
  int n = 0;
  for (int k = 0; k < g->ncells * GATE_JUDGED; k++) n += g->side[side].test[k].verdict == v;
  return n;
}

/* The largest smallest effect among the judged CPU times, and memory: what the silence is worth. */
static double worst(const struct gate_result *g, bool memory) {
  double most = 0;
  for (int k = 0; k < g->ncells * GATE_JUDGED; k++) {
    const struct gate_test *t = &g->side[0].test[k];
    if ((t->metric != GATE_CPU) == memory && t->detectable > most) most = t->detectable;
  }
  return most;
}

/* Whether a control has a verdict that voids the comparison's. */
static bool alarms(const struct gate_side *s) {
  return s->control && (s->verdict == GATE_REGRESSION || s->verdict == GATE_IMPROVED);
}

static bool control_alarm(const struct gate_result *g) {
  for (int s = 0; s < g->nsides; s++)
    if (alarms(&g->side[s])) return true;
  return false;
}

static char *verdict_sentence(const struct gate_result *g) {
  int regressions = count(g, 0, GATE_REGRESSION), unjudged = count(g, 0, GATE_UNJUDGED), improved = count(g, 0, GATE_IMPROVED);
  if (g->verdict == GATE_UNJUDGED && control_alarm(g))
    return sweep_format("could not judge: a control raised an alarm, though nothing differs in it (%d of %d quantities of the "
                        "comparison would be regressions)",
                        regressions, g->ncells * GATE_JUDGED);
  if (g->verdict == GATE_UNJUDGED)
    return sweep_format("could not judge: %d of %d quantities, for the reasons beside them", unjudged, g->ncells * GATE_JUDGED);
  if (g->verdict == GATE_REGRESSION)
    return sweep_format("regression: %d of %d quantities%s", regressions, g->ncells * GATE_JUDGED,
                        gate_counted_worse(g) ? ", and instructions" : "");
  char *better = improved ? sweep_format("; %d improved", improved) : sweep_strdup("");
  char *all = sweep_format(
      "fine%s. CPU time worse by %.1f %%, or memory by %.1f %%, would have been found in any cell with %g %% probability", better,
      worst(g, false) * 100, worst(g, true) * 100, g->rule.power * 100);
  free(better);
  return all;
}

static char *control_sentence(const struct gate_result *g, int s) {
  const struct gate_side *c = &g->side[s];
  double largest = 0;
  int suspected = 0;
  for (int k = 0; k < g->ncells * GATE_JUDGED; k++) {
    suspected += c->test[k].suspected;
    double off = fabs(c->test[k].estimate - 1);
    if (off > largest) largest = off;
  }
  return sweep_format("control %s (%s): %s; %d of %d judged again, largest difference %.1f %%", c->name, title_of(g, s),
                      c->verdict == GATE_REGRESSION ? "ALARM"
                      : alarms(c)                   ? "ALARM, it is better"
                      : c->verdict == GATE_UNJUDGED ? "no alarm, though it finds little"
                                                    : gate_verdict_names[c->verdict],
                      suspected, g->ncells * GATE_JUDGED, largest * 100);
}

static void print_warnings(const struct gate_result *g, FILE *out, const char *before) {
  size_t i;
  json_t *w;
  json_array_foreach(json_object_get(g->json, "warnings"), i, w) fprintf(out, "%s%s\n", before, json_string_value(w));
}

static char *duration(const struct gate_result *g) {
  double wall = 0;
  size_t i;
  json_t *run;
  json_array_foreach(json_object_get(g->json, "runs"), i, run) wall += json_number_value(json_object_get(run, "wall_s"));
  return sweep_format("%d min %02d s", (int)wall / 60, (int)wall % 60);
}

/* --- For a terminal ----------------------------------------------------------------------------------------------------------------- */

void gate_print_text(const struct gate_result *g, FILE *out) {
  fprintf(out, "%s against %s%s\n\n", title_of(g, 0), noted(g, "base"),
          gate_is_unpaired(g) ? ", unpaired: a weaker witness" : "");
  struct rows r = rows_of(g, 0, true, true);
  print_rows(&r, out);
  free_rows(&r);
  fputs("\n", out);
  for (int s = 1; s < g->nsides; s++) {
    char *line = control_sentence(g, s);
    fprintf(out, "%s\n", line);
    free(line);
    r = rows_of(g, s, false, false);
    if (r.n) print_rows(&r, out);
    free_rows(&r);
  }
  if (*noted(g, "layout")) fprintf(out, "layout: %s\n", noted(g, "layout"));
  if (*noted(g, "no_layout")) fprintf(out, "layout: there is no such control: %s\n", noted(g, "no_layout"));
  if (g->cut) fputs("The time did not allow as many pairs as were wanted; \"finds\" says what that cost.\n", out);
  print_warnings(g, out, "warning: ");
  char *line = verdict_sentence(g), *time = duration(g);
  fprintf(out, "\n%s\nin %s; files: %s\n", line, time, g->dir);
  free(line);
  free(time);
}

/* --- For a pull request --------------------------------------------------------------------------------------------------------------- */

void gate_print_markdown(const struct gate_result *g, FILE *out) {
  static const char *const heads[] = {"Fine", "Regression", "Fine, improved", "Could not judge"};
  char *line = verdict_sentence(g), *time = duration(g);
  fprintf(out, "### reclaim gate: %s\n\n%s against %s%s: %s (%s).\n\n", heads[g->verdict], title_of(g, 0), noted(g, "base"),
          gate_is_unpaired(g) ? " (unpaired: a weaker witness)" : "", line, time);
  free(line);
  free(time);
  struct rows r = rows_of(g, 0, false, false);
  if (r.n) print_markdown_rows(&r, out), fputs("\n", out);
  free_rows(&r);
  for (int s = 1; s < g->nsides; s++) {
    line = control_sentence(g, s);
    fprintf(out, "- %s\n", line);
    free(line);
  }
  print_warnings(g, out, "- warning: ");
  fputs("\n<details><summary>All quantities</summary>\n\n", out);
  r = rows_of(g, 0, true, true);
  print_markdown_rows(&r, out);
  free_rows(&r);
  fprintf(out,
          "\nchange: newer over base, from pairs of neighbouring processes; finds: the smallest effect that would have been "
          "found with "
          "%g %% probability; tolerated: CPU %g %%, memory %g %%.\n\n</details>\n",
          g->rule.power * 100, g->rule.threshold[GATE_CPU] * 100, g->rule.threshold[GATE_RSS_PEAK] * 100);
}

/* --- JUnit ----------------------------------------------------------------------------------------------------------------------------- */

static void put_xml(const char *s, FILE *out) {
  for (; *s; s++) switch (*s) {
    case '&': fputs("&amp;", out); break;
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '"': fputs("&quot;", out); break;
    default: fputc((unsigned char)*s < ' ' ? ' ' : *s, out);
    }
}

static void put_attribute(const char *name, const char *value, FILE *out) {
  fprintf(out, " %s=\"", name);
  put_xml(value, out);
  fputc('"', out);
}

/* A regression is a failure; what could not be judged is an error; so is an alarm of a control, but not one that found too little. */
static const char *element_of(const struct gate_side *s, enum gate_verdict v) {
  if (v == GATE_UNJUDGED) return s->control ? NULL : "error";
  if (v == GATE_IMPROVED && s->control) return "error";
  return v != GATE_REGRESSION ? NULL : s->control ? "error" : "failure";
}

static void put_one(const char *cell, const char *name, const char *element, const char *line, FILE *out) {
  fputs("    <testcase", out);
  put_attribute("classname", cell, out);
  put_attribute("name", name, out);
  fputs(">", out);
  if (element) {
    fprintf(out, "<%s", element);
    put_attribute("message", line, out);
    fputs("/>", out);
  } else {
    fputs("<system-out>", out);
    put_xml(line, out);
    fputs("</system-out>", out);
  }
  fputs("</testcase>\n", out);
}

static void put_case(const struct gate_result *g, int side, int i, int m, FILE *out) {
  const struct gate_side *s = &g->side[side];
  const struct gate_test *t = &s->test[i * GATE_JUDGED + m];
  char *cell = cell_name(g, i), *text = verdict_text(t, &s->ends[i]), *change = percent(t->estimate, decimals(t)),
       *range = interval(t), *finds = smallest(t),
       *line = sweep_format("%s, 95 %% interval %s, %d pairs, finds %s: %s", change, range, t->pairs, finds, text);
  put_one(cell, gate_metric_names[m], element_of(s, t->verdict), line, out);
  char *all[] = {cell, text, change, range, finds, line};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
}

static void put_counted(const struct gate_result *g, int i, FILE *out) {
  struct gate_counted c = gate_counted(g, i);
  char *cell = cell_name(g, i), *verdict = counted_verdict(&c),
       *change = c.why ? sweep_strdup("n/a") : percent(c.head / c.base, 2),
       *line = sweep_format("%s, exact: %s", change, verdict);
  put_one(cell, "instructions", c.verdict == GATE_REGRESSION ? "failure" : NULL, line, out);
  free(cell);
  free(verdict);
  free(change);
  free(line);
}

void gate_print_junit(const struct gate_result *g, FILE *out) {
  fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"reclaim gate\">\n", out);
  for (int s = 0; s < g->nsides; s++) {
    int counted = s == 0 && gate_counted(g, 0).asked ? g->ncells : 0, tests = g->ncells * GATE_JUDGED + counted, worse = 0;
    for (int i = 0; i < counted; i++) worse += gate_counted(g, i).verdict == GATE_REGRESSION;
    int failures = g->side[s].control ? 0 : count(g, s, GATE_REGRESSION) + worse,
        errors = g->side[s].control ? count(g, s, GATE_REGRESSION) + count(g, s, GATE_IMPROVED) : count(g, s, GATE_UNJUDGED);
    fputs("  <testsuite", out);
    put_attribute("name", title_of(g, s), out);
    fprintf(out, " tests=\"%d\" failures=\"%d\" errors=\"%d\">\n", tests, failures, errors);
    for (int i = 0; i < g->ncells; i++)
      for (int m = 0; m < GATE_JUDGED; m++) put_case(g, s, i, m, out);
    for (int i = 0; i < counted; i++) put_counted(g, i, out);
    fputs("  </testsuite>\n", out);
  }
  fputs("</testsuites>\n", out);
}

/* --- JSON ------------------------------------------------------------------------------------------------------------------------------ */

static json_t *known(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *test_json(const struct gate_test *t, bool judged) {
  json_t *o =
      json_pack("{s:s, s:o, s:o, s:o, s:i, s:i, s:b, s:o, s:o, s:o, s:o, s:o}", "quantity", gate_metric_names[t->metric], "ratio",
                known(t->estimate), "lo", known(t->lo), "hi", known(t->hi), "screen_pairs", t->nscreen, "judge_pairs", t->njudge,
                "suspected", t->suspected, "spread", known(t->spread), "p_screen", known(t->p_screen), "p", known(t->p),
                "p_adjusted", known(t->p_adjusted), "detectable", known(t->detectable));
  if (judged) json_object_set_new(o, "verdict", json_string(gate_verdict_names[t->verdict]));
  if (judged && *t->why) json_object_set_new(o, "why", json_string(t->why));
  if (!judged) json_object_set_new(o, "advice", json_string(advice(t)));
  return o;
}

static json_t *side_json(const struct gate_result *g, int s, int i) {
  const struct gate_side *side = &g->side[s];
  const struct gate_ends *e = &side->ends[i];
  json_t *quantities = json_array();
  for (int m = 0; m < GATE_JUDGED; m++) json_array_append_new(quantities, test_json(&side->test[i * GATE_JUDGED + m], true));
  json_array_append_new(quantities, test_json(&side->wall[i], false));
  return json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:s, s:o}", "side", side->name, "control", side->control, "invocations",
                   e->invocations, "failed", e->failed, "base_invocations", e->base_invocations, "base_failed", e->base_failed,
                   "uncollected", e->uncollected, "reason", e->reason, "quantities", quantities);
}

void gate_print_json(const struct gate_result *g, FILE *out) {
  json_t *cells = json_array(), *sides = json_array();
  for (int i = 0; i < g->ncells; i++) {
    const struct sweep_cell *c = gate_cell(g, i, 0);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:o}", "workload", c->workload, "parameters", c->parameters,
                          "sharing", c->sharing, "strategy", c->strategy, "threads", c->threads, "allocator", c->allocator,
                          "heap_policy", c->heap_policy, "sides", json_array());
    for (int s = 0; s < g->nsides; s++) json_array_append_new(json_object_get(o, "sides"), side_json(g, s, i));
    json_array_append_new(cells, o);
  }
  for (int s = 0; s < g->nsides; s++)
    json_array_append_new(sides, json_pack("{s:s, s:s, s:b, s:s}", "side", g->side[s].name, "is", title_of(g, s), "control",
                                           g->side[s].control, "verdict", gate_verdict_names[g->side[s].verdict]));
  char *sentence = verdict_sentence(g);
  json_t *all = json_pack("{s:O, s:s, s:s, s:i, s:s, s:b, s:O, s:o, s:o, s:O}", "campaign", json_object_get(g->json, "campaign"),
                          "dir", g->dir, "verdict", gate_verdict_names[g->verdict], "exit_code", gate_exit_code(g), "says",
                          sentence, "cut", g->cut, "gate", json_object_get(g->json, "gate"), "sides", sides, "cells", cells,
                          "warnings", json_object_get(g->json, "warnings"));
  json_dumpf(all, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  fputs("\n", out);
  free(sentence);
  json_decref(all);
}
