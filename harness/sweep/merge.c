/* merge.c: see merge.h. */
#define _GNU_SOURCE 1 /* O_CLOEXEC */
#include "merge.h"

#include "harness/report/report.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/flags.h"
#include "harness/sweep/store.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_PARTS = 10000 };

struct part {
  const char *dir;
  json_t *json;
  struct sweep_plan plan;
  struct journal journal;
};

struct merge {
  struct part *part;
  int n;
  int *owner; /* by invocation: the part that holds it, plus 1; 0: none */
  int64_t ninvocations;
  const char *out;
  char *made_in; /* the folder in which it comes into being */
  char at[4096]; /* the file that was last read or written, for a message */
  json_t *json;  /* of the whole */
  struct sweep_plan plan;
  struct journal journal;
};

static const char *text_at(const json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? s : "";
}

/* --- What must be equal ------------------------------------------------------------------------------------------------------- */

/* Keys of the plan, and of each of its cells, that may differ from part to part: they say where and which, not what. */
static const char *const own_of_plan[] = {"shard", "pus", "memory_limit_bytes", "cells"};
static const char *const own_of_cell[] = {"cpus", "object", "library", "objects", "program", "oversubscribed"};

static bool is_own(const char *key, const char *const *own, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!strcmp(key, own[i])) return true;
  return false;
}

/* The first key in which two objects differ, apart from `own`; NULL where they do not. */
static const char *difference(json_t *a, json_t *b, const char *const *own, size_t n) {
  const char *key;
  json_t *v;
  json_object_foreach(a, key, v) if (!is_own(key, own, n) && !json_equal(v, json_object_get(b, key))) return key;
  json_object_foreach(b, key, v) if (!is_own(key, own, n) && !json_object_get(a, key)) return key;
  return NULL;
}

static int refuse_difference(const struct part *a, const struct part *b, const char *what, const char *key, json_t *in_a,
                             json_t *in_b) {
  char *x = json_dumps(json_object_get(in_a, key), JSON_ENCODE_ANY | JSON_COMPACT),
       *y = json_dumps(json_object_get(in_b, key), JSON_ENCODE_ANY | JSON_COMPACT);
  int rc = sweep_refuse("%s and %s are not parts of one sweep: %s%s is %.80s in one and %.80s in the other", a->dir, b->dir, what,
                        key, x ? x : "absent", y ? y : "absent");
  free(x);
  free(y);
  return rc;
}

/* One plan, one program, one seed. */
static int check_same(const struct part *a, const struct part *b) {
  static const char *const common[] = {"commit", "seed", "baseline"};
  json_t *pa = json_object_get(a->json, "plan"), *pb = json_object_get(b->json, "plan");
  json_t *ca = json_object_get(pa, "cells"), *cb = json_object_get(pb, "cells");
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    if (!json_equal(json_object_get(a->json, common[i]), json_object_get(b->json, common[i])))
      return refuse_difference(a, b, "the ", common[i], a->json, b->json);
  const char *key = difference(pa, pb, own_of_plan, sizeof own_of_plan / sizeof *own_of_plan);
  if (key) return refuse_difference(a, b, "the plan's ", key, pa, pb);
  if (json_array_size(ca) != json_array_size(cb))
    return sweep_refuse("%s and %s are not parts of one sweep: one has %zu cells and the other %zu", a->dir, b->dir,
                        json_array_size(ca), json_array_size(cb));
  for (size_t i = 0; i < json_array_size(ca); i++) {
    json_t *x = json_array_get(ca, i), *y = json_array_get(cb, i);
    if (!(key = difference(x, y, own_of_cell, sizeof own_of_cell / sizeof *own_of_cell))) continue;
    char *title = sweep_cell_title(&a->plan.cells[i]), *what = sweep_format("of the cell %s, ", title);
    int rc = refuse_difference(a, b, what, key, x, y);
    free(title);
    free(what);
    return rc;
  }
  return 0;
}

/* --- What a journal may hold -------------------------------------------------------------------------------------------------- */

