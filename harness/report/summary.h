/* summary.h: one record per cell, as a CSV file and as JSON; both are made from one list of columns. */
#ifndef RECLAIM_SUMMARY_H
#define RECLAIM_SUMMARY_H

#include "harness/report/campaign.h"

/* Writes `path` anew through a temporary file beside it: a reader sees the old file or the new one, never a part. False with
   errno set. */
bool summary_write(const struct campaign *, const char *path);

/* One object: schema, campaign, and an array of cells. */
void summary_print_json(const struct campaign *, FILE *out);

#endif
