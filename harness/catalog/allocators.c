/* allocators.c: which malloc a child runs under, and where its library lies.

   A library is searched where the dynamic linker itself would look (it is asked for its list of folders), so that what is found
   here is what preloading the path will load. It is never loaded into this process: a malloc that arrives late takes over
   half of a heap. */
#define _GNU_SOURCE 1 /* dlinfo */
#include "catalog.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct known {
  const char *name, *summary, *flavour, *library, *package;
} known[] = {
    {"pool", "the project's own size-class pools, a private heap per thread", "pool", NULL, NULL},
    {"libc", "the malloc of the C library", "malloc", NULL, NULL},
    {"jemalloc", "jemalloc, preloaded in the measured child only", "malloc", "libjemalloc.so.2", "libjemalloc2"},
    {"mimalloc", "mimalloc, preloaded in the measured child only", "malloc", "libmimalloc.so.2", "libmimalloc2.0"},
};
enum { NKNOWN = sizeof known / sizeof *known };

const char *catalog_allocator_name(int n, const char **summary) {
  if (n < 0 || n >= NKNOWN) return NULL;
  if (summary) *summary = known[n].summary;
  return known[n].name;
}

static bool is_file(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, R_OK) == 0;
}

/* The linker's own list of folders, then the one place that only its cache knows. */
static bool find_library(const char *file, char *path, size_t npath) {
  Dl_serinfo size, *info = NULL;
  void *self = dlopen(NULL, RTLD_NOW);
  bool found = false;
  if (self && !dlinfo(self, RTLD_DI_SERINFOSIZE, &size) && (info = malloc(size.dls_size))) {
    *info = size;
    unsigned n = dlinfo(self, RTLD_DI_SERINFO, info) ? 0 : info->dls_cnt;
    for (unsigned i = 0; i < n && !found; i++) {
      snprintf(path, npath, "%s/%s", info->dls_serpath[i].dls_name, file);
      found = *path == '/' && is_file(path);
    }
  }
  free(info);
  if (self) dlclose(self);
  if (found) return true;
  snprintf(path, npath, "/usr/local/lib/%s", file);
  return is_file(path);
}

static bool from_path(const char *path, catalog_allocator *out, char *err, size_t nerr) {
  if (strpbrk(path, " :\t\n"))
    return snprintf(err, nerr, "allocator '%s': a path with spaces or colons cannot be preloaded", path), false;
  char *real = realpath(path, NULL);
  bool ok = real && strlen(real) < sizeof out->library && is_file(real) && !strpbrk(real, " :\t\n");
  if (ok) {
    *out = (catalog_allocator){.flavour = "malloc"};
    snprintf(out->name, sizeof out->name, "%s", real);
    snprintf(out->library, sizeof out->library, "%s", real);
  } else {
    snprintf(err, nerr, "allocator '%s': %s", path,
             !real || !is_file(real) ? "no such file" : "its real path is too long or holds spaces or colons");
  }
  free(real);
  return ok;
}

bool catalog_find_allocator(const char *name, catalog_allocator *out, char *err, size_t nerr) {
  if (strchr(name, '/')) return from_path(name, out, err, nerr);
  const char *names[NKNOWN];
  for (int i = 0; i < NKNOWN; i++) {
    const struct known *k = &known[i];
    names[i] = k->name;
    if (strcmp(k->name, name)) continue;
    *out = (catalog_allocator){.flavour = k->flavour};
    snprintf(out->name, sizeof out->name, "%s", k->name);
    if (!k->library || find_library(k->library, out->library, sizeof out->library)) return true;
    snprintf(err, nerr, "allocator '%s' is not installed (%s, Debian package %s)", name, k->library, k->package);
    return false;
  }
  char hint[64];
  snprintf(err, nerr, "unknown allocator '%s'%s (allowed: pool, libc, jemalloc, mimalloc, or the path of a library with a '/')",
           name, catalog_suggest(name, names, NKNOWN, hint, sizeof hint));
  return false;
}
