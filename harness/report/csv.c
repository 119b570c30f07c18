/* csv.c: see csv.h. */
#include "harness/report/csv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int csv_fail(struct csv *c, const char *format, ...) {
  int n = snprintf(c->error, sizeof c->error, "%s:%ld: ", c->path, c->line);
  if (n < 0 || (size_t)n >= sizeof c->error) return -1;
  va_list args;
  va_start(args, format);
  vsnprintf(c->error + n, sizeof c->error - (size_t)n, format, args);
  va_end(args);
  return -1;
}

static bool slurp(struct csv *c) {
  struct stat st;
  FILE *in = fopen(c->path, "rb");
  size_t size = 0, capacity = 0;
  if (in && fstat(fileno(in), &st) == 0 && S_ISDIR(st.st_mode))
    errno = EISDIR;
  else if (in) {
    for (;;) {
      if (size + 1 >= capacity) {
        char *grown = realloc(c->buffer, capacity = capacity ? 2 * capacity : 1 << 16);
        if (!grown) break;
        c->buffer = grown;
      }
      size_t n = fread(c->buffer + size, 1, capacity - size - 1, in);
      if (n == 0) break;
      size += n;
    }
  }
  bool done = in && c->buffer && feof(in) && !ferror(in);
  if (!done) snprintf(c->error, sizeof c->error, "cannot read %s: %s", c->path, strerror(errno));
  if (in) fclose(in);
  if (!done) return false;
  c->next = c->buffer;
  c->end = c->buffer + size;
  *c->end = '\0';
  return true;
}

/* Length of the UTF-8 sequence at p, 0 where there is none (RFC 3629: shortest form, no surrogates). */
static int utf8_length(const unsigned char *p, const unsigned char *end) {
  if (p[0] < 0x80) return 1;
  int n = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
  if (n == 0 || end - p < n) return 0;
  for (int i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
  if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
  return n;
}

/* Bytes that no text has: named with their line before anything is cut. */
static bool check_bytes(struct csv *c) {
  const unsigned char *p = (unsigned char *)c->buffer, *end = (unsigned char *)c->end;
  for (c->line = 1; p < end;) {
    int n = utf8_length(p, end);
    bool control = *p < 0x20 && *p != '\n' && *p != '\r' && *p != '\t';
    if (n == 0 || control || *p == 0x7f) {
      csv_fail(c, "byte 0x%02x is not text in UTF-8; the file is damaged or no CSV", *p);
      return false;
    }
    if (*p == '\n') c->line++;
    p += n;
  }
  c->line = 1;
  return true;
}

/* Cuts the field that starts at c->next and moves c->next behind its separator, which is returned: ',' or '\n'; or 0 with error
   set. A field without the separator that it needs was cut off. */
static int cut_unquoted(struct csv *c, const char **field) {
  char *p = c->next;
  *field = p;
  while (p < c->end && *p != ',' && *p != '\n' && *p != '"') p++;
  if (p == c->end) return csv_fail(c, "the last line is not complete; the file was cut off"), 0;
  if (*p == '"') return csv_fail(c, "a quote stands inside a field that does not start with one"), 0;
  int separator = *p;
  if (separator == '\n' && p > c->next && p[-1] == '\r') p[-1] = '\0';
  c->next = p + 1;
  *p = '\0';
  return separator;
}

static int cut_quoted(struct csv *c, const char **field) {
  char *p = c->next + 1, *to = p;
  *field = p;
  for (;; p++) {
    if (p >= c->end) return csv_fail(c, "a quoted field has no closing quote; the file was cut off"), 0;
    if (*p == '"' && *++p != '"') break;
    if (*p == '\n') c->next_line++;
    *to++ = *p;
  }
  if (p < c->end && *p == '\r') p++;
  if (p == c->end) return csv_fail(c, "the last line is not complete; the file was cut off"), 0;
  int separator = *p;
  if (separator != ',' && separator != '\n') return csv_fail(c, "a closing quote is followed by text, not by a comma"), 0;
  c->next = p + 1;
  *to = '\0';
  return separator;
}

static int cut(struct csv *c, const char **field) { return *c->next == '"' ? cut_quoted(c, field) : cut_unquoted(c, field); }

static bool read_header(struct csv *c) {
  c->line = c->next_line = 1;
  if (c->end - c->next >= 3 && !memcmp(c->next, "\xef\xbb\xbf", 3)) c->next += 3;
  if (c->next == c->end) return csv_fail(c, "the file is empty; a header line is due"), false;
  int room = 1;
  for (char *p = c->next; p < c->end && *p != '\n'; p++) room += *p == ',';
  c->header = calloc((size_t)room, sizeof *c->header);
  c->field = calloc((size_t)room, sizeof *c->field);
  if (!c->header || !c->field) return csv_fail(c, "out of memory"), false;
  for (int separator = ','; separator == ','; c->columns++) {
    if (c->columns == room) return csv_fail(c, "a column's name contains a line break"), false;
    separator = cut(c, &c->header[c->columns]);
    if (!separator) return false;
    if (csv_column(c, c->header[c->columns]) >= 0)
      return csv_fail(c, "column '%.60s' appears twice", c->header[c->columns]), false;
  }
  c->next_line++;
  return true;
}

bool csv_open(struct csv *c, const char *path) {
  *c = (struct csv){.path = path};
  return slurp(c) && check_bytes(c) && read_header(c);
}

int csv_next(struct csv *c) {
  if (c->next == c->end) return 0;
  c->line = c->next_line;
  int n = 0;
  for (int separator = ','; separator == ','; n++) {
    const char *field;
    separator = cut(c, &field);
    if (!separator) return -1;
    if (n < c->columns) c->field[n] = field;
  }
  c->next_line++;
  if (n != c->columns) return csv_fail(c, "%d fields where the header names %d", n, c->columns);
  return 1;
}

int csv_column(const struct csv *c, const char *name) {
  for (int i = 0; i < c->columns; i++)
    if (!strcmp(c->header[i], name)) return i;
  return -1;
}

void csv_close(struct csv *c) {
  free(c->header);
  free(c->field);
  free(c->buffer);
  *c = (struct csv){0};
}

void csv_write_field(FILE *out, const char *text) {
  if (!strpbrk(text, ",\"\r\n")) {
    fputs(text, out);
    return;
  }
  putc('"', out);
  for (; *text; text++) {
    if (*text == '"') putc('"', out);
    putc(*text, out);
  }
  putc('"', out);
}
