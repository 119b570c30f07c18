/* table.c: fitting the grids of all groups to a width, and printing them. See table.h.

   Columns are as wide as their widest text in any group, so that groups line up under each other. If that is too wide, detail is
   given up step by step (`steps`), and the first step that fits is taken. */
#include "harness/report/table.h"
#include "harness/report/grid.h"
#include "harness/report/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct table {
  const struct campaign *campaign;
  const struct table_style *style;
  FILE *out;
  struct detail detail;
  struct grid *grid; /* one per group */
  struct grid_used used;
  int column[G_COLUMNS]; /* width; 0: not shown */
  int width;             /* to keep to */
  int total;             /* of all columns and the gaps between them */
};

static const bool left_aligned[G_COLUMNS] = {[G_STRATEGY] = true, [G_ALLOCATOR] = true, [G_STATUS] = true};

/* --- Fitting ------------------------------------------------------------------------------------------------------------ */

/* An interval stands close to its estimate. */
static int gap_before(const struct table *t, int column) {
  if (column == G_STRATEGY || t->column[column] == 0) return 0;
  return column == G_RATE_CI || column == G_RATIO_CI ? 1 : t->detail.gap;
}

static void widen(int *width, const char *text) {
  int n = units_width(text);
  if (n > *width) *width = n;
}

/* A heading that reaches over the next column needs no room of its own where the next is empty. */
static bool reaches_over(const struct grid *g, int line, int column) {
  return line == 0 && column + 1 < G_COLUMNS && *g->head[0][column] &&
         (column == G_RATE || column == G_RATIO || column == G_MEAN);
}

static void measure(struct table *t) {
  memset(t->column, 0, sizeof t->column);
  for (int i = 0; i < t->campaign->ngroups; i++)
    for (int c = 0; c < G_COLUMNS; c++) {
      const struct grid *g = &t->grid[i];
      for (int line = 0; line < 2; line++)
        if (!reaches_over(g, line, c)) widen(&t->column[c], g->head[line][c]);
      for (int r = 0; r < g->nrows; r++) widen(&t->column[c], g->row[r].text[c]);
    }
  t->total = 0;
  for (int c = 0; c < G_COLUMNS; c++) t->total += gap_before(t, c) + t->column[c];
}

static void drop_grids(struct table *t) {
  for (int i = 0; t->grid && i < t->campaign->ngroups; i++) grid_free(&t->grid[i]);
}

static bool constant_everywhere(const struct campaign *c, enum axis a) {
  for (int i = 0; i < c->ngroups; i++)
    if (!grid_constant(&c->group[i], a)) return false;
  return true;
}

static void make_grids(struct table *t) {
  drop_grids(t);
  t->used = (struct grid_used){0};
  for (int g = 0; g < t->campaign->ngroups; g++) grid_make(&t->campaign->group[g], &t->detail, &t->grid[g], &t->used);
  measure(t);
}

static void find_kinds(const struct campaign *c, struct detail *d) {
  for (int i = 0; i < c->ncells; i++) {
    d->intervals |= c->cell[i]->throughput.kind == STATS_INTERVAL || c->cell[i]->ratio.kind == STATS_INTERVAL;
    d->ranges |= c->cell[i]->throughput.kind == STATS_RANGE || c->cell[i]->ratio.kind == STATS_RANGE;
  }
}

static void fit(struct table *t) {
  bool one_allocator = constant_everywhere(t->campaign, AXIS_ALLOCATOR), one_heap = constant_everywhere(t->campaign, AXIS_HEAP);
  const struct detail steps[] = {
      {.gap = 2, .ends = true, .status_words = true, .label_width = 28, .memory_digits = 3},
      {.gap = 2, .status_words = true, .label_width = 20, .memory_digits = 3},
      {.gap = 2, .status_words = true, .label_width = 20, .memory_digits = 2},
      {.gap = 1, .status_words = true, .label_width = 16, .memory_digits = 2},
      {.gap = 1, .label_width = 14, .memory_digits = 2},
      {.gap = 1, .label_width = 14, .memory_digits = 2, .hide_allocator = one_allocator},
      {.gap = 1, .label_width = 14, .memory_digits = 2, .hide_allocator = one_allocator, .hide_heap = one_heap},
      {.gap = 1, .label_width = 10, .memory_digits = 1},
      {.gap = 1, .label_width = 6, .memory_digits = 1},
  };
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    t->detail = steps[i];
    t->detail.utf8 = t->style->utf8;
    find_kinds(t->campaign, &t->detail);
    make_grids(t);
    if (t->total <= t->width) break;
  }
  /* Now that the columns are known, so is the room for reasons behind "n/a". */
  t->detail.span_room = t->width - 2;
  for (int c = 0; c <= G_RATE; c++) t->detail.span_room -= gap_before(t, c) + t->column[c];
  make_grids(t);
}

