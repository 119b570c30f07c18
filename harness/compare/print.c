/* print.c: a comparison as a person reads it, in a terminal or as Markdown: all cells together, then each metric cell by cell. See compare.h. */
#include "harness/compare/compare.h"
#include "harness/compare/facets.h"
#include "harness/compare/sheet.h"
#include "harness/report/terminal.h"

#include "harness/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct printer {
  const struct comparison *c;
  enum compare_form form;
  int width;
  bool utf8;
  FILE *out;
  const struct cell **base, **other; /* of the matches */
  char **note;                       /* owned; equal ones share a mark */
  int nnotes;
  bool shown[AXES]; /* axes that differ between matches */
  bool settings;    /* parameters or tunables do, within a workload or strategy */
  bool interval, range, single;
  unsigned marks;
};

static void paragraph(const struct printer *p, int indent, char *text) {
  if (p->form == COMPARE_TEXT)
    terminal_wrap(p->out, p->width, 0, indent, text);
  else
    fprintf(p->out, "%s\n\n", text);
  free(text);
}

/* --- Texts of numbers ------------------------------------------------------------------------------------------------------------------ */

/* Three decimals or four digits; more where that would hide on which side of 1 it lies. */
static void put_ratio(char out[32], double v) {
  double off = fabs(v - 1);
  int decimals = off > 0 && off < 0.00005  ? 6
                 : off > 0 && off < 0.0005 ? 4
                 : v < 0.0995              ? 4
                 : v < 9.9995              ? 3
                 : v < 99.995              ? 2
                 : v < 999.95              ? 1
                                           : 0;
  if (isnan(v))
    strcpy(out, "n/a");
  else if (v < 0.00995)
    snprintf(out, 32, "%.3g", v);
  else
    snprintf(out, 32, "%.*f", decimals, v);
}

static char *ratio_text(double v) {
  char t[32];
  put_ratio(t, v);
  return sweep_strdup(t);
}

static char *interval_text(struct printer *p, const struct stats_interval *r) {
  char lo[32], hi[32];
  p->interval |= r->kind == STATS_INTERVAL;
  p->range |= r->kind == STATS_RANGE;
  p->single |= r->kind == STATS_NONE && r->n == 1;
  if (r->kind == STATS_NONE) return sweep_strdup(r->n == 1 ? "n=1" : "");
  put_ratio(lo, r->lo);
  put_ratio(hi, r->hi);
  return sweep_format(r->kind == STATS_RANGE ? "{%s, %s}" : "[%s, %s]", lo, hi);
}

static char *p_text(double p) {
  if (isnan(p)) return sweep_strdup("");
  return p < 0.001 ? sweep_strdup("<0.001") : sweep_format("%.3f", p);
}

/* --- Labels of cells -------------------------------------------------------------------------------------------------------------------- */

/* The heap of a match is that of the side that obeys one. */
static const char *heap_of(const struct match *m) {
  return strcmp(m->other->axis[AXIS_HEAP], "n/a") ? m->other->axis[AXIS_HEAP] : m->base->axis[AXIS_HEAP];
}

static const char *label(const struct match *m, enum axis a) { return a == AXIS_HEAP ? heap_of(m) : m->other->axis[a]; }

static bool looked_at(const struct comparison *c, enum axis a) { return c->by && facet_axis(c->by) == a; }

static void find_shown(struct printer *p) {
  for (int a = 0; a < AXES; a++)
    for (int i = 1; i < p->c->nmatches && !looked_at(p->c, (enum axis)a); i++)
      p->shown[a] |= strcmp(label(&p->c->match[0], (enum axis)a), label(&p->c->match[i], (enum axis)a)) != 0;
  p->shown[AXIS_PARAMETERS] = p->shown[AXIS_TUNABLES] = false; /* those that differ are in `settings` */
  p->shown[AXIS_COLLECTOR_THREADS] &= !looked_at(p->c, AXIS_STRATEGY) && !looked_at(p->c, AXIS_THREADS);
}

