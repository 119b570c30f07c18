/* history-figures.c: a figure per cell of a history: a panel for each metric, values with their intervals, levels, and a line where one changes.
   See history.h.

   The data and the script stay beside the figure, so that it can be drawn again, and otherwise. Texts in the script come from files that
   anybody may have written: they are cut down to letters, digits and a few signs, and stand in single quotes, where gnuplot runs nothing. */
#define _GNU_SOURCE 1 /* posix_spawn_file_actions_addopen */
#include "harness/compare/history.h"

#include "harness/sweep/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WIDTH = 960, PANEL = 190, MARGIN = 110, MOST_TICS = 20 };

/* --- Names and units -------------------------------------------------------------------------------------------------------------------------- */

/* Only what is in `allowed` or alphanumeric stays; the rest becomes `instead`. Owned by the caller. */
static char *tame(const char *text, const char *allowed, char instead) {
  char *s = sweep_strdup(text);
  for (char *p = s; *p; p++)
    if (!isalnum((unsigned char)*p) && !strchr(allowed, *p)) *p = instead;
  return s;
}

static char *for_script(const char *text) { return tame(text, " .,:;=+-_/()|%", '?'); }

/* "03-lists-private-rc-1-threads": unique by its number, whatever the rest is cut to. */
static char *file_name(const struct history *h, int cell) {
  char *label = history_label(h, cell, "-"), *tamed = tame(label, "", '-');
  char *name = sweep_format("%02d-%.80s", cell + 1, tamed);
  free(label);
  free(tamed);
  return name;
}

struct unit {
  double size;
  const char *name;
};

static struct unit unit_of(enum units_family family, double largest) {
  static const struct unit times[] = {{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}},
                           bytes[] = {{1, "B"}, {1024, "KiB"}, {1048576, "MiB"}, {1073741824, "GiB"}};
  const struct unit *all = family == UNITS_BYTES ? bytes : times;
  int i = 0;
  while (i < 3 && largest >= all[i + 1].size) i++;
  return all[i];
}

static double largest_of(const struct history_series *s) {
  double v = 0;
  for (int i = 0; i < s->n; i++) v = fmax(v, s->point[i].value.mid);
  return v;
}

/* --- Data ---------------------------------------------------------------------------------------------------------------------------------------- */

/* Ends of a value's interval; itself where it has none. */
static double end_of(double end, double mid) { return isfinite(end) ? end : mid; }

/* Two blocks for each series: campaign, value, lo, hi; then the ends of each level. */
static void write_data(const struct history_series *const *of, int n, FILE *out) {
  for (int k = 0; k < n; k++) {
    const struct history_series *s = of[k];
    double size = unit_of(metrics[s->metric].unit, largest_of(s)).size;
    fprintf(out, "%s# %s: campaign, value, lo, hi\n", k ? "\n\n" : "", metrics[s->metric].name);
    for (int i = 0; i < s->n; i++) {
      const struct stats_interval *v = &s->point[i].value;
      fprintf(out, "%d %.9g %.9g %.9g\n", s->point[i].campaign + 1, v->mid / size, end_of(v->lo, v->mid) / size,
              end_of(v->hi, v->mid) / size);
    }
    fprintf(out, "\n\n# levels\n");
    double sum = 0;
    for (int i = 0; i < s->n; i++) sum += log(s->point[i].value.mid) / s->n;
    for (int c = 0; c <= s->nchanges; c++) {
      int from = c ? s->change[c - 1].at : 0, to = c < s->nchanges ? s->change[c].at - 1 : s->n - 1;
      double level = s->nchanges == 0 ? exp(sum) : c ? s->change[c - 1].after : s->change[0].before;
      fprintf(out, "%d %.9g\n%d %.9g\n\n", s->point[from].campaign + 1, level / size, s->point[to].campaign + 1, level / size);
    }
  }
  putc('\n', out);
}

/* --- Script --------------------------------------------------------------------------------------------------------------------------------------- */

static void write_tics(const struct history *h, FILE *out) {
  int step = (h->n + MOST_TICS - 1) / MOST_TICS;
  fputs("set xtics (", out);
  for (int i = 0; i < h->n; i += step) {
    char *day = sweep_format("%.10s %.7s", history_started(&h->campaign[i]), history_commit(&h->campaign[i]));
    char *label = for_script(day + (strlen(day) > 5 ? 5 : 0));
    fprintf(out, "%s'%s' %d", i ? ", " : "", label, i + 1);
    free(day);
    free(label);
  }
  fputs(") rotate by 45 right nomirror\n", out);
}

static void write_panel(const struct history_series *s, int place, const char *name, FILE *out) {
  const struct metric *k = &metrics[s->metric];
  double size = unit_of(k->unit, largest_of(s)).size, low = INFINITY, high = 0;
  for (int i = 0; i < s->n; i++) {
    const struct stats_interval *v = &s->point[i].value;
    low = fmin(low, end_of(v->lo, v->mid) / size);
    high = fmax(high, end_of(v->hi, v->mid) / size);
  }
  double pad = fmax(0.12 * (high - low), 0.002 * high);
  fprintf(out, "unset arrow\nunset label\nset yrange [%.9g:%.9g]\nset ylabel '%s, %s'\n", low - pad, high + 2 * pad, k->name,
          unit_of(k->unit, largest_of(s)).name);
  fprintf(out, "set label '%s' at graph 0.01, graph 0.92 textcolor rgb '#555555'\n", k->title);
  for (int i = 0; i < s->nchanges; i++) {
    double x = (s->point[s->change[i].at - 1].campaign + s->point[s->change[i].at].campaign) / 2.0 + 1;
    fprintf(out, "set arrow from %g, graph 0 to %g, graph 1 nohead linecolor rgb '#c03030' dashtype 2\n", x, x);
    fprintf(out, "set label '%+.1f %%' at %g, graph 0.92 left offset 0.5,0 textcolor rgb '#c03030'\n",
            100 * (s->change[i].after / s->change[i].before - 1), x);
  }
  fprintf(out,
          "plot '%s.dat' index %d using 1:2:3:4 with yerrorbars linecolor rgb '#2060a0' pointtype 7 pointsize 0.7, \\\n"
          "     '' index %d using 1:2 with lines linewidth 2 linecolor rgb '#303030'\n",
          name, 2 * place, 2 * place + 1);
}

