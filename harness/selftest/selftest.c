/* selftest.c: the command line; the folder, in which everything is kept that is needed to go on, and to print it again. */
#include "harness/selftest/selftest.h"

#include "harness/selftest/print.h"
#include "harness/sweep/child.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/flags.h"
#include "harness/sweep/program.h"
#include "harness/sweep/store.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { QUICK = 1, FULL = 30, DRAWN = 300, MOST = 10000, WITHIN = 10, MOST_WITHIN = 100000, LEAST_PAIRS = 8, MOST_PAIRS = 1000 };

/* --- The folder --------------------------------------------------------------------------------------------------------------- */

/* What was asked for, so that it can be gone on with. */
static int save_request(const struct selftest_request *r, const char *dir) {
  char *path = sweep_format("%s/request.json", dir);
  json_t *o = json_pack("{s:i, s:s?, s:s?, s:s?, s:I, s:I, s:I, s:I, s:I}", "schema", 1, "strategy", r->strategy, "workload",
                        r->workload, "threads", r->threads, "seed", (json_int_t)r->seed, "campaigns", (json_int_t)r->campaigns,
                        "resamples", (json_int_t)r->resamples, "pairs", (json_int_t)r->pairs, "within", (json_int_t)r->within);
  int rc = json_dump_file(o, path, JSON_INDENT(1)) ? sweep_refuse("%s: %s", path, strerror(errno)) : 0;
  json_decref(o);
  free(path);
  return rc;
}

/* The texts live as long as *json. */
static int read_request(const char *dir, struct selftest_request *r, json_t **json) {
  char *path = sweep_format("%s/request.json", dir);
  json_error_t e;
  json_t *o = *json = json_load_file(path, 0, &e);
  int rc = 0;
  if (!o)
    rc = sweep_refuse("%s: no selftest can be read there: %s", path, e.text);
  else if (json_integer_value(json_object_get(o, "schema")) != 1 || !json_is_integer(json_object_get(o, "campaigns")))
    rc = sweep_refuse("%s: it is not of a selftest", path);
  free(path);
  if (rc) return rc;
  r->strategy = json_string_value(json_object_get(o, "strategy"));
  r->workload = json_string_value(json_object_get(o, "workload"));
  r->threads = json_string_value(json_object_get(o, "threads"));
  r->seed = json_integer_value(json_object_get(o, "seed"));
  r->campaigns = json_integer_value(json_object_get(o, "campaigns"));
  r->resamples = json_integer_value(json_object_get(o, "resamples"));
  r->pairs = json_integer_value(json_object_get(o, "pairs"));
  r->within = json_integer_value(json_object_get(o, "within"));
  if (r->campaigns < 1 || r->campaigns > MOST || r->resamples < 0 || r->resamples > MOST)
    return sweep_refuse("%s/request.json: campaigns and resamples go up to %d", dir, MOST);
  if (r->pairs < LEAST_PAIRS || r->pairs > MOST_PAIRS)
    return sweep_refuse("%s/request.json: pairs go from %d to %d", dir, LEAST_PAIRS, MOST_PAIRS);
  return 0;
}

static char *make_folder(const char *out, int *rc) {
  bool made;
  char *host = sweep_environment_host(), *name = sweep_store_name(host);
  char *dir = out ? sweep_strdup(out) : sweep_format("results/selftest-%s", name);
  if (!out) mkdir("results", 0777);
  *rc = sweep_store_make_dir(dir, &made);
  free(host);
  free(name);
  return dir;
}

/* --- The command -------------------------------------------------------------------------------------------------------------- */

/* The rows are there: everything else is made of them. */
static int conclude(const struct selftest_request *r, const char *dir, bool json, struct selftest_result *result) {
  for (int k = 0; k < SELFTEST_PLANTS; k++)
    result->drawn[k] = bank_play(&result->live.bank, &result->live.rule, k, (int)r->resamples, (uint64_t)r->seed << 20);
  int rc = selftest_write(result, dir);
  if (rc) return rc;
  if (json)
    selftest_print_json(result, stdout);
  else
    selftest_print_text(result, stdout);
  if (!json && !r->quiet) printf("\nFiles: %s\n", dir);
  return 0;
}

static int run_all(const struct selftest_request *r, const char *dir, bool measure, bool json, int argc, char **argv) {
  struct selftest_result result = {0};
  int rc = selftest_live(r, dir, measure, argc, argv, &result.live);
  if (rc == SWEEP_INTERRUPTED)
    sweep_say("selftest: interrupted after %d of %lld live campaigns; continue with: %s selftest --resume %s",
              result.live.campaigns, (long long)r->campaigns, sweep_program_command(), dir);
  if (!rc) rc = conclude(r, dir, json, &result);
  selftest_live_free(&result.live);
  return rc;
}

