/* anchors-table.c: the lines of experiments/anchors.table, completed by what there is: every strategy that `reclaim list strategies`
   names is a contender, and a rival that cannot run here stays in the table with the reason. */
#include "experiments/anchors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const measure_names[3] = {"cpu", "wall", "collector"};

/* --- Lines --------------------------------------------------------------------------------------------------------------------------- */

struct reader {
  const char *path;
  int line;
  char *rest; /* of the line */
  struct table *t;
};

static void __attribute__((noreturn, format(printf, 2, 3))) refuse(const struct reader *r, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "anchors: %s:%d: ", r->path, r->line);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(2);
}

/* The next word; NULL: there is no more. */
static char *word_or_null(struct reader *r) {
  r->rest += strspn(r->rest, " \t");
  if (!*r->rest) return NULL;
  char *word = r->rest;
  r->rest += strcspn(r->rest, " \t");
  if (*r->rest) *r->rest++ = 0;
  return word;
}
static char *word(struct reader *r, const char *what) {
  char *w = word_or_null(r);
  if (!w) refuse(r, "%s is missing", what);
  return w;
}
static char *rest(struct reader *r) { return r->rest + strspn(r->rest, " \t"); }

static double number(struct reader *r, const char *what) {
  char *w = word(r, what), *end;
  double v = strtod(w, &end);
  if (end == w || *end) refuse(r, "%s: '%s' is no number", what, w);
  return v;
}

static void expect(struct reader *r, const char *sign) {
  if (strcmp(word(r, sign), sign) != 0) refuse(r, "'%s' was expected", sign);
}

/* --- Contenders ------------------------------------------------------------------------------------------------------------------------ */

const struct program *table_program(const struct table *t, const char *name) {
  for (int i = 0; i < t->nprograms; i++)
    if (!strcmp(t->programs[i].name, name)) return &t->programs[i];
  return NULL;
}

int table_contender(const struct table *t, const char *name) {
  for (int i = 0; i < t->ncontenders; i++)
    if (!strcmp(t->contenders[i].name, name)) return i;
  return -1;
}

/* A contender that is a strategy: STRATEGY[@ALLOCATOR][,NAME=VALUE...]. Whether there is such a strategy is found out later. */
static struct contender *add_spec(struct table *t, const char *spec, const char *kind, const char *title) {
  int n;
  char **parts = sweep_split(spec, &n), *at = strchr(parts[0], '@');
  struct contender *c = sweep_push(t->contenders, t->ncontenders);
  if (at) *at = 0;
  *c = (struct contender){.name = sweep_strdup(spec),
                          .kind = kind,
                          .title = title,
                          .strategy = parts[0],
                          .allocator = at ? at + 1 : "pool",
                          .sets = parts + 1,
                          .nsets = n - 1,
                          .warmup_factor = 1,
                          .missing = "there is no such strategy"};
  return c;
}

static void read_rival(struct reader *r) {
  struct contender *c = sweep_push(r->t->contenders, r->t->ncontenders);
  c->name = word(r, "the name");
  c->kind = word(r, "the kind");
  c->warmup_factor = (int)number(r, "the factor");
  c->leaks = strcmp(word(r, "what it leaks"), "cycles") ? LEAKS_NOTHING : LEAKS_CYCLES;
  c->title = rest(r);
  c->missing = "experiments/rivals/rival does not know it";
}

static void read_check(struct reader *r) {
  struct check *c = sweep_push(r->t->checks, r->t->nchecks);
  c->name = word(r, "the name");
  const char *measure = word(r, "the measure");
  for (c->measure = MEASURE_CPU; strcmp(measure_names[c->measure], measure); c->measure++)
    if (c->measure == MEASURE_COLLECTOR) refuse(r, "'%s' is no measure", measure);
  c->least = strcmp(word(r, "<= or >="), ">=") == 0;
  c->bound = number(r, "the bound");
  for (int i = 0; i < 2; i++) {
    c->spec[i] = word(r, "a contender");
    c->threads[i] = (int)number(r, "its threads");
    expect(r, i ? ":" : "/");
  }
  for (char *p; (p = word_or_null(r));) *sweep_push(c->programs, c->nprograms) = p;
}

static void read_program(struct reader *r, bool extra) {
  struct program *p = sweep_push(r->t->programs, r->t->nprograms);
  p->name = word(r, "the name");
  p->warmup = (int)number(r, "the warm-up");
  p->iterations = (int)number(r, "the iterations");
  const char *kind = rest(r);
  p->cyclic = !strcmp(kind, "cyclic");
  p->still = !strcmp(kind, "still");
  p->extra = extra;
}

static void read_targets(struct reader *r) {
  const char *strategy = word(r, "the strategy");
  for (char *program; (program = word_or_null(r));)
    *sweep_push(r->t->targets, r->t->ntargets) = (struct target){strategy, program, number(r, "the target")};
}

/* What `strategy` lines say, until the strategies are known. */
static struct { const char *name, *against; } * kinds_of;
static int nkinds_of;