/* The fields of a row that tell whose it is. */
static int check_row(const struct part *p, int64_t invocation, int block, const struct sweep_cell *c, const char *row) {
  char *copy = sweep_strdup(row), *f[SWEEP_ROW_FIELDS], threads[16], number[32], seed[32], planned[16];
  int n = sweep_csv_split(copy, f, SWEEP_ROW_FIELDS), rc = 0;
  const char *const *names;
  snprintf(threads, sizeof threads, "%d", c->threads);
  snprintf(number, sizeof number, "%" PRId64, invocation);
  snprintf(seed, sizeof seed, "%" PRIu64, p->plan.seed);
  snprintf(planned, sizeof planned, "%d", block);
  const struct {
    int column;
    const char *must;
  } same[] = {{ROW_CAMPAIGN, text_at(p->json, "campaign")},
              {ROW_SEED, seed},
              {ROW_BLOCK, planned},
              {ROW_INVOCATION, number},
              {ROW_WORKLOAD, c->workload},
              {ROW_PARAMETERS, c->parameters},
              {ROW_SHARING, c->sharing},
              {ROW_STRATEGY, c->strategy},
              {ROW_TUNABLES, c->tunables},
              {ROW_THREADS, threads},
              {ROW_ALLOCATOR, c->allocator},
              {ROW_HEAP_POLICY, c->heap_policy}};
  if (n != sweep_rows_columns(&names))
    rc = sweep_refuse("%s: invocation %" PRId64 " has rows of %d fields, and a row has %d", p->dir, invocation, n,
                      sweep_rows_columns(&names));
  for (size_t i = 0; i < sizeof same / sizeof *same && !rc; i++)
    if (strcmp(f[same[i].column], same[i].must))
      rc = sweep_refuse("%s: invocation %" PRId64 " is not of this sweep: its %s is '%.60s', and '%.60s' is due", p->dir,
                        invocation, names[same[i].column], f[same[i].column], same[i].must);
  free(copy);
  return rc;
}

static int check_invocation(const struct merge *m, const struct part *p, int64_t i) {
  const struct sweep_plan *plan = &p->plan;
  int block = (int)(i / plan->nruns), at = (int)(i % plan->nruns), rc = 0;
  if (i >= m->ninvocations)
    return sweep_refuse("%s: invocation %" PRId64 " is beyond the %d blocks of the plan", p->dir, i, plan->blocks);
  int *order = sweep_alloc((size_t)plan->nruns, sizeof *order);
  sweep_plan_order(plan, block, order);
  if (!sweep_plan_has(plan, block, order[at]))
    rc = sweep_refuse("%s: invocation %" PRId64 " is of block %d, which is not of part %d/%d", p->dir, i,
                      sweep_plan_block(plan, block), plan->shard + 1, plan->shards);
  const struct journal_entry *e = &p->journal.entries[i];
  for (int r = 0; r < e->nrows && !rc; r++)
    rc = check_row(p, i, sweep_plan_block(plan, block), &plan->cells[order[at]], e->rows[r]);
  free(order);
  return rc;
}

/* Every invocation is of the plan, and is held by one part. */
static int claim(struct merge *m, int at) {
  struct part *p = &m->part[at];
  for (int64_t i = 0; i < p->journal.nentries; i++) {
    if (!sweep_journal_complete(&p->journal, i)) continue;
    int rc = check_invocation(m, p, i);
    if (rc) return rc;
    if (m->owner[i])
      return sweep_refuse("%s and %s both hold block %d (invocation %" PRId64 "): nothing may be there twice",
                          m->part[m->owner[i] - 1].dir, p->dir, sweep_plan_block(&p->plan, (int)(i / p->plan.nruns)), i);
    m->owner[i] = at + 1;
  }
  return 0;
}

static int open_part(struct part *p, const char *dir) {
  *p = (struct part){.dir = dir, .journal.fd = -1};
  p->json = sweep_store_read_json(dir, &p->plan);
  if (!p->json) return SWEEP_BAD_INPUT;
  if (json_object_get(p->json, "parts")) return sweep_refuse("%s: it was merged already; name its parts", dir);
  if (!p->plan.blocks) return sweep_refuse("%s: its pilot is not finished", dir);
  int rc = sweep_journal_read(&p->journal, dir);
  if (!rc && p->journal.campaign && strcmp(p->journal.campaign, text_at(p->json, "campaign")))
    rc = sweep_refuse("%s: journal.log belongs to the campaign %s, campaign.json to %s", dir, p->journal.campaign,
                      text_at(p->json, "campaign"));
  if (!rc && p->journal.damaged)
    sweep_say("warning: %s/journal.log: %d record(s) are torn or damaged; what they belonged to is not in the whole", dir,
              p->journal.damaged);
  return rc;
}

