/* sweep-file.c: sweep files, through inih and the table of options; and what a plan then asks of the values. */
#include "harness/sweep/axes.h"
#include "harness/sweep/options.h"
#include "harness/sweep/text.h"
#include "tests/fuzz/fuzz.h"

static void look_at(const struct sweep_options *o) {
  for (int i = 0; i < OPT_COUNT; i++) {
    const struct sweep_value *v = &o->value[i];
    int n;
    MUST(!v->text == !v->origin);
    if (!v->text) continue;
    char **words = sweep_split(v->text, &n);
    for (int k = 0; k < n; k++) MUST(*words[k] && !strchr(words[k], ','));
    sweep_free_words(words, n);
  }
  static const enum sweep_option numbers[] = {OPT_BLOCKS, OPT_WARMUP, OPT_ITERATIONS, OPT_SEED, OPT_TIMEOUT, OPT_MEMORY_LIMIT};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    int64_t got = 0;
    if (sweep_option_number(o, numbers[i], 0, 1000000, 7, &got)) MUST(got >= 0 && got <= 1000000);
  }
  for (int i = 0; i < o->nsets; i++) MUST(*o->sets[i].name && *o->sets[i].values && *o->sets[i].origin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[128];
  snprintf(path, sizeof path, "%s", fuzz_path("sweep.ini"));
  fuzz_write(path, data, size);
  char *argv[] = {path, NULL};
  struct sweep_options o;
  int rc = sweep_options_read(&o, 1, argv);
  MUST(rc == 0 || rc == SWEEP_BAD_INPUT);
  if (!rc) look_at(&o);
  sweep_options_free(&o);
  return 0;
}
