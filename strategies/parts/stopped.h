/* stopped.h: cyclic trash of biased counts, found with the world stopped: what free-threaded CPython does (Python/gc_free_threading.c,
   since 3.13). There is no list of containers and no generation: a collection walks all cells of the pool.

     when      at the first poll after more than `threshold` containers were made, less those freed, since the last collection, and more
               than `live-share` percent of what survived that one: CPython's rule, without which a heap that grows would be
               walked in quadratic time. Threads count for themselves and add up every NET_BATCH. 0: never on its own.
     stopped   by world.h, like the tracing strategies: every thread is at a poll or in a blocking region, so it has no reference but
               counted ones. Boxes are emptied for all, limbo is freed: what then looks like an object is one, and every count is
               the sum of its parts (biased.h).

     1 subtract  what containers hold of each other is taken off their counts, in place; what is left is held from outside: by locals,
                 owned values, globals, and static objects, which take no part (statics.h)
     2 sift      in the order of the walk: a container whose count is 0 is lost for the time being. One with a count is held, and what
                 it holds is counted on again; who was lost is found again, and its own references are followed, by an explicit
                 stack. So each reference is followed once, and the counts of who is held are what they were, but for what trash
                 holds of them. (CPython: move_unreachable; Bacon and Rajan 2001: scan-black.)
     3 condemn   who is still lost is trash. What it holds of others is dropped, in the stop, for a plain count may be another thread's
     resumed     the cells of the trash are freed: nobody can reach them, and no reader has found one before the stop. Until that is done
                 there is no other collection, which would take them for objects.

   "In place": the count of an unpublished object, or the shared count of a published one, whose sum with the local count and what was
   spilled says what is left. CPython computes in the field that held the owner's id.

   A lost container has its kind's top bit set; a condemned one has STOPPED_TRASH in the byte of its lock, which nobody waits for. (The
   byte of a live object is not ours: a thread that waits for a lock takes it in its blocking region.)

   A heap of cells that must be walked cannot come from a foreign malloc: in the malloc flavour the pool is cut from chunks that malloc
   gave, as tracing strategies' blocks are. (Free-threaded CPython is tied to mimalloc for the same reason.) */
#ifndef RECLAIM_PARTS_STOPPED_H
#define RECLAIM_PARTS_STOPPED_H

#include "strategies/parts/stack.h"
#include "strategies/parts/world.h"

enum { STOPPED_NET_BATCH = 256, STOPPED_LOST = 0x80, STOPPED_TRASH = 0xFF };

typedef struct Stopped {
  World world;
  _Atomic int64_t net;       /* containers made less freed since the last collection, as far as threads have told */
  _Atomic bool due, freeing; /* a collection; the trash of the last one */
  int64_t threshold, share;  /* the tunables */
  uint64_t live;             /* containers that survived the last collection */
  Stack found, trash;        /* of the collection under way */
  uint64_t collections, examined, condemned, wall_ns, cpu_ns;
} Stopped;

typedef struct StoppedThread {
  int32_t net;                           /* not told yet */
  bool attached;                         /* the world knows this handle */
  uint32_t collect_every, until_collect; /* MM_CHECK: collect at the poll after every n-th container made */
} StoppedThread;

void stopped_init(Stopped *, int64_t threshold, int64_t share);
void stopped_destroy(Stopped *);
/* T's count goes to all; a collection may become due. */
COLD void stopped_tell(Thr *T);
/* In a checked build: one is due. */
COLD void stopped_make_due(Thr *T);
/* At a poll of T: waits while another thread has the world stopped, and collects if that is due. */
void stopped_poll(Thr *T);
/* False: another thread has collected meanwhile, or is still freeing its trash. */
bool stopped_collect(Thr *T);
void stopped_report(Heap *, reclaim_stats *out);
void stopped_reset(Heap *);

/* Hooks of counting.h: an object was made; a cascade that freed n containers is over. */
#define COUNT_BORN(T, cells, o, size, kind) stopped_born(&(T)->stopped, (T), (kind))
#define COUNT_ENDED(T, n)                   stopped_ended(&(T)->stopped, (T), (n))
INLINE void stopped_born(StoppedThread *s, Thr *T, unsigned kind) {
  if (kind_is_leaf(kind)) return;
#if MM_CHECK
  if (s->collect_every && --s->until_collect == 0) stopped_make_due(T);
#endif
  if (UNLIKELY(++s->net >= STOPPED_NET_BATCH)) stopped_tell(T);
}
INLINE void stopped_ended(StoppedThread *s, Thr *T, int64_t n) {
  s->net -= (int32_t)n;
  if (UNLIKELY(s->net <= -STOPPED_NET_BATCH)) stopped_tell(T);
}

#endif
