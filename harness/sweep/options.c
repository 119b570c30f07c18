/* options.c: the table of options, the command line, and the sweep file through inih.

   inih calls back without a line number, so the lines are counted where they are handed to it: at a callback the line last read
   is the one that holds the value. A line longer than inih's buffer would come in pieces and is refused. */
#include "options.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LIST = 1, SWITCH = 2, COMMAND_LINE_ONLY = 4 };

static const struct option_row {
  const char *name, *argument, *help;
  int flags;
} table[OPT_COUNT] = {
    [OPT_PROFILE] = {"profile", "quick|ci|full", "the sweep to start from (default: quick)", 0},
    [OPT_STRATEGY] = {"strategy", "NAME,...", "strategies, or all", LIST},
    [OPT_WORKLOAD] = {"workload", "NAME,...", "workloads and settings, or all", LIST},
    [OPT_SHARING] = {"sharing", "MODE,...", "private, shared-read, shared-write, hand-off, or all", LIST},
    [OPT_THREADS] = {"threads", "N,...", "mutator threads; max is the physical cores allowed", LIST},
    [OPT_ALLOCATOR] = {"allocator", "NAME,...", "pool, libc, jemalloc, mimalloc, a path to a malloc library, or all", LIST},
    [OPT_HEAP] = {"heap", "SIZE,...", "3x (of 1x, see --heap-base), bytes with K, M, G, or grow", LIST},
    [OPT_HEAP_BASE] =
        {"heap-base", "WHAT",
         "what 1x is: minheap (default), the smallest heap that mark-sweep completes the cell in, searched for once "
         "and kept in results/minheap.csv; or declared, the workload's live bytes",
         0},
    [OPT_PIN] = {"pin", "POLICY,...", "compact, scatter, numa, or none", LIST},
    [OPT_SET] = {"set", "NAME=V,...", "values of a parameter or tunable (repeatable; in a file: the section [set])",
                 COMMAND_LINE_ONLY},
    [OPT_WHERE] = {"where", "EXPR", "only cells for which this holds, e.g. 'threads > 1 && !(workload == lists)'", 0},
    [OPT_BASELINE] = {"baseline", "NAME", "the strategy that ratios are formed against (default: rc, or the first)", 0},
    [OPT_BLOCKS] = {"blocks", "N|auto",
                    "how often every cell is run, in random order each time; auto: a pilot finds out how often it must be", 0},
    [OPT_EFFECT] = {"effect", "PERCENT",
                    "with --blocks auto: the difference from the baseline that is to be told from none (default: 5)", 0},
    [OPT_MOST_BLOCKS] = {"most-blocks", "N", "with --blocks auto: never more than so many (default: 200)", 0},
    [OPT_SHARD] = {"shard", "I/N", "run the I-th of N parts of the blocks, for `reclaim merge`; the same --seed for all", 0},
    [OPT_WARMUP] = {"warmup", "N", "iterations before the first that counts", 0},
    [OPT_ITERATIONS] = {"iterations", "N", "iterations that count, per invocation", 0},
    [OPT_GC_THREADS] = {"gc-threads", "N",
                        "collector threads (default: as many as mutators; 1 where the strategy's collector is serial)", 0},
    [OPT_SEED] = {"seed", "S", "of the workloads and of the order of the blocks (default: from the clock, recorded)", 0},
    [OPT_TIMEOUT] = {"timeout", "SECONDS", "of one invocation", 0},
    [OPT_MEMORY_LIMIT] = {"memory-limit", "BYTES", "of one invocation (default: 80 % of what the cgroup has left)", 0},
    [OPT_REPEATS] = {"repeats", "N", "at most so many blocks with a poor control are run once more (default: all)", 0},
    [OPT_OVERSUBSCRIBE] = {"oversubscribe", NULL, "allow more threads than CPUs; marked in the rows", SWITCH},
    [OPT_PLUGIN_PATH] = {"plugin-path", "DIR,...", "folders of strategies and workloads from outside (also RECLAIM_PLUGIN_PATH)",
                         LIST},
    [OPT_TRUST_OWNERS] = {"trust-owners", NULL, "allow plug-ins of other owners than you and root", SWITCH},
    [OPT_KEEP_ENV] = {"keep-env", NULL, "keep MALLOC_*, MIMALLOC_*, GC_*, GLIBC_TUNABLES and LD_PRELOAD in the children", SWITCH},
    [OPT_OUT] = {"out", "DIR", "where the files go: a new or empty folder (default: results/<date>-<host>-<pid>)", 0},
    [OPT_RESUME] = {"resume", "DIR", "continue the sweep in DIR: what is complete is not measured again", COMMAND_LINE_ONLY},
    [OPT_DRY_RUN] = {"dry-run", NULL, "print the cells, their pinning and an estimate of the time, and stop",
                     SWITCH | COMMAND_LINE_ONLY},
    [OPT_QUIET] = {"quiet", NULL, "no progress, no warnings on the terminal", SWITCH},
    [OPT_JSON] = {"json", NULL, "a summary for machines instead of the table", SWITCH},
    [OPT_HELP] = {"help", NULL, "this help", SWITCH | COMMAND_LINE_ONLY},
};

