/* random.h: the order of the blocks, as a pure function of the recorded seed.

   SplitMix64 (Steele, Lea, Flood 2014): one 64-bit word of state, so that a block's generator can be started from the seed and
   the block's number alone, and a resumed sweep meets the same order without replaying the blocks before. */
#ifndef RECLAIM_SWEEP_RANDOM_H
#define RECLAIM_SWEEP_RANDOM_H

#include <stdint.h>

static inline uint64_t sweep_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

/* Uniform below n (n > 0): values of the last, incomplete stretch of n are drawn again. */
static inline uint64_t sweep_random_below(uint64_t *state, uint64_t n) {
  uint64_t last = UINT64_MAX - UINT64_MAX % n, v;
  do v = sweep_random(state);
  while (v >= last);
  return v % n;
}

/* Fisher-Yates over n stretches of `size` items. */
static inline void sweep_shuffle_stretches(uint64_t *state, int *order, int n, int size) {
  for (int i = n - 1; i > 0; i--) {
    int k = (int)sweep_random_below(state, (uint64_t)i + 1);
    for (int at = 0; at < size; at++) {
      int swap = order[i * size + at];
      order[i * size + at] = order[k * size + at], order[k * size + at] = swap;
    }
  }
}

/* order[0 .. n - 1] becomes a random permutation of itself for this block of this seed. Stretches of `size` items stay together (n is a
   multiple of it): their order is random, and the order within each. */
static inline void sweep_shuffle(uint64_t seed, int block, int *order, int n, int size) {
  uint64_t state = seed;
  state = sweep_random(&state) + (uint64_t)block;
  sweep_shuffle_stretches(&state, order, n / size, size);
  for (int i = 0; size > 1 && i < n; i += size) sweep_shuffle_stretches(&state, order + i, size, 1);
}

#endif
