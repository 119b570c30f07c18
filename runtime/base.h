/* base.h: what every other file stands on: the object header, the kinds with their layouts, and the one visitor of references.

   It knows no strategy. Above it come strategies/parts, then one strategy's header, then runtime/mm.h, which adds what workloads
   may see. Raw pointers to objects exist up to runtime/objects and nowhere above. */
#ifndef RECLAIM_BASE_H
#define RECLAIM_BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/descriptor.h"

#define INLINE      static inline __attribute__((always_inline, unused))
#define NOINLINE    __attribute__((noinline))
#define COLD        __attribute__((noinline, cold))
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Memory order in the name, on plain lvalues: the fields of objects are ordinary words that only some strategies share. */
#define load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* In spin loops: tells the core that it waits. */
INLINE void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* --- The header: 8 bytes, the same for every strategy, so that equal objects have equal sizes everywhere. ----------------

   kind   one of the enum below; KIND_FORWARDED while a copying collector runs
   n      number of references of a node or generator frame; of an array or a table: ITEMS_* marks; unused (0) elsewhere
   bits   OBJ_* flags, written by the object's only owner, or with the world stopped; biased counts have one of theirs above them
   lock   the object lock (strategies/parts/park.h): 0 free, 1 held, 2 held and waited for
   count  the reference count where MM_COUNTS_HEAP, else unused

   As one word, `kind` is the low byte and `count` the high half: the compiler stores a new header with one instruction, and a
   list threaded through dead objects (a cascade of frees, a forwarding pointer) keeps kind and n in the low 16 bits and a
   48-bit address above them. */
typedef struct Obj {
  union {
    struct {
      uint8_t kind, n, bits, lock;
      uint32_t count;
    };
    uint64_t word;
  };
} Obj;

enum {
  OBJ_SHARED = 1 << 0,   /* published: more than one thread may reach it; never cleared */
  OBJ_IMMORTAL = 1 << 1, /* never reclaimed: None, the bools, small ints */
  OBJ_LOGGED = 1 << 2,   /* generational: in the remembered set */
  OBJ_MARKED = 1 << 3,   /* tracing with mark bits in headers: reached by the collection under way */
  OBJ_AGE_SHIFT = 4,     /* generational: minor collections survived, two bits */
  OBJ_AGE_MASK = 3 << 4,
  OBJ_UNLOGGED = 1 << 6, /* mark-region: old, not shared, and not stored into since the last collection */
  OBJ_STAYS = 1 << 7,    /* mark-region: it could not be moved; only during a collection */
};

#define HDR_WORD(kind, n)  ((uint64_t)(kind) | (uint64_t)(n) << 8 | (uint64_t)1 << 32)
#define LINK_WORD(p, word) ((uint64_t)(uintptr_t)(p) << 16 | ((word)&0xFFFF))
#define LINK_NEXT(word)    ((Obj *)(uintptr_t)((word) >> 16))

enum kind {
  KIND_FREE = 0, /* no object: freed and poisoned, or never made */
  KIND_NONE,
  KIND_BOOL,
  KIND_INT,
  KIND_FLOAT, /* kinds up to here: leaves of 16 bytes */
  KIND_STR,
  KIND_RAW, /* kinds up to here: leaves, no references */
  KIND_LIST,
  KIND_DICT,
  KIND_NODE,
  KIND_GEN,
  KIND_TUPLE,
  KIND_ARRAY,
  KIND_TABLE,
  KIND_COUNT,
  KIND_FORWARDED = 0xFF
};

/* --- Layouts ------------------------------------------------------------------------------------------------------------- */

typedef struct Int {
  Obj h;
  int64_t v;
} Int; /* also None (v unused) and the bools (0, 1) */

typedef struct Float {
  Obj h;
  double v;
} Float;

typedef struct Str {
  Obj h;
  uint32_t len, hash; /* hash of the bytes, never 0, computed at birth */
  char s[];
} Str;

typedef struct Raw {
  Obj h;
  uint64_t size; /* bytes */
  char data[];
} Raw;

/* Whose are the references that an array (h.n), a table (h.n) or a frame (Gen.marks) holds: its own, or */
enum {
  ITEMS_ELSEWHERE = 1 << 0, /* somebody else's: they have moved to a longer array, or were borrowed (MM_UNIQUE_OWNERS) */
  ITEMS_OWNED = 1 << 1,     /* one of them has been owned: only noted in checked builds, MM_UNIQUE_OWNERS */
  ITEMS_KEYS = 2,           /* the keys of a table have the same two marks, so many bits higher */
};

/* The items of a list, a boxed array, or a tuple (len == cap). Only v[0 .. len) are references; the rest is never read. */
typedef struct Array {
  Obj h;
  uint32_t len, cap;
  Obj *v[];
} Array;

typedef struct List {
  Obj h;
  Array *arr; /* never NULL */
} List;

/* Open addressing with linear probing; removal shifts back, so there are no tombstones. An entry is empty when hash == 0. */
typedef struct Entry {
  uint64_t hash;
  Obj *key, *value;
} Entry;

