/* park.c: see park.h. */
#include MM_STRATEGY_HEADER

#if MM_LOCKS_OBJECTS
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "strategies/parts/park.h"

#ifdef MODEL_CHECKED /* tests/model */
enum { BUCKETS = 256, SPINS = 1 };
#else
enum { BUCKETS = 256, SPINS = 100 };
#endif

/* `seq` moves on with every wake of the bucket; a waiter sleeps only while it has the value that it saw before it last tried. */
typedef struct Bucket {
  _Alignas(64) _Atomic uint32_t seq;
} Bucket;
static Bucket buckets[BUCKETS];

static Bucket *bucket_of(const Obj *o) { return &buckets[((uintptr_t)o * UINT64_C(0x9E3779B97F4A7C15)) >> 56 & (BUCKETS - 1)]; }

void park_lock_slow(Thr *T, Obj *o) {
  for (int i = 0; i < SPINS; i++) {
    cpu_relax();
    uint8_t is = 0;
    if (load_relaxed(&o->lock) == 0 && __atomic_compare_exchange_n(&o->lock, &is, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return;
  }
  T->parks++;
  Link root = {.prev = T->top, .s = {.p_ = o}}; /* a collector that moves objects says here where it is */
  T->top = &root;
  for (;;) {
    Bucket *b = bucket_of(root.s.p_);
    uint32_t seq = atomic_load_explicit(&b->seq, memory_order_acquire);
    /* 2, not 1: others may be parked, and whoever takes it from here must wake them. */
    if (__atomic_exchange_n(&root.s.p_->lock, 2, __ATOMIC_ACQ_REL) == 0) break;
    mm_blocking_begin(T);
    syscall(SYS_futex, &b->seq, FUTEX_WAIT_PRIVATE, seq, NULL, NULL, 0);
    mm_blocking_end(T);
  }
  T->top = root.prev;
}

/* All of the bucket: its waiters may want different objects. */
void park_wake(Obj *o) {
  Bucket *b = bucket_of(o);
  atomic_fetch_add_explicit(&b->seq, 1, memory_order_release);
  syscall(SYS_futex, &b->seq, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
#endif
