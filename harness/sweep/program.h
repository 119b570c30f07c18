/* program.h: which build of the program this is, and what it was loaded with. */
#ifndef RECLAIM_SWEEP_PROGRAM_H
#define RECLAIM_SWEEP_PROGRAM_H

#include <jansson.h>
#include <stdio.h>

const char *sweep_program_version(void);

/* What users type to start it, for lines that they are to repeat: RECLAIM_COMMAND, which a script that wraps it sets, or "reclaim". */
const char *sweep_program_command(void);

const char *sweep_program_commit(void); /* ends in "-dirty" when the sources differed from it */
const char *sweep_program_compiler(void);
const char *sweep_program_flags(void);

/* {"hwloc": "2.9.0", ...}: versions as loaded, not as compiled against; null where a library does not tell. */
json_t *sweep_program_libraries(void);

/* What --version prints. */
void sweep_program_print_version(FILE *out);

#endif
