/* decide.c: see decide.h. */
#include "harness/stats/decide.h"
#include "harness/stats/stats.h"

#include <math.h>
#include <stddef.h>

/* --- The normal distribution ------------------------------------------------------------------------------------------------ */

/* Coefficients of rational functions, highest power first. */
static double rational(double x, const double *p, const double *q, int n) {
  double above = p[0], below = q[0];
  for (int i = 1; i < n; i++) above = above * x + p[i], below = below * x + q[i];
  return above / below;
}

/* Wichura's PPND16: about 16 digits. */
double stats_normal_quantile(double p) {
  static const double near_p[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
                                  13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608};
  static const double near_q[] = {5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
                                  5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1};
  static const double mid_p[] = {7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
                                 1.27045825245236838258,   3.64784832476320460504,   5.7694972214606914055,
                                 4.6303378461565452959,    1.42343711074968357734};
  static const double mid_q[] = {
      1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
      0.68976733498510000455,    1.6763848301838038494,   2.05319162663775882187,   1};
  static const double far_p[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
                                 0.026532189526576123093,   0.29656057182850489123,    1.7848265399172913358,
                                 5.4637849111641143699,     6.6579046435011037772};
  static const double far_q[] = {
      2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      0.0148753612908506148525,   0.13692988092273580531,   0.59983220655588793769,   1};
  if (!(p >= 0 && p <= 1)) return NAN;
  if (p == 0 || p == 1) return p == 0 ? -INFINITY : INFINITY;
  double q = p - 0.5;
  if (fabs(q) <= 0.425) return q * rational(0.180625 - q * q, near_p, near_q, 8);
  double r = sqrt(-log(q < 0 ? p : 1 - p));
  double z = r <= 5 ? rational(r - 1.6, mid_p, mid_q, 8) : rational(r - 5, far_p, far_q, 8);
  return q < 0 ? -z : z;
}

double stats_student_quantile(double p, double df) {
  if (!(p > 0 && p < 1 && df >= 1)) return NAN;
  if (p < 0.5) return -stats_student_quantile(1 - p, df);
  double both = 2 * (1 - p), half_pi = 1.57079632679489661923;
  if (df == 1) return 1 / tan(both * half_pi);
  if (df == 2) return sqrt(2 / (both * (2 - both)) - 2);
  double a = 1 / (df - 0.5), b = 48 / (a * a), c = ((20700 * a / b - 98) * a - 16) * a + 96.36;
  double d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * half_pi) * df, y = pow(d * both, 2 / df);
  if (y > 0.05 + a) { /* an expansion about the normal quantile; else about the tail */
    double x = stats_normal_quantile(both / 2);
    y = x * x;
    if (df < 5) c += 0.3 * (df - 4.5) * (x + 0.6);
    c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b;
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x;
    y = expm1(a * y * y);
  } else {
    y = ((1 / (((df + 6) / (df * y) - 0.089 * d - 0.822) * (df + 2) * 3) + 0.5 / (df + 4)) * y - 1) * (df + 1) / (df + 2) + 1 / y;
  }
  return sqrt(df * y);
}

/* --- Tests ---------------------------------------------------------------------------------------------------------------------- */

double stats_signed_rank_above(double *x, int n, double shift) {
  if (n < 1 || n > STATS_MAX) return NAN;
  stats_sort(x, n);
  int64_t above = 0, all = (int64_t)n * (n + 1) / 2;
  int partners = n; /* of x[i], x[0 .. partners - 1] give averages that are not above */
  for (int i = 0; i < n; i++) {
    while (partners > 0 && 0.5 * x[i] + 0.5 * x[partners - 1] > shift) partners--;
    above += i + 1 - (partners < i + 1 ? partners : i + 1); /* each pair once: j <= i */
  }
  /* W is symmetric about all / 2 */
  return stats_signed_rank_cdf(n, all - above);
}

