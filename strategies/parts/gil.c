/* gil.c: see gil.h. */
#include MM_STRATEGY_HEADER

#ifdef GIL_OF
#include <errno.h>

#include "strategies/parts/clock.h"
#include "strategies/parts/gil.h"

void gil_init(Gil *g, uint64_t interval_ns, bool forced) {
  memset(g, 0, sizeof *g);
  g->interval_ns = interval_ns;
  g->forced = forced;
  pthread_mutex_init(&g->mutex, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&g->freed, &monotonic);
  pthread_cond_init(&g->switched, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

void gil_destroy(Gil *g) {
  pthread_mutex_destroy(&g->mutex);
  pthread_cond_destroy(&g->freed);
  pthread_cond_destroy(&g->switched);
}

/* Waits for one interval at most; true when it passed without a signal. */
static bool wait_interval(Gil *g) {
  uint64_t until = wall_ns() + g->interval_ns;
  struct timespec t = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
  return pthread_cond_timedwait(&g->freed, &g->mutex, &t) == ETIMEDOUT;
}

void gil_take(Gil *g, Thr *T) {
  pthread_mutex_lock(&g->mutex);
  uint64_t since = 0;
  while (g->holder) {
    if (!since) since = wall_ns();
    uint64_t seen = g->switches;
    if (wait_interval(g) && g->holder && g->switches == seen) {
      atomic_fetch_or_explicit(&g->holder->poll, GIL_POLL, memory_order_relaxed);
      T->gil.requests++;
    }
  }
  g->holder = T;
  if (g->last != T) {
    g->last = T;
    g->switches++;
    T->gil.switches++;
  }
  pthread_cond_signal(&g->switched);
  pthread_mutex_unlock(&g->mutex);
  T->gil.since = wall_ns();
  if (since) histogram_add(&T->gil.waits, T->gil.since - since);
}

void gil_drop(Gil *g, Thr *T, bool requested) {
  histogram_add(&T->gil.holds, wall_ns() - T->gil.since);
  pthread_mutex_lock(&g->mutex);
  g->holder = NULL;
  atomic_fetch_and_explicit(&T->poll, ~GIL_POLL, memory_order_relaxed);
  pthread_cond_signal(&g->freed);
  if (requested && g->forced)
    while (g->last == T) pthread_cond_wait(&g->switched, &g->mutex);
  pthread_mutex_unlock(&g->mutex);
}

void gil_yield(Gil *g, Thr *T) {
  if (!(atomic_load_explicit(&T->poll, memory_order_relaxed) & GIL_POLL) || --T->polls_left) return;
  T->polls_left = T->poll_spacing;
  gil_drop(g, T, true);
  gil_take(g, T);
}
#endif
