/* machine.c: see machine.h. */
#include "machine.h"

#include "harness/sweep/text.h"

#include <stdlib.h>

static const char *root = "";

void sweep_machine_root(const char *dir) { root = dir ? dir : ""; }

char *sweep_machine_path(const char *path) { return sweep_format("%s%s", root, path); }

bool sweep_machine_line(const char *path, char *buf, size_t nbuf) {
  char *where = sweep_machine_path(path);
  bool ok = sweep_read_line(where, buf, nbuf);
  free(where);
  return ok;
}

char *sweep_machine_file(const char *path, size_t *n) {
  char *where = sweep_machine_path(path), *text = sweep_read_file(where, n);
  free(where);
  return text;
}
