/* pin.h: which CPU each mutator runs on, and the proof that it does.

   A plan is a pure function of a topology, a policy and a number of threads, so that a machine nobody here has can be planned
   for and tested. Binding is another matter: it concerns this machine, and is read back before it is believed. */
#ifndef RECLAIM_CELL_PIN_H
#define RECLAIM_CELL_PIN_H

#include <hwloc.h>
#include <stdbool.h>
#include <stddef.h>

/* Hyper-threads (PUs, hwloc's word) come after whole cores and slower kinds of core after faster ones, except that `numa` uses
   up everything in one node before it enters the next. */
enum pin_policy {
  PIN_COMPACT, /* neighbours first: the cores of one cache, of one NUMA node, of one package, then the next one's */
  PIN_SCATTER, /* each thread as far as possible from those before it: packages in turn, in them NUMA nodes, in them caches */
  PIN_NUMA,    /* one NUMA node is filled before the next; nodes in order, those without CPUs skipped */
  PIN_NONE,    /* left to the kernel */
  PIN_POLICIES
};

/* "compact", "scatter", "numa", "none". */
extern const char *const cell_pin_names[PIN_POLICIES];

/* The topology of this machine, restricted to the CPUs that the calling thread may run on (cpuset cgroups, taskset). 0, or -1
   with a message in err, and *topology NULL. To be freed with hwloc_topology_destroy. */
int cell_topology_load(hwloc_topology_t *topology, char *err, size_t nerr);

/* How many PUs, and how many physical cores (what `--threads max` means), the topology allows. */
int cell_pus(hwloc_topology_t topology);
int cell_cores(hwloc_topology_t topology);

/* Fills cpus[0 .. threads - 1] with the OS number of each thread's CPU, or -1 for PIN_NONE. Threads beyond the allowed PUs
   start again from the first: the caller marks them as oversubscribed. Returns the number of allowed PUs, or -1 with a message
   in err. Reads nothing but its arguments. */
int cell_plan_cpus(hwloc_topology_t topology, enum pin_policy policy, int threads, int *cpus, char *err, size_t nerr);

/* Binds the calling thread to exactly these n CPUs, and reads the binding back. 0, or -1 with a message in err. */
int cell_bind(const int *cpus, int n, char *err, size_t nerr);

/* The allowed PUs that are not among these n, for whatever must not disturb them. Returns how many; *others (NULL when none) is
   the caller's to free. */
int cell_other_cpus(hwloc_topology_t topology, const int *cpus, int n, int **others);

#endif
