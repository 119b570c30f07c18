/* params.c: values of parameters and tunables, between text and int64_t, by the one table (reclaim_param) that also makes the
   help. A value is either in its range or refused: nothing is clamped, nothing is rounded. */
#include "catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Numbers ---------------------------------------------------------------------------------------------------------------- */

/* log2 of the factor that a suffix stands for, or -1. */
static int suffix_shift(const char *s) {
  static const struct {
    const char *text;
    int shift;
  } table[] = {{"", 0}, {"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    size_t n = strlen(table[i].text);
    const char *rest = s + n;
    if (strncmp(s, table[i].text, n)) continue;
    if (!*rest || (n && (!strcmp(rest, "B") || !strcmp(rest, "iB")))) return table[i].shift;
  }
  return -1;
}

bool catalog_parse_bytes(const char *text, uint64_t *out) {
  if (*text < '0' || *text > '9') return false;
  char *end;
  errno = 0;
  uint64_t v = strtoull(text, &end, 10);
  int shift = suffix_shift(end);
  if (errno || shift < 0 || (v << shift) >> shift != v) return false;
  *out = v << shift;
  return true;
}

/* A whole number with an optional sign; a suffix only where `bytes`. */
static bool parse_number(const char *text, bool bytes, int64_t *out) {
  bool minus = *text == '-';
  uint64_t v;
  if (!catalog_parse_bytes(text + minus, &v) || v > INT64_MAX) return false;
  if (!bytes && text[strlen(text) - 1] > '9') return false;
  *out = minus ? -(int64_t)v : (int64_t)v;
  return true;
}

/* --- One value -------------------------------------------------------------------------------------------------------------- */

int catalog_find_param(const reclaim_param *params, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(params[i].name, name)) return i;
  return -1;
}

static bool parse_choice(const reclaim_param *p, const char *text, int64_t *out, char *err, size_t nerr) {
  for (int64_t i = 0; i <= p->max; i++)
    if (!strcmp(p->choices[i], text)) return *out = i, true;
  char hint[96];
  int n = snprintf(err, nerr, "%s: '%s' is not one of its choices%s (allowed:", p->name, text,
                   catalog_suggest(text, p->choices, (int)p->max + 1, hint, sizeof hint));
  for (int64_t i = 0; i <= p->max && n > 0 && (size_t)n < nerr; i++)
    n += snprintf(err + n, nerr - (size_t)n, " %s%s", p->choices[i], i < p->max ? "," : ")");
  return false;
}

bool catalog_parse_value(const reclaim_param *p, const char *text, int64_t *out, char *err, size_t nerr) {
  if (p->choices) return parse_choice(p, text, out, err, nerr);
  int64_t v;
  bool number = parse_number(text, !strcmp(p->unit, "bytes"), &v);
  if (number && v >= p->min && v <= p->max) return *out = v, true;
  snprintf(err, nerr, "%s: '%s' is %s (allowed: %" PRId64 " to %" PRId64 "%s%s)", p->name, text,
           number ? "out of range" : "not a whole number", p->min, p->max, *p->unit ? " " : "", p->unit);
  return false;
}

const char *catalog_format_value(const reclaim_param *p, int64_t value, char *buf, size_t nbuf) {
  if (p->choices && value >= 0 && value <= p->max)
    snprintf(buf, nbuf, "%s", p->choices[value]);
  else
    snprintf(buf, nbuf, "%" PRId64, value);
  return buf;
}

/* --- All of them ------------------------------------------------------------------------------------------------------------ */

void catalog_defaults(const reclaim_param *params, int n, int64_t *values) {
  for (int i = 0; i < n; i++) values[i] = params[i].def;
}

/* One "name=value" of `len` bytes. */
static bool apply_one(const reclaim_param *params, int n, const char *text, size_t len, int64_t *values, char *err, size_t nerr) {
  char word[256];
  if (len >= sizeof word) return snprintf(err, nerr, "'%.40s...' is too long for name=value", text), false;
  snprintf(word, sizeof word, "%.*s", (int)len, text);
  char *eq = strchr(word, '=');
  if (!eq) return snprintf(err, nerr, "'%s' is not name=value", word), false;
  *eq = 0;
  int i = catalog_find_param(params, n, word);
  if (i < 0) return snprintf(err, nerr, "unknown parameter '%s'", word), false;
  return catalog_parse_value(&params[i], eq + 1, &values[i], err, nerr);
}

bool catalog_apply(const reclaim_param *params, int n, const char *assignments, int64_t *values, char *err, size_t nerr) {
  for (const char *p = assignments; *p;) {
    size_t span = strcspn(p, ";");
    if (span && !apply_one(params, n, p, span, values, err, nerr)) return false;
    p += span + (p[span] == ';');
  }
  return true;
}

char *catalog_format_params(const reclaim_param *params, int n, const int64_t *values) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return NULL;
  for (int i = 0; i < n; i++) {
    char value[128];
    fprintf(f, "%s%s=%s", i ? ";" : "", params[i].name, catalog_format_value(&params[i], values[i], value, sizeof value));
  }
  return fclose(f) ? free(text), NULL : text;
}

/* --- The heap --------------------------------------------------------------------------------------------------------------- */

bool catalog_parse_heap(const char *text, catalog_heap *out, char *err, size_t nerr) {
  *out = (catalog_heap){.kind = CATALOG_HEAP_GROW};
  if (!strcmp(text, "grow")) return true;
  size_t digits = strspn(text, "0123456789.");
  char *end;
  double factor = digits ? strtod(text, &end) : 0;
  if (digits && end == text + digits && !strcmp(end, "x") && factor >= 1 && factor <= 1e6) {
    out->kind = CATALOG_HEAP_FACTOR, out->factor = factor;
    return true;
  }
  out->kind = CATALOG_HEAP_BYTES;
  if (catalog_parse_bytes(text, &out->bytes) && out->bytes >= 4096) return true;
  snprintf(err, nerr,
           "heap '%s' is not possible (allowed: grow, a factor from 1x to 1000000x, or at least 4096 bytes: a number, K, M, G or "
           "T after it)",
           text);
  return false;
}

uint64_t catalog_heap_limit(const catalog_heap *heap, uint64_t live, int threads) {
  if (heap->kind == CATALOG_HEAP_GROW) return 0;
  if (heap->kind == CATALOG_HEAP_BYTES) return heap->bytes;
  uint64_t least = CATALOG_HEAP_FLOOR * (uint64_t)threads, bytes = (uint64_t)ceil(heap->factor * (double)live);
  return bytes > least ? bytes : least;
}
