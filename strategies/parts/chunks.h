/* chunks.h: memory from the system, in 4 MiB chunks of 64 KiB units. Owns: which units are free, what is given back, and the
   accounting that a heap limit is held against. Both families stand on it: counting strategies take their pool pages here,
   tracing strategies their blocks and large objects, so that page policy and give-back are the same for all.

   A chunk is aligned to its size. Its first unit holds metadata for the others: mark bits and one descriptor per unit,
   so that from any object one mask finds all that is known of it. Metadata lies together, not at the head of each unit: heads at
   equal offsets of every 64 KiB would fall into the same few cache sets.

       chunk  | marks 32 KiB | descriptors |   unit 1   |   unit 2   | ...  | unit 63 |

   Where several threads mark, the head is two units, and the second has a second bitmap (space.h says what for).
   A run longer than 63 units gets a mapping of its own with the same head. In the malloc flavour, chunks are asked of the
   process's malloc (posix_memalign); otherwise they are mapped. Thread-safe but where said. */
#ifndef RECLAIM_PARTS_CHUNKS_H
#define RECLAIM_PARTS_CHUNKS_H

#include <pthread.h>

#include "runtime/base.h"

enum {
  UNIT_SHIFT = 16,
  CHUNK_SHIFT = 22,
  CHUNK_UNITS = 1 << (CHUNK_SHIFT - UNIT_SHIFT),
  GRANULE_SHIFT = 4, /* objects start at multiples of 16 bytes; one mark bit each */
  PAGE = 4096,
};
#define UNIT_BYTES  ((size_t)1 << UNIT_SHIFT)
#define CHUNK_BYTES ((size_t)1 << CHUNK_SHIFT)

/* What is known of a unit, or of a run by its first unit. */
typedef struct Unit {
  struct Unit *next; /* in a list of its holder */
  void *owner;       /* a Pool, or the thread that allocates in it */
  char *carve, *end; /* the part never used since it was handed out; the end of the usable part */
  size_t bytes;      /* accounted bytes of the run, a multiple of PAGE */
  union {
    uint8_t *cards; /* tracing: the cards of a large object, behind it; NULL where there are none */
    void *local;    /* pools: free cells of this unit */
  };
  uint32_t cell;  /* bytes per cell, 0: one large object */
  uint32_t units; /* length of the run; 0 in a unit that is free or not the first */
  uint16_t cls;
  uint8_t state; /* the holder's own */
  uint8_t flags; /* the holder's own */
  union {
    uint32_t spare;  /* pools: the holder's own */
    uint32_t keeper; /* tracing: who marks in it (space.h) */
  };
} Unit;

typedef struct Chunk {
  uint64_t marks[CHUNK_BYTES >> GRANULE_SHIFT >> 6];
  Unit unit[CHUNK_UNITS];
  struct Chunk *next, *next_open; /* all chunks; chunks that may have free units */
  uint64_t free, dirty;           /* a bit per unit: free to hand out; free and possibly resident */
  size_t mapped;                  /* bytes, more than CHUNK_BYTES for a huge run */
  bool huge;                      /* one run, longer than a chunk has room for */
  bool open;                      /* in the open list */
} Chunk;
_Static_assert(sizeof(Chunk) <= (1 << UNIT_SHIFT), "a chunk's metadata fits its first unit");

typedef struct Chunks {
  pthread_mutex_t mutex;
  Chunk *all, *open, *idle; /* idle: huge ones whose run was given back, for the next of that length */
  size_t committed;         /* accounted bytes of all runs, and the metadata of their chunks; atomic, read without the mutex */
  size_t peak;              /* of committed */
  size_t dirty;             /* bytes free and possibly resident; handed out before untouched ones */
  size_t ceiling;           /* of committed + dirty: beyond it the dirty ones are given back first */
  bool huge_pages;          /* ask for huge pages */
  bool walking;             /* chunks stay mapped */
  unsigned head;            /* units of a chunk's head: 1, or 2 with a second bitmap */
  unsigned tail;            /* bytes at the end of its first unit that the holder has for itself */
  Chunk *cursor;            /* of a walk: the next chunk to be claimed; under the mutex */
} Chunks;

INLINE Chunk *chunk_of(const void *p) { return (Chunk *)((uintptr_t)p & ~(CHUNK_BYTES - 1)); }
INLINE unsigned unit_index(const void *p) { return (unsigned)((uintptr_t)p >> UNIT_SHIFT) & (CHUNK_UNITS - 1); }
/* The descriptor of the unit of `p`; of a run only addresses in its first unit lead to the run's. */
INLINE Unit *unit_of(const void *p) { return &chunk_of(p)->unit[unit_index(p)]; }
INLINE char *unit_base(const Unit *u) {
  Chunk *c = chunk_of(u);
  return (char *)c + ((size_t)(u - c->unit) << UNIT_SHIFT);
}
INLINE size_t chunks_committed(Chunks *C) { return load_relaxed(&C->committed); }

void chunks_init(Chunks *, bool huge_pages);
/* Chunks are to have a second bitmap. Before the first is made. */
void chunks_two_bitmaps(Chunks *);
/* The last `bytes` of each chunk's first unit are the holder's own (lines.h). Likewise. */
void chunks_reserve_tail(Chunks *, unsigned bytes);
/* Gives every chunk back to the system. Not thread-safe. */
void chunks_destroy(Chunks *);
/* A run of at least `bytes`, unless more than `limit` would then be committed; its descriptor has units, bytes, carve and end set and all else 0. Contents are arbitrary,
   marks are clear. NULL: refused by the limit, or (*out_of_memory) by the system. */
Unit *chunks_get(Chunks *, size_t bytes, size_t limit, bool *out_of_memory);
void chunks_put(Chunks *, Unit *);
/* Calls f(ctx, unit) for each run in use. f may put that run. Not thread-safe. */
void chunks_each(Chunks *, void (*f)(void *ctx, Unit *), void *ctx);
/* The same by several threads: one begins, then each calls chunks_walk until it says that no chunk was left, and when all have done so
   one ends. Nobody else may get or put a run meanwhile. */
void chunks_walk_begin(Chunks *);
bool chunks_walk(Chunks *, void (*f)(void *ctx, Unit *), void *ctx);
void chunks_walk_end(Chunks *);
/* Chunks that there are, about. */
INLINE size_t chunks_number(Chunks *C) { return chunks_committed(C) >> CHUNK_SHIFT; }

/* --- Mark bits: by granule, in the chunk's head. ------------------------------------------------------------------------- */

INLINE uint64_t *mark_word(const void *p) {
  return &chunk_of(p)->marks[((uintptr_t)p & (CHUNK_BYTES - 1)) >> (GRANULE_SHIFT + 6)];
}
INLINE unsigned mark_place(const void *p) { return (unsigned)((uintptr_t)p >> GRANULE_SHIFT) & 63; }
INLINE uint64_t mark_bit(const void *p) { return (uint64_t)1 << mark_place(p); }
INLINE bool is_marked(const void *p) { return *mark_word(p) & mark_bit(p); }
/* The same place in the second bitmap, where there is one. */
INLINE uint64_t *second_mark_word(const void *p) { return mark_word(p) + UNIT_BYTES / sizeof(uint64_t); }

/* Clears the marks of a unit's run (of a large run: of its first unit, where its only object starts). */
void unit_clear_marks(Unit *);

#endif
