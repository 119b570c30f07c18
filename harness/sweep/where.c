/* where.c: a recursive-descent parser into a small tree, and its evaluation. */
#include "where.h"

#include "harness/catalog/catalog.h"
#include "harness/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { OR, AND, NOT, COMPARE };
enum compare { EQ, NE, LE, LT, GE, GT };

struct operand {
  char *text;
  bool name;
};

struct sweep_where {
  enum kind kind;
  enum compare op;
  struct sweep_where *left, *right;
  struct operand a, b;
};

/* Deeper nesting is a mistake, and would be a way to overrun the stack. */
enum { DEEPEST = 64 };

struct parser {
  const char *text, *p;
  const char *const *names;
  int nnames, depth;
  char *err;
  size_t nerr;
  bool failed;
};

static struct sweep_where *parse_or(struct parser *s);

/* --- Words ------------------------------------------------------------------------------------------------------------------ */

/* Keeps the first message only: what follows it is its consequence. */
static void fail(struct parser *s, const char *what, const char *detail) {
  if (!s->failed) snprintf(s->err, s->nerr, "at column %d: %s%s", (int)(s->p - s->text) + 1, what, detail);
  s->failed = true;
}

static void skip_blanks(struct parser *s) { s->p += strspn(s->p, " \t"); }

static bool take(struct parser *s, const char *token) {
  skip_blanks(s);
  size_t n = strlen(token);
  if (strncmp(s->p, token, n)) return false;
  s->p += n;
  return true;
}

static bool is_name(const struct parser *s, const char *word) {
  for (int i = 0; i < s->nnames; i++)
    if (!strcmp(s->names[i], word)) return true;
  return false;
}

static bool parse_quoted(struct parser *s, struct operand *out) {
  const char *end = strchr(s->p + 1, *s->p);
  if (!end) return fail(s, "the quote is not closed", ""), false;
  *out = (struct operand){sweep_strndup(s->p + 1, (size_t)(end - s->p - 1)), false};
  s->p = end + 1;
  return true;
}

static bool parse_operand(struct parser *s, struct operand *out) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+";
  skip_blanks(s);
  if (*s->p == '\'' || *s->p == '"') return parse_quoted(s, out);
  size_t n = strspn(s->p, letters);
  if (!n) return fail(s, *s->p ? "expected a name or a value" : "the expression ends too early", ""), false;
  out->text = sweep_strndup(s->p, n);
  out->name = is_name(s, out->text);
  s->p += n;
  return true;
}

/* --- The tree --------------------------------------------------------------------------------------------------------------- */

static struct sweep_where *node(enum kind kind, struct sweep_where *left, struct sweep_where *right) {
  struct sweep_where *w = sweep_alloc(1, sizeof *w);
  w->kind = kind, w->left = left, w->right = right;
  return w;
}

static bool parse_compare(struct parser *s, enum compare *op) {
  /* the order matters: "<=" before "<" */
  static const char *const tokens[] = {[EQ] = "==", [NE] = "!=", [LE] = "<=", [LT] = "<", [GE] = ">=", [GT] = ">"};
  for (int i = 0; i <= GT; i++)
    if (take(s, tokens[i])) return *op = (enum compare)i, true;
  return fail(s, "expected ==, !=, <, <=, > or >=", ""), false;
}

static struct sweep_where *parse_comparison(struct parser *s) {
  struct sweep_where *w = node(COMPARE, NULL, NULL);
  char hint[96];
  skip_blanks(s);
  const char *start = s->p;
  if (!parse_operand(s, &w->a)) return w;
  if (!w->a.name) {
    catalog_suggest(w->a.text, s->names, s->nnames, hint, sizeof hint);
    s->p = start;
    char *what = sweep_format("'%.60s' is no axis, parameter or tunable of this sweep", w->a.text);
    fail(s, what, hint);
    free(what);
    return w;
  }
  if (parse_compare(s, &w->op)) parse_operand(s, &w->b);
  return w;
}

static struct sweep_where *parse_not(struct parser *s) {
  if (++s->depth > DEEPEST) return fail(s, "nested too deeply", ""), node(OR, NULL, NULL);
  struct sweep_where *w;
  skip_blanks(s);
  if (s->p[0] == '!' && s->p[1] != '=') {
    s->p++;
    w = node(NOT, parse_not(s), NULL);
  } else if (take(s, "(")) {
    w = parse_or(s);
    if (!s->failed && !take(s, ")")) fail(s, "expected )", "");
  } else {
    w = parse_comparison(s);
  }
  s->depth--;
  return w;
}

static struct sweep_where *parse_and(struct parser *s) {
  struct sweep_where *w = parse_not(s);
  while (!s->failed && take(s, "&&")) w = node(AND, w, parse_not(s));
  return w;
}

static struct sweep_where *parse_or(struct parser *s) {
  struct sweep_where *w = parse_and(s);
  while (!s->failed && take(s, "||")) w = node(OR, w, parse_and(s));
  return w;
}

struct sweep_where *sweep_where_parse(const char *text, const char *const *names, int n, char *err, size_t nerr) {
  struct parser s = {.text = text, .p = text, .names = names, .nnames = n, .err = err, .nerr = nerr};
  if (strlen(text) > 4000) return snprintf(err, nerr, "the expression is too long (at most 4000 bytes)"), NULL;
  struct sweep_where *w = parse_or(&s);
  skip_blanks(&s);
  if (!s.failed && *s.p) fail(&s, "expected &&, || or the end", "");
  if (!s.failed) return w;
  sweep_where_free(w);
  return NULL;
}

void sweep_where_free(struct sweep_where *w) {
  if (!w) return;
  sweep_where_free(w->left);
  sweep_where_free(w->right);
  free(w->a.text);
  free(w->b.text);
  free(w);
}

/* --- Evaluation ------------------------------------------------------------------------------------------------------------- */

static bool as_number(const char *text, double *out) {
  uint64_t bytes;
  char *end;
  if (catalog_parse_bytes(text, &bytes)) return *out = (double)bytes, true;
  if (!strchr("0123456789.-+", *text)) return false;
  *out = strtod(text, &end);
  return *text && !*end;
}

static bool compare(enum compare op, const char *a, const char *b) {
  double x, y;
  bool ordered = as_number(a, &x) && as_number(b, &y), equal = ordered ? x == y : !strcmp(a, b);
  if (op == EQ || op == NE) return equal == (op == EQ);
  if (!ordered) return false;
  return op == LE ? x <= y : op == LT ? x < y : op == GE ? x >= y : x > y;
}

bool sweep_where_holds(const struct sweep_where *w, sweep_where_lookup *lookup, const void *cell) {
  if (w->kind == NOT) return !sweep_where_holds(w->left, lookup, cell);
  if (w->kind == AND) return sweep_where_holds(w->left, lookup, cell) && sweep_where_holds(w->right, lookup, cell);
  if (w->kind == OR) return sweep_where_holds(w->left, lookup, cell) || sweep_where_holds(w->right, lookup, cell);
  const char *value = lookup(cell, w->a.text);
  if (!value) return w->op == NE;
  char *left = sweep_strdup(value);
  const char *right = w->b.name ? lookup(cell, w->b.text) : w->b.text;
  bool holds = right ? compare(w->op, left, right) : w->op == NE;
  free(left);
  return holds;
}
