/* plain-fields.h: writes of fields where a store is a store and nothing else. They are releases, which cost nothing on x86, since a shared
   list is read without its lock. Included by a strategy's header after struct Thr; TALLY(stores). */
#ifndef RECLAIM_PARTS_PLAIN_FIELDS_H
#define RECLAIM_PARTS_PLAIN_FIELDS_H

#include "strategies/parts/tally.h"

INLINE Obj *mm_exchange(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  TALLY(T, stores);
  Obj *old = *f;
  store_release(f, v);
  return old;
}
INLINE void mm_init_move(Thr *T, Obj *holder, Obj **f, Obj *v) {
  (void)T, (void)holder;
  *f = v;
}
INLINE void mm_store_new(Thr *T, Obj *holder, Obj **f, Obj *v) { (void)mm_exchange(T, holder, f, v); }
INLINE void mm_copy_range(Thr *T, Obj *holder, Obj **dst, Obj *const *src, size_t n) {
  (void)T, (void)holder;
  memcpy(dst, src, n * sizeof *dst);
}
INLINE void mm_move_range(Thr *T, Obj *holder, void *dst, const void *src, size_t bytes) {
  (void)T, (void)holder;
  memmove(dst, src, bytes);
}

#endif
