/* bank.c: see bank.h. */
#include "harness/selftest/bank.h"

#include "harness/sweep/random.h"
#include "harness/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t block_size(const struct bank *b) { return (size_t)b->ncells * SELFTEST_PLANTS * GATE_JUDGED; }

double *bank_at(const struct bank *b, int block, int cell, int side, int metric) {
  return &b->d[(size_t)block * block_size(b) + (size_t)((cell * SELFTEST_PLANTS + side) * GATE_JUDGED + metric)];
}

/* --- Filling ------------------------------------------------------------------------------------------------------------------ */

/* The pairs of one side of one cell in one quantity, each into its block of `d`, which is laid out as a bank's. */
static void fill(const struct bank *b, int blocks, const struct cell *side, const struct cell *base, int cell, int s,
                 int metric) {
  struct pair *pair = report_grow(NULL, (size_t)side->ninvocations + 1, sizeof *pair);
  int n = pairs_form(side, base, gate_metric_value[metric], pair);
  for (int i = 0; i < n; i++) {
    int block = atoi(pair[i].a->block);
    if (block < blocks) *bank_at(b, block, cell, s, metric) = pair[i].difference;
  }
  free(pair);
}

static bool complete(const struct bank *b, int block) {
  for (size_t i = 0; i < block_size(b); i++)
    if (!isfinite(b->d[(size_t)block * block_size(b) + i])) return false;
  return true;
}

/* Stretches are of blocks that followed each other, so a block that is missing ends a run as the end of a campaign does. */
static void keep(struct bank *b, const struct bank *some) {
  int run = b->nruns;
  for (int block = 0; block < some->nblocks; block++) {
    if (!complete(some, block)) {
      run = b->nruns;
      continue;
    }
    b->d = sweep_realloc(b->d, (size_t)(b->nblocks + 1) * block_size(b), sizeof *b->d);
    memcpy(bank_at(b, b->nblocks, 0, 0, 0), bank_at(some, block, 0, 0, 0), block_size(b) * sizeof *b->d);
    b->run = sweep_realloc(b->run, (size_t)b->nblocks + 1, sizeof *b->run);
    b->run[b->nblocks++] = run;
    b->nruns = run + 1;
  }
}

int bank_add(struct bank *b, const struct gate_result *g) {
  struct campaign c;
  if (b->ncells && b->ncells != g->ncells) return sweep_refuse("%s: it has other cells than the campaigns before it", g->dir);
  b->ncells = g->ncells;
  if (!campaign_open(&c, g->dir)) {
    int rc = sweep_refuse("%s", c.error);
    campaign_close(&c);
    return rc;
  }
  struct bank some = {.ncells = g->ncells, .nblocks = g->screen[0]};
  for (int i = 0; i < g->ncells; i++)
    if (g->screen[i] < some.nblocks) some.nblocks = g->screen[i];
  size_t n = (size_t)some.nblocks * block_size(&some);
  some.d = sweep_alloc(n, sizeof *some.d);
  for (size_t i = 0; i < n; i++) some.d[i] = NAN;
  for (int i = 0; i < g->ncells; i++) {
    const struct cell *base = gate_campaign_cell(&c, gate_cell(g, i, 0));
    for (int s = 0; s < g->nsides && s < SELFTEST_PLANTS; s++) {
      const struct cell *side = gate_campaign_cell(&c, gate_cell(g, i, s + 1));
      for (int m = 0; base && side && m < GATE_JUDGED; m++) fill(&some, some.nblocks, side, base, i, s, m);
    }
  }
  keep(b, &some);
  free(some.d);
  campaign_close(&c);
  return 0;
}

void bank_free(struct bank *b) {
  free(b->d);
  free(b->run);
  *b = (struct bank){0};
}

/* --- Drawing ------------------------------------------------------------------------------------------------------------------ */

static void draw_stage(struct bank_draw *w, int stage, int n, uint64_t *seed) {
  const struct bank *b = w->bank;
  w->n[stage] = n;
  w->block[stage] = sweep_alloc((size_t)n, sizeof *w->block[stage]);
  w->swapped[stage] = sweep_alloc((size_t)n, sizeof *w->swapped[stage]);
  for (int i = 0; i < n;) {
    int from = (int)sweep_random_below(seed, (uint64_t)b->nblocks);
    bool swapped = sweep_random_below(seed, 2);
    for (int k = 0; k < BANK_STRETCH && i < n && from + k < b->nblocks && b->run[from + k] == b->run[from]; k++, i++) {
      w->block[stage][i] = from + k;
      w->swapped[stage][i] = swapped;
    }
  }
}

void bank_draw_make(struct bank_draw *w, const struct bank *b, const struct gate_rule *rule, int side, int planted,
                    uint64_t seed) {
  *w = (struct bank_draw){.bank = b, .side = side, .planted = planted};
  int screen = rule->noisy_pairs > rule->screen_pairs ? rule->noisy_pairs : rule->screen_pairs;
  draw_stage(w, 0, screen, &seed);
  draw_stage(w, 1, rule->most_pairs, &seed);
}

void bank_draw_free(struct bank_draw *w) {
  for (int stage = 0; stage < 2; stage++) free(w->block[stage]), free(w->swapped[stage]);
}

/* Swapped, the side that is equal to the base is the base: what was base over it, and planted over it, is a difference of two that are known. */
double bank_deliver(void *draw, int test, bool judge, int pair) {
  const struct bank_draw *w = draw;
  int cell = test / GATE_JUDGED, metric = test % GATE_JUDGED, block = w->block[judge][pair];
  double same = *bank_at(w->bank, block, cell, 0, metric);
  bool swapped = w->swapped[judge][pair];
  if (cell != w->planted || !w->side) return swapped ? -same : same;
  double planted = *bank_at(w->bank, block, cell, w->side, metric);
  return swapped ? planted - same : planted;
}

struct selftest_tally bank_play(const struct bank *b, const struct gate_rule *rule, int side, int campaigns, uint64_t seed) {
  struct selftest_tally tally = {0};
  int n = b->ncells * GATE_JUDGED;
  struct gate_test *test = sweep_alloc((size_t)n, sizeof *test);
  double *pairs = sweep_alloc((size_t)n, sizeof *pairs * (size_t)(rule->noisy_pairs + rule->screen_pairs + rule->most_pairs));
  for (int k = 0; k < campaigns && b->nblocks; k++) {
    struct bank_draw w;
    double *room = pairs;
    bank_draw_make(&w, b, rule, side, k % b->ncells, seed + (uint64_t)k);
    for (int i = 0; i < n; i++) {
      test[i] = (struct gate_test){.metric = (enum gate_metric)(i % GATE_JUDGED), .screen = room};
      room += rule->noisy_pairs + rule->screen_pairs;
      test[i].judge = room;
      room += rule->most_pairs;
    }
    gate_play(rule, test, n, bank_deliver, &w);
    selftest_count(&tally, &selftest_plants[side], test, b->ncells, side ? w.planted : -1);
    bank_draw_free(&w);
  }
  free(test);
  free(pairs);
  return tally;
}