const char *sweep_option_name(enum sweep_option id) { return table[id].name; }

bool sweep_option_on(const struct sweep_options *o, enum sweep_option id) {
  const char *text = o->value[id].text;
  return text && !(table[id].flags & SWITCH && strcmp(text, "yes"));
}

static int find_option(const char *name, size_t len) {
  for (int i = 0; i < OPT_COUNT; i++)
    if (strlen(table[i].name) == len && !strncmp(table[i].name, name, len)) return i;
  return -1;
}

/* ", did you mean '--threads'?" for a word that is no option of the command line (or of the file). */
static const char *suggest(const char *word, bool file, char *buf, size_t nbuf) {
  const char *names[OPT_COUNT];
  int n = 0;
  for (int i = 0; i < OPT_COUNT; i++)
    if (!file || !(table[i].flags & COMMAND_LINE_ONLY)) names[n++] = table[i].name;
  const char *near = catalog_nearest(word, names, n);
  if (near)
    snprintf(buf, nbuf, ", did you mean '%s%s'?", file ? "" : "--", near);
  else
    snprintf(buf, nbuf, "%s", file ? "" : " (see reclaim run --help)");
  return buf;
}

/* --- Putting values in ------------------------------------------------------------------------------------------------------ */

/* `join`: what comes between the text before and this one; NULL: this one takes its place. */
static void put(struct sweep_value *v, const char *text, const char *origin, const char *join) {
  char *joined = v->text && join ? sweep_format("%s%s%s", v->text, join, text) : sweep_strdup(text);
  free(v->text);
  free(v->origin);
  v->text = joined;
  v->origin = sweep_strdup(origin);
}

/* `more`: a further line of the values before. */
static int put_set(struct sweep_options *o, const char *name, const char *values, const char *origin, bool more) {
  for (int i = 0; i < o->nsets; i++) {
    struct sweep_set *s = &o->sets[i];
    if (strcmp(s->name, name)) continue;
    if (!more) return sweep_refuse("%s: '%s' is set twice", origin, name);
    char *joined = sweep_format("%s,%s", s->values, values);
    free(s->values);
    s->values = joined;
    return 0;
  }
  *sweep_push(o->sets, o->nsets) = (struct sweep_set){sweep_strdup(name), sweep_strdup(values), sweep_strdup(origin)};
  return 0;
}

static int put_assignment(struct sweep_options *o, const char *text) {
  const char *eq = strchr(text, '=');
  if (!eq || eq == text || !eq[1]) return sweep_refuse("--set: '%s' is not name=value[,value...]", text);
  char *name = sweep_strndup(text, (size_t)(eq - text));
  int rc = put_set(o, name, eq + 1, "--set", false);
  free(name);
  return rc;
}

/* --- The command line ------------------------------------------------------------------------------------------------------- */

