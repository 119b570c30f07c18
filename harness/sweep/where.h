/* where.h: the expression of --where, which picks cells out of a product.

     expr    = and { "||" and }          and     = not { "&&" not }
     not     = "!" not | "(" expr ")" | operand compare operand
     compare = "==" | "!=" | "<" | "<=" | ">" | ">="
     operand = name | number | word | 'quoted' | "quoted"

   A name is an axis (strategy, workload, sharing, threads, allocator, heap, pin) or a parameter or tunable of any cell; any other
   bare word stands for itself. The left side of a comparison is a name. Two numbers (K, M, G allowed) compare as numbers,
   anything else as text, which has no order: < and its kin are then false. A cell without the parameter equals nothing. */
#ifndef RECLAIM_SWEEP_WHERE_H
#define RECLAIM_SWEEP_WHERE_H

#include <stdbool.h>
#include <stddef.h>

struct sweep_where;

/* NULL and a message (with the column, from 1) when `text` is no expression. `names` are those that exist. */
struct sweep_where *sweep_where_parse(const char *text, const char *const *names, int n, char *err, size_t nerr);
void sweep_where_free(struct sweep_where *w);

/* The value of a name for one cell, as text; NULL when the cell has none. Valid until the next call. */
typedef const char *sweep_where_lookup(const void *cell, const char *name);

bool sweep_where_holds(const struct sweep_where *w, sweep_where_lookup *lookup, const void *cell);

#endif
