/* counting-plain.h: plain counts, for counting.h, and reading fields where only one thread at a time runs in the heap: its owner (rc,
   rc-trial), or the holder of the GIL (rc-gil, rc-cycles).
   Immortal objects start at COUNT_IMMORTAL and are counted like any other, since an increment is cheaper than a test; `rc` has a copy of
   them per thread, so that no two threads write one word. */
#ifndef RECLAIM_PARTS_COUNTING_PLAIN_H
#define RECLAIM_PARTS_COUNTING_PLAIN_H

#define COUNT_OF(T, o) ((o)->count)

INLINE void mm_retain(Thr *T, Obj *o) {
  (void)T;
  TALLY(T, increments);
  o->count++;
}

INLINE void mm_release(Thr *T, Obj *o) {
  TALLY(T, decrements);
  if (UNLIKELY(--o->count == 0))
    count_die(T, o);
  else
    COUNT_SURVIVED(T, o);
}

INLINE bool count_is_sole(const Obj *o) { return o->count == 1 && !(o->bits & OBJ_IMMORTAL); }

/* Looks before it writes, since most children die too and a store to them would be wasted. */
INLINE bool count_drop_child(Thr *T, Obj *c) {
  (void)T;
  TALLY(T, decrements);
  if (LIKELY(c->count == 1)) return true;
  c->count--;
  COUNT_SURVIVED(T, c);
  return false;
}

INLINE Obj *mm_load_own(Thr *T, Obj *holder, Obj **f) {
  (void)holder;
  Obj *o = *f;
  if (o) mm_retain(T, o);
  return o;
}
INLINE bool mm_load_try(Thr *T, Obj *holder, Obj **f, Obj **value) {
  *value = mm_load_own(T, holder, f);
  return true;
}
INLINE Obj *mm_load_locked(Thr *T, Obj *holder, Obj **f) { return mm_load_own(T, holder, f); }
INLINE bool mm_locks_reads(Thr *T) {
  (void)T;
  return false;
}

#endif
