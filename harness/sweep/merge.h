/* merge.h: `reclaim merge`: the campaigns of several machines, or of one in several parts, become one.

   Each part was made by `reclaim run --shard I/N` with the same plan and seed, and holds whole blocks; so every ratio stays within one
   machine, and merging is putting journals together. What does not belong together is refused by one line, and the folder that is asked
   for comes into being whole (it is made beside its place and renamed) or not at all. The parts are only read. */
#ifndef RECLAIM_SWEEP_MERGE_H
#define RECLAIM_SWEEP_MERGE_H

/* argv[0] is the subcommand's name. Returns the exit code. */
int sweep_merge_main(int argc, char **argv);

#endif
