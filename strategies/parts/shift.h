/* shift.h: who is at work on one job of a collection, and when it is done. This header stands on nothing but the compiler's atomics, so
   that the protocol can be checked exhaustively, apart from all that uses it (tests/trace-shift.c does).

   One word: whether the shift is open, and how many helpers are inside. The thread that opened it, its leader, always takes part and is not
   counted. Helpers come when they are called, or late, or never; nobody waits for one who has not come.

       closed --open--> OPEN | 0 <--enter, leave--> OPEN | n          OPEN | 0 --close--> closed

   What makes the end safe is that each worker, the leader too, keeps these rules:

     (1) it takes work, from whatever others offer, only while inside;
     (2) it offers work only from what it took, so only while inside;
     (3) it leaves, or closes, only when it holds no work and what it offered itself is gone: it took that back, or others took it.

   So whenever nobody is inside but the leader, all work that is left is the leader's; and when close succeeds, which is one atomic step
   from OPEN | 0 to closed, there is none. A helper that comes between the leader's last look and its close can find nothing, for there
   is nothing; it makes close fail once, and is waited for. After close nobody enters. There is no count of idle workers that must be
   taken back when one of them finds work (the termination protocols of Flood et al. 2001 and of HotSpot): to look for work is to be
   inside, and to be idle is to have left. */
#ifndef RECLAIM_PARTS_SHIFT_H
#define RECLAIM_PARTS_SHIFT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Shift {
  uint32_t word; /* atomic */
} Shift;

#define SHIFT_OPEN ((uint32_t)1 << 31)

/* By the leader; the shift is closed. Releases what the job is. */
static inline void shift_open(Shift *s) { __atomic_store_n(&s->word, SHIFT_OPEN, __ATOMIC_RELEASE); }

/* By a helper that is outside: whether it is inside now. Acquires what the job is. */
static inline bool shift_enter(Shift *s) {
  uint32_t is = __atomic_load_n(&s->word, __ATOMIC_RELAXED);
  do
    if (!(is & SHIFT_OPEN)) return false;
  while (!__atomic_compare_exchange_n(&s->word, &is, is + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
  return true;
}

/* By a helper that is inside and holds no work: true when it was the last one there. Releases what it did. */
static inline bool shift_leave(Shift *s) { return __atomic_sub_fetch(&s->word, 1, __ATOMIC_SEQ_CST) == SHIFT_OPEN; }

/* By the leader: whether no helper is inside. What they did is acquired. */
static inline bool shift_is_alone(const Shift *s) { return __atomic_load_n(&s->word, __ATOMIC_SEQ_CST) == SHIFT_OPEN; }

/* By anybody: how many helpers are inside at this moment. */
static inline uint32_t shift_inside(const Shift *s) { return __atomic_load_n(&s->word, __ATOMIC_RELAXED) & ~SHIFT_OPEN; }

/* By the leader, who holds no work: false, and still open, while a helper is inside. What they did is acquired. */
static inline bool shift_close(Shift *s) {
  uint32_t is = SHIFT_OPEN;
  return __atomic_compare_exchange_n(&s->word, &is, 0, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

#endif
