/* journal.c: appending and replaying. */
#define _GNU_SOURCE 1 /* O_CLOEXEC beside O_APPEND */
#include "journal.h"

#include "harness/sweep/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* --- What is remembered ----------------------------------------------------------------------------------------------------- */

/* Room for what comes is zero pages until it is used. */
static struct journal_entry *entry(struct journal *j, int64_t invocation) {
  if (invocation < 0 || invocation >= JOURNAL_MOST) return NULL;
  if (invocation >= j->room) {
    int64_t n = invocation < 32 ? 64 : invocation * 2;
    struct journal_entry *more = sweep_alloc((size_t)n, sizeof *more);
    if (j->nentries) memcpy(more, j->entries, (size_t)j->nentries * sizeof *more);
    free(j->entries);
    j->entries = more;
    j->room = n;
  }
  if (invocation >= j->nentries) j->nentries = invocation + 1;
  return &j->entries[invocation];
}

static void forget_rows(struct journal *j, struct journal_entry *e) {
  sweep_free_words(e->rows, e->nrows);
  j->complete -= e->complete;
  *e = (struct journal_entry){0};
}

static void acknowledge(struct journal *j, struct journal_entry *e, double seconds, int64_t rss_size, int64_t hist_size) {
  j->complete += !e->complete;
  e->complete = true;
  e->seconds = seconds;
  j->rss_size = rss_size;
  j->hist_size = hist_size;
}

bool sweep_journal_complete(const struct journal *j, int64_t invocation) {
  return invocation >= 0 && invocation < j->nentries && j->entries[invocation].complete;
}

/* --- Replaying -------------------------------------------------------------------------------------------------------------- */

static bool replay_record(struct journal *j, char *kind, char *payload) {
  int64_t invocation, rss, hist, ns;
  int rows, used = 0;
  struct journal_entry *e = NULL;
  if (!strcmp(kind, "campaign")) return j->campaign ? false : ((j->campaign = sweep_strdup(payload)) != NULL);
  if (sscanf(payload, "%" SCNd64 "%n", &invocation, &used) != 1 || !(e = entry(j, invocation))) return false;
  if (!strcmp(kind, "start")) return forget_rows(j, e), true;
  if (!strcmp(kind, "row")) {
    if (payload[used] != ' ') return false;
    *sweep_push(e->rows, e->nrows) = sweep_strdup(payload + used + 1);
    return true;
  }
  if (strcmp(kind, "done") || sscanf(payload + used, "%d %" SCNd64 " %" SCNd64 " %" SCNd64, &rows, &ns, &rss, &hist) != 4)
    return false;
  if (rows == e->nrows) acknowledge(j, e, (double)ns * 1e-9, rss, hist);
  return true;
}

/* One line, without its newline. */
static bool replay_line(struct journal *j, char *line, size_t n) {
  unsigned sum;
  if (n < 10 || line[8] != ' ' || strspn(line, "0123456789abcdef") != 8 || sscanf(line, "%8x", &sum) != 1) return false;
  if (sweep_crc32(line + 9, n - 9) != sum) return false;
  char *kind = line + 9, *payload = strchr(kind, ' ');
  if (!payload) return false;
  *payload = 0;
  return replay_record(j, kind, payload + 1);
}

static void replay(struct journal *j, char *text, size_t n) {
  for (char *p = text, *end = text + n; p < end;) {
    char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
    *stop = 0;
    if (stop > p && (!newline || !replay_line(j, p, (size_t)(stop - p)))) j->damaged++;
    p = stop + 1;
  }
}

/* --- Appending -------------------------------------------------------------------------------------------------------------- */

static bool append(struct journal *j, const char *kind, const char *payload) {
  char *body = sweep_format("%s %s", kind, payload);
  char *line = sweep_format("%08x %s\n", sweep_crc32(body, strlen(body)), body);
  bool ok = sweep_write_all(j->fd, line, strlen(line));
  int why = errno;
  free(body);
  free(line);
  errno = why;
  return ok;
}

