/* catalog.h: what can be swept: strategies, their workloads and settings, parameters and tunables, allocators.

   The one idea: nothing is registered by hand. A strategy is a file `<name>.<flavour>.so` in a folder, its descriptor
   (runtime/descriptor.h) is a table, and every name, range and line of help that a user meets is read from those tables. Workloads
   that were added from outside come in packs: one file `<pack>+<name>.<flavour>.so` for each strategy, which has the workloads of
   that pack alone.

   Files of the program's own folder are loaded as they are; any other is a plug-in, which is tried in a child process first. What is
   found against it is said wherever it is named, and nothing of it is called here.

   Conventions of all functions here: `err` is a buffer of `nerr` bytes that receives one line without "reclaim: " and without a
   newline, only on failure. Strings and tables that belong to a strategy live until the process ends, since objects are never
   unloaded. Nothing here is thread-safe but the pure functions of a reclaim_param. */
#ifndef RECLAIM_CATALOG_H
#define RECLAIM_CATALOG_H

#include "runtime/descriptor.h"

/* --- Strategies ------------------------------------------------------------------------------------------------------------- */

/* Adds folders to those that are searched, separated by commas: the program's own comes first, then these, then those of
   RECLAIM_PLUGIN_PATH (separated by colons; what cannot be read is passed over). To be called before anything is opened. False and
   a message for one that cannot be read. */
bool catalog_use_plugins(const char *list, char *err, size_t nerr);

/* Looks for strategies in this folder in place of the program's own; the text must outlive all that follows. To be called before anything is
   opened. */
void catalog_use_objects(const char *folder);

/* From now on plug-ins are allowed that belong to somebody else than the user or root. */
void catalog_trust_owners(void);

/* From now on plug-ins are loaded without being tried, and packs are not looked through: for a process that measures, of whose object
   all is known, and for a debugger. */
void catalog_load_untried(void);

/* Opens the strategy's own object, and checks that its descriptor is one that this program understands. NULL and a message when
   there is no such file (with the nearest name), or when it is not usable. Opening the same one again is cheap. */
const reclaim_strategy *catalog_open(const char *name, const char *flavour, char *err, size_t nerr);

/* The same of a pack's object for that strategy. */
const reclaim_strategy *catalog_open_pack(const char *name, const char *flavour, const char *pack, char *err, size_t nerr);

/* Opens that one object of the strategy which has a workload or setting called `word`, its own or a pack's; where none has, its own. No
   other is loaded. */
const reclaim_strategy *catalog_open_for(const char *name, const char *flavour, const char *word, char *err, size_t nerr);

/* Any object of a pack that can be used, for its tables; NULL when there is none. */
const reclaim_strategy *catalog_open_any(const char *pack);

/* Of an object that was opened: its file, and whether that is a plug-in. */
const char *catalog_path(const reclaim_strategy *);
bool catalog_is_plugin(const reclaim_strategy *);

/* Why the n-th file that cannot be used cannot, and its path; NULL past the last. Tries every plug-in. */
const char *catalog_fault(int n, const char **path);

/* The names of all strategies there are in any flavour, sorted, each once; and of all packs. Returns their number (0: none, *names is
   then still to be freed) or -1 without memory. Free with catalog_free_names. */
int catalog_names(char ***names);
int catalog_packs(char ***names);
void catalog_free_names(char **names, int n);

/* --- Names ------------------------------------------------------------------------------------------------------------------ */

/* Of `n` words the one that `word` was probably meant to be (least edit distance with swaps of neighbours, at most a third of
   its length, or one that it begins), or NULL. */
const char *catalog_nearest(const char *word, const char *const *words, int n);

/* ", did you mean 'x'?" or "" into buf; returns buf. */
const char *catalog_suggest(const char *word, const char *const *words, int n, char *buf, size_t nbuf);

/* --- Workloads -------------------------------------------------------------------------------------------------------------- */

/* A workload under the name that a user gave: its own, or that of one of its settings. */
typedef struct catalog_choice {
  const reclaim_strategy *object; /* the one that has it: the strategy's own or a pack's */
  const reclaim_workload *workload;
  const reclaim_setting *setting; /* NULL: the workload itself */
  uint32_t sharing;               /* the modes it has under this name */
} catalog_choice;

/* False and a message (with the nearest name) when neither the strategy's own object nor a pack's object for it holds a workload or
   setting of that name, when more than one does, or when the one that does cannot be used. */
bool catalog_find_workload(const reclaim_strategy *s, const char *name, catalog_choice *out, char *err, size_t nerr);

