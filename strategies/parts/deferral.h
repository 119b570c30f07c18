/* deferral.h: counts that are made up later: what stands in the count word of a header, and the log of first writes.

   A count is the number of fields of counted objects that hold the object. Between two ends of epochs (epoch.h) counts do not change: a
   mutator neither counts its locals (Deutsch and Bobrow 1976) nor what it stores (Levanoni and Petrank 2001, 2006). What it does instead,
   the first time in an epoch that it is about to write to a counted object, is to write down what the fields hold. At the end the
   references that were written down are taken off, and those that are there then are put on; what a field held in between was never
   counted, nor was what has not changed.

   ## The count word

        31                            6   5    4     3      2      1      0
       | count: fields of counted objects | AGAIN COLOUR ROOTED TABLED GROWN LOGGED |

     LOGGED   writes need not be logged: they were, in this epoch; or the object is new, and none of its fields is counted yet
     GROWN    the same for items that were appended to an array with a side table
     TABLED   its count is 0, or was, and it stands in the zero-count table (epoch.h)
     ROOTED   a root holds it; within the end of an epoch only
     COLOUR, AGAIN   the backup trace's (backup.h)

   A new object has the word COUNT_NEW: LOGGED and nothing else. It is what HDR_WORD makes, so birth costs one store. Nothing else has that
   word: a counted object that is logged has a count, or is TABLED. Counts are of `count-bits` bits and saturate: one that has reached
   the limit is stuck, neither rises nor falls, and waits for the backup trace. Immortals are born stuck.

   ## What is logged

   Of an object with few references: all of them, once, LOGGED. Of an array of more than SIDE_ITEMS items, or a table of more than SIDE_ENTRIES
   entries, one item or one entry, once: it has a side table behind its last one, with a bit for each. (Logging by fields: Blackburn 2019; Zhao,
   Blackburn, McKinley 2022, "LXR".) So a store repeated 64 million times logs one entry, the log is bounded by what there is to log, and
   one store into a million items does not ask to have a million of them counted. The side table also knows how many items were there at the
   last end of an epoch (`counted`): those behind that are all new, which is logged once for all of them, GROWN.

   A record is an object, whose address says in its low bits what kind of record it is; a word; and what was held:

     RECORD_OBJECT   n          n references, NULL where a field held none
     RECORD_ITEM     its field  one
     RECORD_ENTRY    the entry  two: key and value
     RECORD_GROWN    counted    none

   Thus nearly every word of the log is an address that the end of the epoch will look at, and can be fetched ahead without a look at what
   it is.

   ## Arrays that grow

   A list that grows leaves its array behind, and its items pass to a longer one (mm_pass). To take the references of the one off and put those of
   the other on would touch every item twice for each step that a long list grows. So a pair of arrays is noted, and the
   end of the epoch compares them: what stands where it stood has changed its holder, and its count is right.

   ## Two threads, one object

   Writers of a published object hold its lock, or that of the container it is a part of, so the first write of an epoch and its record are
   made in one piece. The log does not depend on it. A thread (1) copies the fields into its log, (2) claims the record by an atomic
   OR on the flag or bit, (3) takes its copy back out if somebody else had it; only who finds the flag set, by a load that acquires, or has
   claimed or lost it, may write (4). Any write in this epoch thus follows some thread's claim, and the claim that counts, the first,
   follows its own copy: release at (2), acquire at the look, order the copy before every write. So the copy is of what was there at the last
   end of an epoch, and there is one. */
#ifndef RECLAIM_PARTS_DEFERRAL_H
#define RECLAIM_PARTS_DEFERRAL_H

#include "strategies/parts/stack.h"

enum {
  COUNT_LOGGED = 1 << 0,
  COUNT_GROWN = 1 << 1,
  COUNT_TABLED = 1 << 2,
  COUNT_ROOTED = 1 << 3,
  COUNT_COLOUR = 1 << 4,
  COUNT_AGAIN = 1 << 5,
  COUNT_SHIFT = 6,
  COUNT_BITS_MAX = 32 - COUNT_SHIFT
};
#define COUNT_ONE       ((uint32_t)1 << COUNT_SHIFT)
#define COUNT_FLAGS     (COUNT_ONE - 1)
#define COUNT_NEW       ((uint32_t)COUNT_LOGGED)
#define COUNT_IMMORTAL  (UINT32_MAX & ~COUNT_FLAGS)
#define COUNT_MAX(bits) ((((uint32_t)1 << (bits)) - 1) << COUNT_SHIFT)