typedef struct Table {
  Obj h;
  uint32_t cap, used; /* cap: a power of two */
  Entry e[];
} Table;

typedef struct Dict {
  Obj h;
  Table *table; /* never NULL */
} Dict;

typedef struct Node {
  Obj h; /* h.n edges */
  int64_t v;
  Obj *e[];
} Node;

/* A suspended frame: h.n references, then nwords integers. `run` is what resumes it (typed in runtime/objects.h). */
typedef struct Gen {
  Obj h;
  void (*run)(void);
  int32_t state; /* where to resume; GEN_DONE when exhausted */
  uint16_t nwords;
  uint8_t running; /* 1 while it is being resumed: running one twice at once is caught */
  uint8_t marks;   /* ITEMS_* */
  Obj *refs[];
} Gen;
enum { GEN_DONE = -1 };

INLINE int64_t *gen_words(Gen *g) { return (int64_t *)&g->refs[g->h.n]; }

#define SIZE_LEAF       ((size_t)16)
#define SIZE_LIST       sizeof(List)
#define SIZE_DICT       sizeof(Dict)
#define SIZE_STR(len)   (sizeof(Str) + (size_t)(len))
#define SIZE_RAW(bytes) (sizeof(Raw) + (size_t)(bytes))
#define SIZE_ARRAY(cap) (sizeof(Array) + sizeof(Obj *) * (size_t)(cap))
#define SIZE_TABLE(cap) (sizeof(Table) + sizeof(Entry) * (size_t)(cap))
#define SIZE_NODE(n)    (sizeof(Node) + sizeof(Obj *) * (size_t)(n))
#define SIZE_GEN(n, nw) (sizeof(Gen) + sizeof(Obj *) * (size_t)(n) + sizeof(int64_t) * (size_t)(nw))

/* Bytes that were asked for when `o` was made, whose header says, or said, this kind and this n. */
INLINE size_t obj_size_as(const Obj *o, unsigned kind, unsigned n) {
  switch (kind) {
  case KIND_STR: return SIZE_STR(((const Str *)o)->len);
  case KIND_RAW: return SIZE_RAW(((const Raw *)o)->size);
  case KIND_LIST: return SIZE_LIST;
  case KIND_DICT: return SIZE_DICT;
  case KIND_NODE: return SIZE_NODE(n);
  case KIND_GEN: return SIZE_GEN(n, ((const Gen *)o)->nwords);
  case KIND_TUPLE:
  case KIND_ARRAY: return SIZE_ARRAY(((const Array *)o)->cap);
  case KIND_TABLE: return SIZE_TABLE(((const Table *)o)->cap);
  default: return SIZE_LEAF;
  }
}
INLINE size_t obj_size(const Obj *o) { return obj_size_as(o, o->kind, o->n); }

/* How many references an array holds: none once a list has moved them to a longer one (it is marked then; where nothing counts there is
   no need to), though a lock-free reader may still look at what they were. */
INLINE uint32_t array_owned(const Array *a) { return a->h.n & ITEMS_ELSEWHERE ? 0 : load_relaxed(&a->len); }

INLINE bool kind_is_leaf(unsigned kind) { return kind <= KIND_RAW; }

/* Calls visit(ctx, &field) for every reference field of `o`, NULL ones included. With a constant `visit` it compiles to one
   specialised loop per kind: release, mark, copy, share and verify are all this function. Fields in [lo, hi) only, so that a
   collector can scan one card of a large array; pass NULL, (void *)-1 for all. */
INLINE void obj_visit_range(Obj *o, Obj **lo, Obj **hi, void (*visit)(void *ctx, Obj **field), void *ctx) {
  Obj **from, **to;
  switch (o->kind) {
  case KIND_LIST: from = (Obj **)&((List *)o)->arr, to = from + 1; break;
  case KIND_DICT: from = (Obj **)&((Dict *)o)->table, to = from + 1; break;
  case KIND_NODE: from = ((Node *)o)->e, to = from + o->n; break;
  case KIND_GEN: from = ((Gen *)o)->refs, to = from + o->n; break;
  case KIND_TUPLE:
  case KIND_ARRAY: from = ((Array *)o)->v, to = from + array_owned((Array *)o); break;
  case KIND_TABLE: {
    Entry *e = ((Table *)o)->e, *end = e + ((Table *)o)->cap;
    if ((void *)lo > (void *)e) e += ((char *)lo - (char *)e) / (ptrdiff_t)sizeof(Entry);
    if ((void *)hi < (void *)end)
      end = ((Table *)o)->e + ((char *)hi - (char *)((Table *)o)->e + (ptrdiff_t)sizeof(Entry) - 1) / (ptrdiff_t)sizeof(Entry);
    for (; e < end; e++)
      if (e->hash) visit(ctx, &e->key), visit(ctx, &e->value);
    return;
  }
  default: return;
  }
  if (from < lo) from = lo;
  if (to > hi) to = hi;
  for (; from < to; from++) visit(ctx, from);
}

