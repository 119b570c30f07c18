/* doctor.c: the command line, and the findings as text for 80 columns. */
#include "harness/doctor/doctor.h"

#include "harness/cell/control.h"
#include "harness/doctor/findings.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/flags.h"
#include "harness/sweep/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Text --------------------------------------------------------------------------------------------------------------------- */

enum { WIDTH = 80, NAME_AT = 9, TEXT_AT = 26 };

/* `text` from column TEXT_AT on, broken at blanks; the line stands at column `at` already. A word that is longer than a line, as a command may be, has one of
   its own and goes over. */
static void print_wrapped(const char *text, int at) {
  printf("%*s", TEXT_AT - at, "");
  for (int column = TEXT_AT; *text;) {
    int n = (int)strcspn(text, " "), gap = column > TEXT_AT;
    if (gap && column + 1 + n > WIDTH) {
      printf("\n%*s", TEXT_AT, "");
      column = TEXT_AT, gap = 0;
    }
    printf("%s%.*s", gap ? " " : "", n, text);
    column += gap + n;
    text += n + (text[n] == ' ');
  }
  puts("");
}

/* Two words to the left of a text. */
static void print_row(const char *state, const char *name, const char *text) {
  int at = printf("%-*s%s", NAME_AT, state, name);
  print_wrapped(text, at);
}

static void print_finding(const struct doctor_finding *d) {
  print_row(doctor_state_names[d->state], d->name, d->found);
  if (d->state != DOCTOR_SPOILS && d->state != DOCTOR_NOTE) return;
  print_row("", "           why", d->why);
  if (d->remedy) print_row("", d->helped ? "            do" : "        cannot", d->remedy);
}

static int print_state(const struct doctor_finding *list, int n, enum doctor_state state) {
  int count = 0;
  for (int i = 0; i < n; i++) {
    if (list[i].state != state) continue;
    if (state >= DOCTOR_NOTE && count) puts("");
    print_finding(&list[i]);
    count++;
  }
  if (count) puts("");
  return count;
}

/* What the machine does not tell, in one row. */
static void print_unknown(const struct doctor_finding *list, int n) {
  struct text t = {0};
  for (int i = 0; i < n; i++)
    if (list[i].state == DOCTOR_UNKNOWN) sweep_text_addf(&t, "%s%s", t.n ? ", " : "", list[i].name);
  if (t.n) print_row("unknown", "", t.s), puts("");
  sweep_text_free(&t);
}

static const char *place(const struct doctor_facts *f) {
  return f->virtual && f->container ? ", in a container in a virtual machine"
         : f->virtual               ? ", in a virtual machine"
         : f->container             ? ", in a container"
                                    : "";
}

static void print_text(const struct doctor_facts *f, int threads, const struct doctor_finding *list, int n) {
  printf("%s, %d CPU%s%s\nmeasuring %d thread%s there:\n\n", *f->model ? f->model : "unknown CPU", f->ncpus,
         f->ncpus == 1 ? "" : "s", place(f), threads, threads == 1 ? "" : "s");
  int spoils = print_state(list, n, DOCTOR_SPOILS), notes = print_state(list, n, DOCTOR_NOTE);
  print_state(list, n, DOCTOR_FINE);
  print_unknown(list, n);
  printf("%d thing%s spoil%s measurements here, %d %s to be known.\n", spoils, spoils == 1 ? "" : "s", spoils == 1 ? "s" : "",
         notes, notes == 1 ? "is" : "are");
}

/* --- JSON --------------------------------------------------------------------------------------------------------------------- */

static json_t *known(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void print_json(const struct doctor_facts *f, int threads, const struct doctor_finding *list, int n) {
  char *machine = sweep_environment_machine();
  json_t *o = json_pack("{s:i, s:s, s:i, s:b, s:b, s:o, s:{s:i, s:o, s:o, s:o}}", "schema", 1, "machine", machine, "threads",
                        threads, "virtual", f->virtual, "container", f->container, "findings", doctor_findings_json(list, n),
                        "control", "threads", f->control_threads, "speedup", known(f->control_speedup), "speedup_low",
                        known(f->control_low), "spread", known(f->control_spread));
  json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  puts("");
  json_decref(o);
  free(machine);
}

/* --- The subcommand ----------------------------------------------------------------------------------------------------------- */

enum { SECONDS = 3, MOST_SECONDS = 600, MOST_THREADS = 1 << 16 };

static int examine(int64_t threads, int64_t seconds, bool json, bool strict) {
  struct doctor_facts f = doctor_facts_none();
  char err[256];
  int n, spoils = 0;
  doctor_facts_gather(&f);
  if (seconds && doctor_facts_probe(&f, (double)seconds, err, sizeof err)) sweep_say("doctor: the control cannot run: %s", err);
  if (!threads) threads = f.cores > 0 ? f.cores : f.ncpus > 0 ? f.ncpus : 1;
  struct doctor_finding *list = doctor_judge(&f, (int)threads, &n);
  for (int i = 0; i < n; i++) spoils += list[i].state == DOCTOR_SPOILS;
  (json ? print_json : print_text)(&f, (int)threads, list, n);
  doctor_findings_free(list, n);
  doctor_facts_free(&f);
  return strict && spoils ? SWEEP_COULD_NOT_JUDGE : SWEEP_FINE;
}

int doctor_main(int argc, char **argv) {
  const char *threads = NULL, *seconds = NULL, *json = NULL, *strict = NULL;
  const struct flag table[] = {
      {"threads", "N|max", "mutators that are to be measured [max: the physical cores allowed]", &threads},
      {"seconds", "N", "how long the control runs, on all cores; 0: nothing is measured [3]", &seconds},
      {"json", NULL, "an object with all findings, those that are fine, too", &json},
      {"strict", NULL, "exit with 3 where something spoils measurements", &strict},
  };
  const struct flags flags = {.usage = "reclaim doctor [flags]\n\nWhat on this machine spoils measurements, why, and what to do "
                                       "about it. Whatever it finds, it "
                                       "exits with 0.\n",
                              .table = table,
                              .n = sizeof table / sizeof *table};
  const char *rest[1];
  int64_t nthreads = 0, nseconds = SECONDS;
  int nrest;
  bool done;
  int rc = flags_read(&flags, argc, argv, rest, &nrest, &done);
  if (rc || done) return rc;
  if (threads && strcmp(threads, "max")) rc = flags_int("threads", threads, 1, MOST_THREADS, &nthreads);
  if (!rc) rc = flags_int("seconds", seconds, 0, MOST_SECONDS, &nseconds);
  return rc ? rc : examine(nthreads, nseconds, json != NULL, strict != NULL);
}
