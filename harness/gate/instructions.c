/* instructions.c: see instructions.h. */
#include "instructions.h"

#include "harness/sweep/invoke.h"
#include "harness/sweep/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Counting ---------------------------------------------------------------------------------------------------------------------- */

static int find_valgrind(struct gate_place *p) {
  const char *const argv[] = {"valgrind", "--version", NULL};
  int code = gate_place_run(p, argv);
  return code < 0 ? SWEEP_INTERRUPTED : code ? sweep_refuse("gate: --instructions needs valgrind, which is not installed") : 0;
}

/* The number behind "Collected : " in what valgrind said; 0 where there is none. */
static json_int_t collected(const struct gate_place *p) {
  static const char before[] = "Collected : ";
  char *text = sweep_read_file(p->log, NULL), *at = text ? strstr(text, before) : NULL;
  json_int_t n = at ? strtoll(at + strlen(before), NULL, 10) : 0;
  free(text);
  return n;
}

/* One warm-up and one measured iteration on one side. *n is 0 where nothing could be counted. */
static int count_side(struct gate_place *p, const struct sweep_plan *plan, const struct sweep_cell *c, const char *program,
                      json_int_t *n) {
  struct sweep_cell once = sweep_cell_copy(c);
  char *out = gate_place_path(p, "callgrind"), *file = sweep_format("--callgrind-out-file=%s", out);
  const char **argv = NULL;
  int nargv = 0, nwords;
  once.warmup = 1, once.iterations = 1;
  sweep_cell_set(&once.pinning, "none"); /* valgrind runs one thread at a time */
  char **words = sweep_invoke_arguments(plan, &once, &nwords);
  /* job_run_measured (harness/cell/cell.c) is what a thread does in a measured iteration's window */
  const char *const before[] = {"valgrind", "--tool=callgrind", "--toggle-collect=job_run_measured", file, program};
  for (int i = 0; i < 5; i++) *sweep_push(argv, nargv) = before[i];
  for (int i = 1; i < nwords; i++) *sweep_push(argv, nargv) = words[i];
  int code = gate_place_run(p, argv);
  *n = code ? 0 : collected(p);
  unlink(out);
  free(argv);
  sweep_free_words(words, nwords);
  sweep_cell_free(&once);
  free(out);
  free(file);
  return code < 0 ? SWEEP_INTERRUPTED : 0;
}

static json_t *why_not(const struct sweep_cell *base, const struct sweep_cell *head) {
  if (head->threads > 1) return json_string("it has more than one thread");
  if (*base->library || *head->library) return json_string("its malloc is preloaded");
  return NULL;
}

static int count_cell(struct gate_place *p, const struct sweep_plan *plan, int i, const char *program, json_t *cells) {
  const struct sweep_cell *base = &plan->cells[plan->runs[i]], *head = &plan->cells[plan->runs[i + 1]];
  json_t *why = why_not(base, head);
  json_int_t a = 0, b = 0;
  int rc = why ? 0 : count_side(p, plan, base, program, &a);
  if (!rc && !why) rc = count_side(p, plan, head, program, &b);
  if (!why && (!a || !b)) why = json_string("it did not run to its end under valgrind");
  json_array_append_new(cells, why ? json_pack("{s:o}", "why", why) : json_pack("{s:I, s:I}", "base", a, "head", b));
  return rc;
}

int gate_instructions_count(struct gate_place *p, const struct sweep_plan *plan, double threshold, bool quiet, json_t *notes) {
  char program[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  int rc = n > 0 ? find_valgrind(p) : sweep_refuse("gate: /proc/self/exe cannot be read");
  json_t *cells = json_array();
  if (!rc) program[n] = 0;
  if (!rc && !quiet) sweep_say("counting instructions");
  for (int i = 0; i < plan->nruns && !rc; i += plan->sides) rc = count_cell(p, plan, i, program, cells);
  json_object_set_new(notes, "instructions", json_pack("{s:f, s:o}", "threshold", threshold, "cells", cells));
  return rc;
}

/* --- What it comes to ------------------------------------------------------------------------------------------------------------------ */

struct gate_counted gate_counted(const struct gate_result *g, int i) {
  const json_t *all = json_object_get(json_object_get(g->json, "gate"), "instructions"),
               *cell = json_array_get(json_object_get(all, "cells"), (size_t)i);
  struct gate_counted c = {.asked = all != NULL,
                           .base = json_number_value(json_object_get(cell, "base")),
                           .head = json_number_value(json_object_get(cell, "head")),
                           .why = json_string_value(json_object_get(cell, "why")),
                           .threshold = json_number_value(json_object_get(all, "threshold")),
                           .verdict = GATE_UNJUDGED};
  if (!(c.base > 0 && c.head > 0)) return c;
  double more = c.head / c.base - 1;
  c.verdict = more > c.threshold && more > GATE_COUNTED_REAL ? GATE_REGRESSION : more < -c.threshold ? GATE_IMPROVED : GATE_FINE;
  return c;
}

bool gate_counted_worse(const struct gate_result *g) {
  for (int i = 0; i < g->ncells; i++)
    if (gate_counted(g, i).verdict == GATE_REGRESSION) return true;
  return false;
}