INLINE void obj_visit(Obj *o, void (*visit)(void *ctx, Obj **field), void *ctx) {
  obj_visit_range(o, NULL, (Obj **)UINTPTR_MAX, visit, ctx);
}

/* --- Roots ---------------------------------------------------------------------------------------------------------------- */

/* A local: rooted; only LET makes one. Strategies say MM_UNIQUE_OWNERS before they include this file; parts that do not know it touch no
   slot. */
typedef struct Slot {
  Obj *p_;
#if defined(MM_UNIQUE_OWNERS) && MM_UNIQUE_OWNERS
  bool owns; /* false: what it holds is somebody else's */
#endif
} Slot;

typedef struct Link {
  struct Link *prev;
  Slot s;
} Link; /* a collector visits: for (l = T->top; l; l = l->prev) visit(&l->s.p_) */

typedef struct Two {
  Obj *o, *keep;
} Two; /* a new object, and the argument that its allocation kept alive */

typedef struct Thr Thr;
typedef struct Heap Heap;

enum { GLOBAL_ROOTS = 16, SMALL_INT_MIN = -5, SMALL_INT_MAX = 256, SMALL_INTS = SMALL_INT_MAX - SMALL_INT_MIN + 1 };

/* TALLY(T, event): one more, in a counting build; see strategies/parts/tally.h. What every strategy counts: objects and bytes asked for;
   owned values that moved from place to place, and loads inside BORROW: where a program without either would have counted. */
#define COMMON_TALLIES(X)                                                                                                        \
  X(allocations, "allocated-objects")                                                                                            \
  X(allocated_bytes, "allocated-bytes")                                                                                          \
  X(moves, "moved-values")                                                                                                       \
  X(borrows, "borrowed-loads")                                                                                                   \
  X(reuses, "reused-in-place")
#if MM_COUNTING
#define TALLY_FIELD_(field, name) uint64_t field;
#define TALLY_FIELDS                                                                                                             \
  struct {                                                                                                                       \
    COMMON_TALLIES(TALLY_FIELD_)                                                                                                 \
    MM_TALLIES(TALLY_FIELD_)                                                                                                     \
  } tally;
#define TALLY_N(T, event, n) ((void)((T)->tally.event += (n)))
#else
#define TALLY_FIELDS
#define TALLY_N(T, event, n) ((void)0)
#endif
#define TALLY(T, event) TALLY_N(T, event, 1)

/* What all strategies have per thread, first in their struct Thr. The handle is passed, never looked up. */
#define MM_THR_COMMON                                                                                                            \
  Link *top;        /* newest rooted local, where MM_CHAINS_SLOTS */                                                             \
  _Atomic int poll; /* set: go through mm_poll_slow at the next poll */                                                          \
  int index;        /* of the mutator, 0 .. threads - 1 */                                                                       \
  Heap *heap;                                                                                                                    \
  Int *small;         /* immortal None, False, True, then SMALL_INTS ints */                                                     \
  uint64_t epoch;     /* MM_CHECK: an owned value is dead when this moved on */                                                  \
  uint32_t borrowing; /* MM_CHECK: depth of BORROW blocks */                                                                     \
  uint32_t borrowed;  /* MM_CHECK: loads in the outermost one */                                                                 \
  TALLY_FIELDS

/* What all strategies have per heap, first in their struct Heap. */
#define MM_HEAP_COMMON                                                                                                           \
  const reclaim_config *config;                                                                                                  \
  Obj *globals[GLOBAL_ROOTS];        /* published by workloads; roots */                                                         \
  Int *small;                        /* the process's immortal objects, where threads may share them */                          \
  struct WorkShared *work;           /* runtime/work.c's state, one for all threads */                                           \
  uint64_t live_objects, live_bytes; /* as of the last exact count */

/* --- What every strategy defines out of line ------------------------------------------------------------------------------- */

extern const char mm_summary[]; /* one line, for `list` */
extern const reclaim_param mm_tunables[];
extern const int mm_ntunables;

/* As the entry points of the same names in runtime/descriptor.h. */
Heap *mm_open(const reclaim_config *);
void mm_close(Heap *);
Thr *mm_attach(Heap *, int index);
void mm_detach(Thr *);
void mm_collect(Thr *);
void mm_stats(Heap *, reclaim_stats *out); /* `out` is zeroed */
void mm_reset_stats(Heap *);
/* Publishes *slot and all that it reaches, before another thread can see it; may move them. Only for what is not yet shared. */
COLD void mm_share_slow(Thr *, Obj **slot);
COLD void mm_poll_slow(Thr *);

/* Stops the process with a message: a broken rule of the contract, found by a checked build or by an operation that cannot go on. */
COLD __attribute__((noreturn)) void mm_panic(Thr *, const char *what);

enum { IMMORTAL_NONE, IMMORTAL_FALSE, IMMORTAL_TRUE, IMMORTAL_INTS, IMMORTALS = IMMORTAL_INTS + SMALL_INTS };

#endif
