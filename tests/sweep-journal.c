/* sweep-journal.c: whatever is cut off or damaged, no acknowledged invocation is lost and none is believed that is not whole. */
#include "harness/sweep/journal.h"
#include "harness/sweep/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INVOCATIONS = 6, ROWS = 3 };

static char dir[] = "/tmp/reclaim-journal-XXXXXX", path[64];

static void make_dir(void) {
  cr_assert(mkdtemp(dir) != NULL);
  snprintf(path, sizeof path, "%s/journal.log", dir);
}

static void remove_dir(void) {
  unlink(path);
  rmdir(dir);
}

/* Writes INVOCATIONS invocations of ROWS rows; after each, ends[i] is how long the file is. */
static void write_journal(long ends[INVOCATIONS]) {
  struct journal j;
  cr_assert(eq(int, sweep_journal_create(&j, dir, "a-campaign"), 0));
  for (int i = 0; i < INVOCATIONS; i++) {
    cr_assert(sweep_journal_start(&j, i));
    for (int r = 0; r < ROWS; r++) {
      char row[64];
      snprintf(row, sizeof row, "a-campaign,%d,%d,\"quoted, with \"\"marks\"\"\"", i, r);
      cr_assert(sweep_journal_row(&j, i, row));
    }
    cr_assert(sweep_journal_done(&j, i, 0.5, 10 * i, 20 * i));
    ends[i] = (long)lseek(j.fd, 0, SEEK_END);
  }
  sweep_journal_close(&j);
}

static void replace_file(const char *data, size_t n) {
  int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
  cr_assert(sweep_write_all(fd, data, n));
  close(fd);
}

/* Whether the rows of a complete invocation are what was written. */
static void check_rows(const struct journal *j, int64_t i) {
  for (int r = 0; r < ROWS; r++) {
    char row[64];
    snprintf(row, sizeof row, "a-campaign,%d,%d,\"quoted, with \"\"marks\"\"\"", (int)i, r);
    cr_assert(eq(str, j->entries[i].rows[r], row));
  }
}

Test(journal, truncated_at_every_byte, .init = make_dir, .fini = remove_dir) {
  long ends[INVOCATIONS];
  write_journal(ends);
  size_t n;
  char *text = sweep_read_file(path, &n);
  for (size_t cut = 0; cut <= n; cut++) {
    struct journal j;
    replace_file(text, cut);
    cr_assert(eq(int, sweep_journal_open(&j, dir), 0));
    for (int i = 0; i < INVOCATIONS; i++) {
      /* whole without its newline would be whole as well, but the record is believed only with it */
      bool expected = (long)cut >= ends[i];
      cr_assert(eq(int, sweep_journal_complete(&j, i), expected), "cut at %zu, invocation %d", cut, i);
      if (expected) check_rows(&j, i);
    }
    /* and it goes on: what is appended now is not swallowed by the torn record */
    cr_assert(sweep_journal_start(&j, 40) && sweep_journal_row(&j, 40, "x") && sweep_journal_done(&j, 40, 1, 0, 0));
    sweep_journal_close(&j);
    cr_assert(eq(int, sweep_journal_open(&j, dir), 0));
    cr_assert(sweep_journal_complete(&j, 40));
    /* and what was not believed before is not now */
    for (int i = 0; i < INVOCATIONS; i++)
      cr_assert(eq(int, sweep_journal_complete(&j, i), (long)cut >= ends[i]), "cut at %zu, invocation %d", cut, i);
    sweep_journal_close(&j);
  }
  free(text);
}

Test(journal, a_damaged_byte_costs_one_invocation_at_most, .init = make_dir, .fini = remove_dir) {
  static const char ways[] = {1, (char)0x8a};
  long ends[INVOCATIONS];
  write_journal(ends);
  size_t n;
  char *text = sweep_read_file(path, &n);
  for (size_t way = 0; way < sizeof ways * n; way++) {
    struct journal j;
    size_t at = way / sizeof ways;
    char *copy = sweep_strndup(text, n);
    copy[at] ^= ways[way % sizeof ways];
    replace_file(copy, n);
    free(copy);
    cr_assert(eq(int, sweep_journal_open(&j, dir), 0));
    cr_assert(ge(i64, j.complete, INVOCATIONS - 2), "byte %zu",
              at); /* a newline joins the end of one and the start of the next */
    for (int i = 0; i < INVOCATIONS; i++)
      if (sweep_journal_complete(&j, i)) check_rows(&j, i);
    sweep_journal_close(&j);
  }
  free(text);
}

Test(journal, rows_before_a_new_start_do_not_count, .init = make_dir, .fini = remove_dir) {
  struct journal j;
  cr_assert(eq(int, sweep_journal_create(&j, dir, "c"), 0));
  cr_assert(sweep_journal_start(&j, 3) && sweep_journal_row(&j, 3, "old") && sweep_journal_start(&j, 3));
  cr_assert(sweep_journal_row(&j, 3, "new") && sweep_journal_done(&j, 3, 1, 7, 8));
  sweep_journal_close(&j);
  cr_assert(eq(int, sweep_journal_open(&j, dir), 0));
  cr_assert(eq(int, j.entries[3].nrows, 1));
  cr_assert(eq(str, j.entries[3].rows[0], "new"));
  cr_assert(eq(i64, j.complete, 1));
  cr_assert(eq(i64, j.rss_size, 7));
  cr_assert(eq(i64, j.hist_size, 8));
  sweep_journal_close(&j);
}

Test(journal, only_one_may_write, .init = make_dir, .fini = remove_dir) {
  struct journal a, b;
  cr_assert(eq(int, sweep_journal_create(&a, dir, "c"), 0));
  cr_assert(eq(int, sweep_journal_open(&b, dir), SWEEP_BAD_INPUT));
  sweep_journal_close(&b);
  sweep_journal_close(&a);
  cr_assert(eq(int, sweep_journal_open(&b, dir), 0));
  sweep_journal_close(&b);
}

Test(csv, fields_come_back) {
  static const char *const fields[] = {"", "plain", "with, comma", "with \"quotes\"", "\"", ",", "a=1;b=2"};
  enum { N = sizeof fields / sizeof *fields };
  struct text t = {0};
  char *cut[N];
  for (int i = 0; i < N; i++) sweep_csv_add(&t, fields[i], i == 0);
  cr_assert(eq(int, sweep_csv_split(t.s, cut, N), N));
  for (int i = 0; i < N; i++) cr_assert(eq(str, cut[i], (char *)fields[i]));
  sweep_text_free(&t);
}

Test(csv, a_row_is_one_line) {
  struct text t = {0};
  sweep_csv_add(&t, "two\nlines\r\n", true);
  cr_assert(eq(str, t.s, "two lines  "));
  sweep_text_free(&t);
}

Test(crc, is_the_usual_one) { cr_assert(eq(u32, sweep_crc32("123456789", 9), 0xCBF43926)); }
