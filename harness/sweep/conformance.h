/* conformance.h: `reclaim conformance`: the conformance suite on one strategy, with a verdict on each test. */
#ifndef RECLAIM_SWEEP_CONFORMANCE_H
#define RECLAIM_SWEEP_CONFORMANCE_H

/* Runs the subcommand; argv[0] is its name. 0: every test passed; 1: one did not; 2: bad input, after one line on stderr; 3: the suite
   did not come to its end. */
int sweep_conformance_main(int argc, char **argv);

#endif