static char *settings_of(const struct printer *p, const struct match *m) {
  struct text t = {0};
  int n = p->c->nmatches;
  facet_settings(p->other, n, m->other, AXIS_WORKLOAD, AXIS_PARAMETERS, p->c->by, "", &t);
  facet_settings(p->other, n, m->other, AXIS_STRATEGY, AXIS_TUNABLES, p->c->by, "", &t);
  if (looked_at(p->c, AXIS_STRATEGY)) facet_settings(p->base, n, m->base, AXIS_STRATEGY, AXIS_TUNABLES, p->c->by, "base ", &t);
  return t.s ? t.s : sweep_strdup("");
}

static bool any_settings(const struct printer *p) {
  bool any = false;
  for (int i = 0; i < p->c->nmatches && !any; i++) {
    char *s = settings_of(p, &p->c->match[i]);
    any = *s != '\0';
    free(s);
  }
  return any;
}

/* --- Notes and marks ---------------------------------------------------------------------------------------------------------------------- */

static void add_note(struct printer *p, struct text *marks, const char *text) {
  int i = 0;
  if (!text || !*text) return;
  while (i < p->nnotes && strcmp(p->note[i], text)) i++;
  if (i == p->nnotes) *sweep_push(p->note, p->nnotes) = sweep_strdup(text);
  sweep_text_addf(marks, "%s[%d]", marks->n ? " " : "", i + 1);
}

static const struct {
  unsigned mark;
  char sign;
  const char *meaning;
} signs[] = {
    {MARK_POOR, '~', "the control was poor beside at least one invocation of a side: the CPUs were not fully there."},
    {MARK_OVERSUBSCRIBED, '!', "oversubscribed: more threads than CPUs; not a scaling figure."},
    {MARK_WARMING, '>', "a side's measured iterations still become faster: more warm-up would be right."},
    {MARK_SLOWING, '<', "a side's measured iterations become slower, and stay so."},
    {MARK_LEAKS, '%', "the sides leaked different numbers of objects: one saved work, and used memory, that the other did not."},
    {MARK_PLANTED, 'P', "a slow-down or a growth was planted in a side: never to be quoted."},
    {MARK_HEAP, 'h', "the heap limits of the two campaigns differ in bytes."},
};
enum { SIGNS = sizeof signs / sizeof *signs };

static void add_signs(struct printer *p, unsigned marks, struct text *out) {
  if (marks) sweep_text_addf(out, " ");
  for (int i = 0; i < SIGNS; i++)
    if (marks & signs[i].mark) sweep_text_addf(out, "%c", signs[i].sign);
  p->marks |= marks;
}

/* --- One metric, cell by cell ---------------------------------------------------------------------------------------------------------- */

static const struct {
  enum axis axis;
  const char *title;
  int least;
} labels[] = {{AXIS_STRATEGY, "strategy", 8},
              {AXIS_THREADS, "threads", 0},
              {AXIS_ALLOCATOR, "allocator", 8},
              {AXIS_HEAP, "heap", 0},
              {AXIS_COLLECTOR_THREADS, "collectors", 0},
              {AXIS_PINNING, "pinning", 0},
              {AXIS_SIDE, "side", 4}};
enum { LABELS = sizeof labels / sizeof *labels };

static bool has_value_column(const struct comparison *c) { return c->by && c->nvalues > 2; }

/* What is given up, step by step, until a table fits: p-values of their own, then long words. */
enum brevity { ALL, WITHOUT_P, SHORT };

