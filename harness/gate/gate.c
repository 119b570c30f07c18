/* gate.c: the command line, and the order of things. */
#include "gate.h"

#include "harness/gate/instructions.h"
#include "harness/gate/measure.h"
#include "harness/gate/print.h"
#include "harness/gate/sides.h"
#include "harness/gate/unpaired.h"
#include "harness/stats/stats.h"
#include "harness/sweep/child.h"
#include "harness/sweep/flags.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- The flags -------------------------------------------------------------------------------------------------------------------- */

/* As texts; NULL: not given. */
struct words {
  struct gate_request request;
  const char *threshold, *budget, *effect, *pairs, *most, *within, *markdown, *junit, *instructions, *help;
};

enum { NFLAGS = 18 };
static void fill_table(struct flag t[NFLAGS], struct words *w) {
  const struct flag rows[NFLAGS] = {
      {"base-rev", "REV", "hold this program's sources against a revision of theirs, built in a private worktree",
       &w->request.base_rev},
      {"base-build", "DIR", "hold this build against the one in another build folder", &w->request.base_build},
      {"base-campaign", "DIR", "hold this build against an earlier campaign of this machine: unpaired, a weaker witness",
       &w->request.base_campaign},
      {"allocator-a", "X", "hold --allocator-b against this allocator (a name or a path)", &w->request.allocator_a},
      {"allocator-b", "Y", "the newer of the two", &w->request.allocator_b},
      {"plugin-a", "DIR", "hold the plug-ins of --plugin-b against these", &w->request.plugin_a},
      {"plugin-b", "DIR", "the newer of the two", &w->request.plugin_b},
      {"threshold", "PERCENT",
       "what is tolerated: 3 (default), or cpu=3,rss=5 (cpu, rss, rss-peak, rss-mean, wall, instructions)", &w->threshold},
      {"budget", "PERCENT", "could not judge, where more than this could have been missed (default: 10; forms as above)",
       &w->budget},
      {"effect", "PERCENT", "what suspected cells are judged to find (default: 5)", &w->effect},
      {"pairs", "N", "of the screen; twice as many where they spread (default: 30)", &w->pairs},
      {"most-pairs", "N", "of the judge, for one cell (default: 200)", &w->most},
      {"layout", "WHAT", "what the control of another layout has in random order: objects (default) or functions",
       &w->request.layout},
      {"within", "MINUTES", "the time that measuring may take (default: 10; 0: as long as it needs)", &w->within},
      {"instructions", NULL, "count instructions, too, of cells with one thread (by valgrind; exact, and slow)",
       &w->instructions},
      {"markdown", "FILE", "write a summary for a pull request, too", &w->markdown},
      {"junit", "FILE", "write JUnit XML, too", &w->junit},
      {"help", NULL, "this help", &w->help},
  };
  memcpy(t, rows, sizeof rows);
}

static const char usage[] =
    "usage: reclaim gate BASE [flags of `reclaim run`]\n"
    "       reclaim gate DIR [--json] [--markdown FILE] [--junit FILE]\n\n"
    "Measures a base and a newer side next to each other and says whether the newer one is worse: in CPU time, or in memory "
    "(wall time\n"
    "is advice). BASE is one of --base-rev, --base-build, --base-campaign, --allocator-a and -b, --plugin-a and -b.\n"
    "--strategy, --workload, --threads, --set and so on choose cells (default: rc on four workloads, one thread).\n"
    "The second form says again what the gate in DIR decided, from its files.\n";

static void print_help(void) {
  struct words w = {0};
  struct flag table[NFLAGS];
  fill_table(table, &w);
  puts(usage);
  for (int i = 0; i < NFLAGS; i++) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument ? " " : "",
             table[i].argument ? table[i].argument : "");
    printf("  %-24s %s\n", left, table[i].help);
  }
  puts("\nExit codes: 0 fine, 1 regression, 2 bad input, 3 could not judge, 130 interrupted.");
}

static bool is_ours(const struct flag *t, const char *word) {
  size_t n = strcspn(word, "=");
  for (int i = 0; i < NFLAGS; i++)
    if (strlen(t[i].name) == n && !strncmp(t[i].name, word, n)) return true;
  return false;
}

