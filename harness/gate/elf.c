/* elf.c: see elf.h. The compiler has just written the file; still nothing in it is followed out of its bounds. */
#define _GNU_SOURCE 1 /* ElfW */
#include "elf.h"

#include "harness/sweep/text.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>

bool gate_elf_sections(const char *path, void (*see)(void *to, const char *name), void *to) {
  size_t n = 0;
  char *bytes = sweep_read_file(path, &n);
  ElfW(Ehdr) head;
  ElfW(Shdr) names, section;
  bool ok = bytes && n > sizeof head && !memcmp(bytes, ELFMAG, SELFMAG);
  if (ok) memcpy(&head, bytes, sizeof head);
  ok = ok && bytes[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) && head.e_shentsize == sizeof section &&
       head.e_shstrndx < head.e_shnum && head.e_shoff <= n && head.e_shnum <= (n - head.e_shoff) / sizeof section;
  if (ok) memcpy(&names, bytes + head.e_shoff + head.e_shstrndx * sizeof section, sizeof names);
  ok = ok && names.sh_size && names.sh_offset < n && names.sh_size <= n - names.sh_offset &&
       !bytes[names.sh_offset + names.sh_size - 1];
  for (unsigned i = 0; ok && i < head.e_shnum; i++) {
    memcpy(&section, bytes + head.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_name < names.sh_size) see(to, bytes + names.sh_offset + section.sh_name);
  }
  free(bytes);
  return ok;
}