/* One flag at argv[*i]; *i moves over the value that it takes. */
static int read_flag(struct sweep_options *o, int argc, char **argv, int *i) {
  const char *word = argv[*i] + 2, *eq = strchr(word, '=');
  size_t len = eq ? (size_t)(eq - word) : strlen(word);
  int id = find_option(word, len);
  char hint[96], name[64];
  if (id < 0) {
    snprintf(name, sizeof name, "%.*s", (int)(len < 50 ? len : 50), word);
    return sweep_refuse("unknown flag '--%s'%s", name, suggest(name, false, hint, sizeof hint));
  }
  snprintf(name, sizeof name, "--%s", table[id].name);
  bool takes = !(table[id].flags & SWITCH);
  if (!takes && eq) return sweep_refuse("%s takes no value", name);
  if (takes && !eq && *i + 1 >= argc) return sweep_refuse("%s needs a value (%s)", name, table[id].argument);
  const char *value = !takes ? "yes" : eq ? eq + 1 : argv[++*i];
  if (!*value) return sweep_refuse("%s needs a value (%s)", name, table[id].argument);
  if (id == OPT_SET) return put_assignment(o, value);
  put(&o->value[id], value, name, table[id].flags & LIST ? "," : NULL);
  return 0;
}

static int read_flags(struct sweep_options *o, int argc, char **argv, const char **file) {
  for (int i = 0; i < argc; i++) {
    int rc = 0;
    if (!strncmp(argv[i], "--", 2) && argv[i][2])
      rc = read_flag(o, argc, argv, &i);
    else if (argv[i][0] == '-')
      rc = sweep_refuse("unknown flag '%s' (see reclaim run --help)", argv[i]);
    else if (*file)
      rc = sweep_refuse("two sweep files, '%s' and '%s': one is allowed", *file, argv[i]);
    else
      *file = argv[i];
    if (rc) return rc;
  }
  return 0;
}

/* --- The sweep file --------------------------------------------------------------------------------------------------------- */

struct reader {
  FILE *f;
  const char *file;
  int line, rc;
  bool torn;      /* a line did not fit */
  bool continued; /* the line is indented: it goes on with the value before */
  struct sweep_options *o;
};

static char *read_line(char *buf, int size, void *stream) {
  struct reader *r = stream;
  if (r->torn || r->rc || !fgets(buf, size, r->f)) return NULL;
  r->line++;
  r->continued = *buf == ' ' || *buf == '\t';
  size_t n = strlen(buf);
  if (n + 1 == (size_t)size && buf[n - 1] != '\n') return r->torn = true, NULL;
  return buf;
}

/* "yes" or "no" from the words that files use; NULL for any other. */
static const char *switch_word(const char *text) {
  static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};
  for (int i = 0; i < 4; i++) {
    if (!strcmp(text, yes[i])) return "yes";
    if (!strcmp(text, no[i])) return "no";
  }
  return NULL;
}

static int read_key(struct reader *r, const char *name, const char *value) {
  char hint[96];
  int id = find_option(name, strlen(name));
  if (id < 0 || table[id].flags & COMMAND_LINE_ONLY)
    return sweep_refuse("%s:%d: unknown key '%s'%s", r->file, r->line, name, suggest(name, true, hint, sizeof hint));
  if (!*value) return sweep_refuse("%s:%d: %s needs a value", r->file, r->line, name);
  struct sweep_value *v = &r->o->value[id];
  bool list = table[id].flags & LIST;
  if (v->text && !list && !r->continued) return sweep_refuse("%s:%d: %s is given twice", r->file, r->line, name);
  if (table[id].flags & SWITCH && !(value = switch_word(value)))
    return sweep_refuse("%s:%d: %s is a switch (allowed: yes, no)", r->file, r->line, name);
  char *origin = sweep_format("%s:%d: %s", r->file, r->line, name);
  put(v, value, origin, list ? "," : " ");
  free(origin);
  return 0;
}

