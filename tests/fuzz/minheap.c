/* minheap.c: the file of smallest heaps: what is not a whole line of it is passed over, and what is added to it is found. */
#include "harness/catalog/minheap.h"
#include "tests/fuzz/fuzz.h"

/* "OBJECT" stands for the object's digits, which mutations would never find. */
static void make_file(const char *path, const uint8_t *data, size_t size) {
  char *text = fuzz_text(data, size);
  FILE *f = fopen(path, "w");
  MUST(f != NULL);
  for (char *p = text, *at; *p; p = at + 6) {
    at = strstr(p, "OBJECT");
    fprintf(f, "%.*s%s", at ? (int)(at - p) : (int)strlen(p), p, at ? catalog_minheap_object("") : "");
    if (!at) break;
  }
  fclose(f);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct minheap_key key = {"trees", "depth=4;nodes=5", "private", 2, ""};
  static char path[128];
  if (!*path) {
    /* an object to be told from others; it is never loaded */
    fuzz_write(fuzz_path("mark-sweep.pool.so"), "object", 6);
    setenv("RECLAIM_PLUGIN_PATH", fuzz_dir(), 1);
    snprintf(path, sizeof path, "%s", fuzz_path("heaps.csv"));
    setenv("RECLAIM_MINHEAP_CACHE", path, 1);
    MUST(*catalog_minheap_object(""));
  }
  int damaged = -1, later = -1;
  make_file(path, data, size);
  catalog_minheap_find(&key, &damaged);
  MUST(damaged >= 0);
  MUST(catalog_minheap_add(&key, 123456));
  MUST(catalog_minheap_find(&key, &later) == 123456 && later == damaged);
  return 0;
}
