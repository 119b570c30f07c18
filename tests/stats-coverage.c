/* stats-coverage.c: how often a 95 % interval holds the truth, by simulation, for noise as it should be and as it is.

   Each model makes campaigns of two cells, A and B, in blocks: the logarithm of an invocation's throughput is the cell's own plus
   the machine's state plus noise. The table that is printed stands in docs/method.md, and this test fails when the two differ. */
#include "harness/stats/stats.h"
#include "harness/stats/two-sample.h"
#include "tests/report-fixture.h"

#include <criterion/criterion.h>

enum { CAMPAIGNS = 2000, LARGEST = 20, PLACES = 8 /* cells in a block, two of which are A and B */ };
static const int sizes[] = {6, 10, 20};
enum { SIZES = sizeof sizes / sizeof *sizes };

struct world {
  uint64_t seed;
  int n;
  double a[LARGEST], b[LARGEST]; /* log throughput, less the cell's own */
};

static double exponential(uint64_t *seed) { return -log(draw_unit(seed)); }
static double student2(uint64_t *seed) { return draw_normal(seed) / sqrt(exponential(seed)); } /* two degrees of freedom */

static void independent(struct world *w) {
  for (int i = 0; i < w->n; i++) {
    double machine = 0.02 * draw_normal(&w->seed);
    w->a[i] = machine + 0.01 * draw_normal(&w->seed);
    w->b[i] = machine + 0.01 * draw_normal(&w->seed);
  }
}

static void skewed(struct world *w) {
  for (int i = 0; i < w->n; i++) {
    w->a[i] = -0.01 * exponential(&w->seed);
    w->b[i] = -0.01 * exponential(&w->seed);
  }
}

static void skewed_one_side(struct world *w) {
  for (int i = 0; i < w->n; i++) {
    w->a[i] = -0.02 * exponential(&w->seed);
    w->b[i] = 0.002 * draw_normal(&w->seed);
  }
}

static void heavy_tailed(struct world *w) {
  for (int i = 0; i < w->n; i++) {
    w->a[i] = 0.01 * student2(&w->seed);
    w->b[i] = 0.01 * student2(&w->seed);
  }
}

/* The machine wanders from invocation to invocation; A and B stand at random places of each block. */
static void wandering(struct world *w) {
  double machine = 0.02 * draw_normal(&w->seed);
  for (int i = 0; i < w->n; i++) {
    int at_a = (int)(draw(&w->seed) % PLACES), at_b = (at_a + 1 + (int)(draw(&w->seed) % (PLACES - 1))) % PLACES;
    for (int place = 0; place < PLACES; place++) {
      machine = 0.95 * machine + 0.02 * sqrt(1 - 0.95 * 0.95) * draw_normal(&w->seed);
      if (place == at_a) w->a[i] = machine + 0.005 * draw_normal(&w->seed);
      if (place == at_b) w->b[i] = machine + 0.005 * draw_normal(&w->seed);
    }
  }
}

/* The machine loses 10 % of its speed from the first block to the last. */
static void drifting(struct world *w) {
  for (int i = 0; i < w->n; i++) {
    double machine = -0.10 * ((i + 0.5) / w->n - 0.5);
    w->a[i] = machine + 0.01 * draw_normal(&w->seed);
    w->b[i] = machine + 0.01 * draw_normal(&w->seed);
  }
}

/* What each cell suffers is its own, and lasts from block to block: correlation 0.6. */
static void autocorrelated(struct world *w) {
  double a = 0.01 * draw_normal(&w->seed), b = 0.01 * draw_normal(&w->seed);
  for (int i = 0; i < w->n; i++) {
    w->a[i] = a = 0.6 * a + 0.008 * draw_normal(&w->seed);
    w->b[i] = b = 0.6 * b + 0.008 * draw_normal(&w->seed);
  }
}

static const struct model {
  const char *name;
  void (*make)(struct world *);
} models[] = {{"independent", independent},
              {"skewed, both alike", skewed},
              {"skewed, one side", skewed_one_side},
              {"heavy-tailed", heavy_tailed},
              {"wandering machine", wandering},
              {"drifting machine", drifting},
              {"autocorrelated cells", autocorrelated}};
enum { MODELS = sizeof models / sizeof *models };

/* What the estimates aim at: of one campaign, the median of the mean of two independent draws; of two, the median of a difference. Known
   to be 0 where the noise is symmetric; where it is not, found from many draws. */
enum aim { OF_RATIO, OF_OWN, OF_TWO };
static double target(const struct model *m, enum aim aim) {
  enum { DRAWS = 100001 };
  if (m->make != skewed && m->make != skewed_one_side) return 0;
  static double x[DRAWS];
  struct world w = {.seed = 77, .n = 2};
  for (int i = 0; i < DRAWS; i++) {
    m->make(&w);
    x[i] = aim == OF_TWO ? w.a[0] - w.b[1] : (w.a[0] + w.a[1]) / 2 - (aim == OF_RATIO ? (w.b[0] + w.b[1]) / 2 : 0);
  }
  stats_sort(x, DRAWS);
  return stats_median(x, DRAWS);
}

static bool holds(double *x, int n, double truth) {
  struct stats_interval r = stats_hodges_lehmann(x, n, 0.95);
  return r.kind == STATS_INTERVAL && r.lo <= truth && truth <= r.hi;
}

static bool holds_apart(double *a, double *b, int n, double truth) {
  struct stats_interval r = stats_shift(a, n, b, n, 0.95);
  return r.kind == STATS_INTERVAL && r.lo <= truth && truth <= r.hi;
}

