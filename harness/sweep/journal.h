/* journal.h: what has been measured, in a file that is only ever appended to. It is the truth; samples.csv is made from it.

   One record is one line and one write: eight hexadecimal digits of CRC-32 over the rest, a blank, a kind, a blank, the payload.

     campaign NAME                       the first record
     start INVOCATION                    its rows so far, if any, count no more
     row INVOCATION CSV-ROW              one row of samples.csv, as it was measured
     done INVOCATION ROWS NS RSS HIST    acknowledged: so many rows, so many nanoseconds, and how long rss.csv and
                                         histograms.jsonl were afterwards

   An invocation is complete when its `done` is there and its rows are as many as it says. So a kill at any byte costs at most
   the invocation that was running: a torn record fails its sum, is left where it is, and the next record starts a line. */
#ifndef RECLAIM_SWEEP_JOURNAL_H
#define RECLAIM_SWEEP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

/* More invocations than any sweep has: a number beyond is that of a damaged record, whose sum happens to be right, and no plan has it. */
enum { JOURNAL_MOST = 1 << 22 };

struct journal_entry {
  char **rows;
  int nrows;
  bool complete;
  double seconds;
};

struct journal {
  int fd;
  char *campaign;
  struct journal_entry *entries; /* by invocation number */
  int64_t nentries, room;
  int64_t complete;            /* how many of them are */
  int damaged;                 /* records that were passed over */
  int64_t rss_size, hist_size; /* of the last acknowledgement */
};

/* Creates DIR/journal.log, which must not exist, or reads it; takes the lock that only one program can hold. 0, or 2 after one
   line on stderr. */
int sweep_journal_create(struct journal *j, const char *dir, const char *campaign);
int sweep_journal_open(struct journal *j, const char *dir);
/* Reads it, and keeps others from writing meanwhile; nothing can be appended. 0, or 2 after one line on stderr. */
int sweep_journal_read(struct journal *j, const char *dir);
void sweep_journal_close(struct journal *j);

/* Each appends one record and remembers it; false and errno when it could not be written in full. */
bool sweep_journal_start(struct journal *j, int64_t invocation);
bool sweep_journal_row(struct journal *j, int64_t invocation, const char *row);
bool sweep_journal_done(struct journal *j, int64_t invocation, double seconds, int64_t rss_size, int64_t hist_size);

/* Forces what was written onto the disk; called between blocks, never between invocations, where it could disturb the next. */
bool sweep_journal_sync(struct journal *j);

bool sweep_journal_complete(const struct journal *j, int64_t invocation);

#endif
