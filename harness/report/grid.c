/* grid.c: from the numbers of a group to the texts of its rows. See grid.h. */
#include "harness/report/grid.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct maker {
  const struct group *group;
  const struct detail *detail;
  struct grid *grid;
  struct grid_used *used;
  struct scale rate, ratio, cpu, rss, live;
  char **variant; /* the distinct differences between rows that the columns cannot tell apart, as "name=value ..." */
  int nvariants;
};

/* --- Scales: one per column and group ------------------------------------------------------------------------------------ */

struct extent {
  double smallest, largest;
};

static void reach(struct extent *e, double v) {
  if (!(v > 0)) return;
  e->smallest = fmin(e->smallest, v);
  e->largest = fmax(e->largest, v);
}

static void choose_scales(struct maker *m) {
  struct extent rate = {NAN, NAN}, ratio = rate, cpu = rate, rss = rate, live = rate;
  for (int i = 0; i < m->group->ncells; i++) {
    const struct cell *c = m->group->cell[i];
    reach(&rate, c->throughput.mid);
    reach(&ratio, c->ratio.mid);
    reach(&cpu, c->cpu_s);
    reach(&rss, c->rss_mean_bytes);
    reach(&rss, c->rss_peak_bytes);
    reach(&live, c->live_bytes);
  }
  m->rate = units_scale(UNITS_COUNT, rate.smallest, rate.largest, m->detail->ends ? 4 : 3);
  m->ratio = units_scale(UNITS_PLAIN, ratio.smallest, ratio.largest, 3);
  m->cpu = units_scale(UNITS_PLAIN, cpu.smallest, cpu.largest, 3);
  m->rss = units_scale(UNITS_BYTES, rss.smallest, rss.largest, m->detail->memory_digits);
  m->live = units_scale(UNITS_BYTES, live.smallest, live.largest, m->detail->memory_digits);
}

/* --- Rows that differ in what has no column -------------------------------------------------------------------------------- */

static const char *find_pair(const char *list, const char *name, size_t length) {
  for (const char *p = list; p && *p; p = strchr(p, ';'), p = p ? p + 1 : NULL)
    if (!strncmp(p, name, length) && p[length] == '=') return p;
  return NULL;
}

static bool same_place(const struct cell *x, const struct cell *y) {
  static const enum axis shown[] = {AXIS_STRATEGY, AXIS_THREADS, AXIS_ALLOCATOR, AXIS_HEAP};
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
    if (x->rank[shown[i]] != y->rank[shown[i]]) return false;
  return true;
}

static bool differs(const struct group *g, const struct cell *c, enum axis a) {
  for (int i = 0; i < g->ncells; i++)
    if (same_place(c, g->cell[i]) && c->rank[a] != g->cell[i]->rank[a]) return true;
  return false;
}

/* Whether the tunable at `pair` ("name=value;...") has another value in a row that looks the same. */
static bool tunable_differs(const struct group *g, const struct cell *c, const char *pair, size_t name, size_t length) {
  for (int i = 0; i < g->ncells; i++) {
    if (!same_place(c, g->cell[i])) continue;
    const char *other = find_pair(g->cell[i]->axis[AXIS_TUNABLES], pair, name);
    if (!other || strncmp(other, pair, length) || (other[length] && other[length] != ';')) return true;
  }
  return false;
}

/* "nursery=1048576 pinning=scatter": what tells this cell from others that look the same; "" for most. Owned by the caller. */
static char *difference(const struct group *g, const struct cell *c) {
  char *text = report_format("%s", ""), *more;
  for (const char *p = c->axis[AXIS_TUNABLES]; *p;) {
    size_t length = strcspn(p, ";"), name = strcspn(p, "=;");
    if (tunable_differs(g, c, p, name, length)) {
      more = report_format("%s%s%.*s", text, *text ? " " : "", (int)length, p);
      free(text);
      text = more;
    }
    p += length + (p[length] == ';');
  }
  static const enum axis hidden[] = {AXIS_COLLECTOR_THREADS, AXIS_PINNING, AXIS_SIDE};
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
    if (!differs(g, c, hidden[i])) continue;
    more = report_format("%s%s%s=%s", text, *text ? " " : "", axis_column[hidden[i]], c->axis[hidden[i]]);
    free(text);
    text = more;
  }
  return text;
}

