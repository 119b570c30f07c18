/* selftest.h: `reclaim selftest`: the gate proves on this machine how often it is wrong, and what it finds. */
#ifndef RECLAIM_SELFTEST_SELFTEST_H
#define RECLAIM_SELFTEST_SELFTEST_H

/* argv[0] is the subcommand's name. Returns the exit code: 0, whatever came out; 2 after one line on stderr; 130 when interrupted. */
int selftest_main(int argc, char **argv);

#endif
