/* report-counters.c: what strategies counted, folded by cell: medians over invocations, and per operation. */
#include "harness/report/counters.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/reclaim-counters-XXXXXX";

static void enter(void) { cr_assert(mkdtemp(dir) != NULL); }
static void leave(void) {
  char line[128];
  snprintf(line, sizeof line, "rm -rf %s", dir);
  cr_assert(eq(int, system(line), 0));
}

static void put(const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/histograms.jsonl", dir);
  FILE *f = fopen(path, "w");
  cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* What is printed; rc into *code. The caller frees. */
static char *told(bool json, int *code) {
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&text, &n);
  *code = counters_dir(dir, json, out);
  fclose(out);
  return text;
}

static char *csv(void) {
  char path[128], *text = calloc(1, 65536);
  snprintf(path, sizeof path, "%s/counters.csv", dir);
  FILE *f = fopen(path, "r");
  cr_assert(f && fread(text, 1, 65535, f) > 0);
  fclose(f);
  return text;
}

#define LINE(strategy, operations, counters)                                                                                     \
  "{\"workload\":\"lists\",\"parameters\":\"live=3\",\"sharing\":\"private\",\"strategy\":\"" strategy                           \
  "\",\"tunables\":\"\",\"threads\":1,\"allocator\":\"pool\",\"heap_policy\":\"n/a\",\"heap_limit_bytes\":null,"                 \
  "\"operations\":" operations ",\"counters\":{" counters "}}\n"

Test(counters, medians_by_cell, .init = enter, .fini = leave) {
  int rc;
  put(LINE("rc", "10", "\"increments\":30,\"longest-cascade\":7") LINE("other", "10", "\"increments\":1") LINE(
      "rc", "10", "\"increments\":50,\"longest-cascade\":9") LINE("rc", "20", "\"increments\":1000,\"longest-cascade\":8"));
  free(told(false, &rc));
  cr_assert(eq(int, rc, 0));
  char *text = csv();
  cr_expect(strstr(text, "lists,live=3,private,rc,,1,pool,n/a,,increments,3,50,5\r\n") != NULL, "%s", text);
  cr_expect(strstr(text, "lists,live=3,private,rc,,1,pool,n/a,,longest-cascade,3,8,\r\n") != NULL, "%s", text);
  cr_expect(strstr(text, "lists,live=3,private,other,,1,pool,n/a,,increments,1,1,0.1\r\n") != NULL, "%s", text);
  free(text);
}

Test(counters, damaged_files_are_named, .init = enter, .fini = leave) {
  int rc;
  put(LINE("rc", "10", "\"increments\":30") "nonsense\n");
  free(told(false, &rc));
  cr_expect(eq(int, rc, 2));
  put(LINE("rc", "10", "\"increments\":30") "{\"workload\":\"li");
  free(told(true, &rc));
  cr_expect(eq(int, rc, 2));
}

Test(counters, nothing_counted_is_no_mistake, .init = enter, .fini = leave) {
  int rc;
  put("");
  char *text = told(true, &rc);
  cr_expect(eq(int, rc, 0));
  cr_expect(eq(str, text, "[]\n"));
  free(text);
}