static int read_pair(struct reader *r, const char *section, const char *name, const char *value) {
  static const char *const sections[] = {"sweep", "set"};
  char hint[96];
  if (!*name) return sweep_refuse("%s:%d: a name is due before '='", r->file, r->line);
  if (!*section || !strcmp(section, "sweep")) return read_key(r, name, value);
  if (strcmp(section, "set"))
    return sweep_refuse("%s:%d: unknown section [%s]%s (allowed: sweep, set)", r->file, r->line, section,
                        catalog_suggest(section, sections, 2, hint, sizeof hint));
  if (!*value) return sweep_refuse("%s:%d: %s needs a value", r->file, r->line, name);
  char *origin = sweep_format("%s:%d", r->file, r->line);
  int rc = put_set(r->o, name, value, origin, r->continued);
  free(origin);
  return rc;
}

static int on_pair(void *user, const char *section, const char *name, const char *value) {
  struct reader *r = user;
  if (!r->rc) r->rc = read_pair(r, section, name, value);
  return 1;
}

static int read_file(struct sweep_options *o, const char *file) {
  struct stat st;
  struct reader r = {.f = fopen(file, "re"), .file = file, .o = o};
  if (!r.f) return sweep_refuse("sweep file %s: %s", file, strerror(errno));
  int bad = 0;
  if (fstat(fileno(r.f), &st) || S_ISDIR(st.st_mode))
    r.rc = sweep_refuse("sweep file %s: it is a folder", file);
  else
    bad = ini_parse_stream(read_line, &r, on_pair, &r);
  fclose(r.f);
  if (r.rc) return r.rc;
  if (bad) return sweep_refuse("%s:%d: neither 'name = value' nor '[section]'", file, bad);
  if (r.torn)
    return sweep_refuse("%s:%d: the line is too long (at most %d bytes; a list may go on in an indented line)", file, r.line,
                        INI_MAX_LINE - 2);
  return 0;
}

/* --- Both ------------------------------------------------------------------------------------------------------------------- */

/* What the file says where the command line says nothing. */
static void lay_under(struct sweep_options *flags, struct sweep_options *file) {
  for (int i = 0; i < OPT_COUNT; i++)
    if (!flags->value[i].text) flags->value[i] = file->value[i], file->value[i] = (struct sweep_value){0};
  for (int i = 0; i < file->nsets; i++) {
    bool hidden = false;
    for (int k = 0; k < flags->nsets; k++) hidden |= !strcmp(flags->sets[k].name, file->sets[i].name);
    if (hidden) continue;
    *sweep_push(flags->sets, flags->nsets) = file->sets[i];
    file->sets[i] = (struct sweep_set){0};
  }
}

int sweep_options_read(struct sweep_options *o, int argc, char **argv) {
  *o = (struct sweep_options){0};
  struct sweep_options under = {0};
  const char *file = NULL;
  int rc = read_flags(o, argc, argv, &file);
  if (!rc && file && !sweep_option_on(o, OPT_HELP)) {
    rc = read_file(&under, file);
    if (!rc) lay_under(o, &under);
  }
  sweep_options_free(&under);
  return rc;
}

void sweep_options_free(struct sweep_options *o) {
  for (int i = 0; i < OPT_COUNT; i++) free(o->value[i].text), free(o->value[i].origin);
  for (int i = 0; i < o->nsets; i++) free(o->sets[i].name), free(o->sets[i].values), free(o->sets[i].origin);
  free(o->sets);
  *o = (struct sweep_options){0};
}

void sweep_options_help(FILE *out) {
  fprintf(out, "usage: reclaim run [FILE] [flags]\n\n"
               "Runs every cell of a sweep in fresh processes, in blocks of random order, and prints the table.\n"
               "FILE is a sweep file (INI): the same names in a section [sweep], parameters in [set]; flags override it.\n"
               "Lists are separated by commas and swept as a product.\n\n");
  for (int i = 0; i < OPT_COUNT; i++) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument ? " " : "",
             table[i].argument ? table[i].argument : "");
    fprintf(out, "  %-26s %s\n", left, table[i].help);
  }
  fprintf(out, "\nExit codes: 0 fine, 1 failed cells, 2 bad input, 130 interrupted (continue with --resume).\n");
}
