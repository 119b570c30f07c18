/* history-print.c: a history in a terminal, with a line of blocks for each series, and as JSON. See history.h. */
#include "harness/compare/compare.h"
#include "harness/compare/history.h"
#include "harness/compare/sheet.h"
#include "harness/report/terminal.h"
#include "harness/report/units.h"

#include "harness/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void paragraph(FILE *out, int width, char *text) {
  terminal_wrap(out, width, 0, 2, text);
  free(text);
}

/* "2026-11-25 01:20" of "2026-11-25T01:20:11.945Z". */
static char *when(const struct campaign *c) {
  char *s = sweep_format("%.16s", history_started(c));
  char *t = strchr(s, 'T');
  if (t) *t = ' ';
  return s;
}

static const char *commit_or(const struct campaign *c) { return *history_commit(c) ? history_commit(c) : "not known"; }

/* The last campaign before a change, and the first after it. */
static int before_change(const struct history_series *s, int change) { return s->point[s->change[change].at - 1].campaign; }
static int after_change(const struct history_series *s, int change) { return s->point[s->change[change].at].campaign; }

/* --- Changes ---------------------------------------------------------------------------------------------------------------------------------- */

static char *unit_text(const struct metric *k, double v) {
  char t[UNITS_TEXT];
  return sweep_strdup(units_write_own(k->unit, v, 3, t));
}

static char *commits_text(const struct history *h, int from, int to) {
  const struct campaign *a = &h->campaign[from], *b = &h->campaign[to];
  if (!strcmp(history_commit(a), history_commit(b))) return sweep_format("%s before and after", commit_or(a));
  return sweep_format("%.12s..%.12s", commit_or(a), commit_or(b));
}

static void put_change(const struct history *h, const struct history_series *s, int i, struct sheet *sheet) {
  const struct stats_change *c = &s->change[i];
  const struct metric *k = &metrics[s->metric];
  int from = before_change(s, i), to = after_change(s, i);
  sheet_row(sheet);
  sheet_set(sheet, 0, when(&h->campaign[to]));
  sheet_set(sheet, 1, commits_text(h, from, to));
  sheet_set(sheet, 2, history_label(h, s->cell, " "));
  sheet_set(sheet, 3, sweep_strdup(k->name));
  sheet_set(sheet, 4, unit_text(k, c->before));
  sheet_set(sheet, 5, unit_text(k, c->after));
  sheet_set(sheet, 6, sweep_format("%+.1f%%", 100 * (c->after / c->before - 1)));
  sheet_set(sheet, 7, c->p < 0.001 ? sweep_strdup("<0.001") : sweep_format("%.3f", c->p));
}

/* How many series change with this campaign. */
static int changes_at(const struct history *h, int campaign) {
  int n = 0;
  for (int i = 0; i < h->nseries; i++)
    for (int k = 0; k < h->series[i].nchanges; k++) n += after_change(&h->series[i], k) == campaign;
  return n;
}

/* What else was new then: the commit is not the only suspect. */
static void print_suspects(const struct history *h, int campaign, int width, FILE *out) {
  int n = changes_at(h, campaign);
  if (!n || !campaign) return;
  char **lines;
  int differences = compare_environments(&h->campaign[campaign - 1], &h->campaign[campaign], &lines);
  char *date = when(&h->campaign[campaign]);
  if (n > 1 && 2 * n > h->nseries)
    paragraph(out, width,
              sweep_format("%s: %d of %d series change at once, which one commit seldom does and a machine easily.", date, n,
                           h->nseries));
  for (int i = 0; i < differences; i++) paragraph(out, width, sweep_format("%s: %s", date, lines[i]));
  sweep_free_words(lines, differences);
  free(date);
}

/* 1x is searched for anew with each build of the collector: the same factor of it may be other bytes. */
static void print_heaps(const struct history *h, int campaign, int width, FILE *out) {
  for (int i = 0, last = -1; i < h->nseries; i++)
    for (int k = 0; k < h->series[i].nchanges; k++) {
      const struct history_series *s = &h->series[i];
      if (after_change(s, k) != campaign || s->cell == last) continue;
      const char *a = h->at[s->cell * h->n + before_change(s, k)]->heap_limit, *b = h->at[s->cell * h->n + campaign]->heap_limit;
      if (!strcmp(a, b)) continue;
      char *label = history_label(h, s->cell, " "), *date = when(&h->campaign[campaign]);
      paragraph(
          out, width,
          sweep_format("%s: the heap of %s was %s bytes, and then %s", date, label, *a ? a : "unlimited", *b ? b : "unlimited"));
      free(label);
      free(date);
      last = s->cell;
    }
}

