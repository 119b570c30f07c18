/* compare-campaigns.h: campaigns made up for tests, number by number: what a value is, is said where it is written. */
#ifndef RECLAIM_COMPARE_CAMPAIGNS_H
#define RECLAIM_COMPARE_CAMPAIGNS_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One invocation. What is left out is plain: two measured iterations after a warm-up, ok, 1000 operations in each. */
struct made {
  const char *strategy, *workload, *parameters, *tunables, *sharing, *allocator, *heap, *limit, *side, *machine, *status, *steady,
      *plant, *counting;
  int threads, collectors, block, pass;
  double us;         /* wall time per operation; CPU is twice that */
  double mib;        /* mean RSS; the peak is twice that */
  const char *pause; /* of the longest, ns; "": not recorded */
  double leaked;     /* objects */
  bool poor, over;
  int iterations; /* 0: 2 */
};

struct made_campaign {
  char dir[128];
  FILE *rows;
  char cells[65536]; /* of the plan */
  int invocation;
  const char *name; /* of the campaign; NULL: made */
  const char *json; /* more keys for campaign.json */
  int blocks, warmup, iterations;
  bool finished;
};

static char made_root[64];

static inline void made_enter(void) {
  setenv("LC_ALL", "C.UTF-8", 1);
  strcpy(made_root, "/tmp/reclaim-compare-XXXXXX");
  cr_assert_not_null(mkdtemp(made_root));
}

static inline void made_leave(void) {
  char line[128];
  snprintf(line, sizeof line, "rm -rf %s", made_root);
  cr_assert_eq(system(line), 0);
}

static const char made_header[] = "machine,block,invocation,repeat,iteration,phase,workload,parameters,sharing,strategy,tunables,"
                                  "threads,collector_threads,pinning,allocator,heap_policy,heap_limit_bytes,side,status,reason,"
                                  "operations,wall_ns,cpu_user_ns,cpu_system_ns,pause_max_ns,pause_p99_ns,rss_mean_bytes,"
                                  "rss_peak_bytes,leaked_objects,control_ok,oversubscribed,steady,plant,counting\n";

static inline void made_open(struct made_campaign *c, const char *name) {
  char path[200];
  *c = (struct made_campaign){.json = "", .warmup = 1, .iterations = 2};
  snprintf(c->dir, sizeof c->dir, "%s/%s", made_root, name);
  cr_assert_eq(mkdir(c->dir, 0777), 0);
  snprintf(path, sizeof path, "%.120s/samples.csv", c->dir);
  c->rows = fopen(path, "w");
  cr_assert_not_null(c->rows);
  fputs(made_header, c->rows);
}

static inline const char *made_or(const char *text, const char *otherwise) { return text ? text : otherwise; }

static inline void made_plan(struct made_campaign *c, const struct made *m) {
  char cell[1000];
  snprintf(cell, sizeof cell,
           "{\"workload\": \"%s\", \"parameters\": \"%s\", \"sharing\": \"%s\", \"strategy\": \"%s\", \"tunables\": \"%s\", "
           "\"threads\": "
           "%d, \"collector_threads\": %d, \"pinning\": \"compact\", \"allocator\": \"%s\", \"heap_policy\": \"%s\", \"side\": "
           "\"%s\"}",
           made_or(m->workload, "lists"), made_or(m->parameters, "live=10"), made_or(m->sharing, "private"), m->strategy,
           made_or(m->tunables, ""), m->threads ? m->threads : 1, m->collectors ? m->collectors : 1,
           made_or(m->allocator, "pool"), made_or(m->heap, "n/a"), made_or(m->side, ""));
  if (strstr(c->cells, cell)) return;
  cr_assert_lt(strlen(c->cells) + strlen(cell) + 4, sizeof c->cells);
  if (*c->cells) strcat(c->cells, ",\n");
  strcat(c->cells, cell);
}