static void make_columns(const struct printer *p, struct sheet *s, bool judged, enum brevity brevity) {
  bool brief = brevity == SHORT;
  bool paired = p->c->ncampaigns == 1;
  sheet_column(s, "workload", true, true, 0);
  sheet_column(s, "sharing", true, true, 0);
  if (p->settings) sheet_column(s, "settings", true, true, 0);
  if (has_value_column(p->c)) sheet_column(s, p->c->by, false, true, 8);
  for (int i = 0; i < LABELS; i++)
    if (p->shown[labels[i].axis])
      sheet_column(s, brief && labels[i].axis == AXIS_THREADS ? "thr" : labels[i].title, false, true, labels[i].least);
  sheet_column(s, "ratio", false, false, 0);
  sheet_column(s, p->form == COMPARE_TEXT || paired ? "95 %" : "95 % (weaker)", false, true, 0);
  sheet_column(s, paired && !brief ? "pairs" : "n", false, false, 0);
  if (judged && brevity == ALL) sheet_column(s, "p", false, false, 0);
  if (judged) sheet_column(s, brief ? "Holm" : "Holm p", false, false, 0);
  sheet_column(s, "verdict", false, true, 0);
}

static char *verdict_text(struct printer *p, const struct match *m, int metric, enum brevity brevity) {
  const struct outcome *o = &m->outcome[metric];
  struct text t = {0}, marks = {0};
  bool differs = o->verdict == VERDICT_LESS || o->verdict == VERDICT_MORE;
  const char *word = verdict_word(o->verdict, &metrics[metric]);
  if (brevity == SHORT && o->verdict == VERDICT_SAME) word = "none shown";
  if (p->c->ncampaigns == 2 && o->verdict == VERDICT_FEW) word = "too few values";
  sweep_text_addf(&t, "%s%s", word, differs && o->adjusted <= COMPARE_ALPHA ? "*" : "");
  if (verdict_has_ratio(o->verdict)) add_signs(p, m->marks, &t);
  add_note(p, &marks, o->why);
  if (verdict_has_ratio(o->verdict)) add_note(p, &marks, m->note);
  if (o->lost && verdict_has_ratio(o->verdict)) {
    char *lost = sweep_format("a side has no value in %d %s%s", o->lost, p->c->ncampaigns == 1 ? "pair" : "invocation",
                              o->lost == 1 ? "" : "s");
    add_note(p, &marks, lost);
    free(lost);
  }
  if (marks.n) sweep_text_addf(&t, " %s", marks.s);
  sweep_text_free(&marks);
  return t.s;
}

/* "5" for pairs; "6+5" for the samples of base and other. */
static char *count_text(const struct comparison *c, const struct outcome *o) {
  if (!verdict_has_ratio(o->verdict)) return sweep_strdup("");
  return c->ncampaigns == 1 ? sweep_format("%d", o->n[1]) : sweep_format("%d+%d", o->n[0], o->n[1]);
}

/* A library goes by its file's name; so does a folder. */
static const char *short_name(const char *name) {
  const char *slash = *name == '/' ? strrchr(name, '/') : NULL;
  return slash && slash[1] ? slash + 1 : name;
}

static void put_match(struct printer *p, struct sheet *s, const struct match *m, int metric, enum brevity brevity) {
  const struct outcome *o = &m->outcome[metric];
  int k = 0;
  sheet_row(s);
  sheet_set(s, k++, sweep_strdup(m->other->axis[AXIS_WORKLOAD]));
  sheet_set(s, k++, sweep_strdup(m->other->axis[AXIS_SHARING]));
  if (p->settings) sheet_set(s, k++, settings_of(p, m));
  if (has_value_column(p->c)) sheet_set(s, k++, sweep_strdup(short_name(p->c->value[m->value])));
  for (int i = 0; i < LABELS; i++)
    if (p->shown[labels[i].axis]) sheet_set(s, k++, sweep_strdup(short_name(label(m, labels[i].axis))));
  sheet_set(s, k++, ratio_text(o->ratio.mid));
  sheet_set(s, k++, interval_text(p, &o->ratio));
  sheet_set(s, k++, count_text(p->c, o));
  bool judged = p->c->family[metric] > 0;
  if (judged && brevity == ALL) sheet_set(s, k++, p_text(o->p));
  if (judged) sheet_set(s, k++, p_text(o->adjusted));
  sheet_set(s, k++, verdict_text(p, m, metric, brevity));
}