/* The flags of the gate go into `w`, all others into rest[0 .. *nrest - 1], which are of `run`. */
static int read_words(int argc, char **argv, struct words *w, char **rest, int *nrest) {
  struct flag table[NFLAGS];
  char **ours = sweep_alloc((size_t)argc + 1, sizeof *ours);
  int n = 0, nwords;
  bool done = false;
  fill_table(table, w);
  ours[n++] = argv[0];
  *nrest = 0;
  for (int i = 1; i < argc; i++) {
    bool own = !strncmp(argv[i], "--", 2) && is_ours(table, argv[i] + 2);
    bool next = own && !strchr(argv[i], '=') && strcmp(argv[i], "--instructions") && i + 1 < argc;
    if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
      w->help = "yes";
    } else if (own) {
      ours[n++] = argv[i];
      if (next) ours[n++] = argv[++i];
    } else {
      rest[(*nrest)++] = argv[i];
    }
  }
  const struct flags flags = {usage, table, NFLAGS, "word", 0, 0};
  int rc = w->help ? 0 : flags_read(&flags, n, ours, NULL, &nwords, &done);
  free(ours);
  return rc;
}

/* "3", or "cpu=3,rss=5": parts into the metrics that are named. */
static int read_percents(const char *flag, const char *text, double metric[GATE_METRICS], double *counted) {
  if (!text) return 0;
  int n, rc = 0;
  char **words = sweep_split(text, &n);
  if (!n) rc = sweep_refuse("--%s: '%s' names nothing", flag, text);
  for (int i = 0; i < n && !rc; i++) {
    char *equals = strchr(words[i], '=');
    double part = 0;
    bool named = false;
    if (equals) *equals = 0;
    rc = flags_percent(flag, equals ? equals + 1 : words[i], 0, 1000, &part);
    for (int m = 0; m < GATE_METRICS && !rc; m++) {
      bool memory = m == GATE_RSS_PEAK || m == GATE_RSS_MEAN;
      bool meant = !equals || !strcmp(words[i], gate_metric_names[m]) || (memory && !strcmp(words[i], "rss"));
      if (meant) metric[m] = part;
      named |= meant;
    }
    if (counted && equals && !strcmp(words[i], "instructions")) *counted = part, named = true;
    if (!rc && !named)
      rc = sweep_refuse("--%s: '%s' is no quantity (allowed: cpu, rss, rss-peak, rss-mean, wall%s)", flag, words[i],
                        counted ? ", instructions" : "");
  }
  sweep_free_words(words, n);
  return rc;
}

static int read_rule(const struct words *w, struct gate_rule *r, double *within_s, double *counted) {
  int64_t minutes = 10, pairs = gate_rule_default.screen_pairs, most = gate_rule_default.most_pairs;
  *r = gate_rule_default;
  *counted = GATE_COUNTED_THRESHOLD;
  int rc = read_percents("threshold", w->threshold, r->threshold, counted);
  if (!rc) rc = read_percents("budget", w->budget, r->budget, NULL);
  if (!rc) rc = flags_percent("effect", w->effect, 0, 1000, &r->effect);
  if (!rc) rc = flags_int("within", w->within, 0, 100000, &minutes);
  if (!rc) rc = flags_int("pairs", w->pairs, STATS_INTERVAL_FROM, 10000, &pairs);
  if (!rc) rc = flags_int("most-pairs", w->most, STATS_INTERVAL_FROM, 10000, &most);
  r->screen_pairs = (int)pairs, r->noisy_pairs = 2 * (int)pairs, r->most_pairs = (int)most;
  r->budget[GATE_WALL] = INFINITY;
  *within_s = (double)minutes * 60;
  return rc;
}

/* --- Afterwards --------------------------------------------------------------------------------------------------------------------- */

static int write_form(const char *file, void (*print)(const struct gate_result *, FILE *), const struct gate_result *g) {
  if (!file) return 0;
  FILE *out = fopen(file, "we");
  if (out) print(g, out);
  bool ok = out && !ferror(out);
  if (out) ok = fclose(out) == 0 && ok;
  return ok ? 0 : sweep_refuse("%s: %s", file, strerror(errno));
}

