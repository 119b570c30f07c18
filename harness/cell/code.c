/* code.c: see code.h. Segments of code are private mappings: the first write to a page makes a copy, which the process then has for itself. */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "harness/cell/code.h"
#include "runtime/descriptor.h"

#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bits of an entry of /proc/self/pagemap (the kernel's admin-guide/mm/pagemap): it is in memory; it is the file's, not a copy. */
#define PRESENT (UINT64_C(1) << 63)
#define OF_FILE (UINT64_C(1) << 61)
enum { ENTRIES = 512 };

struct mover {
  int pagemap;
  uintptr_t page; /* bytes */
  uint64_t moved;
};

/* Of [at, end), whole pages that may be written to. */
static bool move_pages(struct mover *m, uintptr_t at, uintptr_t end) {
  uint64_t entries[ENTRIES];
  while (at < end) {
    size_t n = (end - at) / m->page < ENTRIES ? (end - at) / m->page : ENTRIES, bytes = n * sizeof *entries;
    if (pread(m->pagemap, entries, bytes, (off_t)(at / m->page * sizeof *entries)) != (ssize_t)bytes) return false;
    for (size_t i = 0; i < n; i++, at += m->page) {
      if (!(entries[i] & PRESENT) || !(entries[i] & OF_FILE)) continue;
      volatile char *byte = (volatile char *)at;
      *byte = *byte;
      m->moved++;
    }
  }
  return true;
}

static int protection(uint32_t flags) {
  return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

/* Non-zero ends the walk: it could not be done. What is executed meanwhile, this function among it, stays executable. */
static int move_object(struct dl_phdr_info *o, size_t size, void *context) {
  struct mover *m = context;
  (void)size;
  if (o->dlpi_addr == getauxval(AT_SYSINFO_EHDR)) return 0; /* the kernel's own pages */
  for (int i = 0; i < o->dlpi_phnum; i++) {
    const ElfW(Phdr) *h = &o->dlpi_phdr[i];
    if (h->p_type != PT_LOAD || !(h->p_flags & PF_X)) continue;
    uintptr_t from = o->dlpi_addr + h->p_vaddr, end = from + h->p_filesz;
    from &= ~(m->page - 1);
    end = (end + m->page - 1) & ~(m->page - 1);
    int is = protection(h->p_flags);
    if (mprotect((void *)from, end - from, is | PROT_WRITE)) return 1;
    bool ok = move_pages(m, from, end);
    if (mprotect((void *)from, end - from, is) || !ok) return 1;
  }
  return 0;
}

uint64_t cell_code_move(void) {
  struct mover m = {open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), (uintptr_t)sysconf(_SC_PAGESIZE), 0};
  if (m.pagemap < 0) return RECLAIM_NONE;
  int failed = dl_iterate_phdr(move_object, &m);
  close(m.pagemap);
  return failed ? RECLAIM_NONE : m.moved;
}
