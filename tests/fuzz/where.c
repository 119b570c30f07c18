/* where.c: the expressions of --where, read and evaluated. */
#include "harness/sweep/where.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = {"strategy", "workload", "threads", "kept-depth", "nursery", "heap", "missing"};
enum { N = sizeof names / sizeof *names };

static const char *look_up(const void *cell, const char *name) {
  (void)cell;
  static const char *const values[] = {"rc-atomic", "trees", "2", "18", "65536", "3x", NULL};
  for (int i = 0; i < N; i++)
    if (!strcmp(names[i], name)) return values[i];
  fuzz_failed(__FILE__, __LINE__, "only names are looked up");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char err[256] = "", again[256] = "", *text = fuzz_text(data, size);
  struct sweep_where *w = sweep_where_parse(text, names, N, err, sizeof err);
  MUST((w != NULL) == (*err == 0));
  MUST(!strchr(err, '\n') || strchr(text, '\n'));
  if (w) {
    /* the opposite of it is read, too, and is the opposite */
    char *not = malloc(strlen(text) + 5);
    sprintf(not, "!(%s)", text);
    struct sweep_where *opposite = sweep_where_parse(not, names, N, again, sizeof again);
    if (opposite) MUST(sweep_where_holds(opposite, look_up, NULL) != sweep_where_holds(w, look_up, NULL));
    MUST(opposite || strstr(again, "nested") || strstr(again, "long"));
    sweep_where_free(opposite);
    free(not );
  }
  sweep_where_free(w);
  free(text);
  return 0;
}
