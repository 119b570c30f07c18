/* minheap.c: see minheap.h. The file is read whole for each question: it has a line per cell that was ever searched, and questions
   are asked when a sweep is planned. */
#include "minheap.h"

#include "harness/catalog/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER "object,workload,parameters,sharing,threads,minheap_bytes\n"

const char *catalog_minheap_path(void) {
  const char *given = getenv("RECLAIM_MINHEAP_CACHE");
  return given && *given ? given : "results/minheap.csv";
}

/* --- Which build it is ---------------------------------------------------------------------------------------------------- */

static uint64_t hash_file(const char *path) {
  FILE *f = fopen(path, "rbe");
  if (!f) return 0;
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  unsigned char part[65536];
  for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
    for (size_t i = 0; i < n; i++) h = (h ^ part[i]) * UINT64_C(0x100000001b3);
  bool ok = !ferror(f);
  fclose(f);
  return ok ? h : 0;
}

const char *catalog_minheap_object(const char *pack) {
  static char digits[20], of[4096]; /* of the file `of` */
  const catalog_file *f = catalog_find_file(MINHEAP_STRATEGY, "pool", pack);
  if (!f) return "";
  if (strcmp(of, f->path)) {
    uint64_t h = hash_file(f->path);
    if (h) snprintf(digits, sizeof digits, "%016" PRIx64, h);
    if (!h) *digits = 0;
    snprintf(of, sizeof of, "%s", f->path);
  }
  return digits;
}

/* --- Lines ---------------------------------------------------------------------------------------------------------------- */

enum { FIELDS = 6 };

/* Cuts a line at its commas; parameters hold none. Returns how many fields there are. */
static int cut(char *line, char *field[FIELDS]) {
  int n = 0;
  size_t end = strlen(line);
  while (end && (line[end - 1] == '\n' || line[end - 1] == '\r')) line[--end] = 0;
  for (char *p = line; n < FIELDS; p++) {
    field[n++] = p;
    p += strcspn(p, ",");
    if (!*p) return n;
    *p = 0;
  }
  return FIELDS + 1;
}

static bool whole(const char *text, uint64_t *out) {
  char *end;
  errno = 0;
  *out = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && !*end && !errno;
}

uint64_t catalog_minheap_find(const struct minheap_key *key, int *damaged) {
  const char *object = catalog_minheap_object(key->pack);
  uint64_t found = 0, threads, bytes;
  char *line = NULL, *field[FIELDS];
  size_t room = 0;
  int none = 0;
  FILE *f = fopen(catalog_minheap_path(), "re");
  while (f && getline(&line, &room, f) > 0) {
    if (!strcmp(line, HEADER) || !strcmp(line, "\n")) continue;
    bool torn = !strchr(line, '\n'); /* half a number is a number, too */
    if (torn || cut(line, field) != FIELDS || !whole(field[4], &threads) || !whole(field[5], &bytes) || !bytes) {
      none++;
      continue;
    }
    if (*object && !strcmp(field[0], object) && !strcmp(field[1], key->workload) && !strcmp(field[2], key->parameters) &&
        !strcmp(field[3], key->sharing) && threads == (uint64_t)key->threads)
      found = bytes; /* the last one counts */
  }
  if (f) fclose(f);
  free(line);
  if (damaged) *damaged = none;
  return found;
}

/* results/, where it is not there yet. */
static void make_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  char folder[4096];
  if (!slash || slash == path || (size_t)(slash - path) >= sizeof folder) return;
  snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
  mkdir(folder, 0777); /* what it cannot make, opening the file will tell */
}

/* Everything, however often the system cuts it short. */
static bool write_all(int fd, const char *text, size_t n) {
  while (n) {
    ssize_t done = write(fd, text, n);
    if (done < 0 && errno != EINTR) return false;
    if (done > 0) text += done, n -= (size_t)done;
  }
  return true;
}

/* A line that was torn stays. It is ended, so that it does not take the next one with it, in a way that it is no line either: with a newline
   alone, half a number would be one. */
static const char *what_goes_before(int fd, off_t size) {
  char last = '\n';
  if (!size) return HEADER;
  return pread(fd, &last, 1, size - 1) == 1 && last != '\n' ? ",cut off\n" : "";
}

bool catalog_minheap_add(const struct minheap_key *key, uint64_t bytes) {
  const char *path = catalog_minheap_path();
  make_folder(path);
  int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return false;
  struct stat st;
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  bool ok = f && fstat(fd, &st) == 0;
  if (ok)
    fprintf(f, "%s%s,%s,%s,%s,%d,%" PRIu64 "\n", what_goes_before(fd, st.st_size), catalog_minheap_object(key->pack),
            key->workload, key->parameters, key->sharing, key->threads, bytes);
  ok = f && fclose(f) == 0 && ok && write_all(fd, text, size);
  int why = errno;
  free(text);
  ok = close(fd) == 0 && ok;
  errno = why;
  return ok;
}