static void make_sheet(struct printer *p, struct sheet *s, int metric, enum brevity brevity) {
  *s = (struct sheet){0};
  make_columns(p, s, p->c->family[metric] > 0, brevity);
  for (int i = 0; i < p->c->nmatches; i++) put_match(p, s, &p->c->match[i], metric, brevity);
}

/* Cells with n pairs cannot have a p-value below 2 / 2^n: with few of them a family of many can show nothing. */
static void print_family(const struct printer *p, int metric) {
  const struct comparison *c = p->c;
  int n = c->family[metric], most = 0;
  if (n < 2) return;
  paragraph(p, 2,
            sweep_format(
                "%d of %d intervals leave 1 out, where %.2g would by chance if nothing differed; %d hold%s (*) when all %d are "
                "looked at together (Holm, 5 %%).",
                c->beyond[metric], n, COMPARE_ALPHA * n, c->hold[metric], c->hold[metric] == 1 ? "s" : "", n));
  for (int i = 0; i < c->nmatches; i++)
    if (!isnan(c->match[i].outcome[metric].p) && c->match[i].outcome[metric].ratio.n > most)
      most = c->match[i].outcome[metric].ratio.n;
  double least = ldexp(2, -most);
  int enough = (int)ceil(log2(2 * n / COMPARE_ALPHA) - 1e-9);
  if (c->ncampaigns == 1 && least * n > COMPARE_ALPHA)
    paragraph(
        p, 2,
        sweep_format("With %d pairs no p-value is below %.2g, so that among %d cells none can hold; %d blocks would do, or fewer "
                     "cells (--where).",
                     most, least, n, enough));
}

static void title(const struct printer *p, const char *text) {
  fprintf(p->out, p->form == COMPARE_TEXT ? "\n%s\n" : "### %s\n\n", text);
}

static void print_metric(struct printer *p, int metric) {
  struct sheet s;
  bool text = p->form == COMPARE_TEXT;
  make_sheet(p, &s, metric, ALL);
  for (int b = WITHOUT_P; b <= SHORT && text && sheet_width(&s) + 2 > p->width; b++) {
    sheet_free(&s);
    make_sheet(p, &s, metric, (enum brevity)b);
  }
  title(p, metrics[metric].title);
  if (text)
    sheet_text(&s, p->width, p->utf8, p->out);
  else
    sheet_markdown(&s, p->out), putc('\n', p->out);
  sheet_free(&s);
  print_family(p, metric);
}

/* --- All together ---------------------------------------------------------------------------------------------------------------------------- */

static char *total_verdict(const struct printer *p, const struct total *t, int metric) {
  if (t->verdict == VERDICT_NO_PAIR) return sweep_strdup(t->cells ? "no block has all cells" : "no ratio");
  if (t->verdict == VERDICT_FEW) return sweep_strdup(p->c->ncampaigns == 1 ? "too few blocks" : "too few values");
  return sweep_strdup(verdict_word(t->verdict, &metrics[metric]));
}

static void put_total(struct printer *p, struct sheet *s, int value, int metric) {
  const struct total *t = &p->c->total[value * METRICS + metric];
  int k = 0;
  sheet_row(s);
  if (has_value_column(p->c)) sheet_set(s, k++, sweep_strdup(short_name(p->c->value[value])));
  sheet_set(s, k++, sweep_strdup(metrics[metric].title));
  sheet_set(s, k++, ratio_text(t->ratio.mid));
  sheet_set(s, k++, interval_text(p, &t->ratio));
  sheet_set(s, k++, t->cells ? sweep_format("%d", t->ratio.n) : sweep_strdup(""));
  sheet_set(s, k++, t->left_out ? sweep_format("%d (-%d)", t->cells, t->left_out) : sweep_format("%d", t->cells));
  sheet_set(s, k++, sweep_format("%d/%d/%d", t->less, t->same, t->more));
  sheet_set(s, k++, total_verdict(p, t, metric));
}

