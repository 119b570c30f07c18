/* terminal.c: see terminal.h. */
#include "harness/report/terminal.h"
#include "harness/report/units.h"

#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_columns(FILE *out, int otherwise) {
  struct winsize size;
  if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) != 0) return otherwise;
  return size.ws_col;
}

bool terminal_colour(FILE *out) {
  const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
  return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb");
}

bool terminal_utf8(void) {
  locale_t locale = newlocale(LC_CTYPE_MASK, "", NULL);
  if (!locale) return false;
  bool utf8 = !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");
  freelocale(locale);
  return utf8;
}

static void blanks(FILE *out, int n) {
  while (n-- > 0) putc(' ', out);
}

void terminal_wrap(FILE *out, int width, int at, int indent, const char *text) {
  for (bool first = at == 0; *text; first = false) {
    size_t length = strcspn(text, " ");
    char word[512];
    snprintf(word, sizeof word, "%.*s", (int)length, text);
    int n = units_width(word);
    if (!first && at + 1 + n > width) {
      putc('\n', out);
      blanks(out, at = indent);
    } else if (!first) {
      putc(' ', out);
      at++;
    }
    for (size_t i = 0; i < length; i++) putc(iscntrl((unsigned char)text[i]) ? '?' : text[i], out);
    at += n;
    text += length + strspn(text + length, " ");
  }
  putc('\n', out);
}
