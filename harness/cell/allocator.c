/* allocator.c: the proof is in three steps. The dynamic linker says which file the name `malloc` leads to; that file must be
   the one asked for; and where the library has an interface of its own, a block from malloc must be one that it knows. */
#define _GNU_SOURCE
#include "harness/cell/allocator.h"
#include "version.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The file that holds the function that a name leads to, NULL when there is none. */
static const char *home_of(const char *symbol) {
  Dl_info info;
  void *p = dlsym(RTLD_DEFAULT, symbol);
  return p && dladdr(p, &info) ? info.dli_fname : NULL;
}

static bool same_file(const char *a, const char *b) {
  struct stat x, y;
  return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A block that the compiler cannot prove unused, so that it is really asked for. */
static void *a_block(void) {
  void *volatile p = malloc(48);
  return p;
}

/* --- The allocators that can be asked ------------------------------------------------------------------------------------- */

static bool libc_version(char *version, size_t n) {
  const char *(*say)(void) = (const char *(*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
  snprintf(version, n, say ? "glibc %s" : "libc", say ? say() : "");
  return true;
}

/* jemalloc counts what a thread was given: the count must move with a block. */
static bool jemalloc_version(char *version, size_t n) {
  typedef int ctl_fn(const char *, void *, size_t *, void *, size_t);
  ctl_fn *ctl = (ctl_fn *)(uintptr_t)dlsym(RTLD_DEFAULT, "mallctl");
  const char *text = NULL;
  size_t size = sizeof text;
  if (!ctl || ctl("version", &text, &size, NULL, 0) != 0) return false;
  snprintf(version, n, "%s", text);
  uint64_t before = 0, after = 0;
  size = sizeof before;
  if (ctl("thread.allocated", &before, &size, NULL, 0) != 0) return true; /* built without statistics */
  free(a_block());                                                        /* freeing does not lower the count */
  return ctl("thread.allocated", &after, &size, NULL, 0) == 0 && after > before;
}

/* mimalloc knows whether an address is from its heap. Its version is one number: a digit for a part, or from 10000 on two. */
static bool mimalloc_version(char *version, size_t n) {
  int (*number)(void) = (int (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "mi_version");
  bool (*owns)(const void *) = (bool (*)(const void *))(uintptr_t)dlsym(RTLD_DEFAULT, "mi_is_in_heap_region");
  if (!number || !owns) return false;
  int v = number(), base = v >= 10000 ? 100 : 10;
  snprintf(version, n, "%d.%d.%d", v / base / base, v / base % base, v % base);
  void *p = a_block();
  bool own = owns(p);
  free(p);
  return own;
}

static const struct interface {
  const char *name, *symbol; /* a function that lies in the library itself */
  bool (*version)(char *version, size_t n);
} interfaces[] = {
    {"libc", "gnu_get_libc_version", libc_version},
    {"jemalloc", "mallctl", jemalloc_version},
    {"mimalloc", "mi_version", mimalloc_version},
};

/* The interface that the file with malloc in it has, NULL for a stranger. */
static const struct interface *interface_of(const char *home) {
  for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++)
    if (same_file(home_of(interfaces[i].symbol), home)) return &interfaces[i];
  return NULL;
}

/* A sanitizer's own malloc stands before the C library's, and stays there: such a build is never timed. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

bool cell_allocator_proved(const catalog_allocator *a, char *version, size_t nversion, char *err, size_t nerr) {
  if (strcmp(a->flavour, "pool") == 0) {
    snprintf(version, nversion, "%s", RECLAIM_VERSION);
    return true;
  }
  if (SANITIZED && !*a->library) return libc_version(version, nversion);
  const char *home = home_of("malloc");
  const struct interface *known = interface_of(home);
  bool active = *a->library ? same_file(home, a->library) : known && strcmp(known->name, "libc") == 0;
  if (!active) {
    snprintf(err, nerr, "allocator '%s' is not active: malloc is in %s", a->name, home ? home : "no file that can be told");
    return false;
  }
  if (!known) {
    const char *slash = strrchr(home, '/');
    snprintf(version, nversion, "%s", slash ? slash + 1 : home);
    return true;
  }
  if (known->version(version, nversion)) return true;
  snprintf(err, nerr, "allocator '%s' is loaded, but a block from malloc is not from it", a->name);
  return false;
}