bool sweep_journal_start(struct journal *j, int64_t invocation) {
  char payload[32];
  snprintf(payload, sizeof payload, "%" PRId64, invocation);
  if (!append(j, "start", payload)) return false;
  forget_rows(j, entry(j, invocation));
  return true;
}

bool sweep_journal_row(struct journal *j, int64_t invocation, const char *row) {
  char *payload = sweep_format("%" PRId64 " %s", invocation, row);
  bool ok = append(j, "row", payload);
  int why = errno;
  struct journal_entry *e = entry(j, invocation);
  free(payload);
  if (ok) *sweep_push(e->rows, e->nrows) = sweep_strdup(row);
  errno = why;
  return ok;
}

bool sweep_journal_done(struct journal *j, int64_t invocation, double seconds, int64_t rss_size, int64_t hist_size) {
  struct journal_entry *e = entry(j, invocation);
  char payload[160];
  snprintf(payload, sizeof payload, "%" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64, invocation, e->nrows,
           (int64_t)(seconds * 1e9), rss_size, hist_size);
  if (!append(j, "done", payload)) return false;
  acknowledge(j, e, seconds, rss_size, hist_size);
  return true;
}

bool sweep_journal_sync(struct journal *j) { return fdatasync(j->fd) == 0 || errno == EINVAL || errno == EROFS; }

/* --- Opening ---------------------------------------------------------------------------------------------------------------- */

static int lock(struct journal *j, const char *dir, int how) {
  if (flock(j->fd, how | LOCK_NB) == 0) return 0;
  return sweep_refuse("%s: another run is writing there", dir);
}

int sweep_journal_create(struct journal *j, const char *dir, const char *campaign) {
  char *path = sweep_format("%s/journal.log", dir);
  *j = (struct journal){.fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
  int rc = j->fd < 0 ? sweep_refuse("%s: %s", path, strerror(errno)) : lock(j, dir, LOCK_EX);
  if (!rc && !append(j, "campaign", campaign)) rc = sweep_refuse("%s: %s", path, strerror(errno));
  j->campaign = sweep_strdup(campaign);
  free(path);
  return rc;
}

/* A torn record at the end stays. It is ended, so that it does not take the next one with it, and spoilt: one that lacks nothing but its
   newline is not believed now, and must not be later, when what was written beside it is cut away. */
static bool end_last_line(struct journal *j, const char *text, size_t n) {
  return n == 0 || text[n - 1] == '\n' || sweep_write_all(j->fd, "~\n", 2);
}

static int open_journal(struct journal *j, const char *dir, bool to_write) {
  char *path = sweep_format("%s/journal.log", dir), *text = NULL;
  size_t n = 0;
  *j = (struct journal){.fd = open(path, (to_write ? O_RDWR | O_APPEND : O_RDONLY) | O_CLOEXEC)};
  int rc = j->fd < 0 ? sweep_refuse("%s: %s", path, strerror(errno)) : lock(j, dir, to_write ? LOCK_EX : LOCK_SH);
  if (!rc && !(text = sweep_read_file(path, &n))) rc = sweep_refuse("%s: %s", path, strerror(errno));
  if (!rc && to_write && !end_last_line(j, text, n)) rc = sweep_refuse("%s: %s", path, strerror(errno));
  if (!rc) replay(j, text, n);
  free(text);
  free(path);
  return rc;
}

int sweep_journal_open(struct journal *j, const char *dir) { return open_journal(j, dir, true); }
int sweep_journal_read(struct journal *j, const char *dir) { return open_journal(j, dir, false); }

void sweep_journal_close(struct journal *j) {
  for (int64_t i = 0; i < j->nentries; i++) sweep_free_words(j->entries[i].rows, j->entries[i].nrows);
  free(j->entries);
  free(j->campaign);
  if (j->fd >= 0) close(j->fd);
  *j = (struct journal){.fd = -1};
}
