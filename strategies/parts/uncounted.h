/* uncounted.h: locals and reads of fields where no reference is counted: a reference is a word. */
#ifndef RECLAIM_PARTS_UNCOUNTED_H
#define RECLAIM_PARTS_UNCOUNTED_H

#include "runtime/base.h"

INLINE void mm_retain(Thr *T, Obj *o) { (void)T, (void)o; }
INLINE void mm_release(Thr *T, Obj *o) { (void)T, (void)o; }

INLINE bool mm_is_unique(Thr *T, Obj *o) {
  (void)T, (void)o;
  return false;
}

INLINE Obj *mm_load_own(Thr *T, Obj *holder, Obj **f) {
  (void)T, (void)holder;
  return load_acquire(f);
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
