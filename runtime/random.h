/* random.h: the numbers that workloads draw. Apart from the contract, and readable by C++, so that programs which are no workloads
   (experiments/rivals) draw the same ones. */
#ifndef RECLAIM_RANDOM_H
#define RECLAIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline, unused))
#endif

/* xorshift64*: small, fast, and the same everywhere; never seeded with 0. (Vigna 2016.) */
typedef struct Rng {
  uint64_t s;
} Rng;

INLINE uint64_t mix64(uint64_t x) { /* splitmix64's finaliser */
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}
INLINE Rng rng_make(uint64_t seed) {
  uint64_t s = mix64(seed);
  Rng r = {s ? s : 1};
  return r;
}
/* The numbers of one thread of a program: they depend on the seed and its index alone. */
INLINE Rng rng_of_thread(uint64_t seed, int index) { return rng_make(seed + UINT64_C(0x51D7348E1A2F0C3B) * (uint64_t)index); }
INLINE uint64_t rng_next(Rng *r) {
  r->s ^= r->s >> 12;
  r->s ^= r->s << 25;
  r->s ^= r->s >> 27;
  return r->s * UINT64_C(0x2545F4914F6CDD1D);
}
/* Uniform in [0, n), n in 1 .. 2^32 (to within 2^-32). */
INLINE uint64_t rng_below(Rng *r, uint64_t n) { return (rng_next(r) >> 32) * n >> 32; }

/* Something that is due every `period` times; a period of 0: never. No division, since operations take nanoseconds. */
typedef struct Every {
  int64_t left, period;
} Every;
INLINE Every every(int64_t period) {
  Every e = {period, period};
  return e;
}
INLINE bool is_due(Every *e) {
  if (__builtin_expect(--e->left != 0, 1)) return false; /* from 0 it counts down for ever */
  e->left = e->period;
  return true;
}

#endif
