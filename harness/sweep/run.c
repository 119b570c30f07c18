/* run.c: from the flags through the loop to the table. */
#include "run.h"

#include "harness/catalog/catalog.h"
#include "harness/report/report.h"
#include "harness/sweep/child.h"
#include "harness/sweep/dry-run.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/loop.h"
#include "harness/sweep/minheap.h"
#include "harness/sweep/options.h"
#include "harness/sweep/plan.h"
#include "harness/sweep/program.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Afterwards ------------------------------------------------------------------------------------------------------------- */

static json_t *summary_json(const struct sweep_loop *l, const struct samples_summary *sum, double overhead, int rc) {
  const struct sweep_plan *p = &l->store.plan;
  json_t *statuses = json_object();
  for (int i = 0; sweep_samples_statuses[i]; i++)
    if (sum->statuses[i]) json_object_set_new(statuses, sweep_samples_statuses[i], json_integer(sum->statuses[i]));
  return json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:i, s:i, s:o, s:f, s:f, s:f, s:b, s:i, s:O}", "campaign",
                   l->store.campaign.name, "dir", l->store.dir, "cells", p->nruns, "not_applicable", sum->not_applicable,
                   "blocks", p->blocks, "invocations", (json_int_t)sum->invocations, "planned_invocations",
                   (json_int_t)l->progress.total, "failed_cells", sum->failed_cells, "repeated_blocks", l->nrepeated, "statuses",
                   statuses, "wall_s", sweep_now() - l->started, "children_s", l->children_s, "overhead", overhead, "finished",
                   l->progress.done == l->progress.total, "exit_code", rc, "warnings",
                   json_object_get(l->store.json, "warnings"));
}

static int print_table(const struct sweep_loop *l, bool json) {
  const struct report_options options = {.columns = 0, .colour = -1};
  FILE *nowhere = json ? fopen("/dev/null", "we") : NULL;
  int rc = report_dir(l->store.dir, &options, nowhere ? nowhere : stdout);
  if (nowhere) fclose(nowhere);
  return rc;
}

static void print_closing(const struct sweep_loop *l, const struct samples_summary *sum, double overhead) {
  char time[32];
  if (l->quiet) return;
  printf("\n%" PRId64 " invocations of %d cells", sum->invocations, l->store.plan.nruns);
  if (sum->not_applicable) printf(" (and %d not applicable)", sum->not_applicable);
  if (sum->failed_cells) printf(", %d failed", sum->failed_cells);
  printf(", in %s; %.1f %% of it outside the measured processes.\nFiles: %s\n",
         sweep_progress_duration(sweep_now() - l->started, time, sizeof time), overhead * 100, l->store.dir);
}

static void print_json(const struct sweep_loop *l, const struct samples_summary *sum, double overhead, int rc) {
  json_t *o = summary_json(l, sum, overhead, rc);
  json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  puts("");
  json_decref(o);
}

/* After the last child, whyever it was the last: files, table, closing line. */
static int finish(struct sweep_loop *l, int rc, bool json) {
  struct samples_summary sum;
  bool finished = rc == 0;
  int bad = sweep_loop_write(l, rc, &sum);
  if (!bad && finished) bad = print_table(l, json);
  if (bad) return bad;
  double overhead = sweep_loop_record_time(l, finished); /* again, with the table */
  if ((bad = sweep_store_save(&l->store))) return bad;
  if (!rc) rc = sum.failed_cells ? SWEEP_FAILED : SWEEP_FINE;
  if (rc == SWEEP_INTERRUPTED)
    sweep_say("interrupted after %" PRId64 " of %" PRId64 " invocations; continue with: %s run --resume %s", l->progress.done,
              l->progress.total, sweep_program_command(), l->store.dir);
  if (json)
    print_json(l, &sum, overhead, rc);
  else if (finished)
    print_closing(l, &sum, overhead);
  return rc;
}

/* --- Beginning -------------------------------------------------------------------------------------------------------------- */

/* A resumed sweep takes everything from its folder. */
static int check_resume(const struct sweep_options *o) {
  for (int i = 0; i < OPT_COUNT; i++)
    if (o->value[i].text && i != OPT_RESUME && i != OPT_QUIET && i != OPT_JSON)
      return sweep_refuse("--resume takes the plan from its folder: %s cannot be given with it", o->value[i].origin);
  return o->nsets ? sweep_refuse("--resume takes the plan from its folder: --set cannot be given with it") : 0;
}

static void say_warnings(const struct sweep_plan *p, bool quiet) {
  for (int i = 0; i < p->nwarnings && !quiet; i++) sweep_say("warning: %s", p->warnings[i]);
}

static int run_sweep(const struct sweep_options *o, struct sweep_plan *plan, int argc, char **argv, double started) {
  struct sweep_loop l;
  int rc = sweep_loop_open(&l, plan, o->value[OPT_OUT].text, o->value[OPT_RESUME].text, sweep_option_on(o, OPT_QUIET), started,
                           argc, argv);
  if (!rc) {
    say_warnings(&l.store.plan, l.quiet);
    rc = finish(&l, sweep_loop_measure(&l), sweep_option_on(o, OPT_JSON));
  }
  sweep_loop_close(&l);
  return rc;
}

/* A dry run measures nothing, so it makes do with what earlier searches found. */
int sweep_run_settle_heaps(struct sweep_plan *plan, const struct sweep_options *o) {
  const struct sweep_value *base = &o->value[OPT_HEAP_BASE];
  if (base->text && !strcmp(base->text, "declared")) return sweep_minheap_settle(plan, MINHEAP_DECLARED, true);
  if (base->text && strcmp(base->text, "minheap"))
    return sweep_refuse("%s: '%s' is neither minheap nor declared", base->origin, base->text);
  if (sweep_option_on(o, OPT_DRY_RUN)) return sweep_minheap_settle(plan, MINHEAP_CACHED, true);
  if (!sweep_child_prepare()) return sweep_refuse("signals cannot be set up: %s", strerror(errno));
  return sweep_minheap_settle(plan, MINHEAP_SEARCH, sweep_option_on(o, OPT_QUIET));
}

int sweep_run_main(int argc, char **argv, double started) {
  struct sweep_options o;
  struct sweep_plan plan = {0};
  int rc = sweep_options_read(&o, argc - 1, argv + 1);
  if (rc || sweep_option_on(&o, OPT_HELP)) {
    if (!rc) sweep_options_help(stdout);
    sweep_options_free(&o);
    return rc;
  }
  if (o.value[OPT_RESUME].text) {
    rc = check_resume(&o);
  } else {
    rc = sweep_plan_make(&plan, &o);
    if (!rc) sweep_environment_warn(&plan);
    double before = sweep_now();
    if (!rc) rc = sweep_run_settle_heaps(&plan, &o);
    started += sweep_now() - before; /* done once for all campaigns: no part of what this one takes */
  }
  if (!rc && sweep_option_on(&o, OPT_DRY_RUN))
    rc = sweep_dry_run(&plan, sweep_option_on(&o, OPT_JSON), stdout);
  else if (!rc)
    rc = run_sweep(&o, &plan, argc, argv, started);
  sweep_plan_free(&plan);
  sweep_options_free(&o);
  return rc;
}
