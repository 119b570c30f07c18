/* criterion.h: stands in for Criterion where the conformance tests are built without it, for strategies from outside the tree. The same
   test files, unchanged, include <criterion/criterion.h>; a folder before the system's on the include path decides which it is.

   A test is a function and an entry in a section of the executable; main.c runs each in a process of its own. What is here is what
   the tests use: Test with .init, .fini and .timeout (seconds), cr_assert* (the test ends) and cr_expect* (it goes on and has failed),
   each with a message in printf's manner behind it. */
#ifndef RECLAIM_TESTS_VERDICTS_CRITERION_H
#define RECLAIM_TESTS_VERDICTS_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct verdict_test {
  const char *file, *suite, *name;
  int line;
  void (*run)(void);
  void (*init)(void), (*fini)(void); /* NULL: nothing to do */
  double timeout;                    /* seconds; 0: as main.c has it */
};

#define Test(suite_, name_, ...)                                                                                                 \
  static void suite_##_##name_##_test(void);                                                                                     \
  static const struct verdict_test suite_##_##name_##_facts = {                                                                  \
      .file = __FILE__, .suite = #suite_, .name = #name_, .line = __LINE__, .run = suite_##_##name_##_test, __VA_ARGS__};        \
  static const struct verdict_test *const suite_##_##name_##_entry __attribute__((section("reclaim_tests"), used)) =             \
      &suite_##_##name_##_facts;                                                                                                 \
  static void suite_##_##name_##_test(void)

/* Says what is not so; ends the process when it is fatal, and else lets it fail at its end. Callable from any thread. */
void verdict_not_so(bool fatal, const char *file, int line, const char *what, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#define VERDICT_CHECK_(fatal, so, what, ...) ((so) ? (void)0 : verdict_not_so((fatal), __FILE__, __LINE__, what, " " __VA_ARGS__))

#define cr_assert(so, ...)          VERDICT_CHECK_(true, so, #so, __VA_ARGS__)
#define cr_assert_not(so, ...)      VERDICT_CHECK_(true, !(so), "!(" #so ")", __VA_ARGS__)
#define cr_assert_eq(a, b, ...)     VERDICT_CHECK_(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)    VERDICT_CHECK_(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)     VERDICT_CHECK_(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)    VERDICT_CHECK_(true, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)     VERDICT_CHECK_(true, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)    VERDICT_CHECK_(true, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(p, ...)      VERDICT_CHECK_(true, (p) == NULL, #p " == NULL", __VA_ARGS__)
#define cr_assert_not_null(p, ...)  VERDICT_CHECK_(true, (p) != NULL, #p " != NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) VERDICT_CHECK_(true, strcmp((a), (b)) == 0, #a " equals " #b, __VA_ARGS__)

#define cr_expect(so, ...)          VERDICT_CHECK_(false, so, #so, __VA_ARGS__)
#define cr_expect_not(so, ...)      VERDICT_CHECK_(false, !(so), "!(" #so ")", __VA_ARGS__)
#define cr_expect_eq(a, b, ...)     VERDICT_CHECK_(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)    VERDICT_CHECK_(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)     VERDICT_CHECK_(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)    VERDICT_CHECK_(false, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)     VERDICT_CHECK_(false, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)    VERDICT_CHECK_(false, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_null(p, ...)      VERDICT_CHECK_(false, (p) == NULL, #p " == NULL", __VA_ARGS__)
#define cr_expect_not_null(p, ...)  VERDICT_CHECK_(false, (p) != NULL, #p " != NULL", __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) VERDICT_CHECK_(false, strcmp((a), (b)) == 0, #a " equals " #b, __VA_ARGS__)

#endif