/* 1, 2, ... for the distinct differences of the group; 0 for none. */
static int variant_of(struct maker *m, const struct cell *c) {
  char *text = difference(m->group, c);
  int i = 0;
  while (i < m->nvariants && strcmp(m->variant[i], text)) i++;
  if (!*text || i < m->nvariants) {
    bool none = !*text;
    free(text);
    return none ? 0 : i + 1;
  }
  m->variant = report_grow(m->variant, (size_t)m->nvariants + 1, sizeof *m->variant);
  m->variant[m->nvariants++] = text;
  return i + 1;
}

/* --- Notes ------------------------------------------------------------------------------------------------------------------- */

/* The mark of a note with this text (owned, consumed); equal texts share one: a, b, ... z, a1, b1, ... */
static const char *note(struct maker *m, char *text) {
  struct grid *g = m->grid;
  for (int i = 0; i < g->nnotes; i++)
    if (!strcmp(g->note[i].text, text)) {
      free(text);
      return g->note[i].mark;
    }
  g->note = report_grow(g->note, (size_t)g->nnotes + 1, sizeof *g->note);
  struct grid_note *n = &g->note[g->nnotes];
  int i = g->nnotes++;
  if (i < 26)
    snprintf(n->mark, sizeof n->mark, "%c", 'a' + i);
  else
    snprintf(n->mark, sizeof n->mark, "%c%d", 'a' + i % 26, i / 26);
  n->text = text;
  return n->mark;
}

/* --- Texts of one row -------------------------------------------------------------------------------------------------------- */

/* Copies a name, cut to `width` columns where it is longer. */
static void put_name(char out[GRID_TEXT], const char *name, int width, bool utf8) {
  int n = 0, at = 0;
  if (units_width(name) <= width) width++; /* it fits: the loop below never cuts */
  for (; name[at] && at < 56; at++) {
    if (((unsigned char)name[at] & 0xc0) != 0x80 && ++n >= width) break;
    out[at] = iscntrl((unsigned char)name[at]) ? '?' : name[at];
  }
  strcpy(out + at, !name[at] ? "" : utf8 ? "…" : "~");
}

/* A malloc given as a path goes by the library's name. */
static const char *short_allocator(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash && slash[1] ? slash + 1 : name;
}

bool grid_constant(const struct group *g, enum axis a) {
  for (int i = 1; i < g->ncells; i++)
    if (g->cell[i]->rank[a] != g->cell[0]->rank[a]) return false;
  return true;
}

const char *grid_heap(const struct cell *c, char out[UNITS_TEXT]) {
  const char *policy = c->axis[AXIS_HEAP];
  if (c->ninvocations > 0 && strcmp(policy, "grow") && !*c->heap_limit) {
    if (!(c->peak_factor > 0)) return strcpy(out, "n/a");
    snprintf(out, UNITS_TEXT, c->peak_factor < 9.95 ? "(%.1fx)" : "(%.3gx)", c->peak_factor);
    return out;
  }
  if (*policy && !policy[strspn(policy, "0123456789")]) return units_write_own(UNITS_BYTES, strtod(policy, NULL), 3, out);
  /* The least heap that there is may be more than the factor asks for. */
  double base = strtod(c->heap_base_bytes, NULL), limit = strtod(c->heap_limit, NULL);
  bool more = strchr(policy, 'x') && base > 0 && limit > 1.01 * base * strtod(policy, NULL);
  snprintf(out, UNITS_TEXT, "%.16s%s", policy, more ? "+" : "");
  return out;
}

/* The wider side of the interval, in per cent of the estimate. */
static double half_width(const struct stats_interval *v) { return 100 * fmax(v->hi / v->mid - 1, 1 - v->lo / v->mid); }

