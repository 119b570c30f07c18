/* Which malloc an invocation runs under: found, preloaded, proved; and a lie is noticed. */
#define _GNU_SOURCE
#include "cell-invoke.h"
#include "harness/cell/allocator.h"

#include <gnu/libc-version.h>

#define DOUBLE(name) RECLAIM_DOUBLES_DIR "/" name

static json_t *run_under(const char *preload, char *allocator, const char *status) {
  char *words[] = {"--strategy", "cell-tracing", "--workload", "fake", "--allocator", allocator};
  struct outcome o = run_preloaded(preload, words, 6);
  cr_assert(o.code == 0 && o.object, "%s: exit code %d: %s", allocator, o.code, o.message);
  cr_assert_str_eq(text(o.object, "status"), status, "%s: %s", allocator, text(o.object, "reason"));
  return o.object;
}

/* One malloc is enough for a sanitizer: nothing can be preloaded before its own. */
static void needs_preloading(void) {
  if (RECLAIM_SANITIZED) cr_skip_test("a sanitizer has its own malloc");
}

static void expect_installed(char *name) {
  catalog_allocator a;
  char err[512], head[8];
  needs_preloading();
  if (!catalog_find_allocator(name, &a, err, sizeof err)) cr_skip_test("%s", err);
  json_t *o = run_under(NULL, name, "ok");
  const char *version = text(o, "allocator_version");
  cr_expect_str_eq(text(o, "allocator"), name);
  cr_expect(version && sscanf(version, "%1[0-9].%1[0-9]", head, head + 4) == 2, "%s says version '%s'", name, version);
  /* By its path it is the same library, and says the same version. */
  json_t *p = run_under(NULL, a.library, "ok");
  cr_expect(*text(p, "allocator") == '/' && strstr(text(p, "allocator"), name), "%s", text(p, "allocator"));
  cr_expect_str_eq(text(p, "allocator_version"), version);
  json_decref(o);
  json_decref(p);
}

Test(allocator, jemalloc) { expect_installed("jemalloc"); }
Test(allocator, mimalloc) { expect_installed("mimalloc"); }

Test(allocator, libc) {
  char version[64];
  snprintf(version, sizeof version, "glibc %s", gnu_get_libc_version());
  json_t *o = run_under(NULL, "libc", "ok");
  cr_expect_str_eq(text(o, "allocator_version"), version);
  json_decref(o);
}

Test(allocator, pool_needs_no_proof) {
  json_t *o = run_under(NULL, "pool", "ok");
  cr_expect_not_null(text(o, "allocator_version"));
  json_decref(o);
}

Test(allocator, any_path) {
  needs_preloading();
  json_t *o = run_under(NULL, DOUBLE("libcell-malloc.so"), "ok");
  cr_expect_str_eq(text(o, "allocator_version"), "libcell-malloc.so");
  json_decref(o);
  /* Already there: the process is not replaced, and proves it all the same. */
  json_decref(run_under(DOUBLE("libcell-malloc.so"), DOUBLE("libcell-malloc.so"), "ok"));
  /* Another one there: the one asked for goes before it. */
  json_decref(run_under(DOUBLE("libcell-no-malloc.so"), DOUBLE("libcell-malloc.so"), "ok"));
}

static void expect_not_active(const char *preload, char *allocator) {
  needs_preloading();
  json_t *o = run_under(preload, allocator, "crashed");
  cr_expect(strstr(text(o, "reason"), "is not active"), "%s: %s", allocator, text(o, "reason"));
  cr_expect_eq(nrows(o), 0, "nothing is measured");
  cr_expect(unknown(o, "allocator_version"));
  json_decref(o);
}

Test(allocator, library_without_malloc) { expect_not_active(NULL, DOUBLE("libcell-no-malloc.so")); }
Test(allocator, libc_behind_another) { expect_not_active(DOUBLE("libcell-malloc.so"), "libc"); }

/* In this process nothing is preloaded: who claims otherwise is not believed. */
Test(allocator, claims) {
  char version[128] = "", err[512] = "";
  catalog_allocator je = {.name = "jemalloc", .library = DOUBLE("libcell-mallctl.so"), .flavour = "malloc"};
  cr_expect(!cell_allocator_proved(&je, version, sizeof version, err, sizeof err));
  cr_expect(strstr(err, "jemalloc"), "%s", err);
  expect_not_active(DOUBLE("libcell-mallctl.so"), DOUBLE("libcell-mallctl.so"));
}
