/* units.h: numbers as a person reads them. Pure functions that write into the caller's buffer. */
#ifndef RECLAIM_UNITS_H
#define RECLAIM_UNITS_H

#include <stddef.h>

#define UNITS_TEXT 40 /* room that every text below fits in */

enum units_family { UNITS_COUNT /* k M G */, UNITS_BYTES /* KiB MiB GiB */, UNITS_TIME /* of ns: us ms s */, UNITS_PLAIN };

/* How the numbers of one column are written: all in one unit with equal decimals, so that they compare at a glance; or, where
   they are too far apart for that, each with a unit of its own. */
struct scale {
  enum units_family family;
  int unit;     /* the place in the family; -1: each number has its own */
  int decimals; /* where the unit is common */
  int digits;   /* significant ones where it is not, at least two */
};

/* The scale for numbers between smallest and largest (both > 0; NAN: there are none), with `digits` significant ones for the
   smallest where six characters allow it. */
struct scale units_scale(enum units_family, double smallest, double largest, int digits);

/* "M", "MiB", "ms"; "" for the unit itself, and where each number has its own. */
const char *units_name(const struct scale *);

/* The number on the scale; "<0.1" where a positive one would read as zero; "n/a" for NAN. Returns out. */
char *units_write(const struct scale *, double v, char out[UNITS_TEXT]);

/* With a unit of its own and `digits` significant digits, whatever the others have: "12ms", "1.05M". */
char *units_write_own(enum units_family, double v, int digits, char out[UNITS_TEXT]);

/* A share in [0, 1] in per cent, without the sign: "12", "0.4", "<0.1". */
char *units_write_share(double v, char out[UNITS_TEXT]);

/* Columns that a UTF-8 text takes on a terminal (no wide characters are written here). */
int units_width(const char *text);

#endif
