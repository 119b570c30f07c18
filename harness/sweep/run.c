/* run.c: the loop. Blocks, in each every cell once, in each one child; then what all of it says. */
#include "run.h"

#include "harness/catalog/catalog.h"
#include "harness/report/report.h"
#include "harness/sweep/child.h"
#include "harness/sweep/dry-run.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/invoke.h"
#include "harness/sweep/minheap.h"
#include "harness/sweep/objects.h"
#include "harness/sweep/options.h"
#include "harness/sweep/plan.h"
#include "harness/sweep/progress.h"
#include "harness/sweep/store.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
  struct store store;
  struct progress progress;
  bool quiet, json, interrupted;
  bool told; /* why it ends early */
  struct sweep_objects objects;
  double started, children_s; /* wall time of this process, and of its children */
  int64_t measured;           /* invocations of this run */
  int *repeated, nrepeated;   /* planned blocks that were run once more */
  char started_at[40];
};

/* --- One invocation --------------------------------------------------------------------------------------------------------- */

/* False: the sweep must stop, with *rc as its exit code. */
static bool run_invocation(struct run *r, const struct row_place *place, int *rc) {
  struct store *s = &r->store;
  struct child_outcome outcome;
  if (!sweep_objects_same(&r->objects, place->cell)) {
    sweep_progress_clear(&r->progress);
    r->told = true;
    *rc = sweep_refuse("%s was changed while the sweep ran, and what follows would measure another; %" PRId64
                       " invocations are safe",
                       place->cell->object, s->journal.complete);
    return false;
  }
  if (!sweep_journal_start(&s->journal, place->invocation)) {
    *rc = SWEEP_BAD_INPUT;
    return false;
  }
  sweep_invoke(&s->plan, place->cell, &outcome);
  r->children_s += outcome.seconds;
  r->interrupted = outcome.end == CHILD_INTERRUPTED;
  bool ok = !r->interrupted && sweep_store_record(s, place, &outcome);
  if (!ok) *rc = r->interrupted ? SWEEP_INTERRUPTED : SWEEP_BAD_INPUT;
  int why = errno;
  free(outcome.result);
  errno = why;
  r->measured += ok;
  return ok;
}

/* --- Blocks ----------------------------------------------------------------------------------------------------------------- */

/* Seconds that this block, from position `at` on, and `more` whole blocks are expected to take. */
static double time_left(const struct run *r, const int *order, int block, int at, int more) {
  const struct sweep_plan *p = &r->store.plan;
  double left = 0;
  for (int i = 0; i < p->nruns; i++) {
    double one = sweep_progress_expect(&r->progress, p, order[i]);
    bool due = i >= at && !sweep_journal_complete(&r->store.journal, sweep_plan_invocation(p, block, i));
    left += one * (more + due);
  }
  return left;
}

/* Runs what is missing of one block. `as`: the number in its rows; `more`: blocks that follow. */
static bool run_block(struct run *r, int block, int as, int more, int *rc) {
  const struct sweep_plan *p = &r->store.plan;
  struct journal *j = &r->store.journal;
  int *order = sweep_alloc((size_t)p->nruns, sizeof *order);
  bool ok = true;
  char now[40];
  sweep_plan_order(p, block, order);
  for (int at = 0; at < p->nruns && ok; at++) {
    struct row_place place = {&p->cells[order[at]], as, block != as, sweep_plan_invocation(p, block, at), now};
    if (sweep_journal_complete(j, place.invocation)) continue;
    if ((r->interrupted = sweep_child_interrupted())) {
      *rc = SWEEP_INTERRUPTED;
      ok = false;
      break;
    }
    sweep_timestamp(now, sizeof now);
    if (r->progress.on) sweep_progress_show(&r->progress, p, order[at], time_left(r, order, block, at, more));
    ok = run_invocation(r, &place, rc);
    if (ok) sweep_progress_learn(&r->progress, order[at], j->entries[place.invocation].seconds);
    r->progress.done += ok;
  }
  free(order);
  if (ok && !sweep_journal_sync(j)) *rc = SWEEP_BAD_INPUT, ok = false;
  return ok;
}

/* Blocks in which the machine was not all there are run once more; decided after all blocks, from the controls alone. */
static bool run_again(struct run *r, int *rc) {
  const struct sweep_plan *p = &r->store.plan;
  r->repeated = sweep_alloc((size_t)p->blocks, sizeof *r->repeated);
  int n = sweep_samples_poor_blocks(p, &r->store.journal, r->repeated);
  if (p->repeats >= 0 && n > p->repeats) n = p->repeats;
  r->progress.total += (int64_t)n * p->nruns;
  for (int i = 0; i < n; i++, r->nrepeated++)
    if (!run_block(r, p->blocks + i, r->repeated[i], n - i - 1, rc)) return false;
  return true;
}

