/* world.c: see world.h. */
#include MM_STRATEGY_HEADER

#include "strategies/parts/world.h"
#include "strategies/parts/clock.h"

void world_init(World *W) {
  memset(W, 0, sizeof *W);
  pthread_mutex_init(&W->mutex, NULL);
  pthread_cond_init(&W->stopped, NULL);
  pthread_cond_init(&W->resumed, NULL);
}
void world_destroy(World *W) {
  pthread_mutex_destroy(&W->mutex);
  pthread_cond_destroy(&W->stopped);
  pthread_cond_destroy(&W->resumed);
}

bool world_attach(World *W, Thr *T) {
  pthread_mutex_lock(&W->mutex);
  while (W->stopping) pthread_cond_wait(&W->resumed, &W->mutex);
  bool room = W->nthreads < WORLD_THREADS;
  if (room) W->threads[W->nthreads++] = T;
  pthread_mutex_unlock(&W->mutex);
  return room;
}

static void leave(World *W) {
  if (--W->running == 0 && W->stopping) pthread_cond_signal(&W->stopped);
}
static void enter(World *W) {
  while (W->stopping) pthread_cond_wait(&W->resumed, &W->mutex);
  W->running++;
}

static void raise_polls(World *W, int to) {
  for (int i = 0; i < W->nthreads; i++) atomic_store_explicit(&W->threads[i]->poll, to, memory_order_relaxed);
}

bool world_stop(World *W, Thr *T) {
  (void)T;
  pthread_mutex_lock(&W->mutex);
  if (W->stopping) {
    leave(W);
    enter(W);
    pthread_mutex_unlock(&W->mutex);
    return false;
  }
  W->request_ns = wall_ns();
  W->stopping = true;
  raise_polls(W, 1);
  W->running--;
  while (W->running) pthread_cond_wait(&W->stopped, &W->mutex);
  histogram_add(&W->safepoints, wall_ns() - W->request_ns);
  pthread_mutex_unlock(&W->mutex);
  return true;
}

void world_resume(World *W, Thr *T) {
  (void)T;
  pthread_mutex_lock(&W->mutex);
  raise_polls(W, 0);
  W->stopping = false;
  W->running++;
  pthread_cond_broadcast(&W->resumed);
  histogram_add(&W->pauses, wall_ns() - W->request_ns);
  pthread_mutex_unlock(&W->mutex);
}

int world_running(World *W) {
  pthread_mutex_lock(&W->mutex);
  int n = W->running;
  pthread_mutex_unlock(&W->mutex);
  return n;
}

void world_wait(World *W, Thr *T) {
  (void)T;
  pthread_mutex_lock(&W->mutex);
  if (W->stopping) {
    leave(W);
    enter(W);
  }
  pthread_mutex_unlock(&W->mutex);
}

void world_lower(World *W, Thr *T) {
  pthread_mutex_lock(&W->mutex);
  if (!W->stopping) atomic_store_explicit(&T->poll, 0, memory_order_relaxed);
  pthread_mutex_unlock(&W->mutex);
}

void world_block(World *W, Thr *T) {
  (void)T;
  pthread_mutex_lock(&W->mutex);
  leave(W);
  pthread_mutex_unlock(&W->mutex);
}

void world_unblock(World *W, Thr *T) {
  (void)T;
  pthread_mutex_lock(&W->mutex);
  enter(W);
  pthread_mutex_unlock(&W->mutex);
}
