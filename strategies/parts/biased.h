/* biased.h: the protocol of biased reference counts on its own: which transitions the two counts of an object make, who merges them, and
   how a thread is asked to. It knows no object, no heap and no thread, only words, so that a model checker can be run on this very text.

   Source: Choi, Shull, Torrellas, "Biased Reference Counting", PACT 2018; and free-threaded CPython since 3.13 (PEP 703; Objects/object.c,
   Python/brc.c). Most objects are counted by the thread that made them. So each has a `local` count that its owner changes with plain
   instructions, and a `shared` one that all others change atomically. References are their sum. Either may be anything on its own:
   what one thread counted up, another may count down, and `shared` goes below zero when others drop what the owner gave away. Who drops
   the last reference is known to nobody until the two are merged, and only the owner may merge, since only it knows `local`.

   ## Where the bits are

   `word` (the header's count), 32 bits:  | shared: 14 bits, signed | SPILLED | QUEUED | owner: 16 bits |
   `local`: 6 bits of the byte that holds the header's flags; written by the owner alone.

   Thread ids count up and are never used twice: owner 0 is "merged"; BIASED_NOBODY is no thread, the id of one for which there was no
   number left, whose objects are published merged. Counts that do not fit are kept in a table (spill.h, after the overflow table of
   Bacon et al., "Java without the coffee breaks", PLDI 2001); SPILLED says that there is an entry.

   ## The states of an object, and what leads from one to the other

   An object that was never published is reachable from the thread that made it and from nowhere else: its word is a plain 32-bit count,
   and nothing below concerns it. This is CPython's state "default", where what reaches zero can be freed at once. A published one may
   be found by a reader without a lock at any time (limbo.h), which is what CPython's "maybe weakref" means: it dies by an atomic step only.

                     publish                     another drops below 0: request
     unpublished ------------> biased ---------------------------------------------> queued
       | count 0                 |                                                   | |
       v                         | the owner's local count                           | | the owner, or who stands in
      dead                       | reaches 0: leave                            leave | | for it: merge
                                 v                                                   | v
                               merged <-----------------------------------------------+
                                 |
                                 | word 0: no owner, not queued, nothing spilled, no reference
                                 v
                                dead: limbo

     biased   owner > 0, not QUEUED. local > 0, or the spilled part of it is.
     queued   owner > 0, QUEUED. The queue has a reference of its own, counted in `shared`: the drop that made the object queued is
              not counted but handed to the queue. So what is in a queue is alive.
     merged   owner 0. `shared` is all there is, and never negative. QUEUED while the object is still in a queue (the owner left first).
     dead     word 0. A step that changes the word *to* 0 is made by one thread, once, and that thread frees the object. Nothing leads
              back: a reader that holds no reference adds one only to a word that is not 0.

   ## What can go wrong, and why it does not

   - *A drop below zero, and the thread that made it is interrupted before it can queue the object.* Mostly the two are one step
     (biased_queue). Where another drop came in between, biased_drop tells only the thread that went from 0 to -1, which then sets
     QUEUED (biased_request). In between, others may count up and down, the owner may leave, and
     another thread may go below zero again and set QUEUED first: the request finds that and does nothing. If the object has died
     meanwhile its word is 0, and stays readable, because the memory of what was published is reused only after a poll of every
     thread.
   - *The sum is zero and nobody knows.* Then shared = -local < 0, so some thread has gone from 0 to -1 and has requested, or will:
     each crossing requests, unless the object is queued already, and what is queued will be merged.
   - *The sum is zero, the merge is pending, and a reader finds the object in a field that it looked at earlier.* It counts up, as it may: the
     word is not 0. The merge finds a sum of one. So is an object resurrected that was dead in fact, but for nobody.
   - *The owner leaves while another thread counts up.* Leaving is one atomic subtraction of the owner's id: the one comes before the
     other, and either the word is not 0 then, or the reader sees 0 and fails.
   - *The owner sleeps.* Nobody waits for it: while it is blocked it touches no object, so another thread may stand in for it (below).
   - *The owner has exited.* Its box says so, and its local counts are what they are for ever. Whoever would go below zero merges in the
     same step (biased_inherit); what was queued before is merged by whoever delivers it. Ids are not reused, so no later thread takes
     itself for the owner.

   ## How an owner is asked: boxes

   Each thread has a box. Its head is the list of parcels (queued objects, by the dozen) that others have left there, with the state
   of the thread in the low bits:

         +--------------------- box_return ------------------------+
         v                                                         |
       RUNNING --box_block, when it is empty--> BLOCKED --box_enter--> SERVED --box_leave--> BLOCKED
         |  ^                                                            |
         |  +--box_leave-- AWAITED <--box_return--------------------------+
         +--box_close, when it is empty--> EXITED

     RUNNING  parcels are pushed, and the owner merges at its next poll.
     BLOCKED  the box is empty. A thread with something for it becomes its stand-in by one compare-and-swap: SERVED. No object is
              queued for that.
     SERVED   the stand-in has the owner's rights: it merges, and it drops as the owner would, for as long as the cascade of frees goes
              on that brought it here. Then it takes what was pushed meanwhile, and leaves.
     AWAITED  the owner is back before the stand-in has left: it waits for that, and the stand-in leaves after the step it is at.
     EXITED   for ever.

   One word holds list and state, so that there is no moment between looking at the one and acting on the other.

   ## Memory order

   A drop is a release, and the step that finds 0 an acquire: all that any thread did to an object comes before its death. Ups are relaxed
   for who holds a reference and acquire for who does not. What an owner did to local counts before it blocked or exited reaches the
   stand-in through the box: box_block and box_close release, box_enter and reading EXITED acquire; box_leave and box_return are the way
   back.

   The operations on words are macros, so that a checker can put its own atomics in their place. */
