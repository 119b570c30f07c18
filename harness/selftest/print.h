/* print.h: what a selftest found out: text for 80 columns, JSON, CSV, and a figure where gnuplot is there. */
#ifndef RECLAIM_SELFTEST_PRINT_H
#define RECLAIM_SELFTEST_PRINT_H

#include "harness/selftest/live.h"

#include <stdio.h>

struct selftest_result {
  struct selftest_live live;
  struct selftest_tally drawn[SELFTEST_PLANTS]; /* of campaigns drawn from the bank; none where it is empty */
};

/* An aim of the gate, and whether these campaigns reach it. */
enum selftest_aim_verdict {
  AIM_REACHED,
  AIM_MISSED,
  AIM_NOT_HERE /* the machine was noisier than the aim is for */,
  AIM_TOO_FEW
};
struct selftest_aim {
  const char *what;
  enum selftest_aim_verdict verdict;
  char detail[96];
};
enum { SELFTEST_AIMS = 6 };
void selftest_judge(const struct selftest_result *, struct selftest_aim out[SELFTEST_AIMS]);

void selftest_print_text(const struct selftest_result *, FILE *);
void selftest_print_json(const struct selftest_result *, FILE *);
void selftest_print_csv(const struct selftest_result *, FILE *);

/* DIR/selftest.csv, selftest.json, and selftest.svg where gnuplot is there. 0, or 2 after one line on stderr. */
int selftest_write(const struct selftest_result *, const char *dir);

#endif