static void put_interval(struct maker *m, char out[GRID_TEXT], const struct stats_interval *v, const struct scale *s) {
  char lo[UNITS_TEXT], hi[UNITS_TEXT];
  bool range = v->kind == STATS_RANGE;
  m->used->interval |= v->kind == STATS_INTERVAL;
  m->used->range |= range;
  m->used->single |= v->n == 1;
  if (v->kind == STATS_NONE) {
    strcpy(out, v->n == 1 ? "n=1" : "");
  } else if (m->detail->ends) {
    units_write(s, v->lo, lo);
    units_write(s, v->hi, hi);
    snprintf(out, GRID_TEXT, range ? "{%.28s, %.28s}" : "[%.28s, %.28s]", lo, hi);
  } else {
    double half = half_width(v);
    const char *sign = m->detail->utf8 ? "±" : "+-";
    const char *tail = m->detail->intervals && m->detail->ranges ? (range ? "r" : " ") : "";
    if (half >= 99.5)
      snprintf(out, GRID_TEXT, "%s>99%%%s", sign, tail);
    else
      snprintf(out, GRID_TEXT, "%s%.*f%%%s", sign, half < 9.95 ? 1 : 0, half, tail);
  }
}

static void put_axes(struct maker *m, struct grid_row *r, const struct cell *c) {
  char name[GRID_TEXT], heap[UNITS_TEXT];
  int variant = variant_of(m, c), width = m->detail->label_width;
  if (variant) {
    char tail[16], head[GRID_TEXT];
    snprintf(tail, sizeof tail, "#%d", variant);
    put_name(head, c->axis[AXIS_STRATEGY], width - (int)strlen(tail), m->detail->utf8);
    snprintf(name, sizeof name, "%.60s%s", head, tail);
  }
  put_name(r->text[G_STRATEGY], variant ? name : c->axis[AXIS_STRATEGY], width, m->detail->utf8);
  put_name(r->text[G_THREADS], c->axis[AXIS_THREADS], 6, m->detail->utf8);
  if (!m->detail->hide_allocator)
    put_name(r->text[G_ALLOCATOR], short_allocator(c->axis[AXIS_ALLOCATOR]), width, m->detail->utf8);
  if (m->detail->hide_heap) return;
  put_name(r->text[G_HEAP], grid_heap(c, heap), 10, m->detail->utf8);
  m->used->na_heap |= !strcmp(heap, "n/a");
  m->used->peak_factor |= *heap == '(';
  m->used->floor |= strchr(heap, '+') != NULL;
  m->used->factor |= strchr(heap, 'x') != NULL;
  m->used->declared |= strchr(heap, 'x') && !strcmp(c->heap_base, "declared");
}

static void put_ratio(struct maker *m, struct grid_row *r, const struct cell *c) {
  char text[UNITS_TEXT];
  if (c->ratio.n == 0) {
    strcpy(r->text[G_RATIO], "n/a");
    return;
  }
  strcpy(r->text[G_RATIO], units_write(&m->ratio, c->ratio.mid, text));
  if (c->baseline == c) {
    strcpy(r->text[G_RATIO_CI], "base");
    r->tone[G_RATIO_CI] = TONE_DIM;
    return;
  }
  put_interval(m, r->text[G_RATIO_CI], &c->ratio, &m->ratio);
  if (c->ratio.kind != STATS_INTERVAL) return;
  enum tone tone = c->ratio.lo > 1 ? TONE_GOOD : c->ratio.hi < 1 ? TONE_BAD : TONE_PLAIN;
  r->tone[G_RATIO] = r->tone[G_RATIO_CI] = tone;
}

/* Exact up to six digits. */
static void put_leaked(char out[GRID_TEXT], double objects) {
  char t[UNITS_TEXT];
  if (objects < 1e6)
    snprintf(out, GRID_TEXT, "%.0f", objects);
  else
    strcpy(out, units_write_own(UNITS_COUNT, objects, 3, t));
}

