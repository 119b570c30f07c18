/* judge.c: from two cells to a ratio and a verdict, and from all of them to one. See compare.h. */
#include "harness/compare/compare.h"
#include "harness/compare/facets.h"
#include "harness/report/pairs.h"
#include "harness/stats/decide.h"
#include "harness/stats/two-sample.h"

#include "harness/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Whether there can be a ratio ---------------------------------------------------------------------------------------------------- */

static const char *side_name(const struct comparison *c, const struct match *m, bool base) {
  return c->value[base ? 0 : m->value];
}

static char *because(const char *side, const char *what, const char *reason) {
  return sweep_format("%s: %s%s%s", side, what, *reason ? ": " : "", reason);
}

/* What rules a ratio out whatever the metric: VERDICT_SAME where nothing does. *why is owned by the caller. */
static enum verdict side_verdict(const struct cell *cell, const char *side, char **why) {
  if (cell->collected) {
    if (cell_steady(cell)) return VERDICT_SAME;
    return *why = because(side, "no steady state", ""), VERDICT_UNSTEADY;
  }
  *why = because(side, cell->status, cell->reason);
  if (!strcmp(cell->status, "not-applicable")) return VERDICT_NOT_APPLICABLE;
  if (!strcmp(cell->status, "not-run")) return VERDICT_NOT_RUN;
  if (!strcmp(cell->status, "no-value")) return VERDICT_UNRECORDED;
  return cell->failed ? VERDICT_FAILED : VERDICT_UNCOLLECTED;
}

static enum verdict match_verdict(const struct comparison *c, const struct match *m, char **why) {
  *why = NULL;
  enum verdict v = side_verdict(m->base, side_name(c, m, true), why);
  if (v == VERDICT_SAME) v = side_verdict(m->other, side_name(c, m, false), why);
  if (v != VERDICT_SAME) return v;
  bool scaling = c->by && facet_axis(c->by) == AXIS_THREADS;
  if (!scaling || (!m->base->oversubscribed && !m->other->oversubscribed)) return VERDICT_SAME;
  *why = because(side_name(c, m, m->base->oversubscribed), "more threads than CPUs are no scaling figure", "");
  return VERDICT_OVERSUBSCRIBED;
}

/* --- Values of a match ---------------------------------------------------------------------------------------------------------------- */

static double one(const struct invocation *v) { return v ? 1 : NAN; }

/* What there is of a metric, as logarithms. With pairs x holds differences, and y is not used; `where` tells each one's block. */
struct sample {
  double *x, *y;
  const struct invocation **where;
  int nx, ny;
  int lost, zeros, all;
};

static void sample_free(struct sample *s) {
  free(s->x);
  free(s->y);
  free(s->where);
}

static struct sample sample_pairs(const struct match *m, const struct metric *k) {
  size_t room = (size_t)m->other->ninvocations + 1;
  struct sample s = {.x = sweep_alloc(room, sizeof *s.x), .where = sweep_alloc(room, sizeof *s.where)};
  struct pair *pair = sweep_alloc(room, sizeof *pair);
  s.all = pairs_form(m->other, m->base, one, pair);
  for (int i = 0; i < s.all; i++) {
    double a = k->value(pair[i].a), b = k->value(pair[i].b);
    s.zeros += a == 0 || b == 0;
    s.x[s.nx] = log(a) - log(b);
    s.where[s.nx] = pair[i].a;
    s.nx += a > 0 && b > 0;
  }
  s.lost = s.all - s.nx - s.zeros;
  free(pair);
  return s;
}

static int gather(const struct cell *cell, const struct metric *k, double *x, const struct invocation **where, struct sample *s) {
  int n = 0;
  for (int i = 0; i < cell->ninvocations; i++) {
    const struct invocation *v = &cell->invocation[i];
    if (!invocation_is(v, "ok")) continue;
    double a = k->value(v);
    s->all++;
    s->zeros += a == 0;
    x[n] = log(a);
    if (where) where[n] = v;
    n += a > 0;
  }
  return n;
}

static struct sample sample_both(const struct match *m, const struct metric *k) {
  struct sample s = {.x = sweep_alloc((size_t)m->other->ninvocations + 1, sizeof *s.x),
                     .y = sweep_alloc((size_t)m->base->ninvocations + 1, sizeof *s.y)};
  s.nx = gather(m->other, k, s.x, NULL, &s);
  s.ny = gather(m->base, k, s.y, NULL, &s);
  s.lost = s.all - s.nx - s.ny - s.zeros;
  return s;
}

/* --- Ratio, p, verdict ------------------------------------------------------------------------------------------------------------------- */

/* Two-sided, by the test whose inversion is the interval: at most 0.05 exactly where the 95 % interval leaves 1 out. */
static double two_sided(double above, double below) { return fmin(1, 2 * fmin(above, below)); }