#ifndef RECLAIM_PARTS_BIASED_H
#define RECLAIM_PARTS_BIASED_H

#ifndef BIASED_ATOMICS
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint32_t BiasedWord;
typedef uint8_t BiasedFlags;
typedef uintptr_t BiasedHead;
#define BIASED_FN                      static inline __attribute__((always_inline, unused))
#define BIASED_LOAD(p, order)          __atomic_load_n((p), __ATOMIC_##order)
#define BIASED_STORE(p, v, order)      __atomic_store_n((p), (v), __ATOMIC_##order)
#define BIASED_ADD(p, n, order)        __atomic_fetch_add((p), (n), __ATOMIC_##order)
#define BIASED_CAS(p, is, want, order) __atomic_compare_exchange_n((p), (is), (want), true, __ATOMIC_##order, __ATOMIC_RELAXED)
#endif

enum {
  BIASED_OWNER = 0xFFFF,  /* the bits of the owner's id */
  BIASED_NOBODY = 0xFFFF, /* no thread's id */
  BIASED_QUEUED = 1 << 16,
  BIASED_SPILLED = 1 << 17,
  BIASED_UNIT = 1 << 18, /* one of the shared count */
  /* A shared count that has come to +-SPILL is brought back by whoever sees that, before its next step: the 14 bits have room for as
     many threads more as are left, 4,095. */
  BIASED_SPILL = 4096,
  BIASED_LOCAL = 4, /* one of the local count, which has six bits above the two lowest */
  BIASED_LOCAL_MAX = 63,
};

BIASED_FN int32_t biased_shared(uint32_t word) { return (int32_t)word >> 18; }
BIASED_FN uint32_t biased_owner(uint32_t word) { return word & BIASED_OWNER; }
BIASED_FN uint32_t biased_local(uint32_t flags) { return flags / BIASED_LOCAL; }

/* The word of an object that `id` publishes, and whose `count` references are all of that thread's making. Of a biased one, the local
   count is to be set to `count` as well. */
BIASED_FN uint32_t biased_published(uint32_t id, uint32_t count) { return id == BIASED_NOBODY ? count * BIASED_UNIT : id; }

/* --- Steps of the owner ------------------------------------------------------------------------------------------------------- */

/* False, and nothing done: the local count is full. */
BIASED_FN bool biased_own_up(BiasedFlags *flags) {
  uint32_t f = BIASED_LOAD(flags, RELAXED);
  if (f >= BIASED_LOCAL_MAX * BIASED_LOCAL) return false;
  BIASED_STORE(flags, (uint8_t)(f + BIASED_LOCAL), RELAXED);
  return true;
}
/* False, and nothing done: it is the last local count. */
BIASED_FN bool biased_own_down(BiasedFlags *flags) {
  uint32_t f = BIASED_LOAD(flags, RELAXED);
  if (f < 2 * BIASED_LOCAL) return false;
  BIASED_STORE(flags, (uint8_t)(f - BIASED_LOCAL), RELAXED);
  return true;
}
/* Drops the last local count (of which no part is spilled): the object is nobody's any more. The new word; 0: it is dead. */
BIASED_FN uint32_t biased_leave(BiasedWord *word, uint32_t id) { return BIASED_ADD(word, -id, ACQ_REL) - id; }

