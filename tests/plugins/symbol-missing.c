/* symbol-missing.c: it calls a function that nobody has. */
#include "bad.h"

void nobody_has_this_function(void);
static void spoil(reclaim_strategy *s) {
  (void)s;
  nobody_has_this_function();
}
