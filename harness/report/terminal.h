/* terminal.h: what a terminal can show, and text broken into its lines. */
#ifndef RECLAIM_TERMINAL_H
#define RECLAIM_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* The columns of the terminal that `out` is; `otherwise` where it is none. */
int terminal_columns(FILE *out, int otherwise);

/* Whether `out` is a terminal that shows colours, and NO_COLOR does not forbid them. */
bool terminal_colour(FILE *out);

/* What the environment says of the terminal's characters, whatever locale the process has set. */
bool terminal_utf8(void);

/* `text` and a line end, behind what fills the line up to column `at`, broken at blanks at `width`, later lines indented by `indent`. A
   word longer than a line stays whole. A control character, which a terminal would obey, is shown as '?'. */
void terminal_wrap(FILE *out, int width, int at, int indent, const char *text);

#endif
