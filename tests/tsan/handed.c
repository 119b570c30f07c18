/* Threads that hand objects on, block, exit and come back, under ThreadSanitizer and with collections forced; see
   tests/conformance/handed.h. */
#include <sched.h>

#include "tests/conformance/handed.h"

static void run(uint64_t heap_limit, int64_t variant) {
  Handed h = {.operations = 400, .lives = 6};
  heap_init(&h.heap, HANDED_THREADS);
  if (MM_HEAP_LIMITED) h.heap.config.heap_limit_bytes = heap_limit;
  heap_tune(&h.heap, "nursery", 64 << 10);
  heap_tune(&h.heap, "switch-interval", 100);
  heap_tune(&h.heap, "threshold", 100);
  heap_tune(&h.heap, "count-by", variant & 1);
  heap_tune(&h.heap, "lock-reads", variant >> 1);
  handed_run(&h);
}

int main(void) {
  for (int64_t variant = 0; variant < 4; variant++) run(4 << 20, variant);
  return 0;
}
