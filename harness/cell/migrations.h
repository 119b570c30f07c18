/* migrations.h: how often threads were moved to another CPU, as the kernel counts it, where it may be asked. */
#ifndef RECLAIM_CELL_MIGRATIONS_H
#define RECLAIM_CELL_MIGRATIONS_H

#include <stdint.h>

/* A descriptor that counts the calling thread's migrations and those of threads it starts from now on; -1 where the kernel does
   not allow it (perf_event_paranoid of 2 and more without CAP_PERFMON, containers). */
int cell_migrations_open(void);

/* The count so far; RECLAIM_NONE for -1. Any thread. */
uint64_t cell_migrations_read(int fd);
void cell_migrations_close(int fd);

#endif
