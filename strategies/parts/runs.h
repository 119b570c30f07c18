/* runs.h: allocation between bits: a thread's place in a block of cells, and how the next free ones are found. Of a cell that is taken, the
   bit of its first granule is set (chunks.h); a run is consecutive cells without, handed out by moving a pointer. */
#ifndef RECLAIM_PARTS_RUNS_H
#define RECLAIM_PARTS_RUNS_H

#include "strategies/parts/chunks.h"

typedef struct Run {
  char *cur, *end; /* free cells [cur, end) */
  Unit *block;
  Unit *more; /* blocks that the thread is to take after this one, if its space hands out several at once */
} Run;

/* The first marked cell start at or after p in the block that ends at `end`, or `end`. */
static inline char *next_marked(char *p, char *end) {
  if (p >= end) return end;
  uint64_t *w = mark_word(p);
  uint64_t bits = *w & (~(uint64_t)0 << (((uintptr_t)p >> GRANULE_SHIFT) & 63));
  char *word_at = (char *)((uintptr_t)p & ~(((uintptr_t)64 << GRANULE_SHIFT) - 1));
  while (!bits) {
    word_at += (size_t)64 << GRANULE_SHIFT;
    if (word_at >= end) return end;
    bits = *++w;
  }
  char *q = word_at + ((size_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
  return q < end ? q : end;
}

/* Granules, in any word of bits, at which cells of that size start; 0: not the same in all words. */
static inline uint64_t cell_starts(size_t cell) {
  static const uint64_t starts[] = {~UINT64_C(0),
                                    UINT64_C(0x5555555555555555),
                                    UINT64_C(0x1111111111111111),
                                    UINT64_C(0x0101010101010101),
                                    UINT64_C(0x0001000100010001),
                                    UINT64_C(0x0000000100000001),
                                    1};
  size_t granules = cell >> GRANULE_SHIFT;
  return granules & (granules - 1) || granules > 64 ? 0 : starts[__builtin_ctzll(granules)];
}

/* The first cell without a mark at or after p, which is a cell, in the block that ends at `end`, or `end`. `starts`: as above. */
static inline char *next_free(char *p, char *end, size_t cell, uint64_t starts) {
  if (!starts) {
    while (p < end && is_marked(p)) p += cell;
    return p < end ? p : end;
  }
  if (p >= end) return end;
  const uint64_t *w = mark_word(p);
  uint64_t bits = ~*w & starts & (~(uint64_t)0 << (((uintptr_t)p >> GRANULE_SHIFT) & 63));
  char *word_at = (char *)((uintptr_t)p & ~(((uintptr_t)64 << GRANULE_SHIFT) - 1));
  while (!bits) {
    word_at += (size_t)64 << GRANULE_SHIFT;
    if (word_at >= end) return end;
    bits = ~*++w & starts;
  }
  char *q = word_at + ((size_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
  return q < end ? q : end;
}

/* The next run of free cells at or after p; false when the block has none. */
static inline bool next_run(Run *r, char *p) {
  size_t cell = r->block->cell;
  char *end = r->block->end;
  p = next_free(p, end, cell, cell_starts(cell));
  if (p == end) return false;
  r->cur = p;
  r->end = next_marked(p, end);
  return true;
}

/* How many cells of a block are taken. */
static inline unsigned count_marks(const Unit *u) {
  const uint64_t *w = mark_word(unit_base(u));
  unsigned n = 0;
  for (unsigned i = 0; i < UNIT_BYTES >> GRANULE_SHIFT >> 6; i++)
    if (w[i]) n += (unsigned)__builtin_popcountll(w[i]); /* a call, where the processor is not known to count bits */
  return n;
}

#endif
