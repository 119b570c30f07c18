/* sizes.c: numbers of bytes, heaps, values and lists of assignments; what is read is written and read back the same. */
#include "harness/catalog/catalog.h"
#include "tests/fuzz/fuzz.h"

static const char *const colours[] = {"red", "green", "blue"};
static const reclaim_param params[] = {{"size", "", "bytes", 4096, 1, INT64_C(1) << 40, NULL},
                                       {"depth", "", "", 0, -1, 24, NULL},
                                       {"colour", "", "", 1, 0, 2, colours}};
enum { N = sizeof params / sizeof *params };

static void assignments(const char *text) {
  int64_t values[N], again[N];
  char err[512] = "";
  catalog_defaults(params, N, values);
  if (!catalog_apply(params, N, text, values, err, sizeof err)) {
    MUST(*err);
    return;
  }
  for (int i = 0; i < N; i++) MUST(values[i] >= params[i].min && values[i] <= params[i].max);
  char *written = catalog_format_params(params, N, values);
  catalog_defaults(params, N, again);
  MUST(written && catalog_apply(params, N, written, again, err, sizeof err) && !memcmp(values, again, sizeof values));
  free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = fuzz_text(data, size), err[512] = "", digits[32];
  uint64_t bytes, same;
  if (catalog_parse_bytes(text, &bytes)) {
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)bytes);
    MUST(catalog_parse_bytes(digits, &same) && same == bytes);
  }
  catalog_heap heap;
  if (catalog_parse_heap(text, &heap, err, sizeof err)) {
    uint64_t limit = catalog_heap_limit(&heap, 1 << 20, 2);
    MUST((limit == 0) == (heap.kind == CATALOG_HEAP_GROW));
  } else {
    MUST(*err);
  }
  for (int i = 0; i < N; i++) {
    int64_t v;
    *err = 0;
    bool ok = catalog_parse_value(&params[i], text, &v, err, sizeof err);
    MUST(ok ? v >= params[i].min && v <= params[i].max : *err != 0);
  }
  *err = 0;
  MUST(catalog_parse_sharing(text, err, sizeof err) || *err);
  assignments(text);
  catalog_nearest(text, colours, 3);
  free(text);
  return 0;
}