static double p_of_pairs(double *x, int n) {
  double above = stats_signed_rank_above(x, n, 0);
  for (int i = 0; i < n; i++) x[i] = -x[i];
  double below = stats_signed_rank_above(x, n, 0);
  for (int i = 0; i < n; i++) x[i] = -x[i];
  return two_sided(above, below);
}

static double p_of_samples(double *x, int n, double *y, int m) {
  return two_sided(stats_rank_sum_above(x, n, y, m), stats_rank_sum_above(y, m, x, n));
}

static enum verdict verdict_of(const struct stats_interval *r) {
  if (r->kind != STATS_INTERVAL) return VERDICT_FEW;
  return r->hi < 1 ? VERDICT_LESS : r->lo > 1 ? VERDICT_MORE : VERDICT_SAME;
}

/* Sorts x and y. */
static enum verdict estimate(bool paired, double *x, int n, double *y, int m, struct stats_interval *ratio, double *p) {
  *ratio = paired ? stats_hodges_lehmann_log(x, n, REPORT_LEVEL) : stats_shift_log(x, n, y, m, REPORT_LEVEL);
  *p = ratio->kind != STATS_INTERVAL ? NAN : paired ? p_of_pairs(x, n) : p_of_samples(x, n, y, m);
  return verdict_of(ratio);
}

static void judge_metric(const struct comparison *c, const struct match *m, const struct metric *k, struct outcome *o) {
  bool paired = c->ncampaigns == 1;
  struct sample s = paired ? sample_pairs(m, k) : sample_both(m, k);
  o->lost = s.lost;
  o->n[0] = paired ? s.nx : s.ny, o->n[1] = s.nx;
  if (!s.all) {
    o->verdict = VERDICT_NO_PAIR;
    o->why = sweep_format("no block has both");
  } else if (s.zeros) {
    o->verdict = VERDICT_ZEROS;
    o->why = sweep_format("in %d of %d %s it is 0 on a side", s.zeros, s.all, paired ? "pairs" : "invocations");
  } else if (!s.nx || (!paired && !s.ny)) {
    o->verdict = VERDICT_UNRECORDED;
    o->why = sweep_format("it is not recorded on %s", s.lost == s.all && !paired ? "either side" : "a side");
  } else {
    o->verdict = estimate(paired, s.x, s.nx, s.y, s.ny, &o->ratio, &o->p);
  }
  sample_free(&s);
}

static const struct stats_interval no_ratio = {NAN, NAN, NAN, NAN, 0, STATS_NONE};

static void judge_match(const struct comparison *c, struct match *m) {
  char *why;
  enum verdict all = match_verdict(c, m, &why);
  for (int k = 0; k < METRICS; k++) {
    struct outcome *o = &m->outcome[k];
    *o = (struct outcome){.ratio = no_ratio, .p = NAN, .adjusted = NAN, .verdict = all};
    if (!c->chosen[k]) continue;
    if (all == VERDICT_SAME)
      judge_metric(c, m, &metrics[k], o);
    else
      o->why = sweep_strdup(why);
  }
  free(why);
}

/* --- Circumstances ------------------------------------------------------------------------------------------------------------------------ */

static unsigned marks_of(const struct cell *cell) {
  unsigned marks = 0;
  if (cell->control_poor) marks |= MARK_POOR;
  if (cell->oversubscribed) marks |= MARK_OVERSUBSCRIBED;
  if (!strcmp(cell->steady, "warming")) marks |= MARK_WARMING;
  if (!strcmp(cell->steady, "slowing")) marks |= MARK_SLOWING;
  if (*cell->plant) marks |= MARK_PLANTED;
  return marks;
}

static bool differ(double a, double b) { return isfinite(a) && isfinite(b) && a != b; }

static void add_note(char **note, char *text) {
  if (!*note) {
    *note = text;
    return;
  }
  char *both = sweep_format("%s; %s", *note, text);
  free(*note);
  free(text);
  *note = both;
}

/* What happened to a side beyond the invocations that are compared. */
static void note_side(struct match *m, const struct cell *cell, const char *side) {
  if (cell->failed && cell->collected)
    add_note(&m->note, sweep_format("%s: %s %s; the others may be the lucky ones", side, cell->status, cell->reason));
  else if (cell->uncollected && cell->collected)
    add_note(&m->note, sweep_format("%s: %d of %d invocations collected too little, and are left out", side, cell->uncollected,
                                    cell->invocations));
  if (*cell->plant) add_note(&m->note, sweep_format("%s: planted %s", side, cell->plant));
}

static int measured_in_each(const struct cell *cell) {
  for (int i = 0; i < cell->ninvocations; i++)
    if (invocation_is(&cell->invocation[i], "ok")) return cell->invocation[i].measured;
  return 0;
}

