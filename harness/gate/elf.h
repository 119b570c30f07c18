/* elf.h: the names of an object file's sections. */
#ifndef RECLAIM_GATE_ELF_H
#define RECLAIM_GATE_ELF_H

#include <stdbool.h>

/* Calls `see` with each name; the text lives until it returns. False where the file is no object file of this machine's kind. */
bool gate_elf_sections(const char *path, void (*see)(void *to, const char *name), void *to);

#endif
