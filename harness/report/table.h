/* table.h: the table that a person reads: one block of rows per group, equal columns throughout, never wider than asked. */
#ifndef RECLAIM_TABLE_H
#define RECLAIM_TABLE_H

#include "harness/report/campaign.h"

#define TABLE_MIN_WIDTH 100 /* narrower is not tried: lines then wrap in the terminal */

struct table_style {
  int width;         /* in columns; less than TABLE_MIN_WIDTH is taken as that */
  bool utf8, colour; /* what `out` can show */
};

void table_print(const struct campaign *, const struct table_style *, FILE *out);

#endif