static int open_parts(struct merge *m, const char *const *dirs, int n) {
  m->part = sweep_alloc((size_t)n, sizeof *m->part);
  for (m->n = 0; m->n < n;) {
    struct part *p = &m->part[m->n];
    struct stat st, other;
    for (int k = 0; k < m->n; k++)
      if (stat(dirs[m->n], &st) == 0 && stat(m->part[k].dir, &other) == 0 && st.st_ino == other.st_ino &&
          st.st_dev == other.st_dev)
        return sweep_refuse("%s is given twice", dirs[m->n]);
    m->n++;
    int rc = open_part(p, dirs[m->n - 1]);
    if (!rc) rc = check_same(&m->part[0], p);
    if (rc) return rc;
  }
  const struct sweep_plan *plan = &m->part[0].plan;
  m->ninvocations = sweep_plan_invocation(plan, sweep_plan_end(plan) + plan->blocks, 0);
  m->owner = sweep_alloc((size_t)m->ninvocations, sizeof *m->owner);
  for (int i = 0; i < n; i++) {
    int rc = claim(m, i);
    if (rc) return rc;
  }
  return 0;
}

/* --- The whole ---------------------------------------------------------------------------------------------------------------- */

static bool is_finished(const struct merge *m) {
  const struct sweep_plan *p = &m->plan;
  int *order = sweep_alloc((size_t)p->nruns, sizeof *order);
  bool all = true;
  for (int b = 0; b < sweep_plan_end(p) && all; b++) {
    sweep_plan_order(p, b, order);
    for (int at = 0; at < p->nruns; at++) all &= !sweep_plan_has(p, b, order[at]) || m->owner[sweep_plan_invocation(p, b, at)];
  }
  free(order);
  return all;
}

/* What each part says of itself. */
static json_t *part_json(const struct part *p) {
  static const char *const kept[] = {"campaign", "machine", "host", "started_at", "environment",
                                     "findings", "objects", "runs", "overhead"};
  json_t *o = json_object();
  json_object_set_new(o, "dir", json_string(p->dir));
  json_object_set_new(o, "shard", json_sprintf("%d/%d", p->plan.shard + 1, p->plan.shards));
  json_object_set_new(o, "invocations", json_integer((json_int_t)p->journal.complete));
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    json_t *v = json_object_get(p->json, kept[i]);
    json_object_set(o, kept[i], v ? v : json_null());
  }
  return o;
}

static json_t *all_warnings(const struct merge *m) {
  json_t *all = json_array();
  for (int i = 0; i < m->n; i++) {
    size_t k;
    json_t *w;
    json_array_foreach(json_object_get(m->part[i].json, "warnings"), k, w) {
      json_t *said = json_sprintf("%s: %s", text_at(m->part[i].json, "host"), json_string_value(w) ? json_string_value(w) : "");
      bool known = false;
      for (size_t j = 0; j < json_array_size(all); j++) known |= json_equal(json_array_get(all, j), said);
      if (known)
        json_decref(said);
      else
        json_array_append_new(all, said);
    }
  }
  return all;
}

