/* report.c: from a campaign's folder to the reader: which form, how wide, in which colours. See report.h. */
#include "harness/report/report.h"
#include "harness/report/campaign.h"
#include "harness/report/counters.h"
#include "harness/report/summary.h"
#include "harness/report/table.h"
#include "harness/report/terminal.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COLUMNS_LARGEST = 10000 };

static void print_campaign(const struct campaign *c, const struct report_options *o, FILE *out) {
  struct table_style style = {.width = o->columns ? o->columns : terminal_columns(out, TABLE_MIN_WIDTH),
                              .utf8 = terminal_utf8(),
                              .colour = o->colour < 0 ? terminal_colour(out) : o->colour > 0};
  if (o->json)
    summary_print_json(c, out);
  else
    table_print(c, &style, out);
}

static int report_campaign(struct campaign *c, const char *dir, const struct report_options *o, FILE *out) {
  if (!campaign_open(c, dir) || !campaign_summarise(c, o->baseline)) {
    fprintf(stderr, "reclaim: %s\n", c->error);
    return 2;
  }
  char *path = report_format("%s/summary.csv", dir);
  int why = summary_write(c, path) ? 0 : errno;
  print_campaign(c, o, out);
  bool printed = fflush(out) == 0 && !ferror(out);
  if (!printed) fprintf(stderr, "reclaim: cannot print the table: %s\n", strerror(errno));
  if (why) fprintf(stderr, "reclaim: cannot write %s: %s\n", path, strerror(why));
  free(path);
  return why || !printed ? 2 : 0;
}

int report_dir(const char *dir, const struct report_options *o, FILE *out) {
  struct campaign c;
  int rc = report_campaign(&c, dir, o, out);
  campaign_close(&c);
  return rc;
}

/* --- The subcommand ------------------------------------------------------------------------------------------------------ */

static const char usage[] = "usage: reclaim report DIR [--counters] [--json] [--baseline NAME] [--columns N]\n"
                            "Prints the table of a campaign from its files, and writes DIR/summary.csv anew.\n"
                            "  --counters       what the strategies counted, per cell; writes DIR/counters.csv\n"
                            "  --json           the same numbers as JSON\n"
                            "  --baseline NAME  the strategy that ratios are formed against (default: the campaign's own)\n"
                            "  --columns N      the width of the table, from 100 (default: the terminal's)\n";

static int refuse(const char *format, const char *what) {
  fputs("reclaim: ", stderr);
  fprintf(stderr, format, what);
  fputs("; see reclaim report --help\n", stderr);
  return 2;
}

static bool parse_columns(const char *text, int *out) {
  char *end;
  errno = 0;
  long n = strtol(text, &end, 10);
  if (!*text || *end || errno || n < TABLE_MIN_WIDTH || n > COLUMNS_LARGEST) return false;
  *out = (int)n;
  return true;
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, struct report_options *o) {
  static const struct option options[] = {{"json", no_argument, NULL, 'j'},           {"counters", no_argument, NULL, 'n'},
                                          {"baseline", required_argument, NULL, 'b'}, {"columns", required_argument, NULL, 'c'},
                                          {"help", no_argument, NULL, 'h'},           {0}};
  optind = 0; /* anew: the program has read its own options before */
  for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) switch (c) {
    case 'j': o->json = true; break;
    case 'n': o->counters = true; break;
    case 'b': o->baseline = optarg; break;
    case 'c':
      if (!parse_columns(optarg, &o->columns)) return refuse("--columns %s: a number from 100 to 10000 is due", optarg);
      break;
    case 'h': return fputs(usage, stdout), 0;
    case ':': return refuse("option %s needs a value", argv[optind - 1]);
    default: return refuse("report has no option %s", argv[optind - 1]);
    }
  if (argc - optind > 1) return refuse("report takes one folder; '%s' is one too many", argv[optind + 1]);
  if (argc - optind < 1) return refuse("report needs the folder of a campaign%s", "");
  return -1;
}

int report_main(int argc, char **argv) {
  struct report_options o = {.colour = -1};
  int rc = parse(argc, argv, &o);
  if (rc >= 0) return rc;
  struct stat st;
  const char *dir = argv[optind];
  if (stat(dir, &st) != 0) return refuse("no such folder: %s", dir);
  return o.counters ? counters_dir(dir, o.json, stdout) : report_dir(dir, &o, stdout);
}
