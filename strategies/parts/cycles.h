/* cycles.h: the cyclic garbage collector of CPython (Modules/gcmodule.c of 3.12, and "Garbage collector design" in its developer's
   guide), for a heap of plain counts under one lock.

   Containers are in one of three generations. A young collection looks at one generation and the younger ones: what its members hold of
   each other is counted off, and who is then held by nobody is trash (subjects.h). Survivors grow older.

     when           at the first poll after `count[0]`, containers made less containers freed since the last collection, has become greater than
                    `threshold[0]` (0: never on its own). The generation is the oldest whose count is over its threshold; those of the
                    others count collections of the generation below. So 700, 10, 10: each 701st container, each 11th time, each 11th
                    time of that.
     25 % rule      a full collection only if what was promoted to the oldest generation since the last is more than a quarter of what
                    survived that one: so a heap that grows is walked a bounded number of times for each object, and not for each
                    7,000 objects made. While it grows it is walked, as CPython's is.
     not tracked    leaves. Tuples that hold nothing else, found by the first collection that they survive: they never change. Tables of
                    dicts that hold nothing else: born so, tracked when they get a container, and untracked again by full
                    collections only (else a large dict that gets a tuple now and then would be walked by each young collection).
     in bytes       besides, a full collection when the heap has grown by `threshold_bytes` and by a quarter since the last one
                    (CPython has no such threshold; a few cycles that hold megabytes do not wait for 700 objects then).

   What counts: a container is what has a collector's header in CPython. There a list's items and a dict's table are plain memory; here they
   are containers of their own, so the head of a list and the table of a dict are not counted.

   How members are found, which is what the mutator pays for. CPython gives each container two links (16 bytes) and hangs it into its
   generation's list at birth and out at death. Tried here on trees (instructions of the whole program, treesS): links 1.33 of rc-gil, this
   1.13; and a node of 32 bytes with links is one of 48. This is: nothing in the object. What is made is appended to a log; the log may hold the dead and
   the same cell twice.

     young log      entries since the last collection. At the end of each cascade of frees, the dead at its end are taken off, so
                    that what is made and dropped in the manner of a stack leaves nothing behind; when it is full it is compacted.
     middle log     survivors of youngest collections
     the rest       in the pool flavour is all other live cells of the pool, which a full collection walks in address order: a dead cell's
                    first word is a link, whose low four bits are 0, and no container's kind is. Only before pages are given back
                    to the system must the logs be rid of the dead; and large objects, whose pages go when they die, keep their entry's
                    address in their unit, to strike it out.
                    In the malloc flavour dead cells are not ours to read: each container has one word in front, the address of its
                    entry, which its death strikes out, and the oldest generation has a log, too.

   The header's `lock` byte, which nothing else uses under a global lock: generation 0 .. 2, or CYCLES_UNTRACKED; and during a collection CYCLES_MEMBER and
   CYCLES_LOST. A container is born with 0, a table untracked.

   A strategy's .h defines CYCLES_OF(T), all else under the global lock. */
#ifndef RECLAIM_PARTS_CYCLES_H
#define RECLAIM_PARTS_CYCLES_H

#include "strategies/parts/cells.h"
#include "strategies/parts/stack.h"
#include "strategies/parts/stopwatch.h"

enum { CYCLES_GENERATIONS = 3, CYCLES_OLDEST = 2, CYCLES_UNTRACKED = 3, CYCLES_AGE = 3, CYCLES_MEMBER = 4, CYCLES_LOST = 8 };

/* T->poll: a collection is due, beside what the global lock puts there (1). */
enum { CYCLES_POLL = 2 };

typedef struct CyclesStats {
  uint64_t collections[CYCLES_GENERATIONS];
  uint64_t put_off;            /* full ones that the 25 % rule made young ones */
  uint64_t examined, trash;    /* members of collections; of them, freed */
  uint64_t untracked, tracked; /* objects; tracked: again, tables that got a container */
  uint64_t longest_ns;
  uint64_t most_entries; /* of the logs together */
} CyclesStats;

typedef struct Cycles {
  Obj **cur, **limit; /* the young log: where the next goes; where to look what is due */
  Obj **counted;      /* up to here count[0] knows of it */
  int32_t apart;      /* of what comes after that: entries that do not count */
  bool due, due_full; /* a collection is to be made at the next poll */
  Obj **young, **end; /* the young log's memory */
  Stack older[2];     /* survivors; the second in the malloc flavour only */
  Obj *nowhere;       /* the entry of what has none */
  uint64_t count[CYCLES_GENERATIONS];
  uint64_t threshold[CYCLES_GENERATIONS];
  uint64_t pending, total;                            /* long-lived: promoted since the last full collection; survivors of that */
  uint64_t threshold_bytes, bytes_after, bytes_limit; /* 0: none; held after the last full collection; what asks for one */
  bool collecting;
  Stack members, found; /* of the collection under way */
  Cells *cells;
  Chunks *chunks;
  uint32_t collect_every, until_collect; /* MM_CHECK: a full collection after every n-th container made */
  CyclesStats stats;
  Stopwatch watch;
  reclaim_histogram pauses;
} Cycles;

