/* store.c: making, opening and filling the folder of a campaign. */
#define _GNU_SOURCE 1 /* O_CLOEXEC */
#include "store.h"

#include "harness/sweep/environment.h"
#include "harness/sweep/objects.h"
#include "harness/sweep/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* What an invocation is expected to need on disk, in bytes: a row in two files, and what is sampled beside it. Only for the
   question whether there is room at all. */
enum { ROW_BYTES = 2 * 900, INVOCATION_BYTES = 48 << 10 };

static char *in_dir(const char *dir, const char *file) { return sweep_format("%s/%s", dir, file); }

/* --- The folder ------------------------------------------------------------------------------------------------------------- */

char *sweep_store_name(const char *host) {
  char date[32];
  time_t now = time(NULL);
  struct tm tm;
  strftime(date, sizeof date, "%Y%m%d-%H%M%S", localtime_r(&now, &tm));
  return sweep_format("%s-%s-%ld", date, host, (long)getpid());
}

/* -1: it cannot be read. */
static int is_empty(const char *dir) {
  DIR *d = opendir(dir);
  if (!d) return -1;
  int entries = 0;
  for (struct dirent *e; (e = readdir(d));) entries += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
  closedir(d);
  return entries == 0;
}

int sweep_store_make_dir(const char *dir, bool *made) {
  *made = mkdir(dir, 0777) == 0;
  if (*made) return 0;
  if (errno != EEXIST) return sweep_refuse("output folder %s: %s", dir, strerror(errno));
  int empty = is_empty(dir);
  if (empty < 0) return sweep_refuse("output folder %s: %s", dir, strerror(errno));
  return empty ? 0 : sweep_refuse("output folder %s: it exists and is not empty (--resume goes on with a sweep)", dir);
}

/* Whether files can be written there at all, and are likely to fit. */
static int probe(const char *dir, const struct sweep_plan *p) {
  char *path = in_dir(dir, ".probe"), block[65536] = {0};
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool ok = fd >= 0 && sweep_write_all(fd, block, sizeof block) && (fsync(fd) == 0 || errno == EINVAL);
  int why = errno;
  if (fd >= 0) close(fd), unlink(path);
  free(path);
  if (!ok) return sweep_refuse("output folder %s: %s", dir, strerror(why));
  struct statvfs fs;
  double need = (double)p->nruns * (p->pilot + (p->blocks ? p->blocks : p->most_blocks)) *
                (INVOCATION_BYTES + ROW_BYTES * (double)(p->warmup + p->iterations));
  double room = statvfs(dir, &fs) ? need : (double)fs.f_bavail * (double)fs.f_frsize;
  if (room >= need) return 0;
  return sweep_refuse("output folder %s: %.0f MiB are free, the sweep may need %.0f MiB", dir, room / 1048576, need / 1048576);
}

/* results/latest, replaced in one step; a name that is no link of ours is left alone. */
static void point_latest(const char *name) {
  struct stat st;
  if (lstat("results/latest", &st) == 0 && !S_ISLNK(st.st_mode)) return;
  char *temporary = sweep_format("results/.latest-%ld", (long)getpid());
  if (symlink(name, temporary) == 0 && rename(temporary, "results/latest")) unlink(temporary);
  free(temporary);
}

/* --- campaign.json ---------------------------------------------------------------------------------------------------------- */

static json_t *text_array(char *const *texts, int n) {
  json_t *a = json_array();
  for (int i = 0; i < n; i++) {
    json_t *text = json_string(texts[i]);
    json_array_append_new(a, text ? text : json_string("(not UTF-8)"));
  }
  return a;
}

static json_t *new_record(const struct store *s, const char *name, int argc, char **argv) {
  char now[40];
  sweep_timestamp(now, sizeof now);
  return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:[]}", "schema", 1, "campaign", name,
                   "started_at", now, "host", s->host, "machine", s->machine, "commit", sweep_program_commit(), "seed",
                   (json_int_t)s->plan.seed, "baseline", s->plan.baseline, "command", text_array(argv, argc), "objects",
                   sweep_objects_json(&s->plan), "environment", sweep_environment_record(sweep_environment_threads(&s->plan)),
                   "plan", sweep_plan_json(&s->plan), "warnings", text_array(s->plan.warnings, s->plan.nwarnings), "finished", 0,
                   "runs");
}

