/* order.c: what order statistics alone can say of a sample: quantiles, and a spread that outliers do not move. See stats.h. */
#include "harness/stats/stats.h"

#include <math.h>
#include <stdlib.h>

static void sift_down(double *x, int root, int n) {
  double v = x[root];
  for (int child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && x[child + 1] > x[child]) child++;
    if (x[child] <= v) break;
    x[root] = x[child];
  }
  x[root] = v;
}

/* Heapsort: in place for any n, where qsort may allocate. */
void stats_sort(double *x, int n) {
  for (int root = n / 2 - 1; root >= 0; root--) sift_down(x, root, n);
  for (int end = n - 1; end > 0; end--) {
    double largest = x[0];
    x[0] = x[end];
    x[end] = largest;
    sift_down(x, 0, end);
  }
}

double stats_quantile(const double *sorted, int n, double p) {
  if (n < 1) return NAN;
  double position = p * (n - 1);
  int i = (int)position;
  if (i >= n - 1) return sorted[n - 1];
  return sorted[i] + (position - i) * (sorted[i + 1] - sorted[i]);
}

double stats_median(const double *sorted, int n) { return stats_quantile(sorted, n, 0.5); }

double stats_spread(double *x, int n) {
  stats_sort(x, n);
  double middle = stats_median(x, n);
  for (int i = 0; i < n; i++) x[i] = fabs(x[i] - middle);
  stats_sort(x, n);
  return 1.4826 * stats_median(x, n);
}
