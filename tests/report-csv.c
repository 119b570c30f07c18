/* report-csv.c: the CSV reader on good files, and its one line of complaint on every kind of bad one. */
#include "harness/report/csv.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>
#include <unistd.h>

/* Opens a file with these bytes; the file is gone at once, the reader keeps what it has read. */
static bool open_bytes(struct csv *c, const char *bytes, size_t n) {
  static char path[40];
  strcpy(path, "/tmp/reclaim-csv-XXXXXX");
  int fd = mkstemp(path);
  cr_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
  close(fd);
  bool opened = csv_open(c, path);
  unlink(path);
  return opened;
}

static bool open_text(struct csv *c, const char *text) { return open_bytes(c, text, strlen(text)); }

Test(csv, fields_by_name) {
  struct csv c;
  cr_assert(open_text(&c, "b,a\n1,2\n\n"), "%s", c.error);
  cr_assert_eq(csv_next(&c), 1);
  cr_expect_str_eq(c.field[csv_column(&c, "a")], "2");
  cr_expect_str_eq(c.field[csv_column(&c, "b")], "1");
  cr_expect_eq(csv_column(&c, "c"), -1);
  cr_expect_eq(csv_next(&c), -1, "an empty line is not two empty fields");
  csv_close(&c);
}

Test(csv, quotes_commas_line_breaks_and_both_line_ends) {
  struct csv c;
  cr_assert(open_text(&c, "\xef\xbb\xbf"
                          "a,\"b,c\"\r\n\"x \"\"y\"\"\nz\",\r\n,\"\"\n"),
            "%s", c.error);
  cr_expect_eq(csv_column(&c, "a"), 0);
  cr_expect_eq(csv_column(&c, "b,c"), 1);
  cr_assert_eq(csv_next(&c), 1, "%s", c.error);
  cr_expect_str_eq(c.field[0], "x \"y\"\nz");
  cr_expect_str_eq(c.field[1], "");
  cr_expect_eq(c.line, 2);
  cr_assert_eq(csv_next(&c), 1, "%s", c.error);
  cr_expect_eq(c.line, 4, "a line break inside quotes counts");
  cr_expect_str_eq(c.field[1], "");
  cr_expect_eq(csv_next(&c), 0);
  cr_expect_eq(csv_next(&c), 0);
  csv_close(&c);
}

/* What is wrong, and the line and the words that the complaint must have. */
static const struct {
  const char *bytes;
  size_t n; /* 0: up to the NUL */
  const char *line, *words;
} bad[] = {
    {"", 0, ":1: ", "empty"},
    {"a,b", 0, ":1: ", "cut off"},
    {"a,b\n1,2\n3,4", 0, ":3: ", "cut off"},
    {"a,b\n1,\"2", 0, ":2: ", "closing quote"},
    {"a,b\n1,\"2\"", 0, ":2: ", "cut off"},
    {"a,b\n1,2\n3\n", 0, ":3: ", "1 fields where the header names 2"},
    {"a,b\n1,2,3\n", 0, ":2: ", "3 fields"},
    {"a,b\n1,x\"y\n", 0, ":2: ", "quote"},
    {"a,b\n1,\"x\"y\n", 0, ":2: ", "closing quote"},
    {"a,a\n1,2\n", 0, ":1: ", "twice"},
    {"\"a\nb\",c\n1,2\n", 0, ":1: ", "line break"},
    {"a,b\n1,\xff\n", 0, ":2: ", "0xff"},
    {"a,b\n1,2\n\xc0\x80,1\n", 0, ":3: ", "0xc0"},
    {"a,b\n1,\0\n", 8, ":2: ", "0x00"},
    {"\x7f"
     "ELF\n",
     0, ":1: ", "0x7f"},
    {"a,b\n\xed\xa0\x80,1\n", 0, ":2: ", "0xed"},
};

