/* bisect.h: the doubles in ascending order as consecutive integers, and back: bisection over them ends on the very value, so that the
   k-th of many sums or differences is found by counting, and none is ever stored. Pure; for finite numbers. */
#ifndef RECLAIM_STATS_BISECT_H
#define RECLAIM_STATS_BISECT_H

#include <stdint.h>
#include <string.h>

static inline int64_t stats_order_of(double x) {
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits >= 0 ? bits : INT64_MIN - bits;
}

static inline double stats_double_at(int64_t order) {
  int64_t bits = order >= 0 ? order : INT64_MIN - order;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* floor((a + b) / 2) without overflow. */
static inline int64_t stats_between(int64_t a, int64_t b) { return (a & b) + ((a ^ b) >> 1); }

#endif
