/* build.h: from sources to the objects of one side, in the gate's private folder.

   Both sides are built alike: by the newer side's build functions (cmake/plugins.cmake), the same compiler and flags, from paths that leave no trace in
   the objects, into folders whose names are equally long. Each function has a section of its own, so that the linker can be told an order of them.
   Nothing but CMake is run: no set-up script, no packages, no other rights than the user's. */
#ifndef RECLAIM_GATE_BUILD_H
#define RECLAIM_GATE_BUILD_H

#include "harness/gate/place.h"
#include "harness/sweep/plan.h"

#include <stdint.h>

/* The tree that this program was built from. */
struct gate_tree {
  char *build, *source;                           /* absolute folders */
  char *compiler, *launcher, *generator, *prefix; /* of its CMake cache; "" where that does not say */
};

/* Finds it by where the program lies. False: the program is installed, or its build folder has gone. gate_tree_free is due either way. */
bool gate_tree_find(struct gate_tree *);
void gate_tree_free(struct gate_tree *);

/* The value of `name` in DIR/CMakeCache.txt, "" where there is none. The caller frees. */
char *gate_cache_value(const char *dir, const char *name);

/* "0123456789ab", with "-dirty" where the sources differ; "unknown" without git. The caller frees. NULL: interrupted. */
char *gate_tree_commit(struct gate_place *, const struct gate_tree *);

/* Checks `revision` out into a worktree in the place, without hooks. *commit: its first 12 digits, the caller's to free. 0, 2 after one line on stderr, or
   SWEEP_INTERRUPTED. */
int gate_check_out(struct gate_place *, const struct gate_tree *, const char *revision, char **commit);

/* An object that is needed, each once. */
struct gate_object {
  const char *strategy, *flavour;
};
/* Those of the plan's cells that can be run; *n. The caller frees the array. */
struct gate_object *gate_objects_of(const struct sweep_plan *, int *n);

/* Builds the objects of the sources in `root` into PLACE/<side>, with the build folder PLACE/<side>.build; strategies that `root` does not have are left out.
   0, 1 where it does not build (gate_place_show tells why), 2 after one line on stderr, or SWEEP_INTERRUPTED. */
int gate_build(struct gate_place *, const struct gate_tree *, const char *side, const char *root, const struct gate_object *,
               int n);

/* The same from that worktree, with the workloads of the tree where they compile there. *own: they did not, and the revision's own were used. */
int gate_build_base(struct gate_place *, const struct gate_tree *, const struct gate_object *, int n, bool *own);

/* Links the objects of `from`, a build folder, once more into PLACE/<side>, in a random order: of object files (Mytkowicz et al. 2009), or, where `functions`
   and they have sections of their own, of functions. `root`: the sources. *how: what was done, in words for people, the caller's. 0, 1 where it cannot be
   done (*how says why), 2, or SWEEP_INTERRUPTED. */
int gate_shuffle(struct gate_place *, const struct gate_tree *, const char *side, const char *from, const char *root,
                 const struct gate_object *, int n, bool functions, uint64_t seed, char **how);

#endif
