/* names.c: the word that was probably meant.

   Optimal string alignment: insertions, deletions, replacements and swaps of neighbours each cost one. Three rows of the table
   are enough, since a swap looks back two. */
#include "catalog.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 63 }; /* a longer word is no name of ours */

static int min3(int a, int b, int c) { return a < b ? (a < c ? a : c) : (b < c ? b : c); }

static int distance(const char *a, int na, const char *b, int nb) {
  int rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *row = rows[2];
  for (int j = 0; j <= nb; j++) last[j] = j;
  for (int i = 1; i <= na; i++) {
    row[0] = i;
    for (int j = 1; j <= nb; j++) {
      row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      bool swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swap && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
    }
    int *oldest = before;
    before = last, last = row, row = oldest;
  }
  return last[nb];
}

const char *catalog_nearest(const char *word, const char *const *words, int n) {
  int len = (int)strnlen(word, LONGEST + 1), best = 0;
  const char *found = NULL;
  if (!len || len > LONGEST) return NULL;
  for (int i = 0; i < n; i++) {
    int wlen = (int)strnlen(words[i], LONGEST + 1);
    if (!wlen || wlen > LONGEST) continue;
    int d = distance(word, len, words[i], wlen), most = (len > wlen ? len : wlen) / 3 + 1;
    if (len >= 3 && wlen > len && !strncmp(words[i], word, (size_t)len)) d = d < most ? d : most;
    if (d <= most && d < wlen && (!found || d < best)) found = words[i], best = d;
  }
  return found;
}

const char *catalog_suggest(const char *word, const char *const *words, int n, char *buf, size_t nbuf) {
  const char *near = catalog_nearest(word, words, n);
  if (near)
    snprintf(buf, nbuf, ", did you mean '%s'?", near);
  else if (nbuf)
    *buf = 0;
  return buf;
}
