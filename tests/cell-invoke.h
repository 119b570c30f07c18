/* cell-invoke.h: runs `reclaim cell` as a process of its own and reads the object that it writes.

   The process is this test's own executable: started with `cell` as its first argument, it is the program, before any test is
   looked for. So an invocation that replaces itself (to preload a malloc) comes back to itself. */
#ifndef RECLAIM_TESTS_CELL_INVOKE_H
#define RECLAIM_TESTS_CELL_INVOKE_H

#include "harness/cell/cell.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((constructor)) static void be_the_program(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "cell") == 0) exit(cell_main(argc - 1, argv + 1));
}

struct outcome {
  int code;       /* exit code, -1 for a signal */
  json_t *object; /* NULL when nothing was written */
  size_t written;
  char message[1024]; /* stderr */
};

static inline size_t read_all(int fd, char **text) {
  off_t n = lseek(fd, 0, SEEK_END);
  *text = calloc(1, (size_t)n + 1);
  cr_assert_eq(pread(fd, *text, (size_t)n, 0), n);
  return (size_t)n;
}

/* Runs `cell` with these words, and with LD_PRELOAD when `preload` is not NULL. */
static inline struct outcome run_preloaded(const char *preload, char **words, int n) {
  struct outcome o = {.code = -1};
  int out = memfd_create("out", 0), err = memfd_create("err", 0), status;
  char fd[16], *text, *argv[64] = {"reclaim", "cell"};
  snprintf(fd, sizeof fd, "%d", out);
  memcpy(argv + 2, words, (size_t)n * sizeof *words);
  argv[n + 2] = "--fd", argv[n + 3] = fd;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(err, STDERR_FILENO);
    setenv("RECLAIM_PLUGIN_PATH", RECLAIM_DOUBLES_DIR, 1);
    if (preload) setenv("LD_PRELOAD", preload, 1);
    execv("/proc/self/exe", argv);
    _exit(127);
  }
  cr_assert_eq(waitpid(pid, &status, 0), pid);
  if (WIFEXITED(status)) o.code = WEXITSTATUS(status);
  o.written = read_all(out, &text);
  json_error_t e = {.text = ""};
  o.object = o.written ? json_loadb(text, o.written, 0, &e) : NULL;
  cr_assert(!o.written || o.object, "the object can be read: %s at %d", e.text, e.position);
  free(text);
  read_all(err, &text);
  snprintf(o.message, sizeof o.message, "%s", text);
  free(text);
  close(out);
  close(err);
  return o;
}

static inline struct outcome run_words(char **words, int n) { return run_preloaded(NULL, words, n); }

/* Runs `cell` with the words of a line; the strategy is cell-tracing unless named. */
static inline struct outcome run(const char *line) {
  char copy[512], *words[60], *save = NULL;
  int n = 0;
  snprintf(copy, sizeof copy, "%s", line);
  if (!strstr(line, "--strategy")) words[n++] = "--strategy", words[n++] = "cell-tracing";
  if (!strstr(line, "--workload")) words[n++] = "--workload", words[n++] = "fake";
  for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) words[n++] = w;
  return run_words(words, n);
}

/* Runs, and expects an object with this status. */
static inline json_t *run_to(const char *status, const char *line) {
  struct outcome o = run(line);
  cr_assert_eq(o.code, 0, "%s: exit code %d, %s", line, o.code, o.message);
  cr_assert_not_null(o.object, "%s: nothing was written", line);
  const char *got = json_string_value(json_object_get(o.object, "status"));
  cr_assert_str_eq(got, status, "%s: %s (%s)", line, got, json_string_value(json_object_get(o.object, "reason")));
  return o.object;
}

static inline const char *text(json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }
static inline bool unknown(json_t *o, const char *key) { return json_is_null(json_object_get(o, key)); }
static inline int64_t number(json_t *o, const char *key) {
  cr_assert(json_is_integer(json_object_get(o, key)), "%s is no whole number", key);
  return json_integer_value(json_object_get(o, key));
}
static inline int64_t counter(json_t *o, const char *key) { return number(json_object_get(o, "counters"), key); }
static inline size_t nrows(json_t *o) { return json_array_size(json_object_get(o, "iterations")); }
static inline json_t *row(json_t *o, size_t i) { return json_array_get(json_object_get(o, "iterations"), i); }

#endif
