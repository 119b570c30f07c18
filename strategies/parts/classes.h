/* classes.h: the size classes of cells: steps of 16 bytes up to 512, then eight per doubling up to CELL_MAX. Internal
   fragmentation is at most 15 bytes below 512 and at most 1/8 above. Larger objects get a run of units of their own. */
#ifndef RECLAIM_PARTS_CLASSES_H
#define RECLAIM_PARTS_CLASSES_H

#include "runtime/base.h"

enum {
  CLASS_STEP = 16,
  CLASS_FINE_MAX = 512,
  CLASS_FINE = CLASS_FINE_MAX / CLASS_STEP,
  CELL_MAX = 16384,
  CLASSES = CLASS_FINE + 5 * 8 + 1
};

/* Class of a size in 1 .. CELL_MAX; classes are 1 .. CLASSES - 1. Folds to a constant where the size is one. */
INLINE unsigned class_of(size_t size) {
  if (LIKELY(size <= CLASS_FINE_MAX)) return (unsigned)((size + CLASS_STEP - 1) / CLASS_STEP);
  unsigned log = 63 - (unsigned)__builtin_clzll(size - 1); /* 9 for 513 .. 1024 */
  return CLASS_FINE + (log - 9) * 8 + (unsigned)(((size - 1) >> (log - 3)) & 7) + 1;
}

/* Bytes per cell of a class; above 512 a multiple of 64. */
INLINE size_t class_bytes(unsigned cls) {
  if (cls <= CLASS_FINE) return (size_t)cls * CLASS_STEP;
  unsigned k = cls - CLASS_FINE - 1;
  return (size_t)(8 + k % 8 + 1) << (k / 8 + 6);
}

#endif
