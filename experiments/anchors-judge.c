/* anchors-judge.c: from rows to the table and the verdicts.

   A ratio is formed within blocks, so that both of its sides ran minutes apart at most: the Hodges-Lehmann median of the pairs' log ratios
   with its 95 % interval, or, below six blocks, their range (harness/stats). A claim is reached when the whole interval lies on the good
   side of the bound, missed when none of it does; otherwise, or with a range alone, it is near: the estimate is what there is. */
#include "experiments/anchors.h"

#include "harness/report/campaign.h"
#include "harness/stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPEEDUP_PERCENT = 90 }; /* of the threads: below it, the control did not see all cores */

static bool is_uncollected(const struct row *r) { return !strcmp(r->status, "uncollected"); }
static bool counts(const struct row *r) { return !strcmp(r->status, "ok") || is_uncollected(r); }

static double measured(const struct row *r, enum measure m) {
  double of = m == MEASURE_CPU ? r->cpu_ns : m == MEASURE_WALL ? r->wall_ns : r->collector_wall_ns;
  return of / r->operations;
}

static bool saw_all_cores(const struct row *r) { return r->control_speedup * 100 >= r->threads * SPEEDUP_PERCENT; }

/* One side of a ratio. */
struct side {
  int contender, program, threads;
};

static const struct row *row_of(const struct rows *rows, struct side s, int block) {
  for (int i = 0; i < rows->n; i++) {
    const struct row *r = &rows->row[i];
    if (r->block == block && r->contender == s.contender && r->program == s.program && r->threads == s.threads) return r;
  }
  return NULL;
}

static int last_block(const struct rows *rows) {
  int last = -1;
  for (int i = 0; i < rows->n; i++)
    if (rows->row[i].block > last) last = rows->row[i].block;
  return last;
}

/* a over b. Wall times are compared only where the control of both saw all cores; `poor` (may be NULL): pairs left out for that. */
static struct stats_interval ratio_of(const struct rows *rows, struct side a, struct side b, enum measure m, int *poor) {
  int blocks = last_block(rows) + 1, n = 0, left_out = 0;
  double *x = sweep_alloc((size_t)blocks + 1, sizeof *x);
  for (int k = 0; k < blocks; k++) {
    const struct row *ra = row_of(rows, a, k), *rb = row_of(rows, b, k);
    if (!ra || !rb || !counts(ra) || !counts(rb)) continue;
    if (m != MEASURE_CPU && (!saw_all_cores(ra) || !saw_all_cores(rb))) {
      left_out++;
      continue;
    }
    x[n] = log(measured(ra, m)) - log(measured(rb, m));
    n += isfinite(x[n]);
  }
  struct stats_interval v = stats_hodges_lehmann_log(x, n, REPORT_LEVEL);
  if (poor) *poor = left_out;
  free(x);
  return v;
}

static struct side baseline(const struct table *t, int program, int threads) {
  return (struct side){table_contender(t, t->baseline), program, threads};
}

/* The first status that is no measurement, "" where all are; NULL where there is no row at all. */
static const char *trouble(const struct rows *rows, struct side s) {
  const char *found = NULL;
  for (int i = 0; i < rows->n; i++) {
    const struct row *r = &rows->row[i];
    if (r->contender != s.contender || r->program != s.program || r->threads != s.threads) continue;
    if (counts(r) && !found) found = "";
    if (!counts(r)) return r->status;
  }
  return found;
}

/* Whether the cost of collecting is mostly missing from a row of it: fewer than three collections, of a program that makes garbage. */
static bool lacks_collections(const struct table *t, const struct rows *rows, struct side s) {
  for (int i = 0; i < rows->n && !t->programs[s.program].still; i++) {
    const struct row *r = &rows->row[i];
    if (r->contender == s.contender && r->program == s.program && r->threads == s.threads && is_uncollected(r)) return true;
  }
  return false;
}

static bool leaks(const struct contender *c, const struct program *p) {
  return c->leaks == LEAKS_EVERYTHING || (c->leaks == LEAKS_CYCLES && p->cyclic);
}

/* --- The table -------------------------------------------------------------------------------------------------------------------------- */

static int threads_seen(const struct rows *rows, int *threads) { /* ascending, at most 8 */
  int n = 0;
  for (int t = 1; t <= 64 && n < 8; t++)
    for (int i = 0; i < rows->n; i++)
      if (rows->row[i].threads == t) {
        threads[n++] = t;
        break;
      }
  return n;
}

