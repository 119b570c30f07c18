/* sheet.c: see sheet.h. */
#include "harness/compare/sheet.h"
#include "harness/report/units.h"

#include "harness/sweep/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void sheet_column(struct sheet *s, const char *title, bool heading, bool left, int least) {
  s->column[s->columns++] = (struct sheet_column){title, heading, left, least};
}

void sheet_row(struct sheet *s) {
  s->rows++;
  s->text = sweep_realloc(s->text, (size_t)s->rows * SHEET_COLUMNS, sizeof *s->text);
  for (int i = 0; i < SHEET_COLUMNS; i++) s->text[(s->rows - 1) * SHEET_COLUMNS + i] = NULL;
}

static const char *at(const struct sheet *s, int row, int column) {
  const char *text = s->text[row * SHEET_COLUMNS + column];
  return text ? text : "";
}

/* Nothing that a terminal would obey goes in. */
void sheet_set(struct sheet *s, int column, char *text) {
  char **place = &s->text[(s->rows - 1) * SHEET_COLUMNS + column];
  for (char *p = text; *p; p++)
    if (iscntrl((unsigned char)*p)) *p = ' ';
  free(*place);
  *place = text;
}

void sheet_free(struct sheet *s) {
  for (int i = 0; i < s->rows * SHEET_COLUMNS; i++) free(s->text[i]);
  free(s->text);
  *s = (struct sheet){0};
}

/* --- In a terminal -------------------------------------------------------------------------------------------------------------------- */

struct layout {
  int width[SHEET_COLUMNS], gap, total;
};

static int first_column(const struct sheet *s) {
  int i = 0;
  while (i < s->columns && s->column[i].heading) i++;
  return i;
}

static void add_up(const struct sheet *s, struct layout *l) {
  l->total = 0;
  for (int i = first_column(s); i < s->columns; i++) l->total += l->width[i] + (l->total ? l->gap : 0);
}

static void measure(const struct sheet *s, struct layout *l) {
  for (int i = 0; i < s->columns; i++) {
    l->width[i] = units_width(s->column[i].title);
    for (int r = 0; r < s->rows; r++)
      if (units_width(at(s, r, i)) > l->width[i]) l->width[i] = units_width(at(s, r, i));
  }
  add_up(s, l);
}

/* The widest column that may still be cut; -1: none. */
static int widest(const struct sheet *s, const struct layout *l) {
  int best = -1;
  for (int i = first_column(s); i < s->columns; i++)
    if (s->column[i].least && l->width[i] > s->column[i].least && (best < 0 || l->width[i] > l->width[best])) best = i;
  return best;
}

static void fit(const struct sheet *s, int width, struct layout *l) {
  l->gap = 2;
  measure(s, l);
  if (l->total <= width) return;
  l->gap = 1;
  add_up(s, l);
  for (int i; l->total > width && (i = widest(s, l)) >= 0; l->total--) l->width[i]--;
}

int sheet_width(const struct sheet *s) {
  struct layout l = {.gap = 1};
  measure(s, &l);
  return l.total;
}

static void repeat(const char *text, int n, FILE *out) {
  while (n-- > 0) fputs(text, out);
}

/* `text` in at most `width` columns. */
static void write_cut(const char *text, int width, bool utf8, FILE *out) {
  int n = units_width(text), room = n > width ? width - 1 : n;
  for (int i = 0; *text; text++) {
    i += ((unsigned char)*text & 0xc0) != 0x80;
    if (i > room) break;
    putc(*text, out);
  }
  if (n > width) fputs(utf8 ? "…" : "~", out);
}

/* Blanks are due before the next text only: no line ends in them. */
static void write_line(const struct sheet *s, const struct layout *l, int row, bool utf8, FILE *out) {
  int due = 0;
  for (int i = first_column(s); i < s->columns; i++) {
    const char *text = row < 0 ? s->column[i].title : at(s, row, i);
    int n = units_width(text) < l->width[i] ? units_width(text) : l->width[i], room = l->width[i] - n;
    if (!s->column[i].left) due += room;
    if (n) {
      repeat(" ", due, out);
      due = 0;
      write_cut(text, l->width[i], utf8, out);
    }
    due += (s->column[i].left ? room : 0) + l->gap;
  }
  putc('\n', out);
}

static bool same_heading(const struct sheet *s, int a, int b) {
  for (int i = 0; i < first_column(s); i++)
    if (strcmp(at(s, a, i), at(s, b, i))) return false;
  return true;
}

/* A long one goes on in the next line, indented. */
static void write_heading(const struct sheet *s, int row, int width, bool utf8, FILE *out) {
  int used = 0;
  for (int i = 0; i < first_column(s); i++) {
    const char *text = at(s, row, i);
    int n = units_width(text);
    if (!n) continue;
    if (used && used + 3 + n > width) {
      fputs("\n    ", out);
      used = 4;
    } else if (used) {
      fputs(utf8 ? " · " : " | ", out);
      used += 3;
    }
    write_cut(text, width - used, utf8, out);
    used += n;
  }
  putc('\n', out);
}

void sheet_text(const struct sheet *s, int width, bool utf8, FILE *out) {
  struct layout l;
  int indent = first_column(s) ? 2 : 0;
  fit(s, width - indent, &l);
  repeat(" ", indent, out);
  write_line(s, &l, -1, utf8, out);
  repeat(utf8 ? "─" : "-", l.total + indent, out);
  putc('\n', out);
  for (int r = 0; r < s->rows; r++) {
    if (indent && (r == 0 || !same_heading(s, r, r - 1))) write_heading(s, r, width, utf8, out);
    repeat(" ", indent, out);
    write_line(s, &l, r, utf8, out);
  }
}

/* --- In Markdown ----------------------------------------------------------------------------------------------------------------------- */

static void write_escaped(const char *text, FILE *out) {
  for (; *text; text++) {
    if (strchr("|*_<>`\\", *text)) putc('\\', out);
    putc(*text, out);
  }
}

void sheet_markdown(const struct sheet *s, FILE *out) {
  for (int r = -2; r < s->rows; r++) {
    for (int i = 0; i < s->columns; i++) {
      fputs("|", out);
      if (r == -1) {
        fputs(s->column[i].left || s->column[i].heading ? "---" : "--:", out);
        continue;
      }
      putc(' ', out);
      write_escaped(r < 0 ? s->column[i].title : at(s, r, i), out);
      putc(' ', out);
    }
    fputs("|\n", out);
  }
}