static void put_numbers(struct maker *m, struct grid_row *r, const struct cell *c) {
  char t[UNITS_TEXT];
  strcpy(r->text[G_RATE], units_write(&m->rate, c->throughput.mid, t));
  put_interval(m, r->text[G_RATE_CI], &c->throughput, &m->rate);
  put_ratio(m, r, c);
  strcpy(r->text[G_CPU], units_write(&m->cpu, c->cpu_s, t));
  strcpy(r->text[G_MEAN], units_write(&m->rss, c->rss_mean_bytes, t));
  strcpy(r->text[G_PEAK], units_write(&m->rss, c->rss_peak_bytes, t));
  strcpy(r->text[G_LIVE], units_write(&m->live, c->live_bytes, t));
  strcpy(r->text[G_GC], units_write_share(c->collector_cpu_share, t));
  strcpy(r->text[G_PAUSE], units_write_own(UNITS_TIME, c->pause_max_ns, 2, t));
  put_leaked(r->text[G_LEAKED], c->leaked_objects);
  m->used->na_gc |= isnan(c->collector_cpu_share);
  m->used->na_pause |= isnan(c->pause_max_ns);
  m->used->na_memory |= isnan(c->cpu_s + c->rss_mean_bytes + c->rss_peak_bytes + c->live_bytes);
  m->used->na_leaked |= isnan(c->leaked_objects);
  for (int i = G_CPU; i < G_STATUS; i++)
    if (!strcmp(r->text[i], "n/a")) r->tone[i] = TONE_DIM;
}

/* "ok", or what happened; then ~ and ! for circumstances, and the marks of notes. */
static void put_status(struct maker *m, struct grid_row *r, const struct cell *c) {
  bool ok = !strcmp(c->status, "ok"), uncollected = !strcmp(c->status, "uncollected");
  char word[56], marks[8] = "", notes[24] = "";
  int times = c->failed ? c->failed : c->uncollected;
  if (ok || !m->detail->status_words)
    snprintf(word, sizeof word, "%s", ok ? "ok" : "");
  else if (times < c->ninvocations)
    snprintf(word, sizeof word, "%.24s %d/%d", c->status, times, c->ninvocations);
  else
    snprintf(word, sizeof word, "%.24s", c->status);
  if (c->control_poor) strcat(marks, "~");
  if (c->oversubscribed) strcat(marks, "!");
  if (!cell_steady(c)) strcat(marks, "?");
  if (!strcmp(c->steady, "warming")) strcat(marks, ">");
  if (!strcmp(c->steady, "slowing")) strcat(marks, "<");
  if (*c->plant) strcat(marks, "+");
  if (!ok && (*c->reason || !m->detail->status_words))
    snprintf(notes, sizeof notes, "[%s]", note(m, report_format("%s%s%s", c->status, *c->reason ? ": " : "", c->reason)));
  else if (ok && *c->reason)
    snprintf(notes, sizeof notes, "[%s]",
             note(m, report_format("%s%s", c->reason,
                                   strncmp(c->reason, "leaks by nature", 15) ? "" : "; one iteration is measured")));
  else if (c->collected && c->no_ratio)
    snprintf(notes, sizeof notes, "[%s]", note(m, report_format("no ratio: %s", c->no_ratio)));
  snprintf(r->text[G_STATUS], sizeof r->text[G_STATUS], "%s%s%s%s", word, marks, (*word || *marks) && *notes ? " " : "", notes);
  r->tone[G_STATUS] = c->failed ? TONE_BAD : !ok || *marks ? TONE_WARN : TONE_PLAIN;
  m->used->uncollected |= uncollected;
  m->used->poor |= c->control_poor > 0;
  m->used->oversubscribed |= c->oversubscribed;
  m->used->unsteady |= !cell_steady(c);
  m->used->warming |= !strcmp(c->steady, "warming");
  m->used->slowing |= !strcmp(c->steady, "slowing");
  m->used->planted |= *c->plant != 0;
}