/* Of the rivals of a kind the one with the least ratio; -1: there is none. What leaks is no rival to what does not. */
static int best_of(const struct table *t, const struct rows *rows, const char *kind, bool may_leak, int program, int threads) {
  int best = -1;
  double least = INFINITY;
  for (int c = 0; c < t->ncontenders; c++) {
    const struct contender *k = &t->contenders[c];
    if (k->strategy || strcmp(k->kind, kind) || (!may_leak && leaks(k, &t->programs[program]))) continue;
    struct stats_interval v =
        ratio_of(rows, (struct side){c, program, threads}, baseline(t, program, threads), MEASURE_CPU, NULL);
    if (v.mid < least) least = v.mid, best = c;
  }
  return best;
}

static const char *short_status(const char *status) {
  static const char *const words[][2] = {{"not-applicable", "n/a"},  {"wrong-checksum", "WRONG"}, {"crashed", "crash"},
                                         {"heap-too-small", "heap"}, {"out-of-memory", "memory"}, {"timeout", "time"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i][0], status)) return words[i][1];
  return status;
}

/* "0.83 4%", with a mark for the best of its kind and one for what leaks. */
static void entry(const struct table *t, const struct rows *rows, struct side s, char *text, size_t room) {
  const struct contender *c = &t->contenders[s.contender];
  const char *status = trouble(rows, s);
  struct stats_interval v = ratio_of(rows, s, baseline(t, s.program, s.threads), MEASURE_CPU, NULL);
  bool leaking = leaks(c, &t->programs[s.program]);
  if (!status || *status || !isfinite(v.mid)) {
    snprintf(text, room, "%s", !status ? "" : *status ? short_status(status) : "-");
    return;
  }
  bool best = !c->strategy && best_of(t, rows, c->kind, leaking, s.program, s.threads) == s.contender;
  char spread[16] = "";
  if (v.kind != STATS_NONE) snprintf(spread, sizeof spread, " %.0f%%", 50 * (v.hi - v.lo) / v.mid);
  snprintf(text, room, "%s%.*f%s%s%s", best ? "*" : "", v.mid < 10 ? 2 : 1, v.mid, leaking ? "L" : "",
           lacks_collections(t, rows, s) ? "u" : "", spread);
}

static void print_row(const struct table *t, const struct rows *rows, int contender, int threads, FILE *out) {
  const struct contender *c = &t->contenders[contender];
  fprintf(out, "  %-24s", c->name);
  for (int p = 0; p < t->nprograms; p++) {
    char text[40];
    if (t->programs[p].extra) continue;
    entry(t, rows, (struct side){contender, p, threads}, text, sizeof text);
    fprintf(out, " %11s", text);
  }
  fputc('\n', out);
}

/* ns of CPU time per operation. */
static void print_absolute(const struct table *t, const struct rows *rows, int threads, FILE *out) {
  fprintf(out, "  %-24s", t->baseline);
  for (int p = 0; p < t->nprograms; p++) {
    if (t->programs[p].extra) continue;
    double x[1024];
    int n = 0;
    for (int k = 0; k <= last_block(rows) && n < 1024; k++) {
      const struct row *r = row_of(rows, baseline(t, p, threads), k);
      if (r && counts(r)) x[n++] = measured(r, MEASURE_CPU);
    }
    stats_sort(x, n);
    char text[32] = "-";
    if (n) snprintf(text, sizeof text, "%.1f ns", stats_median(x, n));
    fprintf(out, " %11s", text);
  }
  fputc('\n', out);
}

static bool has_rows(const struct rows *rows, int contender, int threads) {
  for (int i = 0; i < rows->n; i++)
    if (rows->row[i].contender == contender && rows->row[i].threads == threads && strcmp(rows->row[i].status, "not-applicable"))
      return true;
  return false;
}

void print_table(const struct table *t, const struct rows *rows, FILE *out) {
  int threads[8], n = threads_seen(rows, threads);
  fprintf(out,
          "CPU time per operation over that of %s, medians of %d blocks; beside each half of its %s, in percent.\n"
          "*: the best of its kind. L: leaks all of it, in one measured iteration. u: fewer than three collections, so "
          "that\ntheir cost is hardly in it, and no claim is made. CPU time is that of all threads, collectors' among them.\n",
          t->baseline, last_block(rows) + 1, last_block(rows) + 1 < STATS_INTERVAL_FROM ? "range" : "95 % interval");
  for (int k = 0; k < n; k++) {
    fprintf(out, "\n%d thread%s", threads[k], threads[k] == 1 ? " " : "s");
    fprintf(out, "%*s", 26 - 9, "");
    for (int p = 0; p < t->nprograms; p++)
      if (!t->programs[p].extra) fprintf(out, " %11s", t->programs[p].name);
    fputc('\n', out);
    print_absolute(t, rows, threads[k], out);
    for (int g = 0; g < t->nkinds; g++) {
      bool titled = false;
      for (int c = 0; c < t->ncontenders; c++) {
        if (t->contenders[c].for_check || strcmp(t->contenders[c].kind, t->kinds[g].name) || !has_rows(rows, c, threads[k]))
          continue;
        if (!titled) fprintf(out, "%s\n", t->kinds[g].title);
        titled = true;
        print_row(t, rows, c, threads[k], out);
      }
    }
  }
  bool first = true;
  for (int c = 0; c < t->ncontenders; c++) {
    const struct contender *m = &t->contenders[c];
    if (!m->missing || m->missing == table_not_asked || m->for_check) continue;
    fprintf(out, "%s  %-24s %s\n", first ? "\nNot here:\n" : "", m->name, m->missing);
    first = false;
  }
}

