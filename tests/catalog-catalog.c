/* catalog-catalog.c: names, values and objects, over the doubles. */
#include "harness/catalog/catalog.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const colours[] = {"red", "green", "blue"};
static const reclaim_param params[] = {
    {"depth", "how deep", "", 8, 1, 64, NULL},
    {"nursery", "of each thread", "bytes", 1 << 20, 4096, 1 << 30, NULL},
    {"offset", "may be below zero", "", 0, -5, 5, NULL},
    {"colour", "a choice", "", 1, 0, 2, colours},
};
enum { NPARAMS = sizeof params / sizeof *params };

static void use_doubles(void) { setenv("RECLAIM_PLUGIN_PATH", "/nowhere::" RECLAIM_DOUBLES_DIR, 1); }

Test(names, nearest) {
  static const char *const words[] = {"rc", "rc-gil", "rc-atomic", "mark-sweep", "generational", "threads"};
  static const struct {
    const char *word, *near;
  } cases[] = {{"rc-atomc", "rc-atomic"},
               {"marksweep", "mark-sweep"},
               {"thread", "threads"},
               {"cr", "rc"},
               {"gen", "generational"},
               {"rc-gli", "rc-gil"},
               {"elephant", NULL},
               {"", NULL},
               {"x", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *near = catalog_nearest(cases[i].word, words, 6);
    const char *got = near ? near : "(none)", *want = cases[i].near ? cases[i].near : "(none)";
    cr_expect(eq(str, (char *)got, (char *)want), "%s", cases[i].word);
  }
  char longest[300];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  cr_expect(catalog_nearest(longest, words, 6) == NULL);
}

Test(values, read) {
  static const struct {
    int param;
    const char *text;
    int64_t value;
  } cases[] = {{0, "8", 8},        {0, "64", 64},     {0, "1", 1},   {1, "4096", 4096}, {1, "64K", 65536}, {1, "1M", 1 << 20},
               {1, "1G", 1 << 30}, {1, "4KiB", 4096}, {2, "-5", -5}, {2, "5", 5},       {3, "red", 0},     {3, "blue", 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t v = -99;
    char err[256] = "";
    cr_expect(catalog_parse_value(&params[cases[i].param], cases[i].text, &v, err, sizeof err), "%s: %s", cases[i].text, err);
    cr_expect(eq(i64, v, cases[i].value), "%s", cases[i].text);
  }
}

Test(values, refused_with_the_range) {
  static const struct {
    int param;
    const char *text, *says;
  } cases[] = {{0, "0", "1 to 64"},
               {0, "65", "1 to 64"},
               {0, "8K", "not a whole number"},
               {0, "", "not a whole number"},
               {0, "8 ", "not a whole"},
               {0, "0x8", "not a whole"},
               {0, "+8", "not a whole"},
               {1, "4095", "4096 to 1073741824 bytes"},
               {1, "2G", "out of range"},
               {1, "9999999999999999999999", "not a whole"},
               {1, "9000000000000T", "not a whole"},
               {2, "-6", "-5 to 5"},
               {2, "--5", "not a whole"},
               {3, "1", "red, green, blue"},
               {3, "gren", "did you mean 'green'"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t v = -99;
    char err[256] = "";
    cr_expect(not(catalog_parse_value(&params[cases[i].param], cases[i].text, &v, err, sizeof err)), "%s", cases[i].text);
    cr_expect(strstr(err, cases[i].says) != NULL, "%s: %s", cases[i].text, err);
    cr_expect(strstr(err, params[cases[i].param].name) != NULL);
    cr_expect(eq(i64, v, -99));
  }
}

Test(values, come_back_from_their_text) {
  int64_t values[NPARAMS], back[NPARAMS];
  char err[256];
  catalog_defaults(params, NPARAMS, values);
  cr_assert(catalog_apply(params, NPARAMS, "depth=3;;colour=blue;offset=-2;", values, err, sizeof err));
  char *text = catalog_format_params(params, NPARAMS, values);
  cr_assert(eq(str, text, "depth=3;nursery=1048576;offset=-2;colour=blue"));
  catalog_defaults(params, NPARAMS, back);
  cr_assert(catalog_apply(params, NPARAMS, text, back, err, sizeof err));
  for (int i = 0; i < NPARAMS; i++) cr_assert(eq(i64, back[i], values[i]));
  free(text);
  cr_assert(not(catalog_apply(params, NPARAMS, "depht=3", values, err, sizeof err)));
  cr_assert(not(catalog_apply(params, NPARAMS, "depth", values, err, sizeof err)));
  text = catalog_format_params(NULL, 0, NULL);
  cr_assert(eq(str, text, ""));
  free(text);
}

Test(heap, words) {
  char err[256];
  catalog_heap h;
  cr_assert(catalog_parse_heap("grow", &h, err, sizeof err));
  cr_assert(eq(u64, catalog_heap_limit(&h, 1000, 1), 0));
  cr_assert(catalog_parse_heap("3x", &h, err, sizeof err));
  cr_assert(eq(u64, catalog_heap_limit(&h, 10000000, 1), 30000000));
  cr_assert(catalog_parse_heap("1.5x", &h, err, sizeof err));
  cr_assert(eq(u64, catalog_heap_limit(&h, 10000001, 2), 15000002));
  cr_assert(eq(u64, catalog_heap_limit(&h, 1000, 3), 3 * CATALOG_HEAP_FLOOR)); /* the floor */
  cr_assert(catalog_parse_heap("64M", &h, err, sizeof err));
  cr_assert(eq(u64, catalog_heap_limit(&h, 1000, 1), 64u << 20));
  static const char *const bad[] = {
      "", "x", "0x", "0.9x", "-3x", "3y", "nanx", "infx", "12", "1e3x", "3xx", "1..5x", "99999999999999999999x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_expect(not(catalog_parse_heap(bad[i], &h, err, sizeof err)), "%s", bad[i]);
}

Test(sharing, words) {
  char err[256];
  for (int i = 0; i < 4; i++) {
    uint32_t mode = catalog_parse_sharing(catalog_sharing_names[i], err, sizeof err);
    cr_assert(eq(u32, mode, 1u << i));
    cr_assert(eq(str, (char *)catalog_sharing_name(mode), (char *)catalog_sharing_names[i]));
  }
  cr_assert(eq(u32, catalog_parse_sharing("privat", err, sizeof err), 0));
  cr_assert(strstr(err, "did you mean 'private'") != NULL);
}

Test(allocators, found_and_refused) {
  catalog_allocator a;
  char err[640];
  cr_assert(catalog_find_allocator("pool", &a, err, sizeof err));
  cr_assert(eq(str, (char *)a.flavour, "pool"));
  cr_assert(catalog_find_allocator("libc", &a, err, sizeof err));
  cr_assert(eq(str, (char *)a.flavour, "malloc"));
  cr_assert(eq(str, a.library, ""));
  cr_assert(catalog_find_allocator(RECLAIM_DOUBLES_DIR "/fake.pool.so", &a, err, sizeof err), "%s", err);
  cr_assert(a.library[0] == '/');
  static const char *const bad[][2] = {{"pol", "did you mean 'pool'"},  {"/no/such/file.so", "no such file"},
                                       {"/tmp", "no such file"},        {"./a b.so", "spaces or colons"},
                                       {"/a:b.so", "spaces or colons"}, {"", "allowed:"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    cr_expect(not(catalog_find_allocator(bad[i][0], &a, err, sizeof err)), "%s", bad[i][0]);
    cr_expect(strstr(err, bad[i][1]) != NULL, "%s: %s", bad[i][0], err);
  }
}

Test(objects, found_once_and_sorted, .init = use_doubles) {
  char **names;
  int n = catalog_names(&names), fakes = 0;
  cr_assert(ge(int, n, 2));
  for (int i = 0; i < n; i++) {
    fakes += !strcmp(names[i], "fake");
    if (i) cr_assert(lt(int, strcmp(names[i - 1], names[i]), 0));
  }
  cr_assert(eq(int, fakes, 1));
  catalog_free_names(names, n);
}

Test(objects, opened, .init = use_doubles) {
  char err[512];
  const reclaim_strategy *pool = catalog_open("fake", "pool", err, sizeof err),
                         *other = catalog_open("fake", "malloc", err, sizeof err);
  cr_assert(pool && other && pool != other);
  cr_assert(eq(str, (char *)other->flavour, "malloc"));
  cr_assert(catalog_open("fake", "pool", err, sizeof err) == pool);
}

Test(objects, refused, .init = use_doubles) {
  static const char *const bad[][3] = {{"fakee", "pool", "did you mean 'fake'"},
                                       {"../fake", "pool", "unknown strategy"},
                                       {"", "pool", "unknown strategy"},
                                       {"misnamed", "pool", "another name"},
                                       {"ancient", "pool", "another version"},
                                       {"hollow", "pool", "not a strategy object"},
                                       {"fake", "other", "not built in the flavour"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char err[512] = "";
    cr_expect(catalog_open(bad[i][0], bad[i][1], err, sizeof err) == NULL, "%s", bad[i][0]);
    cr_expect(strstr(err, bad[i][2]) != NULL, "%s: %s", bad[i][0], err);
  }
}

Test(workloads, and_their_settings, .init = use_doubles) {
  char err[512];
  catalog_choice c;
  const reclaim_strategy *s = catalog_open("fake", "pool", err, sizeof err);
  cr_assert(s != NULL, "%s", err);
  cr_assert(catalog_find_workload(s, "work", &c, err, sizeof err));
  cr_assert(c.setting == NULL && c.sharing == (RECLAIM_PRIVATE | RECLAIM_SHARED_WRITE));
  cr_assert(catalog_find_workload(s, "work-small", &c, err, sizeof err));
  cr_assert(eq(u32, c.sharing, RECLAIM_PRIVATE));
  int64_t *values = calloc((size_t)c.workload->nparams, sizeof *values);
  cr_assert(catalog_choice_params(&c, values, err, sizeof err));
  cr_assert(eq(i64, values[catalog_find_param(c.workload->params, c.workload->nparams, "size")], 100));
  free(values);
  cr_assert(not(catalog_find_workload(s, "wrok", &c, err, sizeof err)));
  cr_assert(strstr(err, "did you mean 'work'") != NULL);
}