/* `two`: A in one campaign against B in another, which has a machine of its own mind, and so no pairs. */
enum { COLUMNS = 3 * SIZES };
struct coverage {
  double ratio[SIZES], own[SIZES], two[SIZES]; /* per cent */
};

static struct coverage simulate(const struct model *m) {
  struct coverage c = {0};
  double of_ratio = target(m, OF_RATIO), of_own = target(m, OF_OWN), of_two = target(m, OF_TWO);
  for (int s = 0; s < SIZES; s++) {
    struct world w = {.seed = 2026 + (uint64_t)s, .n = sizes[s]}, other = {.seed = 3026 + (uint64_t)s, .n = sizes[s]};
    for (int i = 0; i < CAMPAIGNS; i++) {
      double d[LARGEST];
      m->make(&w);
      m->make(&other);
      for (int k = 0; k < w.n; k++) d[k] = w.a[k] - w.b[k];
      c.ratio[s] += 100.0 * holds(d, w.n, of_ratio) / CAMPAIGNS;
      c.two[s] += 100.0 * holds_apart(w.a, other.b, w.n, of_two) / CAMPAIGNS;
      c.own[s] += 100.0 * holds(w.a, w.n, of_own) / CAMPAIGNS;
    }
  }
  return c;
}

static void print_row(FILE *out, const char *name, const struct coverage *c) {
  fprintf(out, "| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", name, c->ratio[0], c->ratio[1],
          c->ratio[2], c->own[0], c->own[1], c->own[2], c->two[0], c->two[1], c->two[2]);
}

/* 2,000 campaigns: one standard error is 0.5. With 6 blocks the interval covers 1 - 2/64 = 96.9 % by construction. */
Test(coverage, independent_noise_is_covered_as_promised) {
  struct coverage c = simulate(&models[0]);
  for (int s = 0; s < SIZES; s++) {
    double exact;
    stats_signed_rank_order(sizes[s], 0.95, &exact);
    cr_expect_float_eq(c.ratio[s], 100 * exact, 1.5, "ratio, %d blocks: %g, by construction %g", sizes[s], c.ratio[s],
                       100 * exact);
    cr_expect_float_eq(c.own[s], 100 * exact, 1.5, "own, %d blocks: %g, by construction %g", sizes[s], c.own[s], 100 * exact);
    stats_rank_sum_order(sizes[s], sizes[s], 0.95, &exact);
    cr_expect_float_eq(c.two[s], 100 * exact, 1.5, "two campaigns, %d blocks: %g, by construction %g", sizes[s], c.two[s],
                       100 * exact);
    cr_expect(c.ratio[s] >= 93 && c.ratio[s] <= (sizes[s] == 6 ? 98 : 97), "%d blocks: %g", sizes[s], c.ratio[s]);
  }
}

/* A simulation that finds every model well covered would prove nothing. */
Test(coverage, a_model_that_breaks_the_assumption_is_seen) {
  struct coverage c = simulate(&models[MODELS - 1]);
  cr_expect_lt(c.ratio[SIZES - 1], 90, "%g", c.ratio[SIZES - 1]);
}

/* The row of a model in the document, as numbers. */
static bool documented(FILE *doc, const char *name, struct coverage *c) {
  char line[300], start[100];
  snprintf(start, sizeof start, "| %s |", name);
  rewind(doc);
  while (fgets(line, sizeof line, doc))
    if (!strncmp(line, start, strlen(start)))
      return sscanf(line + strlen(start), " %lf | %lf | %lf | %lf | %lf | %lf | %lf | %lf | %lf |", &c->ratio[0], &c->ratio[1],
                    &c->ratio[2], &c->own[0], &c->own[1], &c->own[2], &c->two[0], &c->two[1], &c->two[2]) == COLUMNS;
  return false;
}

static struct coverage by_construction(void) {
  struct coverage c;
  for (int s = 0; s < SIZES; s++) {
    stats_signed_rank_order(sizes[s], 0.95, &c.own[s]);
    c.ratio[s] = c.own[s] *= 100;
    stats_rank_sum_order(sizes[s], sizes[s], 0.95, &c.two[s]);
    c.two[s] *= 100;
  }
  return c;
}

/* A tenth for rounding, and a little for a mathematical library that rounds differently. */
Test(coverage, the_document_holds_these_numbers, .timeout = 300) {
  FILE *doc = fopen(RECLAIM_SOURCE_DIR "/docs/method.md", "r");
  cr_assert_not_null(doc);
  for (int i = -1; i < MODELS; i++) {
    const char *name = i < 0 ? "by construction" : models[i].name;
    struct coverage c = i < 0 ? by_construction() : simulate(&models[i]), d = {0};
    print_row(stdout, name, &c);
    bool found = documented(doc, name, &d);
    cr_expect(found, "docs/method.md has no row '%s'", name);
    for (int s = 0; s < SIZES && found; s++) {
      cr_expect_float_eq(c.ratio[s], d.ratio[s], 0.2, "%s, ratio, %d blocks: %g", name, sizes[s], c.ratio[s]);
      cr_expect_float_eq(c.own[s], d.own[s], 0.2, "%s, own, %d blocks: %g", name, sizes[s], c.own[s]);
      cr_expect_float_eq(c.two[s], d.two[s], 0.2, "%s, two campaigns, %d blocks: %g", name, sizes[s], c.two[s]);
    }
  }
  fclose(doc);
}