static void write_script(const struct history *h, const struct history_series *const *of, int n, const char *name, FILE *out) {
  int height = PANEL * n + MARGIN;
  double top = 1 - 40.0 / height, bottom = (MARGIN - 30.0) / height, each = (top - bottom) / n;
  char *label = history_label(h, of[0]->cell, " | "), *title = for_script(label), *machine = for_script(h->machine);
  fprintf(out, "# gnuplot %s.gp, or gnuplot -e \"form='png'\" %s.gp, in this folder\n", name, name);
  fprintf(out, "if (!exists('form')) form = 'svg'\n");
  fprintf(out, "if (form eq 'png') set terminal pngcairo noenhanced size %d,%d font 'sans,10'\n", WIDTH, height);
  fprintf(out, "if (form eq 'svg') set terminal svg noenhanced size %d,%d font 'sans,12' background rgb 'white'\n", WIDTH,
          height);
  fprintf(out, "set output '%s.'.form\n", name);
  fprintf(out, "unset key\nset grid ytics linecolor rgb '#dddddd'\nset xrange [0.5:%d.5]\nset lmargin 12\nset rmargin 4\n", h->n);
  fprintf(out, "set multiplot\n");
  for (int k = 0; k < n; k++) {
    fprintf(out, "\nset tmargin at screen %.4f\nset bmargin at screen %.4f\n", top - k * each - 8.0 / height,
            top - (k + 1) * each + 4.0 / height);
    if (k == 0) fprintf(out, "set title '%s (%s)'\n", title, machine);
    if (k == 1) fputs("unset title\n", out);
    if (k == n - 1)
      write_tics(h, out);
    else
      fputs("set xtics 1 format '' nomirror\n", out);
    write_panel(of[k], k, name, out);
  }
  fputs("unset multiplot\n", out);
  free(label);
  free(title);
  free(machine);
}

/* --- Files ----------------------------------------------------------------------------------------------------------------------------------------- */

static int draw(const char *dir, const char *name, const char *form, bool *there) {
  char *script = sweep_format("cd '%s'; form = '%s'; load '%s.gp'", dir, form, name), *argv[] = {"gnuplot", "-e", script, NULL};
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int status = 0, rc = 0;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  int why = posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
  *there = why == 0;
  if (why && why != ENOENT) rc = sweep_refuse("cannot start gnuplot: %s", strerror(why));
  while (!why && waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) break;
  if (!why && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) rc = sweep_refuse("gnuplot could not draw %s/%s.gp", dir, name);
  posix_spawn_file_actions_destroy(&actions);
  free(script);
  return rc;
}

static FILE *open_in(const char *dir, const char *name, const char *suffix) {
  char *path = sweep_format("%s/%s.%s", dir, name, suffix);
  FILE *out = fopen(path, "w");
  if (!out) sweep_say("%s: %s", path, strerror(errno));
  free(path);
  return out;
}

static int close_file(FILE *f, const char *dir) {
  bool ok = !ferror(f);
  return fclose(f) == 0 && ok ? 0 : sweep_refuse("cannot write into %s: %s", dir, strerror(errno));
}

static int make_figure(const struct history *h, const struct history_series *const *of, int n, const char *dir, bool *drawn) {
  char *name = file_name(h, of[0]->cell);
  FILE *data = open_in(dir, name, "dat"), *script = data ? open_in(dir, name, "gp") : NULL;
  int rc = data && script ? 0 : SWEEP_BAD_INPUT;
  if (!rc) {
    write_data(of, n, data);
    write_script(h, of, n, name, script);
  }
  if (data && close_file(data, dir)) rc = SWEEP_BAD_INPUT;
  if (script && close_file(script, dir)) rc = SWEEP_BAD_INPUT;
  if (!rc && *drawn) rc = draw(dir, name, "svg", drawn);
  if (!rc && *drawn) rc = draw(dir, name, "png", drawn);
  free(name);
  return rc;
}

int history_figures(const struct history *h, const char *dir, bool *drawn) {
  const struct history_series *of[METRICS];
  int rc = 0;
  *drawn = true;
  if (strchr(dir, '\'')) return sweep_refuse("--figures: '%s' has a quote in it, which a script cannot hold", dir);
  if (mkdir(dir, 0777) && errno != EEXIST) return sweep_refuse("--figures: %s: %s", dir, strerror(errno));
  for (int i = 0; i < h->nseries && !rc;) {
    int n = 0;
    while (i + n < h->nseries && h->series[i + n].cell == h->series[i].cell) of[n] = &h->series[i + n], n++;
    rc = make_figure(h, of, n, dir, drawn);
    i += n;
  }
  return rc;
}