static bool uneven(const struct comparison *c) {
  int first = -1;
  bool differ = false;
  for (int v = 1; v < c->nvalues; v++)
    for (int k = 0; k < METRICS; k++) {
      if (!c->chosen[k]) continue;
      if (first < 0) first = c->total[v * METRICS + k].cells;
      differ |= c->total[v * METRICS + k].cells != first;
    }
  return differ;
}

static void print_totals(struct printer *p) {
  struct sheet s = {0};
  if (has_value_column(p->c)) sheet_column(&s, p->c->by, has_value_column(p->c), true, 8);
  sheet_column(&s, "all cells", false, true, 0);
  sheet_column(&s, "ratio", false, false, 0);
  sheet_column(&s, "95 %", false, true, 0);
  sheet_column(&s, "blocks", false, false, 0);
  sheet_column(&s, "cells", false, false, 0);
  sheet_column(&s, "-/=/+", false, false, 0);
  sheet_column(&s, "verdict", false, true, 0);
  for (int v = 1; v < p->c->nvalues; v++)
    for (int k = 0; k < METRICS; k++)
      if (p->c->chosen[k]) put_total(p, &s, v, k);
  title(p, "all cells together");
  if (p->form == COMPARE_TEXT)
    sheet_text(&s, p->width, p->utf8, p->out);
  else
    sheet_markdown(&s, p->out), putc('\n', p->out);
  sheet_free(&s);
  paragraph(
      p, 2,
      sweep_strdup("The geometric mean over cells, each counting the same, from the means of the blocks that have all of them; "
                   "-/=/+: cells with less, no difference shown, more."));
  if (uneven(p->c))
    paragraph(p, 2, sweep_strdup("Rows with other numbers of cells are of other cells: they do not compare with each other."));
}

/* --- Around it ---------------------------------------------------------------------------------------------------------------------------------- */

static const char *commit_of(const struct campaign *c) {
  const char *s = json_string_value(json_object_get(c->json, "commit"));
  return s ? s : "not known";
}

static void print_title(const struct printer *p) {
  const struct comparison *c = p->c;
  if (c->ncampaigns == 2) {
    for (int i = 0; i < 2; i++)
      paragraph(p, 2,
                sweep_format("%s: %s, commit %s%s", i ? "other" : "base", c->dir[i], commit_of(&c->campaign[i]),
                             i ? "" : "; its costs are 1"));
    paragraph(
        p, 2,
        sweep_strdup("WEAKER: two campaigns have no pairs. Whatever changed on the machine in between is in every ratio, and no "
                     "interval knows of it. Where it matters, run both sides in one campaign."));
    return;
  }
  struct text others = {0};
  for (int v = 1; v < c->nvalues; v++) sweep_text_addf(&others, "%s%s", v > 1 ? ", " : "", c->value[v]);
  paragraph(p, 2,
            sweep_format("campaign %s, by %s: %s against %s; pairs are of one block",
                         *c->campaign[0].name ? c->campaign[0].name : c->dir[0], c->by, others.s, c->value[0]));
  sweep_text_free(&others);
}

/* The axes that are the same throughout. */
static void print_constants(const struct printer *p) {
  struct text t = {0};
  for (int i = 0; i < LABELS; i++) {
    const char *value = label(&p->c->match[0], labels[i].axis);
    if (p->shown[labels[i].axis] || looked_at(p->c, labels[i].axis) || !*value || labels[i].axis == AXIS_COLLECTOR_THREADS)
      continue;
    sweep_text_addf(&t, "%s%s %s", t.n ? ", " : "", labels[i].title, short_name(value));
  }
  if (t.n) paragraph(p, 2, sweep_format("throughout: %s", t.s));
  sweep_text_free(&t);
}

static void print_notes(const struct printer *p) {
  if (p->nnotes && p->form == COMPARE_TEXT) putc('\n', p->out);
  for (int i = 0; i < p->nnotes; i++) paragraph(p, 4, sweep_format("[%d] %s", i + 1, p->note[i]));
}