/* The same in this one object alone, whatever else there is. */
bool catalog_find_in_object(const reclaim_strategy *s, const char *name, catalog_choice *out, char *err, size_t nerr);

/* The workload as another strategy has it, from a pack that has no object for this one. */
bool catalog_find_elsewhere(const reclaim_strategy *s, const char *name, catalog_choice *out);

/* The SHA-256 of a file as 64 hexadecimal digits, as sha256sum prints it. False and errno when it cannot be read. */
bool catalog_hash(const char *path, char hex[65]);

/* Defaults of the workload, then the values of the setting. `values` has room for workload->nparams. */
bool catalog_choice_params(const catalog_choice *c, int64_t *values, char *err, size_t nerr);

/* Whether the strategy may run the workload in this mode, by what both declare; if not, `why` receives the reason. */
bool catalog_is_applicable(const reclaim_strategy *s, const reclaim_workload *w, uint32_t mode, char *why, size_t nwhy);

/* Why what such a cell leaks is no fault of it, as one clause; NULL: it leaks nothing. */
const char *catalog_leaks(const reclaim_strategy *s, const reclaim_workload *w, const int64_t *params);

/* One mode's bit by its name ("private", "shared-read", "shared-write", "hand-off"), 0 and a message for any other word. */
uint32_t catalog_parse_sharing(const char *word, char *err, size_t nerr);
/* The name of one mode's bit. */
const char *catalog_sharing_name(uint32_t mode);
/* The four names, in the order of their bits. */
extern const char *const catalog_sharing_names[4];

/* --- Parameters and tunables ------------------------------------------------------------------------------------------------ */

/* Index of a parameter by name, or -1. */
int catalog_find_param(const reclaim_param *params, int n, const char *name);

/* Reads one value: a whole number, with K, M or G (powers of 1024) where the unit is bytes, or the name of a choice. False and
   a message that names the parameter, the value and the range (or the choices) otherwise. */
bool catalog_parse_value(const reclaim_param *p, const char *text, int64_t *out, char *err, size_t nerr);

/* The value as users write it. `buf` of 32 bytes is enough where there are no choices. Returns buf. */
const char *catalog_format_value(const reclaim_param *p, int64_t value, char *buf, size_t nbuf);

void catalog_defaults(const reclaim_param *params, int n, int64_t *values);

/* Overwrites the values named in "name=value;name=value". False and a message for an unknown name or a bad value. */
bool catalog_apply(const reclaim_param *params, int n, const char *assignments, int64_t *values, char *err, size_t nerr);

/* "name=value;name=value" with every parameter in declared order, choices by name; "" for none. The caller frees. */
char *catalog_format_params(const reclaim_param *params, int n, const int64_t *values);

/* A number of bytes: digits, then nothing, K, M, G or T (powers of 1024; "KiB" and "KB" are read as K). */
bool catalog_parse_bytes(const char *text, uint64_t *out);

/* A heap: "grow", "<factor>x" of the workload's declared live bytes, or a number of bytes. */
typedef struct catalog_heap {
  enum { CATALOG_HEAP_GROW, CATALOG_HEAP_FACTOR, CATALOG_HEAP_BYTES } kind;
  double factor;
  uint64_t bytes;
} catalog_heap;
bool catalog_parse_heap(const char *text, catalog_heap *out, char *err, size_t nerr);

/* The limit in bytes that this heap means for a cell whose declared live bytes are `live`; 0: grow. A factor is never less than
   CATALOG_HEAP_FLOOR per thread: below that, what is measured is the size of a block, not a collector. The same for all
   strategies. */
#define CATALOG_HEAP_FLOOR ((uint64_t)4 << 20)
uint64_t catalog_heap_limit(const catalog_heap *heap, uint64_t live, int threads);

/* --- Allocators ------------------------------------------------------------------------------------------------------------- */

/* `pool` is the project's own and part of the strategy's object; any other is whatever malloc the process has, which is
   `library` when that is preloaded, and the C library's otherwise. */
typedef struct catalog_allocator {
  char name[512];    /* as in the rows */
  char library[512]; /* absolute path to preload, "" for none */
  const char *flavour;
} catalog_allocator;

/* Finds an allocator by name (pool, libc, jemalloc, mimalloc) or by the path of a shared library. False and a message for an
   unknown name, a known one that is not installed, a path without a file, and a path that preloading would tear apart (spaces,
   colons). */
bool catalog_find_allocator(const char *name, catalog_allocator *out, char *err, size_t nerr);

/* The known names: n-th allocator's name and line of help, NULL past the last. */
const char *catalog_allocator_name(int n, const char **summary);

#endif
