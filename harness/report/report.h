/* report.h: the table of a campaign, its summary.csv, and its JSON, all computed from the campaign's files alone. */
#ifndef RECLAIM_REPORT_H
#define RECLAIM_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct report_options {
  bool counters;        /* print what the strategies counted instead of the table */
  bool json;            /* print the summary as one JSON object instead of the table */
  int columns;          /* of the table; 0: those of the terminal, at least 100; 100 where `out` is none */
  int colour;           /* 0 no, 1 yes, -1: where `out` is a terminal and NO_COLOR is not set */
  const char *baseline; /* a strategy's name; NULL: the campaign's own */
};

/* Reads DIR/samples.csv and DIR/campaign.json, writes DIR/summary.csv anew (a temporary file, renamed) and prints to `out`.
   0, or 2 with one line on stderr: with nothing printed where the files are at fault or the baseline unknown, and after the table
   where summary.csv could not be written. Ends the process with exit code 2 when memory runs out. One call at a time. */
int report_dir(const char *dir, const struct report_options *, FILE *out);

/* `reclaim report DIR [--json] [--baseline NAME] [--columns N]`; argv[0] is the subcommand. Returns the exit code. */
int report_main(int argc, char **argv);

#endif
