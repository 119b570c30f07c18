/* place.c: see place.h. */
#define _GNU_SOURCE 1 /* nftw, environ */
#include "place.h"

#include "harness/sweep/child.h"
#include "harness/sweep/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A build that takes longer is none that a gate could wait for. */
static const double tool_s = 3600;

/* --- The folder --------------------------------------------------------------------------------------------------------------- */

#define PREFIX "reclaim-gate-"

/* A file of the folder that is locked for as long as the gate lives, which is how the next one tells what was left behind; it gets this name when
   it is locked already. */
#define ALIVE "alive"
/* A file of the folder with the path of what a repository knows of the worktree in it. */
#define KNOWN_AS "known-as"

static const char *temporary(void) {
  const char *dir = getenv("TMPDIR");
  return dir && *dir == '/' ? dir : "/tmp";
}

static bool come_alive(struct gate_place *p) {
  char *fresh = gate_place_path(p, ALIVE ".new"), *path = gate_place_path(p, ALIVE);
  p->alive = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool ok = p->alive >= 0 && flock(p->alive, LOCK_EX | LOCK_NB) == 0 && rename(fresh, path) == 0;
  int why = errno;
  free(fresh);
  free(path);
  errno = why;
  return ok;
}

int gate_place_make(struct gate_place *p) {
  gate_place_sweep();
  *p = (struct gate_place){.alive = -1};
  p->dir = sweep_format("%s/" PREFIX "XXXXXX", temporary());
  if (!mkdtemp(p->dir)) {
    int rc = sweep_refuse("gate: a private folder %s: %s", p->dir, strerror(errno));
    free(p->dir);
    return p->dir = NULL, rc;
  }
  if (!come_alive(p)) return sweep_refuse("gate: %s: %s", p->dir, strerror(errno));
  p->log = gate_place_path(p, "log");
  return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  remove(path);
  return 0;
}

void gate_place_remove(const char *path) { nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS); }

/* What `git worktree prune` would do; it leaves alone what was interrupted while it came into being. */
static void forget_worktree(char *known_as) {
  gate_place_remove(known_as);
  *strrchr(known_as, '/') = 0;
  rmdir(known_as); /* worktrees/, where there is no other */
}

int gate_place_know(struct gate_place *p) { return gate_place_write(p, KNOWN_AS, p->known_as); }

void gate_place_clear(struct gate_place *p) {
  if (p->dir) gate_place_remove(p->dir);
  if (p->known_as) forget_worktree(p->known_as);
  if (p->dir && p->alive >= 0) close(p->alive);
  free(p->dir);
  free(p->log);
  free(p->source);
  free(p->known_as);
  *p = (struct gate_place){0};
}

/* Removes what a gate has left in `dir` that did not come to its end, with what a repository knows of it, unless it still lives. */
static void remove_abandoned(const char *dir) {
  struct stat st;
  char known_as[4096] = "", *path = sweep_format("%s/" ALIVE, dir), *note = sweep_format("%s/" KNOWN_AS, dir);
  bool ours = lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
  int alive = ours ? open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
  if (alive >= 0 && flock(alive, LOCK_EX | LOCK_NB) == 0) {
    sweep_read_line(note, known_as, sizeof known_as);
    char *worktree = sweep_format("/worktrees/%s", strrchr(dir, '/') + 1);
    size_t n = strlen(known_as), tail = strlen(worktree);
    gate_place_remove(dir);
    if (*known_as == '/' && n > tail && !strcmp(known_as + n - tail, worktree)) forget_worktree(known_as);
    free(worktree);
  }
  if (alive >= 0) close(alive);
  free(path);
  free(note);
}

void gate_place_sweep(void) {
  DIR *d = opendir(temporary());
  for (struct dirent *e; d && (e = readdir(d));) {
    if (strncmp(e->d_name, PREFIX, strlen(PREFIX))) continue;
    char *dir = sweep_format("%s/%s", temporary(), e->d_name);
    remove_abandoned(dir);
    free(dir);
  }
  if (d) closedir(d);
}

char *gate_place_path(const struct gate_place *p, const char *name) { return sweep_format("%s/%s", p->dir, name); }