static void note_match(const struct comparison *c, struct match *m) {
  m->marks = marks_of(m->base) | marks_of(m->other);
  if (differ(m->base->leaked_objects, m->other->leaked_objects)) m->marks |= MARK_LEAKS;
  if (c->ncampaigns == 2 && strcmp(m->base->heap_limit, m->other->heap_limit)) {
    m->marks |= MARK_HEAP;
    add_note(&m->note,
             sweep_format("the heap is %s bytes in one and %s in the other", m->base->heap_limit, m->other->heap_limit));
  }
  int base = measured_in_each(m->base), other = measured_in_each(m->other);
  if (base && other && base != other)
    add_note(&m->note, sweep_format("measured iterations in a process: %s has %d and %s %d", side_name(c, m, true), base,
                                    side_name(c, m, false), other));
  note_side(m, m->base, side_name(c, m, true));
  note_side(m, m->other, side_name(c, m, false));
  if (c->ncampaigns == 1 && m->base->collected && m->other->collected && m->base->blocks != m->other->blocks)
    add_note(&m->note, sweep_format("%s ran in %d blocks and %s in %d", side_name(c, m, true), m->base->blocks,
                                    side_name(c, m, false), m->other->blocks));
}

/* --- All matches together ------------------------------------------------------------------------------------------------------------------ */

/* A block of a machine, and where its values stand. */
struct block {
  const char *machine, *block;
};

struct blocks {
  struct block *at;
  int n;
};

static int block_of(struct blocks *b, const struct invocation *v) {
  for (int i = b->n - 1; i >= 0; i--)
    if (!strcmp(b->at[i].block, v->block) && !strcmp(b->at[i].machine, v->machine)) return i;
  *sweep_push(b->at, b->n) = (struct block){v->machine, v->block};
  return b->n - 1;
}

/* One value per block of one cell: the mean over the passes of that block; NAN where it has none. */
struct line {
  double *mean;
  int *count;
  int room, blocks;
};

static void line_add(struct line *l, int block, double x) {
  if (block >= l->room) {
    int room = block + 64;
    l->mean = sweep_realloc(l->mean, (size_t)room, sizeof *l->mean);
    l->count = sweep_realloc(l->count, (size_t)room, sizeof *l->count);
    for (; l->room < room; l->room++) l->mean[l->room] = 0, l->count[l->room] = 0;
  }
  l->blocks += !l->count[block];
  l->count[block]++;
  l->mean[block] += (x - l->mean[block]) / l->count[block];
}

static void line_free(struct line *l) {
  free(l->mean);
  free(l->count);
}

static bool has_block(const struct line *l, int block) { return block < l->room && l->count[block]; }

/* Means over the lines, in blocks that all of them have: a block without a cell would be one of other cells. */
static int block_means(const struct line *lines, const bool *in, int n, int blocks, double *out) {
  int complete = 0;
  for (int b = 0; b < blocks; b++) {
    double sum = 0;
    int cells = 0;
    bool all = true;
    for (int i = 0; i < n; i++) {
      if (!in[i]) continue;
      all = all && has_block(&lines[i], b);
      if (all) sum += lines[i].mean[b], cells++;
    }
    if (all && cells) out[complete++] = sum / cells;
  }
  return complete;
}

/* The lines of one side (or of differences) for one metric over all matches of a value. */
struct side {
  struct line *line; /* by match; without blocks where it has no ratio */
  struct blocks blocks;
};

static void side_fill(const struct comparison *c, int value, int metric, int which, struct side *s) {
  s->line = sweep_alloc((size_t)c->nmatches, sizeof *s->line);
  for (int i = 0; i < c->nmatches; i++) {
    const struct match *m = &c->match[i];
    if (m->value != value || !verdict_has_ratio(m->outcome[metric].verdict)) continue;
    const struct cell *cell = which == 0 ? m->base : m->other;
    struct sample got;
    if (c->ncampaigns == 1) {
      got = sample_pairs(m, &metrics[metric]);
    } else {
      got = (struct sample){.x = sweep_alloc((size_t)cell->ninvocations + 1, sizeof *got.x),
                            .where = sweep_alloc((size_t)cell->ninvocations + 1, sizeof *got.where)};
      got.nx = gather(cell, &metrics[metric], got.x, got.where, &got);
    }
    for (int j = 0; j < got.nx; j++) line_add(&s->line[i], block_of(&s->blocks, got.where[j]), got.x[j]);
    sample_free(&got);
  }
}

static void side_free(struct side *s, int n) {
  for (int i = 0; i < n; i++) line_free(&s->line[i]);
  free(s->line);
  free(s->blocks.at);
}

