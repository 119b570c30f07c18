/* invoke.c: see invoke.h. */
#include "invoke.h"

#include "harness/sweep/environment.h"
#include "harness/sweep/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
  char **v;
  int n;
};

static void add_flag(struct arguments *a, const char *name, char *owned_value) {
  *sweep_push(a->v, a->n) = sweep_strdup(name);
  *sweep_push(a->v, a->n) = owned_value;
}

/* "--set name=value" for each assignment of "name=value;name=value", but for names that `hidden` assigns, too. */
static void add_sets(struct arguments *a, const char *assignments, const char *hidden) {
  for (const char *p = assignments; *p;) {
    size_t span = strcspn(p, ";");
    char *name = sweep_strndup(p, strcspn(p, "="));
    if (span && !sweep_assigned(hidden, name)) add_flag(a, "--set", sweep_strndup(p, span));
    free(name);
    p += span + (p[span] == ';');
  }
}

/* The command line of one cell; also what a reader would type to run it by hand. */
static struct arguments cell_arguments(const struct sweep_plan *p, const struct sweep_cell *c) {
  struct arguments a = {0};
  *sweep_push(a.v, a.n) = sweep_strdup("reclaim");
  *sweep_push(a.v, a.n) = sweep_strdup("cell");
  add_flag(&a, "--strategy", sweep_strdup(c->strategy));
  add_flag(&a, "--workload", sweep_strdup(c->workload));
  add_sets(&a, c->parameters, "");
  add_sets(&a, c->tunables, c->parameters); /* a parameter wins over a tunable of its name */
  add_flag(&a, "--sharing", sweep_strdup(c->sharing));
  add_flag(&a, "--threads", sweep_format("%d", c->threads));
  add_flag(&a, "--allocator", sweep_strdup(c->allocator));
  add_flag(&a, "--heap", sweep_strdup(c->heap));
  add_flag(&a, "--pin", sweep_strdup(c->pinning));
  add_flag(&a, "--warmup", sweep_format("%d", c->warmup));
  add_flag(&a, "--iterations", sweep_format("%d", c->iterations));
  add_flag(&a, "--gc-threads", sweep_format("%d", c->collector_threads));
  add_flag(&a, "--seed", sweep_format("%" PRIu64, p->seed));
  add_flag(&a, "--memory-limit", sweep_format("%" PRIu64, p->memory_limit));
  if (c->oversubscribed) *sweep_push(a.v, a.n) = sweep_strdup("--oversubscribe");
  if (*c->pack) add_flag(&a, "--pack", sweep_strdup(c->pack));
  if (c->plugin) add_flag(&a, "--plugin-path", sweep_strndup(c->object, (size_t)(strrchr(c->object, '/') - c->object)));
  if (p->trust_owners) *sweep_push(a.v, a.n) = sweep_strdup("--trust-owners");
  if (*c->folder) add_flag(&a, "--objects", sweep_strdup(c->folder));
  if (*c->plant) add_flag(&a, "--plant", sweep_strdup(c->plant));
  if (!*c->program)                                     /* another may be too old to know it */
    *sweep_push(a.v, a.n) = sweep_strdup("--no-probe"); /* the plan has tried it, and nothing else is to be loaded */
  *sweep_push(a.v, a.n) = NULL;
  return a;
}

char **sweep_invoke_arguments(const struct sweep_plan *p, const struct sweep_cell *c, int *n) {
  struct arguments a = cell_arguments(p, c);
  *n = a.n;
  return a.v;
}

void sweep_invoke(const struct sweep_plan *p, const struct sweep_cell *c, struct child_outcome *out) {
  struct arguments a = cell_arguments(p, c);
  /* the very file that this process runs, even when another was built in its place meanwhile */
  struct child_request request = {*c->program ? c->program : "/proc/self/exe", a.v,
                                  sweep_environment_for_child(c->library, p->keep_env), p->timeout_s, false};
  sweep_child_run(&request, out);
  sweep_environment_free(request.envp);
  sweep_free_words(a.v, a.n);
}
