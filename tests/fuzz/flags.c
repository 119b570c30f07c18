/* flags.c: command lines, a word a line: of `run`, of the smaller subcommands, of `cell`. */
#include "harness/sweep/flags.h"
#include "harness/cell/options.h"
#include "harness/sweep/options.h"
#include "harness/sweep/text.h"
#include "tests/fuzz/fuzz.h"

static void run_flags(char *text) {
  char *argv[32], program[] = "run";
  int n = fuzz_words(text, program, argv);
  struct sweep_options o;
  int rc = sweep_options_read(&o, n - 1, argv + 1);
  MUST(rc == 0 || rc == SWEEP_BAD_INPUT);
  for (int i = 0; i < OPT_COUNT && !rc; i++) MUST(!o.value[i].text || *o.value[i].text);
  for (int i = 0; i < o.nsets && !rc; i++) MUST(*o.sets[i].name && !strchr(o.sets[i].name, '=') && *o.sets[i].values);
  sweep_options_free(&o);
}

static void small_flags(char *text) {
  char *argv[32], program[] = "small";
  const char *number = NULL, *part = NULL, *on = NULL, *rest[32];
  const struct flag table[] = {
      {"number", "N", "a number", &number}, {"part", "P", "a part", &part}, {"on", NULL, "a switch", &on}};
  const struct flags flags = {"small", table, 3, "word", 1, 3};
  int nrest, n = fuzz_words(text, program, argv);
  bool done;
  int rc = flags_read(&flags, n, argv, rest, &nrest, &done);
  MUST(rc == 0 || rc == SWEEP_BAD_INPUT);
  if (rc || done) return;
  MUST(nrest >= 1 && nrest <= 3);
  int64_t whole = 0;
  double share = 0.5;
  if (!flags_int("number", number, -5, 1000, &whole)) MUST(whole >= -5 && whole <= 1000);
  if (!flags_percent("part", part, 0, 100, &share)) MUST(share > 0 && share <= 1);
}

static void cell_flags(char *text) {
  char *argv[32], program[] = "cell", err[512] = "";
  struct cell_words words;
  int n = fuzz_words(text, program, argv);
  bool ok = cell_read_words(n, argv, &words, err, sizeof err);
  MUST(ok == (*err == 0));
  free(words.sets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  void (*const readers[])(char *) = {run_flags, small_flags, cell_flags};
  static bool away;
  if (!away) MUST(chdir(fuzz_dir()) == 0); /* a word that is no flag of `run` names a file: there are none here */
  away = true;
  for (int i = 0; i < 3; i++) {
    char *text = fuzz_text(data, size);
    if (i || !strchr(text, '/')) readers[i](text);
    free(text);
  }
  return 0;
}
