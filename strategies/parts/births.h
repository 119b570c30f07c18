/* births.h: where the objects of deferred counting come from: one source for both flavours. A new object is freed at the end of the epoch unless
   it is kept; a kept one when it is put back.

   pool    fits.h: new objects stand between bits, and are freed by no more than that
   malloc  the process's malloc, whichever was preloaded, one call per object, and one to free it. New objects are in a list of their
           thread, a word each; kept ones in a census (census.h), since a foreign malloc cannot be walked and the backup trace must. That
           costs about four instructions at birth, seven for each new object that dies, ten for each that is kept and as many
           again when it dies, and a 128th of the memory. Optionally a per-class free list as in cells.h. */
#ifndef RECLAIM_PARTS_BIRTHS_H
#define RECLAIM_PARTS_BIRTHS_H

/* What is freed is overwritten in a checked build, so that whoever still reads it is found. */
#if MM_CHECK
#define BIRTHS_POISON(o, size) (memset((o), 0xDB, (size)), (void)(((Obj *)(o))->word = KIND_FREE))
#else
#define BIRTHS_POISON(o, size) ((void)0)
#endif

#if MM_MALLOC

#include "strategies/parts/cells.h"
#include "strategies/parts/census.h"
#include "strategies/parts/deferral.h"
#include "strategies/parts/stack.h"

typedef struct BirthsThread {
  Stack young;
  size_t room;   /* objects in `young` until somebody looks at the volume */
  size_t budget; /* bytes that there are to be in this epoch */
  Cells cells;
  int64_t bytes_before; /* of cells, when the epoch began */
} BirthsThread;

typedef struct Births {
  Census kept;
  Cells *cells; /* of the thread that ends the epoch: where kept ones go that die */
} Births;

INLINE bool births_done(const BirthsThread *t) { return (size_t)(t->cells.bytes - t->bytes_before) >= t->budget; }

/* False: births_get_next, which may be NULL; then somebody should look at births_done, and call births_get. */
INLINE bool births_try(BirthsThread *t, size_t size, Obj **o) {
  if (UNLIKELY(t->young.n >= t->room || size > CELL_MAX)) return false;
  *o = cell_get(&t->cells, size, 0);
  t->young.v[t->young.n++] = *o;
  return true;
}

INLINE void *births_get_next(BirthsThread *t, size_t size) {
  (void)t, (void)size;
  return NULL;
}

INLINE size_t births_size(const Obj *o) { return deferral_size(obj_size(o), o->kind); }

/* --- With the world stopped --- */

INLINE void births_keep(Births *B, Obj *o) { (void)B, (void)o; /* births_settle does */ }
INLINE void births_put(Births *B, Obj *o, size_t size) {
  census_remove(&B->kept, o);
  BIRTHS_POISON(o, size);
  cell_put(B->cells, o, size, 0, false);
}
INLINE void births_each(Births *B, void (*f)(void *ctx, Obj *o), void *ctx) { census_each(&B->kept, f, ctx); }
INLINE bool births_kept(Births *B, const Obj *o) { return census_has(&B->kept, o); }

#else

#include "strategies/parts/deferral.h"
#include "strategies/parts/fits.h"

typedef FitsThread BirthsThread;
typedef Fits Births;

INLINE bool births_done(const BirthsThread *t) { return t->volume >= t->budget; }

INLINE bool births_try(BirthsThread *t, size_t size, Obj **o) {
  if (UNLIKELY(size > CELL_MAX)) return false;
  unsigned cls = class_of(size);
  Run *r = &t->run[cls];
  char *p = r->cur;
  if (UNLIKELY(p == r->end)) return false;
  r->cur = p + class_bytes(cls);
  *o = (Obj *)p;
  return true;
}

INLINE void *births_get_next(BirthsThread *t, size_t size) { return size > CELL_MAX ? NULL : fits_get_next(t, class_of(size)); }

/* The block knows. */
INLINE size_t births_size(const Obj *o) { return MM_CHECK ? obj_size(o) : 0; }

INLINE void births_keep(Births *B, Obj *o) {
  (void)B;
  fits_keep(o);
}
INLINE void births_put(Births *B, Obj *o, size_t size) {
  (void)size;
  BIRTHS_POISON(o, size);
  fits_put(B, o);
}
INLINE void births_each(Births *B, void (*f)(void *ctx, Obj *o), void *ctx) { fits_each(B, f, ctx); }
INLINE bool births_kept(Births *B, const Obj *o) {
  (void)B;
  return fits_kept(o);
}

#endif

void births_init(Births *, bool huge_pages);
/* Frees whatever is left. The threads are still there. */
void births_destroy(Births *, BirthsThread *threads[], int n);
void births_attach(BirthsThread *, Births *, uint32_t freelist_cap, void (*exhausted)(void *), void *arg);

/* A cell, whatever the volume. NULL: the system has no memory. */
COLD void *births_get(Births *, BirthsThread *, size_t size);

/* Before an epoch ends. */
void births_begin(Births *);
/* New objects since the epoch began. */
uint64_t births_new(const Births *, const BirthsThread *);
/* Frees new objects that are not kept, once all that are to be are. */
void births_settle(Births *, BirthsThread *);
/* The end of the epoch: nothing is new any more. `leaves`: of a thread that has exited. */
void births_turn(Births *, BirthsThread *, bool leaves);
/* After the last thread's turn. */
void births_trim(Births *);

/* What is kept, exactly, while nothing is new: bytes of cells, of large objects those that are accounted. */
typedef struct BirthsUse {
  uint64_t objects, bytes;
} BirthsUse;
BirthsUse births_use(Births *, BirthsThread *threads[], int n);
/* Bytes held, to be compared with what they were. */
size_t births_held(Births *, BirthsThread *threads[], int n);

#endif
