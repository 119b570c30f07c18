/* counting-biased.h: biased counts, for counting.h: the steps of biased.h, in the headers of objects.

   An object without OBJ_SHARED is reachable from the thread that made it and no other: its count is plain, and one test of the header says
   so. The test is all that unpublished objects pay for the protocol. A published object has its local count in the six bits beside the
   flags, and owner and shared count in the word. Immortals are published by nobody and counted by nobody. */
#ifndef RECLAIM_PARTS_COUNTING_BIASED_H
#define RECLAIM_PARTS_COUNTING_BIASED_H

/* What publication does to one object, which T has made and nobody else can reach. */
#define SHARE_MARK(T, o) count_publish((T), (o))
INLINE void count_publish(Thr *T, Obj *o) {
  uint64_t word = o->word;
  uint32_t count = (uint32_t)(word >> 32);
  if (UNLIKELY(count > BIASED_LOCAL_MAX) || UNLIKELY(T->biased.id == BIASED_NOBODY)) {
    o->bits |= OBJ_SHARED;
    spill_publish(T, o, T->biased.id, count);
    return;
  }
  word |= (uint64_t)(OBJ_SHARED | count * BIASED_LOCAL) << 16;
  o->word = (word & UINT32_MAX) | (uint64_t)biased_published(T->biased.id, count) << 32;
}

/* Of a published object. */
void count_retain_published(Thr *T, Obj *o);
NOINLINE void count_release_published(Thr *T, Obj *o);
/* The same among the children of what dies: what dies of it is pushed onto T->dead. */
NOINLINE void count_drop_published(Thr *T, Obj *o);
/* For a reader that holds no count: true and one count more, unless the object is dead. */
bool count_try_retain(Thr *T, Obj *o);
uint64_t count_of_published(Thr *T, Obj *o);

INLINE bool count_is_published(const Obj *o) { return OBJ_FLAGS(o) & OBJ_SHARED; }

#define COUNT_OF(T, o) (count_is_published(o) ? count_of_published((T), (o)) : (o)->count)

INLINE void mm_retain(Thr *T, Obj *o) {
  (void)T;
  TALLY(T, increments);
  if (UNLIKELY(count_is_published(o)))
    count_retain_published(T, o);
  else
    o->count++;
}

INLINE void mm_release(Thr *T, Obj *o) {
  TALLY(T, decrements);
  if (UNLIKELY(count_is_published(o)))
    count_release_published(T, o);
  else if (UNLIKELY(--o->count == 0))
    count_die(T, o);
}

INLINE bool count_is_sole(const Obj *o) { return !count_is_published(o) && o->count == 1; }

INLINE bool count_drop_child(Thr *T, Obj *c) {
  (void)T;
  TALLY(T, decrements);
  if (UNLIKELY(count_is_published(c))) {
    count_drop_published(T, c);
    return false;
  }
  if (LIKELY(c->count == 1)) return true;
  c->count--;
  return false;
}

/* Whoever T stood in for while it dropped things may go on; may push onto T->dead. */
INLINE void count_cascade_ends(Thr *T) {
  if (UNLIKELY(T->biased.acting != BIASED_NOBODY)) boxes_leave(T);
}

/* T's own part of the protocol: delivers, empties its box, frees what dies of that, until there is nothing to do. At a poll, or on the way
   into a blocking region. */
void count_settle(Thr *T);
/* Into and out of a blocking region, after and before limbo's. */
void count_block(Thr *T);
/* T, running, exits. */
void count_exit(Thr *T);

#endif
