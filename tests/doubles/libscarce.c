/* libscarce.c: see scarce.h. Compiled without sanitizers: it is called before they are ready.

   The real functions are found by the next definition: the C library's, or a sanitizer's own. While they are being looked for, which may
   itself allocate, the C library serves under its inner names. */
#define _GNU_SOURCE 1 /* RTLD_NEXT */
#include "scarce.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

/* --- Which one fails ---------------------------------------------------------------------------------------------------------- */

enum { FRAMES = 8, SKIP = 2, PLACES = 1 << 14 };

static atomic_long seen, first, last; /* first 0: none fails */
static atomic_bool failed, counting;
static int places_fd = -1;
static bool write_total;
static uint64_t places[PLACES]; /* hashes, 0: free */
/* A thread counts from where its body begins: what the C library and sanitizers do before is theirs, and they cannot do without. */
static __thread bool begun __attribute__((tls_model("initial-exec")));
static __thread bool inside __attribute__((tls_model("initial-exec")));

static void write_number(int fd, const char *before, long n) {
  char line[48];
  int length = snprintf(line, sizeof line, "%s%ld\n", before, n);
  if (write(fd, line, (size_t)length) != length) abort();
}

/* Whether the calls that lead here were not met before. Once the table is full, none is new. */
static bool is_new_place(void) {
  void *frame[FRAMES + SKIP];
  int n = backtrace(frame, FRAMES + SKIP);
  uint64_t hash = 0xcbf29ce484222325u;
  for (int i = SKIP; i < n; i++) hash = (hash ^ (uintptr_t)frame[i]) * 0x100000001b3u;
  hash |= 1;
  for (unsigned k = 0; k < 64; k++) {
    uint64_t *at = &places[(hash + k) % PLACES];
    if (*at == hash) return false;
    if (!*at) return *at = hash, true;
  }
  return false;
}

/* Where the dynamic linker lies. */
static uintptr_t linker_from, linker_to;
static int find_linker(struct dl_phdr_info *info, size_t size, void *unused) {
  (void)size, (void)unused;
  if (info->dlpi_addr != getauxval(AT_BASE)) return 0;
  linker_from = linker_to = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type == PT_LOAD && end > linker_to) linker_to = end;
  }
  return 1;
}

/* True: this allocation, which `caller` asked for, is to fail. */
static __attribute__((noinline)) bool is_due_for(void *caller) {
  if (inside || !begun || !atomic_load(&counting)) return false;
  if ((uintptr_t)caller >= linker_from && (uintptr_t)caller < linker_to) return false;
  long n = atomic_fetch_add(&seen, 1) + 1, from = atomic_load(&first), to = atomic_load(&last);
  if (places_fd >= 0) {
    inside = true;
    if (is_new_place()) write_number(places_fd, "", n);
    inside = false;
  }
  if (!from || n < from || (to && n > to)) return false;
  atomic_store(&failed, true);
  return true;
}

#define is_due() is_due_for(__builtin_return_address(0))

void scarce_arm(long at, long how_many) {
  begun = true;
  dl_iterate_phdr(find_linker, NULL);
  atomic_store(&seen, 0);
  atomic_store(&failed, false);
  atomic_store(&last, how_many ? at + how_many - 1 : 0);
  atomic_store(&first, at);
  atomic_store(&counting, true);
}

void scarce_note_places(int fd) {
  void *frame[2];
  inside = true;
  backtrace(frame, 2); /* the first call loads what it needs */
  inside = false;
  memset(places, 0, sizeof places);
  scarce_arm(0, 0);
  places_fd = fd;
}

long scarce_seen(void) { return atomic_load(&seen); }
bool scarce_failed(void) { return atomic_load(&failed); }

/* --- By the environment ----------------------------------------------------------------------------------------------------------- */

/* A child that was forked is another process. */
static void stop_counting(void) {
  atomic_store(&counting, false);
  places_fd = -1;
  write_total = false;
}

static __attribute__((constructor)) void read_environment(void) {
  const char *at = getenv("SCARCE_AT"), *how_many = getenv("SCARCE_FOR"), *file = getenv("SCARCE_PLACES");
  if (!at && !file) return;
  pthread_atfork(NULL, NULL, stop_counting);
  if (file) {
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || (fd = fcntl(fd, F_DUPFD_CLOEXEC, 200)) < 0) abort();
    scarce_note_places(fd);
    write_total = true;
  } else {
    long n = atol(at), k = how_many ? atol(how_many) : 1;
    unsetenv("SCARCE_AT"), unsetenv("SCARCE_FOR");
    scarce_arm(n, k);
  }
  unsetenv("SCARCE_PLACES");
}

static __attribute__((destructor)) void write_end(void) {
  if (write_total) write_number(places_fd, "total ", scarce_seen());
}

/* --- The functions ------------------------------------------------------------------------------------------------------------ */

/* The next definition of a name; NULL while that is being looked for. */
#define NEXT(name)                                                                                                               \
  static __typeof__(name) *next_##name;                                                                                          \
  static __typeof__(name) *find_##name(void) {                                                                                   \
    static __thread bool looking __attribute__((tls_model("initial-exec")));                                                     \
    if (!next_##name && !looking) {                                                                                              \
      looking = true;                                                                                                            \
      next_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                                                                 \
      looking = false;                                                                                                           \
    }                                                                                                                            \
    return next_##name;                                                                                                          \
  }
NEXT(malloc)
NEXT(calloc)
NEXT(realloc)
NEXT(posix_memalign)
NEXT(aligned_alloc)
NEXT(mmap)
NEXT(pthread_create)

static void *refuse(void) {
  errno = ENOMEM;
  return NULL;
}

EXPORT void *malloc(size_t size) {
  __typeof__(malloc) *next = find_malloc();
  if (is_due()) return refuse();
  return next ? next(size) : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size) {
  __typeof__(calloc) *next = find_calloc();
  if (is_due()) return refuse();
  return next ? next(n, size) : __libc_calloc(n, size);
}

EXPORT void *realloc(void *old, size_t size) {
  __typeof__(realloc) *next = find_realloc();
  if (is_due()) return refuse();
  return next ? next(old, size) : __libc_realloc(old, size);
}

EXPORT int posix_memalign(void **out, size_t align, size_t size) {
  __typeof__(posix_memalign) *next = find_posix_memalign();
  if (is_due()) return ENOMEM;
  if (next) return next(out, align, size);
  *out = __libc_memalign(align, size);
  return *out ? 0 : ENOMEM;
}

EXPORT void *aligned_alloc(size_t align, size_t size) {
  __typeof__(aligned_alloc) *next = find_aligned_alloc();
  if (is_due()) return refuse();
  return next ? next(align, size) : __libc_memalign(align, size);
}

EXPORT void *mmap(void *where, size_t size, int protection, int flags, int fd, off_t offset) {
  __typeof__(mmap) *next = find_mmap();
  if (!next || is_due()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return next(where, size, protection, flags, fd, offset);
}

struct start {
  void *(*body)(void *);
  void *argument;
};

static void *begin(void *allocated) {
  struct start start = *(struct start *)allocated;
  __libc_free(allocated);
  begun = true;
  return start.body(start.argument);
}

EXPORT int pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  __typeof__(pthread_create) *next = find_pthread_create();
  struct start *start = next && !is_due() ? __libc_malloc(sizeof *start) : NULL;
  if (!start) return EAGAIN;
  *start = (struct start){body, argument};
  int error = next(out, attributes, begin, start);
  if (error) __libc_free(start);
  return error;
}