struct words {
  const char *quick, *campaigns, *resamples, *strategy, *workload, *threads, *seed, *pairs, *within, *out, *resume, *json, *quiet;
};

static int read_numbers(const struct words *w, struct selftest_request *r) {
  if (w->quick && w->campaigns) return sweep_refuse("selftest: --quick and --campaigns: one of them says how many there are");
  r->campaigns = w->quick ? QUICK : FULL;
  int rc = flags_int("campaigns", w->campaigns, 1, MOST, &r->campaigns);
  if (!rc) rc = flags_int("resamples", w->resamples, 0, MOST, &r->resamples);
  if (!rc) rc = flags_int("pairs", w->pairs, LEAST_PAIRS, MOST_PAIRS, &r->pairs);
  if (!rc) rc = flags_int("within", w->within, 0, MOST_WITHIN, &r->within);
  return rc ? rc : flags_int("seed", w->seed, 0, INT64_C(1) << 40, &r->seed);
}

/* A folder that is there takes everything from it, but that more campaigns may be asked of it. */
static int open_earlier(const struct words *w, const char *dir, struct selftest_request *r, json_t **kept) {
  if (w->out || w->strategy || w->workload || w->threads || w->seed || w->pairs || w->within || w->quick)
    return sweep_refuse(
        "selftest: what %s measures is in it: only --campaigns, --resamples, --json and --quiet can be given with it", dir);
  int rc = read_request(dir, r, kept);
  if (!rc) rc = flags_int("campaigns", w->campaigns, 1, MOST, &r->campaigns);
  return rc ? rc : flags_int("resamples", w->resamples, 0, MOST, &r->resamples);
}

static int run_words(const struct words *w, const char *again, int argc, char **argv) {
  struct selftest_request r = {.strategy = w->strategy,
                               .workload = w->workload,
                               .threads = w->threads,
                               .seed = 1,
                               .resamples = DRAWN,
                               .pairs = gate_rule_default.screen_pairs,
                               .within = WITHIN};
  const char *earlier = w->resume ? w->resume : again;
  json_t *kept = NULL;
  char *dir = NULL;
  if (w->resume && again) return sweep_refuse("selftest: --resume %s and %s: one folder is meant", w->resume, again);
  int rc = earlier ? open_earlier(w, earlier, &r, &kept) : read_numbers(w, &r);
  r.quiet = w->quiet != NULL;
  if (!rc && !again && !sweep_child_prepare()) rc = sweep_refuse("signals cannot be set up: %s", strerror(errno));
  if (!rc && !earlier) {
    struct sweep_plan tried = {0};
    rc = selftest_plan(&r, 0, &tried); /* before there is a folder */
    sweep_plan_free(&tried);
  }
  if (!rc) dir = earlier ? sweep_strdup(earlier) : make_folder(w->out, &rc);
  if (!rc && !again) rc = save_request(&r, dir);
  if (!rc) rc = run_all(&r, dir, !again, w->json != NULL, argc, argv);
  free(dir);
  json_decref(kept);
  return rc;
}

int selftest_main(int argc, char **argv) {
  struct words w = {0};
  const struct flag table[] = {
      {"quick", NULL, "one live campaign, minutes, instead of 30, hours", &w.quick},
      {"campaigns", "N", "so many live ones", &w.campaigns},
      {"resamples", "N", "so many drawn from their blocks, for each plant [300]", &w.resamples},
      {"strategy", "NAME,...", "of the cells [the gate's: rc]", &w.strategy},
      {"workload", "NAME,...", "of the cells [the gate's: lists,dicts,generators,trees]", &w.workload},
      {"threads", "N,...", "of the cells [1]", &w.threads},
      {"seed", "N", "of orders and draws [1]", &w.seed},
      {"pairs", "N", "of a gate that screens with so many, and all its other numbers in proportion [30]", &w.pairs},
      {"within", "MINUTES", "that a gate of the usual four sides would have; 0: as long as it takes [10]", &w.within},
      {"out", "DIR", "a new or empty folder [results/selftest-...]", &w.out},
      {"resume", "DIR", "go on with one that was interrupted, or with more campaigns", &w.resume},
      {"json", NULL, "one object instead of text", &w.json},
      {"quiet", NULL, "no progress", &w.quiet},
  };
  const struct flags flags = {.usage = "reclaim selftest [flags]      or: reclaim selftest DIR, to print an earlier one again\n\n"
                                       "Runs the gate on builds that are equal, and on cells that are slowed down or grown on "
                                       "purpose, and says how often it raised a\n"
                                       "false alarm, and what it found.\n",
                              .table = table,
                              .n = sizeof table / sizeof *table,
                              .words = "folder",
                              .most = 1};
  const char *rest[1];
  int nrest;
  bool done;
  int rc = flags_read(&flags, argc, argv, rest, &nrest, &done);
  return rc || done ? rc : run_words(&w, nrest ? rest[0] : NULL, argc, argv);
}