int stats_holm(const double *p, int n, double alpha, bool *rejected, double *adjusted) {
  int found = 0;
  double before = 0; /* adjusted p-values never fall */
  for (int i = 0; i < n; i++) rejected[i] = false;
  if (adjusted)
    for (int i = 0; i < n; i++) adjusted[i] = NAN;
  static const int none = -1;
  int last = none;
  /* Step by step to the next larger p-value, ties by their place: n is the number of cells, so squares are cheap. */
  bool going = true;
  for (int step = 0; step < n; step++) {
    int next = none;
    for (int i = 0; i < n; i++) {
      bool after = last == none || p[i] > p[last] || (p[i] == p[last] && i > last);
      if (after && (next == none || p[i] < p[next])) next = i;
    }
    if (next == none) break; /* what is left is not a number */
    double a = p[next] * (n - step);
    before = a > before ? a : before;
    if (adjusted) adjusted[next] = before < 1 ? before : 1;
    going = going && p[next] * (n - step) <= alpha;
    rejected[next] = going;
    found += going;
    last = next;
  }
  return found;
}

/* --- Sizes ------------------------------------------------------------------------------------------------------------------------ */

#define EFFICIENCY (3 / 3.14159265358979323846)
enum { LEAST_PAIRS = STATS_INTERVAL_FROM };

/* Pairs that are spent on not knowing the spread while testing (Guenther 1981, for means). */
static double price(double alpha) {
  double z = stats_normal_quantile(1 - alpha);
  return z * z / 2;
}

static double quantile(double p, int of) { return of > 1 ? stats_student_quantile(p, of - 1) : stats_normal_quantile(p); }

int stats_pairs_needed(double sd, int of, double effect, double threshold, double alpha, double power) {
  double z_alpha = quantile(1 - alpha, of), z_power = quantile(power, of);
  double a = (z_alpha + z_power) * sd / effect, b = z_power * sd / (effect - threshold);
  double n = ceil(fmax(a * a, b * b) / EFFICIENCY + price(alpha));
  return n < LEAST_PAIRS ? LEAST_PAIRS : n < STATS_MAX ? (int)n : STATS_MAX;
}

double stats_detectable(double sd, int of, int n, double threshold, double alpha, double power) {
  double worth = n - price(alpha);
  if (worth <= 0) return INFINITY;
  double z_alpha = quantile(1 - alpha, of), z_power = quantile(power, of), error = sd / sqrt(EFFICIENCY * worth);
  return fmax((z_alpha + z_power) * error, threshold + z_power * error);
}

/* --- Proportions ------------------------------------------------------------------------------------------------------------------ */

double stats_binomial_cdf(int k, int n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  if (p <= 0) return 1;
  if (p >= 1) return 0;
  /* the smaller tail is summed, from its largest term outwards, so that nothing is lost to cancellation */
  bool upper = k >= n * p;
  int from = upper ? k + 1 : k, step = upper ? 1 : -1;
  double term = exp(lgamma(n + 1.0) - lgamma(from + 1.0) - lgamma(n - from + 1.0) + from * log(p) + (n - from) * log1p(-p));
  double sum = 0, odds = p / (1 - p);
  for (int i = from; i >= 0 && i <= n && term > sum * 1e-18; i += step) {
    sum += term;
    term *= upper ? (n - i) / (i + 1.0) * odds : i / (n - i + 1.0) / odds;
  }
  return upper ? 1 - sum : sum;
}

/* The p at which a decreasing function of p crosses `target`. */
static double crossing(int k, int n, double target) {
  double lo = 0, hi = 1;
  for (int i = 0; i < 60; i++) {
    double mid = (lo + hi) / 2;
    if (stats_binomial_cdf(k, n, mid) > target)
      lo = mid;
    else
      hi = mid;
  }
  return (lo + hi) / 2;
}

void stats_clopper_pearson(int k, int n, double level, double *lo, double *hi) {
  double tail = (1 - level) / 2;
  *lo = k == 0 ? 0 : crossing(k - 1, n, 1 - tail);
  *hi = k == n ? 1 : crossing(k, n, tail);
}
