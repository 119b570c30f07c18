/* lines.h: a block as lines (Blackburn, McKinley 2008): which of its lines are in use, and where the holes are. Only bits: no object is
   looked at, and nothing is known of threads.

   A block is a unit of 64 KiB, its lines are 256 bytes. (Immix has blocks of 32 KiB and lines of 128 bytes; units are what chunks are made of,
   and with lines of 128 bytes holes are more but hardly larger: RECLAIM_LINE_SHIFT=7 compiles that.) Two maps of one bit per line stand at the
   end of the chunk's head:

     medium  lines that marked objects longer than a line lie in: set when such an object is marked
     used    what an allocator must keep off, as of the last collection:

       used[i] = an object marked in i starts there, or one in i - 1 does (it may reach into i), or medium[i]

   So nothing is done for the lines of small objects when they are marked, which is when it would cost most: lines are read off the mark bits
   afterwards, 64 granules at a time, and a small object counts as if it reached into the next line (implicit, or conservative, line marks). A
   hole thereby loses its first line mostly for nothing. A medium object is marked exactly. */
#ifndef RECLAIM_PARTS_LINES_H
#define RECLAIM_PARTS_LINES_H

#include "strategies/parts/chunks.h"

#ifndef RECLAIM_LINE_SHIFT
#define RECLAIM_LINE_SHIFT 8
#endif
enum {
  LINE_SHIFT = RECLAIM_LINE_SHIFT,
  LINE_BYTES = 1 << LINE_SHIFT,
  LINES = 1 << (UNIT_SHIFT - LINE_SHIFT), /* of a block */
  LINE_WORDS = LINES / 64,
  GRANULES = 1 << (LINE_SHIFT - GRANULE_SHIFT), /* of a line */
  LINES_IN_WORD = 64 / GRANULES,                /* of a word of marks */
};
_Static_assert(LINE_SHIFT >= 7 && LINE_SHIFT <= 9, "8 to 32 granules to a line");

typedef struct BlockLines {
  uint64_t used[LINE_WORDS], medium[LINE_WORDS];
} BlockLines;
enum { LINES_HEAD = CHUNK_UNITS * sizeof(BlockLines) }; /* bytes of a chunk's head */
_Static_assert(sizeof(Chunk) + LINES_HEAD <= (1 << UNIT_SHIFT), "the maps fit beside a chunk's other metadata");

INLINE BlockLines *block_lines(const Unit *u) {
  Chunk *c = chunk_of(u);
  return (BlockLines *)((char *)c + UNIT_BYTES - LINES_HEAD) + (u - c->unit);
}

INLINE unsigned line_of(const void *p) { return (unsigned)((uintptr_t)p >> LINE_SHIFT) & (LINES - 1); }

/* Puts the bits of a word of marks together: one per line, set where any was. */
INLINE uint64_t lines_of_marks(uint64_t m) {
  if (!m) return 0;
  for (unsigned step = GRANULES / 2; step; step /= 2) m |= m >> step;
  uint64_t lines = 0;
  for (unsigned i = 0; i < LINES_IN_WORD; i++) lines |= (m >> i * GRANULES & 1) << i;
  return lines;
}

/* What a block holds, from its marks. */
typedef struct LineCount {
  unsigned objects, used, holes;
} LineCount;

/* Sets the used lines from the marks and the medium lines. */
static inline LineCount lines_settle(Unit *u) {
  const uint64_t *marks = mark_word(unit_base(u));
  BlockLines *l = block_lines(u);
  LineCount n = {0, 0, 0};
  uint64_t reach = 0,
           before =
               1; /* from the word before: a line that may be reached into; the last line, and none is free before the first */
  for (unsigned k = 0; k < LINE_WORDS; k++) {
    uint64_t starts = 0;
    for (unsigned i = 0; i < 64 / LINES_IN_WORD; i++, marks++) {
      if (!*marks) continue;
      n.objects += (unsigned)__builtin_popcountll(*marks);
      starts |= lines_of_marks(*marks) << i * LINES_IN_WORD;
    }
    uint64_t used = starts | starts << 1 | reach | l->medium[k];
    reach = starts >> 63;
    l->used[k] = used;
    if (used) n.used += (unsigned)__builtin_popcountll(used);
    if (~used) n.holes += (unsigned)__builtin_popcountll(~used & (used << 1 | before));
    before = used >> 63;
  }
  return n;
}

/* The first line from `line` on that is used, or LINES; likewise one that is not. */
INLINE unsigned lines_find(const uint64_t *used, unsigned line, bool in_use) {
  uint64_t flip = in_use ? 0 : ~(uint64_t)0;
  if (line >= LINES) return LINES;
  unsigned k = line / 64;
  uint64_t w = (used[k] ^ flip) & ~(uint64_t)0 << line % 64;
  while (!w) {
    if (++k == LINE_WORDS) return LINES;
    w = used[k] ^ flip;
  }
  return k * 64 + (unsigned)__builtin_ctzll(w);
}

/* The first hole from `line` on: [*from, *to); false when there is none. */
INLINE bool lines_hole(const Unit *u, unsigned line, unsigned *from, unsigned *to) {
  const uint64_t *used = block_lines(u)->used;
  *from = lines_find(used, line, false);
  *to = lines_find(used, *from, true);
  return *from < LINES;
}

/* Enters a medium object of `size` bytes; `alone`: nobody else does so in this block. */
INLINE void lines_mark_medium(const void *o, size_t size, bool alone) {
  uint64_t *medium = block_lines(unit_of(o))->medium;
  for (unsigned i = line_of(o), last = line_of((const char *)o + size - 1); i <= last; i++) {
    uint64_t bit = (uint64_t)1 << i % 64;
    if (alone)
      medium[i / 64] |= bit;
    else
      __atomic_fetch_or(&medium[i / 64], bit, __ATOMIC_RELAXED);
  }
}

#endif
