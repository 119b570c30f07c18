/* csv.c: the CSV reader of the report, and the two of the sweep; what they read is written and read back the same. */
#include "harness/report/csv.h"
#include "harness/sweep/text.h"
#include "tests/fuzz/fuzz.h"

/* Writes the header and the record at hand, and reads them again. */
static void write_and_read(const struct csv *c) {
  char path[128];
  snprintf(path, sizeof path, "%s", fuzz_path("again.csv"));
  FILE *out = fopen(path, "w");
  MUST(out != NULL);
  for (int row = 0; row < 2; row++) {
    for (int i = 0; i < c->columns; i++) {
      if (i) putc(',', out);
      csv_write_field(out, row ? c->field[i] : c->header[i]);
    }
    putc('\n', out);
  }
  fclose(out);
  struct csv again;
  /* names with a line break are refused: the reader wants its header in one line; so is a first name that looks like a byte order mark */
  if (csv_open(&again, path)) {
    int got = csv_next(&again);
    MUST(again.columns == c->columns);
    MUST(got == 1 || c->columns == 1);
    for (int i = 0; i < c->columns && got == 1; i++) MUST(!strcmp(again.field[i], c->field[i]));
  }
  csv_close(&again);
}

static void read_as_report(const uint8_t *data, size_t size) {
  char path[128];
  struct csv c;
  snprintf(path, sizeof path, "%s", fuzz_path("input.csv"));
  fuzz_write(path, data, size);
  int got = csv_open(&c, path) ? 1 : -1, rows = 0;
  while (got == 1 && (got = csv_next(&c)) == 1) {
    for (int i = 0; i < c.columns; i++) MUST(strlen(c.field[i]) <= size);
    if (rows++ < 2) write_and_read(&c);
  }
  MUST((got < 0) == (*c.error != 0) && !strchr(c.error, '\n'));
  csv_close(&c);
}

/* The input as one field, where it is text that the reader lets pass. */
static void write_as_field(const uint8_t *data, size_t size) {
  char path[128], *text = fuzz_text(data, size);
  snprintf(path, sizeof path, "%s", fuzz_path("field.csv"));
  FILE *out = fopen(path, "w");
  MUST(out != NULL);
  fputs("x,y\n", out);
  csv_write_field(out, text);
  fputs(",2\n", out);
  fclose(out);
  struct csv c;
  if (csv_open(&c, path)) MUST(csv_next(&c) == 1 && !strcmp(c.field[0], text) && csv_next(&c) == 0);
  csv_close(&c);
  free(text);
}

/* A row of the journal: whatever it is, it is cut, and what is made of its fields is cut into the same. */
static void read_as_sweep(const uint8_t *data, size_t size) {
  enum { MOST = 16 };
  char *row = fuzz_text(data, size), *field[MOST], *again[MOST];
  int n = sweep_csv_split(row, field, MOST), kept = n < MOST ? n : MOST;
  MUST(n > 0);
  struct text t = {0};
  for (int i = 0; i < kept; i++) {
    for (char *p = field[i]; *p; p++)
      if ((unsigned char)*p < ' ') *p = ' ';
    sweep_csv_add(&t, field[i], i == 0);
  }
  MUST(sweep_csv_split(t.s, again, MOST) == kept);
  for (int i = 0; i < kept; i++) MUST(!strcmp(again[i], field[i]));
  sweep_text_free(&t);
  free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_as_report(data, size);
  read_as_sweep(data, size);
  write_as_field(data, size);
  return 0;
}
