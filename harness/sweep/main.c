/* main.c: the program's subcommands: one row each. */
#include "harness/catalog/catalog.h"
#include "harness/cell/cell.h"
#include "harness/compare/compare.h"
#include "harness/compare/history.h"
#include "harness/doctor/doctor.h"
#include "harness/gate/gate.h"
#include "harness/report/report.h"
#include "harness/selftest/selftest.h"
#include "harness/sweep/conformance.h"
#include "harness/sweep/list.h"
#include "harness/sweep/merge.h"
#include "harness/sweep/minheap.h"
#include "harness/sweep/program.h"
#include "harness/sweep/run.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double started;
static int run_main(int argc, char **argv) { return sweep_run_main(argc, argv, started); }

/* In the order of the usage. argv[0] is the command itself; what comes back is the exit code. */
static const struct command {
  const char *name, *summary;
  int (*main)(int argc, char **argv);
} commands[] = {
    {"run", "run a sweep and print its table (alone: the quick profile, about a minute)", run_main},
    {"list", "what can be swept: strategies, workloads, allocators, parameters, topology", sweep_list_main},
    {"cell", "one invocation in the foreground, for perf, gdb or valgrind; prints one JSON object", cell_main},
    {"minheap", "search the smallest heaps, which heap factors are of", sweep_minheap_main},
    {"merge", "put together the parts of a sweep that ran on several machines", sweep_merge_main},
    {"report", "print the table of a sweep again, from its files", report_main},
    {"compare", "ratios of costs: within a campaign, or between two", compare_main},
    {"history", "where costs change over many campaigns of one machine, for review", history_main},
    {"gate", "whether the newer of two builds is worse, for continuous integration", gate_main},
    {"selftest", "how often the gate is wrong on this machine, and what it finds", selftest_main},
    {"doctor", "what on this machine spoils measurements, and what to do about it", doctor_main},
    {"conformance", "run the conformance suite on a strategy", sweep_conformance_main},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *f) {
  fputs("usage: reclaim COMMAND [flags]\n\n", f);
  for (const struct command *c = commands; c < commands + COMMANDS; c++) fprintf(f, "  %-12s %s\n", c->name, c->summary);
  fputs("\nreclaim COMMAND --help tells the flags; reclaim --version tells the build.\n", f);
}

static int unknown_command(const char *word) {
  const char *words[COMMANDS + 2];
  char hint[64], *allowed = sweep_strdup("");
  for (int i = 0; i < COMMANDS + 2; i++) {
    words[i] = i < COMMANDS ? commands[i].name : i == COMMANDS ? "--help" : "--version";
    char *longer = sweep_format("%s%s%s", allowed, i ? ", " : "", words[i]);
    free(allowed);
    allowed = longer;
  }
  const char *near = catalog_suggest(word, words, COMMANDS + 2, hint, sizeof hint);
  bool flag = !strncmp(word, "--", 2) && !*near;
  int rc = sweep_refuse("unknown command '%s'%s (allowed: %s)", word,
                        flag ? "; a command comes first, as in `run --strategy rc`" : near, allowed);
  free(allowed);
  return rc;
}

/* What was printed must have arrived: a full disk or a closed pipe behind it is a failure like any other. */
static void check_output(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return;
  sweep_say("standard output: %s", strerror(errno));
  _exit(SWEEP_BAD_INPUT);
}

/* jansson leaves out what it has no memory for, and its callers do not look at every value: better that it has no such case. */
static void begin(void) {
  json_set_alloc_funcs(sweep_malloc, free);
  atexit(check_output);
}

int main(int argc, char **argv) {
  started = sweep_now();
  begin();
  if (argc < 2) return usage(stderr), SWEEP_BAD_INPUT;
  const char *word = argv[1];
  for (const struct command *c = commands; c < commands + COMMANDS; c++)
    if (!strcmp(word, c->name)) return c->main(argc - 1, argv + 1);
  if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return usage(stdout), SWEEP_FINE;
  if (!strcmp(word, "--version") || !strcmp(word, "version")) return sweep_program_print_version(stdout), SWEEP_FINE;
  return unknown_command(word);
}
