/* series.c: see series.h. */
#include "harness/stats/series.h"
#include "harness/stats/decide.h"

#include <math.h>
#include <string.h>

/* --- Draws: splitmix64 ----------------------------------------------------------------------------------------------------------- */

static uint64_t next(uint64_t *s) {
  uint64_t z = (*s += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}
static int below(uint64_t *s, int n) { return (int)((next(s) >> 32) * (uint64_t)n >> 32); }

static double mean_of(const double *x, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += x[i];
  return n ? sum / n : NAN;
}

/* --- Memory of a series ------------------------------------------------------------------------------------------------------------ */

double stats_autocorrelation(const double *x, int n) {
  if (n < 4) return 0;
  double mean = mean_of(x, n), square = 0, product = 0;
  for (int i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
  for (int i = 1; i < n; i++) product += (x[i] - mean) * (x[i - 1] - mean);
  if (!(square > 0)) return 0;
  double r = product / square;
  r += (1 + 3 * r) / n; /* Kendall 1954: the expectation is short by that */
  return r < -0.99 ? -0.99 : r > 0.99 ? 0.99 : r;
}

/* The block length that is best for a mean of an autoregression of order 1 (Carlstein 1986). */
static int block_length(const double *x, int n) {
  double r = stats_autocorrelation(x, n), a = 2 * r / (1 - r * r);
  if (r <= 0) return 1;
  int b = (int)ceil(pow(a * a * n, 1.0 / 3));
  return b < 1 ? 1 : b > n / 3 ? (n / 3 > 1 ? n / 3 : 1) : b;
}

/* The median of the Walsh averages of x, which it sorts. */
static double centre(double *x, int n) { return stats_hodges_lehmann(x, n, 0.5).mid; }

struct stats_interval stats_block_bootstrap(const double *x, int n, double level, int block, int draws, uint64_t seed,
                                            double *work) {
  double *series = work, *estimate = work + 2 * n;
  memcpy(series, x, (size_t)n * sizeof *x);
  struct stats_interval r = stats_hodges_lehmann(series, n, level);
  if (block < 1) block = block_length(x, n);
  if (r.kind != STATS_INTERVAL) return r;
  if (n < 2 * block || draws < 2) {
    r.kind = STATS_RANGE;
    r.lo = series[0], r.hi = series[n - 1], r.coverage = NAN;
    return r;
  }
  for (int d = 0; d < draws; d++) {
    for (int i = 0; i < n; i += block) {
      int from = below(&seed, n - block + 1), length = i + block <= n ? block : n - i;
      memcpy(series + i, x + from, (size_t)length * sizeof *x);
    }
    estimate[d] = centre(series, n) - r.mid;
  }
  stats_sort(estimate, draws);
  double tail = (1 - level) / 2;
  r.lo = r.mid - stats_quantile(estimate, draws, 1 - tail);
  r.hi = r.mid - stats_quantile(estimate, draws, tail);
  r.coverage = NAN; /* asymptotic: docs/method.md has what was measured */
  return r;
}

/* --- The best split ------------------------------------------------------------------------------------------------------------------ */

struct split {
  int at; /* 0: none */
  double size;
};

/* The split of x with the largest sqrt(k (n - k) / n) * |difference of means|, both sides of at least `shortest`. */
static struct split best_split(const double *x, int n, int shortest) {
  struct split best = {0, -1};
  double left = 0, all = 0;
  for (int i = 0; i < n; i++) all += x[i];
  for (int k = 1; k < n; k++) {
    left += x[k - 1];
    if (k < shortest || n - k < shortest) continue;
    double size = sqrt((double)k * (n - k) / n) * fabs(left / k - (all - left) / (n - k));
    if (size > best.size) best = (struct split){k, size};
  }
  return best;
}

/* --- One series ------------------------------------------------------------------------------------------------------------------------ */

/* Found by simulation (series of 20 to 60 values, correlations 0 to 0.6): larger ones find less, smaller ones alarm more often. */
#define BIAS_OF_SPLIT 2.5
#define CONTRADICTION 3.0
#define UNCERTAINTY   0.7

/* Half the mean square of differences at a distance, the largest tenth left out: what a few changes of level do not move. */
static double difference_square(const double *x, int n, int distance, double *scratch) {
  int m = n - distance, kept = m - m / 10;
  for (int i = 0; i < m; i++) scratch[i] = (x[i + distance] - x[i]) * (x[i + distance] - x[i]) / 2;
  stats_sort(scratch, m);
  return kept > 0 ? mean_of(scratch, kept) : 0;
}

/* Correlation of neighbours in the noise of a series whose level may change. Two estimates. Of what is left when the levels on both sides
   of the best split are taken out: precise, but where there are more changes than one, those are left in it. And from squared differences,
   which at distances 1 and 2 stand to each other as 1 to 1 + r in an autoregression of order 1 (after Tecuapetla-Gomez and Munk 2017):
   changes do not move it, but it scatters. So the first is taken unless the second contradicts it. Never below 0: noise that alternates
   splits less, not more. */
static double noise_correlation(const double *x, int n, int shortest, double *scratch) {
  if (n < 8) return 0;
  double one = difference_square(x, n, 1, scratch), two = difference_square(x, n, 2, scratch);
  double by_difference = one > 0 ? two / one - 1 : 0;
  int at = best_split(x, n, shortest).at;
  double before = mean_of(x, at), after = mean_of(x + at, n - at);
  for (int i = 0; i < n; i++) scratch[i] = x[i] - (at == 0 ? 0 : i < at ? before : after);
  double r = stats_autocorrelation(scratch, n);
  r += BIAS_OF_SPLIT * (1 + 3 * r) / n; /* a split that was chosen takes more out than a mean does */
  if (r - by_difference > CONTRADICTION / sqrt(n)) r = by_difference;
  return r < 0 ? 0 : r > 0.95 ? 0.95 : r;
}

/* The largest split of a series, in units of its noise. */
static double statistic(const double *x, int n, int shortest, double *scratch, struct split *split) {
  *split = best_split(x, n, shortest);
  double noise = difference_square(x, n, 1, scratch);
  return noise > 0 ? split->size / sqrt(noise) : split->size > 0 ? INFINITY : 0;
}

static double unit(uint64_t *s) { return ((double)(next(s) >> 11) + 0.5) / 9007199254740992.0; }
static double normal(uint64_t *s) { return stats_normal_quantile(unit(s)); }

/* How often noise alone splits as widely: autoregressions of the correlation found, which is itself only an estimate, so that each is
   drawn with one as far from it as the truth might be. Once that is more often than `alpha` allows, the other draws are left out: the
   result is above alpha then, and says no more. */
static double chance(double r, int whole, int n, int shortest, double observed, double alpha, int draws, uint64_t *seed,
                     double *series, double *scratch) {
  int wider = 0;
  double most = alpha * (draws + 1.0) - 1;
  for (int d = 0; d < draws && wider <= most; d++) {
    double q = r + UNCERTAINTY * normal(seed) / sqrt(whole), value = normal(seed);
    q = q < 0 ? 0 : q > 0.97 ? 0.97 : q;
    for (int i = 0; i < n; i++) {
      series[i] = value;
      value = q * value + sqrt(1 - q * q) * normal(seed);
    }
    struct split ignored;
    wider += statistic(series, n, shortest, scratch, &ignored) >= observed;
  }
  return (wider + 1.0) / (draws + 1.0);
}

struct search {
  int whole, shortest, draws, n;
  double alpha, correlation;
  uint64_t seed;
  struct stats_change *out;
  double *series, *scratch;
};

static void search(struct search *s, const double *x, int from, int to) {
  int n = to - from;
  struct split split;
  if (n < 2 * s->shortest || s->n == STATS_CHANGES) return;
  double observed = statistic(x + from, n, s->shortest, s->scratch, &split);
  if (!split.at || observed <= 0) return;
  double p = chance(s->correlation, s->whole, n, s->shortest, observed, s->alpha, s->draws, &s->seed, s->series, s->scratch);
  if (p > s->alpha) return;
  int at = from + split.at;
  search(s, x, from, at);
  if (s->n < STATS_CHANGES) s->out[s->n++] = (struct stats_change){.at = at, .p = p};
  search(s, x, at, to);
}

void stats_change_levels(const double *x, int n, struct stats_change *c, int changes) {
  for (int i = 0; i < changes; i++) {
    int from = i ? c[i - 1].at : 0, to = i + 1 < changes ? c[i + 1].at : n;
    c[i].before = mean_of(x + from, c[i].at - from);
    c[i].after = mean_of(x + c[i].at, to - c[i].at);
  }
}

int stats_changes(const double *x, int n, int shortest, double alpha, int draws, uint64_t seed, struct stats_change *out,
                  double *work) {
  struct search s = {.whole = n,
                     .shortest = shortest < 2 ? 2 : shortest,
                     .draws = draws,
                     .alpha = alpha,
                     .seed = seed,
                     .out = out,
                     .series = work,
                     .scratch = work + n};
  s.correlation = noise_correlation(x, n, s.shortest, s.scratch);
  search(&s, x, 0, n);
  stats_change_levels(x, n, out, s.n);
  return s.n;
}

/* --- Iterations of many invocations --------------------------------------------------------------------------------------------------- */

const char *const stats_steadiness_names[5] = {
    [STEADY_UNKNOWN] = "", [STEADY] = "steady", [WARMING] = "warming", [SLOWING] = "slowing", [UNSTEADY] = "none"};

/* Means over the rows of columns [from, to). */
static void profile(const double *t, int rows, int m, int from, int to, double *out) {
  for (int i = from; i < to; i++) {
    double sum = 0;
    for (int r = 0; r < rows; r++) sum += t[r * m + i];
    out[i - from] = sum / rows;
  }
}

static void shuffle_row(double *x, int n, uint64_t *seed) {
  for (int i = n - 1; i > 0; i--) {
    int k = below(seed, i + 1);
    double v = x[i];
    x[i] = x[k], x[k] = v;
  }
}

struct rows {
  const double *t;
  int rows, m, draws;
  double alpha, least;
  uint64_t seed;
  double *shuffled, *mean; /* rows x m; m */
  struct stats_change change[STATS_CHANGES];
  int n;
};

static void search_rows(struct rows *s, int from, int to) {
  int n = to - from;
  if (n < 2 || s->n == STATS_CHANGES) return;
  profile(s->t, s->rows, s->m, from, to, s->mean);
  struct split split = best_split(s->mean, n, 1);
  double difference = fabs(mean_of(s->mean, split.at) - mean_of(s->mean + split.at, n - split.at));
  if (!split.at || difference < s->least) return;
  for (int r = 0; r < s->rows; r++) memcpy(s->shuffled + r * s->m, s->t + r * s->m + from, (size_t)n * sizeof *s->t);
  int wider = 0;
  double most = s->alpha * (s->draws + 1.0) - 1; /* with more of them the change does not stand, whatever the other draws say */
  for (int d = 0; d < s->draws && wider <= most; d++) {
    for (int r = 0; r < s->rows; r++) shuffle_row(s->shuffled + r * s->m, n, &s->seed);
    profile(s->shuffled, s->rows, s->m, 0, n, s->mean);
    wider += best_split(s->mean, n, 1).size >= split.size * (1 - 1e-12);
  }
  double p = (wider + 1.0) / (s->draws + 1.0);
  if (p > s->alpha) return;
  int at = from + split.at;
  search_rows(s, from, at);
  if (s->n < STATS_CHANGES) s->change[s->n++] = (struct stats_change){.at = at, .p = p};
  search_rows(s, at, to);
}

/* The differences between columns from `from` on: their sum of squares about their mean, and the largest. */
static double unevenness(const struct rows *s, const double *t, int stride, int from, double *span) {
  int n = s->m - from;
  double sum = 0, low = INFINITY, high = -INFINITY;
  profile(t, s->rows, stride, from, from + n, s->mean);
  double mean = mean_of(s->mean, n);
  for (int i = 0; i < n; i++) {
    sum += (s->mean[i] - mean) * (s->mean[i] - mean);
    low = fmin(low, s->mean[i]), high = fmax(high, s->mean[i]);
  }
  *span = high - low;
  return sum;
}

/* Whether the columns from `from` on differ at all. A split sees levels; one odd iteration amid equal ones it overlooks. */
static bool differ(struct rows *s, int from) {
  double span, ignored, observed = unevenness(s, s->t, s->m, from, &span);
  if (span < s->least) return false;
  memcpy(s->shuffled, s->t, (size_t)(s->rows * s->m) * sizeof *s->t);
  int more = 0;
  double most = s->alpha * (s->draws + 1.0) - 1;
  for (int d = 0; d < s->draws && more <= most; d++) {
    for (int r = 0; r < s->rows; r++) shuffle_row(s->shuffled + r * s->m + from, s->m - from, &s->seed);
    more += unevenness(s, s->shuffled, s->m, from, &ignored) >= observed * (1 - 1e-12);
  }
  return more <= most;
}

/* From the changes among measured iterations to a class. */
static enum stats_steadiness judge(const struct stats_change *c, int n, int m, int warmup, double least, double *level) {
  int first = 0;
  while (first < n && c[first].at <= warmup) first++; /* what warm-up is there for */
  *level = 0;
  if (first == n) return STEADY;
  int up = 0, down = 0;
  for (int i = first; i < n; i++) c[i].after > c[i].before ? up++ : down++;
  *level = c[n - 1].after - c[first].before;
  if (m - c[n - 1].at < 2 || (up && down)) return UNSTEADY; /* changing to the very end; changing to and fro */
  return fabs(*level) < least ? STEADY : up ? SLOWING : WARMING;
}

enum stats_steadiness stats_steadiness(const double *t, int rows, int m, int warmup, double alpha, double least, int draws,
                                       uint64_t seed, double *work, double *level) {
  double ignored;
  if (!level) level = &ignored;
  *level = 0;
  if (rows < 3 || m - warmup < 4) return STEADY_UNKNOWN;
  for (int i = 0; i < rows * m; i++)
    if (!isfinite(t[i])) return STEADY_UNKNOWN;
  struct rows s = {.t = t,
                   .rows = rows,
                   .m = m,
                   .draws = draws,
                   .alpha = alpha / 2,
                   .least = least,
                   .seed = seed,
                   .shuffled = work,
                   .mean = work + rows * m};
  search_rows(&s, 0, m);
  double *mean = work + (rows + 1) * m;
  profile(t, rows, m, 0, m, mean);
  stats_change_levels(mean, m, s.change, s.n);
  enum stats_steadiness is = judge(s.change, s.n, m, warmup, least, level);
  return is == STEADY && differ(&s, warmup) ? UNSTEADY : is;
}
