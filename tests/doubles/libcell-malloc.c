/* A malloc by another name: everything goes to the C library's, but a linker that is asked finds it here. */
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

#define EXPORT __attribute__((visibility("default")))
EXPORT void *malloc(size_t size) { return __libc_malloc(size); }
EXPORT void *calloc(size_t n, size_t size) { return __libc_calloc(n, size); }
EXPORT void *realloc(void *p, size_t size) { return __libc_realloc(p, size); }
EXPORT void free(void *p) { __libc_free(p); }
