/* gate.h: `reclaim gate`: whether the newer of two builds is worse, for a CI system on a machine that is not its own.

   What is decided and how: rule.h. What is measured: measure.h. What is compared with what: sides.h. docs/gate.md is for its users. */
#ifndef RECLAIM_GATE_GATE_H
#define RECLAIM_GATE_GATE_H

/* argv[0] is the subcommand's name. Returns the exit code: 0 fine, 1 a regression, 2 bad input, 3 could not judge, 130 interrupted. */
int gate_main(int argc, char **argv);

#endif
