/* program.c: the one file that includes the generated version.h, so that a new commit recompiles nothing else. */
#include "program.h"

#include "harness/cell/guard.h"
#include "version.h"

#include <gnu/libc-version.h>
#include <hwloc.h>
#include <stdlib.h>

const char *sweep_program_command(void) {
  const char *command = getenv("RECLAIM_COMMAND");
  return command && *command ? command : "reclaim";
}
const char *sweep_program_version(void) { return RECLAIM_VERSION; }
const char *sweep_program_commit(void) { return RECLAIM_COMMIT; }
const char *sweep_program_compiler(void) { return RECLAIM_COMPILER; }
const char *sweep_program_flags(void) { return RECLAIM_FLAGS; }

/* hwloc's functions tell the version of its interface, which is not that of the library: a topology that was loaded does. A
   synthetic one of a single CPU is loaded in no time. */
static const char *hwloc_version(char *buf, size_t nbuf) {
  hwloc_topology_t t;
  const char *version = NULL;
  cell_guard_begin("hwloc");
  if (hwloc_topology_init(&t)) t = NULL;
  if (t && !hwloc_topology_set_synthetic(t, "pu:1") && !hwloc_topology_load(t))
    version = hwloc_obj_get_info_by_name(hwloc_get_root_obj(t), "hwlocVersion");
  snprintf(buf, nbuf, "%s", version ? version : "unknown");
  if (t) hwloc_topology_destroy(t);
  cell_guard_end();
  return buf;
}

json_t *sweep_program_libraries(void) {
  char hwloc[32];
  return json_pack("{s:s, s:s, s:s, s:n}", "hwloc", hwloc_version(hwloc, sizeof hwloc), "jansson", jansson_version_str(), "libc",
                   gnu_get_libc_version(), "inih");
}

void sweep_program_print_version(FILE *out) {
  char hwloc[32];
  fprintf(out, "reclaim %s\ncommit   %s\ncompiler %s (%s)\nhwloc    %s\njansson  %s\nglibc    %s\n", RECLAIM_VERSION,
          RECLAIM_COMMIT, RECLAIM_COMPILER, RECLAIM_FLAGS, hwloc_version(hwloc, sizeof hwloc), jansson_version_str(),
          gnu_get_libc_version());
}
