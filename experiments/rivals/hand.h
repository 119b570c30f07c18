/* hand.h: what the hand-written rivals are made of. Each hand-<name>.c is the program of workloads/<name>.c as one would write it in
   C for itself: plain structs without headers, no counts, no roots, every object freed by name where it is known to be dead. Memory
   comes from the same Cells that `rc` allocates from, so what remains between the two is what counting costs.

   A rival includes the workload's own source for its facts, parameters, settings and small helpers, so that nothing can drift, and
   replaces only the function that runs. Checksums are compared by the sweep like anybody's: a rival that skips work is a failed cell. */
#ifndef RECLAIM_HAND_H
#define RECLAIM_HAND_H

#include "runtime/work.h"

/* The workload that is included next is not registered: its rival is. */
#undef WORKLOAD_REGISTER
#define WORKLOAD_REGISTER(id) _Static_assert(sizeof(id) > 0, "")

/* Last in the rival's file: registers workload `id` with `run_by_hand` in place of its own function. */
#define HAND_REGISTER(id, run_by_hand)                                                                                           \
  static Workload hand_##id;                                                                                                     \
  static __attribute__((constructor)) void hand_##id##_register(void) {                                                          \
    hand_##id = id;                                                                                                              \
    hand_##id.run = run_by_hand;                                                                                                 \
  }                                                                                                                              \
  static const Workload *const hand_##id##_registered __attribute__((section("reclaim_workloads"), used)) = &hand_##id

/* Never NULL: where the system has no more, the cell ends. */
INLINE void *hand_new(Thr *T, size_t size) { return cell_get(&T->cells, size); }
INLINE void hand_free(Thr *T, void *p, size_t size) { cell_put(&T->cells, p, size, false); }

#endif
