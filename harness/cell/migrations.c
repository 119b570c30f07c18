/* migrations.c: a migration happens in the kernel, so that an event which leaves the kernel out (all that an unprivileged user
   may open) counts none: it would say 0 where the truth is that nobody knows. It is opened with the kernel or not at all. */
#define _GNU_SOURCE
#include "harness/cell/migrations.h"
#include "runtime/descriptor.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

int cell_migrations_open(void) {
  struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE, .size = sizeof a, .config = PERF_COUNT_SW_CPU_MIGRATIONS, .inherit = 1};
  return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

uint64_t cell_migrations_read(int fd) {
  uint64_t n;
  return fd >= 0 && read(fd, &n, sizeof n) == sizeof n ? n : RECLAIM_NONE;
}

void cell_migrations_close(int fd) {
  if (fd >= 0) close(fd);
}
