/* compare.h: two sides of the same cells: values of one axis within a campaign, in pairs; or two campaigns, without.

   A ratio is one of costs, other over base, so that below 1 is less of it: time 0.5 is twice as fast. Of one campaign it is formed from pairs of
   invocations of the same block (harness/report/pairs.h); of two it is the shift between two samples (harness/stats/two-sample.h), which
   has in it whatever happened to the machine in between, and is called weaker wherever it is shown. docs/compare.md and
   docs/method.md say what is left out and why. */
#ifndef RECLAIM_COMPARE_COMPARE_H
#define RECLAIM_COMPARE_COMPARE_H

#include "harness/compare/metrics.h"
#include "harness/report/campaign.h"
#include "harness/sweep/where.h"

#include <stdio.h>

enum verdict {
  VERDICT_SAME, /* the interval holds 1: no difference shown */
  VERDICT_LESS,
  VERDICT_MORE,
  VERDICT_FEW, /* too few values for an interval */
  /* from here on: no ratio */
  VERDICT_FAILED,
  VERDICT_UNCOLLECTED,
  VERDICT_UNSTEADY,
  VERDICT_NOT_APPLICABLE,
  VERDICT_NOT_RUN,
  VERDICT_OVERSUBSCRIBED, /* of a comparison of threads: no scaling figure */
  VERDICT_UNRECORDED,
  VERDICT_ZEROS, /* zero has no logarithm, and leaving zeros out would choose among the values */
  VERDICT_NO_PAIR,
  VERDICTS
};

/* One metric of one match. */
struct outcome {
  struct stats_interval ratio;
  int n[2];           /* values of base and other; of pairs both are their number */
  double p, adjusted; /* two-sided; the second for all of this metric together (Holm). NAN without an interval */
  enum verdict verdict;
  int lost;  /* pairs, or invocations, in which the value is not known */
  char *why; /* owned: why there is no ratio; NULL otherwise */
};

/* Circumstances that a reader has to know of; of either side. */
enum {
  MARK_POOR = 1,
  MARK_OVERSUBSCRIBED = 2,
  MARK_WARMING = 4,
  MARK_SLOWING = 8,
  MARK_LEAKS = 16, /* what the two sides never reclaimed differs: one saved work that the other did */
  MARK_PLANTED = 32,
  MARK_HEAP = 64, /* of two campaigns: the limits differ in bytes */
};

struct match {
  const struct cell *base, *other;
  int value; /* of the other side, in `comparison.value` */
  unsigned marks;
  char *note; /* owned: invocations that failed or have no partner; NULL where there is nothing to say */
  struct outcome outcome[METRICS];
};

/* All matches of one value together: the geometric mean of their ratios, and its interval over blocks. */
struct total {
  struct stats_interval ratio; /* n: blocks that have every cell in it */
  double p;
  enum verdict verdict;
  int cells, left_out;  /* matches in it; those with a ratio that have too few blocks */
  int less, more, same; /* verdicts of the matches themselves */
};

struct comparison {
  struct campaign campaign[2];
  const char *dir[2]; /* borrowed */
  int ncampaigns;     /* 1: pairs; 2: no pairs */
  char *by;           /* the axis, parameter or tunable; NULL where there are two campaigns */
  char **value;       /* the base first; of two campaigns their folders */
  int nvalues;
  bool chosen[METRICS];
  struct match *match;
  int nmatches;
  struct total *total; /* [value * METRICS + metric] */
  int family[METRICS], beyond[METRICS],
      hold[METRICS]; /* p-values; intervals without 1; of them, those that Holm's procedure keeps */
  char **said;       /* owned: what a reader has to know of the whole: differences of environment, cells that one side lacks */
  int nsaid;
};

struct compare_options {
  const char *by;     /* "strategy=rc,rc-atomic", "threads"; NULL with two campaigns */
  const char *where;  /* NULL: every cell */
  const char *metric; /* NULL: those by default */
};

/* Reads and judges. 0, or 2 after one line on stderr; comparison_close is due either way. */
int comparison_make(struct comparison *, const char *const *dirs, int n, const struct compare_options *);
void comparison_close(struct comparison *);

const char *verdict_word(enum verdict, const struct metric *);
bool verdict_has_ratio(enum verdict);

/* The level of all intervals and of the family. */
#define COMPARE_ALPHA (1 - REPORT_LEVEL)

/* --- The steps, in their order ----------------------------------------------------------------------------------------------- */

/* Opens a campaign whose samples are whole; 0 or 2. */
int compare_open(struct campaign *, const char *dir);

/* What `--where` leaves: out[i] tells of campaign->cell[i]. 0 or 2. */
int compare_filter(struct comparison *, int campaign, const char *where, bool *out);

/* Whether the two may be held against each other at all; says what is worth knowing. 0 or 2. */
int compare_check_same(struct comparison *, const bool *const kept[2]);

/* Which cell is held against which. 0, or 2 where there is nothing. */
int compare_match_values(struct comparison *, const char *by, const bool *kept);
int compare_match_campaigns(struct comparison *, const bool *const kept[2]);

/* Estimates and verdicts of all matches, then of all together. */
void compare_judge(struct comparison *);

/* The machine of a campaign: host, CPU and CPUs as recorded, else the host of its rows. *one: it is of no other machine, too. */
const char *compare_machine(const struct campaign *, bool *one);

/* What differs between the environments of two campaigns, apart from load, memory and versions of the program: "kernel was ..., and then ...".
   Returns how many lines; free them with sweep_free_words. */
int compare_environments(const struct campaign *a, const struct campaign *b, char ***out);

/* Adds an owned line to `said`. */
void compare_say(struct comparison *, char *line);

/* --- Printing ------------------------------------------------------------------------------------------------------------------ */

enum compare_form { COMPARE_TEXT, COMPARE_MARKDOWN };
void compare_print(const struct comparison *, enum compare_form, int width, bool utf8, FILE *out);
void compare_print_json(const struct comparison *, FILE *out);

/* `reclaim compare DIR --by AXIS=BASE,OTHER...` and `reclaim compare DIR DIR`; argv[0] is the subcommand. Returns the exit code. */
int compare_main(int argc, char **argv);

#endif
