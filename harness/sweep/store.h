/* store.h: the folder of a campaign: what is in it, in which order it is written, and how it is opened again.

     campaign.json      the plan, the environment, how it went; written anew (renamed over) at the start and at the end
     journal.log        the truth; see journal.h
     samples.csv        made from the journal; appended to while the sweep runs, made anew with all judgements at its end
     rss.csv            memory over time, per invocation
     histograms.jsonl   pauses, safepoints, lock waits, counters; one object per invocation
     topology.xml       the machine, as hwloc sees it

   An invocation is written in this order: rss.csv, histograms.jsonl, its rows to the journal, its acknowledgement. The first two
   are cut back to their acknowledged length when a campaign is opened again, so that nothing is in them twice. */
#ifndef RECLAIM_SWEEP_STORE_H
#define RECLAIM_SWEEP_STORE_H

#include "harness/sweep/journal.h"
#include "harness/sweep/plan.h"
#include "harness/sweep/rows.h"
#include "harness/sweep/samples.h"

struct store {
  char *dir;
  struct sweep_plan plan;
  struct journal journal;
  struct row_campaign campaign; /* borrows from json */
  json_t *json;                 /* of campaign.json */
  char *machine, *host;
  int samples_fd, rss_fd, hist_fd;
  const char *file; /* of the folder: the one that was last written to, for a message */
  int64_t rss_size, hist_size;
};

/* Makes the folder and its first files for `plan`, which it takes over. `out`: the folder, or NULL for
   results/<date>-<host>-<pid> with results/latest pointing at it. Nothing is left behind when it fails. 0, or 2 after one line on
   stderr. */
int sweep_store_create(struct store *s, struct sweep_plan *plan, const char *out, int argc, char **argv);

/* Opens a campaign to go on with it: same program, same machine, no other run writing. 0, or 2 after one line on stderr. */
int sweep_store_resume(struct store *s, const char *dir);

void sweep_store_close(struct store *s);

/* Records the end of one invocation, whatever it was. False and errno when it could not be written, and `file` says
   what: then it is not acknowledged, or only samples.csv lacks it, which is made anew. */
bool sweep_store_record(struct store *s, const struct row_place *place, const struct child_outcome *outcome);

/* Writes samples.csv anew. 0, or 2 after one line on stderr. */
int sweep_store_write_samples(struct store *s, struct samples_summary *out);

/* Writes campaign.json anew. 0, or 2 after one line on stderr. */
int sweep_store_save(struct store *s);

/* Reads and checks DIR/campaign.json: what every campaign has. *plan is to be freed in either case. NULL after one line on stderr. */
json_t *sweep_store_read_json(const char *dir, struct sweep_plan *plan);

/* A name for a campaign that begins now on this host. The caller frees. */
char *sweep_store_name(const char *host);

/* Makes DIR; an existing one must be empty. 0, or 2 after one line on stderr. */
int sweep_store_make_dir(const char *dir, bool *made);

/* Removes the files of a campaign, and the folder. */
void sweep_store_remove(const char *dir);

#define STORE_RSS_HEADER "invocation,t_ns,rss_bytes\r\n"

#endif
