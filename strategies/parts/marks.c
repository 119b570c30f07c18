/* marks.c: see marks.h. */
#include "strategies/parts/marks.h"

NOINLINE bool marks_set_contested(Obj *o, Unit *u, uint32_t me) {
  uint64_t bit = mark_bit(o), *m = mark_word(o);
  uint32_t keeper = load_acquire(&u->keeper);
  if (!keeper && __atomic_compare_exchange_n(&u->keeper, &keeper, me, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) keeper = me;
  if (keeper == me) {
    store_relaxed(m, load_relaxed(m) | bit);
    return true;
  }
  if (keeper == (me | KEEPER_CONTESTED)) {
    __atomic_fetch_or(&u->keeper, KEEPER_GONE, __ATOMIC_RELEASE); /* our plain stores come before */
    keeper |= KEEPER_GONE;
  }
  if (keeper & KEEPER_GONE) return !(__atomic_fetch_or(m, bit, __ATOMIC_RELAXED) & bit);
  if (!(keeper & KEEPER_CONTESTED)) __atomic_fetch_or(&u->keeper, KEEPER_CONTESTED, __ATOMIC_RELAXED);
  return !(__atomic_fetch_or(second_mark_word(o), bit, __ATOMIC_RELAXED) & bit);
}

void marks_merge(Unit *u) {
  if (u->keeper & KEEPER_CONTESTED) {
    uint64_t *w = mark_word(unit_base(u)), *second = second_mark_word(unit_base(u));
    for (unsigned i = 0; i < UNIT_BYTES >> GRANULE_SHIFT >> 6; i++) {
      w[i] |= second[i];
      second[i] = 0;
    }
  }
  u->keeper = 0;
}

Int *immortals_make(Chunks *C) {
  bool out_of_memory;
  Unit *u = chunks_get(C, UNIT_BYTES, SIZE_MAX, &out_of_memory);
  if (!u) return NULL;
  u->flags = BLOCK_IMMORTAL;
  u->cell = sizeof(Int);
  Int *immortals = (Int *)unit_base(u);
  memset(mark_word(immortals), 0xFF, (UNIT_BYTES >> GRANULE_SHIFT) / 8);
  for (int i = 0; i < IMMORTALS; i++) {
    Int *o = &immortals[i];
    o->h.word = HDR_WORD(i == IMMORTAL_NONE ? KIND_NONE : i < IMMORTAL_INTS ? KIND_BOOL : KIND_INT, 0);
    o->h.bits = OBJ_IMMORTAL | OBJ_SHARED | OBJ_MARKED;
    o->v = i < IMMORTAL_INTS ? i == IMMORTAL_TRUE : SMALL_INT_MIN + (i - IMMORTAL_INTS);
  }
  return immortals;
}

/* --- Passes ------------------------------------------------------------------------------------------------------------------- */

/* Chunks of a heap for each helper that is called in: some 100 us of such a pass. */
enum { CHUNKS_EACH = 32 };

static void pass_job(void *ctx, int worker) {
  BlockPass pass = *(BlockPass *)ctx;
  pass.worker = worker;
  unsigned chunks = (unsigned)chunks_number(pass.chunks);
  if (worker == 0) crew_call(pass.crew, CREW_EAGER ? (unsigned)pass.crew->workers : chunks / CHUNKS_EACH);
  while (chunks_walk(pass.chunks, pass.block, &pass)) {}
}

void blocks_pass(Crew *crew, Chunks *C, void (*block)(void *pass, Unit *), void *ctx) {
  BlockPass p = {ctx, 0, crew, C, block};
  chunks_walk_begin(C);
  crew_run(crew, pass_job, &p, CREW_MAX);
  chunks_walk_end(C);
}