/* --- Verdicts --------------------------------------------------------------------------------------------------------------------------- */

static const char *verdict(const struct stats_interval *v, bool least, double bound) {
  double lo = least ? -v->hi : v->lo, hi = least ? -v->lo : v->hi, at = least ? -bound : bound, mid = least ? -v->mid : v->mid;
  if (v->kind != STATS_INTERVAL) return mid <= at ? "near: reached" : "near: missed";
  if (hi <= at) return "reached";
  return lo > at ? "missed" : mid <= at ? "near: reached" : "near: missed";
}

static void print_claim(FILE *out, const char *name, const struct stats_interval *v, bool least, double bound) {
  char interval[40] = "";
  if (v->kind != STATS_NONE) snprintf(interval, sizeof interval, "[%.2f, %.2f]", v->lo, v->hi);
  fprintf(out, "  %-58s %s %5.2f  %6.2f %-16s %+5.0f%%  %s\n", name, least ? ">=" : "<=", bound, v->mid, interval,
          100 * (least ? bound / v->mid - 1 : v->mid / bound - 1), verdict(v, least, bound));
}

/* What cannot be said is counted, not listed: a run of a few contenders leaves most of it out. */
static int left_out;

/* Whether a claim about this side can be made; otherwise prints why, where that is more than that nobody asked. */
static bool has_side(const struct table *t, const struct rows *rows, struct side s, const char *name, FILE *out) {
  const char *status = trouble(rows, s);
  if (!status) return left_out++, false;
  if (!*status && lacks_collections(t, rows, s)) status = "uncollected";
  if (*status) fprintf(out, "  %-58s %s\n", name, status);
  return !*status;
}

static void print_target(const struct table *t, const struct rows *rows, const struct target *k, int threads, FILE *out) {
  int c = table_contender(t, k->strategy);
  const struct program *p = table_program(t, k->program);
  char name[96];
  snprintf(name, sizeof name, "%s, %s, %d (target %.2f)", k->strategy, k->program, threads, k->value);
  if (c < 0 || !p || t->contenders[c].missing) {
    left_out++;
    return;
  }
  struct side s = {c, (int)(p - t->programs), threads};
  if (!has_side(t, rows, s, name, out)) return;
  struct stats_interval v = ratio_of(rows, s, baseline(t, s.program, threads), MEASURE_CPU, NULL);
  if (isfinite(v.mid)) print_claim(out, name, &v, false, k->value * (1 + t->margin));
}

static void print_targets(const struct table *t, const struct rows *rows, FILE *out) {
  int threads[8], n = threads_seen(rows, threads);
  fprintf(out,
          "\n(a) Each strategy's targets: CPU time over that of %s with as many threads; the bound is the target and %.0f %%\n"
          "  %-58s %8s  %6s %-16s %6s\n",
          t->baseline, 100 * t->margin, "STRATEGY, PROGRAM, THREADS", "bound", "ratio", "interval", "off by");
  for (int i = 0; i < t->ntargets; i++)
    for (int k = 0; k < n; k++) print_target(t, rows, &t->targets[i], threads[k], out);
}

static void print_against_rival(const struct table *t, const struct rows *rows, struct side s, FILE *out) {
  const struct contender *ours = &t->contenders[s.contender];
  const char *status = trouble(rows, s);
  if (!status || *status || lacks_collections(t, rows, s)) return;
  int best = best_of(t, rows, ours->against, leaks(ours, &t->programs[s.program]), s.program, s.threads);
  if (best < 0) return;
  struct stats_interval v = ratio_of(rows, s, (struct side){best, s.program, s.threads}, MEASURE_CPU, NULL);
  char name[128];
  snprintf(name, sizeof name, "%s / %s, %s, %d", ours->name, t->contenders[best].name, t->programs[s.program].name, s.threads);
  if (isfinite(v.mid)) print_claim(out, name, &v, false, 1);
}

