/* census.h: a set of objects by their addresses, for heaps that cannot be walked: which objects of a foreign malloc are there. One bit per
   granule of 16 bytes, in pieces of 8 KiB that cover 1 MiB of addresses each, found by hashing; the piece looked at last is remembered, since
   what is made together dies together. So a member costs about ten instructions to enter and to take out, and the set a 128th of the
   addresses that members are spread over. Memory comes from mmap. Not thread-safe. */
#ifndef RECLAIM_PARTS_CENSUS_H
#define RECLAIM_PARTS_CENSUS_H

#include "runtime/base.h"

enum { CENSUS_SHIFT = 20, CENSUS_GRANULE = 4, CENSUS_WORDS = 1 << (CENSUS_SHIFT - CENSUS_GRANULE - 6) };

typedef struct CensusPiece {
  uintptr_t key;  /* address >> CENSUS_SHIFT */
  uint64_t *bits; /* NULL: no piece */
} CensusPiece;

typedef struct Census {
  CensusPiece last;
  CensusPiece *piece; /* open addressing, at most half full; pieces stay until the end */
  size_t cap, n;
} Census;

void census_destroy(Census *);
/* The piece of that key, made if `make` is set. NULL: there is none, or no memory. */
COLD uint64_t *census_find(Census *, uintptr_t key, bool make);
/* Calls f(ctx, o) for each member, by rising addresses within a piece. f must not change the set. */
void census_each(Census *, void (*f)(void *ctx, Obj *o), void *ctx);

INLINE uint64_t *census_word(Census *c, const void *o, bool make) {
  uintptr_t key = (uintptr_t)o >> CENSUS_SHIFT;
  uint64_t *bits = LIKELY(c->last.key == key && c->last.bits) ? c->last.bits : census_find(c, key, make);
  return bits ? &bits[((uintptr_t)o >> (CENSUS_GRANULE + 6)) & (CENSUS_WORDS - 1)] : NULL;
}
INLINE uint64_t census_bit(const void *o) { return (uint64_t)1 << (((uintptr_t)o >> CENSUS_GRANULE) & 63); }

/* False: no memory. */
INLINE bool census_add(Census *c, const void *o) {
  uint64_t *w = census_word(c, o, true);
  if (UNLIKELY(!w)) return false;
  *w |= census_bit(o);
  return true;
}
/* Of a member. */
INLINE void census_remove(Census *c, const void *o) { *census_word(c, o, false) &= ~census_bit(o); }
INLINE bool census_has(Census *c, const void *o) {
  uint64_t *w = census_word(c, o, false);
  return w && *w & census_bit(o);
}

#endif
