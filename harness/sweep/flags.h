/* flags.h: the command lines of the smaller subcommands, each from one table that its help is printed from, too. */
#ifndef RECLAIM_SWEEP_FLAGS_H
#define RECLAIM_SWEEP_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flag {
  const char *name;     /* without "--" */
  const char *argument; /* NULL: it takes none, and its value is "yes" */
  const char *help;
  const char **value; /* where it goes; NULL there until it is given */
};

/* Reads the words behind the subcommand (argv[0] is its name) into the values of the table. Words that are no flags go into rest[0 .. *nrest - 1],
   at most `most` of them; what the excess is called is said by `words` ("folder"). "--help" prints `usage` and the flags, and sets *done. 0, or
   2 after one line on stderr. The values point into argv. */
struct flags {
  const char *usage; /* its first line names the form, lines after it explain it */
  const struct flag *table;
  int n;
  const char *words; /* what words without "--" are */
  int least, most;   /* of them */
};
int flags_read(const struct flags *f, int argc, char **argv, const char **rest, int *nrest, bool *done);

/* A whole number of [min, max], or a number of (above, most] with or without "%", as a part of 1; `text` NULL leaves *out alone. 0, or 2
   after one line on stderr that names the flag. */
int flags_int(const char *flag, const char *text, int64_t min, int64_t max, int64_t *out);
int flags_percent(const char *flag, const char *text, double above, double most, double *out);

#endif