/* What an earlier run has done counts as done, and its times are known. */
static void learn_from_journal(struct run *r) {
  const struct sweep_plan *p = &r->store.plan;
  int *order = sweep_alloc((size_t)p->nruns, sizeof *order);
  r->progress.total = (int64_t)p->blocks * p->nruns;
  r->progress.done = r->store.journal.complete;
  for (int b = 0; b < p->blocks; b++) {
    sweep_plan_order(p, b, order);
    for (int at = 0; at < p->nruns; at++) {
      int64_t i = sweep_plan_invocation(p, b, at);
      if (sweep_journal_complete(&r->store.journal, i))
        sweep_progress_learn(&r->progress, order[at], r->store.journal.entries[i].seconds);
    }
  }
  free(order);
}

static int measure(struct run *r) {
  const struct sweep_plan *p = &r->store.plan;
  int rc = 0;
  sweep_progress_begin(&r->progress, p, r->quiet);
  learn_from_journal(r);
  bool ok = true;
  for (int b = 0; b < p->blocks && ok; b++) ok = run_block(r, b, b, p->blocks - b - 1, &rc);
  ok = ok && run_again(r, &rc);
  sweep_progress_clear(&r->progress);
  if (!ok && rc == SWEEP_BAD_INPUT && !r->told)
    sweep_say("%s: %s; %" PRId64 " invocations are safe; make room and continue with: reclaim run --resume %s", r->store.dir,
              strerror(errno), r->store.journal.complete, r->store.dir);
  return rc;
}

/* --- Afterwards ------------------------------------------------------------------------------------------------------------- */

static void warn_later(struct run *r, const struct samples_summary *sum) {
  struct sweep_plan *p = &r->store.plan;
  int before = p->nwarnings;
  if (sum->spread_cells) sweep_plan_warn(p, "in %d cell(s) the invocations spread by 10 %% or more", sum->spread_cells);
  if (sum->steadiness[UNSTEADY])
    sweep_plan_warn(p, "%d cell(s) have no steady state: their iterations change and change back, or to the very end",
                    sum->steadiness[UNSTEADY]);
  if (sum->steadiness[WARMING])
    sweep_plan_warn(p, "in %d cell(s) the measured iterations still become faster: more warm-up would be right",
                    sum->steadiness[WARMING]);
  if (sum->steadiness[SLOWING])
    sweep_plan_warn(p, "in %d cell(s) the iterations become slower, and stay so", sum->steadiness[SLOWING]);
  if (sum->short_windows) sweep_plan_warn(p, "%" PRId64 " window(s) are shorter than 1 ms", sum->short_windows);
  if (sum->poor_controls)
    sweep_plan_warn(p, "the control was poor in %" PRId64 " invocation(s); %d block(s) were run once more", sum->poor_controls,
                    r->nrepeated);
  if (sum->wrong_checksums) sweep_plan_warn(p, "%" PRId64 " invocation(s) computed a wrong checksum", sum->wrong_checksums);
  json_t *warnings = json_object_get(r->store.json, "warnings");
  for (int i = before; i < p->nwarnings; i++)
    json_array_append_new(warnings, json_string(p->warnings[i])); /* the table shows them */
}

/* The time outside the children: of this run, and of all runs of the campaign together. */
static double record_time(struct run *r, bool finished) {
  json_t *root = r->store.json, *runs = json_object_get(root, "runs");
  double wall = sweep_now() - r->started, all_wall = 0, all_children = 0;
  char now[40];
  sweep_timestamp(now, sizeof now);
  json_t *last = json_pack("{s:s, s:s, s:I, s:f, s:f}", "started_at", r->started_at, "ended_at", now, "invocations",
                           (json_int_t)r->measured, "wall_s", wall, "children_s", r->children_s);
  size_t n = json_array_size(runs), i;
  const char *previous = json_string_value(json_object_get(json_array_get(runs, n ? n - 1 : 0), "started_at"));
  if (previous && !strcmp(previous, r->started_at))
    json_array_set_new(runs, n - 1, last);
  else
    json_array_append_new(runs, last);
  json_t *run;
  json_array_foreach(runs, i, run) {
    all_wall += json_number_value(json_object_get(run, "wall_s"));
    all_children += json_number_value(json_object_get(run, "children_s"));
  }
  double overhead = all_wall > 0 ? (all_wall - all_children) / all_wall : 0;
  json_object_set_new(root, "overhead", json_real(overhead));
  json_object_set_new(root, "finished", json_boolean(finished));
  return overhead;
}

/* Mean seconds per invocation of each cell, for the estimate of the next dry run; null for those that never ran. */
static void record_seconds(struct run *r) {
  json_t *a = json_array();
  const struct progress *g = &r->progress;
  for (int i = 0; i < r->store.plan.ncells; i++)
    json_array_append_new(a, g->finished[i] ? json_real(g->seconds[i] / g->finished[i]) : json_null());
  json_object_set_new(r->store.json, "cell_seconds", a);
  json_t *blocks = json_array();
  for (int i = 0; i < r->nrepeated; i++) json_array_append_new(blocks, json_integer(r->repeated[i]));
  json_object_set_new(r->store.json, "repeated_blocks", blocks);
}

