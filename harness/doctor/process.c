/* process.c: what this process may do: limits, counters, tools, room, variables. */
#define _GNU_SOURCE 1 /* environ */
#include "harness/doctor/facts.h"

#include "harness/catalog/catalog.h"
#include "harness/cell/code.h"
#include "harness/cell/migrations.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/text.h"
#include "runtime/descriptor.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct doctor_tool doctor_tools[DOCTOR_TOOLS] = {
    {"jemalloc", "libjemalloc2", "--allocator jemalloc"},
    {"mimalloc", "libmimalloc2.0", "--allocator mimalloc"},
    {"valgrind", "valgrind", "instruction counts, which no noise moves"},
    {"gnuplot", "gnuplot-nox", "figures"},
};

/* --- Limits ------------------------------------------------------------------------------------------------------------------- */

/* A limit below `enough` is named as the shell's ulimit does. */
static void see_limit(struct doctor_facts *f, int resource, const char *name, rlim_t enough) {
  struct rlimit r;
  if (getrlimit(resource, &r) || r.rlim_cur == RLIM_INFINITY || r.rlim_cur >= enough) return;
  size_t n = strlen(f->limits);
  snprintf(f->limits + n, sizeof f->limits - n, "%s%s", n ? ", " : "", name);
}

static void find_limits(struct doctor_facts *f) {
  struct rlimit r;
  see_limit(f, RLIMIT_AS, "address space (-v)", RLIM_INFINITY);
  see_limit(f, RLIMIT_DATA, "data (-d)", RLIM_INFINITY);
  see_limit(f, RLIMIT_CPU, "CPU time (-t)", RLIM_INFINITY);
  see_limit(f, RLIMIT_FSIZE, "file size (-f)", RLIM_INFINITY);
  see_limit(f, RLIMIT_NOFILE, "open files (-n)", 256);
  see_limit(f, RLIMIT_STACK, "stack (-s)", (rlim_t)1 << 20);
  f->core_dumps = !getrlimit(RLIMIT_CORE, &r) && r.rlim_cur > 0;
}

/* --- Counters ----------------------------------------------------------------------------------------------------------------- */

static void find_counters(struct doctor_facts *f) {
  struct perf_event_attr a = {
      .type = PERF_TYPE_HARDWARE, .size = sizeof a, .config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_kernel = 1, .disabled = 1};
  int fd = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  f->instructions = fd >= 0;
  f->no_counter = fd < 0 && (errno == ENOENT || errno == ENODEV || errno == EOPNOTSUPP);
  if (fd >= 0) close(fd);
  fd = cell_migrations_open();
  f->migrations = fd >= 0;
  cell_migrations_close(fd);
}

/* --- Tools -------------------------------------------------------------------------------------------------------------------- */

static bool in_path(const char *name) {
  const char *path = getenv("PATH");
  for (const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
    size_t n = strcspn(p, ":");
    char *file = sweep_format("%.*s/%s", (int)n, p, name);
    bool is = n && access(file, X_OK) == 0;
    free(file);
    if (is) return true;
    p += n + (p[n] == ':');
  }
  return false;
}

static void find_tools(struct doctor_facts *f) {
  for (int i = 0; i < DOCTOR_TOOLS; i++) {
    const char *name = doctor_tools[i].name;
    catalog_allocator a;
    char ignored[640];
    bool malloc = !strncmp(doctor_tools[i].without, "--allocator", 11);
    f->missing[i] = malloc ? !catalog_find_allocator(name, &a, ignored, sizeof ignored) : !in_path(name);
  }
}

/* --- Room, variables ---------------------------------------------------------------------------------------------------------- */

static void find_room(struct doctor_facts *f) {
  struct statvfs fs;
  snprintf(f->folder, sizeof f->folder, "%s", access("results", W_OK) == 0 ? "results" : ".");
  if (statvfs(f->folder, &fs) || !fs.f_blocks) return;
  f->room_bytes = (double)fs.f_bavail * (double)fs.f_frsize;
  f->room_share = (double)fs.f_bavail / (double)fs.f_blocks;
}

static void find_settings(struct doctor_facts *f) {
  extern char **environ;
  for (char **e = environ; *e; e++) {
    size_t n = strlen(f->settings);
    if (sweep_environment_is_setting(*e))
      snprintf(f->settings + n, sizeof f->settings - n, "%s%.*s", n ? " " : "", (int)strcspn(*e, "="), *e);
  }
}

void doctor_facts_process(struct doctor_facts *f) {
  int persona = personality(0xffffffff);
  f->no_aslr = persona != -1 && (persona & ADDR_NO_RANDOMIZE);
  f->code_moves = cell_code_move() != RECLAIM_NONE;
  find_limits(f);
  find_counters(f);
  find_tools(f);
  find_room(f);
  find_settings(f);
}
