/* journal.c: journals. A line that begins with '+' gets the sum that is right for the rest of it, which mutations would never find. Of those,
   the ones with a number that is possible, but far beyond what a sweep has, are left out: they are believed, and take their time. */
#include "harness/sweep/journal.h"
#include "harness/sweep/text.h"
#include "tests/fuzz/fuzz.h"

static bool takes_its_time(const uint8_t *line, size_t n) {
  char text[16384];
  long long number = 0;
  snprintf(text, sizeof text, "%.*s", (int)(n < sizeof text - 1 ? n : sizeof text - 1), (const char *)line);
  return sscanf(text, "%*s %lld", &number) == 1 && number > 1000 && number < JOURNAL_MOST;
}

static void make_journal(const uint8_t *data, size_t size) {
  struct text t = {0};
  sweep_text_add(&t, "", 0);
  for (size_t at = 0; at < size;) {
    const uint8_t *newline = memchr(data + at, '\n', size - at);
    size_t n = newline ? (size_t)(newline - data) - at : size - at;
    if (n && data[at] == '+' && takes_its_time(data + at + 1, n - 1)) {
      at += n + (newline != NULL);
      continue;
    }
    if (n && data[at] == '+') sweep_text_addf(&t, "%08x ", sweep_crc32(data + at + 1, n - 1));
    size_t plus = n && data[at] == '+';
    sweep_text_add(&t, (const char *)data + at + plus, n - plus);
    if (newline) sweep_text_add(&t, "\n", 1);
    at += n + (newline != NULL);
  }
  fuzz_write(fuzz_path("journal.log"), t.s, t.n);
  sweep_text_free(&t);
}

/* How many are complete; what is complete has rows that are texts. */
static int64_t look_at(const struct journal *j) {
  int64_t complete = 0;
  for (int64_t i = 0; i < j->nentries; i++) {
    complete += sweep_journal_complete(j, i);
    for (int r = 0; r < j->entries[i].nrows; r++) MUST(!strchr(j->entries[i].rows[r], '\n'));
  }
  MUST(complete == j->complete);
  return complete;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct journal j;
  make_journal(data, size);
  MUST(sweep_journal_open(&j, fuzz_dir()) == 0);
  int64_t before = look_at(&j);
  bool new = !sweep_journal_complete(&j, 5);
  /* it goes on, whatever it ends in, and what is appended is there the next time */
  MUST(sweep_journal_start(&j, 5) && sweep_journal_row(&j, 5, "a,row") && sweep_journal_done(&j, 5, 1, 2, 3));
  sweep_journal_close(&j);
  MUST(sweep_journal_read(&j, fuzz_dir()) == 0);
  MUST(look_at(&j) == before + new &&sweep_journal_complete(&j, 5) && !strcmp(j.entries[5].rows[0], "a,row"));
  MUST(j.rss_size == 2 && j.hist_size == 3);
  sweep_journal_close(&j);
  return 0;
}