/* --- Steps of others ------------------------------------------------------------------------------------------------------------ */

/* So many are shared that some must be spilled. */
BIASED_FN bool biased_is_full(uint32_t word) { return (int32_t)word >= BIASED_SPILL * BIASED_UNIT; }

/* For who holds a reference: the new word. */
BIASED_FN uint32_t biased_up(BiasedWord *word) { return BIASED_ADD(word, BIASED_UNIT, RELAXED) + BIASED_UNIT; }

/* For a reader that holds none: the new word, or 0 if the object is dead. */
BIASED_FN uint32_t biased_try_up(BiasedWord *word) {
  uint32_t w = BIASED_LOAD(word, RELAXED);
  do
    if (w == 0) return 0;
  while (!BIASED_CAS(word, &w, w + BIASED_UNIT, ACQUIRE));
  return w + BIASED_UNIT;
}

typedef enum {
  BIASED_ALIVE,
  BIASED_DEAD,    /* by this very step */
  BIASED_REQUEST, /* the caller's step made it queued: a merge is to be asked of its owner */
  BIASED_SETTLE,  /* the table is to be looked at, biased_request called afterwards */
} BiasedVerdict;

/* The second half of a drop that went below zero, or of one that was settled: the queue's reference is counted, unless the object is
   merged or queued, or no longer below zero. */
BIASED_FN BiasedVerdict biased_request(BiasedWord *word, uint32_t *owner) {
  uint32_t w = BIASED_LOAD(word, RELAXED);
  do
    if (!biased_owner(w) || (w & BIASED_QUEUED) || biased_shared(w) >= 0) return BIASED_ALIVE;
  while (!BIASED_CAS(word, &w, w + BIASED_UNIT + BIASED_QUEUED, RELEASE));
  *owner = biased_owner(w);
  return BIASED_REQUEST;
}

/* What follows from a drop that found `was`. */
BIASED_FN BiasedVerdict biased_dropped(BiasedWord *word, uint32_t was, uint32_t *owner) {
  int32_t left = biased_shared(was) - 1;
  if (was == BIASED_UNIT) return BIASED_DEAD;
  if (left <= -BIASED_SPILL || ((was & BIASED_SPILLED) && left <= 0)) return BIASED_SETTLE;
  return left == -1 ? biased_request(word, owner) : BIASED_ALIVE;
}

/* Whether the references that others hold are not known to `shared`: a drop by one of them would go below zero. */
BIASED_FN bool biased_is_low(uint32_t word) { return word < BIASED_QUEUED; }

/* Drops a reference that the caller, who is not the owner, holds. REQUEST: *owner is to be asked. */
BIASED_FN BiasedVerdict biased_drop(BiasedWord *word, uint32_t *owner) {
  uint32_t w = BIASED_ADD(word, (uint32_t)-BIASED_UNIT, ACQ_REL);
  return (int32_t)w >= 2 * BIASED_UNIT ? BIASED_ALIVE : biased_dropped(word, w, owner);
}

/* The same for a word found low, in one step: the reference goes to the queue, and the owner is to be asked. False: *word is something
   else now, which *w tells. */
BIASED_FN bool biased_queue(BiasedWord *word, uint32_t *w) { return BIASED_CAS(word, w, *w + BIASED_QUEUED, RELEASE); }

/* The same where the owner has exited and its local count will never change: dropped and merged. *w is the new word then; 0: dead. */
BIASED_FN bool biased_inherit(BiasedWord *word, const BiasedFlags *flags, uint32_t *w) {
  uint32_t local = biased_local(BIASED_LOAD(flags, RELAXED));
  uint32_t merged = *w - biased_owner(*w) + (local - 1) * BIASED_UNIT;
  if (!BIASED_CAS(word, w, merged, ACQ_REL)) return false;
  *w = merged;
  return true;
}

/* --- Merging ---------------------------------------------------------------------------------------------------------------------- */

/* What is added to the word of a queued object whose owner merges it, or a stand-in: the local count, less the queue's own reference,
   and the end of both marks. `owner` is 0 where the owner has left before. */
BIASED_FN uint32_t biased_merging(uint32_t owner, uint32_t local) {
  return (owner ? local * BIASED_UNIT : 0) - BIASED_UNIT - owner - BIASED_QUEUED;
}
/* The new word; 0: it is dead. Of an object without SPILLED; one that has it is merged by the table. */
BIASED_FN uint32_t biased_merge(BiasedWord *word, const BiasedFlags *flags) {
  uint32_t owner = biased_owner(BIASED_LOAD(word, RELAXED)); /* changed by who merges, and nobody else */
  uint32_t by = biased_merging(owner, biased_local(BIASED_LOAD(flags, RELAXED)));
  return BIASED_ADD(word, by, ACQ_REL) + by;
}

