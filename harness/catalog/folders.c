/* folders.c: see folders.h. */
#define _GNU_SOURCE 1 /* vasprintf */
#include "folders.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
  char *path;
  dev_t device;
  ino_t inode;
  bool plugin, scanned;
};

static struct {
  struct folder *folders;
  catalog_file **files;
  int nfolders, nfiles;
  bool begun, trust_owners, no_memory;
  const char *own; /* in place of the program's own folder */
} all;

void catalog_use_objects(const char *folder) { all.own = folder; }

void catalog_trust_owners(void) { all.trust_owners = true; }
bool catalog_trusts_owners(void) { return all.trust_owners; }

static char no_memory_even_for_a_reason[] = "out of memory";

void catalog_condemn(catalog_file *f, const char *format, ...) {
  va_list arguments;
  if (f->fault) return;
  va_start(arguments, format);
  if (vasprintf(&f->fault, format, arguments) < 0) f->fault = no_memory_even_for_a_reason;
  va_end(arguments);
  for (char *p = f->fault; *p; p++) /* a plug-in may have said anything */
    if ((unsigned char)*p < ' ' || *p == 0x7F) *p = ' ';
}

/* --- Folders ------------------------------------------------------------------------------------------------------------------- */

/* False and errno when it cannot be read; one that is known already is not added again. */
static bool add_folder(const char *name, bool plugin) {
  struct stat st;
  char *path = realpath(name, NULL);
  DIR *d = path ? opendir(path) : NULL;
  bool ok = d && stat(path, &st) == 0, known = false;
  if (d) closedir(d);
  for (int i = 0; i < all.nfolders && ok; i++) known |= all.folders[i].device == st.st_dev && all.folders[i].inode == st.st_ino;
  struct folder *more = ok && !known ? realloc(all.folders, sizeof *more * (size_t)(all.nfolders + 1)) : NULL;
  if (more) {
    all.folders = more;
    more[all.nfolders++] = (struct folder){path, st.st_dev, st.st_ino, plugin, false};
    return true;
  }
  int why = errno;
  all.no_memory |= why == ENOMEM && !(ok && known);
  free(path);
  errno = why;
  return ok && known;
}

bool catalog_add_folders(const char *list, char separator, bool lenient, char *err, size_t nerr) {
  for (const char *p = list; *p;) {
    const char *end = strchr(p, separator);
    size_t span = end ? (size_t)(end - p) : strlen(p);
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(span < sizeof name ? span : sizeof name - 1), p);
    if (*name && !add_folder(name, true) && !lenient)
      return snprintf(err, nerr, "folder of plug-ins '%s': %s", name, strerror(errno)), false;
    p += span + (p[span] == separator);
  }
  return true;
}

/* Beside the executable in a build; where cmake/install.cmake puts it in an installation. */
static void add_own_folder(void) {
  char exe[PATH_MAX - 300], name[PATH_MAX];
  if (all.own) {
    add_folder(all.own, false);
    return;
  }
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (n <= 0) return;
  exe[n] = 0;
  *strrchr(exe, '/') = 0;
  snprintf(name, sizeof name, "%s/strategies", exe);
  if (add_folder(name, false)) return;
  snprintf(name, sizeof name, "%s/%s", exe, RECLAIM_STRATEGIES_FROM_BIN);
  add_folder(name, false);
}

/* --- Safety -------------------------------------------------------------------------------------------------------------------- */

const char *catalog_unsafe(const char *path) {
  struct stat st;
  if (stat(path, &st)) return "cannot be looked at";
  if (st.st_mode & S_IWOTH) return "may be written by anyone";
  if (st.st_uid != geteuid() && st.st_uid != 0 && !all.trust_owners)
    return "belongs to somebody else (--trust-owners allows that)";
  return NULL;
}

static void judge_place(catalog_file *f, const char *folder) {
  const char *why;
  char real[PATH_MAX];
  snprintf(real, sizeof real, "%s", f->path);
  *strrchr(real, '/') = 0;
  const char *const places[] = {f->path, folder, *real ? real : "/"}; /* the third: where a link leads to */
  for (int i = 0; i < 3; i++)
    if ((why = catalog_unsafe(places[i]))) catalog_condemn(f, "%s %s %s", i ? "the folder" : "the file", places[i], why);
}

/* --- Files --------------------------------------------------------------------------------------------------------------------- */

static const char *const flavours[] = {"pool", "malloc"};

