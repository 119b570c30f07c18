/* Plans on machines that nobody here has: the list of CPUs is compared with the one that the policy's words promise. */
#define _GNU_SOURCE
#include "harness/cell/pin.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hwloc_topology_t synthetic(const char *description) {
  hwloc_topology_t t;
  cr_assert_eq(hwloc_topology_init(&t), 0);
  cr_assert_eq(hwloc_topology_set_synthetic(t, description), 0, "%s", description);
  cr_assert_eq(hwloc_topology_load(t), 0);
  return t;
}

/* Leaves only the CPUs of a list such as "0-3,8". */
static void restrict_to(hwloc_topology_t t, const char *list) {
  hwloc_bitmap_t set = hwloc_bitmap_alloc();
  hwloc_bitmap_list_sscanf(set, list);
  cr_assert_eq(hwloc_topology_restrict(t, set, 0), 0);
  hwloc_bitmap_free(set);
}

/* The kind of core of the CPUs in a list; a higher number is faster. */
static void kind(hwloc_topology_t t, const char *list, int efficiency) {
  hwloc_bitmap_t set = hwloc_bitmap_alloc();
  hwloc_bitmap_list_sscanf(set, list);
  cr_assert_eq(hwloc_cpukinds_register(t, set, efficiency, 0, NULL, 0), 0);
  hwloc_bitmap_free(set);
}

static int plan(hwloc_topology_t t, enum pin_policy policy, int threads, int *cpus) {
  char err[128] = "";
  int pus = cell_plan_cpus(t, policy, threads, cpus, err, sizeof err);
  cr_assert_gt(pus, 0, "%s", err);
  return pus;
}

/* The first CPUs of a plan, as "0 2 1 3". */
static void expect(hwloc_topology_t t, enum pin_policy policy, int threads, const char *wanted) {
  int cpus[threads];
  char *text = NULL;
  size_t size;
  plan(t, policy, threads, cpus);
  FILE *f = open_memstream(&text, &size);
  for (int i = 0; i < threads; i++) fprintf(f, "%s%d", i ? " " : "", cpus[i]);
  fclose(f);
  cr_expect_str_eq(text, wanted, "%s: planned %s, expected %s", cell_pin_names[policy], text, wanted);
  free(text);
}

/* Every policy but `none` uses each allowed CPU exactly once before it uses one twice, and all whole cores before a second
   sibling; it is the same for any number of threads, as far as it goes. */
static void expect_sound(hwloc_topology_t t) {
  int pus = cell_pus(t), cores = cell_cores(t);
  for (enum pin_policy p = PIN_COMPACT; p < PIN_NONE; p++) {
    int cpus[2 * pus], fewer[pus];
    bool used[4096] = {0}, core_used[4096] = {0};
    cr_expect_eq(plan(t, p, 2 * pus, cpus), pus);
    plan(t, p, pus / 2 + 1, fewer);
    for (int i = 0; i < pus; i++) {
      cr_expect(hwloc_bitmap_isset(hwloc_topology_get_allowed_cpuset(t), (unsigned)cpus[i]));
      cr_expect(!used[cpus[i]], "%s uses CPU %d twice", cell_pin_names[p], cpus[i]);
      used[cpus[i]] = true;
      cr_expect_eq(cpus[i], cpus[pus + i], "what is too much wraps around");
      if (i <= pus / 2) cr_expect_eq(cpus[i], fewer[i]);
      hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, hwloc_get_pu_obj_by_os_index(t, (unsigned)cpus[i]));
      if (p != PIN_NUMA) cr_expect_eq(core_used[core->logical_index], i >= cores, "%s, thread %d", cell_pin_names[p], i);
      core_used[core->logical_index] = true;
    }
  }
}

Test(pin, two_packages_with_siblings) {
  hwloc_topology_t t = synthetic("package:2 l3:1 core:4 pu:2"); /* siblings are 2c and 2c + 1 */
  cr_expect_eq(cell_pus(t), 16);
  cr_expect_eq(cell_cores(t), 8);
  expect(t, PIN_COMPACT, 10, "0 2 4 6 8 10 12 14 1 3");
  expect(t, PIN_SCATTER, 10, "0 8 2 10 4 12 6 14 1 9");
  expect(t, PIN_NONE, 3, "-1 -1 -1");
  expect_sound(t);
  hwloc_topology_destroy(t);
}

Test(pin, two_times_sixty_four_cores) {
  hwloc_topology_t t = synthetic("[numa] package:2 [numa] l3:8 core:8 pu:2");
  int cpus[256];
  cr_expect_eq(cell_cores(t), 128);
  cr_expect_eq(plan(t, PIN_COMPACT, 256, cpus), 256);
  for (int i = 0; i < 128; i++) {
    cr_expect_eq(cpus[i], 2 * i);
    cr_expect_eq(cpus[128 + i], 2 * i + 1);
  }
  /* The first two on two packages, sixteen on sixteen caches. */
  expect(t, PIN_SCATTER, 4, "0 128 16 144");
  plan(t, PIN_SCATTER, 16, cpus);
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < i; k++) cr_expect_neq(cpus[i] / 16, cpus[k] / 16, "threads %d and %d share a cache", i, k);
  expect_sound(t);
  hwloc_topology_destroy(t);
}

Test(pin, chiplets_within_numa_nodes) {
  hwloc_topology_t t = synthetic("package:1 group:2 [numa] l3:2 core:3 pu:1");
  expect(t, PIN_COMPACT, 12, "0 1 2 3 4 5 6 7 8 9 10 11");
  expect(t, PIN_SCATTER, 8, "0 6 3 9 1 7 4 10"); /* nodes in turn, in each its caches in turn */
  expect(t, PIN_NUMA, 7, "0 1 2 3 4 5 6");
  expect_sound(t);
  hwloc_topology_destroy(t);
}

