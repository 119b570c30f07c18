/* sizing.c: see sizing.h. */
#include "sizing.h"

#include "harness/report/pairs.h"
#include "harness/stats/decide.h"

#include <math.h>
#include <stdlib.h>

/* Standard deviation of the log ratios of a cell's pairs, of which there are *of; NAN for fewer than three. */
static double spread_of_pairs(const struct cell *c, int *of) {
  if (!c->baseline || c->baseline == c) return NAN;
  struct pair *pair = report_grow(NULL, (size_t)c->ninvocations + 1, sizeof *pair);
  int n = *of = pairs_form(c, c->baseline, pairs_throughput, pair);
  double sum = 0, squares = 0;
  for (int i = 0; i < n; i++) sum += pair[i].difference;
  for (int i = 0; i < n; i++) squares += (pair[i].difference - sum / n) * (pair[i].difference - sum / n);
  free(pair);
  return n < 3 ? NAN : sqrt(squares / (n - 1));
}

static json_t *known(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* Of one cell into `cells`; returns the blocks that it needs. */
static int size_cell(const struct cell *c, double effect, json_t *cells) {
  int of;
  double sd = spread_of_pairs(c, &of);
  int n = isfinite(sd) ? stats_pairs_needed(sd, of, log1p(effect), 0, (1 - REPORT_LEVEL) / 2, SIZING_POWER) : 0;
  json_t *o = json_object();
  for (int a = 0; a < AXES; a++) json_object_set_new(o, axis_column[a], json_string(c->axis[a]));
  json_object_set_new(o, "ratio_sd", known(sd));
  json_object_set_new(o, "blocks", n ? json_integer(n) : json_null());
  json_array_append_new(cells, o);
  return n;
}

static void settle(struct store *s, const struct campaign *c) {
  struct sweep_plan *p = &s->plan;
  json_t *cells = json_array();
  int most = STATS_INTERVAL_FROM, over = 0;
  for (int i = 0; i < c->ncells; i++) {
    int n = size_cell(c->cell[i], p->effect, cells);
    if (n > most) most = n;
    over += n > p->most_blocks;
  }
  p->blocks = most < p->most_blocks ? most : p->most_blocks;
  if (over)
    sweep_plan_warn(p, "a difference of %g %% is below what %d blocks find in %d cell(s), which would need up to %d",
                    100 * p->effect, p->blocks, over, most);
  json_object_set_new(s->json, "pilot",
                      json_pack("{s:i, s:f, s:f, s:f, s:i, s:i, s:o}", "blocks", p->pilot, "effect", p->effect, "level",
                                REPORT_LEVEL, "power", SIZING_POWER, "needed", most, "settled", p->blocks, "cells", cells));
  json_object_set_new(s->json, "plan", sweep_plan_json(p));
  if (over) json_array_append_new(json_object_get(s->json, "warnings"), json_string(p->warnings[p->nwarnings - 1]));
}

int sweep_size_blocks(struct store *s) {
  struct samples_summary ignored;
  struct campaign c;
  int rc = sweep_store_write_samples(s, &ignored);
  if (rc) return rc;
  if (!campaign_open_pilot(&c, s->dir) || !campaign_summarise(&c, NULL))
    rc = sweep_refuse("%s", c.error);
  else
    settle(s, &c);
  campaign_close(&c);
  return rc;
}
