/* A test whose every assertion holds and which leaks: it must fail, although leaks are found after the verdict. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(canary, leak) {
  char *volatile lost = malloc(10);
  cr_assert_not_null(lost);
  lost = NULL;
}
