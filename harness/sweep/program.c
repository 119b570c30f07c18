/* program.c: the one file that includes the generated version.h, so that a new commit recompiles nothing else. */
#include "program.h"

#include "version.h"

#include <gnu/libc-version.h>
#include <hwloc.h>

const char *program_version(void) { return RECLAIM_VERSION; }
const char *program_commit(void) { return RECLAIM_COMMIT; }
const char *program_compiler(void) { return RECLAIM_COMPILER; }
const char *program_flags(void) { return RECLAIM_FLAGS; }

/* hwloc tells the version of its interface only, which moves with its releases: 0x00020900 is 2.9. */
static const char *hwloc_version(char *buf, size_t nbuf) {
  unsigned v = hwloc_get_api_version();
  snprintf(buf, nbuf, "%u.%u.%u", v >> 16, v >> 8 & 255, v & 255);
  return buf;
}

json_t *program_libraries(void) {
  char hwloc[32];
  return json_pack("{s:s, s:s, s:s, s:n}", "hwloc", hwloc_version(hwloc, sizeof hwloc), "jansson", jansson_version_str(), "libc",
                   gnu_get_libc_version(), "inih");
}

void program_print_version(FILE *out) {
  char hwloc[32];
  fprintf(out, "reclaim %s\ncommit   %s\ncompiler %s (%s)\nhwloc    %s (interface)\njansson  %s\nglibc    %s\n", RECLAIM_VERSION,
          RECLAIM_COMMIT, RECLAIM_COMPILER, RECLAIM_FLAGS, hwloc_version(hwloc, sizeof hwloc), jansson_version_str(),
          gnu_get_libc_version());
}
