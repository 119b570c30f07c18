/* json.h: writes one JSON document and allocates nothing, because it must work when memory has run out and while other threads
   still hold the malloc that is being measured. */
#ifndef RECLAIM_CELL_JSON_H
#define RECLAIM_CELL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell_json {
  int fd;
  int error;  /* errno of the first write that failed */
  bool comma; /* the next key or value follows another one */
  size_t n;
  char buf[1 << 14];
};

/* A document is one value. Inside an object every value is preceded by its key; separators are put in between by themselves. */
void cell_json_begin(struct cell_json *, int fd);
/* Writes out what is left, and a newline. 0, or the errno of the first write that failed. */
int cell_json_end(struct cell_json *);

void cell_json_open(struct cell_json *, char bracket);  /* '{' or '[' */
void cell_json_close(struct cell_json *, char bracket); /* '}' or ']' */
void cell_json_key(struct cell_json *, const char *key);
void cell_json_break(struct cell_json *); /* the next key or value starts a line; for readers only */

void cell_json_string(struct cell_json *, const char *text);  /* NULL: null; bytes that are no UTF-8 are replaced by '?' */
void cell_json_number(struct cell_json *, double number);     /* null when it is not finite; reads back exactly */
void cell_json_unsigned(struct cell_json *, uint64_t number); /* RECLAIM_NONE: null */
void cell_json_signed(struct cell_json *, int64_t number);
void cell_json_bool(struct cell_json *, bool);
void cell_json_null(struct cell_json *);

#endif