static void read_line(struct reader *r) {
  struct table *t = r->t;
  char *what = word_or_null(r);
  if (!what) return;
  if (!strcmp(what, "baseline")) {
    t->baseline = word(r, "the contender");
  } else if (!strcmp(what, "reference")) {
    t->reference = word(r, "the strategy");
  } else if (!strcmp(what, "margin")) {
    t->margin = number(r, "the margin");
  } else if (!strcmp(what, "program") || !strcmp(what, "extra")) {
    read_program(r, *what == 'e');
  } else if (!strcmp(what, "kind")) {
    struct kind *k = sweep_push(t->kinds, t->nkinds);
    k->name = word(r, "the name");
    k->title = rest(r);
  } else if (!strcmp(what, "contender")) {
    const char *spec = word(r, "the contender"), *kind = word(r, "the kind");
    add_spec(t, spec, kind, rest(r));
  } else if (!strcmp(what, "strategy")) {
    sweep_push(kinds_of, nkinds_of);
    kinds_of[nkinds_of - 1].name = word(r, "the strategy");
    kinds_of[nkinds_of - 1].against = word(r, "the kind");
  } else if (!strcmp(what, "rival")) {
    read_rival(r);
  } else if (!strcmp(what, "target")) {
    read_targets(r);
  } else if (!strcmp(what, "check")) {
    read_check(r);
  } else {
    refuse(r, "'%s' begins no line", what);
  }
}

/* --- What there is --------------------------------------------------------------------------------------------------------------------- */

static FILE *ask(const char *program, const char *arguments) {
  char *command = sweep_format("'%s' %s", program, arguments);
  FILE *f = popen(command, "r");
  if (!f) sweep_say("%s: %s", command, strerror(errno));
  free(command);
  if (!f) exit(2);
  return f;
}

static bool has_word(json_t *list, const char *word) {
  size_t i;
  json_t *v;
  json_array_foreach(list, i, v) if (!strcmp(json_string_value(v), word)) return true;
  return false;
}

static void complete(struct contender *c, json_t *capabilities) {
  c->missing = NULL;
  c->limited = has_word(capabilities, "heap-limit");
  c->leaks = !has_word(capabilities, "reclaims")          ? LEAKS_EVERYTHING
             : !has_word(capabilities, "reclaims-cycles") ? LEAKS_CYCLES
                                                          : LEAKS_NOTHING;
  if (!strcmp(c->strategy, "hand")) c->leaks = LEAKS_NOTHING; /* it frees by name what its heap could not find */
}

/* The kind of the rows of strategies, before which all rivals' come in the file. */
static void add_strategy(struct table *t, const char *name) {
  if (!strcmp(name, "hand") || table_contender(t, name) >= 0) return;
  struct contender *c = add_spec(t, name, "ours", "");
  for (int i = 0; i < nkinds_of; i++)
    if (!strcmp(kinds_of[i].name, name)) c->against = kinds_of[i].against;
}

static void ask_strategies(struct table *t, const char *reclaim) {
  FILE *f = ask(reclaim, "list strategies --json");
  json_error_t error;
  json_t *all = json_loadf(f, 0, &error), *s;
  size_t i;
  if (!all || pclose(f)) {
    sweep_say("%s list strategies: %s", reclaim, error.text);
    exit(2);
  }
  json_array_foreach(all, i, s) add_strategy(t, json_string_value(json_object_get(s, "name")));
  for (int k = 0; k < t->nchecks; k++)
    for (int side = 0; side < 2; side++)
      if (table_contender(t, t->checks[k].spec[side]) < 0) add_spec(t, t->checks[k].spec[side], "ours", "")->for_check = true;
  for (int k = 0; k < t->ncontenders; k++) json_array_foreach(all, i, s) {
      struct contender *c = &t->contenders[k];
      if (c->strategy && !strcmp(c->strategy, json_string_value(json_object_get(s, "name"))))
        complete(c, json_object_get(s, "capabilities"));
    }
}

const char table_not_asked[] = "not asked for";

/* Those named in `only`, or all. */
static void ask_rivals(struct table *t, const char *rival, char **only, int nonly) {
  struct text arguments = {0};
  sweep_text_addf(&arguments, "--list");
  for (int i = 0; i < t->ncontenders && nonly; i++)
    if (t->contenders[i].missing && !t->contenders[i].strategy) t->contenders[i].missing = table_not_asked;
  for (int i = 0; i < nonly; i++) {
    int k = table_contender(t, only[i]);
    if (k >= 0 && !t->contenders[k].strategy) sweep_text_addf(&arguments, " %s", t->contenders[k].name);
  }
  if (nonly && arguments.n == strlen("--list")) return sweep_text_free(&arguments);
  FILE *f = ask(rival, arguments.s);
  char line[512];
  while (fgets(line, sizeof line, f)) {
    char *name = strtok(line, "\t\n"), *state = strtok(NULL, "\t\n"), *why = strtok(NULL, "\t\n");
    int i = name ? table_contender(t, name) : -1;
    if (i >= 0 && state) t->contenders[i].missing = strcmp(state, "ok") ? sweep_strdup(why ? why : "it cannot run here") : NULL;
  }
  pclose(f);
  sweep_text_free(&arguments);
}

struct table *table_read(const char *path, const char *reclaim, const char *rival, char **only, int nonly) {
  struct table *t = sweep_alloc(1, sizeof *t);
  struct reader r = {path, 0, NULL, t};
  char *text = sweep_read_file(path, NULL);
  if (!text) {
    sweep_say("%s: %s", path, strerror(errno));
    exit(2);
  }
  for (char *line = text, *next; line; line = next) {
    if ((next = strchr(line, '\n'))) *next++ = 0;
    line[strcspn(line, "#")] = 0;
    size_t n = strlen(line);
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t')) line[--n] = 0;
    r.line++;
    r.rest = line;
    read_line(&r);
  }
  if (!t->baseline || !t->reference || !t->nprograms) refuse(&r, "baseline, reference and programs must be there");
  ask_strategies(t, reclaim);
  if (rival) ask_rivals(t, rival, only, nonly);
  for (int i = 0; i < t->ncontenders && !rival; i++) t->contenders[i].missing = NULL;
  return t;
}
