/* counting-unique.h: one owner instead of a count, for counting.h. Nothing is counted: whoever ends is the owner, and the object dies with
   it (runtime/mm.h says which values own). A published object may be another thread's cell, so it is freed apart from the others. */
#ifndef RECLAIM_PARTS_COUNTING_UNIQUE_H
#define RECLAIM_PARTS_COUNTING_UNIQUE_H

#define COUNT_OF(T, o) ((uint32_t)1)

/* Of a header: what a private object that may die has not. Immortal ones are shared. */
#define COUNT_APART ((uint64_t)OBJ_SHARED << 16)

INLINE void mm_retain(Thr *T, Obj *o) { (void)T, (void)o; }

/* At the end of the owner. One comparison finds the leaf that is nobody else's. */
INLINE void count_free_leaf(Thr *T, Obj *o, size_t size);
INLINE void mm_release(Thr *T, Obj *o) {
  if (LIKELY((o->word & (COUNT_APART | 0xFF)) <= KIND_FLOAT)) {
    __asm__("" : "+r"(o)); /* a compiler that sees a small int come here, and free() behind, does not know what its header says */
    count_free_leaf(T, o, SIZE_LEAF);
  } else
    count_die(T, o);
}

/* If the caller owns it. */
INLINE bool count_is_sole(const Obj *o) { return !(o->word & COUNT_APART); }

INLINE bool count_drop_child(Thr *T, Obj *c) {
  if (LIKELY(!(c->word & COUNT_APART))) return true;
  if (!(c->bits & OBJ_IMMORTAL)) stack_push(&T->dead, c);
  return false;
}
INLINE void count_cascade_ends(Thr *T) { (void)T; }

#endif
