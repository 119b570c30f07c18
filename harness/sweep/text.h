/* text.h: what every part of the sweep needs of strings and memory.

   A sweep that runs out of memory cannot go on, and need not: what is acknowledged is in the journal, and a child dies with its
   parent. So allocation here never returns NULL: it ends the process with one line and exit code 2. */
#ifndef RECLAIM_SWEEP_TEXT_H
#define RECLAIM_SWEEP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of the program, everywhere. */
enum { SWEEP_FINE = 0, SWEEP_FAILED = 1, SWEEP_BAD_INPUT = 2, SWEEP_COULD_NOT_JUDGE = 3, SWEEP_INTERRUPTED = 130 };

/* "reclaim: <line>\n" on stderr, in one write. sweep_refuse returns SWEEP_BAD_INPUT. */
void sweep_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
int sweep_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the process, with one line. */
_Noreturn void sweep_out_of_memory(void);

/* Like their namesakes of the C library, but never NULL. The caller frees. */
void *sweep_alloc(size_t n, size_t size); /* zeroed */
void *sweep_malloc(size_t size);          /* for libraries that can be given an allocator */
void *sweep_realloc(void *old, size_t n, size_t size);
char *sweep_strdup(const char *s);
char *sweep_strndup(const char *s, size_t n);
char *sweep_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The end of a growing array of *n items: makes room for one more and returns its address, zeroed. */
#define sweep_push(array, n) ((array) = sweep_grow((array), (n), sizeof *(array)), &(array)[(n)++])
void *sweep_grow(void *array, int n, size_t size);

/* A growing string; `s` is always terminated once something was added. */
struct text {
  char *s;
  size_t n, room;
};
void sweep_text_add(struct text *t, const char *s, size_t n);
void sweep_text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sweep_text_free(struct text *t);

/* The comma-separated words of `list`, blanks around them removed, empty ones left out. The caller frees with
   sweep_free_words. */
char **sweep_split(const char *list, int *n);
void sweep_free_words(char **words, int n);

/* Adds a field of an RFC 4180 row to `t`: quoted where it must be. Control characters become blanks, so that a row is one
   line. */
void sweep_csv_add(struct text *t, const char *field, bool first);
/* Cuts a row in place into at most `max` unquoted fields; returns how many there are. */
int sweep_csv_split(char *row, char **fields, int max);

/* Seconds of a clock that never jumps, and now as "2026-01-31T12:34:56.789Z". */
double sweep_now(void);
void sweep_timestamp(char *buf, size_t nbuf);

/* CRC-32 (the polynomial of zlib and Ethernet). */
uint32_t sweep_crc32(const void *data, size_t n);

/* The first line of a small file, without its newline; false (and "") when it cannot be read. */
bool sweep_read_line(const char *path, char *buf, size_t nbuf);
/* A whole file, terminated; NULL (errno is set) when it cannot be read. The caller frees. */
char *sweep_read_file(const char *path, size_t *n);

/* Writes everything, however often the system cuts it short. False and errno otherwise. */
bool sweep_write_all(int fd, const void *data, size_t n);

#endif
