/* counting-biased.c: see counting-biased.h. */
#include MM_STRATEGY_HEADER

#ifdef BOXES_OF
#include "strategies/parts/counting.h"

void count_publish(Thr *T, Obj *o) {
  uint32_t count = o->count;
  o->bits |= OBJ_SHARED;
  spill_publish(T, o, count);
}

/* --- Up ------------------------------------------------------------------------------------------------------------------------- */

static COLD void settle(Thr *T, Obj *o) {
  if (spill_settle(T, o)) stack_push(&T->dead, o);
}

void count_retain_published(Thr *T, Obj *o) {
  TALLY(T, published_increments);
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) return;
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
  uint32_t flags = load_relaxed(&o->bits);
  if (flags & OBJ_IMMORTAL) return true;
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

/* The owner drops its last count, or the last that its field has. True: the object is dead. */
static NOINLINE bool drop_last(Thr *T, Obj *o) {
  if (UNLIKELY(load_relaxed(&o->count) & BIASED_SPILLED) && spill_own_down(T, o)) return false;
  T->biased.leaves++;
  TALLY(T, locked_decrements);
  uint32_t word = biased_leave(&o->count, T->biased.id);
  return word == 0 || ((word & BIASED_SPILLED) && spill_settle(T, o));
}

/* True: the object is dead. Others may be, of what was merged on the way: they are on T->dead. */
static COLD bool drop_on(Thr *T, Obj *o, BiasedVerdict verdict, uint32_t owner) {
  if (verdict == BIASED_SETTLE) {
    if (spill_settle(T, o)) return true;
    verdict = biased_request(&o->count, &owner);
  }
  if (verdict == BIASED_REQUEST) boxes_send(T, o, owner);
  return false;
}

/* As drop_on. */
INLINE bool drop(Thr *T, Obj *o) {
  TALLY(T, published_decrements);
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) return false;
  if (biased_owner(load_relaxed(&o->count)) == T->biased.id) return !biased_own_down(&o->bits) && drop_last(T, o);
  TALLY(T, locked_decrements);
  uint32_t owner = 0;
  BiasedVerdict verdict = biased_drop(&o->count, &owner);
  if (LIKELY(verdict <= BIASED_DEAD)) return verdict == BIASED_DEAD;
  return drop_on(T, o, verdict, owner);
}

void count_drop_published(Thr *T, Obj *o) {
  if (drop(T, o)) stack_push(&T->dead, o);
}

void count_release_published(Thr *T, Obj *o) {
  size_t base = T->dead.n;
  if (drop(T, o)) count_die_shared(T, o);
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
  if (load_relaxed(&o->bits) & OBJ_IMMORTAL) return word;
  int64_t n = biased_shared(word);
  if (biased_owner(word)) n += biased_local(load_relaxed(&o->bits));
  if (word & BIASED_SPILLED) n += spill_of(SPILL_OF(T), o);
  return (uint64_t)n;
}
#endif
