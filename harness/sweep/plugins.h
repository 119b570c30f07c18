/* plugins.h: the flags that every command which names strategies has in common. */
#ifndef RECLAIM_SWEEP_PLUGINS_H
#define RECLAIM_SWEEP_PLUGINS_H

#define SWEEP_PLUGIN_HELP                                                                                                        \
  "--plugin-path DIR,...  folders of strategies and workloads from outside (also RECLAIM_PLUGIN_PATH)\n"                         \
  "--trust-owners         allow plug-ins of other owners than you and root\n"

/* Takes argv[*i] when it is one of these flags; *i moves over the value that it takes. 1: taken, 0: it is no such flag, -1 after one
   line on stderr. */
int sweep_plugin_flag(int argc, char **argv, int *i);

/* Says of every file that cannot be used why it is left out, one line each. */
void sweep_plugins_say_faults(void);

#endif
