/* sweep-minheap.c: 1x: searched for, kept, found again, and what stands in where it is not. */
#include "sweep-program.h"

/* A workload of the tree that has to fit: 2^14 nodes live, many times that made. */
#define TREES "--workload trees --threads 1 --set depth=4 --set depth-spread=0 --set kept-depth=13 --set nodes=200000 "

static uint64_t cached(int line) {
  char *text = read_in("cwd/results/minheap.csv"), *p = text;
  for (int i = 0; i < line; i++) {
    p = strchr(p, '\n');
    cr_assert(p != NULL, "line %d is missing in %s", line, text);
    p++;
  }
  char *end = strchr(p, '\n');
  cr_assert(end != NULL);
  *end = 0;
  uint64_t bytes = strtoull(strrchr(p, ',') + 1, NULL, 10);
  free(text);
  return bytes;
}

static char *status_at(uint64_t heap) {
  char *arguments = sweep_format("cell --strategy mark-sweep " TREES "--heap %llu --iterations 2", (unsigned long long)heap);
  struct spoken s = program("", arguments);
  json_t *o = json_loads(s.out, 0, NULL);
  const char *status = json_string_value(json_object_get(o, "status"));
  char *copy = sweep_strdup(status ? status : s.err);
  json_decref(o);
  free(arguments);
  forget(&s);
  return copy;
}

/* What it finds is enough, and what is clearly less is not. */
Test(minheap, is_the_smallest_that_will_do, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "minheap " TREES);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.err, "searching 1x of trees private, 1 thread") != NULL, "%s", s.err);
  forget(&s);
  uint64_t bytes = cached(1);
  char *fits = status_at(bytes + bytes / 8), *too_small = status_at(bytes / 2);
  cr_expect(eq(str, fits, "ok"));
  cr_expect(eq(str, too_small, "heap-too-small"));
  free(fits);
  free(too_small);
}

Test(minheap, is_searched_for_once, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "minheap " TREES);
  forget(&s);
  char *before = read_in("cwd/results/minheap.csv");
  s = program("", "minheap --json " TREES);
  char *after = read_in("cwd/results/minheap.csv");
  cr_expect(eq(int, s.code, 0));
  cr_expect(strstr(s.err, "searching") == NULL, "%s", s.err);
  cr_expect(eq(str, before, after));
  json_t *o = json_loads(s.out, 0, NULL), *first = json_array_get(o, 0);
  cr_expect(eq(u64, (uint64_t)json_integer_value(json_object_get(first, "minheap_bytes")), cached(1)));
  cr_expect(eq(str, (char *)json_string_value(json_object_get(first, "name")), "trees"));
  json_decref(o);
  forget(&s);
  s = program("", "minheap --again " TREES);
  cr_expect(strstr(s.err, "searching") != NULL, "%s", s.err);
  cr_expect(gt(u64, cached(2), 0));
  forget(&s);
  free(before);
  free(after);
}

static void keep(const char *lines) {
  char *make = sweep_format("mkdir -p %s/cwd/results && printf '%s' > %s/cwd/results/minheap.csv", place, lines, place);
  cr_assert(eq(int, system(make), 0));
  free(make);
}

/* Every strategy with a limit gets the same bytes; those without have the base in their rows, too. */
Test(minheap, factors_are_the_same_bytes_for_all, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("", "minheap " TREES);
  forget(&s);
  uint64_t base = cached(1);
  s = program("", "run --strategy rc,mark-sweep,generational --heap 3x,20x --blocks 1 --repeats 0 --iterations 1 --out d " TREES);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.err, "searching") == NULL, "%s", s.err);
  struct samples rows = read_samples("d");
  char *bytes = sweep_format("%llu", (unsigned long long)base), *twenty = sweep_format("%llu", (unsigned long long)(20 * base));
  cr_expect(eq(int, count_rows(&rows, "heap_base", "minheap", "heap_base_bytes", bytes), rows.n - 1));
  cr_expect(eq(int, count_rows(&rows, "strategy", "mark-sweep", "heap_limit_bytes", twenty), 2));
  cr_expect(eq(int, count_rows(&rows, "strategy", "generational", "heap_limit_bytes", twenty), 2));
  cr_expect(eq(int, count_rows(&rows, "strategy", "rc", "heap_limit_bytes", ""), 2));
  cr_expect(strstr(s.out, "x) ") != NULL, "rc shows its peak as a factor: %s", s.out);
  free(bytes);
  free(twenty);
  free_samples(&rows);
  forget(&s);
}

/* Of another build, of other parameters, damaged: none of them is an answer. */
Test(minheap, other_lines_are_no_answer, .init = enter_place, .fini = leave_place) {
  keep("object,workload,parameters,sharing,threads,minheap_bytes\\n"
       "0123456789abcdef,trees,depth=4;depth-spread=0;kept-depth=13;chain=0;nodes=200000;walk=borrow,private,1,4096\\n"
       "what is this\\n"
       "a,b,c,d,e,f\\n");
  struct spoken s = program("", "run --dry-run --json --strategy mark-sweep --heap 20x " TREES);
  json_t *o = json_loads(s.out, 0, NULL);
  const json_t *cell = json_array_get(json_object_get(json_object_get(o, "plan"), "cells"), 0);
  cr_expect(eq(str, (char *)json_string_value(json_object_get(cell, "heap_base")), "declared"));
  json_decref(o);
  forget(&s);
  s = program("", "minheap " TREES);
  cr_expect(strstr(s.err, "2 line(s) are not of this format") != NULL, "%s", s.err);
  cr_expect(eq(int, s.code, 0));
  forget(&s);
}

/* What the user does not want is not searched for. */
Test(minheap, declared_bytes_stand_in, .init = enter_place, .fini = leave_place) {
  struct spoken s = program(
      "", "run --strategy mark-sweep --heap 20x --heap-base declared --blocks 1 --repeats 0 --iterations 1 --out e " TREES);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.err, "searching") == NULL, "%s", s.err);
  cr_expect(strstr(s.err, "1x is the declared live bytes") != NULL, "%s", s.err);
  struct samples rows = read_samples("e");
  cr_expect(eq(int, count_rows(&rows, "heap_base", "declared", NULL, NULL), rows.n - 1));
  free_samples(&rows);
  forget(&s);
}

Test(minheap, mistakes, .init = enter_place, .fini = leave_place) {
  static const char *const cases[][2] = {
      {"minheap --heap 2x", "--heap cannot be given"},
      {"minheap --strategy rc", "--strategy cannot be given"},
      {"minheap --out d", "--out has no meaning here"},
      {"minheap --workload tres", "did you mean 'trees'"},
      {"minheap --agian", "unknown flag"},
      {"run --heap-base live " TREES, "neither minheap nor declared"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct spoken s = program("", cases[i][0]);
    cr_expect(eq(int, s.code, SWEEP_BAD_INPUT), "%s: %s", cases[i][0], s.err);
    cr_expect(strstr(s.err, cases[i][1]) != NULL, "%s: %s", cases[i][0], s.err);
    forget(&s);
  }
}

/* A folder that cannot be written loses the answer, not the run. */
Test(minheap, a_file_that_cannot_be_kept_is_a_warning, .init = enter_place, .fini = leave_place) {
  struct spoken s = program("RECLAIM_MINHEAP_CACHE=/proc/no/where.csv", "minheap " TREES);
  cr_expect(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.err, "1x is not kept") != NULL, "%s", s.err);
  forget(&s);
}
