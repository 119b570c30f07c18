/* merge: what gcov says of many objects, for each source once. Reads file names on the standard input, one a line, each a file of gcov's JSON, one
   object per line of it; prints what tests/coverage/run shows.

     merge ROOT MISSED FOLDER...     FOLDER/: sources of which figures are wanted, relative to ROOT; what is not covered goes into MISSED

   A source is compiled once per strategy, a header into nearly every object, and an inline function once for each place that it is called
   from. All of that is one line of the source, and it is covered when it was executed in any of them. A branch likewise: of the branches that
   gcov finds in a line, those of the compilation with the fewest are the line's own; where another has several times as many, they are copies
   of it, one after the other. Branches are counted in lines that are executed at all: those of a line that is not are as many lost as the
   line has. */
#define _GNU_SOURCE 1 /* asprintf */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 512, LINES = 4096, BRANCHES = 512, TEXT = 4096 };

typedef struct Line {
  bool is, hit;
  unsigned n;     /* branches of the smallest compilation; 0: none was seen */
  uint8_t *taken; /* of those, any copy of it */
} Line;

typedef struct Source {
  char name[256];
  Line *line;
} Source;

static Source sources[FILES];
static int nsources;

static __attribute__((noreturn)) void fail(const char *what) {
  fprintf(stderr, "coverage: %s\n", what);
  exit(2);
}

/* --- Reading -------------------------------------------------------------------------------------------------------------------- */

/* NULL: not below one of the folders. */
static Source *source_of(const char *path, const char *root, char *const *folders, int n) {
  size_t length = strlen(root);
  if (path[0] == '/') {
    if (strncmp(path, root, length) || path[length] != '/') return NULL;
    path += length + 1;
  }
  while (!strncmp(path, "../", 3)) path += 3;
  bool wanted = false;
  for (int i = 0; i < n; i++) wanted |= !strncmp(path, folders[i], strlen(folders[i])) && path[strlen(folders[i])] == '/';
  if (!wanted) return NULL;
  for (int i = 0; i < nsources; i++)
    if (!strcmp(sources[i].name, path)) return &sources[i];
  if (nsources == FILES) fail("too many sources");
  Source *s = &sources[nsources++];
  snprintf(s->name, sizeof s->name, "%s", path);
  if (!(s->line = calloc(LINES, sizeof *s->line))) fail("no memory");
  return s;
}

/* n branches of one compilation; `taken` of them. */
static void add_branches(Line *l, const uint8_t *taken, unsigned n) {
  if (!n) return;
  if (!l->taken && !(l->taken = calloc(BRANCHES, 1))) fail("no memory");
  if (!l->n || n < l->n) { /* what was seen so far were copies of these */
    for (unsigned i = n; i < l->n; i++) l->taken[i % n] |= l->taken[i];
    l->n = n;
  }
  for (unsigned i = 0; i < n; i++) l->taken[i % l->n] |= taken[i];
}

static void read_line(Source *s, json_t *line) {
  size_t number = (size_t)json_integer_value(json_object_get(line, "line_number"));
  if (!number || number >= LINES) return;
  Line *l = &s->line[number];
  l->is = true;
  bool hit = json_integer_value(json_object_get(line, "count")) > 0;
  l->hit |= hit;
  uint8_t taken[BRANCHES];
  unsigned n = 0;
  size_t i;
  json_t *branch;
  json_array_foreach(json_object_get(line, "branches"), i, branch) if (n < BRANCHES) taken[n++] =
      json_integer_value(json_object_get(branch, "count")) > 0;
  add_branches(l, taken, n);
}

static void read_object(const char *text, const char *root, char *const *folders, int n) {
  json_error_t error;
  json_t *object = json_loads(text, 0, &error), *file, *line;
  if (!object) fail(error.text);
  size_t i, k;
  json_array_foreach(json_object_get(object, "files"), i, file) {
    Source *s = source_of(json_string_value(json_object_get(file, "file")), root, folders, n);
    if (!s) continue;
    json_array_foreach(json_object_get(file, "lines"), k, line) read_line(s, line);
  }
  json_decref(object);
}

static void read_file(const char *path, const char *root, char *const *folders, int n) {
  FILE *f = fopen(path, "r");
  char *text = NULL;
  size_t room = 0;
  if (!f) fail("a file that gcov wrote cannot be read");
  while (getline(&text, &room, f) > 0)
    if (*text == '{') read_object(text, root, folders, n);
  free(text);
  fclose(f);
}

