/* Binding on the machine at hand: what was asked for is what the kernel says, and what cannot be is an error. */
#define _GNU_SOURCE
#include "harness/cell/pin.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>

/* The CPUs that this process may use. */
static int mine(int *cpus, int room) {
  cpu_set_t set;
  cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
  int n = 0;
  for (int i = 0; i < CPU_SETSIZE && n < room; i++)
    if (CPU_ISSET(i, &set)) cpus[n++] = i;
  return n;
}

Test(binding, to_one_cpu_and_to_all) {
  char err[128] = "";
  int cpus[CPU_SETSIZE], now[CPU_SETSIZE], n = mine(cpus, CPU_SETSIZE);
  cr_assert_eq(cell_bind(&cpus[n - 1], 1, err, sizeof err), 0, "%s", err);
  cr_assert_eq(mine(now, CPU_SETSIZE), 1);
  cr_expect_eq(now[0], cpus[n - 1]);
  cr_assert_eq(cell_bind(cpus, n, err, sizeof err), 0, "%s", err);
  cr_expect_eq(mine(now, CPU_SETSIZE), n);
}

Test(binding, to_a_cpu_that_is_not_there) {
  char err[128] = "";
  int cpus[CPU_SETSIZE], n = mine(cpus, CPU_SETSIZE), missing = 60000;
  cr_expect_eq(cell_bind(&missing, 1, err, sizeof err), -1);
  cr_expect(strstr(err, "60000"), "the message names the CPU: '%s'", err);
  /* With one that exists the kernel binds to that one alone and reports success: only reading back tells. */
  cr_expect_eq(cell_bind((int[]){cpus[0], missing}, 2, err, sizeof err), -1);
  cr_expect(strstr(err, "another binding"), "'%s'", err);
  cr_assert_eq(cell_bind(cpus, n, err, sizeof err), 0);
}

Test(binding, topology_keeps_to_the_own_binding) {
  char err[128] = "";
  int cpus[CPU_SETSIZE], n = mine(cpus, CPU_SETSIZE), planned[2];
  hwloc_topology_t t;
  cr_assert_eq(cell_topology_load(&t, err, sizeof err), 0, "%s", err);
  cr_expect_eq(cell_pus(t), n);
  hwloc_topology_destroy(t);
  cr_assert_eq(cell_bind(&cpus[n - 1], 1, err, sizeof err), 0);
  cr_assert_eq(cell_topology_load(&t, err, sizeof err), 0, "%s", err);
  cr_expect_eq(cell_pus(t), 1);
  cr_expect_eq(cell_cores(t), 1);
  cr_expect_eq(cell_plan_cpus(t, PIN_COMPACT, 2, planned, err, sizeof err), 1);
  cr_expect_eq(planned[0], cpus[n - 1]);
  cr_expect_eq(planned[1], cpus[n - 1]);
  hwloc_topology_destroy(t);
}

/* Somebody else's machine through hwloc's environment: planning goes by it, binding notices. */
Test(binding, topology_of_another_machine) {
  char err[128] = "";
  int planned[3000];
  hwloc_topology_t t;
  setenv("HWLOC_SYNTHETIC", "package:3 core:1000 pu:1", 1);
  cr_assert_eq(cell_topology_load(&t, err, sizeof err), 0, "%s", err);
  cr_expect_eq(cell_cores(t), 3000);
  cr_assert_eq(cell_plan_cpus(t, PIN_COMPACT, 3000, planned, err, sizeof err), 3000);
  cr_expect_eq(cell_bind(&planned[2999], 1, err, sizeof err), -1);
  hwloc_topology_destroy(t);
}
