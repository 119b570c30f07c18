/* grid.h: the table as texts in cells, before anybody knows how wide it is. */
#ifndef RECLAIM_GRID_H
#define RECLAIM_GRID_H

#include "harness/report/campaign.h"
#include "harness/report/units.h"

enum grid_column {
  G_STRATEGY,
  G_THREADS,
  G_ALLOCATOR,
  G_HEAP,
  G_RATE,
  G_RATE_CI,
  G_RATIO,
  G_RATIO_CI,
  G_CPU,
  G_MEAN,
  G_PEAK,
  G_LIVE,
  G_GC,
  G_PAUSE,
  G_LEAKED,
  G_STATUS,
  G_COLUMNS
};

/* What is given up, step by step, until the table fits. */
struct detail {
  int gap;             /* blanks between columns */
  bool ends;           /* intervals as [lo, hi]; otherwise as one percentage */
  bool status_words;   /* the status in full; otherwise a mark and a note below */
  bool hide_allocator; /* said in the group's heading: it is the same in all rows of every group */
  bool hide_heap;
  int label_width;   /* of strategy and allocator names; longer ones are cut */
  int memory_digits; /* significant ones of the smallest number of bytes */
  bool utf8;
  bool intervals, ranges; /* which of the two the table has anywhere */
  int span_room;          /* columns for the reason of a row without numbers; a longer one becomes a note */
};

#define GRID_TEXT 96 /* room for any text of a cell */

enum tone { TONE_PLAIN, TONE_DIM, TONE_GOOD, TONE_BAD, TONE_WARN };

struct grid_row {
  char text[G_COLUMNS][GRID_TEXT];
  enum tone tone[G_COLUMNS];
  char *span; /* owned: what stands from G_RATE_CI on in the row of a cell without numbers; NULL otherwise */
};

struct grid_note {
  char mark[16];
  char *text; /* owned */
};

struct grid {
  char head[2][G_COLUMNS][24]; /* two lines of column headings; a heading may reach over the columns that follow it */
  struct grid_row *row;
  int nrows;
  struct grid_note *note;
  int nnotes;
};

/* What the legend has to explain, gathered over all groups. */
struct grid_used {
  bool interval, range, single, uncollected, poor, oversubscribed, unsteady, warming, slowing, planted, na_heap, peak_factor,
      floor, factor, declared, na_gc, na_pause, na_memory, na_leaked;
};

/* Column of a group that has one value throughout. */
bool grid_constant(const struct group *, enum axis);

/* The heap as the table shows it; where the cell obeys no limit, its peak as a factor of 1x in parentheses, or "n/a". */
const char *grid_heap(const struct cell *, char out[UNITS_TEXT]);

void grid_make(const struct group *, const struct detail *, struct grid *, struct grid_used *);
void grid_free(struct grid *);

#endif