static void print_legend(const struct printer *p) {
  const struct comparison *c = p->c;
  bool paired = c->ncampaigns == 1;
  if (p->form == COMPARE_TEXT) putc('\n', p->out);
  paragraph(
      p, 2,
      sweep_strdup(
          "ratio: cost of the other side over that of the base, so below 1 is less: time 0.5 is twice as fast. (The table of "
          "`reclaim report` has throughput, where that is 2.)"));
  if (p->interval)
    paragraph(p, 2,
              sweep_format("[lo, hi]: 95 %% confidence interval, %s; a verdict is read off it, for that one cell.",
                           paired ? "from signed ranks of the pairs" : "of Mann and Whitney's test"));
  if (p->range)
    paragraph(p, 2,
              paired ? sweep_format("{lo, hi}: the range of fewer than %d pairs; not a confidence interval.", STATS_INTERVAL_FROM)
                     : sweep_strdup("{lo, hi}: the range, of too few values for a confidence interval."));
  if (p->single) paragraph(p, 2, sweep_strdup("n=1: one value, so neither interval nor range."));
  if (c->chosen[2] || c->chosen[3])
    paragraph(
        p, 2,
        sweep_strdup("RSS is that of the process: some 4 MiB of program and libraries are in both sides, and draw small ratios "
                     "towards 1."));
  for (int i = 0; i < SIGNS; i++)
    if (p->marks & signs[i].mark) paragraph(p, 2, sweep_format("%c %s", signs[i].sign, signs[i].meaning));
}

static bool any_build(const struct comparison *c, bool counting) {
  for (int i = 0; i < c->nmatches; i++)
    if (!strcmp(counting ? c->match[i].other->counting : c->match[i].other->checked, "1")) return true;
  return false;
}

static void print_warnings(const struct printer *p) {
  const struct comparison *c = p->c;
  for (int i = 0; i < c->nsaid; i++) paragraph(p, 2, sweep_format("note: %s", c->said[i]));
  if (any_build(c, false)) paragraph(p, 2, sweep_strdup("warning: this build has its checks on; never quote its numbers."));
  if (any_build(c, true)) paragraph(p, 2, sweep_strdup("warning: this build counts events; never quote its times."));
  for (int i = 0; i < c->ncampaigns; i++) {
    size_t k;
    json_t *w;
    json_array_foreach(json_object_get(c->campaign[i].json, "warnings"), k, w) {
      const char *text = json_is_object(w) ? json_string_value(json_object_get(w, "message")) : json_string_value(w);
      if (text) paragraph(p, 2, sweep_format("warning%s: %s", c->ncampaigns < 2 ? "" : i ? " (other)" : " (base)", text));
    }
    if (json_is_false(json_object_get(c->campaign[i].json, "finished")))
      paragraph(p, 2, sweep_format("warning: %s is not finished; its numbers are of the blocks so far.", c->dir[i]));
  }
}

void compare_print(const struct comparison *c, enum compare_form form, int width, bool utf8, FILE *out) {
  struct printer p = {.c = c, .form = form, .width = width, .utf8 = utf8, .out = out};
  find_shown(&p);
  p.base = sweep_alloc((size_t)c->nmatches, sizeof *p.base);
  p.other = sweep_alloc((size_t)c->nmatches, sizeof *p.other);
  for (int i = 0; i < c->nmatches; i++) p.base[i] = c->match[i].base, p.other[i] = c->match[i].other;
  p.settings = any_settings(&p);
  print_title(&p);
  print_constants(&p);
  print_totals(&p);
  for (int k = 0; k < METRICS; k++)
    if (c->chosen[k]) print_metric(&p, k);
  print_notes(&p);
  print_legend(&p);
  print_warnings(&p);
  for (int i = 0; i < p.nnotes; i++) free(p.note[i]);
  free(p.note);
  free(p.base);
  free(p.other);
}