/* --- Printing ----------------------------------------------------------------------------------------------------------- */

static const char *const paint[] = {
    [TONE_PLAIN] = "", [TONE_DIM] = "\033[2m", [TONE_GOOD] = "\033[32m", [TONE_BAD] = "\033[31m", [TONE_WARN] = "\033[33m"};

static void tone_on(const struct table *t, const char *code) {
  if (t->style->colour) fputs(code, t->out);
}

static void tone_off(const struct table *t) {
  if (t->style->colour) fputs("\033[0m", t->out);
}

static void blanks(const struct table *t, int n) {
  while (n-- > 0) putc(' ', t->out);
}

static void paragraph(const struct table *t, int indent, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void paragraph(const struct table *t, int indent, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = report_format_list(format, args);
  va_end(args);
  terminal_wrap(t->out, t->width, 0, indent, text);
  free(text);
}

struct line {
  const struct table *t;
  int pending; /* blanks that are due before the next text: a line never ends in blanks */
};

static void put(struct line *l, int column, const char *text, const char *code) {
  const struct table *t = l->t;
  int room = t->column[column] - units_width(text);
  l->pending += gap_before(t, column) + (left_aligned[column] ? 0 : room);
  if (*text) {
    blanks(t, l->pending);
    l->pending = 0;
    tone_on(t, code);
    fputs(text, t->out);
    if (*code) tone_off(t);
  }
  if (left_aligned[column]) l->pending += room;
}

/* A heading over two columns ends with the second; what is too long reaches to the left. */
static void print_heading(const struct table *t, const struct grid *g, int line) {
  struct line l = {.t = t};
  tone_on(t, "\033[1m");
  for (int c = 0; c < G_COLUMNS; c++) {
    if (reaches_over(g, line, c)) {
      int room = t->column[c] + gap_before(t, c + 1) + t->column[c + 1] - units_width(g->head[line][c]);
      l.pending += gap_before(t, c) + room;
      blanks(t, l.pending);
      fputs(g->head[line][c], t->out);
      l.pending = 0;
      c++;
    } else
      put(&l, c, g->head[line][c], "");
  }
  tone_off(t);
  putc('\n', t->out);
}

static void print_row(const struct table *t, const struct grid_row *r, bool repeats) {
  struct line l = {.t = t};
  for (int c = 0; c < G_COLUMNS; c++) {
    if (r->span && c == G_RATE_CI) {
      tone_on(t, paint[r->tone[G_RATE_CI]]);
      fprintf(t->out, "  %s", r->span);
      tone_off(t);
      break;
    }
    put(&l, c, r->text[c], c == G_STRATEGY && repeats ? paint[TONE_DIM] : paint[r->tone[c]]);
  }
  putc('\n', t->out);
}

static void rule(const struct table *t) {
  tone_on(t, paint[TONE_DIM]);
  for (int i = 0; i < t->total; i++) fputs(t->style->utf8 ? "─" : "-", t->out);
  tone_off(t);
  putc('\n', t->out);
}

/* "private, keys=262144 updates=1000, allocator pool": what all rows of the group have in common. Owned by the caller. */
static char *common_to(const struct table *t, const struct group *g) {
  const struct cell *first = g->cell[0];
  const char *dot = t->style->utf8 ? "·" : "|";
  char *text = report_format("%s %s", dot, first->axis[AXIS_SHARING]), heap[UNITS_TEXT];
  const struct {
    bool shown;
    const char *label, *value;
  } parts[] = {{*first->axis[AXIS_PARAMETERS], "", first->axis[AXIS_PARAMETERS]},
               {t->detail.hide_allocator, "allocator ", first->axis[AXIS_ALLOCATOR]},
               {t->detail.hide_heap, "heap ", grid_heap(first, heap)}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!parts[i].shown) continue;
    char *longer = report_format("%s %s %s%s", text, dot, parts[i].label, parts[i].value);
    free(text);
    text = longer;
  }
  for (char *p = text; *p; p++)
    if (*p == ';') *p = ' '; /* between parameters, so that the line can be broken there */
  return text;
}