/* Cuts [<pack>+]<strategy>.<flavour>.so; false for any other name. The texts are the caller's to free. */
static bool cut_name(const char *file, catalog_file *out) {
  size_t length = strlen(file);
  for (int i = 0; i < 2; i++) {
    char end[16];
    snprintf(end, sizeof end, ".%s.so", flavours[i]);
    size_t n = strlen(end);
    if (length <= n || strcmp(file + length - n, end)) continue;
    const char *plus = memchr(file, '+', length - n);
    size_t pack = plus ? (size_t)(plus - file) : 0, skip = plus ? pack + 1 : 0;
    if (skip + n >= length || (plus && !pack)) return false;
    *out =
        (catalog_file){.strategy = strndup(file + skip, length - n - skip), .pack = strndup(file, pack), .flavour = flavours[i]};
    return true;
  }
  return false;
}

static void free_file(catalog_file *f) {
  free(f->path);
  free(f->strategy);
  free(f->pack);
  if (f->fault != no_memory_even_for_a_reason) free(f->fault);
  free(f);
}

static void add_file(int folder, const char *name) {
  const struct folder *in = &all.folders[folder];
  catalog_file cut, *f = NULL;
  char path[PATH_MAX];
  if (!cut_name(name, &cut)) return;
  snprintf(path, sizeof path, "%s/%s", in->path, name);
  char *real = realpath(path, NULL);
  catalog_file **more = realloc(all.files, sizeof *more * (size_t)(all.nfiles + 1));
  if (more) all.files = more;
  cut.path = real ? real : strdup(path);
  cut.folder = folder, cut.plugin = in->plugin;
  if (more && cut.path && cut.strategy && cut.pack && (f = malloc(sizeof *f))) {
    *f = cut;
    all.files[all.nfiles++] = f;
    if (f->plugin) judge_place(f, in->path);
  } else {
    all.no_memory = true;
    free(cut.path);
    free(cut.strategy);
    free(cut.pack);
  }
}

static void scan(int folder) {
  DIR *d = opendir(all.folders[folder].path);
  all.no_memory |= !d && errno == ENOMEM;
  for (struct dirent *e; d && (e = readdir(d));) add_file(folder, e->d_name);
  if (d) closedir(d);
  all.folders[folder].scanned = true;
}

static int same_name(const catalog_file *a, const catalog_file *b) {
  int d = strcmp(a->strategy, b->strategy);
  return d ? d : strcmp(a->pack, b->pack);
}

static int by_name(const void *a, const void *b) {
  const catalog_file *x = *(catalog_file *const *)a, *y = *(catalog_file *const *)b;
  int d = same_name(x, y);
  if (!d) d = strcmp(y->flavour, x->flavour); /* pool first */
  return d ? d : x->folder - y->folder;
}

/* The same file by way of two folders is one; two files of one name are none. */
static void settle(void) {
  qsort(all.files, (size_t)all.nfiles, sizeof *all.files, by_name);
  int kept = 0;
  for (int i = 0; i < all.nfiles; i++) {
    catalog_file *f = all.files[i];
    bool known = false;
    for (int k = kept - 1; k >= 0 && !same_name(all.files[k], f) && !known; k--) known = !strcmp(all.files[k]->path, f->path);
    if (known)
      free_file(f);
    else
      all.files[kept++] = f;
  }
  all.nfiles = kept;
  for (int i = 0; i < kept; i++)
    for (int k = i + 1; k < kept && !same_name(all.files[i], all.files[k]); k++) {
      catalog_file *a = all.files[i], *b = all.files[k];
      if (a->folder == b->folder) continue;
      catalog_condemn(a, "two %s are called '%s': this and %s", *a->pack ? "packs" : "strategies",
                      *a->pack ? a->pack : a->strategy, b->path);
      catalog_condemn(b, "two %s are called '%s': this and %s", *a->pack ? "packs" : "strategies",
                      *a->pack ? a->pack : a->strategy, a->path);
    }
}

bool catalog_lacks_memory(void) { return all.no_memory; }

int catalog_files(catalog_file *const **files) {
  const char *path = getenv("RECLAIM_PLUGIN_PATH");
  if (!all.begun) {
    struct folder *added = all.folders; /* the program's own comes first */
    int n = all.nfolders;
    all.folders = NULL, all.nfolders = 0;
    add_own_folder();
    for (int i = 0; i < n; i++) {
      add_folder(added[i].path, true);
      free(added[i].path);
    }
    free(added);
    if (path) catalog_add_folders(path, ':', true, NULL, 0);
  }
  all.begun = true;
  bool news = false;
  for (int i = 0; i < all.nfolders; i++)
    if (!all.folders[i].scanned) scan(i), news = true;
  if (news && all.nfiles) settle();
  *files = all.files;
  return all.no_memory ? -1 : all.nfiles;
}

catalog_file *catalog_find_file(const char *strategy, const char *flavour, const char *pack) {
  catalog_file *const *files;
  int n = catalog_files(&files);
  for (int i = 0; i < n; i++)
    if (!strcmp(files[i]->strategy, strategy) && !strcmp(files[i]->pack, pack) &&
        (!flavour || !strcmp(files[i]->flavour, flavour)))
      return files[i];
  return NULL;
}