static json_t *summary_json(const struct run *r, const struct samples_summary *sum, double overhead, int rc) {
  const struct sweep_plan *p = &r->store.plan;
  json_t *statuses = json_object();
  for (int i = 0; sweep_samples_statuses[i]; i++)
    if (sum->statuses[i]) json_object_set_new(statuses, sweep_samples_statuses[i], json_integer(sum->statuses[i]));
  return json_pack(
      "{s:s, s:s, s:i, s:i, s:I, s:I, s:i, s:i, s:o, s:f, s:f, s:f, s:b, s:i, s:O}", "campaign", r->store.campaign.name, "dir",
      r->store.dir, "cells", p->nruns, "not_applicable", sum->not_applicable, "invocations", (json_int_t)sum->invocations,
      "planned_invocations", (json_int_t)r->progress.total, "failed_cells", sum->failed_cells, "repeated_blocks", r->nrepeated,
      "statuses", statuses, "wall_s", sweep_now() - r->started, "children_s", r->children_s, "overhead", overhead, "finished",
      r->progress.done == r->progress.total, "exit_code", rc, "warnings", json_object_get(r->store.json, "warnings"));
}

static int print_table(const struct run *r) {
  const struct report_options options = {.columns = 0, .colour = -1};
  FILE *nowhere = r->json ? fopen("/dev/null", "we") : NULL;
  int rc = report_dir(r->store.dir, &options, nowhere ? nowhere : stdout);
  if (nowhere) fclose(nowhere);
  return rc;
}

static void print_closing(const struct run *r, const struct samples_summary *sum, double overhead) {
  char time[32];
  if (r->quiet) return;
  printf("\n%" PRId64 " invocations of %d cells", sum->invocations, r->store.plan.nruns);
  if (sum->not_applicable) printf(" (and %d not applicable)", sum->not_applicable);
  if (sum->failed_cells) printf(", %d failed", sum->failed_cells);
  printf(", in %s; %.1f %% of it outside the measured processes.\nFiles: %s\n",
         sweep_progress_duration(sweep_now() - r->started, time, sizeof time), overhead * 100, r->store.dir);
}

static void print_json(const struct run *r, const struct samples_summary *sum, double overhead, int rc) {
  json_t *o = summary_json(r, sum, overhead, rc);
  json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  puts("");
  json_decref(o);
}

/* After the last child, whyever it was the last: files, table, closing line. */
static int finish(struct run *r, int rc) {
  struct samples_summary sum;
  bool finished = rc == 0;
  int bad = sweep_store_write_samples(&r->store, &sum);
  if (bad) return bad;
  warn_later(r, &sum);
  record_seconds(r);
  double overhead = record_time(r, finished);
  if ((bad = sweep_store_save(&r->store))) return bad;
  if (!rc && (bad = print_table(r))) return bad;
  overhead = record_time(r, finished); /* again, with the table */
  if ((bad = sweep_store_save(&r->store))) return bad;
  if (!rc) rc = sum.failed_cells ? SWEEP_FAILED : SWEEP_FINE;
  if (rc == SWEEP_INTERRUPTED)
    sweep_say("interrupted after %" PRId64 " of %" PRId64 " invocations; continue with: reclaim run --resume %s",
              r->progress.done, r->progress.total, r->store.dir);
  if (r->json)
    print_json(r, &sum, overhead, rc);
  else if (finished)
    print_closing(r, &sum, overhead);
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

static int open_store(struct run *r, const struct sweep_options *o, struct sweep_plan *plan, int argc, char **argv) {
  if (o->value[OPT_RESUME].text) return sweep_store_resume(&r->store, o->value[OPT_RESUME].text);
  return sweep_store_create(&r->store, plan, o->value[OPT_OUT].text, argc, argv);
}

static int run_sweep(const struct sweep_options *o, struct sweep_plan *plan, int argc, char **argv, double started) {
  struct run r = {.started = started, .quiet = sweep_option_on(o, OPT_QUIET), .json = sweep_option_on(o, OPT_JSON)};
  if (!sweep_child_prepare()) return sweep_refuse("signals cannot be set up: %s", strerror(errno));
  sweep_timestamp(r.started_at, sizeof r.started_at);
  int rc = open_store(&r, o, plan, argc, argv);
  if (!rc) {
    say_warnings(&r.store.plan, r.quiet);
    sweep_objects_begin(&r.objects, &r.store.plan);
    rc = finish(&r, measure(&r));
    sweep_progress_end(&r.progress);
  }
  sweep_objects_end(&r.objects);
  free(r.repeated);
  sweep_store_close(&r.store);
  return rc;
}

/* A dry run measures nothing, so it makes do with what earlier searches found. */
static int settle_heaps(struct sweep_plan *plan, const struct sweep_options *o) {
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
    if (!rc) rc = settle_heaps(&plan, &o);
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
