/* guard.c: see guard.h. The handlers only write and leave: whatever the library was doing is not touched any more. */
#include "harness/cell/guard.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT};
enum { DEADLY = sizeof deadly / sizeof *deadly };

static struct sigaction before[DEADLY];
static const char *guarded;

static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(2);
}

static void on_death(int number) {
  say("reclaim: ");
  say(guarded);
  say(number == SIGABRT ? " died of SIGABRT" : number == SIGBUS ? " died of SIGBUS" : " died of SIGSEGV");
  say(": is memory short?\n");
  _exit(2);
}

void cell_guard_begin(const char *what) {
  struct sigaction action = {.sa_handler = on_death};
  guarded = what;
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &action, &before[i]);
}

void cell_guard_end(void) {
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &before[i], NULL);
}