/* --- Why --------------------------------------------------------------------------------------------------------------------------- */

/* Words of a line, or of the one before it, that end the cell or the process. Children of tests come to most such lines; those that are left are
   marked in the list, and lower the figures like any other. */
static const char *const ENDS[] = {"abort();", "config->fail(", "mm_panic(", "__builtin_trap();", "wrong(H,", "exhausted("};

static bool ends_all(const char *text, const char *before) {
  for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
    if (strstr(text, ENDS[i]) || strstr(before, ENDS[i])) return true;
  return false;
}

/* --- Figures ---------------------------------------------------------------------------------------------------------------------- */

/* Lines with more branches than MANY in every compilation are macros that make several functions or loops of constants, most of whose
   branches cannot go both ways in any one of them; what they have is in the figures, and is told apart as well. */
enum { MANY = 64 };

typedef struct Sum {
  unsigned lines, hit, branches, taken;
  unsigned many_branches, many_taken;
} Sum;

static void add(Sum *to, const Sum *s) {
  to->lines += s->lines;
  to->hit += s->hit;
  to->branches += s->branches;
  to->taken += s->taken;
  to->many_branches += s->many_branches;
  to->many_taken += s->many_taken;
}
static double part(unsigned n, unsigned of) { return of ? 100. * n / of : 100; }
static void print_sum(const char *name, const Sum *s) {
  printf("%-38s %5u lines %6.1f %%   %5u branches %6.1f %%\n", name, s->lines, part(s->hit, s->lines), s->branches,
         part(s->taken, s->branches));
}

/* What is not covered goes into `missed`: FILE:LINE: text. */
static Sum sum_up(const Source *s, const char *root, FILE *missed) {
  Sum sum = {0};
  char *path, text[TEXT], before[TEXT] = "";
  if (asprintf(&path, "%s/%s", root, s->name) < 0) fail("no memory");
  FILE *f = fopen(path, "r");
  if (!f) fail(path);
  free(path);
  for (size_t i = 1; i < LINES && fgets(text, sizeof text, f); i++) {
    const Line *l = &s->line[i];
    unsigned taken = 0;
    text[strcspn(text, "\n")] = 0;
    for (unsigned k = 0; k < l->n; k++) taken += l->taken[k];
    sum.lines += l->is;
    sum.hit += l->hit;
    sum.branches += l->n;
    sum.taken += taken;
    if (l->n > MANY) sum.many_branches += l->n, sum.many_taken += taken;
    if (l->is && !l->hit)
      fprintf(missed, "%s:%zu:%s %s\n", s->name, i, ends_all(text, before) ? " (ends the cell)" : "", text);
    else if (taken < l->n)
      fprintf(missed, "%s:%zu: (%u of %u branches) %s\n", s->name, i, taken, l->n, text);
    memcpy(before, text, sizeof before);
  }
  fclose(f);
  return sum;
}

static int by_name(const void *a, const void *b) { return strcmp(((const Source *)a)->name, ((const Source *)b)->name); }

int main(int argc, char **argv) {
  if (argc < 4) fail("usage: merge ROOT MISSED FOLDER... <names of files");
  char name[4096];
  while (fgets(name, sizeof name, stdin)) {
    name[strcspn(name, "\n")] = 0;
    read_file(name, argv[1], argv + 3, argc - 3);
  }
  qsort(sources, (size_t)nsources, sizeof *sources, by_name);
  FILE *missed = fopen(argv[2], "w");
  if (!missed) fail(argv[2]);
  Sum all = {0};
  for (int f = 3; f < argc; f++) {
    Sum folder = {0};
    for (int i = 0; i < nsources; i++) {
      const char *rest = sources[i].name + strlen(argv[f]);
      if (strncmp(sources[i].name, argv[f], strlen(argv[f])) || *rest != '/') continue;
      Sum s = sum_up(&sources[i], argv[1], missed);
      print_sum(sources[i].name, &s);
      add(&folder, &s);
    }
    print_sum(argv[f], &folder);
    add(&all, &folder);
  }
  print_sum("all", &all);
  Sum few = {all.lines, all.hit, all.branches - all.many_branches, all.taken - all.many_taken, 0, 0};
  print_sum("all but lines of more than 64 branches", &few);
  fclose(missed);
  return part(all.hit, all.lines) < 90 || part(all.taken, all.branches) < 80;
}
