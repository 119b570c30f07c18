/* facts.h: what can be known of this machine that bears on measurements, before anything is said about it.

   Three sources: small files of the kernel (harness/sweep/machine.h, so that a test can bring a machine of its own), what this process may do,
   and a few seconds of measuring. Each fills its part of one struct; what a part does not know it leaves as doctor_facts_none has it. What
   follows from a fact is said elsewhere (findings.h). */
#ifndef RECLAIM_DOCTOR_FACTS_H
#define RECLAIM_DOCTOR_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DOCTOR_TOOLS = 4 };
extern const struct doctor_tool {
  const char *name, *package, *without; /* Debian's package; what there is not without it */
} doctor_tools[DOCTOR_TOOLS];

struct doctor_facts {
  /* Of files. Texts are "" and numbers negative (or NAN) where the machine does not tell. */
  char model[256];
  int *cpus, ncpus; /* that this process may use (of sched_getaffinity) */
  int online;       /* CPUs of the machine */
  char governor[64];
  int governed;     /* CPUs of ours that it governs, where it is not `performance` */
  int turbo;        /* 1 on, 0 off */
  bool turbo_intel; /* which of the two switches there is */
  int cores;        /* physical cores of ours */
  int shared;       /* CPUs of ours whose core has another CPU that is online, ours or not */
  double load;      /* of the last minute */
  double quota;     /* CPUs' worth of time; 0: no quota */
  char huge_pages[16];
  int aslr;
  int64_t swapped_bytes;
  int64_t swap_moves; /* pages moved to or from it since boot */
  double stolen_ticks,
      ticks; /* of the CPUs' time what a hypervisor gave to others, and all: since boot, or, where probed, meanwhile */
  bool virtual, container;
  char clock[32], clocks[160]; /* in use; to be had */
  int perf_paranoid;           /* -10: not known */
  int nodes;                   /* of memory */
  int numa_balancing;

  /* Of this process. */
  char limits[160]; /* those of ulimit that a sweep would run into, "" for none */
  bool core_dumps;
  bool no_aslr;                 /* personality: addresses of this process and its children are not random */
  int code_moves;               /* whether pages of code can be given new places (harness/cell/code.h): 1, 0, -1 not tried */
  int migrations, instructions; /* whether the kernel lets them be counted: 1, 0, -1 not tried */
  bool no_counter;              /* of instructions: the machine has none, whoever may ask */
  bool missing[DOCTOR_TOOLS];
  char folder[64]; /* where results go */
  double room_bytes, room_share;
  char settings[512]; /* names of variables that a malloc would read */

  /* Of measuring. */
  double clock_cost_ns, clock_step_ns; /* of reading the clock, and between two different readings */
  int control_threads;
  double control_speedup, control_spread; /* all of our cores against one, the median; robust, of one thread's speed */
  double control_low;                     /* the lowest speed-up that was seen */
  int64_t swap_moved;                     /* pages, meanwhile */
  char unpinned[200];                     /* why a thread cannot be bound to a CPU of ours; "" where it can */
  bool probed;
};

/* Nothing is known. */
struct doctor_facts doctor_facts_none(void);

/* Milliseconds: files and system calls, no thread, nothing that disturbs or takes time to judge. `f` must be none; free with doctor_facts_free. */
void doctor_facts_gather(struct doctor_facts *f);

/* The two parts of it; the first reads f->cpus. */
void doctor_facts_files(struct doctor_facts *f);
void doctor_facts_process(struct doctor_facts *f);

/* Measures for that long, on all of our cores. 0, or -1 with a message in err where no thread can be had. */
int doctor_facts_probe(struct doctor_facts *f, double seconds, char *err, size_t nerr);

void doctor_facts_free(struct doctor_facts *f);

/* "0-3,8" for numbers in ascending order. The caller frees. */
char *doctor_cpu_list(const int *cpus, int n);

#endif
