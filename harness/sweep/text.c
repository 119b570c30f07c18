/* text.c: strings, memory, small files. */
#define _GNU_SOURCE 1 /* vasprintf */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- Messages --------------------------------------------------------------------------------------------------------------- */

static void say(const char *format, va_list args) {
  char line[2048];
  int n = snprintf(line, sizeof line, "reclaim: "), room = (int)sizeof line - n - 1;
  int m = vsnprintf(line + n, (size_t)room, format, args);
  n += m < room ? m : room - 1;
  for (char *p = line; p < line + n; p++)
    if (*p == '\n' || *p == '\r') *p = ' ';
  line[n++] = '\n';
  if (!sweep_write_all(STDERR_FILENO, line, (size_t)n)) return; /* nobody listens; the exit code says the rest */
}

void sweep_say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
}

int sweep_refuse(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
  return SWEEP_BAD_INPUT;
}

/* --- Memory ----------------------------------------------------------------------------------------------------------------- */

void sweep_out_of_memory(void) {
  static const char line[] = "reclaim: out of memory in the sweep itself\n";
  if (!sweep_write_all(STDERR_FILENO, line, sizeof line - 1)) _exit(SWEEP_BAD_INPUT);
  _exit(SWEEP_BAD_INPUT);
}

static void *sure(void *p) {
  if (!p) sweep_out_of_memory();
  return p;
}

void *sweep_alloc(size_t n, size_t size) { return sure(calloc(n ? n : 1, size)); }
void *sweep_malloc(size_t size) { return sure(malloc(size ? size : 1)); }
void *sweep_realloc(void *old, size_t n, size_t size) { return sure(reallocarray(old, n ? n : 1, size)); }
char *sweep_strdup(const char *s) { return sure(strdup(s)); }
char *sweep_strndup(const char *s, size_t n) { return sure(strndup(s, n)); }

char *sweep_format(const char *format, ...) {
  va_list args;
  char *s;
  va_start(args, format);
  int n = vasprintf(&s, format, args);
  va_end(args);
  return sure(n < 0 ? NULL : s);
}

void *sweep_grow(void *array, int n, size_t size) {
  bool full = n == 0 || (n >= 8 && (n & (n - 1)) == 0);
  if (full) array = sweep_realloc(array, n ? (size_t)n * 2 : 8, size);
  memset((char *)array + (size_t)n * size, 0, size);
  return array;
}

/* --- A growing string ------------------------------------------------------------------------------------------------------- */

static void reserve(struct text *t, size_t more) {
  if (t->n + more + 1 <= t->room) return;
  t->room = (t->n + more + 1) * 2;
  t->s = sweep_realloc(t->s, t->room, 1);
}

void sweep_text_add(struct text *t, const char *s, size_t n) {
  reserve(t, n);
  memcpy(t->s + t->n, s, n);
  t->s[t->n += n] = 0;
}

void sweep_text_addf(struct text *t, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  reserve(t, (size_t)n);
  vsnprintf(t->s + t->n, (size_t)n + 1, format, again);
  t->n += (size_t)n;
  va_end(again);
  va_end(args);
}

void sweep_text_free(struct text *t) {
  free(t->s);
  *t = (struct text){0};
}

char **sweep_split(const char *list, int *n) {
  char **words = NULL;
  *n = 0;
  for (const char *p = list; *p;) {
    size_t span = strcspn(p, ","), lead = strspn(p, " \t"), len = span;
    if (lead > span) lead = span;
    while (len > lead && (p[len - 1] == ' ' || p[len - 1] == '\t')) len--;
    if (len > lead) *sweep_push(words, *n) = sweep_strndup(p + lead, len - lead);
    p += span + (p[span] == ',');
  }
  return words;
}

void sweep_free_words(char **words, int n) {
  for (int i = 0; i < n; i++) free(words[i]);
  free(words);
}

/* --- Rows ------------------------------------------------------------------------------------------------------------------- */

void sweep_csv_add(struct text *t, const char *field, bool first) {
  bool quote = strpbrk(field, ",\"") != NULL;
  if (!first) sweep_text_add(t, ",", 1);
  if (quote) sweep_text_add(t, "\"", 1);
  for (const char *p = field; *p; p++) {
    char c = (unsigned char)*p < ' ' ? ' ' : *p;
    sweep_text_add(t, c == '"' ? "\"\"" : &c, c == '"' ? 2 : 1);
  }
  if (quote) sweep_text_add(t, "\"", 1);
  if (!t->s) sweep_text_add(t, "", 0);
}

int sweep_csv_split(char *row, char **fields, int max) {
  int n = 0;
  for (char *p = row;; n++) {
    char *out = p, *start = p;
    bool quoted = *p == '"';
    if (quoted) p++;
    while (*p && (quoted ? !(*p == '"' && p[1] != '"') : *p != ',')) {
      if (quoted && *p == '"') p++;
      *out++ = *p++;
    }
    if (quoted && *p) p++;
    bool last = *p != ',';
    *out = 0;
    if (n < max) fields[n] = start;
    if (last) return n + 1;
    p++;
  }
}

/* --- Time, sums, files ------------------------------------------------------------------------------------------------------ */

double sweep_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void sweep_timestamp(char *buf, size_t nbuf) {
  struct timespec t;
  struct tm tm;
  clock_gettime(CLOCK_REALTIME, &t);
  gmtime_r(&t.tv_sec, &tm);
  size_t n = strftime(buf, nbuf, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(buf + n, nbuf - n, ".%03dZ", (int)(t.tv_nsec / 1000000));
}

uint32_t sweep_crc32(const void *data, size_t n) {
  static uint32_t table[256];
  if (!table[1])
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
      table[i] = c;
    }
  uint32_t crc = ~0u;
  for (const unsigned char *p = data, *end = p + n; p < end; p++) crc = table[(crc ^ *p) & 255] ^ crc >> 8;
  return ~crc;
}

bool sweep_read_line(const char *path, char *buf, size_t nbuf) {
  *buf = 0;
  FILE *f = fopen(path, "re");
  if (!f && errno == ENOMEM) sweep_out_of_memory(); /* and not: there is no such file */
  if (!f) return false;
  bool ok = fgets(buf, (int)nbuf, f) != NULL;
  fclose(f);
  if (!ok) *buf = 0;
  buf[strcspn(buf, "\n")] = 0;
  return ok;
}

char *sweep_read_file(const char *path, size_t *n) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  struct text t = {0};
  char part[65536];
  ssize_t got;
  sweep_text_add(&t, "", 0);
  while ((got = read(fd, part, sizeof part)) > 0 || (got < 0 && errno == EINTR))
    if (got > 0) sweep_text_add(&t, part, (size_t)got);
  int why = errno;
  close(fd);
  if (got < 0) {
    sweep_text_free(&t);
    errno = why;
    return NULL;
  }
  if (n) *n = t.n;
  return t.s;
}

bool sweep_write_all(int fd, const void *data, size_t n) {
  for (const char *p = data; n;) {
    ssize_t done = write(fd, p, n);
    if (done < 0 && errno != EINTR) return false;
    if (done > 0) p += done, n -= (size_t)done;
  }
  return true;
}
