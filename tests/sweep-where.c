/* sweep-where.c: the expressions of --where. */
#include "harness/sweep/where.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"strategy", "workload", "threads", "kept-depth", "nursery", "heap", "missing"};
enum { N = sizeof names / sizeof *names };

static const char *look_up(const void *cell, const char *name) {
  (void)cell;
  static const char *const values[] = {"rc-atomic", "trees", "2", "18", "65536", "3x", NULL};
  for (int i = 0; i < N; i++)
    if (!strcmp(names[i], name)) return values[i];
  return NULL;
}

static bool holds(const char *text) {
  char err[256] = "";
  struct sweep_where *w = sweep_where_parse(text, names, N, err, sizeof err);
  cr_assert(w != NULL, "%s: %s", text, err);
  bool value = sweep_where_holds(w, look_up, NULL);
  sweep_where_free(w);
  return value;
}

Test(where, truth) {
  static const struct {
    const char *text;
    bool value;
  } cases[] = {
      {"strategy == rc-atomic", true},
      {"strategy==rc", false},
      {"strategy != 'rc'", true},
      {"workload == \"trees\"", true},
      {"threads > 1", true},
      {"threads<2", false},
      {"threads <= 2 && threads >= 2", true},
      {"kept-depth == 18", true},
      {"kept-depth == 18.0", true},
      {"nursery == 64K", true},
      {"nursery < 1M", true},
      {"heap == 3x", true},
      {"heap < 3x", false},
      {"!(threads == 2)", false},
      {"!threads == 3", true},
      {"!!(threads == 2)", true},
      {"threads == 3 || workload == trees && strategy == rc-atomic", true},
      {"(threads == 3 || workload == trees) && strategy == rc", false},
      {"threads == 3 && workload == lists || strategy == rc-atomic", true},
      {"missing == 3", false},
      {"missing != 3", true},
      {"missing < 3", false},
      {"kept-depth > threads", true},
      {"strategy == workload", false},
      {"threads == 02", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    cr_expect(eq(int, holds(cases[i].text), cases[i].value), "%s", cases[i].text);
}

Test(where, refused) {
  static const struct {
    const char *text, *says;
  } cases[] = {
      {"", "column 1"},
      {"threads", "expected =="},
      {"threads = 2", "column 9"},
      {"threads == ", "ends too early"},
      {"threads == 2 &&", "ends too early"},
      {"threads == 2 & workload == lists", "column 14: expected &&"},
      {"(threads == 2", "expected )"},
      {"threads == 2)", "column 13"},
      {"thread == 2", "did you mean 'threads'"},
      {"2 == threads", "'2' is no axis"},
      {"strategy == 'rc", "not closed"},
      {"threads == 2 threads == 3", "column 14"},
      {"#", "column 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char err[256] = "";
    struct sweep_where *w = sweep_where_parse(cases[i].text, names, N, err, sizeof err);
    cr_expect(w == NULL, "%s", cases[i].text);
    cr_expect(strstr(err, cases[i].says) != NULL, "%s: %s", cases[i].text, err);
    sweep_where_free(w);
  }
}

/* Nesting and length are bounded, so that no expression can overrun the stack. */
Test(where, bounded) {
  char err[256], *deep = malloc(5001);
  memset(deep, '(', 5000);
  deep[5000] = 0;
  cr_assert(sweep_where_parse(deep, names, N, err, sizeof err) == NULL);
  deep[1000] = 0;
  cr_assert(sweep_where_parse(deep, names, N, err, sizeof err) == NULL);
  cr_assert(strstr(err, "nested") != NULL);
  free(deep);
}

/* Random expressions of the right letters: nothing but an answer or a message. */
Test(where, random_text) {
  static const char *const words[] = {"threads", "strategy", "==", "!=", "<",   "&&", "||", "!",
                                      "(",       ")",        "'",  "2",  "64K", "rc", " ",  "."};
  srand(20);
  for (int round = 0; round < 200000; round++) {
    char text[200] = "", err[256] = "";
    for (int i = rand() % 12; i > 0; i--) strcat(text, words[rand() % 16]);
    struct sweep_where *w = sweep_where_parse(text, names, N, err, sizeof err);
    bool one = (w != NULL) != (*err != 0);
    cr_assert(one, "%s", text);
    if (w) sweep_where_holds(w, look_up, NULL);
    sweep_where_free(w);
  }
}
