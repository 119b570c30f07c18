/* samples.c: samples.csv, from the reader to the last line of the table, the summary as JSON, and summary.csv, which is read back. */
#include "harness/report/csv.h"
#include "harness/report/report.h"
#include "tests/fuzz/fuzz.h"

static const char json[] =
    "{\"schema\": 1, \"campaign\": \"c\", \"baseline\": \"rc\", \"warnings\": [], \"plan\": {\"cells\": []}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static FILE *nowhere;
  if (!nowhere) {
    MUST((nowhere = fopen("/dev/null", "w")) != NULL);
    fuzz_write(fuzz_path("campaign.json"), json, sizeof json - 1);
  }
  unlink(fuzz_path("summary.csv"));
  fuzz_write(fuzz_path("samples.csv"), data, size);
  for (int form = 0; form < 2; form++) {
    const struct report_options options = {.columns = 100, .colour = form, .json = form};
    int rc = report_dir(fuzz_dir(), &options, nowhere);
    MUST(rc == 0 || rc == 2);
    if (rc) return 0;
  }
  struct csv c;
  char path[128];
  snprintf(path, sizeof path, "%s", fuzz_path("summary.csv"));
  int got = csv_open(&c, path) ? 1 : -1;
  while (got == 1) got = csv_next(&c);
  MUST(got == 0);
  csv_close(&c);
  return 0;
}
