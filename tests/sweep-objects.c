/* sweep-objects.c: the files that are measured, and that they stay what they were. */
#include "harness/catalog/catalog.h"
#include "harness/sweep/objects.h"
#include "sweep-program.h"

#include <sys/stat.h>

static struct sweep_cell cell;
static struct sweep_plan plan = {.cells = &cell, .ncells = 1};

static void write_object(const char *bytes) {
  FILE *f = fopen(cell.object, "w");
  cr_assert(f != NULL && fputs(bytes, f) >= 0 && fclose(f) == 0);
}

static void begin(struct sweep_objects *o) {
  enter_place();
  cell.object = sweep_format("%s/it.pool.so", place);
  write_object("an object");
  cr_assert(chmod(cell.object, 0750) == 0);
  cr_assert(eq(int, sweep_objects_hash(&plan), 0));
  sweep_objects_begin(o, &plan);
}

static void end(struct sweep_objects *o) {
  sweep_objects_end(o);
  free(cell.object);
  free(cell.hash);
  leave_place();
}

/* One that was touched and is the same still is read again, and passes. */
Test(objects, stay_the_same) {
  struct sweep_objects o;
  begin(&o);
  cr_expect(sweep_objects_same(&o, &cell));
  write_object("an object");
  cr_expect(sweep_objects_same(&o, &cell));
  end(&o);
}

Test(objects, that_became_others_are_noticed) {
  struct sweep_objects o;
  begin(&o);
  cr_expect(sweep_objects_same(&o, &cell));
  write_object("another one");
  cr_expect(not(sweep_objects_same(&o, &cell)));
  cr_assert(unlink(cell.object) == 0);
  cr_expect(not(sweep_objects_same(&o, &cell)));
  end(&o);
}