/* A cell that has less than half of the blocks that another has would cost all of them their blocks: it is left out instead. */
static int leave_out(const struct side *s, int n, bool *in) {
  int most = 0, out = 0;
  for (int i = 0; i < n; i++) most = s->line[i].blocks > most ? s->line[i].blocks : most;
  for (int i = 0; i < n; i++) {
    if (!in[i] || 2 * s->line[i].blocks >= most) continue;
    in[i] = false;
    out++;
  }
  return out;
}

static void judge_total(struct comparison *c, int value, int metric) {
  struct total *t = &c->total[value * METRICS + metric];
  bool paired = c->ncampaigns == 1, *in = sweep_alloc((size_t)c->nmatches, sizeof *in);
  struct side side[2] = {0};
  double *x[2] = {0};
  int n[2] = {0};
  *t = (struct total){.ratio = no_ratio, .p = NAN, .verdict = VERDICT_NO_PAIR};
  for (int i = 0; i < c->nmatches; i++) {
    enum verdict v = c->match[i].outcome[metric].verdict;
    in[i] = c->match[i].value == value && verdict_has_ratio(v);
  }
  for (int w = 0; w < (paired ? 1 : 2); w++) {
    side_fill(c, value, metric, paired ? 1 : 1 - w, &side[w]); /* the other side first */
    t->left_out += leave_out(&side[w], c->nmatches, in);
  }
  for (int i = 0; i < c->nmatches; i++) {
    enum verdict v = c->match[i].outcome[metric].verdict;
    t->cells += in[i];
    t->less += in[i] && v == VERDICT_LESS, t->more += in[i] && v == VERDICT_MORE, t->same += in[i] && v == VERDICT_SAME;
  }
  for (int w = 0; w < (paired ? 1 : 2); w++) {
    x[w] = sweep_alloc((size_t)side[w].blocks.n + 1, sizeof *x[w]);
    n[w] = block_means(side[w].line, in, c->nmatches, side[w].blocks.n, x[w]);
    side_free(&side[w], c->nmatches);
  }
  if (t->cells && n[0] && (paired || n[1])) t->verdict = estimate(paired, x[0], n[0], x[1], n[1], &t->ratio, &t->p);
  free(x[0]);
  free(x[1]);
  free(in);
}

/* Holm's procedure over all p-values of a metric, those of every other value together. */
static void judge_family(struct comparison *c, int metric) {
  double *p = sweep_alloc((size_t)c->nmatches, sizeof *p), *adjusted = sweep_alloc((size_t)c->nmatches, sizeof *adjusted);
  bool *rejected = sweep_alloc((size_t)c->nmatches, sizeof *rejected);
  struct outcome **of = sweep_alloc((size_t)c->nmatches, sizeof *of);
  int n = 0;
  for (int i = 0; i < c->nmatches; i++) {
    struct outcome *o = &c->match[i].outcome[metric];
    if (isnan(o->p)) continue;
    of[n] = o;
    p[n++] = o->p;
    c->beyond[metric] += o->verdict != VERDICT_SAME;
  }
  c->family[metric] = n;
  c->hold[metric] = n ? stats_holm(p, n, COMPARE_ALPHA, rejected, adjusted) : 0;
  for (int i = 0; i < n; i++) of[i]->adjusted = adjusted[i];
  free(p);
  free(adjusted);
  free(rejected);
  free(of);
}

void compare_judge(struct comparison *c) {
  for (int i = 0; i < c->nmatches; i++) {
    judge_match(c, &c->match[i]);
    note_match(c, &c->match[i]);
  }
  c->total = sweep_alloc((size_t)c->nvalues * METRICS, sizeof *c->total);
  for (int k = 0; k < METRICS; k++) {
    if (!c->chosen[k]) continue;
    judge_family(c, k);
    for (int v = 1; v < c->nvalues; v++) judge_total(c, v, k);
  }
}

/* --- Words ----------------------------------------------------------------------------------------------------------------------------------- */

bool verdict_has_ratio(enum verdict v) { return v <= VERDICT_FEW; }

const char *verdict_word(enum verdict v, const struct metric *k) {
  static const char *const words[VERDICTS] = {
      [VERDICT_SAME] = "no difference shown",
      [VERDICT_FEW] = "too few pairs",
      [VERDICT_FAILED] = "failed",
      [VERDICT_UNCOLLECTED] = "uncollected",
      [VERDICT_UNSTEADY] = "unsteady",
      [VERDICT_NOT_APPLICABLE] = "not applicable",
      [VERDICT_NOT_RUN] = "not run",
      [VERDICT_OVERSUBSCRIBED] = "oversubscribed",
      [VERDICT_UNRECORDED] = "not recorded",
      [VERDICT_ZEROS] = "has zeros",
      [VERDICT_NO_PAIR] = "no pair",
  };
  return v == VERDICT_LESS ? k->less : v == VERDICT_MORE ? k->more : words[v];
}
