/* machine.h: what the kernel says of this machine in small files, and where those are.

   Everything that is read of /proc and /sys while a sweep is prepared is read through here, so that a test can put a machine of its own
   making in place of this one. Paths are absolute, as on a machine that is none of a test's. */
#ifndef RECLAIM_SWEEP_MACHINE_H
#define RECLAIM_SWEEP_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* The folder that "/" stands for from now on; NULL: itself. For tests, before any thread is started. `dir` is borrowed. */
void sweep_machine_root(const char *dir);

/* Where that path is. The caller frees. */
char *sweep_machine_path(const char *path);

/* sweep_read_line and sweep_read_file (harness/sweep/text.h) of it. */
bool sweep_machine_line(const char *path, char *buf, size_t nbuf);
char *sweep_machine_file(const char *path, size_t *n);

#endif