Test(pin, numa_fills_a_node_with_its_siblings) {
  hwloc_topology_t t = synthetic("numa:2 core:2 pu:2");
  expect(t, PIN_NUMA, 8, "0 2 1 3 4 6 5 7");
  expect(t, PIN_COMPACT, 8, "0 2 4 6 1 3 5 7");
  expect_sound(t);
  hwloc_topology_destroy(t);
}

/* Two kinds of memory over the same CPUs, as with high-bandwidth memory: its nodes have no CPUs of their own. */
Test(pin, second_kind_of_memory) {
  hwloc_topology_t t = synthetic("package:2 [numa] [numa] core:2 pu:1");
  cr_assert_eq(hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE), 4);
  expect(t, PIN_NUMA, 5, "0 1 2 3 0");
  expect_sound(t);
  hwloc_topology_destroy(t);
}

/* A node whose CPUs are all disallowed has memory alone: `numa` goes past it. */
Test(pin, memory_only_node) {
  hwloc_topology_t t = synthetic("numa:3 core:2 pu:1");
  restrict_to(t, "0-1,4-5");
  cr_expect_eq(hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE), 3);
  expect(t, PIN_NUMA, 4, "0 1 4 5");
  expect(t, PIN_SCATTER, 4, "0 4 1 5");
  expect_sound(t);
  hwloc_topology_destroy(t);
}

/* Four fast cores with two siblings each, then four slow ones: as sold in laptops. The numbers of the kernel do not say so. */
Test(pin, hybrid_cores) {
  hwloc_topology_t t = synthetic("core:8 pu:2");
  restrict_to(t, "0-7,8,10,12,14"); /* the last four cores have one PU each */
  kind(t, "0-7", 1);
  kind(t, "8,10,12,14", 0);
  cr_expect_eq(cell_cores(t), 8);
  expect(t, PIN_COMPACT, 12, "0 2 4 6 8 10 12 14 1 3 5 7");
  expect(t, PIN_SCATTER, 12, "0 2 4 6 8 10 12 14 1 3 5 7");
  expect_sound(t);
  hwloc_topology_destroy(t);
}

Test(pin, fast_cores_come_first_wherever_they_are) {
  hwloc_topology_t t = synthetic("package:2 core:3 pu:1");
  kind(t, "0,3-4", 0);
  kind(t, "1-2,5", 1);
  expect(t, PIN_COMPACT, 6, "1 2 5 0 3 4");
  expect(t, PIN_SCATTER, 6, "1 5 2 0 3 4");
  hwloc_topology_destroy(t);
}

Test(pin, restricted_cpuset) {
  hwloc_topology_t t = synthetic("package:2 core:4 pu:2");
  restrict_to(t, "1,4-5,9,14"); /* one sibling of three cores, both of one */
  cr_expect_eq(cell_pus(t), 5);
  cr_expect_eq(cell_cores(t), 4);
  expect(t, PIN_COMPACT, 6, "1 4 9 14 5 1");
  expect(t, PIN_SCATTER, 6, "1 9 4 14 5 1");
  expect_sound(t);
  hwloc_topology_destroy(t);
}

/* hwloc can keep the CPUs it may not use in the topology: the allowed set decides. */
Test(pin, allowed_set_of_a_whole_topology) {
  hwloc_topology_t t;
  hwloc_bitmap_t set = hwloc_bitmap_alloc();
  cr_assert_eq(hwloc_topology_init(&t), 0);
  cr_assert_eq(hwloc_topology_set_synthetic(t, "package:2 core:2 pu:2"), 0);
  cr_assert_eq(hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED), 0);
  cr_assert_eq(hwloc_topology_load(t), 0);
  hwloc_bitmap_list_sscanf(set, "2-5");
  cr_assert_eq(hwloc_topology_allow(t, set, NULL, HWLOC_ALLOW_FLAG_CUSTOM), 0);
  expect(t, PIN_COMPACT, 5, "2 4 3 5 2");
  hwloc_bitmap_free(set);
  hwloc_topology_destroy(t);
}

/* A machine as another one wrote it down: numbers of the kernel that alternate between packages, as firmware has it. */
Test(pin, machine_from_xml) {
  hwloc_topology_t s = synthetic("package:2 core:2 pu:2(indexes=0,4,2,6,1,5,3,7)"), t;
  char *xml;
  int length;
  cr_assert_eq(hwloc_topology_export_xmlbuffer(s, &xml, &length, 0), 0);
  cr_assert_eq(hwloc_topology_init(&t), 0);
  cr_assert_eq(hwloc_topology_set_xmlbuffer(t, xml, length), 0);
  cr_assert_eq(hwloc_topology_load(t), 0);
  expect(t, PIN_COMPACT, 8, "0 2 1 3 4 6 5 7");
  expect(t, PIN_SCATTER, 8, "0 1 2 3 4 5 6 7");
  expect_sound(t);
  hwloc_free_xmlbuffer(s, xml);
  hwloc_topology_destroy(s);
  hwloc_topology_destroy(t);
}

Test(pin, other_cpus) {
  hwloc_topology_t t = synthetic("core:4 pu:1");
  int *others;
  cr_assert_eq(cell_other_cpus(t, (int[]){2, 0}, 2, &others), 2);
  cr_expect_eq(others[0], 1);
  cr_expect_eq(others[1], 3);
  free(others);
  cr_expect_eq(cell_other_cpus(t, (int[]){0, 1, 2, 3}, 4, &others), 0);
  cr_expect_null(others);
  hwloc_topology_destroy(t);
}
