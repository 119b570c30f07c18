/* sizes.h: parameters of a workload at a small size, made from its table alone, so that a workload added tomorrow is tried, too. It knows
   a strategy as a table: what is linked with a strategy's objects uses it, and what loads them. */
#ifndef RECLAIM_TESTS_SIZES_H
#define RECLAIM_TESTS_SIZES_H

#include <string.h>

#include "runtime/descriptor.h"

enum { SMALL_PARAMS = 32 };

/* At most `size` of each thing, more of what only says how long it goes on; a tree has 2^depth of them. */
static inline int64_t small_value(const reclaim_param *p, int64_t size) {
  bool length = strstr(p->name, "operations") || strstr(p->name, "nodes");
  int64_t most = strstr(p->name, "depth") ? 4 : length ? 30 * size : size;
  if (p->choices || p->def <= most) return p->def;
  return most < p->min ? p->min : most;
}

/* Choice k of all choices of all parameters, in one row; 0: all defaults. False: there are not so many, or more than SMALL_PARAMS
   parameters. */
static inline bool small_params(const reclaim_workload *w, int64_t size, int k, int64_t *params) {
  if (w->nparams > SMALL_PARAMS) return false;
  for (int i = 0; i < w->nparams; i++) params[i] = small_value(&w->params[i], size);
  if (k == 0) return true;
  for (int i = 0; i < w->nparams; i++) {
    const reclaim_param *p = &w->params[i];
    for (int64_t c = p->min; p->choices && c <= p->max; c++)
      if (c != p->def && --k == 0) {
        params[i] = c;
        return true;
      }
  }
  return false;
}

#endif
