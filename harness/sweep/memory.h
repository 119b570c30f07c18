/* memory.h: how much memory a child may take before the machine, or its cgroup, suffers. */
#ifndef RECLAIM_SWEEP_MEMORY_H
#define RECLAIM_SWEEP_MEMORY_H

#include <stdint.h>

/* Bytes that could still be taken: the least of the kernel's MemAvailable and what each cgroup above this process (version 2 or
   1) has left under its limit, reclaimable page cache counted as free. UINT64_MAX when nothing says. */
uint64_t sweep_memory_available(void);

/* 80 % of that: the default of --memory-limit. */
uint64_t sweep_memory_default_limit(void);

/* Processes that the kernel has killed for memory since it started, on the whole machine; 0 when it does not say. */
uint64_t sweep_memory_oom_kills(void);

/* CPUs' worth of time that the cgroup's quota allows, the least of all levels; 0: no quota. */
double sweep_cpu_quota(void);

#endif
