/* json.c: a buffer, a flag for the comma, and the escapes of RFC 8259. */
#define _GNU_SOURCE
#include "harness/cell/json.h"
#include "runtime/descriptor.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void flush(struct cell_json *j) {
  for (size_t done = 0; done < j->n && !j->error;) {
    ssize_t n = write(j->fd, j->buf + done, j->n - done);
    if (n >= 0)
      done += (size_t)n;
    else if (errno != EINTR)
      j->error = errno;
  }
  j->n = 0;
}

static void put(struct cell_json *j, const char *text, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (j->n == sizeof j->buf) flush(j);
    j->buf[j->n++] = text[i];
  }
}

static void put_text(struct cell_json *j, const char *text) { put(j, text, strlen(text)); }

/* One value that is neither string nor container. */
static void put_value(struct cell_json *j, const char *text) {
  if (j->comma) put(j, ",", 1);
  put_text(j, text);
  j->comma = true;
}

void cell_json_begin(struct cell_json *j, int fd) {
  j->fd = fd;
  j->error = 0;
  j->comma = false;
  j->n = 0;
}

int cell_json_end(struct cell_json *j) {
  put(j, "\n", 1);
  flush(j);
  return j->error;
}

void cell_json_open(struct cell_json *j, char bracket) {
  if (j->comma) put(j, ",", 1);
  put(j, &bracket, 1);
  j->comma = false;
}

void cell_json_close(struct cell_json *j, char bracket) {
  put(j, &bracket, 1);
  j->comma = true;
}

void cell_json_break(struct cell_json *j) {
  if (j->comma) put(j, ",", 1);
  put(j, "\n", 1);
  j->comma = false;
}

/* Length of the UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_length(const unsigned char *s) {
  size_t n = s[0] < 0x80                   ? 1
             : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
             : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
             : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                           : 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
  bool outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
  return overlong || outside ? 0 : n;
}

static void put_quoted(struct cell_json *j, const char *text) {
  put(j, "\"", 1);
  for (const unsigned char *s = (const unsigned char *)text; *s;) {
    size_t n = utf8_length(s);
    char escape[8];
    if (n == 0)
      put(j, "?", 1);
    else if (*s == '"' || *s == '\\')
      put(j, (char[]){'\\', (char)*s}, 2);
    else if (*s < 0x20)
      put(j, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", *s));
    else
      put(j, (const char *)s, n);
    s += n ? n : 1;
  }
  put(j, "\"", 1);
}

void cell_json_key(struct cell_json *j, const char *key) {
  if (j->comma) put(j, ",", 1);
  put_quoted(j, key);
  put(j, ":", 1);
  j->comma = false;
}

void cell_json_string(struct cell_json *j, const char *text) {
  if (!text) {
    cell_json_null(j);
    return;
  }
  if (j->comma) put(j, ",", 1);
  put_quoted(j, text);
  j->comma = true;
}

void cell_json_number(struct cell_json *j, double number) {
  char text[40];
  snprintf(text, sizeof text, "%.17g", number);
  if (!strpbrk(text, ".e")) strcat(text, ".0"); /* readers tell whole numbers from others by their looks */
  put_value(j, isfinite(number) ? text : "null");
}

void cell_json_unsigned(struct cell_json *j, uint64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, number);
  put_value(j, number == RECLAIM_NONE ? "null" : text);
}

void cell_json_signed(struct cell_json *j, int64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, number);
  put_value(j, text);
}

void cell_json_bool(struct cell_json *j, bool value) { put_value(j, value ? "true" : "false"); }

void cell_json_null(struct cell_json *j) { put_value(j, "null"); }