static void print_group_head(const struct table *t, const struct group *g) {
  const char *workload = g->cell[0]->axis[AXIS_WORKLOAD];
  char *common = common_to(t, g);
  tone_on(t, "\033[1m");
  fputs(workload, t->out);
  tone_off(t);
  terminal_wrap(t->out, t->width, units_width(workload), 2, common);
  free(common);
  if (!g->baseline)
    paragraph(t, 2, "no ratio: nothing here could be run");
  else if (g->baseline_not)
    paragraph(t, 2, "ratio: throughput over that of %s, as %s is not applicable here; above 1 is faster", g->baseline,
              g->baseline_not);
  else
    paragraph(t, 2, "ratio: throughput over that of %s; above 1 is faster", g->baseline);
}

static void print_group(const struct table *t, int i) {
  const struct group *g = &t->campaign->group[i];
  const struct grid *grid = &t->grid[i];
  putc('\n', t->out);
  print_group_head(t, g);
  rule(t);
  print_heading(t, grid, 0);
  print_heading(t, grid, 1);
  rule(t);
  for (int r = 0; r < grid->nrows; r++)
    print_row(t, &grid->row[r], r > 0 && g->cell[r]->rank[AXIS_STRATEGY] == g->cell[r - 1]->rank[AXIS_STRATEGY]);
  for (int n = 0; n < grid->nnotes; n++) {
    const char *mark = grid->note[n].mark;
    paragraph(t, 4, *mark == '#' ? "%s %s" : "[%s] %s", mark, grid->note[n].text);
  }
}

static void print_legend(const struct table *t) {
  const struct grid_used *u = &t->used;
  const char *sign = t->style->utf8 ? "±" : "+-";
  putc('\n', t->out);
  paragraph(t, 2,
            "ratio: of pairs in the same block, with the same threads, allocator, heap and tunables; base: 1 by definition.");
  paragraph(t, 2,
            "CPU: user + system of all threads in one iteration. GC: the collector's share of it. RSS: of the "
            "process, whose program and libraries take some 4 MiB of it (rss_before_bytes in samples.csv). "
            "CPU, RSS, live and GC are medians over invocations; pause and leaked the largest of any.");
  if (u->interval && t->detail.ends)
    paragraph(t, 2, "[lo, hi]: 95 %% confidence interval of the estimate before it, over blocks.");
  if (u->interval && !t->detail.ends)
    paragraph(t, 2, "%s: the wider side of the 95 %% confidence interval, over blocks; both ends are in summary.csv.", sign);
  if (u->range && t->detail.ends)
    paragraph(t, 2, "{lo, hi}: the range over fewer than %d blocks; not a confidence interval.", STATS_INTERVAL_FROM);
  if (u->range && !t->detail.ends)
    paragraph(t, 2,
              u->interval ? "%s...%%r: the wider side of the range over fewer than %d blocks; not a confidence interval."
                          : "%s: the wider side of the range over fewer than %d blocks; not a confidence interval.",
              sign, STATS_INTERVAL_FROM);
  if (u->single) paragraph(t, 2, "n=1: one invocation, so neither interval nor range.");
  if (u->uncollected)
    paragraph(t, 2,
              "uncollected: fewer than three collections; its throughput is shown, and kept out of ratios. More "
              "--iterations, more work, or a smaller --heap would do.");
  if (u->poor) paragraph(t, 2, "~ the control was poor beside at least one invocation: the CPUs were not fully there.");
  if (u->oversubscribed) paragraph(t, 2, "! oversubscribed: more threads than CPUs; not a scaling figure.");
  if (u->unsteady)
    paragraph(t, 2, "? no steady state: its iterations change and change back, or to the very end; kept out of ratios.");
  if (u->warming) paragraph(t, 2, "> its measured iterations still become faster: more warm-up would be right.");
  if (u->slowing) paragraph(t, 2, "< its measured iterations become slower, and stay so.");
  if (u->planted)
    paragraph(t, 2, "+ planted: made slower or larger on purpose, to see whether that is found; no measurement of a strategy.");
  if (u->factor)
    paragraph(t, 2,
              u->declared ? "heap: 1x is the live bytes that the workload declares, where its smallest heap was not searched for."
                          : "heap: 1x is the smallest heap in which mark-sweep completes the cell.");
  if (u->floor)
    paragraph(
        t, 2,
        "+ behind a heap's factor: the least heap, 4 MiB for each thread, is more than that; the bytes are in summary.csv.");
  if (u->peak_factor)
    paragraph(t, 2, "(1.2x) under heap: the strategy obeys no limit; what its peak RSS added to an empty heap was 1.2 times 1x.");
  if (u->na_heap) paragraph(t, 2, "n/a under heap: the strategy obeys no heap limit.");
  if (u->na_gc) paragraph(t, 2, "n/a under GC: no collector, or one whose CPU time is not known apart from the mutators'.");
  if (u->na_pause) paragraph(t, 2, "n/a under pause: no pause was recorded.");
  if (u->na_leaked) paragraph(t, 2, "n/a under leaked: the strategy cannot count what it never reclaimed.");
  if (u->na_memory) paragraph(t, 2, "n/a under CPU, RSS or live: not recorded on this machine or for this strategy.");
}

