/* fuzz.h: what the fuzzers have in common.

   A fuzzer is one file with LLVMFuzzerTestOneInput, for one parser. It is linked with libFuzzer (tests/fuzz/run), or with a small driver
   that runs its corpus and so many seeded mutations of it (./check). Whatever the input, a parser accepts it or says in one line what is wrong:
   it does not crash, and what it accepted is held to what must be true of it (MUST). */
#ifndef RECLAIM_TESTS_FUZZ_H
#define RECLAIM_TESTS_FUZZ_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where complaints go while what parsers say goes nowhere; the driver's. */
extern int fuzz_say __attribute__((weak));

#define MUST(condition) ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition))
__attribute__((noreturn, unused)) static void fuzz_failed(const char *file, int line, const char *what) {
  dprintf(&fuzz_say ? fuzz_say : STDERR_FILENO, "%s:%d: not so: %s\n", file, line, what);
  abort();
}

/* The input as a text that ends where it ends: a read beyond it is seen. A NUL cuts it short. */
static inline char *fuzz_text(const uint8_t *data, size_t size) {
  size_t n = strnlen((const char *)data, size);
  char *text = malloc(n + 1);
  MUST(text != NULL);
  if (n) memcpy(text, data, n);
  text[n] = 0;
  return text;
}

/* Makes the file's contents the input. */
static inline void fuzz_write(const char *path, const void *data, size_t size) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
  close(fd);
}

/* A folder of this process, which is gone when it ends; in memory where there is such a place. */
static char fuzz_place[72];
static inline void fuzz_leave(void) {
  char command[96];
  snprintf(command, sizeof command, "rm -rf %s", fuzz_place);
  if (system(command)) perror(fuzz_place);
}
static inline const char *fuzz_dir(void) {
  static bool made;
  if (!made) {
    const char *given = getenv("TMPDIR"); /* libFuzzer ends without cleaning up: who runs it does that */
    const char *in = given && strlen(given) < 40 ? given : access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
    snprintf(fuzz_place, sizeof fuzz_place, "%s/reclaim-fuzz-XXXXXX", in);
    MUST(mkdtemp(fuzz_place) != NULL);
    atexit(fuzz_leave);
  }
  made = true;
  return fuzz_place;
}

/* The path of `name` in it. Valid until the next call. */
static inline const char *fuzz_path(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
  return path;
}

/* The words of the input, one a line, as a command line behind `first`; at most 30. The texts are those of `text`, which is cut. */
static inline int fuzz_words(char *text, char *first, char *argv[32]) {
  int n = 0;
  argv[n++] = first;
  for (char *p = text; *p && n < 31;) {
    char *end = strchr(p, '\n');
    argv[n++] = p;
    if (!end) break;
    *end = 0;
    p = end + 1;
  }
  argv[n] = NULL;
  return n;
}

#endif
