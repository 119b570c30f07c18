/* folders.h: which object files there are, and which of them may be loaded at all.

   The program's own folder (`strategies` beside it in a build, lib/reclaim/strategies in an installation) was built with the program and
   is loaded as it is. What lies in folders that a user names is a plug-in: whoever can write there decides what this program runs, so
   folders and files that anyone may write are refused, and so are those of a third person, unless that is asked for. A name stands
   for one object: where two folders have the same, neither is used. */
#ifndef RECLAIM_CATALOG_FOLDERS_H
#define RECLAIM_CATALOG_FOLDERS_H

#include "runtime/descriptor.h"

/* [<pack>+]<strategy>.<flavour>.so */
typedef struct catalog_file {
  char *path;            /* absolute, links resolved */
  char *strategy, *pack; /* pack: "" for a strategy's own object */
  const char *flavour;   /* "pool" or "malloc" */
  int folder;
  bool plugin;    /* not of the program's own folder */
  char *fault;    /* why it must not be used, in one line; NULL: nothing is known against it */
  char *contents; /* names of its workloads and settings, one a line; NULL: not tried yet */
  const reclaim_strategy *loaded;
} catalog_file;

/* Adds the folders of a list, separated by `separator`, links resolved. False and a message for one that cannot be read, unless `lenient`:
   then it is passed over. */
bool catalog_add_folders(const char *list, char separator, bool lenient, char *err, size_t nerr);

/* From now on, plug-ins of other owners than the user and root are allowed. */
void catalog_trust_owners(void);
bool catalog_trusts_owners(void);

/* All files of the program's own folder, of those added, and of RECLAIM_PLUGIN_PATH; sorted by strategy, pack and flavour. They stay
   where they are until the process ends. -1 without memory. */
int catalog_files(catalog_file *const **files);

/* Whether something was left out for want of memory. */
bool catalog_lacks_memory(void);

/* NULL when there is none. `pack` "": the strategy's own object; a NULL `flavour`: of any. */
catalog_file *catalog_find_file(const char *strategy, const char *flavour, const char *pack);

/* NULL, or what is wrong with who may write a file or folder, as the end of a sentence. */
const char *catalog_unsafe(const char *path);

/* Sets the fault of a file, once. */
void catalog_condemn(catalog_file *, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
