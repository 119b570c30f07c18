/* objects.h: the object files that a sweep measures, and that they stay what they were when it was planned. */
#ifndef RECLAIM_SWEEP_OBJECTS_H
#define RECLAIM_SWEEP_OBJECTS_H

#include "harness/sweep/plan.h"

#include <sys/stat.h>

struct sweep_objects {
  struct sweep_object {
    const char *path, *hash; /* of a cell of the plan */
    struct stat seen;        /* when its contents had that hash */
  } * v;
  int n;
};

/* Sets the hash of every cell's object. 0, or 2 after one line on stderr. */
int sweep_objects_hash(struct sweep_plan *p);

/* The plan must outlive it. */
void sweep_objects_begin(struct sweep_objects *o, const struct sweep_plan *p);
void sweep_objects_end(struct sweep_objects *o);

/* Whether the cell's object is still the one that was planned. A file that was not touched is not read again. */
bool sweep_objects_same(struct sweep_objects *o, const struct sweep_cell *cell);

/* Whether all objects of a plan that was read back are those that it was made with. 0, or 2 after one line on stderr that begins with
   `dir`. */
int sweep_objects_check(const struct sweep_plan *p, const char *dir);

/* [{"strategy", "pack", "object", "object_sha256", "plugin"}], each object once. */
json_t *sweep_objects_json(const struct sweep_plan *p);

#endif
