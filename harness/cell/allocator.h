/* allocator.h: which malloc this process really has.

   An allocator that was asked for by preloading is not believed: a missing library, a linker that ignored the variable or a
   second preloaded malloc would otherwise be measured under the wrong name. */
#ifndef RECLAIM_CELL_ALLOCATOR_H
#define RECLAIM_CELL_ALLOCATOR_H

#include "harness/catalog/catalog.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the process's malloc is the one described: true with its version in `version` ("5.3.0-0-g...", "2.0.9", "glibc 2.36";
   the file name for a library that has no way to say one), false with the reason in err. `pool` is part of the strategy's
   object, so that nothing is to prove; its version is the program's. */
bool cell_allocator_proved(const catalog_allocator *a, char *version, size_t nversion, char *err, size_t nerr);

#endif
