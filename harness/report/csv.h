/* csv.h: RFC 4180 files with a header line, read by column name.

   The file is read once into one buffer and fields are cut in place: a field is a pointer into that buffer, valid until
   csv_close. Everything that is wrong with a file is reported as "FILE:LINE: what", and nothing is guessed: a file that ends
   without a line end was cut off. One reader belongs to one thread. */
#ifndef RECLAIM_CSV_H
#define RECLAIM_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct csv {
  const char *path;    /* borrowed */
  char *buffer, *next; /* the whole file, and what is still unread of it */
  char *end;
  long line, next_line; /* of the current record's first line, and of the next one's; from 1 */
  const char **header, **field;
  int columns;
  char error[512]; /* one line, without line end; empty while all is well */
};

/* Opens, reads the whole file and its header. False: see error; csv_close is still due. */
bool csv_open(struct csv *, const char *path);

/* The next record in `field`: 1, or 0 at the end of the file, or -1 with error set. */
int csv_next(struct csv *);

/* Index of a column, -1 where the file has none of that name. */
int csv_column(const struct csv *, const char *name);

/* Sets error to "path:line: ..." for the current record; returns -1. */
int csv_fail(struct csv *, const char *format, ...) __attribute__((format(printf, 2, 3)));

void csv_close(struct csv *);

/* Writes `text` as one field, quoted where it has to be. */
void csv_write_field(FILE *out, const char *text);

#endif
