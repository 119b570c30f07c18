/* list.h: `reclaim list`: what can be swept, from the declarations. */
#ifndef RECLAIM_SWEEP_LIST_H
#define RECLAIM_SWEEP_LIST_H

/* Runs the subcommand; argv[0] is its name. 0, or 2 after one line on stderr. */
int sweep_list_main(int argc, char **argv);

#endif
