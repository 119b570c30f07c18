/* environment.h: the machine and the program as they were when a sweep ran, and what about them is known to spoil
   measurements. */
#ifndef RECLAIM_SWEEP_ENVIRONMENT_H
#define RECLAIM_SWEEP_ENVIRONMENT_H

#include "harness/sweep/plan.h"

/* The record, with what is found about this machine for measuring so many threads (harness/doctor/findings.h); what the machine does not
   tell is null in it. The caller owns the reference. */
json_t *sweep_environment_record(int threads);

/* The most threads of any cell that is run. */
int sweep_environment_threads(const struct sweep_plan *p);

/* One line of what must be equal for two runs to belong to one campaign: host name, CPU model, CPUs allowed. The caller frees. */
char *sweep_environment_machine(void);

/* The host's name, cut to what a file name can hold. The caller frees. */
char *sweep_environment_host(void);

/* Adds a warning to the plan for each condition that is found to spoil measurements. */
void sweep_environment_warn(struct sweep_plan *p);

/* Whether an entry of an environment, "NAME=value", is one that a malloc or a collector reads, or the dynamic linker to replace them. */
bool sweep_environment_is_setting(const char *entry);

/* hwloc's XML of the whole machine, NULL when hwloc cannot say. The caller frees. */
char *sweep_environment_topology_xml(void);

/* The environment that children get: without MALLOC_*, MIMALLOC_*, GC_*, GLIBC_TUNABLES and LD_PRELOAD unless `keep`; with LD_PRELOAD
   set to `library` first, unless that is "". The strings are borrowed from this process's environment, but for the first: free
   with sweep_environment_free. */
char **sweep_environment_for_child(const char *library, bool keep);
void sweep_environment_free(char **envp);

#endif