static void make_json(struct merge *m, const char *name, int argc, char **argv) {
  const struct part *first = &m->part[0];
  json_t *machines = json_array(), *parts = json_array(), *command = json_array();
  for (int i = 0; i < argc; i++) json_array_append_new(command, json_string(argv[i]));
  for (int i = 0; i < m->n; i++) {
    json_t *machine = json_object_get(m->part[i].json, "machine");
    bool known = false;
    for (size_t k = 0; k < json_array_size(machines); k++) known |= json_equal(json_array_get(machines, k), machine);
    if (!known) json_array_append(machines, machine);
    json_array_append_new(parts, part_json(&m->part[i]));
  }
  bool one = json_array_size(machines) == 1;
  char now[40];
  sweep_timestamp(now, sizeof now);
  m->json = json_object();
  json_object_set_new(m->json, "schema", json_integer(1));
  json_object_set_new(m->json, "campaign", json_string(name));
  json_object_set_new(m->json, "started_at", json_string(now));
  json_object_set(m->json, "machine", one ? json_array_get(machines, 0) : json_null());
  json_object_set_new(m->json, "machines", machines);
  static const char *const copied[] = {"commit", "seed", "baseline"};
  for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
    json_object_set(m->json, copied[i], json_object_get(first->json, copied[i]));
  json_object_set_new(m->json, "command", command);
  json_object_set(m->json, "environment", one ? json_object_get(first->json, "environment") : json_null());
  json_object_set_new(m->json, "plan", sweep_plan_json(&m->plan));
  json_object_set_new(m->json, "warnings", all_warnings(m));
  json_object_set_new(m->json, "parts", parts);
  json_object_set_new(m->json, "finished", json_boolean(is_finished(m)));
}

/* From here on it is about DIR/FILE. Returns its path. */
static const char *go_to(struct merge *m, const char *dir, const char *file) {
  snprintf(m->at, sizeof m->at, "%s/%s", dir, file);
  return m->at;
}

/* Appends FILE of a part, without its first `skip` bytes, to what lies open in `dir`. */
static bool append_file(struct merge *m, int fd, const struct part *p, const char *dir, const char *file, size_t skip) {
  size_t n = 0;
  char *text = sweep_read_file(go_to(m, p->dir, file), &n);
  bool ok = text || errno == ENOENT;
  if (text && n > skip) {
    go_to(m, dir, file);
    ok = sweep_write_all(fd, text + skip, n - skip);
  }
  int why = errno;
  free(text);
  errno = why;
  return ok;
}

