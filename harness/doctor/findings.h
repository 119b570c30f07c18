/* findings.h: what the facts of a machine mean for measurements on it.

   Judging is a pure function of the facts and of how many threads are to be measured. What a run warns of, what stands in campaign.json and
   what `reclaim doctor` prints are the same findings. */
#ifndef RECLAIM_DOCTOR_FINDINGS_H
#define RECLAIM_DOCTOR_FINDINGS_H

#include "harness/doctor/facts.h"

#include <jansson.h>

enum doctor_state {
  DOCTOR_FINE,
  DOCTOR_UNKNOWN, /* the machine does not tell, or nobody has looked */
  DOCTOR_NOTE,    /* to be known; it makes no number wrong */
  DOCTOR_SPOILS   /* it reaches the numbers */
};
extern const char *const doctor_state_names[4]; /* "fine", "unknown", "note", "spoils" */

struct doctor_finding {
  const char *name; /* "governor" */
  const char *why;  /* it matters; one sentence */
  enum doctor_state state;
  char *found;  /* one clause: "the governor is 'powersave', not 'performance'" */
  char *remedy; /* a command, or why nothing can be done here; NULL where nothing need be */
  bool helped;  /* it is a command */
};

/* All of them, in the order in which they are printed; *n: how many. Free with doctor_findings_free. */
struct doctor_finding *doctor_judge(const struct doctor_facts *f, int threads, int *n);
void doctor_findings_free(struct doctor_finding *list, int n);

/* [{"name", "state", "found", "why", "remedy", "helped"}, ...]; the caller owns the reference. */
json_t *doctor_findings_json(const struct doctor_finding *list, int n);

#endif
