/* Answers as jemalloc would, and has no malloc: a name is not a proof. */
#include <stddef.h>

__attribute__((visibility("default"))) int mallctl(const char *name, void *old, size_t *length, void *new, size_t newlength) {
  (void)name, (void)length, (void)new, (void)newlength;
  if (old) *(const char **)old = "5.99.0";
  return 0;
}
