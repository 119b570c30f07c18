/* counters.c: histograms.jsonl, as `report --counters` reads it. */
#include "harness/report/counters.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static FILE *nowhere;
  if (!nowhere) MUST((nowhere = fopen("/dev/null", "w")) != NULL);
  fuzz_write(fuzz_path("histograms.jsonl"), data, size);
  for (int json = 0; json < 2; json++) {
    int rc = counters_dir(fuzz_dir(), json, nowhere);
    MUST(rc == 0 || rc == 2);
  }
  return 0;
}
