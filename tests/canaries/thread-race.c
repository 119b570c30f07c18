/* Two threads increment one plain counter, often enough to be seen at it. */
#include <pthread.h>
#include <stddef.h>

static volatile int counter;

static void *count(void *unused) {
  (void)unused;
  for (int i = 0; i < 1000000; i++) counter = counter + 1;
  return NULL;
}

int main(void) {
  pthread_t other;
  if (pthread_create(&other, NULL, count, NULL)) return 0; /* no race then, and the canary is seen to be dead */
  count(NULL);
  pthread_join(other, NULL);
  return 0;
}
