/* immortals.h: the objects that are made once and never reclaimed: None, False, True, then the small ints, in one array. */
#ifndef RECLAIM_PARTS_IMMORTALS_H
#define RECLAIM_PARTS_IMMORTALS_H

#include "strategies/parts/system.h"

/* Fresh ones, from the system, with this count and these OBJ_* bits beside OBJ_IMMORTAL; NULL: out of memory. */
static inline Int *immortals_new(uint32_t count, unsigned bits) {
  Int *small = system_new(IMMORTALS * sizeof *small);
  for (int i = 0; small && i < IMMORTALS; i++) {
    small[i].h.word = HDR_WORD(i == IMMORTAL_NONE ? KIND_NONE : i < IMMORTAL_INTS ? KIND_BOOL : KIND_INT, 0);
    small[i].h.count = count;
    small[i].h.bits = (uint8_t)(OBJ_IMMORTAL | bits);
    small[i].v = i < IMMORTAL_INTS ? i == IMMORTAL_TRUE : SMALL_INT_MIN + (i - IMMORTAL_INTS);
  }
  return small;
}
static inline void immortals_free(Int *small) { system_free(small, IMMORTALS * sizeof *small); }

#endif