static void print_changes(const struct history *h, int width, bool utf8, FILE *out) {
  struct sheet s = {0};
  if (!h->nchanges) {
    fputs("\nno change was found\n", out);
    return;
  }
  sheet_column(&s, "since", true, true, 0);
  sheet_column(&s, "commits", true, true, 0);
  sheet_column(&s, "cell", false, true, 12);
  sheet_column(&s, "metric", false, true, 0);
  sheet_column(&s, "before", false, false, 0);
  sheet_column(&s, "after", false, false, 0);
  sheet_column(&s, "change", false, false, 0);
  sheet_column(&s, "p", false, false, 0);
  for (int c = 0; c < h->n; c++)
    for (int i = 0; i < h->nseries; i++)
      for (int k = 0; k < h->series[i].nchanges; k++)
        if (after_change(&h->series[i], k) == c) put_change(h, &h->series[i], k, &s);
  fputs("\nchanges\n", out);
  sheet_text(&s, width, utf8, out);
  sheet_free(&s);
  for (int c = 0; c < h->n; c++) {
    print_suspects(h, c, width, out);
    print_heaps(h, c, width, out);
  }
}

/* --- Series ------------------------------------------------------------------------------------------------------------------------------------- */

enum { STEPS = 8 };

/* The series from its lowest to its highest value in eight steps, a column per campaign: blank where it has none, '|' before a change. The
   last `room` columns of it. */
static char *spark(const struct history *h, const struct history_series *s, int room, bool utf8) {
  static const char *const blocks[STEPS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < s->n; i++) {
    low = fmin(low, log(s->point[i].value.mid));
    high = fmax(high, log(s->point[i].value.mid));
  }
  struct text t = {0};
  int first = h->n + s->nchanges > room ? h->n + s->nchanges - room : 0, at = 0, change = 0;
  for (int c = 0; c < h->n; c++) {
    bool has = at < s->n && s->point[at].campaign == c;
    if (has && change < s->nchanges && s->change[change].at == at) {
      if (c >= first) sweep_text_addf(&t, "|");
      change++;
    }
    double part = has && high > low ? (log(s->point[at].value.mid) - low) / (high - low) : 0.5;
    int step = (int)fmin(STEPS - 1, floor(part * STEPS));
    if (c >= first && utf8) sweep_text_addf(&t, "%s", has ? blocks[step] : " ");
    if (c >= first && !utf8) sweep_text_addf(&t, "%c", has ? '1' + step : ' ');
    at += has;
  }
  return t.s ? t.s : sweep_strdup("");
}

/* From where the last change left it: its level and how far the lowest and the highest value are apart. */
static void put_series(const struct history *h, const struct history_series *s, struct sheet *sheet, int room, bool utf8) {
  const struct metric *k = &metrics[s->metric];
  double low = INFINITY, high = 0;
  for (int i = 0; i < s->n; i++) low = fmin(low, s->point[i].value.mid), high = fmax(high, s->point[i].value.mid);
  sheet_row(sheet);
  sheet_set(sheet, 0, history_label(h, s->cell, utf8 ? " · " : " | "));
  sheet_set(sheet, 1, sweep_strdup(k->name));
  sheet_set(sheet, 2, sweep_format("%d", s->n));
  sheet_set(sheet, 3, unit_text(k, low));
  sheet_set(sheet, 4, unit_text(k, high));
  sheet_set(sheet, 5, unit_text(k, s->point[s->n - 1].value.mid));
  sheet_set(sheet, 6, spark(h, s, room, utf8));
}

static void print_series(const struct history *h, int width, bool utf8, FILE *out) {
  struct sheet s = {0};
  static const char *const titles[] = {"cell", "metric", "n", "lowest", "highest", "last", "campaign by campaign"};
  enum { COLUMNS = sizeof titles / sizeof *titles, OTHERS = 46 };
  for (int i = 0; i < COLUMNS; i++) sheet_column(&s, titles[i], i == 0, i <= 1 || i == COLUMNS - 1, 0);
  for (int i = 0; i < h->nseries; i++) put_series(h, &h->series[i], &s, width - OTHERS, utf8);
  fputs("\nseries\n", out);
  sheet_text(&s, width, utf8, out);
  sheet_free(&s);
}

