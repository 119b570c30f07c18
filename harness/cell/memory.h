/* memory.h: the memory of this process at one moment, and how much more of it there may be. */
#ifndef RECLAIM_CELL_MEMORY_H
#define RECLAIM_CELL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Resident bytes now, exact: walks the page tables (35 ms at 4 GB), so never inside a window. Falls back to statm, which is
   approximate on new kernels with many CPUs, where there is no smaps_rollup; RECLAIM_NONE when neither can be read. */
uint64_t cell_rss_exact(void);

/* Resident bytes from an open descriptor of /proc/self/statm: one system call, whatever the size of the heap. RECLAIM_NONE when
   it cannot be read. Allocates nothing. */
uint64_t cell_rss_quick(int statm);

/* Makes the present the peak, so that cell_peak_bytes speaks of what follows. False where the kernel refuses. */
bool cell_peak_reset(void);

/* The kernel's own peak of resident bytes since the last successful reset; RECLAIM_NONE when it cannot be read. */
uint64_t cell_peak_bytes(void);

/* Bytes that this process may still take: what the system has available, or less where a memory cgroup (version 1 or 2) above
   it leaves less. RECLAIM_NONE when neither is known. */
uint64_t cell_memory_available(void);

#endif
