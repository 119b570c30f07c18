/* sweep-program.h: runs the built program on the doubles, in a folder of its own, and keeps what it says. */
#ifndef TESTS_SWEEP_PROGRAM_H
#define TESTS_SWEEP_PROGRAM_H

#include "harness/sweep/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char place[] = "/tmp/reclaim-sweep-XXXXXX"; /* what the program takes for its current folder lies in it as "cwd" */

struct spoken {
  int code;
  char *out, *err;
};

static inline void enter_place(void) {
  cr_assert(mkdtemp(place) != NULL);
  char *make = sweep_format("mkdir %s/cwd", place);
  cr_assert(eq(int, system(make), 0));
  free(make);
}

static inline void leave_place(void) {
  char *remove = sweep_format("rm -rf %s", place);
  cr_assert(eq(int, system(remove), 0));
  free(remove);
}

static inline void forget(struct spoken *s) {
  free(s->out);
  free(s->err);
}

static inline char *read_in(const char *file) {
  char *path = sweep_format("%s/%s", place, file), *text = sweep_read_file(path, NULL);
  cr_assert(text != NULL, "%s", path);
  free(path);
  return text;
}

/* `prefix`: what stands before the program in the shell's line, `arguments`: after it. */
static inline struct spoken program(const char *prefix, const char *arguments) {
  char *line = sweep_format("cd %s/cwd && export RECLAIM_PLUGIN_PATH=%s && %s %s/reclaim %s >../out 2>../err </dev/null", place,
                            RECLAIM_DOUBLES_DIR, prefix, RECLAIM_BUILD_DIR, arguments);
  int status = system(line);
  free(line);
  struct spoken s = {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_in("out"), read_in("err")};
  return s;
}

/* Runs it on input that is to be refused: by one line that says `says`, and nothing else. */
static inline void expect_refused(const char *prefix, const char *arguments, const char *says) {
  struct spoken s = program(prefix, arguments);
  cr_expect(eq(int, s.code, SWEEP_BAD_INPUT), "%s: %s", arguments, s.err);
  cr_expect(strchr(s.err, '\n') && !strchr(s.err, '\n')[1], "not one line: %s: %s", arguments, s.err);
  cr_expect(strstr(s.err, says) != NULL, "%s: %s", arguments, s.err);
  cr_expect(eq(str, s.out, ""), "%s", arguments);
  forget(&s);
}

/* Whether a line of shell succeeds in cwd. */
static inline bool done_in_place(const char *command) {
  char *line = sweep_format("cd %s/cwd && %s", place, command);
  bool ok = system(line) == 0;
  free(line);
  return ok;
}

/* samples.csv of cwd/DIR as rows of fields. */
struct samples {
  char *text, **row;
  int n;
};

static inline struct samples read_samples(const char *dir) {
  char *file = sweep_format("cwd/%s/samples.csv", dir);
  struct samples s = {.text = read_in(file)};
  free(file);
  for (char *line = strtok(s.text, "\r\n"); line; line = strtok(NULL, "\r\n")) *sweep_push(s.row, s.n) = line;
  return s;
}

static inline void free_samples(struct samples *s) {
  free(s->row);
  free(s->text);
}

/* The field of a column, by its name in the header. The caller frees. */
static inline char *field(const struct samples *s, int row, const char *column) {
  char *header = sweep_strdup(s->row[0]), *copy = sweep_strdup(s->row[row]), *names[128], *values[128], *found = NULL;
  int n = sweep_csv_split(header, names, 128);
  cr_assert(eq(int, sweep_csv_split(copy, values, 128), n), "%s", s->row[row]);
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], column)) found = sweep_strdup(values[i]);
  cr_assert(found != NULL, "no column %s", column);
  free(header);
  free(copy);
  return found;
}

/* How many rows have these values in these two columns (the second may be NULL). */
static inline int count_rows(const struct samples *s, const char *column, const char *value, const char *column2,
                             const char *value2) {
  int n = 0;
  for (int i = 1; i < s->n; i++) {
    char *a = field(s, i, column), *b = column2 ? field(s, i, column2) : NULL;
    n += !strcmp(a, value) && (!b || !strcmp(b, value2));
    free(a);
    free(b);
  }
  return n;
}

static inline json_t *read_campaign(const char *dir) {
  char *path = sweep_format("%s/cwd/%s/campaign.json", place, dir);
  json_error_t e;
  json_t *o = json_load_file(path, 0, &e);
  cr_assert(o != NULL, "%s: %s", path, e.text);
  free(path);
  return o;
}

#endif
