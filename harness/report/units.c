/* units.c: see units.h. */
#include "harness/report/units.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PLACES = 5 };

static const struct {
  const char *name[PLACES]; /* in a heading */
  const char *tail[PLACES]; /* behind a number */
  double size[PLACES];
} families[] = {
    [UNITS_COUNT] = {{"", "k", "M", "G", "T"}, {"", "k", "M", "G", "T"}, {1, 1e3, 1e6, 1e9, 1e12}},
    [UNITS_BYTES] = {{"B", "KiB", "MiB", "GiB", "TiB"}, {"B", "Ki", "Mi", "Gi", "Ti"}, {1, 0x1p10, 0x1p20, 0x1p30, 0x1p40}},
    [UNITS_TIME] = {{"ns", "us", "ms", "s", NULL}, {"ns", "us", "ms", "s", NULL}, {1, 1e3, 1e6, 1e9, INFINITY}},
    [UNITS_PLAIN] = {{"", NULL}, {"", NULL}, {1, INFINITY, INFINITY, INFINITY, INFINITY}},
};

/* The largest unit that v has at least one of. */
static int place(enum units_family f, double v) {
  int i = 0;
  while (i + 1 < PLACES && v >= families[f].size[i + 1]) i++;
  return i;
}

/* Digits before the decimal mark, at least one. */
static int whole_digits(double v) { return v < 10 ? 1 : (int)floor(log10(v)) + 1; }

/* Decimals that leave v so many significant digits. */
static int decimals_for(double v, int digits) {
  int n = digits - 1 - (int)floor(log10(v));
  if (round(v * pow(10, n)) >= pow(10, digits)) n--; /* 9.97 with two digits is 10, not 10.0 */
  return n < 0 ? 0 : n;
}

struct scale units_scale(enum units_family f, double smallest, double largest, int digits) {
  struct scale s = {.family = f, .digits = digits > 2 ? digits : 2};
  if (!(smallest > 0) || !(largest > 0)) {
    s.unit = -1;
    return s;
  }
  s.unit = place(f, largest);
  double size = families[f].size[s.unit];
  int room = 5 - whole_digits(largest / size);
  if (room < 0 || (largest / smallest >= 1000 && decimals_for(smallest / size, 2) > room)) s.unit = -1;
  s.decimals = decimals_for(smallest / size, digits);
  if (s.decimals > room) s.decimals = room < 0 ? 0 : room;
  return s;
}

const char *units_name(const struct scale *s) { return s->unit < 0 ? "" : families[s->family].name[s->unit]; }

/* A positive number that its decimals would print as zero. */
static char *write_fixed(double v, int decimals, const char *tail, char *out) {
  double least = pow(10, -decimals);
  if (v > 0 && v < least / 2)
    snprintf(out, UNITS_TEXT, "<%.*f%s", decimals, least, tail);
  else
    snprintf(out, UNITS_TEXT, "%.*f%s", decimals, v, tail);
  return out;
}

char *units_write(const struct scale *s, double v, char out[UNITS_TEXT]) {
  if (isnan(v)) return strcpy(out, "n/a");
  if (s->unit < 0) return units_write_own(s->family, v, s->digits, out);
  return write_fixed(v / families[s->family].size[s->unit], s->decimals, "", out);
}

char *units_write_own(enum units_family f, double v, int digits, char out[UNITS_TEXT]) {
  if (isnan(v)) return strcpy(out, "n/a");
  if (v == 0) return strcpy(out, "0");
  if (f == UNITS_PLAIN) f = UNITS_COUNT; /* "122k" is better than six digits */
  int i = place(f, v);
  double scaled = v / families[f].size[i];
  /* 999.7k would read 1000k: rounding may carry a number into the next unit. */
  if (i + 1 < PLACES && isfinite(families[f].size[i + 1]) && round(scaled) * families[f].size[i] >= families[f].size[i + 1]) {
    i++;
    scaled = v / families[f].size[i];
  }
  bool whole = i == 0 && v == floor(v);
  int decimals = whole ? 0 : decimals_for(scaled, digits);
  return write_fixed(scaled, decimals < 3 ? decimals : 3, families[f].tail[i], out);
}

char *units_write_share(double v, char out[UNITS_TEXT]) {
  if (isnan(v)) return strcpy(out, "n/a");
  double percent = 100 * v;
  if (percent == 0) return strcpy(out, "0");
  return write_fixed(percent, percent < 9.95 ? 1 : 0, "", out);
}

int units_width(const char *text) {
  int n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
  return n;
}
