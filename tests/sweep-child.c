/* sweep-child.c: the parent comes back from whatever a child does, in time and with the right story. */
#include "harness/sweep/child.h"
#include "harness/sweep/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *const environment[] = {"PATH=/usr/bin:/bin", NULL};

static void prepare(void) { cr_assert(sweep_child_prepare()); }

/* Runs a script of the shell; the result pipe is its file descriptor 3. */
static struct child_outcome run(const char *script, double timeout_s) {
  char *argv[] = {"/bin/sh", "-c", (char *)script, "sh", NULL};
  struct child_outcome out;
  sweep_child_run(&(struct child_request){argv[0], argv, (char **)environment, timeout_s, false}, &out);
  return out;
}

Test(child, speaks, .init = prepare) {
  struct child_outcome o = run("echo '{\"a\": 1}' >&3; echo 'reclaim: a warning' >&2", 60);
  cr_assert(eq(int, o.end, CHILD_EXITED));
  cr_assert(eq(int, o.code, 0));
  cr_assert(eq(str, o.result, "{\"a\": 1}\n"));
  cr_assert(eq(str, o.complaint, "a warning"));
  cr_assert(gt(dbl, o.seconds, 0));
  free(o.result);
}

Test(child, ends_with_a_code, .init = prepare) {
  struct child_outcome o = run("echo first >&2; echo last >&2; exit 7", 60);
  cr_assert(eq(int, o.end, CHILD_EXITED));
  cr_assert(eq(int, o.code, 7));
  cr_assert(eq(str, o.complaint, "last"));
  cr_assert(eq(sz, o.nresult, 0));
  free(o.result);
}

Test(child, dies_of_a_signal, .init = prepare) {
  struct child_outcome o = run("kill -SEGV $$", 60);
  cr_assert(eq(int, o.end, CHILD_SIGNALLED));
  cr_assert(eq(int, o.code, SIGSEGV));
  free(o.result);
}

Test(child, is_silent_for_ever, .init = prepare) {
  struct child_outcome o = run("exec sleep 1000", 0.2);
  cr_assert(eq(int, o.end, CHILD_TIMED_OUT));
  free(o.result);
}

Test(child, ignores_every_polite_signal, .init = prepare) {
  struct child_outcome o = run("trap '' TERM INT HUP; while :; do :; done", 0.2);
  cr_assert(eq(int, o.end, CHILD_TIMED_OUT));
  free(o.result);
}

/* It ends itself, but leaves a process that holds every pipe open: nobody waits for the end of the stream, and it does not survive. */
Test(child, leaves_an_orphan, .init = prepare) {
  struct child_outcome o = run("sleep 1000 & echo $! >&3", 60);
  cr_assert(eq(int, o.end, CHILD_EXITED));
  int orphan = atoi(o.result);
  cr_assert(gt(int, orphan, 1));
  for (int i = 0; i < 1000 && kill(orphan, 0) == 0; i++) {
    char path[64], state[256];
    snprintf(path, sizeof path, "/proc/%d/stat", orphan);
    if (sweep_read_line(path, state, sizeof state) && strstr(state, ") Z"))
      break; /* dead; whoever adopted it has not looked yet */
    usleep(10000);
    cr_assert(lt(int, i, 999), "the orphan lives");
  }
  free(o.result);
}

/* More than any pipe holds, on both at once. */
Test(child, floods_both_pipes, .init = prepare) {
  struct child_outcome o =
      run("i=0; while [ $i -lt 3000 ]; do echo 'a line of some length, again and again and again' >&2; "
          "echo 'another line of some length, again and again and again' >&3; i=$((i+1)); done; echo end >&2",
          60);
  cr_assert(eq(int, o.end, CHILD_EXITED));
  cr_assert(eq(sz, o.nresult, 3000 * strlen("another line of some length, again and again and again\n")));
  cr_assert(eq(str, o.complaint, "end"));
  free(o.result);
}

Test(child, does_not_exist, .init = prepare) {
  char *argv[] = {"/no/such/program", NULL};
  struct child_outcome o;
  sweep_child_run(&(struct child_request){argv[0], argv, (char **)environment, 60, false}, &o);
  cr_assert(eq(int, o.end, CHILD_NOT_STARTED));
  cr_assert(eq(str, strerror(o.code), "No such file or directory"));
  free(o.result);
}

Test(child, is_interrupted, .init = prepare) {
  kill(getpid(), SIGINT);
  struct child_outcome o = run("exec sleep 1000", 60);
  cr_assert(eq(int, o.end, CHILD_INTERRUPTED));
  cr_assert(sweep_child_interrupted());
  free(o.result);
}

/* It leads its own group, hears signals that its parent blocks, has no input, and inherits nothing but the four descriptors. */
Test(child, starts_clean, .init = prepare) {
  struct child_outcome o =
      run("set -- $(cat /proc/$$/stat); [ $5 = $$ ] && echo group >&3; read x || echo no-input >&3; ls /proc/$$/fd | tr '\\n' ' "
          "' >&3; "
          "while read k v; do [ \"$k $v\" = 'SigBlk: 0000000000000000' ] && echo unblocked >&3; done </proc/$$/status; "
          "kill -INT $$; echo deaf >&3",
          60);
  cr_assert(strstr(o.result, "group\n") != NULL, "%s", o.result);
  cr_assert(strstr(o.result, "no-input\n0 1 2 3 ") != NULL, "%s", o.result);
  cr_assert(strstr(o.result, "unblocked") != NULL, "%s", o.result);
  cr_assert(strstr(o.result, "deaf") == NULL, "%s", o.result);
  cr_assert(eq(int, o.end, CHILD_SIGNALLED));
  cr_assert(eq(int, o.code, SIGINT));
  free(o.result);
}