/* --- Boxes ------------------------------------------------------------------------------------------------------------------------ */

enum { BOX_RUNNING, BOX_BLOCKED, BOX_SERVED, BOX_AWAITED, BOX_EXITED, BOX_STATE = 7 };

/* The head of what is in a box: at the start of a parcel, which is aligned to 8 bytes at least. */
typedef struct BoxLink {
  struct BoxLink *next;
} BoxLink;

BIASED_FN BoxLink *box_list(BiasedHead head) { return (BoxLink *)(head & ~(uintptr_t)BOX_STATE); }
BIASED_FN unsigned box_state(BiasedHead head) { return (unsigned)(head & BOX_STATE); }

/* Makes the caller the stand-in of a blocked owner; false: it is not blocked, or has one. */
BIASED_FN bool box_enter(BiasedHead *box) {
  uintptr_t h = BIASED_LOAD(box, RELAXED);
  while (h == BOX_BLOCKED)
    if (BIASED_CAS(box, &h, BOX_SERVED, ACQUIRE)) return true;
  return false;
}

/* The state that the owner was found in. RUNNING, SERVED, AWAITED: the parcel is in the box. BLOCKED: the caller is the owner's stand-in,
   and has the parcel still, as it has when EXITED. */
BIASED_FN unsigned box_push(BiasedHead *box, BoxLink *parcel) {
  for (;;) {
    uintptr_t h = BIASED_LOAD(box, ACQUIRE);
    unsigned state = box_state(h);
    if (state == BOX_EXITED) return state;
    if (state == BOX_BLOCKED) {
      if (BIASED_CAS(box, &h, BOX_SERVED, ACQUIRE)) return state;
      continue;
    }
    parcel->next = box_list(h);
    if (BIASED_CAS(box, &h, (uintptr_t)parcel | state, RELEASE)) return state;
  }
}

/* Empties the box: its owner, while it runs, or its stand-in. */
BIASED_FN BoxLink *box_take(BiasedHead *box) {
  uintptr_t h = BIASED_LOAD(box, RELAXED);
  while (box_list(h))
    if (BIASED_CAS(box, &h, box_state(h), ACQUIRE)) return box_list(h);
  return NULL;
}

typedef enum { BOX_LEFT, BOX_HAS_MAIL, BOX_HANDED_BACK } BoxLeave;
/* The stand-in goes. HAS_MAIL: not yet. HANDED_BACK: the owner waits, and is to be woken; what is in the box is its own now. */
BIASED_FN BoxLeave box_leave(BiasedHead *box) {
  uintptr_t h = BIASED_LOAD(box, RELAXED);
  for (;;) {
    if (box_state(h) == BOX_AWAITED) {
      if (BIASED_CAS(box, &h, (uintptr_t)box_list(h) | BOX_RUNNING, RELEASE)) return BOX_HANDED_BACK;
    } else if (box_list(h))
      return BOX_HAS_MAIL;
    else if (BIASED_CAS(box, &h, BOX_BLOCKED, RELEASE))
      return BOX_LEFT;
  }
}

/* The owner, running: false, and nothing done, while there is something in the box. */
BIASED_FN bool box_block(BiasedHead *box) {
  uintptr_t h = BIASED_LOAD(box, RELAXED);
  while (!box_list(h))
    if (BIASED_CAS(box, &h, BOX_BLOCKED, RELEASE)) return true;
  return false;
}
BIASED_FN bool box_close(BiasedHead *box) {
  uintptr_t h = BIASED_LOAD(box, RELAXED);
  while (!box_list(h))
    if (BIASED_CAS(box, &h, BOX_EXITED, RELEASE)) return true;
  return false;
}

/* The owner, blocked, is back. False: it has a stand-in, which knows now; to be called again until it has gone. */
BIASED_FN bool box_return(BiasedHead *box) {
  for (;;) {
    uintptr_t h = BIASED_LOAD(box, ACQUIRE);
    switch (box_state(h)) {
    case BOX_RUNNING: return true; /* handed back */
    case BOX_BLOCKED:
      if (BIASED_CAS(box, &h, BOX_RUNNING, ACQUIRE)) return true;
      break;
    case BOX_SERVED:
      if (BIASED_CAS(box, &h, (uintptr_t)box_list(h) | BOX_AWAITED, RELAXED)) return false;
      break;
    default: return false;
    }
  }
}

#endif
