/* campaign.c: campaign.json, as a sweep that is resumed reads it (strictly) and as the report does, beside rows that are well. */
#include "harness/report/report.h"
#include "harness/sweep/store.h"
#include "tests/fuzz/fuzz.h"

static const char rows[] =
    "workload,parameters,sharing,strategy,threads,allocator,heap_policy,block,invocation,iteration,phase,status,"
    "operations,wall_ns\n"
    "lists,live=5,private,rc,1,pool,grow,0,0,0,measured,ok,100,5000\n"
    "lists,live=5,private,rc,1,pool,grow,1,1,0,measured,ok,100,5100\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct sweep_plan plan;
  static FILE *nowhere;
  if (!nowhere) {
    MUST((nowhere = fopen("/dev/null", "w")) != NULL);
    fuzz_write(fuzz_path("samples.csv"), rows, sizeof rows - 1);
  }
  fuzz_write(fuzz_path("campaign.json"), data, size);
  json_t *json = sweep_store_read_json(fuzz_dir(), &plan);
  if (json) {
    json_t *again = sweep_plan_json(&plan);
    struct sweep_plan same;
    MUST(plan.nruns > 0);
    for (int i = 0; i < plan.ncells; i++) {
      const struct sweep_cell *c = &plan.cells[i];
      MUST(c->strategy && c->workload && c->parameters && c->sharing && c->allocator && c->heap && c->object && c->hash);
      MUST(c->threads > 0 && (c->ncpus == 0 || c->ncpus == c->threads));
    }
    if (plan.nruns < 1000) {
      int order[1000];
      bool seen[1000] = {false};
      sweep_plan_order(&plan, 0, order);
      for (int i = 0; i < plan.nruns; i++) MUST(order[i] >= 0 && order[i] < plan.ncells);
      for (int i = 0; i < plan.nruns && order[i] < 1000; i++) MUST(!seen[order[i]]), seen[order[i]] = true;
    }
    /* what is written of it is read as the same */
    MUST(again && sweep_plan_from_json(&same, again, "again") == 0 && same.nruns == plan.nruns && same.ncells == plan.ncells);
    json_decref(again);
    sweep_plan_free(&same);
  }
  sweep_plan_free(&plan);
  json_decref(json);
  const struct report_options options = {.columns = 120, .colour = 0};
  int rc = report_dir(fuzz_dir(), &options, nowhere);
  MUST(rc == 0 || rc == 2);
  return 0;
}