Test(csv, each_bad_file_gets_one_line_that_says_where) {
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct csv c;
    int got = open_bytes(&c, bad[i].bytes, bad[i].n ? bad[i].n : strlen(bad[i].bytes)) ? 1 : -1;
    while (got == 1) got = csv_next(&c);
    cr_expect_eq(got, -1, "file %zu was accepted", i);
    cr_expect(strstr(c.error, bad[i].line) && strstr(c.error, bad[i].words) && !strchr(c.error, '\n'), "file %zu: %s", i,
              c.error);
    csv_close(&c);
  }
  struct csv c;
  cr_expect(!csv_open(&c, "/nonexistent/samples.csv") && strstr(c.error, "No such file"), "%s", c.error);
  csv_close(&c);
  cr_expect(!csv_open(&c, "/") && strstr(c.error, "directory"), "%s", c.error);
  csv_close(&c);
}

/* Cut anywhere, a file is either whole lines or refused; never is a part of a line taken for the whole. */
Test(csv, truncation_at_every_byte) {
  static const char *const records[] = {"name,note\n", "plain,1\n", "\"quoted, with \"\"quotes\"\"\",2\r\n",
                                        "\"over\ntwo lines\",3\n", "last,4\n"};
  char text[200] = "";
  size_t whole = 0; /* where the last complete record so far ends */
  for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
    strcat(text, records[i]);
    for (size_t n = whole; n < strlen(text) + (i == 4); n++) {
      struct csv c;
      int rows = 0, got = open_bytes(&c, text, n) ? 1 : -1;
      while (got == 1 && (got = csv_next(&c)) == 1) rows++;
      bool complete = n > 0 && (n == whole || n == strlen(text));
      cr_expect_eq(got, complete ? 0 : -1, "%zu bytes, %d rows: %s", n, rows, c.error);
      if (complete) cr_expect_eq(rows, n == whole ? (int)i - 1 : (int)i, "%zu bytes", n);
      csv_close(&c);
    }
    whole = strlen(text);
  }
}

/* Random bytes and random edits of a good file: any answer will do, but it must be one (the sanitizers watch). */
Test(csv, survives_noise, .timeout = 60) {
  static const char good[] = "a,b,c\n1,\"x,\"\"y\",3\n4,5,\"6\n7\"\n";
  static const char alphabet[] = ",,\"\"\n\n\rab1\xc3\xa9\xff";
  uint64_t seed = 1;
  for (int round = 0; round < 3000; round++) {
    char bytes[sizeof good];
    size_t n = sizeof good - 1 - draw(&seed) % 4;
    memcpy(bytes, good, sizeof good);
    for (int edits = (int)(draw(&seed) % 8); edits >= 0; edits--)
      bytes[draw(&seed) % n] = alphabet[draw(&seed) % (sizeof alphabet - 1)];
    struct csv c;
    int got = open_bytes(&c, bytes, n) ? 1 : -1;
    while (got == 1) {
      got = csv_next(&c);
      for (int i = 0; got == 1 && i < c.columns; i++) cr_assert(strlen(c.field[i]) < sizeof good);
    }
    cr_assert((got < 0) == (*c.error != '\0'));
    csv_close(&c);
  }
}

Test(csv, what_is_written_reads_back) {
  static const char *const texts[] = {"plain", "", "a,b", "say \"no\"", "two\nlines", " blanks ", "\xc2\xb1 1"};
  enum { N = sizeof texts / sizeof *texts };
  char *bytes = NULL;
  size_t n;
  FILE *out = open_memstream(&bytes, &n);
  fputs("1,2,3,4,5,6,7\n", out);
  for (int i = 0; i < N; i++) {
    if (i) putc(',', out);
    csv_write_field(out, texts[i]);
  }
  putc('\n', out);
  fclose(out);
  struct csv c;
  cr_assert(open_bytes(&c, bytes, n), "%s", c.error);
  cr_assert_eq(csv_next(&c), 1, "%s", c.error);
  for (int i = 0; i < N; i++) cr_expect_str_eq(c.field[i], texts[i]);
  csv_close(&c);
  free(bytes);
}
