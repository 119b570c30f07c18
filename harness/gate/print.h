/* print.h: what a gate decided, for a person, for a pull request, for a CI system, for a program. All from a result that was read back from files. */
#ifndef RECLAIM_GATE_PRINT_H
#define RECLAIM_GATE_PRINT_H

#include "harness/gate/measure.h"

#include <stdio.h>

/* 0, 1 or 3. */
int gate_exit_code(const struct gate_result *);

/* The table for a terminal: each cell and quantity, then what the controls say, then the verdict in one sentence. */
void gate_print_text(const struct gate_result *, FILE *out);

/* A summary for a comment on a pull request: the verdict, what is not fine, and all of it folded away. */
void gate_print_markdown(const struct gate_result *, FILE *out);

/* JUnit's XML: one test case per cell and quantity, one test suite per side. */
void gate_print_junit(const struct gate_result *, FILE *out);

/* All numbers as one object. */
void gate_print_json(const struct gate_result *, FILE *out);

#endif
