/* Overflows a signed integer. */
#include <criterion/criterion.h>
#include <limits.h>

Test(canary, undefined) {
  volatile int most = INT_MAX;
  volatile int next = most + 1;
  cr_expect_lt(next, most);
}
