/* pin.c: pinning plans over hwloc topologies, and verified binding.

   Every policy is one order of the allowed PUs; thread i gets the i-th, modulo their number. For `compact` and `numa` the order
   is a sort by a key. For `scatter` it is a walk of the tree which, at every level, takes one from each child in turn: this
   spreads over packages, then nodes, then caches, whatever levels the machine has, without naming one of them. */
#define _GNU_SOURCE
#include "harness/cell/pin.h"
#include "harness/cell/guard.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const cell_pin_names[PIN_POLICIES] = {"compact", "scatter", "numa", "none"};

/* --- What a plan needs to know of a PU ------------------------------------------------------------------------------------ */

struct pu {
  int os;         /* number that the kernel uses */
  int logical;    /* place in hwloc's depth-first order: neighbours have close numbers */
  int sibling;    /* how many allowed PUs of the same core come before it */
  int efficiency; /* kind of core: higher is faster; equal where the machine has one kind or does not say */
  int node;       /* logical index of its NUMA node, INT_MAX without one */
};

static int core_sibling(hwloc_topology_t topology, hwloc_obj_t pu, hwloc_const_cpuset_t allowed) {
  hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, pu);
  if (!core) return 0;
  int before = 0;
  for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_inside_cpuset_by_type(topology, core->cpuset, HWLOC_OBJ_PU, o)) && o != pu;)
    before += hwloc_bitmap_isset(allowed, o->os_index);
  return before;
}

static int core_efficiency(hwloc_topology_t topology, hwloc_obj_t pu) {
#if HWLOC_API_VERSION >= 0x00020400
  int efficiency, kind = hwloc_cpukinds_get_by_cpuset(topology, pu->cpuset, 0);
  if (kind >= 0 && hwloc_cpukinds_get_info(topology, (unsigned)kind, NULL, &efficiency, NULL, NULL, 0) == 0) return efficiency;
#endif
  (void)topology, (void)pu;
  return -1;
}

/* Memory of different kinds may cover the same CPUs (high-bandwidth memory beside the usual one): the first node counts. */
static int local_node(hwloc_topology_t topology, hwloc_obj_t pu) {
  for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, o));)
    if (hwloc_bitmap_isset(o->cpuset, pu->os_index)) return (int)o->logical_index;
  return INT_MAX;
}

/* All allowed PUs, in hwloc's order. *n is their number; NULL when memory ran out or there is none. The caller frees. */
static struct pu *allowed_pus(hwloc_topology_t topology, int *n) {
  hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(topology);
  int all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
  struct pu *pus = all > 0 ? calloc((size_t)all, sizeof *pus) : NULL;
  *n = 0;
  if (!pus) return NULL;
  for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, o));) {
    if (!hwloc_bitmap_isset(allowed, o->os_index)) continue;
    pus[(*n)++] = (struct pu){.os = (int)o->os_index,
                              .logical = (int)o->logical_index,
                              .sibling = core_sibling(topology, o, allowed),
                              .efficiency = core_efficiency(topology, o),
                              .node = local_node(topology, o)};
  }
  if (*n) return pus;
  free(pus);
  return NULL;
}

int cell_pus(hwloc_topology_t topology) {
  int n;
  free(allowed_pus(topology, &n));
  return n;
}

int cell_cores(hwloc_topology_t topology) {
  int n, cores = 0;
  struct pu *pus = allowed_pus(topology, &n);
  for (int i = 0; i < n; i++) cores += pus[i].sibling == 0;
  free(pus);
  return cores;
}

/* --- Orders --------------------------------------------------------------------------------------------------------------- */

static int compare(int a, int b) { return (a > b) - (a < b); }

static int by_core(const void *x, const void *y) {
  const struct pu *a = x, *b = y;
  int c = compare(a->sibling, b->sibling);
  if (!c) c = compare(b->efficiency, a->efficiency);
  return c ? c : compare(a->logical, b->logical);
}

static int by_node(const void *x, const void *y) {
  const struct pu *a = x, *b = y;
  int c = compare(a->node, b->node);
  return c ? c : by_core(x, y);
}

/* Writes the ranks (indexes into `pus`) of the PUs at or below `o` that belong to the group of `like` (same sibling number,
   same kind of core), taking one from each child in turn; returns how many. `rank` has one entry per logical PU, -1 when not
   allowed; `out` and `spare` have room for all of them. */
static int spread(hwloc_obj_t o, const struct pu *pus, const int *rank, const struct pu *like, int *out, int *spare) {
  if (o->type == HWLOC_OBJ_PU) {
    int r = rank[o->logical_index];
    if (r < 0 || pus[r].sibling != like->sibling || pus[r].efficiency != like->efficiency) return 0;
    out[0] = r;
    return 1;
  }
  if (o->arity == 1) return spread(o->first_child, pus, rank, like, out, spare);
  int start[o->arity + 1], total = 0;
  for (unsigned c = 0; c < o->arity; c++) {
    start[c] = total;
    total += spread(o->children[c], pus, rank, like, out + total, spare);
  }
  start[o->arity] = total;
  memcpy(spare, out, (size_t)total * sizeof *out);
  for (int round = 0, n = 0; n < total; round++)
    for (unsigned c = 0; c < o->arity; c++)
      if (start[c] + round < start[c + 1]) out[n++] = spare[start[c] + round];
  return total;
}

