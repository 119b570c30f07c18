/* plugins.c: see plugins.h. */
#include "plugins.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <string.h>

int sweep_plugin_flag(int argc, char **argv, int *i) {
  static const char name[] = "--plugin-path";
  const char *word = argv[*i], *value = NULL;
  size_t n = sizeof name - 1;
  char err[1024];
  if (!strcmp(word, "--trust-owners")) return catalog_trust_owners(), 1;
  if (strncmp(word, name, n) || (word[n] && word[n] != '=')) return 0;
  value = word[n] ? word + n + 1 : *i + 1 < argc ? argv[++*i] : "";
  if (!*value) return sweep_say("%s needs a value (DIR,...)", name), -1;
  if (!catalog_use_plugins(value, err, sizeof err)) return sweep_say("%s: %s", name, err), -1;
  return 1;
}

void sweep_plugins_say_faults(void) {
  const char *fault, *path;
  for (int i = 0; (fault = catalog_fault(i, &path)); i++) sweep_say("warning: %s is left out: %s", path, fault);
}
