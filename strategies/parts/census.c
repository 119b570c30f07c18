/* census.c: see census.h. */
#include "strategies/parts/census.h"

#include "strategies/parts/system.h"

enum { PIECE_BYTES = CENSUS_WORDS * sizeof(uint64_t), FIRST_CAP = 256 };

void census_destroy(Census *c) {
  for (size_t i = 0; i < c->cap; i++) system_free(c->piece[i].bits, PIECE_BYTES);
  system_free(c->piece, c->cap * sizeof *c->piece);
  memset(c, 0, sizeof *c);
}

/* Where the piece of that key is, or belongs. */
static CensusPiece *place(CensusPiece *piece, size_t cap, uintptr_t key) {
  size_t i = (size_t)((uint64_t)key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (cap - 1);
  while (piece[i].bits && piece[i].key != key) i = (i + 1) & (cap - 1);
  return &piece[i];
}

static bool grow(Census *c) {
  size_t cap = c->cap ? 2 * c->cap : FIRST_CAP;
  CensusPiece *piece = system_new(cap * sizeof *piece);
  if (!piece) return false;
  for (size_t i = 0; i < c->cap; i++)
    if (c->piece[i].bits) *place(piece, cap, c->piece[i].key) = c->piece[i];
  system_free(c->piece, c->cap * sizeof *c->piece);
  c->piece = piece;
  c->cap = cap;
  return true;
}

uint64_t *census_find(Census *c, uintptr_t key, bool make) {
  if (make && 2 * c->n >= c->cap && !grow(c)) return NULL;
  if (!c->cap) return NULL;
  CensusPiece *p = place(c->piece, c->cap, key);
  if (!p->bits) {
    if (!make || !(p->bits = system_new(PIECE_BYTES))) return NULL;
    p->key = key;
    c->n++;
  }
  c->last = *p;
  return p->bits;
}

void census_each(Census *c, void (*f)(void *ctx, Obj *o), void *ctx) {
  for (size_t i = 0; i < c->cap; i++)
    for (size_t w = 0; c->piece[i].bits && w < CENSUS_WORDS; w++)
      for (uint64_t bits = c->piece[i].bits[w]; bits; bits &= bits - 1)
        f(ctx, (Obj *)(c->piece[i].key << CENSUS_SHIFT | w << (CENSUS_GRANULE + 6) |
                       (uintptr_t)__builtin_ctzll(bits) << CENSUS_GRANULE));
}
