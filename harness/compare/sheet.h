/* sheet.h: a table of texts, for a terminal of any width from 80 columns on, or in Markdown.

   The first columns may be headings: in a terminal they stand on a line of their own where they change, in Markdown they are columns like
   others. What does not fit is narrowed: gaps first, then texts that allow it are cut. One thread at a time. */
#ifndef RECLAIM_COMPARE_SHEET_H
#define RECLAIM_COMPARE_SHEET_H

#include <stdbool.h>
#include <stdio.h>

enum { SHEET_COLUMNS = 16 };

struct sheet_column {
  const char *title;
  bool heading; /* of the first columns only */
  bool left;    /* aligned to the left */
  int least;    /* may be cut to so many columns; 0: never */
};

struct sheet {
  struct sheet_column column[SHEET_COLUMNS];
  int columns;
  char **text; /* owned, row by row; NULL: empty */
  int rows;
};

void sheet_column(struct sheet *, const char *title, bool heading, bool left, int least);

/* Begins a row, and sets a text of the last one (owned from then on). */
void sheet_row(struct sheet *);
void sheet_set(struct sheet *, int column, char *text);

/* How wide the text would be at its narrowest without cutting. */
int sheet_width(const struct sheet *);

void sheet_text(const struct sheet *, int width, bool utf8, FILE *out);
void sheet_markdown(const struct sheet *, FILE *out);
void sheet_free(struct sheet *);

#endif