static int open_in(struct merge *m, const char *dir, const char *file) {
  return open(go_to(m, dir, file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

static bool write_text(struct merge *m, const char *dir, const char *file, const char *text) {
  int fd = open_in(m, dir, file);
  bool ok = fd >= 0 && sweep_write_all(fd, text, strlen(text));
  return fd >= 0 && close(fd) == 0 && ok;
}

/* The files of all parts, one behind the other; topology.xml is that of the first. */
static bool join_files(struct merge *m, const char *dir) {
  static const char *const files[] = {"rss.csv", "histograms.jsonl", "topology.xml"};
  for (int k = 0; k < 3; k++) {
    int fd = open_in(m, dir, files[k]);
    bool ok = fd >= 0 && (k || sweep_write_all(fd, STORE_RSS_HEADER, strlen(STORE_RSS_HEADER)));
    for (int i = 0; i < (k == 2 ? 1 : m->n) && ok; i++)
      ok = append_file(m, fd, &m->part[i], dir, files[k], k ? 0 : strlen(STORE_RSS_HEADER));
    int why = errno;
    if (fd >= 0 && close(fd) && ok) go_to(m, dir, files[k]), why = errno, ok = false;
    errno = why;
    if (!ok) return false;
  }
  return true;
}

static bool join_journals(struct merge *m) {
  go_to(m, m->made_in, "journal.log");
  for (int64_t i = 0; i < m->ninvocations; i++) {
    if (!m->owner[i]) continue;
    const struct journal_entry *e = &m->part[m->owner[i] - 1].journal.entries[i];
    bool ok = sweep_journal_start(&m->journal, i);
    for (int r = 0; r < e->nrows && ok; r++) ok = sweep_journal_row(&m->journal, i, e->rows[r]);
    if (!ok || !sweep_journal_done(&m->journal, i, e->seconds, 0, 0)) return false;
  }
  return sweep_journal_sync(&m->journal);
}

static int write_whole(struct merge *m, const char *dir, const char *name, struct samples_summary *sum) {
  struct row_campaign campaign = {name, text_at(m->part[0].json, "host"), text_at(m->json, "commit"), m->plan.seed};
  char *text = json_dumps(m->json, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  int rc = sweep_journal_create(&m->journal, dir, name);
  if (!rc && (!text || !join_journals(m) || !join_files(m, dir) || !write_text(m, dir, "campaign.json", text)))
    rc = sweep_refuse("%s: %s", m->at, strerror(errno));
  if (!rc) rc = sweep_samples_write(dir, &campaign, &m->plan, &m->journal, sum);
  free(text);
  return rc;
}

/* A folder that an earlier merge was killed in is cleared away; one that another merge works in is not. */
static int make_place(struct merge *m) {
  char *journal = sweep_format("%s/journal.log", m->made_in);
  int fd = open(journal, O_RDONLY | O_CLOEXEC), rc = 0;
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) rc = sweep_refuse("%s: another merge is writing there", m->made_in);
  if (!rc) sweep_store_remove(m->made_in);
  if (fd >= 0) close(fd);
  if (!rc && mkdir(m->made_in, 0777)) rc = sweep_refuse("%s: %s", m->made_in, strerror(errno));
  free(journal);
  return rc;
}

/* Whether something could be renamed to it at all. */
static int check_out(const char *out) {
  bool made;
  int rc = sweep_store_make_dir(out, &made);
  if (!rc && made) rmdir(out);
  return rc;
}

static int make_whole(struct merge *m, int argc, char **argv, struct samples_summary *sum) {
  int rc = check_out(m->out);
  if (rc) return rc;
  char *host = sweep_environment_host(), *name = sweep_store_name(host);
  m->plan = m->part[0].plan; /* borrowed from it, but for these */
  m->plan.shard = 0, m->plan.shards = 1;
  make_json(m, name, argc, argv);
  if (!(rc = make_place(m))) {
    rc = write_whole(m, m->made_in, name, sum);
    if (!rc && rename(m->made_in, m->out)) rc = sweep_refuse("%s: %s", m->out, strerror(errno));
    if (rc) sweep_store_remove(m->made_in);
  }
  free(host);
  free(name);
  return rc;
}

/* --- The command ---------------------------------------------------------------------------------------------------------------- */

static void say_whole(const struct merge *m, const struct samples_summary *sum) {
  if (json_is_false(json_object_get(m->json, "finished")))
    sweep_say("warning: %s: the plan's %d blocks are not all there", m->out, m->plan.blocks);
  printf("%" PRId64 " invocations of %d campaigns on %zu machine(s), in %s\n", sum->invocations, m->n,
         json_array_size(json_object_get(m->json, "machines")), m->out);
}

static void close_merge(struct merge *m) {
  for (int i = 0; i < m->n; i++) {
    json_decref(m->part[i].json);
    sweep_plan_free(&m->part[i].plan);
    sweep_journal_close(&m->part[i].journal);
  }
  sweep_journal_close(&m->journal);
  json_decref(m->json);
  free(m->part);
  free(m->owner);
  free(m->made_in);
}

int sweep_merge_main(int argc, char **argv) {
  const char *out = NULL, **dirs = sweep_alloc((size_t)argc, sizeof *dirs);
  const struct flag table[] = {{"out", "DIR", "where the whole goes: a new or empty folder", &out}};
  const struct flags flags = {
      "reclaim merge DIR DIR... --out DIR\n\n"
      "Puts together what `reclaim run --shard I/N` measured, on one machine or several; then `reclaim report DIR`.\n"
      "The parts are only read. What is there twice, or is not of one sweep, is refused.\n",
      table,
      1,
      "folder",
      2,
      MOST_PARTS};
  struct merge m = {.journal.fd = -1};
  struct samples_summary sum;
  bool done;
  int n, rc = flags_read(&flags, argc, argv, dirs, &n, &done);
  if (!rc && !done && !out) rc = sweep_refuse("merge needs --out DIR: where the whole goes");
  if (!rc && !done) {
    m.out = out;
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/') length--;
    m.made_in = sweep_format("%.*s.merging", (int)length, out);
    rc = open_parts(&m, dirs, n);
    if (!rc) rc = make_whole(&m, argc, argv, &sum);
    if (!rc) say_whole(&m, &sum);
  }
  close_merge(&m);
  free(dirs);
  return rc;
}