/* False: out of memory. */
bool cycles_init(Cycles *, Cells *, Chunks *, const int64_t thresholds[CYCLES_GENERATIONS], int64_t bytes);
void cycles_destroy(Cycles *);
/* The young log has come to its limit. */
COLD void cycles_full(Thr *T);
/* Table t, untracked, gets a container. */
COLD void cycles_track(Thr *T, Obj *t);
/* The heap's bytes are over bytes_limit. */
COLD void cycles_grew(Thr *T);
/* Pages are about to be given back: afterwards no entry leads to a dead cell. */
void cycles_forget_dead(Cycles *);
/* Collects `generation` and the younger ones. T holds the lock and is at a poll. */
void cycles_collect(Thr *T, int generation);
/* Collects what is due, in the slow path of a poll; T's flag is as if it had not been set for that. */
void cycles_poll(Thr *T);
/* The thread with this flag took the lock: what is due concerns it now. */
INLINE void cycles_enter(const Cycles *Y, _Atomic int *poll) {
  if (UNLIKELY(Y->due)) atomic_fetch_or_explicit(poll, CYCLES_POLL, memory_order_relaxed);
}
void cycles_report(const Cycles *, reclaim_stats *out);
void cycles_reset(Cycles *);

/* --- Where an object keeps the address of its entry ------------------------------------------------------------------------------ */

#if MM_MALLOC
enum { CYCLES_PREFIX = sizeof(Obj **) };
INLINE bool cycles_has_entry(const Obj *o, size_t size) {
  (void)o, (void)size;
  return true;
}
INLINE Obj ***cycles_entry(Obj *o) { return (Obj ***)((char *)o - CYCLES_PREFIX); }
#else
enum { CYCLES_PREFIX = 0 };
INLINE bool cycles_has_entry(const Obj *o, size_t size) {
  (void)o;
  return size > CELL_MAX;
}
INLINE Obj ***cycles_entry(Obj *o) { return (Obj ***)&unit_of(o)->local; }
#endif

/* What an entry is struck out with: no object. */
extern Obj cycles_nobody;
/* Whether the entry leads to no live object. In a pool that is a link, or the cell may hold another object by now, even a leaf. */
INLINE bool cycles_is_dead(const Obj *o) { return MM_MALLOC ? o == &cycles_nobody : !(o->kind & 15); }

/* --- On the mutator's way ------------------------------------------------------------------------------------------------------------ */

INLINE void cycles_born(Thr *T, Cycles *Y, Obj *o, size_t size, unsigned kind) {
  if (kind == KIND_TABLE) {
    if (MM_MALLOC) *cycles_entry(o) = &Y->nowhere;
    return;
  }
  Obj **at = Y->cur;
  *at = o;
  if (cycles_has_entry(o, size)) *cycles_entry(o) = at;
  if (kind == KIND_LIST) Y->apart++;
  Y->cur = ++at;
  if (UNLIKELY(at >= Y->limit)) cycles_full(T);
}

/* o's cell is about to be freed. */
INLINE void cycles_gone(Obj *o, size_t size) {
  if (!cycles_has_entry(o, size)) return;
  Obj **entry = *cycles_entry(o);
  if (entry) *entry = &cycles_nobody;
}

/* o is dead and waits: no log is to lead to it. */
INLINE void cycles_put_off(Cycles *Y, Obj *o) {
#if MM_MALLOC
  if (kind_is_leaf(o->kind)) return;
  cycles_gone(o, 0);
  *cycles_entry(o) = &Y->nowhere;
#else
  (void)Y;
  if (LIKELY((uintptr_t)o & (UNIT_BYTES - 1)) || unit_of(o)->cell) return;
  cycles_gone(o, CELL_MAX + 1);
  *cycles_entry(o) = NULL;
#endif
}

INLINE bool cycles_is_tracked(const Obj *o) { return !kind_is_leaf(o->kind) && (o->lock & CYCLES_AGE) != CYCLES_UNTRACKED; }

/* Brings count[0] up to date. */
INLINE void cycles_take_count(Cycles *Y) {
  Y->count[0] += (uint64_t)(Y->cur - Y->counted - Y->apart);
  Y->counted = Y->cur;
  Y->apart = 0;
}
/* After that: the young log is to be looked at again when one more would make a collection due, or when it is full. */
INLINE void cycles_set_limit(Cycles *Y) {
  uint64_t room = (uint64_t)(Y->end - Y->cur), left = Y->threshold[0] + 1 - Y->count[0];
  if (UNLIKELY(!Y->threshold[0]) || UNLIKELY(Y->due)) left = room;
  Y->limit = Y->cur + (left < room ? left : room);
}

/* A cascade is over that freed n containers. The dead at the end of the log, which died the way they were made, leave no trace. */
INLINE void cycles_ended(Cycles *Y, uint64_t n) {
  if (!n || (!MM_MALLOC && !Y->threshold[0])) return;
  cycles_take_count(Y);
  Y->count[0] = n < Y->count[0] ? Y->count[0] - n : 0;
  Obj **at = Y->cur, **young = Y->young;
  while (at > young && cycles_is_dead(at[-1])) at--;
  Y->cur = Y->counted = at;
  cycles_set_limit(Y);
}

/* Table t gets v. */
INLINE void cycles_table_gets(Thr *T, Obj *t, const Obj *v) {
  if (v && UNLIKELY((t->lock & CYCLES_AGE) == CYCLES_UNTRACKED) && cycles_is_tracked(v)) cycles_track(T, t);
}

#endif