static inline void made_add(struct made_campaign *c, struct made m) {
  const char *status = made_or(m.status, "ok");
  bool ran = !strcmp(status, "ok") || !strcmp(status, "uncollected");
  made_plan(c, &m);
  if (!strcmp(status, "not-run")) return;
  int last = !ran ? 0 : m.iterations ? m.iterations : 2;
  for (int i = 0; i <= last; i++) {
    bool nature = !strcmp(status, "not-applicable");
    fprintf(c->rows, "%s,", made_or(m.machine, "host"));
    nature ? fprintf(c->rows, ",,") : fprintf(c->rows, "%d,%d,", m.block, c->invocation);
    ran ? fprintf(c->rows, "%d,%d,%s,", m.pass > 0, i, i ? "measured" : "warmup") : fprintf(c->rows, "%d,,,", m.pass > 0);
    fprintf(c->rows, "%s,%s,%s,%s,%s,%d,%d,compact,%s,%s,%s,%s,%s,", made_or(m.workload, "lists"),
            made_or(m.parameters, "live=10"), made_or(m.sharing, "private"), m.strategy, made_or(m.tunables, ""),
            m.threads ? m.threads : 1, m.collectors ? m.collectors : 1, made_or(m.allocator, "pool"), made_or(m.heap, "n/a"),
            made_or(m.limit, ""), made_or(m.side, ""), status);
    double ns = 1e6 * m.us, mib = m.mib > 0 ? m.mib : 8;
    if (ran)
      fprintf(c->rows, ",1000,%.17g,%.17g,0,%s,,%.17g,%.17g,%g,", ns, 2 * ns, made_or(m.pause, ""), mib * 1048576, mib * 2097152,
              m.leaked);
    else
      fprintf(c->rows, "it broke,,,,,,,,,,");
    fprintf(c->rows, "%d,%d,%s,%s,%s\n", !m.poor, m.over, made_or(m.steady, "steady"), made_or(m.plant, ""),
            made_or(m.counting, "0"));
  }
  c->invocation++;
  if (m.block + 1 > c->blocks) c->blocks = m.block + 1;
}

/* The same in `blocks` blocks; its times are factors of us: 1.00, 1.01, 1.02, ... */
static inline void made_blocks(struct made_campaign *c, struct made m, int blocks) {
  double us = m.us;
  for (m.block = 0; m.block < blocks; m.block++) {
    m.us = us * (1 + 0.01 * m.block);
    made_add(c, m);
  }
}

static inline const char *made_close(struct made_campaign *c) {
  char path[200];
  fclose(c->rows);
  snprintf(path, sizeof path, "%.120s/campaign.json", c->dir);
  FILE *out = fopen(path, "w");
  fprintf(out, "{\"schema\": 1, \"campaign\": \"%s\", \"warnings\": [], \"finished\": %s%s,\n", made_or(c->name, "made"),
          c->finished ? "true" : "false", c->json);
  fprintf(out, "\"plan\": {\"blocks\": %d, \"warmup\": %d, \"iterations\": %d, \"cells\": [%s]}}\n", c->blocks, c->warmup,
          c->iterations, c->cells);
  fclose(out);
  return c->dir;
}

/* --- What the program says ----------------------------------------------------------------------------------------------------------------- */

/* A descriptor sent into a file, and back; the file's text is the caller's. */
struct aside {
  int fd, kept;
  char path[128];
};

static inline void aside_begin(struct aside *a, int fd, const char *name) {
  fflush(NULL);
  snprintf(a->path, sizeof a->path, "%s/%s", made_root, name);
  a->fd = fd;
  a->kept = dup(fd);
  int file = open(a->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  cr_assert(a->kept >= 0 && file >= 0 && dup2(file, fd) == fd);
  close(file);
}

static inline char *aside_end(struct aside *a) {
  fflush(NULL);
  cr_assert_eq(dup2(a->kept, a->fd), a->fd);
  close(a->kept);
  FILE *in = fopen(a->path, "r");
  char *text = calloc(1, 1 << 20);
  cr_assert(in && text);
  size_t n = fread(text, 1, (1 << 20) - 1, in);
  text[n] = '\0';
  fclose(in);
  return text;
}

#endif
