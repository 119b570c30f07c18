/* compare.c: from folders to a comparison, and the subcommand. See compare.h. */
#include "harness/compare/compare.h"
#include "harness/report/terminal.h"

#include "harness/sweep/flags.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NARROWEST = 80, WIDEST = 10000 };

static int match_cells(struct comparison *c, const struct compare_options *o, bool *const kept[2]) {
  int rc = 0;
  for (int i = 0; i < c->ncampaigns && !rc; i++) rc = compare_filter(c, i, o->where, kept[i]);
  if (rc) return rc;
  const bool *const these[2] = {kept[0], kept[1]};
  if (c->ncampaigns == 1) return compare_match_values(c, o->by, kept[0]);
  rc = compare_check_same(c, these);
  return rc ? rc : compare_match_campaigns(c, these);
}

int comparison_make(struct comparison *c, const char *const *dirs, int n, const struct compare_options *o) {
  *c = (struct comparison){.ncampaigns = n};
  bool *kept[2] = {0};
  int rc = metrics_choose(o->metric, c->chosen);
  for (int i = 0; i < n && !rc; i++) {
    c->dir[i] = dirs[i];
    rc = compare_open(&c->campaign[i], dirs[i]);
    if (!rc) kept[i] = sweep_alloc((size_t)c->campaign[i].ncells, sizeof **kept);
  }
  if (!rc) rc = match_cells(c, o, kept);
  if (!rc) compare_judge(c);
  free(kept[0]);
  free(kept[1]);
  return rc;
}

void comparison_close(struct comparison *c) {
  for (int i = 0; i < c->nmatches; i++) {
    free(c->match[i].note);
    for (int k = 0; k < METRICS; k++) free(c->match[i].outcome[k].why);
  }
  for (int i = 0; i < c->nsaid; i++) free(c->said[i]);
  free(c->said);
  free(c->match);
  free(c->total);
  free(c->by);
  sweep_free_words(c->value, c->nvalues);
  for (int i = 0; i < c->ncampaigns; i++) campaign_close(&c->campaign[i]);
  *c = (struct comparison){0};
}

/* --- The subcommand ---------------------------------------------------------------------------------------------------------------- */

struct printing {
  bool json;
  enum compare_form form;
  int width;
};

static int check_forms(const struct compare_options *o, int ndirs, const char *json, const char *markdown, const char *columns,
                       struct printing *p) {
  int64_t width = 0;
  if (ndirs == 1 && !o->by) return sweep_refuse("compare of one folder needs --by AXIS=BASE,OTHER...: what is held against what");
  if (ndirs == 2 && o->by)
    return sweep_refuse("--by is for one folder; of two the folders themselves are held against each other");
  if (json && markdown) return sweep_refuse("--json and --markdown cannot both be");
  int rc = flags_int("columns", columns, NARROWEST, WIDEST, &width);
  *p = (struct printing){json != NULL, markdown ? COMPARE_MARKDOWN : COMPARE_TEXT, (int)width};
  return rc;
}

static int print(const struct comparison *c, const struct printing *p) {
  int width = p->width ? p->width : terminal_columns(stdout, 100);
  if (p->json)
    compare_print_json(c, stdout);
  else
    compare_print(c, p->form, width < NARROWEST ? NARROWEST : width, terminal_utf8(), stdout);
  if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
  return sweep_refuse("cannot print the comparison: %s", strerror(errno));
}

int compare_main(int argc, char **argv) {
  const char *dirs[2], *json = NULL, *markdown = NULL, *columns = NULL;
  struct compare_options o = {0};
  const struct flag table[] = {
      {"by", "AXIS=BASE,OTHER...", "what is held against what: an axis, parameter or tunable; the first value is the base",
       &o.by},
      {"metric", "NAME,...", "time, cpu, rss-mean, rss-peak, pause-max (these by default), pause-p99, or all", &o.metric},
      {"where", "EXPRESSION", "only cells for which it holds: \"threads == 2 && workload != trees\"", &o.where},
      {"markdown", NULL, "tables in Markdown", &markdown},
      {"json", NULL, "everything as one JSON object", &json},
      {"columns", "N", "the width of the text, from 80 (default: the terminal's)", &columns}};
  const struct flags flags = {
      "reclaim compare DIR --by AXIS=BASE,OTHER... [flags]\n"
      "       reclaim compare DIR DIR [flags]\n\n"
      "Ratios of costs (time and CPU per operation, memory, pauses) of other over base, cell by cell and all together,\n"
      "with intervals and verdicts. Of one campaign from pairs in the same block; of two without, which is weaker.\n"
      "Exits with 0 whatever it finds.\n",
      table,
      sizeof table / sizeof *table,
      "folder",
      1,
      2};
  struct comparison c = {0};
  struct printing p = {0};
  bool done;
  int n, rc = flags_read(&flags, argc, argv, dirs, &n, &done);
  if (rc || done) return rc;
  rc = check_forms(&o, n, json, markdown, columns, &p);
  if (!rc) rc = comparison_make(&c, dirs, n, &o);
  if (!rc) rc = print(&c, &p);
  comparison_close(&c);
  return rc;
}