int sweep_store_save(struct store *s) {
  char *path = in_dir(s->dir, "campaign.json"), *temporary = in_dir(s->dir, "campaign.json.new");
  char *text = json_dumps(s->json, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  int fd = text ? open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
  bool ok = fd >= 0 && sweep_write_all(fd, text, strlen(text)) && sweep_write_all(fd, "\n", 1);
  if (fd >= 0) ok = close(fd) == 0 && ok;
  ok = ok && rename(temporary, path) == 0;
  int rc = ok ? 0 : sweep_refuse("%s: %s", path, strerror(errno));
  if (!ok) unlink(temporary);
  free(text);
  free(path);
  free(temporary);
  return rc;
}

/* --- The other files -------------------------------------------------------------------------------------------------------- */

static int write_file(const char *dir, const char *file, const char *text) {
  char *path = in_dir(dir, file);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  bool ok = fd >= 0 && sweep_write_all(fd, text, strlen(text));
  if (fd >= 0) ok = close(fd) == 0 && ok;
  int rc = ok ? 0 : sweep_refuse("%s: %s", path, strerror(errno));
  free(path);
  return rc;
}

/* Opens for appending, cut back to its first `size` bytes. */
static int open_stream(const char *dir, const char *file, int64_t size, int *fd) {
  char *path = in_dir(dir, file);
  struct stat st;
  *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  bool ok = *fd >= 0 && fstat(*fd, &st) == 0;
  if (ok && size >= 0 && st.st_size > size) ok = ftruncate(*fd, size) == 0;
  int rc = ok ? 0 : sweep_refuse("%s: %s", path, strerror(errno));
  free(path);
  return rc;
}

static int64_t size_of(int fd) {
  struct stat st;
  return fstat(fd, &st) ? 0 : (int64_t)st.st_size;
}

static int open_streams(struct store *s, int64_t rss_size, int64_t hist_size) {
  int rc = open_stream(s->dir, "samples.csv", -1, &s->samples_fd);
  if (!rc) rc = open_stream(s->dir, "rss.csv", rss_size, &s->rss_fd);
  if (!rc) rc = open_stream(s->dir, "histograms.jsonl", hist_size, &s->hist_fd);
  if (rc) return rc;
  s->rss_size = size_of(s->rss_fd);
  s->hist_size = size_of(s->hist_fd);
  return 0;
}

int sweep_store_write_samples(struct store *s, struct samples_summary *out) {
  int rc = sweep_samples_write(s->dir, &s->campaign, &s->plan, &s->journal, out);
  if (s->samples_fd >= 0) close(s->samples_fd); /* it is of the file that was replaced */
  s->samples_fd = -1;
  return rc ? rc : open_stream(s->dir, "samples.csv", -1, &s->samples_fd);
}

static void name_campaign(struct store *s) {
  s->campaign = (struct row_campaign){json_string_value(json_object_get(s->json, "campaign")), s->host,
                                      json_string_value(json_object_get(s->json, "commit")), s->plan.seed};
}

/* --- Creating --------------------------------------------------------------------------------------------------------------- */

static int fill(struct store *s, const char *name) {
  struct samples_summary ignored;
  char *xml = sweep_environment_topology_xml();
  int rc = xml ? write_file(s->dir, "topology.xml", xml) : sweep_refuse("hwloc cannot describe this machine: is memory short?");
  free(xml);
  if (!rc) rc = write_file(s->dir, "rss.csv", STORE_RSS_HEADER);
  if (!rc) rc = write_file(s->dir, "histograms.jsonl", "");
  if (!rc) rc = sweep_journal_create(&s->journal, s->dir, name);
  if (!rc) rc = sweep_store_write_samples(s, &ignored);
  if (!rc) rc = open_streams(s, -1, -1);
  return rc ? rc : sweep_store_save(s);
}

static void remove_files(const char *dir, bool made) {
  static const char *const files[] = {"topology.xml",    "rss.csv",       "histograms.jsonl",  "journal.log", "samples.csv",
                                      "samples.csv.new", "campaign.json", "campaign.json.new", ".probe"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char *path = in_dir(dir, files[i]);
    unlink(path);
    free(path);
  }
  if (made) rmdir(dir);
}

void sweep_store_remove(const char *dir) { remove_files(dir, true); }

int sweep_store_create(struct store *s, struct sweep_plan *plan, const char *out, int argc, char **argv) {
  *s = (struct store){.plan = *plan, .samples_fd = -1, .rss_fd = -1, .hist_fd = -1, .journal.fd = -1};
  *plan = (struct sweep_plan){0};
  s->host = sweep_environment_host();
  s->machine = sweep_environment_machine();
  char *name = sweep_store_name(s->host);
  bool made = false, made_results = !out && mkdir("results", 0777) == 0;
  s->dir = out ? sweep_strdup(out) : sweep_format("results/%s", name);
  s->json = new_record(s, name, argc, argv);
  name_campaign(s);
  int rc = s->json ? sweep_store_make_dir(s->dir, &made) : sweep_refuse("the command line is not UTF-8");
  if (!rc) {
    rc = probe(s->dir, &s->plan);
    if (!rc) rc = fill(s, name);
    if (rc) remove_files(s->dir, made);
  }
  if (rc && made_results) rmdir("results");
  if (!rc && !out && s->plan.sides <= 1)
    point_latest(name); /* what has sides is no campaign to go on with, or to make a table of */
  free(name);
  return rc;
}

/* --- Resuming --------------------------------------------------------------------------------------------------------------- */

static int check_equal(const char *dir, const char *what, const char *theirs, const char *ours) {
  if (theirs && !strcmp(theirs, ours)) return 0;
  return sweep_refuse("%s: it was measured %s %s, and this is %s; a sweep is not continued across that", dir, what,
                      theirs ? theirs : "(unknown)", ours);
}

json_t *sweep_store_read_json(const char *dir, struct sweep_plan *plan) {
  char *path = in_dir(dir, "campaign.json");
  json_error_t e;
  size_t n;
  char *text = sweep_read_file(path, &n);
  *plan = (struct sweep_plan){0};
  int rc = text ? 0 : sweep_refuse("%s: %s", path, strerror(errno));
  json_t *json = text ? json_loadb(text, n, JSON_REJECT_DUPLICATES, &e) : NULL;
  if (text && !json) rc = sweep_refuse("%s:%d: not JSON: %s", path, e.line, e.text);
  free(text);
  if (!rc && json_integer_value(json_object_get(json, "schema")) != 1) rc = sweep_refuse("%s: its schema is not 1", path);
  if (!rc && !json_is_string(json_object_get(json, "campaign"))) rc = sweep_refuse("%s: it names no campaign", path);
  if (!rc) rc = sweep_plan_from_json(plan, json_object_get(json, "plan"), path);
  free(path);
  if (!rc) return json;
  json_decref(json);
  return NULL;
}

static int read_record(struct store *s) {
  s->json = sweep_store_read_json(s->dir, &s->plan);
  if (!s->json) return SWEEP_BAD_INPUT;
  if (json_object_get(s->json, "parts"))
    return sweep_refuse("%s: it was merged from several campaigns; what is missing is measured there", s->dir);
  int rc = check_equal(s->dir, "by commit", json_string_value(json_object_get(s->json, "commit")), sweep_program_commit());
  if (!rc) rc = check_equal(s->dir, "on", json_string_value(json_object_get(s->json, "machine")), s->machine);
  return rc ? rc : sweep_objects_check(&s->plan, s->dir);
}

static int check_journal(const struct store *s) {
  const char *name = s->campaign.name;
  if (s->journal.campaign && strcmp(s->journal.campaign, name))
    return sweep_refuse("%s: journal.log belongs to the campaign %s, campaign.json to %s", s->dir, s->journal.campaign, name);
  return 0;
}

/* The invocation that a line of rss.csv or histograms.jsonl is of; -1: none, a header. */
static int64_t invocation_of_line(const char *line, size_t n) {
  char *end;
  long long number = strtoll(line, &end, 10);
  if (end > line) return number;
  json_t *o = json_loadb(line, n, 0, NULL), *v = json_object_get(o, "invocation");
  int64_t found = json_is_integer(v) ? json_integer_value(v) : -1;
  json_decref(o);
  return found;
}

/* Where records of the journal are damaged, an invocation that is measured again may lie between others: its lines are taken out of
   what was written beside the journal, which so has nothing twice. */
static int leave_out_lost(const struct store *s, const char *file, int64_t size) {
  char *path = in_dir(s->dir, file), *temporary = sweep_format("%s.new", path);
  size_t n = 0;
  char *text = sweep_read_file(path, &n);
  struct text kept = {0};
  sweep_text_add(&kept, "", 0);
  if (n > (size_t)size) n = (size_t)size;
  for (size_t at = 0, length; at < n; at += length) {
    const char *newline = memchr(text + at, '\n', n - at);
    length = newline ? (size_t)(newline - text) - at + 1 : n - at;
    int64_t of = invocation_of_line(text + at, length);
    if (newline && (of < 0 || sweep_journal_complete(&s->journal, of))) sweep_text_add(&kept, text + at, length);
  }
  char *name = sweep_format("%s.new", file);
  int rc = text ? write_file(s->dir, name, kept.s) : sweep_refuse("%s: %s", path, strerror(errno));
  if (!rc && rename(temporary, path)) rc = sweep_refuse("%s: %s", path, strerror(errno));
  if (rc) unlink(temporary);
  sweep_text_free(&kept);
  free(name);
  free(text);
  free(temporary);
  free(path);
  return rc;
}

int sweep_store_resume(struct store *s, const char *dir) {
  *s = (struct store){.dir = sweep_strdup(dir), .samples_fd = -1, .rss_fd = -1, .hist_fd = -1, .journal.fd = -1};
  struct samples_summary ignored;
  s->host = sweep_environment_host();
  s->machine = sweep_environment_machine();
  int rc = read_record(s);
  if (!rc) name_campaign(s);
  if (!rc) rc = sweep_journal_open(&s->journal, dir);
  if (!rc) rc = check_journal(s);
  if (!rc && s->journal.damaged)
    sweep_plan_warn(&s->plan, "%s/journal.log: %d record(s) are torn or damaged; what they belonged to is measured again", dir,
                    s->journal.damaged);
  if (!rc) rc = sweep_store_write_samples(s, &ignored);
  bool nothing = s->journal.complete == 0;
  int64_t rss_size = nothing ? (int64_t)strlen(STORE_RSS_HEADER) : s->journal.rss_size,
          hist_size = nothing ? 0 : s->journal.hist_size;
  if (!rc && s->journal.damaged) {
    rc = leave_out_lost(s, "rss.csv", rss_size);
    if (!rc) rc = leave_out_lost(s, "histograms.jsonl", hist_size);
    rss_size = hist_size = -1;
  }
  return rc ? rc : open_streams(s, rss_size, hist_size);
}

void sweep_store_close(struct store *s) {
  int fds[] = {s->samples_fd, s->rss_fd, s->hist_fd};
  for (int i = 0; i < 3; i++)
    if (fds[i] >= 0) close(fds[i]);
  sweep_journal_close(&s->journal);
  sweep_plan_free(&s->plan);
  json_decref(s->json);
  free(s->dir);
  free(s->host);
  free(s->machine);
  *s = (struct store){.samples_fd = -1, .rss_fd = -1, .hist_fd = -1, .journal.fd = -1};
}

/* --- Recording -------------------------------------------------------------------------------------------------------------- */

static bool append(int fd, const struct text *t, int64_t *size) {
  if (t->n && !sweep_write_all(fd, t->s, t->n)) return false;
  *size += (int64_t)t->n;
  return true;
}

static bool record_rss(struct store *s, int64_t invocation, const json_t *result) {
  struct text t = {0};
  const json_t *samples = json_object_get(result, "rss");
  for (size_t i = 0; i < json_array_size(samples); i++) {
    const json_t *pair = json_array_get(samples, i);
    sweep_text_addf(&t, "%" PRId64 ",%" JSON_INTEGER_FORMAT ",%" JSON_INTEGER_FORMAT "\r\n", invocation,
                    json_integer_value(json_array_get(pair, 0)), json_integer_value(json_array_get(pair, 1)));
  }
  s->file = "rss.csv";
  bool ok = append(s->rss_fd, &t, &s->rss_size);
  sweep_text_free(&t);
  return ok;
}

/* Of the iterations that the counters are of. */
static json_int_t measured_operations(const json_t *result) {
  json_int_t sum = 0;
  size_t i;
  json_t *iteration;
  json_array_foreach(json_object_get(result, "iterations"), i, iteration) {
    const char *phase = json_string_value(json_object_get(iteration, "phase"));
    if (phase && !strcmp(phase, "measured")) sum += json_integer_value(json_object_get(iteration, "operations"));
  }
  return sum;
}

static bool record_histograms(struct store *s, const struct row_place *place, json_t *result) {
  static const char *const keys[] = {"pauses", "safepoints", "lock_waits", "counters"};
  if (!result) return true;
  const struct sweep_cell *c = place->cell;
  json_t *o =
      json_pack("{s:s, s:I, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:I}", "campaign", s->campaign.name, "invocation",
                (json_int_t)place->invocation, "block", place->block, "workload", c->workload, "parameters", c->parameters,
                "sharing", c->sharing, "strategy", c->strategy, "tunables", c->tunables, "threads", c->threads, "allocator",
                c->allocator, "heap_policy", c->heap_policy, "heap_limit_bytes",
                c->heap_limit ? json_integer((json_int_t)c->heap_limit) : json_null(), "operations", measured_operations(result));
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_t *v = json_object_get(result, keys[i]);
    json_object_set(o, keys[i], v ? v : json_null());
  }
  char *line = json_dumps(o, JSON_COMPACT);
  struct text t = {0};
  if (line) sweep_text_addf(&t, "%s\n", line);
  s->file = "histograms.jsonl";
  bool ok = append(s->hist_fd, &t, &s->hist_size);
  sweep_text_free(&t);
  free(line);
  json_decref(o);
  return ok;
}

static bool record_rows(struct store *s, int64_t invocation, char **rows, int n, double seconds) {
  s->file = "journal.log";
  for (int i = 0; i < n; i++)
    if (!sweep_journal_row(&s->journal, invocation, rows[i])) return false;
  if (!sweep_journal_done(&s->journal, invocation, seconds, s->rss_size, s->hist_size)) return false;
  struct text t = {0};
  for (int i = 0; i < n; i++) sweep_text_addf(&t, "%s\r\n", rows[i]);
  s->file = "samples.csv";
  bool ok = sweep_write_all(s->samples_fd, t.s, t.n);
  sweep_text_free(&t);
  return ok;
}

bool sweep_store_record(struct store *s, const struct row_place *place, const struct child_outcome *outcome) {
  int n;
  json_t *result;
  char **rows = sweep_rows_of_outcome(&s->campaign, place, outcome, s->plan.timeout_s, &n, &result);
  bool ok = record_rss(s, place->invocation, result) && record_histograms(s, place, result) &&
            record_rows(s, place->invocation, rows, n, outcome->seconds);
  int why = errno;
  sweep_free_words(rows, n);
  json_decref(result);
  errno = why;
  return ok;
}