static void print_against_rivals(const struct table *t, const struct rows *rows, FILE *out) {
  int threads[8], n = threads_seen(rows, threads);
  fprintf(out, "\n(b) Ours over the best rival of its kind: STRATEGY / RIVAL, PROGRAM, THREADS\n");
  for (int c = 0; c < t->ncontenders; c++)
    for (int k = 0; k < n && t->contenders[c].against; k++)
      for (int p = 0; p < t->nprograms; p++)
        if (!t->programs[p].extra) print_against_rival(t, rows, (struct side){c, p, threads[k]}, out);
}

static void print_check(const struct table *t, const struct rows *rows, const struct check *k, const char *program, FILE *out) {
  const struct program *p = table_program(t, program);
  struct side s[2];
  char name[160];
  snprintf(name, sizeof name, "%s: %s %d / %s %d, %s", k->name, k->spec[0], k->threads[0], k->spec[1], k->threads[1], program);
  for (int i = 0; i < 2; i++) {
    int c = table_contender(t, k->spec[i]);
    if (c < 0 || !p || t->contenders[c].missing) {
      left_out++;
      return;
    }
    s[i] = (struct side){c, (int)(p - t->programs), k->threads[i]};
  }
  if (!has_side(t, rows, s[0], name, out) || !has_side(t, rows, s[1], name, out)) return;
  int poor;
  struct stats_interval v = ratio_of(rows, s[0], s[1], k->measure, &poor);
  if (isfinite(v.mid))
    print_claim(out, name, &v, k->least, k->bound);
  else
    fprintf(out, "  %-58s %s\n", name, poor ? "the control saw too few cores" : "one of the two does not tell");
}

void print_verdicts(const struct table *t, const struct rows *rows, FILE *out) {
  left_out = 0;
  print_targets(t, rows, out);
  print_against_rivals(t, rows, out);
  fprintf(out, "\n(c) The other figures: NAME: CONTENDER THREADS / CONTENDER THREADS, PROGRAM\n");
  for (int i = 0; i < t->nchecks; i++)
    for (int p = 0; p < t->checks[i].nprograms; p++) print_check(t, rows, &t->checks[i], t->checks[i].programs[p], out);
  if (left_out) fprintf(out, "\n%d more claims are about contenders or programs that were not run, or are not here.\n", left_out);
}

/* --- summary.csv ------------------------------------------------------------------------------------------------------------------------ */

static double peak_of(const struct rows *rows, struct side s) {
  double peak = NAN;
  for (int i = 0; i < rows->n; i++) {
    const struct row *r = &rows->row[i];
    if (r->contender == s.contender && r->program == s.program && r->threads == s.threads && counts(r))
      peak = fmax(peak, r->rss_peak_bytes);
  }
  return peak;
}

static void csv_number(FILE *f, double v) {
  fputc(',', f);
  if (isfinite(v)) fprintf(f, "%.17g", v);
}

static void summarise(const struct table *t, const struct rows *rows, struct side s, FILE *f) {
  const char *status = trouble(rows, s);
  if (!status) return;
  csv_write_field(f, t->contenders[s.contender].name);
  fprintf(f, ",%s,%s,%d,%s", t->contenders[s.contender].kind, t->programs[s.program].name, s.threads, *status ? status : "ok");
  const enum measure measures[] = {MEASURE_CPU, MEASURE_WALL};
  int blocks = 0;
  for (int i = 0; i < 2; i++) {
    struct side base = baseline(t, s.program, s.threads);
    struct stats_interval v = ratio_of(rows, s, base, measures[i], NULL);
    csv_number(f, v.mid), csv_number(f, v.lo), csv_number(f, v.hi);
    if (i == 0) blocks = v.n;
  }
  csv_number(f, peak_of(rows, s));
  fprintf(f, ",%d\n", blocks);
}

bool write_summary(const struct table *t, const struct rows *rows, const char *path) {
  FILE *f = fopen(path, "w");
  if (!f) return false;
  fputs("contender,kind,program,threads,status,cpu_ratio,cpu_ratio_lo,cpu_ratio_hi,wall_ratio,wall_ratio_lo,wall_ratio_hi,rss_"
        "peak_bytes,blocks\n",
        f);
  int threads[8], n = threads_seen(rows, threads);
  for (int c = 0; c < t->ncontenders; c++)
    for (int p = 0; p < t->nprograms; p++)
      for (int k = 0; k < n; k++) summarise(t, rows, (struct side){c, p, threads[k]}, f);
  return fclose(f) == 0;
}
