/* misnamed.c: an object whose descriptor has another name than its file. */
#undef DOUBLE_NAME
#define DOUBLE_NAME         "somebody-else"
#define DOUBLE_CAPABILITIES 0
#include "fake.h"