int gate_place_folder(const struct gate_place *p, const char *name) {
  char *path = gate_place_path(p, name);
  int rc = mkdir(path, 0700) ? sweep_refuse("gate: %s: %s", path, strerror(errno)) : 0;
  free(path);
  return rc;
}

static int write_file(const char *path, const char *text, size_t n) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
  bool ok = fd >= 0 && sweep_write_all(fd, text, n);
  if (fd >= 0) ok = close(fd) == 0 && ok;
  return ok ? 0 : sweep_refuse("gate: %s: %s", path, strerror(errno));
}

int gate_place_write(const struct gate_place *p, const char *name, const char *text) {
  char *path = gate_place_path(p, name);
  int rc = write_file(path, text, strlen(text));
  free(path);
  return rc;
}

int gate_place_copy(const char *from, const char *to) {
  size_t n;
  char *text = sweep_read_file(from, &n);
  int rc = text ? write_file(to, text, n) : sweep_refuse("gate: %s: %s", from, strerror(errno));
  free(text);
  return rc;
}

/* --- Tools ----------------------------------------------------------------------------------------------------------------------- */

static char **tool_environment(void) {
  static const char *const kept[] = {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "CMAKE_PREFIX_PATH", "CCACHE_DIR"};
  char **all = NULL;
  int n = 0;
  *sweep_push(all, n) = sweep_strdup("LC_ALL=C");
  *sweep_push(all, n) = sweep_strdup("GIT_TERMINAL_PROMPT=0");
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    const char *value = getenv(kept[i]);
    if (value) *sweep_push(all, n) = sweep_format("%s=%s", kept[i], value);
  }
  *sweep_push(all, n) = NULL;
  return all;
}

int gate_place_run(struct gate_place *p, const char *const *argv) {
  /* the shell looks for the program, and sends what it says into the file */
  static const char script[] = "exec \"$@\" >\"$0\" 2>&1";
  const char **line = NULL;
  int n = 0;
  const char *const before[] = {"sh", "-c", script, p->log};
  for (int i = 0; i < 4; i++) *sweep_push(line, n) = before[i];
  for (int i = 0; argv[i]; i++) *sweep_push(line, n) = argv[i];
  *sweep_push(line, n) = NULL;
  char **environment = tool_environment();
  struct child_request rq = {"/bin/sh", (char **)line, environment, tool_s, true};
  struct child_outcome out;
  sweep_child_run(&rq, &out);
  free(out.result);
  free(line);
  for (int i = 0; environment[i]; i++) free(environment[i]);
  free(environment);
  if (out.end == CHILD_INTERRUPTED) return -1;
  return out.end == CHILD_EXITED ? out.code : out.end == CHILD_NOT_STARTED ? 127 : 128 + out.code;
}

char *gate_place_said(const struct gate_place *p) {
  char line[4096];
  sweep_read_line(p->log, line, sizeof line);
  return sweep_strdup(line);
}

/* Whether a compiler or CMake begins to complain in this line. */
static bool complains(const char *line, size_t n) {
  char copy[400];
  snprintf(copy, sizeof copy, "%.*s", (int)(n < sizeof copy ? n : sizeof copy - 1), line);
  return strstr(copy, "error:") || strstr(copy, "CMake Error") || strstr(copy, "fatal:");
}

void gate_place_show(const struct gate_place *p) {
  enum { MOST = 12 };
  char *text = sweep_read_file(p->log, NULL);
  const char *from = NULL, *last[MOST] = {NULL};
  int n = 0, shown = 0;
  for (const char *line = text; line && *line;) {
    size_t span = strcspn(line, "\n");
    if (!from && complains(line, span)) from = line;
    last[n++ % MOST] = line;
    line += span + (line[span] == '\n');
  }
  if (!from && n) from = last[n < MOST ? 0 : n % MOST];
  for (const char *line = from; line && *line && shown < MOST; shown++) {
    size_t span = strcspn(line, "\n");
    fprintf(stderr, "    %.*s\n", (int)(span < 300 ? span : 300), line);
    line += span + (line[span] == '\n');
  }
  free(text);
}
