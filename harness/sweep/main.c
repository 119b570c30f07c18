/* main.c: the program's subcommands. */
#include "harness/catalog/catalog.h"
#include "harness/cell/cell.h"
#include "harness/compare/compare.h"
#include "harness/report/report.h"
#include "harness/sweep/conformance.h"
#include "harness/sweep/list.h"
#include "harness/sweep/merge.h"
#include "harness/sweep/minheap.h"
#include "harness/sweep/program.h"
#include "harness/sweep/run.h"
#include "harness/sweep/text.h"

#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: reclaim COMMAND [flags]\n\n"
                            "  run          run a sweep and print its table (alone: the quick profile, about a minute)\n"
                            "  list         what can be swept: strategies, workloads, allocators, parameters, topology\n"
                            "  cell         one invocation in the foreground, for perf, gdb or valgrind; prints one JSON object\n"
                            "  minheap      search the smallest heaps, which heap factors are of\n"
                            "  merge        put together the parts of a sweep that ran on several machines\n"
                            "  compare      ratios of costs: within a campaign, or between two\n"
                            "  report       print the table of a sweep again, from its files\n"
                            "  conformance  run the conformance suite on a strategy\n\n"
                            "reclaim COMMAND --help tells the flags; reclaim --version tells the build.\n";

static int unknown_command(const char *word) {
  static const char *const words[] = {"run",     "list",   "cell",        "minheap", "merge",
                                      "compare", "report", "conformance", "--help",  "--version"};
  char hint[64];
  return sweep_refuse(
      "unknown command '%s'%s (allowed: run, list, cell, minheap, merge, compare, report, conformance, --help, --version)", word,
      catalog_suggest(word, words, sizeof words / sizeof *words, hint, sizeof hint));
}

int main(int argc, char **argv) {
  double started = sweep_now();
  if (argc < 2) return fputs(usage, stderr), SWEEP_BAD_INPUT;
  const char *command = argv[1];
  if (!strcmp(command, "run")) return sweep_run_main(argc - 1, argv + 1, started);
  if (!strcmp(command, "list")) return sweep_list_main(argc - 1, argv + 1);
  if (!strcmp(command, "cell")) return cell_main(argc - 1, argv + 1);
  if (!strcmp(command, "minheap")) return sweep_minheap_main(argc - 1, argv + 1);
  if (!strcmp(command, "merge")) return sweep_merge_main(argc - 1, argv + 1);
  if (!strcmp(command, "compare")) return compare_main(argc - 1, argv + 1);
  if (!strcmp(command, "conformance")) return sweep_conformance_main(argc - 1, argv + 1);
  if (!strcmp(command, "report")) return report_main(argc - 1, argv + 1);
  if (!strcmp(command, "--help") || !strcmp(command, "-h") || !strcmp(command, "help")) return fputs(usage, stdout), SWEEP_FINE;
  if (!strcmp(command, "--version") || !strcmp(command, "version")) return sweep_program_print_version(stdout), SWEEP_FINE;
  return unknown_command(command);
}
