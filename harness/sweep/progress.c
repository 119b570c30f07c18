/* progress.c: means of what was seen, and one line that is written over. */
#include "progress.h"

#include "harness/sweep/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What an invocation costs before any was seen: the process, its control and audit, and windows a little above the least (20
   ms). */
static const double guess_process_s = 0.1, guess_window_s = 0.03;

void sweep_progress_begin(struct progress *g, const struct sweep_plan *p, bool quiet) {
  *g = (struct progress){.on = !quiet && isatty(STDERR_FILENO)};
  g->seconds = sweep_alloc((size_t)p->ncells, sizeof *g->seconds);
  g->finished = sweep_alloc((size_t)p->ncells, sizeof *g->finished);
}

void sweep_progress_end(struct progress *g) {
  sweep_progress_clear(g);
  free(g->seconds);
  free(g->finished);
  *g = (struct progress){0};
}

void sweep_progress_learn(struct progress *g, int cell, double seconds) {
  g->seconds[cell] += seconds;
  g->finished[cell]++;
  g->all_seconds += seconds;
  g->all_finished++;
}

double sweep_progress_expect(const struct progress *g, const struct sweep_plan *p, int cell) {
  const struct sweep_cell *c = &p->cells[cell];
  if (g->finished[cell]) return g->seconds[cell] / g->finished[cell];
  if (g->all_finished) return g->all_seconds / (double)g->all_finished;
  return guess_process_s + guess_window_s * (c->warmup + c->iterations);
}

const char *sweep_progress_duration(double seconds, char *buf, size_t nbuf) {
  long s = (long)(seconds + 0.5);
  if (s < 60)
    snprintf(buf, nbuf, "%ld s", s);
  else if (s < 3600)
    snprintf(buf, nbuf, "%ld min %02ld s", s / 60, s % 60);
  else
    snprintf(buf, nbuf, "%ld h %02ld min", s / 3600, s / 60 % 60);
  return buf;
}

void sweep_progress_show(struct progress *g, const struct sweep_plan *p, int cell, double left) {
  if (!g->on) return;
  struct winsize size;
  int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  char time[32], *title = sweep_cell_title(&p->cells[cell]);
  char *line = sweep_format("[%" PRId64 "/%" PRId64 "] %s left: %s", g->done + 1, g->total,
                            sweep_progress_duration(left, time, sizeof time), title);
  if ((int)strlen(line) > width - 1) line[width - 1] = 0;
  fprintf(stderr, "\r\033[K%s", line);
  fflush(stderr);
  free(title);
  free(line);
}

void sweep_progress_clear(const struct progress *g) {
  if (!g->on) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
}