/* Reorders pus for `scatter`: group after group of equal sibling number and efficiency, each spread over the whole tree. 0, or
   -1 when memory ran out. */
static int scatter(hwloc_topology_t topology, struct pu *pus, int n) {
  int all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU), done = 0;
  int *rank = malloc(3 * (size_t)all * sizeof *rank);
  struct pu *from = malloc((size_t)n * sizeof *from);
  if (rank && from) {
    int *out = rank + all, *spare = out + all;
    qsort(pus, (size_t)n, sizeof *pus, by_core); /* groups are runs now */
    memcpy(from, pus, (size_t)n * sizeof *pus);
    for (int i = 0; i < all; i++) rank[i] = -1;
    for (int i = 0; i < n; i++) rank[from[i].logical] = i;
    while (done < n) {
      int found = spread(hwloc_get_root_obj(topology), from, rank, &from[done], out, spare);
      for (int i = 0; i < found; i++) pus[done + i] = from[out[i]];
      done += found;
    }
  }
  free(rank);
  free(from);
  return done == n ? 0 : -1;
}

int cell_plan_cpus(hwloc_topology_t topology, enum pin_policy policy, int threads, int *cpus, char *err, size_t nerr) {
  int n;
  struct pu *pus = allowed_pus(topology, &n);
  if (!pus) {
    snprintf(err, nerr, "the topology allows no CPU, or memory ran out");
    return -1;
  }
  if (policy == PIN_SCATTER) {
    if (scatter(topology, pus, n) != 0) {
      snprintf(err, nerr, "out of memory while planning %d threads", threads);
      free(pus);
      return -1;
    }
  } else {
    qsort(pus, (size_t)n, sizeof *pus, policy == PIN_NUMA ? by_node : by_core);
  }
  for (int i = 0; i < threads; i++) cpus[i] = policy == PIN_NONE ? -1 : pus[i % n].os;
  free(pus);
  return n;
}

int cell_other_cpus(hwloc_topology_t topology, const int *cpus, int n, int **others) {
  int all, left = 0;
  struct pu *pus = allowed_pus(topology, &all);
  *others = pus ? malloc((size_t)all * sizeof **others) : NULL;
  for (int p = 0; *others && p < all; p++) {
    int used = 0;
    for (int i = 0; i < n; i++) used |= cpus[i] == pus[p].os;
    if (!used) (*others)[left++] = pus[p].os;
  }
  free(pus);
  if (left == 0) free(*others), *others = NULL;
  return left;
}

/* --- This machine --------------------------------------------------------------------------------------------------------- */

static int load_topology(hwloc_topology_t *topology, char *err, size_t nerr) {
  if (hwloc_topology_init(topology) != 0) {
    snprintf(err, nerr, "hwloc cannot start: %s", strerror(errno));
    *topology = NULL;
    return -1;
  }
  hwloc_bitmap_t mine = hwloc_bitmap_alloc();
  /* A topology that was handed in through hwloc's environment variables does not know our binding; the plan is then made on all
     of it, and cell_bind is what finds out that it was not of this machine. */
  bool ok = mine && hwloc_topology_load(*topology) == 0;
  if (ok && hwloc_get_cpubind(*topology, mine, HWLOC_CPUBIND_THREAD) == 0 && hwloc_topology_is_thissystem(*topology))
    ok = hwloc_topology_restrict(*topology, mine, 0) == 0;
  if (!ok) {
    snprintf(err, nerr, "hwloc cannot read the topology of this machine: %s", strerror(errno));
    hwloc_topology_destroy(*topology);
    *topology = NULL;
  }
  hwloc_bitmap_free(mine);
  return ok ? 0 : -1;
}

int cell_topology_load(hwloc_topology_t *topology, char *err, size_t nerr) {
  cell_guard_begin("hwloc");
  int rc = load_topology(topology, err, nerr);
  cell_guard_end();
  return rc;
}

/* A kernel may have more CPUs than a cpu_set_t holds: sets are sized by the largest number in them, and by what the kernel asks
   for when it is read back. */
static int bind_and_read_back(const int *cpus, int n, cpu_set_t *want, cpu_set_t *have, size_t bytes) {
  CPU_ZERO_S(bytes, want);
  CPU_ZERO_S(bytes, have);
  for (int i = 0; i < n; i++) CPU_SET_S((size_t)cpus[i], bytes, want);
  if (sched_setaffinity(0, bytes, want) != 0 || sched_getaffinity(0, bytes, have) != 0) return -1;
  return CPU_EQUAL_S(bytes, want, have) ? 0 : 1;
}

enum { MOST_CPUS = 1 << 16 };

int cell_bind(const int *cpus, int n, char *err, size_t nerr) {
  cpu_set_t *want = CPU_ALLOC(MOST_CPUS), *have = CPU_ALLOC(MOST_CPUS);
  int rc = -1;
  if (want && have) rc = bind_and_read_back(cpus, n, want, have, CPU_ALLOC_SIZE(MOST_CPUS));
  if (rc < 0)
    snprintf(err, nerr, "cannot bind to CPU %d%s: %s", cpus[0], n > 1 ? " and others" : "", strerror(errno));
  else if (rc > 0)
    snprintf(err, nerr, "asked for CPU %d%s, but the kernel reports another binding", cpus[0], n > 1 ? " and others" : "");
  if (want) CPU_FREE(want);
  if (have) CPU_FREE(have);
  return rc == 0 ? 0 : -1;
}
