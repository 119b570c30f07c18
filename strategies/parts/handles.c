/* handles.c: see handles.h. */
#include "strategies/parts/handles.h"

#include "strategies/parts/system.h"

void handles_init(Handles *h, size_t size) {
  pthread_mutex_init(&h->mutex, NULL);
  h->n = h->norphans = 0;
  h->size = size;
}
void handles_destroy(Handles *h) {
  for (int i = 0; i < h->n; i++) system_free(h->all[i], h->size);
  pthread_mutex_destroy(&h->mutex);
}

Thr *handles_take(Handles *h, bool *fresh) {
  Thr *T = NULL;
  pthread_mutex_lock(&h->mutex);
  *fresh = !h->norphans;
  if (h->norphans)
    T = h->orphans[--h->norphans];
  else if (h->n < HANDLES_MAX && (T = system_new(h->size)))
    h->all[h->n++] = T;
  pthread_mutex_unlock(&h->mutex);
  return T;
}

void handles_leave(Handles *h, Thr *T) {
  pthread_mutex_lock(&h->mutex);
  h->orphans[h->norphans++] = T;
  pthread_mutex_unlock(&h->mutex);
}
