/* flags.c: see flags.h. */
#include "flags.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct flags *f) {
  printf("usage: %s\n", f->usage);
  for (int i = 0; i < f->n; i++) {
    const struct flag *flag = &f->table[i];
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", flag->name, flag->argument ? " " : "", flag->argument ? flag->argument : "");
    printf("  %-24s %s\n", left, flag->help);
  }
}

static const struct flag *find(const struct flags *f, const char *word, size_t length) {
  for (int i = 0; i < f->n; i++)
    if (strlen(f->table[i].name) == length && !strncmp(f->table[i].name, word, length)) return &f->table[i];
  return NULL;
}

static int unknown(const struct flags *f, const char *command, const char *word, size_t length) {
  const char *names[64];
  char name[64], hint[96];
  int n = 0;
  for (; n < f->n && n < 64; n++) names[n] = f->table[n].name;
  snprintf(name, sizeof name, "%.*s", (int)(length < 50 ? length : 50), word);
  const char *near = catalog_nearest(name, names, n);
  snprintf(hint, sizeof hint, near ? ", did you mean '--%s'?" : " (see reclaim %s --help)", near ? near : command);
  return sweep_refuse("%s: unknown flag '--%s'%s", command, name, hint);
}

static int read_flag(const struct flags *f, int argc, char **argv, int *i) {
  const char *word = argv[*i] + 2, *equals = strchr(word, '=');
  size_t length = equals ? (size_t)(equals - word) : strlen(word);
  const struct flag *flag = find(f, word, length);
  if (!flag) return unknown(f, argv[0], word, length);
  if (!flag->argument && equals) return sweep_refuse("--%s takes no value", flag->name);
  if (flag->argument && !equals && *i + 1 >= argc) return sweep_refuse("--%s needs a value (%s)", flag->name, flag->argument);
  const char *value = !flag->argument ? "yes" : equals ? equals + 1 : argv[++*i];
  if (!*value) return sweep_refuse("--%s needs a value (%s)", flag->name, flag->argument);
  if (*flag->value && flag->argument) return sweep_refuse("--%s is given twice ('%s' and '%s')", flag->name, *flag->value, value);
  *flag->value = value;
  return 0;
}

int flags_read(const struct flags *f, int argc, char **argv, const char **rest, int *nrest, bool *done) {
  *done = false;
  *nrest = 0;
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return print_help(f), *done = true, 0;
  for (int i = 1; i < argc; i++) {
    if (!strncmp(argv[i], "--", 2) && argv[i][2]) {
      int rc = read_flag(f, argc, argv, &i);
      if (rc) return rc;
    } else if (argv[i][0] == '-') {
      return sweep_refuse("%s: unknown flag '%s' (see reclaim %s --help)", argv[0], argv[i], argv[0]);
    } else if (*nrest == f->most) {
      return f->most ? sweep_refuse("%s: '%s' is one %s too many", argv[0], argv[i], f->words)
                     : sweep_refuse("%s: what is '%s'? It takes flags alone (see reclaim %s --help)", argv[0], argv[i], argv[0]);
    } else {
      rest[(*nrest)++] = argv[i];
    }
  }
  if (*nrest >= f->least) return 0;
  return sweep_refuse("%s needs %s%s (see reclaim %s --help)", argv[0], f->least > 1 ? "more than one " : "a ", f->words,
                      argv[0]);
}

int flags_int(const char *flag, const char *text, int64_t min, int64_t max, int64_t *out) {
  char *end;
  if (!text) return 0;
  errno = 0;
  long long v = strtoll(text, &end, 10);
  if (!*end && end != text && !errno && v >= min && v <= max) return *out = v, 0;
  return sweep_refuse("--%s: '%s' is no whole number from %" PRId64 " to %" PRId64, flag, text, min, max);
}

int flags_percent(const char *flag, const char *text, double above, double most, double *out) {
  char *end;
  if (!text) return 0;
  double v = strtod(text, &end);
  if (*end == '%') end++;
  if (!*end && end != text && v > above && v <= most) return *out = v / 100, 0;
  return sweep_refuse("--%s: '%s' is no number of per cent above %g, up to %g", flag, text, above, most);
}
