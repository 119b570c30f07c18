/* facets.h: a cell of a campaign's files by the names that a user writes: its axes, the parameters of its workload, the tunables of its
   strategy.

   A value is text, as the rows have it, and lives as long as its campaign. Not thread-safe. */
#ifndef RECLAIM_COMPARE_FACETS_H
#define RECLAIM_COMPARE_FACETS_H

#include "harness/report/campaign.h"
#include "harness/sweep/text.h"

/* The axis of that name; AXES where it is none. `heap` and `pin` are those of `reclaim run`; a plug-in goes by its strategy's name. */
enum axis facet_axis(const char *name);

/* The value of an axis, parameter or tunable; NULL where the cell has none of that name. Valid until the next call but one. */
const char *facet_value(const struct cell *, const char *name);
/* The same with the type that sweep_where_holds asks for. */
const char *facet_lookup(const void *cell, const char *name);

/* Equal as text, or as numbers (K, M, G allowed). */
bool facet_same(const char *a, const char *b);

/* All names that any cell of these campaigns has, each once: the axes first. The caller frees the array and, with it, nothing else but
   the strings: facets_free. */
int facets_list(const struct campaign *const *campaigns, int n, char ***out);
void facets_free(char **names, int n);

/* Walks "name=value;name=value": *p is moved behind the assignment that is cut out. False at the end. */
struct assignment {
  const char *name, *value;
  int name_length, value_length;
};
bool facet_next(const char **p, struct assignment *out);

/* The value of `name` (of that length) in such a list into `out`; false where the list has none. */
bool facet_find(const char *list, const char *name, int length, struct assignment *out);

/* The first name that both lists have with different values, other than `but` (may be NULL); false where there is none. */
bool facet_contradiction(const char *a, const char *b, const char *but, struct assignment *in_a, struct assignment *in_b);

/* Adds "name=value name=value ..." to `out` for what a list (AXIS_PARAMETERS, AXIS_TUNABLES) of this cell has with another value than the
   same list of one of `cells` with the same owner (AXIS_WORKLOAD, AXIS_STRATEGY): what tells them apart. `but` (may be NULL) is passed over;
   `prefix` stands before each name. */
void facet_settings(const struct cell *const *cells, int n, const struct cell *cell, enum axis owner, enum axis list,
                    const char *but, const char *prefix, struct text *out);

#endif