static int say(const struct gate_result *g, const struct words *w, bool json) {
  char *markdown = sweep_format("%s/gate.md", g->dir), *object = sweep_format("%s/gate.json", g->dir);
  int rc = write_form(object, gate_print_json, g);
  if (!rc) rc = write_form(markdown, gate_print_markdown, g);
  if (!rc) rc = write_form(w->markdown, gate_print_markdown, g);
  if (!rc) rc = write_form(w->junit, gate_print_junit, g);
  free(markdown);
  free(object);
  if (json)
    gate_print_json(g, stdout);
  else
    gate_print_text(g, stdout);
  return rc ? rc : gate_exit_code(g);
}

/* --- The command -------------------------------------------------------------------------------------------------------------------- */

static void say_warnings(const struct sweep_plan *p, bool quiet) {
  for (int i = 0; i < p->nwarnings && !quiet; i++) sweep_say("warning: %s", p->warnings[i]);
}

static int run_gate(struct words *w, struct sweep_options *o, int argc, char **argv) {
  struct gate_place place = {0};
  struct sweep_plan plan = {0};
  struct gate_rule rule;
  struct gate_result result = {0};
  json_t *notes = NULL;
  double within_s = 0, counted = 0;
  w->request.quiet = sweep_option_on(o, OPT_QUIET);
  int rc = gate_request_check(&w->request);
  if (!rc) rc = read_rule(w, &rule, &within_s, &counted);
  if (!rc && !sweep_child_prepare()) rc = sweep_refuse("signals cannot be set up: %s", strerror(errno));
  const char *campaign = w->request.base_campaign;
  if (!rc)
    rc = campaign ? gate_unpaired_make(campaign, o, &plan, &notes) : gate_sides_make(&place, &w->request, o, &plan, &notes);
  if (!rc && w->instructions && campaign)
    rc = sweep_refuse("gate: --instructions needs both sides, and a campaign is rows alone");
  if (!rc && w->instructions) rc = gate_instructions_count(&place, &plan, counted, w->request.quiet, notes);
  if (campaign) rule.screen_pairs = rule.noisy_pairs; /* one stage, which must do */
  if (!rc) {
    say_warnings(&plan, w->request.quiet);
    /* the time of building is not the measuring's */
    rc = gate_measure(&plan, o->value[OPT_OUT].text, NULL, &rule, w->request.quiet, within_s, sweep_now(), notes, argc, argv,
                      &result);
    notes = NULL;
    if (!rc && campaign) rc = gate_unpaired_keep(&result);
    if (!rc) rc = say(&result, w, sweep_option_on(o, OPT_JSON));
  }
  if (rc == SWEEP_INTERRUPTED) sweep_say("gate: interrupted");
  gate_place_clear(&place);
  gate_result_free(&result);
  sweep_plan_free(&plan);
  json_decref(notes);
  return rc;
}

/* What was decided in an earlier one. */
static int say_again(const struct words *w, const char *dir, int nrest, char **rest) {
  struct gate_result result = {0};
  bool json = false;
  for (int i = 0; i < nrest; i++) {
    json |= !strcmp(rest[i], "--json");
    if (strcmp(rest[i], "--json") && rest[i] != dir)
      return sweep_refuse("gate: %s has no meaning beside the folder of an earlier gate", rest[i]);
  }
  int rc = gate_read(dir, &result);
  if (!rc) rc = say(&result, w, json);
  gate_result_free(&result);
  return rc;
}

static const char *earlier(int n, char **rest) {
  struct stat st;
  for (int i = 0; i < n; i++)
    if (*rest[i] != '-' && (!i || strncmp(rest[i - 1], "--", 2) || !strcmp(rest[i - 1], "--json")) && stat(rest[i], &st) == 0 &&
        S_ISDIR(st.st_mode))
      return rest[i];
  return NULL;
}

int gate_main(int argc, char **argv) {
  struct words w = {0};
  struct sweep_options o = {0};
  char **rest = sweep_alloc((size_t)argc + 1, sizeof *rest);
  int nrest, rc = read_words(argc, argv, &w, rest, &nrest);
  const char *dir = rc ? NULL : earlier(nrest, rest);
  if (!rc && w.help)
    print_help();
  else if (dir)
    rc = say_again(&w, dir, nrest, rest);
  else if (!rc && !(rc = sweep_options_read(&o, nrest, rest)))
    rc = run_gate(&w, &o, argc, argv);
  sweep_options_free(&o);
  free(rest);
  return rc;
}
