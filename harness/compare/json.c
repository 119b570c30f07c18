/* json.c: a comparison as one JSON object; docs/compare.md has its fields. */
#include "harness/compare/compare.h"

#include "harness/sweep/text.h"

#include <math.h>
#include <string.h>

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }
static json_t *text(const char *s) { return s && *s ? json_string(s) : json_null(); }

/* verdict_word depends on the metric; programs get one word for all. */
static const char *direction(enum verdict v) { return v == VERDICT_LESS ? "less" : v == VERDICT_MORE ? "more" : NULL; }

static void put_ratio(json_t *o, const struct stats_interval *r) {
  static const char *const kinds[] = {[STATS_NONE] = "", [STATS_RANGE] = "range", [STATS_INTERVAL] = "95%"};
  json_object_set_new(o, "ratio", number(r->mid));
  json_object_set_new(o, "ratio_lo", number(r->lo));
  json_object_set_new(o, "ratio_hi", number(r->hi));
  json_object_set_new(o, "interval", text(kinds[r->kind]));
}

static json_t *side_json(const struct cell *cell) {
  json_t *o = json_object();
  for (int a = 0; a < AXES; a++) json_object_set_new(o, axis_column[a], text(cell->axis[a]));
  json_object_set_new(o, "status", text(cell->status));
  json_object_set_new(o, "reason", text(cell->reason));
  json_object_set_new(o, "invocations_used", json_integer(cell->collected ? cell->used : 0));
  json_object_set_new(o, "invocations_failed", json_integer(cell->failed));
  json_object_set_new(o, "steady", text(cell->steady));
  json_object_set_new(o, "plant", text(cell->plant));
  return o;
}

static json_t *outcome_json(const struct outcome *o, int metric) {
  json_t *j = json_object();
  json_object_set_new(j, "metric", json_string(metrics[metric].name));
  put_ratio(j, &o->ratio);
  json_object_set_new(j, "n_base", json_integer(o->n[0]));
  json_object_set_new(j, "n_other", json_integer(o->n[1]));
  json_object_set_new(j, "lost", json_integer(o->lost));
  json_object_set_new(j, "p", number(o->p));
  json_object_set_new(j, "p_holm", number(o->adjusted));
  json_object_set_new(j, "verdict", json_string(verdict_word(o->verdict, &metrics[metric])));
  json_object_set_new(j, "direction", text(direction(o->verdict)));
  json_object_set_new(j, "holds_in_family", json_boolean(direction(o->verdict) && o->adjusted <= COMPARE_ALPHA));
  json_object_set_new(j, "reason", text(o->why));
  return j;
}

static json_t *marks_json(unsigned marks) {
  static const struct {
    unsigned mark;
    const char *name;
  } names[] = {{MARK_POOR, "control-poor"},  {MARK_OVERSUBSCRIBED, "oversubscribed"},
               {MARK_WARMING, "warming"},    {MARK_SLOWING, "slowing"},
               {MARK_LEAKS, "leaks-differ"}, {MARK_PLANTED, "planted"},
               {MARK_HEAP, "heap-differs"}};
  json_t *a = json_array();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (marks & names[i].mark) json_array_append_new(a, json_string(names[i].name));
  return a;
}

static json_t *match_json(const struct comparison *c, const struct match *m) {
  json_t *o = json_object(), *all = json_array();
  json_object_set_new(o, "value", json_string(c->value[m->value]));
  json_object_set_new(o, "base", side_json(m->base));
  json_object_set_new(o, "other", side_json(m->other));
  json_object_set_new(o, "marks", marks_json(m->marks));
  json_object_set_new(o, "note", text(m->note));
  for (int k = 0; k < METRICS; k++)
    if (c->chosen[k]) json_array_append_new(all, outcome_json(&m->outcome[k], k));
  json_object_set_new(o, "metrics", all);
  return o;
}

static json_t *total_json(const struct comparison *c, int value, int metric) {
  const struct total *t = &c->total[value * METRICS + metric];
  json_t *o = json_object();
  json_object_set_new(o, "value", json_string(c->value[value]));
  json_object_set_new(o, "metric", json_string(metrics[metric].name));
  put_ratio(o, &t->ratio);
  json_object_set_new(o, "blocks", json_integer(t->ratio.n));
  json_object_set_new(o, "cells", json_integer(t->cells));
  json_object_set_new(o, "left_out", json_integer(t->left_out));
  json_object_set_new(o, "p", number(t->p));
  json_object_set_new(o, "verdict", json_string(verdict_word(t->verdict, &metrics[metric])));
  json_object_set_new(o, "direction", text(direction(t->verdict)));
  json_object_set_new(o, "cells_less", json_integer(t->less));
  json_object_set_new(o, "cells_same", json_integer(t->same));
  json_object_set_new(o, "cells_more", json_integer(t->more));
  return o;
}

static json_t *campaigns_json(const struct comparison *c) {
  json_t *a = json_array();
  for (int i = 0; i < c->ncampaigns; i++) {
    json_t *o = json_object();
    static const char *const kept[] = {"machine", "commit", "started_at", "seed", "finished", "warnings"};
    json_object_set_new(o, "dir", json_string(c->dir[i]));
    json_object_set_new(o, "campaign", text(c->campaign[i].name));
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
      json_t *v = json_object_get(c->campaign[i].json, kept[k]);
      json_object_set(o, kept[k], v ? v : json_null());
    }
    json_array_append_new(a, o);
  }
  return a;
}

static json_t *families_json(const struct comparison *c) {
  json_t *a = json_array();
  for (int k = 0; k < METRICS; k++)
    if (c->chosen[k])
      json_array_append_new(a, json_pack("{sssisisi}", "metric", metrics[k].name, "tests", c->family[k], "intervals_without_1",
                                         c->beyond[k], "hold", c->hold[k]));
  return a;
}

void compare_print_json(const struct comparison *c, FILE *out) {
  json_t *o = json_object(), *totals = json_array(), *cells = json_array(), *notes = json_array();
  json_object_set_new(o, "schema", json_integer(REPORT_SCHEMA));
  json_object_set_new(o, "paired", json_boolean(c->ncampaigns == 1));
  json_object_set_new(o, "weaker", json_boolean(c->ncampaigns == 2));
  json_object_set_new(o, "campaigns", campaigns_json(c));
  json_object_set_new(o, "by", text(c->by));
  json_object_set_new(o, "base", json_string(c->value[0]));
  json_object_set_new(o, "families", families_json(c));
  for (int v = 1; v < c->nvalues; v++)
    for (int k = 0; k < METRICS; k++)
      if (c->chosen[k]) json_array_append_new(totals, total_json(c, v, k));
  json_object_set_new(o, "all", totals);
  for (int i = 0; i < c->nmatches; i++) json_array_append_new(cells, match_json(c, &c->match[i]));
  json_object_set_new(o, "cells", cells);
  for (int i = 0; i < c->nsaid; i++) json_array_append_new(notes, json_string(c->said[i]));
  json_object_set_new(o, "notes", notes);
  json_dumpf(o, out, JSON_INDENT(1));
  putc('\n', out);
  json_decref(o);
}
