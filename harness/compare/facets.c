/* facets.c: see facets.h. */
#include "harness/compare/facets.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  enum axis axis;
} names[] = {{"strategy", AXIS_STRATEGY}, {"workload", AXIS_WORKLOAD},   {"sharing", AXIS_SHARING},
             {"threads", AXIS_THREADS},   {"allocator", AXIS_ALLOCATOR}, {"heap", AXIS_HEAP},
             {"pin", AXIS_PINNING},       {"side", AXIS_SIDE},           {"collector_threads", AXIS_COLLECTOR_THREADS},
             {"plugin", AXIS_STRATEGY},   {"pinning", AXIS_PINNING}};
enum { NAMES = sizeof names / sizeof *names };

enum axis facet_axis(const char *name) {
  for (int i = 0; i < NAMES; i++)
    if (!strcmp(names[i].name, name)) return names[i].axis;
  return AXES;
}

bool facet_next(const char **p, struct assignment *out) {
  const char *s = *p;
  while (*s == ';') s++;
  if (!*s) return false;
  size_t length = strcspn(s, ";"), name = strcspn(s, "=;");
  const char *value = s + name + (s[name] == '=');
  *out = (struct assignment){s, value, (int)name, (int)(s + length - value)};
  *p = s + length;
  return true;
}

bool facet_find(const char *list, const char *name, int length, struct assignment *out) {
  while (facet_next(&list, out))
    if (out->name_length == length && !strncmp(out->name, name, (size_t)length)) return true;
  return false;
}

static bool is_named(const struct assignment *a, const char *name) {
  return name && (int)strlen(name) == a->name_length && !strncmp(name, a->name, (size_t)a->name_length);
}

static bool same_value(const struct assignment *a, const struct assignment *b) {
  return a->value_length == b->value_length && !strncmp(a->value, b->value, (size_t)a->value_length);
}

bool facet_contradiction(const char *a, const char *b, const char *but, struct assignment *in_a, struct assignment *in_b) {
  while (facet_next(&a, in_a))
    if (!is_named(in_a, but) && facet_find(b, in_a->name, in_a->name_length, in_b) && !same_value(in_a, in_b)) return true;
  return false;
}

const char *facet_value(const struct cell *cell, const char *name) {
  static char value[2][256]; /* a comparison holds two at a time */
  static int turn;
  enum axis axis = facet_axis(name);
  struct assignment found;
  if (axis < AXES) return cell->axis[axis];
  int length = (int)strlen(name);
  if (!facet_find(cell->axis[AXIS_PARAMETERS], name, length, &found) &&
      !facet_find(cell->axis[AXIS_TUNABLES], name, length, &found))
    return NULL;
  turn ^= 1;
  snprintf(value[turn], sizeof value[turn], "%.*s", found.value_length, found.value);
  return value[turn];
}

const char *facet_lookup(const void *cell, const char *name) { return facet_value(cell, name); }

bool facet_same(const char *a, const char *b) {
  uint64_t x, y;
  return !strcmp(a, b) || (catalog_parse_bytes(a, &x) && catalog_parse_bytes(b, &y) && x == y);
}

void facet_settings(const struct cell *const *cells, int n, const struct cell *cell, enum axis owner, enum axis list,
                    const char *but, const char *prefix, struct text *out) {
  struct assignment a, b;
  for (const char *at = cell->axis[list]; facet_next(&at, &a);) {
    bool differs = false;
    for (int i = 0; i < n && !differs && !is_named(&a, but); i++)
      differs = !strcmp(cells[i]->axis[owner], cell->axis[owner]) &&
                facet_find(cells[i]->axis[list], a.name, a.name_length, &b) && !same_value(&a, &b);
    if (differs) sweep_text_addf(out, "%s%s%.*s", out->n ? " " : "", prefix, (int)(a.value + a.value_length - a.name), a.name);
  }
}

static void add(char ***list, int *n, const char *name, int length) {
  for (int i = 0; i < *n; i++)
    if ((int)strlen((*list)[i]) == length && !strncmp((*list)[i], name, (size_t)length)) return;
  *sweep_push(*list, *n) = sweep_strndup(name, (size_t)length);
}

int facets_list(const struct campaign *const *campaigns, int ncampaigns, char ***out) {
  int n = 0;
  *out = NULL;
  for (int i = 0; i < NAMES; i++) add(out, &n, names[i].name, (int)strlen(names[i].name));
  for (int k = 0; k < ncampaigns; k++)
    for (int i = 0; i < campaigns[k]->ncells; i++) {
      const char *lists[] = {campaigns[k]->cell[i]->axis[AXIS_PARAMETERS], campaigns[k]->cell[i]->axis[AXIS_TUNABLES]};
      struct assignment a;
      for (int j = 0; j < 2; j++)
        for (const char *p = lists[j]; facet_next(&p, &a);) add(out, &n, a.name, a.name_length);
    }
  return n;
}

void facets_free(char **list, int n) {
  for (int i = 0; i < n; i++) free(list[i]);
  free(list);
}