/* The header in one load. Atomic: who waits for the object's lock changes that byte, and does not count as running. */
INLINE uint64_t header_of(const Obj *o) { return load_relaxed(&o->word); }
INLINE bool is_new(const Obj *o) { return load_relaxed(&o->count) == COUNT_NEW; }

/* --- Side tables --------------------------------------------------------------------------------------------------------------- */

enum { SIDE_ITEMS = 32, SIDE_ENTRIES = 16 };

typedef struct Side {
  uint64_t counted; /* of an array: items whose references were counted at the last end of an epoch */
  uint64_t logged[];
} Side;

INLINE size_t side_bytes(size_t units) { return sizeof(Side) + (units + 63) / 64 * sizeof(uint64_t); }

/* What an object of that size takes with its side table; folds to `size` for kinds that have none. */
INLINE size_t deferral_size(size_t size, unsigned kind) {
  if (kind == KIND_ARRAY && size > SIZE_ARRAY(SIDE_ITEMS)) return size + side_bytes((size - sizeof(Array)) / sizeof(Obj *));
  if (kind == KIND_TABLE && size > SIZE_TABLE(SIDE_ENTRIES)) return size + side_bytes((size - sizeof(Table)) / sizeof(Entry));
  return size;
}

/* NULL: it has none. */
INLINE Side *side_of(Obj *o) {
  if (o->kind == KIND_ARRAY && ((Array *)o)->cap > SIDE_ITEMS) return (Side *)&((Array *)o)->v[((Array *)o)->cap];
  if (o->kind == KIND_TABLE && ((Table *)o)->cap > SIDE_ENTRIES) return (Side *)&((Table *)o)->e[((Table *)o)->cap];
  return NULL;
}

/* The references of an object that is no table: n of them from the one handed back. */
INLINE Obj **fields_of(Obj *o, size_t *n) {
  switch (o->kind) {
  case KIND_LIST:
  case KIND_DICT: *n = 1; return (Obj **)&((List *)o)->arr;
  case KIND_NODE: *n = o->n; return ((Node *)o)->e;
  case KIND_GEN: *n = o->n; return ((Gen *)o)->refs;
  case KIND_TUPLE:
  case KIND_ARRAY: *n = array_owned((Array *)o); return ((Array *)o)->v;
  default: *n = 0; return NULL;
  }
}

INLINE void each_in(Obj **f, size_t n, void (*visit)(void *ctx, Obj *value), void *ctx) {
  for (size_t i = 0; i < n; i++)
    if (f[i]) visit(ctx, f[i]);
}
/* Calls visit(ctx, value) for each reference that is not NULL. Nodes first, and those of two edges before others: of nothing else are
   there crowds. */
INLINE void each_reference(Obj *o, void (*visit)(void *ctx, Obj *value), void *ctx) {
  if (LIKELY((uint16_t)header_of(o) == (uint16_t)HDR_WORD(KIND_NODE, 2))) {
    Obj *l = ((Node *)o)->e[0], *r = ((Node *)o)->e[1];
    if (l) visit(ctx, l);
    if (r) visit(ctx, r);
  } else if (o->kind == KIND_NODE) {
    each_in(((Node *)o)->e, o->n, visit, ctx);
  } else if (o->kind == KIND_TABLE) {
    Table *t = (Table *)o;
    for (Entry *e = t->e, *end = e + t->cap; e < end; e++) {
      if (!e->hash) continue;
      if (e->key) visit(ctx, e->key);
      if (e->value) visit(ctx, e->value);
    }
  } else {
    size_t n;
    Obj **f = fields_of(o, &n);
    each_in(f, n, visit, ctx);
  }
}

/* --- The log ----------------------------------------------------------------------------------------------------------------- */

enum { RECORD_OBJECT, RECORD_ITEM, RECORD_ENTRY, RECORD_GROWN, RECORD_KIND = 3 };

typedef struct Log {
  Stack words;  /* records */
  Stack passed; /* pairs of arrays: from, to */
  size_t
      room; /* words that there may be until somebody looks for memory, or at their number; more than `most`: there are too many */
  size_t most; /* words after which the end of the epoch is asked for */
  uint64_t objects, units;
} Log;

/* T is about to write the field at f, or n of them from there on, for what may be the first time in this epoch. */
NOINLINE void log_write(Thr *T, Obj *holder, Obj **f);
NOINLINE void log_writes(Thr *T, Obj *holder, Obj **f, size_t n);
/* The items of `from` are about to end; they stand in `to`. */
COLD void log_pass(Thr *T, Obj *to, Obj *from);
void log_destroy(Log *);

#endif
