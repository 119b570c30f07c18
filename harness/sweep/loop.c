/* loop.c: see loop.h. */
#include "loop.h"

#include "harness/sweep/child.h"
#include "harness/sweep/invoke.h"
#include "harness/sweep/program.h"
#include "harness/sweep/sizing.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- One invocation --------------------------------------------------------------------------------------------------------- */

/* False: the sweep must stop, with *rc as its exit code. */
static bool run_invocation(struct sweep_loop *l, const struct row_place *place, int *rc) {
  struct store *s = &l->store;
  struct child_outcome outcome;
  if (!sweep_objects_same(&l->objects, place->cell)) {
    sweep_progress_clear(&l->progress);
    l->told = true;
    *rc = sweep_refuse("%s was changed while the sweep ran, and what follows would measure another; %" PRId64
                       " invocations are safe",
                       place->cell->object, s->journal.complete);
    return false;
  }
  s->file = "journal.log";
  if (!sweep_journal_start(&s->journal, place->invocation)) {
    *rc = SWEEP_BAD_INPUT;
    return false;
  }
  sweep_invoke(&s->plan, place->cell, &outcome);
  l->children_s += outcome.seconds;
  l->interrupted = outcome.end == CHILD_INTERRUPTED;
  bool ok = !l->interrupted && sweep_store_record(s, place, &outcome);
  if (!ok) *rc = l->interrupted ? SWEEP_INTERRUPTED : SWEEP_BAD_INPUT;
  int why = errno;
  free(outcome.result);
  errno = why;
  l->measured += ok;
  return ok;
}

/* --- Blocks ----------------------------------------------------------------------------------------------------------------- */

static bool is_due(const struct sweep_loop *l, int block, int at, int cell) {
  const struct sweep_plan *p = &l->store.plan;
  return sweep_plan_has(p, block, cell) && !sweep_journal_complete(&l->store.journal, sweep_plan_invocation(p, block, at));
}

/* Seconds that this block, from position `at` on, and `more` whole blocks are expected to take. */
static double time_left(const struct sweep_loop *l, const int *order, int block, int at, int more) {
  const struct sweep_plan *p = &l->store.plan;
  double left = 0;
  for (int i = 0; i < p->nruns; i++) {
    double one = sweep_progress_expect(&l->progress, p, order[i]);
    left += one * (more + (i >= at && is_due(l, block, i, order[i])));
  }
  return left;
}

/* Runs what is missing of one block; `more`: blocks that follow. */
static bool run_block(struct sweep_loop *l, int block, int more, int *rc) {
  const struct sweep_plan *p = &l->store.plan;
  struct journal *j = &l->store.journal;
  int *order = sweep_alloc((size_t)p->nruns, sizeof *order);
  bool ok = true;
  char now[40];
  sweep_plan_order(p, block, order);
  for (int at = 0; at < p->nruns && ok; at++) {
    struct row_place place = {.cell = &p->cells[order[at]],
                              .block = sweep_plan_block(p, block),
                              .repeat = sweep_plan_is_repeat(p, block),
                              .pilot = block < sweep_plan_first(p),
                              .invocation = sweep_plan_invocation(p, block, at),
                              .started_at = now};
    if (!is_due(l, block, at, order[at])) continue;
    if ((l->interrupted = sweep_child_interrupted())) {
      *rc = SWEEP_INTERRUPTED;
      ok = false;
      break;
    }
    sweep_timestamp(now, sizeof now);
    if (l->progress.on) sweep_progress_show(&l->progress, p, order[at], time_left(l, order, block, at, more));
    ok = run_invocation(l, &place, rc);
    if (ok) sweep_progress_learn(&l->progress, order[at], j->entries[place.invocation].seconds);
    l->progress.done += ok;
  }
  free(order);
  if (ok) {
    l->store.file = "journal.log";
    ok = sweep_journal_sync(j);
    if (!ok) *rc = SWEEP_BAD_INPUT;
  }
  return ok;
}

/* Blocks [from, to) of this shard. */
static bool run_blocks(struct sweep_loop *l, int from, int to, int *rc) {
  for (int b = from; b < to; b++) {
    int more = 0;
    if (!sweep_plan_has_block(&l->store.plan, b)) continue;
    if (l->stop_s > 0 && sweep_now() > l->stop_s) return l->stopped = true;
    for (int k = b + 1; k < to; k++) more += sweep_plan_has_block(&l->store.plan, k);
    if (!run_block(l, b, more, rc)) return false;
  }
  return true;
}

/* Blocks in which the machine was not all there are run once more; decided after all blocks, from the controls alone. */
static bool run_again(struct sweep_loop *l, int *rc) {
  const struct sweep_plan *p = &l->store.plan;
  l->repeated = sweep_alloc((size_t)p->blocks, sizeof *l->repeated);
  int n = sweep_samples_poor_blocks(p, &l->store.journal, l->repeated);
  if (p->repeats >= 0 && n > p->repeats) n = p->repeats;
  for (int i = 0; i < n; i++) l->progress.total += sweep_plan_block_size(p, p->blocks + l->repeated[i]);
  for (int i = 0; i < n; i++, l->nrepeated++) {
    if (l->stop_s > 0 && sweep_now() > l->stop_s) return l->stopped = true;
    if (!run_block(l, p->blocks + l->repeated[i], n - i - 1, rc)) return false;
  }
  return true;
}