static json_int_t planned(const struct campaign *c, const char *key) {
  return json_integer_value(json_object_get(json_object_get(c->json, "plan"), key));
}

/* Invocations of a cell beyond its blocks are those of blocks that were run once more. */
static int most_repeats(const struct campaign *c) {
  int most = 0;
  for (int i = 0; i < c->ncells; i++)
    if (c->cell[i]->invocations - c->cell[i]->blocks > most) most = c->cell[i]->invocations - c->cell[i]->blocks;
  return most;
}

static const char *plural(int n) { return n == 1 ? "" : "s"; }

static void print_title(const struct table *t) {
  const struct campaign *c = t->campaign;
  int blocks = (int)planned(c, "blocks"), iterations = (int)planned(c, "iterations"), more = most_repeats(c);
  char *title = report_format("campaign %s: %d cell%s", *c->name ? c->name : "without a name", c->ncells, plural(c->ncells));
  int done = 0;
  for (int i = 0; i < c->ncells; i++)
    if (c->cell[i]->blocks > done) done = c->cell[i]->blocks;
  char *so_far = json_is_false(json_object_get(c->json, "finished")) && done < blocks ? report_format("%d of ", done)
                                                                                      : report_format("%s", "");
  char *repeated = more > 0 ? report_format(" and %d run once more", more) : report_format("%s", "");
  if (blocks > 0 && iterations > 0)
    paragraph(t, 2, "%s, %s%d block%s%s, %d measured iteration%s per invocation", title, so_far, blocks, plural(blocks), repeated,
              iterations, plural(iterations));
  else
    paragraph(t, 2, "%s", title);
  free(title);
  free(so_far);
  free(repeated);
}

static void warn_of_plants(const struct table *t) {
  int n = 0;
  for (int i = 0; i < t->campaign->ncells; i++) n += *t->campaign->cell[i]->plant != 0;
  if (n)
    paragraph(t, 2, "warning: %d cell%s made slower or larger on purpose; no number of them is to be quoted.", n,
              n == 1 ? " was" : "s were");
}

static void print_warnings(const struct table *t) {
  size_t i;
  json_t *w;
  json_array_foreach(json_object_get(t->campaign->json, "warnings"), i, w) {
    const char *text = json_is_object(w) ? json_string_value(json_object_get(w, "message")) : json_string_value(w);
    if (text) paragraph(t, 2, "warning: %s", text);
  }
  warn_of_plants(t);
  if (json_is_false(json_object_get(t->campaign->json, "finished")))
    paragraph(
        t, 2,
        "warning: the campaign is not finished; its numbers are of the blocks so far. `run --resume` with its folder goes on.");
}

void table_print(const struct campaign *c, const struct table_style *style, FILE *out) {
  struct table t = {.campaign = c, .style = style, .out = out, .width = style->width};
  if (t.width < TABLE_MIN_WIDTH) t.width = TABLE_MIN_WIDTH;
  t.grid = report_grow(NULL, (size_t)c->ngroups, sizeof *t.grid);
  memset(t.grid, 0, (size_t)c->ngroups * sizeof *t.grid);
  fit(&t);
  print_title(&t);
  for (int i = 0; i < c->ngroups; i++) print_group(&t, i);
  print_legend(&t);
  print_warnings(&t);
  drop_grids(&t);
  free(t.grid);
}
