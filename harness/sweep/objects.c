/* objects.c: see objects.h. */
#include "objects.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether no earlier cell has this cell's object. */
static bool is_first(const struct sweep_plan *p, int cell) {
  for (int i = 0; i < cell; i++)
    if (!strcmp(p->cells[i].object, p->cells[cell].object)) return false;
  return *p->cells[cell].object != 0;
}

int sweep_objects_hash(struct sweep_plan *p) {
  for (int i = 0; i < p->ncells; i++) {
    struct sweep_cell *c = &p->cells[i];
    char hex[65] = "";
    int k = 0;
    while (strcmp(p->cells[k].object, c->object)) k++;
    if (k == i && *c->object && !catalog_hash(c->object, hex)) return sweep_refuse("%s: %s", c->object, strerror(errno));
    free(c->hash);
    c->hash = sweep_strdup(k == i ? hex : p->cells[k].hash);
  }
  return 0;
}

void sweep_objects_begin(struct sweep_objects *o, const struct sweep_plan *p) {
  *o = (struct sweep_objects){0};
  for (int i = 0; i < p->ncells; i++)
    if (is_first(p, i)) *sweep_push(o->v, o->n) = (struct sweep_object){p->cells[i].object, p->cells[i].hash, {0}};
}

void sweep_objects_end(struct sweep_objects *o) {
  free(o->v);
  *o = (struct sweep_objects){0};
}

static bool untouched(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
         a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool sweep_objects_same(struct sweep_objects *o, const struct sweep_cell *cell) {
  struct stat st;
  char hex[65];
  for (int i = 0; i < o->n; i++) {
    struct sweep_object *x = &o->v[i];
    if (strcmp(x->path, cell->object)) continue;
    if (stat(x->path, &st)) return false;
    if (untouched(&st, &x->seen)) return true;
    if (!catalog_hash(x->path, hex) || strcmp(hex, x->hash)) return false;
    x->seen = st;
    return true;
  }
  return true;
}

int sweep_objects_check(const struct sweep_plan *p, const char *dir) {
  char hex[65];
  for (int i = 0; i < p->ncells; i++) {
    const struct sweep_cell *c = &p->cells[i];
    if (!is_first(p, i)) continue;
    if (p->sides > 1 && access(c->object, F_OK))
      return sweep_refuse("%s: it is of a gate, whose objects are gone; what it decided: reclaim gate %s", dir, dir);
    if (!catalog_hash(c->object, hex)) return sweep_refuse("%s: it measured %s: %s", dir, c->object, strerror(errno));
    if (strcmp(hex, c->hash))
      return sweep_refuse("%s: it measured another %s (SHA-256 %.12s..., now %.12s...); a sweep is not continued across that",
                          dir, c->object, c->hash, hex);
  }
  return 0;
}

json_t *sweep_objects_json(const struct sweep_plan *p) {
  json_t *a = json_array();
  for (int i = 0; i < p->ncells; i++) {
    const struct sweep_cell *c = &p->cells[i];
    if (is_first(p, i))
      json_array_append_new(a, json_pack("{s:s, s:s, s:s, s:s, s:b}", "strategy", c->strategy, "pack", c->pack, "object",
                                         c->object, "object_sha256", c->hash, "plugin", c->plugin));
  }
  return a;
}