/* A cell without a single number keeps its row, and its reason stands where the numbers would. */
static void put_failure(struct maker *m, struct grid_row *r, const struct cell *c) {
  bool long_reason = units_width(c->status) + 2 + units_width(c->reason) > m->detail->span_room;
  const char *mark = long_reason ? note(m, report_format("%s: %s", c->status, c->reason)) : NULL;
  strcpy(r->text[G_RATE], "n/a");
  if (mark)
    r->span = report_format("%s [%s]", c->status, mark);
  else
    r->span = report_format("%s%s%s", c->status, *c->reason ? ": " : "", c->reason);
  enum tone tone = c->failed ? TONE_BAD : TONE_DIM;
  r->tone[G_RATE] = r->tone[G_RATE_CI] = tone;
}

/* --- Headings ---------------------------------------------------------------------------------------------------------------- */

static void put_headings(struct maker *m) {
  struct grid *g = m->grid;
  char rate[24], rss[24];
  bool wide = m->detail->gap > 1;
  const char *interval = m->detail->intervals || !m->detail->ranges ? "95 %" : "range";
  snprintf(rate, sizeof rate, "%sops/s", units_name(&m->rate));
  snprintf(rss, sizeof rss, "RSS %s", units_name(&m->rss));
  const char *head[G_COLUMNS][2] = {
      [G_STRATEGY] = {"", "strategy"},
      [G_THREADS] = {"", wide ? "threads" : "thr"},
      [G_ALLOCATOR] = {"", m->detail->hide_allocator ? ""
                           : wide                    ? "allocator"
                                                     : "alloc"},
      [G_HEAP] = {"", m->detail->hide_heap ? "" : "heap"},
      [G_RATE] = {"throughput", rate},
      [G_RATE_CI] = {"", interval},
      [G_RATIO] = {"", "ratio"},
      [G_RATIO_CI] = {"", interval},
      [G_CPU] = {"CPU", "s"},
      [G_MEAN] = {rss, "mean"},
      [G_PEAK] = {"", "peak"},
      [G_LIVE] = {"live", units_name(&m->live)},
      [G_GC] = {"GC", "%"},
      [G_PAUSE] = {wide ? "longest" : "max", "pause"},
      [G_LEAKED] = {"leaked", wide ? "objects" : "objs"},
      [G_STATUS] = {"", "status"},
  };
  for (int i = 0; i < G_COLUMNS; i++)
    for (int line = 0; line < 2; line++) snprintf(g->head[line][i], sizeof g->head[line][i], "%s", head[i][line]);
}

void grid_make(const struct group *group, const struct detail *detail, struct grid *grid, struct grid_used *used) {
  *grid = (struct grid){.row = report_grow(NULL, (size_t)group->ncells, sizeof *grid->row), .nrows = group->ncells};
  struct maker m = {.group = group, .detail = detail, .grid = grid, .used = used};
  choose_scales(&m);
  put_headings(&m);
  for (int i = 0; i < group->ncells; i++) {
    const struct cell *c = group->cell[i];
    struct grid_row *r = &grid->row[i];
    *r = (struct grid_row){0};
    put_axes(&m, r, c);
    if (c->used == 0)
      put_failure(&m, r, c);
    else {
      put_numbers(&m, r, c);
      put_status(&m, r, c);
    }
  }
  for (int i = 0; i < m.nvariants; i++) {
    grid->note = report_grow(grid->note, (size_t)grid->nnotes + 1, sizeof *grid->note);
    struct grid_note *n = &grid->note[grid->nnotes++];
    snprintf(n->mark, sizeof n->mark, "#%d", i + 1);
    n->text = m.variant[i];
  }
  free(m.variant);
}

void grid_free(struct grid *g) {
  for (int i = 0; i < g->nrows; i++) free(g->row[i].span);
  for (int i = 0; i < g->nnotes; i++) free(g->note[i].text);
  free(g->row);
  free(g->note);
  *g = (struct grid){0};
}