void history_print(const struct history *h, int width, bool utf8, FILE *out) {
  char *first = when(&h->campaign[0]), *last = when(&h->campaign[h->n - 1]);
  paragraph(
      out, width,
      sweep_format("%d campaigns on %s, %s to %s", h->n, *h->machine ? h->machine : "a machine without a name", first, last));
  paragraph(out, width,
            sweep_strdup("For review, not for alarms: a change is one of level, of 1 % or more, that lasts at least 3 campaigns "
                         "and stands out of "
                         "the series' own noise. "
                         "What it came from is not known: the program, its compiler, the kernel, a neighbour on the machine."));
  print_changes(h, width, utf8, out);
  print_series(h, width, utf8, out);
  putc('\n', out);
  paragraph(out, width,
            sweep_format("%d series were looked at, each at %g %%: without any change some %.1f would show one, and two to four "
                         "times as many where "
                         "campaigns remember each other (docs/method.md).",
                         h->nseries, 100 * HISTORY_ALPHA, HISTORY_ALPHA * h->nseries));
  paragraph(
      out, width,
      sweep_strdup(
          "Each step is a share of the way from the series' lowest value to its highest; | stands before a change, a blank where "
          "a campaign has no value."));
  if (h->too_short)
    paragraph(out, width,
              sweep_format("%d series of fewer than %d campaigns with a value were left out.", h->too_short, HISTORY_LEAST));
  if (h->other_machines) paragraph(out, width, sweep_format("%d campaigns of other machines were left out.", h->other_machines));
  if (h->builds) paragraph(out, width, sweep_format("%d campaigns of builds that count or check were left out.", h->builds));
  free(first);
  free(last);
}

/* --- JSON ------------------------------------------------------------------------------------------------------------------------------------------ */

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }
static json_t *text(const char *s) { return s && *s ? json_string(s) : json_null(); }

static json_t *series_json(const struct history *h, const struct history_series *s) {
  json_t *o = json_object(), *points = json_array(), *changes = json_array();
  for (int a = 0; a < AXES; a++) json_object_set_new(o, axis_column[a], text(h->cell[s->cell]->axis[a]));
  json_object_set_new(o, "metric", json_string(metrics[s->metric].name));
  for (int i = 0; i < s->n; i++) {
    const struct history_point *p = &s->point[i];
    json_t *point = json_object();
    json_object_set_new(point, "campaign", json_integer(p->campaign));
    json_object_set_new(point, "value", number(p->value.mid));
    json_object_set_new(point, "value_lo", number(p->value.lo));
    json_object_set_new(point, "value_hi", number(p->value.hi));
    json_array_append_new(points, point);
  }
  for (int i = 0; i < s->nchanges; i++) {
    json_t *change = json_object();
    json_object_set_new(change, "campaign", json_integer(after_change(s, i)));
    json_object_set_new(change, "campaign_before", json_integer(before_change(s, i)));
    json_object_set_new(change, "heap_limit_bytes_before", text(h->at[s->cell * h->n + before_change(s, i)]->heap_limit));
    json_object_set_new(change, "heap_limit_bytes", text(h->at[s->cell * h->n + after_change(s, i)]->heap_limit));
    json_object_set_new(change, "before", number(s->change[i].before));
    json_object_set_new(change, "after", number(s->change[i].after));
    json_object_set_new(change, "ratio", number(s->change[i].after / s->change[i].before));
    json_object_set_new(change, "p", number(s->change[i].p));
    json_array_append_new(changes, change);
  }
  json_object_set_new(o, "points", points);
  json_object_set_new(o, "changes", changes);
  return o;
}

void history_print_json(const struct history *h, FILE *out) {
  json_t *o = json_object(), *campaigns = json_array(), *series = json_array();
  json_object_set_new(o, "schema", json_integer(REPORT_SCHEMA));
  json_object_set_new(o, "for", json_string("review"));
  json_object_set_new(o, "machine", text(h->machine));
  json_object_set_new(o, "alpha", json_real(HISTORY_ALPHA));
  for (int i = 0; i < h->n; i++) {
    json_t *c = json_object();
    json_object_set_new(c, "dir", json_string(h->dir[i]));
    json_object_set_new(c, "campaign", text(h->campaign[i].name));
    json_object_set_new(c, "started_at", text(history_started(&h->campaign[i])));
    json_object_set_new(c, "commit", text(history_commit(&h->campaign[i])));
    json_array_append_new(campaigns, c);
  }
  for (int i = 0; i < h->nseries; i++) json_array_append_new(series, series_json(h, &h->series[i]));
  json_object_set_new(o, "campaigns", campaigns);
  json_object_set_new(o, "series", series);
  json_object_set_new(o, "left_out",
                      json_pack("{sisisi}", "series", h->too_short, "campaigns_of_other_machines", h->other_machines,
                                "campaigns_of_counting_or_checked_builds", h->builds));
  json_dumpf(o, out, JSON_INDENT(1));
  putc('\n', out);
  json_decref(o);
}