/* What an earlier run has done counts as done, and its times are known. */
static void learn_from_journal(struct sweep_loop *l) {
  const struct sweep_plan *p = &l->store.plan;
  int *order = sweep_alloc((size_t)p->nruns, sizeof *order);
  l->progress.total = 0;
  l->progress.done = l->store.journal.complete;
  for (int b = 0; b < sweep_plan_end(p); b++) {
    l->progress.total += sweep_plan_block_size(p, b);
    sweep_plan_order(p, b, order);
    for (int at = 0; at < p->nruns; at++) {
      int64_t i = sweep_plan_invocation(p, b, at);
      if (sweep_journal_complete(&l->store.journal, i))
        sweep_progress_learn(&l->progress, order[at], l->store.journal.entries[i].seconds);
    }
  }
  free(order);
}

/* The pilot, then the number of blocks: the same whenever it is found from the same rows. */
static bool run_pilot(struct sweep_loop *l, int *rc) {
  struct sweep_plan *p = &l->store.plan;
  if (!p->pilot || p->blocks) return true;
  if (!run_blocks(l, 0, p->pilot, rc)) return false;
  if (l->stopped) return true;
  sweep_progress_clear(&l->progress);
  *rc = sweep_size_blocks(&l->store);
  if (!*rc) *rc = sweep_store_save(&l->store);
  l->told = *rc != 0;
  if (*rc) return false;
  if (!l->quiet) sweep_say("%d pilot blocks: %d blocks follow", p->pilot, p->blocks);
  for (int b = sweep_plan_first(p); b < sweep_plan_end(p); b++) l->progress.total += sweep_plan_block_size(p, b);
  return true;
}

int sweep_loop_measure(struct sweep_loop *l) {
  const struct sweep_plan *p = &l->store.plan;
  int rc = 0;
  sweep_progress_end(&l->progress); /* of an earlier stage */
  free(l->repeated);
  l->repeated = NULL, l->nrepeated = 0;
  sweep_progress_begin(&l->progress, p, l->quiet);
  learn_from_journal(l);
  bool ok = run_pilot(l, &rc);
  ok = ok && (l->stopped || run_blocks(l, sweep_plan_first(p), sweep_plan_end(p), &rc));
  ok = ok && (l->stopped || run_again(l, &rc));
  sweep_progress_clear(&l->progress);
  if (!ok && rc == SWEEP_BAD_INPUT && !l->told)
    sweep_say("%s/%s: %s; %" PRId64 " invocations are safe; make room and continue with: %s run --resume %s", l->store.dir,
              l->store.file, strerror(errno), l->store.journal.complete, sweep_program_command(), l->store.dir);
  return rc;
}

/* --- Afterwards ------------------------------------------------------------------------------------------------------------- */

static void warn_later(struct sweep_loop *l, const struct samples_summary *sum) {
  struct sweep_plan *p = &l->store.plan;
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
                    l->nrepeated);
  if (sum->wrong_checksums) sweep_plan_warn(p, "%" PRId64 " invocation(s) computed a wrong checksum", sum->wrong_checksums);
  json_t *warnings = json_object_get(l->store.json, "warnings");
  for (int i = before; i < p->nwarnings; i++)
    json_array_append_new(warnings, json_string(p->warnings[i])); /* the table shows them */
}

double sweep_loop_record_time(struct sweep_loop *l, bool finished) {
  json_t *root = l->store.json, *runs = json_object_get(root, "runs");
  double wall = sweep_now() - l->started, all_wall = 0, all_children = 0;
  char now[40];
  sweep_timestamp(now, sizeof now);
  json_t *last = json_pack("{s:s, s:s, s:I, s:f, s:f}", "started_at", l->started_at, "ended_at", now, "invocations",
                           (json_int_t)l->measured, "wall_s", wall, "children_s", l->children_s);
  size_t n = json_array_size(runs), i;
  const char *previous = json_string_value(json_object_get(json_array_get(runs, n ? n - 1 : 0), "started_at"));
  if (previous && !strcmp(previous, l->started_at))
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
static void record_seconds(struct sweep_loop *l) {
  json_t *a = json_array();
  const struct progress *g = &l->progress;
  for (int i = 0; i < l->store.plan.ncells; i++)
    json_array_append_new(a, g->finished[i] ? json_real(g->seconds[i] / g->finished[i]) : json_null());
  json_object_set_new(l->store.json, "cell_seconds", a);
  json_t *blocks = json_array();
  for (int i = 0; i < l->nrepeated; i++) json_array_append_new(blocks, json_integer(l->repeated[i]));
  json_object_set_new(l->store.json, "repeated_blocks", blocks);
}

int sweep_loop_write(struct sweep_loop *l, int rc, struct samples_summary *sum) {
  int bad = sweep_store_write_samples(&l->store, sum);
  if (bad) return bad;
  warn_later(l, sum);
  record_seconds(l);
  sweep_loop_record_time(l, rc == 0 && !l->stopped);
  return sweep_store_save(&l->store);
}

/* --- Beginning and end ------------------------------------------------------------------------------------------------------ */

int sweep_loop_open(struct sweep_loop *l, struct sweep_plan *plan, const char *out, const char *resume, bool quiet,
                    double started, int argc, char **argv) {
  *l = (struct sweep_loop){.started = started, .quiet = quiet};
  l->store = (struct store){.samples_fd = -1, .rss_fd = -1, .hist_fd = -1, .journal.fd = -1};
  if (!sweep_child_prepare()) return sweep_refuse("signals cannot be set up: %s", strerror(errno));
  sweep_timestamp(l->started_at, sizeof l->started_at);
  int rc = resume ? sweep_store_resume(&l->store, resume) : sweep_store_create(&l->store, plan, out, argc, argv);
  if (!rc) sweep_objects_begin(&l->objects, &l->store.plan);
  return rc;
}

void sweep_loop_close(struct sweep_loop *l) {
  sweep_progress_end(&l->progress);
  sweep_objects_end(&l->objects);
  free(l->repeated);
  sweep_store_close(&l->store);
}
