/* Reads one byte past a heap block. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(canary, overflow) {
  volatile char *block = calloc(1, 10);
  cr_assert_not_null((void *)block);
  volatile size_t end = 10;
  volatile char past = block[end];
  (void)past;
  free((void *)block);
}
