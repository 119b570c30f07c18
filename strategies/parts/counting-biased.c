/* counting-biased.c: see counting-biased.h. */
#include MM_STRATEGY_HEADER

#ifdef BOXES_OF
#include "strategies/parts/counting.h"

/* Of an object that is immortal, or static: its number, if it has one, is where the word has an owner that is nobody. */
INLINE void count_static(Thr *T, const Obj *o, int32_t n) {
  TALLY(T, static_counts);
  uint32_t word = load_relaxed(&o->count);
  if (biased_owner(word) == BIASED_NOBODY) T->apart[word >> 16] += n;
}

/* --- Up ------------------------------------------------------------------------------------------------------------------------- */

static COLD void settle(Thr *T, Obj *o) {
  if (spill_settle(T, o)) stack_push(&T->dead, o);
}

void count_retain_published(Thr *T, Obj *o) {
  TALLY(T, published_increments);
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) {
    count_static(T, o, 1);
    return;
  }
  if (biased_owner(load_relaxed(&o->count)) == T->biased.id) {
    if (UNLIKELY(!biased_own_up(&o->bits))) spill_own_up(T, o);
    return;
  }
  TALLY(T, locked_increments);
  if (UNLIKELY(biased_is_full(biased_up(&o->count)))) settle(T, o);
}

/* What the owner finds is alive: nobody but the owner can merge it, and it is here. */
bool count_try_retain(Thr *T, Obj *o) {
  TALLY(T, increments);
  TALLY(T, published_increments);
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) {
    count_static(T, o, 1);
    return true;
  }
  if (biased_owner(load_relaxed(&o->count)) == T->biased.id) {
    if (UNLIKELY(!biased_own_up(&o->bits))) spill_own_up(T, o);
    return true;
  }
  TALLY(T, locked_increments);
  uint32_t word = biased_try_up(&o->count);
  if (UNLIKELY(biased_is_full(word))) settle(T, o);
  return word;
}

/* --- Down ------------------------------------------------------------------------------------------------------------------------ */

static bool died(Thr *T, Obj *o, uint32_t word) { return word == 0 || ((word & BIASED_SPILLED) && spill_settle(T, o)); }

/* The owner drops its last count, or the last that its field has; or its stand-in. True: the object is dead. */
static NOINLINE bool drop_last(Thr *T, Obj *o, uint32_t owner) {
  if (UNLIKELY(load_relaxed(&o->count) & BIASED_SPILLED) && spill_own_down(T, o)) return false;
  ++*(owner == T->biased.id ? &T->biased.leaves : &T->biased.blocked_merges);
  TALLY(T, locked_decrements);
  return died(T, o, biased_leave(&o->count, owner));
}

/* As the owner would. It is back: this was the last that was done for it. */
static NOINLINE bool drop_acting(Thr *T, Obj *o) {
  bool dead = !biased_own_down(&o->bits) && drop_last(T, o, T->biased.acting);
  if (UNLIKELY(boxes_state(&BOXES_OF(T)->box[T->biased.acting]) == BOX_AWAITED)) boxes_leave(T);
  return dead;
}

/* Of an object that may be merged or queued, or whose `shared` is not 0. */
INLINE bool drop_shared(Thr *T, Obj *o) {
  TALLY(T, locked_decrements);
  uint32_t owner = 0;
  BiasedVerdict verdict = biased_drop(&o->count, &owner);
  if (LIKELY(verdict <= BIASED_DEAD)) return verdict == BIASED_DEAD;
  if (verdict == BIASED_SETTLE) {
    if (spill_settle(T, o)) return true;
    verdict = biased_request(&o->count, &owner);
  }
  if (verdict == BIASED_REQUEST) boxes_send(T, o, owner);
  return false;
}

/* `word` is low: only the owner knows whether this is the last reference. */
static NOINLINE bool drop_low(Thr *T, Obj *o, uint32_t word) {
  do {
    uint32_t owner = biased_owner(word);
    switch (boxes_state(&BOXES_OF(T)->box[owner])) {
    case BOX_EXITED:
      if (!biased_inherit(&o->count, &o->bits, &word)) continue;
      TALLY(T, locked_decrements);
      T->biased.exited_merges++;
      return died(T, o, word);
    case BOX_BLOCKED:
      if (!boxes_enter(T, owner)) continue;
      if (biased_owner(load_relaxed(&o->count)) == owner) return drop_acting(T, o);
      return drop_shared(T, o); /* it has left, or its box was entered, before we came in */
    default:
      if (!biased_queue(&o->count, &word)) continue;
      TALLY(T, locked_decrements);
      boxes_send(T, o, owner);
      return false;
    }
  } while (biased_is_low(word));
  return drop_shared(T, o);
}

/* True: the object is dead. Others may be, of what was merged on the way: they are on T->dead. */
INLINE bool drop(Thr *T, Obj *o) {
  TALLY(T, published_decrements);
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) {
    count_static(T, o, -1);
    return false;
  }
  uint32_t word = load_relaxed(&o->count), owner = biased_owner(word);
  if (owner == T->biased.id) return !biased_own_down(&o->bits) && drop_last(T, o, owner);
  if (owner == T->biased.acting) return drop_acting(T, o);
  if (UNLIKELY(biased_is_low(word))) return drop_low(T, o, word);
  return drop_shared(T, o);
}

void count_drop_published(Thr *T, Obj *o) {
  if (drop(T, o)) stack_push(&T->dead, o);
}

void count_release_published(Thr *T, Obj *o) {
  size_t base = T->dead.n;
  if (drop(T, o)) count_die_shared(T, o);
  count_cascade_ends(T);
  if (UNLIKELY(T->dead.n > base)) count_die_pushed(T, base);
}

/* --- The owner's own part ----------------------------------------------------------------------------------------------------------- */

void count_settle(Thr *T) {
  size_t base = T->dead.n;
  do {
    boxes_deliver(T);
    boxes_empty(T);
    count_die_pushed(T, base);
  } while (T->biased.nopen);
}

void count_block(Thr *T) {
  do count_settle(T);
  while (!boxes_block(T));
}

void count_exit(Thr *T) {
  do count_settle(T);
  while (!boxes_close(T));
}

uint64_t count_of_published(Thr *T, Obj *o) {
  uint32_t word = load_acquire(&o->count);
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL)
    return biased_owner(word) == BIASED_NOBODY ? (uint64_t)statics_sum(T, word >> 16) : COUNT_IMMORTAL;
  int64_t n = biased_shared(word);
  if (biased_owner(word)) n += biased_local(load_relaxed(&o->bits));
  if (word & BIASED_SPILLED) n += spill_of(SPILL_OF(T), o);
  return (uint64_t)n;
}
#endif
