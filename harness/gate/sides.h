/* sides.h: from what is to be compared to a plan with sides.

   A plan of the newer side becomes one in which each of its cells stands four times: the base; the newer side; and two controls, the base once more under another
   name, and the base linked in another order. Their objects lie in folders with names of equal length. Before anything is measured, each cell is
   tried once on both sides: what only one of them can run is left out, and said. */
#ifndef RECLAIM_GATE_SIDES_H
#define RECLAIM_GATE_SIDES_H

#include "harness/gate/build.h"
#include "harness/gate/place.h"
#include "harness/sweep/options.h"

/* What is compared, as it was asked for: the flags' values, NULL where they are not given. */
struct gate_request {
  const char *base_rev, *base_build, *base_campaign, *allocator_a, *allocator_b, *plugin_a, *plugin_b, *layout;
  bool quiet;
};

/* Whether the flags ask for one thing, and completely. 0, or 2 after one line on stderr. */
int gate_request_check(const struct gate_request *);

/* Makes the plan. The options are of the newer side; what they leave open is set in them. *notes: an object of what was compared and how, the caller's. 0,
   SWEEP_INTERRUPTED, or 2 after what was wrong on stderr. The place must outlive the measuring; plan and notes are to be freed either way. */
int gate_sides_make(struct gate_place *, const struct gate_request *, struct sweep_options *, struct sweep_plan *plan,
                    json_t **notes);

/* What a plan with sides is made of: the plan of the newer side with what the options leave open set to the gate's defaults. */
int gate_plan_make(struct sweep_options *, struct sweep_plan *);

#endif
