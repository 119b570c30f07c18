/* result.c: what a measured process sends: whatever it is, it becomes rows of all columns, with a status that exists. */
#include "harness/sweep/rows.h"
#include "harness/sweep/samples.h"
#include "tests/fuzz/fuzz.h"

static void check_row(const char *row) {
  const char *const *names;
  char *copy = sweep_strdup(row), *field[SWEEP_ROW_FIELDS];
  MUST(!strpbrk(row, "\r\n"));
  MUST(sweep_csv_split(copy, field, SWEEP_ROW_FIELDS) == sweep_rows_columns(&names));
  bool known = false;
  for (int i = 0; sweep_samples_statuses[i]; i++) known |= !strcmp(field[ROW_STATUS], sweep_samples_statuses[i]);
  MUST(known);
  MUST(!strcmp(field[ROW_STRATEGY], "rc") && !strcmp(field[ROW_BLOCK], "3"));
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char rc[] = "rc", lists[] = "lists", empty[] = "", mode[] = "private", pin[] = "none", pool[] = "pool", grow[] = "grow";
  const struct sweep_cell cell = {.strategy = rc,
                                  .workload = lists,
                                  .parameters = empty,
                                  .tunables = empty,
                                  .sharing = mode,
                                  .pinning = pin,
                                  .allocator = pool,
                                  .library = empty,
                                  .heap = grow,
                                  .heap_policy = grow,
                                  .heap_base_kind = empty,
                                  .threads = 1,
                                  .collector_threads = 1,
                                  .pack = empty,
                                  .object = empty,
                                  .hash = empty,
                                  .side = empty,
                                  .folder = empty,
                                  .program = empty,
                                  .plant = empty};
  const struct row_campaign campaign = {"c", "m", "0123", 7};
  const struct row_place place = {.cell = &cell, .block = 3, .invocation = 9, .started_at = "now"};
  struct child_outcome outcome = {.end = CHILD_EXITED, .result = fuzz_text(data, size)};
  json_t *json;
  int n;
  outcome.nresult = strlen(outcome.result);
  char **rows = sweep_rows_of_outcome(&campaign, &place, &outcome, 60, &n, &json);
  MUST(n > 0);
  for (int i = 0; i < n; i++) check_row(rows[i]);
  sweep_free_words(rows, n);
  json_decref(json);
  free(outcome.result);
  return 0;
}
